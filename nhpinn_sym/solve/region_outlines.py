"""What a mesh of a plane region is to fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..lower.interfaces import CellInterfaces
from ..problem.regions import Corner, Region
from ..runtime.arrays import Array, Integers
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
# Centres of triangles that are looked at together.
_BLOCK = 4096
# Panels of the data that are narrower, as a share of the longer side, are not followed: triangles
# are as short along a panel as across it.
NARROW = 1 / 64


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
