"""Is an expression zero? Decided by expansion, then by numbers of high precision. Is it smooth? By
the functions in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.images import ImageFunction
from ..problem.numeric import lambdified

# Fractions of primes: at no zero of a formula that anybody writes. Rational, so that 30 digits are
# 30 digits.
_POINTS = (
    sp.Rational(271, 1009),
    sp.Rational(577, 1013),
    sp.Rational(809, 1021),
    sp.Rational(-619, 1013),
    sp.Rational(1409, 1009),
)
_SATURATING = (
    sp.exp,
    sp.tanh,
    sp.coth,
    sp.sech,
    sp.csch,
    sp.sinh,
    sp.cosh,
    sp.erf,
    sp.erfc,
    sp.atan,
)
# The line on which places are sought where arguments are of order 1: beyond a period of 2 pi.
_REACH = (-1.0137, 7.0151)
# Arguments as steep as 500 y pass through order 1 within a few of them.
_LINE_POINTS = 2001
# Where tanh and its like still differ from their limits in the third digit.
_ORDER_ONE = 3.0
# Of an argument that jumps over order 1 between two points; any other would do but a round one.
_LEVEL = 0.7
# An analytic function that vanishes at a few generic points vanishes.
_MOST_CROSSINGS = 4
# From a step of the line to rounding.
_BISECTIONS = 50
# Operations beyond which an expression is compiled to be evaluated, and not expanded: that takes
# minutes for the sums of higher orders.
_LONG = 400
# Twice as many as what is tested for: cancellation of half of them is seen.
_DIGITS = 30
# Relative size of a value that counts as zero, where floating-point numbers are in it.
_ROUNDED = 1e-12
# The same where there are none: a third of the digits may cancel.
# Operations beyond which an expression is compiled to be evaluated.
_EXACT = 1e-20
_JUMPING = (
    sp.Piecewise,
    sp.Heaviside,
    sp.DiracDelta,
    sp.sign,
    sp.floor,
    sp.ceiling,
    sp.frac,
    sp.Mod,
    ImageFunction,
)
_KINKED = (sp.Abs, sp.Max, sp.Min, sp.arg, sp.re, sp.im, sp.conjugate)

RationalPoint = Mapping[sp.Symbol, sp.Rational]
Evaluation = Callable[[RationalPoint], tuple[sp.Expr, sp.Expr]]
"""The values of an expression and of its size at a point."""


def is_zero(expr: sp.Expr, parts: Sequence[sp.Expr] = ()) -> bool:
    """Whether `expr` vanishes identically; False where that cannot be told.

    Exact where expansion settles it; otherwise 30-digit values at generic points decide: an
    analytic function that is zero there is zero. Functions that saturate, such as tanh(500 y), are
    constant to all digits at almost every point: points where their arguments are of order 1 are
    among them. Opaque functions and their derivatives count as independent; functions with jumps or
    kinks are not taken to be zero by their values.
    Floating-point coefficients are zero up to rounding, relative to the terms of `expr`, or to
    `parts` where it is their sum.
    """
    expanded = expr if expr.count_ops() > _LONG else sp.expand(expr)
    if expanded == 0:
        return True
    if not is_analytic(expanded) or (isinstance(expanded, (sp.Symbol, AppliedUndef)) and not parts):
        return False
    if expanded.atoms(AppliedUndef):
        expanded = _opaque_as_symbols(expanded)
        parts = ()
        if expanded == 0:
            return True
        if expanded.is_polynomial() and not expanded.has(sp.Float):
            return False
    return _vanishes_at_points(expanded, parts or sp.Add.make_args(expanded))


def _opaque_as_symbols(expr: sp.Expr) -> sp.Expr:
    """The expanded expression with a symbol for every opaque function and each of its
    derivatives.
    """
    opaque = expr.doit()
    nodes = opaque.atoms(sp.Derivative) | opaque.atoms(AppliedUndef)
    return sp.expand(opaque.xreplace({node: sp.Dummy() for node in nodes}))


def _vanishes_at_points(expr: sp.Expr, parts: Sequence[sp.Expr]) -> bool:
    """Whether the values at generic points are zero next to the sizes of the parts."""
    tolerance = _ROUNDED if expr.has(sp.Float) else _EXACT
    size = sp.Add(*[sp.Abs(part) for part in parts])
    symbols = sorted(expr.free_symbols | size.free_symbols, key=str)
    if expr.count_ops() > _LONG:
        call = _compiled(expr, size, symbols)
    else:
        call = _evaluated(expr, size)
    return all(_vanishes(call, point, tolerance) for point in _generic_points(expr, symbols))


def _vanishes(call: Evaluation, point: RationalPoint, tolerance: float) -> bool:
    """Whether the value at a point is zero next to its size."""
    value, scale = call(point)
    return bool(value.is_number and abs(value) <= tolerance * scale)


def _evaluated(value: sp.Expr, size: sp.Expr) -> Evaluation:
    """The numbers of both expressions at a point, to 30 digits."""
    return lambda point: (
        value.xreplace(dict(point)).evalf(_DIGITS),
        size.xreplace(dict(point)).evalf(_DIGITS),
    )


def _compiled(value: sp.Expr, size: sp.Expr, symbols: Sequence[sp.Symbol]) -> Evaluation:
    """The same, compiled, for long expressions."""
    compiled = sp.lambdify(symbols, [value, size], "mpmath")

    def call(point: RationalPoint) -> tuple[sp.Expr, sp.Expr]:
        with mpmath.workdps(_DIGITS):
            found = compiled(*[mpmath.mpf(int(point[v].p)) / int(point[v].q) for v in symbols])
        return sp.sympify(found[0]), sp.sympify(found[1])

    return call


def _generic_points(
    expr: sp.Expr, symbols: Sequence[sp.Symbol]
) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    """Points inside and outside of the unit cube, and for every function that saturates some where
    it
    does not."""
    start: dict[sp.Symbol, sp.Expr] = {}
    for shift, point in enumerate(_POINTS):
        found = {v: point + sp.Rational(k * (shift + 2), 7) for k, v in enumerate(symbols)}
        start = start or found
        yield found
    arguments = dict.fromkeys(
        f.exp if isinstance(f, sp.exp) else f.args[0] for f in sp.ordered(expr.atoms(*_SATURATING))
    )
    for argument in arguments:
        for v in sorted(argument.free_symbols, key=str):
            yield from _crossings(argument, v, start)


def _crossings(
    argument: sp.Expr, v: sp.Symbol, start: Mapping[sp.Symbol, sp.Expr]
) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    """Points along v, through `start`, at which the argument is of order 1: one of the grid, or
    changes of sign of the argument less `_LEVEL`.
    """
    line = argument.xreplace({w: x for w, x in start.items() if w != v})
    grid = np.linspace(*_REACH, _LINE_POINTS)
    with np.errstate(all="ignore"):
        call = lambdified(v, line, ["scipy", "numpy"])
        values = np.broadcast_to(np.asarray(call(grid), dtype=complex), grid.shape)
    size = np.abs(values)
    if np.any(size <= _ORDER_ONE):
        nearest_to_one = grid[np.argmin(np.abs(size - 1))]
        yield {**start, v: sp.Rational(float(nearest_to_one))}
        return

    def above_level(x: float) -> float:
        return float(complex(call(x)).real - _LEVEL)

    real = values.real - _LEVEL
    for k in np.flatnonzero(real[1:] * real[:-1] < 0)[:_MOST_CROSSINGS]:
        crossing = _bisected(above_level, float(grid[k]), float(grid[k + 1]), float(real[k]))
        yield {**start, v: sp.Rational(crossing)}


def _bisected(f: Callable[[float], float], low: float, high: float, at_low: float) -> float:
    """A zero between `low`, where the sign is that of `at_low`, and `high`."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if f(middle) * at_low > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def jumps(expr: sp.Expr) -> bool:
    """Whether `expr` may be discontinuous."""
    return bool(expr.has(*_JUMPING))


