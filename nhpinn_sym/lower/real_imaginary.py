"""Complex cell problems and boundary value problems as real ones of twice as many unknowns, for
backends that compute with real numbers.

Component j becomes the real part j and the imaginary part m + j; c N becomes (c' N' - c'' N'') + i
(c'' N' + c' N'').
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import sympy as sp

from ..problem.errors import UnsupportedError
from .forms import (
    CellForm,
    External,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    LoweredEquation,
    Natural,
    SourceTerm,
    StrongTerm,
    WeakTerm,
)
from .substitution import substituted
from .term_forms import is_symmetric

Products = list[tuple[sp.Expr, tuple[Factor, ...]]]
"""A sum of real coefficients times real factors."""

ComplexParts = tuple[Products, Products]
"""(real part, imaginary part) of a product, as sums of real coefficients times real factors."""


@lru_cache(maxsize=16)
def real_form(cells: LoweredCells) -> LoweredCells:
    """The cell problems in real and imaginary parts; functionals and externals get a leading index
    0 (real) or 1 (imaginary).

    UnsupportedError for kernels that are not constant: the transpose of the real form is not the
    real form of the transpose.
    """
    kernel = next((f for f in cells.functions if f.role in ("ground state", "adjoint")), None)
    if kernel is not None:
        raise UnsupportedError(
            "a kernel that is not constant together with complex coefficients, in real arithmetic",
            term=kernel.name,
            remedy='use the fourier backend: solve_cells(model, "fourier")',
        )
    m = cells.components
    externals, swap = _split_externals(cells.externals)
    cells = substituted(cells, swap)
    bilinear = tuple(t for w in cells.bilinear for t in _doubled(w, m))
    return replace(
        cells,
        components=2 * m,
        externals=externals,
        bilinear=bilinear,
        physical=tuple(t for w in cells.physical for t in _doubled(w, m)),
        strong=tuple(t for s in cells.strong for t in _doubled(s, m)),
        functions=tuple(_function(f, m) for f in cells.functions),
        effective=tuple(g for f in cells.effective for g in _functionals(f, m)),
        higher=tuple(g for f in cells.higher for g in _functionals(f, m)),
        symmetric=is_symmetric(bilinear),
        definite=False,
        complex=False,
    )


def real_equation(equation: LoweredEquation) -> LoweredEquation:
    """A boundary value problem in real and imaginary parts; externals get a leading index 0 (real)
    or 1 (imaginary).
    """
    m = equation.components
    externals, swap = _split_externals(equation.externals)

    def doubled(terms: Iterable[T]) -> tuple[T, ...]:
        parts: list[T] = []
        for t in _swapped(terms, swap):
            parts += _doubled(t, m)
        return tuple(parts)

    loads: list[WeakTerm] = []
    for w in _swapped(equation.linear, swap):
        loads += _load(w, m)
    sources = [real_and_imaginary_parts(v.xreplace(swap)) for v in equation.sources]
    bilinear = doubled(equation.bilinear)
    starts = [real_and_imaginary_parts(sp.sympify(v)) for v in equation.initial]
    values = [real_and_imaginary_parts(e.value.xreplace(swap)) for e in equation.essential]
    return replace(
        equation,
        components=2 * m,
        externals=externals,
        mass=doubled(equation.mass),
        bilinear=bilinear,
        linear=tuple(loads),
        strong=doubled(equation.strong),
        sources=(*(real for real, _ in sources), *(imaginary for _, imaginary in sources)),
        flux=_rows_of_parts([[doubled(terms) for terms in row] for row in equation.flux], m),
        essential=tuple(
            replace(e, value=value[k], field=e.field + k * m)
            for k in (0, 1)
            for e, value in zip(equation.essential, values, strict=True)
        ),
        natural=tuple(_condition(n, k, equation, swap) for k in (0, 1) for n in equation.natural),
        initial=(*(real for real, _ in starts), *(imaginary for _, imaginary in starts)),
        symmetric=is_symmetric(bilinear),
        complex=False,
        moments=tuple(_condition(n, k, equation, swap) for k in (0, 1) for n in equation.moments),
    )


def _swapped(terms: Iterable[T], swap: Mapping[sp.Basic, sp.Expr]) -> Iterator[T]:
    for t in terms:
        yield replace(t, coefficient=t.coefficient.xreplace(swap))


def _rows_of_parts(
    flux: Sequence[Sequence[tuple[StrongTerm, ...]]], m: int
) -> tuple[tuple[tuple[StrongTerm, ...], ...], ...]:
    """The fluxes of the real parts of all equations, then those of the imaginary parts."""
    real = []
    imaginary = []
    for row in flux:
        real.append(tuple(tuple(t for t in terms if t.equation < m) for terms in row))
        imaginary.append(tuple(tuple(t for t in terms if t.equation >= m) for terms in row))
    return (*real, *imaginary)


def _condition(
    n: Natural, k: int, equation: LoweredEquation, swap: Mapping[sp.Basic, sp.Expr]
) -> Natural:
    """The real (k = 0) or imaginary part (k = 1) of a natural condition of `equation`."""
    m = equation.components
    zero = (0,) * equation.domain.dim
    row = n.equation + k * m
    own = StrongTerm(n.alpha, zero, n.equation, n.equation)
    alpha = []
    others = []
    for term in _swapped((own, *n.terms), swap):
        for part in _doubled(term, m):
            if part.equation != row:
                continue
            if (part.field, part.right) == (row, zero):
                alpha.append(part.coefficient)
            else:
                others.append(part)
    value = real_and_imaginary_parts(n.value.xreplace(swap))[k]
    return Natural(n.parts, sp.Add(*alpha), value, row, tuple(others))


def _split_externals(
    externals: Iterable[External],
) -> tuple[tuple[External, ...], dict[sp.Basic, sp.Expr]]:
    """(the real and the imaginary part of each external, what stands for its symbol)."""
    found = []
    swap: dict[sp.Basic, sp.Expr] = {}
    for e in externals:
        if e.image is not None:  # its numbers are real
            found.append(e)
            continue
        real, imaginary = (_external(e, part) for part in (0, 1))
        found += [real, imaginary]
        swap[e.symbol] = real.symbol + sp.I * imaginary.symbol
    return tuple(found), swap


def _external(e: External, part: int) -> External:
    symbol = sp.Symbol(f"{e.symbol}_{('re', 'im')[part]}", real=True)
    return External(symbol, e.name, (part, *e.index), e.derivative)


def _load(w: WeakTerm, m: int) -> Iterator[WeakTerm]:
    """int c v in both parts of its equation."""
    for row, c in zip((0, m), real_and_imaginary_parts(w.coefficient)):
        if c != 0:
            yield replace(w, coefficient=c, equation=w.equation + row)


def _split_pieces(c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(real part, imaginary part); of a Piecewise, by its pieces."""
    whole = sp.piecewise_fold(c) if c.has(sp.Piecewise) and c.has(sp.I) else c
    if not isinstance(whole, sp.Piecewise):
        real, imaginary = sp.expand_complex(whole).as_real_imag()
        return real, imaginary
    real_pieces = []
    imaginary_pieces = []
    for value, condition in whole.args:
        real, imaginary = _split_pieces(value)
        real_pieces.append((real, condition))
        imaginary_pieces.append((imaginary, condition))
    return sp.Piecewise(*real_pieces), sp.Piecewise(*imaginary_pieces)


