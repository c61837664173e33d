"""Meshes that fit the interfaces of a cell: which ones are solved on, and those that are given."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import sympy as sp

from ...lower.forms import LoweredCells
from ...lower.interfaces import CellInterfaces
from ...lower.lattice_cells import share_symbols
from ...problem.domain import Cell, LatticeCell
from ...problem.errors import ProblemError, SolveError, UnsupportedError, shortened
from ...problem.user_input import positive_number
from ...resolution import Resolution, resolve
from ...resolution.interface_meshes import FIRST, MESHERS, InterfaceMeshes, periods
from ...resolution.problems import constant_axes
from ...runtime.arrays import Array, Bounds
from ...runtime.fitted.cell_mesh import CellMesh, InvalidMesh
from ...runtime.fitted.domain_mesh import RegionMesh
from ...runtime.fitted.elements import inside, places_of
from ...runtime.fitted.functions import FittedMesh
from ...runtime.fitted.msh_cells import read_cell
from ...runtime.levels import FEWEST
from .layout import Layout

SIMPLICES = {2: "triangles", 3: "tetrahedra"}
"""Elements of meshes that fit interfaces, by the dimension."""
# Share of a thickness by which nodes on its face may be off.
_ON_FACE = 1e-8
# Degree of elements that are still better than those of a lattice.
_LEAST = 2
_REMEDY = (
    'mesh="own", "gmsh", "netgen", "lattice", a CellMesh, or the name of a file that CellMesh.save'
    " or gmsh wrote"
)


class LazyMeshes(Sequence[FittedMesh]):
    """The first `count` meshes of a sequence that begins with about `first` triangles along the
    longer period, made when they are asked for."""

    def __init__(self, meshes: InterfaceMeshes, first: int, count: int) -> None:
        self._meshes = meshes
        self._first = first
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, key: int) -> FittedMesh: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[FittedMesh]: ...
    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            return [self[k] for k in range(self._count)[key]]
        if key >= self._count:
            raise IndexError(key)
        return self._meshes.mesh(self._first, key)


@dataclass(frozen=True)
class FittedLayout:
    """Meshes that fit the interfaces of a cell. unresolved: what is not known of the data."""

    meshes: InterfaceMeshes
    unresolved: str | None = None

    @property
    def erratic(self) -> bool:
        return self.meshes.singular

    @property
    def bounds(self) -> Bounds:
        return self.meshes.bounds

    @property
    def geometry_order(self) -> float:
        return self.meshes.geometry_order

    @property
    def lengths(self) -> Array:
        return self.meshes.lengths

    def levels(self, degree: int, limit: int) -> Sequence[FittedMesh]:
        """The meshes to try, each with elements half as long as those before, up to about `limit`
        nodes: three at least, in space two. SolveError where these are more."""
        count = self._possible(degree, limit)
        if count < self._fewest:
            raise too_few(limit)
        return LazyMeshes(self.meshes, FIRST, count)

    def levels_or_degrees(self, degree: int, limit: int) -> Sequence[FittedMesh]:
        """The same; where these are fewer, the finest one with elements of all degrees. SolveError
        where that has more nodes."""
        count = self._possible(degree, limit)
        if count >= self._fewest:
            return LazyMeshes(self.meshes, FIRST, count)
        mesh = self.meshes.mesh(FIRST, max(count - 1, 0))
        possible = [k for k in range(1, degree + 1) if mesh.count(k) <= limit]
        if len(possible) < 2:
            raise too_few(limit)
        return by_degree(mesh, possible[-1])

    @property
    def _fewest(self) -> int:
        """Meshes without which nothing is said: a third one in space costs too much."""
        return FEWEST - (self.meshes.dim == 3)

    def _possible(self, degree: int, limit: int) -> int:
        """How many meshes have no more nodes."""
        count = 0
        while self.meshes.mesh(FIRST, 0).count(degree) * 2 ** (self.meshes.dim * count) <= limit:
            count += 1
        return count

    def divided(self, n: int) -> tuple[int, ...]:
        """n along the longer period."""
        return (n,)

    def given(self, cells: Sequence[int]) -> Sequence[FittedMesh]:
        """The mesh of that n, before it those of a quarter and of half of it, if that is not below
        the least there is."""
        halvings = 0
        while halvings < FEWEST - 1 and cells[0] / 2 ** (halvings + 1) >= FIRST:
            halvings += 1
        return LazyMeshes(self.meshes, math.ceil(cells[0] / 2**halvings), halvings + 1)

    def cells_for(self, h: Any) -> int:
        """The n of a mesh whose triangles are about h long."""
        size = float(positive_number(h, ProblemError, "h", "write h=0.05"))
        return max(FIRST, math.ceil(float(self.lengths.max()) / size))


@dataclass(frozen=True)
class GivenLayout:
    """One mesh that a user gives; elements of lower degree on it are the levels before."""

    bounds: Bounds
    mesh: FittedMesh
    unresolved: str | None = None

    erratic = False
    geometry_order = math.inf

    def levels(self, degree: int, limit: int) -> Sequence[FittedMesh]:
        return by_degree(self.mesh, degree)

    def divided(self, n: int) -> tuple[int, ...]:
        return self.mesh.cells

    def given(self, cells: Sequence[int]) -> Sequence[FittedMesh]:
        return [self.mesh]

    def cells_for(self, h: Any) -> int:
        return self.mesh.cells[0]


def layout_around(
    data: Sequence[sp.Expr],
    coordinates: tuple[sp.Symbol, ...],
    cell: Cell,
    mesher: str = "own",
) -> FittedLayout:
    """The meshes that fit the edges of the phases of `data`, in the plane or in space."""
    bounds, vectors = cell.bounds, np.diag([float(n) for n in cell.lengths])
    slanted = isinstance(cell, LatticeCell)
    if isinstance(cell, LatticeCell):
        shares = share_symbols(cell.dim)
        swap = dict(zip(coordinates, cell.point(shares), strict=True))
        data, coordinates = [c.xreplace(swap) for c in data], shares
        bounds, vectors = Cell.unit(cell.dim).bounds, np.array(cell.vectors, dtype=float)
    axes = [(v, interval, True) for v, interval in zip(coordinates, bounds, strict=True)]
    found = resolve(data, axes)
    interfaces = CellInterfaces.around(data, coordinates, bounds)
    meshes = InterfaceMeshes.around(interfaces, found, vectors, mesher)
    return FittedLayout(replace(meshes, placed=slanted), found.unresolved)


def too_few(limit: int) -> SolveError:
    """The error where meshes that fit the interfaces do not show how far they are right."""
    return SolveError(
        f"meshes that fit the interfaces and show an error have more than {limit} nodes",
        term=f"max_dofs allows {limit} nodes",
        remedy="raise max_dofs=",
    )


SimplexMeshT = TypeVar("SimplexMeshT", FittedMesh, RegionMesh)


def by_degree(mesh: SimplexMeshT, degree: int) -> list[SimplexMeshT]:
    """The mesh for elements of the degrees up to that."""
    return [replace(mesh, degree=k) for k in range(1, degree + 1)]


CellLayout = Layout | FittedLayout | GivenLayout


def layout_of(
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    found: Resolution,
    mesh: Any,
    limit: int | None = None,
) -> CellLayout:
    """The meshes of a cell, as its data or the option `mesh` ask for; where they ask for nothing
    else, lattices where all meshes that fit the interfaces have more than `limit` nodes, or in
    space where there are none."""
    kind = mesh_kind(mesh, cells)
    if isinstance(kind, CellMesh):
        given = given_mesh(kind, cells, parameters)
        return GivenLayout(given.bounds, given, found.unresolved)
    fitting = None
    if kind != "lattice":
        fitting = InterfaceMeshes.of(cells, parameters, found, kind or "own")
    if kind in MESHERS and fitting is None:
        where = " or ".join({2: "a plane", 3: "a solid"}[dim] for dim in MESHERS[kind])
        raise UnsupportedError(
            f"meshes are fitted to interfaces of {where} cell that are not along its axes, and do"
            " not move with a slow variable: there are none",
            term=cells.title,
            remedy=f'leave mesh="{kind}" out',
        )
    if fitting is None or (kind is None and not _serves(fitting, limit)):
        return Layout.of(found, constant_axes(cells))
    return FittedLayout(fitting, found.unresolved)


def _serves(fitting: InterfaceMeshes, limit: int | None) -> bool:
    """Whether there is a mesh of no more than `limit` nodes, in space any at all: there interfaces
    may have edges, along which no nodes are put."""
    if limit is None and fitting.dim == 2:
        return True
    try:
        count = fitting.mesh(FIRST, 0).count(_LEAST)
    except SolveError:
        if fitting.dim == 2:
            raise
        return False
    return limit is None or count <= limit


def mesh_kind(mesh: Any, cells: LoweredCells) -> str | CellMesh | None:
    """What was given as `mesh=`: None, a name, or a mesh. ProblemError for others."""
    if mesh is None or (isinstance(mesh, str) and mesh in ("lattice", *MESHERS)):
        return mesh
    if isinstance(mesh, (str, os.PathLike)) and str(mesh).endswith((".npz", ".msh")):
        try:
            if str(mesh).endswith(".npz"):
                return CellMesh.load(mesh)
            return read_cell(Path(mesh).read_bytes(), periods(cells))
        except (InvalidMesh, OSError) as cause:
            raise ProblemError("this file is no mesh", term=cause, remedy=_REMEDY) from cause
    if isinstance(mesh, CellMesh):
        return mesh
    raise ProblemError("this is no mesh of a cell", term=shortened(mesh), remedy=_REMEDY)


def _beyond(mesh: FittedMesh) -> float:
    """The share of the cell by which nodes lie outside of it along free axes; 0 for rounding."""
    free = list(mesh.free)
    shares = (mesh.mesh.points - mesh.corner) @ np.linalg.inv(mesh.vectors)
    most = float(np.abs(shares[:, free] - 0.5).max(initial=0.5) - 0.5)
    return most if most > _ON_FACE else 0.0


def given_mesh(mesh: CellMesh, cells: LoweredCells, parameters: Mapping[str, Any]) -> FittedMesh:
    """The mesh of a cell that a user gives. ProblemError where it is none, is one of another cell,
    or where a coefficient jumps inside of its phases."""
    try:
        mesh.check()
    except InvalidMesh as cause:
        raise ProblemError(
            "the arrays that are given are no mesh of a cell", term=cause, remedy=_REMEDY
        ) from cause
    own = periods(cells)
    same = mesh.vectors.shape == own.shape
    if not (same and np.allclose(mesh.vectors, own, rtol=1e-8, atol=1e-12)):
        raise ProblemError(
            "the mesh has other periods than the cell",
            term=f"{mesh.vectors.tolist()}, the cell {own.tolist()}",
            remedy="make a mesh of this cell",
        )
    interfaces = CellInterfaces.of(cells, parameters)
    if interfaces is None:
        raise UnsupportedError(
            "a mesh that is given, for coefficients that jump nowhere, across the axes alone, or"
            " where it depends on slow variables",
            term=cells.title,
            remedy='leave mesh= out, or write mesh="lattice"',
        )
    found = FittedMesh.on(cells.cell.bounds, mesh, cells.free)
    beyond = _beyond(found)
    if beyond:
        raise ProblemError(
            "a mesh whose elements lie beyond the faces of the plate",
            term=f"by {beyond:.1e} of its thickness",
            remedy="leave mesh= out, or make one with nodes on both faces",
        )
    places = found.wrapped(places_of(found.corners_and_middles, inside(found.dim)))
    labels = interfaces.label(places.reshape(-1, found.dim)).reshape(len(places), -1)
    mixed = np.flatnonzero((labels != labels[:, :1]).any(axis=1))
    if len(mixed):
        place = ", ".join(f"{x:.4g}" for x in places[mixed[0], 0])
        raise ProblemError(
            "a coefficient jumps inside of elements: the mesh is one of another shape",
            term=f"{len(mixed)} elements, the first one near ({place})",
            remedy='make a mesh of these shapes, or leave mesh= out: "own" fits them',
        )
    return found
