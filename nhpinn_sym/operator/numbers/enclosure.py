"""Enclosures of SymPy expressions over many boxes at once: interval arithmetic with first
derivatives, vectorised in NumPy.

An enclosure holds every value of the expression inside the open box, up to rounding: what it
does not allow is not there, however narrow. Functions without a rule are sampled densely and the
range of the samples is widened. Real expressions in real symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.core.function import ArgumentIndexError
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, Not, Or

from ...problem.errors import UnsupportedError
from ...problem.numeric import NOT_EVALUATED, lambdified
from ...runtime.arrays import Array, Flags
from .ranges import (
    RULES,
    Range,
    added,
    compared,
    everything,
    plus,
    raised,
    scaled,
    times,
    unbounded,
    union,
)

# Samples per box of a function without a rule.
_SAMPLES = 65
# Share of their range by which these are widened.
_WIDENED = 0.5


class RangeWithSlopes(NamedTuple):
    """Ranges of a function and of its derivative along each coordinate; None is an identical
    zero."""

    value: Range
    slopes: tuple[Range | None, ...]


def enclose(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Range:
    """The ranges of `expr` over the boxes lo < symbols < hi, (n, d) each.

    UnsupportedError for other symbols, and for complex numbers.
    """
    return enclose_values([expr], symbols, lo, hi)[0]


def enclose_values(
    exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], lo: Array, hi: Array
) -> list[Range]:
    """`enclose` of several expressions; what they have in common is evaluated once."""
    boxes = _Boxes(symbols, lo, hi, 0)
    return [boxes.jet(e).value for e in exprs]


def enclose_tightly(
    expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array
) -> RangeWithSlopes:
    """The same with derivatives, and with the mean value form: its excess falls with the square
    of the size of a box."""
    return enclose_all([expr], symbols, lo, hi)[0]


def enclose_all(
    exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], lo: Array, hi: Array
) -> list[RangeWithSlopes]:
    """`enclose_tightly` of several expressions; what they have in common is evaluated once."""
    boxes = _Boxes(symbols, lo, hi, lo.shape[1])
    middle = (lo + hi) / 2
    points = _Boxes(symbols, middle, middle, 0)
    return [_tightened(boxes.jet(e), points.jet(e).value, hi - lo) for e in exprs]


def _tightened(jet: RangeWithSlopes, middle: Range, widths: Array) -> RangeWithSlopes:
    """The intersection with the mean value form."""
    low, high = middle
    with np.errstate(all="ignore"):
        for k, slope in enumerate(jet.slopes):
            if slope is not None:
                reach = np.maximum(np.abs(slope.lo), np.abs(slope.hi)) * widths[:, k] / 2
                low = low - reach
                high = high + reach
    low = np.where(np.isnan(low), -np.inf, low)
    high = np.where(np.isnan(high), np.inf, high)
    value = Range(np.maximum(jet.value.lo, low), np.minimum(jet.value.hi, high))
    return RangeWithSlopes(value, jet.slopes)


def active(
    choice: Sequence[tuple[sp.Piecewise, int]], symbols: Sequence[sp.Symbol], lo: Array, hi: Array
) -> Flags:
    """Whether each Piecewise may take the branch of this number somewhere in a box."""
    boxes = _Boxes(symbols, lo, hi, 0)
    found = np.ones(len(lo), dtype=bool)
    for node, number in choice:
        for k, (_, condition) in enumerate(node.args[: number + 1]):
            may, must = boxes.truth(condition)
            found &= may if k == number else ~must
    return found


class _Boxes:
    """One evaluation: jets of all subexpressions over boxes, with derivatives along the first
    `count` coordinates."""

    def __init__(self, symbols: Sequence[sp.Symbol], lo: Array, hi: Array, count: int) -> None:
        self.count = count
        self.zero: tuple[Range | None, ...] = (None,) * count
        ones = np.ones(len(lo))
        self.ones = ones
        self.known: dict[sp.Basic, RangeWithSlopes] = {}
        self.sampled: dict[tuple[sp.Expr, ...], Sequence[Array]] = {}
        for k, symbol in enumerate(symbols):
            slopes = tuple(Range(ones, ones) if j == k else None for j in range(count))
            self.known[symbol] = RangeWithSlopes(Range(lo[:, k], hi[:, k]), slopes)

    def jet(self, expr: sp.Expr) -> RangeWithSlopes:
        found = self.known.get(expr)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._evaluated(expr)
            self.known[expr] = found
        return found

    def _evaluated(self, expr: sp.Expr) -> RangeWithSlopes:
        if not expr.free_symbols:
            return RangeWithSlopes(self._constant(_number(expr)), self.zero)
        if isinstance(expr, sp.Add):
            return self._sum(expr)
        if isinstance(expr, sp.Mul):
            return self._product(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, (sp.Max, sp.Min)):
            return self._extreme(expr)
        rule = RULES.get(expr.func)
        if rule is not None and len(expr.args) in (1, 2):
            return self._chained(self.jet(expr.args[0]), *rule)
        if isinstance(expr, sp.atan2):
            return self._angle(*map(self.jet, expr.args))
        if isinstance(expr, sp.Mod):
            top, bottom = expr.args
            return self.jet(top - bottom * sp.floor(top / bottom))
        if isinstance(expr, sp.Symbol):
            raise UnsupportedError("a symbol without a range", term=expr)
        return self._sampled(expr)

    def _constant(self, number: float) -> Range:
        values = number * self.ones
        return Range(values, values)

    def _sum(self, expr: sp.Expr) -> RangeWithSlopes:
        value, slopes = self.jet(expr.args[0])
        for term in expr.args[1:]:
            other, others = self.jet(term)
            value = plus(value, other)
            slopes = tuple(added(p, q) for p, q in zip(slopes, others, strict=True))
        return RangeWithSlopes(value, slopes)

    def _product(self, expr: sp.Expr) -> RangeWithSlopes:
        value, slopes = self.jet(expr.args[0])
        for factor in expr.args[1:]:
            other, others = self.jet(factor)
            slopes = tuple(
                added(scaled(p, other), scaled(q, value))
                for p, q in zip(slopes, others, strict=True)
            )
            value = times(value, other)
        return RangeWithSlopes(value, slopes)

    def _power(self, expr: sp.Expr) -> RangeWithSlopes:
        base, exponent = expr.args
        if exponent.free_symbols:
            return self.jet(sp.exp(exponent * sp.log(base), evaluate=False))
        p = _number(exponent)
        inner = self.jet(base)
        outer = scaled(raised(inner.value, p - 1), self._constant(p))
        return RangeWithSlopes(
            raised(inner.value, p), tuple(scaled(s, outer) for s in inner.slopes)
        )

    def _chained(
        self,
        inner: RangeWithSlopes,
        function: Callable[[Range], Range],
        derivative: Callable[[Range], Range],
    ) -> RangeWithSlopes:
        outer = derivative(inner.value) if any(s is not None for s in inner.slopes) else None
        return RangeWithSlopes(function(inner.value), tuple(scaled(s, outer) for s in inner.slopes))

    def _angle(self, y: RangeWithSlopes, x: RangeWithSlopes) -> RangeWithSlopes:
        """atan2(y, x), which jumps where y = 0 > x: that is the side of a box at most."""
        ends = (
            np.where(y.value.lo == 0, 0.0, y.value.lo),
            np.where(y.value.hi == 0, -0.0, y.value.hi),
        )
        corners = [np.arctan2(a, b) for a in ends for b in x.value]
        across = (y.value.lo < 0) & (y.value.hi > 0) & (x.value.lo < 0)
        low = np.where(across, -np.pi, np.min(corners, axis=0))
        high = np.where(across, np.pi, np.max(corners, axis=0))
        inverse = raised(plus(raised(x.value, 2), raised(y.value, 2)), -1)
        by_y = times(x.value, inverse)
        by_x = times(times(self._constant(-1.0), y.value), inverse)
        slopes = []
        for p, q in zip(y.slopes, x.slopes, strict=True):
            slope = added(scaled(p, by_y), scaled(q, by_x))
            slopes.append(None if slope is None else unbounded(slope, across))
        return RangeWithSlopes(Range(low, high), tuple(slopes))

    def _extreme(self, expr: sp.Expr) -> RangeWithSlopes:
        """Max or Min: where one argument is surely the largest its derivatives count, elsewhere
        all of them."""
        jets = [self.jet(a) for a in expr.args]
        lows = [j.value.lo for j in jets]
        highs = [j.value.hi for j in jets]
        if isinstance(expr, sp.Max):
            value = Range(np.max(lows, axis=0), np.max(highs, axis=0))
            taken = [high >= value.lo for high in highs]
        else:
            value = Range(np.min(lows, axis=0), np.min(highs, axis=0))
            taken = [low <= value.hi for low in lows]
        return RangeWithSlopes(value, self._united(taken, jets).slopes)

    def _piecewise(self, expr: sp.Expr) -> RangeWithSlopes:
        """The union of the branches that may be taken; where several may, the function may jump."""
        left = np.ones(len(self.ones), dtype=bool)
        active: list[Flags] = []
        jets: list[RangeWithSlopes] = []
        for branch, condition in expr.args:
            may, must = self.truth(condition)
            if np.any(left & may):
                active.append(left & may)
                jets.append(self.jet(branch))
            left = left & ~must
        if np.any(left):
            active.append(left)
            jets.append(RangeWithSlopes(everything(self.ones), self.zero))
        value, slopes = self._united(active, jets)
        several = np.sum(active, axis=0) > 1
        return RangeWithSlopes(value, tuple(unbounded(s, several) for s in slopes))

    def _united(self, active: Sequence[Flags], jets: Sequence[RangeWithSlopes]) -> RangeWithSlopes:
        value = union([j.value for j in jets], active)
        zero = self._constant(0.0)
        slopes: list[Range | None] = []
        for k in range(self.count):
            parts = [j.slopes[k] for j in jets]
            if all(s is None for s in parts):
                slopes.append(None)
            else:
                slopes.append(union([zero if s is None else s for s in parts], active))
        return RangeWithSlopes(value, tuple(slopes))

    def truth(self, condition: Boolean) -> tuple[Flags, Flags]:
        """(may be true, must be true) inside each open box."""
        full = np.ones(len(self.ones), dtype=bool)
        if condition == sp.true:
            return full, full
        if condition == sp.false:
            return ~full, ~full
        if isinstance(condition, Not):
            may, must = self.truth(condition.args[0])
            return ~must, ~may
        if isinstance(condition, (And, Or)):
            joined = np.logical_and if isinstance(condition, And) else np.logical_or
            pairs = [self.truth(c) for c in condition.args]
            return joined.reduce([p[0] for p in pairs]), joined.reduce([p[1] for p in pairs])
        if isinstance(condition, Relational):
            return compared(condition, self.jet(condition.lhs - condition.rhs).value)
        return full, ~full

    def _sampled(self, expr: sp.Expr) -> RangeWithSlopes:
        """A function without a rule, and its derivatives: values at random points of the ranges of
        its arguments."""
        jets = [self.jet(a) for a in expr.args]
        names = _names(len(jets))
        points = self._points(expr.args, jets)
        outer = expr.func(*names)
        value = self._sampled_range(_printed(names, outer), outer, points)
        slopes = self.zero
        for number, inner in enumerate(jets):
            if all(s is None for s in inner.slopes):
                continue
            slope = self._sampled_slope(outer, number, names, points)
            chained = (scaled(s, slope) for s in inner.slopes)
            slopes = tuple(added(p, q) for p, q in zip(slopes, chained, strict=True))
        return RangeWithSlopes(value, slopes)

    def _points(
        self, arguments: tuple[sp.Expr, ...], jets: Sequence[RangeWithSlopes]
    ) -> Sequence[Array]:
        """Random points of the ranges of some arguments, (samples, n) each; of a range that is a
        point the point. Functions of the same arguments share them."""
        found = self.sampled.get(arguments)
        if found is None:
            ranges = [j.value for j in jets]
            count = 1 if all(np.array_equal(r.lo, r.hi) for r in ranges) else _SAMPLES
            shares = np.random.default_rng(7).random((len(ranges), count, 1))
            shares[:, 0] = 0.0
            shares[:, -1] = 1.0
            found = [r.lo + share * (r.hi - r.lo) for r, share in zip(ranges, shares, strict=True)]
            self.sampled[arguments] = found
        return found

    def _sampled_slope(
        self, outer: sp.Expr, number: int, names: tuple[sp.Symbol, ...], points: Sequence[Array]
    ) -> Range:
        """The range of the derivative by an argument; everything where none is known."""
        function = _printed_derivative(names, outer, number)
        if function is None:
            return everything(self.ones)
        try:
            return self._sampled_range(function, outer, points)
        except UnsupportedError:
            return everything(self.ones)

    def _sampled_range(
        self, function: Callable[..., Any], outer: sp.Expr, points: Sequence[Array]
    ) -> Range:
        try:
            found = np.asarray(np.real(function(*points)))
            values = np.broadcast_to(found.astype(float), points[0].shape)
        except NOT_EVALUATED as cause:
            raise UnsupportedError("a function without numbers", term=outer) from cause
        lo = values.min(axis=0)
        hi = values.max(axis=0)
        more = _WIDENED * (hi - lo)
        return Range(
            np.where(np.isnan(lo), -np.inf, lo - more), np.where(np.isnan(hi), np.inf, hi + more)
        )


@cache
def _names(count: int) -> tuple[sp.Symbol, ...]:
    """Arguments of functions without a rule: always the same, so that each is printed once."""
    return tuple(sp.Dummy(real=True) for _ in range(count))


@lru_cache(maxsize=256)
def _printed(names: tuple[sp.Symbol, ...], expr: sp.Expr) -> Callable[..., Any]:
    try:
        return lambdified(names, expr, ["scipy", "numpy"])
    except NOT_EVALUATED as cause:
        raise UnsupportedError("a function without numbers", term=expr) from cause


@lru_cache(maxsize=256)
def _printed_derivative(
    names: tuple[sp.Symbol, ...], expr: sp.Expr, number: int
) -> Callable[..., Any] | None:
    """By an argument; None where it is not known."""
    try:
        return _printed(names, expr.fdiff(number + 1))
    except (ArgumentIndexError, UnsupportedError, *NOT_EVALUATED):
        return None


@lru_cache(maxsize=4096)
def _number(expr: sp.Expr) -> float:
    value = complex(expr)
    if value.imag != 0:
        raise UnsupportedError("a complex number in an enclosure", term=expr)
    return value.real
