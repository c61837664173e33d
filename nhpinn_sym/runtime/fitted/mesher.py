"""Meshes that fit the interfaces of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..kd_tree import kd_tree
from ..lattice import Lattice
from .cell_mesh import CellMesh
from .corners import GRADING, LevelValues, corners_of, graded, with_corners
from .interfaces import Label, TooCoarse, cut_triangles, snapped, with_arcs, with_thin_parts
from .small_parts import InterfacePoints, interface_points
from .triangulation import Triangulation, regular

# So that two nodes share one edge at most, and nodes that are images of each other none.
_FEWEST = 4
# Size of the triangles, as a share of the longer period, in which corners are looked for.
_SEEN = 0.1
# Rounds in which triangles are halved where interfaces are not resolved.
_ROUNDS = 24
# Length of triangles at a curve as a share of its radius.
_WIDEST = 1.5
# Nodes beyond which that ends.
_MOST = 200_000


class UnresolvedInterfaces(ValueError):
    """Interfaces that come too close to each other, near `place`, for triangles of a `size`."""

    def __init__(self, place: Array, size: float) -> None:
        near = ", ".join(f"{x:.4g}" for x in place)
        super().__init__(f"interfaces touch, or come closer than {size:.1e}, near ({near})")
        self.place = place
        self.size = size


@dataclass(frozen=True)
class Interfaces:
    """What a mesh of a cell is to fit.

    label   : the region of points, of any cell
    levels  : functions of points of the cell whose zeros hold all interfaces
    planes  : shares of the two vectors at which interfaces lie across them
    origin  : a corner of the cell; vectors: its periods, one a row
    grading : how fast triangles become smaller towards corners, see `corners.graded`
    """

    label: Label
    levels: LevelValues
    planes: Sequence[Sequence[float]]
    origin: Array
    vectors: Array
    grading: float = GRADING

    def shape(self, n: int) -> tuple[int, int]:
        """n triangles along the longer vector, and as long ones along the other."""
        lengths = np.linalg.norm(self.vectors, axis=1)
        first, second = np.maximum(_FEWEST, np.rint(n * lengths / lengths.max())).astype(int)
        return int(first), int(second)


def meshes(interfaces: Interfaces, n: int) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... triangles along the longer vector, more of them at corners
    and where interfaces bend or come close: those places are the same ones on all of them.

    UnresolvedInterfaces where smaller triangles do not help.
    """
    base = _base(interfaces, n)
    fine = _fine(base)
    corners = corners_of(fine, interfaces.levels, interfaces.label)
    gradings = [interfaces.grading] * len(corners)
    base = seeing(base, interface_points(fine, interfaces.levels, interfaces.label))
    while True:
        base, found = resolved(graded(base, corners, gradings), corners, interfaces.label)
        yield found
        base = base.quartered()


def has_corners(interfaces: Interfaces) -> bool:
    """Of a cell in the plane."""
    fine = _fine(_base(interfaces, _FEWEST))
    return len(corners_of(fine, interfaces.levels, interfaces.label)) > 0


def _base(interfaces: Interfaces, n: int) -> Triangulation:
    box = ((0.0, 1.0), (0.0, 1.0))
    lines = Lattice.fitted(box, interfaces.shape(n), interfaces.planes).lines
    return regular(lines, interfaces.vectors, interfaces.origin)


def _fine(mesh: Triangulation) -> Triangulation:
    """Triangles so small that corners are seen."""
    while mesh.longest.max() > _SEEN * np.linalg.norm(mesh.vectors, axis=1).max():
        mesh = mesh.quartered()
    return mesh


def seeing(base: Triangulation, curves: InterfacePoints) -> Triangulation:
    """The base, made finer where curves are smaller than its triangles: their nodes would not meet
    them."""
    points, radii = curves.places, curves.radii
    for _ in range(_ROUNDS):
        if not len(points):
            break
        large = base.longest[_nearest(base, points)] > _WIDEST * radii
        points, radii = points[large], radii[large]
        if len(points):
            base = _finer(base, points)
    return base


def resolved(base: Triangulation, corners: Array, label: Label) -> tuple[Triangulation, CellMesh]:
    """The mesh along the interfaces, with nodes at corners, from a base that is made finer where it
    does not resolve them; and that base."""
    for _ in range(_ROUNDS):
        try:
            return base, _along(with_corners(base, corners), label)
        except TooCoarse as found:
            places = found.places
        if len(base.points) > _MOST:
            break
        base = _finer(base, places)
    sizes = base.longest[_nearest(base, places)]
    k = int(np.argmin(sizes))
    raise UnresolvedInterfaces(places[k], float(sizes[k]))


def _along(mesh: Triangulation, label: Label) -> CellMesh:
    """The mesh fitted to the interfaces; TooCoarse where it is."""
    thin = with_thin_parts(mesh, label)
    straight, regions = cut_triangles(snapped(thin, label, len(mesh.points)), label)
    curved, middles = with_arcs(straight, regions, label)
    cells = np.concatenate([straight.triangles, middles], axis=1)
    images = np.flatnonzero(curved.originals != np.arange(len(curved.points)))
    pairs = np.stack([images, curved.originals[images]], axis=1)
    found = CellMesh(curved.points, cells, regions, pairs, curved.vectors)
    folded = found.least_stretch <= 0
    if folded.any():
        raise TooCoarse(straight.centres[folded])
    return found


def _finer(mesh: Triangulation, places: Array) -> Triangulation:
    """Triangles next to some places halved."""
    nearest = _nearest(mesh, places)
    nodes = np.zeros(len(mesh.points), dtype=bool)
    nodes[mesh.originals[mesh.triangles[nearest]]] = True
    return mesh.bisected(nodes[mesh.originals][mesh.triangles].any(axis=1))


def _nearest(mesh: Triangulation, places: Array) -> Array:
    """The triangle whose centre is nearest to each place, or to an image of it."""
    inverse = np.linalg.inv(mesh.vectors)
    shares = (mesh.centres @ inverse) % 1.0
    return np.asarray(kd_tree(shares, 1.0 + 1e-12).query((places @ inverse) % 1.0)[1])
