from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "l_shape.py"


def test_l_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements and net, of which neither knows of the other, agree."""
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(EXAMPLE), run_name="__main__")
    net, elements = found["net"], found["elements"]
    for point in (found["tip"], [1.0, 1.0], [0.1, 1.8], [0.5, 0.71]):
        assert float(net(point)) == pytest.approx(float(elements(point)), abs=2e-5)
    assert net.info["known_functions"].endswith("6 corners, 1 holes")
    assert (tmp_path / "l_shape.png").stat().st_size > 10_000
    assert (tmp_path / "l_shape.vtu").exists()
