"""A smooth function of few variables by Chebyshev polynomials on a box: it grows where it is asked
outside, and is never extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from .arrays import Array

_DEGREES = {1: (8, 16, 32, 64, 128), 2: (6, 10, 16, 26)}
_TESTED = 24
_WIDER = 1.2


class ChebyshevTable:
    """The function of points (n, d) -> (n,), to a tolerance relative to its range, with its slopes.

    error : the largest difference at points that were not used, relative to the range of values.
    """

    def __init__(
        self, function: Callable[[Array], Array], low: Array, high: Array, tolerance: float
    ) -> None:
        self.function = function
        self.tolerance = tolerance
        self.low = np.asarray(low, dtype=float)
        self.high = np.asarray(high, dtype=float)
        self.error = np.inf
        self._fit()

    @property
    def dim(self) -> int:
        return len(self.low)

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Values (n,) and slopes (d, n) at points (d, n)."""
        self.reach(points)
        rows = [self._rows(points, axis, 0) for axis in range(self.dim)]
        values = self._sum(rows)
        slopes = []
        for axis in range(self.dim):
            changed = list(rows)
            changed[axis] = self._rows(points, axis, 1)
            slopes.append(self._sum(changed))
        return values, np.stack(slopes)

    def reach(self, points: Array) -> None:
        """A wider box where points (d, n) lie outside."""
        low = points.min(axis=1)
        high = points.max(axis=1)
        if np.all(low >= self.low) and np.all(high <= self.high):
            return
        middle = (np.minimum(low, self.low) + np.maximum(high, self.high)) / 2
        half = (np.maximum(high, self.high) - np.minimum(low, self.low)) / 2
        self.low = middle - _WIDER * half
        self.high = middle + _WIDER * half
        self._fit()

    def narrow(self, low: Array, high: Array) -> None:
        """The table on a smaller box again, where its polynomials are better."""
        self.low = low
        self.high = high
        self._fit()

    def off(self, points: Array) -> Array:
        """How far values (n,) at points (d, n) are from the function."""
        return np.asarray(np.abs(self(points)[0] - self.function(points.T)))

    def _fit(self) -> None:
        rng = np.random.default_rng(7)
        tested = self.low + (self.high - self.low) * rng.uniform(size=(_TESTED, self.dim))
        wanted = self.function(tested)
        for degree in _DEGREES[self.dim]:
            nodes = chebyshev.chebpts1(degree + 1)
            grids = np.meshgrid(*[nodes] * self.dim, indexing="ij")
            unit = np.stack([g.ravel() for g in grids], axis=1)
            values = self.function(self.low + (unit + 1) / 2 * (self.high - self.low))
            inverse = np.linalg.inv(chebyshev.chebvander(nodes, degree))
            coefficients = values.reshape([degree + 1] * self.dim)
            for axis in range(self.dim):
                moved = np.tensordot(inverse, coefficients, (1, axis))
                coefficients = np.moveaxis(moved, 0, axis)
            self.coefficients = coefficients
            rows = [self._rows(tested.T, axis, 0) for axis in range(self.dim)]
            size = max(float(np.ptp(values)), 1e-300)
            self.error = float(np.abs(self._sum(rows) - wanted).max()) / size
            if self.error <= self.tolerance:
                break

    def _rows(self, points: Array, axis: int, order: int) -> Array:
        """D^order of the polynomials of one axis at points (d, n): (n, degree + 1)."""
        half = (self.high[axis] - self.low[axis]) / 2
        unit = (points[axis] - self.low[axis]) / half - 1
        degree = self.coefficients.shape[axis] - 1
        rows = chebyshev.chebvander(unit, degree)
        if not order:
            return rows
        change = np.zeros((degree + 1, degree + 1))
        change[:degree] = chebyshev.chebder(np.eye(degree + 1))
        return np.asarray(rows @ change / half)

    def _sum(self, rows: list[Array]) -> Array:
        if self.dim == 1:
            return np.asarray(rows[0] @ self.coefficients)
        return np.asarray(np.sum((rows[0] @ self.coefficients) * rows[1], axis=1))
