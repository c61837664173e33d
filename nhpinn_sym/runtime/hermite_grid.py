"""Tensor-product cubic Hermite functions on a lattice: continuously differentiable, evaluated with
numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .lagrange_grid import LagrangeGrid
from .lattice import Lattice

DEGREE = 3
SHAPES: Array = np.array(
    [
        [1.0, 0.0, -3.0, 2.0],
        [0.0, 1.0, -2.0, 1.0],
        [0.0, 0.0, 3.0, -2.0],
        [0.0, 0.0, -1.0, 1.0],
    ]
)
"""Ascending coefficients on (0, 1): the value and the slope at 0, the value and the slope at 1."""


@dataclass(frozen=True)
class HermiteGrid(LagrangeGrid):
    """A piecewise bicubic function (or a batch of them) with continuous first and mixed
    derivatives: Bogner, Fox and Schmit 1965.

    `values` has shape (..., 2 (n_1 + 1), ..., 2 (n_d + 1)): along each axis the value and the
    derivative at one line after the other.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return tuple(2 * (n + 1) for n in self.cells)

    def nodal(self) -> LagrangeGrid:
        """The function that is linear between the vertices, with the values there."""
        at_vertices: tuple[Any, ...] = (..., *(slice(None, None, 2),) * self.dim)
        return LagrangeGrid(self.lattice, 1, self.values[at_vertices])

    def _axis(
        self, axis: int, x: Array, order: int, periodic: bool
    ) -> tuple[NDArray[np.intp], Array]:
        cell, place, length = self.lattice.locate(axis, x, periodic)
        return 2 * cell, hermite_shapes(place, np.broadcast_to(length, place.shape), order)


def hermite_shapes(place: Array, length: Array, order: int) -> Array:
    """The derivatives (4, ...) of that order, along an axis, of the functions of an element of that
    length at places in (0, 1).
    """
    rows = []
    for k, row in enumerate(SHAPES):
        shape = np.polynomial.polynomial.polyder(row, order) if order else row
        slope = k % 2
        rows.append(np.polynomial.polynomial.polyval(place, shape) * length ** float(slope - order))
    return np.array(rows)


def grid_of(kind: str, lattice: Lattice, degree: int, values: Array) -> LagrangeGrid:
    """The grid function that a file holds: of Lagrange elements, or "hermite"."""
    return (HermiteGrid if kind == "hermite" else LagrangeGrid)(lattice, degree, values)
