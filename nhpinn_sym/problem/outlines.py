"""The outlines of plane shapes: curves in floating point, how they cut each other, and what lies
inside of a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp

from ..runtime.arrays import Array, Flags
from .domain import Box
from .errors import ProblemError, UnsupportedError
from .joined_shapes import Joined, Shape
from .polygons import area
from .shapes import Disk, Ellipse, Layer, Point, Polygon

PLACE = sp.symbols("place1:3", real=True)
"""The coordinates in the levels of outlines."""
ALONG = sp.Symbol("along", real=True)
"""The coordinate along a curve."""
# Coefficients of an equation that are rounding: two curves are the same one where all are.
_NOTHING = 1e-12
# Distance of a root of a trigonometric polynomial from the unit circle: double ones, where curves
# touch, are off by the root of rounding.
_REAL = 1e-6
# Places at which such a polynomial, of degree two, is sampled.
_SAMPLES = 8


@dataclass(frozen=True)
class Curve:
    """base + s u for 0 <= s <= 1, or `round` base + cos(s) u + sin(s) v for 0 <= s <= 2 pi; the
    shape that it bounds lies on its left.
    """

    base: Array
    u: Array
    v: Array
    round: bool

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, 2 * np.pi) if self.round else (0.0, 1.0)

    def at(self, s: Array) -> Array:
        """Points (n, 2)."""
        if self.round:
            return self.base + np.cos(s)[:, None] * self.u + np.sin(s)[:, None] * self.v
        return np.asarray(self.base + s[:, None] * self.u)

    def formulas(self, s: sp.Symbol) -> list[sp.Expr]:
        """The coordinates of its points."""
        shares = (sp.cos(s), sp.sin(s)) if self.round else (s, sp.Integer(0))
        vectors = zip(self.base.tolist(), self.u.tolist(), self.v.tolist(), strict=True)
        return [a + b * shares[0] + c * shares[1] for a, b, c in vectors]

    def tangent(self, s: Array) -> Array:
        """The derivative by s (n, 2)."""
        if self.round:
            return np.asarray(np.cos(s)[:, None] * self.v - np.sin(s)[:, None] * self.u)
        return np.broadcast_to(self.u, (len(s), 2))

    def level(self, points: Array) -> Array:
        """A function of points (n, 2) that vanishes on the curve, and is positive on its left."""
        apart = points - self.base
        if self.round:
            shares = apart @ np.linalg.inv(np.stack([self.u, self.v]))
            return np.asarray(1 - (shares**2).sum(axis=1))
        return np.asarray(self.u[0] * apart[:, 1] - self.u[1] * apart[:, 0]) / (self.u @ self.u)

    def nearest(self, points: Array) -> Array:
        """The s of the points of the curve that are about nearest to points (n, 2)."""
        apart = points - self.base
        if self.round:
            shares = apart @ np.linalg.inv(np.stack([self.u, self.v]))
            return np.asarray(np.arctan2(shares[:, 1], shares[:, 0]) % (2 * np.pi))
        return np.asarray(apart @ self.u / (self.u @ self.u))

    @property
    def bend(self) -> float:
        """The least radius of curvature; infinite for a line."""
        if not self.round:
            return np.inf
        a, b = np.linalg.norm(self.u), np.linalg.norm(self.v)
        return float(min(a, b) ** 2 / max(a, b))

    def crossings(self, other: Curve) -> Array:
        """The s at which another curve, continued as a line where it is one, is met."""
        if self.round:
            s = 2 * np.pi * np.arange(_SAMPLES) / _SAMPLES
            waves = np.fft.fft(other.level(self.at(s))) / _SAMPLES
            roots = _roots(np.concatenate([waves[2::-1], waves[:-3:-1]]))
            roots = roots[np.abs(np.abs(roots) - 1) < _REAL]
            return np.asarray(np.angle(roots) % (2 * np.pi))
        first, middle, last = other.level(self.at(np.array([0.0, 0.5, 1.0])))
        second = 2 * (first - 2 * middle + last)
        roots = _roots(np.array([second, last - first - second, first]))
        return np.asarray(roots.real[np.abs(roots.imag) < _REAL])


def _roots(coefficients: Any) -> Any:
    """Of a polynomial; none where it vanishes."""
    # What rounding leaves of a leading coefficient would be a root far away.
    kept = np.where(np.abs(coefficients) > _NOTHING, coefficients, 0.0)
    return np.roots(kept)


@dataclass(frozen=True)
class Outline:
    """A part of the outline of a shape.

    name  : where it holds #, a number is put in
    group : a name for this part and others
    level : in `PLACE`: it vanishes on the curve, and is positive in the shape
    slope : the length of its gradient on the curve
    """

    name: str
    group: str
    curve: Curve
    level: sp.Expr
    slope: sp.Expr


def _numbers(values: Sequence[Any]) -> Array:
    return np.array([float(v) for v in values])


@singledispatch
def outlines_of(shape: Shape, low: Array, high: Array) -> list[Outline]:
    """The outline of a shape. What has no end is cut off outside of the box (low, high)."""
    raise UnsupportedError(
        "a domain of this shape",
        term=shape,
        remedy="plane regions are made of Polygon, Disk, Ellipse, Box and Layer; in space give Box",
    )


@singledispatch
def inside(shape: Shape, points: Array) -> Flags:
    """Whether points (n, 2) lie inside of a shape."""
    raise TypeError(type(shape).__name__)


@outlines_of.register
def _(shape: Joined, low: Array, high: Array) -> list[Outline]:
    return [*outlines_of(shape.first, low, high), *outlines_of(shape.second, low, high)]


@inside.register
def _(shape: Joined, points: Array) -> Flags:
    first, second = inside(shape.first, points), inside(shape.second, points)
    if shape.sign == "|":
        return first | second
    return first & (second if shape.sign == "&" else ~second)


@outlines_of.register
def _(shape: Disk, low: Array, high: Array) -> list[Outline]:
    square = sum((v - c) ** 2 for v, c in zip(PLACE, shape.center, strict=True))
    level = shape.radius**2 - square
    return [Outline(shape.name or "circle#", shape.name, _round(shape), level, 2 * shape.radius)]


@outlines_of.register
def _(shape: Ellipse, low: Array, high: Array) -> list[Outline]:
    (a, b), (u, v) = shape.axes, shape.turned(PLACE)
    slope = 2 * sp.sqrt((u / a**2) ** 2 + (v / b**2) ** 2)
    level = 1 - (u / a) ** 2 - (v / b) ** 2
    return [Outline(shape.name or "ellipse#", shape.name, _round(shape), level, slope)]


def _round(shape: Disk | Ellipse) -> Curve:
    if isinstance(shape, Disk):
        axes = float(shape.radius) * np.eye(2)
    else:
        c, s = np.cos(float(shape.angle)), np.sin(float(shape.angle))
        axes = _numbers(shape.axes)[:, None] * np.array([[c, s], [-s, c]])
    return Curve(_numbers(shape.center), axes[0], axes[1], True)


@inside.register(Disk)
@inside.register(Ellipse)
def _(shape: Disk | Ellipse, points: Array) -> Flags:
    return np.asarray(_round(shape).level(points) > 0)


def _line(name: str, group: str, start: Point, end: Point) -> Outline:
    """From one point to another, the shape on its left."""
    u, v = (sp.nsimplify(b - a, rational=True) for a, b in zip(start, end, strict=True))
    length = sp.sqrt(u**2 + v**2)
    level = u / length * (PLACE[1] - start[1]) - v / length * (PLACE[0] - start[0])
    curve = Curve(_numbers(start), _numbers((u, v)), np.zeros(2), False)
    return Outline(name, group, curve, level, sp.Integer(1))


@outlines_of.register
def _(shape: Polygon, low: Array, high: Array) -> list[Outline]:
    name = f"{shape.name}_{{}}" if shape.name else "edge#"
    found = []
    for k, (p, q) in enumerate(zip(shape.vertices, (*shape.vertices[1:], shape.vertices[0]))):
        ends = (p, q) if area(shape.vertices) > 0 else (q, p)
        found.append(_line(name.format(k), shape.name, *ends))
    return found


@inside.register
def _(shape: Polygon, points: Array) -> Flags:
    """By the number of edges that a ray to the right meets."""
    corners = np.array([_numbers(v) for v in shape.vertices])
    x, y = points.T
    found = np.zeros(len(points), dtype=bool)
    for (a, b), (c, d) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if b != d:
            share = (y - b) / (d - b)
            found ^= ((b > y) != (d > y)) & (x < a + share * (c - a))
    return found


@outlines_of.register
def _(shape: Box, low: Array, high: Array) -> list[Outline]:
    if shape.dim != 2:
        raise UnsupportedError(
            f"a region of {shape.dim} dimensions that is no box",
            term=shape,
            remedy="regions are plane; in space give domain=Box(...)",
        )
    (a, b), (c, d) = shape.intervals
    corners = ((a, c), (b, c), (b, d), (a, d))
    found = []
    for k, side in enumerate(("bottom", "right", "top", "left")):
        name = f"{shape.name}_{side}" if shape.name else side
        found.append(_line(name, shape.name, corners[k], corners[(k + 1) % 4]))
    return found


@inside.register
def _(shape: Box, points: Array) -> Flags:
    low, high = np.array(shape.bounds).T
    return np.asarray(((points > low) & (points < high)).all(axis=1))


@outlines_of.register
def _(shape: Layer, low: Array, high: Array) -> list[Outline]:
    if shape.axis > 1:
        raise ProblemError(
            "a layer across the third axis in a plane region",
            term=shape,
            remedy="its axis is 0 or 1",
        )
    found = []
    other = 1 - shape.axis
    near, far = (2 * low - high)[other], (2 * high - low)[other]
    for end, name in enumerate(("lower", "upper")):
        ends = []
        for place in (near, far):
            point = [sp.Float(place, 17)] * 2
            point[shape.axis] = shape.interval[end]
            ends.append(tuple(point))
        # Up along the upper end of the first axis, and down along that of the second.
        if end == shape.axis:
            ends.reverse()
        found.append(_line(f"layer#_{name}", "", *ends))
    return found


@inside.register
def _(shape: Layer, points: Array) -> Flags:
    low, high = _numbers(shape.interval)
    x = points[:, shape.axis]
    return np.asarray((x > low) & (x < high))
