"""Triangles along interfaces: nodes near one are moved onto it, what still crosses one is cut, and
the edges on it are curved."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..arrays import Array, Flags, Integers
from ..tensor_grids import unit_gauss
from .elements import inside, nodal_polynomials
from .triangulation import Own, PeriodicSimplices, Triangulation

Label = Callable[[Array], Integers]
"""Points (n, d), of any cell, -> the number of the region (n,)."""
# Share of an edge by which a node may be moved along it onto an interface.
_SNAP = 0.3
# Halvings that find a place on an interface to rounding.
_BISECTIONS = 52
# Points of an edge at which regions are asked for.
_SAMPLES = 12
# Places on an edge that ends on an interface at which others are looked for.
_ON_THE_WAY = (0.5, 0.75, 0.875)
# Radius, as a share of the local mesh, of the circle, or the sphere, on which a node looks for
# regions.
_AROUND = 1e-6
_DIRECTIONS = 8
# Height of the arc of a curved edge as a share of its length, above which the mesh is too coarse.
_BENT = 0.06
# Shares of it within which the interface is looked for: less where there are others beside it.
_REACHES = (1.0, 0.2, 0.04)
# Places on an edge, and weights, by which the area under an arc is integrated.
_GAUSS = unit_gauss(4)


class TooCoarse(Exception):
    """Interfaces that this mesh does not resolve, near `places` (k, 2)."""

    def __init__(self, places: Array) -> None:
        super().__init__(places)
        self.places = places


def touched(mesh: PeriodicSimplices, label: Label) -> Flags:
    """Which regions (n, k) meet in each node: several on an interface."""
    near = np.full(len(mesh.points), np.inf)
    np.minimum.at(near, mesh.simplices, mesh.longest[:, None])
    np.minimum.at(near, mesh.originals, near)
    around = _directions(mesh.dim)
    around = mesh.points[:, None] + _AROUND * near[mesh.originals, None, None] * around
    found = label(around.reshape(-1, mesh.dim))
    names, numbers = np.unique(found, return_inverse=True)
    flags = np.zeros((len(mesh.points), len(names)), dtype=bool)
    rows = np.repeat(np.arange(len(mesh.points)), around.shape[1])
    flags[rows, numbers.ravel()] = True
    return flags


@lru_cache
def _directions(dim: int) -> Array:
    """Unit vectors (k, dim), pairs of opposite ones, across no symmetry of a lattice."""
    if dim == 2:
        angles = 2 * np.pi * (np.arange(_DIRECTIONS) + 0.37) / _DIRECTIONS
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cube = np.array([x for x in itertools.product((-1.0, 0.0, 1.0), repeat=3) if any(x)])
    turned, _ = np.linalg.qr(np.array([[1.0, 0.31, 0.17], [0.23, -1.0, 0.41], [0.37, 0.29, 1.0]]))
    return np.asarray(cube / np.linalg.norm(cube, axis=1, keepdims=True) @ turned)


def crossing(mesh: PeriodicSimplices, regions: Flags, label: Label) -> Flags:
    """Edges without images (t,) whose ends have no region in common, or that leave that of the end
    which has one alone, on their way to one on an interface."""
    p, q = mesh.edges.nodes[mesh.edges.first].T
    across = ~(regions[p] & regions[q]).any(axis=1)
    alone = regions.sum(axis=1) == 1
    one = np.flatnonzero(~across & (alone[p] != alone[q]))
    start = mesh.points[np.where(alone[p], p, q)[one]]
    end = mesh.points[np.where(alone[p], q, p)[one]]
    own = label(start)
    for share in _ON_THE_WAY:
        across[one] |= label(start + share * (end - start)) != own
    return np.asarray(across)


def with_thin_parts(mesh: Triangulation, label: Label) -> Triangulation:
    """A node in the middle of what lies between two interfaces on an edge: thin layers, tips. Each
    part of the edge crosses one of them. TooCoarse where all edges of a triangle do so."""
    p, q = mesh.edges.nodes[mesh.edges.first].T
    shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    points = mesh.points[p, None] + shares[:, None] * (mesh.points[q] - mesh.points[p])[:, None]
    found = label(points.reshape(-1, 2)).reshape(len(p), _SAMPLES)
    changes = found[:, 1:] != found[:, :-1]
    thin = np.flatnonzero(changes.sum(axis=1) > 1)
    places = np.zeros((len(p), 2))
    across = np.zeros(len(p), dtype=bool)
    for k in thin:
        first, second = np.flatnonzero(changes[k])[:2]
        across[k] = True
        places[k] = (first + second + 2) / (2 * _SAMPLES) * (mesh.points[q[k]] - mesh.points[p[k]])
    if not len(thin):
        return mesh
    return cut_at(mesh, across, places)


def snapped(mesh: Own, label: Label, movable: int, limits: Array | None = None) -> Own:
    """Those of the first `movable` nodes that are near an interface moved onto it, along the edge
    that it crosses nearest to them; limits (t,): by how much of each edge at most."""
    regions = touched(mesh, label)
    inside = (regions.sum(axis=1) == 1) & (mesh.originals < movable)
    crossed = crossing(mesh, regions, label)
    ends = mesh.edges.nodes[mesh.edges.first[crossed]]
    near = np.full(len(ends), _SNAP) if limits is None else limits[crossed]
    found = []
    for p, q in (ends.T, ends[:, ::-1].T):
        free = inside[p]
        share = first_change(label, mesh.points[p[free]], mesh.points[q[free]])
        move = share[:, None] * (mesh.points[q[free]] - mesh.points[p[free]])
        close = share < near[free]
        found.append((mesh.originals[p[free]][close], share[close], move[close]))
    nodes, shares, moves = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(shares, kind="stable")
    chosen, first = np.unique(nodes[order], return_index=True)
    shift = np.zeros_like(mesh.points)
    shift[chosen] = moves[order[first]]
    return replace(mesh, points=mesh.points + shift[mesh.originals])


def first_change(label: Label, start: Array, end: Array) -> Array:
    """The share of the way from start to end at which the region of the start is left."""
    own = label(start)
    low, high = np.zeros(len(start)), np.ones(len(start))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        same = label(start + middle[:, None] * (end - start)) == own
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


def cut_triangles(mesh: Triangulation, label: Label) -> tuple[Triangulation, Integers]:
    """Triangles that lie in one region each, and these regions. TooCoarse where there are none."""
    regions = touched(mesh, label)
    across = crossing(mesh, regions, label)
    edges = mesh.edges
    p, q = edges.nodes[edges.first].T
    backwards = regions[p].sum(axis=1) > 1
    stuck = across & backwards & (regions[q].sum(axis=1) > 1)
    if stuck.any():
        raise TooCoarse(mesh.points[p[stuck]])
    start = mesh.points[np.where(backwards, q, p)[across]]
    end = mesh.points[np.where(backwards, p, q)[across]]
    share = first_change(label, start, end)
    places = np.zeros((len(p), 2))
    places[across] = start + share[:, None] * (end - start) - mesh.points[p[across]]
    fine = cut_at(mesh, across, places)
    return fine, _regions(fine, label)


def cut_at(mesh: Triangulation, across: Flags, places: Array) -> Triangulation:
    """Triangles cut at nodes on the edges (t,) that are `across`, at `places` (t, 2) from their
    first ends. TooCoarse where all edges of a triangle are."""
    edges = mesh.edges
    crossed = across[edges.torus[edges.of]]
    count = crossed.sum(axis=1)
    if (count == 3).any():
        raise TooCoarse(mesh.centres[count == 3])
    fine, numbers = mesh.with_nodes_on(across[edges.torus], places)
    # The edge that is alone of its kind comes first: the one that is cut, or the one that is not.
    alone = np.where(count == 1, np.argmax(crossed, axis=1), np.argmin(crossed, axis=1))
    turn = (alone[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(mesh.triangles, turn, axis=1)
    new = numbers[np.take_along_axis(edges.of, turn, axis=1)]
    a, b, c = corners[count == 1].T
    x = new[count == 1, 0]
    halves = [np.stack([c, a, x], axis=1), np.stack([c, x, b], axis=1)]
    a, b, c = corners[count == 2].T
    x, y = new[count == 2, 1], new[count == 2, 2]
    P = fine.points
    short = np.linalg.norm(P[x] - P[a], axis=1) < np.linalg.norm(P[y] - P[b], axis=1)
    tip = np.stack([c, y, x], axis=1)
    one = np.where(short[:, None], np.stack([y, a, x], axis=1), np.stack([y, a, b], axis=1))
    other = np.where(short[:, None], np.stack([a, b, x], axis=1), np.stack([y, b, x], axis=1))
    parts = [mesh.triangles[count == 0], *halves, tip, one, other]
    return replace(fine, triangles=np.concatenate(parts))


def _regions(mesh: Triangulation, label: Label) -> Integers:
    """The region of each triangle; TooCoarse where one lies in several."""
    samples = np.einsum("sk,mkd->msd", nodal_polynomials(1, inside(2)), mesh.points[mesh.triangles])
    found = label(samples.reshape(-1, 2)).reshape(-1, samples.shape[1])
    mixed = (found != found[:, :1]).any(axis=1)
    if mixed.any():
        raise TooCoarse(mesh.centres[mixed])
    return found[:, 0]


def with_arcs(
    mesh: Triangulation, regions: Integers, label: Label
) -> tuple[Triangulation, Integers]:
    """A node in the middle of every edge, next to the interface where the edge joins two regions;
    and their numbers (m, 3) by triangle. TooCoarse where an interface turns too much over an edge.
    """
    edges = mesh.edges
    middles = mesh.middles()
    sides = edges.torus[edges.of]
    low = np.full(len(middles), np.iinfo(np.int64).max)
    high = np.full(len(middles), np.iinfo(np.int64).min)
    np.minimum.at(low, sides, regions[:, None])
    np.maximum.at(high, sides, regions[:, None])
    # Of one of the two triangles at each edge of an interface: the normal into it, and its region.
    triangle, place = np.nonzero((low < high)[sides])
    chosen, first = np.unique(sides[triangle, place], return_index=True)
    triangle, place = triangle[first], place[first]
    a = mesh.points[mesh.triangles[triangle, place]]
    b = mesh.points[mesh.triangles[triangle, (place + 1) % 3]]
    normal = np.stack([a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]], axis=1)
    middles[chosen] += _height(a, b, normal, regions[triangle], label)[:, None] * normal
    fine, numbers = mesh.with_nodes_on(np.ones(len(edges.nodes), dtype=bool), middles)
    return fine, numbers[edges.of]


def _height(a: Array, b: Array, normal: Array, own: Integers, label: Label) -> Array:
    """How far (n,) along the normal the middle of each edge from a to b is moved: the parabola
    through it and the ends cuts off the area that the interface does.

    What is left of a displaced interface has no mean: coefficients change by it in sixth order of
    the length, where they would in fourth by a parabola through a point of the interface.
    """
    area = np.zeros(len(a))
    for place, weight in zip(*_GAUSS, strict=True):
        point = a + place * (b - a)
        reach, wrong = np.zeros(len(a)), np.ones(len(a), dtype=bool)
        for thinner in _REACHES:
            reach = np.where(wrong, thinner * 4 * place * (1 - place) * _BENT, reach)
            across = reach[:, None] * normal
            wrong = (label(point + across) != own) | (label(point - across) == own)
        if wrong.any():
            raise TooCoarse(point[wrong])
        share = first_change(label, point + across, point - across)
        area += weight * (1 - 2 * share) * reach
    return 1.5 * area
