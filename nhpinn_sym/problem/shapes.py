"""Shapes of phases on the periodicity cell, and the coefficient that takes one value in each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from .domain import Cell, LatticeCell
from .errors import ProblemError, shortened
from .joined_shapes import Extent, Joined, Shape, part_name
from .polygons import convex_parts, require_simple
from .scales import Scales
from .shape_input import Point as Point
from .shape_input import axis_of, exact_number, exact_point, exact_size
from .user_input import instance, scalar


@dataclass(frozen=True, init=False)
class _Round(Shape):
    """|y - center| < radius in the coordinates that `center` has."""

    center: Point
    radius: sp.Expr
    name: str = field(default="", repr=False)

    def __init__(self, center: object, radius: object, name: str = "") -> None:
        object.__setattr__(self, "center", exact_point(center, self, self._dim))
        object.__setattr__(self, "radius", exact_size(radius, self, "radius"))
        object.__setattr__(self, "name", part_name(name))

    _dim = 2

    @property
    def extents(self) -> tuple[Extent, ...]:
        """(low, high) along each axis."""
        return tuple((c - self.radius, c + self.radius) for c in self.center)

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside."""
        return sp.Add(*[(v - c) ** 2 for v, c in zip(y, self.center, strict=True)]) < self.radius**2


class Disk(_Round):
    """The disk of a center (c1, c2) and a radius.

    >>> s = nh.Scales(2)
    >>> nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    Piecewise((10, (y1 - 1/2)**2 + (y2 - 1/2)**2 < 9/100), (1, True))
    """


class Ball(_Round):
    """The ball of a center (c1, c2, c3) and a radius.

    >>> s = nh.Scales(3)
    >>> nh.phases(s, {nh.Ball((0.5, 0.5, 0.5), 0.3): 10}, default=1)
    Piecewise((10, (y1 - 1/2)**2 + (y2 - 1/2)**2 + (y3 - 1/2)**2 < 9/100), (1, True))
    """

    _dim = 3


@dataclass(frozen=True, init=False)
class Cylinder(Shape):
    """The infinite circular cylinder along `axis` (0, 1, 2); `center` holds the two other
    coordinates.

    >>> s = nh.Scales(3)
    >>> nh.phases(s, {nh.Cylinder((0.5, 0.5), 0.3, axis=2): 10}, default=1)
    Piecewise((10, (y1 - 1/2)**2 + (y2 - 1/2)**2 < 9/100), (1, True))
    """

    center: Point
    radius: sp.Expr
    axis: int

    def __init__(self, center: object, radius: object, axis: int) -> None:
        object.__setattr__(self, "center", exact_point(center, self, 2))
        object.__setattr__(self, "radius", exact_size(radius, self, "radius"))
        object.__setattr__(self, "axis", axis_of(axis, self, 3))

    @property
    def extents(self) -> tuple[Extent, ...]:
        """(low, high) along each axis; None along that of the cylinder."""
        across: list[Extent] = [(c - self.radius, c + self.radius) for c in self.center]
        return (*across[: self.axis], None, *across[self.axis :])

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside."""
        across = [v for k, v in enumerate(y) if k != self.axis]
        return (
            sp.Add(*[(v - c) ** 2 for v, c in zip(across, self.center, strict=True)])
            < self.radius**2
        )


@dataclass(frozen=True, init=False)
class Ellipse(Shape):
    """The ellipse of a center and semi-axes (a, b), the first turned by `angle` (radians) from the
    first coordinate axis.

    >>> s = nh.Scales(2)
    >>> nh.phases(s, {nh.Ellipse((0.5, 0.5), (0.3, 0.2)): 10}, default=1)
    Piecewise((10, (10*y1/3 - 5/3)**2 + (5*y2 - 5/2)**2 < 1), (1, True))
    """

    center: Point
    axes: Point
    angle: sp.Expr
    name: str = field(default="", repr=False)

    def __init__(self, center: object, axes: object, angle: object = 0, name: str = "") -> None:
        object.__setattr__(self, "center", exact_point(center, self, 2))
        sizes = exact_point(axes, self, 2)
        object.__setattr__(self, "axes", tuple(exact_size(v, self, "semi-axis") for v in sizes))
        object.__setattr__(self, "angle", exact_number(angle, self))
        object.__setattr__(self, "name", part_name(name))

    @property
    def extents(self) -> tuple[Extent, ...]:
        """(low, high) along each axis."""
        a, b = self.axes
        c, s = (sp.cos(self.angle), sp.sin(self.angle))
        reach = (sp.sqrt((a * c) ** 2 + (b * s) ** 2), sp.sqrt((a * s) ** 2 + (b * c) ** 2))
        return tuple((m - r, m + r) for m, r in zip(self.center, reach, strict=True))

    def turned(self, y: Sequence[sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
        """The coordinates of a point along both axes, from the center."""
        u, v = (w - m for w, m in zip(y, self.center, strict=True))
        c, s = (sp.cos(self.angle), sp.sin(self.angle))
        return c * u + s * v, c * v - s * u

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside."""
        u, v = self.turned(y)
        return (u / self.axes[0]) ** 2 + (v / self.axes[1]) ** 2 < 1


