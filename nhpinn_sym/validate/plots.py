"""The pictures of a validation: coefficient, cell functions, u0 against u_eps as fields and on a
line, differences, errors against eps. No display is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import sympy as sp

from ..derive.coefficient_picture import coefficient_values, draw_coefficient, folded
from ..derive.model import HomogenizedModel
from ..problem.errors import UnsupportedError
from ..problem.pictures import Drawing, Sheet, curves, field, rates, real_parts, symbol
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from ..solve.cell_picture import draw_cells
from ..solve.cell_solution import CellSolution

FINE = r"$u_\varepsilon$ (fine FEM)"
_FEM = "$u_0$ (FEM)"
_PINN = "$u_0$ (PINN)"
_PANEL = (4.2, 3.8)
_LINE = (7.0, 4.2)


def draw(
    model: HomogenizedModel,
    eps: float,
    parameters: Mapping[sp.Symbol, float] | None,
    cells: CellSolution,
    parts: Mapping[str, Mapping[str, Any]],
    points: Array,
    shape: tuple[int, ...],
) -> Iterator[Drawing]:
    """Each picture of a boundary value problem; `points` are a grid of the shape `shape`."""
    scene = _Scene(model.problem, eps, points, shape)
    yield scene.coefficient(model, parameters)
    yield from draw_cell_pictures(model, parameters, cells)
    known = {
        FINE: parts["u_eps"]["plot"],
        _FEM: parts["v"]["plot"],
        _PINN: parts["p"]["plot"],
    }
    yield scene.solutions(known)
    if len(scene.lines) > 1:
        yield scene.middle(known)
    differences = {
        r"$u_\varepsilon - u_0$ (PINN)": parts["u_eps"]["plot"] - parts["p"]["plot"],
        "$u_0$ (PINN) - $u_0$ (FEM), PINN cells": parts["p"]["plot"] - parts["w"]["plot"],
    }
    yield scene.differences(differences)


def draw_cell_pictures(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None, cells: CellSolution
) -> Iterator[Drawing]:
    """The coefficient and the cell functions over 2 x 2 cells."""
    with suppress(UnsupportedError):  # a coefficient without a formula
        yield draw_coefficient(model, parameters)
    if cells.cell and (cells.functions or cells.adjoints or cells.ground_state):
        yield draw_cells(cells)


def draw_rates(
    eps: str,
    budget: Mapping[str, float],
    findings: Mapping[str, Any],
    expansion: Mapping[str, Any],
) -> Iterator[Drawing]:
    """Errors against eps, as a report holds them: of homogenization, and of the expansion against
    exact solutions."""
    larger = list(findings.get("larger", ()))
    if larger and budget:
        known = [*((float(sp.sympify(e)), error) for e, error in larger)]
        known.append((float(sp.sympify(eps)), budget["homogenization"]))
        x, y = (list(column) for column in zip(*sorted(known), strict=True))
        if min(y) > 0:
            sheet = Sheet(1, 1, (5.2, 4.0))
            label = r"$\|u_0^* - u_\varepsilon\| / \|u_\varepsilon\|$"
            rates(sheet.at(0, 0), {label: (x, y)}, 1, "error of homogenization")
            yield sheet.drawing(
                "homogenization_rate",
                "The error of homogenization against eps, beside a slope of one.",
            )
    if expansion.get("rate") is not None and min(expansion["errors"]) > 0:
        sheet = Sheet(1, 1, (5.2, 4.0))
        held = {
            f"expansion, observed rate {expansion['rate']:.2f}": (
                expansion["eps"],
                expansion["errors"],
            )
        }
        title = r"expansion against exact solutions $e^{i k \cdot x} w(x/\varepsilon)$"
        rates(sheet.at(0, 0), held, expansion["expected"], title)
        yield sheet.drawing(
            "expansion_rate",
            "The expansion against solutions that are exact, and the expected slope.",
        )


class _Scene:
    """The grid on which one problem is drawn; in three dimensions its middle plane."""

    def __init__(
        self, problem: MultiscaleProblem, eps: float, points: Array, shape: tuple[int, ...]
    ) -> None:
        self.problem, self.eps, self.points = problem, eps, points
        self.shape = shape[:2]
        self.lines = [np.unique(points[:, k]) for k in range(len(self.shape))]
        self.names = ["$x_1$", "$x_2$"] if len(shape) > 1 else ["$x$"]

    @property
    def time(self) -> str:
        final = self.problem.final_time
        return "" if final is None else f", $t = {float(final):g}$"

    def coefficient(
        self, model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None
    ) -> Drawing:
        """At x/eps and t = 0, in the whole domain."""
        operator = model.operator
        columns = dict(zip(operator.coordinates, self.points.T, strict=False))
        for axis in operator.axes:
            slow = columns.get(operator.coordinates[axis.slow], np.zeros(len(self.points)))
            start, end = map(float, axis.interval)
            scaled = slow / self.eps ** float(axis.power)
            columns[axis.symbol] = folded(scaled[:, None], [(start, end)])[:, 0]
        values = coefficient_values(operator, columns, parameters)
        title = rf"coefficient at $x/\varepsilon$, $\varepsilon = {self.eps:.4g}$"
        sheet = self._sheet(real_parts(title, values))
        return sheet.drawing("coefficient", f"The coefficient in the domain, eps = {self.eps:.4g}.")

    def _sheet(self, held: Mapping[str, Array]) -> Sheet:
        if len(self.lines) == 1:
            sheet = Sheet(1, 1, _LINE)
            curves(sheet.at(0, 0), self.lines[0], held, next(iter(held)), self.names[0])
            return sheet
        sheet = Sheet(1, len(held), (5.2, 4.4))
        for k, (label, values) in enumerate(held.items()):
            axes = sheet.at(0, k)
            sheet.bar(self._field(axes, values, label), axes)
        return sheet

    def _field(self, axes: Any, values: Array, title: str, **options: Any) -> Any:
        return field(axes, self.lines, values.reshape(self.shape), title, self.names, **options)

    def solutions(self, known: Mapping[str, Array]) -> Drawing:
        """A row for every component, on one scale."""
        rows = self._rows(known)
        caption = f"The fine solution beside the homogenized ones, eps = {self.eps:.4g}"
        if len(self.lines) == 1:
            sheet = Sheet(len(rows), 1, _LINE)
            for j, (label, own) in enumerate(rows.items()):
                title = rf"{label}$\varepsilon = {self.eps:.4g}${self.time}"
                curves(sheet.at(j, 0), self.lines[0], own, title, self.names[0])
            return sheet.drawing("solutions", f"{caption}.")
        sheet = Sheet(len(rows), len(known), _PANEL)
        for j, (label, own) in enumerate(rows.items()):
            limits = (min(v.min() for v in own.values()), max(v.max() for v in own.values()))
            row = [sheet.at(j, k) for k in range(len(own))]
            for axes, (name, values) in zip(row, own.items(), strict=True):
                title = f"{label}{name}{self.time}"
                image = self._field(axes, values, title, limits=limits)
            sheet.bar(image, row)
        return sheet.drawing("solutions", f"{caption}, on one scale for each unknown.")

    def middle(self, known: Mapping[str, Array]) -> Drawing:
        """On the line through the middle along the first axis, and what they differ by there."""
        rows = self._rows(known)
        sheet = Sheet(len(rows), 2, _LINE)
        centre = self.shape[1] // 2
        at = f"$x_2 = {self.lines[1][centre]:.4g}${self.time}"
        for j, (label, own) in enumerate(rows.items()):
            line = {name: v.reshape(self.shape)[:, centre] for name, v in own.items()}
            curves(sheet.at(j, 0), self.lines[0], line, f"{label}{at}", self.names[0])
            fine = line.pop(next(iter(line)))
            apart = {rf"$u_\varepsilon$ - {name}": fine - v for name, v in line.items()}
            curves(sheet.at(j, 1), self.lines[0], apart, f"{label}differences", self.names[0])
        return sheet.drawing("line", "The solutions on a line through the middle of the domain.")

    def differences(self, known: Mapping[str, Array]) -> Drawing:
        """A row for every component, each panel on its own scale, zero in its middle."""
        rows = self._rows(known)
        size = (5.2, 4.2) if len(self.lines) > 1 else _LINE
        sheet = Sheet(len(rows), len(known), size)
        for j, (label, own) in enumerate(rows.items()):
            for k, (name, values) in enumerate(own.items()):
                axes = sheet.at(j, k)
                title = f"{label}{name}{self.time}"
                if len(self.lines) == 1:
                    curves(axes, self.lines[0], {name: values}, title, self.names[0])
                else:
                    sheet.bar(self._field(axes, values, title, signed=True), axes)
        return sheet.drawing("error", "Differences, each on a scale of its own.")

    def _rows(self, known: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """{label: {name: values}} of every component, real and imaginary part."""
        labels = [f"{symbol(str(u.func))}: " for u in self.problem.unknowns]
        found: dict[str, dict[str, Array]] = {}
        for j, label in enumerate(labels if len(labels) > 1 else [""]):
            own = {name: v.reshape(len(v), -1)[:, j] for name, v in known.items()}
            if any(np.iscomplexobj(v) and np.any(v.imag) for v in own.values()):
                found[f"{label}Re "] = {name: np.real(v) for name, v in own.items()}
                found[f"{label}Im "] = {name: np.imag(v) for name, v in own.items()}
            else:
                found[label] = {name: np.real(v) for name, v in own.items()}
        return found
