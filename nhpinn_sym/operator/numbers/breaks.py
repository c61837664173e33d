"""Where data jump or kink, from the symbols: the zeros of the conditions of Piecewise, of sign,
Heaviside, Abs, Max, Min, floor, roots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from ...runtime.arrays import Array, Flags
from ...runtime.tensor_grids import tensor_points
from .data import DataSpace, Interval
from .enclosure import enclose, enclose_tightly
from .ranges import Range

_KINKS = (sp.Abs, sp.Max, sp.Min)
STEPS = (sp.sign, sp.Heaviside, sp.floor)
SAME = 1e-13
"""Breaks closer than this share of the interval are one."""
# Halvings: far beyond _NARROW, where each box is dropped or counts as found.
_ROUNDS = 80
# Boxes of one round that are not decided: the expression oscillates, or vanishes on an interval.
_MOST_BOXES = 20_000
# Of one floor along an axis; more are more lines than a mesh can have.
_MOST_STEPS = 100_000
# Share of the interval at which a zero that is no change of sign counts as found.
_NARROW = 1e-9
# Share of a box by which it is shrunk, so that its ends, where data may jump, are not in it.
_SHRUNK = 1e-12
# From a box to rounding: 2^-53, and some for boxes far from zero.
_BISECTIONS = 60
# Boxes per axis on which a level is looked at for zeros.
_GRIDS = {1: 64, 2: 24, 3: 10, 4: 6}


@dataclass(frozen=True)
class Level:
    """Data break where `expression` vanishes, a floor where it is an integer; `jump`: they may
    be discontinuous there."""

    expression: sp.Expr
    jump: bool
    integers: bool = False


def levels_of(expr: sp.Expr, space: DataSpace) -> Iterator[Level]:
    """All levels in an expression, those inside of others first."""
    for node in sp.postorder_traversal(expr):
        if node.free_symbols:
            yield from own_levels(node, space)


def own_levels(node: sp.Basic, space: DataSpace) -> Iterator[Level]:
    """The levels across which one node breaks."""
    if isinstance(node, sp.Piecewise):
        for _, condition in node.args:
            for relation in sp.ordered(condition.atoms(Relational)):
                yield from _factors(relation.lhs - relation.rhs, True)
    elif isinstance(node, sp.floor):
        yield Level(node.args[0], True, True)
    elif isinstance(node, (sp.sign, sp.Heaviside)):
        yield from _factors(node.args[0], True)
    elif isinstance(node, sp.Abs):
        yield from _factors(node.args[0], False)
    elif isinstance(node, (sp.Max, sp.Min)):
        for k, one in enumerate(node.args):
            for other in node.args[k + 1 :]:
                yield from _factors(one - other, False)
    elif isinstance(node, sp.Pow) and _is_root(node) and len(space.of(node.base)) == 1:
        yield from _factors(node.base, False)


def _is_root(node: sp.Pow) -> bool:
    """Whether it is a fixed power that is not smooth where the base vanishes."""
    return bool(node.exp.is_number and not node.exp.is_integer)


def _factors(level: sp.Expr, jump: bool) -> Iterator[Level]:
    """A product vanishes where one of its factors does."""
    for factor in sp.Mul.make_args(level):
        base = factor.base if isinstance(factor, sp.Pow) else factor
        if base.free_symbols:
            yield Level(base, jump)


def zeros(level: Level, symbol: sp.Symbol, cuts: Array) -> Array:
    """All zeros of a level of one symbol between the first and the last of the sorted `cuts`,
    between which it is smooth; sorted.

    Linear ones are exact to rounding, others are enclosed and bisected. ArithmeticError where
    they are too many.
    """
    cuts = _cuts_with_steps(level.expression, symbol, cuts)
    if not level.integers:
        return _zeros(level.expression, symbol, cuts)
    steps = _integers_between(level.expression, symbol, cuts[0], cuts[-1])
    slope = _slope(level.expression, symbol)
    if slope is not None:
        at_zero = float(level.expression.xreplace({symbol: sp.Integer(0)}))
        found = (steps - at_zero) / slope
        return found[(found >= cuts[0]) & (found <= cuts[-1])]
    zeros_by_step = [_zeros(level.expression - int(n), symbol, cuts) for n in steps]
    return np.concatenate([np.zeros(0), *zeros_by_step])


def _cuts_with_steps(expr: sp.Expr, symbol: sp.Symbol, cuts: Array) -> Array:
    """The cuts, and the steps of every floor in the expression."""
    inner = cuts
    for step in sorted(expr.atoms(sp.floor), key=sp.default_sort_key):
        if symbol in step.free_symbols:
            steps = zeros(Level(step.args[0], True, True), symbol, cuts)
            inner = merged_breaks(np.concatenate([inner, steps]), cuts[0], cuts[-1])
    return inner


def _integers_between(expr: sp.Expr, symbol: sp.Symbol, start: float, end: float) -> Array:
    """The integers that an expression may take between two values of a symbol."""
    value = enclose(expr, (symbol,), np.array([[start]]), np.array([[end]]))
    low = float(value.lo[0])
    high = float(value.hi[0])
    if not high - low < _MOST_STEPS:
        raise ArithmeticError(f"{high - low:.3g} steps of floor({expr})")
    return np.arange(np.ceil(low), np.floor(high) + 1)


def _slope(expr: sp.Expr, symbol: sp.Symbol) -> float | None:
    """The slope of a linear expression."""
    if expr.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min, *STEPS):
        return None
    slope = expr.diff(symbol)
    if slope.free_symbols or slope == 0:
        return None
    return float(slope)


def _zeros(expr: sp.Expr, symbol: sp.Symbol, cuts: Array) -> Array:
    """Zeros between the cuts; an expression that is linear but for floors is linear between
    them.
    """
    floors = {f: sp.Dummy() for f in expr.atoms(sp.floor) if symbol in f.free_symbols}
    slope = _slope(expr.xreplace(floors), symbol)
    if slope is None:
        return _isolated(expr, symbol, cuts)
    if not floors:
        found = np.array([-float(expr.xreplace({symbol: sp.Integer(0)})) / slope])
    else:
        middle = (cuts[1:] + cuts[:-1]) / 2
        found = middle - _values(expr, symbol, middle) / slope
        reach = (cuts[1:] - cuts[:-1]) / 2 + SAME * (cuts[-1] - cuts[0])
        found = found[np.abs(found - middle) <= reach]
    return found[(found >= cuts[0]) & (found <= cuts[-1])]


def _values(expr: sp.Expr, symbol: sp.Symbol, points: Array) -> Array:
    return enclose(expr, (symbol,), points[:, None], points[:, None]).lo


def _isolated(expr: sp.Expr, symbol: sp.Symbol, cuts: Array) -> Array:
    """Boxes that hold no zero are dropped, those on which the expression is monotone hold one at
    most, the others are halved."""
    length = cuts[-1] - cuts[0]
    lo, hi = _halved(*_halved(*_halved(cuts[:-1], cuts[1:])))
    found = [np.zeros(0)]
    for _ in range(_ROUNDS):
        margin = _SHRUNK * (hi - lo)
        inner = (lo + margin)[:, None]
        outer = (hi - margin)[:, None]
        value, (slope,) = enclose_tightly(expr, (symbol,), inner, outer)
        if slope is None:
            return np.concatenate(found)
        near = _may_vanish(value, slope, margin)
        monotone = near & ((slope.lo > 0) | (slope.hi < 0))
        found.append(_bisected(expr, symbol, lo[monotone], hi[monotone]))
        near &= ~monotone
        small = near & (hi - lo <= _NARROW * length)
        found.append((lo + hi)[small] / 2)
        near &= ~small
        if not np.any(near):
            return _clustered(np.sort(np.concatenate(found)), 2 * _NARROW * length)
        lo, hi = _halved(lo[near], hi[near])
        if len(lo) > _MOST_BOXES:
            break
    raise ArithmeticError(f"the zeros of {expr} along {symbol}")


def _may_vanish(value: Range, slope: Range, margin: Array) -> Flags:
    """Whether a function may have a zero in a box or within the margin by which the box was shrunk;
    where it is zero throughout it has none that matters.
    """
    steepest = np.maximum(np.abs(slope.lo), np.abs(slope.hi))
    rim = 2 * margin * np.nan_to_num(steepest, nan=np.inf)
    zero_throughout = (value.lo == 0) & (value.hi == 0)
    return (value.lo <= rim) & (value.hi >= -rim) & ~zero_throughout


def _halved(lo: Array, hi: Array) -> tuple[Array, Array]:
    middle = (lo + hi) / 2
    return np.concatenate([lo, middle]), np.concatenate([middle, hi])


def _bisected(expr: sp.Expr, symbol: sp.Symbol, lo: Array, hi: Array) -> Array:
    """The change of sign of a monotone function in each interval that has one, to rounding."""
    if not len(lo):
        return lo
    # A zero at the end that two boxes share may be lost to rounding in both.
    reach = 1e-11 * (hi - lo)
    lo = lo - reach
    hi = hi + reach
    sign = _values(expr, symbol, lo) >= 0
    crossing = sign != (_values(expr, symbol, hi) >= 0)
    lo, hi, sign = lo[crossing], hi[crossing], sign[crossing]
    for _ in range(_BISECTIONS if len(lo) else 0):
        middle = (lo + hi) / 2
        same = (_values(expr, symbol, middle) >= 0) == sign
        lo = np.where(same, middle, lo)
        hi = np.where(same, hi, middle)
    return (lo + hi) / 2


def _clustered(points: Array, distance: float) -> Array:
    """One point for each group of points that lie within `distance`."""
    if not len(points):
        return points
    start = np.concatenate([[True], np.diff(points) > distance])
    return points[start]


def merged_breaks(points: Array, a: float, b: float) -> Array:
    """The ends a < b and the points between, sorted, those that differ by rounding once."""
    margin = SAME * (b - a)
    inside = np.sort(points[(points > a + margin) & (points < b - margin)])
    kept = inside[np.concatenate([[True], np.diff(inside) > margin])] if len(inside) else inside
    return np.concatenate([[a], kept, [b]])


def smooth_levels(level: sp.Expr) -> Iterable[sp.Expr]:
    """Smooth expressions whose zeros hold those of `level`: kinks are resolved, and are levels
    themselves."""
    kink = next(iter(sp.ordered(level.atoms(*_KINKS))), None)
    if kink is None:
        yield level
        return
    parts = (kink.args[0], -kink.args[0]) if isinstance(kink, sp.Abs) else kink.args
    for k, part in enumerate(parts):
        yield from smooth_levels(level.xreplace({kink: part}))
        for other in parts[k + 1 :]:
            yield from smooth_levels(part - other)


def vanishes_inside(level: Level, space: DataSpace) -> bool:
    """Whether a level of several symbols may vanish (be an integer) inside of box and domain."""
    places = space.of(level.expression)
    symbols = [space.symbols[k] for k in places]
    count = _GRIDS[min(len(places), max(_GRIDS))] + 1
    lo, hi = boxes([np.linspace(*space.intervals[k], count) for k in places])
    if space.domain is not None:
        met = space.domain.meets(symbols, lo, hi)
        lo, hi = lo[met], hi[met]
    value = enclose_tightly(level.expression, symbols, lo, hi).value
    if level.integers:
        return bool(np.any(np.floor(value.lo) != np.ceil(value.hi) - 1))
    return bool(np.any((value.lo < 0) & (value.hi > 0)))


def boxes(lines: Sequence[Array]) -> tuple[Array, Array]:
    """Lower and upper corners (n, d) of the boxes between the lines of each axis."""
    lower = tensor_points([cut[:-1] for cut in lines])
    upper = tensor_points([cut[1:] for cut in lines])
    return lower, upper


@dataclass(frozen=True)
class Breaks:
    """Of some data: breaks across each axis of a space (sorted, the ends apart), and the levels
    that are no planes across an axis."""

    points: tuple[Array, ...]
    curved: tuple[Level, ...]
    failures: tuple[str, ...]

    def cuts(self, interval: Interval, k: int) -> Array:
        """The breaks of symbol k and the ends of its interval."""
        return merged_breaks(self.points[k], *interval)


def find_breaks(data: Iterable[sp.Expr], space: DataSpace) -> Breaks:
    """The breaks of all data."""
    points = [np.array(interval) for interval in space.intervals]
    curved: list[Level] = []
    failures: list[str] = []
    levels = dict.fromkeys(level for datum in data for level in levels_of(datum, space))
    for level in levels:
        places = space.of(level.expression)
        if len(places) > 1:
            if vanishes_inside(level, space):
                curved.append(level)
        elif places:
            k = places[0]
            try:
                found = zeros(level, space.symbols[k], points[k])
            except ArithmeticError as cause:
                failures.append(str(cause))
                continue
            points[k] = merged_breaks(np.concatenate([points[k], found]), *space.intervals[k])
    return Breaks(tuple(p[1:-1] for p in points), tuple(curved), tuple(failures))
