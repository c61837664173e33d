"""The cell cut into phases: labels, quadrature fitted to the interfaces, points of the interfaces.
Numpy only.

Where nothing jumps the cell is one phase, and the quadrature is the trapezoid rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells
from ..lower.phases import Labels, cut_into_phases
from ..operator.numbers.level_sets import LevelSet
from ..operator.numbers.sweep import Line, Sweep, gauss_on_lines
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

    @classmethod
    def joined(cls, parts: Sequence[Interface], dim: int) -> Interface:
        """The points of all parts, in their order."""
        nowhere = np.zeros((0, dim))
        none = np.zeros(0, dtype=np.int64)
        whole = [cls(nowhere, nowhere, np.zeros(0), none, none, nowhere), *parts]
        return cls(
            np.concatenate([part.points for part in whole]),
            np.concatenate([part.normals for part in whole]),
            np.concatenate([part.weights for part in whole]),
            np.concatenate([part.minus for part in whole]),
            np.concatenate([part.plus for part in whole]),
            np.concatenate([part.before for part in whole]),
        )


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
            *gauss_on_lines(*self._sweep(last).points(order, even=True), last, order, high - low)
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
            *gauss_on_lines(*self._sweep(self.dim - 1).points(order), self.dim - 1, order)
        )

    def _crossed(self, per_axis: int) -> Interface:
        axes = range(self.dim) if self._zeros else range(0)
        return Interface.joined([self._crossings(k, per_axis) for k in axes], self.dim)

    def _crossings(self, axis: int, per_axis: int) -> Interface:
        """Where lines along one axis cross an interface, each weighted by n_k^2 / |n_k|."""
        points, outer, lines = self._sweep(axis).points(per_axis)
        found = list(_crossings_of(lines, self.labels.bounds[axis]))
        number = np.array([c.line for c in found], dtype=np.int64)
        there = points[number]
        there[:, axis] = [c.place for c in found]
        before = points[number]
        before[:, axis] = [c.before for c in found]
        levels = np.array([c.level for c in found], dtype=np.int64)
        normals = self._normals(there, levels, axis)
        return Interface(
            there,
            normals,
            outer[number] * normals[:, axis],
            np.array([c.minus for c in found], dtype=np.int64),
            np.array([c.plus for c in found], dtype=np.int64),
            before,
        )

    def _normals(self, points: Array, levels: Integers, axis: int) -> Array:
        """Unit normals (n, d) of the levels at points of them, along `axis` where there is none;
        they point the way in which the axis does.
        """
        normals = np.tile(np.eye(self.dim)[axis], (len(points), 1))
        for k, zero in enumerate(self._zeros):
            own = levels == k
            if np.any(own):
                gradient = zero.gradient(points[own])
                normals[own] = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        return normals * np.where(normals[:, axis] < 0, -1.0, 1.0)[:, None]

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


class _Crossing(NamedTuple):
    """Where a line leaves phase `minus` for phase `plus`: at `place`, which is `before` in the cell
    that the phase minus belongs to. level: of the interface; -1 for the end of the cell.
    """

    line: int
    place: float
    before: float
    level: int
    minus: int
    plus: int


def _crossings_of(lines: Sequence[Line], ends: tuple[float, float]) -> Iterator[_Crossing]:
    """Line after line; the ends of a period too, where its phases differ."""
    low, high = ends
    for n, line in enumerate(lines):
        for one, other in pairwise(line):
            yield _Crossing(n, one[1], one[1], one[4], one[2], other[2])
        if line[0][2] != line[-1][2]:
            yield _Crossing(n, low, high, -1, line[-1][2], line[0][2])


def make_partition(cells: LoweredCells, parameters: Mapping[str, float]) -> Partition:
    """The phases of cell problems for these values of the parameters; UnsupportedError as
    `lower.phases.cut`.
    """
    coordinates = cells.coordinates
    bounds = cells.cell.bounds
    if not cells.jumps:
        return Partition((cells,), Labels(coordinates, bounds, sp.Integer(0), (0,), (0,)), ())
    phases = cut_into_phases(cells, parameters)
    zeros = tuple(LevelSet(e, coordinates, bounds) for e in phases.levels)
    return Partition(phases.cells, phases.labels, zeros)
