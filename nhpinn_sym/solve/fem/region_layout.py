"""Meshes of plane regions: fine enough for their boundary and for the data, and finer at corners
at which solutions are singular.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, overload

import numpy as np

from ...lower.forms import LoweredEquation
from ...lower.interfaces import CellInterfaces, integrated, jumps_by
from ...problem.errors import SolveError
from ...problem.mesh_domain import MeshedDomain
from ...problem.perforated_domain import PerforatedDomain
from ...problem.regions import Corner, Region
from ...resolution import Resolution
from ...resolution.interface_meshes import FIRST
from ...resolution.region_outlines import (
    DEGREE,
    NARROW,
    graded_corners,
    meshing,
    nearest_piece,
    outline_of,
    region_interfaces,
)
from ...runtime.arrays import Array, Bounds
from ...runtime.fitted.domain_mesh import RegionMesh, along_edges
from ...runtime.fitted.region_mesher import region_meshes
from ...runtime.levels import FEWEST
from .fitted_layout import by_degree
from .layout import meshes_of

# Triangles along the longer side of the coarsest mesh there is.
_FIRST = 4
# Along an edge, where it is compared with the boundary.
_SHARES = np.array([0.1, 0.3, 0.7, 0.9])


class LazyMeshes(Sequence[RegionMesh]):
    """The first `count` meshes of a domain, made when they are asked for."""

    def __init__(self, made: Callable[[int], RegionMesh], count: int) -> None:
        self._made = made
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, key: int) -> RegionMesh: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[RegionMesh]: ...
    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            return [self[k] for k in range(self._count)[key]]
        if not key < self._count:
            raise IndexError(key)
        return self._made(key)


@dataclass(frozen=True)
class RegionMeshes:
    """The meshes of a region as an equation asks for them, see `layout.Meshes`.

    corners: with the grading towards each; panels: of the data along each axis, which are `narrow`
    where triangles are not as short; interfaces: at which data jump, and which meshes fit
    """

    region: Region
    corners: Sequence[tuple[Corner, float]]
    panels: Sequence[Array]
    erratic: bool
    unresolved: str | None
    narrow: bool
    interfaces: CellInterfaces | None = None
    made: dict[tuple[int, int], tuple[Iterator[Any], list[RegionMesh]]] = field(
        default_factory=dict
    )

    @property
    def bounds(self) -> Bounds:
        return self.region.bounds

    def mesh(self, first: int, resolving: int, level: int) -> RegionMesh:
        """Number `level` of a sequence that begins with about `first` triangles along the longer
        side, and follows the data from number `resolving` on."""
        if (first, resolving) not in self.made:
            share = 2.0**resolving
            outline = outline_of(self.region, self.corners, self.panels, share, self.interfaces)
            self.made[first, resolving] = (region_meshes(outline, first), [])
        more, known = self.made[first, resolving]
        with meshing():
            while len(known) <= level:
                own = next(more)
                places = along_edges(own.points[own.facets], _SHARES).reshape(-1, 2)
                gap = float(nearest_piece(self.region, places)[1].max())
                known.append(RegionMesh(own, gap))
        return known[level]

    def levels(self, degree: int, limit: int) -> Sequence[RegionMesh]:
        """Each with triangles half as long as those before, three at least, up to about `limit`
        nodes; where these have more, the coarsest with elements of lower degree before."""
        first = self.mesh(_FIRST, 0, 0).count(degree)
        if first > limit:
            raise SolveError(
                f"the coarsest mesh of this region has {first} nodes",
                term=f"max_dofs allows {limit}",
                remedy="raise max_dofs=",
            )
        last = first * 4 ** (FEWEST - 1)
        if last > limit:
            return by_degree(self.mesh(_FIRST, 0, 0), degree)
        return LazyMeshes(partial(self.mesh, _FIRST, 0), FEWEST + int(math.log(limit / last, 4)))

    def given(self, cells: Sequence[int]) -> Sequence[RegionMesh]:
        """The mesh of that n along the longer side, before it those of a quarter and of half of
        it, if that is not below the least there is."""
        first, halvings = _halved(max(cells))
        return [self.mesh(first, halvings, k) for k in range(halvings + 1)]

    def at_least(self, cells: Sequence[int], most: int) -> Sequence[RegionMesh]:
        """As many nodes along the longer side as that many cells have corners, and triangles that
        follow the data; two meshes where interfaces ask for more triangles on the first."""
        n = math.ceil(max(cells) / DEGREE)
        first, halvings = _halved(n)
        longest = max(b - a for a, b in self.bounds)
        enough = 2 * n**2 * self.region.area / longest**2
        found = [self.mesh(first, halvings, 0)]
        while len(found) <= halvings and (len(found) < 2 or found[-1].cells[0] < enough):
            found.append(self.mesh(first, halvings, len(found)))
        return found

    def resolves(self, mesh: Any) -> bool:
        """Whether no triangle is longer than the panels of the data."""
        return not self.erratic and not self.narrow


def _halved(n: int) -> tuple[int, int]:
    """The triangles along the longer side of the first mesh, and how often they are halved to be n:
    twice, if that is not below the least there is."""
    halvings = 0
    while halvings < FEWEST - 1 and n / 2 ** (halvings + 1) >= _FIRST:
        halvings += 1
    return math.ceil(n / 2**halvings), halvings


@meshes_of.register
def _(domain: Region, equation: LoweredEquation, found: Resolution) -> RegionMeshes:
    corners = graded_corners(domain, equation)
    panels = [np.array(lines) for lines in found.lines]
    longest = max(b - a for a, b in domain.bounds)
    narrow = any(np.diff(lines).min() < NARROW * longest for lines in panels)
    erratic = found.jumps or bool(found.curved)
    plain = RegionMeshes(domain, corners, panels, erratic, found.unresolved, narrow)
    interfaces = region_interfaces(equation)
    if interfaces is None:
        return plain
    fitting = replace(plain, interfaces=interfaces, erratic=False)
    try:
        fitting.mesh(_FIRST, 0, 0)
    except SolveError:
        return plain
    return fitting


@dataclass(frozen=True)
class HalvedMeshes:
    """The first mesh of a domain, and those with its elements cut, see `layout.Meshes`; no data
    have their jumps on their faces for sure."""

    domain: MeshedDomain
    unresolved: str | None
    erratic: bool
    made: list[RegionMesh] = field(default_factory=list)

    @property
    def bounds(self) -> Bounds:
        return self.domain.bounds

    def mesh(self, level: int) -> RegionMesh:
        known = self.made or [self.domain.region]
        while len(known) <= level:
            known.append(self.domain.refined(known[-1]))
        self.made[:] = known
        return known[level]

    def levels(self, degree: int, limit: int) -> Sequence[RegionMesh]:
        """Three at least, though they have more nodes than `limit`."""
        count = 1
        while self.domain.region.count(degree) * 2 ** (self.domain.dim * count) <= limit:
            count += 1
        return LazyMeshes(self.mesh, max(FEWEST, count))

    def given(self, cells: Sequence[int]) -> Sequence[RegionMesh]:
        """Triangles no longer than the longer side by that number, and the meshes before."""
        size = max(b - a for a, b in self.bounds) / max(cells)
        level = FEWEST - 1
        while self.mesh(level).mesh.size > size:
            level += 1
        return [self.mesh(k) for k in range(level - FEWEST + 1, level + 1)]

    def at_least(self, cells: Sequence[int], most: int) -> Sequence[RegionMesh]:
        return self.given([math.ceil(max(cells) / DEGREE)])

    def resolves(self, mesh: Any) -> bool:
        return False


@dataclass(frozen=True)
class TiledMeshes(HalvedMeshes):
    """Of a perforated box: with `FIRST` elements along a period, twice as many on each next."""

    domain: PerforatedDomain

    def given(self, cells: Sequence[int]) -> Sequence[RegionMesh]:
        """The mesh of so many cells along each axis, or a finer one, and two before."""
        return LazyMeshes(self.mesh, max(FEWEST, self._needed(cells)))

    def at_least(self, cells: Sequence[int], most: int) -> Sequence[RegionMesh]:
        """As many nodes as that many cells have corners, and a mesh before."""
        nodes = [math.ceil(n / DEGREE) for n in cells]
        return LazyMeshes(self.mesh, max(FEWEST - 1, self._needed(nodes)))

    def _needed(self, cells: Sequence[int]) -> int:
        """How many meshes there are up to that of so many triangles along each axis."""
        asked = max(n / count for n, count in zip(cells, self.domain.cells, strict=True))
        return 1 + max(0, math.ceil(math.log2(asked / FIRST)))

    def resolves(self, mesh: Any) -> bool:
        return not self.erratic


@meshes_of.register
def _(domain: PerforatedDomain, equation: LoweredEquation, found: Resolution) -> TiledMeshes:
    own = equation.coordinates
    moving = any(not c.free_symbols <= {*own} for d in integrated(equation) for c in jumps_by(d))
    return TiledMeshes(domain, found.unresolved, moving)


@meshes_of.register
def _(domain: MeshedDomain, equation: LoweredEquation, found: Resolution) -> HalvedMeshes:
    return HalvedMeshes(domain, found.unresolved, found.jumps or bool(found.curved))
