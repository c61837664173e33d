"""Means over a fast time tau: in closed form, or as sums over its nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..operator.sampling import (
    SlowPoint,
    generic_points,
    is_opaque,
    range_grid,
    sampled_mean,
    sampler,
    slow_samples,
)
from ..operator.table import FastAxis, Operator
from ..problem.errors import UnsupportedError
from .effective_law import closed_mean

# Points per period of tau; not powers of two alone, which alias the same harmonics alike.
_NODES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# Points of the cell at which a mean over tau is compared with an adaptive one, and what counts as
# equal, relative to the largest value.
_PLACES = 3
_SEEN = 1e-9
# Change of a mean from one number of points to the next, relative to the values, below which it is
# exact: the trapezoid rule converges like exp(-n) for what is smooth and periodic.
_ROUNDING = 1e-13


def mean_in_time(op: Operator, tau: FastAxis, c: sp.Expr) -> sp.Expr:
    """<c> over tau: in closed form, or by the trapezoid rule with as many points as rounding asks
    for. UnsupportedError where c is not smooth in tau, or too narrow.
    """
    if not c.has(tau.symbol):
        return c
    if is_opaque(c):
        return _opaque_mean(c, tau.symbol)
    closed = closed_mean(replace(op, axes=(tau,)), c, numbers=True)
    return _trapezoid_mean(op, tau, c) if closed is None else closed


def _trapezoid_mean(op: Operator, tau: FastAxis, c: sp.Expr) -> sp.Expr:
    points = range_grid(op)
    place = slow_samples(op, [c])[0]
    a, b = tau.interval
    coarser: list[sp.Expr] = []
    before = None
    for n in _NODES:
        parts = [c.xreplace({tau.symbol: a + (b - a) * sp.Rational(k, n)}) for k in range(n)]
        values = np.stack(sampler(parts, op)(points, place))
        means = values.mean(axis=0)
        if before is not None:
            change = np.max(np.abs(means - before))
            if change <= _ROUNDING * np.max(np.abs(values)):
                found = sp.Add(*coarser) / len(coarser)
                _require_seen(op, tau, c, found, place)
                return found
        before = means
        coarser = parts
    raise UnsupportedError(
        "the mean over tau of a coefficient that is not smooth in tau",
        term=c,
        remedy="average it over tau by hand",
    )


def _require_seen(
    op: Operator, tau: FastAxis, c: sp.Expr, found: sp.Expr, place: SlowPoint
) -> None:
    """UnsupportedError where an adaptive mean is another one: all nodes may miss a pulse."""
    in_tau = replace(op, axes=(tau,))
    for point in np.transpose(generic_points(op, _PLACES, 5)):
        at = {v: sp.Float(float(y), 17) for v, y in zip(op.fast, point, strict=True)}
        exact, uncertainty, largest = sampled_mean(c.xreplace(at), in_tau, place)
        own = sampler([found.xreplace(at)], op)(point[:, None], place)[0][0]
        if not abs(own - exact) <= 2 * uncertainty + _SEEN * largest:
            raise UnsupportedError(
                "the mean over tau of a coefficient that is narrow in tau",
                term=c,
                remedy="average it over tau by hand",
            )


def _opaque_mean(c: sp.Expr, tau: sp.Symbol) -> sp.Expr:
    """a(y, tau) without a formula as a_mean(y)."""
    means = {}
    for f in c.atoms(AppliedUndef):
        if f.has(tau):
            others = [a for a in f.args if a != tau]
            means[f] = sp.Function(f"{f.func.__name__}_mean")(*others)
    return c.xreplace(means)
