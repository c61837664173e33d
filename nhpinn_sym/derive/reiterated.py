"""The second level z = x/eps^2, averaged before the two-scale expansion (a fast time: see
`fast_time`).

a(x, y, z) is homogenized over z at fixed (x, y), and the result over y (Bensoussan, Lions,
Papanicolaou 1978, ch. 1.8; Allaire, Briane 1996). What is written as a:D^2 u has a kernel
psi(z; x, y) there, and its means are coefficients of D^2 u again: (<psi a>):D^2 u.
This is the limit; the rate at which it is reached is that of the first neglected term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy as sp
from sympy.core.function import AppliedUndef

from ..operator.normal_form import normal_form, right_form
from ..operator.table import FastAxis, MultiIndex, Operator, Table, Term, add
from ..problem.errors import JumpError, UnsupportedError
from .effective_terms import EffectiveEntry, Transformation
from .model import HomogenizedModel
from .notation import equation

LEVEL = "{}_z"
"""The name of an effective coefficient of the level z, as a coefficient of the level y."""


def active_axes(op: Operator) -> Operator:
    """Without the fast axes beyond y that no coefficient depends on; z has all its axes or none."""
    d = op.problem.scales.dim
    coefficients = op.table.values()
    beyond = op.axes[d:]
    held = [axis for axis in beyond if any(c.has(axis.symbol) for c in coefficients)]
    z = [axis for axis in beyond if axis.slow < d]
    if not any(axis in held for axis in z):
        z = []
    return replace(op, axes=(*op.axes[:d], *z, *(axis for axis in held if axis.slow == d)))


Levels = tuple[Operator, HomogenizedModel | None, tuple[Transformation, ...]]


def separate_levels(op: Operator, derive: Callable[[Operator, int], HomogenizedModel]) -> Levels:
    """The operator of the level y, the model of the level z whose effective coefficients it has,
    and what was done.
    """
    d = op.problem.scales.dim
    z = tuple(axis for axis in op.axes if axis.slow < d and axis.power == 2)
    if not z:
        return op, None, ()
    rest = tuple(axis for axis in op.axes if axis not in z)
    singular = _singular(op.table, z)
    flat = _without_left(op, z) if singular else op.table
    if flat is None:
        raise UnsupportedError(
            f"a term of order eps^{singular[0].power} that depends on z = x/eps^2",
            term=op.show(singular[0]),
            remedy=(
                "let only terms of order eps^0 depend on z, under s.div or, as a:D^2 u, beside no"
                " term of a negative order"
            ),
        )
    inside = {t: c for t, c in flat.items() if t.power == 0}
    inner = replace(
        op,
        table=inside,
        axes=tuple(axis._replace(power=1) for axis in z),
        frozen=(*op.frozen, *rest),
    )
    # One corrector is enough: the next term of the expansion in z is smaller by eps.
    model = derive(normal_form(inner) if singular else inner, 1)
    arguments = _arguments(op, rest, inside)
    table = {t: c for t, c in flat.items() if t.power != 0}
    for e in model.law:
        place = _place(e, beside_derivatives=bool(singular))
        # Terms without z are their own means over it.
        table[place] = table.get(place, sp.Integer(0)) + e.sign * _value(e, arguments)
    open_entries = [e for e in model.law if e.value is None]
    formulas = [equation(_value(e, arguments), model.writer.formula(e)) for e in open_entries]
    report = Transformation(
        "Iterated homogenization",
        "First over z at fixed (x, y), < > the mean over z; then over y.",
        (*(p.equation for p in model.cell_problems), *formulas),
    )
    outer = replace(op, table=table, axes=rest)
    return normal_form(outer) if singular else outer, model, (report,)


def _value(e: EffectiveEntry, arguments: tuple[sp.Symbol, ...]) -> sp.Expr:
    """An effective coefficient of the level z, in closed form or as a function of its arguments."""
    if e.value is not None:
        return e.value
    return sp.Function(LEVEL.format(_head(e.symbol)))(*arguments)


def _place(e: EffectiveEntry, *, beside_derivatives: bool) -> Term:
    """The term of the level y that an effective coefficient of the level z stands in.

    beside_derivatives: at frozen (x, y), where A acts on D^2 u, not under the derivatives by y.
    """
    right = _zero(e.right) if e.field is None else e.right
    if beside_derivatives:
        return Term(e.equation, _zero(e.left), e.field, add(e.left, right), 0)
    return Term(e.equation, e.left, e.field, right, 0)


def refuse_next_level(op: Operator, ground: bool, adjoint: bool) -> None:
    """UnsupportedError where the limit holds more than the effective operator of the level z.

    ground, adjoint: whether these kernels of the level y are not constant. The next term of the
    expansion in z is smaller by eps. It changes kernels by as much, and so by O(1) the means with
    them of what is of order 1/eps: with x/eps^2 = n y, n (drift_n - drift) has a limit. In one
    dimension an adjoint kernel obeys a scalar equation of first order, whose averages have no
    term of order eps; of an eigenvalue of order eps^-2 the terms of order eps^2 count too.
    """
    weighted = ground or (adjoint and op.problem.scales.dim > 1)
    singular = [t for t in op.table if t.power < 0]
    if singular and weighted and not _non_divergence(op):
        raise UnsupportedError(
            f"a term of order eps^{singular[0].power} beside z = x/eps^2, where the means over y"
            " have a weight",
            term=op.show(singular[0]),
            remedy=(
                "the next term of the expansion in z belongs to the limit here, and is not derived:"
                " leave z out, or the term, or take a b(y) without divergence"
            ),
        )


def _singular(table: Table, z: Sequence[FastAxis]) -> list[Term]:
    """The terms that depend on z and are not of order eps^0."""
    symbols = [axis.symbol for axis in z]
    return [term for term, c in table.items() if term.power != 0 and c.has(*symbols)]


def _without_left(op: Operator, z: Sequence[FastAxis]) -> Table | None:
    """The operator as sum c D^right u where it is a:D^2 u with a(x, y, z), and lower orders: all
    that depends on z, and all else, is of order eps^0. None where it is not.

    Beside a term of a negative order u has a first corrector eps u1(x, y), on which the next terms
    of the expansion in z, eps p(x, y):D^2 with D = eps^-1 D_y, act with order eps^0: these would
    belong to the limit.
    """
    try:
        table = right_form(op)
    except JumpError:
        return None
    if _singular(table, z) or any(t.power < 0 for t in table):
        return None
    return table


def _non_divergence(op: Operator) -> bool:
    """Whether the operator is a:D^2 u and lower orders of order eps^0: written under derivatives
    it has terms of order 1/eps."""
    return _without_left(op, ()) is not None


def _arguments(op: Operator, rest: Sequence[FastAxis], inside: Table) -> tuple[sp.Symbol, ...]:
    """What effective coefficients of the level z depend on."""
    frozen = [axis.symbol for axis in (*rest, *op.frozen)]
    held = tuple(v for v in (*op.coordinates, *frozen) if any(c.has(v) for c in inside.values()))
    return held or tuple(axis.symbol for axis in rest)


def _head(symbol: sp.Expr) -> str:
    if isinstance(symbol, AppliedUndef):
        return symbol.func.__name__
    return str(symbol)


def _zero(index: MultiIndex) -> MultiIndex:
    return (0,) * len(index)
