"""Interfaces of disks, and meshes that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.cell_mesh import CellMesh
from nhpinn_sym.runtime.fitted.elements import nodes
from nhpinn_sym.runtime.fitted.mesher import Interfaces, meshes
from nhpinn_sym.runtime.fitted.msh_cells import periodic_cell

SQUARE = ((1.0, 0.0), (0.0, 1.0))
HEXAGONAL = ((1.0, 0.0), (0.5, float(np.sqrt(3) / 2)))
Disks = Sequence[tuple[tuple[float, float], float]]


def disks(shapes: Disks, vectors: Sequence[Sequence[float]] = SQUARE) -> Interfaces:
    """Region 1 in the disks (center, radius) and their images, 0 elsewhere."""
    periods = np.array(vectors)
    near = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2) @ periods

    def levels(points: Array) -> Array:
        columns = []
        for center, radius in shapes:
            for shift in near:
                columns.append(((points - center - shift) ** 2).sum(axis=1) - radius**2)
        return np.stack(columns, axis=1)

    def label(points: Array) -> Integers:
        shares = points @ np.linalg.inv(periods)
        inside = (shares - np.floor(shares)) @ periods
        return (levels(inside) < 0).any(axis=1).astype(int)

    return Interfaces(label, levels, ((), ()), np.zeros(2), periods)


def mesh_of(shapes: Disks, n: int, vectors: Sequence[Sequence[float]] = SQUARE) -> CellMesh:
    return next(meshes(disks(shapes, vectors), n))


def bent_tetrahedra(n: int, vectors: Array, bend: float = 0.04) -> CellMesh:
    """Six to each of n^3 boxes of shares of the vectors, along a smooth periodic motion; one half
    of the cell is another phase."""
    steps = [np.cumsum(np.eye(3)[list(order)], axis=0) for order in permutations(range(3))]
    corners = np.array([np.vstack([np.zeros(3), path]) for path in steps])
    boxes = np.indices((n,) * 3).reshape(3, -1).T
    cells = (boxes[:, None, None] + corners).reshape(-1, 4, 3) / n
    reference = nodes(2, 3)
    shares = np.column_stack([1 - reference.sum(axis=1), reference])
    places = np.einsum("kc,mcd->mkd", shares, cells)
    phases = (places.mean(axis=1)[:, 0] > 0.5).astype(int)
    places = places + bend * np.sin(2 * np.pi * np.roll(places, 1, axis=2))
    return periodic_cell(places @ vectors, phases, vectors)
