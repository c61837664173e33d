"""Meshes that fit the interfaces of a cell, by gmsh: an optional library, imported when it is first
asked for one.

The cell and the regions between its interfaces are cut into pieces by the geometry kernel, faces
on opposite sides are matched piece by piece, and each element is asked where its middle lies.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..arrays import Array, Integers
from ..signals import ignore_broken_pipes
from .cell_mesh import CellMesh
from .interfaces import Label
from .kernel_shapes import (
    FINER,
    TRIALS,
    KernelShapes,
    MeshingFailed,
    in_space,
    missing_images,
    unfolded_meshes,
)
from .quadrics import BooleanRegion, Quadric

Entities = list[tuple[int, int]]

# Share of the cell by which centres and sizes of faces that match differ: they are integrals.
_NEAR = 1e-4
# Elements along a full turn of the interface of the coarsest mesh.
_TURN = 8

HOW_TO_GET = (
    'pip install "nhpinn_sym[mesh]"; gmsh asks for libraries of the system (Debian, Ubuntu: apt-get'
    " install libglu1-mesa libxft2 libxcursor1 libxinerama1)"
)


def meshes(
    regions: Sequence[Quadric | BooleanRegion], label: Label, vectors: Array, origin: Array, n: int
) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... elements along the longest vector, finer where interfaces
    bend. ImportError without gmsh; MeshingFailed, UnknownQuadric."""

    def places(size: float, finer: float) -> Array:
        with _model() as gmsh:
            _geometry(gmsh, regions, vectors, origin)
            _generate(gmsh, len(vectors), size, round(_TURN * finer))
            points, cells = _nodes_and_cells(gmsh, len(vectors))
        return points[cells]

    return unfolded_meshes(places, label, vectors, n)


def solids(
    region: Quadric | BooleanRegion, low: Array, high: Array, n: int
) -> Iterator[tuple[Array, Integers]]:
    """Nodes (k, 3) and tetrahedra (m, 10) of a region inside of that box, with about n elements
    along its longest side; then of others that are finer, as those before may be folded.
    ImportError without gmsh; MeshingFailed for what has no or several pieces."""
    vectors = np.diag(high - low)
    for trial in range(TRIALS):
        with _model() as gmsh:
            found = _Shapes(gmsh.model.occ, vectors, low).of(region)
            if len(found) > 1:
                found, _ = gmsh.model.occ.fuse(found[:1], found[1:])
            gmsh.model.occ.synchronize()
            if len(gmsh.model.getEntities(3)) != 1:
                raise MeshingFailed(f"{len(gmsh.model.getEntities(3))} pieces")
            finer = FINER**trial
            size = float((high - low).max()) / (n * finer)
            # Without it no element is longer than a tenth of the whole.
            gmsh.model.mesh.setSize(gmsh.model.getEntities(0), size)
            _generate(gmsh, 3, size, round(_TURN * finer))
            yield _nodes_and_cells(gmsh, 3)


@contextmanager
def _model() -> Iterator[Any]:
    """gmsh with an empty model. MeshingFailed for its errors."""
    gmsh = importlib.import_module("gmsh")
    if not gmsh.isInitialized():
        # Ctrl-C stays Python's, and no file of options is read.
        gmsh.initialize(readConfigFiles=False, interruptible=False)
        ignore_broken_pipes()
    try:
        gmsh.option.restoreDefaults()
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.clear()
        yield gmsh
    except Exception as cause:  # gmsh raises this class itself
        if type(cause) is not Exception:
            raise
        raise MeshingFailed(f"gmsh: {cause}") from cause
    finally:
        gmsh.clear()


def _geometry(
    gmsh: Any, regions: Sequence[Quadric | BooleanRegion], vectors: Array, origin: Array
) -> None:
    """The pieces of the cell, with faces on opposite sides matched."""
    shapes = _Shapes(gmsh.model.occ, vectors, origin)
    solids = [entity for region in regions for entity in shapes.of(region)]
    cell = shapes.cell()
    pieces, parents = gmsh.model.occ.fragment(cell, solids)
    kept = set(parents[0])
    gmsh.model.occ.remove([piece for piece in pieces if piece not in kept], recursive=True)
    gmsh.model.occ.synchronize()
    _match_vertices(gmsh, vectors, origin)
    _match_faces(gmsh, vectors, origin)


