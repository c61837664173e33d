"""Which known functions a problem asks for: decided from its faces, its dimension and its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from ...emit.constraints import Constraints, constrain
from ...lower.forms import MultiIndex
from ...problem.domain import Face
from ..solution import Array
from .boundary_value import BoundaryValueProblem
from .corners import Edge, characteristics, mixed, singular_functions, singularities
from .rows import collocation_points, positive
from .singular import Functions, corner_functions, corner_slopes, modulated, start_functions, vanishing

_FITS, _INDEPENDENT = 1e-9, 1e-6
_EDGE_DEGREE = 8
_SMOOTH_START = ((2, 0), (2, 1), (2, 2), (4, 0), (4, 1), (6, 0))
_JUMP_START = ((0, 0), (0, 1), (0, 2))
_FLUX_START = ((1, 0), (1, 1), (3, 0), (3, 1))
"""(order, power) of s^power v_order where the equation does not fit at t = 0, the Dirichlet data jump, the flux jumps."""


Family = tuple[Functions, ...]
"""The components of a family of functions."""


def known_functions(problem: BoundaryValueProblem) -> list[Family]:
    """Families of functions to put beside the net; none where the data fit.

    Corners (2D, of systems too) and edges (3D) of stationary problems; the start of scalar ones in one space dimension and time.
    """
    equation = problem.equation
    if equation.components > 1:
        planar = equation.time is None and equation.domain.dim == 2 and not equation.periodic
        corners = [_system_corner(problem, first, second) for first in (0, 1) for second in (0, 1)] if planar else []
        return [family for family in corners if family is not None]
    constraints = constrain(equation, 0)
    if equation.time is None:
        ordered = (*constraints.soft, *constraints.hard)  # a hard face last: the angle of z vanishes on the second one
        pairs = [pair for pair in combinations(ordered, 2) if pair[0][0] != pair[1][0]]
        found = [_corner(problem, constraints, pair) for pair in pairs]
    else:
        faces = [(0, end) for end in (0, 1)] if equation.domain.dim == 1 and not equation.periodic else []
        found = [_start(problem, constraints, face) for face in faces]
    return [(family,) for family in found if family is not None]


def _system_corner(problem: BoundaryValueProblem, *ends: int) -> Family | None:
    """The singular functions of one corner of a rectangle, less what they are on hard faces, as independent combinations."""
    signs, place = [1 - 2 * end for end in ends], [problem.bounds[axis][end] for axis, end in enumerate(ends)]
    point = torch.tensor([place], dtype=torch.float64, device=problem.device)
    constraints = [constrain(problem.equation, j) for j in range(problem.components)]
    of = characteristics(_leading(problem, problem.trial.module.coefficients, point, signs, ((2, 0), (1, 1), (0, 2))))
    if of is None:
        return None
    faces = [(1, ends[1]), (0, ends[0])]
    edges = [_edge(problem, constraints, face, point, signs) for face in faces]
    terms = singularities(of, (edges[0], edges[1]), [any(face in constraint.soft for face in faces) for constraint in constraints])
    if not terms:
        return None
    scaled = of._replace(vectors=problem.balance[1].cpu().numpy()[:, None] * of.vectors)
    clamped = [[axis for axis, end in enumerate(ends) if (axis, end) in constraint.hard] for constraint in constraints]
    functions = singular_functions(scaled, terms, place, signs, clamped)
    parts = [vanishing(part, constraint.hard, problem.bounds) for part, constraint in zip(functions, constraints, strict=True)]
    samples = torch.cat([part(_samples(problem), [(0, 0)])[0, 0] / unit for part, unit in zip(parts, problem.balance[1], strict=True)])
    lengths = positive(samples.norm(dim=0))
    _, sizes, right = torch.linalg.svd(samples / lengths, full_matrices=False)
    mixing = (right[sizes > _INDEPENDENT * sizes[0]] / lengths).T
    return tuple(mixed(part, mixing) for part in parts)


def _leading(problem: BoundaryValueProblem, coefficients: Callable[..., Any], point: Tensor, signs: Sequence[int],
             indices: Sequence[MultiIndex]) -> Array:
    """The scaled factors (indices, m, m) of some derivatives at a point, in coordinates that increase into the box."""
    rows, columns = problem.balance
    out = torch.zeros(len(indices), len(rows), len(columns), dtype=torch.float64)
    for (i, j), table in coefficients(point, **problem.given(point)).items():
        for k, index in enumerate(indices):
            out[k, i, j] = rows[i] * columns[j] * signs[0] ** index[0] * signs[1] ** index[1] * torch.as_tensor(table.get(index, 0.0)).reshape(-1)[0]
    return out.numpy()


def _edge(problem: BoundaryValueProblem, constraints: Sequence[Constraints], face: Face, point: Tensor, signs: Sequence[int]) -> Edge:
    """The leading conditions on a face: those of the components that are given there, fluxes of the others."""
    given = np.array([face in c.hard or face in c.soft for c in constraints])
    along = across = np.zeros((len(given), len(given)))
    if not given.all():
        along, across = _leading(problem, problem.trial.module.BOUNDARY[face][0], point, signs, ((1, 0), (0, 1)))
    return Edge(np.where(given, 0, 1), np.where(given[:, None], np.eye(len(given)), along), np.where(given[:, None], 0.0, across))


def _corner(problem: BoundaryValueProblem, constraints: Constraints, faces: tuple[Face, Face]) -> Functions | None:
    """The functions of one corner, or of one edge times polynomials along it."""
    middle = [(a + b) / 2 for a, b in problem.bounds]
    for axis, end in faces:
        middle[axis] = problem.bounds[axis][end]
    point = torch.tensor([middle], dtype=torch.float64, device=problem.device)
    tensor, jumping = problem.principal(point)[0], any(face in constraints.soft for face in faces)
    (i, _), (j, _) = faces
    if not float(tensor[i, i] * tensor[j, j] - tensor[i, j] ** 2) > 0:
        return None
    slopes = corner_slopes(tensor, faces)
    skew = all(abs(slope.real * slope.imag) > _FITS for slope in slopes if slope.imag)
    if not (jumping or skew) and _fits(problem, point):
        return None
    here = [face for face in constraints.hard if face[0] in (i, j)]
    family = vanishing(corner_functions(slopes, middle, first=0 if jumping else 1), here, problem.bounds)
    for axis in set(range(len(middle))) - {i, j}:
        ends = [end for end in (0, 1) if (axis, end) in constraints.hard]
        bubble = Polynomial.fromroots([2 * end - 1 for end in ends])
        family = modulated(family, axis, problem.bounds[axis], [bubble * Polynomial.basis(k) for k in range(_EDGE_DEGREE)])
    return family


def _start(problem: BoundaryValueProblem, constraints: Constraints, face: Face) -> Functions | None:
    """The functions of one end of the interval."""
    at = problem.bounds[0][face[1]]
    point = torch.tensor([[at, 0.0]], dtype=torch.float64, device=problem.device)
    members: list[tuple[int, int]] = []
    if face in problem.trial.module.BOUNDARY:
        size = problem.on_face(face, _samples(problem)).size
        if not _is_zero(problem.on_face(face, point).target, size):
            members += _JUMP_START if face in constraints.soft else _FLUX_START
    if (members or face in constraints.hard) and not _fits(problem, point):
        members += _SMOOTH_START
    diffusion = float(problem.principal(point)[0, 0, 0] / problem.mass(point)[0])
    if not members or not diffusion > 0:
        return None
    return vanishing(start_functions(0, at, 1 - 2 * face[1], diffusion, members), constraints.hard, problem.bounds)


def _fits(problem: BoundaryValueProblem, point: Tensor) -> bool:
    """Whether the equation holds for the lift at a point where all data meet."""
    return _is_zero(problem.inside(point).target, problem.inside(_samples(problem)).size)


def _is_zero(value: Tensor, size: Tensor) -> bool:
    return float(value.abs().max()) <= _FITS * float(size)


def _samples(problem: BoundaryValueProblem) -> Tensor:
    return collocation_points(256, problem.trial.axes, 0, problem.device)
