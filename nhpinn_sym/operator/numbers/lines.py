"""The lines of panels along each axis that resolve some data together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ...runtime.arrays import Array
from .breaks import Breaks, merged_breaks
from .data import DataSpace, number
from .panels import FOR_A_MESH, MOST_COUPLED, Demand, resolve_panels
from .separate import POLYNOMIAL, degree, factors, harmonics, smooth_branches

# Panels of an interval at least, where data vary along it.
_FEWEST = 4
# Random values of variables that are too many for enclosures.
_VALUES = 6


class Lines:
    """The lines of each axis, finer with every datum that is added."""

    def __init__(
        self,
        space: DataSpace,
        breaks: Breaks,
        periodic: tuple[bool, ...],
        demand: Demand = FOR_A_MESH,
    ) -> None:
        self.demand = demand
        self.space = space
        self.breaks = breaks
        self.periodic = periodic
        self.cuts = [breaks.cuts(interval, k) for k, interval in enumerate(space.intervals)]
        self.lines = list(self.cuts)
        self.longest = [space.length(k) for k in range(len(space.symbols))]
        self.degrees: list[int | None] = [0] * len(space.symbols)
        self.failures: list[str] = []

    def frequency(self, k: int) -> int | None:
        if not len(self.breaks.points[k]):
            return self.degrees[k]
        return None

    def finished(self, k: int) -> Array:
        """The lines of axis k with panels no longer than periodic factors ask; even ones between
        breaks where nothing else is there."""
        coarse = self.cuts[k]
        if len(self.lines[k]) > len(coarse):
            return _halved(self.lines[k], self.longest[k])
        return _divided(coarse, self.longest[k])

    def add(self, datum: sp.Expr) -> None:
        for k in self.space.of(datum):
            self._raise(k, datum)
        for branch in smooth_branches(datum, self.breaks.curved, self.space):
            for factor in dict.fromkeys(factors(branch, self.space)):
                self._add_factor(factor)

    def _raise(self, k: int, datum: sp.Expr) -> None:
        known = self.degrees[k]
        if k < self.space.axes and known is not None:
            found = harmonics(datum, k, self.space, self.periodic[k])
            self.degrees[k] = None if found is None else max(known, found)

    def _add_factor(self, factor: sp.Expr) -> None:
        places = self.space.of(factor)
        axes = [k for k in places if k < self.space.axes]
        known = [self._known_panels(factor, k) for k in axes]
        if all(n is not None for n in known):
            for k, n in zip(axes, known, strict=True):
                self.longest[k] = min(self.longest[k], self.space.length(k) / max(n or 1, 1))
            return
        if len(places) > MOST_COUPLED and len(axes) < len(places):
            for part in self._at_values(factor, places):
                self._add_factor(part)
            return
        cuts = [self.initial(k) for k in places]
        symbols = [self.space.symbols[k] for k in places]
        panels = resolve_panels(factor, symbols, cuts, self.demand, self.space.domain)
        if panels.failure is not None:
            self.failures.append(panels.failure)
        for j, k in enumerate(places):
            self.lines[k] = merged_breaks(
                np.concatenate([self.lines[k], panels.lines(j)]), *self.space.intervals[k]
            )

    def _at_values(self, factor: sp.Expr, places: Sequence[int]) -> list[sp.Expr]:
        """A factor of too many variables to be enclosed, at some generic values of those that only
        range over an interval."""
        others = [k for k in places if k >= self.space.axes]
        low, high = np.array([self.space.intervals[k] for k in others]).T
        shares = np.random.default_rng(23).random((_VALUES, len(others)))
        points = low + (high - low) * np.concatenate([shares, [np.full(len(others), 0.5)]])
        symbols = [self.space.symbols[k] for k in others]
        swaps = [dict(zip(symbols, map(number, point), strict=True)) for point in points.tolist()]
        return [factor.xreplace(swap) for swap in swaps]

    def initial(self, k: int) -> Array:
        return _halved(self.cuts[k], self.space.length(k) / _FEWEST)

    def _known_panels(self, factor: sp.Expr, k: int) -> int | None:
        """The number of equal panels that resolve a factor along axis k, where its form says it."""
        power = degree(factor, self.space.symbols[k])
        if power is not None and power <= POLYNOMIAL:
            return 1
        waves = harmonics(factor, k, self.space, self.periodic[k])
        if waves is None:
            return None
        return max(_FEWEST, 2 * waves)


def _divided(lines: Array, longest: float) -> Array:
    """The lines with panels cut into equal parts no longer than `longest`."""
    return _cut(lines, np.ceil(np.diff(lines) / (longest * (1 + 1e-9))))


def _halved(lines: Array, longest: float) -> Array:
    """The same by halving, so that the lines of different data are nested."""
    return _cut(
        lines, np.exp2(np.ceil(np.log2(np.maximum(np.diff(lines) / (longest * (1 + 1e-9)), 1.0))))
    )


def _cut(lines: Array, counts: Array) -> Array:
    parts = [
        a + (b - a) * np.arange(n) / n
        for a, b, n in zip(lines[:-1], lines[1:], counts.astype(int).tolist(), strict=True)
    ]
    return np.append(np.concatenate(parts), lines[-1])
