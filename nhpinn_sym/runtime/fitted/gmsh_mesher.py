"""Meshes that fit the interfaces of a cell, by gmsh: an optional library, imported when it is first
asked for one.

The cell and the regions between its interfaces are cut into pieces by the geometry kernel, faces
on opposite sides are matched piece by piece, and each element is asked where its middle lies.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..arrays import Array, Integers
from .cell_mesh import CellMesh, InvalidMesh
from .elements import inside, places_of
from .interfaces import Label
from .msh_cells import periodic_cell
from .quadrics import BooleanRegion, HalfSpace, Quadric, Round, classified

Entities = list[tuple[int, int]]

# Share of the cell by which regions may leave it, and by which vertices that match differ; centres
# and sizes of faces are integrals.
_BESIDE = 0.25
_SAME = 1e-6
_NEAR = 1e-4
# In which shares of the cell are rounded that are one.
_DIGITS = 9
# Elements along a full turn of the interface of the coarsest mesh.
_TURN = 8
# Meshes that are tried, each finer by that factor, until no element is folded.
_TRIALS = 4
_FINER = 1.4
# Degrees between faces, or edges, below which interfaces touch.
_FLAT = 0.05


HOW_TO_GET = (
    'pip install "nhpinn_sym[mesh]"; gmsh asks for libraries of the system (Debian, Ubuntu: apt-get'
    " install libglu1-mesa libxft2 libxcursor1 libxinerama1)"
)


class MeshingFailed(ValueError):
    """gmsh makes no mesh of this."""


def meshes(
    regions: Sequence[Quadric | BooleanRegion], label: Label, vectors: Array, origin: Array, n: int
) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... elements along the longest vector, finer where interfaces
    bend. ImportError without gmsh; MeshingFailed, UnknownQuadric."""
    finer = 1.0
    while True:
        found, finer = _unfolded(regions, label, vectors, origin, n, finer)
        yield found
        finer *= 2


def solids(
    region: Quadric | BooleanRegion, low: Array, high: Array, n: int
) -> Iterator[tuple[Array, Integers]]:
    """Nodes (k, 3) and tetrahedra (m, 10) of a region inside of that box, with about n elements
    along its longest side; then of others that are finer, as those before may be folded.
    ImportError without gmsh; MeshingFailed for what has no or several pieces."""
    vectors = np.diag(high - low)
    for trial in range(_TRIALS):
        with _model() as gmsh:
            found = _Shapes(gmsh.model.occ, vectors, low).of(region)
            if len(found) > 1:
                found, _ = gmsh.model.occ.fuse(found[:1], found[1:])
            gmsh.model.occ.synchronize()
            if len(gmsh.model.getEntities(3)) != 1:
                raise MeshingFailed(f"{len(gmsh.model.getEntities(3))} pieces")
            finer = _FINER**trial
            size = float((high - low).max()) / (n * finer)
            # Without it no element is longer than a tenth of the whole.
            gmsh.model.mesh.setSize(gmsh.model.getEntities(0), size)
            _generate(gmsh, 3, size, round(_TURN * finer))
            yield _nodes_and_cells(gmsh, 3)


def _unfolded(
    regions: Sequence[Quadric | BooleanRegion],
    label: Label,
    vectors: Array,
    origin: Array,
    n: int,
    finer: float,
) -> tuple[CellMesh, float]:
    """The mesh whose elements are by that factor finer than n, or by the next one with which none
    is folded; and the factor."""
    size = float(np.linalg.norm(vectors, axis=1).max()) / n
    for _ in range(_TRIALS):
        with _model() as gmsh:
            _geometry(gmsh, regions, vectors, origin)
            _generate(gmsh, len(vectors), size / finer, round(_TURN * finer))
            places = _places(gmsh, len(vectors))
        try:
            found = periodic_cell(places, _labels(places, label), vectors)
        except InvalidMesh as cause:
            failure = cause
            finer *= _FINER
            continue
        if found.quality < _FLAT:
            raise MeshingFailed(f"elements have angles of {found.quality:.1e} degrees")
        return found, finer
    raise MeshingFailed(str(failure)) from failure


@contextmanager
def _model() -> Iterator[Any]:
    """gmsh with an empty model. MeshingFailed for its errors."""
    gmsh = importlib.import_module("gmsh")
    if not gmsh.isInitialized():
        # Ctrl-C stays Python's, and no file of options is read.
        gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.restoreDefaults()
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.clear()
        yield gmsh
    except InvalidMesh:
        raise
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
                raise MeshingFailed(f"faces across period {axis + 1} do not match")
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
    shares = (places[:, :dim] - origin) @ np.linalg.inv(vectors)
    images = []
    for share in shares:
        ends = [(0.0, 1.0) if abs(x - round(x)) < _SAME else (x,) for x in share]
        images += list(itertools.product(*ends))
    found = np.array(images)
    apart = np.abs(found[:, None] - shares).max(axis=2).min(axis=1)
    missing = np.unique(np.round(found[apart > _SAME], _DIGITS), axis=0)
    if len(missing):
        corners = origin + missing @ vectors
        points = [(0, gmsh.model.occ.addPoint(*_in_space(corner))) for corner in corners]
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


