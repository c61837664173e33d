"""Spaces of functions on a line or a plane: spectral elements that end at every jump, and
trigonometric polynomials.

A space is its values and slopes at quadrature points; every bilinear form is a product of these
with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[Any]
Mark = tuple[float, float]
"""A thin feature: its place and its width."""


@dataclass(frozen=True)
class Space:
    """points (n, d), weights (n,); values and slopes[k] are matrices (n, functions)."""

    points: Array
    weights: Array
    values: Any
    slopes: tuple[Any, ...]

    def form(self, left: Any, coefficient: Any, right: Any) -> Any:
        """The matrix of the integral of conj(left v) coefficient (right u)."""
        factor = self.weights * np.broadcast_to(coefficient, self.weights.shape)
        if sparse.issparse(right):
            return (left.conj().T @ sparse.diags(factor) @ right).tocsc()
        return left.conj().T @ (factor[:, None] * right)

    def load(self, coefficient: Any) -> Array:
        """The integrals of conj(v) coefficient."""
        return self.values.conj().T @ (
            self.weights * np.broadcast_to(coefficient, self.weights.shape)
        )


def edges(
    low: float,
    high: float,
    breaks: Iterable[float] = (),
    marks: Iterable[Mark] = (),
    pieces: int = 8,
) -> Array:
    """Ends of panels: at every break, graded towards every mark, never longer than a share of the
    interval.
    """
    found = [*np.linspace(low, high, pieces + 1), *breaks]
    for place, width in marks:
        step = width / 2
        while step < high - low:
            found += [place - step, place, place + step]
            step *= 2
    inside = np.sort([v for v in found if low <= v <= high])
    keep = [low]
    for v in inside:
        if v - keep[-1] > 1e-9 * (high - low):
            keep.append(float(v))
    keep[-1] = high
    return np.array(keep)


def periodic_edges(
    breaks: Iterable[float] = (), marks: Iterable[Mark] = (), pieces: int = 8
) -> Array:
    """`edges` of the unit interval with the images of breaks and marks."""
    moved = [v % 1.0 for v in breaks]
    images = [((place % 1.0) + k, width) for place, width in marks for k in (-1, 0, 1)]
    return edges(0.0, 1.0, moved, images, pieces)


def gauss(ends: Array, count: int = 24) -> tuple[Array, Array]:
    """Points and weights of Gauss's rule on every panel."""
    nodes, weights = legendre.leggauss(count)
    half = np.diff(ends) / 2
    middle = (ends[1:] + ends[:-1]) / 2
    return (middle[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel()


def integral(function: Callable[[Array], Array], ends: Array, count: int = 24) -> Any:
    """The integral of `function` over the panels."""
    points, weights = gauss(ends, count)
    return np.sum(weights * function(points))


def line(ends: Array, degree: int = 10, periodic: bool = True) -> Space:
    """Continuous piecewise polynomials on the panels, with Lagrange's basis at Lobatto's points."""
    nodes = np.concatenate(
        [[-1.0], np.sort(legendre.legroots(legendre.legder([0] * degree + [1]))), [1.0]]
    )
    points, weights = legendre.leggauss(degree + 3)
    inverse = np.linalg.inv(legendre.legvander(nodes, degree))
    values = legendre.legvander(points, degree) @ inverse
    slopes = np.stack([legendre.legval(points, legendre.legder(c)) for c in inverse.T], axis=1)
    count = len(ends) - 1
    half = np.diff(ends) / 2
    rows = np.arange(count * len(points)).reshape(count, -1, 1) + np.zeros((1, 1, degree + 1), int)
    columns = degree * np.arange(count)[:, None, None] + np.arange(degree + 1) + np.zeros_like(rows)
    size = count * degree + 1
    if periodic:
        columns[-1, :, -1] = 0
        size -= 1

    def assembled(local: Array) -> Any:
        return sparse.csc_matrix(
            (local.ravel(), (rows.ravel(), columns.ravel())), (rows.size // (degree + 1), size)
        )

    ones = np.ones((count, 1, 1))
    at = ((ends[1:] + ends[:-1]) / 2)[:, None] + half[:, None] * points
    return Space(
        at.reshape(-1, 1),
        (half[:, None] * weights).ravel(),
        assembled(ones * values),
        (assembled(slopes / half[:, None, None]),),
    )


def trigonometric(modes: int, count: int | None = None) -> Space:
    """exp(2 pi i k y), |k| <= modes, with the rectangle rule: for smooth periodic functions."""
    count = count or 4 * modes + 8
    points = (np.arange(count) + 0.37) / count
    wave = 2j * np.pi * np.arange(-modes, modes + 1)
    values = np.exp(points[:, None] * wave)
    return Space(points[:, None], np.full(count, 1 / count), values, (values * wave,))


def plane(first: Space, second: Space) -> Space:
    """The tensor product of two lines."""
    kron = sparse.kron if sparse.issparse(first.values) else np.kron
    points = np.stack(
        [g.ravel() for g in np.meshgrid(first.points[:, 0], second.points[:, 0], indexing="ij")], 1
    )
    return Space(
        points,
        np.kron(first.weights, second.weights),
        kron(first.values, second.values),
        (kron(first.slopes[0], second.values), kron(first.values, second.slopes[0])),
    )


def antiderivative(
    function: Callable[[Array], Array], ends: Array, count: int = 24
) -> tuple[Array, Array, Array]:
    """Gauss's points and weights on the panels, and the integral of `function` from the first end
    to each point.
    """
    points, weights = gauss(ends, count)
    nodes, share = legendre.leggauss(count)
    # Legendre coefficients of an interpolant by Gauss's rule, then its integral from -1.
    orders = np.arange(count)
    coefficients = (legendre.legvander(nodes, count - 1) * share[:, None]).T * (
        orders[:, None] + 0.5
    )
    basis = [legendre.legval(nodes, legendre.legint(row, lbnd=-1)) for row in np.eye(count)]
    integrals = np.stack(basis, axis=1) @ coefficients
    half = np.diff(ends)[:, None] / 2
    given = function(points).reshape(-1, count)
    local = half * (given @ integrals.T)
    whole = np.sum(weights.reshape(-1, count) * given, axis=1)
    before = np.concatenate([[0.0], np.cumsum(whole)[:-1]])
    return points, weights, (local + before[:, None]).ravel()
