"""Interfaces of disks, and meshes that fit them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.cell_mesh import CellMesh
from nhpinn_sym.runtime.fitted.mesher import Interfaces, meshes

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
