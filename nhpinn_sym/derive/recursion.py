"""The two-scale recursion on the expanded table.

u = sum_n eps^n sum N^n_{q,alpha}(x, y) D^alpha U_q(x),  N^0 = phi (the constants, or a ground
state); A = sum_k eps^k A_k, lowest power -m:
    R_n = sum_{k=1..n} A_{-m+k} N^{n-k};   h_n = <psi . R_n>, psi the adjoint kernel;   h_n = 0 is
    required for n < m (Fredholm); A_{-m} N^n = h_n phi - R_n,  <N^n> = 0;    sum_{n>=m} eps^{n-m}
    h_n = 0 is the equation of U, outer slow derivatives kept outside.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction

import sympy as sp

from ..operator.table import MultiIndex, Table, Term, add, unit
from ..operator.twoscale import fast_part, slow_part
from ..operator.zero_test import is_zero, loses_jump
from .coefficients import InternedCoefficients, derivative
from .products import (
    Averages,
    Corrector,
    Flux,
    Function,
    MacroscopicSource,
    MacroscopicTerm,
    Pairing,
    Product,
    empty_averages,
    empty_flux,
    leibniz,
    normalized,
    without_zeros,
)

Pairings = dict[MacroscopicTerm, dict[Pairing, Fraction]]
"""What is averaged, by macroscopic term."""


class Recursion:
    """Runs the recursion order by order; `functions`, `averaged` and `energy` are its results.

    ground  : number of the function that takes the place of the constants in the kernel of A_0, or
              None.
    adjoint : number of the first of the adjoint kernel functions (one per equation), or None where
              they are the constants.
    broken  : cell functions may jump across interfaces of the cell.
    steps   : levels per power of eps, above 1 where there are broken powers (time-ordered averages
              of t/eps^k); n, m count levels.
    parameter_slopes, added : functions and averages that `derive.parameter_slopes` puts in.
    """

    def __init__(
        self,
        powers: Mapping[int, Table],
        components: int,
        slow: tuple[sp.Symbol, ...],
        fast: tuple[sp.Symbol, ...],
        ground: bool = False,
        adjoint: bool = False,
        broken: bool = False,
    ) -> None:
        acting = _without_sources(powers)
        self.lowest = min(k for k, table in acting.items() if table)
        self.powers = powers
        self.components = components
        self.fast = fast
        self.broken = broken
        self.steps = math.lcm(*(int(sp.Rational(k).q) for k in powers))
        self.coefficients = InternedCoefficients(slow, fast)
        self.interned: dict[int, list[tuple[Term, int]]] = {}
        for k, table in powers.items():
            self.interned[k] = [(t, self.coefficients.intern(c)) for t, c in table.items()]
        self.local = any(_depend(table, slow) for table in acting.values())
        self.moving = _depend(acting[self.lowest], slow)
        self.zero: MultiIndex = (0,) * len(slow)
        self.ground = 0 if ground else None
        self.adjoint = int(ground) if adjoint else None
        self.kernels = int(ground) + (components if adjoint else 0)
        self.correctors: list[dict[MacroscopicSource, tuple[int | None, int]]] = [
            {(q, self.zero): (self.ground, 1) for q in range(components)}
        ]
        self.functions: list[Corrector] = []
        self._merged: dict[object, int] = {}
        self.parameter_slopes: dict[tuple[int, sp.Symbol], int] = {}
        self.added: dict[MacroscopicTerm, dict[Pairing, Fraction]] = {}

    @property
    def homogenized_order(self) -> int:
        """m: the order of the operator; the averaged equation of order eps^(m + lowest) is the
        homogenized one.
        """
        return -self.lowest

    @property
    def last(self) -> int:
        """The level of the homogenized equation."""
        return self.steps * self.homogenized_order

    def power(self, level: int) -> sp.Rational:
        """The power of eps of a level, counted from that of N^0."""
        return sp.Rational(level, self.steps)

    def right_hand_side(self, n: int) -> dict[MacroscopicSource, Flux]:
        """R_n, every slow derivative carried out (Leibniz) and sorted by macroscopic source."""
        result: dict[MacroscopicSource, Flux] = defaultdict(empty_flux)
        slow = len(self.zero)
        for term, weight, product, source in self._products(n):
            field, alpha = source
            place = (term.equation, fast_part(term.left, slow))
            for (on_c, on_n, on_u), count in leibniz(slow_part(term.left, slow), 3):
                if field is None and any(on_u):
                    continue
                moved = self._differentiate(product, on_c, on_n)
                if moved is not None:
                    result[field, add(alpha, on_u)][place][moved] += weight * count
        cleaned = {key: without_zeros(flux) for key, flux in result.items()}
        return {key: flux for key, flux in cleaned.items() if flux}

    def averaged(self, n: int) -> Mapping[MacroscopicTerm, Averages]:
        """The terms of the operator h_n, {(equation, left, field, right): what is averaged}; in
        divergence form where psi is constant.
        """
        table: Pairings = defaultdict(empty_averages)
        slow = len(self.zero)
        if self.adjoint is not None:
            for source, flux in self.right_hand_side(n).items():
                self._weighted(table, source, flux)
        else:
            for term, weight, product, (field, alpha) in self._products(n):
                if not any(fast_part(term.left, slow)):
                    key = (term.equation, slow_part(term.left, slow), field, alpha)
                    table[key][Pairing(product, None, ())] += weight
        if n == self.last:
            for key, averages in self.added.items():
                for pairing, count in averages.items():
                    table[key][pairing] += count
        return without_zeros(table)

    def _weighted(self, table: Pairings, source: MacroscopicSource, flux: Flux) -> None:
        """Add <psi^p . sum D_y^left( c )> = sum (-1)^|left| <D_y^left psi^p_i c> to `table`."""
        assert self.adjoint is not None
        field, alpha = source
        for (equation, left), combination in flux.items():
            sign = (-1) ** sum(left)
            for p in range(self.components):
                row = table[p, self.zero, field, alpha]
                for product, weight in combination.items():
                    row[Pairing(product, Function(self.adjoint + p, equation), left)] += (
                        sign * weight
                    )

    def energy(self, n: int, highest: int) -> Mapping[MacroscopicTerm, Averages]:
        """h_n = sum_{a, b <= highest} <N^a . A_{n-a-b} N^b> of an operator with y-only coefficients
        that is its own transpose, n <= 2 highest + 1.

        The transposed corrector is that of D -> -D: the sign (-1)^|alpha| in x (the error is the
        product of two: Smyshlyaev, Cherednichenko 2000).
        """
        table: Pairings = defaultdict(empty_averages)
        for a in range(min(highest, n) + 1):
            for b in range(min(highest, n - a) + 1):
                for term, number in self.interned.get(self.lowest + self.power(n - a - b), ()):
                    self._add_energy(table, term, number, a, b)
        return without_zeros(table)

    def _add_energy(self, table: Pairings, term: Term, number: int, a: int, b: int) -> None:
        """Add <N^a . (term N^b)>, the outer fast derivatives on N^a."""
        slow = len(self.zero)
        left = fast_part(term.left, slow)
        for product, beta, weight, field in self._acting(term, number, b):
            for (p, gamma), function, sign in self._vector(a, term.equation):
                constant = function is None
                if p is None or (constant and any(left)):
                    continue
                total = add(add(gamma, beta), slow_part(term.left, slow))
                transposed = sign * (-1) ** (sum(gamma[:-1]) + sum(left))
                pairing = Pairing(product, function, () if constant else left)
                table[p, self.zero, field, total][pairing] += transposed * weight

    def add_order(self, n: int, right: Mapping[MacroscopicSource, Flux]) -> None:
        """Append N^n, one function per macroscopic source; those without a source are dropped,
        equal ones (up to sign) are one function.
        """
        level: dict[MacroscopicSource, tuple[int | None, int]] = {}
        sources: dict[int, list[tuple[MacroscopicSource, int]]] = {}
        solvable = n < self.last
        for key, whole in right.items():
            flux = self._trimmed(whole)
            if self._vanishes(flux, solvable):
                continue
            form, sign = normalized(self.coefficients.unsigned_flux(flux))
            # Equal sources, up to sign, share one function: chi^12 and chi^21 come out as one.
            following = self.kernels + len(self.functions) + len(sources)
            number = self._merged.setdefault((n, form), following)
            sources.setdefault(number, []).append((key, sign))
            level[key] = (number, sign)
        for number, found in sources.items():
            # The function of its first source has the sign +.
            first_key, first_sign = found[0]
            flux = self._trimmed(right[first_key])
            signed = tuple((key, sign * first_sign) for key, sign in found)
            varies = self._flux_varies(flux)
            self.functions.append(Corrector(number, n, signed, flux, solvable, varies))
            level |= {key: (number, sign) for key, sign in signed}
        self.correctors.append(level)

    def _trimmed(self, flux: Flux) -> Flux:
        """Without what has no source; where functions may jump, any flux has one."""
        return flux if self.broken else self.coefficients.trimmed(flux)

    def _flux_varies(self, flux: Flux) -> bool:
        """Whether a flux may depend on the slow variables."""
        for combination in flux.values():
            for p in combination:
                if any(self.coefficients.varying[p.coefficient]):
                    return True
                if p.function is not None and self._varies(p.function):
                    return True
        return False

    def add_level(self, n: int) -> None:
        """Append N^n, its functions in reading order: N_0, N_1, N_2, ..., those of the next
        unknown, ..., N_f.
        """
        right = self.right_hand_side(n)
        self.add_order(n, {key: right[key] for key in sorted(right, key=_reading_order)})

    def extended(self, levels: int) -> Recursion:
        """This recursion, or a copy that goes on to `levels`."""
        if len(self.correctors) > levels:
            return self
        longer = copy.copy(self)
        longer.correctors = list(self.correctors)
        longer.functions = list(self.functions)
        longer._merged = dict(self._merged)
        for n in range(len(self.correctors), levels + 1):
            longer.add_level(n)
        return longer

    def function(self, number: int) -> Corrector:
        return self.functions[number - self.kernels]

    def flux(
        self, n: int, axis: int
    ) -> Iterator[tuple[int, MacroscopicSource, Product, Fraction | int]]:
        """(equation, source, product, weight) of what stands under the slow derivative along `axis`
        in the terms of order n: minus the flux of order eps^(n - m) of the expansion, by source."""
        along = unit(axis, len(self.zero))
        for term, weight, product, source in self._products(n):
            if term.left[: len(self.zero)] == along:
                yield term.equation, source, product, weight

    def _products(
        self, n: int
    ) -> Iterator[tuple[Term, Fraction | int, Product, MacroscopicSource]]:
        """Every (term, weight, product, source) in sum_k A_{lowest+k} N^{n-k}, k >= 1, inner
        derivatives done.
        """
        for k in range(1, n + 1):
            for term, number in self.interned.get(self.lowest + self.power(k), ()):
                for product, alpha, weight, field in self._acting(term, number, n - k):
                    yield term, weight, product, (field, alpha)

    def _acting(
        self, term: Term, number: int, order: int
    ) -> Iterator[tuple[Product, MultiIndex, int, int | None]]:
        """(product, alpha, weight, field) of the parts of c D^right N^order[U], without its outer
        derivative.
        """
        constant = Product(number, self.zero, None, ())
        if term.field is None:
            if order == 0:
                yield constant, self.zero, 1, None
            return
        slow = len(self.zero)
        inner = slow_part(term.right, slow)
        fast = fast_part(term.right, slow)
        for (field, alpha), function, sign in self._vector(order, term.field):
            for (on_n, on_u), count in leibniz(inner, 2):
                if field is None and any(on_u):
                    continue
                if function is None:
                    if not (any(on_n) or any(fast)):
                        yield constant, add(alpha, on_u), sign * count, field
                elif not any(on_n) or self._varies(function):
                    product = Product(number, self.zero, function, (*on_n, *fast))
                    yield product, add(alpha, on_u), sign * count, field

    def _vector(
        self, order: int, component: int
    ) -> Iterator[tuple[MacroscopicSource, Function | None, int]]:
        """(source, function, sign): component `component` of N^order, by macroscopic source; None
        is the constant 1.
        """
        for source, (number, sign) in self.correctors[order].items():
            if number is not None:
                yield source, Function(number, component), sign
            elif source[0] == component:
                yield source, None, sign

    def _differentiate(
        self, product: Product, on_c: MultiIndex, on_n: MultiIndex
    ) -> Product | None:
        if any(on_c) and self.coefficients.constant_along(product.coefficient, on_c):
            return None
        slope = add(product.slope, on_c)
        if not any(on_n):
            return product._replace(slope=slope)
        if product.function is None or not self._varies(product.function):
            return None
        slow = len(self.zero)
        return product._replace(
            slope=slope,
            derivative=(*add(product.derivative[:slow], on_n), *product.derivative[slow:]),
        )

    def _varies(self, function: Function) -> bool:
        """Whether a cell function may depend on the slow variables: through A_0, or what its cell
        problem holds.
        """
        own = function.number >= self.kernels and self.function(function.number).varies
        return self.moving or own

    def slope(self, number: int, index: MultiIndex) -> Flux:
        """The flux of the cell problem of D_x^index N: that of N differentiated, and what the
        derivatives of A_0 make of N.
        """
        result = empty_flux()
        for place, combination in self.function(number).flux.items():
            for product, weight in combination.items():
                for (on_c, on_n), count in leibniz(index, 2):
                    moved = self._differentiate(product, on_c, on_n)
                    if moved is not None:
                        result[place][moved] += weight * count
        slow = len(self.zero)
        for term, c in self.interned[self.lowest]:
            if term.field is None:
                continue
            place = (term.equation, fast_part(term.left, slow))
            for (on_c, on_n), count in leibniz(index, 2):
                if any(on_c) and not self.coefficients.constant_along(c, on_c):
                    derivative_of_n = (*on_n, *fast_part(term.right, slow))
                    product = Product(c, on_c, Function(number, term.field), derivative_of_n)
                    result[place][product] += count
        return without_zeros(result)

    def explicit(self, flux: Flux) -> dict[tuple[int, MultiIndex], sp.Expr]:
        """The parts of a flux without cell functions as SymPy, by (equation, fast left
        multi-index).
        """
        return self.coefficients.explicit(flux)

    def value(self, product: Product) -> sp.Expr:
        """The coefficient factor of a product: D^slope c, carried out."""
        return self.coefficients.value(product)

    def _vanishes(self, flux: Flux, solvable: bool) -> bool:
        """Whether the source sum D_y^left( flux ) is zero in every equation, or (not solvable)
        constant: then it equals its mean.
        """
        if any(p.function is not None for c in flux.values() for p in c):
            return False
        rows: dict[int, list[sp.Expr]] = defaultdict(list)
        for (equation, left), c in self.explicit(flux).items():
            if loses_jump(c, left, self.fast) or (self.broken and any(left) and c != 0):
                return False
            if any(left) or solvable or self.ground is not None or c.has(*self.fast):
                rows[equation].append(derivative(c, left, self.fast))
        return all(is_zero(sp.Add(*row), row) for row in rows.values())


def _reading_order(source: MacroscopicSource) -> tuple[bool, int, int, tuple[int, ...]]:
    field, alpha = source
    return field is None, field or 0, sum(alpha), tuple(-n for n in alpha)


def _without_sources(powers: Mapping[int, Table]) -> dict[int, Table]:
    """The terms that act on an unknown."""
    return {
        k: {term: c for term, c in table.items() if term.field is not None}
        for k, table in powers.items()
    }


def _depend(table: Table, variables: tuple[sp.Symbol, ...]) -> bool:
    """Whether a coefficient depends on some of the variables."""
    return any(c.has(*variables) for c in table.values())
