"""Meshes in space that fit smooth interfaces: a body-centred cubic lattice of tetrahedra, whose
nodes near an interface are moved onto it, cut along the rest of it, and curved.

Labelle, Shewchuk, "Isosurface stuffing", ACM Trans. Graph. 26 (2007) 57: with such a lattice, and
nodes that are moved no farther, no tetrahedron becomes flat. What remains is cut edge by edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array, Flags, Integers
from .cell_mesh import CellMesh
from .elements import EDGES, inside, nodal_polynomials
from .interfaces import Label, TooCoarse, crossing, first_change, snapped, touched
from .mesher import Interfaces, UnresolvedInterfaces
from .triangulation import PeriodicSimplices

# So that two nodes share one edge at most, and nodes that are images of each other none.
_FEWEST = 3
# Shares of edges along the axes, and of the others, by which a node may be moved onto an interface.
_SNAP_LONG, _SNAP_SHORT = 0.25, 0.41
# Share of its length by which the middle of an edge may be moved onto the interface.
_BENT = 0.15
# How far the interface may be from a curved face, as a share of its size.
_ALONG = 0.04
_TINY = 1e-300
# What a curved tetrahedron keeps of its volume everywhere, as a share of the mean.
_UNFOLDED = 0.1
# Nodes of the faces of a tetrahedron, counterclockwise from outside, and their edges.
_FACE_NODES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)])
_FACE_EDGES = np.array([(2, 1, 0), (0, 5, 3), (1, 4, 5), (3, 4, 2)])
# Finer lattices that are tried, by that factor, and nodes beyond which that ends.
_FINER = 1.25
_MOST = 30_000


@dataclass(frozen=True)
class Tetrahedralization(PeriodicSimplices):
    """tetrahedra (m, 4) of positive volume."""

    tetrahedra: Integers

    @property
    def simplices(self) -> Integers:
        return self.tetrahedra


def meshes(interfaces: Interfaces, n: int) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... cubes of the lattice along the longest vector.

    UnresolvedInterfaces where they touch, or have edges or corners, or finer lattices do not help.
    """
    size = float(n)
    while True:
        found, size = _resolved(interfaces, size)
        yield found
        size *= 2


def _resolved(interfaces: Interfaces, size: float) -> tuple[CellMesh, float]:
    """The mesh, from a lattice that is made finer where it does not resolve the interfaces."""
    lengths = np.linalg.norm(interfaces.vectors, axis=1)
    while True:
        counts = np.maximum(_FEWEST, np.rint(size * lengths / lengths.max())).astype(int)
        lattice, limits = body_centred(counts, interfaces.vectors, interfaces.origin)
        try:
            return _along(lattice, limits, interfaces.label), size
        except TooCoarse as found:
            places = found.places
        if 2 * np.prod(counts * _FINER) > _MOST:
            raise UnresolvedInterfaces(places[0], float(lengths.max() / size))
        size *= _FINER


def body_centred(
    counts: Integers, vectors: Array, origin: Array
) -> tuple[Tetrahedralization, Array]:
    """Four tetrahedra at each face between two of `counts` cubes along the vectors: between their
    centres and an edge of it. And, for each of its edges, by which share of it nodes are moved."""
    grid = tuple((counts + 1).tolist())
    total = int(np.prod(grid))
    index = np.indices(grid).reshape(3, -1).T
    number = lambda at: np.ravel_multi_index(tuple(at.T), grid)  # noqa: E731
    cubes = np.indices(tuple(counts.tolist())).reshape(3, -1).T
    cells = []
    for axis in range(3):
        ahead, left, up = np.roll(np.eye(3, dtype=int), -axis, axis=0)
        ring = [number(cubes + ahead + turn) for turn in (0 * up, left, left + up, up)]
        centres = [total + number(cubes), total + number(cubes + ahead)]
        for k in range(4):
            cells.append(np.stack([*centres, ring[k], ring[(k + 1) % 4]], axis=1))
    shares = np.concatenate([index / counts, (index + 0.5) / counts])
    originals = number(index % counts)
    points = origin + shares @ vectors
    tetrahedra = _positive(points, np.concatenate(cells))
    mesh = Tetrahedralization(points, np.append(originals, total + originals), vectors, tetrahedra)
    along = (mesh.edges.nodes[mesh.edges.first] < total).sum(axis=1) != 1
    return mesh, np.where(along, _SNAP_LONG, _SNAP_SHORT)


