"""Which known functions a problem asks for: decided from its faces, its dimension and its data."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ...emit.constraints import constrain
from .boundary_value import BoundaryValueProblem
from .rows import collocation_points, root_mean_square
from .singular import Function, corner_functions, start_function, vanishing

_FITS = 1e-9
_SMOOTH_START = ((2, 0), (2, 1), (2, 2), (4, 0), (4, 1), (6, 0))
_JUMP_START = ((0, 0), (0, 1), (0, 2))
_FLUX_START = ((1, 0), (1, 1), (3, 0), (3, 1))
"""(order, power) of s^power v_order where the equation does not fit at t = 0, the Dirichlet data jump, the flux jumps."""


def known_functions(problem: BoundaryValueProblem) -> dict[str, list[Function]]:
    """Functions to put beside the net, by what they are for; none where the data fit.

    Corners: 2D and stationary, where two Dirichlet faces meet. Start: one space dimension and time.
    """
    dim, timely = problem.equation.domain.dim, problem.equation.time is not None
    if timely:
        return {"start functions": _start(problem)} if dim == 1 else {}
    return {"corner functions": _corners(problem)} if dim == 2 else {}


def _corners(problem: BoundaryValueProblem) -> list[Function]:
    constraints = constrain(problem.equation)
    found: list[Function] = []
    for ends in product((0, 1), repeat=2):
        faces = {(0, ends[0]), (1, ends[1])}
        if not faces <= {*constraints.hard, *constraints.soft}:
            continue
        origin = (problem.bounds[0][ends[0]], problem.bounds[1][ends[1]])
        point = torch.tensor([origin], dtype=torch.float64, device=problem.device)
        tensor, jumping = problem.principal(point)[0], bool(faces & constraints.soft.keys())
        skew = abs(float(tensor[0, 1])) > _FITS * float(tensor.diagonal().min())
        if jumping or skew or not _is_small(problem.lift_residual(point), problem):
            found += corner_functions((1 - 2 * ends[0], 1 - 2 * ends[1]), origin, tensor, first=0 if jumping else 1)
    return [vanishing(f, constraints.hard, problem.bounds) for f in found]


def _start(problem: BoundaryValueProblem) -> list[Function]:
    constraints = constrain(problem.equation)
    found: list[Function] = []
    for end in () if problem.equation.periodic else (0, 1):
        face, at = (0, end), problem.bounds[0][end]
        point = torch.tensor([[at, 0.0]], dtype=torch.float64, device=problem.device)
        wanted: list[tuple[int, int]] = []
        if face in problem.trial.module.BOUNDARY and not _is_small(problem.mismatch(face, point), problem):
            wanted += _JUMP_START if face in constraints.soft else _FLUX_START
        if (face in constraints.hard or wanted) and not _is_small(problem.lift_residual(point), problem):
            wanted += _SMOOTH_START
        diffusion = float(problem.principal(point)[0, 0, 0] / problem.mass(point)[0])
        found += [start_function(0, at, 1 - 2 * end, diffusion, order, power) for order, power in wanted]
    return [vanishing(f, constraints.hard, problem.bounds) for f in found]


def _is_small(value: Tensor, problem: BoundaryValueProblem) -> bool:
    """Whether `value` is zero beside the usual size of the right-hand side."""
    usual = problem.lift_residual(collocation_points(256, problem.trial.axes, 0, problem.device))
    return float(value.abs().max()) <= _FITS * float(root_mean_square(usual[:, None]))