@dataclass(frozen=True, init=False)
class Polygon(Shape):
    """The polygon of these vertices, in order; it need not be convex, and must not intersect
    itself.

    >>> s = nh.Scales(2)
    >>> nh.phases(s, {nh.Polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.7)]): 10}, default=1)
    Piecewise((10, (y2 >= 1/5) & (y1/2 - 3*y2/10 >= 1/25) & (y1/2 + 3*y2/10 <= 23/50)), (1, True))
    """

    vertices: tuple[Point, ...]
    name: str = field(default="", repr=False)

    def __init__(self, vertices: Sequence[object], name: str = "") -> None:
        if not isinstance(vertices, (list, tuple)) or len(vertices) < 3:
            raise ProblemError(
                "a polygon has at least three vertices",
                term=shortened(vertices),
                remedy="write Polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.8)])",
            )
        object.__setattr__(self, "vertices", tuple(exact_point(v, self, 2) for v in vertices))
        object.__setattr__(self, "name", part_name(name))
        require_simple(self.vertices)

    def edge(self, k: int) -> str:
        """The name of the edge from vertex k to the next one, as a part of a boundary."""
        n = len(self.vertices)
        if type(k) is not int or not 0 <= k < n:
            raise ProblemError(
                f"a polygon of {n} edges has none of this number",
                term=shortened(k),
                remedy=f"edge 0 joins the vertices 0 and 1; the last one is {n - 1}",
            )
        return f"{self.name}_{k}" if self.name else f"edge{k}"

    @property
    def extents(self) -> tuple[Extent, ...]:
        """(low, high) along each axis."""
        return tuple(
            (sp.Min(*column), sp.Max(*column)) for column in zip(*self.vertices, strict=True)
        )

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside: in one of convex parts."""
        return sp.Or(
            *[
                sp.And(
                    *[_left_of(y, p, q) for p, q in zip(part, (*part[1:], part[0]), strict=True)]
                )
                for part in convex_parts(self.vertices)
            ]
        )


@dataclass(frozen=True, init=False)
class Layer(Shape):
    """lo <= y < hi along `axis`, in any dimension.

    >>> s = nh.Scales(2)
    >>> nh.phases(s, {nh.Layer(0, (0.2, 0.6)): 10}, default=1)
    Piecewise((10, (y1 >= 1/5) & (y1 < 3/5)), (1, True))
    """

    axis: int
    interval: tuple[sp.Expr, sp.Expr]

    def __init__(self, axis: int, interval: object) -> None:
        ends = exact_point(interval, self, 2)
        if not ends[0] < ends[1]:
            raise ProblemError(
                "a layer needs its lower end first",
                term=shortened(interval),
                remedy="write Layer(0, (0.2, 0.6))",
            )
        object.__setattr__(self, "axis", axis_of(axis, self, 3))
        object.__setattr__(self, "interval", ends)

    @property
    def extents(self) -> tuple[Extent, ...]:
        """(low, high) along its axis; None along those before it."""
        return (*(None,) * self.axis, self.interval)

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside; the upper side does not."""
        return sp.And(self.interval[0] <= y[self.axis], y[self.axis] < self.interval[1])

    def fits(self, dim: int) -> bool:
        """Whether its axis is one of `dim`."""
        return self.axis < dim


def phases(
    scales: Scales, shapes: Mapping[Shape, object], default: object = 1, *, cell: Cell | None = None
) -> sp.Expr:
    """The coefficient that takes the value of the first shape that holds y, and `default`
    elsewhere: a sp.Piecewise on the cell.

    shapes : {shape: value}; values are numbers or expressions in s.y and s.x.
    cell   : the periodicity cell of the problem (default: the unit cell); what leaves it on one
             side comes in on the other.
    ProblemError for shapes of another dimension, or larger than the cell.

    >>> s = nh.Scales(2)
    >>> a = nh.phases(s, {nh.Disk((0, 0), 0.2): 10, nh.Layer(0, (0, 0.5)): 3}, default=1)
    >>> a.subs(dict(zip(s.y, (0.1, 0.9))))
    10
    """
    scales = instance(scales, Scales, "scales", "write nh.phases(s, {...}) with s = Scales(dim)")
    if not isinstance(shapes, Mapping) or not shapes:
        raise ProblemError(
            "phases takes a dictionary of shapes with at least one",
            term=shortened(shapes),
            remedy="write nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)",
        )
    if cell is None:
        cell = Cell.unit(scales.dim)
    cell = instance(cell, Cell, "cell", "write cell=Cell((0, 1), ...)")
    if cell.dim != scales.dim:
        raise ProblemError(
            f"the cell has dimension {cell.dim}, the scales have {scales.dim}",
            term=cell,
            remedy="give one interval per dimension",
        )
    branches = [(_value(value), _condition(shape, scales, cell)) for shape, value in shapes.items()]
    return sp.Piecewise(*branches, (_value(default), True))


