"""Boundary value problems by neural networks in strong form, stationary or in space-time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...lower.forms import LoweredEquation, MultiIndex
from ...problem.errors import ProblemError, SolveError, shortened
from ..places import as_index, as_points, as_time
from ..progress import Progress, Task, silent
from ..solution import Array, Coefficients, described
from .balance import require_balance
from .boundary_value import BoundaryValueProblem
from .known import known_functions
from .levels import Levels, norm_change
from .network import Network
from .options import Options, collocation_options
from .random_features import (
    HELD_OUT,
    Fit,
    Scales,
    fit_result,
    held_out_residual,
    ladder,
    last_layer,
    random_layer,
)
from .rows import collocation_points
from .singular import stacked
from .training import train

_GOAL = 1e-5
_PROBES = 1000
_UNSOLVABLE, _ROUNDING = 0.1, 1e-9
POOR = 1e-2
"""The tolerance where none is given: a worse estimate is a ToleranceWarning."""


@dataclass(frozen=True)
class NetworkSolution:
    """The solution of an equation: an ansatz with its essential data, a net, and known functions.

    Points have shape (n, d), values (n,), or (n, m) for m components; t defaults to the final time.
    info["estimate"] is the relative L2 change (at the final time) over the last doubling of the
    features, or since the residual was a few times as large in a training; the square of the
    relative residual where that is larger.
    """

    problem: BoundaryValueProblem
    network: Network
    coefficients: Tensor
    method: str
    info: Mapping[str, Any]
    backend: str = "pinn"

    __repr__ = described

    def __call__(self, points: ArrayLike, t: float | None = None) -> Array:
        return self.derivative(points, (0,) * self.problem.equation.domain.dim, t)

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array:
        """D^index at points (n, d), exact for the net. ProblemError outside the domain; SolveError
        for a time of a stationary solution, or outside
        the interval."""
        dim = self.problem.equation.domain.dim
        points, index = as_points(points, dim, "the solution"), as_index(index, dim, "the solution")
        where, full = _located(self.problem, points, index, t)
        values = self.problem.values(self.network, self.coefficients, where, full).cpu().numpy()
        return values if self.problem.components > 1 else values[:, 0]


def solve_equation(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    tolerance: float | None = None,
    **options: Any,
) -> NetworkSolution:
    """Solve `equation` by collocation of its emitted residual; options: `pinn.options.Options`.

    tolerance: for the estimated relative L2 error. Sizes are doubled until it is reached (1e-5
    where none is given); info["tolerance"] is what counts as good enough, 1e-2 where none is given.
    UnsupportedError where a coefficient jumps; SolveError where no finite solution comes.
    """
    start, chosen = time.perf_counter(), collocation_options(options)
    problem = BoundaryValueProblem(equation, coefficients, parameters, chosen.device)
    chosen.ranks.require_agreement(
        problem.trial.signature, sorted(parameters.items()), tolerance, chosen.shared
    )
    require_balance(problem)
    known = known_functions(problem)
    families = [family for group in known.values() for family in group]
    if problem.turns.shape[-1]:
        families.append(problem.turn_family())
    problem.known = tuple(
        stacked([family[j] for family in families]) for j in range(problem.components)
    )
    with (progress if chosen.ranks.first else silent)(
        f"{equation.title} (pinn, {chosen.chosen})"
    ) as task:
        network, weights, info = (_trained if chosen.trains else _fitted)(
            problem, chosen, tolerance or _GOAL, task
        )
    result = info.pop("result")
    if not math.isfinite(info["estimate"]):
        raise SolveError(
            "the equation has no finite solution in this net",
            term=info,
            remedy="give more features, or another scale",
        )
    if problem.open.shape[1] and info["residual"] > _UNSOLVABLE:
        raise SolveError(
            "a problem that leaves its mean open has no solution for these data",
            term=f"relative residual {info['residual']:.1e}",
            remedy="the source and the boundary fluxes have to balance",
        )
    info["tolerance"] = tolerance or POOR
    places = ", ".join(f"{len(group)} {name}" for name, group in known.items())
    reported = {"known_functions": f"{len(weights)} for {places}" if known else "none"}
    return NetworkSolution(
        problem,
        network,
        weights,
        chosen.chosen,
        {
            **info,
            **reported,
            "method": chosen.chosen,
            **chosen.told(result),
            "seconds": time.perf_counter() - start,
        },
    )


def _fitted(
    problem: BoundaryValueProblem, o: Options, goal: float, task: Task
) -> tuple[Network, Tensor, dict[str, Any]]:
    """The last layer by least squares, with twice the features until the solution stands."""
    levels, residuals, reached = Levels(norm_change), [math.inf], False
    largest = max(1, o.features // problem.components)
    held, rows = (
        problem.rows(HELD_OUT, o.seed + 1),
        cache(lambda size: problem.rows(2 * size, o.seed)),
    )

    def fit(size: int, scales: Scales) -> Fit[tuple[Network, Tensor]]:
        solved = last_layer(
            problem.trial, rows(size), random_layer(problem.trial, size, scales, o.seed), o.ranks
        )
        return Fit(solved, held_out_residual(*solved, held), size, scales)

    for step in ladder(fit, problem.trial.axes, largest, o.scale):
        free, coefficients = step.solved
        network, coefficients = problem.finished(free, coefficients)
        estimate = levels.estimate(probed(problem, network, coefficients), step.held_out**2)
        residuals.append(step.held_out)
        reached = estimate <= goal
        task.update(step.size / largest, f"{step.size} features, residual {step.held_out:.1e}")
        if reached:
            break
    info = {
        "size": step.size * problem.components,
        "features": step.size,
        "scale": step.scales[0],
        "residual": step.held_out,
        "estimate": estimate,
        "result": fit_result(reached, residuals),
    }
    return network, coefficients, info


def _trained(
    problem: BoundaryValueProblem, o: Options, goal: float, task: Task
) -> tuple[Network, Tensor, dict[str, Any]]:
    """All weights of one net."""
    result = train(
        problem.trial,
        problem.rows,
        problem.components,
        o,
        goal,
        problem.equation.title,
        task.update,
    )
    pairs = [
        problem.finished(*pair) for pair in ((result.network, result.coefficients), result.earlier)
    ]
    values, earlier = (probed(problem, *pair) for pair in pairs)
    info = {
        "size": result.network.size,
        "width": o.net[0],
        "depth": o.net[1],
        "iterations": result.iterations,
        "flavour": result.flavour,
        "residual": result.held_out,
        "estimate": max(norm_change(values, earlier), result.doubt),
        "result": result.result,
    }
    return *pairs[0], info


def probed(problem: BoundaryValueProblem, network: Network, weights: Tensor) -> Tensor:
    """Values of u at points of the domain (at the final time)."""
    dim = problem.equation.domain.dim
    points = collocation_points(_PROBES, problem.trial.axes[:dim], 0, problem.device).cpu().numpy()
    where, index = _located(problem, points, (0,) * dim, None)
    return problem.values(network, weights, where, index)


def _located(
    problem: BoundaryValueProblem, points: Array, index: MultiIndex, t: float | None
) -> tuple[Tensor, MultiIndex]:
    """Points and multi-index with the time at the end, where there is one. ProblemError for what is
    no place or no derivative on the domain.
    """
    equation = problem.equation
    for axis, (column, (a, b)) in enumerate(zip(points.T, problem.bounds)):
        outside = ~((column >= a - _ROUNDING * (b - a)) & (column <= b + _ROUNDING * (b - a)))
        if axis not in equation.periodic and outside.any():
            raise ProblemError(
                f"a coordinate along {equation.coordinates[axis]} is outside ({a:g}, {b:g}) or not"
                " a number",
                term=column[outside][0],
                remedy="the solution is known on the domain of the problem",
            )
    if equation.final_time is None:
        if t is not None:
            raise SolveError(
                "a stationary solution has no time",
                term=f"t = {shortened(t)}",
                remedy="leave t out",
            )
        return torch.as_tensor(points, device=problem.device), tuple(index)
    final = float(equation.final_time)
    moment = final if t is None else as_time(t)
    if not -1e-12 * final <= moment <= final * (1 + 1e-12):
        raise SolveError(
            f"the solution is known for 0 <= t <= {final:g}",
            term=f"t = {t}",
            remedy="choose t between them",
        )
    stamped = np.column_stack([points, np.full(len(points), moment)])
    return torch.as_tensor(stamped, device=problem.device), (*index, 0)
