"""The least-squares fit of a last layer, and the points it is given."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.solve.pinn.cells.smooth import SmoothCellSolver
from nhpinn_sym.solve.pinn.collocation import collocation_points, last_layer, random_layer
from nhpinn_sym.solve.pinn.equations.strong import solve_equation
from nhpinn_sym.solve.solution import CellTask

from ...pinn_samples import PI2, diffusion_cells, elliptic_2d, reaction_diffusion, y1


def test_rows_in_blocks_give_the_last_layer_of_all_rows() -> None:
    solver = SmoothCellSolver(CellTask(elliptic_2d(), {}, (), 1e-9))
    rows, layers = (
        solver.rows(0, solver.rows.empty, 300, 0),
        random_layer(solver.trial, 40, (0.7, 0.7), 0),
    )
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole, parts = (
        last_layer(solver.trial, rows, layers, memory=memory)[0].jet(points, [(0, 0)])[0, 0]
        for memory in (2**31, 1)
    )
    assert whole.shape == (50, 2) and (whole - parts).abs().max() < 1e-10 * whole.abs().max()


def test_points_fill_the_box_and_half_of_them_the_start() -> None:
    axes = (("periodic", -1.0, 3.0), ("graded", 0.0, 2.0))
    p = collocation_points(512, axes, 0, "cpu")
    assert p.shape == (512, 2) and p.dtype == torch.float64
    for k, (_, a, b) in enumerate(axes):
        assert a <= p[:, k].min() < a + 0.1 and b - 0.1 < p[:, k].max() <= b
    early = p[:, 1] < 0.02
    assert 25 < early.sum() < 60  # 5 if they were uniform
    assert p[early, 0].min() < -0.9 and p[early, 0].max() > 2.9
    assert torch.equal(p, collocation_points(512, axes, 0, "cpu")) and not torch.equal(
        p, collocation_points(512, axes, 1, "cpu")
    )


def test_a_residual_that_stays_is_an_error_though_nothing_changes() -> None:
    """Features that vary slowly see nothing of a coefficient that oscillates fast: 50 and 100 of
    them give the same.
    """
    cells = diffusion_cells((2 + sp.sin(10 * PI2 * y1)) * sp.eye(1))
    info = (
        SmoothCellSolver(CellTask(cells, {}, (), 0.03), features=100, scale=0.5)
        .solve(np.zeros((1, 0)))
        .info
    )
    assert info["residual"] > 0.1 and info["estimate"] >= info["residual"] ** 2
    assert info["result"] == "MAX_FEATURES" and info["estimate"] > 0.03
    u = solve_equation(
        reaction_diffusion(-0.025),
        lambda e, p: np.empty(0),
        {},
        features=60,
        scale=0.5,
        tolerance=1e-4,
    )
    assert u.info["estimate"] >= u.info["residual"] ** 2 > u.info["tolerance"]


def test_rows_that_are_not_finite_are_refused() -> None:
    solver = SmoothCellSolver(CellTask(elliptic_2d(), {}, (), 1e-9))
    rows = solver.rows(0, solver.rows.empty, 100, 0)
    rows.target[3] = float("nan")
    with pytest.raises(SolveError, match="not finite"):
        last_layer(solver.trial, rows, random_layer(solver.trial, 20, (0.7, 0.7), 0))
