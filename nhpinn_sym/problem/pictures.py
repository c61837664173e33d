"""What every picture of the package is drawn with: fields, curves, panels, files.

Maps are safe for the colour-blind: viridis for sizes, red and blue for what has a sign, with zero
in the middle. Fields that are compared share one scale; differences have their own. matplotlib is
imported when something is drawn, and needs no display.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import OutputPathError
from .escaping import printable
from .printer import png, svg

SEQUENTIAL = "viridis"
SIGNED = "RdBu_r"
# Okabe and Ito's colours, apart for every eye.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_STYLES = ("-", "--", ":", "-.")
BACKENDS = {
    "pinn": "PINN",
    "fourier": "Fourier",
    "skfem": "scikit-fem",
    "dolfinx": "DOLFINx",
    "voxel": "voxels",
}
"""How titles name them."""
# Per inch.
_DOTS = 110
TITLE: dict[str, Any] = {"fontsize": 10, "y": 1.0}
"""Of a panel; a place that is not given is searched for, in a quarter of the time of a picture."""
# Inches beside the axes of a panel, for its labels (of powers of ten on the left), and for the
# scale of an image: its gap, its width, and both with its labels.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.72, 0.2, 0.56, 0.38
_POWERS = 0.95
_GAP, _BAR, _SCALE = 0.12, 0.14, 0.86
# Intervals between ticks, and the powers of ten between which numbers have none.
_INTERVALS = 6
_PLAIN = (-3, 4)
_NAME = re.compile(r"[A-Za-z]+\d*(?:_(?:[A-Za-z]+\d*|\d+))*")
_GREEK = (
    *("psi", "phi", "chi", "rho", "tau", "beta", "lambda", "alpha", "theta", "mu", "sigma"),
    "varepsilon",
)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A finished picture: a notebook shows it; `figure` is matplotlib's, for changes."""

    name: str
    caption: str
    figure: Any

    def png(self) -> bytes:
        return png(self.figure)

    def svg(self) -> bytes:
        return svg(self.name, self.figure).encode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to a file that ends with .png or .svg; OutputPathError for another ending."""
        target = Path(path)
        kinds = {".png": self.png, ".svg": self.svg}
        if target.suffix not in kinds:
            raise OutputPathError(
                "pictures are written as .png or .svg",
                term=str(path),
                remedy=f'write .save("{target.stem}.svg")',
            )
        target.write_bytes(kinds[target.suffix]())
        return target

    def _repr_png_(self) -> bytes:
        return self.png()

    def __repr__(self) -> str:
        return f"picture {self.name}: {self.caption}"


class Sheet:
    """A figure of rows x columns panels, each of `size` inches.

    Panels have margins that are known beforehand: an engine that measures every label takes longer
    than drawing them.
    """

    def __init__(self, rows: int, columns: int, size: tuple[float, float]) -> None:
        from matplotlib.figure import Figure

        self.rows, self.columns = rows, columns
        self.figure = Figure(figsize=(columns * size[0], rows * size[1]), dpi=_DOTS)
        self._places: list[tuple[Any, int, int]] = []
        self._bars: list[tuple[Any, list[Any]]] = []

    def at(self, row: int, column: int, **options: Any) -> Any:
        """The axes of a panel."""
        number = row * self.columns + column + 1
        axes = self.figure.add_subplot(self.rows, self.columns, number, **options)
        self._places.append((axes, row, column))
        return axes

    def bar(self, image: Any, axes: Any) -> None:
        """The scale of an image, beside one panel or behind the last one of several."""
        self._bars.append((image, list(axes) if isinstance(axes, Sequence) else [axes]))

    def drawing(self, name: str, caption: str) -> Drawing:
        """The finished picture."""
        own = [axes[0] for _, axes in self._bars if len(axes) == 1]
        strip = _SCALE if any(len(axes) > 1 for _, axes in self._bars) else 0.0
        width, height = self.figure.get_size_inches()
        panel = ((width - strip) / self.columns, height / self.rows)
        for axes, row, column in self._places:
            before = _POWERS if axes.get_yscale() == "log" else _LEFT
            behind = _SCALE if axes in own else _RIGHT
            left = column * panel[0] + before
            bottom = (self.rows - 1 - row) * panel[1] + _BOTTOM
            inner = (panel[0] - before - behind, panel[1] - _BOTTOM - _TOP)
            place = (left / width, bottom / height, inner[0] / width, inner[1] / height)
            axes.set_position(place)
            axes.apply_aspect()
        for image, beside in self._bars:
            self._draw_bar(image, [axes.get_position() for axes in beside])
        return Drawing(name, caption, self.figure)

    def _draw_bar(self, image: Any, panels: Sequence[Any]) -> None:
        """As high as the panels, and behind the last one."""
        low = min(panel.y0 for panel in panels)
        high = max(panel.y1 for panel in panels)
        width = self.figure.get_size_inches()[0]
        left = max(panel.x1 for panel in panels) + _GAP / width
        axes = self.figure.add_axes((left, low, _BAR / width, high - low))
        _count(self.figure.colorbar(image, cax=axes).ax, "y")


def symbol(name: str) -> str:
    """A name in matplotlib's mathematics, N_1_v2 with two indices; as it is where it is no word."""
    if not _NAME.fullmatch(name):
        return escaped_text(name)
    base, *indices = name.split("_")
    letters = base.rstrip("0123456789")
    own = [base[len(letters) :], *map(_index, indices)]
    index = ",".join(filter(None, own))
    if index:
        return f"${_letters(letters)}_{{{index}}}$"
    return f"${_letters(letters)}$"


