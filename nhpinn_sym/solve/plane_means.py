"""Means of coefficients times cell functions over planes across one axis of the cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..lower.walls import (
    KnownFactor,
    WallIntegrand,
)
from ..operator.sampling import SlowPoint, is_opaque, sampler
from ..operator.table import Operator
from ..problem.errors import UnsupportedError
from ..resolution import Resolution
from ..runtime.tensor_grids import gauss_line, tensor_points, tensor_weights
from .cell_solution import CellSolution
from .interpolation import Nodes
from .solution import Array

# Panels along each axis of a cell that there are at least, by the number of axes.
_PANELS = {1: 16, 2: 8, 3: 4, 4: 3}
# Points of one quadrature, at most.
_MOST_POINTS = 3_000_000
# On so many lines of an axis the rules have half the order.
_MANY = 64
# Points to a line of a mesh with many lines.
_FINE = 5
# Lines that are closer than that share of an axis are one.
_TOUCHING = 1e-12
# A panel that holds a number of smaller ones up to that is not cut once more.
_WHOLE = 1e-9


@dataclass(frozen=True)
class OnWall:
    """A function of the slow variables along a wall: values at nodes (m,) in the columns of points
    x."""

    nodes: Nodes
    columns: tuple[int, ...]
    values: Array
    needed: bool = True

    def __call__(self, points: Array) -> Array:
        """(n,) at points (n, d) anywhere: the value at their foot on the wall."""
        if not self.columns:
            return np.full(len(points), self.values[0])
        return np.asarray(
            self.nodes.weights(np.asarray(points)[:, list(self.columns)]) @ self.values
        )


@dataclass(frozen=True)
class PlaneMeans:
    """Means over planes (m, k) at k nodes along the axis, with the weights of the nodes in a mean
    over the cell.

    largest: of the values that are averaged; scale: of the terms that they are the sum of.
    """

    nodes: Array
    weights: Array
    means: Array
    largest: float
    scale: float


class PlaneQuadrature:
    """Means of integrands over planes across one axis, at nodes of the slow variables along a
    wall."""

    def __init__(
        self,
        op: Operator,
        cells: CellSolution,
        resolution: Resolution,
        axis: int,
        place: float,
        phase: float | None,
        parameters: Mapping[str, float],
    ) -> None:
        self.op = op
        self.axis = axis
        self.curved = resolution.curved
        self.lines = [_refined(np.array(a.lines), _PANELS[len(op.axes)]) for a in resolution.axes]
        meshes = _meshes(cells)
        if meshes and math.prod(_FINE * len(lines) for lines in meshes) < _MOST_POINTS:
            self.lines = [_joined(*pair) for pair in zip(self.lines, meshes, strict=True)]
        if phase is not None:
            self.lines[axis] = np.unique(np.append(self.lines[axis], phase))
        self.slow = _SlowNodes(cells, f"x{axis + 1}", place)
        self.functions = {f.name: f for f in (*cells.adjoints, *cells.functions)}
        names = [*op.slow, *op.problem.parameters]
        start: SlowPoint = {v: parameters.get(str(v), 0.0) for v in names} | {
            op.coordinates[axis]: place
        }
        known = {str(v): v for v in op.slow}
        self.points = [
            start | {known[name]: value for name, value in zip(cells.slow, row, strict=True)}
            for row in self.slow.rows
        ]

    def means(self, integrand: WallIntegrand, order: int, at: float | None = None) -> PlaneMeans:
        """On all planes of a quadrature over the cell, or on the one where the coordinate of the
        axis is `at`."""
        rules = [self._rule(k, order) for k in range(len(self.op.axes))]
        if at is not None:
            rules[self.axis] = (np.array([at]), np.ones(1))
        nodes, weights = rules.pop(self.axis)
        if len(nodes) * math.prod(len(points) for points, _ in rules) > _MOST_POINTS:
            raise UnsupportedError(
                "a natural condition that holds the phase of its wall, for data so sharp",
                term=f"{[len(lines) - 1 for lines in self.lines]} panels in a cell",
                remedy="give Dirichlet or Periodic conditions, or smoother data",
            )
        along, *within_planes = tensor_points([nodes, *(points for points, _ in rules)]).T
        columns = list(within_planes)
        columns.insert(self.axis, along)
        values, scale = self._values(integrand, np.stack(columns, axis=-1))
        within = tensor_weights([mass for _, mass in rules])
        found = values.reshape(len(values), len(nodes), -1) @ within
        return PlaneMeans(nodes, weights, found, float(np.abs(values).max()), scale)

    def _rule(self, axis: int, order: int) -> tuple[Array, Array]:
        """Composite Gauss points of one axis, and weights of sum 1."""
        low, high = self.op.cell.bounds[axis]
        lines = self.lines[axis]
        if len(lines) >= _MANY:
            order = order // 2
        points, weights = gauss_line(lines, order)
        return points, weights / (high - low)

    def _values(self, integrand: WallIntegrand, y: Array) -> tuple[Array, float]:
        """Values (m, n) at points of the cell, and the size of their terms."""
        coefficients = (integrand.constant, *(c for c, _ in integrand.terms))
        opaque = next((c for c in coefficients if is_opaque(c)), None)
        if opaque is not None:
            raise UnsupportedError(
                "a natural condition that holds a coefficient without a formula",
                term=opaque,
                remedy="give its formula, or Dirichlet or Periodic conditions",
            )
        call = sampler(coefficients, self.op)
        rows = []
        scale = 0.0
        for slow, point in zip(self.slow.rows, self.points, strict=True):
            constant, *factors = call(list(y.T), point)
            parts = [constant]
            for c, (_, known) in zip(factors, integrand.terms, strict=True):
                parts.append(c * self._product(known, y, slow))
            rows.append(sum(parts))
            scale = max(scale, *(float(np.abs(part).max()) for part in parts))
        return np.array(rows), scale

    def _product(self, factors: Sequence[KnownFactor], y: Array, slow: Array) -> Array:
        """The product of derivatives of cell functions at one slow point (n,)."""
        result = np.ones(len(y))
        for factor in factors:
            function = self.functions[factor.name]
            everywhere = np.broadcast_to(slow, (len(y), len(slow)))
            (found,) = function.at(y, everywhere, [factor.derivative], (0,) * len(slow))
            if found.ndim > 1:
                found = found[:, factor.component]
            result = result * found
        return result


def _meshes(cells: CellSolution) -> list[Array]:
    """The lines of the mesh whose piecewise polynomials the cell functions are, if there is one."""
    return next((list(f.lines) for row in cells.fields for f in row if f.lines), [])


def _joined(one: Array, other: Array) -> Array:
    """The lines of both, those that are the same up to rounding once."""
    lines = np.union1d(one, other)
    return np.append(lines[:-1][np.diff(lines) > _TOUCHING * (lines[-1] - lines[0])], lines[-1])


def _refined(lines: Array, panels: int) -> Array:
    """The lines, and between them as many as make the panels no wider than 1/`panels` of the
    whole."""
    counts = np.ceil(np.diff(lines) / (lines[-1] - lines[0]) * panels - _WHOLE).astype(int)
    inner = []
    for low, high, count in zip(lines[:-1], lines[1:], np.maximum(counts, 1), strict=True):
        inner.append(np.linspace(low, high, count, endpoint=False))
    return np.concatenate([*inner, lines[-1:]])


class _SlowNodes:
    """Nodes of what the cells depend on, at a fixed coordinate across the wall."""

    def __init__(self, cells: CellSolution, fixed: str, place: float) -> None:
        names = cells.slow
        nodes = cells.nodes
        self.free = [k for k, name in enumerate(names) if name != fixed]
        periodic = tuple(bool(nodes.periodic) and nodes.periodic[k] for k in self.free)
        self.nodes = Nodes(
            tuple(nodes.bounds[k] for k in self.free), nodes.degree if self.free else 0, periodic
        )
        inner = self.nodes.points
        self.rows = np.full((len(inner), len(names)), place)
        self.rows[:, self.free] = inner
        self.names = [names[k] for k in self.free]

    def on_wall(self, values: Array, needed: bool = True) -> OnWall:
        """The values at the nodes as a function on the wall; averaged over a fast time."""
        times = tuple(k for k, name in enumerate(self.names) if name == "tau")
        nodes, averaged = self.nodes.averaged(values, times) if times else (self.nodes, values)
        columns = tuple(int(name[1:]) - 1 for name in self.names if name != "tau")
        return OnWall(nodes, columns, averaged, needed)
