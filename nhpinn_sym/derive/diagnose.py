"""Why a naive two-scale expansion would fail, found before anything is solved.

Each check is one function that raises a typed error with the term and the remedy.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..operator.sampling import evaluate, is_opaque, shifted, slow_samples
from ..operator.table import Operator, Table, Term, differentiate
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero import is_zero, jumps
from ..problem.errors import CoefficientError, PeriodError, SolvabilityError, UnsupportedError
from .recursion import Recursion


def check_scope(op: Operator) -> None:
    """What this version derives: one scalar unknown, real coefficients, at most one time derivative, one fast scale."""
    problem = op.problem
    if len(problem.unknowns) > 1:
        raise UnsupportedError("a system of several unknowns", term=problem.unknown, remedy="one scalar unknown is covered")
    if any(v.symbol in c.free_symbols for v in problem.scales.fast[problem.scales.dim :] for c in op.table.values()):
        raise UnsupportedError("a second fast scale (z or tau)", term=problem.scales.fast[problem.scales.dim], remedy="coefficients in s.x, s.y, s.t are covered")
    for term, c in op.terms():
        if term.right[-1] > 1 or (term.right[-1] and (sum(term.right) > 1 or any(term.left))):
            raise UnsupportedError("a second, or a mixed, time derivative", term=op.show(term), remedy="rho(x, y) u_t is covered")
        if c.has(sp.I):
            raise UnsupportedError("a complex coefficient", term=op.show(term), remedy="real coefficients are covered")
    if not any(True for _ in op.terms()):
        raise CoefficientError("the equation does not hold the unknown", term=problem.unknown)


def check_periods(op: Operator) -> None:
    """Every coefficient has the period of the cell along each fast axis."""
    for term, c in op.table.items():
        for axis in range(len(op.fast)):
            if c.has(op.fast[axis]) and not is_opaque(c) and not _is_periodic(c, op, axis):
                raise PeriodError(f"the coefficient does not have the period {op.problem.cell.lengths[axis]} of the cell along {op.fast[axis]}",
                                  term=op.show(term), remedy="give the cell that fits, for example cell=Cell((0, 2*sp.pi)), or use s.x for slow variation")


def _is_periodic(c: sp.Expr, op: Operator, axis: int) -> bool:
    if jumps(c):  # a Piecewise is given on one cell, and continued periodically
        return all(_is_periodic(e, op, axis) for p in c.atoms(sp.Piecewise) for e, _ in p.args if e.has(op.fast[axis]) and not jumps(e))
    there, here = (evaluate([e], op, slow_samples(op)[1])[0] for e in (shifted(c, op, axis), c))
    return bool(np.allclose(there, here, rtol=1e-9, atol=1e-9 * np.max(np.abs(here))))


def check_ellipticity(op: Operator, lowest: Table) -> None:
    """The second-order part of A_0 is finite and positive definite on a sample of the cell."""
    d = len(op.fast)
    entries = {(i, j): sp.Integer(0) for i in range(d) for j in range(d)}
    for term, c in lowest.items():
        if sum(fast_part(term.left)) == 1 and sum(fast_part(term.right)) == 1:
            entries[fast_part(term.left).index(1), fast_part(term.right).index(1)] -= c
    if any(is_opaque(e) for e in entries.values()):
        return
    quote = sp.Matrix(d, d, lambda i, j: entries[i, j])
    for slow in slow_samples(op):
        tensor = np.array(evaluate(list(entries.values()), op, slow), dtype=float).reshape(d, d, -1)
        if not np.all(np.isfinite(tensor)):
            raise CoefficientError("the coefficient is not finite everywhere on the cell", term=quote, remedy="remove the singularity")
        smallest = np.linalg.eigvalsh(np.moveaxis((tensor + tensor.swapaxes(0, 1)) / 2, -1, 0))[:, 0].min()
        if smallest <= 1e-12 * np.abs(tensor).max():
            raise CoefficientError(f"the coefficient is not positive definite: smallest eigenvalue {smallest:.3g} on a sample of the cell",
                                   term=quote if d > 1 else entries[0, 0],
                                   remedy="the form is -s.div(a*s.grad(u)) with a positive definite at every y: check its sign, and that it vanishes nowhere")


def check_leading_operator(op: Operator, powers: dict[int, Table]) -> None:
    """A_0 acts on y alone, its kernel and its adjoint's are the constants."""
    lowest = min(k for k, table in powers.items() if any(t.field is not None for t in table))
    table = {t: c for t, c in powers[lowest].items() if t.field is not None}
    for term in table:
        if any(slow_part(term.left)) or any(slow_part(term.right)):
            raise SolvabilityError("the leading operator holds a slow derivative, so there is no cell problem", term=_show(op, term, table[term]),
                                   remedy="the operator must hold -s.div(a*s.grad(u)) at the power eps^0, without a factor eps in front")
    for term, c in table.items():
        if not any(fast_part(term.left)) and not any(fast_part(term.right)):
            raise SolvabilityError(f"a term of order eps^{lowest} keeps the constants out of the kernel of the leading operator", term=_show(op, term, c),
                                   remedy="factor out the ground state of the cell operator, or scale the reaction as r(y)/eps with zero mean")
    _check_kernel(op, table, adjoint=False)
    _check_kernel(op, table, adjoint=True)
    if lowest != -2:
        raise SolvabilityError(f"the leading operator is of order eps^{lowest}, not eps^-2", term=op, remedy="divide the equation by a power of eps")


