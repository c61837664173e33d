"""Boxes around the holes of many cells as domains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import sympy as sp

from ..runtime.fitted.domain_mesh import DomainMesh, RegionMesh
from ..runtime.fitted.joints import deviation
from .domain import Box
from .mesh_domain import MeshedDomain


@dataclass(frozen=True, repr=False)
class PerforatedDomain(MeshedDomain):
    """What is left of a box where all cells of the size eps have holes, see
    `problem.domain.Domain`.

    Its parts are those of the box, where something is left of them, and "hole0", "hole1", ... of
    the holes of each shape, in all cells.

    level : makes the meshes, from 0 on, each with elements half as long as those before
    cells : how many there are along each axis
    """

    box: Box
    eps: sp.Expr
    holes: tuple[object, ...]
    cells: tuple[int, ...]
    level: Callable[[int], DomainMesh] = field(compare=False)
    made: list[RegionMesh] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mesh", self.region.mesh)

    def region_of(self, level: int) -> RegionMesh:
        """Mesh number `level`."""
        while len(self.made) <= level:
            mesh = self.level(len(self.made))
            gaps = [deviation(mesh.points, mesh.facets_on(name)) for name in mesh.names]
            self.made.append(RegionMesh(mesh, max(gaps)))
        return self.made[level]

    @cached_property
    def region(self) -> RegionMesh:
        """The first one."""
        return self.region_of(0)

    def refined(self, mesh: RegionMesh) -> RegionMesh:
        return self.region_of(self.made.index(mesh) + 1)

    @property
    def intervals(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        return self.box.intervals

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return self.box.bounds

    def __str__(self) -> str:
        holes = ", ".join(map(str, self.holes))
        return f"{self.box} around the holes of {'x'.join(map(str, self.cells))} cells, {holes}"

    __repr__ = __str__
