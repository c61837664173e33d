"""Independent numbers for the tests of the derivation: closed forms of laminates, and dense Fourier
matrices of single operators.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from tests.symbolic import Array, slope, y_symbols

LAYERS = np.arange(256) / 256


def numbers(c: Any, *points: Array, symbols: tuple[sp.Symbol, ...] = ()) -> Array:
    """Values of a coefficient written in s.y (or in plain symbols y1, y2, ...) at points."""
    plain = sp.sympify(c).xreplace(
        {v: v.symbol for v in sp.sympify(c).atoms(sp.Function) if hasattr(v, "symbol")}
    )
    values = sp.lambdify(symbols or y_symbols(len(points)), plain, "numpy")(*points)
    return np.broadcast_to(np.asarray(values), points[0].shape)


def layered(a: Array) -> Array:
    """Effective A[i, k, j, l] of layers a (layers, i, k, j, l) with the normal e1 (Tartar's formula
    with blocks).
    """
    inverse = np.linalg.inv(a[:, :, 0, :, 0])
    normal = np.linalg.inv(inverse.mean(axis=0))
    left = np.einsum("nikm,nmj->nikj", a[:, :, :, :, 0], inverse)
    right = np.einsum("nim,nmjl->nijl", inverse, a[:, :, 0])
    direct = a - np.einsum("nikm,nmjl->nikjl", left, a[:, :, 0])
    return np.asarray(
        direct.mean(axis=0)
        + np.einsum("ikm,mp,pjl->ikjl", left.mean(axis=0), normal, right.mean(axis=0))
    )


class Torus:
    """Fourier collocation on the unit cell: points y (n^d, d), `D[k]` the derivative along axis k
    as a matrix; n odd.
    """

    def __init__(self, dim: int, n: int) -> None:
        ticks = np.arange(n) / n
        self.y = np.stack([g.ravel() for g in np.meshgrid(*[ticks] * dim, indexing="ij")], axis=-1)
        self.D = [
            reduce(np.kron, [slope(n) if k == other else np.eye(n) for other in range(dim)])
            for k in range(dim)
        ]
        self.size, self.dim = n**dim, dim

    def __call__(self, c: Any) -> Array:
        """Values of a coefficient."""
        return numbers(c, *self.y.T)

    def shifted(self, k: Array) -> list[Array]:
        """D + ik, of what multiplies exp(ik.x)."""
        return [d + 1j * q * np.eye(self.size) for d, q in zip(self.D, k, strict=True)]

    def flux(
        self,
        a: Mapping[tuple[int, int, int, int], Any],
        components: int,
        d: list[Array] | None = None,
    ) -> Array:
        """The matrix of u -> -d_k( a[i, k, j, l] d_l u_j )."""
        d = self.D if d is None else d
        rows = [
            [np.zeros((self.size, self.size), dtype=d[0].dtype) for _ in range(components)]
            for _ in range(components)
        ]
        for (i, k, j, l), c in a.items():  # noqa: E741
            rows[i][j] = rows[i][j] - d[k] @ (self(c)[:, None] * d[l])
        return np.block(rows)


def taylor(
    f: Callable[[complex], Any], count: int, radius: float = 0.4, points: int = 16
) -> list[Array]:
    """Coefficients of z^0, ..., z^(count - 1) of an analytic function, by Cauchy's integral on a
    circle.
    """
    z = radius * np.exp(2j * np.pi * np.arange(points) / points)
    coefficients = np.fft.fft(np.array([f(p) for p in z]), axis=0) / points
    return [coefficients[n] / radius**n for n in range(count)]


def mean_law(matrix: Array, components: int = 1) -> Array:
    """H with H <u> = f where matrix u = f, f constant: the averaged operator at one wave
    (components, components).
    """
    ones = np.kron(np.eye(components), np.ones((len(matrix) // components, 1)))
    means = ones.T @ np.linalg.solve(matrix, ones) / len(ones) * components
    return np.asarray(np.linalg.inv(means))


def principal(matrix: Array, mass: Array | None = None) -> complex:
    """The eigenvalue of smallest real part."""
    values = np.linalg.eigvals(matrix if mass is None else matrix / mass[:, None])
    return complex(values[np.argmin(values.real)])


def law_symbol(level: Mapping[Any, Array], waves: Array, growth: complex = 0) -> Array:
    """h_n at exp(ik.x + st): sum of matrices times (ik)^alpha s^m, from `cells.averaged[n]`."""
    total: Any = 0
    for (left, right), matrix in level.items():
        powers = [p + q for p, q in zip(left, right, strict=True)]
        total = (
            total
            + matrix
            * np.prod([(1j * k) ** n for k, n in zip(waves, powers, strict=False)])
            * growth ** powers[len(waves)]
        )
    return np.asarray(total)


def tensor_of(
    c: Callable[[int, int, int, int], Any], components: int, dim: int
) -> dict[tuple[int, int, int, int], Any]:
    """{(i, k, j, l): c(i, k, j, l)} without zeros."""
    indices = itertools.product(range(components), range(dim), range(components), range(dim))
    return {index: value for index in indices if (value := c(*index)) != 0}


def layers_of(c: Callable[[int, int, int, int], Any], components: int, dim: int) -> Array:
    """The tensor, a function of y1 alone, at LAYERS: (layers, i, k, j, l)."""
    shape = (components, dim, components, dim)
    values = np.stack([numbers(c(*index), LAYERS) for index in np.ndindex(*shape)], axis=-1)
    return np.asarray(values.reshape(len(LAYERS), *shape))


def isotropic(lam: Any, mu: Any) -> Callable[[int, int, int, int], Any]:
    """C_ikjl = lam d_ik d_jl + mu (d_ij d_kl + d_il d_kj), A[i, k, j, l] multiplies d_k( . d_l
    u_j).
    """

    def c(i: int, k: int, j: int, l: int) -> Any:  # noqa: E741
        return lam * int(i == k and j == l) + mu * (int(i == j and k == l) + int(i == l and k == j))

    return c
