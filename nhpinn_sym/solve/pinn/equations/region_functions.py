"""The known functions that plane regions ask for: singular ones at corners, and at changes of
conditions, and those with poles and logarithms in holes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....problem.numeric import lambdified
from ....problem.regions import Corner, Piece, Region
from ....runtime.nets.corners import Edge, characteristics, singularities
from ....runtime.nets.function_families import Family
from ....runtime.nets.wedges import (
    hole_corner_functions,
    pole_functions,
    turned,
    turns_of,
    wedge_functions,
)
from ...solution import Array
from .boundary_value import BoundaryValueProblem

# The highest power of poles in a hole.
_POLES = 8
# Directions outside of a corner that are tried for the cut of its functions, and points of each.
_CUTS = 24
_ALONG = 200
# Relative difference of given values that is a jump.
_JUMP = 1e-9


def region_families(problem: BoundaryValueProblem, region: Region) -> Iterator[tuple[str, Family]]:
    """Each with its kind."""
    for corner in region.corners:
        found = _of_corner(problem, region, corner)
        if found is not None:
            yield "corners", found
    for loop in region.loops:
        if sum(piece.area for piece in loop) < 0:
            place, radius = _middle(loop)
            of = characteristics(_principal(problem, loop[0].at(np.array([0.5]))[0]))
            if of is not None and not region.holds(place[None])[0]:
                yield "holes", pole_functions(_scaled(problem, of), place, radius, _POLES)


def _middle(loop: tuple[Piece, ...]) -> tuple[Array, float]:
    """A point in a hole, its centre of mass, and the distance to its rim."""
    rim = np.concatenate([piece.at(np.linspace(0, 1, _ALONG, endpoint=False)) for piece in loop])
    ahead = np.roll(rim, -1, axis=0)
    cross = rim[:, 0] * ahead[:, 1] - rim[:, 1] * ahead[:, 0]
    place = (cross[:, None] * (rim + ahead)).sum(axis=0) / (3 * cross.sum())
    return place, float(np.linalg.norm(rim - place, axis=1).min())


def _scaled(problem: BoundaryValueProblem, of: Any) -> Any:
    """With the components in their own units."""
    return of._replace(vectors=problem.balance[1].cpu().numpy()[:, None] * of.vectors)


def _at(problem: BoundaryValueProblem, place: Array) -> Tensor:
    """A point of the region at the end of the time."""
    ends = [b for _, b in problem.bounds[2:]]
    return torch.as_tensor(np.append(place, ends)[None], device=problem.device)


def _leading(
    problem: BoundaryValueProblem, place: Array, table: Callable[..., Any], orders: Any
) -> Array:
    """The scaled factors (orders, m, m) of some derivatives at a point."""
    rest = (0,) * (len(problem.bounds) - 2)
    point = _at(problem, place)
    return np.stack([problem.factors(point, (*order, *rest), table) for order in orders])


def _principal(problem: BoundaryValueProblem, place: Array) -> Array:
    table = problem.trial.module.coefficients
    return _leading(problem, place, table, ((2, 0), (1, 1), (0, 2)))


def _of_corner(problem: BoundaryValueProblem, region: Region, corner: Corner) -> Family | None:
    """The singular functions of a corner; None where it has none."""
    given = np.array([_given(problem, part) for part in corner.parts])
    if corner.smooth or (corner.straight and (given[0] == given[1]).all()):
        return None
    cut = _cut(region, corner)
    frame = _frame(corner)
    of = characteristics(turned(_principal(problem, corner.place), frame))
    if of is None:
        return None
    # The first edge is the part that follows the corner.
    edges = tuple(_conditions(problem, corner, frame, corner.parts[k], given[k]) for k in (1, 0))
    jumping = _jumping(problem, corner, given.all(axis=0))
    turns = turns_of(of.roots, corner.angle)
    terms = singularities(of, (edges[0], edges[1]), jumping, turns)
    if not terms:
        return None
    scaled = _scaled(problem, of)
    if cut is None:
        return hole_corner_functions(scaled, terms, corner.place, frame, _beyond(region, corner))
    return wedge_functions(scaled, terms, corner.place, frame, cut)


def _beyond(region: Region, corner: Corner) -> Array:
    """A place outside of the region, halfway between a corner of a hole and its other side."""
    size = max(b - a for a, b in region.bounds)
    far = size * np.geomspace(1e-3, 3, _ALONG)
    angle = corner.angle / 2 + math.pi
    ray = np.array([math.cos(angle), math.sin(angle)]) @ _frame(corner)
    inside = region.holds(corner.place + far[:, None] * ray)
    return np.asarray(corner.place + far[np.argmax(inside)] / 2 * ray)


def _frame(corner: Corner) -> Array:
    """Unit vectors along the edge that follows the corner, and into the region across it."""
    ahead = corner.pieces[1].tangent(np.zeros(1))[0]
    x, y = ahead / np.linalg.norm(ahead)
    return np.array([[x, y], [-y, x]])


def _given(problem: BoundaryValueProblem, part: str) -> list[bool]:
    """Which components are given on a part of the boundary."""
    essential = problem.equation.essential
    return [
        any(e.field == j and part in e.parts for e in essential) for j in range(problem.components)
    ]


def _conditions(
    problem: BoundaryValueProblem, corner: Corner, frame: Array, part: str, given: Array
) -> Edge:
    """The leading conditions on a part, by coordinates along the rows of the frame."""
    along = across = np.zeros((len(given), len(given)))
    if not given.all():
        table = problem.trial.module.BOUNDARY[part][0]
        by_x, by_y = _leading(problem, corner.place, table, ((1, 0), (0, 1)))
        along, across = (a * by_x + b * by_y for a, b in frame)
    return Edge(
        np.where(given, 0, 1),
        np.where(given[:, None], np.eye(len(given)), along),
        np.where(given[:, None], 0.0, across),
    )


def _jumping(problem: BoundaryValueProblem, corner: Corner, given: Array) -> list[bool]:
    """Which components are given on both sides by values that differ at the corner."""
    equation = problem.equation
    found = []
    for j, both in enumerate(given):
        values = []
        for part in corner.parts if both else ():
            own = next(e.value for e in equation.essential if e.field == j and part in e.parts)
            values.append(own)
        differ = False
        if both and values[0] != values[1]:
            known = [*equation.coordinates, *([equation.time] if equation.time else [])]
            numbers = {v: problem.parameters.get(str(v), 0.0) for v in equation.parameters}
            put = [value.xreplace(numbers) for value in values]
            call = lambdified(known, put, ["numpy"])
            one, other = (float(v) for v in call(*_at(problem, corner.place)[0].tolist()))
            differ = abs(one - other) > _JUMP * max(abs(one), abs(other))
        found.append(differ)
    return found


def _cut(region: Region, corner: Corner) -> float | None:
    """The angle, from the edge that follows the corner, of a ray that meets nothing of the
    region; as far from it as there is one."""
    size = max(b - a for a, b in region.bounds)
    far = size * np.geomspace(1e-3, 3, _ALONG)
    outside = 2 * math.pi - corner.angle
    shares = (np.arange(_CUTS) + 0.5) / _CUTS
    frame = _frame(corner)
    for share in shares[np.argsort(np.abs(shares - 0.5), kind="stable")]:
        angle = corner.angle + share * outside
        ray = np.array([math.cos(angle), math.sin(angle)]) @ frame
        if not region.holds(corner.place + far[:, None] * ray).any():
            return float(angle)
    return None
