"""Points of a cell that is cut by interfaces, axis after axis: every line is cut where the phase
changes, every sweep where its lines change.

Between two cuts everything is smooth but for square roots at the ends (where an interface is
tangent to the sweep); the substitution t = cos makes them smooth, so that Gauss points give all
integrals to rounding. For plane interfaces there are none, and Gauss points are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...runtime.arrays import Array, Bounds, Integers
from .level_sets import LevelSet, breaks, roots

# Share of the cell below which an interval of a line is dropped: two levels that meet there.
_SAME = 1e-9
# Points of the shortest intervals, where points lie equally dense.
_FEWEST = 8

LineInterval = tuple[float, float, int, int, int]
"""(start, end, label, level at the start, level at the end); level -1 is the cell's boundary."""

Line = tuple[LineInterval, ...]
"""The intervals of a line through the cell, in order."""
"""Of a line: (start, end, label, level at the start, level at the end) of every interval; level -1
is the cell's boundary.
"""


class PieceLabels(Protocol):
    """Points (n, d) -> numbers (n,) that differ on the two sides of every interface."""

    @property
    def bounds(self) -> Bounds: ...

    def __call__(self, points: Array) -> Integers: ...


@dataclass(frozen=True)
class Slice:
    """The cuts of one axis at fixed outer coordinates, and what the inner axes look like between
    them, as far as it can be compared.
    """

    cuts: Array
    structure: tuple[Any, ...]


@dataclass(frozen=True)
class Sweep:
    """The cell cut along the axes in the order `axes`, the last one innermost."""

    levels: tuple[LevelSet, ...]
    labels: PieceLabels
    axes: tuple[int, ...]
    curved: bool

    @property
    def bounds(self) -> Bounds:
        return self.labels.bounds

    def points(self, order: int, even: bool = False) -> tuple[Array, Array, list[Line]]:
        """Points and weights over all axes but the last, and the cut lines through them; `even` as
        in `gauss`.
        """
        points = np.zeros((1, len(self.axes)))
        weights = np.ones(1)
        for depth in range(len(self.axes) - 1):
            axis = self.axes[depth]
            low, high = self.bounds[axis]
            length = high - low if even else None
            rules = []
            for cut in self._slices(points, depth):
                rules.append(gauss(cut.cuts[:-1], cut.cuts[1:], order, self.curved, length))
            counts = [len(t) for t, _, _ in rules]
            points = np.repeat(points, counts, axis=0)
            points[:, axis] = np.concatenate([t for t, _, _ in rules])
            weights = np.repeat(weights, counts) * np.concatenate([w for _, w, _ in rules])
        return points, weights, self._lines(points)

    def _slices(self, points: Array, depth: int) -> list[Slice]:
        """The cuts of axis number `depth` at points that have the coordinates of the axes before.

        `breaks` finds where the structure may change; cuts with the same structure on both sides
        are left out.
        """
        axis = self.axes[depth]
        inner = self.axes[depth + 1 :]
        cuts = []
        for p in points:
            fixed = {k: float(p[k]) for k in self.axes[:depth]}
            cuts.append(breaks(self.levels, fixed, axis, inner))
        middles = np.repeat(points, [len(c) - 1 for c in cuts], axis=0)
        middles[:, axis] = np.concatenate([(c[1:] + c[:-1]) / 2 for c in cuts])
        structures = self._structures(middles, depth + 1)
        slices = []
        for c in cuts:
            own = structures[: len(c) - 1]
            structures = structures[len(c) - 1 :]
            kept = [0, *(k for k in range(1, len(own)) if own[k] != own[k - 1])]
            slices.append(Slice(np.append(c[kept], c[-1]), tuple(own[k] for k in kept)))
        return slices

    def _structures(self, points: Array, depth: int) -> list[tuple[Any, ...]]:
        """What the axes from number `depth` on look like at points, to be compared: the labels of
        lines and the levels at their ends, or the structures between the cuts of slices.
        """
        if depth < len(self.axes) - 1:
            return [cut.structure for cut in self._slices(points, depth)]
        lines = self._lines(points)
        return [tuple((label, end) for _, _, label, _, end in line) for line in lines]

    def _lines(self, points: Array) -> list[Line]:
        """The innermost lines through the points, cut where the label changes."""
        axis = self.axes[-1]
        low, high = self.bounds[axis]
        number, place, level = self._crossings(points)
        apart = place[1:] - place[:-1] > _SAME * (high - low)
        within = np.flatnonzero((number[1:] == number[:-1]) & apart)
        middles = points[number[within]]
        middles[:, axis] = (place[within] + place[within + 1]) / 2
        lines: list[list[LineInterval]] = [[] for _ in points]
        for k, label in zip(within.tolist(), self.labels(middles).tolist(), strict=True):
            line = lines[number[k]]
            end = float(place[k + 1])
            level_at_end = int(level[k + 1])
            if line and line[-1][2] == label:
                start, _, _, level_at_start, _ = line[-1]
                line[-1] = (start, end, label, level_at_start, level_at_end)
            else:
                line.append((float(place[k]), end, label, int(level[k]), level_at_end))
        return [tuple(line) for line in lines]

    def _crossings(self, points: Array) -> tuple[Integers, Array, Integers]:
        """(numbers of lines, places on them, levels there) of the ends of lines and of the zeros of
        levels along them, sorted by line and place; level -1 is an end.
        """
        axis = self.axes[-1]
        count = len(points)
        low, high = self.bounds[axis]
        # The lower ends stand first and the upper ones last: the sort keeps the order of equals.
        numbers: list[Integers] = [np.arange(count)]
        places: list[Array] = [np.full(count, low)]
        levels: list[Integers] = [np.full(count, -1)]
        for k, level in enumerate(self.levels):
            lines, zeros = roots(level, points, axis)
            numbers.append(lines)
            places.append(zeros)
            levels.append(np.full(len(lines), k))
        number = np.concatenate([*numbers, np.arange(count)])
        place = np.concatenate([*places, np.full(count, high)])
        level_number = np.concatenate([*levels, np.full(count, -1)])
        order = np.lexsort((place, number))
        return number[order], place[order], level_number[order]


