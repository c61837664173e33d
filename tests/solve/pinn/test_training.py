"""Training of all weights of nets for cells and equations."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch

from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.problem.errors import ProblemError, ToleranceWarning
from nhpinn_sym.solve.pinn.cells.smooth import SmoothCellSolver
from nhpinn_sym.solve.pinn.collocation import HELD_OUT
from nhpinn_sym.solve.pinn.equations.strong import solve_equation
from nhpinn_sym.solve.pinn.levenberg_marquardt import kaufman, project_linear
from nhpinn_sym.solve.pinn.network import TrialSpace
from nhpinn_sym.solve.pinn.objective import Objective
from nhpinn_sym.solve.pinn.options import Options, read_options
from nhpinn_sym.solve.pinn.training import NetLoss, start
from nhpinn_sym.solve.solution import CellBatch, CellTask

from ...pinn_classes import elasticity, isotropic
from ...pinn_samples import (
    PI2,
    diffusion_cells,
    elliptic_2d,
    reaction_diffusion,
    relative,
    square_problem,
    square_solution,
    y1,
    y2,
)

ONE = np.zeros((1, 0))


def first_only(cells: LoweredCells) -> LoweredCells:
    """The problem of N_1 alone."""
    return LoweredCells(
        **{**cells.__dict__, "functions": cells.functions[:1], "effective": cells.effective[:1]}
    )


def trained(cells: LoweredCells, method: str, iterations: int, **options: int) -> CellBatch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        return SmoothCellSolver(
            CellTask(cells, {}, (), 1e-9), solver=method, iterations=iterations, **options
        ).solve(ONE)


def test_levenberg_marquardt_on_a_cell() -> None:
    cells = first_only(elliptic_2d())
    batch = trained(cells, "lm", 85)
    points = np.random.default_rng(0).random((500, 2))
    reference = (
        SmoothCellSolver(CellTask(cells, {}, (), 1e-12))
        .solve(ONE)
        .fields[0][0]
        .derivative(points, (0, 0))
    )
    assert relative(batch.fields[0][0].derivative(points, (0, 0)), reference) < 1e-5
    assert batch.effective["A", (0, 0)][0] == pytest.approx(1.9353592348122903, abs=1e-9)
    assert (
        batch.info["solver"] == "lm"
        and batch.info["width"] == 24
        and batch.info["iterations"] <= 85
    )


def test_self_scaled_bfgs_on_a_cell() -> None:
    batch = trained(first_only(elliptic_2d()), "ssbfgs", 300, width=16)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(1.9353592348122903, abs=1e-6)


def test_adam_on_a_cell() -> None:
    a = sp.exp(sp.sin(PI2 * y1)) * sp.eye(1)
    batch = trained(diffusion_cells(a), "adam", 600, width=16, points=200)
    exact = 1 / float(np.mean(np.exp(-np.sin(2 * np.pi * np.arange(64) / 64))))
    assert batch.effective["A", (0, 0)][0] == pytest.approx(exact, abs=1e-3)


def test_every_cell_function_is_trained_in_turn() -> None:
    a = sp.diag(sp.exp(sp.sin(PI2 * y1)), 2 + sp.cos(PI2 * y2))
    notes = []

    class Task:
        def update(self, fraction: float, note: str = "") -> None:
            notes.append((fraction, note.split(":")[0]))

    class Shown:
        def __call__(self, label: str) -> Shown:
            return self

        def __enter__(self) -> Task:
            return Task()

        def __exit__(self, *_: object) -> None:
            return None

    options = {"solver": "lm", "iterations": 25, "width": 10, "points": 300}
    batch = SmoothCellSolver(CellTask(diffusion_cells(a), {}, (), 1e-12, Shown()), **options).solve(
        ONE
    )
    assert batch.info["estimate"] > 1e-12
    assert batch.effective["A", (1, 1)][0] == pytest.approx(3**0.5, abs=1e-4)
    assert (
        {name for _, name in notes} == {"N_1", "N_2"}
        and [f for f, _ in notes] == sorted(f for f, _ in notes)
        and notes[-1][0] <= 1
    )


@pytest.mark.parametrize(
    ("method", "iterations", "bound"), [("lm", 40, 1e-3), ("ssbfgs", 150, 1e-3), ("adam", 300, 0.1)]
)
def test_homogenized_square(method: str, iterations: int, bound: float) -> None:
    u = solve_equation(
        square_problem(),
        lambda e, p: np.full(len(p), 1.93536),
        {},
        solver=method,
        iterations=iterations,
        width=16,
    )
    points = np.random.default_rng(0).random((100, 2))
    assert relative(u(points), square_solution(points, 1.93536, 300)) < bound
    assert u.method == method and u.info["known_functions"] == "12 for 4 corners"


def test_the_gradient_and_the_jacobian_are_those_of_the_loss() -> None:
    solver = SmoothCellSolver(CellTask(elliptic_2d(), {}, (), 1e-9))
    trial: TrialSpace = solver.trial
    objective = Objective(
        trial, solver.rows(0, solver.rows.empty, 50, 0).output(1), trial.mlp(5, 2, 1, 1)
    )
    x, direction = (
        objective.start + 0.01,
        torch.randn(
            len(objective.start), generator=torch.Generator().manual_seed(0), dtype=torch.float64
        ),
    )
    loss, gradient = objective.value_and_gradient(x)
    residual, jacobian = objective.residual_and_jacobian(x)
    h = 1e-6
    slope = (objective.value(x + h * direction) - objective.value(x - h * direction)) / (2 * h)
    assert loss == pytest.approx(objective.value(x)) == pytest.approx(float(residual @ residual))
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-6)
    assert torch.allclose(
        2 * jacobian.T @ residual, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max())
    )


def net_loss(cells: LoweredCells, **options: int) -> tuple[SmoothCellSolver, NetLoss]:
    solver, chosen = (
        SmoothCellSolver(CellTask(cells, {}, (), 1e-9)),
        Options(width=6, flavour="torch", **options),
    )
    rows, held = (
        solver.rows(0, solver.rows.empty, *given).output(0) for given in ((120, 0), (HELD_OUT, 1))
    )
    components = cells.components
    return solver, NetLoss(
        solver.trial, rows, *start(solver.trial, rows, held, components, chosen), chosen
    )


@pytest.mark.parametrize(
    "cells", [elliptic_2d(), elasticity(isotropic(2 + sp.sin(PI2 * y1), 1 + sp.cos(PI2 * y2) / 2))]
)
def test_the_linear_rows_are_those_of_the_jacobian(cells: LoweredCells) -> None:
    _, loss = net_loss(cells)
    x = loss.start + 0.1
    residual, jacobian = loss.residual_and_jacobian(x)
    matrix, target = loss.linear_rows(x)
    assert torch.allclose(matrix, jacobian[:, loss.linear], atol=1e-12 * float(matrix.abs().max()))
    assert torch.allclose(
        matrix @ x[loss.linear] - target, residual, atol=1e-12 * float(residual.abs().max())
    )


def test_the_projected_jacobian_of_a_net_gives_the_slope_of_the_projected_loss() -> None:
    _, loss = net_loss(elliptic_2d())
    x, _ = project_linear(loss, loss.start)
    residual, jacobian = kaufman(loss, x)
    direction = torch.randn(
        loss.linear.start, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    h, moved = 1e-5, [x.clone(), x.clone()]
    moved[0][: len(direction)] += h * direction
    moved[1][: len(direction)] -= h * direction
    slope = (project_linear(loss, moved[0])[1] - project_linear(loss, moved[1])[1]) / (2 * h)
    assert 2 * float(residual @ jacobian @ direction) == pytest.approx(slope, rel=1e-5)


def test_auto_says_what_it_takes_and_why() -> None:
    linear, small, large, wide, asked = (
        Options(**given)
        for given in (
            {},
            {"width": 24},
            {"width": 64, "depth": 3},
            {"width": 2000, "depth": 1},
            {"solver": "adam", "width": 24},
        )
    )
    assert [o.chosen for o in (linear, small, large, wide, asked)] == [
        "random-features",
        "varpro",
        "lbfgs",
        "lbfgs",
        "adam",
    ]
    assert [o.trains for o in (linear, small, large, wide, asked)] == [
        False,
        True,
        True,
        True,
        True,
    ]
    batch = trained(first_only(elliptic_2d()), "auto", 3, width=8)
    assert (
        batch.info["solver"] == "varpro"
        and "small" in batch.info["why"]
        and batch.info["result"] == "MAX_ITERATIONS"
    )
    fitted = SmoothCellSolver(CellTask(first_only(elliptic_2d()), {}, (), 1e-9)).solve(ONE)
    assert (
        fitted.info["solver"] == "random-features"
        and "linear" in fitted.info["why"]
        and fitted.info["result"] == "CONVERGED"
    )


def test_variable_projection_on_a_cell_reaches_its_goal() -> None:
    cells = first_only(elliptic_2d())
    batch = SmoothCellSolver(CellTask(cells, {}, (), 1e-6), width=16).solve(ONE)
    assert (
        batch.info["result"] == "CONVERGED"
        and batch.info["residual"] < 4e-5
        and batch.info["estimate"] < 1e-6
    )
    assert batch.effective["A", (0, 0)][0] == pytest.approx(1.9353592348122903, abs=1e-9)


def test_the_advice_says_why_the_training_stopped() -> None:
    info = (
        SmoothCellSolver(
            CellTask(first_only(elliptic_2d()), {}, (), 1e-9), solver="lm", iterations=2, width=8
        )
        .solve(ONE)
        .info
    )
    assert info["advice"].startswith("MAX_ITERATIONS") and "iterations=" in info["advice"]


@pytest.mark.filterwarnings("ignore::nhpinn_sym.problem.errors.ToleranceWarning")
def test_a_source_that_oscillates_leaves_no_plateau() -> None:
    """Weights of the usual size start at a residual of 0.99 and stay there."""
    u = solve_equation(
        reaction_diffusion(-0.025),
        lambda e, p: np.empty(0),
        {},
        solver="lm",
        iterations=60,
        width=16,
    )
    assert u.info["residual"] < 0.3


@pytest.mark.parametrize(
    ("method", "bound"),
    [
        ("varpro", 1e-5),
        ("lm", 1e-5),
        ("gauss-newton", 1e-4),
        ("ssbfgs", 1e-4),
        ("lbfgs", 1e-4),
        ("adam", 1e-2),
    ],
)
def test_single_precision(method: str, bound: float) -> None:
    exact = 1 / float(np.mean(np.exp(-np.sin(2 * np.pi * np.arange(64) / 64))))
    batch = trained(
        diffusion_cells(sp.exp(sp.sin(PI2 * y1)) * sp.eye(1)),
        method,
        60,
        width=8,
        dtype="float32",
        points=200,
    )
    assert batch.effective["A", (0, 0)][0] == pytest.approx(exact, rel=bound)


@pytest.mark.parametrize(
    "option",
    [
        {"iterations": 0},
        {"points": -1},
        {"width": 8.5},
        {"seed": None},
        {"scale": 0.0},
        {"device": "gpu"},
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(ProblemError, match=r"positive|integer|device"):
        read_options(option)


def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    cells, options = (
        first_only(elliptic_2d()),
        {"width": 6, "points": 150, "checkpoint": str(tmp_path)},
    )
    first = trained(cells, "varpro", 4, **options)
    again = trained(cells, "varpro", 4, **options)
    assert again.effective["A", (0, 0)] == pytest.approx(first.effective["A", (0, 0)], rel=1e-12)
    for other in ({"seed": 1}, {"points": 151}, {"width": 7}):
        with pytest.raises(ProblemError, match="another problem or other options"):
            trained(cells, "varpro", 4, **{**options, **other})
    with pytest.raises(ProblemError, match="another problem or other options"):
        trained(
            first_only(diffusion_cells(3 * sp.eye(2) + sp.cos(PI2 * y1) * sp.eye(2))),
            "varpro",
            4,
            **options,
        )
