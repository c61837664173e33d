"""Tetrahedra of a cell whose curved interfaces are the same on all planes across its last axis:
triangles that fit them, as prisms, each cut into three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Integers
from ..lattice import Lattice
from .cell_mesh import CellMesh
from .elements import COUNTS, EDGES, TURNED, inside, places_of
from .interfaces import Label
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
# Height of layers over the length of triangles: along it fields bend at the faces alone.
_TALL = 2.0
# By which the numbers of regions of several layers become one.
_RADIX = 1_000_003


@dataclass(frozen=True)
class _Layers:
    """The interfaces of the plane: between those across the axis, one of the `heights` each."""

    solid: Interfaces
    heights: Array

    def at(self, points: Array, height: float) -> Array:
        return np.column_stack([points, np.full(len(points), height)])

    def label(self, points: Array) -> Integers:
        """A number for each column of regions."""
        codes = np.zeros(len(points), dtype=np.int64)
        for height in self.heights:
            codes = codes * _RADIX + self.solid.label(self.at(points, height))
        return codes

    def levels(self, points: Array) -> Array:
        return self.solid.levels(self.at(points, self.heights[0]))


def extruded_meshes(solid: Interfaces, n: int) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... triangles along the longer period of the plane, and layers
    as high as these are long. Errors are those of `meshes`.
    """
    height = float(solid.vectors[2, 2])
    low = float(solid.origin[2])
    lengths = np.linalg.norm(solid.vectors[:2, :2], axis=1)
    count = max(1, round(n * height / (_TALL * lengths.max())))
    (shares,) = Lattice.fitted(((0.0, 1.0),), (count,), solid.planes[2:]).lines
    cuts = np.unique([0.0, *solid.planes[2], 1.0])
    layers = _Layers(solid, low + height * (cuts[1:] + cuts[:-1]) / 2)
    plane = Interfaces(
        layers.label, layers.levels, solid.planes[:2], solid.origin[:2], solid.vectors[:2, :2]
    )
    for mesh in meshes(plane, n):
        yield extruded(mesh, low + height * shares, solid.label)
        shares = np.sort(np.concatenate([shares, (shares[1:] + shares[:-1]) / 2]))


def extruded(plane: CellMesh, heights: Array, label: Label) -> CellMesh:
    """The mesh between the lowest and the highest of some heights, which are one period apart."""
    middles = (heights[1:] + heights[:-1]) / 2
    levels = np.sort(np.concatenate([heights, middles]))
    count = len(plane.points)
    points = np.column_stack([np.tile(plane.points, (len(levels), 1)), np.repeat(levels, count)])
    cells = _prisms(plane, len(middles))
    cells = _right_handed(points, cells)
    vectors = np.zeros((3, 3))
    vectors[:2, :2] = plane.vectors
    vectors[2, 2] = heights[-1] - heights[0]
    whole = count * np.arange(len(levels))[:, None]
    originals = (whole + plane.originals).ravel()
    originals[-count:] = plane.originals
    images = np.flatnonzero(originals != np.arange(len(points)))
    pairs = np.stack([images, originals[images]], axis=1)
    centres = places_of(points[cells], inside(3)[:1])[:, 0]
    return CellMesh(points, cells, label(centres), pairs, vectors)


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
