"""Level functions with exact derivatives, their roots along lines, and the points where the lines
of a sweep change their structure.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ...problem.numeric import lambdified
from ...runtime.arrays import Array, Bounds, Integers
from ...runtime.tensor_grids import tensor_points

# Of a line through the cell; between two of them one stationary point is looked for.
_SAMPLES = 48
# To the last bit of a double.
_BISECTIONS = 54
# Points per axis from which Newton starts, by the number of free axes.
_STARTS = {1: 33, 2: 12, 3: 6}
# Of damped Newton: each may cross a quarter of the cell, the last few converge quadratically.
_STEPS = 40
# Steps in which the equations have to fall by half: others wander where there is no zero.
_PATIENCE = 8
# Share of the cell: shorter steps are rounding, or the last of Newton.
_AT_REST = 1e-13
# Equations relative to their slopes: the distance from the critical point.
_CONVERGED = 1e-12
# Share of the cell: critical values this close are one, as Newton meets each many times.
_SAME = 1e-9

# Points (n, d) -> (n, m).
_PointFunction = Callable[[Array], Array]


@dataclass(frozen=True)
class LevelSet:
    """A function of the coordinates; the values are relative to its size on the cell."""

    expression: sp.Expr
    coordinates: tuple[sp.Symbol, ...]
    bounds: Bounds

    @cached_property
    def _calls(self) -> tuple[_PointFunction, _PointFunction, _PointFunction]:
        """Value, gradient and Hessian, relative to the largest slope at the corners of the cell."""
        gradient = [_slope(self.expression, v) for v in self.coordinates]
        hessian = [_slope(g, v) for g in gradient for v in self.coordinates]
        corners = tensor_points([np.array(ends) for ends in self.bounds])
        slopes = _compiled(gradient, self.coordinates)(corners)
        size = float(np.abs(slopes).max()) or 1.0
        return (
            _compiled([self.expression], self.coordinates, size),
            _compiled(gradient, self.coordinates, size),
            _compiled(hessian, self.coordinates, size),
        )

    def value(self, points: Array) -> Array:
        return self._calls[0](points)[:, 0]

    def gradient(self, points: Array) -> Array:
        return self._calls[1](points)

    def hessian(self, points: Array) -> Array:
        d = len(self.coordinates)
        return self._calls[2](points).reshape(-1, d, d)


def _slope(expr: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative between the steps of every floor, which SymPy does not differentiate."""
    held = {step: sp.Dummy() for step in expr.atoms(sp.floor)}
    back = {dummy: step for step, dummy in held.items()}
    return sp.diff(expr.xreplace(held), symbol).xreplace(back)


def _compiled(
    exprs: Sequence[sp.Expr], symbols: tuple[sp.Symbol, ...], size: float = 1.0
) -> _PointFunction:
    """Points (n, d) -> the values of the expressions over `size`, (n, m)."""
    call = lambdified(symbols, tuple(exprs), "numpy", cse=True)

    def values(points: Array) -> Array:
        columns = [np.asarray(np.real(v), dtype=float) for v in call(*points.T)]
        return np.stack([np.broadcast_to(c, (len(points),)) for c in columns], -1) / size

    return values


def roots(level: LevelSet, lines: Array, axis: int) -> tuple[Integers, Array]:
    """(numbers of lines, roots): where the level changes its sign along lines through the points
    (n, d) in direction `axis`.

    Between two samples the stationary point is found first, so that two roots close together are
    not missed.
    """
    low, high = level.bounds[axis]
    grid = np.linspace(low, high, _SAMPLES + 1)
    number = np.repeat(np.arange(len(lines)), _SAMPLES)
    left = np.tile(grid[:-1], len(lines))
    right = np.tile(grid[1:], len(lines))

    def on_lines(number: Integers, t: Array) -> Array:
        points = lines[number].copy()
        points[:, axis] = t
        return points

    def value(number: Integers, t: Array) -> Array:
        return level.value(on_lines(number, t))

    def slope(number: Integers, t: Array) -> Array:
        return level.gradient(on_lines(number, t))[:, axis]

    turning = (slope(number, left) >= 0) != (slope(number, right) >= 0)
    middle = _bisected(slope, number[turning], left[turning], right[turning])
    number = np.concatenate([number[~turning], number[turning], number[turning]])
    ends = np.concatenate([right[~turning], middle, right[turning]])
    starts = np.concatenate([left[~turning], left[turning], middle])
    crossing = (value(number, starts) >= 0) != (value(number, ends) >= 0)
    number = number[crossing]
    return number, _bisected(value, number, starts[crossing], ends[crossing])


