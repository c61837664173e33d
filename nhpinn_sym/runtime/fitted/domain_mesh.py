"""A mesh of a domain: arrays, whoever made it, with the parts of the boundary by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from ..arrays import Array, Flags, Integers
from ..quadrature import BoundaryQuadrature, rule_on
from ..tensor_grids import unit_gauss
from .cell_mesh import InvalidMesh, facets_of
from .curved_simplices import CurvedSimplices
from .elements import COUNTS, EDGES, nodes, places_of, rule, unit_indices
from .functions import SimplexMesh, SimplexRule

# Share of its lengths by which the box around a mesh is larger.
_BESIDE = 0.05
# Of the distance from a mesh to the boundary that it shows, points of another mesh of the same
# domain are no farther outside.
_OUTSIDE = 4.0
_ROUNDING = 1e-6
_FACETS = {2: "edges", 3: "faces"}


def _around(a: int, b: int, *others: int) -> list[tuple[int, ...]]:
    """Tetrahedra around an edge."""
    return [(a, b, p, q) for p, q in zip(others, (*others[1:], others[0]))]


# The corners of the children of an element, among its nodes of order 2: those at its corners, and
# what is inside of them, a triangle or an octahedron cut along one of three diagonals.
_AT_CORNERS: dict[int, list[tuple[int, ...]]] = {
    2: [(0, 3, 5), (3, 1, 4), (5, 4, 2)],
    3: [(0, 4, 6, 7), (4, 1, 5, 9), (6, 5, 2, 8), (7, 9, 8, 3)],
}
_WITHIN: dict[int, list[list[tuple[int, ...]]]] = {
    2: [[(3, 4, 5)]],
    3: [_around(4, 8, 6, 7, 9, 5), _around(5, 7, 9, 8, 6, 4), _around(6, 9, 4, 5, 8, 7)],
}


@dataclass(frozen=True, eq=False)
class DomainMesh(CurvedSimplices):
    """Triangles of order 2 with named edges, or tetrahedra with named faces.

    points : (n, d) the nodes
    cells  : (m, 6) or (m, 10) the nodes of each in the order of gmsh, as of a `CellMesh`
    phases : (m,) whole numbers: coefficients jump between elements of different phases
    facets : (k, 3) the edges of the boundary: both ends, with the triangle on the left, and the
             middle; (k, 6) the faces, counterclockwise from outside
    parts  : (k,) the part of the boundary that each lies on, a number in `names`
    """

    facets: Integers
    parts: Integers
    names: tuple[str, ...]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DomainMesh:
        """Read what `save` wrote. InvalidMesh where the file holds something else."""
        try:
            with np.load(path, allow_pickle=False) as data:
                held = {name: data[name] for name in cls.__dataclass_fields__}
        except (KeyError, ValueError, EOFError, OSError) as cause:
            raise InvalidMesh(f"{path} holds no mesh of a domain") from cause
        found = cls(**{**held, "names": tuple(held["names"].tolist())})
        found.check()
        return found

    def check(self) -> None:
        """InvalidMesh, which says where, for elements that are folded, overlap or leave gaps, and
        for facets on parts without names."""
        known = np.arange(len(self.names))
        if len(self.parts) != len(self.facets) or not np.isin(self.parts, known).all():
            raise InvalidMesh("facets are on a part of the boundary that has no name")
        folded = np.flatnonzero(~(self.least_stretch > 0))
        if len(folded):
            place = self.points[self.cells[folded[0], : self.dim + 1]].mean(axis=0)
            near = ", ".join(f"{x:.6g}" for x in place)
            raise InvalidMesh(f"{len(folded)} elements are degenerate or folded, near ({near})")
        alone = boundary_of(self.cells)
        if not np.array_equal(_sorted_rows(self.facets), _sorted_rows(alone)):
            raise InvalidMesh(
                f"{_FACETS[self.dim]} are of one element alone and of no part of the boundary, or"
                " the other way round"
            )

    @property
    def bend(self) -> Array:
        """How far the middles of the edges of each element (m,) are from those of the chords, in
        barycentric coordinates of the straight element."""
        x = self.points[self.cells]
        corners = x[:, : self.dim + 1]
        straight = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
        apart = x[:, self.dim + 1 :] - corners[:, EDGES[self.dim]].mean(axis=2)
        shares = np.einsum("mij,mej->mei", np.linalg.inv(straight), apart)
        return np.maximum(np.abs(shares).max(axis=(1, 2)), np.abs(shares.sum(axis=2)).max(axis=1))

    def facets_on(self, name: str) -> Integers:
        """(k, 3) or (k, 6); KeyError where there is no part of this name."""
        if name not in self.names:
            raise KeyError(name)
        return self.facets[self.parts == self.names.index(name)]


def _sorted_rows(facets: Integers) -> Integers:
    """The nodes of facets in increasing order, in the order of these."""
    rows = np.sort(facets, axis=1)
    return rows[np.lexsort(rows.T)]


def boundary_of(cells: Integers) -> Integers:
    """The facets (k, 3) or (k, 6) of one element alone. InvalidMesh where one has two on the same
    side, or several elements."""
    facets = facets_of(cells)
    corners = 2 if facets.shape[1] == 3 else 3
    order = np.argsort(facets[:, :corners], axis=1)
    # Of a permutation of two or three numbers.
    turned = np.sign(
        np.prod([order[:, j] - order[:, i] for i, j in combinations(range(corners), 2)], axis=0)
    )
    _, first, of, counts = np.unique(
        np.sort(facets, axis=1), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    sides = np.bincount(of.ravel(), turned)
    if (counts > 2).any() or (sides[counts == 2] != 0).any():
        raise InvalidMesh("elements overlap: a facet has more than one on a side")
    return facets[np.sort(first[counts == 1])]


def halved(mesh: DomainMesh) -> DomainMesh:
    """Every triangle cut into four, or tetrahedron into eight, along the curves of its own
    coordinates: the same domain."""
    dim, cells = mesh.dim, mesh.cells
    tables = np.array([_AT_CORNERS[dim] + inner for inner in _WITHIN[dim]])
    quarters = np.rint(4 * nodes(2, dim)[tables]).astype(int)
    between = quarters[:, :, EDGES[dim]].sum(axis=3) // 2
    quarters = np.concatenate([quarters, between], axis=2)[_shortest(mesh)]
    shares = np.concatenate([4 - quarters.sum(axis=3, keepdims=True), quarters], axis=3)
    inside = quarters.reshape(len(cells), -1, dim) / 4
    places = places_of(mesh.points[cells], inside).reshape(-1, dim)
    # A node is known by its shares in the corners that it lies between.
    owners = np.where(shares > 0, cells[:, None, None, : dim + 1], -1)
    order = np.argsort(owners, axis=-1)
    keys = np.concatenate([np.take_along_axis(x, order, -1) for x in (owners, shares)], axis=-1)
    _, first, number = np.unique(
        keys.reshape(len(places), -1), axis=0, return_index=True, return_inverse=True
    )
    new = number.reshape(-1, COUNTS[dim])
    facets = boundary_of(new)
    held = owners.reshape(len(places), -1)[first]
    known = {
        frozenset(f): part for f, part in zip(mesh.facets[:, :dim].tolist(), mesh.parts.tolist())
    }
    around = held[facets[:, :dim]].reshape(len(facets), -1)
    parts = np.array([known[frozenset(row) - {-1}] for row in around.tolist()])
    phases = np.repeat(mesh.phases, tables.shape[1])
    return DomainMesh(places[first], new, phases, facets, parts, mesh.names)


def _shortest(mesh: DomainMesh) -> Integers:
    """The number (m,) in `_WITHIN` of the shortest diagonal: others make long elements."""
    ends = np.array([inner[0][:2] for inner in _WITHIN[mesh.dim]])
    x = mesh.points[mesh.cells[:, ends]]
    return np.asarray(np.argmin(np.linalg.norm(x[:, :, 1] - x[:, :, 0], axis=2), axis=1))


def quadrature_degree(degree: int, dim: int = 2) -> int:
    """Of integrals over elements of that degree: where edges are curved they are no polynomials,
    and with fewer points two rules would differ by more than rounding."""
    return 2 * degree + (5 if dim == 2 else 3)


def along_edges(edges: Array, shares: Array) -> Array:
    """Points (k, s, 2) at shares of the parabolas through both ends and the middle (k, 3, 2)."""
    return np.asarray(np.einsum("js,kjd->ksd", _along(shares), edges))


def _along(s: Array) -> Array:
    """The nodal polynomials (3, s) of an edge: of both ends, and of the middle."""
    return np.stack([(1 - s) * (1 - 2 * s), s * (2 * s - 1), 4 * s * (1 - s)])


def places_along(edges: Array, shares: Array) -> Array:
    """One point (k, 2) of each of these parabolas, at its own share (k,)."""
    return np.asarray(np.einsum("jk,kjd->kd", _along(shares), edges))


def on_facets(facets: Array, degree: int) -> Array:
    """The nodes (k, s, d) of elements of that degree on edges (k, 3, 2) or faces (k, 6, 3)."""
    if facets.shape[1] == 3:
        return along_edges(facets, np.arange(degree + 1) / degree)
    return places_of(facets, nodes(degree, 2))


def across_facets(facets: Array, count: int) -> tuple[Array, Array]:
    """Points (k, q, d) of a quadrature with `count` along each direction of edges (k, 3, 2) or
    faces (k, 6, 3), and normals (k, q, d) out of the element, as long as the weights."""
    if facets.shape[1] == 3:
        s, weights = unit_gauss(count)
        slopes = np.stack([4 * s - 3, 4 * s - 1, 4 - 8 * s])
        along = np.einsum("ks,nkd->nsd", slopes, facets)
        normals = np.stack([along[..., 1], -along[..., 0]], axis=-1)
        return along_edges(facets, s), normals * weights[:, None]
    shares, weights = rule(count, 2)
    one, other = (places_of(facets, shares, index) for index in unit_indices(2))
    return places_of(facets, shares), np.cross(one, other) * weights[:, None]


@dataclass(frozen=True)
class RegionMesh(SimplexMesh):
    """A mesh of a domain as a `Mesh`; gap: how far its edges are from the boundary."""

    mesh: DomainMesh
    gap: float = 0.0
    degree: int | None = None

    periodic = False

    @cached_property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        low, high = self.mesh.points.min(axis=0), self.mesh.points.max(axis=0)
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    @cached_property
    def vectors(self) -> Array:
        low, high = np.array(self.bounds).T
        return np.diag((1 + 2 * _BESIDE) * (high - low))

    @cached_property
    def corner(self) -> Array:
        low, high = np.array(self.bounds).T
        return np.asarray(low - _BESIDE * (high - low))

    def count(self, degree: int) -> int:
        degree = self.degree or degree
        own, corners = self.mesh.cells, self.dim + 1
        within = len(own) if self.dim == 2 else 0
        between = (degree - 1) * len(np.unique(own[:, corners:]))
        return (
            len(np.unique(own[:, :corners])) + between + (degree - 1) * (degree - 2) // 2 * within
        )

    def halved(self, times: int) -> RegionMesh:
        """Every triangle cut into four, or tetrahedron into eight, so often. ValueError for a
        negative number."""
        if times < 0:
            raise ValueError(f"halvings = {times}: elements are not joined")
        mesh = self.mesh
        for _ in range(times):
            mesh = halved(mesh)
        return replace(self, mesh=mesh)

    def wrapped(self, points: Array) -> Array:
        return points

    def points_on(self, part: str, points: Array) -> Array:
        """Points (n, d) of a part of the boundary, from as many of the box around the domain: by
        the share of the first coordinate, along its edges, or by its faces, in which the others
        tell the place. KeyError where there is no part of this name.
        """
        low, high = np.array(self.bounds).T
        facets = self.mesh.points[self.mesh.facets_on(part)]
        shares = np.clip((points - low) / (high - low), 0.0, 1.0)
        share = shares[:, 0] * len(facets)
        number = np.minimum(share.astype(int), len(facets) - 1)
        if self.dim == 3:
            within = np.where(shares[:, 1:].sum(axis=1, keepdims=True) > 1, 1 - shares, shares)
            return places_of(facets[number], within[:, None, 1:])[:, 0]
        return places_along(facets[number], share - number)

    def holds(self, points: Array) -> Flags:
        """Whether points (n, d) lie in an element, or nearly."""
        return np.asarray(self.finder.located(points)[0] >= 0)

    def apart(self, points: Array) -> Array:
        """The distances (n,) of points (n, d) to the nearest node."""
        from scipy.spatial import cKDTree

        return np.asarray(cKDTree(self.mesh.points).query(points)[0])

    @property
    def slack(self) -> Array | float:
        """Points of the domain that lie outside of the mesh are those of the nearest triangle."""
        if self.gap == 0:
            return _ROUNDING
        corners = self.mesh.points[self.mesh.cells[:, : self.dim + 1]]
        inverse = np.linalg.inv(corners[:, 1:] - corners[:, :1])
        slopes = np.concatenate([inverse, -inverse.sum(axis=2, keepdims=True)], axis=2)
        steepest = np.linalg.norm(slopes, axis=1).max(axis=1)
        return np.asarray(_ROUNDING + _OUTSIDE * self.gap * steepest)


@dataclass(frozen=True)
class RegionRule(SimplexRule):
    """The same with the boundary of a domain."""

    mesh: RegionMesh
    count: int

    def on(self, part: str) -> BoundaryQuadrature:
        """`count` points on each edge, or along two directions of each face."""
        facets = self.mesh.mesh.points[self.mesh.mesh.facets_on(part)]
        points, normals = (
            found.reshape(-1, self.mesh.dim) for found in across_facets(facets, self.count)
        )
        size = np.linalg.norm(normals, axis=1)
        return BoundaryQuadrature(points, size, normals / size[:, None])


@rule_on.register
def _(mesh: RegionMesh, count: int) -> RegionRule:
    return RegionRule(mesh, count)
