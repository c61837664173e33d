"""Which triangle, or tetrahedron, of a mesh holds a point."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..arrays import Array, Integers
from .elements import EDGES, jacobians, places_of

# Share of an element by which its curved edges may leave the box of its nodes.
_MARGIN = 0.15
# Newton steps that invert the map onto an element, from the inverse of the straight one.
_STEPS = 6
# In barycentric coordinates: how far outside of an element a point on its boundary may be.
_ON_EDGE = 1e-9
# Of its length: an edge whose middle is nearer to that of the chord is straight.
_STRAIGHT = 1e-13
# A few units in the last place of a coordinate: such are the bends of tiny triangles.
_ROUNDING = 1e-15
# Barycentric coordinate of points that are outside of an element, however it is bent.
_FAR = -0.5
# The smallest squares, or cubes, are 2^-that of the cell: their numbers have 63 bits.
_FINEST = {2: 24, 3: 19}
# Halvings of a cube of the size of an element: many tetrahedra meet it.
_HALVINGS = {2: 0, 3: 1}
_ENDS: tuple[Literal["left", "right"], ...] = ("left", "right")


class Finder:
    """Finds the triangle, or tetrahedron, that holds a point, or an image of it, and its place
    there.

    They are kept in squares, or cubes, of about their own size, for each size by itself: there may
    be thousands of small ones next to a corner.
    """

    def __init__(
        self,
        elements: Array,
        corner: Array,
        vectors: Array,
        *,
        periodic: bool,
        slack: Array | float,
    ) -> None:
        """elements: (m, nodes, d), corners and middles of edges; corner, vectors: of the cell, or
        of a box around the domain; slack: how far outside of an element, in barycentric
        coordinates, a point may lie."""
        self._x = x = elements
        self._dim = dim = x.shape[2]
        self._corner = corner
        self._vectors = vectors
        self._periodic = periodic
        self._slack = np.broadcast_to(np.asarray(slack, dtype=float), (len(x),))
        straight = x[:, EDGES[dim]].mean(axis=2)
        bent = np.linalg.norm(x[:, dim + 1 :] - straight, axis=2).max(axis=1)
        rounding = _ROUNDING * np.abs(x).max(initial=0.0)
        self._bent = bent > _STRAIGHT * np.abs(x[:, 1] - x[:, 0]).max(axis=1) + rounding
        # Of the maps onto straight elements.
        self._firsts = np.ascontiguousarray(x[:, 0])
        self._inverses = np.linalg.inv(np.swapaxes(x[:, 1 : dim + 1] - x[:, :1], 1, 2))
        shares = (x - corner) @ np.linalg.inv(vectors)
        low, high = shares.min(axis=1), shares.max(axis=1)
        margin = _MARGIN * (high - low)
        low, high = low - margin, high + margin
        level = _HALVINGS[dim] - np.log2((high - low).max(axis=1))
        level = np.clip(level, 0, _FINEST[dim]).astype(int)
        self._levels = np.unique(level)
        parts = 2 ** level[:, None]
        first = np.floor(low * parts).astype(int)
        spans = np.floor(high * parts).astype(int) - first + 1
        count = spans.prod(axis=1)
        owners = np.repeat(np.arange(len(x)), count)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(count) - count, count)
        steps = np.empty((len(owners), dim), dtype=int)
        for axis in reversed(range(dim)):
            within, steps[:, axis] = np.divmod(within, spans[owners, axis])
        shift, square = np.divmod(first[owners] + steps, parts[owners])
        number = _number(level[owners], square)
        order = np.argsort(number, kind="stable")
        self._elements = owners[order]
        self._shifts = (shift @ vectors)[order]
        self._numbers = number[order]

    def __call__(self, points: Array) -> tuple[Integers, Array]:
        """Elements (n,) and places (n, d) in them. ValueError for a point that none holds."""
        elements, places = self.located(points)
        if (elements < 0).any():
            raise ValueError("points that lie in no element of the mesh")
        return elements, places

    def located(self, points: Array) -> tuple[Integers, Array]:
        """The same; the element is -1 where none holds the point."""
        shares = (points - self._corner) @ np.linalg.inv(self._vectors)
        if self._periodic:
            shares = shares - np.floor(shares)
        else:
            away = ~((shares >= 0) & (shares < 1)).all(axis=1)
            shares = np.where(away[:, None], 0.0, shares)
        inside = shares @ self._vectors + self._corner
        elements = np.full(len(points), -1)
        places = np.zeros((len(points), self._dim))
        depth = np.full(len(points), -np.inf)
        for level in self._levels:
            left = np.flatnonzero(depth < -_ON_EDGE)
            square = np.minimum((shares[left] * 2**level).astype(int), 2**level - 1)
            number = _number(level, square)
            entry, ends = (np.searchsorted(self._numbers, number, side) for side in _ENDS)
            while len(left):
                there = entry < ends
                left, entry, ends = left[there], entry[there], ends[there]
                own = self._elements[entry]
                found = self._inverse(own, inside[left] + self._shifts[entry])
                inner = _depth(found)
                better = inner > depth[left]
                chosen = left[better]
                elements[chosen], places[chosen] = own[better], found[better]
                depth[chosen] = inner[better]
                more = depth[left] < -_ON_EDGE
                left, entry, ends = left[more], entry[more] + 1, ends[more]
        elements[depth < -self._slack[elements]] = -1
        return elements, places

    def _inverse(self, elements: Integers, points: Array) -> Array:
        """The places (n, d) in elements that are mapped to the points, about for points that lie
        far outside."""
        place = np.einsum("nij,nj->ni", self._inverses[elements], points - self._firsts[elements])
        curved = np.flatnonzero(self._bent[elements])
        curved = curved[_depth(place[curved]) > _FAR]
        x = self._x[elements[curved]]
        points, own = points[curved], place[curved]
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                rest = points - places_of(x, own[:, None])[:, 0]
                own = own + _solved(jacobians(x, own[:, None])[:, 0], rest)
        place[curved] = own
        return place


def _solved(matrices: Array, right: Array) -> Array:
    """Of small systems (n, d, d) by Cramer's rule: singular ones give no numbers, and no error."""
    columns = np.moveaxis(matrices, 2, 0)
    found = []
    for axis in range(len(columns)):
        own = columns.copy()
        own[axis] = right
        found.append(np.linalg.det(np.moveaxis(own, 0, 2)))
    return np.stack(found, axis=1) / np.linalg.det(matrices)[:, None]


def _number(level: Array | int, square: Integers) -> Integers:
    """One number for each square, or cube, (n, d) of a level."""
    found = level
    for part in square.T:
        found = found * 2 ** _FINEST[square.shape[1]] + part
    return np.asarray(found)


def _depth(places: Array) -> Array:
    """The least barycentric coordinate (n,); -inf for what is no place."""
    inner = 1 - places.sum(axis=1)
    for part in places.T:
        inner = np.minimum(inner, part)
    return np.asarray(np.where(np.isfinite(inner), inner, -np.inf))
