"""Floquet-Bloch exponents of 1D parabolic equations with a fast time t/eps^k, and their expansion
in eps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import scipy.linalg

from .spaces import Array

Wave = Callable[[Array, Array], Array]
"""A function of (y, tau), of period 1 in both."""


def zero(y: Array, tau: Array) -> Array:
    return 0.0 * y


@dataclass(frozen=True)
class Fast:
    """rho u_t - (a u_x)_x + b u_x/eps + first u/eps + r u/eps^2 = 0, coefficients in (x/eps,
    t/eps^k).
    """

    power: Fraction
    a: Wave
    b: Wave = zero
    first: Wave = zero
    r: Wave = zero
    rho: Wave = field(default=lambda y, tau: 1.0 + 0.0 * y)
    modes: int = 6

    def exponents(self, sizes: Array) -> Array:
        """(l0, l1, l2) at every eps: lambda = l0 + l1 (i k eps) + l2 (i k eps)^2 + ... by Hill's
        matrix in y and tau.

        u = exp(-lambda t/eps^2 + i k x) w(y, tau). The exponents lambda + 2 pi i j eps^(2-k) belong
        to one solution;
        at k = 0 that of j = 0 is real. It is found at the first eps among all and followed to the
        next by Newton's method.
        """
        n = self.modes
        index = np.arange(-n, n + 1)
        p, q = (g.ravel() for g in np.meshgrid(index, index, indexing="ij"))
        slope, a, b = 2j * np.pi * p, self._matrix(self.a), self._matrix(self.b)
        mass, first = self._matrix(self.rho), self._matrix(self.first)
        steady = -slope[:, None] * a * slope + b * slope + self._matrix(self.r)
        part = -(slope[:, None] * a + a * slope) + b
        found, start = [], None
        for eps in sizes:
            zero = steady + eps * first + eps ** float(2 - self.power) * mass * (2j * np.pi * q)
            start = _followed(zero, mass, start or _lowest(zero, mass, abs(q) == n))
            lowest, right, left = start
            left = left / np.conj(left.conj() @ (mass @ right))
            drift = left.conj() @ (part @ right)
            whole = _bordered(zero - lowest * mass, mass @ right, mass.conj().T @ left)
            moved = np.linalg.solve(whole, np.append(drift * (mass @ right) - part @ right, 0.0))[
                :-1
            ]
            second = left.conj() @ (-(a @ right) + part @ moved - drift * (mass @ moved))
            found.append((lowest, drift.real, second.real))
        return np.array(found)

    def _matrix(self, function: Wave) -> Array:
        """Multiplication by `function` between the waves |p|, |q| <= modes."""
        n = self.modes
        count = 4 * n + 4
        grid = np.arange(count) / count
        values = function(*np.meshgrid(grid, grid, indexing="ij"))
        series = np.fft.fft2(values) / count**2
        index = np.arange(-n, n + 1)
        p, q = (g.ravel() for g in np.meshgrid(index, index, indexing="ij"))
        return series[np.subtract.outer(p, p) % count, np.subtract.outer(q, q) % count]


Triple = tuple[float, Array, Array]


def _bordered(matrix: Array, column: Array, row: Array) -> Array:
    return np.block([[matrix, column[:, None]], [row.conj()[None, :], np.zeros((1, 1))]])


def _lowest(zero: Array, mass: Array, edge: Array) -> Triple:
    """The real exponent of the smallest real part with its right and left vectors, among those that
    the modes resolve.
    """
    found, lefts, rights = scipy.linalg.eig(zero, mass, left=True)
    weight = np.abs(rights) ** 2
    inner = np.flatnonzero(weight[edge].sum(axis=0) < 1e-3 * weight.sum(axis=0))
    near = inner[found.real[inner] < found.real[inner].min() + 2.0]
    at = near[np.argmin(abs(found.imag[near]))]
    return float(found[at].real), rights[:, at], lefts[:, at]


def _followed(zero: Array, mass: Array, start: Triple) -> Triple:
    """Newton's method for the exponent and its vectors, from those of a nearby matrix."""
    lowest, right, left = start
    for _ in range(6):
        whole = _bordered(zero - lowest * mass, mass @ right, right)
        step = np.linalg.solve(whole, np.append(-(zero @ right - lowest * (mass @ right)), 0.0))
        right, lowest = right + step[:-1], lowest - step[-1].real
    adjoint = (zero - lowest * mass).conj().T
    for _ in range(3):
        left = np.linalg.solve(_bordered(adjoint, right, left), np.append(0.0 * left, 1.0))[:-1]
        left = left / np.linalg.norm(left)
    return lowest, right, left


