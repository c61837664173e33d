"""nhpinn paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from nhpinn_sym.cli.main import main


def test_one_section(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Section 2.2, which trains nothing."""
    assert main(["paper", "2.2", "--quick", "-o", str(tmp_path)]) == 0
    assert str(tmp_path / "paper_2.2.html") in capsys.readouterr().out
    assert "9/17" in (tmp_path / "paper_2.2.md").read_text()
    assert main(["paper", "2.2", "--quick", "-o", str(tmp_path)]) == 0
    assert "coarse_elements" in capsys.readouterr().out


def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["paper", "9.9"])
    assert stop.value.code == 2
    assert main(["paper", "2.2", "-o", str(tmp_path), "--readme", "README.md"]) == 1
    assert "every section" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text("")
    assert main(["paper", "2.2", "-o", str(file)]) == 1
    assert "file" in capsys.readouterr().err
