"""A convex function H of one or two slopes as the largest of v . p - L(v): its least values over
the slopes that a velocity v with zero components does not feel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from .arrays import Array
from .chebyshev_table import ChebyshevTable

Face = Callable[[Array], tuple[Array, Array]]
_SAMPLES = 400
_WIDENINGS = 6
_HALVINGS = 60


def convex_faces(table: ChebyshevTable) -> Mapping[tuple[int, ...], Face] | None:
    """For every set of axes, H at its least over all other slopes: slopes (k, n) -> values (n,) and
    derivatives (k, n). None for a function that is not convex, or does not rise to all sides.
    """
    ends = table.low, table.high
    if not _rises(table) or not _is_convex(table):
        table.narrow(*ends)
        return None
    axes = tuple(range(table.dim))
    faces: dict[tuple[int, ...], Face] = {axes: table}
    if table.dim == 2:
        for kept in axes:
            other = 1 - kept
            own = partial(_least_along, table, other)
            ends = table.low[[kept]], table.high[[kept]]
            faces[kept,] = ChebyshevTable(own, *ends, table.tolerance)
    line = faces[(0,)]
    assert isinstance(line, ChebyshevTable)
    least = float(_least_along(line, 0, np.zeros((1, 0)))[0])

    def constant(slopes: Array) -> tuple[Array, Array]:
        return np.full(slopes.shape[1], least), np.zeros((0, slopes.shape[1]))

    faces[()] = constant
    return faces


def _least_along(table: ChebyshevTable, axis: int, others: Array) -> Array:
    """The least values along an axis at others (n, dim - 1), where the derivative vanishes."""
    low = np.full(len(others), table.low[axis])
    high = np.full(len(others), table.high[axis])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        points = np.insert(others.T, axis, middle, axis=0)
        falls = table(points)[1][axis] < 0
        low = np.where(falls, middle, low)
        high = np.where(falls, high, middle)
    return table(np.insert(others.T, axis, (low + high) / 2, axis=0))[0]


def _rises(table: ChebyshevTable) -> bool:
    """Whether it falls towards every side of the box from there, on a box made wide enough."""
    rng = np.random.default_rng(5)
    for _ in range(_WIDENINGS):
        good = True
        for axis in range(table.dim):
            points = _samples(table, rng, _SAMPLES)
            for side, sign in ((table.low, -1), (table.high, 1)):
                points[axis] = side[axis]
                good &= bool(np.all(sign * table(points)[1][axis] > 0))
        if good:
            return True
        width = table.high - table.low
        table.reach(np.stack([table.low - width / 4, table.high + width / 4], axis=1))
    return False


def _is_convex(table: ChebyshevTable) -> bool:
    """(H'(a) - H'(b)) . (a - b) >= 0 on random segments."""
    rng = np.random.default_rng(6)
    a = _samples(table, rng, _SAMPLES)
    b = _samples(table, rng, _SAMPLES)
    first = table(a)[1]
    second = table(b)[1]
    growth = np.sum((first - second) * (a - b), axis=0)
    size = np.abs(first).max() * np.abs(a - b).max()
    return bool(np.all(growth >= -10 * table.tolerance * size))


def _samples(table: ChebyshevTable, rng: np.random.Generator, count: int) -> Array:
    """Points (d, n) of the box."""
    unit = rng.uniform(size=(count, table.dim))
    return np.asarray((table.low + (table.high - table.low) * unit).T)
