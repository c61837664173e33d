"""A fast time tau = t/eps^k slower than the cell (k < r): what d_tau adds to a law whose cell
problems are solved at frozen tau.

With N of level L, <<psi rho d_tau N>> has the size eps^(L-k): it is a term of the law for k = L,
and unbounded for k > L. It vanishes, as the mean of a derivative, where psi rho does not depend on
tau; psi has <psi rho> = 1 at every tau, the equation being divided by rho(y) where psi depends on
tau.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..operator.table import FastAxis, Operator, Table
from ..problem.errors import UnsupportedError
from .capacity import divided, masses
from .diagnose import Kernels
from .effective_terms import Transformation
from .parameter_slopes import add_slope
from .prose import Formula, Prose
from .recursion import Recursion
from .time_averages import Powers

_CURE = "use a smaller power of eps, fast_time=2, or a drift without divergence"


def frozen_time(op: Operator) -> FastAxis | None:
    """tau, where it is a parameter of the cell problems."""
    return next((axis for axis in op.frozen if axis.slow == op.problem.scales.dim), None)


def unit_mass(op: Operator, leading: Table, kernels: Kernels) -> Operator | None:
    """The operator divided by rho(y), where psi depends on tau; None where that is not needed.

    Errors: UnsupportedError for systems without a time derivative in each equation.
    """
    tau = frozen_time(op)
    culprits = [] if tau is None else [t for t, c in leading.items() if c.has(tau.symbol)]
    if tau is None or not culprits or not kernels.adjoint:
        return None
    shown = sp.Add(*[leading[t] for t in culprits])
    timely = [t for t, _ in op.terms() if t.right[-1]]
    if op.components > 1 and (
        {t.equation for t in timely} != set(range(op.components))
        or any(t.field != t.equation for t in timely)
    ):
        raise UnsupportedError(
            f"kernels psi that depend on tau = t/eps^{tau.power} in a system whose equations "
            "have not one time derivative each",
            term=shown,
            remedy=_CURE,
        )
    rho = masses(op)
    if len(set(rho)) > 1 or any(c.has(*op.fast, tau.symbol) for c in rho):
        return divided(op, rho)
    return None


def add_tangents(op: Operator, recursion: Recursion) -> tuple[Transformation, ...]:
    """Add <<psi rho d_tau N>> to the averaged operator where it stays; UnsupportedError where it is
    unbounded.
    """
    tau = frozen_time(op)
    if tau is None or recursion.adjoint is None:
        return ()
    if not any(
        c.has(tau.symbol)
        for t, c in recursion.powers[recursion.lowest].items()
        if t.field is not None
    ):
        return ()
    found = [
        f for f in recursion.functions if recursion.power(f.level) < recursion.homogenized_order
    ]
    added = []
    for n, scale in (
        (n, n * sp.Rational(tau.power)) for n in {t.right[-1] for t, _ in op.terms() if t.right[-1]}
    ):
        for f in found:
            if recursion.power(f.level) < scale or (n > 1 and recursion.power(f.level) == scale):
                _refuse(op, tau, recursion.power(f.level) - scale)
            if recursion.power(f.level) == scale:
                # eps^(-n k) d_tau^n acts on eps^L N, and stays where L = n k.
                add_slope(recursion, f, tau.symbol)
                added.append(f)
    symbol = Formula("tau", r"\tau")
    remark = Prose(
        Formula("psi", r"\psi"),
        " depends on ",
        symbol,
        ": ",
        Formula("<psi rho d_tau N>", r"\langle \psi \rho \, \partial_\tau N \rangle"),
        ", averaged over ",
        symbol,
        ", has the size ",
    )
    if added:
        remark += Prose(
            "one for the correctors of this level, and is added to the law: ",
            Formula(f"eps^-{tau.power} d_tau", rf"\epsilon^{{-{tau.power}}} \partial_\tau"),
            " acts on ",
            Formula(f"eps^{tau.power} N", rf"\epsilon^{{{tau.power}}} N"),
            ".",
        )
    else:
        remark += Prose(
            Formula("eps^(L - k)", r"\epsilon^{L - k}"),
            ", ",
            Formula("L", "L"),
            " the level of ",
            Formula("N", "N"),
            ", and vanishes.",
        )
    return (Transformation("Slow oscillation of the adjoint kernel", remark),)


def _refuse(op: Operator, tau: FastAxis, size: sp.Rational) -> None:
    culprit = next(
        op.show(t) for t, c in op.terms() if c.has(tau.symbol) and (t.power < 0 or not any(t.left))
    )
    raise UnsupportedError(
        f"an adjoint kernel psi that depends on tau = t/eps^{tau.power}: <<psi d_tau N>> is "
        f"of the size eps^{size}, and not bounded",
        term=culprit,
        remedy=_CURE,
    )


def sum_of_expansions(powers: Powers, more: Mapping[sp.Rational, Table]) -> Powers:
    """The sum of two expansions."""
    found = {k: dict(table) for k, table in powers.items()}
    for k, table in more.items():
        row = found.setdefault(k, {})
        for t, c in table.items():
            row[t] = row.get(t, sp.Integer(0)) + c
    return dict(sorted(found.items()))
