"""Functions lift + factor * net with given hidden layers, by their values and slopes at the points
of a quadrature: what Newton's method for nonlinear problems asks of a space.

The basis is orthonormal in H1 on the quadrature: a weak residual, as a vector, has its dual norm,
and Newton's matrices are as well conditioned as the tangent of the problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
import scipy.linalg

from ...runtime.arrays import Array
from ...runtime.assembly import Assembly, Solve

# Singular value of the features, relative to the first, below which they are left out: rounding
# errors are as much larger in what they combine to as it is smaller (measured: best at 1e-7).
_INDEPENDENT = 1e-7


@dataclass(frozen=True)
class Features:
    """Features of one component, with the factor of the ansatz: values (k, n), slopes (k, d, n)."""

    values: Array
    slopes: Array

    def mixed(self, mix: Array) -> Features:
        """Combinations of them, mix (k, new)."""
        count = len(self.values)
        slopes = mix.T @ self.slopes.reshape(count, -1)
        return Features(mix.T @ self.values, slopes.reshape(-1, *self.slopes.shape[1:]))

    def orthonormal(self, weights: Array, length: float) -> Array:
        """What mixes them to a basis with int u v / length^2 + grad u . grad v = delta."""
        rows = np.concatenate([self.values[:, None] / length, self.slopes], axis=1)
        flat = (rows * np.sqrt(weights)).reshape(len(rows), -1).T
        triangle = np.linalg.qr(flat, mode="r")
        _, sizes, right = np.linalg.svd(triangle)
        kept = sizes > _INDEPENDENT * sizes[0]
        return np.asarray(right[kept].T / sizes[kept])


class FeatureSpace(Assembly):
    """Unknowns are the coefficients of the basis, component by component (`parts`), and behind
    them, never free, the values and slopes of the lift at the points.
    """

    def __init__(self, points: Array, weights: Array, basis: Sequence[Features]) -> None:
        self.points = points
        self.weights = weights
        self.basis = basis
        self.m = len(basis)
        self.d = len(points)
        ends = np.cumsum([0, *(len(b.values) for b in basis)])
        self.parts = [slice(a, b) for a, b in pairwise(ends)]
        self.count = int(ends[-1])
        self._tail = self.m * (1 + self.d) * len(weights)

    @property
    def integrals(self) -> Array:
        return np.concatenate([b.values for b in self.basis]) @ self.weights

    def coefficients(self, u: Array) -> list[Array]:
        """Those of each component."""
        return [u[part] for part in self.parts]

    def with_lift(self, u: Array, values: Array, slopes: Array) -> Array:
        """The function on another lift, (m, n) and (m, d, n)."""
        free = u[: self.count]
        return np.concatenate([free, values.ravel(), slopes.ravel()])

    def fields(self, u: Array) -> tuple[Array, Array]:
        n = len(self.weights)
        lift = u[self.count :]
        values = lift[: self.m * n].reshape(self.m, n).copy()
        slopes = lift[self.m * n :].reshape(self.m, self.d, n).copy()
        for j, (own, c) in enumerate(zip(self.basis, self.coefficients(u))):
            values[j] += c @ own.values
            slopes[j] += (c @ own.slopes.reshape(len(c), -1)).reshape(self.d, n)
        return values, slopes

    def of_unknowns(self, numbers: Array) -> Array:
        own = [np.full(len(b.values), number) for b, number in zip(self.basis, numbers)]
        return np.concatenate([*own, np.zeros(self._tail)])

    def sizes(self, u: Array) -> Array:
        return np.asarray(np.abs(self.fields(u)[0]).max(axis=1))

    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        total = np.zeros(self.count + self._tail)
        size = 0.0
        for i, (own, part) in enumerate(zip(self.basis, self.parts)):
            pairs = [(own.values, self.weights * reaction[i])]
            if flux is not None:
                pairs += [(own.slopes[:, k], self.weights * flux[i, k]) for k in range(self.d)]
            for (basis, weighted), sizes in zip(pairs, self._sizes[i]):
                total[part] += basis @ weighted
                size += float(sizes @ np.abs(weighted))
        return total, size

    @cached_property
    def _sizes(self) -> list[list[Array]]:
        """Of each component the sums of |v|, |d v/dx_1|, ... over its basis, at the points."""
        rows = [[b.values, *np.moveaxis(b.slopes, 1, 0)] for b in self.basis]
        return [[np.abs(row).sum(axis=0) for row in own] for own in rows]

    def matrix(self, arrays: Mapping[str, Array], flux: str | None, reaction: str) -> Array:
        result = np.zeros((self.count, self.count))
        for i, j in product(range(self.m), repeat=2):
            left, right = self.basis[i], self.basis[j]
            rows = [left.values]
            inner = [_sum(arrays[f"{reaction}_u"][i, j], arrays[f"{reaction}_p"][i, j], right)]
            for k in range(self.d if flux is not None else 0):
                by_values = arrays[f"{flux}_u"][i, k, j]
                rows.append(left.slopes[:, k])
                inner.append(_sum(by_values, arrays[f"{flux}_p"][i, k, j], right))
            for row, column in zip(rows, inner):
                if column is not None:
                    result[self.parts[i], self.parts[j]] += (row * self.weights) @ column.T
        return result

    def solver(self, matrix: Any, definite: bool, many: bool = False) -> tuple[Solve, str]:
        try:
            factor = scipy.linalg.lu_factor(matrix)
        except (ValueError, scipy.linalg.LinAlgError) as cause:
            raise RuntimeError("a matrix of Newton's method is no matrix of numbers") from cause
        return lambda right: np.asarray(scipy.linalg.lu_solve(factor, right)), "LU"

    def restricted(self, vector: Array) -> Array:
        return vector[: self.count]

    def extended(self, free: Array) -> Array:
        return np.concatenate([free, np.zeros(self._tail)])


def _sum(by_values: Array, by_slopes: Array, basis: Features) -> Array | None:
    """by_values v + by_slopes . grad v of a basis, (k, n); None where both vanish."""
    total = None
    if np.any(by_values):
        total = by_values * basis.values
    for k, c in enumerate(by_slopes):
        if np.any(c):
            part = c * basis.slopes[:, k]
            total = part if total is None else total + part
    return total
