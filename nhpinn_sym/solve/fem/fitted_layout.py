"""Meshes that fit the interfaces of a cell: which ones are solved on, and those that are given."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np

from ...lower.forms import LoweredCells
from ...lower.interfaces import CellInterfaces
from ...problem.errors import ProblemError, SolveError, UnsupportedError, shortened
from ...problem.user_input import positive_number
from ...resolution import Resolution
from ...runtime.arrays import Array, Bounds
from ...runtime.fitted.cell_mesh import CellMesh, InvalidMesh, moved_to
from ...runtime.fitted.elements import INSIDE, places_of
from ...runtime.fitted.functions import FittedMesh
from ...runtime.fitted.mesher import Interfaces, UnresolvedInterfaces, meshes
from ...runtime.levels import FEWEST
from .layout import Layout

# Triangles along the longer period of the coarsest mesh there is.
_FIRST = 4
# Triangles for each square of that length: some are cut along interfaces.
_TRIANGLES = 2.4
_REMEDY = 'mesh="own", "lattice", a CellMesh, or the name of a file that CellMesh.save wrote'


class LazyMeshes(Sequence[FittedMesh]):
    """The first `count` meshes of a sequence that begins with about `first` triangles along the
    longer period, made when they are asked for."""

    def __init__(self, layout: FittedLayout, first: int, count: int) -> None:
        self._layout = layout
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
        return self._layout.mesh(self._first, key)


@dataclass(frozen=True)
class FittedLayout:
    """The cell of `interfaces`, and the planes across its axes at which data jump or kink.

    vectors    : the periods, one a row; `bounds` and meshes are in shares of them on the cell of a
                 lattice
    unresolved : what is not known of the data
    """

    bounds: Bounds
    interfaces: CellInterfaces
    planes: tuple[tuple[float, ...], ...]
    vectors: Array
    unresolved: str | None = None
    made: dict[int, tuple[Iterator[CellMesh], list[FittedMesh]]] = field(default_factory=dict)

    erratic = False

    @classmethod
    def of(
        cls, cells: LoweredCells, parameters: Mapping[str, Any], found: Resolution
    ) -> FittedLayout | None:
        """None where lattices serve: nothing jumps, or only across the axes, or where no mesh fits
        the interfaces."""
        if not (found.jumps and found.curved):
            return None
        interfaces = CellInterfaces.of(cells, parameters)
        if interfaces is None:
            return None
        bounds = tuple(axis.interval for axis in found.axes)
        shares = []
        for (a, b), planes in zip(bounds, found.breaks, strict=True):
            shares.append(tuple((plane - a) / (b - a) for plane in planes))
        return cls(bounds, interfaces, tuple(shares), periods(cells), found.unresolved)

    @property
    def lengths(self) -> Array:
        return np.linalg.norm(self.vectors, axis=1)

    def mesh(self, first: int, level: int) -> FittedMesh:
        """Number `level` of a sequence that begins with about `first` triangles along the longer
        period. SolveError for interfaces that touch."""
        low, high = np.array(self.bounds).T
        # From places in the plane to coordinates, which on a box differ by rounding alone.
        matrix = np.linalg.inv(self.vectors) @ np.diag(high - low)
        if first not in self.made:
            asked = Interfaces(
                lambda points: self.interfaces.label(points @ matrix + low),
                lambda points: self.interfaces.values(points @ matrix + low),
                self.planes,
                np.zeros(2),
                self.vectors,
            )
            self.made[first] = (meshes(asked, first), [])
        more, known = self.made[first]
        try:
            while len(known) <= level:
                own = moved_to(next(more), matrix)
                own = replace(own, points=own.points + low)
                known.append(FittedMesh(own, (float(low[0]), float(low[1]))))
        except UnresolvedInterfaces as cause:
            raise SolveError(
                "no mesh fits interfaces that touch, or nearly",
                term=cause,
                remedy='move the shapes apart, or let them overlap; mesh="lattice" fits none',
            ) from cause
        return known[level]

    def count(self, n: int, degree: int) -> float:
        """Nodes of elements of that degree on the mesh of that n, about."""
        share = float(self.lengths.min() / self.lengths.max())
        return _TRIANGLES * max(n * n * share, n * _FIRST) * degree**2 / 2

    def levels(self, degree: int, limit: int) -> Sequence[FittedMesh]:
        """The meshes to try, each with triangles half as long as those before, up to about `limit`
        nodes, three at least. SolveError where these are more."""
        count = 0
        while self.count(_FIRST * 2**count, degree) <= limit:
            count += 1
        if count < FEWEST:
            raise SolveError(
                f"three meshes that fit the interfaces have more than {limit} nodes",
                term=f"max_dofs allows {limit}",
                remedy="raise max_dofs=",
            )
        return LazyMeshes(self, _FIRST, count)

    def divided(self, n: int) -> tuple[int, ...]:
        """n along the longer period."""
        return (n,)

    def given(self, cells: Sequence[int]) -> Sequence[FittedMesh]:
        """The mesh of that n, before it those of a quarter and of half of it, if that is not below
        the least there is."""
        halvings = 0
        while halvings < FEWEST - 1 and cells[0] / 2 ** (halvings + 1) >= _FIRST:
            halvings += 1
        return LazyMeshes(self, math.ceil(cells[0] / 2**halvings), halvings + 1)

    def cells_for(self, h: Any) -> int:
        """The n of a mesh whose triangles are about h long."""
        size = float(positive_number(h, ProblemError, "h", "write h=0.05"))
        return max(_FIRST, math.ceil(float(self.lengths.max()) / size))


@dataclass(frozen=True)
class GivenLayout:
    """One mesh that a user gives; elements of lower degree on it are the levels before."""

    bounds: Bounds
    mesh: FittedMesh
    unresolved: str | None = None

    erratic = False

    def levels(self, degree: int, limit: int) -> Sequence[FittedMesh]:
        return [replace(self.mesh, degree=k) for k in range(1, degree + 1)]

    def divided(self, n: int) -> tuple[int, ...]:
        return self.mesh.cells

    def given(self, cells: Sequence[int]) -> Sequence[FittedMesh]:
        return [self.mesh]

    def cells_for(self, h: Any) -> int:
        return self.mesh.cells[0]


CellLayout = Layout | FittedLayout | GivenLayout


def layout_of(
    cells: LoweredCells, parameters: Mapping[str, Any], found: Resolution, mesh: Any
) -> CellLayout:
    """The meshes of a cell, as its data or the option `mesh` ask for."""
    kind = mesh_kind(mesh)
    if isinstance(kind, CellMesh):
        given = given_mesh(kind, cells, parameters)
        return GivenLayout(given.bounds, given, found.unresolved)
    fitting = None
    if kind != "lattice":
        fitting = FittedLayout.of(cells, parameters, found)
    if kind == "own" and fitting is None:
        raise UnsupportedError(
            "triangles are fitted to interfaces of a plane cell that are no lines along its axes,"
            " and do not move with a slow variable: there are none",
            term=cells.title,
            remedy='leave mesh="own" out',
        )
    return fitting or Layout.of(found)


def periods(cells: LoweredCells) -> Array:
    """The periods of the cell, one a row."""
    if cells.vectors:
        return np.array(cells.vectors, dtype=float)
    low, high = np.array(cells.cell.bounds).T
    return np.diag(high - low)


def mesh_kind(mesh: Any) -> str | CellMesh | None:
    """What was given as `mesh=`: None, "own", "lattice", or a mesh. ProblemError for others."""
    if mesh in (None, "own", "lattice"):
        return mesh
    if isinstance(mesh, (str, os.PathLike)) and str(mesh).endswith(".npz"):
        try:
            return CellMesh.load(mesh)
        except InvalidMesh as cause:
            raise ProblemError("this file is no mesh", term=cause, remedy=_REMEDY) from cause
    if isinstance(mesh, CellMesh):
        return mesh
    raise ProblemError("this is no mesh of a cell", term=shortened(mesh), remedy=_REMEDY)


def given_mesh(mesh: CellMesh, cells: LoweredCells, parameters: Mapping[str, Any]) -> FittedMesh:
    """The mesh of a cell that a user gives. ProblemError where it is none, is one of another cell,
    or where a coefficient jumps inside of its phases."""
    try:
        mesh.check()
    except InvalidMesh as cause:
        raise ProblemError(
            "the arrays that are given are no mesh of a cell", term=cause, remedy=_REMEDY
        ) from cause
    low, high = np.array(cells.cell.bounds).T
    own = periods(cells)
    if len(low) != 2 or not np.allclose(mesh.vectors, own, rtol=1e-8, atol=1e-12):
        raise ProblemError(
            "the mesh has other periods than the cell",
            term=f"{mesh.vectors.tolist()}, the cell {own.tolist()}",
            remedy="make a mesh of this cell",
        )
    mesh = moved_to(mesh, np.linalg.inv(own) @ np.diag(high - low))
    interfaces = CellInterfaces.of(cells, parameters)
    if interfaces is None:
        raise UnsupportedError(
            "a mesh that is given, for coefficients that jump nowhere, across the axes alone, or"
            " where it depends on slow variables",
            term=cells.title,
            remedy='leave mesh= out, or write mesh="lattice"',
        )
    found = FittedMesh(mesh, (float(low[0]), float(low[1])))
    inside = found.wrapped(places_of(found.corners_and_middles, INSIDE))
    labels = interfaces.label(inside.reshape(-1, 2)).reshape(len(inside), -1)
    mixed = np.flatnonzero((labels != labels[:, :1]).any(axis=1))
    if len(mixed):
        place = ", ".join(f"{x:.4g}" for x in inside[mixed[0], 0])
        raise ProblemError(
            "a coefficient jumps inside of triangles: the mesh is one of another shape",
            term=f"{len(mixed)} triangles, the first one near ({place})",
            remedy='make a mesh of these shapes, or leave mesh= out: "own" fits them',
        )
    return found
