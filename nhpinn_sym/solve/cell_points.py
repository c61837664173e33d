"""Points inside of the elements of solved cells, and files of what is known there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..runtime.arrays import AnyArray, Integers
from ..runtime.fitted.cell_mesh import CellMesh
from ..runtime.fitted.elements import inside, jacobians, places_of, rule
from ..runtime.tensor_grids import unit_gauss
from .cell_solution import CellSolution
from .solution import Array
from .vtk_files import VTK_NODES, boxes, write_elements

# Boxes along each axis where the functions have no elements, by the number of axes.
_BOXES = {1: 512, 2: 96, 3: 24}
# Gauss points along each axis of a box, and along each direction of a triangle
# or tetrahedron.
_IN_BOXES = 2
_IN_SIMPLICES = 3


@dataclass(frozen=True, eq=False)
class CellPoints:
    """The same number of points in each element of a mesh of the cell.

    points      : (n, d), element by element
    coordinates : (n, d) their images in the cell; on the cell of a lattice shares of its vectors
    middles     : (n, d) where conditions are asked: in the middle of the element where that fits
                  interfaces, as points of a curved one may lie beyond them
    weights     : (n,), which add up to 1
    nodes       : (nodes, d)
    elements    : (m, k) their nodes, in VTK's order
    """

    points: Array
    coordinates: Array
    middles: Array
    weights: Array
    nodes: Array
    elements: Integers

    def means(self, values: AnyArray) -> AnyArray:
        """Values (n, ...) at the points -> their means over each element."""
        count = len(self.elements)
        weights = self.weights.reshape(count, -1)
        shares = weights / weights.sum(axis=1, keepdims=True)
        return np.einsum("mq,mq...->m...", shares, values.reshape(*shares.shape, *values.shape[1:]))

    def write(self, path: str | os.PathLike[str], values: Mapping[str, Array]) -> Path:
        """A .vtu of the elements with one value for each."""
        return write_elements(path, self.nodes, self.elements, inside=values)


def points_of(cells: CellSolution, vectors: Array) -> CellPoints:
    """In the mesh of the cell functions, or in boxes; `vectors` of the lattice, where it is one."""
    if cells.mesh is not None:
        return _in_simplices(cells.mesh, vectors, np.array(list(cells.cell.values()), dtype=float))
    lines = cells.fields[0][0].lines if cells.fields else ()
    if not lines:
        ends = cells.cell.values() if not len(vectors) else [(0.0, 1.0)] * cells.dim
        lines = tuple(np.linspace(a, b, _BOXES[cells.dim] + 1) for a, b in ends)
    return _in_boxes(lines, 1 if cells.backend == "voxel" else _IN_BOXES, vectors)


def _in_simplices(mesh: CellMesh, vectors: Array, bounds: Array) -> CellPoints:
    places, weights = rule(_IN_SIMPLICES, mesh.dim)
    corners = mesh.points[mesh.cells]
    volumes = np.linalg.det(jacobians(corners, places)) * weights
    points = places_of(corners, places).reshape(-1, mesh.dim)
    middles = places_of(corners, inside(mesh.dim)[:1])[:, 0]
    coordinates, own = (_in_cell(part, vectors, bounds) for part in (points, middles))
    return CellPoints(
        points,
        coordinates,
        np.repeat(own, len(places), axis=0),
        volumes.ravel() / volumes.sum(),
        mesh.points,
        mesh.cells[:, VTK_NODES[mesh.dim]],
    )


def _in_cell(points: Array, vectors: Array, bounds: Array) -> Array:
    if len(vectors):
        shares = points @ np.linalg.inv(vectors)
        return np.asarray(shares - np.floor(shares))
    low, high = bounds.T
    return np.asarray(low + np.mod(points - low, high - low))


def _in_boxes(lines: Sequence[Array], count: int, vectors: Array) -> CellPoints:
    """`count` Gauss points along each axis of the boxes between lines."""
    dim = len(lines)
    gauss, shares = unit_gauss(count)
    columns, factors = [], []
    for k, line in enumerate(lines):
        lengths = np.diff(line)[:, None]
        shape = [1] * (2 * dim)
        shape[k], shape[dim + k] = len(line) - 1, count
        columns.append((line[:-1, None] + lengths * gauss).reshape(shape))
        factors.append((lengths * shares).reshape(shape))
    coordinates = np.stack(np.broadcast_arrays(*columns), axis=-1).reshape(-1, dim)
    weights = np.prod(np.broadcast_arrays(*factors), axis=0).ravel()
    nodes = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, dim)
    points = coordinates @ vectors if len(vectors) else coordinates
    nodes = nodes @ vectors if len(vectors) else nodes
    elements = boxes([len(line) for line in lines])
    return CellPoints(points, coordinates, coordinates, weights / weights.sum(), nodes, elements)
