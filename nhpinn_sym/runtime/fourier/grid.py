"""Periodic functions on an equispaced grid: modes, derivatives, means.

The grid has an odd number of points per axis, so that the derivative of every mode is a mode;
products are taken point by point.
Smooth functions converge faster than any power of 1/n; with jumps the rate drops to about 1/n.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import fft

from ..arrays import MultiIndex
from ..tensor_grids import uniform_line

_CORES = os.cpu_count() or 1
# Numbers of a transform from which on threads pay: of fewer they are most of its time.
_THREADED = 2**15
# Times as many pairs of the coordinates of points as there are points, up to which these count as
# those of a grid.
_SPARSE = 2


def _workers(array: np.ndarray) -> int:
    return _CORES if array.size >= _THREADED else 1


class Grid:
    """n^d equispaced points of a box (n odd), and functions on them: values (..., n, ..., n), or
    their modes.

    Modes are isometric: the sum of |modes|^2 is the mean of |values|^2, and mode 0 is the mean.
    Real functions keep one of each conjugate pair. `points` holds one array per coordinate, which
    together broadcast to the grid.
    """

    def __init__(self, bounds: Sequence[tuple[float, float]], n: int, real: bool = True) -> None:
        self.bounds = tuple(bounds)
        # Odd: with an even number the highest mode would be its own conjugate, and its derivative
        # be lost.
        self.n = n
        self.dim = len(bounds)
        self.real = real
        self.shape = (n,) * self.dim
        self.axes = tuple(range(-self.dim, 0))
        lines = [uniform_line(ends, n) for ends in bounds]
        self.points = np.meshgrid(*lines, indexing="ij", sparse=True)
        self.frequencies = _frequencies(n, self.dim, real)
        pairs = zip(self.frequencies, bounds, strict=True)
        waves = [2j * np.pi * frequency / (b - a) for frequency, (a, b) in pairs]
        self.waves = np.meshgrid(*waves, indexing="ij", sparse=True)
        self.modes_shape = tuple(len(frequency) for frequency in self.frequencies)
        self.weights = np.ones(n)
        if real:  # a mode that stands for a conjugate pair counts twice in a norm
            self.weights = np.where(self.frequencies[-1] > 0, np.sqrt(2), 1.0)
        self.zero: Any = (..., *[0] * self.dim)
        """Where mode 0 stands."""

    @property
    def columns(self) -> np.ndarray:
        """The points as columns (dim, n^dim), the last axis fastest."""
        return np.stack([np.broadcast_to(p, self.shape).ravel() for p in self.points])

    def symbol(self, index: MultiIndex) -> Any:
        """The multiplier of the modes that is D^index; it broadcasts to them."""
        symbol: Any = 1.0
        for wave, order in zip(self.waves, index, strict=True):
            if order:
                symbol = symbol * wave**order
        return symbol

    def forward(self, values: Any) -> np.ndarray:
        """Modes of values, which need only broadcast to the grid."""
        values = np.broadcast_to(values, np.broadcast_shapes(np.shape(values), self.shape))
        if self.real:
            modes = fft.rfftn(values, axes=self.axes, norm="forward", workers=_workers(values))
            return modes * self.weights
        return fft.fftn(values, axes=self.axes, norm="forward", workers=_workers(values))

    def backward(self, modes: np.ndarray) -> np.ndarray:
        if self.real:
            return fft.irfftn(
                modes / self.weights,
                s=self.shape,
                axes=self.axes,
                norm="forward",
                workers=_workers(modes),
                overwrite_x=True,
            )
        return fft.ifftn(modes, axes=self.axes, norm="forward", workers=_workers(modes))

    def significant(self, modes: np.ndarray) -> np.ndarray:
        """The modes without those that are rounding, which derivatives would make larger."""
        size = np.sqrt(np.sum(np.abs(modes) ** 2, axis=self.axes, keepdims=True))
        return np.where(np.abs(modes) > 1e-16 * size, modes, 0)

    def tail(self, values: np.ndarray) -> np.ndarray:
        """The part of values (..., *shape) in modes above two thirds of the highest, relative:
        small where they are smooth on this grid.
        """
        modes = np.abs(self.forward(values)) ** 2
        sizes = np.meshgrid(*map(np.abs, self.frequencies), indexing="ij", sparse=True)
        highest = np.max(np.broadcast_arrays(*sizes), axis=0)
        high = highest > self.n / 3  # of n / 2
        return np.sqrt(np.sum(modes * high, axis=self.axes) / np.sum(modes, axis=self.axes))

    def derivative(self, modes: np.ndarray, index: MultiIndex) -> np.ndarray:
        """Values of D^index of the function with these modes."""
        return self.backward(self.symbol(index) * modes)

    def mean(self, values: Any) -> Any:
        """The mean over the cell of values that broadcast to the grid: the leading axes remain."""
        if np.ndim(values):
            return np.mean(values, axis=self.axes)
        return values

    def cell(self, numbers: Any) -> np.ndarray:
        """Numbers (...) with the axes of the grid appended, so that they multiply values or
        modes.
        """
        return np.reshape(numbers, (*np.shape(numbers), *[1] * self.dim))

    def refined(self, modes: np.ndarray, coarse: Grid) -> np.ndarray:
        """The modes here of a function given by its modes on a coarser grid."""
        result = np.zeros((*modes.shape[: -self.dim], *self.modes_shape), dtype=complex)
        # Negative frequencies stand at the end of an axis: counted modulo n they find it on this
        # grid too.
        places = [frequency.astype(int) % self.n for frequency in coarse.frequencies]
        where: Any = (..., *np.ix_(*places))
        result[where] = modes
        return result


def _frequencies(n: int, dim: int, real: bool) -> list[np.ndarray]:
    """Of the modes along each axis; real functions need half of them along the last one."""
    full = np.fft.fftfreq(n, 1 / n)
    last = np.arange(n // 2 + 1.0) if real else full
    return [full] * (dim - 1) + [last]


def evaluate_modes(
    modes: np.ndarray,
    bounds: Sequence[tuple[float, float]],
    points: np.ndarray,
    index: MultiIndex,
    chunk: int = 4096,
    real: bool = True,
) -> np.ndarray:
    """D^index of a trigonometric polynomial with full modes (..., n, n) / n^d at points (N, d):
    shape (..., N), complex unless `real`.
    """
    return evaluate_derivatives(modes, bounds, points, [index], chunk, real)[0]


def evaluate_derivatives(
    modes: np.ndarray,
    bounds: Sequence[tuple[float, float]],
    points: np.ndarray,
    indices: Sequence[MultiIndex],
    chunk: int = 4096,
    real: bool = True,
) -> np.ndarray:
    """`evaluate_modes` for each of `indices`, (indices, ..., N): they share their exponentials."""
    n = modes.shape[-1]
    waves = [2j * np.pi * np.fft.fftfreq(n, 1 / n) / (b - a) for a, b in bounds]
    derived = [_derived(modes, waves, index) for index in indices]
    starts = np.array([a for a, _ in bounds])
    parts = []
    for first in range(0, max(1, len(points)), chunk):
        here = points[first : first + chunk] - starts
        found = _evaluated(derived, waves, here)
        parts.append(found.real if real else found)
    return np.concatenate(parts, axis=-1)


def _derived(modes: np.ndarray, waves: Sequence[np.ndarray], index: MultiIndex) -> np.ndarray:
    """The modes of D^index."""
    for axis, (wave, order) in enumerate(zip(waves, index, strict=True)):
        shape = (-1,) + (1,) * (len(waves) - 1 - axis)
        modes = modes * (wave**order).reshape(shape)
    return modes


def _on_grid(
    modes: np.ndarray,
    lines: Sequence[np.ndarray],
    distinct: Sequence[tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """The modes summed at all pairs of the coordinates of points, and taken at these: (..., N)."""
    axis = modes.ndim - len(lines)
    for line in lines:
        modes = np.tensordot(modes, line, axes=(axis, 1))
    where: tuple[Any, ...] = (Ellipsis, *(places for _, places in distinct))
    return np.asarray(modes[where])


def _evaluated(
    functions: Sequence[np.ndarray], waves: Sequence[np.ndarray], points: np.ndarray
) -> np.ndarray:
    """The modes of each function summed at points (N, d), axis by axis: (functions, ..., N)."""
    # Points of a grid have few different coordinates.
    distinct = [np.unique(column, return_inverse=True) for column in points.T]
    lines = [
        np.exp(np.multiply.outer(values, wave))
        for (values, _), wave in zip(distinct, waves, strict=True)
    ]
    if math.prod(map(len, lines)) <= _SPARSE * len(points):
        return np.stack([_on_grid(modes, lines, distinct) for modes in functions])
    first, *others = (places for _, places in distinct)
    factors = [line[places] for line, places in zip(lines[1:], others, strict=True)]
    found = []
    for modes in functions:
        batch = modes.shape[: modes.ndim - len(waves)]
        total = (lines[0] @ modes.reshape(*batch, len(waves[0]), -1))[..., first, :]
        for factor in factors:
            flat = total.reshape(*batch, len(points), factor.shape[1], -1)
            total = (factor[:, None, :] @ flat)[..., 0, :]
        found.append(total[..., 0])
    return np.stack(found)
