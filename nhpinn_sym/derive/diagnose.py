"""Why a naive two-scale expansion would fail, found before anything is solved.

Each check is one function that raises a typed error with the term and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from ..operator.sampling import Array, folded, grid, is_opaque, mean, range_grid, sampler, shifted, slow_samples, spacing
from ..operator.table import Operator, Table, Term, differentiate
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero import is_zero
from ..problem.errors import CoefficientError, PeriodError, SolvabilityError, UnsupportedError
from .recursion import Recursion


def check_coefficients(op: Operator) -> None:
    """What a problem needs to be solved at a given eps as well as homogenized."""
    check_scope(op)
    check_finite(op)
    check_periods(op)
    check_mass(op)


def check_scope(op: Operator) -> None:
    """What this version derives: one scalar unknown, real coefficients, at most rho u_t in time, one fast scale."""
    problem = op.problem
    if len(problem.unknowns) > 1:
        raise UnsupportedError("a system of several unknowns", term=problem.unknown, remedy="one scalar unknown is covered")
    for v in problem.scales.fast[problem.scales.dim :]:
        for c in op.table.values():
            if c.has(v.symbol):
                raise UnsupportedError(f"a second fast scale, {v}", term=c, remedy="coefficients in s.x, s.y, s.t are covered")
    for term, c in op.table.items():
        if term.right[-1] > 1 or (term.right[-1] and (sum(term.right) > 1 or any(term.left))):
            raise UnsupportedError("a second, or a mixed, time derivative", term=op.show(term), remedy="rho(x, y) u_t is covered")
        if term.right[-1] and term.power:
            raise UnsupportedError(f"a time derivative of order eps^{term.power}", term=op.show(term), remedy="rho(x, y) u_t is covered")
        if c.has(sp.I):
            raise UnsupportedError("a complex coefficient or source", term=op.show(term), remedy="real ones are covered")
    if not any(True for _ in op.terms()):
        raise CoefficientError("the equation does not hold the unknown", term=problem.unknown,
                               remedy="check unknown=, and that its terms do not cancel")


def check_finite(op: Operator) -> None:
    """Every coefficient and source is a finite number on a sample of the cell."""
    points = range_grid(op)
    for term, c in op.table.items():
        if is_opaque(c):
            continue
        values = sampler([c], op)
        for slow in slow_samples(op, [c]):
            if not np.all(np.isfinite(values(points, slow)[0])):
                raise CoefficientError("a coefficient is not a finite real number everywhere on the cell", term=op.show(term),
                                       remedy="remove the singularity, and give a Piecewise its last piece (value, True)")


def check_periods(op: Operator) -> None:
    """Every coefficient has the period of the cell along each fast axis; a Piecewise is continued from the cell."""
    points = grid(op, 33, 0.47)
    for term, c in op.table.items():
        for axis in range(len(op.fast)):
            if not c.has(op.fast[axis]) or is_opaque(c):
                continue
            values = sampler([folded(c, op), shifted(folded(c, op), op, axis)], op)
            here, there = values(points, slow_samples(op, [c])[0])
            if not np.allclose(there, here, rtol=1e-9, atol=1e-9 * float(np.max(np.abs(here)))):
                period = sp.sstr(op.problem.cell.lengths[axis], full_prec=False)
                raise PeriodError(f"a coefficient does not have the period {period} of the cell along {op.fast[axis]}", term=op.show(term),
                                  remedy="give the cell that fits, for example cell=Cell((0, 2*sp.pi)), use s.x for slow variation, "
                                         "and write jumps as sp.Piecewise on one cell")


def check_ellipticity(op: Operator, lowest: Table) -> None:
    """The second-order part of A_0 is positive definite on the cell, as far as a search for its smallest eigenvalue tells."""
    d = len(op.fast)
    entries = {(i, j): sp.Integer(0) for i in range(d) for j in range(d)}
    for term, c in lowest.items():
        if sum(fast_part(term.left)) == 1 and sum(fast_part(term.right)) == 1:
            entries[fast_part(term.left).index(1), fast_part(term.right).index(1)] -= c
    exprs = list(entries.values())
    if any(is_opaque(e) for e in exprs):
        return
    values = sampler(exprs, op)
    for slow in slow_samples(op, exprs):
        smallest, largest = _eigenvalue_range(op, lambda y, at=slow: np.array(values(y, at)))  # type: ignore[misc]
        if smallest <= 1e-10 * largest:
            raise CoefficientError(f"the coefficient is not positive definite: eigenvalues from {smallest:.3g} to {largest:.3g} on the cell",
                                   term=sp.Matrix(d, d, exprs) if d > 1 else exprs[0],
                                   remedy="the form is -s.div(a*s.grad(u)) with a positive definite and bounded at every y: "
                                          "check its sign, and where it vanishes")


def _eigenvalue_range(op: Operator, tensor: Callable[[list[Array]], Array]) -> tuple[float, float]:
    """(smallest, largest in size) eigenvalue over the cell of the symmetric part of tensor(y), (d d, n): on a grid, then closer and closer."""
    d, points = len(op.fast), range_grid(op)
    found = []
    for sign in (1, -1):
        y, width = points, spacing(op)
        for _ in range(12):
            a = tensor(y).reshape(d, d, -1)
            if not np.all(np.isfinite(a)):
                return 0.0, np.inf
            eigenvalues = np.linalg.eigvalsh(np.moveaxis((a + a.swapaxes(0, 1)) / 2, -1, 0))
            ranked = eigenvalues[:, 0] if sign > 0 else -np.abs(eigenvalues).max(axis=1)
            best = int(np.argmin(ranked))
            y, width = [v[best] + step for v, step in zip(y, _block(width), strict=True)], width / 4
        found.append(sign * float(ranked[best]))
    return found[0], found[1]


def _block(width: Array) -> list[Array]:
    """A grid around the origin, `width` to each side."""
    return [g.ravel() for g in np.meshgrid(*[w * np.linspace(-1, 1, 9) for w in width], indexing="ij")]


def check_mass(op: Operator) -> None:
    """The coefficient of u_t is nowhere negative, and not zero."""
    for term, c in op.terms():
        if not term.right[-1] or is_opaque(c):
            continue
        values, points = sampler([c], op), range_grid(op)
        lowest, largest = (f([f(values(points, slow)[0]) for slow in slow_samples(op, [c])]) for f in (np.min, np.max))
        if lowest < -1e-12 * abs(largest) or largest <= 0:
            raise CoefficientError(f"the coefficient of the time derivative is not positive: {lowest:.3g} on a sample of the cell",
                                   term=op.show(term), remedy="the form is rho*s.dt(u) - s.div(a*s.grad(u)) with rho positive: check its sign")


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
            raise SolvabilityError(f"a term of order eps^{lowest} keeps the constants out of the kernel of the leading operator",
                                   term=_show(op, term, c), remedy="factor out the ground state of the cell operator, "
                                                                   "or scale the reaction as r(y)/eps with zero mean")
    _check_kernel(op, table, adjoint=False)
    _check_kernel(op, table, adjoint=True)
    if lowest != -2:
        raise SolvabilityError(f"the leading operator is of order eps^{lowest}, not eps^-2", term=" + ".join(str(op.show(t)) for t, _ in op.terms()),
                               remedy="the operator must hold -s.div(a*s.grad(u)) at the power eps^0: "
                                      "divide the equation by a power of eps, or add the diffusion")


def _check_kernel(op: Operator, table: Table, *, adjoint: bool) -> None:
    """A_0 1 = 0 (A_0* 1 = 0), by expansion: b.grad with div b = 0 passes."""
    parts, culprit = list[sp.Expr](), None
    for term, c in table.items():
        kept, gone = (term.right, term.left) if adjoint else (term.left, term.right)
        if any(fast_part(gone)):
            continue
        culprit = (term, c)
        for v, n in zip(op.fast, fast_part(kept), strict=True):
            c = sp.diff(c, v, n) * (-1 if adjoint and n else 1) if n else c
        parts.append(c)
    if culprit is None or is_zero(sp.Add(*parts), parts):
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
            shown = -c if field is None else c
            means = [mean(shown, op, slow) for slow in slow_samples(op, [c])]
            value, uncertainty, largest = max(means, key=lambda m: abs(m[0]) - 3 * m[1])
            if abs(value) > 3 * uncertainty + 1e-9 * largest:
                function = op.problem.unknowns[field] if field is not None else sp.Integer(1)
                what, remedy = _SOLVABILITY["source" if field is None else "drift" if any(alpha) else "reaction"]
                raise SolvabilityError(f"{what} of order 1/eps has the mean {value:.6g} over the cell, and must have none",
                                       term=shown * differentiate(function, alpha, op.coordinates) / op.problem.scales.eps, remedy=remedy)


_SOLVABILITY = {
    "source": ("a source", "subtract its mean over the cell, or scale it without 1/eps"),
    "drift": ("a drift", "subtract the mean drift, that is, go to the moving frame X = x - <b> t/eps"),
    "reaction": ("a reaction", "subtract its mean over the cell, or scale the mean part without 1/eps"),
}


def _show(op: Operator, term: Term, c: sp.Expr) -> sp.Expr:
    """The physical term that an expanded one comes from."""
    d = len(op.fast)
    left, right = (tuple(slow_part(i)[k] + (fast_part(i)[k] if k < d else 0) for k in range(d + 1)) for i in (term.left, term.right))
    powers = term.power + sum(fast_part(term.left)) + sum(fast_part(term.right))
    function = op.problem.unknowns[term.field or 0]
    return op.problem.scales.eps**powers * differentiate(c * differentiate(function, right, op.coordinates), left, op.coordinates)
