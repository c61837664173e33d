"""Smooth dependence on the slow variables: tensor Chebyshev interpolation on a box.

Values at Chebyshev-Lobatto nodes give the interpolant, its derivatives and the weights of each node at any point;
for analytic dependence the error falls geometrically with the degree (Trefethen, Approximation Theory and Practice, ch. 8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev as cheb

from ..problem.errors import ProblemError
from .solution import Array

Bounds = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Nodes:
    """(degree + 1)^d Chebyshev-Lobatto nodes on a box; d = 0 is the single empty point of what does not depend on x."""

    bounds: Bounds
    degree: int

    @property
    def points(self) -> Array:
        """(m, d), the last axis fastest."""
        unit = -np.cos(np.pi * np.arange(self.degree + 1) / max(self.degree, 1))
        axes = [a + (b - a) * (unit + 1) / 2 for a, b in self.bounds]
        return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=-1) if axes else np.zeros((1, 0))

    def weights(self, points: Array, index: tuple[int, ...] | None = None) -> Array:
        """(n, m): D^index of the interpolant at `points` (n, d) is weights @ values at the nodes."""
        points = np.asarray(points, dtype=float).reshape(-1, len(self.bounds))
        total = np.ones((len(points), 1))
        for axis, (a, b) in enumerate(self.bounds):
            local = 2 * (points[:, axis] - a) / (b - a) - 1
            if np.any(np.abs(local) > 1 + 1e-9):
                raise ProblemError(
                    f"a point lies outside the slow interval ({a}, {b}) that the cells were solved for",
                    term=points[np.argmax(np.abs(local)), axis],
                    remedy="solve the cells again for the larger domain",
                )
            block = _cardinal(self.degree, np.clip(local, -1, 1), 0 if index is None else index[axis]) * (2 / (b - a)) ** (
                0 if index is None else index[axis]
            )
            total = (total[:, :, None] * block[:, None, :]).reshape(len(points), -1)
        return total


def _cardinal(degree: int, points: Array, order: int) -> Array:
    """(n, degree + 1): derivative of order `order` of the Lagrange polynomials of the Lobatto nodes."""
    nodes = -np.cos(np.pi * np.arange(degree + 1) / max(degree, 1))
    coefficients = np.linalg.solve(cheb.chebvander(nodes, degree), np.eye(degree + 1))
    if order:
        coefficients = cheb.chebder(coefficients, order, axis=0)
    return np.asarray(cheb.chebvander(points, len(coefficients) - 1) @ coefficients)
