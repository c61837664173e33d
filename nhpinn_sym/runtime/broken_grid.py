"""Functions on a lattice that jump between cells on different sides of an interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .arrays import Array, Integers
from .lagrange_grid import LagrangeGrid
from .lattice import Lattice


@dataclass(frozen=True, eq=False)
class BrokenGrid:
    """A piecewise Q_degree function (or a batch of them), continuous on each side.

    sides  : (cells) the side of each cell of the lattice, 0, 1, ...
    values : (..., sides, nodes): of the function on each side, 0 at nodes where it is not
    """

    lattice: Lattice
    degree: int
    sides: Integers
    values: Array

    @classmethod
    def from_dofs(
        cls,
        points: Array,
        point_sides: Integers,
        values: Array,
        lattice: Lattice,
        degree: int,
        sides: Integers,
    ) -> BrokenGrid:
        """Sort values (..., n) at nodes (n, d) of elements with these sides into the lattice;
        `sides` (cells,) are those of all cells.
        """
        names, numbers = np.unique(sides, return_inverse=True)
        shape = tuple(n * degree + 1 for n in lattice.cells)
        places = [lattice.numbers(axis, points[:, axis], degree) for axis in range(lattice.dim)]
        flat = np.ravel_multi_index(tuple(places), shape)
        held = np.zeros((*values.shape[:-1], len(names), int(np.prod(shape))))
        held[..., np.searchsorted(names, point_sides), flat] = values
        return cls(
            lattice,
            degree,
            numbers.reshape(lattice.cells),
            held.reshape(*values.shape[:-1], len(names), *shape),
        )

    @property
    def mesh(self) -> Lattice:
        return self.lattice

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the leading axes."""
        return self.values.shape[: self.values.ndim - self.lattice.dim - 1]

    def __getitem__(self, key: int | slice) -> BrokenGrid:
        """Along the first axis of the batch."""
        return replace(self, values=self.values[key])

    def evaluate(self, points: Array, index: Sequence[int], periodic: bool = True) -> Array:
        """As `LagrangeGrid.evaluate`; points on an interface belong to the upper cell."""
        points = np.asarray(points, dtype=float)
        every = LagrangeGrid(self.lattice, self.degree, self.values)
        found = every.evaluate(points, index, periodic)
        cells = [
            self.lattice.locate(axis, points[:, axis], periodic)[0]
            for axis in range(self.lattice.dim)
        ]
        return np.asarray(found[..., self.sides[tuple(cells)], np.arange(len(points))])
