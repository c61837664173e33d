"""Polynomials on the reference simplex, a triangle or a tetrahedron with the corners 0, e1, e2 (and
e3)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..arrays import Array
from ..tensor_grids import unit_gauss

EDGES = {
    2: np.array([(0, 1), (1, 2), (2, 0)]),
    3: np.array([(0, 1), (1, 2), (2, 0), (3, 0), (3, 2), (3, 1)]),
}
"""Corners at both ends of each edge, in the order of gmsh."""
COUNTS = {2: 6, 3: 10}
"""Corners and edges of a simplex."""
TURNED = {2: [1, 0, 2, 3, 5, 4], 3: [1, 0, 2, 3, 4, 6, 5, 9, 8, 7]}
"""Nodes of order 2 with the first two corners exchanged."""
_FACES = {
    2: np.array([(0, 1, 2)]),
    3: np.array([(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]),
}


@lru_cache
def nodes(degree: int, dim: int = 2) -> Array:
    """The nodes (k, dim) of that degree, at most 3: corners, those on the edges in the order of
    `EDGES`, then the centres of the triangles. Degree 2 is the order of gmsh.
    """
    corners = np.concatenate([np.zeros((1, dim)), np.eye(dim)])
    shares = np.arange(1, degree) / degree
    parts = [corners]
    for a, b in EDGES[dim]:
        parts.append(corners[a] + shares[:, None] * (corners[b] - corners[a]))
    if degree > 2:
        parts.append(corners[_FACES[dim]].mean(axis=1))
    return np.concatenate(parts)


@lru_cache
def inside(dim: int) -> Array:
    """Places where a simplex is asked whether it lies in one region: its centre, then one towards
    each corner."""
    centre = np.full(dim, 1 / (dim + 1))
    return np.concatenate([centre[None], (nodes(1, dim) + centre) / 2])


@lru_cache
def _exponents(degree: int, dim: int) -> Array:
    """Of the monomials."""
    every = itertools.product(range(degree, -1, -1), repeat=dim)
    return np.array([powers for powers in every if sum(powers) <= degree])


@lru_cache
def _coefficients(degree: int, dim: int) -> Array:
    return np.linalg.inv(_monomials(degree, nodes(degree, dim), (0,) * dim))


def _monomials(degree: int, places: Array, index: Sequence[int]) -> Array:
    exponents = _exponents(degree, places.shape[1])
    columns = np.ones((len(places), len(exponents)))
    for axis, order in enumerate(index):
        powers = exponents[:, axis]
        factor = np.ones(len(powers))
        for k in range(order):
            factor = factor * np.maximum(powers - k, 0)
        table = np.vander(places[:, axis], powers.max() + 1, increasing=True)
        columns *= factor * table[:, np.maximum(powers - order, 0)]
    return columns


def nodal_polynomials(degree: int, places: Array, index: Sequence[int] | None = None) -> Array:
    """D^index of the nodal polynomials at places (n, dim): (n, k)."""
    dim = places.shape[1]
    return _monomials(degree, places, index or (0,) * dim) @ _coefficients(degree, dim)


def jacobians(corners_and_middles: Array, places: Array) -> Array:
    """Of the maps onto simplices (m, k, dim), at places (m, n, dim) or (n, dim): (m, n, dim, dim),
    whose entry i, j is the derivative of coordinate i by place j.
    """
    columns = [
        places_of(corners_and_middles, places, index) for index in unit_indices(places.shape[-1])
    ]
    return np.stack(columns, axis=-1)


def unit_indices(dim: int) -> list[tuple[int, ...]]:
    """The indices of the first derivatives."""
    return [tuple(row) for row in np.eye(dim, dtype=int).tolist()]


def places_of(
    corners_and_middles: Array, places: Array, index: Sequence[int] | None = None
) -> Array:
    """D^index of the maps onto simplices (m, k, dim), at places (m, n, dim) or (n, dim):
    (m, n, dim)."""
    if places.ndim == 2:
        return np.einsum("nk,mkd->mnd", nodal_polynomials(2, places, index), corners_and_middles)
    values = nodal_polynomials(2, places.reshape(-1, places.shape[2]), index)
    return np.einsum(
        "mnk,mkd->mnd", values.reshape(*places.shape[:2], values.shape[1]), corners_and_middles
    )


def counterclockwise(corners_and_middles: Array) -> Array:
    """Nodes (m, k, dim) of order 2, with two corners of each simplex exchanged that has a negative
    volume."""
    x = corners_and_middles
    dim = x.shape[2]
    clockwise = np.linalg.det(x[:, 1 : dim + 1] - x[:, :1]) < 0
    return np.where(clockwise[:, None, None], x[:, TURNED[dim]], x)


@lru_cache
def rule(count: int, dim: int = 2) -> tuple[Array, Array]:
    """Points and weights on the reference simplex, `count` along each direction: exact for
    polynomials of degree 2 count - dim."""
    x, w = unit_gauss(count)
    cubes = np.stack(np.meshgrid(*[x] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    weights = np.prod(np.meshgrid(*[w] * dim, indexing="ij"), axis=0).ravel()
    # Each coordinate shrinks with what those after it leave of the simplex.
    rest = np.ones(len(cubes))
    points = np.empty_like(cubes)
    for axis in reversed(range(dim)):
        points[:, axis] = cubes[:, axis] * rest
        weights = weights * rest if axis < dim - 1 else weights
        rest = rest * (1 - cubes[:, axis])
    return points, weights
