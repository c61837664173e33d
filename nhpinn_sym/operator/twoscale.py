"""The chain rule on the table: D_x -> D_x + eps^-1 D_y (+ eps^-k D_tau), collected by powers of
eps.

Multi-indices of the expanded table count derivatives by (x_1..x_d, t) first, then by the fast
coordinates. Nothing is differentiated here: only multi-indices are split, with multinomial weights.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from math import comb

import sympy as sp

from .table import FastAxis, MultiIndex, Operator, Table, Term


def expand(operator: Operator) -> dict[int, Table]:
    """{k: table of A_k} with A = sum_k eps^k A_k; the power of every term in A_k is k."""
    powers: dict[int, dict[Term, list[sp.Expr]]] = defaultdict(lambda: defaultdict(list))
    for term, c in operator.table.items():
        slow = len(term.left)
        for left, down, weight in split_derivative(term.left, operator.axes):
            if term.field is None and any(
                n and not c.has(v) for v, n in zip(operator.fast, left[slow:], strict=True)
            ):
                continue  # D_y of a source that does not depend on y
            for right, further, other in split_derivative(term.right, operator.axes):
                power = term.power - down - further
                powers[power][Term(term.equation, left, term.field, right, power)].append(
                    weight * other * c
                )
    return {
        power: {term: sp.Add(*parts) for term, parts in table.items()}
        for power, table in sorted(powers.items())
    }


def slow_part(index: MultiIndex, slow: int) -> MultiIndex:
    """The derivatives by (x_1..x_d, t): the first `slow` = d + 1 entries."""
    return index[:slow]


def fast_part(index: MultiIndex, slow: int) -> MultiIndex:
    """The derivatives by the fast coordinates."""
    return index[slow:]


@cache
def split_derivative(
    index: MultiIndex, axes: tuple[FastAxis, ...]
) -> tuple[tuple[MultiIndex, int, int], ...]:
    """(expanded multi-index, lost powers of eps, weight) of each part of (D_x + eps^-1 D_y +
    ...)^index.
    """
    return tuple(_parts(index, axes))


def _parts(index: MultiIndex, axes: tuple[FastAxis, ...]) -> Iterator[tuple[MultiIndex, int, int]]:
    for fast in itertools.product(*(range(index[axis.slow] + 1) for axis in axes)):
        rest = list(index)
        weight = 1
        for axis, n in zip(axes, fast, strict=True):
            weight *= comb(rest[axis.slow], n) if rest[axis.slow] >= n else 0
            rest[axis.slow] -= n
        if weight:
            yield (
                (*rest, *fast),
                sum(axis.power * n for axis, n in zip(axes, fast, strict=True)),
                weight,
            )
