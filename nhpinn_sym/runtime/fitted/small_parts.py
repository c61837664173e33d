"""Parts of interfaces that triangles, or tetrahedra, may be too large to see: curves and surfaces
around small regions, and what is thin between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Flags, Integers
from .corners import LevelValues
from .interfaces import Label
from .triangulation import PeriodicSimplices

_STEPS = 40
# Shares of the local mesh: of differences, of the last step of Newton's method, and of the way to
# both sides of an interface.
_DIFFERENCE = 1e-5
_ROOT = 1e-8
_BESIDE = 1e-6
# Of the second differences that give a radius.
_ALONG = 1e-3
# A level of straight lines, or planes, has second differences below this, relative to its first
# ones.
_STRAIGHT = 1e-6
# Shares of the local mesh at which other interfaces are looked for, across one of them.
_ACROSS = np.geomspace(1e-3, 1.0, 40)


@dataclass(frozen=True)
class InterfacePoints:
    """Points (k, d) on curved interfaces.

    places, normals : (k, d)
    radii           : (k,) the least ones of the curve, or the surface, there
    simplices       : (k,) from which of them each was found
    """

    places: Array
    normals: Array
    radii: Array
    simplices: Integers


def interface_points(mesh: PeriodicSimplices, levels: LevelValues, label: Label) -> InterfacePoints:
    """One point at most from each simplex and level, by Newton's method along the slopes of the
    levels."""
    start, size = mesh.centres, mesh.longest
    found = [
        _on_level(levels, k, mesh, label) for k in np.flatnonzero(_curved(levels, start, size))
    ]
    none = np.zeros((0, mesh.dim))
    parts = [(none, none, np.zeros(0), np.zeros(0, dtype=int)), *found]
    return InterfacePoints(*(np.concatenate(own) for own in zip(*parts, strict=True)))


def thicknesses(points: InterfacePoints, size: Array, label: Label) -> Array:
    """From points of interfaces to the next one along the normal, on either side of it, where that
    is less than `size` (k,), which it is else."""
    found = np.ones(len(size))
    for normal in (points.normals, -points.normals):
        ways = size[:, None] * np.append(_BESIDE, _ACROSS)
        places = points.places[:, None] + ways[:, :, None] * normal[:, None]
        labels = label(places.reshape(-1, normal.shape[1])).reshape(ways.shape)
        other = labels[:, 1:] != labels[:, :1]
        share = np.where(other.any(axis=1), _ACROSS[np.argmax(other, axis=1)], 1.0)
        found = np.minimum(found, share)
    return found * size


def _on_level(
    levels: LevelValues, k: int, mesh: PeriodicSimplices, label: Label
) -> tuple[Array, Array, Array, Integers]:
    """Those points on level k that are an interface, as in `InterfacePoints`."""
    alive, x = _roots(levels, k, mesh.centres, mesh.longest)
    size = mesh.longest[alive, None]
    slope = _slopes(levels, x, size, k)
    steep = np.linalg.norm(slope, axis=1, keepdims=True)
    normal = slope / steep
    move = _BESIDE * size * normal
    real = label(x + move) != label(x - move)
    bent = np.zeros(len(x))
    for tangent in _tangents(normal):
        along = _ALONG * size * tangent
        ahead, here, behind = (levels(x + share * along)[:, k] for share in (1, 0, -1))
        own = np.abs(ahead - 2 * here + behind) / (_ALONG * size * steep)[:, 0]
        bent = np.maximum(bent, own)
    radii = _ALONG * size[:, 0] / np.maximum(bent, _STRAIGHT)
    return x[real], normal[real], radii[real], alive[real]


def _roots(levels: LevelValues, k: int, start: Array, size: Array) -> tuple[Integers, Array]:
    """The numbers of the places from which zeros of level k were found, and these zeros."""
    alive, x, step = np.arange(len(start)), start, np.full(len(start), np.inf)
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            if (step <= _ROOT * size[alive]).all():
                break
            slope = _slopes(levels, x, size[alive, None], k)
            move = levels(x)[:, k, None] * slope / (slope**2).sum(axis=1, keepdims=True)
            kept = (np.abs(x - move - start[alive]) < 2 * size[alive, None]).all(axis=1)
            alive, x, step = alive[kept], (x - move)[kept], np.abs(move[kept]).max(axis=1)
    there = step <= _ROOT * size[alive]
    return alive[there], x[there]


def _tangents(normals: Array) -> list[Array]:
    """Unit vectors (k, d) along a curve, or in four directions along a surface."""
    if normals.shape[1] == 2:
        return [normals[:, ::-1] * [1, -1]]
    least = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    first = np.cross(normals, least)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first)
    return [first, second, (first + second) / np.sqrt(2), (first - second) / np.sqrt(2)]


def _slopes(levels: LevelValues, x: Array, size: Array, k: int) -> Array:
    columns = []
    for axis in np.eye(x.shape[1]):
        move = _DIFFERENCE * size * axis
        ahead, behind = levels(x + move)[:, k], levels(x - move)[:, k]
        columns.append((ahead - behind) / (2 * _DIFFERENCE * size[:, 0]))
    return np.stack(columns, axis=1)


def _curved(levels: LevelValues, x: Array, size: Array) -> Flags:
    """Which levels are no linear functions."""
    bent = np.zeros(levels(x[:1]).shape[1], dtype=bool)
    oblique = np.array([[0.6, 0.8, 0.0], [0.5, 0.3, 0.8]])[: x.shape[1] - 1, : x.shape[1]]
    for axis in np.concatenate([np.eye(x.shape[1]), oblique]):
        ahead, here, behind = (levels(x + share * size[:, None] * axis) for share in (1, 0, -1))
        first = np.abs(ahead - behind).max(axis=0)
        bent |= np.abs(ahead - 2 * here + behind).max(axis=0) > _STRAIGHT * first
    return bent