def _positive(points: Array, tetrahedra: Integers) -> Integers:
    x = points[tetrahedra]
    negative = np.linalg.det(x[:, 1:] - x[:, :1]) < 0
    return np.where(negative[:, None], tetrahedra[:, [1, 0, 2, 3]], tetrahedra)


def _along(lattice: Tetrahedralization, limits: Array, label: Label) -> CellMesh:
    """The mesh fitted to the interfaces; TooCoarse where it is."""
    mesh = snapped(lattice, label, len(lattice.points), limits)
    regions = touched(mesh, label)
    straight = _cut(mesh, regions, label)
    found = label(straight.centres)
    _require_one_region(straight, mesh, regions, found, label)
    curved, middles = _with_arcs(straight, found, label)
    cells = np.concatenate([straight.tetrahedra, middles], axis=1)
    result = _of_used_nodes(curved, cells, found)
    folded = result.least_stretch < _UNFOLDED
    if folded.any():
        raise TooCoarse(straight.centres[folded])
    return result


def _cut(mesh: Tetrahedralization, regions: Flags, label: Label) -> Tetrahedralization:
    """Edges cut where they cross an interface. TooCoarse where one does that more than once."""
    across = crossing(mesh, regions, label)
    edges = mesh.edges
    p, q = edges.nodes[edges.first].T
    alone = regions.sum(axis=1) == 1
    stuck = across & ~alone[p] & ~alone[q]
    if stuck.any():
        raise TooCoarse(mesh.points[p[stuck]])
    start = np.where(alone[p], p, q)[across]
    end = np.where(alone[p], q, p)[across]
    share = first_change(label, mesh.points[start], mesh.points[end])
    places = np.zeros((len(p), 3))
    move = share[:, None] * (mesh.points[end] - mesh.points[start])
    places[across] = mesh.points[start] + move - mesh.points[p[across]]
    return cut_at(mesh, across, places)


def cut_at(mesh: Tetrahedralization, across: Flags, places: Array) -> Tetrahedralization:
    """Tetrahedra cut at nodes on the edges (t,) that are `across`, at `places` (t, 3) from their
    first ends: the longest edge first, and all at one edge together, so that they stay a mesh."""
    edges = mesh.edges
    fine, numbers = mesh.with_nodes_on(across[edges.torus], places)
    rank = np.empty(len(mesh.lengths), dtype=int)
    rank[np.argsort(mesh.lengths, kind="stable")] = np.arange(len(rank))
    rank[~across] = -1
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


def _require_one_region(
    straight: Tetrahedralization,
    before: Tetrahedralization,
    regions: Flags,
    found: Integers,
    label: Label,
) -> None:
    """TooCoarse where a node off the interfaces lies in another region than its tetrahedra."""
    alone = np.zeros(len(straight.points), dtype=bool)
    alone[: len(before.points)] = regions.sum(axis=1) == 1
    own = label(straight.points)
    nodes = straight.tetrahedra
    wrong = (alone[nodes] & (own[nodes] != found[:, None])).any(axis=1)
    if wrong.any():
        raise TooCoarse(straight.centres[wrong])


@dataclass(frozen=True)
class _Interface:
    """The faces between two regions.

    tetrahedra, faces : (k,) on the side whose region has the lower number, and which face of theirs
    low, high         : (k,) the regions on both sides
    """

    tetrahedra: Integers
    faces: Integers
    low: Integers
    high: Integers


