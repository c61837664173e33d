from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "disk.py"
A_STAR = 1.602941912
"""Rayleigh's series."""


def test_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(EXAMPLE), run_name="__main__")
    nets, elements = (
        found["cells"].effective["A"][0, 0],
        float(re.search(r"finite elements:\n\[\[\s*([\d.]+)", capsys.readouterr().out)[1]),
    )
    assert nets == pytest.approx(A_STAR, abs=1e-7)
    assert elements == pytest.approx(A_STAR, abs=0.02)
    assert found["lower"][0, 0] <= A_STAR <= found["upper"][0, 0] <= found["lower"][0, 0] + 1e-4
    assert {
        "cell_residual_phase_0.py",
        "cell_residual_phase_1.py",
        "cell_energy.py",
        "cell_dual.py",
    } <= {p.name for p in Path("out/disk").iterdir()}
