"""The jet of tanh(z) as a table of monomials (Faa di Bruno's formula), from which its forward and
its reverse pass are made.

With f_k the k-th derivative of tanh at z,
    D^a t = sum_k f_k sum_m factor_m D^b1 z ... D^bk z    over the multisets {b1, ..., bk} of
    non-zero multi-indices with sum a.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...arrays import MultiIndex

Monomial = tuple[MultiIndex, ...]
TaylorTerm = tuple[int, int | None, tuple[int, ...]]
"""(integer factor, number of the derivative whose weight is a second factor, numbers of the streams
that are multiplied).
"""


@dataclass(frozen=True)
class Streams:
    """What is propagated through the layers of a net for a linear operator with the derivatives
    `indices` (closed under <=, smaller first).

    kept: the numbers of the derivatives that are propagated one by one.
    joined: those of the derivatives that no other one needs; only their sum with the weights of the
            operator at each point is propagated, as the last stream. Empty where nothing is gained
            by that.
    tables: of every stream but the first (the value): {k: the monomials behind f_k}.
    products: (b, k, s, term) of their adjoint, by rising b; those of f_1 alone are left out.
    """

    indices: tuple[MultiIndex, ...]
    kept: tuple[int, ...]
    joined: tuple[int, ...]
    tables: tuple[dict[int, list[TaylorTerm]], ...]
    products: tuple[tuple[int, int, int, TaylorTerm], ...]

    @property
    def count(self) -> int:
        return len(self.kept) + bool(self.joined)


def streams(indices: Sequence[MultiIndex], scalar: bool) -> Streams:
    """The streams for one equation in one unknown (`scalar`), or for a system, whose derivatives
    are all kept.
    """
    needed = {b for a in indices for b in indices if b != a and all(m <= n for m, n in zip(b, a))}
    top = [k for k, a in enumerate(indices) if a not in needed]
    joined = tuple(top) if scalar and len(top) > 1 else ()
    kept = tuple(k for k in range(len(indices)) if k not in joined)
    position = {indices[a]: k for k, a in enumerate(kept)}
    tables = [_table(indices[a], None, position, k) for k, a in enumerate(kept) if k]
    if joined:
        tables.append({1: [(1, None, (len(kept),))]})
        for a in joined:
            for k, terms in _table(indices[a], a, position, None).items():
                tables[-1].setdefault(k, []).extend(terms)
    products = tuple(
        (b, k, s, term)
        for b, found in sorted(adjoint(tables).items())
        for k, terms in found.items()
        if k > 1
        for s, term in terms
    )
    return Streams(tuple(indices), kept, joined, tuple(tables), products)


def adjoint(
    tables: Iterable[Mapping[int, Sequence[TaylorTerm]]],
) -> dict[int, dict[int, list[tuple[int, TaylorTerm]]]]:
    """{stream b: {k: (stream s, term)}}: the derivative of sum_s d_s h_s with respect to z_b is the
    sum of f_k d_s term.
    """
    found: dict[int, dict[int, list[tuple[int, TaylorTerm]]]] = {}
    for s, table in enumerate(tables, 1):
        for k, terms in table.items():
            for factor, weight, streams in terms:
                for b in sorted(set(streams)):
                    rest = list(streams)
                    rest.remove(b)
                    found.setdefault(b, {}).setdefault(k, []).append(
                        (s, (factor * streams.count(b), weight, tuple(rest)))
                    )
    return found


def slopes(order: int) -> list[list[int]]:
    """p_1, ..., p_order with f_k = s p_k(s) for odd k and t s p_k(s) for even k, s = 1 - t^2:
    coefficients of rising powers of s.

    By the rules t' = s and s' = -2 t s.
    """
    found = [[1]]
    while len(found) < order:
        rate = [-2 * (k + 1) * c for k, c in enumerate(found[-1])]  # of s p, over t s
        if len(found) % 2:
            found.append(rate)
        else:  # t s p goes to s (s p) + t^2 s rate
            found.append([a - b + c for a, b, c in zip([*rate, 0], [0, *rate], [0, *found[-1]])])
    return found


def monomials(index: MultiIndex) -> dict[Monomial, int]:
    """{(b1, ..., bk): factor} of D^index tanh(z)."""
    found: dict[Monomial, int] = {(): 1}
    for axis, order in enumerate(index):
        unit = tuple(int(i == axis) for i in range(len(index)))
        for _ in range(order):
            found = _differentiated(found, unit)
    return found


def _differentiated(terms: Mapping[Monomial, int], unit: MultiIndex) -> dict[Monomial, int]:
    found: dict[Monomial, int] = {}
    for monomial, factor in terms.items():
        raised = [
            (*monomial[:i], tuple(m + n for m, n in zip(b, unit)), *monomial[i + 1 :])
            for i, b in enumerate(monomial)
        ]
        for new in ((*monomial, unit), *raised):
            key = tuple(sorted(new))
            found[key] = found.get(key, 0) + factor
    return found


def _table(
    index: MultiIndex, weight: int | None, position: Mapping[MultiIndex, int], own: int | None
) -> dict[int, list[TaylorTerm]]:
    """The monomials of one derivative by the number of their factors; the linear one only where the
    derivative is a stream, `own`.
    """
    table: dict[int, list[TaylorTerm]] = {}
    for monomial, factor in monomials(index).items():
        if len(monomial) > 1 or own is not None:
            table.setdefault(len(monomial), []).append(
                (factor, weight, tuple(position[b] for b in monomial))
            )
    return dict(sorted(table.items()))
