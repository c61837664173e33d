"""Polynomials on the triangles, or tetrahedra, of a mesh of a cell, evaluated with numpy alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from ..arrays import Array, Bounds, Integers
from ..quadrature import BoundaryQuadrature, Quadrature, rule_on
from .cell_mesh import CellMesh, moved_to
from .curved_simplices import CurvedSimplices
from .elements import (
    EDGES,
    inside,
    jacobians,
    nodal_polynomials,
    nodes,
    places_of,
    rule,
    unit_indices,
)

# Share of an element by which its curved edges may leave the box of its nodes.
_MARGIN = 0.15
# Newton steps that invert the map onto an element, from the inverse of the straight one.
_STEPS = 6
# In barycentric coordinates: how far outside of an element a point on its boundary may be.
_ON_EDGE = 1e-9
_SAME_PLACE = 1e-6
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
# Points of a block, about.
_BLOCK = 2**18
_ENDS: tuple[Literal["left", "right"], ...] = ("left", "right")
_HIGHEST = 2


class SimplexMesh(ABC):
    """A mesh of triangles, or tetrahedra, as a `Mesh`: of a cell, which it tiles periodically, or
    of a domain.

    degree : of the elements on it, where that is not the one that is asked for
    """

    mesh: CurvedSimplices
    degree: int | None
    periodic: bool

    lines = ()

    @property
    def dim(self) -> int:
        return self.mesh.dim

    @property
    @abstractmethod
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The smallest box around it."""

    @property
    @abstractmethod
    def vectors(self) -> Array:
        """The periods; of a domain the edges of a box around it."""

    @property
    @abstractmethod
    def corner(self) -> Array:
        """That of the cell, or of the box, from which the vectors start."""

    @abstractmethod
    def count(self, degree: int) -> int: ...

    @abstractmethod
    def wrapped(self, points: Array) -> Array:
        """The images (..., d) of points in the cell; the points themselves in a domain."""

    @property
    def cells(self) -> tuple[int, ...]:
        return (len(self.mesh.cells),)

    @cached_property
    def middles(self) -> Array:
        """A point inside of each triangle or tetrahedron, (m, d)."""
        found = places_of(self.corners_and_middles, inside(self.dim)[:1])[:, 0]
        return self.wrapped(found)

    @cached_property
    def corners_and_middles(self) -> Array:
        return self.mesh.points[self.mesh.cells]

    @cached_property
    def finder(self) -> Finder:
        return Finder(self, self.slack)

    @property
    def slack(self) -> Array | float:
        """How far outside of an element, in barycentric coordinates, a point may lie."""
        return _SAME_PLACE

    def __str__(self) -> str:
        return str(len(self.mesh.cells))


