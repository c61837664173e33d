"""The coefficient of a multiscale equation as numbers and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ..operator.table import Operator
from ..problem.domain import Cell, LatticeCell
from ..problem.holes import solid_part
from ..problem.images import images_in
from ..problem.numeric import lambdified
from ..problem.pictures import Drawing, Sheet, curves, field, real_parts, symbol
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array

if TYPE_CHECKING:
    from .model import HomogenizedModel

_POINTS = {1: 801, 2: 241}
TILES = 2
"""Cells along each axis that a picture of the cell shows."""


def leading_coefficient(operator: Operator) -> sp.Expr:
    """The most oscillating coefficient of the equation."""
    held = [c for _, c in operator.terms()]
    candidates = [c for c in held if c.has(*operator.fast)] if operator.fast else []
    found = max(candidates or held, key=sp.count_ops)
    if found.could_extract_minus_sign():
        return -found
    return found


def coefficient_values(
    operator: Operator,
    columns: Mapping[sp.Symbol, Array],
    parameters: Mapping[sp.Symbol, float] | None = None,
) -> Array:
    """The leading coefficient at points, given as a column for each coordinate (zero where none is
    given), nan in holes. UnsupportedError for a coefficient without a formula; ProblemError for a
    parameter without a number."""
    values = _numbers(leading_coefficient(operator), operator, columns, parameters)
    return outside_holes(values, operator, columns)


def outside_holes(values: Array, operator: Operator, columns: Mapping[sp.Symbol, Array]) -> Array:
    """Values (n,) or (n, m) at points, nan in the holes of the cell: nothing is there."""
    problem = operator.problem
    solid = solid_part(problem.holes, problem.scales, problem.cell)
    if solid is None:
        return values
    held = _numbers(solid, operator, columns) != 0
    return np.where(held.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)


def _numbers(
    expr: sp.Expr,
    operator: Operator,
    columns: Mapping[sp.Symbol, Array],
    parameters: Mapping[sp.Symbol, float] | None = None,
) -> Array:
    """An expression at points: (n,)."""
    problem = operator.problem
    coordinates = [*operator.coordinates, *(axis.symbol for axis in operator.axes)]
    coordinates += [axis.symbol for axis in operator.frozen]
    given = list(dict.fromkeys(coordinates))
    images = {node: sp.Dummy() for node in images_in(expr)}
    held = [node.image(*(columns[v] for v in node.args)) for node in images]
    names = [*given, *images.values(), *problem.parameters]
    call = lambdified(names, expr.xreplace(images), "numpy")
    numbers = parameter_numbers(parameters, problem.parameters)
    values = call(*(columns.get(v, 0.0) for v in given), *held, *numbers.values())
    count = len(next(iter(columns.values())))
    return np.asarray(np.broadcast_to(values, (count,)))


def cell_lines(intervals: Sequence[tuple[float, float]], points: int) -> list[Array]:
    """Points along the first two axes of a cell, over `TILES` periods."""
    return [a + np.linspace(0, TILES * (b - a), points) for a, b in intervals[:2]]


def moved_into_cell(points: Array, intervals: Sequence[tuple[float, float]]) -> Array:
    """Points (n, k) in the cell."""
    low, high = np.array(intervals, dtype=float).T
    return np.asarray(low + np.mod(points - low, high - low))


def moved_into(cell: Cell | None, points: Array, intervals: Sequence[tuple[float, float]]) -> Array:
    """Points (n, k) in the cell of a lattice, otherwise in that of the intervals."""
    if not isinstance(cell, LatticeCell):
        return moved_into_cell(points, intervals)
    vectors = np.array(cell.vectors, dtype=float)
    return np.asarray(points - np.floor(points @ np.linalg.inv(vectors)) @ vectors)


def draw_coefficient(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None = None
) -> Drawing:
    """The leading coefficient over 2 x 2 cells: in the middle of the domain where it depends on x
    too, in the middle plane of a cell of more axes."""
    operator = model.operator
    intervals = [(float(a), float(b)) for a, b in (axis.interval for axis in operator.axes)]
    columns, lines = _cell_points(model, intervals)
    values = coefficient_values(operator, columns, parameters)
    names = [symbol(str(axis.symbol)) for axis in operator.axes[:2]]
    parts = real_parts("coefficient", values)
    sheet = Sheet(1, len(parts), (4.8, 4.0))
    for k, (label, part) in enumerate(parts.items()):
        axes = sheet.at(0, k)
        if len(lines) == 1:
            curves(axes, lines[0], {label: part}, label, names[0])
            continue
        image = field(axes, lines, part.reshape(len(lines[0]), -1), label, names)
        sheet.bar(image, axes)
    return sheet.drawing("cell_coefficient", "The coefficient over two cells along each axis.")


def _cell_points(
    model: HomogenizedModel, intervals: Sequence[tuple[float, float]]
) -> tuple[dict[sp.Symbol, Array], list[Array]]:
    """A column for each coordinate, and the lines of the picture."""
    operator, domain = model.operator, model.problem.domain
    lines = cell_lines(intervals, _POINTS[min(len(intervals), 2)])
    grid = [g.ravel() for g in np.meshgrid(*lines, indexing="ij")]
    rest = [np.full(len(grid[0]), (a + b) / 2) for a, b in intervals[2:]]
    y = moved_into(model.problem.cell, np.stack([*grid, *rest], axis=-1), intervals)
    columns = {axis.symbol: y[:, k] for k, axis in enumerate(operator.axes)}
    bounds = () if domain is None else domain.bounds
    for v, (a, b) in zip(operator.coordinates, bounds, strict=False):
        columns[v] = np.full(len(y), (a + b) / 2)
    return columns, lines
