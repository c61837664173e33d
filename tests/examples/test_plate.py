from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import nhpinn_sym as nh

EXAMPLE = Path(__file__).parents[2] / "examples" / "plate.py"


def test_layers_of_the_strip() -> None:
    """E' = E/(1 - nu^2); the upper eighth of 1/2 is stiff."""
    found = runpy.run_path(str(EXAMPLE))
    cells = nh.solve_cells(nh.homogenize(found["strip"](found["layers"])), n=4)
    modulus = 1 / (1 - 0.3**2)
    stretched = modulus * (10 * 0.125 + 0.375)
    coupled = -modulus * 9 * (0.25**2 - 0.125**2) / 2
    assert cells.effective["A"].item() == pytest.approx(stretched, rel=1e-10)
    assert cells.effective["B"].item() == pytest.approx(coupled, rel=1e-10)
