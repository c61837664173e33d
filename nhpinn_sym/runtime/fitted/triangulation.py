"""Triangulations of a periodicity cell: nodes on opposite sides are images of one node."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from ..arrays import Array, Flags, Integers
from .elements import EDGES

Own = TypeVar("Own", bound="PeriodicSimplices")

# Lengths that agree in so many digits are equal: then the number of the edge says which is longer.
_DIGITS = 9


@dataclass(frozen=True)
class Edges:
    """The edges of periodic simplices.

    nodes  : (e, 2) of each edge, the one with the lower number of its original first
    of     : (m, k) the edges of each simplex, in the order of `EDGES`
    torus  : (e,) edges that are images of each other have one number
    first  : (t,) an edge for each of these numbers
    """

    nodes: Integers
    of: Integers
    torus: Integers
    first: Integers


@dataclass(frozen=True)
class PeriodicSimplices(ABC):
    """Triangles that tile the plane, or tetrahedra that tile space, when they are moved by whole
    `vectors`.

    points (n, d); originals (n,): the number of the node whose image a node is (its own where it is
    none); vectors (d, d): the periods, one a row.
    At least three nodes in a row along each vector, so that two of them share one edge only.
    """

    points: Array
    originals: Integers
    vectors: Array

    @property
    @abstractmethod
    def simplices(self) -> Integers:
        """(m, d + 1): the nodes of each, counterclockwise."""

    @property
    def dim(self) -> int:
        return len(self.vectors)

    @cached_property
    def edges(self) -> Edges:
        between = EDGES[self.dim]
        ends = self.simplices[:, between].reshape(-1, 2)
        swap = self.originals[ends[:, 0]] > self.originals[ends[:, 1]]
        ends = np.where(swap[:, None], ends[:, ::-1], ends)
        _, chosen, of = _distinct_rows(ends)
        nodes = ends[chosen]
        _, first, torus = _distinct_rows(self.originals[nodes])
        return Edges(nodes, of.reshape(-1, len(between)), torus.ravel(), first)

    @cached_property
    def lengths(self) -> Array:
        """Of the edges that are no images of each other (t,)."""
        ends = self.points[self.edges.nodes[self.edges.first]]
        return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)

    @cached_property
    def longest(self) -> Array:
        """The length of the longest edge of each simplex."""
        return self.lengths[self.edges.torus[self.edges.of]].max(axis=1)

    @property
    def centres(self) -> Array:
        return self.points[self.simplices].mean(axis=1)

    def with_nodes_on(self: Own, split: Flags, places: Array) -> tuple[Own, Integers]:
        """More nodes, one for each edge (e,) that is `split`, at `places` (t, d) relative to the
        first ends; and their numbers by edge (-1 elsewhere). The simplices are the old ones.
        """
        edges = self.edges
        chosen = np.flatnonzero(split)
        numbers = np.full(len(edges.nodes), -1)
        numbers[chosen] = len(self.points) + np.arange(len(chosen))
        added = self.points[edges.nodes[chosen, 0]] + places[edges.torus[chosen]]
        originals = numbers[edges.first[edges.torus[chosen]]]
        mesh = replace(
            self,
            points=np.concatenate([self.points, added]),
            originals=np.concatenate([self.originals, originals]),
        )
        return mesh, numbers

    def middles(self) -> Array:
        """Of the edges, relative to their first ends (t, d)."""
        ends = self.points[self.edges.nodes[self.edges.first]]
        return (ends[:, 1] - ends[:, 0]) / 2


@dataclass(frozen=True)
class Triangulation(PeriodicSimplices):
    """triangles (m, 3), counterclockwise, in the plane."""

    triangles: Integers

    @property
    def simplices(self) -> Integers:
        return self.triangles

    def bisected(self, wanted: Flags) -> Triangulation:
        """At least the longest edges of the triangles that are `wanted` are halved, and those of
        neighbours until no node lies on an edge (Rivara 1984): angles stay above half the least.
        """
        edges = self.edges
        sides = edges.torus[edges.of]
        longest = np.argmax(order_of(self.lengths)[sides], axis=1)
        rows = np.arange(len(sides))
        split = np.zeros(len(self.lengths), dtype=bool)
        split[sides[wanted, longest[wanted]]] = True
        while True:
            touched = split[sides].any(axis=1) & ~split[sides[rows, longest]]
            if not touched.any():
                break
            split[sides[touched, longest[touched]]] = True
        mesh, numbers = self.with_nodes_on(split[edges.torus], self.middles())
        turn = (longest[:, None] + np.arange(3)) % 3
        corners = np.take_along_axis(self.triangles, turn, axis=1)
        new = numbers[np.take_along_axis(edges.of, turn, axis=1)]
        return replace(mesh, triangles=_children(corners, new))

    def quartered(self) -> Triangulation:
        """Every triangle cut into four of its shape."""
        edges = self.edges
        every = np.ones(len(edges.nodes), dtype=bool)
        mesh, numbers = self.with_nodes_on(every, self.middles())
        a, b, c = self.triangles.T
        p, q, r = numbers[edges.of].T
        parts = [(a, p, r), (p, b, q), (r, q, c), (p, q, r)]
        return replace(mesh, triangles=np.concatenate([np.stack(part, axis=1) for part in parts]))


def order_of(lengths: Array) -> Integers:
    """The place (t,) of each edge when they are sorted by their lengths, equal ones by their
    numbers."""
    order = np.empty(len(lengths), dtype=int)
    rounded = np.round(lengths / lengths.max(), _DIGITS)
    order[np.lexsort((np.arange(len(order)), rounded))] = np.arange(len(order))
    return order


def _distinct_rows(pairs: Integers) -> tuple[Integers, Integers, Integers]:
    """As `np.unique` of rows (n, 2), which compares them as bytes: each as one number."""
    numbers = pairs[:, 0] * (pairs.max(initial=0) + 1) + pairs[:, 1]
    return np.unique(numbers, return_index=True, return_inverse=True)


def _children(corners: Integers, new: Integers) -> Integers:
    """Triangles (m, 3) whose first edge is the longest, cut at new nodes (m, 3) on their edges (-1
    where there is none)."""
    kept = corners[new[:, 0] < 0]
    corners, new = (part[new[:, 0] >= 0] for part in (corners, new))
    a, b, c = corners.T
    m, q, p = new.T
    parts = [kept]
    for cut, whole, halves in (
        (p, (a, m, c), ((a, m, p), (p, m, c))),
        (q, (m, b, c), ((m, b, q), (m, q, c))),
    ):
        parts.append(np.stack(whole, axis=1)[cut < 0])
        parts += [np.stack(half, axis=1)[cut >= 0] for half in halves]
    return np.concatenate(parts)


def regular(lines: Sequence[Array], vectors: Array, origin: Array) -> Triangulation:
    """The triangulation between lines along both vectors, at increasing shares from 0 to 1 of
    them; quadrilaterals are cut along the shorter diagonal, in turn where both are of one length.
    """
    count = [len(line) - 1 for line in lines]
    i, j = (k.ravel() for k in np.indices((count[0] + 1, count[1] + 1)))
    shares = np.stack([lines[0][i], lines[1][j]], axis=1)
    number = lambda i, j: i * (count[1] + 1) + j  # noqa: E731
    k, m = (index.ravel() for index in np.indices(count))
    a, b = number(k, m), number(k + 1, m)
    c, d = number(k + 1, m + 1), number(k, m + 1)
    points = origin + shares @ vectors
    difference = np.linalg.norm(points[c] - points[a], axis=1) - np.linalg.norm(
        points[d] - points[b], axis=1
    )
    slack = 10.0**-_DIGITS * np.abs(vectors).max()
    other = np.where(np.abs(difference) < slack, (k + m) % 2 == 1, difference > 0)
    along = np.stack([np.stack([a, b, c], 1), np.stack([a, c, d], 1)], 1)
    across = np.stack([np.stack([a, b, d], 1), np.stack([b, c, d], 1)], 1)
    triangles = np.where(other[:, None, None], across, along).reshape(-1, 3)
    originals = number(i % count[0], j % count[1])
    if np.linalg.det(vectors) < 0:
        triangles = triangles[:, ::-1]
    return Triangulation(points, originals, vectors, triangles)