def _check_kernel(op: Operator, table: Table, *, adjoint: bool) -> None:
    """A_0 1 = 0 (A_0* 1 = 0), by expansion: b.grad with div b = 0 passes."""
    total, culprit = sp.Integer(0), None
    for term, c in table.items():
        kept, gone = (term.right, term.left) if adjoint else (term.left, term.right)
        if any(fast_part(gone)):
            continue
        culprit = (term, c)
        for v, n in zip(op.fast, fast_part(kept), strict=True):
            c = sp.diff(c, v, n) * (-1 if adjoint and n else 1) if n else c
        total += c
    if culprit is None or is_zero(total):
        return
    if adjoint:
        raise SolvabilityError("the kernel of the adjoint of the leading operator is not the constants", term=_show(op, *culprit),
                               remedy="the averages need the adjoint kernel psi0 as weight, which this version does not derive: "
                                      "write the operator in divergence form, or make the drift divergence free")
    raise SolvabilityError("the leading operator does not vanish on constants", term=_show(op, *culprit), remedy="make the drift divergence free")


def check_sources(op: Operator, powers: dict[int, Table], lowest: int) -> None:
    """No source at or below the leading order: u0 would not be bounded in eps."""
    for power, table in powers.items():
        for term, c in table.items():
            if power <= lowest and term.field is None and not is_zero(c):
                raise SolvabilityError(f"a source of order eps^{power} drives the leading order", term=c * op.problem.scales.eps**power,
                                       remedy="scale the source as eps^-1 with zero mean, or weaker")


def check_solvability(op: Operator, recursion: Recursion, order: int) -> None:
    """<R_n> = 0 for n < m: no mean drift, mean reaction or mean source at a power where it may not be."""
    for (field, alpha), flux in recursion.right_hand_side(order).items():
        for (_, left), c in recursion.explicit(flux).items():
            if any(left) or is_opaque(c):
                continue
            mean, scale = _largest_mean(op, c)
            if abs(mean) > (0.05 if jumps(c) else 1e-9) * scale:
                function = op.problem.unknowns[field] if field is not None else sp.Integer(1)
                what, remedy = _SOLVABILITY["source" if field is None else "drift" if any(alpha) else "reaction"]
                raise SolvabilityError(f"{what} of order 1/eps has the mean {mean:.6g} over the cell, and must have none",
                                       term=c * differentiate(function, alpha, op.coordinates) / op.problem.scales.eps, remedy=remedy)


_SOLVABILITY = {
    "source": ("a source", "subtract its mean over the cell, or scale it without 1/eps"),
    "drift": ("a drift", "subtract the mean drift, that is, go to the moving frame X = x - <b> t/eps"),
    "reaction": ("a reaction", "subtract its mean over the cell, or scale the mean part without 1/eps"),
}


def _largest_mean(op: Operator, c: sp.Expr) -> tuple[float, float]:
    values = [evaluate([c], op, slow)[0] for slow in slow_samples(op)]
    return max((float(v.mean()) for v in values), key=abs), max(float(np.abs(v).max()) for v in values)


def _show(op: Operator, term: Term, c: sp.Expr) -> sp.Expr:
    """The physical term that an expanded one comes from."""
    d = len(op.fast)
    left, right = (tuple(slow_part(i)[k] + (fast_part(i)[k] if k < d else 0) for k in range(d + 1)) for i in (term.left, term.right))
    powers = term.power + sum(fast_part(term.left)) + sum(fast_part(term.right))
    function = op.problem.unknowns[term.field or 0]
    return op.problem.scales.eps**powers * differentiate(c * differentiate(function, right, op.coordinates), left, op.coordinates)


