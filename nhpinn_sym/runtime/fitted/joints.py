"""What a mesh shows of the curve that its boundary stands for: how its facets bend, and turn where
they meet.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array, Flags, Integers
from .elements import EDGES, places_of, unit_indices

# Share of its length by which the middle of a straight edge is off the chord.
_STRAIGHT = 1e-9
# The parabola through three points of a curve, h apart, is off by h^4 f''''/1536, and turns by
# h^3 f''''/48 where the next one goes on.
_OF_TURN = 1 / 32
# Ends and middle of the edges of a facet.
_EDGES = {2: np.array([[0, 1, 2]]), 3: np.column_stack([EDGES[2], [3, 4, 5]])}
# Turns, in radians, that are corners.
_CORNER = 0.3
# Places on an edge, or a face, where it meets the next ones; and the middles of its edges.
_JOINTS = {2: np.array([[0.0], [1.0]]), 3: np.array([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])}
_MIDDLES = {2: np.array([[0.5]]), 3: _JOINTS[3]}


def _normals(facets: Array, places: Array) -> Array:
    """Unit normals (k, n, d) of edges (k, 3, 2) or faces (k, 6, 3) at places (n, d - 1)."""
    if facets.shape[2] == 2:
        start, end, middle = (facets[:, [k]] for k in range(3))
        along = (4 * places - 3) * start + (4 * places - 1) * end + (4 - 8 * places) * middle
        found = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    else:
        one, other = (places_of(facets, places, index) for index in unit_indices(2))
        found = np.cross(one, other)
    return np.asarray(found / np.linalg.norm(found, axis=2, keepdims=True))


def _rises(facets: Array) -> tuple[Array, Array]:
    """How far the middles of the edges of each facet are off their chords, across it, (k, edges),
    and the lengths of these."""
    dim = facets.shape[2]
    edges = facets[:, _EDGES[dim]]
    apart = edges[:, :, 2] - edges[:, :, :2].mean(axis=2)
    across = np.einsum("ked,ked->ke", apart, _normals(facets, _MIDDLES[dim]))
    return np.abs(across), np.linalg.norm(edges[:, :, 1] - edges[:, :, 0], axis=2)


def are_straight(facets: Array) -> Flags:
    """Which (k,) of edges (k, 3, 2) or faces (k, 6, 3) are straight, or flat."""
    rises, lengths = _rises(facets)
    return np.asarray((rises <= _STRAIGHT * lengths).all(axis=1))


def turns(points: Array, facets: Integers) -> tuple[Array, Integers]:
    """The angles (n,) by which facets, nodes (k, 3) or (k, 6), turn where two of them meet, and
    the numbers (n, 2) of these."""
    dim = points.shape[1]
    keys = facets[:, :2] if dim == 2 else facets[:, 3:]
    normals = _normals(points[facets], _JOINTS[dim]).reshape(-1, dim)
    order = np.argsort(keys.ravel(), kind="stable")
    same = np.flatnonzero(np.diff(keys.ravel()[order]) == 0)
    pairs = np.stack([order[same], order[same + 1]], axis=1)
    apart = np.linalg.norm(normals[pairs[:, 0]] - normals[pairs[:, 1]], axis=1)
    return 2 * np.arcsin(np.minimum(apart / 2, 1.0)), pairs // keys.shape[1]


def deviation(points: Array, facets: Integers) -> float:
    """How far curved facets, nodes (k, 3) or (k, 6), are about from a smooth curve or surface
    through them; 0 of straight ones.

    The larger one of two: a circle through the three nodes of an edge, and what the facets turn
    where they meet, as no smooth curve does.
    """
    straight = are_straight(points[facets])
    rises, lengths = _rises(points[facets])
    arcs = np.where(straight[:, None], 0.0, rises**3 / lengths**2)
    angles, pairs = turns(points, facets)
    smooth = (angles < _CORNER) & ~straight[pairs].all(axis=1)
    off = _OF_TURN * angles * lengths.max(axis=1)[pairs].max(axis=1)
    return float(max(arcs.max(), off[smooth].max(initial=0.0)))
