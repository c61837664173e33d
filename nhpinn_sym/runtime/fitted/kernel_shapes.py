"""What the libraries that mesh cells have in common: regions as shapes of a geometry kernel, and
the sequence of meshes that are made one by one."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from ..arrays import Array
from .cell_mesh import CellMesh, InvalidMesh
from .elements import inside, places_of
from .interfaces import Label
from .msh_cells import periodic_cell
from .quadrics import BooleanRegion, HalfSpace, Quadric, Round, classified

Shape = TypeVar("Shape")

# Share of the cell by which regions may leave it, and by which vertices that match differ.
_BESIDE = 0.25
_SAME = 1e-6
# In which shares of the cell are rounded that are one.
_DIGITS = 9
TRIALS = 4
FINER = 1.4
"""Meshes that are tried, each finer by that factor, until no element is folded."""
# Degrees between faces, or edges, below which interfaces touch.
_FLAT = 0.05


class MeshingFailed(ValueError):
    """The library makes no mesh of this."""


def unfolded_meshes(
    places: Callable[[float, float], Array], label: Label, vectors: Array, n: int
) -> Iterator[CellMesh]:
    """Meshes with about n, 2 n, 4 n, ... elements along the longest vector, or the next finer ones
    where one of these is folded. MeshingFailed.

    places : of the nodes (m, k, d) of each element, by their size and the factor by which they are
             finer than the first ones
    """
    finer = 1.0
    while True:
        found, finer = _unfolded(places, label, vectors, n, finer)
        yield found
        finer *= 2


def _unfolded(
    places: Callable[[float, float], Array], label: Label, vectors: Array, n: int, finer: float
) -> tuple[CellMesh, float]:
    """The mesh whose elements are by that factor finer than n, or by the next one with which none
    is folded; and the factor."""
    size = float(np.linalg.norm(vectors, axis=1).max()) / n
    for _ in range(TRIALS):
        nodes = places(size / finer, finer)
        phases = label(places_of(nodes, inside(len(vectors))[:1])[:, 0])
        try:
            found = periodic_cell(nodes, phases, vectors)
        except InvalidMesh as cause:
            failure = cause
            finer *= FINER
            continue
        if found.quality < _FLAT:
            raise MeshingFailed(
                f"elements have angles of {found.quality:.1e} degrees: interfaces touch, or nearly"
            )
        return found, finer
    raise MeshingFailed(str(failure)) from failure


def missing_images(places: Array, vectors: Array, origin: Array) -> Array:
    """Where vertices on faces of the cell, at places (n, d), have images that are no vertices:
    where closed curves begin differs from one to the other."""
    shares = (places - origin) @ np.linalg.inv(vectors)
    images = []
    for share in shares:
        ends = [(0.0, 1.0) if abs(x - round(x)) < _SAME else (x,) for x in share]
        images += list(itertools.product(*ends))
    found = np.array(images)
    apart = np.abs(found[:, None] - shares).max(axis=2).min(axis=1)
    missing = np.unique(np.round(found[apart > _SAME], _DIGITS), axis=0)
    return np.asarray(origin + missing @ vectors)


def in_space(places: Array) -> Array:
    """Places (..., d), or vectors, with a third coordinate of 0 in the plane."""
    return np.concatenate([places, np.zeros((*places.shape[:-1], 3 - places.shape[-1]))], axis=-1)


class KernelShapes(ABC, Generic[Shape]):
    """Regions as shapes of a geometry kernel, in a parallelepiped around the cell."""

    def __init__(self, vectors: Array, origin: Array) -> None:
        self._vectors = vectors
        self._origin = origin
        self._dim = len(vectors)
        self._center = origin + vectors.sum(axis=0) / 2
        self._reach = (1 + 2 * _BESIDE) * float(np.abs(vectors).sum())

    @abstractmethod
    def intersected(self, one: list[Shape], other: list[Shape]) -> list[Shape]: ...

    @abstractmethod
    def cut(self, one: list[Shape], other: list[Shape]) -> list[Shape]: ...

    @abstractmethod
    def polygon(self, corners: Array) -> Shape:
        """With corners (n, 3)."""

    @abstractmethod
    def extruded(self, face: Shape, along: Array) -> Shape: ...

    @abstractmethod
    def disk(self, center: Array, long: float, short: float, normal: Array, along: Array) -> Shape:
        """An ellipse with its longer radius `along`."""

    @abstractmethod
    def cylinder(self, start: Array, along: Array, radius: float) -> Shape:
        """Round: gmsh's meshes of an extruded circle do not match across the faces of a cell."""

    @abstractmethod
    def ball(self, center: Array, radius: float) -> Shape: ...

    @abstractmethod
    def ellipsoid(self, center: Array, edges: Array) -> Shape:
        """edges: from the center to the surface along each of its axes, one a row."""

    def of(self, region: Quadric | BooleanRegion) -> list[Shape]:
        """Shapes whose union is the region there."""
        if not isinstance(region, BooleanRegion):
            found = classified(region)
            if isinstance(found, Sequence):
                return self._common([self._half_space(side) for side in found])
            return self._quadric(found)
        parts = [self.of(part) for part in region.parts]
        if region.kind == "and":
            return self._common(parts)
        together = [shape for part in parts for shape in part]
        return together if region.kind == "or" else self._rest(together)

    def cell(self, beside: float = 0.0) -> list[Shape]:
        """The cell, larger on each side by that share of it."""
        start = self._origin - beside * self._vectors.sum(axis=0)
        return self._parallelepiped(start, (1 + 2 * beside) * self._vectors)

    def _parallelepiped(self, start: Array, edges: Array) -> list[Shape]:
        a, b, *others = edges
        face = self.polygon(in_space(np.array([start, start + a, start + a + b, start + b])))
        return [self.extruded(face, others[0]) if others else face]

    def _common(self, parts: Sequence[list[Shape]]) -> list[Shape]:
        first, *others = parts
        for other in others:
            if not (first and other):
                return []
            first = self.intersected(first, other)
        return first

    def _rest(self, shapes: list[Shape]) -> list[Shape]:
        whole = self.cell(_BESIDE)
        return self.cut(whole, shapes) if shapes else whole

    def _quadric(self, found: HalfSpace | Round | bool) -> list[Shape]:
        if isinstance(found, bool):
            return self.cell(_BESIDE) if found else []
        if isinstance(found, HalfSpace):
            return self._half_space(found)
        solid = [self._round(found)]
        return self._rest(solid) if found.outside else solid

    def _half_space(self, found: HalfSpace) -> list[Shape]:
        """A cube, or a square, with one side in the plane."""
        normal = found.normal / np.linalg.norm(found.normal)
        frame = np.linalg.qr(np.column_stack([normal, np.eye(self._dim)]))[0].T
        frame[0] = -normal
        middle = self._center - (self._center - found.point) @ normal * normal
        edges = 2 * self._reach * frame
        return self._parallelepiped(middle - edges[1:].sum(axis=0) / 2, edges)

    def _round(self, found: Round) -> Shape:
        center, radii, axes = found.center, found.radii, found.axes
        if self._dim == 2:
            return self._disk(center, found, np.array([0.0, 0.0, 1.0]))
        if np.isinf(radii[2]):
            along = 2 * self._reach * axes[2]
            start = center + (self._center - center) @ axes[2] * axes[2] - along / 2
            if np.ptp(radii[:2]) <= _SAME * radii[0]:
                return self.cylinder(start, along, float(radii[0]))
            return self.extruded(self._disk(start, found, axes[2]), along)
        if np.ptp(radii) <= _SAME * radii[0]:
            return self.ball(center, float(radii[0]))
        return self.ellipsoid(center, radii[:, None] * axes)

    def _disk(self, center: Array, found: Round, normal: Array) -> Shape:
        """The longer axis is the second one."""
        short, long = (float(radius) for radius in found.radii[:2])
        if long - short <= _SAME * long:
            long = short
        return self.disk(in_space(center), long, short, normal, in_space(found.axes[1]))
