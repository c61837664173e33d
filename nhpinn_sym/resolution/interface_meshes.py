"""Meshes that fit the interfaces of cell problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..lower.forms import LoweredCells
from ..lower.interfaces import CellInterfaces
from ..lower.quadrics import quadric_regions
from ..problem.errors import BackendMissingError, SolveError
from ..runtime.arrays import Array, Bounds, Integers
from ..runtime.fitted import gmsh_mesher, netgen_mesher, solid_mesher
from ..runtime.fitted.cell_mesh import CellMesh
from ..runtime.fitted.corners import GRADING
from ..runtime.fitted.extrusion import extruded_meshes
from ..runtime.fitted.functions import FittedMesh
from ..runtime.fitted.kernel_shapes import MeshingFailed
from ..runtime.fitted.mesher import Interfaces, UnresolvedInterfaces, has_corners, meshes
from ..runtime.fitted.quadrics import BooleanRegion
from .resolve import Resolution

_LIBRARIES = {"gmsh": gmsh_mesher, "netgen": netgen_mesher}
MESHERS = {"own": (2, 3), **dict.fromkeys(_LIBRARIES, (2, 3))}
"""The dimensions in which each makes meshes."""
_APART = "move the shapes apart, or let them overlap"
_REMEDIES = {
    2: f'{_APART}; mesh="lattice" fits none',
    3: f'{_APART}; mesh="gmsh" fits edges and corners of surfaces, "lattice" nothing',
}
_UNRESOLVED = {
    2: "no mesh fits interfaces that touch, or nearly",
    3: "no mesh fits interfaces that touch, or nearly, or have edges or corners",
}
FIRST = 4
"""Triangles along the longer period of the coarsest mesh there is."""


@dataclass(frozen=True)
class InterfaceMeshes:
    """The cell of `interfaces`, and the planes across its axes at which data jump or kink.

    vectors : the periods, one a row; `bounds` and meshes are in shares of them on the cell of a
              lattice
    mesher  : who makes them, one of `MESHERS`
    free    : axes along which functions are not periodic: no element goes across their ends
    grading : of triangles towards corners, see `runtime.fitted.corners.graded`
    placed  : whether meshes are those in the plane, or in space, nevertheless
    """

    bounds: Bounds
    interfaces: CellInterfaces
    planes: tuple[tuple[float, ...], ...]
    vectors: Array
    mesher: str = "own"
    free: tuple[int, ...] = ()
    grading: float = GRADING
    placed: bool = False
    made: dict[int, tuple[Iterator[CellMesh], list[CellMesh]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        cells: LoweredCells,
        parameters: Mapping[str, Any],
        found: Resolution,
        mesher: str = "own",
    ) -> InterfaceMeshes | None:
        """None where lattices serve: nothing jumps, or only across the axes, or where no mesh fits
        the interfaces."""
        if not (found.jumps and found.curved):
            return None
        interfaces = CellInterfaces.of(cells, parameters)
        if interfaces is None or len(found.axes) not in MESHERS[mesher]:
            return None
        return cls.around(interfaces, found, periods(cells), mesher, cells.free)

    @classmethod
    def around(
        cls,
        interfaces: CellInterfaces,
        found: Resolution,
        vectors: Array,
        mesher: str = "own",
        free: tuple[int, ...] = (),
    ) -> InterfaceMeshes:
        """For the interfaces of data of that resolution."""
        bounds = tuple(axis.interval for axis in found.axes)
        shares = []
        for axis, ((a, b), planes) in enumerate(zip(bounds, found.breaks, strict=True)):
            ends = {0.0} if axis in free else set[float]()
            shares.append(tuple(sorted(ends | {(plane - a) / (b - a) for plane in planes})))
        return cls(bounds, interfaces, tuple(shares), vectors, mesher, free)

    @property
    def dim(self) -> int:
        return len(self.vectors)

    @property
    def geometry_order(self) -> int:
        """By which power of the size of the elements their interfaces are off."""
        plane = self.dim == 2 or self.straight is not None
        return 6 if self.mesher == "own" and plane else 4

    @cached_property
    def straight(self) -> int | None:
        """The last axis of space along which curved interfaces go straight on; None if there is
        none."""
        found = [k for k in range(self.dim) if not self.interfaces.leans(k)]
        return found[-1] if found and self.dim == 3 else None

    @property
    def lengths(self) -> Array:
        return np.linalg.norm(self.vectors, axis=1)

    def mesh(self, first: int, level: int) -> FittedMesh:
        """`in_place`, in the coordinates of the cell unless it is `placed`."""
        if self.placed:
            return FittedMesh(self.in_place(first, level), (0.0,) * self.dim, free=self.free)
        return FittedMesh.on(self.bounds, self.in_place(first, level), self.free)

    def in_place(self, first: int, level: int) -> CellMesh:
        """Number `level` of a sequence that begins with about `first` triangles along the longer
        period. SolveError for interfaces that touch; BackendMissingError without the mesher."""
        if first not in self.made:
            self.made[first] = (self._sequence(first), [])
        more, known = self.made[first]
        try:
            while len(known) <= level:
                known.append(next(more))
        except MeshingFailed as cause:
            raise SolveError(
                f"the mesher {self.mesher} makes no periodic mesh of this cell",
                term=cause,
                remedy=f'try mesh="own", or the other one of {" and ".join(_LIBRARIES)}; where'
                f" shapes touch, or nearly, {_APART}",
            ) from cause
        except UnresolvedInterfaces as cause:
            raise SolveError(
                _UNRESOLVED[self.dim],
                term=cause,
                remedy=_REMEDIES[self.dim],
            ) from cause
        except (ImportError, OSError, AttributeError) as cause:
            if self.mesher == "own":
                raise
            raise BackendMissingError(
                f"the mesher {self.mesher} is not installed, or not whole",
                term=cause,
                remedy=_LIBRARIES[self.mesher].HOW_TO_GET,
            ) from cause
        return known[level]

    def label(self, mesh: FittedMesh) -> Integers:
        """The region of each element of one of them."""
        matrix = self._matrix if self.placed else np.eye(self.dim)
        return self.interfaces.label(mesh.middles @ matrix)

    def _levels(self, places: Array) -> Array:
        """Functions whose zeros hold all interfaces, those in faces of the cell among them."""
        low, high = np.array(self.bounds).T
        ended = [axis for axis, planes in enumerate(self.planes) if 0.0 in planes]
        ends = np.sin(np.pi * (places - low) / (high - low))[:, ended]
        return np.concatenate([self.interfaces.values(places), ends], axis=1)

    @cached_property
    def singular(self) -> bool:
        """Whether interfaces have corners or edges towards which elements are not smaller."""
        if self.mesher == "own":
            return False
        if self.dim == 2:
            return has_corners(self._asked)
        regions = quadric_regions(self.interfaces)
        return any(isinstance(region, BooleanRegion) and region.has_edges for region in regions)

    @property
    def _matrix(self) -> Array:
        """From places in the plane to coordinates, which on a box differ by rounding alone."""
        low, high = np.array(self.bounds).T
        return np.asarray(np.linalg.inv(self.vectors) @ np.diag(high - low))

    @property
    def _asked(self) -> Interfaces:
        matrix = self._matrix
        return Interfaces(
            lambda points: self.interfaces.label(points @ matrix),
            lambda points: self._levels(points @ matrix),
            self.planes,
            np.array(self.bounds)[:, 0] @ np.linalg.inv(matrix),
            self.vectors,
            self.grading,
        )

    def _sequence(self, first: int) -> Iterator[CellMesh]:
        asked = self._asked
        if self.mesher == "own" and self.dim == 2:
            return meshes(asked, first)
        if self.mesher == "own" and self.straight is not None:
            return extruded_meshes(asked, self.straight, first)
        if self.mesher == "own":
            return solid_mesher.meshes(asked, first)
        regions = [region.moved_to(self._matrix) for region in quadric_regions(self.interfaces)]
        library = _LIBRARIES[self.mesher]
        return library.meshes(regions, asked.label, asked.vectors, asked.origin, first)


def periods(cells: LoweredCells) -> Array:
    """The periods of the cell, one a row."""
    if cells.vectors:
        return np.array(cells.vectors, dtype=float)
    low, high = np.array(cells.cell.bounds).T
    return np.diag(high - low)
