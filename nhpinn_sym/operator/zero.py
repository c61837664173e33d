"""Is an expression zero? Decided by expansion, then by numbers of high precision. Is it smooth? By the functions in it."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

_POINTS = (sp.Rational(271, 1009), sp.Rational(577, 1013), sp.Rational(809, 1021))
_JUMPING = (sp.Piecewise, sp.Heaviside, sp.DiracDelta, sp.sign, sp.floor, sp.ceiling, sp.frac, sp.Mod)
_KINKED = (sp.Abs, sp.Max, sp.Min, sp.arg, sp.re, sp.im, sp.conjugate)


def is_zero(expr: sp.Expr, parts: Sequence[sp.Expr] = ()) -> bool:
    """Whether `expr` vanishes identically; False where that cannot be told.

    Exact where expansion settles it; otherwise 30-digit values at three generic points decide: an analytic function that is zero
    there is zero. Opaque functions and their derivatives count as independent;
    functions with jumps or kinks are not taken to be zero by their values.
    Floating-point coefficients are zero up to rounding, relative to the terms of `expr`, or to `parts` where it is their sum.
    """
    expanded = sp.expand(expr)
    if expanded == 0:
        return True
    if not is_analytic(expanded) or (isinstance(expanded, (sp.Symbol, AppliedUndef)) and not parts):
        return False
    if expanded.atoms(AppliedUndef):
        opaque = expanded.doit()
        nodes = opaque.atoms(sp.Derivative) | opaque.atoms(AppliedUndef)
        expanded, parts = sp.expand(opaque.xreplace({node: sp.Dummy() for node in nodes})), ()
        if expanded == 0 or (expanded.is_polynomial() and not expanded.has(sp.Float)):
            return bool(expanded == 0)
    tolerance = 1e-12 if expanded.has(sp.Float) else 1e-20
    size = sp.Add(*[sp.Abs(part) for part in (parts or sp.Add.make_args(expanded))])
    symbols = sorted(expanded.free_symbols | size.free_symbols, key=str)
    for shift, point in enumerate(_POINTS):
        values = {v: point + sp.Rational(k * (shift + 2), 7) for k, v in enumerate(symbols)}
        value, scale = (e.xreplace(values).evalf(30) for e in (expanded, size))
        if not (value.is_number and abs(value) <= tolerance * scale):
            return False
    return True


def jumps(expr: sp.Expr) -> bool:
    """Whether `expr` may be discontinuous."""
    return bool(expr.has(*_JUMPING))


def is_analytic(expr: sp.Expr) -> bool:
    """Whether `expr` is made of analytic functions alone."""
    return not expr.has(*_JUMPING, *_KINKED)