@dataclass(frozen=True)
class FittedMesh(SimplexMesh):
    """A mesh of a cell; origin: a corner of it."""

    mesh: CellMesh
    origin: tuple[float, ...]
    degree: int | None = None

    periodic = True

    @classmethod
    def on(cls, bounds: Bounds, mesh: CellMesh) -> FittedMesh:
        """A mesh in the plane, or in space, in the coordinates of a cell with these bounds: shares
        of its periods, which on a box differ from places by rounding alone."""
        low, high = np.array(bounds, dtype=float).T
        own = moved_to(mesh, np.linalg.inv(mesh.vectors) @ np.diag(high - low))
        return cls(own, tuple(low.tolist()))

    @property
    def vectors(self) -> Array:
        return self.mesh.vectors

    @property
    def corner(self) -> Array:
        return np.array(self.origin)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The smallest box around the cell."""
        ends = np.indices((2,) * self.dim).reshape(self.dim, -1).T @ self.vectors
        low = self.corner + ends.min(axis=0)
        high = self.corner + ends.max(axis=0)
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    def count(self, degree: int) -> int:
        """By Euler's formula on the torus: as many edges as corners and cells together, of a plane
        mesh three a corner."""
        degree = self.degree or degree
        cells = len(self.mesh.cells)
        corners = len(np.unique(self.mesh.originals[self.mesh.cells[:, : self.dim + 1]]))
        edges, faces = corners + cells, 2 * cells if self.dim == 3 else cells
        return corners + (degree - 1) * edges + (degree - 1) * (degree - 2) // 2 * faces

    def wrapped(self, points: Array) -> Array:
        """The images (..., d) of points in the cell."""
        shares = (points - self.corner) @ np.linalg.inv(self.vectors)
        return np.asarray((shares - np.floor(shares)) @ self.vectors + self.corner)


@dataclass(frozen=True)
class SimplexQuadrature(Quadrature):
    """Points whose elements (n,) in a mesh, and places (n, d) in these, are known."""

    mesh: SimplexMesh
    elements: Integers
    places: Array


@dataclass(frozen=True)
class SimplexRule:
    """`count` Gauss points along each direction of every triangle or tetrahedron."""

    mesh: SimplexMesh
    count: int

    def inside(self) -> SimplexQuadrature:
        """The points, in the cell, element by element."""
        return self._within(np.arange(len(self.mesh.corners_and_middles)))

    def on(self, part: str) -> BoundaryQuadrature:
        raise KeyError(part)

    def blocks(self) -> Iterator[SimplexQuadrature]:
        step = max(1, _BLOCK // self.count**self.mesh.dim)
        every = np.arange(len(self.mesh.corners_and_middles))
        for first in range(0, len(every), step):
            yield self._within(every[first : first + step])

    def _within(self, elements: Integers) -> SimplexQuadrature:
        places, weights = rule(self.count, self.mesh.dim)
        x = self.mesh.corners_and_middles[elements]
        volumes = np.linalg.det(jacobians(x, places))
        points = self.mesh.wrapped(places_of(x, places)).reshape(-1, self.mesh.dim)
        owners = np.repeat(elements, len(places))
        within = np.tile(places, (len(elements), 1))
        return SimplexQuadrature(points, (volumes * weights).ravel(), self.mesh, owners, within)


@rule_on.register
def _(mesh: FittedMesh, count: int) -> SimplexRule:
    return SimplexRule(mesh, count)


class Finder:
    """Finds the triangle, or tetrahedron, that holds a point, or an image of it, and its place
    there.

    They are kept in squares, or cubes, of about their own size, for each size by itself: there may
    be thousands of small ones next to a corner.
    """

    def __init__(self, mesh: SimplexMesh, slack: Array | float) -> None:
        self.mesh = mesh
        x = mesh.corners_and_middles
        self._slack = np.broadcast_to(np.asarray(slack, dtype=float), (len(x),))
        straight = x[:, EDGES[mesh.dim]].mean(axis=2)
        bent = np.linalg.norm(x[:, mesh.dim + 1 :] - straight, axis=2).max(axis=1)
        rounding = _ROUNDING * np.abs(mesh.mesh.points).max(initial=0.0)
        self._bent = bent > _STRAIGHT * np.abs(x[:, 1] - x[:, 0]).max(axis=1) + rounding
        # Of the maps onto straight elements.
        self._firsts = np.ascontiguousarray(x[:, 0])
        self._inverses = np.linalg.inv(np.swapaxes(x[:, 1 : mesh.dim + 1] - x[:, :1], 1, 2))
        shares = (x - mesh.corner) @ np.linalg.inv(mesh.vectors)
        low, high = shares.min(axis=1), shares.max(axis=1)
        margin = _MARGIN * (high - low)
        low, high = low - margin, high + margin
        level = _HALVINGS[mesh.dim] - np.log2((high - low).max(axis=1))
        level = np.clip(level, 0, _FINEST[mesh.dim]).astype(int)
        self._levels = np.unique(level)
        parts = 2 ** level[:, None]
        first = np.floor(low * parts).astype(int)
        spans = np.floor(high * parts).astype(int) - first + 1
        count = spans.prod(axis=1)
        owners = np.repeat(np.arange(len(x)), count)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(count) - count, count)
        steps = np.empty((len(owners), mesh.dim), dtype=int)
        for axis in reversed(range(mesh.dim)):
            within, steps[:, axis] = np.divmod(within, spans[owners, axis])
        shift, square = np.divmod(first[owners] + steps, parts[owners])
        number = _number(level[owners], square)
        order = np.argsort(number, kind="stable")
        self._elements = owners[order]
        self._shifts = (shift @ mesh.vectors)[order]
        self._numbers = number[order]

    def __call__(self, points: Array) -> tuple[Integers, Array]:
        """Elements (n,) and places (n, d) in them. ValueError for a point that none holds."""
        elements, places = self.located(points)
        if (elements < 0).any():
            raise ValueError("points that lie in no element of the mesh")
        return elements, places

    def located(self, points: Array) -> tuple[Integers, Array]:
        """The same; the element is -1 where none holds the point."""
        shares = (points - self.mesh.corner) @ np.linalg.inv(self.mesh.vectors)
        if self.mesh.periodic:
            shares = shares - np.floor(shares)
        else:
            away = ~((shares >= 0) & (shares < 1)).all(axis=1)
            shares = np.where(away[:, None], 0.0, shares)
        inside = shares @ self.mesh.vectors + self.mesh.corner
        elements = np.full(len(points), -1)
        places = np.zeros((len(points), self.mesh.dim))
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
        x = self.mesh.corners_and_middles[elements[curved]]
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


@dataclass(frozen=True)
class SimplexFunction:
    """Functions that are polynomials of a degree on each triangle or tetrahedron, periodic on a
    cell.

    values: (..., m, k) at the nodes of each of them, see `elements.nodes`; leading axes are a
    batch.
    """

    mesh: SimplexMesh
    degree: int
    values: Array

    @property
    def batch(self) -> tuple[int, ...]:
        return self.values.shape[:-2]

    def __getitem__(self, key: int | slice) -> SimplexFunction:
        return replace(self, values=self.values[key])

    def nodal(self) -> SimplexFunction:
        """Itself: its values are those at nodes."""
        return self

    @cached_property
    def numbered(self) -> tuple[Array, Integers, Integers]:
        """The nodes (n, d), where each stands first among those of all elements, and the numbers of
        these (m, k)."""
        places = places_of(self.mesh.corners_and_middles, nodes(self.degree, self.mesh.dim))
        flat = places.reshape(-1, self.mesh.dim)
        unit = _SAME_PLACE * np.abs(np.diff(places, axis=1)).max(axis=(1, 2)).min()
        keys = np.rint((flat - flat.min(axis=0)) / unit)
        _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        return flat[first], first, number.reshape(places.shape[:2])

    @property
    def node_points(self) -> Array:
        return self.numbered[0]

    def evaluate(self, points: Array, index: Sequence[int], periodic: bool = True) -> Array:
        """D^index, of second order at most, at points (n, d), of any cell: (..., n).

        Between elements derivatives are those in one of them.
        """
        return self.derivatives(points, [index])[0]

    def derivatives(self, points: Array, indices: Sequence[Sequence[int]]) -> list[Array]:
        """`evaluate` for several indices: points are looked for once."""
        points = np.asarray(points, dtype=float)
        for index in indices:
            self._check(points, index)
        elements, places = self.mesh.finder(points)
        return [self._at(elements, places, index) for index in indices]

    def _check(self, points: Array, index: Sequence[int]) -> None:
        dim = self.mesh.dim
        if points.ndim != 2 or points.shape[1] != dim or len(index) != dim:
            raise ValueError(
                f"points {points.shape} and index {tuple(index)} on a mesh of {dim} dimensions"
            )
        if min(index) < 0 or sum(index) > min(_HIGHEST, self.degree):
            raise ValueError(
                f"derivative {tuple(index)} of elements of degree {self.degree}: at most"
                f" {min(_HIGHEST, self.degree)} derivatives are there"
            )

    def at(self, points: Quadrature) -> Array:
        """The values at points of a quadrature, (..., n): those of a rule of its own mesh are not
        looked for."""
        value = (0,) * self.mesh.dim
        if isinstance(points, SimplexQuadrature) and points.mesh is self.mesh:
            return self._at(points.elements, points.places, value)
        return self.evaluate(points.points, value)

    def _at(self, elements: Integers, places: Array, index: Sequence[int]) -> Array:
        weights = self._weights(elements, places, index)
        batch = self.values[..., elements, :]
        return np.asarray(np.einsum("...nk,nk->...n", batch, weights))

    def _weights(self, elements: Integers, places: Array, index: Sequence[int]) -> Array:
        """What the values at the nodes are multiplied with (n, k)."""
        if not any(index):
            return nodal_polynomials(self.degree, places)
        x = self.mesh.corners_and_middles[elements]
        inverse = np.linalg.inv(jacobians(x, places[:, None])[:, 0])
        units = unit_indices(self.mesh.dim)
        slopes = [nodal_polynomials(self.degree, places, order) for order in units]
        gradient = np.einsum("akn,nai->nki", np.transpose(slopes, (0, 2, 1)), inverse)
        axes = [axis for axis, n in enumerate(index) for _ in range(n)]
        if len(axes) == 1:
            return np.asarray(gradient[..., axes[0]])
        # D^2 u = J^-T (H u - sum_i d_i u H x_i) J^-1, H in the coordinates of the element.
        orders = [[tuple(np.add(one, other).tolist()) for other in units] for one in units]
        second = np.array(
            [[nodal_polynomials(self.degree, places, o) for o in row] for row in orders]
        )
        bent = np.array([[places_of(x, places[:, None], o)[:, 0] for o in row] for row in orders])
        second = second - np.einsum("abni,nki->abnk", bent, gradient)
        first, last = (inverse[:, :, axis] for axis in axes)
        return np.asarray(np.einsum("abnk,na,nb->nk", second, first, last))


def function_of(mesh: SimplexMesh, degree: int, places: Array, local: Array) -> SimplexFunction:
    """From values (..., m, k) that stand at `places` (m, k, d), in whatever order."""
    own = places_of(mesh.corners_and_middles, nodes(degree, mesh.dim))
    apart = np.linalg.norm(own[:, :, None] - places[:, None], axis=3)
    order = np.argmin(apart, axis=2)
    scale = np.linalg.norm(np.ptp(own, axis=1), axis=1)
    if (
        np.take_along_axis(apart, order[..., None], 2)[..., 0] > _SAME_PLACE * scale[:, None]
    ).any():
        raise ValueError("values do not stand at the nodes of the elements")
    rows = np.arange(len(own))[:, None]
    return SimplexFunction(mesh, degree, local[..., rows, order])
