"""Meshes in space that fit smooth interfaces: a body-centred cubic lattice of tetrahedra, whose
nodes near an interface are moved onto it, cut along the rest of it, and curved.

Labelle, Shewchuk, "Isosurface stuffing", ACM Trans. Graph. 26 (2007) 57: with such a lattice, and
nodes that are moved no farther, no tetrahedron becomes flat. What remains is cut edge by edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Flags, Integers
from .cell_mesh import CellMesh
from .elements import inside, nodal_polynomials
from .interfaces import Label, TooCoarse, crossing, first_change, snapped, touched
from .mesher import Interfaces, UnresolvedInterfaces
from .octree import Octree
from .small_parts import interface_points, thicknesses
from .tetrahedralization import Tetrahedralization, cut_at, positive

# Shares of edges along the axes, of the others, and of those between cubes of two sizes, by which a
# node may be moved onto an interface.
_SNAP_LONG, _SNAP_SHORT, _SNAP_BETWEEN = 0.25, 0.41, 0.15
# In which lengths are rounded that are one.
_DIGITS = 9
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
# Length of tetrahedra at a surface as a share of its radius, and of what lies between two.
_WIDEST = 1.25
_THICKEST = 3.0
# By which other numbers of cubes are larger that are tried.
_FINER = (1.0, 1.25, 1.25**2)
# Cubes, and by which factor more than those without, beyond which these are not cut.
_MOST = 3_000
_MORE = 1.5


def meshes(interfaces: Interfaces, n: int) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... cubes of the lattice along the longest vector, and smaller
    ones where interfaces bend or come close: those places are the same ones on all of them.

    UnresolvedInterfaces where they touch, or have edges or corners, or smaller ones do not help.
    """
    cubes, found = _first(interfaces, n)
    while True:
        yield found
        cubes, found = _resolved(cubes.halved(), interfaces)


def _first(interfaces: Interfaces, n: int) -> tuple[Octree, CellMesh]:
    """On about n cubes of one size, or the next larger number that resolves the interfaces: where
    cubes are cut, as those here where none does, there are more."""
    for finer in _FINER:
        cubes = _seeing(Octree.regular(finer * n, interfaces.vectors), interfaces)
        if cubes.levels.any():
            break
        with suppress(TooCoarse):
            return cubes, _along(*_lattice(cubes, interfaces), interfaces.label)
    return _resolved(_seeing(Octree.regular(n, interfaces.vectors), interfaces), interfaces)


def _lattice(cubes: Octree, interfaces: Interfaces) -> tuple[Tetrahedralization, Array]:
    """Tetrahedra of the cell, and by which share of each of their edges (t,) nodes may be moved."""
    base = cubes.tetrahedralization()
    points = interfaces.origin + base.points @ np.linalg.inv(base.vectors) @ interfaces.vectors
    tetrahedra = positive(points, base.tetrahedra)
    mesh = Tetrahedralization(points, base.originals, interfaces.vectors, tetrahedra)
    sides = base.edges.torus[base.edges.of]
    lengths = np.round(base.lengths, _DIGITS)
    limits = np.full(len(lengths), _SNAP_SHORT)
    limits[sides[lengths[sides] == lengths[sides].max(axis=1, keepdims=True)]] = _SNAP_LONG
    limits[sides[~base.regular]] = _SNAP_BETWEEN
    return mesh, limits


def _seeing(cubes: Octree, interfaces: Interfaces) -> Octree:
    """Cubes that are cut where surfaces bend, or leave little between them."""
    while True:
        mesh, _ = _lattice(cubes, interfaces)
        points = interface_points(mesh, interfaces.levels, interfaces.label)
        size = mesh.longest[points.simplices]
        apart = np.linalg.norm(mesh.centres[points.simplices] - points.places, axis=1)
        thin = thicknesses(points, size, interfaces.label)
        large = (apart < size) & (size > np.minimum(_WIDEST * points.radii, _THICKEST * thin))
        if not large.any():
            return cubes
        cubes = _finer(cubes, mesh, points.places[large], _MOST, interfaces)


def _resolved(cubes: Octree, interfaces: Interfaces) -> tuple[Octree, CellMesh]:
    """The mesh along the interfaces, from cubes that are cut where it does not resolve them; and
    these."""
    most = max(_MOST, int(_MORE * len(cubes.levels)))
    while True:
        mesh, limits = _lattice(cubes, interfaces)
        try:
            return cubes, _along(mesh, limits, interfaces.label)
        except TooCoarse as found:
            cubes = _finer(cubes, mesh, found.places, most, interfaces)


def _finer(
    cubes: Octree, mesh: Tetrahedralization, places: Array, most: int, interfaces: Interfaces
) -> Octree:
    """Cut near some places. UnresolvedInterfaces where there are more than `most` already."""
    if len(cubes.levels) > most:
        sizes = mesh.longest[mesh.nearest(places)]
        smallest = int(np.argmin(sizes))
        raise UnresolvedInterfaces(places[smallest], float(sizes[smallest]))
    return cubes.finer((places - interfaces.origin) @ np.linalg.inv(interfaces.vectors))


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
