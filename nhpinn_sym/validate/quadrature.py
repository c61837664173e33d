"""The common quadrature on which all solutions of one problem are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..operator.arrays import Array
from ..runtime.tensor_grids import gauss_line, tensor_points, tensor_weights

_PER_PERIOD = {1: 12, 2: 6, 3: 3}
_GAUSS = {1: 4, 2: 3, 3: 2}
_MOST_POINTS = 400_000


@dataclass(frozen=True)
class CommonQuadrature:
    """Composite tensor Gauss points (n, d) and weights (n,) of a box."""

    points: Array
    weights: Array

    def norm(self, values: Array) -> float:
        """L2 norm of values (n, ...), all components together."""
        squares = np.sum(values.reshape(len(values), -1) ** 2, axis=1)
        return float(np.sqrt(self.weights @ squares))

    def relative(self, difference: Array, reference: Array) -> float:
        """The norm of `difference` over that of `reference`; nan where it vanishes."""
        return self.norm(difference) / (self.norm(reference) or np.nan)


def resolving(
    bounds: tuple[tuple[float, float], ...], periods: tuple[float, ...]
) -> CommonQuadrature:
    """Gauss points that resolve a period eps in each direction (fewer intervals a period where that
    would be too many points).
    """
    dim = len(bounds)
    order = _GAUSS[dim]
    intervals = [
        max({1: 64, 2: 32, 3: 12}[dim], int(np.ceil(_PER_PERIOD[dim] * n))) for n in periods
    ]
    excess = (np.prod(intervals) * order**dim / _MOST_POINTS) ** (1 / dim)
    if excess > 1:
        intervals = [int(np.ceil(n / excess)) for n in intervals]
    pairs = zip(bounds, intervals, strict=True)
    rules = [gauss_line(np.linspace(a, b, n + 1), order) for (a, b), n in pairs]
    points = tensor_points([line for line, _ in rules])
    return CommonQuadrature(points, tensor_weights([mass for _, mass in rules]))


def plot_points(bounds: tuple[tuple[float, float], ...]) -> tuple[Array, tuple[int, ...]]:
    """Points of a regular plotting grid and its shape: a line, a square, or the middle slice of a
    cube.
    """
    counts = {1: (1601,), 2: (241, 241), 3: (121, 121, 1)}[len(bounds)]
    axes = [
        np.linspace(a, b, n) if n > 1 else np.array([(a + b) / 2])
        for (a, b), n in zip(bounds, counts, strict=True)
    ]
    return tensor_points(axes), counts
