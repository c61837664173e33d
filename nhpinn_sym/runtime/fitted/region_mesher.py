"""Meshes of plane regions: the triangles of a periodic mesh around one that lie inside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Integers
from ..lattice import Lattice
from .corners import GRADING, LevelValues, corners_of, graded
from .curved_simplices import CurvedSimplices
from .domain_mesh import DomainMesh, boundary_of
from .interfaces import Label
from .mesher import resolved, seeing
from .small_parts import interface_points
from .triangulation import Triangulation, regular

# Share of the box within which triangles become smaller towards a corner.
_RADIUS = 0.15
# Distance of two corners that are one, as a share of the box.
_SAME = 1e-6
# Halvings of the triangles of the first mesh, at most.
_HALVINGS = 60


@dataclass(frozen=True)
class RegionOutline:
    """What a mesh of a region is to fit.

    label    : 0 outside, and the number of the phase inside, of points (n, 2)
    corners  : (k, 2) where it has corners, or phases have; gradings: how fast triangles become
               smaller towards each, see `corners.graded`
    levels   : functions of points whose zeros hold the boundary and all interfaces, where phases
               meet, for which is looked with triangles of the length `seen`
    size     : how long triangles with these centres (m, 2) may be
    part     : the number in `names` of the part of the boundary that points (n, 2) lie next to
    low, high: of the smallest box around it
    """

    label: Label
    corners: Array
    gradings: Sequence[float]
    size: Callable[[Array], Array]
    part: Callable[[Array], Integers]
    names: tuple[str, ...]
    low: Array
    high: Array
    levels: LevelValues | None = None
    seen: float = np.inf

    def start(self, n: int) -> Triangulation:
        """A box of triangles around it, n of them along its longer side."""
        lengths = self.high - self.low
        counts = np.maximum(2, np.rint(n * lengths / lengths.max())).astype(int)
        step = lengths / counts
        box = ((0.0, 1.0), (0.0, 1.0))
        first, second = (int(k) for k in counts + 2)
        lines = Lattice.uniform(box, (first, second)).lines
        return regular(lines, np.diag(step * (counts + 2)), self.low - step)


def region_meshes(outline: RegionOutline, n: int) -> Iterator[DomainMesh]:
    """Meshes with about n, 2 n, 4 n, ... triangles along the longer side, more of them at corners
    and where the boundary bends or comes close: those places are the same ones on all of them.

    `mesher.UnresolvedInterfaces` where smaller triangles do not help.
    """
    base = outline.start(n)
    for _ in range(_HALVINGS):
        wanted = base.longest > outline.size(base.centres)
        if not wanted.any():
            break
        base = base.bisected(wanted)
    corners, gradings = outline.corners, [*outline.gradings]
    if outline.levels is not None:
        base, met = _with_interfaces(base, outline, outline.levels)
        corners, gradings = np.concatenate([corners, met]), [*gradings, *[GRADING] * len(met)]
    while True:
        base = graded(base, corners, gradings, _RADIUS)
        base, found = resolved(base, corners, outline.label)
        yield _inside(found, outline)
        base = base.quartered()


def _with_interfaces(
    base: Triangulation, outline: RegionOutline, levels: LevelValues
) -> tuple[Triangulation, Array]:
    """The base, finer where interfaces are smaller than its triangles, and the places (k, 2) where
    these turn, or meet each other or the boundary beside its corners."""
    fine = base
    while fine.longest.max() > outline.seen:
        fine = fine.bisected(fine.longest > outline.seen)
    found = corners_of(fine, levels, outline.label)
    apart = np.linalg.norm(found[:, None] - outline.corners, axis=2).min(axis=1, initial=np.inf)
    new = apart > _SAME * (outline.high - outline.low).max()
    return seeing(base, interface_points(fine, levels, outline.label)), found[new]


def _inside(mesh: CurvedSimplices, outline: RegionOutline) -> DomainMesh:
    """Of a mesh around it the triangles inside."""
    cells = mesh.cells[mesh.phases > 0]
    used, numbers = np.unique(cells, return_inverse=True)
    cells = numbers.reshape(-1, 6)
    points = mesh.points[used]
    facets = boundary_of(cells)
    parts = outline.part(points[facets[:, 2]])
    phases = mesh.phases[mesh.phases > 0]
    return DomainMesh(points, cells, phases, facets, parts, outline.names)
