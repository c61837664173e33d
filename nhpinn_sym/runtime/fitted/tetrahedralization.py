"""Tetrahedra that tile a periodicity cell, and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import Array, Flags, Integers
from ..kd_tree import kd_tree
from .elements import EDGES
from .triangulation import PeriodicSimplices, order_of

# The shortest edge as a share of the longest: .87 for those of the lattice, others less.
_REGULAR = 0.8
# Period of shares, which are rounded.
_AROUND = 1.0 + 1e-12


@dataclass(frozen=True)
class Tetrahedralization(PeriodicSimplices):
    """tetrahedra (m, 4) of positive volume."""

    tetrahedra: Integers

    @property
    def simplices(self) -> Integers:
        return self.tetrahedra

    @cached_property
    def regular(self) -> Flags:
        """Which tetrahedra (m,) are those of a body-centred cubic lattice, of any size; the others
        lie between two sizes."""
        sides = self.lengths[self.edges.torus[self.edges.of]]
        return np.asarray(sides.min(axis=1) > _REGULAR * sides.max(axis=1))

    def nearest(self, places: Array) -> Integers:
        """The tetrahedron whose centre is nearest to each place, or to an image of it."""
        inverse = np.linalg.inv(self.vectors)
        tree = kd_tree((self.centres @ inverse) % 1.0, _AROUND)
        return np.asarray(tree.query((places @ inverse) % 1.0)[1])


def positive(points: Array, tetrahedra: Integers) -> Integers:
    """Their nodes (m, 4) in an order that makes the volumes positive."""
    x = points[tetrahedra]
    negative = np.linalg.det(x[:, 1:] - x[:, :1]) < 0
    return np.where(negative[:, None], tetrahedra[:, [1, 0, 2, 3]], tetrahedra)


def cut_at(mesh: Tetrahedralization, across: Flags, places: Array) -> Tetrahedralization:
    """Tetrahedra cut at nodes on the edges (t,) that are `across`, at `places` (t, 3) from their
    first ends: the longest edge first, and all at one edge together, so that they stay a mesh."""
    edges = mesh.edges
    fine, numbers = mesh.with_nodes_on(across[edges.torus], places)
    rank = np.where(across, order_of(mesh.lengths), -1)
    find = _EdgeNumbers(edges.nodes, len(fine.points))
    done, cells = [], mesh.tetrahedra
    while len(cells):
        own = find(cells[:, EDGES[3]])
        ranks = np.where(own < 0, -1, rank[edges.torus[own]])
        first = np.argmax(ranks, axis=1)
        rows = np.arange(len(cells))
        best = ranks[rows, first]
        waiting = np.zeros(len(rank), dtype=bool)
        waiting[edges.torus[own[(ranks >= 0) & (ranks < best[:, None])]]] = True
        edge = own[rows, first]
        ready = (best >= 0) & ~waiting[edges.torus[edge]]
        done.append(cells[best < 0])
        halves = []
        for end in EDGES[3][first[ready]].T:
            half = cells[ready].copy()
            half[np.arange(len(half)), end] = numbers[edge[ready]]
            halves.append(half)
        cells = np.concatenate([cells[(best >= 0) & ~ready], *halves])
    return replace(fine, tetrahedra=np.concatenate(done))


class _EdgeNumbers:
    """The numbers of edges between two nodes; -1 where there is none."""

    def __init__(self, nodes: Integers, count: int) -> None:
        self._count = count
        codes = self._codes(nodes)
        self._order = np.argsort(codes)
        self._codes_in_order = codes[self._order]

    def _codes(self, ends: Integers) -> Integers:
        return np.asarray(ends.min(axis=-1) * self._count + ends.max(axis=-1))

    def __call__(self, ends: Integers) -> Integers:
        codes = self._codes(ends)
        place = np.searchsorted(self._codes_in_order, codes).clip(max=len(self._order) - 1)
        return np.where(self._codes_in_order[place] == codes, self._order[place], -1)
