"""Sums of products (coefficient derivative) x (cell function derivative) with rational weights, as
dicts of integers.

This is what keeps the recursion fast and in divergence form: SymPy is touched by the parser and the
printer alone.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import comb
from typing import NamedTuple, TypeVar

from ..operator.table import MultiIndex


class Function(NamedTuple):
    """Component `component` of cell function number `number`."""

    number: int
    component: int


class Product(NamedTuple):
    """D^slope(coefficient) * D^derivative(function); function None is the constant 1.

    `slope` counts derivatives by (x, t); `derivative` by (x, t) first, then by the fast
    coordinates.
    """

    coefficient: int
    slope: MultiIndex
    function: Function | None
    derivative: MultiIndex


class Pairing(NamedTuple):
    """D_y^derivative(weight) * product, to be averaged over the cell; weight None is the constant
    1.
    """

    product: Product
    weight: Function | None
    derivative: MultiIndex


Combination = Mapping[Product, Fraction]
Averages = Mapping[Pairing, Fraction]

Flux = dict[tuple[int, MultiIndex], dict[Product, Fraction]]
"""{(equation, fast left multi-index): combination}: sum of D_y^left( combination ) in each
equation.
"""

MacroscopicSource = tuple[int | None, MultiIndex]
"""(field, alpha): the source D^alpha U_field of a corrector, alpha over (x, t), or over x where
there is no time; field None is the source term of the equation.
"""

MacroscopicTerm = tuple[int, MultiIndex, int | None, MultiIndex]
"""(equation, left, field, right): the term D^left( h D^right U_field ), multi-indices over (x, t).
"""


Place = TypeVar("Place")
Summand = TypeVar("Summand")


def empty_averages() -> dict[Pairing, Fraction]:
    """A sum of averages to which weights are added."""
    return defaultdict(Fraction)


def empty_flux() -> Flux:
    """A flux to whose combinations weights are added."""
    return defaultdict(_empty_combination)


def _empty_combination() -> dict[Product, Fraction]:
    return defaultdict(Fraction)


def without_zeros(
    sums: Mapping[Place, Mapping[Summand, Fraction]],
) -> dict[Place, dict[Summand, Fraction]]:
    """The sums without summands that cancelled, and without sums of which nothing is left."""
    found = {place: {k: w for k, w in one.items() if w} for place, one in sums.items()}
    return {place: one for place, one in found.items() if one}


@cache
def leibniz(index: MultiIndex, parts: int) -> tuple[tuple[tuple[MultiIndex, ...], int], ...]:
    """The ways to share the derivatives of `index` among `parts` factors, with multinomial
    weights.
    """
    return tuple(_shares(index, parts))


def _shares(index: MultiIndex, parts: int) -> Iterator[tuple[tuple[MultiIndex, ...], int]]:
    if parts == 1:
        yield (index,), 1
        return
    for first in itertools.product(*(range(n + 1) for n in index)):
        weight = 1
        for n, k in zip(index, first, strict=True):
            weight *= comb(n, k)
        for others, more in _shares(
            tuple(n - k for n, k in zip(index, first, strict=True)), parts - 1
        ):
            yield (first, *others), weight * more


def normalized(flux: Flux) -> tuple[tuple[object, ...], int]:
    """(key, sign): two fluxes with equal keys are equal up to the quotient of their signs."""
    rows = sorted((place, sorted(c.items(), key=_printed)) for place, c in flux.items())
    sign = 1 if rows[0][1][0][1] > 0 else -1
    return (
        tuple(
            (place, tuple((product, sign * weight) for product, weight in row))
            for place, row in rows
        ),
        sign,
    )


def _printed(item: tuple[Product, Fraction]) -> tuple[int, MultiIndex, Function, MultiIndex]:
    product = item[0]
    return (
        product.coefficient,
        product.slope,
        product.function or Function(-1, -1),
        product.derivative,
    )


@dataclass(frozen=True)
class Corrector:
    """Function `number` of level `level` (`Recursion.power`): A_0 N = -sum D_y^left( flux ) less
    its mean, for the macroscopic sources (key, sign).

    `solvable`: its mean is zero by the Fredholm condition; `varies`: it may depend on the slow
    variables.
    """

    number: int
    level: int
    sources: tuple[tuple[MacroscopicSource, int], ...]
    flux: Flux
    solvable: bool
    varies: bool
