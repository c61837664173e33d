"""What data ask of a mesh: breaks, panels and harmonics along each coordinate, from the symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import sympy as sp

from ..operator.domain_filter import DomainFilter
from ..operator.numbers.breaks import Breaks, Level, find_breaks
from ..operator.numbers.data import DataAxis, DataSpace, Interval, real_data
from ..operator.numbers.lines import Lines
from ..operator.numbers.panels import evaluator
from ..operator.numbers.separate import harmonics
from ..runtime.arrays import Array

Value = float | Interval

# Share of the interval within which a change of a datum may be a jump.
_STEP = 1e-9
# Share of the interval over which slopes at the two ends are compared.
_SLOPE_STEP = 1e-5
# A datum jumps where it changes by more than this share of its size within `_STEP` of the interval,
# and does not change less within a hundredth.
_JUMP = 1e-7
# Of an interval: what a first solution in time takes.
_STEPS = 16
# Generic points at which the two sides of a plane are compared.
_PLACES = 40
# Pairs of points: some lie on two sides of a curve that cuts off a thousandth of the cell.
_DRAWS = 4000
# Steps of Newton's method that move them to a curve which all miss, and by which share of the way
# they go beyond.
_STEPS_THERE = 12
_BEYOND = 1e-3
# From the cell to 1e-12 of it, closer than any datum that is no jump changes by _JUMP.
_BISECTIONS = 40


@dataclass(frozen=True)
class AxisResolution:
    """What the data ask of a mesh along one coordinate.

    breaks    : planes across this axis where data jump or kink, exact to rounding, sorted,
                without the ends of the interval; where the axis is periodic and the data do not
                match there, its lower end is one of them.
    lines     : a < ... < b, the ends of panels on which every datum is a polynomial of degree
                about 6 to a thousandth of its size; all breaks that lie inside are among them.
    harmonics : the largest frequency, in periods of the interval, where all data are
                trigonometric polynomials in this coordinate (0: they are constant along it);
                otherwise None.
    """

    symbol: sp.Symbol
    interval: Interval
    periodic: bool
    breaks: tuple[float, ...]
    lines: tuple[float, ...]
    harmonics: int | None

    @property
    def length(self) -> float:
        return self.interval[1] - self.interval[0]

    @property
    def feature(self) -> float:
        """The smallest length over which data vary: half a period where they are trigonometric
        polynomials, else the narrowest panel."""
        if self.harmonics is not None:
            if self.harmonics:
                return self.length / (2 * self.harmonics)
            return self.length
        return float(np.diff(self.lines).min())

    @property
    def spans(self) -> tuple[float, ...]:
        """The lines that sixteen equal steps would miss: breaks, the ends of narrow panels, and
        those of the interval."""
        narrow = np.diff(self.lines) < self.length / _STEPS
        beside = np.append(narrow, False) | np.append(False, narrow)
        beside[[0, -1]] = True
        kept = zip(self.lines, beside, strict=True)
        return tuple(line for line, near in kept if near or line in self.breaks)


@dataclass(frozen=True)
class Resolution:
    """What data ask of a mesh; `axes` in the order of the coordinates.

    jumps      : a datum is discontinuous somewhere.
    curved     : levels that vanish at interfaces (jumps or kinks) that are no planes across an
                 axis.
    unresolved : what could not be resolved within the limits, None if nothing.
    """

    axes: tuple[AxisResolution, ...]
    jumps: bool
    curved: tuple[sp.Expr, ...]
    unresolved: str | None

    @property
    def breaks(self) -> tuple[tuple[float, ...], ...]:
        """Of each axis."""
        return tuple(axis.breaks for axis in self.axes)

    @property
    def lines(self) -> tuple[tuple[float, ...], ...]:
        """Of each axis."""
        return tuple(axis.lines for axis in self.axes)

    @property
    def planar(self) -> bool:
        """Whether data jump or kink only across planes."""
        return not self.curved

    @property
    def feature(self) -> float:
        """The smallest length over which data vary along any axis."""
        return min(axis.feature for axis in self.axes)


def resolve(
    exprs: Sequence[sp.Expr],
    axes: Sequence[DataAxis],
    values: Mapping[sp.Symbol, Value] | None = None,
    domain: DomainFilter | None = None,
) -> Resolution:
    """What the data `exprs` ask of a mesh along `axes`, each (symbol, interval, periodic).

    values: a number for every other symbol, or an interval over which it ranges: then the answer
            holds for all values in it.
    domain: what of the box counts, where it is not all of it.
    Symbols without a value, and functions without a formula, count as 1.
    """
    numbers: dict[sp.Symbol, float] = {}
    ranges: list[tuple[sp.Symbol, Interval]] = []
    for v, given in (values or {}).items():
        low, high = given if isinstance(given, tuple) else (given, given)
        if low == high:
            numbers[v] = float(low)
        else:
            ranges.append((v, (float(low), float(high))))
    fixed = tuple((v, (float(a), float(b)), bool(p)) for v, (a, b), p in axes)
    known = tuple(sorted(numbers.items(), key=str))
    return _resolve(tuple(exprs), fixed, known, tuple(ranges), domain)


@lru_cache(maxsize=256)
def _resolve(
    exprs: tuple[sp.Expr, ...],
    axes: tuple[DataAxis, ...],
    numbers: tuple[tuple[sp.Symbol, float], ...],
    ranges: tuple[tuple[sp.Symbol, Interval], ...],
    domain: DomainFilter | None,
) -> Resolution:
    symbols = (*(v for v, _, _ in axes), *(v for v, _ in ranges))
    intervals = (*(interval for _, interval, _ in axes), *(interval for _, interval in ranges))
    space = DataSpace(symbols, intervals, len(axes), domain)
    data = []
    for datum in real_data(exprs, dict(numbers), space):
        if min(space.of(datum)) < len(axes):
            data.append(datum)
    breaks = find_breaks(data, space)
    breaks, jumping = _with_ends(data, breaks, axes, space)
    lines = Lines(space, breaks, tuple(p for _, _, p in axes))
    for datum in data:
        lines.add(datum)
    found = []
    for k, (v, interval, periodic) in enumerate(axes):
        planes = tuple(map(float, breaks.points[k]))
        ends = tuple(map(float, lines.finished(k)))
        found.append(AxisResolution(v, interval, periodic, planes, ends, lines.frequency(k)))
    failures = [*breaks.failures, *lines.failures]
    curved = tuple(dict.fromkeys(level.expression for level in breaks.curved))
    return Resolution(tuple(found), jumping, curved, "; ".join(failures) or None)


def _with_ends(
    data: Sequence[sp.Expr], breaks: Breaks, axes: Sequence[DataAxis], space: DataSpace
) -> tuple[Breaks, bool]:
    """The breaks, with the lower end of a periodic axis where data do not match there; and
    whether a datum jumps at any of them."""
    random = np.random.default_rng(11)
    low, high = np.array(space.intervals).T
    generic = low + (high - low) * random.random((_PLACES, len(low)))
    jumping = any(
        _jumps_across(d, level, space) for d in data for level in breaks.curved if level.jump
    )
    points = list(breaks.points)
    for k, (symbol, (a, b), periodic) in enumerate(axes):
        held = []
        for d in data:
            if symbol in d.free_symbols and harmonics(d, k, space, periodic) is None:
                held.append(d)
        for d in held:
            for at in breaks.points[k].tolist():
                jumping |= _differ(d, generic, k, at, at, b - a, space)
        if not periodic:
            continue
        jump = any(_differ(d, generic, k, a, b, b - a, space) for d in held)
        if jump or any(_kinked(d, generic, k, (a, b), space) for d in held):
            points[k] = np.concatenate([[a], points[k]])
        jumping |= jump
    return replace(breaks, points=tuple(points)), jumping


def _differ(
    datum: sp.Expr,
    generic: Array,
    k: int,
    above: float,
    below: float,
    length: float,
    space: DataSpace,
) -> bool:
    """Whether the limits of a datum from above `above` and from below `below` differ."""
    values = evaluator(datum, space.symbols)

    def gap(step: float) -> Array:
        upper = _moved(generic, k, above + step * length)
        lower = _moved(generic, k, below - step * length)
        return np.abs(values(upper) - values(lower))

    wide = gap(_STEP)
    # A steep slope changes a hundred times less over a hundredth of the step; a jump does not.
    close = gap(_STEP / 100)
    size = np.nanmax(np.abs(values(generic)), initial=0.0)
    return bool(np.any((close > _JUMP * size) & (close > 0.5 * wide)))


def _moved(points: Array, k: int, place: float) -> Array:
    """The points with another coordinate k."""
    moved = points.copy()
    moved[:, k] = place
    return moved


def _kinked(datum: sp.Expr, generic: Array, k: int, interval: Interval, space: DataSpace) -> bool:
    """Whether the slopes of a datum at the two ends of a period differ, by more than its curvature
    there and rounding explain."""
    values = evaluator(datum, space.symbols)
    a, b = interval
    step = _SLOPE_STEP * (b - a)
    # Next to the ends, where the datum may take either of two values.
    right = [values(_moved(generic, k, a + n * step)) for n in (1, 2, 3)]
    left = [values(_moved(generic, k, b - n * step)) for n in (1, 2, 3)]
    difference = np.abs((right[1] - right[0]) - (left[0] - left[1]))
    # One-sided differences are off by the curvature times the step.
    curvature = _second_difference(right) + _second_difference(left)
    size = np.nanmax(np.abs(values(generic)), initial=0.0)
    return bool(np.any(difference > 10 * curvature + 1e-9 * size))


def _second_difference(values: Sequence[Array]) -> Array:
    first, second, third = values
    return np.abs(third - 2 * second + first)


def _jumps_across(datum: sp.Expr, level: Level, space: DataSpace) -> bool:
    """Whether a datum jumps where a level of several symbols changes its sign, or passes an
    integer: pairs of random points are bisected."""
    if not datum.free_symbols & level.expression.free_symbols:
        return False
    counted = sp.floor(level.expression) if level.integers else level.expression
    levels = evaluator(counted, space.symbols)

    def sides(points: Array) -> Array:
        if level.integers:
            return levels(points)
        return np.sign(levels(points))

    values = evaluator(datum, space.symbols)
    low, high = np.array(space.intervals).T
    one, other = low + (high - low) * np.random.default_rng(5).random((2, _DRAWS, len(low)))
    # Between two points on different sides there is an interface: bisection goes to one of its
    # points.
    side = sides(one)
    if not level.integers and not np.any(side != sides(other)):
        other = _aimed(level.expression, other, space)
    crossing = side != sides(other)
    one, other, side = one[crossing], other[crossing], side[crossing]
    for _ in range(_BISECTIONS):
        middle = (one + other) / 2
        same = (sides(middle) == side)[:, None]
        one = np.where(same, middle, one)
        other = np.where(same, other, middle)
    size = np.nanmax(np.abs(values(np.concatenate([one, other]))), initial=0.0)
    return bool(np.any(np.abs(values(one) - values(other)) > _JUMP * size))


def _aimed(level: sp.Expr, points: Array, space: DataSpace) -> Array:
    """Points a little beyond where a level vanishes, which random ones miss where it is small:
    those are moved there by Newton's method along its slopes; as they are where that leaves the
    box."""
    value = evaluator(level, space.symbols)
    slopes = [evaluator(level.diff(v), space.symbols) for v in space.symbols]
    low, high = np.array(space.intervals).T
    moved = points
    with np.errstate(all="ignore"):
        for _ in range(_STEPS_THERE):
            slope = np.stack([found(moved) for found in slopes], axis=1)
            moved = moved - (value(moved) / np.sum(slope**2, axis=1))[:, None] * slope
    moved = moved + _BEYOND * (moved - points)
    inside = np.all((moved > low) & (moved < high), axis=1)
    return np.where(inside[:, None], moved, points)