def _interface(mesh: Tetrahedralization, regions: Integers) -> _Interface:
    corners = mesh.originals[mesh.tetrahedra]
    faces = np.sort(corners[:, _FACE_NODES].reshape(-1, 3), axis=1)
    one, other = np.lexsort(faces.T).reshape(-1, 2).T
    apart = regions[one // 4] != regions[other // 4]
    one, other = one[apart], other[apart]
    swap = regions[one // 4] > regions[other // 4]
    lower, upper = np.where(swap, other, one), np.where(swap, one, other)
    return _Interface(lower // 4, lower % 4, regions[lower // 4], regions[upper // 4])


def _with_arcs(
    mesh: Tetrahedralization, regions: Integers, label: Label
) -> tuple[Tetrahedralization, Integers]:
    """A node in the middle of every edge, on the interface where the edge lies on one; and their
    numbers (m, 6). TooCoarse where it turns too much over an edge, and where three regions meet."""
    edges = mesh.edges
    middles = mesh.middles()
    between = _interface(mesh, regions)
    sides = edges.torus[edges.of[between.tetrahedra[:, None], _FACE_EDGES[between.faces]]]
    chosen = np.unique(sides)
    (low, low_too), (high, high_too) = (
        _extremes(sides, own, len(mesh.lengths)) for own in (between.low, between.high)
    )
    starts = mesh.points[edges.nodes[edges.first[chosen], 0]] + middles[chosen]
    several = (low != low_too)[chosen] | (high != high_too)[chosen]
    if several.any():
        raise TooCoarse(starts[several])
    normal = _normals(mesh, between, sides)[chosen]
    reach = _BENT * mesh.lengths[chosen, None] * normal
    above, below = starts + reach, starts - reach
    wrong = (label(above) != high[chosen]) | (label(below) != low[chosen])
    if wrong.any():
        raise TooCoarse(starts[wrong])
    middles[chosen] += (1 - 2 * first_change(label, above, below))[:, None] * reach
    fine, numbers = mesh.with_nodes_on(np.ones(len(edges.nodes), dtype=bool), middles)
    found = numbers[edges.of]
    _require_smooth(fine, between, found, label)
    return fine, found


def _extremes(sides: Integers, values: Integers, count: int) -> tuple[Integers, Integers]:
    """The least and the largest value (count,) of the faces at each edge."""
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, sides, values[:, None])
    np.maximum.at(high, sides, values[:, None])
    return low, high


def _normals(mesh: Tetrahedralization, between: _Interface, sides: Integers) -> Array:
    """Unit vectors (t, 3) at the edges of an interface, into the region of the higher number."""
    nodes = np.take_along_axis(
        mesh.tetrahedra[between.tetrahedra], _FACE_NODES[between.faces], axis=1
    )
    a, b, c = mesh.points[nodes].transpose(1, 0, 2)
    found = np.zeros((len(mesh.lengths), 3))
    np.add.at(found, sides, np.cross(b - a, c - a)[:, None])
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), _TINY)


def _require_smooth(
    mesh: Tetrahedralization, between: _Interface, middles: Integers, label: Label
) -> None:
    """TooCoarse where a curved face does not lie along the interface: that has an edge there, which
    nodes should lie on."""
    nodes = np.take_along_axis(
        mesh.tetrahedra[between.tetrahedra], _FACE_NODES[between.faces], axis=1
    )
    between_them = np.take_along_axis(
        middles[between.tetrahedra], _FACE_EDGES[between.faces], axis=1
    )
    x = mesh.points[np.concatenate([nodes, between_them], axis=1)]
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    normal = np.cross(b - a, c - a)
    reach = _ALONG * normal / np.sqrt(np.linalg.norm(normal, axis=1, keepdims=True))
    # The same polynomials for nodes in space: those of the reference triangle.
    points = np.einsum("qk,fkd->fqd", nodal_polynomials(2, inside(2)), x)
    above, below = (label((points + sign * reach[:, None]).reshape(-1, 3)) for sign in (1, -1))
    shape = points.shape[:2]
    off = (above.reshape(shape) != between.high[:, None]) | (
        below.reshape(shape) != between.low[:, None]
    )
    if off.any():
        raise TooCoarse(points[off])


def _of_used_nodes(mesh: Tetrahedralization, cells: Integers, regions: Integers) -> CellMesh:
    used, numbers = np.unique(cells, return_inverse=True)
    _, first, of = np.unique(mesh.originals[used], return_index=True, return_inverse=True)
    originals = first[of]
    images = np.flatnonzero(originals != np.arange(len(used)))
    pairs = np.stack([images, originals[images]], axis=1)
    return CellMesh(mesh.points[used], numbers.reshape(cells.shape), regions, pairs, mesh.vectors)
