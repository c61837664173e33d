"""Where solutions on a plane region are singular: the geometry of its corners and holes."""

from __future__ import annotations

import math

import numpy as np

from ..problem.regions import Corner, Piece, Region
from ..runtime.arrays import Array
from ..runtime.fitted.singular_places import SingularPlaces

# Directions outside of a corner that are tried for the cut of its functions, and points of each.
_CUTS = 24
_ALONG = 200


def singular_places(region: Region) -> SingularPlaces:
    """The corners that are not smooth, and the holes."""
    corners = [corner for corner in region.corners if not corner.smooth]
    frames = np.array([_frame(c) for c in corners]).reshape(-1, 2, 2)
    cuts = np.array([_cut(region, c, f) for c, f in zip(corners, frames, strict=True)])
    ends = np.full((len(corners), 2), np.nan)
    for k in np.flatnonzero(np.isnan(cuts)):
        ends[k] = _beyond(region, corners[k], frames[k])
    middles = [(loop, *_middle(loop)) for loop in region.loops if sum(p.area for p in loop) < 0]
    holes = [found for found in middles if not region.holds(found[1][None])[0]]
    return SingularPlaces(
        np.array([c.place for c in corners]).reshape(-1, 2),
        np.array([c.parts for c in corners]).reshape(-1, 2),
        frames,
        np.array([c.angle for c in corners]),
        np.array([c.straight for c in corners], dtype=bool),
        cuts,
        ends,
        np.array([place for _, place, _ in holes]).reshape(-1, 2),
        np.array([radius for _, _, radius in holes]),
        np.array([loop[0].at(np.array([0.5]))[0] for loop, _, _ in holes]).reshape(-1, 2),
    )


def _frame(corner: Corner) -> Array:
    """Unit vectors along the edge that follows the corner, and into the region across it."""
    ahead = corner.pieces[1].tangent(np.zeros(1))[0]
    x, y = ahead / np.linalg.norm(ahead)
    return np.array([[x, y], [-y, x]])


def _rays(region: Region, corner: Corner, ray: Array) -> Array:
    """Points in a direction from a corner."""
    size = max(b - a for a, b in region.bounds)
    return np.asarray(corner.place + size * np.geomspace(1e-3, 3, _ALONG)[:, None] * ray)


def _cut(region: Region, corner: Corner, frame: Array) -> float:
    """The angle, from the edge that follows the corner, of a ray that meets nothing of the
    region; as far from it as there is one, nan where there is none."""
    shares = (np.arange(_CUTS) + 0.5) / _CUTS
    for share in shares[np.argsort(np.abs(shares - 0.5), kind="stable")]:
        angle = corner.angle + share * (2 * math.pi - corner.angle)
        ray = np.array([math.cos(angle), math.sin(angle)]) @ frame
        if not region.holds(_rays(region, corner, ray)).any():
            return float(angle)
    return math.nan


def _beyond(region: Region, corner: Corner, frame: Array) -> Array:
    """A place outside of the region, halfway between a corner of a hole and its other side."""
    angle = corner.angle / 2 + math.pi
    far = _rays(region, corner, np.array([math.cos(angle), math.sin(angle)]) @ frame)
    return np.asarray((corner.place + far[np.argmax(region.holds(far))]) / 2)


def _middle(loop: tuple[Piece, ...]) -> tuple[Array, float]:
    """A point in a hole, its centre of mass, and the distance to its rim."""
    rim = np.concatenate([piece.at(np.linspace(0, 1, _ALONG, endpoint=False)) for piece in loop])
    ahead = np.roll(rim, -1, axis=0)
    cross = rim[:, 0] * ahead[:, 1] - rim[:, 1] * ahead[:, 0]
    place = (cross[:, None] * (rim + ahead)).sum(axis=0) / (3 * cross.sum())
    return place, float(np.linalg.norm(rim - place, axis=1).min())
