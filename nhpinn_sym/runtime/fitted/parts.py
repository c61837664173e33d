"""Parts of a mesh of a cell, and whether they are connected."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from ..arrays import Flags, Integers
from .cell_mesh import CellMesh


class UnconnectedParts(ValueError):
    """Elements that do not hang together."""


def connected_parts(mesh: CellMesh, chosen: Flags) -> Integers:
    """The number of the part of each of the chosen triangles: those that have an edge in common,
    across the faces of the cell too, are of one part."""
    edges = mesh.originals[mesh.cells[chosen, 3:]]
    rows = np.repeat(np.arange(len(edges)), 3)
    table = sps.csr_matrix((np.ones(edges.size), (rows, edges.ravel())))
    return np.asarray(connected_components(table @ table.T, directed=False)[1])


def require_connected(mesh: CellMesh, chosen: Flags) -> None:
    """UnconnectedParts where the chosen triangles are of several."""
    sizes = np.bincount(connected_parts(mesh, chosen))
    if len(sizes) > 1:
        raise UnconnectedParts(f"{len(sizes)} parts, the smallest of {sizes.min()} triangles")
