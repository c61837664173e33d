"""Surfaces and volumes of shapes, exact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from itertools import combinations, product

import sympy as sp

from .domain import Cell
from .errors import UnsupportedError
from .joined_shapes import Shape
from .shapes import Ball, Cylinder, Disk, Ellipse, Polygon


@singledispatch
def measures(shape: Shape, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    """The surface of a shape (in the plane its perimeter), and its volume (area), in one cell.
    UnsupportedError for shapes that are joined, and layers.
    """
    raise UnsupportedError(
        "the surface of this shape",
        term=shape,
        remedy="take Disk, Ellipse, Polygon, Ball or Cylinder",
    )


@measures.register
def _(shape: Disk, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    return 2 * sp.pi * shape.radius, sp.pi * shape.radius**2


@measures.register
def _(shape: Ball, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    return 4 * sp.pi * shape.radius**2, sp.Rational(4, 3) * sp.pi * shape.radius**3


@measures.register
def _(shape: Cylinder, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    low, high = cell.intervals[shape.axis]
    return 2 * sp.pi * shape.radius * (high - low), sp.pi * shape.radius**2 * (high - low)


@measures.register
def _(shape: Ellipse, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    a, b = sorted(shape.axes, key=float, reverse=True)
    # A number, as no library that data are printed for has elliptic integrals.
    return sp.N(4 * a * sp.elliptic_e(1 - b**2 / a**2), 17), sp.pi * a * b


@measures.register
def _(shape: Polygon, cell: Cell) -> tuple[sp.Expr, sp.Expr]:
    edges = list(zip(shape.vertices, (*shape.vertices[1:], shape.vertices[0]), strict=True))
    perimeter = sp.Add(*(sp.sqrt((c - a) ** 2 + (d - b) ** 2) for (a, b), (c, d) in edges))
    return perimeter, sp.Abs(sp.Add(*(a * d - b * c for (a, b), (c, d) in edges))) / 2


def require_apart(shapes: Sequence[Shape], cell: Cell) -> None:
    """UnsupportedError for shapes that meet each other or their images in other cells: their
    surfaces would not add. Those that are not round may not come closer than their boxes.
    """
    images = list(product((-1, 0, 1), repeat=cell.dim))
    pairs = [(one, other, shift) for one, other in combinations(shapes, 2) for shift in images]
    pairs += [(one, one, shift) for one in shapes for shift in images if any(shift)]
    for one, other, shift in pairs:
        if _may_meet(one, other, [n * (b - a) for n, (a, b) in zip(shift, cell.bounds)]):
            raise UnsupportedError(
                "a condition at the surfaces of holes that meet, or whose boxes do",
                term=f"{one}, {other}",
                remedy="move them apart",
            )


def _may_meet(one: Shape, other: Shape, shift: Sequence[float]) -> bool:
    if isinstance(one, (Disk, Ball)) and isinstance(other, (Disk, Ball)):
        gaps = [float(a - b) - s for a, b, s in zip(one.center, other.center, shift, strict=True)]
        return sum(gap**2 for gap in gaps) <= float(one.radius + other.radius) ** 2
    for extent, another, move in zip(one.extents, other.extents, shift, strict=True):
        if extent is None or another is None:
            # Along this axis both are everywhere: images in the next cell are the shape itself.
            if move:
                return False
            continue
        low, high = map(float, extent)
        if high < float(another[0]) + move or float(another[1]) + move < low:
            return False
    return True
