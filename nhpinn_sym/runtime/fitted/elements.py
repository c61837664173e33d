"""Polynomials on the reference triangle with the corners (0, 0), (1, 0) and (0, 1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..arrays import Array
from ..tensor_grids import unit_gauss

# Exponents of the monomials of each degree.
_EXPONENTS = {
    p: np.array([(i, k - i) for k in range(p + 1) for i in range(k, -1, -1)]) for p in (1, 2, 3)
}
INSIDE = np.array([[1 / 3, 1 / 3], [1 / 6, 1 / 6], [2 / 3, 1 / 6], [1 / 6, 2 / 3]])
"""Places where a triangle is asked whether it lies in one region."""
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


@lru_cache
def nodes(degree: int) -> Array:
    """The nodes (k, 2) of that degree: corners, then those on the edges from corner 0 to 1, 1 to 2
    and 2 to 0, then the centre. Degree 2 is the order of gmsh's triangles of six nodes.
    """
    shares = np.arange(1, degree) / degree
    parts = [_CORNERS]
    for k in range(3):
        a, b = _CORNERS[k], _CORNERS[(k + 1) % 3]
        parts.append(a + shares[:, None] * (b - a))
    if degree > 2:
        parts.append(_CORNERS.mean(axis=0)[None])
    return np.concatenate(parts)


@lru_cache
def _coefficients(degree: int) -> Array:
    return np.linalg.inv(_monomials(degree, nodes(degree), (0, 0)))


def _monomials(degree: int, places: Array, index: Sequence[int]) -> Array:
    columns = np.ones((len(places), len(_EXPONENTS[degree])))
    for axis, order in enumerate(index):
        powers = _EXPONENTS[degree][:, axis]
        factor = np.ones(len(powers))
        for k in range(order):
            factor = factor * np.maximum(powers - k, 0)
        columns *= factor * places[:, axis, None] ** np.maximum(powers - order, 0)
    return columns


def nodal_polynomials(degree: int, places: Array, index: Sequence[int] = (0, 0)) -> Array:
    """D^index of the nodal polynomials at places (n, 2): (n, k)."""
    return _monomials(degree, places, index) @ _coefficients(degree)


def jacobians(corners_and_middles: Array, places: Array) -> Array:
    """Of the maps onto triangles (m, 6, 2), at places (m, n, 2) or (n, 2): (m, n, 2, 2), whose
    entry i, j is the derivative of coordinate i by place j.
    """
    columns = [places_of(corners_and_middles, places, index) for index in ((1, 0), (0, 1))]
    return np.stack(columns, axis=-1)


def places_of(corners_and_middles: Array, places: Array, index: Sequence[int] = (0, 0)) -> Array:
    """D^index of the maps onto triangles (m, 6, 2), at places (m, n, 2) or (n, 2): (m, n, 2)."""
    if places.ndim == 2:
        return np.einsum("nk,mkd->mnd", nodal_polynomials(2, places, index), corners_and_middles)
    values = nodal_polynomials(2, places.reshape(-1, 2), index).reshape(*places.shape[:2], 6)
    return np.einsum("mnk,mkd->mnd", values, corners_and_middles)


@lru_cache
def rule(count: int) -> tuple[Array, Array]:
    """Points and weights on the reference triangle, `count` along each direction: exact for
    polynomials of degree 2 count - 2."""
    x, w = unit_gauss(count)
    u, v = (part.ravel() for part in np.meshgrid(x, x, indexing="ij"))
    weights = np.outer(w, w).ravel() * (1 - v)
    return np.stack([u * (1 - v), v], axis=1), weights
