"""Which known functions a problem asks for: decided from its faces, its coefficients and whether
its data fit together where faces meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.hard_constraints import Constraints, constrain
from ....lower.forms import MultiIndex
from ....problem.domain import Face
from ...solution import Array
from ..equations.boundary_value import BoundaryValueProblem
from ..least_squares import least_squares
from ..network import Jet
from ..rows import Rows, collocation_points, safe_divisor
from .corners import Edge, characteristics, combine_functions, singular_functions, singularities
from .functions import Family, modulate, shapes, vanish_on_faces
from .initial_layers import start_families

_DEGREE = 6
"""Of the polynomials that are to satisfy the data near a place."""
_RADIUS = 0.03
"""How near, relative to the box."""
_ROWS = 3
"""Points by the number of polynomials."""
_FITS = 1e-5
"""Relative residual of polynomials that fit together."""
_SAMPLES = 256
"""Points at which the size of the data is taken."""
_PLACE = 0.382
"""Where along an edge, as a fraction: nothing vanishes there by symmetry."""


def points_near(
    problem: BoundaryValueProblem, faces: Sequence[Face], radius: float, count: int
) -> Tensor:
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


def is_compatible(problem: BoundaryValueProblem, faces: Sequence[Face]) -> bool:
    """Whether polynomials satisfy the equations, and the conditions that the ansatz leaves open,
    near a place where `faces` meet.
    """
    blocks = [problem.inside(points_near(problem, faces, _RADIUS, _ROWS * _count(problem)))]
    size = _size(problem)
    strength = blocks[0].strength(problem.trial)
    for axis, end in (face for face in faces if face in problem.trial.module.BOUNDARY):
        points = blocks[0].points.clone()
        points[:, axis] = problem.bounds[axis][end]
        blocks.append(problem.on_face((axis, end), points, strength))
    left = torch.cat(
        [_columns(problem, rows, points_near(problem, faces, 0.0, 1)) for rows in blocks]
    )
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


_INDEPENDENT = 1e-6
"""Singular value, relative to the largest, of a function that is a combination of others."""
_EDGE_DEGREE = 8
"""Of the shapes along an edge by which its functions are multiplied."""


def known_functions(problem: BoundaryValueProblem) -> dict[str, list[Family]]:
    """Families of functions to put beside the net, by what they belong to; none where the data fit.

    Corners (2D) and edges (3D), in time too, of systems too; and the starts of time-dependent
    problems.
    """
    equation = problem.equation
    constraints = [constrain(equation, j) for j in range(problem.components)]
    faces = [
        (axis, end)
        for axis in range(equation.domain.dim)
        if axis not in equation.periodic
        for end in (0, 1)
    ]
    pairs = [pair for pair in combinations(faces, 2) if pair[0][0] != pair[1][0]]
    found = {
        "corners" if equation.domain.dim == 2 else "edges": [
            _edge_functions(problem, constraints, pair) for pair in pairs
        ]
    }
    if equation.time is not None:
        found["layers at t = 0"] = [*start_families(problem, constraints, faces)]
    kept = {
        name: [family for family in families if family is not None]
        for name, families in found.items()
    }
    return {name: families for name, families in kept.items() if families}


def _edge_functions(
    problem: BoundaryValueProblem, constraints: Sequence[Constraints], faces: tuple[Face, Face]
) -> Family | None:
    """The singular functions of two faces that meet, less what they are on hard faces, as
    independent combinations; times shapes along the edge.
    """
    axes = [axis for axis, _ in faces]
    signs = [1 - 2 * end for _, end in faces]
    point = points_near(problem, faces, 0.0, 1)
    of = characteristics(
        _leading(
            problem, problem.trial.module.coefficients, point, axes, signs, ((2, 0), (1, 1), (0, 2))
        )
    )
    if of is None:
        return None
    conditions = [
        _conditions(problem, constraints, face, point, axes, signs) for face in faces[::-1]
    ]  # the edge y = 0 is the second face
    jumping = [any(face in constraint.soft for face in faces) for constraint in constraints]
    terms = singularities(of, (conditions[0], conditions[1]), jumping)
    if all(s.logarithmic and s.power for s in terms) and is_compatible(problem, faces):
        return None
    scaled = of._replace(vectors=problem.balance[1].cpu().numpy()[:, None] * of.vectors)
    clamped = [
        [k for k, face in enumerate(faces) if face in constraint.hard] for constraint in constraints
    ]
    parts = singular_functions(scaled, terms, axes, point[0, axes].tolist(), signs, clamped)
    hard = [[face for face in constraint.hard if face[0] in axes] for constraint in constraints]
    parts = tuple(
        vanish_on_faces(part, there, problem.bounds[: problem.equation.domain.dim])
        for part, there in zip(parts, hard, strict=True)
    )
    return _along(problem, constraints, _independent(problem, parts), axes)


def _independent(problem: BoundaryValueProblem, parts: Family) -> Family:
    """Independent combinations, all of one size."""
    points = collocation_points(256, problem.trial.axes, 0, problem.device)
    zero = (0,) * points.shape[1]
    samples = torch.cat(
        [
            part(points, [zero])[zero] / unit
            for part, unit in zip(parts, problem.balance[1], strict=True)
        ]
    )
    lengths = safe_divisor(samples.norm(dim=0))
    _, sizes, right = torch.linalg.svd(samples / lengths, full_matrices=False)
    mixing = (right[sizes > _INDEPENDENT * sizes[0]] / lengths).T
    return tuple(combine_functions(part, mixing) for part in parts)


def _along(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    family: Family,
    axes: Sequence[int],
) -> Family:
    """The functions times shapes along every other axis, in space and time, that vanish where the
    data are hard.
    """
    for axis in (k for k in range(len(problem.bounds)) if k not in axes):
        ends = [
            (
                [-1.0]
                if axis >= problem.equation.domain.dim
                else [2.0 * end - 1 for end in (0, 1) if (axis, end) in c.hard]
            )
            for c in constraints
        ]
        periodic = axis in problem.equation.periodic
        family = tuple(
            modulate(part, axis, problem.bounds[axis], shapes(_EDGE_DEGREE, roots, periodic))
            for part, roots in zip(family, ends, strict=True)
        )
    return family


def _leading(
    problem: BoundaryValueProblem,
    table: Callable[..., Any],
    point: Tensor,
    axes: Sequence[int],
    signs: Sequence[int],
    orders: Sequence[MultiIndex],
) -> Array:
    """The scaled factors (orders, m, m) of some derivatives along two axes at a point, in
    coordinates that increase into the box.
    """
    indices = [
        tuple(
            sum(n for k, n in zip(axes, order, strict=True) if k == axis)
            for axis in range(point.shape[1])
        )
        for order in orders
    ]
    return np.stack(
        [
            signs[0] ** a * signs[1] ** b * problem.factors(point, index, table)
            for (a, b), index in zip(orders, indices, strict=True)
        ]
    )


def _conditions(
    problem: BoundaryValueProblem,
    constraints: Sequence[Constraints],
    face: Face,
    point: Tensor,
    axes: Sequence[int],
    signs: Sequence[int],
) -> Edge:
    """The leading conditions on a face: those of the components that are given there, fluxes of the
    others.
    """
    given = np.array([face in c.hard or face in c.soft for c in constraints])
    along = across = np.zeros((len(given), len(given)))
    if not given.all():
        along, across = _leading(
            problem, problem.trial.module.BOUNDARY[face][0], point, axes, signs, ((1, 0), (0, 1))
        )
    return Edge(
        np.where(given, 0, 1),
        np.where(given[:, None], np.eye(len(given)), along),
        np.where(given[:, None], 0.0, across),
    )
