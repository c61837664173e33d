"""Corners of interfaces: where they meet, end or turn, and nodes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array, Flags
from .interfaces import Label, cut_at
from .triangulation import Triangulation

LevelValues = Callable[[Array], Array]
"""Points (n, 2) of the cell -> values (n, k) of functions whose zeros hold all interfaces."""
_STEPS = 30
# Shares of the local mesh: of differences, of roots that are one, of the circle around one, and of
# the last step of Newton's method.
_DIFFERENCE = 1e-5
_SAME = 1e-7
_CIRCLE = 1e-4
_ROOT = 1e-9
_DIRECTIONS = 720
# An interface that turns by less, in radians, has no corner.
_TURN = 0.02
# Barycentric coordinate above which a corner takes the place of a node, or of one on an edge.
_AT_NODE = 0.65
_ON_EDGE = 0.15
# Solutions are as d^(1/2) at a corner of interfaces at worst, and of quadratic elements no more is
# left of them with this grading than of smooth functions.
GRADING = 0.75
_RADIUS = 0.3
# Of the largest triangle: lengths of edges are compared in nine digits of that.
_LEAST = 1e-6


def corners_of(mesh: Triangulation, levels: LevelValues, label: Label) -> Array:
    """The corners (k, 2) of the interfaces, one of all images of each, on a mesh that is as fine
    as they are far from each other.
    """
    values = levels(mesh.points)[mesh.triangles]
    near = np.abs(values).min(axis=1) <= np.ptp(values, axis=1)
    found: list[Array] = []
    pairs = np.argwhere(np.triu(np.ones((near.shape[1],) * 2, dtype=bool), 1))
    for i, j in pairs:
        both = near[:, i] & near[:, j]
        if both.any():
            found.append(_roots(mesh, levels, both, [i, j]))
    points = np.concatenate([np.zeros((0, 2)), *found])
    if not len(points):
        return points
    size = float(mesh.longest.max())
    return _distinct(points[_is_corner(points, label, _CIRCLE * size)], mesh.vectors, size)


def _roots(mesh: Triangulation, levels: LevelValues, near: Flags, pair: list[int]) -> Array:
    """Common zeros of two levels, by Newton's method from the centres of some triangles."""
    start = mesh.centres[near]
    size = mesh.longest[near, None]
    x = start
    own = lambda points: levels(points)[:, pair]  # noqa: E731
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            columns = []
            for axis in np.eye(2):
                move = _DIFFERENCE * size * axis
                columns.append((own(x + move) - own(x - move)) / (2 * _DIFFERENCE * size))
            jacobian = np.stack(columns, axis=-1)
            regular = np.abs(np.linalg.det(jacobian)) > 0
            jacobian[~regular] = np.nan
            step = np.linalg.solve(jacobian, own(x)[..., None])[..., 0]
            x = np.where(np.abs(x - step - start) < 4 * size, x - step, np.nan)
        there = np.abs(step) <= _ROOT * size
    kept = np.isfinite(x).all(axis=1) & there.all(axis=1)
    return np.asarray(x[kept & (np.linalg.norm(x - start, axis=1) < 2 * size[:, 0])])


def _is_corner(points: Array, label: Label, radius: float) -> Flags:
    """Whether three regions meet, or the line between two turns."""
    angles = 2 * np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = label((points[:, None] + circle).reshape(-1, 2)).reshape(len(points), -1)
    changes = found != np.roll(found, -1, axis=1)
    count = changes.sum(axis=1)
    turns = np.zeros(len(points), dtype=bool)
    for k in np.flatnonzero(count == 2):
        first, last = np.flatnonzero(changes[k])
        turns[k] = abs((last - first) * 2 * np.pi / _DIRECTIONS - np.pi) > _TURN
    return np.asarray((count > 2) | turns)


def _distinct(points: Array, vectors: Array, size: float) -> Array:
    """One of the points that are images of each other."""
    kept: list[Array] = []
    for point in points:
        if not kept or _distances(np.array(kept), point, vectors).min() > _SAME * size * 100:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)


def _distances(points: Array, corner: Array, vectors: Array) -> Array:
    """From points to an image of a corner: the nearest one where that is closer than .43 of the
    shortest period, as the heights of a reduced cell are .86 of it at least."""
    shares = (points - corner) @ np.linalg.inv(vectors)
    x, y = ((shares - np.rint(shares)) @ vectors).T
    return np.asarray(np.hypot(x, y))


def graded(
    mesh: Triangulation,
    corners: Array,
    gradings: Sequence[float] | None = None,
    radius: float = _RADIUS,
) -> Triangulation:
    """Smaller triangles towards corners: at the distance d of one h (d/R)^grading long."""
    largest = float(mesh.longest.max())
    reach = radius * float(np.linalg.norm(mesh.vectors, axis=1).min())
    powers = [GRADING] * len(corners) if gradings is None else gradings
    least = _LEAST * largest
    while len(corners):
        shares = []
        for corner, power in zip(corners, powers, strict=True):
            distances = _distances(mesh.centres, corner, mesh.vectors)
            shares.append(np.minimum(1, distances / reach) ** power)
        wanted = mesh.longest > np.maximum(least, 1.01 * largest * np.min(shares, axis=0))
        if not wanted.any():
            break
        mesh = mesh.bisected(wanted)
    return mesh


def with_corners(mesh: Triangulation, corners: Array) -> Triangulation:
    """A node at each corner."""
    for corner in corners:
        mesh = _with_corner(mesh, corner)
    return mesh


def _with_corner(mesh: Triangulation, corner: Array) -> Triangulation:
    """The nearest node is moved there, or a node is put on an edge or into a triangle."""
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 2), axis=-1).reshape(-1, 2) @ mesh.vectors
    a, b, c = mesh.points[mesh.triangles].transpose(1, 0, 2)
    inverse = np.linalg.inv(np.stack([b - a, c - a], axis=-1))
    images = corner + shifts
    local = np.einsum("mij,msj->msi", inverse, images[None] - a[:, None])
    shares = np.concatenate([1 - local.sum(axis=2, keepdims=True), local], axis=2)
    triangle, image = np.unravel_index(np.argmax(shares.min(axis=2)), shares.shape[:2])
    own = shares[triangle, image]
    place = images[image]
    nodes = mesh.triangles[triangle]
    if own.max() > _AT_NODE:
        node = nodes[np.argmax(own)]
        moved = mesh.points.copy()
        same = mesh.originals == mesh.originals[node]
        moved[same] += place - mesh.points[node]
        return replace(mesh, points=moved)
    if own.min() < _ON_EDGE:
        edges = mesh.edges
        side = edges.of[triangle, (np.argmin(own) + 1) % 3]
        across = np.zeros(len(edges.first), dtype=bool)
        across[edges.torus[side]] = True
        places = np.zeros((len(across), 2))
        places[across] = place - mesh.points[edges.nodes[side, 0]]
        return cut_at(mesh, across, places)
    new = len(mesh.points)
    p, q, r = nodes
    return replace(
        mesh,
        points=np.append(mesh.points, [place], axis=0),
        originals=np.append(mesh.originals, new),
        triangles=np.concatenate(
            [np.delete(mesh.triangles, triangle, axis=0), [[p, q, new], [q, r, new], [r, p, new]]]
        ),
    )
