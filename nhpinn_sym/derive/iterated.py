"""Scales that are averaged before the two-scale expansion: a fast time t/eps^k that is not resonant, and the second level z = x/eps^2.

Resonance is at k = r, order in space over order in time: 2 for parabolic equations of second order, 1 for waves.
- k < r: tau is a parameter of the cell problems, the effective law is averaged over tau;
- k = r: tau is one more coordinate of the cell;
- k > r: the coefficients are averaged over tau first (Bensoussan, Lions, Papanicolaou 1978, ch. 2; Holmbom 1997);
- z: a(x, y, z) is homogenized over z at fixed (x, y), and the result over y (Bensoussan, Lions, Papanicolaou 1978, ch. 1.8; Allaire, Briane 1996).
These are the limits; the rate at which they are reached depends on k, and is that of the first neglected term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..operator.sampling import is_opaque, range_grid, sampler, slow_samples
from ..operator.table import FastAxis, MultiIndex, Operator, Term
from ..problem.errors import SolvabilityError, UnsupportedError
from .entries import Transformation
from .law import closed_mean
from .model import HomogenizedModel
from .notation import equation

_NODES = (32, 64, 128, 256)
LEVEL = "{}_z"
"""The name of an effective coefficient of the level z, as a coefficient of the level y."""


def active_axes(op: Operator) -> Operator:
    """Without the fast axes beyond y that no coefficient depends on."""
    d = op.problem.scales.dim
    held = [axis for axis in op.axes[d:] if any(c.has(axis.symbol) for c in op.table.values())]
    z = [axis for axis in op.axes[d:] if axis.slow < d] if any(axis.slow < d for axis in held) else []
    return replace(op, axes=(*op.axes[:d], *z, *(axis for axis in held if axis.slow == d)))


def average_fast_time(op: Operator) -> tuple[Operator, tuple[Transformation, ...]]:
    """The operator with tau frozen (k < r), kept (k = r) or averaged (k > r), and what was done."""
    tau = next((axis for axis in op.axes if axis.slow == op.problem.scales.dim), None)
    if tau is None:
        return op, ()
    resonance = _resonance(op, tau)
    if tau.power == resonance:
        return op, ()
    for term, c in op.terms():
        if term.right[-1] and c.has(tau.symbol):
            raise UnsupportedError(f"a coefficient of the time derivative that depends on tau = t/eps^{tau.power}", term=op.show(term),
                                   remedy=f"divide the equation by it, or use fast_time={resonance}")
    rest = tuple(axis for axis in op.axes if axis is not tau)
    if tau.power < resonance:
        remark = (f"tau = t/eps^{tau.power} is slower than diffusion over a period: the cell problems are solved at fixed tau, "
                  "and the law is averaged over tau.")
        return replace(op, axes=rest, frozen=(tau,)), (Transformation("Slow oscillation in time", remark),)
    means = {term: _mean(op, tau, c) for term, c in op.table.items()}
    lines = tuple(equation(sp.Symbol("a"), c) for c in dict.fromkeys(means.values()) if c not in op.table.values() and c.count_ops() < 40)
    remark = f"tau = t/eps^{tau.power} is faster than diffusion over a period: the coefficients are averaged over tau first."
    return replace(op, table=means, axes=rest), (Transformation("Fast oscillation in time", remark, lines),)


def _resonance(op: Operator, tau: FastAxis) -> sp.Rational:
    """The power k at which d_tau is of the order of the cell operator. Errors: stationary problems, and waves at resonance."""
    culprit = next(op.show(t) for t, c in op.table.items() if c.has(tau.symbol))
    if not op.problem.time_order:
        raise SolvabilityError("a coefficient depends on tau, and there is no time derivative that acts on it", term=culprit,
                               remedy="add s.dt(u), or write a parameter in place of tau: parameters={q: (lower, upper)}")
    order = max(sum(t.left[:-1]) + sum(t.right[:-1]) for t, _ in op.terms())
    resonance = sp.Rational(order, op.problem.time_order)
    if op.problem.time_order > 1 and tau.power == resonance:
        raise UnsupportedError(f"a second time derivative with tau = t/eps^{tau.power}: its cell problem is a wave equation", term=culprit,
                               remedy="smaller and larger powers are covered: fast_time=1/2, or fast_time=2")
    if any(axis.power == 2 and axis is not tau for axis in op.axes) and resonance < tau.power <= 2 * resonance:
        raise UnsupportedError(f"a fast time t/eps^{tau.power} between those of the levels y and z, together with z", term=culprit,
                               remedy=f"use fast_time up to {resonance}, or above {2 * resonance}")
    return resonance


def _mean(op: Operator, tau: FastAxis, c: sp.Expr) -> sp.Expr:
    """<c> over tau: in closed form, or by the trapezoid rule with as many points as rounding asks for."""
    if not c.has(tau.symbol):
        return c
    if is_opaque(c):
        opaque = [f for f in c.atoms(AppliedUndef) if f.has(tau.symbol)]
        return c.xreplace({f: sp.Function(f"{f.func.__name__}_mean")(*(a for a in f.args if a != tau.symbol)) for f in opaque})
    closed = closed_mean(replace(op, axes=(tau,)), c, numbers=True)
    if closed is not None:
        return closed
    held = replace(op, axes=tuple(axis for axis in op.axes if axis is not tau))
    points, before = range_grid(held), None
    a, b = tau.interval
    for n in _NODES:
        total = sp.Add(*[c.xreplace({tau.symbol: a + (b - a) * sp.Rational(k, n)}) for k in range(n)]) / n
        values = sampler([total], held)(points, slow_samples(held, [total])[0])[0]
        if before is not None and np.max(np.abs(values - before)) <= 1e-13 * np.max(np.abs(values)):
            return total
        before = values
    raise UnsupportedError("the mean over tau of a coefficient that is not smooth in tau", term=c, remedy="average it over tau by hand")


Levels = tuple[Operator, HomogenizedModel | None, tuple[Transformation, ...]]


def separate_levels(op: Operator, derive: Callable[[Operator, int], HomogenizedModel]) -> Levels:
    """The operator of the level y, the model of the level z whose effective coefficients it has, and what was done."""
    d = op.problem.scales.dim
    z = tuple(axis for axis in op.axes if axis.slow < d and axis.power == 2)
    if not z:
        return op, None, ()
    symbols = {axis.symbol for axis in z}
    for term, c in op.table.items():
        if c.has(*symbols) and term.power != 0:
            raise UnsupportedError(f"a term of order eps^{term.power} that depends on z = x/eps^2", term=op.show(term),
                                   remedy="let only terms of order eps^0 depend on z")
    inside = {t: c for t, c in op.table.items() if t.power == 0}
    rest = tuple(axis for axis in op.axes if axis not in z)
    inner = derive(replace(op, table=inside, axes=tuple(axis._replace(power=1) for axis in z), frozen=(*op.frozen, *rest)), 1)
    held = [v for v in (*op.coordinates, *(axis.symbol for axis in (*rest, *op.frozen))) if any(c.has(v) for c in inside.values())]
    arguments = tuple(held) or tuple(axis.symbol for axis in rest)
    table = {t: c for t, c in op.table.items() if t.power != 0}
    names = []
    for e in inner.law:
        symbol = _head(e.symbol)
        value = sp.Function(LEVEL.format(symbol))(*arguments) if e.value is None else e.value
        names.append(equation(value, inner.writer.formula(e)))
        place = Term(e.equation, e.left, e.field, e.right if e.field is not None else _zero(e.right), 0)
        table[place] = table.get(place, sp.Integer(0)) + e.sign * value
    report = Transformation("Iterated homogenization", "First over z at fixed (x, y), < > the mean over z; then over y.",
                            (*(p.equation for p in inner.cell_problems), *names))
    return replace(op, table=table, axes=rest), inner, (report,)


def _head(symbol: sp.Expr) -> str:
    return symbol.func.__name__ if isinstance(symbol, AppliedUndef) else str(symbol)


def _zero(index: MultiIndex) -> MultiIndex:
    return (0,) * len(index)