@dataclass(frozen=True)
class Expansion:
    """Limits of the exponents; `unbounded` names a term that grows as eps falls and is no lambda0
    and no drift.
    """

    lambda0: float
    drift: float
    A: float
    b: float
    c: float
    unbounded: str
    doubt: float


_ROUNDING = 1e-10
"""What the rounding of exponents at the smallest eps leaves in a fit, where two fits agree."""

_MORE_MODES = 2
"""So many more show what the modes leave out."""

_RANGES = {
    Fraction(1, 2): (0.2, 0.05),
    Fraction(1): (0.1, 0.012),
    Fraction(3, 2): (1e-2, 1.5e-4),
    Fraction(2): (0.3, 0.03),
    Fraction(5, 2): (1e-6, 2e-8),
    Fraction(3): (3e-3, 3e-4),
    Fraction(7, 2): (1e-2, 1.5e-3),
    Fraction(4): (0.02, 0.003),
}
"""Where the series in eps and eps^|k-2| converge fast, and rounding over eps^2 is small; for 5/2 it
is not, there c is not asked.
"""


def expansion(problem: Fast) -> Expansion:
    """Fit sums of the powers of eps that can occur to the exponents at decreasing eps."""
    sizes = np.geomspace(*_RANGES[problem.power], 12)
    found = problem.exponents(sizes)
    # All fits share the error of the modes that are left out.
    finer = replace(problem, modes=problem.modes + _MORE_MODES).exponents(sizes[:1])[0]
    scales = np.array([sizes[0] ** 2, sizes[0], 1.0])
    doubts, fits = [float(np.max(abs(finer - found[0]) / scales))], []
    for values, least in (
        (found[:, 0] / sizes**2, -2),
        (-found[:, 2], -1),
        (found[:, 1] / sizes, -1),
    ):
        powers = _powers(problem.power, least)
        fine, coarse = (
            _fitted(sizes, values, powers[:count]) for count in (len(powers), len(powers) - 1)
        )
        fits.append(fine)
        doubts.append(max(abs(fine[e] - coarse[e]) for e in coarse if e <= 0))
    c, A, b = fits
    limit = 10 * max(doubts) + 1e-4
    grows = [
        f"{name}: {fit[e]:.3g} eps^{e}"
        for name, fit, known in (("c", c, -2), ("A", A, None), ("b", b, -1))
        for e in fit
        if e < 0 and e != known and abs(fit[e]) > limit
    ]
    doubt = max(*doubts, _ROUNDING) / max(1.0, abs(A[0]))
    return Expansion(c[-2], b[-1], A[0], b[0], c[0], "; ".join(grows), doubt)


def _powers(power: Fraction, least: int) -> list[Fraction]:
    """The exponents of eps from `least` on that the two small numbers eps and eps^|k-2| make."""
    step = abs(power - 2)
    most = Fraction(3) if step != Fraction(1, 2) else Fraction(2)
    found = {Fraction(least + n) + m * step for n in range(7) for m in range(13)}
    return sorted(e for e in found if e <= most)


def _fitted(sizes: Array, values: Array, powers: list[Fraction]) -> dict[Fraction, float]:
    """Least squares with columns of norm one; values over eps^2 have an error of that size."""
    columns = np.array([sizes ** float(e) for e in powers]).T
    norms = np.linalg.norm(columns, axis=0)
    solution, *_ = np.linalg.lstsq(columns / norms, values, rcond=1e-15)
    return dict(zip(powers, (solution / norms).tolist(), strict=True))
