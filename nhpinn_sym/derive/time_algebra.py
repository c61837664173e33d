"""Differential operators that oscillate in tau, as Fourier series in tau, and their averages to any order.

An operator is {m: {Place: c}}: the sum of exp(i m omega tau) eps^power c D^right u_field in an
equation, derivatives carried out to the right, multi-indices over (x, t) and then y. Field None is
the constant 1, a source. With real data an average is real: what is imaginary in it cancels.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..operator.sampling import is_opaque
from ..operator.table import FastAxis, MultiIndex, Table, add, subtract, unit
from ..operator.zero import is_analytic, is_zero
from ..problem.errors import UnsupportedError
from .law import split_angles

_SAMPLES = 256
"""Points of a period of tau at which a function of tau alone is sampled for its Fourier series."""
_NEGLIGIBLE = 1e-15
_ROUNDING = 1e-12
_LARGEST = 20_000
"""Products of coefficients in one average, beyond which it is refused rather than waited for."""
_SHORT = 300
_REMEDY = "use a larger or smaller power of eps, fast_time=2, or coefficients that do not oscillate in t"


class Place(NamedTuple):
    """eps^power D^right u_field in an equation."""

    power: sp.Rational
    equation: int
    field: int | None
    right: MultiIndex


Oscillating = Mapping[int, Mapping[Place, sp.Expr]]
"""{m: {place: coefficient}}."""


@dataclass
class TimeAlgebra:
    """Sums, products, primitives and means of oscillating operators; terms above the power `highest` of eps are dropped.

    variables: (x, t) and y. Errors: UnsupportedError for coefficients that are not analytic, or whose Fourier series in tau is not found.
    """

    variables: tuple[sp.Symbol, ...]
    tau: FastAxis
    highest: sp.Rational
    components: int
    real: bool
    work: int = 0
    series: dict[sp.Expr, dict[int, sp.Expr]] = field(default_factory=dict)

    @property
    def time(self) -> sp.Symbol:
        """t."""
        return next(v for k, v in enumerate(self.variables) if k == self.tau.slow)

    @property
    def clock(self) -> Oscillating:
        """d_t."""
        index = unit(self.tau.slow, len(self.variables))
        return {0: {Place(sp.Integer(0), i, i, index): sp.Integer(1) for i in range(self.components)}}

    def factors(self, rows: Sequence[sp.Expr]) -> Oscillating:
        """Equation i multiplied by rows[i]."""
        zero = (0,) * len(self.variables)
        found: dict[int, dict[Place, sp.Expr]] = defaultdict(dict)
        for i, c in enumerate(rows):
            for m, value in self.harmonics(c).items():
                found[m][Place(sp.Integer(0), i, i, zero)] = value
        return dict(found)

    def in_time(self, a: Oscillating) -> Oscillating:
        """The slow time derivative of the coefficients."""
        return {m: {p: sp.diff(c, self.time) for p, c in row.items() if c.has(self.time)} for m, row in a.items()}

    def operator(self, powers: Mapping[sp.Rational, Table]) -> Oscillating:
        """The expanded tables D^left( c D^right u ), their outer derivatives carried out."""
        found: dict[int, dict[Place, list[sp.Expr]]] = defaultdict(lambda: defaultdict(list))
        for power, table in powers.items():
            for term, c in table.items():
                for m, part in self.harmonics(c).items():
                    for on_c, rest, count in _shares(term.left):
                        right = add(rest, term.right) if term.field is not None else rest
                        if term.field is None and any(rest):
                            continue
                        place = Place(sp.Rational(power), term.equation, term.field, right)
                        found[m][place].append(count * self._derivative(part, on_c))
        return _summed(found)

    def product(self, a: Oscillating, b: Oscillating) -> Oscillating:
        """a(b u)."""
        found: dict[int, dict[Place, list[sp.Expr]]] = defaultdict(lambda: defaultdict(list))
        for m, n in itertools.product(a, b):
            for (p, c), (q, d) in itertools.product(a[m].items(), b[n].items()):
                if p.field == q.equation and p.power + q.power <= self.highest:
                    for place, value in self._applied(p, c, q, d):
                        found[m + n][place].append(value)
        return _summed(found)

    def _applied(self, p: Place, c: sp.Expr, q: Place, d: sp.Expr) -> Iterator[tuple[Place, sp.Expr]]:
        """c D^alpha( d D^beta u ) by the product rule."""
        for on_d, rest, count in _shares(p.right):
            if q.field is None and any(rest):
                continue
            self.work += 1
            if self.work > _LARGEST:
                raise UnsupportedError(f"a time-ordered average of more than {_LARGEST} products", term=f"{self.tau.symbol} = t/eps^{self.tau.power}",
                                       remedy=_REMEDY)
            slope = self._derivative(d, on_d)
            if slope != 0:
                yield Place(p.power + q.power, p.equation, q.field, add(rest, q.right)), count * c * slope

    def _derivative(self, c: sp.Expr, index: MultiIndex) -> sp.Expr:
        for v, n in zip(self.variables, index, strict=True):
            if n and c.has(v):
                self._require_analytic(c)
                c = sp.diff(c, v, n)
            elif n:
                return sp.Integer(0)
        return c

    def _require_analytic(self, c: sp.Expr) -> None:
        if not is_analytic(c) or is_opaque(c):
            raise UnsupportedError("a time-ordered average needs the derivative of a coefficient that jumps, has kinks, or has no formula", term=c,
                                   remedy=_REMEDY)

    def scaled(self, a: Oscillating, factor: sp.Expr, power: object = 0) -> Oscillating:
        """eps^power factor a."""
        return {m: {p._replace(power=p.power + power): factor * c for p, c in row.items()} for m, row in a.items()}

    def primitive(self, a: Oscillating) -> Oscillating:
        """The integral over tau of zero mean, of what has none."""
        length = self.tau.interval[1] - self.tau.interval[0]
        return {m: {p: c * length / (2 * sp.pi * sp.I * m) for p, c in row.items()} for m, row in a.items() if m}

    def slope(self, a: Oscillating) -> Oscillating:
        """d_tau a."""
        length = self.tau.interval[1] - self.tau.interval[0]
        return {m: {p: c * 2 * sp.pi * sp.I * m / length for p, c in row.items()} for m, row in a.items() if m}

    def mean(self, a: Oscillating) -> Oscillating:
        """The mean over tau, its coefficients in a short form, without those that vanish identically."""
        row = {p: self._realized(c) for p, c in a.get(0, {}).items()}
        return {0: {p: _tidied(c) for p, c in row.items() if not is_zero(c)}}

    def _realized(self, c: sp.Expr) -> sp.Expr:
        """Without the imaginary terms, which cancel by identities where the data are real."""
        return sp.Add(*[t for t in sp.Add.make_args(sp.expand(c)) if not t.has(sp.I)]) if self.real else c

    def harmonics(self, c: sp.Expr) -> dict[int, sp.Expr]:
        """{m: c_m} with c = sum_m c_m exp(i m omega tau): exact for trigonometric polynomials in tau, by sampling for other factors in tau alone."""
        tau = self.tau.symbol
        if not c.has(tau):
            return {0: c}
        if c not in self.series:
            self._require_analytic(c)
            found: dict[int, list[sp.Expr]] = defaultdict(list)
            for part in sp.Add.make_args(sp.expand(split_angles(c, (tau,)))):
                other, timely = part.as_independent(tau, as_Add=False)
                for m, value in self._modes(timely, c).items():
                    found[m].append(other * value)
            self.series[c] = {m: sp.expand(sp.Add(*parts)) for m, parts in found.items()}
        return self.series[c]

    def _modes(self, g: sp.Expr, whole: sp.Expr) -> dict[int, sp.Expr]:
        """The Fourier coefficients of a function of tau alone."""
        exact = self._exact_modes(g)
        if exact is not None:
            return exact
        if g.free_symbols != {self.tau.symbol}:
            raise UnsupportedError("a time-ordered average of a coefficient that is no sum of products of a function of tau and one of x and y",
                                   term=whole, remedy=_REMEDY)
        start, end = (float(v) for v in self.tau.interval)
        ticks = start + (end - start) * np.arange(_SAMPLES) / _SAMPLES
        values = np.broadcast_to(sp.lambdify(self.tau.symbol, g, "numpy")(ticks), ticks.shape)
        modes = np.fft.fft(values) / _SAMPLES
        size = float(np.abs(modes).max())
        if not np.abs(modes[_SAMPLES // 4 : -_SAMPLES // 4]).max() < 10 * _NEGLIGIBLE * size:
            raise UnsupportedError("a time-ordered average of a coefficient that is not smooth in tau", term=whole, remedy=_REMEDY)
        kept = [m for m in range(-_SAMPLES // 4, _SAMPLES // 4) if abs(modes[m]) > _NEGLIGIBLE * size]
        phase = np.exp(-2j * np.pi * start / (end - start))
        return {m: _number(complex(modes[m] * phase**m)) for m in kept}

    def _exact_modes(self, g: sp.Expr) -> dict[int, sp.Expr] | None:
        """Those of a trigonometric polynomial; None for anything else."""
        length, found = self.tau.interval[1] - self.tau.interval[0], defaultdict[int, sp.Expr](lambda: sp.Integer(0))
        for part in sp.Add.make_args(sp.expand(g.rewrite(sp.exp))):
            number, wave = part.as_independent(self.tau.symbol, as_Add=False)
            exponent = sp.log(wave) if wave == 1 else wave.args[0] if isinstance(wave, sp.exp) else None
            if exponent is None:
                return None
            slope = sp.diff(exponent, self.tau.symbol)
            m = sp.simplify(slope * length / (2 * sp.pi * sp.I))
            if not m.is_Integer:
                return None
            found[int(m)] += number * sp.exp(sp.expand(exponent - slope * self.tau.symbol))
        return dict(found)


def _number(value: complex) -> sp.Expr:
    return sp.Float(value.real, 17) + sp.I * sp.Float(value.imag, 17)


def _shares(index: MultiIndex) -> Iterator[tuple[MultiIndex, MultiIndex, int]]:
    """(on the first factor, on the second, weight) of D^index of a product."""
    for first in itertools.product(*(range(n + 1) for n in index)):
        weight = 1
        for n, k in zip(index, first, strict=True):
            weight *= comb(n, k)
        yield first, subtract(index, first), weight


def _summed(found: Mapping[int, Mapping[Place, list[sp.Expr]]]) -> Oscillating:
    """The sums, expanded so that what cancels is gone."""
    sums = {m: {p: _sum(parts) for p, parts in row.items()} for m, row in found.items()}
    kept = {m: {p: c for p, c in row.items() if c != 0} for m, row in sums.items()}
    return {m: row for m, row in kept.items() if row}


def _sum(parts: Iterable[sp.Expr]) -> sp.Expr:
    """A sum by monomials; floating-point numbers that cancel up to rounding are zero."""
    total: dict[sp.Expr, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    size: dict[sp.Expr, float] = defaultdict(float)
    for part in parts:
        for monomial in sp.Add.make_args(sp.expand(part)):
            number, rest = monomial.as_coeff_Mul()
            total[rest] += number
            size[rest] += abs(complex(number))
    kept = {r: n for r, n in total.items() if not n.has(sp.Float) or abs(complex(n)) > _ROUNDING * size[r]}
    return sp.Add(*[n * r for r, n in kept.items()])


def combined(parts: Iterable[tuple[int, Oscillating]]) -> Oscillating:
    """A sum with signs."""
    found: dict[int, dict[Place, list[sp.Expr]]] = defaultdict(lambda: defaultdict(list))
    for sign, operator in parts:
        for m, row in operator.items():
            for place, c in row.items():
                found[m][place].append(sign * c)
    return _summed(found)


def _tidied(c: sp.Expr) -> sp.Expr:
    """A shorter form: products of sines as sums, if that is one."""
    if c.count_ops() > _SHORT or not c.has(sp.sin, sp.cos):
        return c
    other = sp.expand(sp.fu(c, measure=lambda e: e.count_ops())) if c.count_ops() < _SHORT // 3 else c
    return min(c, other, key=lambda e: e.count_ops())
