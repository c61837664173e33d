"""Cell functions as a picture: 2 x 2 cells, one scale for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..derive.coefficient_picture import (
    TILES,
    cell_lines,
    moved_into,
    moved_into_cell,
    outside_holes,
)
from ..problem.errors import ProblemError
from ..problem.pictures import (
    BACKENDS,
    Drawing,
    Sheet,
    curves,
    field,
    least_and_most,
    real_parts,
    symbol,
)
from .fields import CellField
from .interpolation import Array
from .lattice_fields import LatticeField

if TYPE_CHECKING:
    from ..derive.derived import DerivedModel
    from .cell_solution import CellFunction, CellSolution

_POINTS = {1: 401, 2: 161}
# The kind of functions whose last axis does not repeat.
_STRIP = "plate"
# Panels of one picture.
_MOST = 12
_PER_ROW = 3


def draw_cells(
    cells: CellSolution, x: ArrayLike | None = None, model: DerivedModel | None = None
) -> Drawing:
    """The cell functions and kernels over 2 x 2 cells, at the point x where they depend on it
    (default: the middle of where they were solved); a cell of more axes in its middle plane. Holes
    are left empty, which the model knows, or that of the cells.

    ProblemError for cells that do not know their cell.
    """
    if not cells.cell:
        raise ProblemError(
            "these cells do not know their cell: their file was written by an earlier version",
            remedy="solve them again",
        )
    bounds = list(cells.cell.values())
    lines = cell_lines(bounds, _POINTS[min(len(bounds), 2)])
    kind = cells.fields[0][0].kind if cells.fields else ""
    lattice = bool(cells.fields) and _slanted(cells.fields[0][0])
    # The box around the cell of a lattice is no period: there functions are asked at every point.
    first = lines if lattice else [_first_period(line) for line in lines]
    if len(bounds) == 2 and kind == _STRIP:
        lines[1] = first[1]  # between its faces, which do not repeat
    points = _points(first, bounds, lattice)
    panels = _panels(cells, lambda f: _values(cells, f, points, x))
    known = model or cells.model
    if known is not None:
        panels = {label: _outside(known, points, values) for label, values in panels.items()}
    counts = [len(line) for line in first]
    panels = {label: _repeated(values, counts, lines) for label, values in panels.items()}
    names = [symbol(name) for name in list(cells.cell)[:2]]
    backend = BACKENDS.get(cells.backend, cells.backend)
    if len(lines) == 1:
        title = "cell functions" if len(panels) > 1 else next(iter(panels))
        sheet = Sheet(1, 1, (7, 4.2))
        curves(sheet.at(0, 0), lines[0], panels, f"{title} ({backend})", names[0])
    else:
        rows = -(-len(panels) // _PER_ROW)
        sheet = Sheet(rows, -(-len(panels) // rows), (4.2, 3.7))
        _fields(sheet, lines, panels, names, backend, cut=not lattice)
    where = "" if not cells.slow else ", where the slow variables have their middle values"
    if x is not None:
        where = f", at x = {np.asarray(x).tolist()}"
    if len(bounds) > 2:
        where += ", in the middle plane of the cell"
    return sheet.drawing(
        "cell_functions",
        f"Cell functions over two cells along each axis, on one scale{where}.",
    )


def _fields(
    sheet: Sheet,
    lines: Sequence[Array],
    panels: dict[str, Array],
    names: Sequence[str],
    backend: str,
    cut: bool,
) -> None:
    """cut: lines between the cells."""
    extreme = max(map(abs, least_and_most(panels.values()))) or 1.0
    every = []
    image = None
    for k, (label, values) in enumerate(panels.items()):
        axes = sheet.at(k // sheet.columns, k % sheet.columns)
        signed = least_and_most([values])[0] < 0
        limits = (-extreme, extreme) if signed else None
        image = field(
            axes,
            lines,
            values.reshape(len(lines[0]), -1),
            f"{label} ({backend})",
            names,
            limits,
            signed,
        )
        for axis, line in ((axes.axvline, lines[0]), (axes.axhline, lines[1]))[: 2 * cut]:
            axis((line[0] + line[-1]) / 2, color="0.4", lw=0.6)
        if signed:
            every.append(axes)
        else:  # a kernel, which is positive, has its own scale
            sheet.bar(image, axes)
    if every:
        signed_image = every[-1].images[0]
        sheet.bar(signed_image, every)


def _outside(model: DerivedModel, points: Array, values: Array) -> Array:
    """Values at points y, nan in holes."""
    axes = model.operator.axes
    ends = [(float(a), float(b)) for a, b in (axis.interval for axis in axes)]
    moved = moved_into(model.problem.cell, points, ends)
    columns = {axis.symbol: y for axis, y in zip(axes, moved.T, strict=True)}
    return outside_holes(values, model.operator, columns)


def _first_period(line: Array) -> Array:
    """Those of the points of `cell_lines` that lie in the first cell, without its end."""
    return line[: len(line) // TILES]


def _repeated(values: Array, counts: Sequence[int], lines: Sequence[Array]) -> Array:
    """Values on the points of the first cell, so many along each axis, at those of all cells."""
    places = [np.arange(len(line)) % n for line, n in zip(lines, counts, strict=True)]
    return values.reshape(counts)[np.ix_(*places)].ravel()


def _slanted(field: CellField) -> bool:
    """Whether the periods are those of a lattice that is no box."""
    mesh = field.mesh
    slanted = mesh is not None and np.count_nonzero(mesh.vectors) > len(mesh.vectors)
    return slanted or field.kind == LatticeField.kind


def _points(lines: Sequence[Array], bounds: Sequence[tuple[float, float]], lattice: bool) -> Array:
    grid = [g.ravel() for g in np.meshgrid(*lines, indexing="ij")]
    rest = [np.full(len(grid[0]), (a + b) / 2) for a, b in bounds[2:]]
    points = np.stack([*grid, *rest], axis=-1)
    return points if lattice else moved_into_cell(points, bounds)


def _panels(cells: CellSolution, values: Callable[[CellFunction], Array]) -> dict[str, Array]:
    """What is drawn, by its title."""
    found: dict[str, Array] = {}
    held = (cells.ground_state, *cells.adjoints, *cells.functions)
    for function in (f for f in held if f is not None):
        columns = values(function)
        several = columns.shape[1] > 1
        for j in range(columns.shape[1]):
            part = f", component {j + 1}" if several else ""
            found |= real_parts(symbol(function.name) + part, columns[:, j])
    return dict(list(found.items())[:_MOST])


def _values(
    cells: CellSolution, function: CellFunction, points: Array, x: ArrayLike | None
) -> Array:
    """(n, m) values of a function at points of the cell."""
    middles = {
        name: (a + b) / 2 for name, (a, b) in zip(cells.slow, cells.nodes.bounds, strict=True)
    }
    given = np.full(len(cells.slow), np.nan)
    place = None if x is None else np.ravel(np.asarray(x, dtype=float))
    for k, name in enumerate(cells.slow):
        axis = int(name[1:]) - 1 if name[:1] == "x" and name[1:].isdigit() else -1
        known = place is not None and 0 <= axis < len(place)
        given[k] = place[axis] if known and place is not None else middles[name]
    slow = np.broadcast_to(given, (len(points), len(given)))
    zeros = (0,) * function.shape.axes
    values = function.at(points, slow, [zeros], (0,) * len(cells.slow))[0]
    return np.asarray(values).reshape(len(points), -1)
