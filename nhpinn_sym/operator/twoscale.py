"""The chain rule on the table: D_x -> D_x + eps^-1 D_y, collected by powers of eps.

Multi-indices of the expanded table count derivatives by (x_1..x_d, y_1..y_d, t). Nothing is differentiated here:
only multi-indices are split, with binomial weights.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from math import comb

import sympy as sp

from .table import MultiIndex, Operator, Table, Term


def expand(operator: Operator) -> dict[int, Table]:
    """{k: table of A_k} with A = sum_k eps^k A_k; the power of every term in A_k is k."""
    powers: dict[int, dict[Term, sp.Expr]] = defaultdict(lambda: defaultdict(lambda: sp.Integer(0)))
    for term, c in operator.table.items():
        for left, down, weight in _split(term.left):
            for right, further, other in _split(term.right):
                power = term.power - down - further
                powers[power][Term(term.equation, left, term.field, right, power)] += weight * other * c
    return {power: dict(table) for power, table in sorted(powers.items())}


def slow_part(index: MultiIndex) -> MultiIndex:
    """The derivatives by (x_1..x_d, t)."""
    d = len(index) // 2
    return (*index[:d], index[-1])


def fast_part(index: MultiIndex) -> MultiIndex:
    """The derivatives by (y_1..y_d)."""
    d = len(index) // 2
    return index[d : 2 * d]


def _split(index: MultiIndex) -> Iterator[tuple[MultiIndex, int, int]]:
    """(expanded multi-index, number of fast derivatives, binomial weight) of each part of (D_x + eps^-1 D_y)^index."""
    *space, time = index
    for fast in itertools.product(*(range(n + 1) for n in space)):
        weight = 1
        for n, k in zip(space, fast, strict=True):
            weight *= comb(n, k)
        yield (*(n - k for n, k in zip(space, fast, strict=True)), *fast, time), sum(fast), weight
