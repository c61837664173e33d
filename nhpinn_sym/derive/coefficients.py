"""The coefficients of a recursion as numbers: equal expressions are one, and what is zero, constant
or minus another is seen without SymPy's arithmetic.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from ..operator.table import MultiIndex
from .products import Flux, Product


@dataclass
class InternedCoefficients:
    """Interned coefficient expressions: whether each depends on a slow variable, and (number, sign)
    of the first that equals it up to sign.
    """

    slow: tuple[sp.Symbol, ...]
    fast: tuple[sp.Symbol, ...] = ()
    expressions: list[sp.Expr] = dataclasses.field(default_factory=list)
    numbers: dict[sp.Expr, int] = dataclasses.field(default_factory=dict)
    varying: list[tuple[bool, ...]] = dataclasses.field(default_factory=list)
    unsigned: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def intern(self, c: sp.Expr) -> int:
        if c not in self.numbers:
            self.unsigned.append(
                (self.numbers[-c], -1) if -c in self.numbers else (len(self.expressions), 1)
            )
            self.numbers[c] = len(self.expressions)
            self.expressions.append(c)
            self.varying.append(tuple(c.has(v) for v in self.slow))
        return self.numbers[c]

    def constant_along(self, number: int, slope: MultiIndex) -> bool:
        """Whether the slow derivative `slope` of the coefficient vanishes by itself."""
        return any(n and not varies for n, varies in zip(slope, self.varying[number], strict=True))

    def value(self, product: Product) -> sp.Expr:
        """The coefficient factor of a product: D^slope c, carried out."""
        return derivative(self.expressions[product.coefficient], product.slope, self.slow)

    def explicit(self, flux: Flux) -> dict[tuple[int, MultiIndex], sp.Expr]:
        """The parts of a flux without cell functions as SymPy, by (equation, fast left
        multi-index).
        """
        return {
            key: sp.Add(*[w * self.value(p) for p, w in c.items() if p.function is None])
            for key, c in flux.items()
        }

    def unsigned_flux(self, flux: Flux) -> Flux:
        """For comparisons: every coefficient that is minus an earlier one is written with that
        one.
        """
        result: Flux = {place: defaultdict(Fraction) for place in flux}
        for place, combination in flux.items():
            for product, weight in combination.items():
                number, sign = self.unsigned[product.coefficient]
                result[place][product._replace(coefficient=number)] += sign * weight
        return result

    def trimmed(self, flux: Flux) -> Flux:
        """Without D_y^left of coefficients that do not depend on a variable of it."""

        def vanishes(left: MultiIndex, product: Product) -> bool:
            if product.function is not None:
                return False
            c = self.expressions[product.coefficient]
            return any(n and not c.has(v) for n, v in zip(left, self.fast, strict=True))

        kept = {}
        for (row, left), combination in flux.items():
            rest = {p: w for p, w in combination.items() if not vanishes(left, p)}
            if rest:
                kept[row, left] = rest
        return kept


def derivative(c: sp.Expr, index: MultiIndex, variables: tuple[sp.Symbol, ...]) -> sp.Expr:
    """D^index c, carried out."""
    scale, c = c.as_coeff_Mul()  # a number in front is slow in SymPy's product rule
    for v, n in zip(variables, index, strict=True):
        if n:
            c = sp.diff(c, v, n)
    return scale * c
