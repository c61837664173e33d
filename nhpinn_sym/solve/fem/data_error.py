"""How much of the data the quadrature of a mesh misses.

Two meshes that both miss a narrow feature agree. So the means of every datum by the quadrature of
the mesh are compared with those by a finer one, between the lines that the data ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sympy as sp

from ...operator.numbers.panels import evaluator
from ...runtime.lattice import Lattice
from ...runtime.quadrature import GaussRule
from ..solution import Array
from .layout import Layout

_FINER = {1: 8, 2: 5, 3: 3}
"""Parts of a cell along each axis between which the finer quadrature stands, where no lines can be
at jumps.
"""
_SMOOTH_PARTS = 2
"""The same where lines stand at all breaks of the data."""
_VANISHING = 1e-6
"""Size of a datum, beside the largest of a few, below which it may be rounding."""
_SAME = 1e-13
"""Share of an axis within which two lines are one."""
_MOST = 20_000_000
_MOST_OF_A_FIELD = 300_000
"""Points of the finer quadrature, of formulas and of fields; above, cells are cut into fewer parts.
"""


def data_error(
    data: Sequence[sp.Expr],
    symbols: Sequence[sp.Symbol],
    values: Mapping[sp.Symbol, float],
    layout: Layout,
    lattice: Lattice,
    degree: int,
) -> float:
    """The largest relative error of the means of the data, and of their inverses where they are
    positive.

    values: a number for each symbol of the data that is no coordinate; functions without a formula
    and symbols that have none are left out.
    """
    if layout.resolves(lattice):
        return 0.0
    worst = 0.0
    for datum in data:
        put = datum.xreplace({v: sp.Float(x, 17) for v, x in values.items()})
        axes = [k for k, v in enumerate(symbols) if v in put.free_symbols]
        if axes and put.free_symbols <= set(symbols):
            worst = max(
                worst, _missed(put, [symbols[k] for k in axes], axes, layout, lattice, degree)
            )
    return worst


def fields_error(
    fields: Sequence[Callable[[Array], Array]], layout: Layout, lattice: Lattice, degree: int
) -> float:
    """The same of fields, points (n, d) -> values (n,), of which nothing else is known; what
    vanishes beside the largest of them is measured by that.
    """
    axes = range(lattice.dim)
    finer = _finer(layout, lattice, axes, degree, _FINER[lattice.dim], _MOST_OF_A_FIELD)
    return _worst(fields, list(lattice.lines), finer, degree)


def _missed(
    datum: sp.Expr,
    symbols: Sequence[sp.Symbol],
    axes: Sequence[int],
    layout: Layout,
    lattice: Lattice,
    degree: int,
) -> float:
    parts = [datum]
    if datum.has(sp.I):
        parts = [part for part in datum.as_real_imag() if part != 0]
    calls = [evaluator(part, tuple(symbols)) for part in parts]
    own = [lattice.lines[k] for k in axes]
    cut = _SMOOTH_PARTS
    if layout.erratic:
        cut = _FINER[len(axes)]
    return _worst(calls, own, _finer(layout, lattice, axes, degree, cut, _MOST), degree)


def _worst(
    calls: Sequence[Callable[[Array], Array]],
    own: Sequence[Array],
    finer: Sequence[Array],
    degree: int,
) -> float:
    """The largest relative difference of the means between the lines of the mesh and the finer
    ones; means that are not finite say nothing.
    """
    known = []
    for call in calls:
        pair = _means(call, own, degree + 1), _means(call, finer, degree + 1)
        if np.isfinite(pair).all():
            known.append(pair)
    largest = max((fine.size for _, fine in known), default=0.0)
    worst = 0.0
    for coarse, fine in known:
        size = max(fine.size, _VANISHING * largest) or 1.0
        worst = max(worst, abs(coarse.value - fine.value) / size)
        if fine.inverse > 0:
            worst = max(worst, abs(coarse.inverse - fine.inverse) / fine.inverse)
    return worst


def _finer(
    layout: Layout, lattice: Lattice, axes: Sequence[int], degree: int, parts: int, most: int
) -> list[Array]:
    """The lines of the mesh and of the panels, each interval cut into `parts`, fewer where that
    would be more than `most` points.
    """
    panels = layout.panels or ((),) * lattice.dim
    found = [_merged(lattice.lines[k], panels[k]) for k in axes]
    count = np.prod([(len(lines) - 1.0) * (degree + 1) for lines in found])
    while parts > 1 and count * parts ** len(axes) > most:
        parts -= 1
    return [_divided(lines, parts) for lines in found]


def _merged(lines: Array, others: Sequence[float]) -> Array:
    """Both, and those once that are the same up to rounding."""
    both = np.union1d(lines, others)
    apart = np.diff(both) > _SAME * (both[-1] - both[0])
    return both[np.concatenate([[True], apart])]


def _divided(lines: Array, parts: int) -> Array:
    steps = np.arange(parts) / parts
    return np.append((lines[:-1, None] + np.diff(lines)[:, None] * steps).ravel(), lines[-1])


class _Means(NamedTuple):
    """The means of f, |f| and 1/f (0 where f is not positive everywhere)."""

    value: float
    size: float
    inverse: float


def _means(call: Callable[[Array], Array], lines: Sequence[Array], points: int) -> _Means:
    """By Gauss points between the lines."""
    lattice = Lattice(tuple(lines))
    volume = math.prod(b - a for a, b in lattice.bounds)
    value = 0.0
    size = 0.0
    inverse = 0.0
    positive = True
    for some in GaussRule(lattice, points).blocks():
        values = call(some.points)
        share = some.weights / volume
        value += float(values @ share)
        size += float(np.abs(values) @ share)
        positive = positive and bool((values > 0).all())
        if positive:
            with np.errstate(divide="ignore"):
                inverse += float((1 / values) @ share)
    if not positive:
        inverse = 0.0
    return _Means(value, size, inverse)
