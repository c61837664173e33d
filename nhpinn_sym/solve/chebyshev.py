"""Smooth dependence on the slow variables: tensor interpolation on a box, Chebyshev along open axes, Fourier along periodic ones.

Values at the nodes give the interpolant, its derivatives and the weights of each node at any point;
for analytic dependence the error falls geometrically with the degree (Trefethen, Approximation Theory and Practice, ch. 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev as cheb

from ..problem.errors import ProblemError
from .solution import Array

Bounds = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Nodes:
    """degree + 1 Chebyshev-Lobatto nodes along each open axis of a box, 2 degree + 1 equispaced ones along each periodic axis.

    No axes at all: the single empty point of what does not depend on x.
    """

    bounds: Bounds
    degree: int
    periodic: tuple[bool, ...] = ()

    def _is_periodic(self, axis: int) -> bool:
        return bool(self.periodic) and self.periodic[axis]

    def axis_nodes(self, axis: int) -> Array:
        a, b = self.bounds[axis]
        if self._is_periodic(axis):
            return np.asarray(a + (b - a) * np.arange(2 * self.degree + 1) / (2 * self.degree + 1))
        return np.asarray(a + (b - a) * (1 - np.cos(np.pi * np.arange(self.degree + 1) / max(self.degree, 1))) / 2)

    @property
    def points(self) -> Array:
        """(m, d), the last axis fastest."""
        axes = [self.axis_nodes(k) for k in range(len(self.bounds))]
        return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=-1) if axes else np.zeros((1, 0))

    def weights(self, points: Array, index: tuple[int, ...] | None = None) -> Array:
        """(n, m): D^index of the interpolant at `points` (n, d) is weights @ values at the nodes."""
        points = np.asarray(points, dtype=float).reshape(len(points), len(self.bounds))
        total = np.ones((len(points), 1))
        for axis in range(len(self.bounds)):
            block = self._block(axis, points[:, axis], 0 if index is None else index[axis])
            total = (total[:, :, None] * block[:, None, :]).reshape(len(points), -1)
        return total

    def _block(self, axis: int, x: Array, order: int) -> Array:
        a, b = self.bounds[axis]
        if self._is_periodic(axis):
            return _trigonometric(self.degree, (x - a) / (b - a), order) / (b - a) ** order
        local = 2 * (x - a) / (b - a) - 1
        if np.any(np.abs(local) > 1 + 1e-9):
            raise ProblemError(
                f"a point lies outside the slow interval ({a}, {b}) that the cells were solved for",
                term=x[np.argmax(np.abs(local))],
                remedy="solve the cells again for the larger domain",
            )
        return _cardinal(self.degree, np.clip(local, -1, 1), order) * (2 / (b - a)) ** order

    def averaged(self, values: Array, axes: tuple[int, ...]) -> tuple[Nodes, Array]:
        """(nodes of the other axes, values (m, ...) averaged over the periodic `axes`)."""
        shape = tuple(len(self.axis_nodes(k)) for k in range(len(self.bounds)))
        kept = [k for k in range(len(shape)) if k not in axes]
        reduced = values.reshape(*shape, *values.shape[1:]).mean(axis=axes)
        nodes = Nodes(tuple(self.bounds[k] for k in kept), self.degree if kept else 0, tuple(self._is_periodic(k) for k in kept))
        return nodes, reduced.reshape(-1, *values.shape[1:])


def _cardinal(degree: int, points: Array, order: int) -> Array:
    """(n, degree + 1): derivative of order `order` of the Lagrange polynomials of the Lobatto nodes."""
    coefficients = cardinal_coefficients(degree, order)
    return np.asarray(cheb.chebvander(points, len(coefficients) - 1) @ coefficients)


@cache
def cardinal_coefficients(degree: int, order: int) -> Array:
    """Chebyshev coefficients of these derivatives, one column per polynomial."""
    nodes = -np.cos(np.pi * np.arange(degree + 1) / max(degree, 1))
    coefficients = np.linalg.solve(cheb.chebvander(nodes, degree), np.eye(degree + 1))
    return np.asarray(cheb.chebder(coefficients, order, axis=0) if order else coefficients)


def _trigonometric(degree: int, points: Array, order: int) -> Array:
    """(n, 2 degree + 1): derivative of the cardinal functions of equispaced nodes of the unit circle."""
    count = 2 * degree + 1
    waves = 2j * np.pi * np.arange(-degree, degree + 1)
    shift = points[:, None] - np.arange(count)[None, :] / count
    return np.asarray(np.einsum("k,nmk->nm", waves**order, np.exp(shift[:, :, None] * waves)).real / count)
