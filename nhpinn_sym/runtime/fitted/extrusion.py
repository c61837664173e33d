"""Tetrahedra of a cell whose curved interfaces are the same on all planes across an axis: triangles
that fit them, as prisms, each cut into three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Array, Integers
from ..lattice import Lattice
from .cell_mesh import CellMesh
from .elements import COUNTS, EDGES, TURNED, inside, places_of
from .mesher import Interfaces, meshes

# (corner of the triangle, below or above) of the corners of three tetrahedra, the corners in the
# order of their numbers: then prisms that share a side cut it alike.
_CUTS = np.array(
    [
        [(0, 0), (1, 0), (2, 0), (2, 1)],
        [(0, 0), (1, 0), (1, 1), (2, 1)],
        [(0, 0), (0, 1), (1, 1), (2, 1)],
    ]
)
# Height of layers over the length of triangles: along it fields bend at the faces alone. On finer
# meshes those stay that are no higher than triangles are long, but for what rounding adds.
_TALL = 2.0
_LOW = 1.0 + 1e-9
# By which the numbers of regions of several layers become one.
_RADIX = 1_000_003


@dataclass(frozen=True)
class _Layers:
    """The interfaces of the plane across an axis: between those across it, at one of the `middles`
    each, in shares of its period. Places in the plane are those of the two other periods, turned
    into it."""

    solid: Interfaces
    axis: int
    middles: Array

    @cached_property
    def vectors(self) -> Array:
        """The two other periods, in the plane."""
        own = np.delete(self.solid.vectors, self.axis, axis=0)
        return np.asarray(np.linalg.cholesky(own @ own.T))

    def at(self, points: Array, height: float) -> Array:
        """In space, at that share of the period of the axis."""
        shares = np.insert(points @ np.linalg.inv(self.vectors), self.axis, height, axis=1)
        return np.asarray(self.solid.origin + shares @ self.solid.vectors)

    def label(self, points: Array) -> Integers:
        """A number for each column of regions."""
        codes = np.zeros(len(points), dtype=np.int64)
        for height in self.middles:
            codes = codes * _RADIX + self.solid.label(self.at(points, height))
        return codes

    def levels(self, points: Array) -> Array:
        return self.solid.levels(self.at(points, self.middles[0]))

    @property
    def plane(self) -> Interfaces:
        planes = [own for k, own in enumerate(self.solid.planes) if k != self.axis]
        return Interfaces(self.label, self.levels, planes, np.zeros(2), self.vectors)


def extruded_meshes(solid: Interfaces, axis: int, n: int) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... triangles along the longer period of the plane, and layers
    that are halved where these are shorter. Errors are those of `meshes`.
    """
    cuts = np.unique([0.0, *solid.planes[axis], 1.0])
    layers = _Layers(solid, axis, (cuts[1:] + cuts[:-1]) / 2)
    lengths = np.linalg.norm(solid.vectors, axis=1)
    count = n * lengths[axis] / np.delete(lengths, axis).max()
    least = max(1, round(count / _TALL))
    (shares,) = Lattice.fitted(((0.0, 1.0),), (least,), (solid.planes[axis],)).lines
    for mesh in meshes(layers.plane, n):
        yield _extruded(mesh, shares, layers)
        count *= 2
        if np.diff(shares).max() * count > _LOW:
            shares = np.sort(np.concatenate([shares, (shares[1:] + shares[:-1]) / 2]))


def _extruded(plane: CellMesh, shares: Array, layers: _Layers) -> CellMesh:
    """The mesh between the lowest and the highest of some shares of the period of the axis, which
    are 1 apart."""
    middles = (shares[1:] + shares[:-1]) / 2
    levels = np.sort(np.concatenate([shares, middles]))
    count = len(plane.points)
    points = np.concatenate([layers.at(plane.points, level) for level in levels])
    cells = _right_handed(points, _prisms(plane, len(middles)))
    whole = count * np.arange(len(levels))[:, None]
    originals = (whole + plane.originals).ravel()
    originals[-count:] = plane.originals
    images = np.flatnonzero(originals != np.arange(len(points)))
    pairs = np.stack([images, originals[images]], axis=1)
    centres = places_of(points[cells], inside(3)[:1])[:, 0]
    return CellMesh(points, cells, layers.solid.label(centres), pairs, layers.solid.vectors)


def _prisms(plane: CellMesh, layers: int) -> Integers:
    """The nodes (3 m layers, 10) of the tetrahedra; each level of nodes of the plane holds twice as
    many levels as there are layers, and one more."""
    order = np.argsort(plane.originals[plane.cells[:, :3]], axis=1)
    rows = np.arange(len(order))[:, None, None]
    joining = np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2]])  # the node of two corners, or of one
    nodes = plane.cells[rows, joining[order[:, :, None], order[:, None, :]]]
    ends = np.concatenate([np.stack([np.arange(4)] * 2, axis=1), EDGES[3]])
    one, other = _CUTS[:, ends[:, 0]], _CUTS[:, ends[:, 1]]
    flat = nodes[:, one[..., 0], other[..., 0]]
    level = one[..., 1] + other[..., 1]
    first = 2 * np.arange(layers)[:, None, None, None]
    found = flat + len(plane.points) * (level + first)
    return found.reshape(-1, COUNTS[3])


def _right_handed(points: Array, cells: Integers) -> Integers:
    """With two corners exchanged of what has a negative volume."""
    x = points[cells[:, :4]]
    turned = np.linalg.det(x[:, 1:] - x[:, :1]) < 0
    return np.where(turned[:, None], cells[:, TURNED[3]], cells)
