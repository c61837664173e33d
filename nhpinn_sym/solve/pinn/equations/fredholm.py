"""The Fredholm condition of a problem that leaves constants open: source and boundary fluxes have
to balance.

Where constants w are in the kernel of the adjoint, the integral of w . (equations) over the domain
plus that of w . (conditions) over its boundary vanishes for every function; so it has to for the
data. Both are integrated by Gauss quadrature.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ....problem.errors import SolveError
from ....runtime.nets.least_squares import safe_divisor
from ..random_features import matrix, random_layer
from ..rows import Rows
from .boundary_value import BoundaryValueProblem

_NODES = {1: 64, 2: 24, 3: 10}
"""Gauss points a line, by the number of axes."""
_FUNCTIONS = 24
_SCALES = (0.7, 0.7)
"""Random functions, and the scales of their weights, against which a kernel is sought."""
_KERNEL = 1e-6
"""Relative singular value of a constant in the kernel of the adjoint, by the error of the rule."""
_BALANCED = 1e-6
"""Relative defect of data that balance."""


def require_balance(problem: BoundaryValueProblem) -> None:
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
