from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import nhpinn_sym as nh
from tests.disk_arrays import conductivity

EXAMPLE = Path(__file__).parents[2] / "examples" / "double_porosity.py"


def test_double_porosity() -> None:
    problem = runpy.run_path(str(EXAMPLE))["problem"]
    cells = nh.solve_cells(nh.homogenize(problem), modes=4)
    assert cells.effective["A"][0, 0] == pytest.approx(conductivity(0.4, 0.0), rel=1e-4)
    assert cells.effective["rates"][0] == pytest.approx(0.2 * (2.404825557695773 / 0.4) ** 2)
