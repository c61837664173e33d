"""Which triangle, or tetrahedron, of a mesh holds a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import Array, Integers
from .elements import EDGES

# Share of an element by which its curved edges may leave the box of its nodes.
_MARGIN = 0.15
# Newton steps that invert the map onto an element, from the inverse of the straight one, at most.
_STEPS = 12
# In barycentric coordinates: how far outside of an element a point on its boundary may be.
_ON_EDGE = 1e-9
# Of its length: an edge whose middle is nearer to that of the chord is straight.
_STRAIGHT = 1e-13
# A few units in the last place of a coordinate: such are the bends of tiny triangles.
_ROUNDING = 1e-15
# By how much bends move a point next to an element, as a multiple of the largest one.
_MOVED = 2.0
# Newton's steps end where none is longer.
_SETTLED = 1e-13
# The smallest squares, or cubes, are 2^-that of the cell: their numbers have 63 bits.
_FINEST = {2: 24, 3: 19}
# Halvings of a cube of the size of an element: many tetrahedra meet it.
_HALVINGS = {2: 0, 3: 1}
_ENDS: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True)
class _Squares:
    """The squares, or cubes, of a periodic cell of size 1 that elements meet, each of about the
    size of the element: there may be thousands of small ones next to a corner.

    Entries in the order of their squares' `numbers` (n,): `elements` (n,), and by how many periods
    `shifts` (n, d) each of them lies beside the cell there; `levels`: the sizes that occur.
    """

    levels: Integers
    numbers: Integers
    elements: Integers
    shifts: Integers

    @classmethod
    def of(cls, low: Array, high: Array) -> _Squares:
        """Of elements that lie between the corners low and high (m, d)."""
        dim = low.shape[1]
        level = _HALVINGS[dim] - np.log2((high - low).max(axis=1))
        level = np.clip(level, 0, _FINEST[dim]).astype(int)
        parts = 2 ** level[:, None]
        first = np.floor(low * parts).astype(int)
        spans = np.floor(high * parts).astype(int) - first + 1
        count = spans.prod(axis=1)
        owners = np.repeat(np.arange(len(low)), count)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(count) - count, count)
        steps = np.empty((len(owners), dim), dtype=int)
        for axis in reversed(range(dim)):
            within, steps[:, axis] = np.divmod(within, spans[owners, axis])
        shifts, square = np.divmod(first[owners] + steps, parts[owners])
        numbers = _number(level[owners], square)
        order = np.argsort(numbers, kind="stable")
        return cls(np.unique(level), numbers[order], owners[order], shifts[order])

    def entries(self, level: int, shares: Array) -> tuple[Integers, Integers]:
        """The first entry, and that after the last one, of the squares of a level that hold places
        (n, d) in the cell."""
        number = _number(level, np.minimum((shares * 2**level).astype(int), 2**level - 1))
        first, end = (np.searchsorted(self.numbers, number, side) for side in _ENDS)
        return first, end


class Finder:
    """Finds the triangle, or tetrahedron, that holds a point, or an image of it, and its place
    there."""

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
        # Of the edges, as places in the straight element.
        self._bends = (x[:, dim + 1 :] - straight) @ np.swapaxes(self._inverses, 1, 2)
        sums = np.abs(self._bends.sum(axis=2, keepdims=True))
        largest = np.concatenate([np.abs(self._bends), sums], axis=2).max(axis=(1, 2))
        self._reach = _MOVED * (largest + self._slack) + _ON_EDGE
        shares = (x - corner) @ np.linalg.inv(vectors)
        low, high = shares.min(axis=1), shares.max(axis=1)
        margin = _MARGIN * (high - low)
        self._squares = _Squares.of(low - margin, high + margin)

    def __call__(self, points: Array, guess: Integers | None = None) -> tuple[Integers, Array]:
        """Elements (n,) and places (n, d) in them; guess: see `located`. ValueError for a point
        that none holds."""
        elements, places = self.located(points, guess)
        if (elements < 0).any():
            raise ValueError("points that lie in no element of the mesh")
        return elements, places

    def located(self, points: Array, guess: Integers | None = None) -> tuple[Integers, Array]:
        """The same; the element is -1 where none holds the point. guess (n,): elements that are
        tried first, -1 for none."""
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
        if guess is not None:
            elements[:] = guess
            tried = np.flatnonzero(guess >= 0)
            places[tried] = self._inverse(guess[tried], self._beside(guess[tried], inside[tried]))
            depth[tried] = _depth(places[tried])
        for level in self._squares.levels:
            left = np.flatnonzero(depth < -_ON_EDGE)
            entry, ends = self._squares.entries(level, shares[left])
            while len(left):
                there = entry < ends
                left, entry, ends = left[there], entry[there], ends[there]
                own = self._squares.elements[entry]
                image = inside[left] + self._squares.shifts[entry] @ self._vectors
                found = self._inverse(own, image)
                inner = _depth(found)
                better = inner > depth[left]
                chosen = left[better]
                elements[chosen], places[chosen] = own[better], found[better]
                depth[chosen] = inner[better]
                more = depth[left] < -_ON_EDGE
                left, entry, ends = left[more], entry[more] + 1, ends[more]
        elements[depth < -self._slack[elements]] = -1
        return elements, places

    def _beside(self, elements: Integers, points: Array) -> Array:
        """The images of points that are next to elements."""
        if not self._periodic:
            return points
        apart = (self._firsts[elements] - points) @ np.linalg.inv(self._vectors)
        return np.asarray(points + np.rint(apart) @ self._vectors)

    def _inverse(self, elements: Integers, points: Array) -> Array:
        """The places (n, d) in elements that are mapped to the points, about for points that lie
        far outside."""
        offsets = points - self._firsts[elements]
        place = (self._inverses[elements] @ offsets[:, :, None])[:, :, 0]
        left = np.flatnonzero(self._bent[elements])
        left = left[_depth(place[left]) > -self._reach[elements[left]]]
        goal, own = place[left], place[left]
        for _ in range(_STEPS):
            step = _newton_step(own, goal, self._bends[elements[left]])
            own = own - step
            place[left] = own
            going = ~(np.abs(step).max(axis=1, initial=0.0) < _SETTLED)
            left, goal, own = left[going], goal[going], own[going]
        # Where the map is folded, outside of the element, they may lead to nowhere inside of it.
        place[left] = np.nan
        return place


def _newton_step(places: Array, goal: Array, bends: Array) -> Array:
    """By which places (n, d) are moved back, where edges bend (n, edges, d): their map adds to a
    place four times the product of two barycentric coordinates for each edge, times its bend."""
    dim = places.shape[1]
    all_of_them = np.column_stack([1 - places.sum(axis=1), places])
    slopes = np.concatenate([np.full((1, dim), -1.0), np.eye(dim)])
    one, other = EDGES[dim].T
    first, second = all_of_them[:, one], all_of_them[:, other]
    moved = np.swapaxes(4 * bends, 1, 2)
    rest = places - goal + (moved @ (first * second)[:, :, None])[:, :, 0]
    changes = first[:, :, None] * slopes[other] + second[:, :, None] * slopes[one]
    return _solved(np.eye(dim) + moved @ changes, rest)


def _solved(matrices: Array, right: Array) -> Array:
    """Of small systems (n, d, d) by Cramer's rule: singular ones give no numbers, and no error."""
    columns = [np.ascontiguousarray(column) for column in np.moveaxis(matrices, 2, 0)]
    whole = _determinant(columns)
    found = []
    with np.errstate(all="ignore"):
        for axis in range(len(columns)):
            replaced = [*columns[:axis], right, *columns[axis + 1 :]]
            found.append(_determinant(replaced) / whole)
    return np.stack(found, axis=1)


def _determinant(columns: Sequence[Array]) -> Array:
    """Of matrices, by their two or three columns (n, d)."""
    if len(columns) == 2:
        (a, b), (c, d) = (column.T for column in columns)
        return np.asarray(a * d - b * c)
    (a, b, c), (d, e, f), (g, h, i) = (column.T for column in columns)
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


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
