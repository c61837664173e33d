"""Complex cell problems and boundary value problems as real ones of twice as many unknowns, for
backends that compute with real numbers.

Component j becomes the real part j and the imaginary part m + j; c N becomes (c' N' - c'' N'') + i
(c'' N' + c' N'').
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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

ComplexParts = tuple[
    list[tuple[sp.Expr, tuple[Factor, ...]]], list[tuple[sp.Expr, tuple[Factor, ...]]]
]
"""(real part, imaginary part) of a product, as sums of real coefficients times real factors."""


def real_form(cells: LoweredCells) -> LoweredCells:
    """The cell problems in real and imaginary parts; functionals and externals get a leading index 0
    (real) or 1 (imaginary).

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
    or 1 (imaginary). Its data are real.
    """
    m = equation.components
    externals, swap = _split_externals(equation.externals)

    def doubled(terms: Iterable[T]) -> tuple[T, ...]:
        return tuple(
            part
            for t in terms
            for part in _doubled(replace(t, coefficient=t.coefficient.xreplace(swap)), m)
        )

    def both(values: Iterable[sp.Expr]) -> tuple[sp.Expr, ...]:
        real, imaginary = zip(*(split(v.xreplace(swap)) for v in values))
        return (*real, *imaginary)

    bilinear, flux = (
        doubled(equation.bilinear),
        [[doubled(terms) for terms in row] for row in equation.flux],
    )
    return replace(
        equation,
        components=2 * m,
        externals=externals,
        mass=doubled(equation.mass),
        bilinear=bilinear,
        linear=tuple(
            part
            for w in equation.linear
            for part in _load(replace(w, coefficient=w.coefficient.xreplace(swap)), m)
        ),
        strong=doubled(equation.strong),
        sources=both(equation.sources),
        flux=tuple(
            tuple(tuple(t for t in terms if (t.equation >= m) == imaginary) for terms in row)
            for imaginary in (False, True)
            for row in flux
        ),
        essential=(
            *equation.essential,
            *(replace(e, value=sp.Integer(0), field=e.field + m) for e in equation.essential),
        ),
        natural=tuple(_condition(n, k, equation, swap) for k in (0, 1) for n in equation.natural),
        initial=(*equation.initial, *(sp.Integer(0) for _ in equation.initial)),
        symmetric=is_symmetric(bilinear),
        complex=False,
    )


def _condition(
    n: Natural, k: int, equation: LoweredEquation, swap: Mapping[sp.Basic, sp.Expr]
) -> Natural:
    """The real (k = 0) or imaginary part (k = 1) of a natural condition of `equation`."""
    m, zero = equation.components, (0,) * equation.domain.dim
    row, own = n.equation + k * m, StrongTerm(n.alpha, zero, n.equation, n.equation)
    terms = [replace(t, coefficient=t.coefficient.xreplace(swap)) for t in (own, *n.terms)]
    parts = [part for t in terms for part in _doubled(t, m)]
    alpha = sp.Add(
        *[t.coefficient for t in parts if (t.equation, t.field, t.right) == (row, row, zero)]
    )
    others = [t for t in parts if t.equation == row and (t.field, t.right) != (row, zero)]
    return Natural(n.faces, alpha, split(n.value.xreplace(swap))[k], row, tuple(others))


def _split_externals(
    externals: Iterable[External],
) -> tuple[tuple[External, ...], dict[sp.Basic, sp.Expr]]:
    """(the real and the imaginary part of each external, what stands for its symbol)."""
    found = []
    swap: dict[sp.Basic, sp.Expr] = {}
    for e in externals:
        real, imaginary = (_external(e, part) for part in (0, 1))
        found += [real, imaginary]
        swap[e.symbol] = real.symbol + sp.I * imaginary.symbol
    return tuple(found), swap


def _external(e: External, part: int) -> External:
    return External(
        sp.Symbol(f"{e.symbol}_{('re', 'im')[part]}", real=True),
        e.name,
        (part, *e.index),
        e.derivative,
    )


def _load(w: WeakTerm, m: int) -> Iterator[WeakTerm]:
    """int c v in both parts of its equation."""
    for row, c in zip((0, m), split(w.coefficient)):
        if c != 0:
            yield replace(w, coefficient=c, equation=w.equation + row)


def _split_pieces(c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(real part, imaginary part); of a Piecewise, by its pieces."""
    whole = sp.piecewise_fold(c) if c.has(sp.Piecewise) and c.has(sp.I) else c
    if isinstance(whole, sp.Piecewise):
        pieces = [(_split_pieces(value), condition) for value, condition in whole.args]
        real = sp.Piecewise(*((parts[0], condition) for parts, condition in pieces))
        return real, sp.Piecewise(*((parts[1], condition) for parts, condition in pieces))
    real, imaginary = sp.expand_complex(whole).as_real_imag()
    return real, imaginary


def split(c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(real part, imaginary part), all symbols being real."""
    plain = {v: sp.Dummy(real=True) for v in c.free_symbols}
    real, imaginary = _split_pieces(c.xreplace(plain))
    back = {dummy: v for v, dummy in plain.items()}
    return real.xreplace(back), imaginary.xreplace(back)


T = TypeVar("T", WeakTerm, StrongTerm)


def _doubled(term: T, m: int) -> Iterator[T]:
    """c D u in both parts of its equation."""
    real, imaginary = split(term.coefficient)
    for row, column, c in ((0, 0, real), (0, m, -imaginary), (m, 0, imaginary), (m, m, real)):
        if c != 0:
            yield replace(
                term, coefficient=c, equation=term.equation + row, field=term.field + column
            )


def _parts(c: sp.Expr, factors: Sequence[Factor], m: int) -> ComplexParts:
    """c times factors, multiplied out."""
    real, imaginary = split(c)
    total: ComplexParts = (
        [(real, ())] if real != 0 else [],
        [(imaginary, ())] if imaginary != 0 else [],
    )
    for factor in factors:
        other = replace(factor, component=factor.component + m)
        one, two = total
        total = (
            [(v, (*f, factor)) for v, f in one] + [(-v, (*f, other)) for v, f in two],
            [(v, (*f, other)) for v, f in one] + [(v, (*f, factor)) for v, f in two],
        )
    return total


def _function(form: CellForm, m: int) -> CellForm:
    weak = tuple(
        replace(w, coefficient=v, equation=w.equation + row * m, factor=_only(f))
        for w in form.weak
        for row, part in enumerate(_parts(w.coefficient, _some(w.factor), m))
        for v, f in part
    )
    source = tuple(
        SourceTerm(v, s.equation + row * m, _only(f))
        for s in form.source
        for row, part in enumerate(_parts(s.coefficient, _some(s.factor), m))
        for v, f in part
    )
    return replace(form, weak=weak, source=source)


def _functionals(functional: Functional, m: int) -> Iterator[Functional]:
    constant = split(functional.constant)
    products = [_parts(t.coefficient, t.factors, m) for t in functional.terms]
    for part in (0, 1):
        terms: Iterable[FunctionalTerm] = (
            FunctionalTerm(v, f) for product in products for v, f in product[part]
        )
        yield Functional(functional.name, (part, *functional.index), constant[part], tuple(terms))


def _some(factor: Factor | None) -> tuple[Factor, ...]:
    return () if factor is None else (factor,)


def _only(factors: tuple[Factor, ...]) -> Factor | None:
    return factors[0] if factors else None
