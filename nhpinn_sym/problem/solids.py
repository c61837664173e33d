"""Shapes in space as domains, meshed by gmsh."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..runtime.arrays import Array, Flags
from ..runtime.fitted.cell_mesh import InvalidMesh
from ..runtime.fitted.domain_mesh import DomainMesh, RegionMesh
from ..runtime.fitted.quadrics import Quadric
from ..runtime.fitted.solid_boundary import moved_to, named_mesh, on_surfaces, with_gap
from .boundary_parts import numbered
from .errors import BackendMissingError, ProblemError, UnsupportedError, shortened
from .joined_shapes import Shape
from .mesh_domain import MOST_BENT, MeshedDomain, MeshPart
from .surfaces import Solid, hull, solid_of

# Elements along the longest side of the first mesh.
_FIRST = 3
# Share of the size by which points that are inside may lie outside.
_SAME = 1e-9
_ANGLE = 1.0
_REMEDY = "give one piece, whose surfaces cut each other or are apart"


@dataclass(frozen=True, eq=False)
class SolidPart(MeshPart):
    """What is left of a surface, whose normals are exact."""

    quadric: Quadric = field(kw_only=True)

    @cached_property
    def _sign(self) -> float:
        """1 where the quadric grows outward: faces are counterclockwise from outside."""
        corners = self.edges[0, :3]
        outward = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        return float(np.sign(self.quadric.slopes(corners).sum(axis=0) @ outward))

    def normal_at(self, x: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
        rows = zip(self.quadric.matrix.tolist(), self.quadric.slope.tolist(), strict=True)
        slopes = [b + sum(2 * a * v for a, v in zip(row, x, strict=True)) for row, b in rows]
        length = sp.sqrt(sum(slope**2 for slope in slopes))
        return tuple(self._sign * slope / length for slope in slopes)


@dataclass(frozen=True, repr=False)
class SolidDomain(MeshedDomain):
    """A shape in space as a domain: Ball, Cylinder, Box and Layer, joined by |, & and -.

    Its first mesh is made by gmsh; finer ones are cut from it, and their nodes moved to the
    surfaces. Parts of the boundary are named by the shapes: Ball(..., name="core"), else "sphere0",
    "sphere1", ..., "cylinder0", "layer0_lower"; "left", ... of a box, "hole_left" of one named
    "hole", and all of them as "hole".

    Errors: BackendMissingError without gmsh; UnsupportedError for what has no end along an axis, or
    several pieces; ProblemError for what is empty, or has surfaces that touch.
    """

    shape: Shape
    mesh: DomainMesh = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if None in hull(self.shape):
            raise UnsupportedError(
                "a domain in space without an end along an axis",
                term=shortened(self.shape),
                remedy="cut it: Cylinder((0, 0), 1, axis=2) & Layer(2, (0, 1))",
            )
        object.__setattr__(self, "mesh", self._first())

    def _first(self) -> DomainMesh:
        # It imports SciPy, which problems do without.
        from ..runtime.fitted import gmsh_mesher
        from ..runtime.fitted.kernel_shapes import MeshingFailed

        low, high = np.array(self.bounds).T
        if not (low < high).all():
            raise self._refused("it is empty")
        try:
            trials = gmsh_mesher.solids(self._solid.region, low, high, _FIRST)
            found = next(filter(None, map(self._usable, trials)), None)
        except MeshingFailed as cause:
            raise self._refused(str(cause)) from cause
        except (ImportError, OSError, AttributeError) as cause:
            raise BackendMissingError(
                "domains in space that are no boxes are meshed by gmsh, which is not installed, or"
                " not whole",
                term=cause,
                remedy=gmsh_mesher.HOW_TO_GET,
            ) from cause
        if found is None:
            raise self._refused("elements are folded, or flat")
        return found

    def _usable(self, made: tuple[Array, Any]) -> DomainMesh | None:
        """None where elements are folded, flat, or bend too much."""
        try:
            found = named_mesh(*made, self._surfaces)
            found.check()
        except InvalidMesh:
            return None
        return found if found.quality > _ANGLE and found.bend.max() < MOST_BENT else None

    def _refused(self, why: str) -> ProblemError:
        return ProblemError(
            f"a shape that is no domain in one piece ({why})",
            term=shortened(self.shape),
            remedy=_REMEDY,
        )

    @cached_property
    def _solid(self) -> Solid:
        return solid_of(self.shape)

    @cached_property
    def _surfaces(self) -> dict[str, Quadric]:
        """By the names of the parts."""
        return {s.name: s.quadric for s in numbered(self._solid.surfaces)}

    @cached_property
    def region(self) -> RegionMesh:
        return with_gap(self.mesh, self._surfaces)

    def refined(self, mesh: RegionMesh) -> RegionMesh:
        finer = on_surfaces(mesh.halved(1).mesh, self._surfaces)
        return with_gap(finer, self._surfaces)

    @cached_property
    def parts(self) -> tuple[SolidPart, ...]:
        surfaces = {s.name: s for s in numbered(self._solid.surfaces)}
        own = self.mesh
        found = []
        for name in own.names:
            faces = own.points[own.facets_on(name)]
            known = surfaces[name]
            found.append(SolidPart(name, faces, known.group, quadric=known.quadric))
        return tuple(found)

    def points_on(self, name: str, points: Array) -> Array:
        """The faces of the first mesh are off the surface by more than nets are."""
        return moved_to([self._surfaces[name]], super().points_on(name, points))

    @property
    def intervals(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """Of a box around it, by the ends of the shapes."""
        return tuple(ends for ends in hull(self.shape) if ends is not None)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return tuple((float(a), float(b)) for a, b in self.intervals)

    def holds(self, points: Array) -> Flags:
        return np.asarray(self._solid.region.distances(points) < 0)

    def contains(
        self, columns: Iterable[Any], slack: float | Array = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """As of `Domain`; what is closer to the boundary than rounding is inside."""
        points = np.stack(np.broadcast_arrays(*map(np.asarray, columns)), axis=-1).astype(float)
        reach = np.maximum(slack, _SAME) * max(b - a for a, b in self.bounds)
        apart = self._solid.region.distances(points.reshape(-1, 3)).reshape(points.shape[:-1])
        return (apart <= reach)[()]

    def __str__(self) -> str:
        return str(self.shape)

    __repr__ = __str__
