"""What coefficients and sources must be for a problem to be solved at a given eps as well as
homogenized: finite, bounded, with the period of the cell, and with a positive mass.

Each check is one function that raises a typed error with the term and the remedy.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..operator.numbers.data import real_imaginary
from ..operator.numbers.search import bound_of, least, unbounded_at
from ..operator.sampling import (
    SlowPoint,
    domain_of,
    face_gap,
    has_period,
    in_cell,
    is_opaque,
    range_grid,
    sampler,
    search_box,
    slow_samples,
)
from ..operator.table import Operator, Term
from ..problem.errors import CoefficientError, PeriodError, UnsupportedError
from .boundedness import check_bounded

# Difference of a coefficient at opposite faces of the cell, relative to its size, up to which it
# counts as continuous there.
_FACE_GAP = 1e-6
# Share of the largest value: what is negative by rounding is zero.
_TINY = 1e-12
_MAY_BE_SINGULAR = (sp.Pow, sp.log, sp.tan, sp.cot, sp.sec, sp.csc, sp.coth, sp.csch, sp.gamma)


def check_coefficients(op: Operator) -> None:
    """What a problem needs to be solved at a given eps as well as homogenized."""
    check_scope(op)
    check_finite(op)
    check_bounded(op)
    check_periods(op)
    check_mass(op)


def check_scope(op: Operator) -> None:
    """At most second order in time, no time derivative at a negative power of eps, and an
    unknown.
    """
    for term, _ in op.terms():
        if term.right[-1] > 2:
            raise UnsupportedError(
                "a time derivative of order above two",
                term=op.show(term),
                remedy="rho u_t and rho u_tt are covered",
            )
        if term.right[-1] and term.power:
            raise UnsupportedError(
                f"a time derivative of order eps^{term.power}",
                term=op.show(term),
                remedy=(
                    "multiply the equation by a power of eps, or change the unit of time: rho(x, y)"
                    " u_t at eps^0 is covered"
                ),
            )
    if not any(True for _ in op.terms()):
        raise CoefficientError(
            "the equation does not hold the unknown",
            term=op.problem.unknown,
            remedy="check unknown=, and that its terms do not cancel",
        )
    for j, u in enumerate(op.problem.unknowns):
        if not any(term.field == j for term, _ in op.terms()):
            raise CoefficientError(
                "the equations do not hold an unknown",
                term=u,
                remedy="check unknown=, and that its terms do not cancel",
            )


def check_finite(op: Operator) -> None:
    """Every coefficient and source is a finite number on a sample of the cell, and bounded
    there.
    """
    points = range_grid(op)
    terms = _distinct(op)
    exprs = list(terms)
    sample = sampler(exprs, op)
    for slow in slow_samples(op, exprs):
        for c, values in zip(exprs, sample(points, slow), strict=True):
            if not np.all(np.isfinite(values)) or _singular(c, op, slow):
                raise CoefficientError(
                    "a coefficient is not a finite number everywhere on the cell",
                    term=op.show(terms[c]),
                    remedy="make it bounded, and give a Piecewise its last piece (value, True)",
                )
            if np.iscomplexobj(values) and not c.has(sp.I):
                raise CoefficientError(
                    "a coefficient takes complex values on the cell",
                    term=op.show(terms[c]),
                    remedy=(
                        "write real and imaginary parts with sp.I, or keep the arguments where the"
                        " function is real"
                    ),
                )


def _singular(c: sp.Expr, op: Operator, slow: SlowPoint) -> bool:
    """Whether a coefficient grows without bound somewhere on the cell."""
    held = [axis for axis in op.axes if c.has(axis.symbol)]
    if not held or not c.has(*_MAY_BE_SINGULAR):
        return False
    low, high = np.array([[float(end) for end in axis.interval] for axis in held]).T
    put = c.xreplace({v: sp.Float(x, 17) for v, x in slow.items()})
    symbols = [axis.symbol for axis in held]
    return any(
        p.free_symbols and unbounded_at(p, symbols, low, high) is not None
        for p in real_imaginary(put)
    )


def check_periods(op: Operator) -> None:
    """Every coefficient has the period of the cell along each fast axis, or is given on one cell:
    its
    limits at opposite faces agree there, and jumps are those of a Piecewise."""
    for c, term in _distinct(op).items():
        continued = in_cell(c, op)
        for k, (name, length) in enumerate(zip(op.fast, op.cell.lengths, strict=True)):
            if not has_period(continued, op, k) and face_gap(c, op, k) > _FACE_GAP:
                period = sp.sstr(length, full_prec=False)
                raise PeriodError(
                    f"a coefficient does not have the period {period} of the cell along {name}",
                    term=op.show(term),
                    remedy=(
                        "give the cell that fits, for example cell=Cell((0, 2*sp.pi)), use s.x for"
                        " slow variation, and write jumps as sp.Piecewise on one cell"
                    ),
                )


def _distinct(op: Operator) -> dict[sp.Expr, Term]:
    """Each coefficient with a formula once (c and -c are the same), and a term that holds it."""
    found: dict[sp.Expr, Term] = {}
    for term, c in op.table.items():
        if not c.is_number and not is_opaque(c) and -c not in found:
            found.setdefault(c, term)
    return found or {sp.Integer(0): next(iter(op.table))}


def check_mass(op: Operator) -> None:
    """The coefficient of the highest time derivative of an unknown in its own equation is nowhere
    negative, and not zero.
    """
    for term, c in op.terms():
        if not _is_mass(op, term) or is_opaque(c) or c.has(sp.I):
            continue
        points = range_grid(op)
        values = sampler([c], op)
        sampled = [values(points, slow)[0] for slow in slow_samples(op, [c])]
        largest = max(float(np.max(v)) for v in sampled)
        threshold = -_TINY * abs(largest)
        lowest = min(float(np.min(v)) for v in sampled)
        lowest = min(lowest, _least_value(c, op, threshold))
        if lowest < threshold or largest <= 0:
            raise CoefficientError(
                f"the coefficient of the time derivative is not positive: {lowest:.3g} on a sample"
                " of the cell",
                term=op.show(term),
                remedy=(
                    "the form is rho*s.dt(u) - s.div(a*s.grad(u)) with rho positive: check its sign"
                ),
            )


def _is_mass(op: Operator, term: Term) -> bool:
    """Whether it is the highest time derivative of an unknown in its own equation; a damping, of
    lower order, may have any sign.
    """
    order = term.right[-1]
    if not order or any(term.right[:-1]) or term.field != term.equation:
        return False
    own = [t.right[-1] for t, _ in op.terms() if t.equation == t.field == term.equation]
    return order == max(own)


def _least_value(c: sp.Expr, op: Operator, threshold: float) -> float:
    """The least value that is found over the cell and all slow variables, looked for below a
    threshold wherever it may lie.
    """
    space = search_box(op, [c])
    if not space:
        return float(c)
    low, high = np.array(list(space.values())).T
    bound = bound_of(c, list(space))
    domain = domain_of(op.problem)
    if domain is not None:
        bound = domain.restricted(bound, list(space))
    return least(bound, low, high, lambda: threshold).value
