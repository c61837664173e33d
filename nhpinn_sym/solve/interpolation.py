"""Dependence on the slow variables: tensor interpolation on a box, Chebyshev along open axes,
Fourier along periodic ones.

Values at the nodes give the interpolant, its derivatives and the weights of each node at any point;
for analytic dependence the error falls geometrically with the degree (Trefethen, Approximation
Theory and Practice, ch. 8). Where the data jump, kink or change sharply an axis is cut into pieces,
with a Chebyshev interpolant on each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev as cheb

from ..problem.errors import ProblemError
from ..runtime.arrays import Array as Array
from ..runtime.arrays import Bounds as Bounds
from ..runtime.arrays import Integers
from ..runtime.tensor_grids import tensor_points

# Points of an interpolation at a time: they take as many numbers for each node of all but one axis.
_POINTS = 4096
# How far outside, as a fraction of the axis, a point counts as one on the end.
_OUTSIDE = 1e-9
# Distance of the nodes at a cut from the cut, as a fraction of the axis: data are one-sided there.
_INSIDE = 1e-13


@dataclass(frozen=True)
class Nodes:
    """degree + 1 Chebyshev-Lobatto nodes on each piece of an open axis of a box, 2 degree + 1
    equispaced ones along each periodic axis.

    cuts: for every axis the points inside that separate its pieces (none, where it is left out); a
    periodic axis that is cut has Chebyshev nodes on its pieces too. At a cut the interpolant is
    that of the piece above. No axes at all: the single empty point of what does not depend on x.
    """

    bounds: Bounds
    degree: int
    periodic: tuple[bool, ...] = ()
    cuts: tuple[tuple[float, ...], ...] = ()

    def _is_periodic(self, axis: int) -> bool:
        return bool(self.periodic) and self.periodic[axis]

    def _is_trigonometric(self, axis: int) -> bool:
        return self._is_periodic(axis) and not self._cuts(axis)

    def _cuts(self, axis: int) -> tuple[float, ...]:
        if self.cuts:
            return self.cuts[axis]
        return ()

    def pieces(self, axis: int) -> Array:
        """The ends of the pieces of an axis: (pieces + 1,)."""
        a, b = self.bounds[axis]
        return np.array([a, *self._cuts(axis), b])

    def axis_nodes(self, axis: int) -> Array:
        a, b = self.bounds[axis]
        if self._is_trigonometric(axis):
            return np.asarray(a + (b - a) * np.arange(2 * self.degree + 1) / (2 * self.degree + 1))
        angles = np.pi * np.arange(self.degree + 1) / max(self.degree, 1)
        local = (1 - np.cos(angles)) / 2
        ends = self.pieces(axis)
        nodes = ends[:-1, None] + np.diff(ends)[:, None] * local
        if len(ends) > 2:
            # At a cut the data of the pieces differ: each piece has its own node there, on its own
            # side.
            nodes[1:, 0] += _INSIDE * (b - a)
            nodes[:-1, -1] -= _INSIDE * (b - a)
        return nodes.ravel()

    @property
    def points(self) -> Array:
        """(m, d), the last axis fastest."""
        return tensor_points([self.axis_nodes(k) for k in range(len(self.bounds))])

    def along(self, axes: tuple[int, ...]) -> Nodes:
        """The nodes along some of the axes."""
        return Nodes(
            tuple(self.bounds[k] for k in axes),
            self.degree if axes else 0,
            tuple(self._is_periodic(k) for k in axes),
            tuple(self._cuts(k) for k in axes) if self.cuts else (),
        )

    def weights(self, points: Array, index: tuple[int, ...] | None = None) -> Array:
        """(n, m): D^index of the interpolant at `points` (n, d) is weights @ values at the
        nodes.
        """
        points = np.asarray(points, dtype=float).reshape(len(points), len(self.bounds))
        total = np.ones((len(points), 1))
        if not len(points):
            return np.zeros(
                (0, math.prod(len(self.axis_nodes(axis)) for axis in range(len(self.bounds))))
            )
        for axis in range(len(self.bounds)):
            block = self._block(axis, points[:, axis], 0 if index is None else index[axis])
            total = (total[:, :, None] * block[:, None, :]).reshape(len(points), -1)
        return total

    def interpolate(
        self, points: Array, values: Array, index: tuple[int, ...] | None = None
    ) -> Array:
        """D^index of the interpolant of `values` (m,) at `points` (n, d): (n,), axis by axis and a
        bounded number of points at a time.
        """
        points = np.asarray(points, dtype=float).reshape(len(points), len(self.bounds))
        blocks = range(0, len(points), _POINTS)
        parts = [self._interpolated(points[k : k + _POINTS], values, index) for k in blocks]
        if parts:
            return np.concatenate(parts)
        return np.zeros(0, dtype=values.dtype)

    def _interpolated(self, points: Array, values: Array, index: tuple[int, ...] | None) -> Array:
        found = values.reshape(1, *(len(self.axis_nodes(k)) for k in range(len(self.bounds))))
        for axis in range(len(self.bounds)):
            # of the points of a grid few differ along an axis
            places, numbers = np.unique(points[:, axis], return_inverse=True)
            block = self._block(axis, places, 0 if index is None else index[axis])[numbers]
            if axis == 0:
                found = np.tensordot(block, found[0], axes=1)
            else:
                found = np.einsum("na,na...->n...", block, found)
        return np.broadcast_to(found, (len(points),))

    def _block(self, axis: int, x: Array, order: int) -> Array:
        """(n, nodes of the axis): the derivative of that order of the interpolant along an axis."""
        a, b = self.bounds[axis]
        if self._is_trigonometric(axis):
            return _trigonometric(self.degree, (x - a) / (b - a), order) / (b - a) ** order
        if self._is_periodic(axis):
            # A periodic axis that is cut has pieces, and points of all periods.
            x = a + np.mod(x - a, b - a)
        self._require_inside(axis, x)
        piece, local, length = self._located(axis, x)
        values = _cardinal(self.degree, local, order) * (2 / length[:, None]) ** order
        # Each piece has its own nodes: a point sees those of the piece that it lies in alone.
        block = np.zeros((len(x), len(self.pieces(axis)) - 1, self.degree + 1))
        block[np.arange(len(x)), piece] = values
        return block.reshape(len(x), -1)

    def _require_inside(self, axis: int, x: Array) -> None:
        """ProblemError for a point outside the interval of an axis."""
        a, b = self.bounds[axis]
        outside = np.maximum(a - x, x - b)
        if np.any(outside > _OUTSIDE * (b - a)):
            raise ProblemError(
                f"a point lies outside the slow interval ({a}, {b}) that the cells were solved for",
                term=x[np.argmax(outside)],
                remedy="solve the cells again for the larger domain",
            )

    def _located(self, axis: int, x: Array) -> tuple[Integers, Array, Array]:
        """(piece, place in it, in (-1, 1), length of it) of points along an axis; a point between
        two pieces belongs to the upper one.
        """
        ends = self.pieces(axis)
        piece = np.clip(np.searchsorted(ends, x, side="right") - 1, 0, len(ends) - 2)
        length = ends[piece + 1] - ends[piece]
        return piece, np.clip(2 * (x - ends[piece]) / length - 1, -1, 1), length

    def averaged(self, values: Array, axes: tuple[int, ...]) -> tuple[Nodes, Array]:
        """(nodes of the other axes, values (m, ...) averaged over the periodic `axes`)."""
        shape = tuple(len(self.axis_nodes(k)) for k in range(len(self.bounds)))
        kept = tuple(k for k in range(len(shape)) if k not in axes)
        reduced = values.reshape(*shape, *values.shape[1:])
        for axis in sorted(axes, reverse=True):
            reduced = np.tensordot(self._mean_weights(axis), reduced, axes=(0, axis))
        return self.along(kept), reduced.reshape(-1, *values.shape[1:])

    def _mean_weights(self, axis: int) -> Array:
        """The mean over an axis as weights of its nodes."""
        if self._is_trigonometric(axis):
            count = 2 * self.degree + 1
            return np.full(count, 1 / count)
        ends = self.pieces(axis)
        shares = (ends[1:] - ends[:-1]) / (ends[-1] - ends[0])
        return np.outer(shares, _cardinal_means(self.degree)).ravel()


def _cardinal(degree: int, points: Array, order: int) -> Array:
    """(n, degree + 1): derivative of order `order` of the Lagrange polynomials of the Lobatto
    nodes.
    """
    coefficients = cardinal_coefficients(degree, order)
    return np.asarray(cheb.chebvander(points, len(coefficients) - 1) @ coefficients)


@cache
def cardinal_coefficients(degree: int, order: int) -> Array:
    """Chebyshev coefficients of these derivatives, one column per polynomial."""
    nodes = -np.cos(np.pi * np.arange(degree + 1) / max(degree, 1))
    # At Lobatto points the Vandermonde matrix of Chebyshev polynomials has a condition of the
    # degree.
    coefficients = np.linalg.solve(cheb.chebvander(nodes, degree), np.eye(degree + 1))
    return np.asarray(cheb.chebder(coefficients, order, axis=0) if order else coefficients)


@cache
def _cardinal_means(degree: int) -> Array:
    """The mean over (-1, 1) of each Lagrange polynomial (Clenshaw-Curtis weights)."""
    integrals = cheb.chebint(cardinal_coefficients(degree, 0), axis=0)
    return np.asarray(cheb.chebval(1.0, integrals) - cheb.chebval(-1.0, integrals)) / 2


def _trigonometric(degree: int, points: Array, order: int) -> Array:
    """(n, 2 degree + 1): derivative of the cardinal functions of equispaced nodes of the unit
    circle.
    """
    count = 2 * degree + 1
    waves = 2j * np.pi * np.arange(-degree, degree + 1)
    # The sum over all waves is the cardinal function: 1 at its node, 0 at the others.
    at_points = waves**order * np.exp(points[:, None] * waves)
    at_nodes = np.exp(-waves[:, None] * np.arange(count) / count)
    return np.asarray((at_points @ at_nodes).real / count)
