"""Solutions of boundary value problems by nets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ....lower.forms import MultiIndex
from ....problem.errors import ProblemError, SolveError, shortened
from ...exports import COUNTS, Exported, Extent, equally_spaced
from ...places import as_index, as_points, as_time
from ...solution import Array, described
from ..network import Network
from ..rows import collocation_points
from .boundary_value import BoundaryValueProblem

GOAL = 1e-5
"""The tolerance where none is given."""
POOR = 1e-2
"""What an estimate is compared with where no tolerance is given: a worse one is a
ToleranceWarning."""
_PROBES = 1000
"""Points at which solutions are compared from fit to fit."""
_ROUNDING = 1e-9
"""Share of the domain by which a point may lie outside."""

NetAndKnown = tuple[Network, Tensor]
"""A net, and the coefficients (known functions, 1) beside it."""


@dataclass(frozen=True)
class NetworkSolution(Exported):
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

    @property
    def extent(self) -> Extent:
        """Equally spaced points of the box, and the ends of the time."""
        equation = self.problem.equation
        lines = equally_spaced(equation.domain.bounds, COUNTS[equation.domain.dim])
        if equation.final_time is None:
            return Extent(lines)
        return Extent(lines, np.array([0.0, float(equation.final_time)]))

    def __call__(self, points: ArrayLike, t: float | None = None) -> Array:
        return self.derivative(points, (0,) * self.problem.equation.domain.dim, t)

    def derivative(self, points: ArrayLike, index: MultiIndex, t: float | None = None) -> Array:
        """D^index at points (n, d), exact for the net. ProblemError outside the domain; SolveError
        for a time of a stationary solution, or outside
        the interval."""
        dim = self.problem.equation.domain.dim
        points = as_points(points, dim, "the solution")
        index = as_index(index, dim, "the solution")
        where, full = _located(self.problem, points, index, t)
        values = self.problem.values(self.network, self.coefficients, where, full).cpu().numpy()
        return values if self.problem.components > 1 else values[:, 0]


def probe(problem: BoundaryValueProblem, network: Network, weights: Tensor) -> Array:
    """Values of u at points of the domain (at the final time), (values, 1)."""
    dim = problem.equation.domain.dim
    points = collocation_points(_PROBES, problem.trial.axes[:dim], 0, problem.device).cpu().numpy()
    where, index = _located(problem, points, (0,) * dim, None)
    return problem.values(network, weights, where, index).cpu().numpy().reshape(-1, 1)


def solution(
    problem: BoundaryValueProblem,
    finished: NetAndKnown,
    info: Mapping[str, Any],
    tolerance: float | None,
    known: str = "none",
) -> NetworkSolution:
    """A finished net with the info of its solve; known: what is said of the known functions."""
    more = {"tolerance": tolerance or POOR, "known_functions": known}
    return NetworkSolution(problem, *finished, info["method"], {**info, **more})


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
