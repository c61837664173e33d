"""Polynomials on the triangles, or tetrahedra, of a mesh, evaluated with numpy alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import Array, Bounds, Integers
from ..quadrature import BoundaryQuadrature, Quadrature, rule_on
from .cell_mesh import CellMesh, moved_to
from .curved_simplices import CurvedSimplices
from .elements import (
    inside,
    jacobians,
    nodal_polynomials,
    nodes,
    places_of,
    rule,
    unit_indices,
)
from .finder import Finder

# In barycentric coordinates, or of the size of an element: two points that are one.
_SAME_PLACE = 1e-6
# Points of a block, about.
_BLOCK = 2**18
# Order of derivatives.
_HIGHEST = 2
# Of a free axis: no two places of the cell are so far apart.
_BEYOND = 2.0


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
        return Finder(
            self.corners_and_middles,
            self.corner,
            self.vectors,
            periodic=self.periodic,
            slack=self.slack,
        )

    @property
    def slack(self) -> Array | float:
        """How far outside of an element, in barycentric coordinates, a point may lie."""
        return _SAME_PLACE

    def __str__(self) -> str:
        return str(len(self.mesh.cells))


@dataclass(frozen=True)
class FittedMesh(SimplexMesh):
    """A mesh of a cell; origin: a corner of it; free: axes along which functions are not periodic,
    across which elements do not go."""

    mesh: CellMesh
    origin: tuple[float, ...]
    degree: int | None = None
    free: tuple[int, ...] = ()

    periodic = True

    @classmethod
    def on(cls, bounds: Bounds, mesh: CellMesh, free: tuple[int, ...] = ()) -> FittedMesh:
        """A mesh in the plane, or in space, in the coordinates of a cell with these bounds: shares
        of its periods, which on a box differ from places by rounding alone."""
        low, high = np.array(bounds, dtype=float).T
        own = moved_to(mesh, np.linalg.inv(mesh.vectors) @ np.diag(high - low))
        return cls(own, tuple(low.tolist()), free=free)

    @property
    def vectors(self) -> Array:
        return self.mesh.vectors

    @property
    def repeats(self) -> Array:
        """The periods of functions: none that matters along a free axis."""
        found = self.mesh.vectors.copy()
        found[list(self.free)] *= _BEYOND
        return found

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
        looked for, and those in one element of another mesh first where its middle lies."""
        value = (0,) * self.mesh.dim
        if not isinstance(points, SimplexQuadrature):
            return self.evaluate(points.points, value)
        if points.mesh is self.mesh:
            return self._at(points.elements, points.places, value)
        owners, of = np.unique(points.elements, return_inverse=True)
        guess, _ = self.mesh.finder.located(points.mesh.middles[owners])
        return self._at(*self.mesh.finder(points.points, guess[of]), value)

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
