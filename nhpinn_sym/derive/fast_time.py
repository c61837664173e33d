"""A fast time tau = t/eps^k that is not resonant, set apart before the two-scale expansion.

Resonance is at k = r, order in space over order in time: 2 for parabolic equations of second order,
1 for waves.
- k < r: tau is a parameter of the cell problems, the law is averaged over tau (Bensoussan, Lions,
  Papanicolaou 1978, ch. 2; Holmbom 1997), and what d_tau adds to that is found in `slow_time`;
- k = r: tau is one more coordinate of the cell;
- k > r: the coefficients are averaged over tau first, and what products of them add is found in
  `time_averages`.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from ..operator.table import FastAxis, Operator
from ..problem.errors import SolvabilityError, UnsupportedError
from .capacity import without_tau_in_mass
from .effective_terms import Transformation
from .prose import Formula, Prose
from .time_averages import Averaging, FastTime, space_order


def average_fast_time(op: Operator) -> FastTime:
    """The operator with tau frozen (k < r), kept (k = r) or averaged (k > r)."""
    tau = time_axis(op)
    if tau is None:
        return FastTime(op, {}, ())
    resonance = _resonance(op, tau)
    if tau.power == resonance:
        return FastTime(op, {}, ())
    _check_time_terms(op, tau)
    rest = tuple(axis for axis in op.axes if axis is not tau)
    if tau.power < resonance:
        symbol = Formula("tau", r"\tau")
        remark = Prose(
            Formula(f"tau = t/eps^{tau.power}", rf"\tau = t/\epsilon^{{{tau.power}}}"),
            " is slower than diffusion over a period: the cell problems are solved at fixed ",
            symbol,
            ", and the law is averaged over ",
            symbol,
            ".",
        )
        divided, how = without_tau_in_mass(op, tau)
        return FastTime(
            replace(divided, axes=rest, frozen=(tau,)),
            {},
            (Transformation("Slow oscillation in time", remark + how),),
        )
    return Averaging(op, tau, rest).result()


def time_axis(op: Operator) -> FastAxis | None:
    """tau, where it is a coordinate of the cell."""
    return next((axis for axis in op.axes if axis.slow == op.problem.scales.dim), None)


def _resonance(op: Operator, tau: FastAxis) -> sp.Rational:
    """The power k at which d_tau is of the order of the cell operator. Errors: stationary problems,
    and waves at resonance.
    """
    culprit = next(op.show(t) for t, c in op.table.items() if c.has(tau.symbol))
    if not op.problem.time_order:
        raise SolvabilityError(
            "a coefficient depends on tau, and there is no time derivative that acts on it",
            term=culprit,
            remedy=(
                "add s.dt(u), or write a parameter in place of tau: parameters={q: (lower, upper)}"
            ),
        )
    order = space_order(op)
    resonance = sp.Rational(order, op.problem.time_order)
    if op.problem.time_order > 1 and tau.power == resonance:
        raise UnsupportedError(
            f"a second time derivative with tau = t/eps^{tau.power}: its cell problem is a "
            "wave equation",
            term=culprit,
            remedy="smaller and larger powers are covered: fast_time=1/2, or fast_time=2",
        )
    if (
        any(axis.power == 2 and axis is not tau for axis in op.axes)
        and resonance < tau.power <= 2 * resonance
    ):
        raise UnsupportedError(
            f"a fast time t/eps^{tau.power} between those of the levels y and z, together with z",
            term=culprit,
            remedy=f"use fast_time up to {resonance}, or above {2 * resonance}",
        )
    return resonance


def _check_time_terms(op: Operator, tau: FastAxis) -> None:
    """Time derivatives without others, one order for all equations that have one, none where tau
    acts without one.
    """
    scale = f"tau = t/eps^{tau.power}"
    timely = {t: c for t, c in op.terms() if t.right[-1]}
    for t in timely:
        if any(t.left) or any(t.right[:-1]):
            raise UnsupportedError(
                f"a time derivative of a space derivative together with {scale}",
                term=op.show(t),
                remedy="rho u_t is covered",
            )
    for t, c in timely.items():
        if t.field != t.equation and c.has(tau.symbol):
            raise UnsupportedError(
                f"a time derivative of another unknown with a coefficient that depends on {scale}",
                term=op.show(t),
                remedy="solve the equations for their own time derivatives",
            )
    orders = {
        i: max((t.right[-1] for t in timely if t.equation == i), default=0)
        for i in range(op.components)
    }
    for t, c in op.table.items():
        if c.has(tau.symbol) and not orders[t.equation]:
            raise UnsupportedError(
                f"{scale} in an equation without a time derivative: it is no average over tau",
                term=op.show(t),
                remedy="let only equations with rho u_t depend on tau",
            )
    resonances = {sp.Rational(space_order(op), n) for n in orders.values() if n}
    if not (tau.power > max(resonances) or tau.power < min(resonances)):
        raise UnsupportedError(
            f"{scale} between the natural powers {sorted(resonances)} of equations of "
            "different order in time",
            term=op.problem.unknown,
            remedy="use a power below or above all of them",
        )