def _bisected(
    f: Callable[[Integers, Array], Array], number: Integers, left: Array, right: Array
) -> Array:
    """The change of sign between `left` and `right`, to rounding."""
    if not len(number):
        return left
    sign = f(number, left) >= 0
    for _ in range(_BISECTIONS):
        middle = (left + right) / 2
        same = (f(number, middle) >= 0) == sign
        left = np.where(same, middle, left)
        right = np.where(same, right, middle)
    return (left + right) / 2


def breaks(
    levels: Sequence[LevelSet], fixed: Mapping[int, float], axis: int, inner: Sequence[int]
) -> Array:
    """Values of coordinate `axis` at which the zeros of the levels, over the axes `inner`, may
    change their structure; others are `fixed`.

    They are the critical values of that coordinate on every stratum: a face of the cell, and zeros
    of some levels on it.
    """
    low, high = levels[0].bounds[axis]
    found = [np.array([low, high])]
    for at in _faces(levels[0].bounds, fixed, inner):
        free = [axis, *(k for k in inner if k not in at)]
        for size in range(1, len(free) + 1):
            for group in _groups(levels, at, free, size):
                found.append(_critical(group, at, free))
    values = np.sort(np.concatenate(found))
    values = values[(values >= low) & (values <= high)]
    values = values[np.concatenate([[True], np.diff(values) > _SAME * (high - low)])]
    values[-1] = high
    return values


def _faces(
    bounds: Bounds, fixed: Mapping[int, float], inner: Sequence[int]
) -> Iterator[dict[int, float]]:
    """The coordinates that are held on every face of the cell across some of the axes `inner`,
    the whole cell first, with the `fixed` ones.
    """
    for count in range(len(inner) + 1):
        for across in itertools.combinations(inner, count):
            for ends in itertools.product((0, 1), repeat=count):
                held = {k: bounds[k][end] for k, end in zip(across, ends, strict=True)}
                yield {**fixed, **held}


def _starts(level: LevelSet, at: Mapping[int, float], free: Sequence[int]) -> Array:
    """A grid over the free axes, none of its points on a plane of symmetry of the cell."""
    n = _STARTS[len(free)]
    lines = [a + (b - a) * (np.arange(n) + 0.47) / n for a, b in (level.bounds[k] for k in free)]
    points = np.zeros((n ** len(free), len(level.bounds)))
    points[:, free] = tensor_points(lines)
    for k, value in at.items():
        points[:, k] = value
    return points


def _groups(
    levels: Sequence[LevelSet], at: Mapping[int, float], free: Sequence[int], size: int
) -> Iterator[tuple[LevelSet, ...]]:
    """Sets of levels that may vanish together: they are small at one point of the grid."""
    points = _starts(levels[0], at, free)
    n = _STARTS[len(free)]
    spacing = [(b - a) / n for a, b in (levels[0].bounds[k] for k in free)]
    reach = 1.5 * np.linalg.norm(spacing)
    near = []
    for f in levels:
        # A zero within reach leaves no larger value, by Taylor's formula of second order.
        slope = np.linalg.norm(f.gradient(points)[:, free], axis=1)
        curvature = np.abs(f.hessian(points)).sum((1, 2))
        near.append(np.abs(f.value(points)) <= reach * (slope + reach * curvature))
    for group in itertools.combinations(range(len(levels)), size):
        if np.any(np.logical_and.reduce([near[k] for k in group])):
            yield tuple(levels[k] for k in group)


