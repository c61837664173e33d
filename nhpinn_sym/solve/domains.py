"""What numerics ask of a domain: how to integrate over it, and points to look at.

Each function is open to further kinds of domains: one is registered with what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from ..problem.domain import Box, Domain
from ..problem.errors import UnsupportedError
from ..runtime.arrays import Array
from ..runtime.lattice import Lattice
from ..runtime.quadrature import GaussRule, QuadratureRule
from ..runtime.tensor_grids import tensor_points


def normals_of(domain: Domain) -> dict[str, tuple[float, ...]]:
    """The outward normal of each part of the boundary, by its name; () where it varies."""
    return {part.name: tuple(map(float, part.normal)) for part in domain.parts}


@singledispatch
def quadrature_rule(domain: Domain, cells: Sequence[int], count: int) -> QuadratureRule:
    """`count` Gauss points a direction in each of about `cells` parts along each axis.

    UnsupportedError for a kind of domain that is not registered.
    """
    raise _unknown(domain, "a quadrature")


@quadrature_rule.register
def _(domain: Box, cells: Sequence[int], count: int) -> QuadratureRule:
    return GaussRule(Lattice.uniform(domain.bounds, cells), count, normals_of(domain))


@singledispatch
def points_on(domain: Domain, name: str, points: Array) -> Array:
    """Points (n, d) of a part of the boundary, from as many of the smallest box around the domain,
    over which these are spread evenly. UnsupportedError for a kind of domain that is not
    registered.
    """
    raise _unknown(domain, "points on the boundary")


@points_on.register
def _(domain: Box, name: str, points: Array) -> Array:
    part = domain.part(name)
    there = points.copy()
    there[:, part.axis] = domain.bounds[part.axis][part.end]
    return there


@singledispatch
def grid_points(domain: Domain, counts: Sequence[int]) -> Array:
    """Points (n, d) of a regular grid with `counts` along each axis, both ends included; the middle
    where a count is 1. UnsupportedError for a kind of domain that is not registered.
    """
    raise _unknown(domain, "a grid of points")


@grid_points.register
def _(domain: Box, counts: Sequence[int]) -> Array:
    axes = [
        np.linspace(a, b, n) if n > 1 else np.array([(a + b) / 2])
        for (a, b), n in zip(domain.bounds, counts, strict=True)
    ]
    return tensor_points(axes)


@singledispatch
def line_points(domain: Domain, count: int) -> Array:
    """`count` points (n, d) of a line through the domain, both of its ends included.

    UnsupportedError for a kind of domain that is not registered.
    """
    raise _unknown(domain, "a line through it")


@line_points.register
def _(domain: Box, count: int) -> Array:
    low, high = np.array(domain.bounds).T
    return np.asarray(low + np.linspace(0, 1, count)[:, None] * (high - low))


def middle(domain: Domain) -> Array:
    """The middle (d,) of a line through the domain."""
    return np.asarray(line_points(domain, 3)[1])


def _unknown(domain: Domain, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what} for a domain of this kind", term=domain, remedy="give domain=Box(...)"
    )
