"""Solutions of boundary value problems by nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import MultiIndex
from ....problem.errors import ProblemError
from ...exports import COUNTS, Extent, equally_spaced
from ...solution import Array, Solution
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


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSolution(Solution):
    """The solution of an equation: an ansatz with its essential data, a net, and known functions;
    derivatives are exact for the net.

    info["estimate"] is the relative L2 change (at the final time) over the last doubling of the
    features, or since the residual was a few times as large in a training; the square of the
    relative residual where that is larger.
    """

    problem: BoundaryValueProblem
    network: Network
    coefficients: Tensor

    @property
    def extent(self) -> Extent:
        """Equally spaced points of the box, and the ends of the time."""
        equation = self.problem.equation
        lines = equally_spaced(equation.domain.bounds, COUNTS[equation.domain.dim])
        if equation.final_time is None:
            return Extent(lines)
        return Extent(lines, np.array([0.0, float(equation.final_time)]))

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """ProblemError outside the domain."""
        where = _located(self.problem, points, t)
        order_in_time = () if t is None else (0,)
        full = [(*index, *order_in_time) for index in indices]
        found = self.problem.derivatives(self.network, self.coefficients, where, full)
        values: Array = found.cpu().numpy()
        return values if self.problem.components > 1 else values[..., 0]


def probe(problem: BoundaryValueProblem, network: Network, weights: Tensor) -> Array:
    """Values of u at points of the domain (at the final time), (values, 1)."""
    dim = problem.equation.domain.dim
    points = collocation_points(_PROBES, problem.trial.axes[:dim], 0, problem.device).cpu().numpy()
    final = problem.equation.final_time
    where = _located(problem, points, None if final is None else float(final))
    zero = (0,) * where.shape[1]
    return problem.values(network, weights, where, zero).cpu().numpy().reshape(-1, 1)


def solution(
    problem: BoundaryValueProblem,
    finished: NetAndKnown,
    info: Mapping[str, Any],
    tolerance: float | None,
    known: str = "none",
) -> NetworkSolution:
    """A finished net with the info of its solve; known: what is said of the known functions."""
    more = {"tolerance": tolerance or POOR, "known_functions": known}
    return NetworkSolution("pinn", info["method"], {**info, **more}, problem, *finished)


def _located(problem: BoundaryValueProblem, points: Array, t: float | None) -> Tensor:
    """Points with the time at the end, where there is one. ProblemError for what is no place of the
    domain.
    """
    equation = problem.equation
    inside = equation.domain.contains(points.T, _ROUNDING, equation.periodic)
    if not inside.all():
        raise ProblemError(
            f"a point is outside of {equation.domain}, or not a number",
            term=points[~inside][0],
            remedy="the solution is known on the domain of the problem",
        )
    if t is None:
        return torch.as_tensor(points, device=problem.device)
    stamped = np.column_stack([points, np.full(len(points), t)])
    return torch.as_tensor(stamped, device=problem.device)