def _critical(group: Sequence[LevelSet], at: Mapping[int, float], free: Sequence[int]) -> Array:
    """Values of the first free coordinate where the common zeros of the group have a critical point
    of it: damped Newton from a grid.
    """
    points = _starts(group[0], at, free)
    ends = np.array([group[0].bounds[k] for k in free])
    lengths = ends[:, 1] - ends[:, 0]
    moving = np.arange(len(points))
    least = np.full(len(points), np.inf)
    for count in range(_STEPS):
        value, slope = _system(group, points[moving], free)
        step = _newton_step(value, slope, lengths)
        points[np.ix_(moving, np.array(free))] -= step
        go_on = np.abs(step / lengths).max(1) > _AT_REST
        if count % _PATIENCE == 0:
            left = np.abs(value).max(1)
            go_on &= left < least[moving] / 2
            least[moving] = left
        moving = moving[go_on]
        if not len(moving):
            break
    value, slope = _system(group, points, free)
    size = np.abs(slope).sum((1, 2))
    converged = np.abs(value).max(1) <= _CONVERGED * np.maximum(size, 1)
    margin = _SAME * lengths
    inside = (points[:, free] >= ends[:, 0] - margin) & (points[:, free] <= ends[:, 1] + margin)
    good = converged & inside.all(axis=1)
    return np.clip(points[good, free[0]], *ends[0])


def _newton_step(value: Array, slope: Array, lengths: Array) -> Array:
    """Gauss-Newton steps (n, free), as there may be more equations than coordinates; none is longer
    than a quarter of the cell.
    """
    normal = np.einsum("nki,nkj->nij", slope, slope)
    # So little that it changes no step, and enough that no matrix is singular.
    ridge = 1e-14 * (1e-300 + np.trace(normal, axis1=1, axis2=2))
    normal += ridge[:, None, None] * np.eye(len(lengths))
    right = np.einsum("nki,nk->ni", slope, value)
    step = np.asarray(np.linalg.solve(normal, right[..., None])[..., 0])
    longest = np.maximum(1e-300, np.abs(step / lengths).max(1))
    return step * np.minimum(1, 0.25 / longest)[:, None]


def _system(group: Sequence[LevelSet], points: Array, free: Sequence[int]) -> tuple[Array, Array]:
    """The equations of a critical point, (n, equations), and their derivatives by the free
    coordinates, (n, equations, free).

    Beside the levels vanish: one level's slopes along the inner axes, or the determinant of two
    levels' slopes along two inner axes (Lagrange multipliers, eliminated).
    """
    inner = free[1:]
    value = [f.value(points)[:, None] for f in group]
    slope = [f.gradient(points)[:, None, free] for f in group]
    if len(group) == 1 and inner:
        value.append(group[0].gradient(points)[:, inner])
        slope.append(group[0].hessian(points)[:, inner][:, :, free])
    elif len(group) == 2 and len(inner) == 2:
        determinant, derivative = _determinant(group[0], group[1], points, free)
        value.append(determinant)
        slope.append(derivative)
    return np.concatenate(value, 1), np.concatenate(slope, 1)


def _determinant(
    f: LevelSet, g: LevelSet, points: Array, free: Sequence[int]
) -> tuple[Array, Array]:
    """d_i f d_j g - d_j f d_i g for the two inner axes, (n, 1), and its derivatives, (n, 1,
    free).
    """
    i, j = free[1:]
    df = f.gradient(points)
    dg = g.gradient(points)
    hf = f.hessian(points)[:, :, free]
    hg = g.hessian(points)[:, :, free]
    determinant = df[:, i] * dg[:, j] - df[:, j] * dg[:, i]
    derivative = (
        hf[:, i] * dg[:, j, None]
        + df[:, i, None] * hg[:, j]
        - hf[:, j] * dg[:, i, None]
        - df[:, j, None] * hg[:, i]
    )
    return determinant[:, None], derivative[:, None]
