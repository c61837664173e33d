"""Nodes of the torus: which of some points are images of each other."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..arrays import Array, Integers

# Share of the cell by which images differ by rounding; no mesh is so fine.
_SAME = 1e-11


def numbered(points: Array, vectors: Array) -> Integers:
    """A number for each of the points (n, 2); those that differ by whole periods have the same."""
    pairs = cKDTree(shares_in(points, vectors), boxsize=1.0).query_pairs(
        _SAME, output_type="ndarray"
    )
    entries = (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1]))
    graph = coo_matrix(entries, shape=(len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1])


def shares_in(points: Array, vectors: Array) -> Array:
    """The places (n, 2) of points in the period, as shares of the vectors, below 1."""
    shares = points @ np.linalg.inv(vectors)
    shares = shares - np.floor(shares)
    shares[shares >= 1.0] = 0.0
    return np.asarray(shares)
