"""Triangles of order 2, as arrays: what meshes of cells and of domains have in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ..arrays import Array, Integers
from .elements import jacobians, nodes


@dataclass(frozen=True, eq=False)
class CurvedTriangles:
    """points (n, 2); cells (m, 6): the nodes of each triangle in the order of gmsh; phases (m,)."""

    points: Array
    cells: Integers
    phases: Integers

    @property
    def quality(self) -> float:
        """The smallest angle at a corner of a triangle, in degrees."""
        corners = self.points[self.cells[:, :3]]
        ahead = np.roll(corners, -1, axis=1) - corners
        ahead /= np.linalg.norm(ahead, axis=2, keepdims=True)
        cosines = -(ahead * np.roll(ahead, 1, axis=1)).sum(axis=2)
        return float(np.degrees(np.arccos(np.clip(cosines, -1, 1)).min()))

    @property
    def size(self) -> float:
        """The length of the longest edge."""
        corners = self.points[self.cells[:, :3]]
        return float(np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max())

    @cached_property
    def least_stretch(self) -> Array:
        """By how much the map onto each triangle stretches areas at least, as a share of the mean
        (m,): 1 for straight triangles, not positive where one is folded."""
        places = np.concatenate([nodes(2), [[1 / 3, 1 / 3]]])
        found = np.linalg.det(jacobians(self.points[self.cells], places))
        mean = np.abs(found).mean(axis=1)
        return np.asarray(found.min(axis=1) / np.where(mean > 0, mean, 1.0))

    @cached_property
    def digest(self) -> str:
        """Of all fields."""
        held = hashlib.sha256()
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value).tobytes()
            held.update(value if isinstance(value, bytes) else repr(value).encode())
        return held.hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.digest == other.digest

    @property
    def areas(self) -> Array:
        """Of the triangles, curved as they are (m,): by Green's formula along their edges, seen
        from a corner, as tiny ones far from 0 would be lost by rounding."""
        x = self.points[self.cells]
        x = x - x[:, :1]
        found = np.zeros(len(x))
        for k in range(3):
            a, b, middle = x[:, k], x[:, (k + 1) % 3], x[:, 3 + k]
            bent = middle - (a + b) / 2
            found += _cross(a, b) / 2 + 2 / 3 * _cross(bent, b - a)
        return found


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
