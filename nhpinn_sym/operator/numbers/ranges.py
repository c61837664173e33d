"""Interval arithmetic on arrays: ranges of sums, products, powers and of the elementary
functions with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational

from ...runtime.arrays import Array, Flags


class Range(NamedTuple):
    """Lower and upper ends, (n,) each."""

    lo: Array
    hi: Array


def everything(like: Array) -> Range:
    """All numbers, as often as `like` has some."""
    return Range(np.full_like(like, -np.inf), np.full_like(like, np.inf))


def plus(a: Range, b: Range) -> Range:
    """The sum; everything where infinite ends cancel."""
    lo = a.lo + b.lo
    hi = a.hi + b.hi
    return Range(np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi))


def times(a: Range, b: Range) -> Range:
    """0 times infinity is 0: the infinite end is not a value."""
    ends = np.nan_to_num(
        np.array([a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]),
        nan=0.0,
        posinf=np.inf,
        neginf=-np.inf,
    )
    return Range(ends.min(axis=0), ends.max(axis=0))


def added(a: Range | None, b: Range | None) -> Range | None:
    """The sum, where None is zero."""
    if a is None:
        return b
    if b is None:
        return a
    return plus(a, b)


def scaled(a: Range | None, b: Range | None) -> Range | None:
    """The product, where None is zero."""
    if a is None or b is None:
        return None
    return times(a, b)


def union(ranges: Sequence[Range], active: Sequence[Flags]) -> Range:
    """The least range that holds those that are active, point by point."""
    lo = np.min([np.where(on, r.lo, np.inf) for r, on in zip(ranges, active, strict=True)], axis=0)
    hi = np.max([np.where(on, r.hi, -np.inf) for r, on in zip(ranges, active, strict=True)], axis=0)
    return Range(lo, hi)


def unbounded(slope: Range | None, where: Flags) -> Range | None:
    """A slope that is not bounded at some points."""
    if slope is None and not np.any(where):
        return None
    known = Range(np.zeros(len(where)), np.zeros(len(where))) if slope is None else slope
    return Range(np.where(where, -np.inf, known.lo), np.where(where, np.inf, known.hi))


def compared(relation: Relational, difference: Range) -> tuple[Flags, Flags]:
    """Of lhs - rhs: inside an open box a zero at its boundary does not count, nor does a zero
    that has no volume."""
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


def raised(a: Range, p: float) -> Range:
    """a^p; a base of which only a part is positive counts with that part where p is no integer."""
    if p == 0:
        return Range(np.ones_like(a.lo), np.ones_like(a.lo))
    if p != round(p):
        ends = np.array([np.maximum(a.lo, 0.0) ** p, np.maximum(a.hi, 0.0) ** p])
        void = a.hi < 0
        return Range(
            np.where(void, -np.inf, ends.min(axis=0)), np.where(void, np.inf, ends.max(axis=0))
        )
    if p < 0:
        return _inverse(raised(a, -p))
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
        return Range(
            np.where(bottom | lost, -1.0, ends.min(axis=0)),
            np.where(top | lost, 1.0, ends.max(axis=0)),
        )

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
    return Range(
        np.where(zero, 0.0, np.where(a.lo >= 0, 1.0, -1.0)),
        np.where(zero, 0.0, np.where(a.hi <= 0, -1.0, 1.0)),
    )


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
    return Range(
        np.where(a.lo > 0, np.log(np.maximum(a.lo, 1e-320)), -np.inf),
        np.where(a.hi > 0, np.log(np.maximum(a.hi, 1e-320)), np.inf),
    )


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
    square = raised(_tan(a), 2)
    return Range(1 + square.lo, 1 + square.hi)


_bell_of_gauss = _bell(lambda t: 2 / np.sqrt(np.pi) * np.exp(-(t**2)))
_bell_of_arcsine = _bowl(lambda t: 1 / np.sqrt(np.maximum(0.0, 1 - np.minimum(t, 1.0) ** 2)))

RULES: dict[Any, tuple[Callable[[Range], Range], Callable[[Range], Range]]] = {
    sp.exp: (_rising(np.exp), _rising(np.exp)),
    sp.log: (_log, lambda a: _inverse(Range(np.maximum(a.lo, 0.0), np.maximum(a.hi, 0.0)))),
    sp.sin: (_sin, _cos),
    sp.cos: (_cos, _negative(_sin)),
    sp.tan: (_tan, _slope_of_tan),
    sp.sinh: (_rising(np.sinh), _bowl(np.cosh)),
    sp.cosh: (_bowl(np.cosh), _rising(np.sinh)),
    sp.tanh: (_rising(np.tanh), _bell(lambda t: 1 / np.cosh(np.minimum(t, 350.0)) ** 2)),
    sp.sech: (
        _bell(lambda t: 1 / np.cosh(np.minimum(t, 700.0))),
        lambda a: Range(np.full_like(a.lo, -0.5), np.full_like(a.lo, 0.5)),
    ),
    sp.atan: (_rising(np.arctan), _bell(lambda t: 1 / (1 + t**2))),
    sp.asinh: (_rising(np.arcsinh), _bell(lambda t: 1 / np.sqrt(1 + t**2))),
    sp.asin: (_rising(_inside_unit(np.arcsin)), _bell_of_arcsine),
    sp.acos: (
        _negative(_rising(_inside_unit(lambda t: np.arcsin(t) - np.pi / 2))),
        _negative(_bell_of_arcsine),
    ),
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
