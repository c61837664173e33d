"""Fast variables that were written out: functions of x/eps, x/eps^2 and t/eps^k in the fast
variables y, z and tau of the scales.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from ..problem.errors import EpsilonError
from ..problem.scales import Fast, Scales


def fold_fast(expr: sp.Expr, scales: Scales) -> sp.Expr:
    """sin(2 pi x_1/eps) as sin(2 pi y_1), also inside other functions and in the conditions of a
    Piecewise.

    Outside of functions x/eps stays: there it is x times a power of eps. EpsilonError for x/eps^2
    and t/eps^k that the scales do not have.
    """
    functions = [
        f for f in expr.atoms(sp.Function) if not isinstance(f, Fast) and _oscillates(f, scales)
    ]
    return expr.xreplace({f: _folded(f, scales, f) for f in functions})


def _oscillates(e: Any, scales: Scales) -> bool:
    """Whether a coordinate stands beside an eps that is not that of a fast variable."""
    plain = scales.plain(e)
    return bool(plain.has(scales.eps) and plain.has(*scales.physical))


def _folded(e: Any, scales: Scales, whole: sp.Expr) -> Any:
    """`e` with the arguments of its functions and the sides of its conditions folded."""
    if isinstance(e, Fast) or not e.args or not _oscillates(e, scales):
        return e
    parts = [_folded(a, scales, whole) for a in e.args]
    if isinstance(e, Relational):
        return _condition(e.func(*parts), scales, whole)
    if isinstance(e, (sp.Function, sp.functions.elementary.piecewise.ExprCondPair)):
        parts = [_sum(a, scales, whole) if isinstance(a, sp.Expr) else a for a in parts]
    return e.func(*parts)


def _sum(a: sp.Expr, scales: Scales, whole: sp.Expr) -> sp.Expr:
    if not _oscillates(a, scales):
        return a
    return sp.Add(*[_term(part, scales, whole) for part in sp.Add.make_args(sp.expand(a))])


def _condition(condition: Relational, scales: Scales, whole: sp.Expr) -> Any:
    """x/eps < 1/2, or x < eps/2: both sides are divided by the power of eps that leaves none."""
    powers = sorted({sp.Integer(0), *(v.power for v in scales.fast)})
    for power in powers:
        sides = [
            _sum(sp.expand(side / scales.eps**power), scales, whole) for side in condition.args
        ]
        if not any(scales.plain(side).has(scales.eps) for side in sides):
            return condition.func(*sides)
    return condition


def _term(part: sp.Expr, scales: Scales, whole: sp.Expr) -> sp.Expr:
    """c x_i/eps as c y_i; products of x_1, ..., x_d likewise."""
    rest = []
    inverse = sp.Integer(0)
    degrees = dict[sp.Symbol, sp.Expr]()
    for factor in sp.Mul.make_args(part):
        base, exponent = factor.as_base_exp()
        if base == scales.eps:
            inverse -= exponent
        elif base in scales.physical and exponent.is_Integer:
            degrees[base] = exponent
        else:
            rest.append(factor)
    degree = sp.Add(*degrees.values())
    if (
        inverse == 0
        or degree == 0
        or inverse.is_negative
        or any(scales.plain(f).has(scales.eps) for f in rest)
    ):
        return part
    fast = {v.args[0]: v for v in scales.fast if v.power * degree == inverse}
    if not set(degrees) <= set(fast):
        raise _unknown_scale(
            scales, next(v for v in degrees if v not in fast), inverse / degree, whole
        )
    return sp.Mul(*rest, *[fast[v] ** n for v, n in degrees.items()])


def _unknown_scale(
    scales: Scales, variable: sp.Symbol, power: sp.Expr, whole: sp.Expr
) -> EpsilonError:
    written = f"{variable}/eps" + ("" if power == 1 else f"^{power}")
    if variable == scales.physical[-1]:
        have = "no fast time" if scales.fast_time is None else f"tau = t/eps^{scales.fast_time}"
        return EpsilonError(
            f"a function of {written}, where the scales have {have}",
            term=whole,
            remedy=f"write s = Scales({scales.dim}, fast_time={power}), and s.tau for {written}",
        )
    if power == 2:
        return EpsilonError(
            f"a function of {written}, where the scales have no second level",
            term=whole,
            remedy=f"write s = Scales({scales.dim}, levels=2), and s.z for x/eps^2",
        )
    return EpsilonError(
        f"a function of {written}, which is no scale",
        term=whole,
        remedy="the scales are s.y = x/eps and, with levels=2, s.z = x/eps^2",
    )
