"""rho of rho u_t: what stands there, and the equation divided by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from ..operator.table import FastAxis, MultiIndex, Operator, Term, add, subtract, unit
from ..operator.zero_test import is_zero, jumps
from ..problem.errors import UnsupportedError
from .prose import Formula, Prose


def masses(op: Operator) -> list[sp.Expr]:
    """The coefficient of the highest time derivative of each unknown in its own equation."""
    found = []
    for i in range(op.components):
        own = {t.right[-1]: c for t, c in op.terms() if t.equation == t.field == i and t.right[-1]}
        found.append(own[max(own)] if own else sp.Integer(1))
    return found


def without_tau_in_mass(op: Operator, tau: FastAxis) -> tuple[Operator, str]:
    """The equations divided by what in rho depends on tau, and a sentence about it."""
    found = masses(op)
    factors = [c.as_independent(tau.symbol, as_Add=False)[1] for c in found]
    if all(f == 1 for f in factors):
        return op, ""
    return (
        divided(op, factors),
        Prose(
            " The equation is divided by the ",
            Formula("rho", r"\rho"),
            " that depends on ",
            Formula("tau", r"\tau"),
            ": the law is the average of ",
            Formula("E/rho", r"E/\rho"),
            ".",
        ),
    )


def divided(op: Operator, factors: list[sp.Expr]) -> Operator:
    """Equation i divided by factor i, outer derivatives kept outside: w D_j Z = D_j(w Z) - (D_j w)
    Z, w the inverse.
    """
    table: dict[Term, list[sp.Expr]] = {}
    for t, c in op.table.items():
        for left, w, power in _under(op, t, sp.Integer(1) / factors[t.equation], t.left):
            table.setdefault(t._replace(left=left, power=t.power - power), []).append(w * c)
    sums = {t: (sp.Add(*parts), parts) for t, parts in table.items()}
    return replace(
        op,
        table={
            t: c
            for t, (c, parts) in sums.items()
            if c != 0 and not (len(parts) > 1 and is_zero(c, parts))
        },
    )


def _under(
    op: Operator, t: Term, w: sp.Expr, left: MultiIndex
) -> Iterator[tuple[MultiIndex, sp.Expr, sp.Rational]]:
    """(left, coefficient, lost powers of eps) with w D^left Z the sum of D^left( coefficient Z
    ).
    """
    if not any(left):
        yield left, w, sp.Integer(0)
        return
    i = next(k for k, n in enumerate(left) if n)
    rest = subtract(left, unit(i, len(left)))
    for outer, c, power in _under(op, t, w, rest):
        yield add(outer, unit(i, len(left))), c, power
    for variable, lost in (
        (op.coordinates[i], 0),
        *((axis.symbol, axis.power) for axis in op.axes if axis.slow == i),
    ):
        if w.has(variable):
            if jumps(w):
                raise UnsupportedError(
                    "a rho that jumps, by which the equation has to be divided as it, or "
                    "psi, depends on tau",
                    term=sp.Integer(1) / w,
                    remedy="let rho be a product of functions of tau and of y, or smooth",
                )
            for outer, c, power in _under(op, t, -sp.diff(w, variable), rest):
                yield outer, c, power + lost
