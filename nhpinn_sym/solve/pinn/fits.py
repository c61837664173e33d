"""Whether the data of a problem fit together where faces meet: whether some polynomial satisfies
all of them nearby.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from ...problem.domain import Face
from .boundary_value import BoundaryValueProblem
from .network import Jet
from .random_features import least_squares
from .rows import Rows, collocation_points

_DEGREE, _RADIUS, _ROWS = 6, 0.03, 3
_FITS = 1e-5
_SAMPLES = 256
_PLACE = 0.382
"""Where along an edge, as a fraction: nothing vanishes there by symmetry."""


def near(problem: BoundaryValueProblem, faces: Sequence[Face], radius: float, count: int) -> Tensor:
    """Points (count, columns) within `radius` (relative to the box) of a place where all `faces`
    meet.
    """
    ends = dict(faces)
    places = [
        _PLACE if axis not in ends else float(ends[axis]) for axis in range(len(problem.bounds))
    ]
    sides = tuple(
        ("scaled", max(0.0, place - radius), min(1.0, place + radius)) for place in places
    )
    unit = collocation_points(count, sides, 0, problem.device)
    lower, upper = unit.new_tensor(problem.bounds).T
    return lower + (upper - lower) * unit


def fits(problem: BoundaryValueProblem, faces: Sequence[Face]) -> bool:
    """Whether polynomials satisfy the equations, and the conditions that the ansatz leaves open,
    near a place where `faces` meet.
    """
    blocks, size = (
        [problem.inside(near(problem, faces, _RADIUS, _ROWS * _count(problem)))],
        _size(problem),
    )
    strength = blocks[0].strength(problem.trial)
    for axis, end in (face for face in faces if face in problem.trial.module.BOUNDARY):
        points = blocks[0].points.clone()
        points[:, axis] = problem.bounds[axis][end]
        blocks.append(problem.on_face((axis, end), points, strength))
    left = torch.cat([_columns(problem, rows, near(problem, faces, 0.0, 1)) for rows in blocks])
    target = torch.cat([rows.target.flatten(0, 1) for rows in blocks])
    return (
        float((left @ least_squares(left, target) - target).square().mean().sqrt()) <= _FITS * size
    )


def _size(problem: BoundaryValueProblem) -> float:
    """The root mean square of the data, the largest of the equations and the faces."""
    inside = problem.inside(collocation_points(_SAMPLES, problem.trial.axes, 0, problem.device))
    blocks = [inside]
    for face in problem.trial.module.BOUNDARY:
        points = inside.points.clone()
        points[:, face[0]] = problem.bounds[face[0]][face[1]]
        blocks.append(problem.on_face(face, points, inside.strength(problem.trial)))
    return max(float(rows.size) for rows in blocks)


def _count(problem: BoundaryValueProblem) -> int:
    return len(_exponents(len(problem.bounds)))


def _exponents(axes: int) -> list[MultiIndex]:
    return [index for index in product(range(_DEGREE + 1), repeat=axes) if sum(index) <= _DEGREE]


def _columns(problem: BoundaryValueProblem, rows: Rows, centre: Tensor) -> Tensor:
    """The rows (n * equations, components * monomials) for polynomials around `centre`."""
    lengths = centre.new_tensor([_RADIUS * (b - a) for a, b in problem.bounds])
    jet = _monomials((rows.points - centre) / lengths, problem.trial.indices)
    scales = [lengths.pow(-lengths.new_tensor(index)).prod() for index in problem.trial.indices]
    table = torch.stack(
        [scale * jet[index] for scale, index in zip(scales, problem.trial.indices, strict=True)], 1
    )
    return torch.einsum("neca,naf->necf", rows.weights, table).flatten(2).flatten(0, 1)


def _monomials(s: Tensor, indices: Sequence[MultiIndex]) -> Jet:
    """D^index of every s^exponent, (n, monomials)."""
    exponents = s.new_tensor(_exponents(s.shape[1]))
    jet = {}
    for index in indices:
        order = s.new_tensor(index)
        falling = (
            torch.stack(
                [(exponents - k).where(k < order, 1.0) for k in range(max(index, default=0))]
            ).prod(0)
            if any(index)
            else 1.0
        )
        powers = s[:, None] ** (exponents - order).clamp(min=0)
        jet[index] = (falling * powers).prod(2)
    return jet
