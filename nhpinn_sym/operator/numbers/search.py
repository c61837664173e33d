"""Branch and bound over boxes: is a function above a threshold everywhere, and where is it
unbounded?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from .enclosure import enclose_tightly
from .panels import evaluator, halve
from .ranges import Range

Array = NDArray[np.float64]
Bound = Callable[[Array, Array], tuple[Array, Array, Array]]
"""Corners (n, d) of boxes -> lower bounds (n,) of the function, values (n,) that it takes inside,
and how much it may vary along each axis (n, d)."""

Choice = tuple[tuple[sp.Piecewise, int], ...]
"""Of each Piecewise the number of a branch."""

_MOST_ALTERNATIVES = 64
_MOST_BOXES = 20_000
"""Boxes of one round; more are judged by the values that were found."""
_ROUNDS = 200
_NARROWEST = 1e-9
_STEPS = (1e-2, 1e-4, 1e-6)
"""Shares of an interval at which the growth towards a singular point is looked at."""
_GROWTH = 1.2


@dataclass(frozen=True)
class Least:
    """The least `value` that was found of a function, at `point`; `certain`: it is above the
    threshold everywhere, up to the boxes that were too narrow to be halved, or found below."""

    value: float
    point: Array
    certain: bool


def least(bound: Bound, lo: Array, hi: Array, threshold: Callable[[], float]) -> Least:
    """Search the box lo < . < hi (d,) for values below `threshold()`, which may fall as more is
    known; ends with the first round that finds one, or when bounds exclude them."""
    size = hi - lo
    lo, hi = lo[None], hi[None]
    best = Least(np.inf, (lo + hi)[0] / 2, True)
    for _ in range(_ROUNDS):
        lower, values, spread = bound(lo, hi)
        k = int(np.nanargmin(values)) if np.any(np.isfinite(values)) else 0
        if values[k] < best.value:
            best = Least(float(values[k]), (lo + hi)[k] / 2, True)
        if best.value < threshold():
            return best
        left = ~(lower >= threshold()) & ((hi - lo) > _NARROWEST * size).any(axis=1)
        if not np.any(left):
            return best
        if np.sum(left) > _MOST_BOXES:
            break
        lo, hi = halve(lo[left], hi[left], widest(lo[left], hi[left], spread[left], size))
    return Least(best.value, best.point, False)


def widest(lo: Array, hi: Array, spread: Array, size: Array) -> NDArray[np.int64]:
    """The axis of each box along which the function may vary most; the longest, where that is
    without bound."""
    known = np.isfinite(spread).all(axis=1) & (spread.max(axis=1) > 0)
    longest = np.argmax((hi - lo) / size, axis=1)
    return np.where(known, np.argmax(np.where(np.isfinite(spread), spread, 0.0), axis=1), longest)


def alternatives(exprs: Sequence[sp.Expr]) -> list[tuple[tuple[sp.Expr, ...], Choice]]:
    """Expressions with one branch taken of every Piecewise in them, together, and the choice; as
    they are where there are too many combinations."""
    plain = [e.rewrite((sp.Heaviside, sp.sign), sp.Piecewise) for e in exprs]
    nodes = sorted(set().union(*(e.atoms(sp.Piecewise) for e in plain)), key=sp.default_sort_key)
    outer = [n for n in nodes if not any(n != m and m.has(n) for m in nodes)]
    if math.prod(len(n.args) for n in outer) > _MOST_ALTERNATIVES:
        return [(tuple(plain), ())]
    found = []
    for numbers in itertools.product(*(range(len(n.args)) for n in outer)):
        choice = tuple(zip(outer, numbers, strict=True))
        swap = {n: n.args[k].expr for n, k in choice}
        found.append((tuple(e.xreplace(swap) for e in plain), choice))
    return found


def bound_of(expr: sp.Expr, symbols: Sequence[sp.Symbol]) -> Bound:
    """The bound of a real expression."""
    values = evaluator(expr, tuple(symbols))

    def bound(lo: Array, hi: Array) -> tuple[Array, Array, Array]:
        value, slopes = enclose_tightly(expr, symbols, lo, hi)
        return value.lo, values((lo + hi) / 2), variation([slopes], lo, hi)

    return bound


def variation(jets: Sequence[Sequence[Range | None]], lo: Array, hi: Array) -> Array:
    """How much functions with these ranges of their derivatives may vary along each axis together,
    (n, d)."""
    spread = np.zeros(lo.shape)
    for slopes in jets:
        for k, slope in enumerate(slopes):
            if slope is not None:
                spread[:, k] += np.maximum(np.abs(slope.lo), np.abs(slope.hi))
    spread *= hi - lo
    return np.where(np.isnan(spread), np.inf, spread)


def unbounded_at(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Array | None:
    """A point (d,) near which a real expression grows without bound in the box, None if nowhere.

    Boxes over which the enclosure is infinite are halved; where some are left the values close to
    them decide: those of sin(y)/y do not grow.
    """
    size = hi - lo
    a, b = lo[None], hi[None]
    values = evaluator(expr, tuple(symbols))
    while True:
        margin = 1e-10 * (b - a)
        value, _ = enclose_tightly(expr, symbols, a + margin, b - margin)
        open_ = ~np.isfinite(value.lo) | ~np.isfinite(value.hi)
        a, b = a[open_], b[open_]
        if not len(a):
            return None
        narrow = ((b - a) <= _STEPS[-1] * size / 10).all(axis=1)
        if np.any(narrow) or len(a) > _MOST_BOXES:
            break
        a, b = halve(a, b, np.argmax((b - a) / size, axis=1))
    middles = (a + b) / 2
    for middle in middles[:: max(1, len(middles) // 16)]:
        if _grows(values, middle, lo, hi):
            return np.asarray(middle)
    return None


def _grows(values: Callable[[Array], Array], point: Array, lo: Array, hi: Array) -> bool:
    """Whether the values grow, step by step, towards a point."""
    directions = np.random.default_rng(2).uniform(-1, 1, (32, len(point)))
    sizes = []
    for step in _STEPS:
        near = np.clip(point + step * directions * (hi - lo), lo, hi)
        found = np.abs(values(near))
        sizes.append(np.nanmedian(np.where(np.isfinite(found), found, np.inf)))
    return bool(sizes[2] > _GROWTH * sizes[1] and sizes[1] > _GROWTH * sizes[0])
