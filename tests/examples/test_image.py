from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "image.py"


def test_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(EXAMPLE), run_name="__main__")
    lower, upper = found["cells"].bounds["A"]
    assert np.linalg.eigvalsh(upper - lower).min() > 0
    assert np.abs(upper - lower).max() < 0.07 * upper.max()
    assert found["u0"]([0.5, 0.5]) > 0
    assert {p.name for p in Path("out/image").iterdir()} == {"cells.svg", "u0.svg"}
