"""D^left( c D^right u ) carried out: the strong and weak forms of terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import sympy as sp

from ..derive.coefficients import derivative as derivative
from ..derive.products import leibniz
from ..operator.table import add
from .forms import MultiIndex, StrongTerm, WeakTerm

OperatorTerm = tuple[int, MultiIndex, sp.Expr, int, MultiIndex]
"""(equation, left, coefficient, field, right) of D^left( c D^right u_field )."""


def strong_terms(
    terms: Iterable[OperatorTerm], coordinates: tuple[sp.Symbol, ...]
) -> tuple[StrongTerm, ...]:
    """The sum of D^left( c D^right u ), by equation, field and derivative of u."""
    rows: dict[tuple[int, int, MultiIndex], list[sp.Expr]] = defaultdict(list)
    for equation, left, c, field, right in terms:
        for (on_c, on_u), count in leibniz(left, 2):
            # Only here, after all averages are taken, is a flux form expanded.
            part = count * derivative(c, on_c, coordinates)
            rows[equation, field, add(on_u, right)].append(part)
    sums = {key: sp.Add(*parts) for key, parts in rows.items()}
    return tuple(
        StrongTerm(c, right, equation, field)
        for (equation, field, right), c in sorted(sums.items(), key=_order)
        if c != 0
    )


def _order(item: tuple[tuple[int, int, MultiIndex], sp.Expr]) -> tuple[int, int, tuple[int, ...]]:
    (equation, field, right), _ = item
    return equation, field, tuple(-n for n in right)


def weak_terms(terms: Iterable[OperatorTerm]) -> tuple[WeakTerm, ...]:
    """int (-1)^|left| c D^right u D^left v of each term, merged."""
    rows: dict[tuple[int, MultiIndex, int, MultiIndex], list[sp.Expr]] = defaultdict(list)
    for equation, left, c, field, right in terms:
        # Integration by parts, a sign for each derivative; boundary terms are those of natural
        # conditions.
        rows[equation, left, field, right].append((-1) ** sum(left) * c)
    sums = {key: sp.Add(*parts) for key, parts in rows.items()}
    return tuple(
        WeakTerm(left, c, right, equation, field)
        for (equation, left, field, right), c in sums.items()
        if c != 0
    )


def is_symmetric(terms: Iterable[WeakTerm]) -> bool:
    """Whether the bilinear form is symmetric."""
    table = {(t.equation, t.left, t.field, t.right): t.coefficient for t in terms}
    return all(
        sp.expand(c - table.get((j, right, i, left), 0)) == 0
        for (i, left, j, right), c in table.items()
    )
