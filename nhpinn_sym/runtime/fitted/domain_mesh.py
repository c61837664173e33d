"""A mesh of a domain: arrays, whoever made it, with the parts of the boundary by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import Array, Flags, Integers
from ..quadrature import BoundaryQuadrature, rule_on
from ..tensor_grids import unit_gauss
from .cell_mesh import InvalidMesh, facets_of
from .curved_simplices import CurvedSimplices
from .elements import places_of
from .functions import SimplexMesh, SimplexRule

# Share of its lengths by which the box around a mesh is larger.
_BESIDE = 0.05
# Of the distance from a mesh to the boundary that it shows, points of another mesh of the same
# domain are no farther outside.
_OUTSIDE = 4.0
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class DomainMesh(CurvedSimplices):
    """Triangles of order 2 with named edges.

    points : (n, 2) the nodes
    cells  : (m, 6) the nodes of each triangle in the order of gmsh: corners, counterclockwise,
             then the middles of the edges from corner 0 to 1, 1 to 2 and 2 to 0
    phases : (m,) whole numbers: coefficients jump between triangles of different phases
    facets : (k, 3) the edges of the boundary: both ends, with the triangle on the left, and the
             middle
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
        """InvalidMesh, which says where, for triangles that are folded, overlap or leave gaps."""
        folded = np.flatnonzero(~(self.least_stretch > 0))
        if len(folded):
            place = self.points[self.cells[folded[0], :3]].mean(axis=0)
            near = ", ".join(f"{x:.6g}" for x in place)
            raise InvalidMesh(f"{len(folded)} triangles are degenerate or folded, near ({near})")
        ends = facets_of(self.cells)
        known = {tuple(edge) for edge in ends.tolist()}
        alone = {edge for edge in known if (edge[1], edge[0], edge[2]) not in known}
        named = {tuple(edge) for edge in self.facets.tolist()}
        if len(known) != len(ends) or alone != named:
            raise InvalidMesh(
                f"{len(alone ^ named)} edges are of one triangle alone and of no part of the"
                " boundary, or the other way round"
            )

    def facets_on(self, name: str) -> Integers:
        """(k, 3); KeyError where there is no part of this name."""
        if name not in self.names:
            raise KeyError(name)
        return self.facets[self.parts == self.names.index(name)]


def boundary_of(cells: Integers) -> Integers:
    """(k, 3): the edges of one triangle alone."""
    edges = facets_of(cells)
    _, first, counts = np.unique(edges[:, 2], return_index=True, return_counts=True)
    return edges[first[counts == 1]]


def halved(mesh: DomainMesh) -> DomainMesh:
    """Every triangle cut into four, along the curves of its own coordinates: the same domain."""
    count, cells = len(mesh.points), mesh.cells
    corners, middles = cells[:, :3], cells[:, 3:]
    inner = np.roll(middles, -1, axis=1)
    # Edges of the children: both halves of each edge, then those between its middles.
    ends = np.stack([corners, middles, np.roll(corners, -1, axis=1), middles], axis=-1)
    pairs = np.concatenate([ends.reshape(-1, 2), np.stack([middles, inner], -1).reshape(-1, 2)])
    s = np.array([0.25, 0.75])
    x = mesh.points[cells]
    along = np.stack([corners, np.roll(corners, -1, axis=1), middles], axis=-1)
    halves = along_edges(mesh.points[along].reshape(-1, 3, 2), s).reshape(-1, 2)
    between = places_of(x, np.array([[0.5, 0.25], [0.25, 0.5], [0.25, 0.25]])).reshape(-1, 2)
    places = np.concatenate([halves, between])
    _, first, number = np.unique(
        np.sort(pairs, axis=1), axis=0, return_index=True, return_inverse=True
    )
    number = number.ravel() + count
    near, far = np.moveaxis(number[: 6 * len(cells)].reshape(-1, 3, 2), 2, 0)
    across = number[6 * len(cells) :].reshape(-1, 3)
    children = []
    for k in range(3):
        before = (k + 2) % 3
        # Corner k, the middles of the edges ahead and behind, and the nodes between these.
        nodes = [corners[:, k], middles[:, k], middles[:, before]]
        children.append(np.stack([*nodes, near[:, k], across[:, before], far[:, before]], axis=1))
    children.append(np.concatenate([middles, across], axis=1))
    halves_of = {}
    points = np.concatenate([mesh.points, places[first]])
    new = np.concatenate(children)
    facets = boundary_of(new)
    for (a, b, middle), part in zip(mesh.facets.tolist(), mesh.parts.tolist(), strict=True):
        halves_of[a, middle] = halves_of[middle, b] = part
    parts = np.array([halves_of[a, b] for a, b, _ in facets.tolist()])
    return DomainMesh(points, new, np.tile(mesh.phases, 4), facets, parts, mesh.names)


def quadrature_degree(degree: int) -> int:
    """Of integrals over elements of that degree: where edges are curved they are no polynomials,
    and with fewer points two rules would differ by more than rounding."""
    return 2 * degree + 5


def along_edges(edges: Array, shares: Array) -> Array:
    """Points (k, s, 2) at shares of the parabolas through both ends and the middle (k, 3, 2)."""
    s = shares
    weights = np.stack([(1 - s) * (1 - 2 * s), s * (2 * s - 1), 4 * s * (1 - s)])
    return np.asarray(np.einsum("js,kjd->ksd", weights, edges))


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
        cells, inner = len(self.mesh.cells), (degree - 1) * (degree - 2) // 2
        edges = (3 * cells + len(self.mesh.facets)) // 2
        corners = len(np.unique(self.mesh.cells[:, :3]))
        return corners + (degree - 1) * edges + inner * cells

    def halved(self, times: int) -> RegionMesh:
        """Every triangle cut into four, so often. ValueError for a negative number."""
        if times < 0:
            raise ValueError(f"halvings = {times}: triangles are not joined")
        mesh = self.mesh
        for _ in range(times):
            mesh = halved(mesh)
        return replace(self, mesh=mesh)

    def wrapped(self, points: Array) -> Array:
        return points

    def holds(self, points: Array) -> Flags:
        """Whether points (n, 2) lie in a triangle, or nearly."""
        return np.asarray(self.finder.located(points)[0] >= 0)

    @property
    def slack(self) -> Array | float:
        """Points of the domain that lie outside of the mesh are those of the nearest triangle."""
        corners = self.mesh.points[self.mesh.cells[:, :3]]
        longest = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(axis=1)
        heights = 2 * self.mesh.volumes / longest
        return np.asarray(_ROUNDING + _OUTSIDE * self.gap / heights)


@dataclass(frozen=True)
class RegionRule(SimplexRule):
    """The same with the boundary of a domain."""

    mesh: RegionMesh
    count: int

    def on(self, part: str) -> BoundaryQuadrature:
        """`count` points on each edge."""
        facets = self.mesh.mesh.points[self.mesh.mesh.facets_on(part)]
        s, weights = unit_gauss(self.count)
        slopes = np.stack([4 * s - 3, 4 * s - 1, 4 - 8 * s])
        places = along_edges(facets, s).reshape(-1, 2)
        along = np.einsum("ks,nkd->nsd", slopes, facets).reshape(-1, 2)
        length = np.linalg.norm(along, axis=1)
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1) / length[:, None]
        return BoundaryQuadrature(places, np.tile(weights, len(facets)) * length, normals)


@rule_on.register
def _(mesh: RegionMesh, count: int) -> RegionRule:
    return RegionRule(mesh, count)
