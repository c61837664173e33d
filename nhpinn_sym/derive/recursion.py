"""The two-scale recursion on the expanded table.

u = sum_n eps^n sum N^n_{q,alpha}(x, y) D^alpha U_q(x),  N^0 = identity;  with A = sum_k eps^k A_k and lowest power -m:
    R_n = sum_{k=1..n} A_{-m+k} N^{n-k};   h_n = <R_n>;   h_n = 0 is required for n < m (Fredholm);
    A_{-m} N^n = h_n - R_n,  <N^n> = 0;    homogenized equation: h_m = 0 with its outer slow derivatives kept outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp

from ..operator.table import MultiIndex, Table, Term, add
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero import is_zero, jumps
from .combination import Combination, Flux, Function, Product, Source, leibniz

EffectiveKey = tuple[int, MultiIndex, int | None, MultiIndex]
"""(equation, left, field, right): the term D^left( h D^right U_field ), multi-indices over (x, t)."""


@dataclass
class Coefficients:
    """Interned coefficient expressions, and whether each depends on a slow variable."""

    slow: tuple[sp.Symbol, ...]
    expressions: list[sp.Expr] = field(default_factory=list)
    numbers: dict[sp.Expr, int] = field(default_factory=dict)

    def intern(self, c: sp.Expr) -> int:
        if c not in self.numbers:
            self.numbers[c] = len(self.expressions)
            self.expressions.append(c)
        return self.numbers[c]

    def constant_along(self, number: int, slope: MultiIndex) -> bool:
        """Whether the slow derivative `slope` of the coefficient vanishes by itself."""
        return any(n and not self.expressions[number].has(v) for n, v in zip(slope, self.slow, strict=True))


@dataclass(frozen=True)
class CellFunction:
    """N_number = solution of A_0 N = -sum D_y^left( flux ) of expansion order `order`, for the macroscopic source `key`."""

    number: int
    order: int
    key: Source
    flux: Flux


class Recursion:
    """Runs the recursion up to a given order; `functions` and `effective()` are its results."""

    def __init__(self, powers: Mapping[int, Table], components: int, slow: tuple[sp.Symbol, ...], fast: tuple[sp.Symbol, ...]) -> None:
        self.lowest = min(k for k, table in powers.items() if any(term.field is not None for term in table))
        self.powers, self.components, self.fast = powers, components, fast
        self.coefficients = Coefficients(slow)
        self.local = any(c.has(*slow) for table in powers.values() for t, c in table.items() if t.field is not None)
        self.zero: MultiIndex = (0,) * len(slow)
        self.correctors: list[dict[Source, list[Function]]] = [{}]
        self.functions: list[CellFunction] = []

    @property
    def homogenized_order(self) -> int:
        """m: the order at which the averaged equation is the homogenized one."""
        return -self.lowest

    def right_hand_side(self, n: int) -> dict[Source, Flux]:
        """R_n, every slow derivative carried out (Leibniz) and sorted by macroscopic source."""
        result: dict[Source, Flux] = defaultdict(lambda: defaultdict(lambda: defaultdict(Fraction)))
        for term, weight, product, source in self._products(n):
            for (on_c, on_n, on_u), count in leibniz(slow_part(term.left), 3):
                moved = self._differentiate(product, on_c, on_n)
                if moved is not None and not (source[0] is None and any(on_u)):
                    key = (source[0], add(source[1], on_u))
                    result[key][term.equation, fast_part(term.left)][moved] += weight * count
        return {key: _clean(flux) for key, flux in result.items()}

    def effective(self) -> dict[EffectiveKey, Combination]:
        """The terms of the homogenized operator h_m: {(equation, left, field, right): combination to be averaged}."""
        table: dict[EffectiveKey, dict[Product, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for term, weight, product, source in self._products(self.homogenized_order):
            if not any(fast_part(term.left)):
                table[term.equation, slow_part(term.left), source[0], source[1]][product] += weight
        return {key: kept for key, c in table.items() if (kept := {p: w for p, w in c.items() if w})}

    def add_order(self, n: int, right: Mapping[Source, Flux]) -> None:
        """Append N^n, one function per macroscopic source; sources that are zero are dropped."""
        level: dict[Source, list[Function]] = {}
        for key, flux in right.items():
            if not self._vanishes(flux):
                number = len(self.functions)
                self.functions.append(CellFunction(number, n, key, flux))
                level[key] = [Function(number, j) for j in range(self.components)]
        self.correctors.append(level)

    def _products(self, n: int) -> Iterator[tuple[Term, Fraction, Product, Source]]:
        """Every (term, weight, product, source) in sum_k A_{lowest+k} N^{n-k}, k >= 1, inner derivatives done."""
        for k in range(1, n + 1):
            for term, c in self.powers.get(self.lowest + k, {}).items():
                number = self.coefficients.intern(c)
                for source, function in self._factors(term, n - k):
                    if term.field is None:
                        yield term, Fraction(1), Product(number, self.zero, None, ()), source
                        continue
                    for (on_n, on_u), count in leibniz(slow_part(term.right), 2):
                        product = self._product(number, function, on_n, fast_part(term.right))
                        if product is not None and not (source[0] is None and any(on_u)):
                            yield term, Fraction(count), product, (source[0], add(source[1], on_u))

    def _factors(self, term: Term, order: int) -> Iterator[tuple[Source, Function | None]]:
        """The (source, function) that the right derivative of `term` acts on, at expansion order `order`; None is the constant 1."""
        if order == 0:
            yield (term.field, self.zero), None
        elif term.field is not None:
            yield from ((source, vector[term.field]) for source, vector in self.correctors[order].items())

    def _product(self, number: int, function: Function | None, slow: MultiIndex, fast: MultiIndex) -> Product | None:
        if function is None:
            return None if any(slow) or any(fast) else Product(number, self.zero, None, ())
        return None if any(slow) and not self._varies(function) else Product(number, self.zero, function, (*slow, *fast))

    def _differentiate(self, product: Product, on_c: MultiIndex, on_n: MultiIndex) -> Product | None:
        if any(on_c) and self.coefficients.constant_along(product.coefficient, on_c):
            return None
        slope = add(product.slope, on_c)
        if not any(on_n):
            return product._replace(slope=slope)
        if product.function is None or not self._varies(product.function):
            return None
        slow = len(self.zero)
        return product._replace(slope=slope, derivative=(*add(product.derivative[:slow], on_n), *product.derivative[slow:]))

    def _varies(self, function: Function) -> bool:
        """Whether a cell function may depend on the slow variables."""
        flux = self.functions[function.number].flux
        slow = self.coefficients.slow
        return self.local or any(self.coefficients.expressions[p.coefficient].has(*slow) for c in flux.values() for p in c)

    def explicit(self, flux: Flux) -> dict[tuple[int, MultiIndex], sp.Expr]:
        """The parts of a flux without cell functions as SymPy, by (equation, fast left multi-index)."""
        return {key: sp.Add(*[w * self.value(p) for p, w in c.items() if p.function is None]) for key, c in flux.items()}

    def value(self, product: Product) -> sp.Expr:
        """The coefficient factor of a product: D^slope c, carried out."""
        return _diff(self.coefficients.expressions[product.coefficient], product.slope, self.coefficients.slow)

    def _vanishes(self, flux: Flux) -> bool:
        """Whether the source sum D_y^left( flux ) is zero in every equation."""
        if any(p.function is not None for c in flux.values() for p in c):
            return False
        rows: dict[int, list[sp.Expr]] = defaultdict(list)
        for (equation, left), c in self.explicit(flux).items():
            if jumps(c) and c.has(*(v for v, n in zip(self.fast, left, strict=True) if n)):
                return False
            rows[equation].append(_diff(c, left, self.fast))
        return all(is_zero(sp.Add(*row), row) for row in rows.values())


def _diff(c: sp.Expr, index: MultiIndex, variables: tuple[sp.Symbol, ...]) -> sp.Expr:
    for v, n in zip(variables, index, strict=True):
        c = sp.diff(c, v, n) if n else c
    return c


def _clean(flux: Flux) -> Flux:
    kept = {key: {p: w for p, w in c.items() if w} for key, c in flux.items()}
    return {key: c for key, c in kept.items() if c}
