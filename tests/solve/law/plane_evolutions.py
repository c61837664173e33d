"""Nonlinear evolutions on the unit torus of the plane, in layers whose limits have a closed form; and
a second method for both that shares no code with the package: trigonometric polynomials in space,
scipy in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import nhpinn_sym as nh

S = nh.Scales(2, time=True)
U, MU = S.unknown("u"), S.unknown("mu")
X, Y = S.x, S.y
G = S.grad(U)
A = 2 + sp.cos(2 * sp.pi * Y[0])
WAVE = sp.cos(2 * sp.pi * X[0]) * sp.cos(2 * sp.pi * X[1])
TRANSVERSE = sp.cos(2 * sp.pi * Y[1])
WELL = 1 + TRANSVERSE / 2
Array = Any


@dataclass(frozen=True)
class Torus:
    """Functions by their values at n x n points; eps: None for the limit."""

    eps: float | None
    n: int = 32

    @cached_property
    def points(self) -> Array:
        """(n^2, 2)."""
        line = np.arange(self.n) / self.n
        return np.stack([x.ravel() for x in np.meshgrid(line, line, indexing="ij")], axis=1)

    def _wave(self, axis: int) -> Array:
        if self.eps is None:
            return 0.0
        return np.cos(2 * np.pi * self.points[:, axis].reshape(self.n, self.n) / self.eps)

    @cached_property
    def transverse(self) -> Array:
        return self._wave(1)

    def conductivity(self, more: Array = 0.0) -> tuple[Array, Array]:
        """Of the layers A + more, across and along."""
        if self.eps is None:
            return np.sqrt((2 + more) ** 2 - 1), 2 + more
        return 2 + self._wave(0) + more, 2 + self._wave(0) + more

    def derivative(self, u: Array, axis: int) -> Array:
        waves = 2j * np.pi * np.fft.fftfreq(self.n, 1 / self.n)
        waves[self.n // 2] = 0.0
        return np.fft.ifft2(waves.reshape((-1, 1) if axis == 0 else (1, -1)) * np.fft.fft2(u)).real

    def div(self, rates: tuple[Array, Array], u: Array, gravity: float = 0.0) -> Array:
        """div( rates (grad u + gravity e_2) )."""
        across = rates[0] * self.derivative(u, 0)
        along = rates[1] * (self.derivative(u, 1) + gravity)
        return self.derivative(across, 0) + self.derivative(along, 1)


Rate = Callable[[Torus, Array], Array]


def scaled(rates: tuple[Array, Array], factor: Array) -> tuple[Array, Array]:
    return rates[0] * factor, rates[1] * factor


def richards(t: Torus, u: Array) -> Array:
    held = (1 + t.transverse / 2) * np.exp(u)
    return t.div(scaled(t.conductivity(), np.exp(u)), u, gravity=1.0) / held


def quasilinear(t: Torus, u: Array) -> Array:
    return t.div(t.conductivity(u**2), u) / 4


def cahn_hilliard(t: Torus, u: Array) -> Array:
    well = (1 + t.transverse / 2) * (u**3 - u)
    return t.div(t.conductivity(), well - t.div(t.conductivity(), u) / 100)


def porous(t: Torus, u: Array) -> Array:
    return t.div(t.conductivity(), u**2)


def allen_cahn(t: Torus, u: Array) -> Array:
    return t.div(t.conductivity(), u) / 20 + 20 * (1 + t.transverse / 2) * (u - u**3)


def reaction(t: Torus, u: Array) -> Array:
    """N = -20 cos(2 pi y2) u^2 / pi^2, and -<g_s N> = 400 u^3 / pi^2."""
    source = 400 * u**3 / np.pi**2 if t.eps is None else -40 * t.transverse * u**2 / t.eps
    return t.div((1.0, 1.0), u) + source


def shear(t: Torus, u: Array) -> Array:
    """Taylor's dispersion at the Peclet number 1 + u."""
    if t.eps is None:
        return t.div((1 + 25 * (1 + u) ** 2 / (8 * np.pi**2), 1.0), u)
    return t.div((1.0, 1.0), u) - 5 * t.transverse * t.derivative(u + u**2 / 2, 0) / t.eps


class Case(NamedTuple):
    """An evolution and, by the second method, d_t u of it and of its limit."""

    equations: list[Any]
    start: Any
    end: float
    rate: Rate

    @property
    def problem(self) -> nh.MultiscaleProblem:
        return nh.MultiscaleProblem(
            [sp.Eq(equation, 0) for equation in self.equations],
            scales=S,
            unknown=[U, MU][: len(self.equations)],
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Periodic()],
            initial=[nh.Initial(self.start, unknown=U)],
            final_time=self.end,
            ranges={U: (sp.Rational(1, 10), 2) if self.rate is porous else (-2, 2)},
        )

    def by_spectra(self, torus: Torus) -> Array:
        """u at the end at the points of the torus."""
        shape = torus.n, torus.n

        def rate(t: float, u: Array) -> Array:
            return self.rate(torus, u.reshape(shape)).ravel()

        start = sp.lambdify([*X], self.start)(*torus.points.T)
        method = "BDF" if self.rate is cahn_hilliard else "RK45"
        return solve_ivp(rate, (0, self.end), start, method=method, rtol=1e-6, atol=1e-8).y[:, -1]


EPS = sp.Rational(1, 2)
FLOW = sp.Matrix([5 * TRANSVERSE, 0])
CASES = {
    "Richards": Case(
        [S.dt(WELL * sp.exp(U)) - S.div(A * sp.exp(U) * (G + sp.Matrix([0, 1])))],
        WAVE / 2 - 1,
        0.02,
        richards,
    ),
    "quasilinear": Case([S.dt(U) - S.div((A + U**2) * G / 4)], 1 + WAVE, 0.05, quasilinear),
    "Cahn-Hilliard": Case(
        [
            S.dt(U) - S.div(A * S.grad(MU)),
            WELL * (U**3 - U) - S.div(A * G / 100) - MU,
        ],
        sp.Rational(1, 10) + WAVE / 4,
        0.01,
        cahn_hilliard,
    ),
    "porous medium": Case([S.dt(U) - S.div(A * S.grad(U**2))], 1 + WAVE / 2, 0.01, porous),
    "Allen-Cahn": Case(
        [S.dt(U) - S.div(A * G / 20) + 20 * WELL * (U**3 - U)], WAVE * 9 / 10, 0.1, allen_cahn
    ),
    "reaction of size 1/eps": Case(
        [S.dt(U) - S.laplacian(U) + 40 * TRANSVERSE * U**2 / S.eps],
        (1 + WAVE) / 4,
        0.01,
        reaction,
    ),
    "shear": Case(
        [S.dt(U) - S.laplacian(U) + FLOW.dot(S.grad(U + U**2 / 2)) / S.eps],
        (1 + WAVE) / 4,
        0.01,
        shear,
    ),
}


def distance(found: Array, exact: Array) -> float:
    """Relative, in L2."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