def real_and_imaginary_parts(c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(real part, imaginary part), all symbols being real."""
    plain = {v: sp.Dummy(real=True) for v in c.free_symbols}
    real, imaginary = _split_pieces(c.xreplace(plain))
    back = {dummy: v for v, dummy in plain.items()}
    return real.xreplace(back), imaginary.xreplace(back)


T = TypeVar("T", WeakTerm, StrongTerm)


def _doubled(term: T, m: int) -> Iterator[T]:
    """c D u in both parts of its equation: (c' + i c'')(u' + i u'')."""
    real, imaginary = real_and_imaginary_parts(term.coefficient)
    for row, column, c in ((0, 0, real), (0, m, -imaginary), (m, 0, imaginary), (m, m, real)):
        if c != 0:
            equation = term.equation + row
            yield replace(term, coefficient=c, equation=equation, field=term.field + column)


def _parts(c: sp.Expr, factors: Sequence[Factor], m: int) -> ComplexParts:
    """c times factors, multiplied out: (p + i q)(N' + i N'') = (p N' - q N'') + i (p N'' + q
    N').
    """
    p, q = real_and_imaginary_parts(c)
    real: Products = [] if p == 0 else [(p, ())]
    imaginary: Products = [] if q == 0 else [(q, ())]
    for factor in factors:
        other = replace(factor, component=factor.component + m)
        real, imaginary = (
            [*_times(real, factor), *_times(imaginary, other, -1)],
            [*_times(real, other), *_times(imaginary, factor)],
        )
    return real, imaginary


def _times(products: Products, factor: Factor, sign: int = 1) -> Products:
    return [(sign * v, (*factors, factor)) for v, factors in products]


def _function(form: CellForm, m: int) -> CellForm:
    weak: list[WeakTerm] = []
    for w in form.weak:
        for row, c, factor in _rows(w.coefficient, w.factor, m):
            weak.append(replace(w, coefficient=c, equation=w.equation + row, factor=factor))
    source: list[SourceTerm] = []
    for s in form.source:
        for row, c, factor in _rows(s.coefficient, s.factor, m):
            source.append(SourceTerm(c, s.equation + row, factor))
    return replace(form, weak=tuple(weak), source=tuple(source))


def _rows(
    c: sp.Expr, factor: Factor | None, m: int
) -> Iterator[tuple[int, sp.Expr, Factor | None]]:
    """c times a factor, or 1, as (0 for the real part or m, coefficient, factor)."""
    factors = () if factor is None else (factor,)
    for row, part in zip((0, m), _parts(c, factors, m), strict=True):
        for coefficient, held in part:
            yield row, coefficient, held[0] if held else None


def _functionals(functional: Functional, m: int) -> Iterator[Functional]:
    constant = real_and_imaginary_parts(functional.constant)
    products = [_parts(t.coefficient, t.factors, m) for t in functional.terms]
    for part in (0, 1):
        terms: Iterable[FunctionalTerm] = (
            FunctionalTerm(v, f) for product in products for v, f in product[part]
        )
        yield Functional(functional.name, (part, *functional.index), constant[part], tuple(terms))
