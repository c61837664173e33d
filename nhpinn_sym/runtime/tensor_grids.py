"""Tensor products of lines: grids of points, and composite Gauss rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Array


def tensor_points(lines: Sequence[Array]) -> Array:
    """The points (n, d) whose coordinates are on the lines of their axes, the last axis fastest;
    one point without lines.
    """
    if not lines:
        return np.zeros((1, 0))
    return np.stack([axis.ravel() for axis in np.meshgrid(*lines, indexing="ij")], axis=-1)


def tensor_weights(weights: Sequence[Array]) -> Array:
    """The products (n,) of weights on each line, at the points of `tensor_points`."""
    total = np.ones(1)
    for line in weights:
        total = np.multiply.outer(total, line).ravel()
    return total


def uniform_line(bounds: tuple[float, float], count: int) -> Array:
    """Points (count,) of the trapezoid rule of a periodic function, from the lower end on."""
    a, b = bounds
    return np.asarray(a + (b - a) * np.arange(count) / count)


def unit_gauss(count: int) -> tuple[Array, Array]:
    """`count` Gauss points of (0, 1), and their weights, whose sum is 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def gauss_line(edges: Array, count: int) -> tuple[Array, Array]:
    """`count` Gauss points between each two neighbours of rising `edges`, and their weights."""
    nodes, weights = unit_gauss(count)
    lengths = np.diff(edges)[:, None]
    points = edges[:-1, None] + lengths * nodes
    return points.ravel(), (lengths * weights).ravel()