def gauss_on_lines(
    points: Array,
    weights: Array,
    lines: Sequence[Line],
    axis: int,
    order: int,
    length: float | None = None,
) -> tuple[Array, Array, Integers]:
    """Gauss points, weights and labels on the intervals of lines; `length` as in `gauss`."""
    number = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    low, high, label = (
        np.array([interval[k] for line in lines for interval in line]) for k in range(3)
    )
    t, w, interval = gauss(low, high, order, False, length)
    out = points[number[interval]]
    out[:, axis] = t
    return out, weights[number[interval]] * w, label[interval].astype(np.int64)


def gauss(
    low: Array, high: Array, order: int, curved: bool, length: float | None = None
) -> tuple[Array, Array, Integers]:
    """Points, weights and numbers of intervals (low, high): `order` points for each, or, with a
    `length`, for an interval of this length and fewer for shorter ones, so that the points lie
    equally dense everywhere.
    """
    counts = np.full(len(low), order)
    if length is not None:
        # Points in t = -cos(angle) are thinnest in the middle, by a factor of pi/2.
        share = (high - low) / length * (np.pi / 2 if curved else 1)
        counts = np.maximum(min(order, _FEWEST), np.ceil(order * share - 1e-9)).astype(int)
    points = []
    weights = []
    numbers = []
    for count in np.unique(counts):
        t, w = _rule(count, curved)
        which = np.flatnonzero(counts == count)
        half = (high - low)[which, None] / 2
        points.append((low[which, None] + half * (1 + t)).ravel())
        weights.append((half * w).ravel())
        numbers.append(np.repeat(which, count))
    return np.concatenate(points), np.concatenate(weights), np.concatenate(numbers)


def _rule(count: int, curved: bool) -> tuple[Array, Array]:
    """Gauss points and weights of (-1, 1); `curved`: in the angle of t = -cos(angle), which makes
    square roots at the ends smooth.
    """
    t, w = np.polynomial.legendre.leggauss(count)
    if not curved:
        return t, w
    angle = np.pi / 2 * (1 + t)
    return -np.cos(angle), w * np.pi / 2 * np.sin(angle)
