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
from numpy.typing import NDArray

from .level_sets import Array, Bounds, Level, breaks, roots

_SAME, _FEWEST = 1e-9, 8

Line = tuple[tuple[float, float, int, int, int], ...]
"""Of a line: (start, end, label, level at the start, level at the end) of every interval; level -1
is the cell's boundary.
"""


class Labels(Protocol):
    """Points (n, d) -> numbers (n,) that differ on the two sides of every interface."""

    @property
    def bounds(self) -> Bounds: ...

    def __call__(self, points: Array) -> NDArray[np.int64]: ...


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

    levels: tuple[Level, ...]
    labels: Labels
    axes: tuple[int, ...]
    curved: bool

    @property
    def bounds(self) -> Bounds:
        return self.labels.bounds

    def points(self, order: int, even: bool = False) -> tuple[Array, Array, list[Line]]:
        """Points and weights over all axes but the last, and the cut lines through them; `even` as
        in `gauss`.
        """
        points, weights = np.zeros((1, len(self.axes))), np.ones(1)
        for depth in range(len(self.axes) - 1):
            low, high = self.bounds[self.axes[depth]]
            length = high - low if even else None
            columns = [
                gauss(cut.cuts[:-1], cut.cuts[1:], order, self.curved, length)[:2]
                for cut in self._slices(points, depth)
            ]
            counts = [len(t) for t, _ in columns]
            points = np.repeat(points, counts, axis=0)
            points[:, self.axes[depth]] = np.concatenate([t for t, _ in columns])
            weights = np.repeat(weights, counts) * np.concatenate([w for _, w in columns])
        return points, weights, self._lines(points)

    def _slices(self, points: Array, depth: int) -> list[Slice]:
        """The cuts of axis number `depth` at points that have the coordinates of the axes
        before.
        """
        axis, inner = self.axes[depth], self.axes[depth + 1 :]
        cuts = [
            breaks(self.levels, {k: float(p[k]) for k in self.axes[:depth]}, axis, inner)
            for p in points
        ]
        middles = np.repeat(points, [len(c) - 1 for c in cuts], axis=0)
        middles[:, axis] = np.concatenate([(c[1:] + c[:-1]) / 2 for c in cuts])
        if len(inner) == 1:
            structures = [
                tuple((label, end) for _, _, label, _, end in line) for line in self._lines(middles)
            ]
        else:
            structures = [s.structure for s in self._slices(middles, depth + 1)]
        out = []
        for c in cuts:
            kept, structures = structures[: len(c) - 1], structures[len(c) - 1 :]
            new = [0, *(k for k in range(1, len(kept)) if kept[k] != kept[k - 1])]
            out.append(Slice(np.append(c[new], c[-1]), tuple(kept[k] for k in new)))
        return out

    def _lines(self, points: Array) -> list[Line]:
        """The innermost lines through the points, cut where the label changes."""
        axis = self.axes[-1]
        low, high = self.bounds[axis]
        found = [roots(level, points, axis) for level in self.levels]
        number = np.concatenate(
            [np.arange(len(points)), *(n for n, _ in found), np.arange(len(points))]
        )
        place = np.concatenate(
            [np.full(len(points), low), *(t for _, t in found), np.full(len(points), high)]
        )
        level = np.concatenate(
            [
                np.full(len(points), -1),
                *(np.full(len(n), k) for k, (n, _) in enumerate(found)),
                np.full(len(points), -1),
            ]
        )
        order = np.lexsort((place, number))
        number, place, level = number[order], place[order], level[order]
        within = np.flatnonzero(
            (number[1:] == number[:-1]) & (place[1:] - place[:-1] > _SAME * (high - low))
        )
        middles = points[number[within]]
        middles[:, axis] = (place[within] + place[within + 1]) / 2
        lines: list[list[tuple[float, float, int, int, int]]] = [[] for _ in points]
        for k, label in zip(within.tolist(), self.labels(middles).tolist(), strict=True):
            line, end = lines[number[k]], (float(place[k + 1]), label, int(level[k + 1]))
            if line and line[-1][2] == label:
                line[-1] = (line[-1][0], end[0], label, line[-1][3], end[2])
            else:
                line.append((float(place[k]), end[0], label, int(level[k]), end[2]))
        return [tuple(line) for line in lines]


def line_points(
    points: Array,
    weights: Array,
    lines: Sequence[Line],
    axis: int,
    order: int,
    length: float | None = None,
) -> tuple[Array, Array, NDArray[np.int64]]:
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
) -> tuple[Array, Array, Array]:
    """Points, weights and numbers of intervals (low, high): `order` points for each, or, with a
    `length`, for an interval of this length
    and fewer for shorter ones, so that the points lie equally dense everywhere."""
    counts = np.full(len(low), order)
    if length is not None:
        share = (high - low) / length * (np.pi / 2 if curved else 1)
        counts = np.maximum(min(order, _FEWEST), np.ceil(order * share - 1e-9)).astype(int)
    parts = []
    for count in np.unique(counts):
        t, w = np.polynomial.legendre.leggauss(count)
        if curved:
            angle = np.pi / 2 * (1 + t)
            t, w = -np.cos(angle), w * np.pi / 2 * np.sin(angle)
        which = np.flatnonzero(counts == count)
        half = (high - low)[which, None] / 2
        parts.append(
            (
                (low[which, None] + half * (1 + t)).ravel(),
                (half * w).ravel(),
                np.repeat(which, count),
            )
        )
    points, weights, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    return points, weights, number
