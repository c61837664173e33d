"""Plane regions as domains: shapes joined by |, & and -, whose boundary is made of pieces of their
outlines.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..runtime.arrays import Array, Flags
from ..runtime.tensor_grids import unit_gauss
from .boundary_parts import Chart, numbered
from .domain import BoundaryPart, part_named
from .errors import ProblemError, UnsupportedError, shortened
from .joined_shapes import Shape
from .outlines import ALONG, PLACE, Curve, Outline, inside, outlines_of

# Shares of the size of a region: places that are one, those that are where curves touch each other,
# and the distance at which the two sides of a piece are looked at.
_SAME = 1e-9
_TOUCHING = 1e-6
_BESIDE = 1e-7
# A few units in the last place of a coordinate.
_ROUNDING = 1e-15
# Of the square of the size: a region that is smaller has no area.
_NO_AREA = 1e-12
# An interior angle, in radians, below which two pieces touch rather than meet.
_CUSP = 1e-3
# Points of a piece by which extents and places are found.
_PLACES = 33
_GAUSS = unit_gauss(64)


@dataclass(frozen=True)
class Piece:
    """A piece of the boundary, from s = first to last on a curve; the region lies on its left.

    sign : 1 where the region lies on the side of the shape, -1 where the shape is cut out of it
    """

    outline: Outline
    first: float
    last: float
    sign: int

    @property
    def curve(self) -> Curve:
        return self.outline.curve

    def at(self, share: Array) -> Array:
        """Points (n, 2) at shares of the way along it, which is that of s."""
        return self.curve.at(self.first + share * (self.last - self.first))

    def tangent(self, share: Array) -> Array:
        """The derivative by the share (n, 2)."""
        s = self.first + share * (self.last - self.first)
        return (self.last - self.first) * self.curve.tangent(s)

    def chart(self, x: Sequence[sp.Symbol]) -> Chart:
        """By the coordinate along the curve."""
        places = zip(x, self.curve.formulas(ALONG), strict=True)
        ends = (min(self.first, self.last), max(self.first, self.last))
        return Chart(dict(places), {ALONG: ends})

    @cached_property
    def length(self) -> float:
        x, weights = _GAUSS
        return float(weights @ np.linalg.norm(self.tangent(x), axis=1))

    @cached_property
    def area(self) -> float:
        """Of the sector between the piece and the origin, by Green's formula."""
        x, weights = _GAUSS
        (a, b), (u, v) = self.at(x).T, self.tangent(x).T
        return float(weights @ (a * v - b * u) / 2)

    def distances(self, points: Array) -> Array:
        """Of points (n, 2) close to it, about; those of its ends where these are nearer."""
        s = self.curve.nearest(points)
        low, high = min(self.first, self.last), max(self.first, self.last)
        if self.curve.round:
            s = low + (s - low) % (2 * np.pi)
        own = np.linalg.norm(points - self.curve.at(np.clip(s, low, high)), axis=1)
        ends = self.at(np.array([0.0, 1.0]))
        return np.minimum(own, np.linalg.norm(points[:, None] - ends, axis=2).min(axis=1))


@dataclass(frozen=True)
class Corner:
    """Where two pieces meet: its place, the interior angle, and the names of the parts before and
    after it as the boundary runs, the region on its left."""

    place: Array
    angle: float
    parts: tuple[str, str]
    pieces: tuple[Piece, Piece]

    @property
    def straight(self) -> bool:
        """Whether the boundary has no angle there."""
        return abs(self.angle - math.pi) < _CUSP

    @property
    def smooth(self) -> bool:
        """Whether one part goes on there, without an angle."""
        return self.straight and self.parts[0] == self.parts[1]