def _condition(shape: object, scales: Scales, cell: Cell) -> Boolean:
    """That y, in the cell, lies in the shape or in one of its images."""
    if not isinstance(shape, Shape):
        raise ProblemError(
            "a key of phases is not a Shape",
            term=shortened(shape),
            remedy="use Disk, Ellipse, Polygon, Layer, Ball or Cylinder",
        )
    if not shape.fits(scales.dim):
        raise ProblemError(
            f"this is no shape of {scales.dim} dimensions",
            term=shape,
            remedy="Disk, Ellipse and Polygon are plane, Ball and Cylinder solid",
        )
    if isinstance(shape, Joined):
        parts = (_condition(part, scales, cell) for part in (shape.first, shape.second))
        return shape.condition(*parts)
    if isinstance(cell, LatticeCell):
        images = _lattice_images(shape, cell)
        return sp.Or(
            *[
                shape.holds([v - move for v, move in zip(scales.y, image, strict=True)])
                for image in images
            ]
        )
    shifts = [
        _shifts(None if k in cell.free else extent, a, b, shape)
        for k, (extent, (a, b)) in enumerate(
            zip(
                (*shape.extents, *(None,) * (scales.dim - len(shape.extents))),
                cell.intervals,
                strict=True,
            )
        )
    ]
    return sp.Or(
        *[
            shape.holds([v - move for v, move in zip(scales.y, image, strict=True)])
            for image in itertools.product(*shifts)
        ]
    )


def _lattice_images(shape: Shape, cell: LatticeCell) -> list[list[sp.Expr]]:
    """The moves by vectors of the lattice that bring a part of the shape into the box around the
    cell: none by those along which it has no ends."""
    extents = (*shape.extents, *(None,) * (cell.dim - len(shape.extents)))
    across = [k for k, extent in enumerate(extents) if extent is not None]
    vectors = np.array(cell.vectors, dtype=float)[:, across]
    moving = np.flatnonzero(vectors.any(axis=1))
    if len(moving) != len(across):
        raise ProblemError(
            "a shape without ends, along no vector of the lattice: it would not be periodic",
            term=shape,
            remedy="give a cell with a period along it, or a shape that ends along every axis",
        )
    low, high = np.array([extents[k] for k in across], dtype=float).T
    box = np.array(cell.bounds)[across]
    corners = itertools.product(*zip(box[:, 0] - high, box[:, 1] - low, strict=True))
    shares = np.array(list(corners)) @ np.linalg.inv(vectors[moving])
    ends = zip(np.floor(shares.min(axis=0)), np.ceil(shares.max(axis=0)), strict=True)
    found = []
    for counts in itertools.product(*(range(int(a), int(b) + 1) for a, b in ends)):
        all_counts = [sp.Integer(0)] * cell.dim
        for k, count in zip(moving, counts, strict=True):
            all_counts[k] = sp.Integer(count)
        move = cell.point(all_counts)
        at = np.array([float(move[k]) for k in across])
        if np.all((low + at < box[:, 1]) & (high + at > box[:, 0])):
            found.append(move)
    return found


def _shifts(extent: Extent, a: sp.Expr, b: sp.Expr, shape: Shape) -> list[sp.Expr]:
    """The moves by whole periods that bring a part of the extent into (a, b)."""
    if extent is None:
        return [sp.Integer(0)]
    low, high = extent
    period = b - a
    if high - low > period:
        raise ProblemError(
            "a shape is larger than the cell",
            term=shape,
            remedy=f"its extent may be at most {period} there; give cell=Cell(...)",
        )
    first = sp.floor((a - high) / period) + 1
    return [
        k * period
        for k in range(int(first), int(first) + 3)
        if high + k * period > a and low + k * period < b
    ]


def _left_of(y: Sequence[sp.Expr], p: Point, q: Point) -> Boolean:
    """That y is not to the right of the line from p to q."""
    return (q[0] - p[0]) * (y[1] - p[1]) - (q[1] - p[1]) * (y[0] - p[0]) >= 0


def _value(value: Any) -> sp.Expr:
    remedy = "give a number, or an expression in s.y and s.x; matrices by their entries"
    found = scalar(value, ProblemError, "the value of a phase", remedy=remedy)
    if found.is_Matrix:
        raise ProblemError("the value of a phase is a matrix", term=shortened(value), remedy=remedy)
    return found
