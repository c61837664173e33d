"""Tensor-product Lagrange functions on a structured box mesh, evaluated with numpy alone.

The values stand on the lattice of all nodes, so that a point is found by one division per axis: no search tree,
no finite element library, and the same answer on every MPI rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

_SHAPES: dict[int, NDArray[np.float64]] = {
    1: np.array([[1.0, -1.0], [0.0, 1.0]]),
    2: np.array([[1.0, -3.0, 2.0], [0.0, 4.0, -4.0], [0.0, -1.0, 2.0]]),
}
"""Per degree: row k holds the ascending coefficients of the k-th nodal polynomial on (0, 1)."""

_ROUNDING = 1e-9
"""How far outside, as a fraction of the box's length, a point counts as one on the face."""


@dataclass(frozen=True)
class LagrangeGrid:
    """A continuous, piecewise Q_degree function (or a batch of them) on the box `bounds` cut into `cells`.

    `values` has shape (..., n_1 degree + 1, ..., n_d degree + 1): leading axes are a batch, axis i of the rest
    runs along coordinate i. Raises ValueError for a degree other than 1 or 2 and for shapes that do not fit.
    """

    bounds: tuple[tuple[float, float], ...]
    cells: tuple[int, ...]
    degree: int
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.degree not in _SHAPES:
            raise ValueError(f"degree {self.degree}: only {sorted(_SHAPES)} are there")
        if len(self.bounds) != len(self.cells) or self.values.shape[self.values.ndim - self.dim :] != self.lattice:
            raise ValueError(f"bounds {self.bounds}, cells {self.cells} and values {self.values.shape} do not fit together")

    @property
    def dim(self) -> int:
        return len(self.cells)

    @property
    def lattice(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return tuple(n * self.degree + 1 for n in self.cells)

    @classmethod
    def from_dofs(cls, coordinates: NDArray[np.float64], values: NDArray[np.float64], bounds: tuple[tuple[float, float], ...],
                  cells: tuple[int, ...], degree: int) -> LagrangeGrid:
        """Sort dofs at `coordinates` (N, d) with `values` (..., N) into the lattice.

        ValueError if a dof is not at a lattice node, or a lattice node has no dof.
        """
        lattice = tuple(n * degree + 1 for n in cells)
        low, high = np.array(bounds, dtype=float).T
        steps = (np.asarray(coordinates) - low) / (high - low) * (np.array(lattice) - 1)
        nodes = np.rint(steps).astype(np.intp)
        if np.abs(steps - nodes).max(initial=0.0) > 1e-6 or (nodes < 0).any() or (nodes >= lattice).any():
            raise ValueError(f"a dof is not at a node of the {lattice} lattice")
        flat = np.ravel_multi_index(tuple(nodes.T), lattice)
        hit = np.zeros(np.prod(lattice), dtype=bool)
        hit[flat] = True
        if not hit.all():
            raise ValueError(f"{np.count_nonzero(~hit)} nodes of the {lattice} lattice have no dof")
        sorted_values = np.empty(values.shape[:-1] + hit.shape, dtype=values.dtype)
        sorted_values[..., flat] = values
        return cls(tuple(bounds), tuple(cells), degree, sorted_values.reshape(values.shape[:-1] + lattice))

    def evaluate(self, points: NDArray[np.float64], index: Sequence[int], periodic: bool = False) -> NDArray[np.float64]:
        """D^index at `points` (n, d): shape (..., n).

        Derivatives are exact inside the elements; on an interface they are those of the upper element. ValueError for
        more than `degree` derivatives along an axis, and for points outside the box unless `periodic`.
        """
        points = np.asarray(points, dtype=float)
        if points.ndim != 2 or points.shape[1] != self.dim or len(index) != self.dim:
            raise ValueError(f"points {points.shape} and index {tuple(index)} on a {self.dim}-dimensional grid")
        if min(index) < 0 or max(index) > self.degree:
            raise ValueError(f"derivative {tuple(index)} of elements of degree {self.degree}: at most {self.degree} along each axis are defined")
        axes = [self._axis(axis, points[:, axis], index[axis], periodic) for axis in range(self.dim)]
        flat = self.values.reshape(*self.values.shape[: self.values.ndim - self.dim], -1)
        result = np.zeros((*flat.shape[:-1], len(points)), dtype=np.result_type(flat, float))
        for corner in product(range(self.degree + 1), repeat=self.dim):
            nodes = np.ravel_multi_index(tuple(first + k for (first, _), k in zip(axes, corner, strict=True)), self.lattice)
            weight = np.prod([weights[k] for (_, weights), k in zip(axes, corner, strict=True)], axis=0)
            result += flat[..., nodes] * weight
        return result

    def _axis(self, axis: int, x: NDArray[np.float64], order: int, periodic: bool) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """First node (n,) and weights (degree + 1, n) of the elements that hold the coordinates x along one axis."""
        (low, high), cells = self.bounds[axis], self.cells[axis]
        position = (x - low) / (high - low)
        if periodic:
            position = position - np.floor(position)
        elif not np.all((position >= -_ROUNDING) & (position <= 1 + _ROUNDING)):
            raise ValueError(f"a coordinate along axis {axis} is outside ({low}, {high}) or not a number")
        element = np.clip(np.floor(position * cells), 0, cells - 1).astype(np.intp)
        local = position * cells - element
        scale = (cells / (high - low)) ** order
        shapes = [np.polynomial.polynomial.polyder(row, order) if order else row for row in _SHAPES[self.degree]]
        weights = scale * np.array([np.polynomial.polynomial.polyval(local, row) for row in shapes])
        return element * self.degree, weights


def ranges(grid: LagrangeGrid, components: int) -> str:
    """The smallest and the largest values, for a line of text."""
    values = grid.values.reshape(components, -1)
    names = ["u"] if components == 1 else [f"u[{i}]" for i in range(components)]
    return f"{values.shape[1]} nodes, " + ", ".join(f"{row.min():.9g} <= {name} <= {row.max():.9g}" for name, row in zip(names, values))
