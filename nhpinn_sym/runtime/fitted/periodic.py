"""Nodes of the torus: which of some points are images of each other."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..arrays import Array, Integers
from ..kd_tree import kd_tree

# Share of the cell by which images differ by rounding; no mesh is so fine.
_SAME = 1e-11


def periodic_numbers(points: Array, vectors: Array) -> Integers:
    """A number for each of the points (n, 2); those that differ by whole periods have the same."""
    pairs = kd_tree(shares_in(points, vectors), 1.0).query_pairs(_SAME, output_type="ndarray")
    entries = (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1]))
    graph = coo_matrix(entries, shape=(len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1])


class TorusNodes:
    """Nodes (n, d) of the torus on `sides` (n,): those at one place and on one side are one
    unknown, of number `numbers` (n,) below `count`."""

    def __init__(self, points: Array, vectors: Array, sides: Integers) -> None:
        self._vectors = vectors
        self._tree = kd_tree(self._keys(points, sides), [1.0] * len(vectors) + [0.0])
        pairs = self._tree.query_pairs(_SAME, output_type="ndarray")
        entries = (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1]))
        graph = coo_matrix(entries, shape=(len(points), len(points)))
        self.count, labels = connected_components(graph, directed=False)
        self.numbers: Integers = np.asarray(labels, dtype=np.int64)

    def _keys(self, points: Array, sides: Integers) -> Array:
        """Places as shares of the period, and the side as one coordinate more."""
        return np.column_stack([shares_in(points, self._vectors), sides])

    def first(self, points: Array, sides: Integers) -> Integers:
        """The number of a node at each of the points (n, d), on the sides (n,)."""
        found: Integers = self._tree.query(self._keys(points, sides))[1]
        return found

    def on_facets(self, nodes: Array, sides: Integers) -> Integers:
        """The unknowns (f, s, k) at nodes (f, k, d), on each of the sides (f, s)."""
        count = nodes.shape[1]
        found = [
            self.numbers[self.first(nodes.reshape(-1, nodes.shape[2]), np.repeat(own, count))]
            for own in sides.T
        ]
        return np.stack([part.reshape(-1, count) for part in found], axis=1)


def shares_in(points: Array, vectors: Array) -> Array:
    """The places (n, 2) of points in the period, as shares of the vectors, below 1."""
    shares = points @ np.linalg.inv(vectors)
    shares = shares - np.floor(shares)
    shares[shares >= 1.0] = 0.0
    return np.asarray(shares)
