"""Parts of interfaces that triangles may be too large to see: curves around small regions."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, Flags
from .corners import LevelValues
from .interfaces import Label
from .triangulation import Triangulation

_STEPS = 40
# Shares of the local mesh: of differences, of the last step of Newton's method, and of the way to
# both sides of an interface.
_DIFFERENCE = 1e-5
_ROOT = 1e-8
_BESIDE = 1e-6
# Of the second differences that give a radius.
_ALONG = 1e-3
# A level of straight lines has second differences below this, relative to its first ones.
_STRAIGHT = 1e-6


def curve_points(mesh: Triangulation, levels: LevelValues, label: Label) -> tuple[Array, Array]:
    """Points (k, 2) on curved interfaces, one at most from each triangle and level, by Newton's
    method along the slopes of the levels; and the radii (k,) of these curves there."""
    start = mesh.centres
    size = mesh.longest[:, None]
    found, radii = [np.zeros((0, 2))], [np.zeros(0)]
    for k in np.flatnonzero(_curved(levels, start, size)):
        x = start
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                slope = _slopes(levels, x, size, k)
                step = levels(x)[:, k, None] * slope / (slope**2).sum(axis=1, keepdims=True)
                x = np.where(np.abs(x - step - start) < 2 * size, x - step, np.nan)
            there = np.isfinite(x).all(axis=1) & (np.abs(step) <= _ROOT * size).all(axis=1)
        x, slope = x[there], slope[there]
        steep = np.linalg.norm(slope, axis=1, keepdims=True)
        normal = slope / steep
        move = _BESIDE * size[there] * normal
        real = label(x + move) != label(x - move)
        along = _ALONG * size[there] * normal[:, ::-1] * [1, -1]
        ahead, here, behind = (levels(x + share * along)[:, k] for share in (1, 0, -1))
        bent = np.abs(ahead - 2 * here + behind) / (_ALONG * size[there] * steep)[:, 0]
        found.append(x[real])
        radii.append((_ALONG * size[there, 0] / np.maximum(bent, _STRAIGHT))[real])
    return np.concatenate(found), np.concatenate(radii)


def _slopes(levels: LevelValues, x: Array, size: Array, k: int) -> Array:
    columns = []
    for axis in np.eye(2):
        move = _DIFFERENCE * size * axis
        ahead, behind = levels(x + move)[:, k], levels(x - move)[:, k]
        columns.append((ahead - behind) / (2 * _DIFFERENCE * size[:, 0]))
    return np.stack(columns, axis=1)


def _curved(levels: LevelValues, x: Array, size: Array) -> Flags:
    """Which levels are no linear functions."""
    bent = np.zeros(levels(x[:1]).shape[1], dtype=bool)
    for axis in np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]):
        ahead, here, behind = (levels(x + share * size * axis) for share in (1, 0, -1))
        first = np.abs(ahead - behind).max(axis=0)
        bent |= np.abs(ahead - 2 * here + behind).max(axis=0) > _STRAIGHT * first
    return bent
