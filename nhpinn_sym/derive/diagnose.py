"""Why a naive two-scale expansion would fail, found before anything is solved.

Each check is one function that raises a typed error with the term and the remedy, or says what has
to be done about it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sympy as sp

from ..operator.sampling import (
    is_opaque,
    sampled_mean,
    slow_samples,
)
from ..operator.table import Operator, Table, Term, differentiate
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero_test import is_zero, loses_jump
from ..problem.errors import CoefficientError, SolvabilityError, UnsupportedError
from .coefficients import derivative
from .recursion import Recursion


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
            means = [sampled_mean(shown, op, slow) for slow in slow_samples(op, [shown])]
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
