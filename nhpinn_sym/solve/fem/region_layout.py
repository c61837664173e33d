"""Meshes of plane regions: fine enough for their boundary and for the data, and finer at corners
at which solutions are singular.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from ...lower.forms import LoweredEquation
from ...problem.errors import SolveError
from ...problem.regions import Corner, Region
from ...resolution import Resolution
from ...runtime.arrays import Array, Bounds, Integers
from ...runtime.fitted.domain_mesh import RegionMesh, along_edges
from ...runtime.fitted.mesher import UnresolvedInterfaces
from ...runtime.fitted.region_mesher import RegionOutline, region_meshes
from ...runtime.levels import FEWEST
from .layout import meshes_of

# Triangles along the longer side of the coarsest mesh there is.
_FIRST = 4
# Points of a piece of the boundary at which the size of triangles is asked.
_SAMPLES = 48
# Length of a triangle at the boundary, as shares of the radius of curvature and of the distance
# to another piece.
_BEND = 1.0
_GAP = 1.0
# The highest degree of elements, for which meshes are graded.
_DEGREE = 3
# Share of the exponent of a corner of a scalar Laplacian that those of systems have about.
_OF_SYSTEMS = 0.75
# Above it the length of triangles would not reach the corner.
_STEEPEST = 0.92
# Panels of the data that are narrower, as a share of the longer side, are not followed: triangles
# are as short along a panel as across it.
_NARROW = 1 / 64
# Centres of triangles that are looked at together.
_BLOCK = 4096
# Along an edge, where it is compared with the boundary.
_SHARES = np.array([0.1, 0.3, 0.7, 0.9])


class LazyMeshes(Sequence[RegionMesh]):
    """The first `count` meshes of a region, made when they are asked for."""

    def __init__(self, meshes: RegionMeshes, count: int) -> None:
        self._meshes = meshes
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, key: int) -> RegionMesh: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[RegionMesh]: ...
    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            return [self[k] for k in range(self._count)[key]]
        if not key < self._count:
            raise IndexError(key)
        return self._meshes.mesh(_FIRST, key)


@dataclass(frozen=True)
class RegionMeshes:
    """The meshes of a region as an equation asks for them, see `layout.Meshes`.

    narrow: panels of the data are narrower than triangles
    """

    region: Region
    outline: RegionOutline
    erratic: bool
    unresolved: str | None
    narrow: bool
    made: dict[int, tuple[Iterator[Any], list[RegionMesh]]] = field(default_factory=dict)

    @property
    def bounds(self) -> Bounds:
        return self.region.bounds

    def mesh(self, first: int, level: int) -> RegionMesh:
        """Number `level` of a sequence that begins with about `first` triangles along the longer
        side."""
        if first not in self.made:
            self.made[first] = (region_meshes(self.outline, first), [])
        more, known = self.made[first]
        try:
            while len(known) <= level:
                own = next(more)
                places = along_edges(own.points[own.facets], _SHARES).reshape(-1, 2)
                gap = float(nearest_piece(self.region, places)[1].max())
                known.append(RegionMesh(own, gap))
        except UnresolvedInterfaces as cause:
            raise SolveError(
                "no mesh fits outlines that touch, or nearly",
                term=cause,
                remedy="move the shapes apart, or let them overlap",
            ) from cause
        return known[level]

    def levels(self, degree: int, limit: int) -> Sequence[RegionMesh]:
        """Each with triangles half as long as those before, three at least, up to about `limit`
        nodes."""
        last = self.mesh(_FIRST, FEWEST - 1).count(degree)
        if last > limit:
            raise SolveError(
                f"three meshes of this region have {last} nodes",
                term=f"max_dofs allows {limit}",
                remedy="raise max_dofs=",
            )
        return LazyMeshes(self, FEWEST + int(math.log(limit / last, 4)))

    def given(self, cells: Sequence[int]) -> Sequence[RegionMesh]:
        """The mesh of that n along the longer side, before it those of a quarter and of half of
        it, if that is not below the least there is."""
        n = max(cells)
        halvings = 0
        while halvings < FEWEST - 1 and n / 2 ** (halvings + 1) >= _FIRST:
            halvings += 1
        first = math.ceil(n / 2**halvings)
        return [self.mesh(first, k) for k in range(halvings + 1)]

    def at_least(self, cells: Sequence[int], most: int) -> Sequence[RegionMesh]:
        return self.given(cells)

    def resolves(self, mesh: RegionMesh) -> bool:
        """Whether no triangle is longer than the panels of the data."""
        return not self.erratic and not self.narrow


def nearest_piece(region: Region, points: Array) -> tuple[Integers, Array]:
    """The number of the piece of the boundary that is nearest to points (n, 2), and how far."""
    distances = np.array([piece.distances(points) for piece in region.pieces])
    nearest = np.argmin(distances, axis=0)
    return nearest, distances[nearest, np.arange(len(points))]


def outline_of(
    region: Region, corners: Sequence[tuple[Corner, float]], panels: Sequence[Array]
) -> RegionOutline:
    """What meshes fit; panels: lines along each axis between which data are resolved."""
    names = tuple(part.name for part in region.parts)
    numbers = np.array([names.index(piece.outline.name) for piece in region.pieces])
    low, high = np.array(region.bounds).T
    boundary = _sizes_along(region)

    least = _NARROW * (high - low).max()

    def size(centres: Array) -> Array:
        found = boundary(centres)
        for lines, x in zip(panels, centres.T, strict=True):
            found = np.minimum(found, np.maximum(_width(lines, x), least))
        return found

    return RegionOutline(
        lambda points: region.holds(points).astype(np.int64),
        np.array([corner.place for corner, _ in corners]).reshape(-1, 2),
        [grading for _, grading in corners],
        size,
        lambda points: numbers[nearest_piece(region, points)[0]],
        names,
        low,
        high,
    )


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
    return min(_STEEPEST, max(0.0, 1 - power / _DEGREE))


@meshes_of.register
def _(domain: Region, equation: LoweredEquation, found: Resolution) -> RegionMeshes:
    corners = [(c, grading_of(c, equation)) for c in domain.corners if not c.smooth]
    panels = [np.array(lines) for lines in found.lines]
    longest = max(b - a for a, b in domain.bounds)
    narrow = any(np.diff(lines).min() < _NARROW * longest for lines in panels)
    outline = outline_of(domain, corners, panels)
    erratic = found.jumps or bool(found.curved)
    return RegionMeshes(domain, outline, erratic, found.unresolved, narrow)
