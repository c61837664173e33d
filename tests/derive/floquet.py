"""Floquet exponents of oscillating operators at a given eps, by dense Fourier matrices on the torus
of (y, tau): no line of the package is used.

u = exp(i xi.x - Lambda t) w(y, tau), y = x/eps, tau = t/eps^k, turns  sum_s rho_s (d_t)^s u + E u =
0  into one eigenvalue problem, of which Lambda is the eigenvalue whose function has the largest
mean. The law predicts rho Lambda = rho (lambda0/eps^2 + i xi.drift/eps) + c + i xi.b + xi.A xi  as
eps -> 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import scipy.linalg

from tests.symbolic import Array, slope

Value = Any
"""A number, or a function of (y_1, ..., tau)."""


@dataclass
class Floquet:
    """u_t or u_tt with a, b/eps (b.grad u), beta/eps (div(beta u)), r/eps, r2/eps^2; n points along
    every axis, odd.
    """

    dim: int
    k: float
    n: int = 15
    ticks: int = 15
    rho: Value = 1.0
    a: Value = 1.0
    b: tuple[Value, ...] = ()
    beta: tuple[Value, ...] = ()
    r: Value = 0.0
    r2: Value = 0.0
    c: Value = 0.0
    damping: Value = 0.0
    conservative: bool = False
    waves: bool = False

    def __post_init__(self) -> None:
        sizes = [self.n] * self.dim + [self.ticks]
        grids = np.meshgrid(*[np.arange(m) / m for m in sizes], indexing="ij")
        self.points = [g.ravel() for g in grids]
        self.slopes = [
            reduce(np.kron, [slope(m) if j == k else np.eye(m) for j, m in enumerate(sizes)])
            for k in range(self.dim + 1)
        ]

    def values(self, c: Value) -> Array:
        found = c(*self.points) if callable(c) else c
        return np.broadcast_to(np.asarray(found), self.points[0].shape)

    def space(self, eps: float, xi: Array) -> Array:
        """E on exp(i xi.x) w."""
        one = np.eye(len(self.points[0]))
        d = [s / eps + 1j * q * one for s, q in zip(self.slopes[:-1], xi, strict=True)]
        total = sum(-s @ (self.values(self.a)[:, None] * s) for s in d)
        for s, b in zip(d, self.b, strict=False):
            total = total + self.values(b)[:, None] * s / eps
        for s, b in zip(d, self.beta, strict=False):
            total = total + s * self.values(b) / eps
        return total + np.diag(
            self.values(self.r) / eps + self.values(self.r2) / eps**2 + self.values(self.c)
        )

    def exponent(self, eps: float, xi: Array) -> complex:
        """Lambda; for waves the product of the two slow exponents, Lambda of rho (mu^2 - d mu +
        Lambda) = 0.
        """
        rate, e = self.slopes[-1] / eps**self.k, self.space(eps, xi)
        rho = self.values(self.rho)
        if self.conservative:  # (rho u)_t
            values, vectors = scipy.linalg.eig(rate * rho + e, np.diag(rho))
        elif self.waves:
            one, d = np.eye(len(rho)), self.values(self.damping)
            whole = np.block([[rate, -one], [e / rho[:, None], rate + np.diag(d / rho)]])
            values, vectors = np.linalg.eig(whole)
            vectors = vectors[: len(rho)]
        else:
            values, vectors = np.linalg.eig(rate + e / rho[:, None])
        weight = np.abs(vectors.mean(axis=0)) / np.linalg.norm(vectors, axis=0)
        chosen = np.argsort(-weight)[: 2 if self.waves else 1]
        return complex(np.prod(values[chosen]))


def predicted(effective: Mapping[str, Any], eps: float, xi: Array) -> complex:
    """Lambda of the law (divided by rho)."""
    rho = float(effective.get("rho", 1.0))
    b = effective.get("b", np.zeros(len(xi))) - 0.0 + effective.get("beta", np.zeros(len(xi)))
    law = effective.get("c", 0.0) + 1j * np.dot(b, xi) + xi @ effective["A"] @ xi
    return complex(
        law / rho
        + 1j * np.dot(effective.get("drift", np.zeros(len(xi))), xi) / eps
        + effective.get("lambda0", 0.0) / eps**2
    )
