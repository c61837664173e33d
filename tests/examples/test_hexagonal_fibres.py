from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "hexagonal_fibres.py"


def test_hexagonal_fibres() -> None:
    found = runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert found["cells"].effective["A"][0, 0] == pytest.approx(3.7190356977723, abs=1e-6)
