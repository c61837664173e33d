"""The cell cut into phases: labels, quadrature fitted to the interfaces, points of the interfaces.
Numpy only.

Where nothing jumps the cell is one phase, and the quadrature is the trapezoid rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells
from ..lower.phases import Labels, cut
from ..operator.numbers.level_sets import LevelSet
from ..operator.numbers.sweep import Sweep, line_points
from ..runtime.arrays import Integers
from ..runtime.tensor_grids import tensor_points, uniform_line
from .solution import Array


@dataclass(frozen=True)
class PhaseQuadrature:
    """points (n, d), weights (n,) whose sum is the volume of the cell, labels (n,)."""

    points: Array
    weights: Array
    labels: Integers


@dataclass(frozen=True)
class Interface:
    """Points (n, d) of the interfaces, unit normals (n, d) from phase `minus` (n,) to phase `plus`
    (n,); the weights (n,) add up to the area.

    before (n, d): the same points as `minus` sees them: on the opposite face where the interface
    lies on the boundary of the cell, else `points`.
    """

    points: Array
    normals: Array
    weights: Array
    minus: Integers
    plus: Integers
    before: Array


@dataclass(frozen=True)
class Partition:
    """The phases of the cell; `cells[k]` are the smooth cell problems of phase k."""

    cells: tuple[LoweredCells, ...]
    labels: Labels
    _zeros: tuple[LevelSet, ...]

    @property
    def count(self) -> int:
        return len(self.cells)

    @property
    def dim(self) -> int:
        return len(self.labels.bounds)

    def quadrature(self, order: int) -> PhaseQuadrature:
        """`order` points for each smooth part of a line (without jumps: on every line); spectrally
        accurate.
        """
        if order not in self._quadratures:
            self._quadratures[order] = (
                self._fitted(order) if self._zeros else self._trapezoid(order)
            )
        return self._quadratures[order]

    def even_quadrature(self, order: int) -> PhaseQuadrature:
        """`order` points for a line across the whole cell and fewer for shorter parts: equally
        dense, for functions that vary everywhere.
        """
        if not self._zeros:
            return self.quadrature(order)
        last = self.dim - 1
        low, high = self.labels.bounds[-1]
        return PhaseQuadrature(
            *line_points(*self._sweep(last).points(order, even=True), last, order, high - low)
        )

    def interfaces(self, per_axis: int) -> Interface:
        """Points where lines along each axis, `per_axis` for each smooth part of a sweep, cross an
        interface.

        The integral over the interfaces is the sum over all axes k of those of |n_k| along lines in
        direction k, with another |n_k|, so that the n_k^2 add up to one: spectrally accurate, as
        |n_k| vanishes where the lines are tangent.
        """
        if per_axis not in self._interfaces:
            self._interfaces[per_axis] = self._crossed(per_axis)
        return self._interfaces[per_axis]

    @cached_property
    def _quadratures(self) -> dict[int, PhaseQuadrature]:
        return {}

    @cached_property
    def _interfaces(self) -> dict[int, Interface]:
        return {}

    def _fitted(self, order: int) -> PhaseQuadrature:
        return PhaseQuadrature(
            *line_points(*self._sweep(self.dim - 1).points(order), self.dim - 1, order)
        )

    def _crossed(self, per_axis: int) -> Interface:
        parts = [self._crossings(k, per_axis) for k in range(self.dim if self._zeros else 0)]
        empty = np.zeros((0, self.dim))
        columns = zip(
            (
                empty,
                empty,
                np.zeros(0),
                np.zeros(0, dtype=np.int64),
                np.zeros(0, dtype=np.int64),
                empty,
            ),
            *parts,
            strict=True,
        )
        return Interface(*(np.concatenate(column) for column in columns))

    def _crossings(
        self, axis: int, per_axis: int
    ) -> tuple[Array, Array, Array, Integers, Integers, Array]:
        points, outer, lines = self._sweep(axis).points(per_axis)
        low, high = self.labels.bounds[axis]
        found = list[tuple[int, float, float, int, int, int]]()
        for n, line in enumerate(lines):
            found += [
                (n, one[1], one[1], one[4], one[2], other[2]) for one, other in pairwise(line)
            ]
            if line[0][2] != line[-1][2]:
                found.append((n, low, high, -1, line[-1][2], line[0][2]))
        number, level, minus, plus = (
            np.array([row[k] for row in found], dtype=np.int64) for k in (0, 3, 4, 5)
        )
        there = points[number]
        before = points[number]
        there[:, axis], before[:, axis] = ([row[k] for row in found] for k in (1, 2))
        normals = np.tile(np.eye(self.dim)[axis], (len(found), 1))
        for k, zero in enumerate(self._zeros):
            if np.any(level == k):
                gradient = zero.gradient(there[level == k])
                normals[level == k] = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        normals *= np.where(normals[:, axis] < 0, -1.0, 1.0)[:, None]
        return there, normals, outer[number] * normals[:, axis], minus, plus, before

    def _sweep(self, innermost: int) -> Sweep:
        affine = all(
            not level.expression.diff(v).has(*level.coordinates)
            for level in self._zeros
            for v in level.coordinates
        )
        return Sweep(
            self._zeros,
            self.labels,
            (*(k for k in range(self.dim) if k != innermost), innermost),
            not affine,
        )

    def _trapezoid(self, order: int) -> PhaseQuadrature:
        points = tensor_points([uniform_line(ends, order) for ends in self.labels.bounds])
        volume = float(np.prod([b - a for a, b in self.labels.bounds]))
        return PhaseQuadrature(
            points,
            np.full(len(points), volume / len(points)),
            np.zeros(len(points), dtype=np.int64),
        )


def make_partition(cells: LoweredCells, parameters: Mapping[str, float]) -> Partition:
    """The phases of cell problems for these values of the parameters; UnsupportedError as
    `lower.phases.cut`.
    """
    coordinates = cells.coordinates
    bounds = cells.cell.bounds
    if not cells.jumps:
        return Partition((cells,), Labels(coordinates, bounds, sp.Integer(0), (0,), (0,)), ())
    phases = cut(cells, parameters)
    zeros = tuple(LevelSet(e, coordinates, bounds) for e in phases.levels)
    return Partition(phases.cells, phases.labels, zeros)
