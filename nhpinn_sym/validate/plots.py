"""The pictures of a validation: coefficient, cell functions, u0 against u_eps as fields and on a
line, differences, errors against eps. No display is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import sympy as sp

from ..derive.coefficient_picture import coefficient_values, draw_coefficient, moved_into
from ..derive.model import HomogenizedModel
from ..problem.errors import UnsupportedError
from ..problem.pictures import (
    Drawing,
    Sheet,
    curves,
    field,
    fraction,
    least_and_most,
    rates,
    real_parts,
    symbol,
)
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from ..solve.cell_picture import draw_cells
from ..solve.cell_solution import CellSolution

# Names of fields; `_named` puts the symbols of one unknown in.
_FINE = "{fine} (fine FEM)"
_FEM = "{limit} (FEM)"
PINN = "{limit} (PINN)"
LAW_BY_PINN = "{limit} (law by PINN)"
"""Where no net solves the homogenized equation."""
_PANEL = (4.2, 3.8)
_LINE = (7.0, 4.2)
# Of the values in the whole domain, what is drawn as zero on a line, and of that in differences.
_SMALLEST = 1e-3
# Inches of a panel for labels and scale; its height at least.
_BESIDE = (1.6, 0.95)
_FLATTEST = 2.0


def draw_coefficient_at(
    model: HomogenizedModel,
    eps: float,
    parameters: Mapping[sp.Symbol, float] | None,
    points: Array,
    shape: tuple[int, ...],
) -> Iterator[Drawing]:
    """The coefficient in the domain at one eps; `points` are a grid of the shape `shape`."""
    scene = _Scene(model.problem, points, shape, rf"$\varepsilon = {fraction(eps)}$")
    with suppress(UnsupportedError):  # a coefficient without a formula
        yield scene.coefficient(model, eps, parameters)


def draw_plain(
    problem: MultiscaleProblem,
    known: Mapping[str, Array],
    by_mesh: Mapping[int, float],
    points: Array,
    shape: tuple[int, ...],
) -> Iterator[Drawing]:
    """Each picture of a problem without fast variables: `known` are the values at the points of
    what is compared, by its name, the reference first; `by_mesh` the errors of FEM by the number of
    mesh cells along an axis.
    """
    scene = _Scene(problem, points, shape)
    named = {f"{{unknown}} ({name})": values for name, values in known.items()}
    reference = next(iter(named))
    yield scene.solutions(named, "What is compared")
    if len(scene.lines) > 1:
        yield scene.middle(named)
    others = list(named)[1:]
    if others:
        yield scene.differences(
            {f"{reference} $-$ {name}": named[reference] - named[name] for name in others}
        )
    if by_mesh and min(by_mesh.values()) > 0:
        sheet = Sheet(1, 1, (5.2, 4.0))
        sizes = [1 / n for n in by_mesh]
        held = {"FEM": (sizes, list(by_mesh.values()))}
        title, name = "error of FEM on three meshes", "size of a mesh cell, of the domain's"
        rates(sheet.at(0, 0), held, None, title, name)
        yield sheet.drawing("convergence", "The error of FEM against the size of mesh cells.")


def draw_cell_pictures(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None, cells: CellSolution
) -> Iterator[Drawing]:
    """The coefficient and the cell functions over 2 x 2 cells."""
    with suppress(UnsupportedError):  # a coefficient without a formula
        yield draw_coefficient(model, parameters)
    if cells.cell and (cells.functions or cells.adjoints or cells.ground_state):
        yield draw_cells(cells, model=model)


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


def draw_solutions(
    problem: MultiscaleProblem,
    eps: float,
    parts: Mapping[str, Mapping[str, Any]],
    points: Array,
    shape: tuple[int, ...],
    learned: str = PINN,
) -> Iterator[Drawing]:
    """u_eps beside u0, and their differences; `learned`: how the part "p" is called."""
    scene = _Scene(problem, points, shape, rf"$\varepsilon = {fraction(eps)}$")
    fine, v, p, w = (parts[name]["plot"] for name in ("u_eps", "v", "p", "w"))
    known = {_FINE: fine, _FEM: v, learned: p}
    yield scene.solutions(
        known, f"The fine solution beside the homogenized ones, eps = {fraction(eps)}"
    )
    if len(scene.lines) > 1:
        yield scene.middle(known)
    differences = {
        f"{_FINE} $-$ {learned}": fine - p,
        f"{learned} $-$ {_FEM}, PINN cells": p - w,
    }
    yield scene.differences(differences)


def _named(name: str, unknown: str) -> str:
    """The name of a field of the unknown v_1, with its symbol, v_1 at eps or that of the limit."""
    at_eps, limit = symbol(f"{unknown}_varepsilon"), symbol(f"{unknown}_0")
    return name.format(unknown=symbol(unknown), fine=at_eps, limit=limit)


def _titled(*parts: str) -> str:
    """Of a panel of curves, whose labels have the names."""
    return ", ".join(filter(None, parts))


def _widen(axes: Any, reach: float) -> None:
    """Limits of values up to at least that: what is below is rounding, and no shape."""
    low, high = axes.get_ylim()
    if max(abs(low), abs(high)) < reach:
        axes.set_ylim(-reach, reach)


class _Scene:
    """The grid on which one problem is drawn; in three dimensions its middle plane. `where`: what
    titles of curves tell of it.
    """

    def __init__(
        self,
        problem: MultiscaleProblem,
        points: Array,
        shape: tuple[int, ...],
        where: str = "",
    ) -> None:
        self.problem, self.points, self.where = problem, points, where
        self.shape = shape[:2]
        self.lines = [np.unique(points[:, k]) for k in range(len(self.shape))]
        self.names = ["$x_1$", "$x_2$"] if len(shape) > 1 else ["$x$"]

    @property
    def time(self) -> str:
        final = self.problem.final_time
        if final is None:
            return ""
        return f"$t = {float(final):g}$"

    def coefficient(
        self, model: HomogenizedModel, eps: float, parameters: Mapping[sp.Symbol, float] | None
    ) -> Drawing:
        """At x/eps and t = 0, in the whole domain."""
        operator = model.operator
        columns = dict(zip(operator.coordinates, self.points.T, strict=False))
        zeros = np.zeros(len(self.points))
        slow = [columns.get(operator.coordinates[axis.slow], zeros) for axis in operator.axes]
        scaled = [v / eps ** float(axis.power) for v, axis in zip(slow, operator.axes)]
        ends = [(float(a), float(b)) for a, b in (axis.interval for axis in operator.axes)]
        moved = moved_into(self.problem.cell, np.stack(scaled, axis=-1), ends)
        columns |= {axis.symbol: y for axis, y in zip(operator.axes, moved.T)}
        values = coefficient_values(operator, columns, parameters)
        if self.problem.domain is not None:
            inside = np.asarray(self.problem.domain.contains(self.points.T))
            values = np.where(inside, values, np.nan)
        title = rf"coefficient at $x/\varepsilon$, {self.where}"
        sheet = self._sheet(real_parts(title, values))
        return sheet.drawing(
            "coefficient", f"The coefficient in the domain, eps = {fraction(eps)}."
        )

    def _sheet(self, held: Mapping[str, Array]) -> Sheet:
        if len(self.lines) == 1:
            sheet = Sheet(1, 1, _LINE)
            curves(sheet.at(0, 0), self.lines[0], held, next(iter(held)), self.names[0])
            return sheet
        sheet = Sheet(1, len(held), self._panel(5.2, 4.4))
        for k, (label, values) in enumerate(held.items()):
            axes = sheet.at(0, k)
            sheet.bar(self._field(axes, values, label), axes)
        return sheet

    def _panel(self, width: float, height: float) -> tuple[float, float]:
        """The size of a panel, as flat as the domain."""
        x, y = self.lines[:2]
        ratio = float((y[-1] - y[0]) / (x[-1] - x[0]))
        return width, max(_FLATTEST, min(height, _BESIDE[1] + ratio * (width - _BESIDE[0])))

    def _field(self, axes: Any, values: Array, title: str, **options: Any) -> Any:
        return field(axes, self.lines, values.reshape(self.shape), title, self.names, **options)

    def solutions(self, known: Mapping[str, Array], caption: str) -> Drawing:
        """A row for every component, on one scale."""
        rows = self._rows(known)
        if len(self.lines) == 1:
            sheet = Sheet(len(rows), 1, _LINE)
            for j, (label, own) in enumerate(rows.items()):
                title = _titled(label, self.where, self.time)
                curves(sheet.at(j, 0), self.lines[0], own, title, self.names[0])
            return sheet.drawing("solutions", f"{caption}.")
        sheet = Sheet(len(rows), len(known), self._panel(*_PANEL))
        for j, own in enumerate(rows.values()):
            limits = least_and_most(own.values())
            row = [sheet.at(j, k) for k in range(len(own))]
            for axes, (name, values) in zip(row, own.items(), strict=True):
                image = self._field(axes, values, _titled(name, self.time), limits=limits)
            sheet.bar(image, row)
        return sheet.drawing("solutions", f"{caption}, on one scale for each unknown.")

    def middle(self, known: Mapping[str, Array]) -> Drawing:
        """On the line through the middle along the first axis, and by what the first one differs
        from the others there."""
        rows = self._rows(known)
        sheet = Sheet(len(rows), 2, _LINE)
        centre = self.shape[1] // 2
        at = f"$x_2 = {self.lines[1][centre]:.4g}$"
        for j, (label, own) in enumerate(rows.items()):
            line = {name: v.reshape(self.shape)[:, centre] for name, v in own.items()}
            size = max(map(abs, least_and_most(own.values())))
            values, differences = sheet.at(j, 0), sheet.at(j, 1)
            curves(values, self.lines[0], line, _titled(label, at, self.time), self.names[0])
            _widen(values, _SMALLEST * size)
            first, *others = line
            apart = {f"{first} $-$ {name}": line[first] - line[name] for name in others}
            title = _titled(label, "differences") if len(apart) > 1 else next(iter(apart))
            curves(differences, self.lines[0], apart, title, self.names[0])
            _widen(differences, _SMALLEST**2 * size)
        return sheet.drawing("line", "The solutions on a line through the middle of the domain.")

    def differences(self, known: Mapping[str, Array]) -> Drawing:
        """A row for every component, each panel on its own scale, zero in its middle."""
        rows = self._rows(known)
        size = self._panel(5.2, 4.2) if len(self.lines) > 1 else _LINE
        sheet = Sheet(len(rows), len(known), size)
        for j, own in enumerate(rows.values()):
            for k, (name, values) in enumerate(own.items()):
                axes = sheet.at(j, k)
                title = _titled(name, self.time)
                if len(self.lines) == 1:
                    curves(axes, self.lines[0], {name: values}, title, self.names[0])
                else:
                    sheet.bar(self._field(axes, values, title, signed=True), axes)
        return sheet.drawing("error", "Differences, each on a scale of its own.")

    def _rows(self, known: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """{title: {name: values}} of every component, real and imaginary part; the only row needs
        no title."""
        found: dict[str, dict[str, Array]] = {}
        unknowns = [str(u.func) for u in self.problem.unknowns]
        for j, unknown in enumerate(unknowns):
            label = symbol(unknown) if len(unknowns) > 1 else ""
            own = {_named(name, unknown): v.reshape(len(v), -1)[:, j] for name, v in known.items()}
            if any(np.iscomplexobj(v) and np.any(v.imag) for v in own.values()):
                found[f"Re {label}"] = {f"Re {name}": np.real(v) for name, v in own.items()}
                found[f"Im {label}"] = {f"Im {name}": np.imag(v) for name, v in own.items()}
            else:
                found[label] = {name: np.real(v) for name, v in own.items()}
        return found
