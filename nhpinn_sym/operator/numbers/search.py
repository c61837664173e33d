"""Branch and bound over boxes: is a function above a threshold everywhere, and where is it
unbounded?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ...runtime.arrays import Array, Integers
from .enclosure import enclose_tightly
from .panels import evaluator, halve
from .ranges import Range

Bound = Callable[[Array, Array], tuple[Array, Array, Array]]
"""Corners (n, d) of boxes -> lower bounds (n,) of the function, values (n,) that it takes inside,
and how much it may vary along each axis (n, d)."""

Branches = tuple[tuple[sp.Piecewise, int], ...]
"""Of each Piecewise the number of a branch."""

# Each is enclosed apart: beyond, the Piecewise are enclosed as they are, with jumps for slopes.
_MOST_ALTERNATIVES = 64
# Boxes of one round; more are judged by the values that were found.
_MOST_BOXES = 20_000
# Halvings of one axis of three from the box to _NARROWEST of it, and to spare.
# About as many places are looked at for growth.
_ROUNDS = 200
# Boxes whose middle is tried for a better value in each round: the others are cut anyway.
_MOST_TRIED = 16
# Share of the box below which a box is not halved: a zero that is no change of sign leaves such
# boxes for ever.
_NARROWEST = 1e-9
# Shares of an interval at which the growth towards a singular point is looked at.
_STEPS = (1e-2, 1e-4, 1e-6)
# Factor by which values grow from one step to the next, a hundredth of it, where they are
# unbounded: log y grows by 2 and 1.5.
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
    lo = lo[None]
    hi = hi[None]
    best = Least(np.inf, (lo + hi)[0] / 2, True)
    for _ in range(_ROUNDS):
        lower, values, spread = bound(lo, hi)
        if not np.all(np.isnan(values)):
            k = int(np.nanargmin(values))
            if values[k] < best.value:
                best = Least(float(values[k]), (lo + hi)[k] / 2, True)
        if best.value < threshold():
            return best
        wide = ((hi - lo) > _NARROWEST * size).any(axis=1)
        left = ~(lower >= threshold()) & wide
        if not np.any(left):
            return best
        if np.sum(left) > _MOST_BOXES:
            break
        lo, hi = halve(lo[left], hi[left], widest(lo[left], hi[left], spread[left], size))
    return Least(best.value, best.point, False)


def widest(lo: Array, hi: Array, spread: Array, size: Array) -> Integers:
    """The axis of each box along which the function may vary most; the longest, where that is
    without bound."""
    known = np.isfinite(spread).all(axis=1) & (spread.max(axis=1) > 0)
    longest = np.argmax((hi - lo) / size, axis=1)
    return np.where(known, np.argmax(np.where(np.isfinite(spread), spread, 0.0), axis=1), longest)


def alternatives(exprs: Sequence[sp.Expr]) -> list[tuple[tuple[sp.Expr, ...], Branches]]:
    """Expressions with one branch taken of every Piecewise in them, together, and the choice; as
    they are where there are too many combinations."""
    plain = [e.rewrite((sp.Heaviside, sp.sign), sp.Piecewise) for e in exprs]
    outer = outermost_piecewise(plain)
    counts = [len(node.args) for node in outer]
    if math.prod(counts) > _MOST_ALTERNATIVES:
        return [(tuple(plain), ())]
    found = []
    for numbers in itertools.product(*map(range, counts)):
        choice = tuple(zip(outer, numbers, strict=True))
        swap = {node: node.args[k].expr for node, k in choice}
        found.append((tuple(e.xreplace(swap) for e in plain), choice))
    return found


def outermost_piecewise(exprs: Sequence[sp.Expr]) -> list[sp.Piecewise]:
    """Every Piecewise that stands in no other one, sorted."""
    nodes = set().union(*(e.atoms(sp.Piecewise) for e in exprs))
    outer = [n for n in nodes if not any(n != m and m.has(n) for m in nodes)]
    return sorted(outer, key=sp.default_sort_key)


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
    middles = _without_enclosure(expr, symbols, lo, hi)
    values = evaluator(expr, tuple(symbols))
    for middle in middles[:: max(1, len(middles) // _MOST_TRIED)]:
        if _grows(values, middle, lo, hi):
            return np.asarray(middle)
    return None


def _without_enclosure(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Array:
    """Middles (n, d) of small boxes over which the enclosure of an expression is infinite."""
    size = hi - lo
    a = lo[None]
    b = hi[None]
    while True:
        margin = 1e-10 * (b - a)
        value, _ = enclose_tightly(expr, symbols, a + margin, b - margin)
        infinite = ~np.isfinite(value.lo) | ~np.isfinite(value.hi)
        a = a[infinite]
        b = b[infinite]
        narrow = ((b - a) <= _STEPS[-1] * size / 10).all(axis=1)
        if not len(a) or np.any(narrow) or len(a) > _MOST_BOXES:
            return (a + b) / 2
        a, b = halve(a, b, np.argmax((b - a) / size, axis=1))


def _grows(values: Callable[[Array], Array], point: Array, lo: Array, hi: Array) -> bool:
    """Whether the values grow, step by step, towards a point."""
    directions = np.random.default_rng(2).uniform(-1, 1, (32, len(point)))
    sizes = []
    for step in _STEPS:
        near = np.clip(point + step * directions * (hi - lo), lo, hi)
        found = np.abs(values(near))
        sizes.append(np.nanmedian(np.where(np.isfinite(found), found, np.inf)))
    return bool(sizes[2] > _GROWTH * sizes[1] and sizes[1] > _GROWTH * sizes[0])
