"""Level functions with exact derivatives, their roots along lines, and the points where the lines
of a sweep change their structure.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ...problem.numeric import lambdified

Array = NDArray[np.float64]

_SAMPLES = 48
_BISECTIONS = 54
_STARTS = {1: 33, 2: 12, 3: 6}
_STEPS = 40
_CONVERGED = 1e-12
_SAME = 1e-9

Bounds = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Level:
    """A function of the coordinates; the values are relative to its size on the cell."""

    expression: sp.Expr
    coordinates: tuple[sp.Symbol, ...]
    bounds: Bounds

    @cached_property
    def _calls(self) -> tuple[Any, Any, Any]:
        d = range(len(self.coordinates))
        gradient = [sp.diff(self.expression, v) for v in self.coordinates]
        hessian = [sp.diff(g, v) for g in gradient for v in self.coordinates]
        value, first, second = (
            lambdified(self.coordinates, e, "numpy", cse=True)
            for e in ([self.expression], gradient, hessian)
        )
        low, high = np.array(self.bounds).T
        corners = np.array(
            [
                [(low, high)[n][k] for k, n in zip(d, c)]
                for c in itertools.product((0, 1), repeat=len(low))
            ]
        )
        slopes = np.array(_filled(first(*corners.T), len(corners)))
        size = float(np.abs(slopes).max()) or 1.0
        return tuple(
            (lambda p, f=f: np.stack(_filled(f(*p.T), len(p)), -1) / size)
            for f in (value, first, second)
        )  # type: ignore[return-value]

    def value(self, points: Array) -> Array:
        out: Array = self._calls[0](points)[:, 0]
        return out

    def gradient(self, points: Array) -> Array:
        out: Array = self._calls[1](points)
        return out

    def hessian(self, points: Array) -> Array:
        d = len(self.coordinates)
        out: Array = self._calls[2](points).reshape(-1, d, d)
        return out


def _filled(values: Sequence[Any], count: int) -> list[Array]:
    return [np.broadcast_to(np.asarray(np.real(v), dtype=float), (count,)) for v in values]


def roots(level: Level, lines: Array, axis: int) -> tuple[Array, Array]:
    """(numbers of lines, roots): where the level changes its sign along lines through the points
    (n, d) in direction `axis`.

    Between two samples the stationary point is found first, so that two roots close together are
    not missed.
    """
    low, high = level.bounds[axis]
    grid = np.linspace(low, high, _SAMPLES + 1)
    number = np.repeat(np.arange(len(lines)), _SAMPLES)
    left, right = np.tile(grid[:-1], len(lines)), np.tile(grid[1:], len(lines))

    def along(what: Any, number: Array, t: Array) -> Array:
        points = lines[number].copy()
        points[:, axis] = t
        out: Array = what(points)
        return out

    def slope(points: Array) -> Array:
        return level.gradient(points)[:, axis]

    turning = (along(slope, number, left) >= 0) != (along(slope, number, right) >= 0)
    middle = _bisected(
        lambda n, t: along(slope, n, t), number[turning], left[turning], right[turning]
    )
    number = np.concatenate([number[~turning], number[turning], number[turning]])
    left, right = (
        np.concatenate([left[~turning], left[turning], middle]),
        np.concatenate([right[~turning], middle, right[turning]]),
    )
    crossing = (along(level.value, number, left) >= 0) != (along(level.value, number, right) >= 0)
    number = number[crossing]
    return number, _bisected(
        lambda n, t: along(level.value, n, t), number, left[crossing], right[crossing]
    )


def _bisected(f: Any, number: Array, left: Array, right: Array) -> Array:
    """The change of sign between `left` and `right`, to rounding."""
    sign = f(number, left) >= 0
    for _ in range(_BISECTIONS if len(number) else 0):
        middle = (left + right) / 2
        same = (f(number, middle) >= 0) == sign
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return (left + right) / 2


def breaks(
    levels: Sequence[Level], fixed: Mapping[int, float], axis: int, inner: Sequence[int]
) -> Array:
    """Values of coordinate `axis` at which the zeros of the levels, over the axes `inner`, may
    change their structure; others are `fixed`.

    They are the critical values of that coordinate on every stratum: a face of the cell, and zeros
    of some levels on it.
    """
    found = [np.array(levels[0].bounds[axis])]
    for count in range(len(inner) + 1):
        for faces in itertools.combinations(inner, count):
            free = [axis, *(k for k in inner if k not in faces)]
            for ends in itertools.product((0, 1), repeat=count):
                at = {**fixed, **{k: levels[0].bounds[k][end] for k, end in zip(faces, ends)}}
                found += [
                    _critical(group, at, free)
                    for size in range(1, len(free) + 1)
                    for group in _groups(levels, at, free, size)
                ]
    values, (low, high) = np.sort(np.concatenate(found)), levels[0].bounds[axis]
    values = values[(values >= low) & (values <= high)]
    values = values[np.concatenate([[True], np.diff(values) > _SAME * (high - low)])]
    values[-1] = high
    return values


def _starts(level: Level, at: Mapping[int, float], free: Sequence[int]) -> Array:
    """A grid over the free axes."""
    n = _STARTS[len(free)]
    lines = [a + (b - a) * (np.arange(n) + 0.47) / n for a, b in (level.bounds[k] for k in free)]
    points = np.zeros((n ** len(free), len(level.bounds)))
    points[:, free] = np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], -1)
    for k, value in at.items():
        points[:, k] = value
    return points


def _groups(
    levels: Sequence[Level], at: Mapping[int, float], free: Sequence[int], size: int
) -> list[tuple[Level, ...]]:
    """Sets of levels that may vanish together: they are small at one point of the grid."""
    points, n = _starts(levels[0], at, free), _STARTS[len(free)]
    reach = 1.5 * np.linalg.norm([(b - a) / n for a, b in (levels[0].bounds[k] for k in free)])
    near = [
        np.abs(f.value(points))
        <= reach
        * (
            np.linalg.norm(f.gradient(points)[:, free], axis=1)
            + reach * np.abs(f.hessian(points)).sum((1, 2))
        )
        for f in levels
    ]
    return [
        tuple(levels[k] for k in group)
        for group in itertools.combinations(range(len(levels)), size)
        if np.any(np.logical_and.reduce([near[k] for k in group]))
    ]


def _critical(group: Sequence[Level], at: Mapping[int, float], free: Sequence[int]) -> Array:
    """Values of the first free coordinate where the common zeros of the group have a critical point
    of it: damped Newton from a grid.
    """
    points = _starts(group[0], at, free)
    lengths = np.array([b - a for a, b in (group[0].bounds[k] for k in free)])
    for _ in range(_STEPS):
        value, slope = _system(group, points, free)
        normal = np.einsum("nki,nkj->nij", slope, slope)
        normal += (
            1e-14 * (1e-300 + np.trace(normal, axis1=1, axis2=2))[:, None, None] * np.eye(len(free))
        )
        step = np.linalg.solve(normal, np.einsum("nki,nk->ni", slope, value)[..., None])[..., 0]
        points[:, free] -= (
            step * np.minimum(1, 0.25 / np.maximum(1e-300, np.abs(step / lengths).max(1)))[:, None]
        )
    value, slope = _system(group, points, free)
    size = np.abs(slope).sum((1, 2))
    inside = [
        (points[:, k] >= a - _SAME * (b - a)) & (points[:, k] <= b + _SAME * (b - a))
        for k in free
        for a, b in [group[0].bounds[k]]
    ]
    good = (np.abs(value).max(1) <= _CONVERGED * np.maximum(size, 1)) & np.logical_and.reduce(
        inside
    )
    return np.clip(points[good, free[0]], *group[0].bounds[free[0]])


def _system(group: Sequence[Level], points: Array, free: Sequence[int]) -> tuple[Array, Array]:
    """The equations of a critical point, (n, equations), and their derivatives by the free
    coordinates, (n, equations, free).
    """
    inner = free[1:]
    value = [f.value(points)[:, None] for f in group]
    slope = [f.gradient(points)[:, None, free] for f in group]
    if len(group) == 1 and inner:
        value.append(group[0].gradient(points)[:, inner])
        slope.append(group[0].hessian(points)[:, inner][:, :, free])
    elif len(group) == 2 and len(inner) == 2:
        (f, g), (i, j) = group, inner
        df, dg, hf, hg = (
            f.gradient(points),
            g.gradient(points),
            f.hessian(points)[:, :, free],
            g.hessian(points)[:, :, free],
        )
        value.append((df[:, i] * dg[:, j] - df[:, j] * dg[:, i])[:, None])
        slope.append(
            (
                hf[:, i] * dg[:, j, None]
                + df[:, i, None] * hg[:, j]
                - hf[:, j] * dg[:, i, None]
                - df[:, j, None] * hg[:, i]
            )[:, None]
        )
    return np.concatenate(value, 1), np.concatenate(slope, 1)
