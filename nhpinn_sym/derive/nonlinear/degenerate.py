"""Fluxes that degenerate at an end of the range of an unknown, as those of porous media at u = 0.

Beyond it they would be a diffusion backwards, or have no real numbers, and the error of a discrete
solution leads there: fronts end in a kink. No solution of the equation does, so that a flux may be
continued by what it is at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from ...operator.zero_test import is_zero
from .state import StateProblem

# Distance from the end, of the range, at which a flux is continued: exactly there no state of a
# cell is determined, and powers have no derivative.
_INSIDE = 1e-12


def degenerate_fluxes(state: StateProblem) -> Iterator[tuple[int, sp.Symbol, sp.Expr]]:
    """(equation, its unknown, the value at which the tangent of its flux vanishes), of those at the
    ends of ranges and 0.
    """
    for i, (v, (low, high)) in enumerate(state.ranges.items()):
        own = [sp.diff(a, p) for a in state.flux[i] for p in state.slopes[i]]
        if not any(e.has(v) for e in own):
            continue
        for value in dict.fromkeys((low, high, sp.Min(high, sp.Max(low, 0)))):
            if all(is_zero(e.xreplace({v: value})) for e in own):
                yield i, v, value


def held_in_range(state: StateProblem) -> StateProblem:
    """The state problem with degenerate fluxes that stay what they are at the end of the range."""
    flux = [list(row) for row in state.flux]
    for i, v, value in degenerate_fluxes(state):
        low, high = state.ranges[v]
        inside = _INSIDE * float(high - low)
        if value == low:
            flux[i] = [a.xreplace({v: sp.Max(v, float(low) + inside)}) for a in flux[i]]
        if value == high:
            flux[i] = [a.xreplace({v: sp.Min(v, float(high) - inside)}) for a in flux[i]]
    return replace(state, flux=tuple(tuple(row) for row in flux))
