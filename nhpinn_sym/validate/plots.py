"""The pictures of a validation: coefficient, cell functions, u0 against u_eps, error field. PNG
bytes, no display needed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..derive.model import HomogenizedModel
from ..operator.arrays import Array
from ..problem.escaping import printable
from ..problem.numeric import lambdified
from ..problem.problem import MultiscaleProblem
from ..solve.cell_solution import CellSolution
from ..solve.domains import middle
from .quadrature import plot_points

_CELL = {1: (401,), 2: (121, 121), 3: (81, 81, 1)}
"""Points of the picture of a cell along each axis."""


def draw(
    model: HomogenizedModel,
    eps: float,
    parameters: Mapping[sp.Symbol, float] | None,
    cells: CellSolution,
    parts: Mapping[str, Mapping[str, Any]],
    points: Array,
    shape: tuple[int, ...],
) -> Iterator[tuple[str, bytes]]:
    """(file name, PNG) of each picture."""
    problem = model.problem
    yield "coefficient.png", _coefficient(model, eps, parameters or {}, points, shape)
    if cells.functions:
        yield "cell_functions.png", _cell_functions(problem, cells)
    yield "solutions.png", _solutions(problem, eps, parts, points, shape)
    yield "error.png", _error(problem, eps, parts, points, shape)


def _coefficient(
    model: HomogenizedModel,
    eps: float,
    parameters: Mapping[sp.Symbol, float],
    points: Array,
    shape: tuple[int, ...],
) -> bytes:
    """The most oscillating coefficient of the equation, at t = 0."""
    problem, op = model.problem, model.operator
    candidates = [c for _, c in op.terms() if c.has(*op.fast)] or [c for _, c in op.terms()]
    c = max(candidates, key=sp.count_ops)
    c = -c if c.could_extract_minus_sign() else c
    fast = []
    for axis in op.axes:
        start, end = map(float, axis.interval)
        slow = points[:, axis.slow] if axis.slow < problem.scales.dim else 0.0
        fast.append(start + np.mod(slow / eps ** float(axis.power) - start, end - start))
    call = lambdified(
        [*op.coordinates[:-1], op.coordinates[-1], *op.fast, *problem.parameters], c, "numpy"
    )
    values = call(*points.T, 0.0, *fast, *(float(parameters[v]) for v in problem.parameters))
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    _show(
        figure.add_subplot(),
        problem,
        points,
        shape,
        {"": np.broadcast_to(np.real(values), len(points))},
        f"{_real_part(values)}coefficient at x/eps",
    )
    return _png(figure)


def _cell_functions(problem: MultiscaleProblem, cells: CellSolution) -> bytes:
    """Each cell function on one cell; a parametric one at the middle of the slow box, in 3D in the
    middle plane.
    """
    y, counts = plot_points(problem.cell, _CELL[problem.cell.dim])
    place = middle(problem.domain) if problem.domain else np.zeros(problem.cell.dim)
    where = " at the middle of the domain" if any(f.local for f in cells.functions) else ""
    panels = _Panels(cells.components, len(cells.functions), (4.6, 3.8))
    for k, function in enumerate(cells.functions):
        for j, values in enumerate(_columns(function(y, x=place if function.local else None))):
            number = f"[{j + 1}]" if cells.components > 1 else ""
            title = f"{_real_part(values)}{function.name}{number}{where} ({cells.backend})"
            _show(panels.at(j, k), problem, y, counts, {"": np.real(values)}, title, ("y1", "y2"))
    return panels.png()


def _real_part(values: Any) -> str:
    """What the title of a picture of complex values begins with."""
    return "real part: " if np.iscomplexobj(values) else ""


def _solutions(
    problem: MultiscaleProblem,
    eps: float,
    parts: Mapping[str, Mapping[str, Any]],
    points: Array,
    shape: tuple[int, ...],
) -> bytes:
    """A row for every component."""
    curves = {
        "u_eps (fine FEM)": parts["u_eps"]["plot"],
        "u0 (FEM)": parts["v"]["plot"],
        "u0 (PINN)": parts["p"]["plot"],
    }
    labels = _labels(problem)
    line = len(shape) == 1
    panels = _Panels(len(labels), 1 if line else 3, (7, 4.4) if line else (4.3, 3.8))
    for j, label in enumerate(labels):
        own = {name: _columns(v)[j] for name, v in curves.items()}
        if line:
            _show(
                panels.at(j, 0), problem, points, shape, own, f"{label}eps = {eps:g}{_at(problem)}"
            )
            continue
        limits = (
            min(float(np.min(v)) for v in own.values()),
            max(float(np.max(v)) for v in own.values()),
        )
        for k, (name, values) in enumerate(own.items()):
            _show(
                panels.at(j, k),
                problem,
                points,
                shape,
                {"": values},
                f"{label}{name}{_at(problem)}",
                limits=limits,
            )
    return panels.png()


def _error(
    problem: MultiscaleProblem,
    eps: float,
    parts: Mapping[str, Mapping[str, Any]],
    points: Array,
    shape: tuple[int, ...],
) -> bytes:
    """A row for every component."""
    curves = {
        "u_eps - u0 (PINN)": parts["u_eps"]["plot"] - parts["p"]["plot"],
        "u0 (PINN) - u0 (FEM), PINN cells": parts["p"]["plot"] - parts["w"]["plot"],
    }
    labels = _labels(problem)
    panels = _Panels(len(labels), 2, (5.5, 4))
    for j, label in enumerate(labels):
        for k, (name, values) in enumerate(curves.items()):
            title = f"{label}{name}{_at(problem)}"
            _show(
                panels.at(j, k),
                problem,
                points,
                shape,
                {"": _columns(values)[j]},
                title,
                signed=len(shape) > 1,
            )
    return panels.png()


class _Panels:
    """A figure of rows x columns panels of one size."""

    def __init__(self, rows: int, columns: int, size: tuple[float, float]) -> None:
        self.rows, self.columns = rows, columns
        self.figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")

    def at(self, row: int, column: int) -> Axes:
        return self.figure.add_subplot(self.rows, self.columns, row * self.columns + column + 1)

    def png(self) -> bytes:
        return _png(self.figure)


def _columns(values: Array) -> list[Array]:
    """The components of values (n,) or (n, m)."""
    return list(values.reshape(len(values), -1).T)


def _labels(problem: MultiscaleProblem) -> list[str]:
    """What the titles of the panels of each component begin with."""
    return [f"{u.func}: " for u in problem.unknowns] if len(problem.unknowns) > 1 else [""]


def _show(
    axes: Axes,
    problem: MultiscaleProblem,
    points: Array,
    shape: tuple[int, ...],
    curves: Mapping[str, Array],
    title: str,
    names: tuple[str, str] = ("x1", "x2"),
    limits: tuple[float, float] | None = None,
    signed: bool = False,
) -> None:
    """Curves over a line, or the one field of `curves` over a plane."""
    axes.set_title(printable(title), fontsize=10, parse_math=False, usetex=False)
    axes.set_xlabel(names[0])
    if len(shape) == 1:
        for name, values in curves.items():
            axes.plot(
                points[:, 0],
                values,
                lw=1.2,
                label=name,
                ls="--" if "PINN)" in name and len(curves) > 1 else "-",
            )
        if len(curves) > 1:
            axes.legend()
        axes.grid(alpha=0.3)
        return
    (values,) = curves.values()
    x, y, field = (
        column.reshape(shape[:2]) for column in (points[:, 0], points[:, 1], np.asarray(values))
    )
    extreme = float(np.max(np.abs(values))) or 1.0
    low, high = (-extreme, extreme) if signed else limits or (None, None)
    # Points are the middles of pixels, which reach half a step beyond the first and the last one.
    # Gouraud's triangles make the same picture, and double the time of the figure.
    right = (x[1, 0] - x[0, 0]) / 2
    top = (y[0, 1] - y[0, 0]) / 2
    image = axes.imshow(
        field.T,
        cmap="RdBu_r" if signed else "viridis",
        vmin=low,
        vmax=high,
        origin="lower",
        interpolation="bilinear",
        extent=(x[0, 0] - right, x[-1, 0] + right, y[0, 0] - top, y[0, -1] + top),
    )
    axes.set_xlim(x[0, 0], x[-1, 0])
    axes.set_ylim(y[0, 0], y[0, -1])
    axes.figure.colorbar(image, ax=axes)
    axes.set_ylabel(names[1])


def _at(problem: MultiscaleProblem) -> str:
    return "" if problem.final_time is None else f", t = {problem.final_time}"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
