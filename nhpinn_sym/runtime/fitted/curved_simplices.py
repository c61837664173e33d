"""Triangles and tetrahedra of order 2, as arrays: what meshes of cells and of domains have in
common."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from ..arrays import Array, Integers
from .elements import EDGES, jacobians, nodes, rule

# Points along each direction that integrate the determinants of curved maps exactly.
_EXACT = {2: 2, 3: 3}


@dataclass(frozen=True, eq=False)
class CurvedSimplices:
    """points (n, d); cells (m, 6), or (m, 10) in space: the nodes of each triangle or tetrahedron
    in the order of gmsh; phases (m,)."""

    points: Array
    cells: Integers
    phases: Integers

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the arrays to an .npz file."""
        Path(path).write_bytes(self.data)
        return Path(path)

    @property
    def data(self) -> bytes:
        """What a file of the arrays holds."""
        held = io.BytesIO()
        np.savez(held, **{f.name: np.asarray(getattr(self, f.name)) for f in fields(self)})
        return held.getvalue()

    @property
    def dim(self) -> int:
        """2 of triangles, 3 of tetrahedra."""
        return int(self.points.shape[1])

    @property
    def quality(self) -> float:
        """The smallest angle, in degrees: at a corner of a triangle, between two faces of a
        tetrahedron."""
        corners = self.points[self.cells[:, : self.dim + 1]]
        # Gradients of the barycentric coordinates are normal to the faces.
        edges = corners[:, 1:] - corners[:, :1]
        slopes = np.linalg.inv(np.swapaxes(edges, 1, 2))
        normals = np.concatenate([-slopes.sum(axis=1, keepdims=True), slopes], axis=1)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        cosines = -np.einsum("mid,mjd->mij", normals, normals)
        one, other = np.triu_indices(self.dim + 1, 1)
        return float(np.degrees(np.arccos(np.clip(cosines[:, one, other], -1, 1)).min()))

    @property
    def size(self) -> float:
        """The length of the longest edge."""
        ends = self.points[self.cells[:, EDGES[self.dim]]]
        return float(np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).max())

    @cached_property
    def least_stretch(self) -> Array:
        """By how much the map onto each simplex stretches volumes at least, as a share of the mean
        (m,): 1 for straight ones, not positive where one is folded."""
        places = np.concatenate([nodes(2, self.dim), nodes(3, self.dim), rule(3, self.dim)[0]])
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
    def volumes(self) -> Array:
        """Of the tetrahedra, or the areas of the triangles, curved as they are (m,): seen from a
        corner, as tiny ones far from 0 would be lost by rounding."""
        x = self.points[self.cells]
        places, weights = rule(_EXACT[self.dim], self.dim)
        return np.asarray(np.linalg.det(jacobians(x - x[:, :1], places)) @ weights)
