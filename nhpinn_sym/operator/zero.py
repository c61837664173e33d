"""Is an expression zero? Decided by expansion, then by numbers of high precision. Is it smooth? By the functions in it."""

from __future__ import annotations

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean

_POINTS = (sp.Rational(271, 1009), sp.Rational(577, 1013), sp.Rational(809, 1021))
_JUMPING = (sp.Piecewise, sp.Heaviside, sp.DiracDelta, sp.sign, sp.floor, sp.ceiling, sp.frac, sp.Mod)
_KINKED = (sp.Abs, sp.Max, sp.Min, sp.arg, sp.re, sp.im, sp.conjugate)


def is_zero(expr: sp.Expr) -> bool:
    """Whether `expr` vanishes identically; False where that cannot be told.

    Exact where expansion settles it; otherwise 30-digit values at three generic points decide: an analytic function that is zero
    there is zero. Opaque functions go through `simplify`; functions with jumps or kinks are not taken to be zero by their values.
    """
    expanded = sp.expand(expr)
    if expanded == 0:
        return True
    if expanded.is_number:
        return bool(abs(expanded.evalf(30)) < 1e-25)
    if not is_analytic(expanded):
        return False
    if expanded.atoms(AppliedUndef):
        return bool(sp.simplify(expanded.doit()) == 0)
    symbols = sorted(expanded.free_symbols, key=str)
    for shift, point in enumerate(_POINTS):
        values = {v: point + sp.Rational(k * (shift + 2), 7) for k, v in enumerate(symbols)}
        value, scale = (e.xreplace(values).evalf(30) for e in (expanded, sp.Add(*[sp.Abs(a) for a in sp.Add.make_args(expanded)])))
        if not (value.is_number and abs(value) <= 1e-20 * abs(scale)):
            return False
    return True


def jumps(expr: sp.Expr) -> bool:
    """Whether `expr` may be discontinuous."""
    return bool(expr.has(*_JUMPING))


def is_analytic(expr: sp.Expr) -> bool:
    """Whether `expr` is made of analytic functions alone."""
    return not (expr.has(*_JUMPING, *_KINKED) or expr.atoms(Boolean))
