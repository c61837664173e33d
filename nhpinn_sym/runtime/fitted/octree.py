"""Cubes of several sizes that tile a periodicity cell, and the tetrahedra between their centres and
corners.

Between cubes of one size they are those of the body-centred cubic lattice. Labelle, Shewchuk,
"Isosurface stuffing", ACM Trans. Graph. 26 (2007) 57, section 3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Array, Flags, Integers
from .tetrahedralization import Tetrahedralization, positive

_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
_AROUND = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
# So that two nodes share one edge at most, and nodes that are images of each other none.
_FEWEST = 3


@dataclass(frozen=True)
class Octree:
    """Cubes whose neighbours are of half or of twice their size, if not of the same one.

    counts : (3,) unit cubes along the vectors of the cell
    levels : (m,) how often a unit cube was halved
    places : (m, 3) of each cube, in units of its size
    """

    counts: Integers
    levels: Integers
    places: Integers

    @classmethod
    def regular(cls, n: float, vectors: Array) -> Octree:
        """About n unit cubes along the longest vector, or as many as some along the shortest one
        ask for: flat ones have flat tetrahedra."""
        lengths = np.linalg.norm(vectors, axis=1)
        size = min(lengths.max() / n, lengths.min() / _FEWEST)
        counts = np.rint(lengths / size).astype(int)
        places = np.indices(tuple(counts.tolist())).reshape(3, -1).T
        return cls(counts, np.zeros(len(places), dtype=int), places)

    def halved(self) -> Octree:
        """Every cube cut into eight."""
        return self._cut(np.ones(len(self.levels), dtype=bool))

    def finer(self, shares: Array) -> Octree:
        """The cubes that hold places (k, 3), in shares of the vectors, and those next to them that
        are no smaller, cut into eight; and others, until neighbours differ by a half at most."""
        own = np.unique(self._holding(shares))
        levels, places = self.levels[own, None], self.places[own, None] + _AROUND
        wanted = np.zeros(len(self.levels), dtype=bool)
        for up in (0, 1):
            found = self._find(levels - up, places >> up)
            wanted[found[found >= 0]] = True
        mesh = self
        while wanted.any():
            mesh = mesh._cut(wanted)
            wanted = mesh._too_large()
        return mesh

    def _too_large(self) -> Flags:
        """Cubes next to others of a quarter of their size."""
        found = self._find(self.levels[:, None] - 2, (self.places[:, None] + _AROUND) >> 2)
        wanted = np.zeros(len(self.levels), dtype=bool)
        wanted[found[found >= 0]] = True
        return wanted

    def _cut(self, wanted: Flags) -> Octree:
        halves = (2 * self.places[wanted, None] + _CORNERS).reshape(-1, 3)
        levels = np.repeat(self.levels[wanted] + 1, len(_CORNERS))
        return Octree(
            self.counts,
            np.concatenate([self.levels[~wanted], levels]),
            np.concatenate([self.places[~wanted], halves]),
        )

    def _holding(self, shares: Array) -> Integers:
        """The cube (k,) that holds each of the places."""
        found = np.full(len(shares), -1)
        for level in range(self.levels.max() + 1):
            places = np.floor((shares % 1.0) * self.counts * 2**level).astype(int)
            found = np.maximum(found, self._find(np.full(len(shares), level), places))
        return found

    @cached_property
    def _codes(self) -> tuple[Integers, Integers]:
        codes = self._code(self.levels, self.places)
        order = np.argsort(codes)
        return codes[order], order

    def _code(self, levels: Integers, places: Integers) -> Integers:
        """A number for each cube and its images; -1 for levels below 0."""
        finest = self.counts * 2 ** (self.levels.max() + 1)
        inside = places % (self.counts * 2 ** np.maximum(levels, 0)[..., None])
        x, y, z = np.moveaxis(inside, -1, 0)
        code = ((levels * finest[0] + x) * finest[1] + y) * finest[2] + z
        return np.where(levels < 0, -1, code)

    def _find(self, levels: Integers, places: Integers) -> Integers:
        """The numbers of cubes at these places; -1 where there is none."""
        codes, order = self._codes
        wanted = self._code(np.broadcast_to(levels, places.shape[:-1]), places)
        at = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
        return np.where(codes[at] == wanted, order[at], -1)

    def tetrahedralization(self) -> Tetrahedralization:
        """In coordinates in which the cell is a box of `counts` unit cubes."""
        finest = 2 ** (self.levels.max() + 1)
        cells = np.concatenate(
            [part for axis in range(3) for side in (0, 1) for part in self._at_faces(axis, side)]
        )
        nodes, numbers = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True)
        periods = self.counts * finest
        _, first, of = np.unique(nodes % periods, axis=0, return_index=True, return_inverse=True)
        points = nodes / finest
        tetrahedra = positive(points, numbers.reshape(-1, 4))
        vectors = np.diag(self.counts.astype(float))
        return Tetrahedralization(points, first[of.ravel()], vectors, tetrahedra)

    def _at_faces(self, axis: int, side: int) -> list[Integers]:
        """The corners (k, 4, 3), in halves of the smallest cubes, of the tetrahedra with a face, or
        an edge, in that face of a cube, next to others that are no smaller."""
        size = 2 ** (self.levels.max() + 1 - self.levels)[:, None]
        low = self.places * size
        ahead, left, up = np.roll(np.eye(3, dtype=int), -axis, axis=0)
        beyond = self.places + (2 * side - 1) * ahead
        ring = low[:, None] + size[:, None] * (
            side * ahead + np.array([0 * up, left, left + up, up])
        )
        centres = low + size // 2
        larger = self._find(self.levels - 1, beyond >> 1) >= 0
        # A square of a larger face is cut through the middle and a corner of that.
        turn = np.where(((self.places @ left + self.places @ up) % 2 == 0), 0, 1)[larger]
        corners = np.take_along_axis(
            ring[larger], ((turn[:, None] + np.arange(4)) % 4)[..., None], axis=1
        )
        large = ((beyond >> 1) * 2 * size + size)[larger]
        found = [
            np.concatenate([apex[:, None], corners[:, half]], axis=1)
            for apex in (centres[larger], large)
            for half in ([0, 1, 2], [0, 2, 3])
        ]
        if side == 1:
            same = self._find(self.levels, beyond) >= 0
            found += self._between(centres[same], (beyond * size + size // 2)[same], ring[same])
        return found

    def _between(self, one: Integers, other: Integers, ring: Integers) -> list[Integers]:
        """Two centres with an edge of the square between them, or with the halves of one that ends
        the edge of a smaller cube."""
        found = []
        for k in range(4):
            ends = ring[:, k], ring[:, (k + 1) % 4]
            middle = (ends[0] + ends[1]) // 2
            halved = self._is_corner(middle)
            whole = np.stack([one, other, *ends], axis=1)
            found.append(whole[~halved])
            for end in ends:
                found.append(np.stack([one, other, end, middle], axis=1)[halved])
        return found

    def _is_corner(self, nodes: Integers) -> Flags:
        """Whether nodes (k, 3), in halves of the smallest cubes, are corners of a cube."""
        periods = self.counts * 2 ** (self.levels.max() + 1)
        sizes = 2 ** (self.levels.max() + 1 - self.levels)[:, None, None]
        corners = ((self.places[:, None] + _CORNERS) * sizes).reshape(-1, 3)
        known, asked = (
            np.ravel_multi_index(tuple((x % periods).T), tuple(periods.tolist()))
            for x in (corners, nodes)
        )
        return np.isin(asked, known)
