"""Enclosures of SymPy expressions over many boxes at once: interval arithmetic with first derivatives, vectorised in NumPy.

An enclosure holds every value of the expression inside the open box, up to rounding: what it does not allow is not there, however narrow.
Functions without a rule are sampled densely and the range of the samples is widened. Real expressions in real symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational
from sympy.logic.boolalg import And, Boolean, Not, Or

from ..problem.errors import UnsupportedError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SAMPLES = 65
"""Samples per box of a function without a rule."""
_WIDENED = 0.5
"""Share of their range by which these are widened."""


class Range(NamedTuple):
    """Lower and upper ends, (n,) each."""

    lo: Array
    hi: Array


class Jet(NamedTuple):
    """Ranges of a function and of its derivative along each coordinate; None is an identical zero."""

    value: Range
    slopes: tuple[Range | None, ...]


def enclose(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Range:
    """The ranges of `expr` over the boxes lo < symbols < hi, (n, d) each.

    UnsupportedError for other symbols, and for complex numbers.
    """
    return _Boxes(symbols, lo, hi, 0).jet(expr).value


def enclose_tightly(expr: sp.Expr, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Jet:
    """The same with derivatives, and with the mean value form: its excess falls with the square of the size of a box."""
    natural, slopes = _Boxes(symbols, lo, hi, lo.shape[1]).jet(expr)
    middle = (lo + hi) / 2
    low, high = enclose(expr, symbols, middle, middle)
    with np.errstate(all="ignore"):
        for k, slope in enumerate(slopes):
            if slope is not None:
                reach = np.maximum(np.abs(slope.lo), np.abs(slope.hi)) * (hi - lo)[:, k] / 2
                low = low - reach
                high = high + reach
    low = np.where(np.isnan(low), -np.inf, low)
    high = np.where(np.isnan(high), np.inf, high)
    return Jet(Range(np.maximum(natural.lo, low), np.minimum(natural.hi, high)), slopes)


class _Boxes:
    """One evaluation: jets of all subexpressions over boxes, with derivatives along the first `count` coordinates."""

    def __init__(self, symbols: Sequence[sp.Symbol], lo: Array, hi: Array, count: int) -> None:
        self.count = count
        self.zero: tuple[Range | None, ...] = (None,) * count
        ones = np.ones(len(lo))
        self.ones = ones
        self.known: dict[sp.Basic, Jet] = {}
        for k, symbol in enumerate(symbols):
            slopes = tuple(Range(ones, ones) if j == k else None for j in range(count))
            self.known[symbol] = Jet(Range(lo[:, k], hi[:, k]), slopes)

    def jet(self, expr: sp.Expr) -> Jet:
        found = self.known.get(expr)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._evaluated(expr)
            self.known[expr] = found
        return found

    def _evaluated(self, expr: sp.Expr) -> Jet:
        if not expr.free_symbols:
            return Jet(self._constant(_number(expr)), self.zero)
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
        rule = _RULES.get(expr.func)
        if rule is not None and len(expr.args) in (1, 2):
            return self._chained(self.jet(expr.args[0]), *rule)
        if isinstance(expr, sp.Mod):
            top, bottom = expr.args
            return self.jet(top - bottom * sp.floor(top / bottom))
        if isinstance(expr, sp.Symbol):
            raise UnsupportedError("a symbol without a range", term=expr)
        return self._sampled(expr)

    def _constant(self, number: float) -> Range:
        values = number * self.ones
        return Range(values, values)

    def _sum(self, expr: sp.Expr) -> Jet:
        value, slopes = self.jet(expr.args[0])
        for term in expr.args[1:]:
            other, others = self.jet(term)
            value = _plus(value, other)
            slopes = tuple(_added(p, q) for p, q in zip(slopes, others, strict=True))
        return Jet(value, slopes)

    def _product(self, expr: sp.Expr) -> Jet:
        value, slopes = self.jet(expr.args[0])
        for factor in expr.args[1:]:
            other, others = self.jet(factor)
            slopes = tuple(_added(_scaled(p, other), _scaled(q, value)) for p, q in zip(slopes, others, strict=True))
            value = _times(value, other)
        return Jet(value, slopes)

    def _power(self, expr: sp.Expr) -> Jet:
        base, exponent = expr.args
        if exponent.free_symbols:
            return self.jet(sp.exp(exponent * sp.log(base), evaluate=False))
        p = _number(exponent)
        inner = self.jet(base)
        outer = _scaled(_raised(inner.value, p - 1), self._constant(p))
        return Jet(_raised(inner.value, p), tuple(_scaled(s, outer) for s in inner.slopes))

    def _chained(self, inner: Jet, function: Callable[[Range], Range], derivative: Callable[[Range], Range]) -> Jet:
        outer = derivative(inner.value) if any(s is not None for s in inner.slopes) else None
        return Jet(function(inner.value), tuple(_scaled(s, outer) for s in inner.slopes))

    def _extreme(self, expr: sp.Expr) -> Jet:
        """Max or Min: where one argument is surely the largest its derivatives count, elsewhere all of them."""
        sign = 1 if isinstance(expr, sp.Max) else -1
        jets = [self.jet(a) for a in expr.args]
        upper = [j.value if sign > 0 else Range(-j.value.hi, -j.value.lo) for j in jets]
        lo = np.max([v.lo for v in upper], axis=0)
        hi = np.max([v.hi for v in upper], axis=0)
        active = [v.hi >= lo for v in upper]
        value = Range(lo, hi) if sign > 0 else Range(-hi, -lo)
        return Jet(value, self._united(active, jets).slopes)

    def _piecewise(self, expr: sp.Expr) -> Jet:
        """The union of the branches that may be taken; where several may, the function may jump."""
        left = np.ones(len(self.ones), dtype=bool)
        active: list[Flags] = []
        jets: list[Jet] = []
        for branch, condition in expr.args:
            may, must = self.truth(condition)
            if np.any(left & may):
                active.append(left & may)
                jets.append(self.jet(branch))
            left = left & ~must
        if np.any(left):
            active.append(left)
            jets.append(Jet(_everything(self.ones), self.zero))
        value, slopes = self._united(active, jets)
        several = np.sum(active, axis=0) > 1
        return Jet(value, tuple(_unbounded(s, several) for s in slopes))

    def _united(self, active: Sequence[Flags], jets: Sequence[Jet]) -> Jet:
        value = _union([j.value for j in jets], active)
        slopes: list[Range | None] = []
        for k in range(self.count):
            parts = [j.slopes[k] for j in jets]
            zero = self._constant(0.0)
            slopes.append(None if all(s is None for s in parts) else _union([zero if s is None else s for s in parts], active))
        return Jet(value, tuple(slopes))

    def truth(self, condition: Boolean) -> tuple[Flags, Flags]:
        """(may be true, must be true) inside each open box."""
        full = np.ones(len(self.ones), dtype=bool)
        if condition in (sp.true, sp.false):
            value = full if condition == sp.true else ~full
            return value, value
        if isinstance(condition, (And, Or, Not)):
            pairs = [self.truth(c) for c in condition.args]
            if isinstance(condition, Not):
                return ~pairs[0][1], ~pairs[0][0]
            joined = np.logical_and if isinstance(condition, And) else np.logical_or
            return joined.reduce([p[0] for p in pairs]), joined.reduce([p[1] for p in pairs])
        if isinstance(condition, Relational):
            return _compared(condition, self.jet(condition.lhs - condition.rhs).value)
        return full, ~full

    def _sampled(self, expr: sp.Expr) -> Jet:
        """A function without a rule: values at random points of the ranges of its arguments."""
        ranges = [self.jet(a).value for a in expr.args]
        names = [sp.Dummy() for _ in ranges]
        try:
            call = sp.lambdify(names, expr.func(*names), ["scipy", "numpy"])
            shares = np.random.default_rng(7).random((len(ranges), _SAMPLES, 1))
            shares[:, 0] = 0.0
            shares[:, 1] = 1.0
            points = [r.lo + share * (r.hi - r.lo) for r, share in zip(ranges, shares, strict=True)]
            values = np.broadcast_to(np.asarray(call(*points), dtype=float), points[0].shape)
        except (ArithmeticError, TypeError, NameError, NotImplementedError, AttributeError, SyntaxError) as cause:
            raise UnsupportedError("a function without numbers", term=expr) from cause
        lo = values.min(axis=0)
        hi = values.max(axis=0)
        more = _WIDENED * (hi - lo)
        slopes = [any(self.jet(a).slopes[k] is not None for a in expr.args) for k in range(self.count)]
        value = Range(np.where(np.isnan(lo), -np.inf, lo - more), np.where(np.isnan(hi), np.inf, hi + more))
        return Jet(value, tuple(_everything(self.ones) if s else None for s in slopes))


@lru_cache(maxsize=4096)
def _number(expr: sp.Expr) -> float:
    value = complex(expr)
    if value.imag != 0:
        raise UnsupportedError("a complex number in an enclosure", term=expr)
    return value.real


def _everything(like: Array) -> Range:
    return Range(np.full_like(like, -np.inf), np.full_like(like, np.inf))


def _plus(a: Range, b: Range) -> Range:
    lo = a.lo + b.lo
    hi = a.hi + b.hi
    return Range(np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi))


def _times(a: Range, b: Range) -> Range:
    """0 times infinity is 0: the infinite end is not a value."""
    ends = np.nan_to_num(np.array([a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return Range(ends.min(axis=0), ends.max(axis=0))


def _added(a: Range | None, b: Range | None) -> Range | None:
    return b if a is None else a if b is None else _plus(a, b)


def _scaled(a: Range | None, b: Range | None) -> Range | None:
    return None if a is None or b is None else _times(a, b)


def _union(ranges: Sequence[Range], active: Sequence[Flags]) -> Range:
    lo = np.min([np.where(on, r.lo, np.inf) for r, on in zip(ranges, active, strict=True)], axis=0)
    hi = np.max([np.where(on, r.hi, -np.inf) for r, on in zip(ranges, active, strict=True)], axis=0)
    return Range(lo, hi)


def _unbounded(slope: Range | None, where: Flags) -> Range | None:
    if slope is None and not np.any(where):
        return None
    known = Range(np.zeros(len(where)), np.zeros(len(where))) if slope is None else slope
    return Range(np.where(where, -np.inf, known.lo), np.where(where, np.inf, known.hi))


def _compared(relation: Relational, difference: Range) -> tuple[Flags, Flags]:
    """Of lhs - rhs: inside an open box a zero at its boundary does not count, nor does a zero that has no volume."""
    lo, hi = difference
    same = (lo == 0) & (hi == 0)
    if isinstance(relation, (Eq, Ne)):
        equal = same if isinstance(relation, Eq) else ~same
        return equal, equal
    if isinstance(relation, (Gt, Ge)):
        lo, hi = -hi, -lo
    may = lo < 0
    must = hi <= 0
    if isinstance(relation, (Le, Ge)):
        return may | same, must
    assert isinstance(relation, (Lt, Gt))
    return may & ~same, must & ~same


def _raised(a: Range, p: float) -> Range:
    """a^p; a base of which only a part is positive counts with that part where p is no integer."""
    if p == 0:
        return Range(np.ones_like(a.lo), np.ones_like(a.lo))
    if p != round(p):
        ends = np.array([np.maximum(a.lo, 0.0) ** p, np.maximum(a.hi, 0.0) ** p])
        void = a.hi < 0
        return Range(np.where(void, -np.inf, ends.min(axis=0)), np.where(void, np.inf, ends.max(axis=0)))
    if p < 0:
        return _inverse(_raised(a, -p))
    ends = np.array([a.lo**p, a.hi**p])
    lo = ends.min(axis=0)
    if p % 2 == 0:
        lo = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, lo)
    return Range(lo, ends.max(axis=0))


def _inverse(a: Range) -> Range:
    across = (a.lo < 0) & (a.hi > 0)
    lo = np.where(across | (a.hi == 0), -np.inf, 1 / a.hi)
    hi = np.where(across | (a.lo == 0), np.inf, 1 / a.lo)
    return Range(lo, hi)


def _rising(f: Callable[[Array], Array]) -> Callable[[Range], Range]:
    return lambda a: Range(f(a.lo), f(a.hi))


def _bell(f: Callable[[Array], Array]) -> Callable[[Range], Range]:
    """An even function that falls with |x|."""

    def values(a: Range) -> Range:
        far = np.maximum(np.abs(a.lo), np.abs(a.hi))
        near = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, np.minimum(np.abs(a.lo), np.abs(a.hi)))
        return Range(f(far), f(near))

    return values


def _bowl(f: Callable[[Array], Array]) -> Callable[[Range], Range]:
    """An even function that rises with |x|."""
    fall = _bell(lambda t: -f(t))
    return lambda a: Range(-fall(a).hi, -fall(a).lo)


def _wave(shift: float) -> Callable[[Range], Range]:
    """sin(x + shift)."""

    def values(a: Range) -> Range:
        lo = a.lo + shift
        hi = a.hi + shift
        ends = np.array([np.sin(lo), np.sin(hi)])
        top = np.floor((hi - np.pi / 2) / (2 * np.pi)) >= np.ceil((lo - np.pi / 2) / (2 * np.pi))
        bottom = np.floor((hi + np.pi / 2) / (2 * np.pi)) >= np.ceil((lo + np.pi / 2) / (2 * np.pi))
        lost = ~np.isfinite(ends).all(axis=0)
        return Range(np.where(bottom | lost, -1.0, ends.min(axis=0)), np.where(top | lost, 1.0, ends.max(axis=0)))

    return values


_sin = _wave(0.0)
_cos = _wave(np.pi / 2)


def _tan(a: Range) -> Range:
    pole = np.floor((a.hi - np.pi / 2) / np.pi) >= np.ceil((a.lo - np.pi / 2) / np.pi)
    return Range(np.where(pole, -np.inf, np.tan(a.lo)), np.where(pole, np.inf, np.tan(a.hi)))


def _abs(a: Range) -> Range:
    near = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, np.minimum(np.abs(a.lo), np.abs(a.hi)))
    return Range(near, np.maximum(np.abs(a.lo), np.abs(a.hi)))


def _sign(a: Range) -> Range:
    zero = (a.lo == 0) & (a.hi == 0)
    return Range(np.where(zero, 0.0, np.where(a.lo >= 0, 1.0, -1.0)), np.where(zero, 0.0, np.where(a.hi <= 0, -1.0, 1.0)))


def _heaviside(a: Range) -> Range:
    s = _sign(a)
    return Range((s.lo + 1) / 2, (s.hi + 1) / 2)


def _floor(a: Range) -> Range:
    low = np.floor(a.lo)
    return Range(low, np.maximum(low, np.ceil(a.hi) - 1))


def _ceiling(a: Range) -> Range:
    high = np.ceil(a.hi)
    return Range(np.minimum(high, np.floor(a.lo) + 1), high)


def _log(a: Range) -> Range:
    return Range(np.where(a.lo > 0, np.log(np.maximum(a.lo, 1e-320)), -np.inf), np.where(a.hi > 0, np.log(np.maximum(a.hi, 1e-320)), np.inf))


def _flat_where_constant(f: Callable[[Range], Range]) -> Callable[[Range], Range]:
    """The derivative of a step function: zero, but where it may jump."""

    def slope(a: Range) -> Range:
        steps = f(a)
        jump = steps.hi > steps.lo
        return Range(np.where(jump, -np.inf, 0.0), np.where(jump, np.inf, 0.0))

    return slope


def _negative(f: Callable[[Range], Range]) -> Callable[[Range], Range]:
    return lambda a: Range(-f(a).hi, -f(a).lo)


def _error_function(t: Array) -> Array:
    return np.array([math.erf(v) for v in t.ravel()]).reshape(t.shape)


def _one_minus(f: Callable[[Range], Range]) -> Callable[[Range], Range]:
    return lambda a: Range(1 - f(a).hi, 1 - f(a).lo)


def _inside_unit(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda t: f(np.clip(t, -1.0, 1.0))


def _one(a: Range) -> Range:
    return Range(np.ones_like(a.lo), np.ones_like(a.lo))


def _same(a: Range) -> Range:
    return a


def _slope_of_tan(a: Range) -> Range:
    square = _raised(_tan(a), 2)
    return Range(1 + square.lo, 1 + square.hi)


_bell_of_gauss = _bell(lambda t: 2 / np.sqrt(np.pi) * np.exp(-(t**2)))
_bell_of_arcsine = _bowl(lambda t: 1 / np.sqrt(np.maximum(0.0, 1 - np.minimum(t, 1.0) ** 2)))

_RULES: dict[Any, tuple[Callable[[Range], Range], Callable[[Range], Range]]] = {
    sp.exp: (_rising(np.exp), _rising(np.exp)),
    sp.log: (_log, lambda a: _inverse(Range(np.maximum(a.lo, 0.0), np.maximum(a.hi, 0.0)))),
    sp.sin: (_sin, _cos),
    sp.cos: (_cos, _negative(_sin)),
    sp.tan: (_tan, _slope_of_tan),
    sp.sinh: (_rising(np.sinh), _bowl(np.cosh)),
    sp.cosh: (_bowl(np.cosh), _rising(np.sinh)),
    sp.tanh: (_rising(np.tanh), _bell(lambda t: 1 / np.cosh(np.minimum(t, 350.0)) ** 2)),
    sp.sech: (_bell(lambda t: 1 / np.cosh(np.minimum(t, 700.0))), lambda a: Range(np.full_like(a.lo, -0.5), np.full_like(a.lo, 0.5))),
    sp.atan: (_rising(np.arctan), _bell(lambda t: 1 / (1 + t**2))),
    sp.asinh: (_rising(np.arcsinh), _bell(lambda t: 1 / np.sqrt(1 + t**2))),
    sp.asin: (_rising(_inside_unit(np.arcsin)), _bell_of_arcsine),
    sp.acos: (_negative(_rising(_inside_unit(lambda t: np.arcsin(t) - np.pi / 2))), _negative(_bell_of_arcsine)),
    sp.erf: (_rising(_error_function), _bell_of_gauss),
    sp.erfc: (_one_minus(_rising(_error_function)), _negative(_bell_of_gauss)),
    sp.Abs: (_abs, _sign),
    sp.sign: (_sign, _flat_where_constant(_sign)),
    sp.Heaviside: (_heaviside, _flat_where_constant(_heaviside)),
    sp.floor: (_floor, _flat_where_constant(_floor)),
    sp.ceiling: (_ceiling, _flat_where_constant(_ceiling)),
    sp.re: (_same, _one),
    sp.conjugate: (_same, _one),
}
"""For each function of one argument: the range, and the range of its derivative."""
