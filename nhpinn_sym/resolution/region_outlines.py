"""What a mesh of a plane region is to fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from ..lower.forms import LoweredEquation
from ..lower.interfaces import CellInterfaces, equation_with_middles, integrated, jumps_by
from ..problem.errors import SolveError
from ..problem.regions import Corner, Region
from ..runtime.arrays import Array, Integers
from ..runtime.fitted.mesher import UnresolvedInterfaces
from ..runtime.fitted.region_mesher import RegionOutline

# Points of a piece of the boundary at which the size of triangles is asked.
_SAMPLES = 48
# Length of a triangle at the boundary, as shares of the radius of curvature and of the distance
# to another piece.
_BEND = 1.0
_GAP = 1.0
# Length of triangles on which corners of interfaces are looked for, as a share of the longer side,
# and of the narrowest panel of the data.
_SEEN = 0.1
# Share of the exponent of a corner of a scalar Laplacian that those of systems have about.
_OF_SYSTEMS = 0.75
# Above it the length of triangles would not reach the corner.
_STEEPEST = 0.92
DEGREE = 3
"""The highest degree of elements, for which meshes are graded."""
# Centres of triangles that are looked at together.
_BLOCK = 4096
# Panels of the data that are narrower, as a share of the longer side, are not followed: triangles
# are as short along a panel as across it.
NARROW = 1 / 64


@contextmanager
def meshing() -> Iterator[None]:
    """SolveError where no mesh fits a region."""
    try:
        yield
    except UnresolvedInterfaces as cause:
        raise SolveError(
            "no mesh fits outlines that touch, or nearly",
            term=cause,
            remedy="move the shapes apart, let them overlap, or open the corner between them",
        ) from cause


def nearest_piece(region: Region, points: Array) -> tuple[Integers, Array]:
    """The number of the piece of the boundary that is nearest to points (n, 2), and how far."""
    distances = np.array([piece.distances(points) for piece in region.pieces])
    nearest = np.argmin(distances, axis=0)
    return nearest, distances[nearest, np.arange(len(points))]


def outline_of(
    region: Region,
    corners: Sequence[tuple[Corner, float]],
    panels: Sequence[Array] = (),
    share: float = 1.0,
    interfaces: CellInterfaces | None = None,
) -> RegionOutline:
    """What meshes fit; panels: lines along each axis between which data are resolved, by triangles
    no longer than that share of one; interfaces: at which data jump."""
    names = tuple(part.name for part in region.parts)
    numbers = np.array([names.index(piece.outline.name) for piece in region.pieces])
    low, high = np.array(region.bounds).T
    boundary = _sizes_along(region)

    longest = float((high - low).max())
    least = NARROW * longest

    def size(centres: Array) -> Array:
        found = boundary(centres)
        for lines, x in zip(panels, centres.T):
            found = np.minimum(found, share * np.maximum(_width(lines, x), least))
        return found

    outline = RegionOutline(
        lambda points: region.holds(points).astype(np.int64),
        np.array([corner.place for corner, _ in corners]).reshape(-1, 2),
        [grading for _, grading in corners],
        size,
        lambda points: numbers[nearest_piece(region, points)[0]],
        names,
        low,
        high,
    )
    if interfaces is None:
        return outline
    seen = min([_SEEN * longest, *(_SEEN * max(np.diff(x).min(), least) for x in panels)])
    return replace(
        outline,
        label=lambda points: np.where(region.holds(points), 1 + interfaces.label(points), 0),
        levels=lambda points: np.concatenate(
            [interfaces.values(points), _boundary_levels(region, points)], axis=1
        ),
        seen=seen,
    )


def _boundary_levels(region: Region, points: Array) -> Array:
    """Functions of points (n, 2) that vanish on each curve of the boundary."""
    curves = {id(piece.curve): piece.curve for piece in region.pieces}
    return np.stack([curve.level(points) for curve in curves.values()], axis=1)


def graded_corners(region: Region, equation: LoweredEquation) -> list[tuple[Corner, float]]:
    """The corners, with the grading of meshes towards each."""
    return [(c, grading_of(c, equation)) for c in region.corners if not c.smooth]


def grading_of(corner: Corner, equation: LoweredEquation) -> float:
    """How fast triangles become smaller towards a corner, 0 where solutions are smooth there: they
    are as d^(pi/angle), and as d^(pi/(2 angle)) where data are given on one side and fluxes on the
    other.
    """
    given = [
        [any(e.field == j and part in e.parts for e in equation.essential) for part in corner.parts]
        for j in range(equation.components)
    ]
    mixed = any(one != other for one, other in given)
    if corner.straight and not mixed:
        return 0.0
    power = math.pi / corner.angle / (2 if mixed else 1)
    if equation.components > 1:
        power *= _OF_SYSTEMS
    return min(_STEEPEST, max(0.0, 1 - power / DEGREE))


def region_interfaces(equation: LoweredEquation) -> CellInterfaces | None:
    """At which coefficients and sources jump, for parameters that have been put in; None where no
    mesh fits them."""
    if not equation_with_middles(equation).middles:
        return None
    data = integrated(equation)
    if any(c.free_symbols - {*equation.coordinates} for d in data for c in jumps_by(d)):
        return None
    ends = equation.domain.bounds
    beside = tuple((2 * a - b, 2 * b - a) for a, b in ends)
    return CellInterfaces.around(data, equation.coordinates, beside)


def _width(lines: Array, x: Array) -> Array:
    """Of the panel that holds each coordinate."""
    panel = np.clip(np.searchsorted(lines, x) - 1, 0, len(lines) - 2)
    return np.asarray(np.diff(lines)[panel])


def _sizes_along(region: Region) -> Callable[[Array], Array]:
    """How long triangles may be so that the boundary bends little along one, and that no two
    pieces of it meet one."""
    shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    places = [piece.at(shares) for piece in region.pieces]
    met = {id(p): {id(p)} for p in region.pieces}
    for corner in region.corners:
        for one, other in (corner.pieces, corner.pieces[::-1]):
            met[id(one)].add(id(other))
    limits = []
    for piece, own in zip(region.pieces, places, strict=True):
        apart = [
            np.linalg.norm(own[:, None] - other, axis=2).min(axis=1)
            for other, of in zip(places, region.pieces, strict=True)
            if id(of) not in met[id(piece)]
        ]
        gaps = _GAP * np.min([*apart, np.full(len(own), np.inf)], axis=0)
        limits.append(np.minimum(gaps, min(_BEND * piece.curve.bend, piece.length)))
    held, known = np.concatenate(places), np.concatenate(limits)

    def size(centres: Array) -> Array:
        found = np.empty(len(centres))
        for k in range(0, len(centres), _BLOCK):
            some = centres[k : k + _BLOCK]
            apart = np.linalg.norm(some[:, None] - held, axis=2)
            found[k : k + _BLOCK] = (known + apart).min(axis=1)
        return found

    return size
