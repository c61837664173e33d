"""Boxes of many cells without their holes: meshes of a cell, laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Integers
from .cell_mesh import CellMesh, InvalidMesh
from .domain_mesh import DomainMesh, boundary_of
from .elements import inside, places_of

# Share of a cell by which nodes on a face of the box may be off.
_ON_FACE = 1e-9


@dataclass(frozen=True)
class Tiling:
    """A box of whole cells.

    counts : of cells along each axis
    corner : (d,) the lower corner of the box, in the coordinates of the cell
    names  : the parts of the boundary, the lower and the upper face of each axis before the holes
    """

    counts: Sequence[int]
    corner: Array
    names: tuple[str, ...]

    def mesh(self, cell: CellMesh, holes: Integers) -> DomainMesh:
        """The elements of all cells that are in no hole; holes (m,): the number in `names` of the
        hole that each is in, -1 of the solid. InvalidMesh where elements cross a face of the box.
        """
        solid = holes < 0
        nodes, places = self._laid(cell, cell.cells[solid])
        keys, numbers = np.unique(nodes.reshape(-1), return_inverse=True)
        cells = numbers.reshape(nodes.shape)
        points = np.empty((len(keys), cell.dim))
        points[cells] = places
        facets = boundary_of(cells)
        around = np.full(len(cell.points), -1)
        around[cell.originals[cell.cells[~solid]]] = holes[~solid, None]
        parts = self._faces(points[facets], cell.vectors)
        inner = parts < 0
        parts[inner] = around[keys[facets[inner, -1]] % len(cell.points)]
        if (parts < 0).any():
            near = points[facets[parts < 0][0, -1]]
            place = ", ".join(f"{x:.4g}" for x in near)
            raise InvalidMesh(f"elements cross a face of the box, the first one near ({place})")
        used, parts = np.unique(parts, return_inverse=True)
        names = tuple(self.names[k] for k in used)
        phases = np.tile(cell.phases[solid], int(np.prod(self.counts)))
        return DomainMesh(points, cells, phases, facets, parts.reshape(-1), names)

    def _laid(self, cell: CellMesh, elements: Integers) -> tuple[Integers, Array]:
        """Nodes (n m, k) of the elements in all cells, equal numbers for one node, which is that of
        its original modulo their count; and their places (n m, k, d)."""
        inverse = np.linalg.inv(cell.vectors)
        apart = (cell.points - cell.points[cell.originals]) @ inverse
        middle = places_of(cell.points[elements], inside(cell.dim)[:1])[:, 0]
        # By whole periods into the first cell of the box.
        moved = -np.floor((middle - self.corner) @ inverse).astype(int)
        steps = np.rint(apart).astype(int)[elements] + moved[:, None]
        tiles = np.stack(np.meshgrid(*map(np.arange, self.counts), indexing="ij"), axis=-1)
        every = steps + tiles.reshape(-1, 1, 1, cell.dim)
        low = every.min(axis=(0, 1, 2))
        shape = tuple((every.max(axis=(0, 1, 2)) - low + 1).tolist())
        number = np.ravel_multi_index(tuple(np.moveaxis(every - low, -1, 0)), shape)
        originals = cell.originals[elements]
        count = elements.shape[1]
        places = cell.points[originals] + every @ cell.vectors
        nodes = number * len(cell.points) + originals
        return nodes.reshape(-1, count), places.reshape(-1, count, cell.dim)

    def _faces(self, facets: Array, vectors: Array) -> Integers:
        """The face of the box (k,) that each facet (k, n, d) lies on; -1 inside."""
        shares = (facets - self.corner) @ np.linalg.inv(vectors)
        found = np.full(len(facets), -1)
        for axis, count in enumerate(self.counts):
            for end, place in enumerate((0, count)):
                on = np.abs(shares[..., axis] - place).max(axis=1) < _ON_FACE * count
                found[on] = 2 * axis + end
        return found
