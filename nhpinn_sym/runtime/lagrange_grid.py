"""Tensor-product Lagrange functions on a lattice, evaluated with numpy alone.

The values stand at the nodes, so that a point is found axis by axis: no search tree, no finite
element library, and the same answer on every MPI rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .lattice import Lattice
from .tensor_grids import tensor_points

# Per degree: row k holds the ascending coefficients of the k-th nodal polynomial on (0, 1).
_SHAPES: dict[int, Array] = {
    1: np.array([[1.0, -1.0], [0.0, 1.0]]),
    2: np.array([[1.0, -3.0, 2.0], [0.0, 4.0, -4.0], [0.0, -1.0, 2.0]]),
    3: np.array(
        [
            [1.0, -5.5, 9.0, -4.5],
            [0.0, 9.0, -22.5, 13.5],
            [0.0, -4.5, 18.0, -13.5],
            [0.0, 1.0, -4.5, 4.5],
        ]
    ),
}

Own = TypeVar("Own", bound="LagrangeGrid")


@dataclass(frozen=True)
class LagrangeGrid:
    """A continuous, piecewise Q_degree function (or a batch of them) on a lattice.

    `values` has shape (..., n_1 degree + 1, ..., n_d degree + 1), n_i being the number of cells
    along axis i: leading axes are a batch. ValueError for a degree other than 1, 2 or 3 and for
    other shapes.
    """

    lattice: Lattice
    degree: int
    values: Array

    def __post_init__(self) -> None:
        if self.degree not in _SHAPES:
            raise ValueError(f"degree {self.degree}: only {sorted(_SHAPES)} are there")
        if self.values.shape[max(0, self.values.ndim - self.dim) :] != self.shape:
            raise ValueError(
                f"values {self.values.shape} and {self.shape} nodes do not fit together"
            )

    @property
    def dim(self) -> int:
        return self.lattice.dim

    @property
    def mesh(self) -> Lattice:
        return self.lattice

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the leading axes."""
        return self.values.shape[: self.values.ndim - self.dim]

    def __getitem__(self: Own, key: int | slice) -> Own:
        """Along the first axis of the batch."""
        return replace(self, values=self.values[key])

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.lattice.bounds

    @property
    def cells(self) -> tuple[int, ...]:
        return self.lattice.cells

    @property
    def node_points(self) -> Array:
        """The nodes (n, d), the last axis fastest."""
        return tensor_points([self.lattice.nodes(axis, self.degree) for axis in range(self.dim)])

    def nodal(self) -> LagrangeGrid:
        """A function whose `values` are those at nodes, with the same ones there."""
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return tuple(n * self.degree + 1 for n in self.cells)

    @classmethod
    def from_dofs(
        cls,
        coordinates: Array,
        values: Array,
        lattice: Lattice,
        degree: int,
    ) -> LagrangeGrid:
        """Sort dofs at `coordinates` (N, d) with `values` (..., N) into the lattice.

        ValueError if a dof is not at a node, or a node has no dof.
        """
        points = np.asarray(coordinates)
        shape = tuple(n * degree + 1 for n in lattice.cells)
        nodes = [lattice.numbers(axis, points[:, axis], degree) for axis in range(lattice.dim)]
        flat = np.ravel_multi_index(tuple(nodes), shape)
        hit = np.zeros(np.prod(shape), dtype=bool)
        hit[flat] = True
        if not hit.all():
            raise ValueError(f"{np.count_nonzero(~hit)} nodes of the {shape} lattice have no dof")
        sorted_values = np.empty(values.shape[:-1] + hit.shape, dtype=values.dtype)
        sorted_values[..., flat] = values
        return cls(lattice, degree, sorted_values.reshape(values.shape[:-1] + shape))

    def evaluate(self, points: Array, index: Sequence[int], periodic: bool = False) -> Array:
        """D^index at `points` (n, d): shape (..., n).

        Derivatives are exact inside the elements; on an interface they are those of the upper
        element. ValueError for more than `degree` derivatives along an axis, and for points outside
        the box unless `periodic`.
        """
        points = np.asarray(points, dtype=float)
        if points.ndim != 2 or points.shape[1] != self.dim or len(index) != self.dim:
            raise ValueError(
                f"points {points.shape} and index {tuple(index)} on a {self.dim}-dimensional grid"
            )
        if min(index) < 0 or max(index) > self.degree:
            raise ValueError(
                f"derivative {tuple(index)} of elements of degree {self.degree}: at most"
                f" {self.degree} along each axis are defined"
            )
        axes = [
            self._axis(axis, points[:, axis], index[axis], periodic) for axis in range(self.dim)
        ]
        batch = self.batch
        flat = self.values.reshape(*batch, -1)
        result = np.zeros((*batch, len(points)), dtype=np.result_type(flat, float))
        # A product of weights for each node of an element, (degree + 1)^d of them, for all points
        # at once.
        for corner in product(*(range(len(weights)) for _, weights in axes)):
            held = list(zip(axes, corner, strict=True))
            numbers = tuple(first + k for (first, _), k in held)
            nodes = np.ravel_multi_index(numbers, self.shape)
            weight = np.prod([weights[k] for (_, weights), k in held], axis=0)
            result += flat[..., nodes] * weight
        return result

    def _axis(
        self, axis: int, x: Array, order: int, periodic: bool
    ) -> tuple[NDArray[np.intp], Array]:
        """First value (n,) along one axis, and weights (values of an element, n), of the elements
        that hold the coordinates x.
        """
        cell, place, length = self.lattice.locate(axis, x, periodic)
        rows = _SHAPES[self.degree]
        shapes = [np.polynomial.polynomial.polyder(row, order) if order else row for row in rows]
        weights = np.array([np.polynomial.polynomial.polyval(place, row) for row in shapes])
        # The shapes are functions of the place in (0, 1): the chain rule.
        return cell * self.degree, weights * length ** -float(order)


@singledispatch
def save_grid(grid: Any, file: str, components: int) -> None:
    """Write a function to an .npz file; open to further kinds."""
    raise TypeError(type(grid).__name__)


@save_grid.register
def _(grid: LagrangeGrid, file: str, components: int) -> None:
    """Write the bounds and numbers of cells, the lines of each axis (lines_0, ...), the degree, and
    the values at the nodes.
    """
    batch = (components,) if components > 1 else ()
    lines = {f"lines_{axis}": values for axis, values in enumerate(grid.lattice.lines)}
    values = grid.values.reshape(*batch, *grid.shape)
    box = {"bounds": np.array(grid.bounds), "cells": np.array(grid.cells)}
    np.savez(file, **box, **lines, degree=grid.degree, values=values)


def difference_at_nodes(grid: Any, other: Any) -> float:
    """The root mean square of grid - other at the nodes of `grid`, relative to that of `grid`."""
    points = grid.node_points
    index = (0,) * points.shape[1]
    here = grid.evaluate(points, index)
    there = other.evaluate(points, index)
    size = np.linalg.norm(here) or 1.0
    return float(np.linalg.norm(here - there) / size)


def ranges(grid: Any, components: int) -> str:
    """The smallest and the largest values, for a line of text."""
    values = grid.values.reshape(components, -1)
    names = ["u"] if components == 1 else [f"u[{i}]" for i in range(components)]
    parts = [f"{values.shape[1]} nodes"]
    parts += [f"{row.min():.9g} <= {name} <= {row.max():.9g}" for name, row in zip(names, values)]
    return ", ".join(parts)
