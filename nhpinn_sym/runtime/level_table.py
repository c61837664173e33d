"""A convex Hamiltonian of one slope by its levels: cubic in between, on levels that are closer
towards the flat part, at whose ends no polynomial of the slope is good.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import Array
from .convex_faces import Face
from .inverted_hamiltonian import InvertedHamiltonian

_LEVELS = 80
_FIRST = 1e-7
"""Height of the first level above the flat part, relative to that of the last."""
_WIDER = 1.2


class LevelTable:
    """Hbar - shift of slopes from -size to size, and beyond where it is asked there.

    low, high : (1,), slopes between which it is least, and beyond. error : of the table and of its
    levels, relative to its range.
    """

    def __init__(self, exact: InvertedHamiltonian, size: float, shift: float) -> None:
        self.exact = exact
        self.shift = shift
        width = exact.high - exact.low
        ends = (exact.low - max(size, width), exact.high + max(size, width))
        self._fit(*ends)
        self.low, self.high = np.array([ends[0]]), np.array([ends[1]])

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Values (n,) and slopes (1, n) at points (1, n)."""
        p = points[0]
        low, high = float(p.min()), float(p.max())
        if low < self._ends[0] or high > self._ends[1]:
            self._fit(*(_WIDER * np.array([min(low, -high), max(high, -low)])))
        return self._table(p), self._rate(p)[None]

    def off(self, points: Array) -> Array:
        """How far values (n,) at points (1, n) may be from Hbar."""
        found = self.exact(points[0])
        return np.asarray(np.abs(self(points)[0] + self.shift - found.values) + found.errors)

    @property
    def faces(self) -> Mapping[tuple[int, ...], Face]:
        """See `convex_faces`."""
        least = self.exact.least - self.shift

        def constant(slopes: Array) -> tuple[Array, Array]:
            return np.full(slopes.shape[1], least), np.zeros((0, slopes.shape[1]))

        return {(0,): self, (): constant}

    def _fit(self, low: float, high: float) -> None:
        from scipy.interpolate import CubicHermiteSpline  # an eighth of a second to import

        exact = self.exact
        found = exact(np.array([min(low, exact.low - 1e-3), max(high, exact.high + 1e-3)]))
        # Every other level is a node of the table, those between tell its error.
        left, p, rates = self._branch(-1.0, found.values[0])
        right, q, others = self._branch(1.0, found.values[1])
        edges = np.unique([exact.low, exact.high])
        flat = np.full(len(edges), exact.least)
        levels = np.concatenate([left[::-2], flat, right[::2]]) - self.shift
        points = np.concatenate([p[::-2], edges, q[::2]])
        slopes = np.concatenate([rates[::-2], 0 * flat, others[::2]])
        self._table = CubicHermiteSpline(points, levels, slopes)
        self._rate = self._table.derivative()
        self._ends = points[0], points[-1]
        between = np.concatenate([left[1::2], right[1::2]]) - self.shift
        off = np.abs(self._table(np.concatenate([p[1::2], q[1::2]])) - between).max()
        self.error = float(off + found.errors.max()) / float(np.ptp(levels))

    def _branch(self, side: float, top: float) -> tuple[Array, Array, Array]:
        """Levels on one side of the flat part up to `top`, and slopes of u and of Hbar there."""
        least = self.exact.least
        levels = least + (top - least) * np.geomspace(_FIRST, 1, 2 * _LEVELS - 1)
        return levels, *self.exact.at_levels(levels, np.full(len(levels), side))
