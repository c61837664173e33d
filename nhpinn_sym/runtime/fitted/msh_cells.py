"""Files of gmsh as meshes of a cell: nodes on opposite sides are found by their places."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, Integers
from ..kd_tree import kd_tree
from .cell_mesh import CellMesh
from .elements import counterclockwise
from .msh_file import read_simplices
from .periodic import shares_in

# Shares of the cell by which nodes of one place, and images, differ in a file.
_SAME = 1e-8


def read_cell(data: bytes, vectors: Array) -> CellMesh:
    """The mesh in the bytes of a file, of a cell with these periods, one a row. InvalidMesh where
    they are none, or do not tile the plane, or space."""
    places, regions = read_simplices(data, len(vectors))
    return periodic_cell(places, np.unique(regions, return_inverse=True)[1].ravel(), vectors)


def periodic_cell(places: Array, phases: Integers, vectors: Array) -> CellMesh:
    """From the places (m, k, d) of the nodes of each element; InvalidMesh as `read_cell`."""
    places = counterclockwise(places)
    every = places.reshape(-1, len(vectors))
    scale = np.abs(vectors).max()
    node = _merged(every, scale)
    _, first, numbers = np.unique(node, return_index=True, return_inverse=True)
    points = every[first]
    original = _originals(points, vectors)
    # Images stand exactly where their originals do: spaces match them to rounding.
    shares = (points - points[original]) @ np.linalg.inv(vectors)
    points = points[original] + np.rint(shares) @ vectors
    images = np.flatnonzero(original != np.arange(len(points)))
    pairs = np.stack([images, original[images]], axis=1)
    found = CellMesh(points, numbers.reshape(len(places), -1), phases, pairs, vectors)
    found.check()
    return found


def _merged(points: Array, scale: float) -> Integers:
    """The first of the points in each place."""
    near = kd_tree(points).query_pairs(_SAME * scale, output_type="ndarray")
    return _first_of(len(points), near)


def _originals(points: Array, vectors: Array) -> Integers:
    """The first of the points that are images of each other."""
    tree = kd_tree(shares_in(points, vectors), 1.0)
    return _first_of(len(points), tree.query_pairs(_SAME, output_type="ndarray"))


def _first_of(count: int, pairs: Integers) -> Integers:
    found = np.arange(count)
    np.minimum.at(found, pairs.max(axis=1), pairs.min(axis=1))
    return found[found]
