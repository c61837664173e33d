"""Training of all weights: Levenberg-Marquardt, self-scaled BFGS and Adam."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sympy as sp
import torch

from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.problem.errors import ToleranceWarning
from nhpinn_sym.solve.pinn import levenberg, self_scaled_bfgs
from nhpinn_sym.solve.pinn.cells import CellSolver
from nhpinn_sym.solve.pinn.equation import solve_equation
from nhpinn_sym.solve.pinn.network import Trial
from nhpinn_sym.solve.pinn.objective import Objective
from nhpinn_sym.solve.pinn.training import OPTIMIZERS
from nhpinn_sym.solve.solution import CellBatch

from ...pinn_samples import PI2, diffusion_cells, elliptic_2d, relative, square_problem, square_solution, y1, y2

ONE = np.zeros((1, 0))


def first_only(cells: LoweredCells) -> LoweredCells:
    """The problem of N_1 alone."""
    return LoweredCells(**{**cells.__dict__, "functions": cells.functions[:1], "effective": cells.effective[:1]})


def trained(cells: LoweredCells, method: str, iterations: int, **options: int) -> CellBatch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        return CellSolver(cells, {}, (), 1e-9, solver=method, iterations=iterations, **options).solve(ONE)


def test_levenberg_marquardt_on_a_cell() -> None:
    cells = first_only(elliptic_2d())
    batch = trained(cells, "lm", 85)
    points = np.random.default_rng(0).random((500, 2))
    reference = CellSolver(cells, {}, (), 1e-12).solve(ONE).fields[0][0].evaluate(points, (0, 0))
    assert relative(batch.fields[0][0].evaluate(points, (0, 0)), reference) < 1e-5
    assert batch.effective["A", (0, 0)][0] == pytest.approx(1.9353592348122903, abs=1e-9)
    assert batch.info["method"] == "lm" and batch.info["width"] == 24 and batch.info["iterations"] == 85


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

    with pytest.warns(ToleranceWarning):
        batch = CellSolver(diffusion_cells(a), {}, (), 1e-12, Shown(), solver="lm", iterations=25, width=10, points=300).solve(ONE)
    assert batch.effective["A", (1, 1)][0] == pytest.approx(3**0.5, abs=1e-4)
    assert {name for _, name in notes} == {"N_1", "N_2"} and [f for f, _ in notes] == sorted(f for f, _ in notes) and notes[-1][0] <= 1


@pytest.mark.parametrize(("method", "iterations", "bound"), [("lm", 40, 1e-3), ("ssbfgs", 150, 1e-3), ("adam", 300, 0.1)])
def test_homogenized_square(method: str, iterations: int, bound: float) -> None:
    u = solve_equation(square_problem(), lambda e, p: np.full(len(p), 1.93536), {}, solver=method, iterations=iterations, width=16)
    points = np.random.default_rng(0).random((100, 2))
    assert relative(u(points), square_solution(points, 1.93536, 300)) < bound
    assert u.method == method and u.info["known_functions"] == "12 for 4 corners"


class Rosenbrock(Objective):
    """Two residuals, 10 (y - x^2) and 1 - x, in place of a net."""

    def __init__(self) -> None:
        self.start = torch.tensor([-1.2, 1.0], dtype=torch.float64)

    def value(self, x: torch.Tensor) -> float:
        return float(self.residual_and_jacobian(x)[0].square().sum())

    def residual_and_jacobian(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one, zero = torch.ones_like(x[0]), torch.zeros_like(x[0])
        return torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]), torch.stack([torch.stack([-20 * x[0], 10 * one]), torch.stack([-one, zero])])

    def value_and_gradient(self, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        residual, jacobian = self.residual_and_jacobian(x)
        return float(residual @ residual), 2 * jacobian.T @ residual


@pytest.mark.parametrize("module", [levenberg, self_scaled_bfgs])
def test_the_optimizers_find_a_minimum_and_stop(module: type[levenberg]) -> None:
    steps = list(module.minimize(Rosenbrock(), 300))
    x, loss = steps[-1]
    assert loss < 1e-20 and x.tolist() == pytest.approx([1, 1], abs=1e-9)
    assert len(steps) < 300 and sorted((value for _, value in steps), reverse=True) == [value for _, value in steps]


def test_the_gradient_and_the_jacobian_are_those_of_the_loss() -> None:
    solver = CellSolver(elliptic_2d(), {}, (), 1e-9)
    trial: Trial = solver.trial
    objective = Objective(trial, solver.rows(0, solver.rows.empty, 50, 0).output(1), trial.mlp(5, 2, 1, 1))
    x, direction = objective.start + 0.01, torch.randn(len(objective.start), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    loss, gradient = objective.value_and_gradient(x)
    residual, jacobian = objective.residual_and_jacobian(x)
    h = 1e-6
    slope = (objective.value(x + h * direction) - objective.value(x - h * direction)) / (2 * h)
    assert loss == pytest.approx(objective.value(x)) == pytest.approx(float(residual @ residual))
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-6)
    assert torch.allclose(2 * jacobian.T @ residual, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))
    assert set(OPTIMIZERS) == {"lm", "ssbfgs", "adam"}
