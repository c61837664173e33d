"""A formulation and an optimizer from outside of the package, as CONTRIBUTING.md tells: a class and a
row of a table each.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import Tensor

import nhpinn_sym as nh
from nhpinn_sym.runtime.nets.least_squares import least_squares
from nhpinn_sym.solve.pinn import adaptive
from nhpinn_sym.solve.pinn.collocation import held_out_residual, matrix, random_layer
from nhpinn_sym.solve.pinn.equations.boundary_value import BoundaryValueProblem
from nhpinn_sym.solve.pinn.equations.solution import GOAL, solution
from nhpinn_sym.solve.pinn.equations.strong import StrongEquation
from nhpinn_sym.solve.pinn.methods import METHODS, Method
from nhpinn_sym.solve.pinn.minimize import Loss, Result, State
from nhpinn_sym.solve.pinn.network import with_last_layer
from nhpinn_sym.solve.pinn.optimizers import OPTIMIZERS, OptimizerRecord
from nhpinn_sym.solve.pinn.options import collocation_options


class TestedEquation(StrongEquation):
    """int residual * cos(k pi x) = 0 for twice as many k as there are unknowns."""

    __test__ = False
    method = "tested"

    def fit(self, size: int, scales: Any) -> Any:
        trial = self.problem.trial
        layers = random_layer(trial, size, scales, self.options.seed)
        points, weights = self.problem.quadrature(4 * size)
        rows = self.problem.inside(points)
        tests = torch.cos(torch.pi * torch.arange(2 * size) * points) * weights[:, None]
        found = least_squares(tests.T @ matrix(trial, rows, layers), tests.T @ rows.target[:, 0])
        solved = with_last_layer(trial, layers, found, 1), found[:0]
        return adaptive.Fit(solved, held_out_residual(*solved, self._held), size, scales)


def solve_tested(
    equation: Any,
    coefficients: Any,
    parameters: Any,
    progress: Any,
    *,
    tolerance: Any = None,
    **o: Any,
) -> Any:
    problem = BoundaryValueProblem(equation, coefficients, parameters, "cpu")
    form = TestedEquation(problem, collocation_options(o), tolerance or GOAL)
    found = adaptive.solve(form, progress)
    return solution(problem, found.solved, found.info, tolerance, "none")


@dataclass(frozen=True)
class GradientState(State):
    gradient: Tensor = field(default_factory=lambda: torch.zeros(0))
    length: float = 1e-3


class BarzilaiBorwein:
    """Gradient steps of the length that the last change of the gradient tells."""

    iterations = 1000
    every = 50
    state = GradientState

    def begin(self, loss: Loss) -> GradientState:
        return GradientState(loss.start, *self._at(loss, loss.start))

    def _at(self, loss: Loss, x: Tensor) -> Any:
        value, gradient = loss.value_and_gradient(x)
        return value, None, gradient

    def step(self, loss: Loss, state: GradientState) -> GradientState:
        moved = state.x - state.length * state.gradient
        value, _, gradient = self._at(loss, moved)
        if not value < 1.5 * state.loss:
            shorter = replace(state, length=state.length / 4)
            return replace(shorter, result=Result.STALLED) if state.length < 1e-14 else shorter
        change = gradient - state.gradient
        length = abs(float((moved - state.x) @ change) / float(change @ change))
        return GradientState(moved, value, None, gradient, length)


@pytest.mark.parametrize(("options", "method", "within"), [
    ({"method": "tested", "features": 100}, "tested", 1e-9),
    ({"solver": "barzilai", "width": 8, "depth": 2}, "barzilai", 2e-2),
])  # fmt: skip
def test_what_stands_in_a_table_is_known_everywhere(
    options: dict[str, Any], method: str, within: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-((1 + x) u')' = f with u = sin(pi x) e^x."""
    monkeypatch.setitem(METHODS, "tested", Method("", f"{__name__}:solve_tested", "tested"))
    row = OptimizerRecord(lambda count: BarzilaiBorwein(), False, "Barzilai and Borwein")
    monkeypatch.setitem(OPTIMIZERS, "barzilai", row)
    s = nh.Scales(1)
    u = s.unknown("u")
    (x,) = s.x
    exact = sp.sin(sp.pi * x) * sp.exp(x)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((1 + x) * s.grad(u)), -sp.diff((1 + x) * sp.diff(exact, x), x)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_fine(problem, 1, "pinn", **options)
    points = np.linspace(0, 1, 21)
    right = np.sin(np.pi * points) * np.exp(points)
    error = np.linalg.norm(found(points) - right) / np.linalg.norm(right)
    assert found.method == method
    assert error <= max(found.info["estimate"], 1e-12) <= within
    with pytest.raises(nh.NhpinnError, match="barzilai"):
        nh.solve_fine(problem, 1, "pinn", method="nothing")
