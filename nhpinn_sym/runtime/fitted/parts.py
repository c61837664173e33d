"""Parts of a mesh of a cell, and whether they are connected."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from ..arrays import Flags, Integers
from .cell_mesh import CellMesh, facets_of


class UnconnectedParts(ValueError):
    """Elements that do not hang together."""


def connected_parts(mesh: CellMesh, chosen: Flags) -> Integers:
    """The number of the part of each of the chosen elements: those that have an edge in common, in
    space a face, across the faces of the cell too, are of one part."""
    facets = np.sort(mesh.originals[facets_of(mesh.cells[chosen])], axis=1)
    _, numbers = np.unique(facets, axis=0, return_inverse=True)
    rows = np.repeat(np.arange(int(chosen.sum())), mesh.dim + 1)
    table = sps.csr_matrix((np.ones(len(rows)), (rows, numbers.ravel())))
    return np.asarray(connected_components(table @ table.T, directed=False)[1])


def require_connected(mesh: CellMesh, chosen: Flags) -> None:
    """UnconnectedParts where the chosen elements are of several."""
    sizes = np.bincount(connected_parts(mesh, chosen))
    if len(sizes) > 1:
        raise UnconnectedParts(f"{len(sizes)} parts, the smallest of {sizes.min()} elements")
