"""The paper's figures from the results files; one PNG for a part. No display is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cases import Array, Case, grid
from checks import PLATEAU, CaseResults
from experiments import PROFILE_NODES, closed_form
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HERE = "#0072b2"
VARIANT = "#e69f00"
LIBRARY = "#009e73"
PRINTED = "#d55e00"
EXACT = "#222222"
"""Colours that the colour-blind tell apart: the paper's way here, its variant, the library, printed
values, references.
"""
WINDOW = 10
"""Periods of the coefficient that are shown where the domain has more than four times as many."""
DOTS_PER_INCH = 80


def draw(results: CaseResults, folder: Path) -> Iterator[tuple[str, int, str]]:
    """Write every figure of a case for which there are results: (part, number in the paper, name of
    the file).
    """
    for part, number in results.case.figures.items():
        if part in results.parts:
            name = f"{results.case.key}_{part}.png"
            save(_MAKERS[part](results), folder / name)
            yield part, number, name


def draw_coarse(table: Mapping[str, Any], path: Path) -> None:
    """The experiment of section 2.2."""
    figure, (axes,) = _figure(1)
    axes.loglog(table["elements"], table["errors"], "o-", color=HERE, label="linear elements")
    axes.axhline(PLATEAU, color=PRINTED, ls="--", label="9/17, printed")
    _label(axes, "error against $u_\\varepsilon$", "number of elements", "relative error")
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})


def _reference(results: CaseResults) -> Figure:
    """The coefficient, and the solution."""
    case = results.case
    figure, (left, right) = _figure(2)
    profiles = results.parts["reference"]["profiles"]
    if case.dim == 2:
        points = grid(case.bounds, 2 * PROFILE_NODES[2] - 1)
        _field(left, points, case.oscillating(points), "coefficient")
        _field(right, _places(case), profiles["u_eps"], "$u_\\varepsilon$ (FEM)")
        return figure
    (lower, upper) = case.bounds[0]
    title = "coefficient"
    if (upper - lower) / case.period > 4 * WINDOW:
        upper = lower + WINDOW * case.period
        title = "coefficient, first ten periods"
    x = np.linspace(lower, upper, 2001)
    left.plot(x, case.oscillating(x[:, None]), color=HERE, lw=1)
    _label(left, title, "$x$", "")
    _solutions(right, results, "homogenized", "NH-PINN")
    return figure


def _classical(results: CaseResults) -> Figure:
    curves = {"classical PINN": _curve(results, "classical", "classical")}
    if "energy" in results.parts:
        curves["its energy form"] = _curve(results, "energy", "energy")
    figure, (left, right) = _figure(2)
    lines = {
        "printed": (results.case.printed["classical"], PRINTED),
        "library: e1": (results.library.get("e1"), LIBRARY),
    }
    _histories(left, curves, lines)
    _solutions(right, results, "classical", "classical PINN")
    return figure


def _cells(results: CaseResults) -> Figure:
    if "a*" in results.here:
        return _effective(results)
    case = results.case
    figure, axes = _figure(2)
    for k, panel in zip((1, 2) if case.dim == 2 else (1,), axes):
        name = f"cell_{k}"
        curves = {"with oversampling": _curve(results, "cells", name)}
        lines = {"printed, with": (case.printed[name], PRINTED)}
        if "plain" in results.parts:
            curves["without"] = _curve(results, "plain", f"{name} plain")
            lines["printed, without"] = (case.printed[f"{name} plain"], EXACT)
        _histories(panel, curves, lines, f"error of cell function {k}")
    if case.dim == 1:
        bounds = np.array(case.problem.cell.bounds, dtype=float)
        y = grid(bounds, PROFILE_NODES[1])[:-1, 0]  # the upper end is wrapped to the lower one
        exact = results.parts["reference"]["profiles"]["cell_1"]
        learnt = results.parts["cells"]["profiles"]["cell_1"]
        axes[1].plot(y, exact[:-1], color=EXACT, label="reference")
        axes[1].plot(y, learnt[:-1], "--", color=HERE, label="learnt")
        _label(axes[1], "cell function", "$y$", "")
    return figure


def _effective(results: CaseResults) -> Figure:
    """a*(x) at the slow nodes, and its error."""
    figure, (left, right) = _figure(2)
    x = results.case.cells.nodes.points
    found = np.array(results.parts["cells"]["values"]["effective"]["A_0_0"])
    exact = closed_form(x)
    left.plot(x[:, 0], exact, color=EXACT, label="closed form")
    left.plot(x[:, 0], found, "o", ms=3, color=HERE, label="the paper's nets")
    _label(left, "$a^*(x)$", "$x$", "")
    right.semilogy(x[:, 0], np.abs(found / exact - 1), "o-", ms=3, color=HERE, label="here")
    right.axhline(results.case.printed["a*"], color=PRINTED, ls="--", label="printed, in L2")
    _label(right, "relative error of $a^*$", "$x$", "")
    return figure


def _homogenized(results: CaseResults) -> Figure:
    case = results.case
    figure, (left, right) = _figure(2)
    curves = {name: _curve(results, "homogenized", name) for name in ("e1", "e3")}
    lines = {
        "e1, printed": (case.printed["e1"], PRINTED),
        "e4, converged": (case.converged_e4, EXACT),
    }
    _histories(left, curves, lines)
    fine = np.array(results.parts["reference"]["profiles"]["u_eps"])
    found = np.array(results.parts["homogenized"]["profiles"]["u"])
    if case.dim == 2:
        _field(right, _places(case), fine - found, "$u_\\varepsilon$ - NH-PINN", signed=True)
    else:
        u0 = np.array(results.parts["reference"]["profiles"]["u0"])
        x = _places(case)[:, 0]
        right.plot(x, fine - found, color=HERE, label="$u_\\varepsilon$ - NH-PINN")
        right.plot(x, fine - u0, "--", color=EXACT, label="$u_\\varepsilon - u_0$, converged")
        _label(right, "differences", "$x$", "")
    return figure


def _transfer(results: CaseResults) -> Figure:
    figure, (left, right) = _figure(2)
    lines = {
        "printed": (results.case.printed["transfer"], PRINTED),
        "start": (results.start(), EXACT),
    }
    curves = {"from NH-PINN's weights": _curve(results, "transfer", "transfer")}
    _histories(left, curves, lines)
    _solutions(right, results, "transfer", "after the transfer")
    return figure


_MAKERS: Mapping[str, Callable[[CaseResults], Figure]] = {
    "reference": _reference,
    "classical": _classical,
    "cells": _cells,
    "homogenized": _homogenized,
    "transfer": _transfer,
}


def _figure(columns: int) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(4.6 * columns, 3.4), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _curve(results: CaseResults, part: str, quantity: str) -> tuple[Array, Array]:
    """Epochs and errors."""
    content = results.parts[part]
    errors = np.array(content["curves"][quantity])
    return np.linspace(0, content["settings"]["training"]["epochs"] - 1, len(errors)), errors


def _histories(
    axes: Axes,
    curves: Mapping[str, tuple[Array, Array]],
    lines: Mapping[str, tuple[float | None, str]],
    title: str = "error over the training",
) -> None:
    """Errors over the epochs; horizontal lines for single numbers."""
    for (label, (epochs, errors)), colour in zip(curves.items(), (HERE, VARIANT)):
        axes.semilogy(epochs, errors, color=colour, lw=1.2, label=label)
    for label, (value, colour) in lines.items():
        if value is not None:
            axes.axhline(value, color=colour, ls="--", lw=1, label=label)
    _label(axes, title, "epoch", "relative error")


def _solutions(axes: Axes, results: CaseResults, part: str, label: str) -> None:
    """The solution of a part beside u_eps; in 2D as a field."""
    case = results.case
    found = results.parts.get(part, {}).get("profiles", {}).get("u")
    if case.dim == 2:
        _field(axes, _places(case), found, label)
        return
    x = _places(case)[:, 0]
    if "reference" in results.parts:
        fine = results.parts["reference"]["profiles"]["u_eps"]
        axes.plot(x, fine, color=EXACT, label="$u_\\varepsilon$ (FEM)")
    if found is not None:
        axes.plot(x, found, "--", color=HERE, label=label)
    _label(axes, "solution", "$x$", "")


def _places(case: Case) -> Array:
    """The points of the profiles."""
    return grid(case.bounds, PROFILE_NODES[case.dim])


def _field(
    axes: Axes, points: Array, values: Sequence[float] | Array, title: str, signed: bool = False
) -> None:
    """A function on the square, given on a uniform grid."""
    shape = (round(len(points) ** 0.5),) * 2
    table = np.asarray(values).reshape(shape)
    limit = float(np.max(np.abs(table))) if signed else None
    x, y = (column.reshape(shape) for column in points.T)
    mesh = axes.pcolormesh(
        x,
        y,
        table,
        shading="gouraud",
        cmap="RdBu_r" if signed else "viridis",
        vmin=None if limit is None else -limit,
        vmax=limit,
    )
    axes.figure.colorbar(mesh, ax=axes)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    axes.set_aspect("equal")
