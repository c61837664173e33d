"""The surfaces of shapes in space, as quadrics with names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import sympy as sp

from ..runtime.arrays import Array
from ..runtime.fitted.quadrics import BooleanRegion, Quadric
from .domain import Box
from .errors import UnsupportedError
from .joined_shapes import Extent, Joined, Shape, joined_extent
from .shapes import Ball, Cylinder, Layer

_KINDS = {"|": "or", "&": "and"}


@dataclass(frozen=True)
class Surface:
    """A part of the surface of a shape, which lies where the quadric is negative.

    name  : where it holds #, a number is put in
    group : a name for this part and others
    """

    name: str
    group: str
    quadric: Quadric


@dataclass(frozen=True)
class Solid:
    """A shape as a region between quadrics, and its surfaces."""

    region: Quadric | BooleanRegion
    surfaces: tuple[Surface, ...]


@singledispatch
def solid_of(shape: Shape) -> Solid:
    """UnsupportedError for shapes that have no surface in space."""
    raise UnsupportedError(
        "a domain in space of this shape",
        term=shape,
        remedy="join Ball, Cylinder, Box and Layer",
    )


@solid_of.register
def _(shape: Joined) -> Solid:
    first, second = solid_of(shape.first), solid_of(shape.second)
    other = second.region
    if shape.sign == "-":
        other = BooleanRegion("not", (other,))
    kind = "or" if shape.sign == "|" else "and"
    region = BooleanRegion(kind, (first.region, other))  # type: ignore[arg-type]
    return Solid(region, first.surfaces + second.surfaces)


@solid_of.register
def _(shape: Ball) -> Solid:
    center = np.array(shape.center, dtype=float)
    return _round(shape.name or "sphere#", shape.name, np.eye(3), center, shape.radius)


@solid_of.register
def _(shape: Cylinder) -> Solid:
    across = np.delete(np.eye(3), shape.axis, axis=0)
    center = np.array(shape.center, dtype=float) @ across
    return _round("cylinder#", "", across.T @ across, center, shape.radius)


def _round(name: str, group: str, matrix: Array, center: Array, radius: sp.Expr) -> Solid:
    constant = float(center @ matrix @ center) - float(radius) ** 2
    found = Quadric(matrix, -2 * matrix @ center, constant)
    return Solid(found, (Surface(name, group, found),))


@solid_of.register
def _(shape: Box) -> Solid:
    if shape.dim != 3:
        raise UnsupportedError(
            f"a box of {shape.dim} dimensions in a domain in space",
            term=shape,
            remedy="write Box((0, 1), (0, 1), (0, 1))",
        )
    prefix = f"{shape.name}_" if shape.name else ""
    sides = []
    for part in shape.parts:
        normal = np.array(part.normal, dtype=float)
        quadric = Quadric.half_space(normal, float(part.offset))
        sides.append(Surface(prefix + part.name, shape.name, quadric))
    return _between(sides)


@solid_of.register
def _(shape: Layer) -> Solid:
    sides = []
    for sign, name, end in zip((-1, 1), ("lower", "upper"), shape.interval):
        quadric = Quadric.half_space(sign * np.eye(3)[shape.axis], sign * float(end))
        sides.append(Surface(f"layer#_{name}", "", quadric))
    return _between(sides)


def _between(sides: list[Surface]) -> Solid:
    return Solid(BooleanRegion("and", tuple(side.quadric for side in sides)), tuple(sides))


def hull(shape: Shape) -> tuple[Extent, ...]:
    """The ends along each of the three axes of a box that holds the shape."""
    if not isinstance(shape, Joined):
        ends = shape.extents
        return (*ends, *(None,) * (3 - len(ends)))
    first, second = hull(shape.first), hull(shape.second)
    if shape.sign == "-":
        return first
    joined = joined_extent if shape.sign == "|" else _both
    return tuple(joined(one, other) for one, other in zip(first, second, strict=True))


def _both(one: Extent, other: Extent) -> Extent:
    if one is None or other is None:
        return one or other
    return sp.Max(one[0], other[0]), sp.Min(one[1], other[1])
