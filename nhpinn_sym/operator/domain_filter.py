"""What of the box around a domain counts where data are looked at: the points that the domain
contains, and the boxes that may hold one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ..problem.domain import Box, Domain
from ..runtime.arrays import Array, Flags

if TYPE_CHECKING:
    from .numbers.search import Bound

# Points of the box in one draw, how many draws there are at most, and how many points of the domain
# are enough.
_DRAWN = 4096
_DRAWS = 64
_ENOUGH = 2048


@dataclass(frozen=True)
class DomainFilter:
    """Of a domain that is no box: data are judged inside of it and on its boundary alone."""

    coordinates: tuple[sp.Symbol, ...]
    domain: Domain

    @classmethod
    def of(cls, domain: Domain | None, coordinates: tuple[sp.Symbol, ...]) -> DomainFilter | None:
        """None where the domain is a box, or where there is none."""
        if domain is None or isinstance(domain, Box):
            return None
        return cls(coordinates, domain)

    def needed(self, symbols: set[sp.Symbol]) -> set[sp.Symbol]:
        """With all coordinates where there is one of them: the projection of a domain onto some is
        not known by itself."""
        held = set(self.coordinates)
        return symbols | held if symbols & held else symbols

    def kept(self, symbols: Sequence[sp.Symbol], points: Array) -> Flags:
        """Which points (n, d) lie in the domain; all, where no coordinate is among the symbols."""
        if not set(self.coordinates) <= set(symbols):
            return np.ones(len(points), dtype=bool)
        return np.asarray(self.domain.contains(self._columns(symbols, points)))

    @cached_property
    def points(self) -> Array:
        """Points (n, d) inside of the domain, the same in every call."""
        low, high = np.array(self.domain.bounds).T
        generator = np.random.default_rng(3)
        found = [np.zeros((0, len(low)))]
        for _ in range(_DRAWS):
            drawn = low + (high - low) * generator.random((_DRAWN, len(low)))
            found.append(drawn[self.kept(self.coordinates, drawn)])
            if sum(map(len, found)) >= _ENOUGH:
                break
        return np.concatenate(found)

    def within(self, symbols: Sequence[sp.Symbol], points: Array) -> Array:
        """Points (n, d) with those outside of the domain moved to points inside."""
        if not set(self.coordinates) <= set(symbols):
            return points
        found = points.copy()
        outside = np.flatnonzero(~self.kept(symbols, points))
        inside = self.points[np.arange(len(outside)) % len(self.points)]
        for v, column in zip(self.coordinates, inside.T, strict=True):
            found[outside, symbols.index(v)] = column
        return found

    def moved(self, point: Mapping[sp.Symbol, float]) -> dict[sp.Symbol, float]:
        """The coordinates of the point inside that is nearest to one of the box."""
        place = np.array([point[v] for v in self.coordinates])
        near = int(np.argmin(((self.points - place) ** 2).sum(axis=1)))
        return dict(zip(self.coordinates, self.points[near].tolist(), strict=True))

    def meets(self, symbols: Sequence[sp.Symbol], lo: Array, hi: Array) -> Flags:
        """Which boxes (n, d) may hold a point of the domain: all, where a coordinate is missing."""
        if not set(self.coordinates) <= set(symbols):
            return np.ones(len(lo), dtype=bool)
        middle = self._columns(symbols, (lo + hi) / 2)
        reach = np.linalg.norm(self._columns(symbols, hi - lo), axis=0) / 2
        return np.asarray(self.domain.contains(middle, reach / self._size))

    def restricted(self, bound: Bound, symbols: Sequence[sp.Symbol]) -> Bound:
        """Infinite over boxes that hold no point of the domain, and in middles that are none."""

        def own(lo: Array, hi: Array) -> tuple[Array, Array, Array]:
            lower, values, spread = bound(lo, hi)
            inside = self.kept(symbols, (lo + hi) / 2)
            lower = np.where(self.meets(symbols, lo, hi), lower, np.inf)
            return lower, np.where(inside, values, np.inf), spread

        return own

    @property
    def _size(self) -> float:
        return max(b - a for a, b in self.domain.bounds)

    def _columns(self, symbols: Sequence[sp.Symbol], points: Array) -> Array:
        return points[:, [symbols.index(v) for v in self.coordinates]].T
