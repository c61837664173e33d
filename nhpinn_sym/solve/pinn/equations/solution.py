"""Solutions of boundary value problems by nets, and whether there is one.

Where a problem leaves constants open, source and boundary fluxes have to balance (Fredholm): with
constants w in the kernel of the adjoint, the integral of w . (equations) over the domain plus that
of w . (conditions) over its boundary vanishes for every function; so it has to for the data. Both
are integrated by Gauss quadrature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import MultiIndex
from ....problem.domain import Box
from ....problem.errors import ProblemError, SolveError
from ....runtime.nets.least_squares import safe_divisor
from ...exports import COUNTS, SolutionExtent, equally_spaced
from ...solution import Array, Solution
from ..collocation import Rows, matrix, random_layer
from ..network import Network
from .boundary_value import BoundaryValueProblem

GOAL = 1e-5
"""The tolerance where none is given."""
POOR = 1e-2
"""What an estimate is compared with where no tolerance is given: a worse one is a
ToleranceWarning."""
# Points at which solutions are compared from fit to fit.
_PROBES = 1000
# Share of the domain by which a point may lie outside.
_ROUNDING = 1e-9
# The same beside a boundary that is not straight: nodes of coarse meshes lie there.
_BESIDE = 1e-4

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
    def extent(self) -> SolutionExtent:
        """Equally spaced points of the box, and the ends of the time."""
        equation = self.problem.equation
        domain = equation.domain
        lines = equally_spaced(domain.bounds, COUNTS[domain.dim])
        times = None
        if equation.final_time is not None:
            times = np.array([0.0, float(equation.final_time)])
        if isinstance(domain, Box):
            return SolutionExtent(lines, times)
        return SolutionExtent(lines, times, lambda points: domain.contains(points.T, _ROUNDING))

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """ProblemError outside the domain."""
        where = _located(self.problem, points, t)
        order_in_time = () if t is None else (0,)
        full = [(*index, *order_in_time) for index in indices]
        found = self.problem.derivatives(self.network, self.coefficients, where, full)
        values: Array = found.cpu().numpy()
        if self.problem.components > 1:
            return values
        return values[..., 0]


def probe(problem: BoundaryValueProblem, network: Network, weights: Tensor) -> Array:
    """Values of u at points of the domain (at the final time), (values, 1)."""
    dim = problem.equation.domain.dim
    points = problem.points(_PROBES, 0, problem.trial.axes[:dim]).cpu().numpy()
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
    slack = _ROUNDING if isinstance(equation.domain, Box) else _BESIDE
    inside = equation.domain.contains(points.T, slack, equation.periodic)
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


# Gauss points a line, by the number of axes.
_NODES = {1: 64, 2: 24, 3: 10}
# Random functions, and the scales of their weights, against which a kernel is sought.
_FUNCTIONS = 24
_SCALES = (0.7, 0.7)
# Relative singular value of a constant in the kernel of the adjoint, by the error of the rule.
_KERNEL = 1e-6
# Relative defect of data that balance.
_BALANCED = 1e-6


def require_balanced_data(problem: BoundaryValueProblem) -> None:
    """SolveError where the data of a problem that leaves constants open do not balance; what the
    quadrature cannot decide passes.
    """
    if not problem.null_space.count:
        return
    nodes = _NODES[len(problem.bounds)]
    defect = _defect(problem, 2 * nodes)
    coarse = _defect(problem, nodes)
    if float(defect) > _BALANCED + 10 * float((defect - coarse).abs()):
        raise SolveError(
            "a problem that leaves its mean open has no solution for these data",
            term=f"relative defect {float(defect):.1e}",
            remedy="the source and the boundary fluxes have to balance",
        )


def _defect(problem: BoundaryValueProblem, nodes: int) -> Tensor:
    """The largest integral of the data against a constant kernel of the adjoint, relative to the
    integral of their size; 0 without kernel.
    """
    layer = random_layer(problem.trial, _FUNCTIONS, _SCALES, 0)
    shape = (-1, problem.components)
    of_functions, of_data, of_sizes = (
        torch.zeros((), dtype=torch.float64, device=problem.device) for _ in range(3)
    )
    strength = torch.zeros_like(of_data)
    for rows, weight in _blocks(problem, nodes):
        values = matrix(problem.trial, rows, layer).reshape(*shape, _FUNCTIONS * problem.components)
        of_functions = of_functions + torch.einsum("n,nef->ef", weight, values)
        strength = strength + torch.einsum("n,nef->ef", weight, values.abs()).max()
        target = rows.target[..., 0]
        of_data = of_data + weight @ target
        of_sizes = of_sizes + weight @ target.abs()
    left, sizes, _ = torch.linalg.svd(of_functions)
    kernel = left[:, sizes <= _KERNEL * strength]
    if not kernel.shape[1]:
        return torch.zeros_like(strength)
    return ((kernel.T @ of_data).abs() / safe_divisor(kernel.T.abs() @ of_sizes)).amax()


def _blocks(problem: BoundaryValueProblem, nodes: int) -> list[tuple[Rows, Tensor]]:
    """Rows of the equations inside and of the conditions on every part that the ansatz leaves open,
    with quadrature weights.
    """
    points, weight = problem.quadrature(nodes)
    blocks = [(problem.inside(points), weight)]
    for name in problem.trial.module.BOUNDARY:
        points, weight = problem.quadrature_on(name, nodes)
        blocks.append((problem.on_part(name, points), weight))
    return blocks
