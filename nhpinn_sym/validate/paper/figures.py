"""The paper's figures from the arrays of a run. PNG bytes, no display needed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...solve.solution import Array
from ..quadrature import plot_points
from ..store import Arrays
from .cases import Case
from .experiments import closed_form
from .numbers import MEANINGS, Numbers
from .settings import Training

HERE, BEFORE, LIBRARY, PRINTED, EXACT = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#222222"
"""Colours that the colour-blind tell apart: the paper's way here, its variant, the library, printed
values, references.
"""
_SHOWN = 30
"""A line so many times below the curves is left out beside the last epochs."""
_NARROW = 3
"""Errors within this factor are shown on a linear axis."""
_WINDOW = 10
"""Periods of the coefficient that are shown where the domain has more than four times as many."""


@dataclass(frozen=True)
class Picture:
    """A figure of the page; `name` of its file, without ending."""

    name: str
    caption: str
    png: bytes

    @property
    def title(self) -> str:
        """The first words of the caption."""
        return self.caption.partition(". ")[0].partition(":")[0]


def draw(
    case: Case, parts: Mapping[str, Arrays], numbers: Numbers, trainings: Mapping[str, Training]
) -> Iterator[Picture]:
    """Every figure that the paper has for the case, in its order."""
    makers: dict[str, Callable[[], tuple[str, Figure]]] = {
        "data": lambda: _data(case, parts),
        "classical": lambda: _classical(case, parts, numbers, trainings["classical"]),
        "cell_1": lambda: _cell(case, parts, numbers, trainings["cells"], 1),
        "cell_2": lambda: _cell(case, parts, numbers, trainings["cells"], 2),
        "effective": lambda: _effective(case, parts),
        "errors": lambda: _errors(parts["nh_pinn"], numbers, trainings["homogenized"]),
        "field": lambda: _field(case, parts),
        "transfer": lambda: _transfer(parts["nh_pinn"], numbers, trainings["classical"]),
    }
    for name, number in sorted(case.figures.items(), key=lambda item: item[1]):
        caption, figure = makers[name]()
        yield Picture(f"{case.key}_{name}", f"Figure {number} of the paper. {caption}", png(figure))


def draw_coarse(table: Arrays) -> Picture:
    """The experiment of section 2.2."""
    figure, (left, right) = _figure(2)
    left.loglog(table["elements"], table["errors"], "o-", color=HERE, label="linear elements")
    left.axhline(9 / 17, color=PRINTED, ls="--", label="9/17, printed")
    _label(left, "error against $u_\\varepsilon$", "number of elements", "relative error")
    right.plot(table["x"], table["u_eps"], color=EXACT, label="$u_\\varepsilon$")
    for k, name in enumerate(
        sorted((n for n in table if n.startswith("u_") and n != "u_eps"), key=lambda n: int(n[2:]))
    ):
        right.plot(
            table["x"], table[name], "--", color=(HERE, BEFORE)[k], label=f"{name[2:]} elements"
        )
    _label(right, "solutions", "$x$", "")
    return Picture(
        "coarse_elements",
        "Section 2.2: linear elements for a = 15 sin²(x/ε) + 1 with 64 periods in (0, π).",
        png(figure),
    )


def draw_effective(table: Arrays) -> Picture:
    """e2 < e4: the error over a factor of a*."""
    figure, (axes,) = _figure(1)
    axes.plot(
        table["factors"],
        table["e of factor"],
        color=EXACT,
        label="error of u0 for a* times the factor",
    )
    for (name, text), colour in zip(
        (("exact sum", "sum over all nodes"), ("exact trapezoid", "trapezoid rule")),
        (PRINTED, HERE),
    ):
        axes.plot(
            float(table[f"a {name}"]) / float(table["true"]),
            float(table[f"e {name}"]),
            "o",
            color=colour,
            label=text,
        )
    _label(axes, "section 5.2: what a* does to e4", "factor of a*", "relative error")
    return Picture(
        "effective_2d", "Sections 5.2.1 and 5.3.1: e2 < e4 and the lower bound.", png(figure)
    )


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _figure(columns: int, width: float = 4.6, height: float = 3.5) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=6)


def _histories(
    axes: Sequence[Axes],
    curves: Mapping[str, tuple[Array, str]],
    lines: Mapping[str, tuple[float | None, str]],
    last: int,
) -> None:
    """Errors over the epochs: all of them on the left, the last ones on the right; horizontal lines
    for single numbers.
    """
    for panel, count in zip(axes, (0, last), strict=True):
        for (label, (values, colour)), style in zip(curves.items(), ("-", "--")):
            epochs = np.arange(len(values))[-count:]
            panel.plot(epochs, values[-count:], style, color=colour, lw=1.2, label=label)
        lowest = min(np.min(values[-count:]) for values, _ in curves.values())
        for label, (value, colour) in lines.items():
            if value is not None and (not count or value > lowest / _SHOWN):
                panel.axhline(value, color=colour, ls="--", lw=1, label=label)
        if np.divide(*panel.get_ylim()[::-1]) > _NARROW or panel.get_ylim()[0] <= 0:
            panel.set_yscale("log")
        total = max(len(values) for values, _ in curves.values())
        _label(
            panel,
            f"last {min(count, total)} epochs" if count else "all epochs",
            "epoch",
            "relative error",
        )


def _last(training: Training) -> int:
    """Epochs shown on the right: thrice those that are averaged."""
    return 3 * training.average


def _average(training: Training) -> str:
    return f"the mean over the last {training.average} epochs"


def _data(case: Case, parts: Mapping[str, Arrays]) -> tuple[str, Figure]:
    """The coefficient, and the solution: in 2D the reference (figure 2), in 1D NH-PINN's beside the
    reference (9, 14, 19).
    """
    figure, (left, right) = _figure(2)
    if case.dim == 2:
        points, _ = plot_points(tuple((a, b) for a, b in case.bounds))
        _show(left, points, case.oscillating(points), "permeability a(x/ε)")
        _show(right, case.points, parts["reference"]["u_eps"], "reference $u_\\varepsilon$ (FEM)")
        return "Left: permeability; right: reference solution.", figure
    (a, b), period = case.bounds[0].tolist(), float(case.eps * case.problem.cell.lengths[0])
    windowed = (b - a) / period > 4 * _WINDOW
    x = np.linspace(a, a + _WINDOW * period if windowed else b, 2001)
    left.plot(
        x,
        case.oscillating(x[:, None]),
        color=HERE,
        lw=1,
        label=f"{'first ten periods, ' * windowed}ε = {case.eps}",
    )
    _label(left, "coefficient", "$x$", "")
    _curves(right, case, {"NH-PINN": parts["nh_pinn"]["u"]}, parts)
    return f"Left: coefficient; right: NH-PINN and reference{_at(case)}.", figure


def _classical(
    case: Case, parts: Mapping[str, Arrays], n: Numbers, training: Training
) -> tuple[str, Figure]:
    part = parts["classical"]
    figure, (left, middle, right) = _figure(3)
    curves = {"classical PINN": (part["error"], HERE)}
    if "energy" in parts:
        curves["its energy form"] = (parts["energy"]["error"], BEFORE)
    _histories(
        (left, middle),
        curves,
        {
            "printed": (n.printed["classical"], PRINTED),
            "library, NH-PINN": (n.library["e1"], LIBRARY),
            "library, Ritz": (n.library.get("energy"), EXACT),
        },
        _last(training),
    )
    if case.dim == 2:
        _show(right, case.points, part["u"], "classical PINN")
    else:
        _curves(right, case, {"classical PINN": part["u"]}, parts)
    energy = (
        f"; in energy form, which the paper does not try, it is {n.here['energy']:.3g}"
        if "energy" in n.here
        else ""
    )
    return (
        (
            f"Classical PINN on the multiscale equation: {_average(training)} is"
            f" {n.here['classical']:.4g} here; printed is {n.printed['classical']:.4g}{energy}."
        ),
        figure,
    )


def _cell(
    case: Case, parts: Mapping[str, Arrays], n: Numbers, training: Training, k: int
) -> tuple[str, Figure]:
    name, label = f"cell_{k}", f"$\\chi_{k}$" if case.dim == 2 else "$N$"
    curves = {"with oversampling": (parts["cells"][f"{name} history"], HERE)}
    if "plain" in parts:
        curves["without"] = (parts["plain"][f"{name} history"], BEFORE)
    figure, axes = _figure(2 if case.dim == 2 else 3)
    lines = {
        "printed, with": (n.printed.get(name), PRINTED),
        "printed, without": (n.printed.get(f"{name} plain"), EXACT),
        "library": (n.library.get(name), LIBRARY),
    }
    _histories(axes[:2], curves, lines, _last(training))
    if case.dim == 1:
        y = case.cell_points[:-1, 0]  # the upper end would be wrapped to the lower one
        axes[2].plot(y, parts["reference"][name][:-1], color=EXACT, label="reference")
        axes[2].plot(y, parts["cells"][name][:-1], "--", color=HERE, label="learnt")
        _label(axes[2], "cell function", "$y$", "")
    plain = (
        f" ({n.here[f'{name} plain']:.3g} without oversampling)"
        if f"{name} plain" in n.here
        else ""
    )
    return (
        f"{MEANINGS[name].capitalize()} {label.strip('$')}: {_average(training)} is"
        f" {n.here[name]:.3g}{plain}.".replace("\\chi", "χ"),
        figure,
    )


def _effective(case: Case, parts: Mapping[str, Arrays]) -> tuple[str, Figure]:
    figure, axes = _figure(2)
    x, exact = case.points[:, 0], closed_form(case.points)
    slope = (2 + np.sin(x)) * np.cos(x) / exact
    for panel, reference, name, title in zip(
        axes, (exact, slope), ("a*", "da*"), ("a*(x)", "da*/dx"), strict=True
    ):
        panel.plot(x, reference, color=EXACT, label="closed form")
        panel.plot(x, parts["cells"][name], "--", color=HERE, label="the paper's nets")
        panel.plot(
            x, parts["library"][name], ":", color=LIBRARY, label="the library's parametric net"
        )
        _label(panel, title, "$x$", "")
    return (
        f"a*(x), relative error {float(parts['cells']['a* error']):.2e}, and its derivative.",
        figure,
    )


def _errors(part: Arrays, n: Numbers, training: Training) -> tuple[str, Figure]:
    figure, axes = _figure(2)
    lines = {
        "e1, printed": (n.printed["e1"], PRINTED),
        "e4, converged": (n.truth["e4"], EXACT),
        "e3, library": (n.library["e3"], LIBRARY),
    }
    _histories(axes, {"e1": (part["e1"], HERE), "e3": (part["e3"], BEFORE)}, lines, _last(training))
    return (
        (
            f"NH-PINN: {_average(training)} is e1 = {n.here['e1']:.4g}, e3 = {n.here['e3']:.4g}"
            f" (printed: {n.printed['e1']:.4g}, {n.printed['e3']:.4g})."
        ),
        figure,
    )


def _field(case: Case, parts: Mapping[str, Arrays]) -> tuple[str, Figure]:
    figure, (left, right) = _figure(2)
    fine = parts["reference"]["u_eps"]
    _show(
        left, case.points, fine - parts["nh_pinn"]["u"], "$u_\\varepsilon$ - NH-PINN", signed=True
    )
    _show(
        right,
        case.points,
        fine - parts["reference"]["u0"],
        "$u_\\varepsilon - u_0$, converged",
        signed=True,
    )
    return "Error field: left NH-PINN; right what homogenization alone leaves.", figure


def _transfer(part: Arrays, n: Numbers, training: Training) -> tuple[str, Figure]:
    figure, axes = _figure(2)
    _histories(
        axes,
        {"from NH-PINN's weights": (part["transfer"], HERE)},
        {"printed": (n.printed["transfer"], PRINTED), "start": (n.start, EXACT)},
        _last(training),
    )
    return (
        (
            f"Transfer learning: from {n.start:.3g} to {n.here['transfer']:.3g}"
            f" ({_average(training)}; printed {n.printed['transfer']:.3g})."
        ),
        figure,
    )


def _curves(
    axes: Axes, case: Case, curves: Mapping[str, Array], parts: Mapping[str, Arrays]
) -> None:
    """Solutions over the interval, beside the reference."""
    axes.plot(case.points[:, 0], parts["reference"]["u_eps"], color=EXACT, label="reference")
    for name, values in curves.items():
        axes.plot(case.points[:, 0], values, "--", color=HERE, label=name)
    _label(axes, f"solution{_at(case)}", "$x$", "")


def _at(case: Case) -> str:
    return "" if case.problem.final_time is None else f" at t = {case.problem.final_time}"


def _show(axes: Axes, points: Array, values: Array, title: str, signed: bool = False) -> None:
    """A field over the square, given on a uniform grid."""
    shape = (round(len(points) ** 0.5),) * 2
    extreme = float(np.max(np.abs(values)))
    x, y = (column.reshape(shape) for column in points.T)
    mesh = axes.pcolormesh(
        x,
        y,
        values.reshape(shape),
        shading="gouraud",
        cmap="RdBu_r" if signed else "viridis",
        vmin=-extreme if signed else None,
        vmax=extreme if signed else None,
    )
    axes.figure.colorbar(mesh, ax=axes)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    axes.set_aspect("equal")
