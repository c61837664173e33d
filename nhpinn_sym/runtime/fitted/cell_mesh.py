"""A mesh of a periodicity cell: arrays, whoever made it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Array, Flags, Integers
from .curved_simplices import CurvedSimplices
from .elements import COUNTS

# Share of the cell by which images may differ from their originals.
_SAME = 1e-8
# Relative difference of the volumes of the mesh and of the cell.
_VOLUME = 1e-8
_NAMES = {2: "triangles", 3: "tetrahedra"}
_FACETS = {2: "edges have no triangle", 3: "faces have no tetrahedron"}
# Nodes of the facets of a simplex, and a facet as the simplex on its other side has it.
_FACET_NODES: dict[int, list[tuple[int, ...]]] = {
    2: [(0, 1, 3), (1, 2, 4), (2, 0, 5)],
    3: [(0, 2, 1, 6, 5, 4), (0, 1, 3, 4, 9, 7), (1, 2, 3, 5, 8, 9), (0, 3, 2, 7, 8, 6)],
}
_TURNED: dict[int, list[int]] = {2: [1, 0, 2], 3: [0, 2, 1, 5, 4, 3]}


class InvalidMesh(ValueError):
    """Arrays that are no mesh of a periodicity cell."""


@dataclass(frozen=True, eq=False)
class CellMesh(CurvedSimplices):
    """Simplices of order 2 that tile the plane, or space, when they are moved by whole periods.

    pairs (k, 2): each node that is an image of another one, and that one; vectors (d, d): the
    periods, one a row.
    """

    pairs: Integers
    vectors: Array

    def __repr__(self) -> str:
        phases = len(np.unique(self.phases))
        return f"mesh of a cell: {len(self.cells)} {_NAMES[self.dim]} of order 2, {phases} phases"

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

    @cached_property
    def originals(self) -> Integers:
        """The node that each is an image of; itself where it is none."""
        found = np.arange(len(self.points))
        found[self.pairs[:, 0]] = self.pairs[:, 1]
        return found

    def check(self) -> None:
        """InvalidMesh, which says where, for arrays that do not tile the plane, or space."""
        self._check_arrays()
        self._check_pairs()
        folded = np.flatnonzero(~(self.least_stretch > 0))
        if len(folded):
            place = self.points[self.cells[folded[0], : self.dim + 1]].mean(axis=0)
            raise InvalidMesh(
                f"{len(folded)} {_NAMES[self.dim]} are degenerate, folded or clockwise, the first"
                f" one near {_text(place)}"
            )
        self._check_facets()

    def _check_arrays(self) -> None:
        if not _is_table(self.vectors, "f") or self.vectors.shape not in ((2, 2), (3, 3)):
            raise InvalidMesh(f"vectors must be two or three periods, not {_kind(self.vectors)}")
        dim = len(self.vectors)
        tables = {
            "points": (self.points, dim, "f"),
            "cells": (self.cells, COUNTS[dim], "iu"),
            "pairs": (self.pairs, 2, "iu"),
        }
        for name, (array, width, kinds) in tables.items():
            if not _is_table(array, kinds) or array.shape[1] != width:
                raise InvalidMesh(f"{name} must be an array of {width} columns, not {_kind(array)}")
        if np.shape(self.phases) != (len(self.cells),) or self.phases.dtype.kind not in "iu":
            raise InvalidMesh(
                f"phases must hold a whole number for each of {len(self.cells)} cells"
            )
        for name in ("cells", "pairs"):
            held = getattr(self, name)
            if held.size and not (held.min() >= 0 and held.max() < len(self.points)):
                raise InvalidMesh(f"{name} hold numbers of nodes that are not there")
        if not len(self.cells):
            raise InvalidMesh("a mesh has cells")
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

    def _check_facets(self) -> None:
        """Every edge of a triangle, every face of a tetrahedron, has one on each side, across the
        faces of the cell too."""
        facets = facets_of(self.cells)
        one = _from_least_middle(self.originals[facets])
        other = _from_least_middle(self.originals[facets[:, _TURNED[self.dim]]])
        if len(np.unique(one, axis=0)) != len(one) or not _same_rows(one, other):
            alone = _rows_without(one, other)
            place = self.points[facets[alone[0] if len(alone) else 0, -1]]
            raise InvalidMesh(
                f"{len(alone)} {_FACETS[self.dim]} on their other side, the first one near"
                f" {_text(place)}: {_NAMES[self.dim]} overlap, leave gaps, or faces do not match"
            )
        volume = float(self.volumes.sum())
        cell = abs(float(np.linalg.det(self.vectors)))
        if abs(volume - cell) > _VOLUME * cell:
            measure = {2: "area", 3: "volume"}[self.dim]
            raise InvalidMesh(
                f"the {_NAMES[self.dim]} have the {measure} {volume:.9g}, the cell {cell:.9g}"
            )


def facets_of(cells: Integers) -> Integers:
    """The edges (3 m, 3) of triangles: both ends, with the triangle on the left, and the middle;
    the faces (4 m, 6) of tetrahedra: corners, clockwise from within, and middles of triangles."""
    dim = {count: dim for dim, count in COUNTS.items()}[cells.shape[1]]
    found = np.array(_FACET_NODES[dim])
    return cells[:, found].reshape(-1, found.shape[1])


def _from_least_middle(facets: Integers) -> Integers:
    """Faces with the corners and middles turned until the least middle is the first one."""
    if facets.shape[1] == 3:
        return facets
    turn = (np.argmin(facets[:, 3:], axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(facets, np.concatenate([turn, 3 + turn], axis=1), axis=1)


def _same_rows(one: Integers, other: Integers) -> bool:
    return np.array_equal(*(rows[np.lexsort(rows.T)] for rows in (one, other)))


def moved_to(mesh: CellMesh, matrix: Array) -> CellMesh:
    """The mesh with every point x, and its periods, at x times a matrix."""
    return replace(mesh, points=mesh.points @ matrix, vectors=mesh.vectors @ matrix)


def _is_table(array: Any, kinds: str) -> bool:
    return isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype.kind in kinds


def _kind(array: Any) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.shape} of {array.dtype}"
    return type(array).__name__


def _rows_without(rows: Integers, others: Integers) -> Flags:
    known = set(map(tuple, others.tolist()))
    return np.array([k for k, row in enumerate(map(tuple, rows.tolist())) if row not in known])


def _text(place: Array) -> str:
    return f"({', '.join(f'{x:.6g}' for x in place)})"
