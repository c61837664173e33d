"""Why a naive two-scale expansion would fail, found before anything is solved.

Each check is one function that raises a typed error with the term and the remedy, or says what has
to be done about it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..operator.numbers.data import real_imaginary
from ..operator.numbers.search import bound_of, least, unbounded_at
from ..operator.sampling import (
    SlowPoint,
    face_gap,
    has_period,
    in_cell,
    is_opaque,
    mean,
    range_grid,
    sampler,
    search_box,
    slow_samples,
)
from ..operator.table import Operator, Table, Term, differentiate
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero_test import is_zero, loses_jump
from ..problem.errors import CoefficientError, PeriodError, SolvabilityError, UnsupportedError
from .boundedness import check_bounded
from .recursion import Recursion, derivative

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
    return least(bound_of(c, list(space)), low, high, lambda: threshold).value


@dataclass(frozen=True)
class Kernels:
    """Whether A_0 (ground) or its transpose (adjoint) has another kernel than the constants."""

    ground: bool
    adjoint: bool


def check_leading_operator(op: Operator, powers: dict[int, Table]) -> Kernels:
    """A_0 acts on the fast variables alone and is of the order of the operator; what its kernels
    are.
    """
    lowest = min(k for k, table in powers.items() if any(t.field is not None for t in table))
    table = {t: c for t, c in powers[lowest].items() if t.field is not None}
    _check_no_slow_derivative(op, table)
    order = max(sum(t.left[:-1]) + sum(t.right[:-1]) for t, _ in op.terms())
    _check_order(op, lowest, order)
    _check_acts_along_all(op, table)
    kernels = Kernels(
        _moves_constants(op, table, transposed=False), _moves_constants(op, table, transposed=True)
    )
    if kernels.ground:
        _check_frozen_ground(op, table)
        _check_factorizable(op, table, lowest, order)
    return kernels


def _check_no_slow_derivative(op: Operator, table: Table) -> None:
    """SolvabilityError where A_0 differentiates by x or t: no problem on the cell is left then."""
    slow = len(op.coordinates)
    for term in table:
        if any(slow_part(term.left, slow)) or any(slow_part(term.right, slow)):
            raise SolvabilityError(
                "the leading operator holds a slow derivative, so there is no cell problem",
                term=_show(op, term, table[term]),
                remedy=(
                    "the operator must hold -s.div(a*s.grad(u)) at the power eps^0, without a"
                    " factor eps in front"
                ),
            )


def _check_order(op: Operator, lowest: int, order: int) -> None:
    """The operator is of second or fourth order, with the derivatives of highest order at eps^0."""
    if order == 3:
        culprit = next(t for t, _ in op.terms() if sum(t.left[:-1]) + sum(t.right[:-1]) == 3)
        raise UnsupportedError(
            "an operator of third order in space",
            term=op.show(culprit),
            remedy="second and fourth order are covered",
        )
    if lowest != -order or order not in (2, 4):
        everything = " + ".join(str(op.show(t)) for t, _ in op.terms())
        wanted = max(order, 2)
        raise SolvabilityError(
            f"the leading operator is of order eps^{lowest}, not eps^-{wanted}",
            term=everything,
            remedy=(
                "the derivatives of highest order, such as -s.div(a*s.grad(u)), must stand at the"
                " power eps^0: divide the equation by a power of eps, or add the diffusion; a"
                " reaction is at most of order eps^-2"
            ),
        )


def _check_acts_along_all(op: Operator, table: Table) -> None:
    """CoefficientError where A_0 leaves out a fast variable: its kernel is more than constants."""
    slow = len(op.coordinates)
    for k, axis in enumerate(op.axes):
        if not any(fast_part(t.left, slow)[k] or fast_part(t.right, slow)[k] for t in table):
            raise CoefficientError(
                f"the cell operator does not act along {axis.symbol}: nothing there fixes how u"
                " depends on it",
                term=sp.Add(*[_show(op, t, c) for t, c in table.items()]),
                remedy=(
                    f"the derivatives along {op.coordinates[axis.slow]} of highest order must stand"
                    " at the power eps^0, with a coefficient that is positive"
                ),
            )


def _check_factorizable(op: Operator, table: Table, lowest: int, order: int) -> None:
    """SolvabilityError where a ground state cannot be factored out: of systems, of fourth order, or
    one that depends on x.
    """
    if op.components == 1 and order == 2 and not any(c.has(*op.slow) for c in table.values()):
        return
    zero_order = [(t, c) for t, c in table.items() if not any(t.left) and not any(t.right)]
    culprit, c = next(iter(zero_order or table.items()))
    raise SolvabilityError(
        f"a term of order eps^{lowest} keeps the constants out of the kernel of the leading"
        " operator",
        term=_show(op, culprit, c),
        remedy=(
            "factor out the ground state of the cell operator by hand (done for one unknown "
            "and coefficients in y alone), or scale the reaction as r(y)/eps with zero mean"
        ),
    )


def _check_frozen_ground(op: Operator, table: Table) -> None:
    """UnsupportedError for a ground state that depends on a fast time slower than the cell."""
    tau = next((axis for axis in op.frozen if axis.slow == op.problem.scales.dim), None)
    shown = [_show(op, t, c) for t, c in table.items() if tau is not None and c.has(tau.symbol)]
    if tau is not None and shown:
        raise UnsupportedError(
            f"a ground state that depends on tau = t/eps^{tau.power}: exp(-int lambda0(tau)"
            " dt/eps^2) is not bounded in eps",
            term=sp.Add(*shown),
            remedy="use fast_time=2 or above, or let no term of the cell operator depend on tau",
        )


def _moves_constants(op: Operator, table: Table, *, transposed: bool) -> bool:
    """Whether A_0 e_q (its transpose e_p) is not zero for some constant, by expansion: b.grad with
    div b = 0 does not move them.
    """
    slow = len(op.coordinates)
    rows: dict[tuple[int, int], list[sp.Expr]] = defaultdict(list)
    for term, c in table.items():
        mirrored = term.mirrored() if transposed else term
        if any(fast_part(mirrored.right, slow)):
            continue
        index = fast_part(mirrored.left, slow)
        if loses_jump(c, index, op.fast):
            return True
        sign = (-1) ** sum(index) if transposed else 1
        place = (mirrored.equation, mirrored.field or 0)
        rows[place].append(sign * derivative(c, index, op.fast))
    return any(not is_zero(sp.Add(*parts), parts) for parts in rows.values())


def check_sources(op: Operator, powers: dict[int, Table], lowest: int) -> None:
    """No source at or below the leading order: u0 would not be bounded in eps."""
    for power, table in powers.items():
        for term, c in table.items():
            if power <= lowest and term.field is None and not is_zero(c):
                raise SolvabilityError(
                    f"a source of order eps^{power} drives the leading order",
                    term=c * op.problem.scales.eps**power,
                    remedy="scale the source as eps^-1 with zero mean, or weaker",
                )


NonzeroMeans = dict[tuple[int, int | None, tuple[int, ...]], tuple[sp.Expr, complex]]
"""{(equation, field, alpha): (coefficient, its mean)}."""


def nonzero_means(op: Operator, recursion: Recursion, n: int) -> NonzeroMeans:
    """{(equation, field, alpha): (coefficient, its mean)} of the terms of h_n without cell
    functions whose mean is not zero.

    For constant kernels; opaque coefficients, and those with a mean drift that only a solve makes a
    number, are taken to have no mean.
    """
    found = {}
    known = {*op.fast, *op.slow, *op.problem.parameters}
    for (field, alpha), flux in recursion.right_hand_side(n).items():
        for (equation, left), c in flux.items():
            if any(left) or any(p.function is not None for p in c):
                continue
            shown = recursion.explicit({(equation, left): c})[equation, left]
            if is_opaque(shown) or not shown.free_symbols <= known or is_zero(shown):
                continue
            means = [mean(shown, op, slow) for slow in slow_samples(op, [shown])]
            value, uncertainty, largest = max(means, key=lambda m: abs(m[0]) - 3 * m[1])
            if abs(value) > 3 * uncertainty + 1e-9 * largest:
                found[equation, field, alpha] = (shown, value)
    return found


def refuse_means(op: Operator, power: sp.Rational, means: NonzeroMeans, cause: str = "") -> None:
    """SolvabilityError for a mean drift, reaction or source at a power of eps where it may not be;
    `cause`: where it comes from.
    """
    for (_, field, alpha), (c, value) in means.items():
        what, remedy = _SOLVABILITY[_kind(field, alpha)]
        if field is None:
            # On the right-hand side, where it was written.
            shown = -c
            value = -value
        else:
            shown = c * differentiate(op.problem.unknowns[field], alpha, op.coordinates)
        scale = "1/eps" if power == -1 else f"eps^{power}"
        raise SolvabilityError(
            f"{what} of order {scale} has the mean {_number(value):.6g} over the cell, and must"
            f" have none{cause}",
            term=shown * op.problem.scales.eps**power,
            remedy=remedy,
        )


def _kind(field: int | None, alpha: tuple[int, ...]) -> str:
    """The name of D^alpha of an unknown, or of a source."""
    if field is None:
        return "source"
    if alpha[-1]:
        return "time"
    return {0: "reaction", 1: "drift"}.get(sum(alpha), "diffusion")


def _number(value: complex) -> complex:
    """A number that is real as such."""
    if value.imag:
        return value
    return value.real


_SOLVABILITY = {
    "source": ("a source", "subtract its mean over the cell, or scale it without 1/eps"),
    "drift": (
        "a drift",
        (
            "subtract the mean drift, or add the time derivative s.dt(u): then the moving frame X ="
            " x - <b> t/eps is found"
        ),
    ),
    "reaction": (
        "a reaction",
        "subtract its mean over the cell, or scale the mean part without 1/eps",
    ),
    "diffusion": (
        "a term with higher derivatives",
        "subtract its mean over the cell, or scale its mean part without the negative power of eps",
    ),
    "time": ("a time derivative", "change the unit of time so that it stands at eps^0"),
}


def _show(op: Operator, term: Term, c: sp.Expr) -> sp.Expr:
    """The physical term that an expanded one comes from."""
    slow = len(op.coordinates)
    indices = []
    power = term.power
    for index in (term.left, term.right):
        whole = list(slow_part(index, slow))
        for axis, n in zip(op.axes, fast_part(index, slow), strict=True):
            whole[axis.slow] += n
            power += axis.power * n
        indices.append(tuple(whole))
    function = op.problem.unknowns[term.field or 0]
    inner = c * differentiate(function, indices[1], op.coordinates)
    return op.problem.scales.eps**power * differentiate(inner, indices[0], op.coordinates)
