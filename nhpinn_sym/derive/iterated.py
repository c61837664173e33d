"""The second level z = x/eps^2, averaged before the two-scale expansion (a fast time: see
`fast_time`).

a(x, y, z) is homogenized over z at fixed (x, y), and the result over y (Bensoussan, Lions,
Papanicolaou 1978, ch. 1.8; Allaire, Briane 1996).
This is the limit; the rate at which it is reached is that of the first neglected term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy as sp
from sympy.core.function import AppliedUndef

from ..operator.table import MultiIndex, Operator, Term
from ..problem.errors import UnsupportedError
from .entries import Transformation
from .model import HomogenizedModel
from .notation import equation

LEVEL = "{}_z"
"""The name of an effective coefficient of the level z, as a coefficient of the level y."""


def active_axes(op: Operator) -> Operator:
    """Without the fast axes beyond y that no coefficient depends on."""
    d = op.problem.scales.dim
    held = [axis for axis in op.axes[d:] if any(c.has(axis.symbol) for c in op.table.values())]
    z = (
        [axis for axis in op.axes[d:] if axis.slow < d]
        if any(axis.slow < d for axis in held)
        else []
    )
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
    symbols = {axis.symbol for axis in z}
    for term, c in op.table.items():
        if c.has(*symbols) and term.power != 0:
            raise UnsupportedError(
                f"a term of order eps^{term.power} that depends on z = x/eps^2",
                term=op.show(term),
                remedy="let only terms of order eps^0 depend on z",
            )
    inside = {t: c for t, c in op.table.items() if t.power == 0}
    rest = tuple(axis for axis in op.axes if axis not in z)
    inner = derive(
        replace(
            op,
            table=inside,
            axes=tuple(axis._replace(power=1) for axis in z),
            frozen=(*op.frozen, *rest),
        ),
        1,
    )
    held = [
        v
        for v in (*op.coordinates, *(axis.symbol for axis in (*rest, *op.frozen)))
        if any(c.has(v) for c in inside.values())
    ]
    arguments = tuple(held) or tuple(axis.symbol for axis in rest)
    table = {t: c for t, c in op.table.items() if t.power != 0}
    names = []
    for e in inner.law:
        symbol = _head(e.symbol)
        value = sp.Function(LEVEL.format(symbol))(*arguments) if e.value is None else e.value
        names.append(equation(value, inner.writer.formula(e)))
        place = Term(
            e.equation, e.left, e.field, e.right if e.field is not None else _zero(e.right), 0
        )
        table[place] = table.get(place, sp.Integer(0)) + e.sign * value
    report = Transformation(
        "Iterated homogenization",
        "First over z at fixed (x, y), < > the mean over z; then over y.",
        (*(p.equation for p in inner.cell_problems), *names),
    )
    return replace(op, table=table, axes=rest), inner, (report,)


def _head(symbol: sp.Expr) -> str:
    return symbol.func.__name__ if isinstance(symbol, AppliedUndef) else str(symbol)


def _zero(index: MultiIndex) -> MultiIndex:
    return (0,) * len(index)