def _index(word: str) -> str:
    letters = word.rstrip("0123456789")
    digits = word[len(letters) :]
    if not letters:
        return digits
    if digits:
        return f"{_letters(letters)}_{{{digits}}}"
    return _letters(letters)


def _letters(word: str) -> str:
    if word in _GREEK:
        return f"\\{word}"
    if len(word) == 1:
        return word
    return rf"\mathrm{{{word}}}"


def escaped_text(text: str) -> str:
    """Text that matplotlib shows as it is."""
    return printable(text).replace("\\", "\\\\").replace("$", r"\$")


def least_and_most(fields: Iterable[np.ndarray]) -> tuple[float, float]:
    """Of all values; those outside of a domain are nan."""
    known = np.concatenate([values[np.isfinite(values)].ravel() for values in fields])
    return float(known.min()), float(known.max())


def field(
    axes: Any,
    lines: Sequence[np.ndarray],
    values: np.ndarray,
    title: str,
    names: Sequence[str],
    limits: tuple[float, float] | None = None,
    signed: bool = False,
) -> Any:
    """An image of values over a plane, (n, m) on two lines of points; returns what `Sheet.bar`
    takes. `title`, `names`: mathematics between dollars."""
    x, y = lines
    extreme = max(map(abs, least_and_most([values]))) or 1.0
    low, high = limits or ((-extreme, extreme) if signed else (None, None))
    # Points are the middles of pixels, which reach half a step beyond the first and the last one.
    # Gouraud's triangles make the same picture, and double the time of the figure.
    right = (x[1] - x[0]) / 2
    top = (y[1] - y[0]) / 2
    image = axes.imshow(
        values.T,
        cmap=SIGNED if signed else SEQUENTIAL,
        vmin=low,
        vmax=high,
        origin="lower",
        interpolation="bilinear",
        extent=(x[0] - right, x[-1] + right, y[0] - top, y[-1] + top),
    )
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.locator_params(nbins=_INTERVALS)
    axes.set_title(title, **TITLE)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    return image


def _count(axes: Any, axis: str) -> None:
    """Few ticks, whose numbers are short."""
    axes.locator_params(axis=axis, nbins=_INTERVALS)
    axes.ticklabel_format(axis=axis, scilimits=_PLAIN)


def curves(axes: Any, x: np.ndarray, held: Mapping[str, np.ndarray], title: str, name: str) -> None:
    """Curves over a line by their labels; none is hidden by another one."""
    for k, (label, values) in enumerate(held.items()):
        style = _STYLES[k % len(_STYLES)]
        color = COLOURS[k % len(COLOURS)]
        axes.plot(x, values, style, lw=1.3 + 0.3 * (k > 0), color=color, label=label)
    if len(held) > 1:
        axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
    axes.margins(x=0)
    _count(axes, "y")
    axes.set_title(title, **TITLE)
    axes.set_xlabel(name)


def rates(
    axes: Any,
    held: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    order: float | None,
    title: str,
    name: str = r"$\varepsilon$",
) -> None:
    """Errors against a small number, both by their logarithms; beside the first one the slope of
    the expected order."""
    for k, (label, (x, y)) in enumerate(held.items()):
        color = COLOURS[k % len(COLOURS)]
        axes.loglog(x, y, "o" + _STYLES[k % len(_STYLES)], color=color, label=label)
    if order is not None and held:
        x, y = next(iter(held.values()))
        anchor = max(range(len(x)), key=lambda k: x[k])
        ends = np.array([min(x), max(x)])
        slope = 0.6 * y[anchor] * (ends / x[anchor]) ** order
        axes.loglog(ends, slope, color="0.5", lw=1, label=rf"slope {order:g}")
    ticks = sorted({value for x, _ in held.values() for value in x})
    axes.set_xticks(ticks, [fraction(value) for value in ticks])
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3, which="both")
    if len(axes.lines) > 1:
        axes.legend(fontsize=9)
    axes.set_title(title, **TITLE)
    axes.set_xlabel(name)
    axes.set_ylabel("relative error")


def fraction(value: float) -> str:
    """1/8 for 0.125."""
    whole = round(1 / value)
    if whole > 1 and abs(whole * value - 1) < 1e-9:
        return f"1/{whole}"
    return f"{value:.3g}"


def real_parts(label: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """What is drawn of values: of complex ones the real and the imaginary part."""
    if np.iscomplexobj(values) and np.any(values.imag):
        return {f"Re {label}": values.real, f"Im {label}": values.imag}
    return {label: np.real(values)}
