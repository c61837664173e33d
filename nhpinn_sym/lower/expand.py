"""D^left( c D^right u ) carried out: the strong form of one term."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import sympy as sp

from .forms import MultiIndex, StrongTerm, WeakTerm


def strong_terms(terms: Iterable[tuple[MultiIndex, sp.Expr, MultiIndex]], coordinates: tuple[sp.Symbol, ...]) -> tuple[StrongTerm, ...]:
    """The sum of D^left( c D^right u ), |left| <= 1, by the derivative of u."""
    rows: dict[MultiIndex, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for left, c, right in terms:
        rows[tuple(p + q for p, q in zip(left, right, strict=True))] += c
        if any(left):
            rows[right] += derivative(c, left, coordinates)
    return tuple(StrongTerm(c, right) for right, c in sorted(rows.items(), reverse=True) if c != 0)


def weak_terms(terms: Iterable[tuple[MultiIndex, sp.Expr, MultiIndex]]) -> tuple[WeakTerm, ...]:
    """int (-1)^|left| c D^right u D^left v of each term, merged."""
    rows: dict[tuple[MultiIndex, MultiIndex], sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for left, c, right in terms:
        rows[left, right] += (-1) ** sum(left) * c
    return tuple(WeakTerm(left, c, right) for (left, right), c in rows.items() if c != 0)


def derivative(c: sp.Expr, index: MultiIndex, coordinates: tuple[sp.Symbol, ...]) -> sp.Expr:
    """D^index c, carried out."""
    for v, n in zip(coordinates, index, strict=True):
        c = sp.diff(c, v, n) if n else c
    return c


def is_symmetric(terms: Iterable[WeakTerm]) -> bool:
    """Whether the bilinear form is symmetric."""
    table = {(t.left, t.right): t.coefficient for t in terms}
    return all(sp.expand(c - table.get((right, left), 0)) == 0 for (left, right), c in table.items())
