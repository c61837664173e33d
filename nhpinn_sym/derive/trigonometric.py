"""Coefficients as trigonometric polynomials in (tau, y), whose products and derivatives are exact
and cheap.

A series is {Wave: number}: the sum of number * i^imaginary * omega^powers * exp(i modes.omega.(tau,
y)) * other, omega the frequencies 2 pi/period, `other` what is no such polynomial (free of tau).
Rational numbers stay exact, so that what vanishes by phase is seen to vanish; floating-point
numbers that cancel up to rounding are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..operator.sampling import is_opaque
from ..operator.zero_test import is_analytic
from ..problem.errors import UnsupportedError
from .effective_law import split_angles

# Points of a period of tau at which a function of tau alone is sampled for its Fourier series.
_SAMPLES = 256
# Of a sine or cosine, which is as many waves.
_HIGHEST_POWER = 19
# Of Fourier coefficients by samples, relative to the largest: below rounding.
_NEGLIGIBLE = 1e-15
# Of a sum of floating-point numbers, relative to its parts: what is less has cancelled.
_ROUNDING = 1e-12
REMEDY = (
    "use a larger power of eps, fast_time=2, or coefficients that are sums of products "
    "of g(tau) and h(y)"
)

Number = Fraction | float


class Wave(NamedTuple):
    """i^imaginary omega^powers exp(i modes.omega.(tau, y)) other."""

    modes: tuple[int, ...]
    powers: tuple[int, ...]
    imaginary: int
    other: sp.Expr


Series = Mapping[Wave, Number]


class SeriesSum:
    """A sum that is being made: numbers by wave, and how large its parts were."""

    def __init__(self) -> None:
        self.numbers: dict[Wave, Number] = {}
        self.sizes: dict[Wave, float] = {}

    def add(self, wave: Wave, number: Number) -> None:
        self.numbers[wave] = self.numbers.get(wave, 0) + number
        if isinstance(number, float):
            self.sizes[wave] = self.sizes.get(wave, 0.0) + abs(number)

    def series(self) -> Series:
        """Without what cancels."""
        return {w: n for w, n in self.numbers.items() if n and not self._cancelled(w, n)}

    def _cancelled(self, wave: Wave, number: Number) -> bool:
        """Whether a floating-point sum is rounding."""
        return abs(float(number)) <= _ROUNDING * self.sizes.get(wave, -1.0)


@dataclass
class Trigonometry:
    """Reads, differentiates, multiplies and writes series.

    fast: (tau, y_1, ...); lengths: their periods. Errors: UnsupportedError where a coefficient is
    not analytic, or not a sum of products of a function of tau and one of the others.
    """

    fast: tuple[sp.Symbol, ...]
    lengths: tuple[sp.Expr, ...]
    start: sp.Expr
    known: dict[sp.Expr, Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.zero = (0,) * len(self.fast)
        self.omega = tuple(2 * sp.pi / length for length in self.lengths)

    def number(self, value: Number) -> Series:
        if value:
            return {Wave(self.zero, self.zero, 0, sp.Integer(1)): value}
        return {}

    def read(self, c: sp.Expr) -> Series:
        """The series of a coefficient."""
        if c not in self.known:
            total = SeriesSum()
            for part in sp.Add.make_args(sp.expand(split_angles(c, self.fast))):
                for wave, number in self._part(part, c).items():
                    total.add(wave, number)
            self.known[c] = total.series()
        return self.known[c]

    def _part(self, part: sp.Expr, whole: sp.Expr) -> Series:
        """A product of numbers, waves and other factors."""
        number, rest = part.as_coeff_Mul()
        if number.has(sp.Float):
            result = self.number(float(number))
        else:
            result = self.number(Fraction(int(number.p), int(number.q)))
        others: list[sp.Expr] = []
        timely: list[sp.Expr] = []
        for factor in sp.Mul.make_args(rest):
            known = self._factor(factor)
            if known is not None:
                result = self.product(result, known)
            elif factor.has(self.fast[0]):
                timely.append(factor)
            else:
                others.append(factor)
        if timely:
            result = self.product(result, self._sampled(sp.Mul(*timely), whole))
        other = sp.Mul(*others)
        return {w._replace(other=w.other * other): n for w, n in result.items()}

    def _factor(self, e: sp.Expr) -> Series | None:
        """I, or a power of a sine or cosine of a sum of whole multiples of omega times a
        coordinate, or an exponential of such; None otherwise.
        """
        if e == sp.I:
            return {self._wave(self.zero, 1): Fraction(1)}
        if isinstance(e, sp.exp):
            modes = self._modes(e.args[0] / sp.I)
            if modes is None:
                return None
            return {self._wave(modes): Fraction(1)}
        base, exponent = e.as_base_exp()
        if not isinstance(base, (sp.sin, sp.cos)):
            return None
        if not (exponent.is_Integer and 0 < exponent <= _HIGHEST_POWER):
            return None
        modes = self._modes(base.args[0])
        if modes is None:
            return None
        once = self._cosine(modes) if isinstance(base, sp.cos) else self._sine(modes)
        result = once
        for _ in range(int(exponent) - 1):
            result = self.product(result, once)
        return result

    def _wave(self, modes: tuple[int, ...], imaginary: int = 0) -> Wave:
        return Wave(modes, self.zero, imaginary, sp.Integer(1))

    def _cosine(self, modes: tuple[int, ...]) -> Series:
        """(e^{i phase} + e^{-i phase})/2."""
        back = tuple(-m for m in modes)
        return {self._wave(modes): Fraction(1, 2), self._wave(back): Fraction(1, 2)}

    def _sine(self, modes: tuple[int, ...]) -> Series:
        """-i (e^{i phase} - e^{-i phase})/2."""
        back = tuple(-m for m in modes)
        return {self._wave(modes, 1): -Fraction(1, 2), self._wave(back, 1): Fraction(1, 2)}

    def _modes(self, phase: sp.Expr) -> tuple[int, ...] | None:
        """The integers m with phase = sum m omega coordinate; None where it is something else."""
        rest = sp.expand(phase)
        found = []
        for v, omega in zip(self.fast, self.omega, strict=True):
            slope = sp.diff(rest, v)
            if slope.has(sp.Float):
                # A float such as 6.283185307 is meant as 2 pi.
                m = sp.nsimplify(slope / omega, rational=True)
            else:
                m = sp.cancel(slope / omega)
            if not m.is_Integer:
                return None
            found.append(int(m))
            rest = sp.expand(rest - slope * v)
        if rest == 0:
            return tuple(found)
        return None

    def _sampled(self, g: sp.Expr, whole: sp.Expr) -> Series:
        """A smooth function of tau alone by its values."""
        tau = self.fast[0]
        if g.free_symbols != {tau}:
            raise UnsupportedError(
                "a time-ordered average of a coefficient that is no sum of products of a "
                "function of tau and one of x and y",
                term=whole,
                remedy=REMEDY,
            )
        self.require_smooth(g)
        start = float(self.start)
        length = float(self.lengths[0])
        ticks = start + length * np.arange(_SAMPLES) / _SAMPLES
        values = np.broadcast_to(sp.lambdify(tau, g, "numpy")(ticks), ticks.shape)
        modes = np.fft.fft(values) / _SAMPLES
        size = float(np.abs(modes).max())
        # Half of the modes that the samples can tell apart: a function with more aliases into them
        # unseen.
        highest = _SAMPLES // 4
        if not np.abs(modes[highest:-highest]).max() < 10 * _NEGLIGIBLE * size:
            raise UnsupportedError(
                "a time-ordered average of a coefficient that is not smooth in tau",
                term=whole,
                remedy=REMEDY,
            )
        found = SeriesSum()
        for m in range(-highest, highest):
            # The transform counts phases from the first sample, waves from the origin.
            value = complex(modes[m] * np.exp(-2j * np.pi * m * start / length))
            index = (m, *self.zero[1:])
            for imaginary, part in enumerate((value.real, value.imag)):
                if abs(part) > _NEGLIGIBLE * size:
                    found.add(self._wave(index, imaginary), part)
        return found.series()

    def require_smooth(self, c: sp.Expr) -> None:
        """UnsupportedError where a coefficient has no derivatives."""
        if not is_analytic(c) or is_opaque(c):
            raise UnsupportedError(
                "a time-ordered average needs the derivative of a coefficient that jumps, "
                "has kinks, or has no formula",
                term=c,
                remedy=REMEDY,
            )

    def product(self, a: Series, b: Series) -> Series:
        total = SeriesSum()
        for wave, number in self.products(a, b):
            total.add(wave, number)
        return total.series()

    def products(self, a: Series, b: Series) -> Iterator[tuple[Wave, Number]]:
        """The parts of a product."""
        for p, x in a.items():
            for q, y in b.items():
                modes = tuple(map(int.__add__, p.modes, q.modes))
                powers = tuple(map(int.__add__, p.powers, q.powers))
                sign = -1 if p.imaginary and q.imaginary else 1
                other = _product_of_others(p.other, q.other)
                yield Wave(modes, powers, p.imaginary ^ q.imaginary, other), sign * x * y

    def derivative(self, a: Series, v: sp.Symbol) -> Series:
        """d_v a; v may be slow."""
        total = SeriesSum()
        place = self.fast.index(v) if v in self.fast else None
        for wave, number in a.items():
            if place is not None and wave.modes[place]:
                total.add(*self._turned(wave, number * wave.modes[place], place, 1))
            if wave.other.has(v):
                self.require_smooth(wave.other)
                bare = {wave._replace(other=sp.Integer(1)): number}
                for w, n in self.products(bare, self.read(sp.diff(wave.other, v))):
                    total.add(w, n)
        return total.series()

    def primitive(self, a: Series) -> Series:
        """The integral over tau of zero mean, of what has none."""
        total = SeriesSum()
        for wave, number in a.items():
            if wave.modes[0]:
                total.add(*self._turned(wave, -number / wave.modes[0], 0, -1))
        return total.series()

    def _turned(self, wave: Wave, number: Number, place: int, power: int) -> tuple[Wave, Number]:
        """number * i * omega_place^power * wave."""
        powers = tuple(p + power * (k == place) for k, p in enumerate(wave.powers))
        turned = wave._replace(powers=powers, imaginary=1 - wave.imaginary)
        return turned, -number if wave.imaginary else number

    def written(self, a: Series, *, real: bool) -> sp.Expr:
        """SymPy again; real: as sines and cosines, the waves m and -m of real data being
        conjugate.
        """
        parts = []
        for wave, number in a.items():
            first_mode = next((m for m in wave.modes if m), 0)
            # Of each conjugate pair one is written, with twice its real part.
            if real and first_mode < 0:
                continue
            scale = self._scale(wave, number)
            phase = self._phase(wave)
            if real:
                parts.append(_real(scale, phase, wave.imaginary))
            else:
                parts.append(scale * sp.I**wave.imaginary * sp.exp(sp.I * phase))
        return sp.Add(*parts)

    def _scale(self, wave: Wave, number: Number) -> sp.Expr:
        """What stands in front of i^imaginary e^{i phase}."""
        if isinstance(number, Fraction):
            value = sp.Rational(number.numerator, number.denominator)
        else:
            value = sp.Float(number, 17)
        powers = [w**p for w, p in zip(self.omega, wave.powers, strict=True)]
        return sp.Mul(value, *powers) * wave.other

    def _phase(self, wave: Wave) -> sp.Expr:
        parts = [m * w * v for m, w, v in zip(wave.modes, self.omega, self.fast, strict=True)]
        return sp.Add(*parts)


def _product_of_others(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """one * other; a product with 1 costs SymPy as much as any, and most are."""
    if one == 1:
        return other
    if other == 1:
        return one
    return one * other


def _real(scale: sp.Expr, phase: sp.Expr, imaginary: int) -> sp.Expr:
    """The wave and its conjugate."""
    if phase == 0:
        if imaginary:
            return sp.Integer(0)
        return scale
    if imaginary:
        return -2 * scale * sp.sin(phase)
    return 2 * scale * sp.cos(phase)


def summed(parts: Iterable[tuple[Number, Series]]) -> Series:
    """A combination of series."""
    total = SeriesSum()
    for factor, series in parts:
        for wave, number in series.items():
            total.add(wave, factor * number)
    return total.series()
