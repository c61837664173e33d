"""Domains that are given as a mesh: files of gmsh."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from ..runtime.arrays import Array, Flags
from ..runtime.fitted.cell_mesh import InvalidMesh
from ..runtime.fitted.domain_mesh import DomainMesh, RegionMesh
from ..runtime.fitted.joints import are_straight, deviation, turns
from ..runtime.fitted.msh_file import read_msh
from .boundary_parts import Chart
from .domain import BoundaryPart, part_named
from .errors import FileError, ProblemError, UnsupportedError, shortened, warn_tolerance
from .user_input import positive_number

_REMEDY = (
    "save plane triangles, or tetrahedra, as MSH 4.1 or 2.2, with a physical group that has a name"
    " for each part of the boundary, and one for the interior"
)


# By how much of an element the middle of an edge may leave its chord: with more, Newton's method
# does not find all places from those of the straight element.
MOST_BENT = 0.45
# Share of its size by which a part may leave a plane across an axis in which it lies.
_FLAT = 1e-9
# Angles, in radians, by which straight edges, or flat faces, along a curve turn, and how many of
# them make one.
_TURNS = (0.01, 0.7)
_CURVE = 4
_FACETS = {2: "edges", 3: "faces"}
_PLAIN = {2: "straight", 3: "flat"}
_SHOWN = {2: "curve", 3: "surface"}


@dataclass(frozen=True, eq=False)
class MeshPart(BoundaryPart):
    """The edges of a physical group."""

    name: str
    edges: Array
    group: str = ""

    @property
    def axial(self) -> bool:
        return False

    @property
    def normal(self) -> tuple[sp.Expr, ...]:  # type: ignore[override]
        return ()

    def normal_at(self, x: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
        raise UnsupportedError(
            "a condition for a flux on a part of a mesh, by nets",
            term=self.name,
            remedy='"skfem" and "dolfinx" take it; nets know the normals of boxes and plane shapes',
        )

    def charts(self, x: Sequence[sp.Symbol]) -> Sequence[Chart]:
        """What lies in the box around the part, which may be flat."""
        every = self.edges.reshape(-1, self.edges.shape[2])
        low, high = every.min(axis=0), every.max(axis=0)
        flat = high - low < _FLAT * (high - low).max()
        ends = list(zip(x, low.tolist(), high.tolist(), flat.tolist(), strict=True))
        places = {v: sp.Float(a, 17) for v, a, _, thin in ends if thin}
        return [Chart(places, {v: (a, b) for v, a, b, thin in ends if not thin})]

    @property
    def place(self) -> sp.Expr:
        raise UnsupportedError(f'"{self.name}", which lies across no axis', term=self.name)

    def describe(self, x: Sequence[sp.Symbol]) -> str:
        near = ", ".join(f"{v:.4g}" for v in self.edges[0].mean(axis=0))
        first, second = (self.edges[:, k] - self.edges[:, 0] for k in (1, 2))
        if self.edges.shape[2] == 3:
            area = np.linalg.norm(np.cross(first, second), axis=1).sum() / 2
            return f"of area {area:.4g}, near ({near})"
        return f"of length {np.linalg.norm(first, axis=1).sum():.4g}, near ({near})"


@dataclass(frozen=True, repr=False)
class MeshedDomain:
    """A domain with a first mesh and ways to finer ones, see `problem.domain.Domain`."""

    mesh: DomainMesh = field(init=False, compare=False)

    @property
    def dim(self) -> int:
        """2 of triangles, 3 of tetrahedra."""
        return self.mesh.dim

    def refined(self, mesh: RegionMesh) -> RegionMesh:
        """The next finer mesh: triangles cut in four, or tetrahedra in eight."""
        return mesh.halved(1)

    @cached_property
    def region(self) -> RegionMesh:
        """The mesh as one of a region, with its named parts."""
        return RegionMesh(self.mesh)

    @cached_property
    def parts(self) -> tuple[MeshPart, ...]:
        """The named parts of the boundary."""
        own = self.mesh
        return tuple(MeshPart(name, own.points[own.facets_on(name)]) for name in own.names)

    def part(self, name: str) -> MeshPart:
        """BoundaryConditionError, which lists the names, where there is none of this name."""
        return part_named(self.parts, name, "domain")

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of the smallest box around it, by axis."""
        return self.region.bounds

    @property
    def intervals(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """`bounds` as SymPy's numbers."""
        return tuple((sp.Float(a, 17), sp.Float(b, 17)) for a, b in self.bounds)

    @property
    def lengths(self) -> tuple[sp.Expr, ...]:
        """The lengths of the smallest box around it."""
        return tuple(b - a for a, b in self.intervals)

    @property
    def volume(self) -> sp.Expr:
        """The measure of all elements."""
        return sp.Float(self.mesh.volumes.sum(), 17)

    def points_on(self, name: str, points: Array) -> Array:
        """Points (n, d) of a part of the boundary, see `RegionMesh.points_on`."""
        return self.region.points_on(self.part(name).name, points)

    def holds(self, points: Array) -> Flags:
        """Whether points (n, d) lie inside."""
        return self.region.holds(points)

    def contains(
        self, columns: Iterable[Any], slack: float | Array = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """As of `Domain`; the boundary is known to rounding without a slack, and to an element with
        one."""
        points = np.stack(np.broadcast_arrays(*map(np.asarray, columns)), axis=-1).astype(float)
        known = np.isfinite(points).all(axis=-1)
        flat = np.where(known[..., None], points, 0.0).reshape(-1, self.dim)
        found = self.holds(flat).reshape(points.shape[:-1])
        if np.any(slack):
            reach = slack * max(b - a for a, b in self.bounds) + self.mesh.size
            found |= self.region.apart(flat).reshape(found.shape) <= reach
        return (found & known)[()]


def _small_turns(mesh: DomainMesh, name: str) -> Array:
    """The angles of straight edges, or flat faces, that go on in slightly another direction."""
    facets = mesh.facets_on(name)
    if not are_straight(mesh.points[facets]).all():
        return np.zeros(0)
    turned, _ = turns(mesh.points, facets)
    low, high = _TURNS
    return np.asarray(turned[(turned > low) & (turned < high)])


@dataclass(frozen=True, init=False, repr=False)
class Mesh(MeshedDomain):
    """The domain of a mesh in an .msh file of gmsh, MSH 4.1 or 2.2, as text or binary: plane
    triangles or tetrahedra, of order 1 or 2, with a physical group for each part of the boundary.
    Conditions go by the names of these groups; coordinates are multiplied by `scale`.

    Finite elements are solved on this mesh and on its triangles cut in four, or tetrahedra cut in
    eight, again and again. Errors: FileError for what is no such file; ProblemError for edges or
    faces without a name.

    >>> nh.Mesh("bracket.msh")  # doctest: +SKIP
    """

    name: str
    digest: str

    def __init__(self, path: str | os.PathLike[str], scale: Any = 1) -> None:
        factor = positive_number(scale, ProblemError, "scale", "write scale=1e-3")
        try:
            data = Path(path).read_bytes()
        except (OSError, TypeError, ValueError) as cause:
            raise FileError(
                "this file cannot be read", term=shortened(path), remedy=_REMEDY
            ) from cause
        try:
            found = read_msh(data, float(factor))
            found.check()
        except InvalidMesh as cause:
            raise ProblemError(
                f"{Path(path).name} holds no mesh of a domain", term=cause, remedy=_REMEDY
            ) from cause
        worst = int(np.argmax(found.bend))
        if found.bend[worst] > MOST_BENT:
            near = ", ".join(f"{x:.4g}" for x in found.points[found.cells[worst, 0]])
            raise ProblemError(
                "an element of this mesh bends too much for places in it to be found",
                term=f"near ({near}) of {Path(path).name}",
                remedy="make the mesh finer there: eight elements along a full turn, or more",
            )
        object.__setattr__(self, "name", Path(path).name)
        object.__setattr__(self, "digest", found.digest)
        object.__setattr__(self, "mesh", found)
        for part in found.names:
            turned = _small_turns(found, part)
            if len(turned) >= _CURVE:
                warn_tolerance(
                    f'{self.name}: the {_FACETS[self.dim]} of "{part}" are {_PLAIN[self.dim]}, and'
                    f" turn by up to {np.degrees(turned.max()):.0f} degrees one after another: no"
                    f" estimate knows the {_SHOWN[self.dim]} that they may stand for; save a mesh"
                    " of order 2"
                )

    @cached_property
    def deviations(self) -> dict[str, float]:
        """How far each curved part is about from the curve or surface that it stands for."""
        own = self.mesh
        return {name: deviation(own.points, own.facets_on(name)) for name in own.names}

    def __str__(self) -> str:
        kind = "triangles" if self.dim == 2 else "tetrahedra"
        return f"{self.name} ({len(self.mesh.cells)} {kind}, {self.digest[:12]})"

    __repr__ = __str__
