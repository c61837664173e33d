"""What numerics ask of a domain: how to integrate over it, and points to look at.

Each function is open to further kinds of domains: one is registered with what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from ..problem.domain import Box, Domain
from ..problem.errors import UnsupportedError
from ..problem.mesh_domain import MeshedDomain
from ..problem.regions import Region
from ..resolution.region_outlines import meshing, outline_of
from ..runtime.arrays import Array
from ..runtime.fitted.domain_mesh import RegionMesh
from ..runtime.fitted.region_mesher import region_meshes
from ..runtime.lattice import Lattice
from ..runtime.quadrature import GaussRule, QuadratureRule, rule_on
from ..runtime.tensor_grids import tensor_points

# Of the quadrature of a region, along its longer side and in each direction of a triangle.
_FEWEST_TRIANGLES = 8
_FEWEST_POINTS = 3
# The longest edge of triangles and tetrahedra, by the length of the domain, and by that of an
# interval along an axis, 3 or 2 points in each direction of which are as many.
_LONGEST = 2 / _FEWEST_TRIANGLES
_EDGE = {2: 2.0, 3: 4.5}
# Lines that are tried through a region, and points of each.
_LINES = 17
_FEW_LINES = 5
_ALONG = 801


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


@quadrature_rule.register
def _(domain: Region, cells: Sequence[int], count: int) -> QuadratureRule:
    """On curved triangles: as many points as of a box."""
    asked = max(cells)
    parts = max(asked, _FEWEST_TRIANGLES)
    own = max(_FEWEST_POINTS, -(-count * asked // parts))
    corners = [(corner, 0.0) for corner in domain.corners if not corner.smooth]
    with meshing():
        mesh = next(region_meshes(outline_of(domain, corners), parts))
    return rule_on(RegionMesh(mesh), own)


@points_on.register
def _(domain: Region, name: str, points: Array) -> Array:
    """By the share of the first coordinate, along the length of the part."""
    pieces = domain.part(name).pieces
    low, high = domain.bounds[0]
    share = np.clip((points[:, 0] - low) / (high - low), 0.0, 1.0)
    ends = np.cumsum([0.0, *(piece.length for piece in pieces)])
    place = share * ends[-1]
    number = np.clip(np.searchsorted(ends, place, side="right") - 1, 0, len(pieces) - 1)
    found = np.empty((len(points), 2))
    for k, piece in enumerate(pieces):
        own = number == k
        found[own] = piece.at((place[own] - ends[k]) / piece.length)
    return found


@quadrature_rule.register
def _(domain: MeshedDomain, cells: Sequence[int], count: int) -> QuadratureRule:
    """On its triangles, cut in four, or tetrahedra, cut in eight, until they are as short."""
    mesh = domain.region
    wanted = min(_LONGEST, _EDGE[domain.dim] / max(cells))
    while mesh.mesh.size > wanted * max(b - a for a, b in domain.bounds):
        mesh = domain.refined(mesh)
    return rule_on(mesh, _FEWEST_POINTS)


@points_on.register
def _(domain: MeshedDomain, name: str, points: Array) -> Array:
    return domain.points_on(name, points)


@grid_points.register(Region)
@grid_points.register(MeshedDomain)
def _(domain: Region | MeshedDomain, counts: Sequence[int]) -> Array:
    """Of the box around it: some lie outside."""
    return grid_points(Box(*domain.intervals), counts)


@line_points.register(Region)
@line_points.register(MeshedDomain)
def _(domain: Region | MeshedDomain, count: int) -> Array:
    """The longest piece inside of a few lines along the first axis."""
    (a, b), *others = domain.bounds
    x = np.linspace(a, b, _ALONG)
    best = np.zeros((2, domain.dim))
    lines = _LINES if len(others) == 1 else _FEW_LINES
    across = [c + (d - c) * (np.arange(lines) + 0.5) / lines for c, d in others]
    for y in tensor_points(across):
        points = np.column_stack([x, np.tile(y, (len(x), 1))])
        changes = np.diff(np.concatenate([[0], domain.holds(points).astype(int), [0]]))
        for first, last in zip(np.flatnonzero(changes > 0), np.flatnonzero(changes < 0) - 1):
            if x[last] - x[first] > best[1, 0] - best[0, 0]:
                best = points[[first, last]]
    return np.asarray(best[0] + np.linspace(0, 1, count)[:, None] * (best[1] - best[0]))


def middle(domain: Domain) -> Array:
    """The middle (d,) of a line through the domain."""
    return np.asarray(line_points(domain, 3)[1])


def _unknown(domain: Domain, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what} for a domain of this kind", term=domain, remedy="give domain=Box(...)"
    )