@dataclass(frozen=True, eq=False)
class RegionPart(BoundaryPart):
    """What is left of the outline of a shape, in one or several pieces."""

    name: str
    pieces: tuple[Piece, ...]
    group: str = ""

    @property
    def axial(self) -> bool:
        """A part of a region has no axis, though it be straight: others may lie across the same."""
        return False

    @cached_property
    def normal(self) -> tuple[sp.Expr, ...]:  # type: ignore[override]
        found = self.normal_at(PLACE)
        return found if not any(n.free_symbols for n in found) else ()

    def normal_at(self, x: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
        outline, sign = self.pieces[0].outline, self.pieces[0].sign
        swap = dict(zip(PLACE, x, strict=True))
        found = (sp.expand(-sign * outline.level.diff(v)) / outline.slope for v in PLACE)
        return tuple(n.xreplace(swap) for n in found)

    def charts(self, x: Sequence[sp.Symbol]) -> Sequence[Chart]:
        """Each piece, by the coordinate along its curve."""
        return [piece.chart(x) for piece in self.pieces]

    @property
    def place(self) -> sp.Expr:
        raise UnsupportedError(f'"{self.name}", which lies across no axis', term=self.name)

    def describe(self, x: Sequence[sp.Symbol]) -> str:
        length = sum(piece.length for piece in self.pieces)
        middle = self.pieces[0].at(np.array([0.5]))[0]
        near = ", ".join(f"{v:.4g}" for v in middle)
        return f"of length {length:.4g}, through ({near})"


@dataclass(frozen=True)
class Region:
    """A plane shape as a domain, see `problem.domain.Domain`.

    Its parts are named by the shapes: Disk(..., name="bolt"), "edge0", "edge1", ... of the first
    polygon without a name (`edge(k)` of the shape), "bolt_0" or "bolt_left" of a polygon or a box
    with one, and all of them as "bolt"; "left", ... of a box; "circle0", "ellipse0",
    "layer0_lower".

    Errors: ProblemError for what has no area, parts that touch, or a region so far from the origin
    that rounding shows; UnsupportedError for several regions apart from each other, and in other
    than two dimensions.
    """

    shape: Shape

    dim = 2

    def __post_init__(self) -> None:
        held = len(self.shape.extents)
        if held != 2 or not self.shape.fits(2) or None in self.shape.extents:
            raise UnsupportedError(
                "a domain that is no plane region with an end along both axes",
                term=self.shape,
                remedy="join Polygon, Disk, Ellipse and Box; in space Ball, Cylinder, Box, Layer",
            )
        self._check()

    @cached_property
    def _size(self) -> float:
        low, high = self._hull
        return float((high - low).max())

    @cached_property
    def _hull(self) -> tuple[Array, Array]:
        """The box around the first shape."""
        ends = [extent for extent in self.shape.extents if extent is not None]
        low, high = np.array([[float(a), float(b)] for a, b in ends]).T
        return low, high

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Those of the boundary."""
        outlines = numbered(outlines_of(self.shape, *self._hull))
        found: list[Piece] = []
        middles = np.zeros((0, 2))
        for outline in outlines:
            for first, last in self._cut(outline, outlines):
                curve = outline.curve
                middle = np.array([(first + last) / 2])
                place, ahead = curve.at(middle), curve.tangent(middle)
                aside = _BESIDE * self._size * np.array([-ahead[0, 1], ahead[0, 0]])
                aside /= np.linalg.norm(ahead)
                left, right = self.holds(np.concatenate([place + aside, place - aside]))
                known = np.linalg.norm(middles - place, axis=1) < _BESIDE * self._size
                if left == right or known.any():
                    continue
                middles = np.concatenate([middles, place])
                ends = (first, last) if left else (last, first)
                found.append(Piece(outline, *ends, 1 if left else -1))
        return tuple(found)

    def _cut(self, outline: Outline, others: Sequence[Outline]) -> Iterator[tuple[float, float]]:
        """The intervals of s between which a curve meets no other one."""
        curve = outline.curve
        low, high = curve.ends
        places = [np.array([low, high])]
        for other in others:
            if other is outline:
                continue
            places.append(curve.crossings(other.curve))
            ends = other.curve.at(np.array(other.curve.ends))
            s = curve.nearest(ends)
            near = np.linalg.norm(curve.at(s) - ends, axis=1) < _SAME * self._size
            places.append(s[near])
        s = np.sort(np.concatenate(places))
        s = s[(s >= low) & (s <= high)]
        length = np.linalg.norm(np.diff(curve.at(s), axis=0), axis=1)
        whole = (np.diff(s) > 1) & curve.round
        kept = np.concatenate([[True], (length > _TOUCHING * self._size) | whole])
        s = s[kept]
        s[-1] = high
        yield from zip(s[:-1].tolist(), s[1:].tolist(), strict=True)

    @cached_property
    def corners(self) -> tuple[Corner, ...]:
        """Where pieces meet, straight ones included."""
        starts = np.array([piece.at(np.zeros(1))[0] for piece in self.pieces])
        found = []
        for piece in self.pieces:
            end = piece.at(np.ones(1))[0]
            near = np.flatnonzero(np.linalg.norm(starts - end, axis=1) < 2 * _TOUCHING * self._size)
            if len(near) != 1:
                raise self._touching(end, "meet" if len(near) else "have no end")
            following = self.pieces[int(near[0])]
            if following is piece and piece.curve.round:
                continue
            one, other = piece.tangent(np.ones(1))[0], following.tangent(np.zeros(1))[0]
            turned = math.atan2(one[0] * other[1] - one[1] * other[0], float(one @ other))
            angle = math.pi - turned
            if not _CUSP < angle < 2 * math.pi - _CUSP:
                raise self._touching(end, "touch")
            parts = (piece.outline.name, following.outline.name)
            found.append(Corner(end, angle, parts, (piece, following)))
        return tuple(found)

    def _touching(self, place: Array, how: str) -> ProblemError:
        return ProblemError(
            f"a region whose outlines {how} in one point",
            term=f"({', '.join(f'{x:.6g}' for x in place)}) of {shortened(self.shape)}",
            remedy="move the shapes apart, or let them overlap",
        )

    def _check(self) -> None:
        """ProblemError for what is no region, or lies where floating point cannot draw it."""
        farthest = float(np.abs(self._hull).max())
        if _ROUNDING * farthest > _SAME * self._size:
            raise ProblemError(
                f"a region of the size {self._size:.3g} at a distance of {farthest:.3g} from the"
                " origin: the rounding of its points is no longer small",
                term=shortened(self.shape),
                remedy="move the origin of the coordinates to the region",
            )
        if self.area <= _NO_AREA * self._size**2:
            raise ProblemError(
                "a region without area",
                term=shortened(self.shape),
                remedy="what is cut out must leave something of the first shape",
            )
        outer = [loop for loop in self.loops if sum(piece.area for piece in loop) > 0]
        if len(outer) > 1:
            raise UnsupportedError(
                f"a domain in {len(outer)} regions apart from each other",
                term=shortened(self.shape),
                remedy="solve on each of them by itself",
            )

    @cached_property
    def loops(self) -> tuple[tuple[Piece, ...], ...]:
        """The closed curves of the boundary."""
        following = {id(c.pieces[0]): c.pieces[1] for c in self.corners}
        left = {id(piece): piece for piece in self.pieces}
        found = []
        while left:
            piece = next(iter(left.values()))
            loop = []
            while id(piece) in left:
                loop.append(left.pop(id(piece)))
                piece = following.get(id(piece), piece)
            found.append(tuple(loop))
        return tuple(found)

    @property
    def area(self) -> float:
        return sum(piece.area for piece in self.pieces)

    @property
    def volume(self) -> sp.Expr:
        return sp.Float(self.area, 17)

    @cached_property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        points = [piece.at(np.linspace(0, 1, _PLACES)) for piece in self.pieces]
        for piece in self.pieces:
            if piece.curve.round:
                # Where the curve is farthest along an axis.
                s = np.arctan2(piece.curve.v, piece.curve.u)
                low, high = sorted((piece.first, piece.last))
                every = low + (np.concatenate([s, s + np.pi]) - low) % (2 * np.pi)
                points.append(piece.curve.at(every[every <= high]))
        every = np.concatenate(points)
        ends = np.stack([every.min(axis=0), every.max(axis=0)], axis=1)
        ends[np.abs(ends) < _SAME * self._size] = 0.0
        return tuple((float(a), float(b)) for a, b in ends)

    @cached_property
    def intervals(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """Of the box around it: those of the shapes where they are the same."""
        found = []
        for (a, b), extent in zip(self.bounds, self.shape.extents, strict=True):
            assert extent is not None
            near = [abs(float(v) - w) < _SAME * self._size for v, w in zip(extent, (a, b))]
            rounded = [sp.Rational(f"{w:.12g}") for w in (a, b)]
            low, high = (v if same else w for same, v, w in zip(near, extent, rounded))
            found.append((low, high))
        return tuple(found)

    @property
    def lengths(self) -> tuple[sp.Expr, ...]:
        return tuple(b - a for a, b in self.intervals)

    @cached_property
    def parts(self) -> tuple[RegionPart, ...]:
        held: dict[str, list[Piece]] = {}
        for piece in self.pieces:
            held.setdefault(piece.outline.name, []).append(piece)
        found = []
        for name, pieces in held.items():
            if len({piece.sign for piece in pieces}) > 1:
                raise UnsupportedError(
                    "an outline with the region on both of its sides",
                    term=name,
                    remedy="write the shape twice, with other names",
                )
            found.append(RegionPart(name, tuple(pieces), pieces[0].outline.group))
        return tuple(found)

    def part(self, name: str) -> RegionPart:
        """BoundaryConditionError, which lists the names, where there is none of this name."""
        return part_named(self.parts, name, "region")

    def holds(self, points: Array) -> Flags:
        """Whether points (n, 2) lie inside."""
        return inside(self.shape, points)

    def contains(
        self, columns: Iterable[Any], slack: float | Array = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """As of `Domain`; what is closer to the boundary than rounding is inside."""
        points = np.stack(np.broadcast_arrays(*map(np.asarray, columns)), axis=-1).astype(float)
        flat = points.reshape(-1, 2)
        found = self.holds(flat)
        reach = np.broadcast_to(np.maximum(slack, _SAME) * self._size, len(flat))
        low, high = np.array(self.bounds).T
        around = (flat >= low - reach[:, None]) & (flat <= high + reach[:, None])
        out = ~found & around.all(axis=1)
        if out.any():
            near = np.min([piece.distances(flat[out]) for piece in self.pieces], axis=0)
            found[out] = near <= reach[out]
        return found.reshape(points.shape[:-1])[()]

    def __str__(self) -> str:
        return str(self.shape)
