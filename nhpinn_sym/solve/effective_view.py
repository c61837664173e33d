"""Effective coefficients as they are read: in LaTeX, and as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..problem.errors import ProblemError
from ..problem.pictures import SIGNED, TITLE, Drawing, Sheet, curves, escaped_text
from .interpolation import Array

_DIGITS = 8
# Rows of a matrix that is shown.
_LARGEST = 9
_SYMBOLS = {"rho": r"\rho", "lambda0": r"\lambda_0", "beta": r"\beta"}
# The same numbers once more.
_HIDDEN = ("h", "voigt", "mandel")
_POINTS = 201
ROUNDING = 1e-12
"""Coefficients below this part of the largest one are zero."""


class UnknownCoefficientError(ProblemError, KeyError):
    """The law has no coefficient of this name."""

    __str__ = Exception.__str__  # that of KeyError quotes the lines


class EffectiveCoefficients(dict[str, Any]):
    """A dictionary by name, see `CellSolution`; a notebook shows it in mathematics.

    `bounds`: the ends of each slow coordinate, by name, where a coefficient depends on it.
    """

    def __init__(
        self, table: Mapping[str, Any], bounds: Mapping[str, tuple[float, float]], dim: int
    ) -> None:
        super().__init__(table)
        self.bounds = dict(bounds)
        self.dim = dim

    def __missing__(self, name: object) -> Any:
        raise UnknownCoefficientError(
            "there is no effective coefficient of this name",
            term=name,
            remedy=f"the names are {', '.join(self)}",
        )

    def __repr__(self) -> str:
        return repr({name: _cleaned(value) for name, value in self.items()})

    def _repr_latex_(self) -> str:
        shown = {name: value for name, value in self.items() if name not in _HIDDEN}
        size = max((largest(v) for v in shown.values() if not callable(v)), default=0.0)
        rows = [
            rf"{_SYMBOLS.get(name, _named(name))} &= {self._shown(value)}"
            for name, value in shown.items()
            if callable(value) or largest(value) > ROUNDING * size
        ]
        body = r" \\ ".join(rows)
        return rf"$$\begin{{aligned}} {body} \end{{aligned}}$$"

    def _shown(self, value: Any) -> str:
        if callable(value):
            return r"\text{function of } x"
        return tensor_latex(value)

    def plot(self, name: str = "A") -> Drawing:
        """One coefficient: the entries of a tensor, or along the diagonal of the domain where it
        depends on x. ProblemError for a name that is not there."""
        if name not in self:
            raise ProblemError(
                "there is no effective coefficient of this name",
                term=name,
                remedy=f"choose one of {', '.join(self)}",
            )
        value = self[name]
        if callable(value):
            return self._along(name, value)
        title = f"${_SYMBOLS.get(name, _named(name))}$"
        return draw_tensors(name, f"The entries of {name}.", {title: value})

    def _along(self, name: str, value: Any) -> Drawing:
        share = np.linspace(0, 1, _POINTS)
        columns = [f"x{k + 1}" for k in range(self.dim)]
        columns += [key for key in self.bounds if key not in columns]
        ends = [self.bounds.get(key, (0.0, 0.0)) for key in columns]
        points = np.stack([a + share * (b - a) for a, b in ends], axis=-1)
        values = np.asarray(value(points)).reshape(_POINTS, -1)
        shape = np.shape(value(points[:1]))[1:]
        size = float(np.abs(values).max())
        held = {
            f"${_named(name)}_{{{''.join(str(i + 1) for i in index)}}}$": values[:, k].real
            for k, index in enumerate(np.ndindex(shape))
            if np.abs(values[:, k]).max() > 1e-12 * size
        }
        sheet = Sheet(1, 1, (7, 4.2))
        moving = [key for key in columns if key in self.bounds]
        first = columns.index(moving[0]) if moving else 0
        along = "" if len(moving) < 2 else ", along the diagonal of " + ", ".join(moving)
        title = escaped_text(f"effective coefficient {name}{along}")
        curves(sheet.at(0, 0), points[:, first], held, title, f"${_subscripted(columns[first])}$")
        return sheet.drawing(name, f"{name} along the domain.")


def draw_tensors(name: str, caption: str, shown: Mapping[str, Any]) -> Drawing:
    """Tensors side by side, by their titles: images of matrices with the numbers in them."""
    sheet = Sheet(1, len(shown), (4.4, 3.8))
    for column, (title, value) in enumerate(shown.items()):
        _entries(sheet, column, as_matrix(value), title)
    return sheet.drawing(name, caption)


def tensor_text(value: Any) -> str:
    """A number or a tensor; eight digits of the largest entry, as in LaTeX."""
    return str(_cleaned(value))


def _cleaned(value: Any) -> Any:
    """Numbers, those of a table too, without what rounding leaves of a zero: as they are shown."""
    if callable(value):
        return value
    if isinstance(value, Mapping):
        return {key: _cleaned(entry) for key, entry in value.items()}
    array = np.asarray(value)
    size = largest(array)
    if not size or not math.isfinite(size):
        return value
    rounded = np.round(array, _DIGITS - math.ceil(math.log10(size))) + 0.0  # 0 for -0
    return rounded if array.ndim else rounded.item()


def tensor_latex(value: Any) -> str:
    """A number, a column or a matrix; axes of a tensor of four indices in pairs. Eight digits of
    the largest entry: what rounding leaves of a zero is a zero."""
    array = np.asarray(value)
    size = largest(array)
    if array.ndim == 0:
        return entry_latex(array[()], size)
    matrix = as_matrix(array)
    if len(matrix) > _LARGEST:
        return rf"\text{{{' x '.join(map(str, array.shape))} numbers}}"
    rows = (" & ".join(entry_latex(v, size) for v in row) for row in matrix)
    body = r" \\ ".join(rows)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def as_matrix(value: Any) -> Array:
    """A tensor as a matrix: its first half of indices and its last."""
    array = np.asarray(value)
    if array.ndim < 2:
        return array.reshape(-1, 1)
    half = array.ndim - array.ndim // 2
    return array.reshape(int(np.prod(array.shape[:half])), -1)


def entry_latex(value: Any, size: float) -> str:
    """A number to eight digits of `size`."""
    step = 10.0**-_DIGITS * size or 1.0
    real, imaginary = (0.0 if abs(p) < step else p for p in (np.real(value), np.imag(value)))
    if not imaginary:
        return _number(float(real))
    sign = "-" if imaginary < 0 else "+"
    return rf"{_number(float(real))} {sign} {_number(abs(float(imaginary)))}\, i"


def _number(value: float) -> str:
    shown = f"{value:.{_DIGITS}g}"
    if "e" in shown:
        return str(sp.latex(sp.Float(value, _DIGITS)))
    return shown


def largest(value: Any) -> float:
    """The size of the largest entry."""
    return float(np.abs(value).max(initial=0.0))


def _named(name: str) -> str:
    if len(name) == 1:
        return name
    return rf"\mathrm{{{name}}}"


def _subscripted(name: str) -> str:
    if name[1:].isdigit():
        return f"{name[0]}_{name[1:]}"
    return name


def _entries(sheet: Sheet, column: int, matrix: Array, title: str) -> None:
    """An image of a matrix, its numbers in it."""
    axes = sheet.at(0, column)
    values = np.real(matrix)
    extreme = float(np.abs(values).max()) or 1.0
    image = axes.imshow(values, cmap=SIGNED, vmin=-extreme, vmax=extreme)
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            dark = abs(values[i, j]) > 0.6 * extreme
            _write(axes, (j, i), value, extreme, "white" if dark else "black")
    axes.set_xticks(range(values.shape[1]), _ordinals(values.shape[1]))
    axes.set_yticks(range(values.shape[0]), _ordinals(values.shape[0]))
    axes.set_title(title, **TITLE)
    sheet.bar(image, axes)


def _write(axes: Any, place: tuple[int, int], value: Any, size: float, color: str) -> None:
    small = abs(value) < 1e-8 * size
    number = complex(value)
    text = "0" if small else f"{number.real:.4g}"
    if not small and number.imag:
        text = f"{number:.3g}"
    axes.text(*place, text, ha="center", va="center", color=color, fontsize=9)


def _ordinals(count: int) -> Sequence[str]:
    return [str(k + 1) for k in range(count)]
