"""A mesh of a periodicity cell: arrays, whoever made it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, Flags, Integers
from .curved_triangles import CurvedTriangles

# Share of the cell by which images may differ from their originals.
_SAME = 1e-8
# Relative difference of the areas of the mesh and of the cell.
_AREA = 1e-8


class InvalidMesh(ValueError):
    """Arrays that are no mesh of a periodicity cell."""


@dataclass(frozen=True, eq=False)
class CellMesh(CurvedTriangles):
    """Triangles of order 2 that tile the plane when they are moved by whole periods.

    points  : (n, 2) the nodes
    cells   : (m, 6) the nodes of each triangle in the order of gmsh: corners, counterclockwise,
              then the middles of the edges from corner 0 to 1, 1 to 2 and 2 to 0
    phases  : (m,) whole numbers: coefficients jump between triangles of different phases
    pairs   : (k, 2) each node that is an image of another one, and that one
    vectors : (2, 2) the periods, one a row

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> a = nh.phases(s, {nh.Disk((0, 0), 0.3): 10}, default=1)
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> cells = nh.solve_cells(nh.homogenize(problem), "skfem", h=0.1, tolerance=1e-3)
    >>> cells.mesh.check()
    >>> cells.mesh.cells.shape[1], sorted(set(cells.mesh.phases.tolist()))
    (6, [0, 1])
    """

    pairs: Integers
    vectors: Array

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CellMesh:
        """Read what `save` wrote. InvalidMesh where the file holds something else."""
        try:
            with np.load(path, allow_pickle=False) as data:
                found = cls(*(data[name] for name in cls.__dataclass_fields__))
        except (KeyError, ValueError, EOFError, OSError) as cause:
            raise InvalidMesh(f"{path} holds no mesh of a cell") from cause
        found.check()
        return found

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the arrays to an .npz file."""
        Path(path).write_bytes(self.data)
        return Path(path)

    @property
    def data(self) -> bytes:
        """What a file of the arrays holds."""
        held = io.BytesIO()
        np.savez(held, **{name: getattr(self, name) for name in self.__dataclass_fields__})
        return held.getvalue()

    @cached_property
    def originals(self) -> Integers:
        """The node that each is an image of; itself where it is none."""
        found = np.arange(len(self.points))
        found[self.pairs[:, 0]] = self.pairs[:, 1]
        return found

    def check(self) -> None:
        """InvalidMesh, which says where, for arrays that do not tile the plane."""
        self._check_arrays()
        self._check_pairs()
        folded = np.flatnonzero(~(self.least_stretch > 0))
        if len(folded):
            place = self.points[self.cells[folded[0], :3]].mean(axis=0)
            raise InvalidMesh(
                f"{len(folded)} triangles are degenerate, folded or clockwise, the first one near"
                f" {_text(place)}"
            )
        self._check_edges()

    def _check_arrays(self) -> None:
        shapes = {
            "points": (self.points, 2, "f"),
            "cells": (self.cells, 6, "iu"),
            "pairs": (self.pairs, 2, "iu"),
            "vectors": (self.vectors, 2, "f"),
        }
        for name, (array, width, kinds) in shapes.items():
            if not _is_table(array, width, kinds):
                raise InvalidMesh(f"{name} must be an array of {width} columns, not {_kind(array)}")
        if np.shape(self.phases) != (len(self.cells),) or self.phases.dtype.kind not in "iu":
            raise InvalidMesh(
                f"phases must hold a whole number for each of {len(self.cells)} cells"
            )
        for name in ("cells", "pairs"):
            held = getattr(self, name)
            if held.size and not (held.min() >= 0 and held.max() < len(self.points)):
                raise InvalidMesh(f"{name} hold numbers of nodes that are not there")
        if not len(self.cells) or self.vectors.shape != (2, 2):
            raise InvalidMesh("a mesh has cells, and two periods")
        if not (np.isfinite(self.points).all() and abs(np.linalg.det(self.vectors)) > 0):
            raise InvalidMesh("points and periods must be finite, and the periods independent")

    def _check_pairs(self) -> None:
        if not len(self.pairs):
            raise InvalidMesh("no node is an image of another one: the mesh is not periodic")
        chained = self.originals[self.pairs[:, 1]] != self.pairs[:, 1]
        if chained.any():
            raise InvalidMesh(f"{chained.sum()} nodes are images of images")
        apart = self.points[self.pairs[:, 0]] - self.points[self.pairs[:, 1]]
        shares = apart @ np.linalg.inv(self.vectors)
        rest = np.linalg.norm((shares - np.rint(shares)) @ self.vectors, axis=1)
        worst = int(np.argmax(rest))
        if rest[worst] > _SAME * np.abs(self.vectors).max():
            image, original = self.pairs[worst]
            raise InvalidMesh(
                f"node {image} at {_text(self.points[image])} is no image of node {original}: it"
                f" is {rest[worst]:.1e} from there"
            )

    def _check_edges(self) -> None:
        """Every edge has one triangle on each side, across the faces of the cell too."""
        corners = self.originals[self.cells[:, :3]]
        middles = self.originals[self.cells[:, 3:]].ravel()
        ends = np.stack([corners, np.roll(corners, -1, axis=1)], axis=-1).reshape(-1, 2)
        one = np.unique(np.column_stack([ends, middles]), axis=0)
        other = np.unique(np.column_stack([ends[:, ::-1], middles]), axis=0)
        if len(one) != len(ends) or not np.array_equal(one, other):
            alone = _rows_without(np.column_stack([ends, middles]), other)
            place = self.points[self.cells[:, 3:].ravel()[alone[0] if len(alone) else 0]]
            raise InvalidMesh(
                f"{len(alone)} edges have no triangle on their other side, the first one near"
                f" {_text(place)}: triangles overlap, leave gaps, or faces do not match"
            )
        area = float(self.areas.sum())
        cell = abs(float(np.linalg.det(self.vectors)))
        if abs(area - cell) > _AREA * cell:
            raise InvalidMesh(f"the triangles have the area {area:.9g}, the cell {cell:.9g}")


def moved_to(mesh: CellMesh, matrix: Array) -> CellMesh:
    """The mesh with every point x, and its periods, at x times a matrix."""
    return replace(mesh, points=mesh.points @ matrix, vectors=mesh.vectors @ matrix)


def _is_table(array: Any, width: int, kinds: str) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.ndim == 2
        and array.shape[1] == width
        and array.dtype.kind in kinds
    )


def _kind(array: Any) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.shape} of {array.dtype}"
    return type(array).__name__


def _rows_without(rows: Integers, others: Integers) -> Flags:
    known = set(map(tuple, others.tolist()))
    return np.array([k for k, row in enumerate(map(tuple, rows.tolist())) if row not in known])


def _text(place: Array) -> str:
    return f"({', '.join(f'{x:.6g}' for x in place)})"