def _places(gmsh: Any, dim: int) -> Array:
    """Of the nodes (m, k, dim) of each element."""
    points, cells = _nodes_and_cells(gmsh, dim)
    return points[cells]


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


def _labels(places: Array, label: Label) -> Integers:
    middles = places_of(places, inside(places.shape[2])[:1])[:, 0]
    return label(middles)


class _Shapes:
    """Regions as entities of gmsh's kernel, in a parallelepiped around the cell."""

    def __init__(self, occ: Any, vectors: Array, origin: Array) -> None:
        self._occ = occ
        self._vectors = vectors
        self._origin = origin
        self._dim = len(vectors)
        self._center = origin + vectors.sum(axis=0) / 2
        self._reach = (1 + 2 * _BESIDE) * float(np.abs(vectors).sum())

    def of(self, region: Quadric | BooleanRegion) -> Entities:
        """Entities whose union is the region there."""
        if not isinstance(region, BooleanRegion):
            found = classified(region)
            if isinstance(found, Sequence):
                return self._common([self._half_space(side) for side in found])
            return self._quadric(found)
        parts = [self.of(part) for part in region.parts]
        if region.kind == "and":
            return self._common(parts)
        together = [entity for part in parts for entity in part]
        return together if region.kind == "or" else self._rest(together)

    def cell(self, beside: float = 0.0) -> Entities:
        """The cell, larger on each side by that share of it."""
        start = self._origin - beside * self._vectors.sum(axis=0)
        return self._parallelepiped(start, (1 + 2 * beside) * self._vectors)

    def _parallelepiped(self, start: Array, edges: Array) -> Entities:
        a, b, *others = (_in_space(edge) for edge in edges)
        corner = _in_space(start)
        points = [self._occ.addPoint(*p) for p in (corner, corner + a, corner + a + b, corner + b)]
        lines = [self._occ.addLine(points[k], points[(k + 1) % 4]) for k in range(4)]
        base = (2, self._occ.addPlaneSurface([self._occ.addCurveLoop(lines)]))
        return self._extruded(base, others[0]) if others else [base]

    def _extruded(self, base: tuple[int, int], along: Array) -> Entities:
        return [entity for entity in self._occ.extrude([base], *along) if entity[0] == 3]

    def _common(self, parts: Sequence[Entities]) -> Entities:
        first, *others = parts
        for other in others:
            if not (first and other):
                return []
            first, _ = self._occ.intersect(first, other)
        return first

    def _rest(self, entities: Entities) -> Entities:
        whole = self.cell(_BESIDE)
        return self._occ.cut(whole, entities)[0] if entities else whole

    def _quadric(self, found: HalfSpace | Round | bool) -> Entities:
        if isinstance(found, bool):
            return self.cell(_BESIDE) if found else []
        if isinstance(found, HalfSpace):
            return self._half_space(found)
        solid = self._round(found)
        return self._rest(solid) if found.outside else solid

    def _half_space(self, found: HalfSpace) -> Entities:
        """A cube, or a square, with one side in the plane."""
        normal = found.normal / np.linalg.norm(found.normal)
        frame = np.linalg.qr(np.column_stack([normal, np.eye(self._dim)]))[0].T
        frame[0] = -normal
        middle = self._center - (self._center - found.point) @ normal * normal
        edges = 2 * self._reach * frame
        return self._parallelepiped(middle - edges[1:].sum(axis=0) / 2, edges)

    def _round(self, found: Round) -> Entities:
        radii, axes = found.radii, found.axes
        if self._dim == 2:
            return [(2, self._disk(found.center, radii, axes, np.array([0.0, 0.0, 1.0])))]
        equal = np.ptp(radii[np.isfinite(radii)]) <= _SAME * radii[0]
        if np.isinf(radii[2]):
            along = 2 * self._reach * axes[2]
            start = found.center + (self._center - found.center) @ axes[2] * axes[2] - along / 2
            if equal:
                return [(3, self._occ.addCylinder(*start, *along, radii[0]))]
            return self._extruded((2, self._disk(start, radii, axes, axes[2])), along)
        if equal:
            return [(3, self._occ.addSphere(*found.center, radii[0]))]
        ball = [(3, self._occ.addSphere(0, 0, 0, 1))]
        whole = np.eye(4)
        whole[:3] = np.column_stack([axes.T * radii, found.center])
        self._occ.affineTransform(ball, whole.ravel())
        return ball

    def _disk(self, center: Array, radii: Array, axes: Array, normal: Array) -> int:
        """Its longer axis, which gmsh has first, is the second one."""
        long, short = float(radii[1]), float(radii[0])
        along = _in_space(axes[1])
        return int(self._occ.addDisk(*_in_space(center), long, short, zAxis=normal, xAxis=along))


def _in_space(vector: Array) -> Array:
    found = np.zeros(3)
    found[: len(vector)] = vector
    return found
