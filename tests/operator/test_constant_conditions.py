"""Conditions that hold in the whole cell: a phase that covers it is a constant coefficient, on
every backend.
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.constant_conditions import decided
from tests.symbolic import derived, diffusion

Y, Z = sp.symbols("y1 y2", real=True)
HALF = sp.Rational(1, 2)
CELL = {Y: (sp.Integer(0), sp.Integer(1)), Z: (sp.Integer(0), sp.Integer(1))}


@pytest.mark.parametrize(("expr", "wanted"), [
    (sp.Piecewise((2, Y < 2), (5, True)), 2), (sp.Piecewise((2, Y < 1), (5, True)), 2), (sp.Piecewise((2, Y < 0), (5, True)), 5),
    (sp.Piecewise((2, (Y + Z > 0) & (Y - Z < 1)), (5, True)), 2), (3 + sp.Heaviside(Y + 1), 4), (3 + sp.sign(Y - 1), 2),
    (sp.Piecewise((2, Y < HALF), (5, True)), sp.Piecewise((2, Y < HALF), (5, True))),
    (sp.Piecewise((2, Y**2 < 2), (5, True)), sp.Piecewise((2, Y**2 < 2), (5, True))),
    (3 + sp.Piecewise((2.0, Y < HALF), (2, True)), 5.0), (sp.Piecewise((sp.sqrt(2), Y < HALF), (2**0.5, True)), sp.sqrt(2)),
])  # fmt: skip
def test_conditions_are_decided_where_the_cell_decides_them(expr: sp.Expr, wanted: sp.Expr) -> None:
    assert decided(expr, CELL) == wanted


@pytest.mark.parametrize(
    "shape",
    [
        nh.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)]),
        nh.Layer(1, (0, 1)),
        nh.Layer(0, (HALF, 3 * HALF)),
    ],
    ids=str,
)
def test_a_phase_that_covers_the_cell_is_a_constant(shape: Any) -> None:
    model = derived(diffusion(lambda s: nh.phases(s, {shape: 3}, default=1)), 2)
    assert not model.cell_problems
    for backend in ("fourier", "pinn"):
        assert nh.solve_cells(model, backend).effective["A"].tolist() == [[3, 0], [0, 3]]


def test_equal_phases_are_a_constant() -> None:
    model = derived(
        diffusion(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 2}, default=2)), 2
    )
    assert not model.cell_problems
