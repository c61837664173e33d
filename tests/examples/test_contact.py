from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import sympy as sp

import nhpinn_sym as nh

EXAMPLE = Path(__file__).parents[2] / "examples" / "contact.py"


def test_neutral_fibres() -> None:
    fibres = runpy.run_path(str(EXAMPLE))["fibres"]
    cells = nh.solve_cells(nh.homogenize(fibres(sp.Rational(5, 18))), "skfem", h=0.2)
    assert cells.effective["A"][0, 0] == pytest.approx(1.0, abs=1e-6)