def _match_faces(gmsh: Any, vectors: Array, origin: Array) -> None:
    """Meshes of faces on opposite sides are to be images of each other."""
    dim = len(vectors)
    inverse = np.linalg.inv(vectors)
    faces = gmsh.model.getBoundary(gmsh.model.getEntities(dim), combined=True, oriented=False)
    found = {face: _centre_and_size(gmsh, face, vectors, origin) for face in faces}
    for axis in range(dim):
        move = np.eye(4)
        move[:dim, 3] = vectors[axis]
        low, high = (
            [face for face in faces if abs((found[face][:dim] @ inverse)[axis] - end) < _NEAR]
            for end in (0.0, 1.0)
        )
        shift = np.append(vectors[axis], 0.0)
        free = list(low)
        for face in high:
            same = [f for f in free if np.allclose(found[f] + shift, found[face], atol=_NEAR)]
            if not same:
                near = ", ".join(f"{x:.4g}" for x in found[face][:dim] + origin)
                raise MeshingFailed(
                    f"gmsh cuts the face of the cell near ({near}) in other ways than that across"
                    f" period {axis + 1}"
                )
            free.remove(same[0])
            gmsh.model.mesh.setPeriodic(dim - 1, [face[1]], [same[0][1]], move.ravel())


def _centre_and_size(gmsh: Any, face: tuple[int, int], vectors: Array, origin: Array) -> Array:
    """The centre (dim,) of a face, and its size, as a share of the largest one."""
    dim = len(vectors)
    scale = np.abs(vectors).max() ** (dim - 2)
    centre = np.array(gmsh.model.occ.getCenterOfMass(*face))[:dim] - origin
    return np.append(centre, gmsh.model.occ.getMass(*face) / scale)


def _match_vertices(gmsh: Any, vectors: Array, origin: Array) -> None:
    """A vertex wherever one on a face of the cell has its images: where closed curves begin differs
    from one to the other."""
    dim = len(vectors)
    places = np.array([gmsh.model.getValue(0, tag, []) for _, tag in gmsh.model.getEntities(0)])
    missing = missing_images(places[:, :dim], vectors, origin)
    if len(missing):
        points = [(0, gmsh.model.occ.addPoint(*corner)) for corner in in_space(missing)]
        gmsh.model.occ.fragment(gmsh.model.getEntities(dim), points)
        gmsh.model.occ.synchronize()


def _generate(gmsh: Any, dim: int, size: float, turn: int) -> None:
    options = {
        "Mesh.MeshSizeMax": size,
        "Mesh.MeshSizeFromCurvature": turn,
        "Mesh.ElementOrder": 2,
        # Nodes stay on the interfaces and on the faces where they match.
        "Mesh.HighOrderOptimize": 0,
    }
    for name, value in options.items():
        gmsh.option.setNumber(name, value)
    gmsh.model.mesh.generate(dim)


def _nodes_and_cells(gmsh: Any, dim: int) -> tuple[Array, Integers]:
    """Places (n, dim) and the nodes (m, k) of each element."""
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    number = np.zeros(int(tags.max()) + 1, dtype=np.int64)
    number[tags] = np.arange(len(tags))
    _, _, (found,) = gmsh.model.mesh.getElements(dim)
    cells: Integers = number[found].reshape(-1, (dim + 1) * (dim + 2) // 2)
    used, numbers = np.unique(cells, return_inverse=True)
    points = np.asarray(coordinates).reshape(-1, 3)[used, :dim]
    return points, numbers.reshape(cells.shape)


class _Shapes(KernelShapes[tuple[int, int]]):
    """Entities of gmsh's kernel."""

    def __init__(self, occ: Any, vectors: Array, origin: Array) -> None:
        super().__init__(vectors, origin)
        self._occ = occ

    def intersected(self, one: Entities, other: Entities) -> Entities:
        found: Entities = self._occ.intersect(one, other)[0]
        return found

    def cut(self, one: Entities, other: Entities) -> Entities:
        found: Entities = self._occ.cut(one, other)[0]
        return found

    def polygon(self, corners: Array) -> tuple[int, int]:
        points = [self._occ.addPoint(*corner) for corner in corners]
        lines = [self._occ.addLine(points[k - 1], points[k]) for k in range(len(points))]
        return 2, self._occ.addPlaneSurface([self._occ.addCurveLoop(lines)])

    def extruded(self, face: tuple[int, int], along: Array) -> tuple[int, int]:
        found: Entities = self._occ.extrude([face], *along)
        return next(entity for entity in found if entity[0] == 3)

    def disk(
        self, center: Array, long: float, short: float, normal: Array, along: Array
    ) -> tuple[int, int]:
        return 2, self._occ.addDisk(*center, long, short, zAxis=normal, xAxis=along)

    def cylinder(self, start: Array, along: Array, radius: float) -> tuple[int, int]:
        return 3, self._occ.addCylinder(*start, *along, radius)

    def ball(self, center: Array, radius: float) -> tuple[int, int]:
        return 3, self._occ.addSphere(*center, radius)

    def ellipsoid(self, center: Array, edges: Array) -> tuple[int, int]:
        ball = self.ball(np.zeros(3), 1.0)
        whole = np.eye(4)
        whole[:3] = np.column_stack([edges.T, center])
        self._occ.affineTransform([ball], whole.ravel())
        return ball
