"""Meshes that fit the interfaces of a cell, by netgen: an optional library, imported when it is
first asked for one.

The cell is cut along the regions by the geometry kernel, faces on opposite sides are matched piece
by piece, and each element is asked where its middle lies.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from .cell_mesh import CellMesh
from .interfaces import Label
from .kernel_shapes import (
    KernelShapes,
    MeshingFailed,
    in_space,
    missing_images,
    unfolded_meshes,
)
from .quadrics import BooleanRegion, Quadric

HOW_TO_GET = 'pip install "nhpinn_sym[netgen]"'
# Share of the cell by which centres of faces that match differ: they are integrals.
_NEAR = 1e-4
# Elements along a full turn of the interface of the coarsest mesh.
_TURN = 12
# The nodes of an element in the order of gmsh: corners, then middles of edges.
_GMSH = {2: [0, 1, 2, 5, 3, 4], 3: [0, 1, 2, 3, 4, 7, 5, 6, 9, 8]}


def meshes(
    regions: Sequence[Quadric | BooleanRegion], label: Label, vectors: Array, origin: Array, n: int
) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... elements along the longest vector, finer where interfaces
    bend. ImportError without netgen; MeshingFailed, UnknownQuadric."""
    dim = len(vectors)

    def places(size: float, finer: float) -> Array:
        occ = importlib.import_module("netgen.occ")
        failures = occ.OCCException, importlib.import_module("netgen.meshing").NgException
        try:
            pieces = _pieces(occ, regions, vectors, origin)
            curvature = _TURN * finer / (2 * math.pi)
            mesh = occ.OCCGeometry(pieces, dim=dim).GenerateMesh(
                maxh=size, curvaturesafety=curvature
            )
            mesh.SecondOrder()
        except failures as cause:
            raise MeshingFailed(f"netgen: {cause}") from cause
        points = np.array([point.p for point in mesh.Points()])[:, :dim]
        elements = mesh.Elements2D() if dim == 2 else mesh.Elements3D()
        cells = np.array([[node.nr - 1 for node in element.points] for element in elements])
        return np.asarray(points[cells[:, _GMSH[dim]]])

    return unfolded_meshes(places, label, vectors, n)


def _pieces(
    occ: Any, regions: Sequence[Quadric | BooleanRegion], vectors: Array, origin: Array
) -> Any:
    """The pieces of the cell, with faces on opposite sides matched."""
    shapes = _Shapes(occ, vectors, origin)
    (cell,) = shapes.cell()
    inside = [cell * shape for region in regions for shape in shapes.of(region)]
    found = occ.Glue([cell, *inside])
    places = np.array([tuple(vertex.p) for vertex in found.vertices])[:, : len(vectors)]
    missing = missing_images(places, vectors, origin)
    if len(missing):
        vertices = [occ.Vertex(occ.Pnt(*corner)) for corner in in_space(missing).tolist()]
        found = occ.Glue([found, *vertices])
    _match_faces(occ, found, vectors, origin)
    return found


def _match_faces(occ: Any, pieces: Any, vectors: Array, origin: Array) -> None:
    """Meshes of faces on opposite sides are to be images of each other."""
    dim = len(vectors)
    faces = list(pieces.edges if dim == 2 else pieces.faces)
    shares = [_shares(face, vectors, origin) for face in faces]
    for axis in range(dim):
        move = occ.gp_Trsf.Translation(occ.Vec(*in_space(vectors[axis]).tolist()))
        low, high = (
            [k for k, found in enumerate(shares) if np.abs(found[:, axis] - end).max() < _NEAR]
            for end in (0.0, 1.0)
        )
        for face in low:
            image = shares[face][0] + np.eye(dim)[axis]
            same = [k for k in high if np.abs(shares[k][0] - image).max() < _NEAR]
            if not same or len(low) != len(high):
                raise MeshingFailed(f"faces across period {axis + 1} do not match")
            kind = occ.IdentificationType.PERIODIC
            faces[face].Identify(faces[same[0]], f"period {axis + 1}", kind, move)


def _shares(face: Any, vectors: Array, origin: Array) -> Array:
    """Of the periods, at the centre of a face and at its vertices (1 + m, d)."""
    places = [tuple(face.center), *(tuple(vertex.p) for vertex in face.vertices)]
    return np.asarray((np.array(places)[:, : len(vectors)] - origin) @ np.linalg.inv(vectors))


class _Shapes(KernelShapes[Any]):
    """Shapes of netgen's kernel."""

    def __init__(self, occ: Any, vectors: Array, origin: Array) -> None:
        super().__init__(vectors, origin)
        self._occ = occ

    def intersected(self, one: list[Any], other: list[Any]) -> list[Any]:
        return [self._occ.Fuse(one) * self._occ.Fuse(other)]

    def cut(self, one: list[Any], other: list[Any]) -> list[Any]:
        return [self._occ.Fuse(one) - self._occ.Fuse(other)]

    def polygon(self, corners: Array) -> Any:
        points = [self._occ.Pnt(*corner) for corner in corners.tolist()]
        sides = [self._occ.Segment(points[k - 1], points[k]) for k in range(len(points))]
        return self._occ.Face(self._occ.Wire(sides))

    def extruded(self, face: Any, along: Array) -> Any:
        return face.Extrude(self._occ.Vec(*along.tolist()))

    def disk(self, center: Array, long: float, short: float, normal: Array, along: Array) -> Any:
        axes = self._occ.Axes(*(tuple(v.tolist()) for v in (center, normal, along)))
        plane = self._occ.WorkPlane(axes)
        return (plane.Circle(long) if long == short else plane.Ellipse(long, short)).Face()

    def cylinder(self, start: Array, along: Array, radius: float) -> Any:
        length = float(np.linalg.norm(along))
        direction = self._occ.gp_Dir(*(along / length).tolist())
        return self._occ.Cylinder(self._occ.Pnt(*start.tolist()), direction, radius, length)

    def ball(self, center: Array, radius: float) -> Any:
        return self._occ.Sphere(tuple(center.tolist()), radius)

    def ellipsoid(self, center: Array, edges: Array) -> Any:
        move = self._occ.gp_GTrsf(edges.T.ravel().tolist(), center.tolist())
        return move(self.ball(np.zeros(3), 1.0))