def jumps_along(expr: sp.Expr, slow: Iterable[sp.Symbol], fast: Iterable[sp.Symbol]) -> bool:
    """Whether `expr` may jump at a place in `slow` that does not move with `fast`: averages over
    `fast` jump there too.
    """
    inner = set(slow)
    outer = set(fast)
    return any(held & inner and not held & outer for held in _jumping_symbols(expr))


def jumps_with(expr: sp.Expr, moving: Iterable[sp.Symbol]) -> bool:
    """Whether `expr` may jump as some symbols change, the others being constant."""
    inner = set(moving)
    return any(held & inner for held in _jumping_symbols(expr))


def _jumping_symbols(expr: sp.Expr) -> Iterator[set[sp.Basic]]:
    """The symbols of each condition, and of the argument of each step."""
    for node in expr.atoms(*_JUMPING):
        where = node.atoms(sp.Rel) if isinstance(node, sp.Piecewise) else node.args
        for part in where:
            yield part.free_symbols


def loses_jump(expr: sp.Expr, index: Sequence[int], coordinates: Sequence[sp.Symbol]) -> bool:
    """Whether D^index of `expr`, carried out, may lose a jump."""
    along = [v for v, n in zip(coordinates, index, strict=True) if n]
    return jumps(expr) and bool(expr.has(*along))


def is_analytic(expr: sp.Expr) -> bool:
    """Whether `expr` is made of analytic functions alone."""
    return not expr.has(*_JUMPING, *_KINKED)
