"""Cell problems on the cell of a lattice, in shares xi of its vectors: y = sum_k xi_k v_k.

In these coordinates the cell is a unit square or cube, whatever the lattice, and every backend
solves on it. Derivatives become sums, D_y = V^-1 D_xi with the vectors the rows of V: those of
Fourier's method are along the dual lattice. Means stay means, and so does the effective law.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import sympy as sp

from ..problem.domain import Cell, LatticeCell
from ..problem.errors import UnsupportedError
from .forms import (
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    MultiIndex,
    SourceTerm,
    WeakTerm,
)
from .substitution import substituted

Vectors = tuple[tuple[sp.Expr, ...], ...]
Parts = tuple[tuple[MultiIndex, sp.Expr], ...]
"""D^index in the old coordinates: the derivatives in the new ones, and their weights."""


def in_shares(cells: LoweredCells) -> LoweredCells:
    """The cell problems in the coordinates xi1, xi2, ...; as they are where the cell is a box.

    UnsupportedError for coefficients that are known by their values on the cell alone.
    """
    cell = cells.cell
    if not isinstance(cell, LatticeCell):
        return cells
    if cells.externals:
        raise UnsupportedError(
            "a coefficient without a formula in the cell of a lattice that is no box",
            term=cells.externals[0].symbol,
            remedy="give a formula, or cell=Cell((0, 1), ...)",
        )
    shares = share_symbols(cell.dim)
    swap = dict(zip(cells.coordinates, cell.point(shares), strict=True))
    put = substituted(cells, swap)
    vectors = cell.vectors
    found = replace(
        put,
        title=f"{cells.title}, y = {' + '.join(f'xi{k + 1} {v}' for k, v in enumerate(vectors))}",
        cell=Cell.unit(cell.dim),
        coordinates=shares,
        bilinear=_weak(put.bilinear, vectors),
        strong=_merged(
            (replace(t, right=right), weight)
            for t in put.strong
            for right, weight in parts(t.right, vectors)
        ),
        mass=_weak(put.mass, vectors),
        functions=tuple(
            replace(f, weak=_weak(f.weak, vectors), source=_sources(f.source, vectors))
            for f in put.functions
        ),
        constants=tuple(
            replace(
                c,
                numerator=_functional(c.numerator, vectors),
                denominator=_functional(c.denominator, vectors),
            )
            for c in put.constants
        ),
        effective=tuple(_functional(f, vectors) for f in put.effective),
        higher=tuple(_functional(f, vectors) for f in put.higher),
        vectors=vectors,
        physical=put.bilinear,
    )
    return found


def share_symbols(dim: int) -> tuple[sp.Symbol, ...]:
    """xi1, xi2, ..."""
    return tuple(sp.symbols(f"xi1:{dim + 1}", real=True))


@cache
def parts(index: MultiIndex, vectors: Vectors) -> Parts:
    """D_y^index as a sum of derivatives by the shares."""
    inverse = sp.Matrix(vectors).inv()
    axes = [axis for axis, order in enumerate(index) for _ in range(order)]
    sums: dict[MultiIndex, list[sp.Expr]] = defaultdict(list)
    for chosen in product(range(len(vectors)), repeat=len(axes)):
        weight = sp.Mul(*[inverse[axis, k] for axis, k in zip(axes, chosen, strict=True)])
        sums[tuple(chosen.count(k) for k in range(len(vectors)))].append(weight)
    found = ((derived, _number(sp.Add(*weights))) for derived, weights in sums.items())
    return tuple((derived, weight) for derived, weight in found if weight != 0)


def _factors(factor: Factor | None, vectors: Vectors) -> list[tuple[Factor | None, sp.Expr]]:
    if factor is None:
        return [(None, sp.Integer(1))]
    return [
        (replace(factor, derivative=derived), weight)
        for derived, weight in parts(factor.derivative, vectors)
    ]


def _weak(terms: Sequence[WeakTerm], vectors: Vectors) -> tuple[WeakTerm, ...]:
    def expanded() -> Iterator[tuple[WeakTerm, sp.Expr]]:
        for t in terms:
            choices = (
                parts(t.left, vectors),
                parts(t.right, vectors),
                _factors(t.factor, vectors),
            )
            for (left, one), (right, other), (factor, third) in product(*choices):
                yield replace(t, left=left, right=right, factor=factor), one * other * third

    return _merged(expanded())


def _sources(terms: Sequence[SourceTerm], vectors: Vectors) -> tuple[SourceTerm, ...]:
    return _merged(
        (replace(t, factor=factor), weight)
        for t in terms
        for factor, weight in _factors(t.factor, vectors)
    )


def _functional(functional: Functional, vectors: Vectors) -> Functional:
    def expanded() -> Iterator[tuple[FunctionalTerm, sp.Expr]]:
        for t in functional.terms:
            for chosen in product(*(_factors(f, vectors) for f in t.factors)):
                factors = tuple(factor for factor, _ in chosen if factor is not None)
                yield replace(t, factors=factors), sp.Mul(*[weight for _, weight in chosen])

    return replace(functional, terms=_merged(expanded()))


def _merged(terms: Any) -> Any:
    """Terms with weights: those that differ in the coefficient alone are added."""
    sums: dict[Any, dict[sp.Expr, sp.Expr]] = {}
    for term, weight in terms:
        own = sums.setdefault(replace(term, coefficient=sp.Integer(0)), {})
        own[term.coefficient] = own.get(term.coefficient, sp.Integer(0)) + weight
    found = []
    for term, weights in sums.items():
        kept = [_number(weight) * c for c, weight in weights.items()]
        total = sp.Add(*kept)
        if total != 0:
            found.append(replace(term, coefficient=total))
    return tuple(found)


def _number(weight: sp.Expr) -> sp.Expr:
    """A sum of products of roots, written short: weights that cancel are 0."""
    return sp.radsimp(sp.expand(weight))
