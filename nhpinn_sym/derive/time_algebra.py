"""Differential operators that oscillate in tau, and their averages to any order.

An operator is {OscillatingTerm: series}: the sum of eps^power c D^right u_field in an equation,
derivatives carried out to the right, multi-indices over (x, t) and then y, c a series in (tau, y).
Field None is the constant 1, a source.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import NamedTuple

import sympy as sp

from ..operator.table import MultiIndex, Table, add, subtract, unit
from ..operator.zero_test import is_zero
from ..problem.errors import UnsupportedError
from .trigonometric import REMEDY, Series, SeriesSum, Trigonometry, summed

# Products of waves in one average, beyond which it is refused rather than waited for.
_LARGEST = 1_000_000

# SymPy multiplies what is no number: a product of waves then costs about as many of numbers.
_SLOWER = 20


class OscillatingTerm(NamedTuple):
    """eps^power D^right u_field in an equation."""

    power: sp.Rational
    equation: int
    field: int | None
    right: MultiIndex


Oscillating = Mapping[OscillatingTerm, Series]


@dataclass
class TimeAlgebra:
    """Sums, products, primitives and means of oscillating operators; terms above the power
    `highest` of eps are dropped.

    variables: (x, t) and y, `time` the place of t among them. Errors: those of `Trigonometry`.
    """

    series: Trigonometry
    variables: tuple[sp.Symbol, ...]
    time: int
    components: int
    highest: sp.Rational
    work: int = 0

    @property
    def clock(self) -> Oscillating:
        """d_t."""
        index = unit(self.time, len(self.variables))
        return {
            OscillatingTerm(sp.Integer(0), i, i, index): self.series.number(Fraction(1))
            for i in range(self.components)
        }

    def factors(self, rows: Sequence[sp.Expr]) -> Oscillating:
        """Equation i multiplied by rows[i]."""
        zero = (0,) * len(self.variables)
        return {
            OscillatingTerm(sp.Integer(0), i, i, zero): self.series.read(c)
            for i, c in enumerate(rows)
            if c != 0
        }

    def operator(self, powers: Mapping[sp.Rational, Table]) -> Oscillating:
        """The expanded tables D^left( c D^right u ), their outer derivatives carried out."""
        found: dict[OscillatingTerm, list[tuple[int, Series]]] = defaultdict(list)
        for power, table in powers.items():
            for term, c in table.items():
                for on_c, rest, count in _shares(term.left):
                    if term.field is None and any(rest):
                        continue
                    right = add(rest, term.right)
                    place = OscillatingTerm(sp.Rational(power), term.equation, term.field, right)
                    found[place].append((count, self._derivative(self.series.read(c), on_c)))
        return _kept((place, summed(parts)) for place, parts in found.items())

    def product(self, a: Oscillating, b: Oscillating) -> Oscillating:
        """a(b u)."""
        found: dict[OscillatingTerm, SeriesSum] = defaultdict(SeriesSum)
        slopes: dict[tuple[OscillatingTerm, MultiIndex], Series] = {}
        for (p, c), (q, d) in itertools.product(a.items(), b.items()):
            power = p.power + q.power
            # Terms of higher powers vanish in the limit, and so do all products with them.
            if p.field != q.equation or power > self.highest:
                continue
            for on_d, rest, count in _shares(p.right):
                if q.field is None and any(rest):
                    continue
                if (q, on_d) not in slopes:
                    # Most terms share the coefficient that they differentiate.
                    slopes[q, on_d] = self._derivative(d, on_d)
                slope = slopes[q, on_d]
                self._count(_effort(c, slope))
                place = OscillatingTerm(power, p.equation, q.field, add(rest, q.right))
                total = found[place]
                for wave, number in self.series.products(c, slope):
                    total.add(wave, count * number)
        return _kept((place, total.series()) for place, total in found.items())

    def _count(self, more: int) -> None:
        self.work += more
        if self.work > _LARGEST:
            raise UnsupportedError(
                f"a time-ordered average of more than {_LARGEST} products of waves",
                term=self.series.fast[0],
                remedy=REMEDY,
            )

    def _derivative(self, c: Series, index: MultiIndex) -> Series:
        for v, n in zip(self.variables, index, strict=True):
            for _ in range(n):
                c = self.series.derivative(c, v)
        return c

    def scaled(self, a: Oscillating, sign: int, power: object = 0) -> Oscillating:
        """sign eps^power a."""
        return {
            p._replace(power=p.power + power): {w: sign * n for w, n in c.items()}
            for p, c in a.items()
        }

    def primitive(self, a: Oscillating) -> Oscillating:
        """The integral over tau of zero mean, of what has none."""
        return _kept((p, self.series.primitive(c)) for p, c in a.items())

    def slope(self, a: Oscillating) -> Oscillating:
        """d_tau a."""
        return _kept((p, self.series.derivative(c, self.series.fast[0])) for p, c in a.items())

    def in_time(self, a: Oscillating) -> Oscillating:
        """The slow time derivative of the coefficients."""
        return _kept(
            (p, self.series.derivative(c, self.variables[self.time])) for p, c in a.items()
        )

    def mean(self, a: Oscillating) -> Oscillating:
        """The mean over tau."""
        return _kept((p, {w: n for w, n in c.items() if not w.modes[0]}) for p, c in a.items())

    def written(self, a: Oscillating, *, real: bool) -> dict[OscillatingTerm, sp.Expr]:
        """An operator without tau as expressions, those left out that vanish identically."""
        found = {p: self.series.written(c, real=real) for p, c in a.items()}
        return {p: c for p, c in found.items() if not is_zero(c)}


def _effort(a: Series, b: Series) -> int:
    """The products of waves, those with other factors counted as many: SymPy multiplies them."""
    mixed = any(w.other != 1 for w in a) or any(w.other != 1 for w in b)
    return len(a) * len(b) * (_SLOWER if mixed else 1)


def combined_operators(parts: Iterable[tuple[int, Oscillating]]) -> Oscillating:
    """A combination of operators."""
    found: dict[OscillatingTerm, list[tuple[int, Series]]] = defaultdict(list)
    for sign, operator in parts:
        for place, c in operator.items():
            found[place].append((sign, c))
    return _kept((place, summed(series)) for place, series in found.items())


def ordered_averages(
    algebra: TimeAlgebra, e: Oscillating, k: sp.Rational, count: int
) -> list[Oscillating]:
    """G_1, ..., G_count of (eps^-k d_tau + d_t + E) P = P (d_t + sum_n G_n), P = 1 + sum_n P_n,
    <P_n> = 0 (Magnus 1954; Sanders, Verhulst 1985).

    d_tau P_n = -eps^k ( E P_(n-1) + d_t P_(n-1) - sum_j P_j G_(n-1-j) ), G_n = <E P_n>; d_t is that
    of the coefficients.
    """
    shapes: list[Oscillating] = []  # P_1, P_2, ...
    means = [algebra.mean(e)]
    for n in range(1, count + 1):
        parts = [(1, e)]
        if n > 1:
            parts = [(1, algebra.product(e, shapes[-1])), (1, algebra.in_time(shapes[-1]))]
            parts += [(-1, algebra.product(shapes[j], means[n - 2 - j])) for j in range(n - 1)]
        shapes.append(algebra.scaled(algebra.primitive(combined_operators(parts)), -1, k))
        means.append(algebra.mean(algebra.product(e, shapes[-1])))
    return means[1:]


def wave_averages(
    algebra: TimeAlgebra, e: Oscillating, damping: Oscillating, k: sp.Rational, count: int
) -> list[Oscillating]:
    """C_1, ..., C_count of D^2 + d D + E, D = eps^-k d_tau + d_t, for u = (1 + sum_j Q_j) v, <Q_j>
    = 0: v_tt + <d> v_t + <E> v + sum_j C_j v.

    d_tau^2 Q_j = -( eps^k (2 d_t + d) d_tau Q_(j-1) + eps^2k (d_t^2 + d d_t + E) Q_(j-2) ) less its
    mean; C_j = <E Q_j> + <d d_t Q_j> + eps^-k <d d_tau Q_(j+1)>; d_t acts on coefficients and on v.
    """
    clock = algebra.clock
    rate = combined_operators([(2, clock), (1, damping)])
    acceleration = algebra.product(clock, clock)
    whole = combined_operators([(1, acceleration), (1, algebra.product(damping, clock)), (1, e)])
    shapes: list[Oscillating] = [{}]  # Q_1 = 0, Q_2, ...
    for j in range(2, count + 2):
        by_rate = algebra.product(rate, algebra.slope(shapes[-1]))
        earlier = whole if j == 2 else algebra.product(whole, shapes[j - 3])
        right = [(1, algebra.scaled(by_rate, 1, k)), (1, algebra.scaled(earlier, 1, 2 * k))]
        twice = algebra.primitive(algebra.primitive(combined_operators(right)))
        shapes.append(algebra.scaled(twice, -1))
    found = []
    for here, following in itertools.pairwise(shapes):
        damped = algebra.product(damping, algebra.slope(following))
        parts = [
            (1, algebra.product(e, here)),
            (1, algebra.product(damping, algebra.product(clock, here))),
            (1, algebra.scaled(damped, 1, -k)),
        ]
        found.append(algebra.mean(combined_operators(parts)))
    return found


def _shares(index: MultiIndex) -> Iterator[tuple[MultiIndex, MultiIndex, int]]:
    """(on the first factor, on the second, weight) of D^index of a product."""
    for first in itertools.product(*(range(n + 1) for n in index)):
        weight = 1
        for n, k in zip(index, first, strict=True):
            weight *= comb(n, k)
        yield first, subtract(index, first), weight


def _kept(parts: Iterable[tuple[OscillatingTerm, Series]]) -> Oscillating:
    return {place: c for place, c in parts if c}
