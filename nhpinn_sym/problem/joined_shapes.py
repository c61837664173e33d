"""Shapes, and what is joined of them by |, & and -."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from .errors import ProblemError, shortened
from .pictures import Drawing

Extent = tuple[sp.Expr, sp.Expr] | None
"""The ends of a shape along an axis; None where it goes on without end."""


class Shape(ABC):
    """A region of the cell, continued with its period. Shapes are joined by | (either), & (both)
    and - (the first without the second).
    """

    @property
    @abstractmethod
    def extents(self) -> tuple[Extent, ...]:
        """The box around it, one extent per axis."""

    @abstractmethod
    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that y lies inside."""

    def fits(self, dim: int) -> bool:
        """Whether it is a region of a cell of this dimension."""
        return len(self.extents) == dim

    def edge(self, k: int) -> str:
        """The name of an edge of a polygon, as a part of the boundary of a domain."""
        raise ProblemError(
            "this shape has no numbered edges",
            term=self,
            remedy="name its parts: an error of on= lists them",
        )

    def plot(self) -> Drawing:
        """The outline of a plane shape with the names of its parts. The errors of a domain."""
        from .region_picture import draw_shape  # which makes regions of shapes

        return draw_shape(self)

    def __or__(self, other: Shape) -> Shape:
        return _joined("|", self, other)

    def __and__(self, other: Shape) -> Shape:
        return _joined("&", self, other)

    def __sub__(self, other: Shape) -> Shape:
        return _joined("-", self, other)


@dataclass(frozen=True, repr=False)
class Joined(Shape):
    """Two shapes joined by |, & or -.

    >>> s = nh.Scales(2)
    >>> ring = nh.Disk((0.5, 0.5), 0.3) - nh.Disk((0.5, 0.5), 0.2)
    >>> a = nh.phases(s, {ring: 10}, default=1)
    >>> a.subs(dict(zip(s.y, (0.5, 0.25)))), a.subs(dict(zip(s.y, (0.5, 0.5))))
    (10, 1)
    """

    sign: str
    first: Shape
    second: Shape

    @property
    def extents(self) -> tuple[Extent, ...]:
        if self.sign != "|":
            return self.first.extents
        pairs = itertools.zip_longest(self.first.extents, self.second.extents)
        return tuple(joined_extent(*pair) for pair in pairs)

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        return self.condition(self.first.holds(y), self.second.holds(y))

    def condition(self, first: Boolean, second: Boolean) -> Boolean:
        """That of the whole, from those of the two."""
        if self.sign == "|":
            return sp.Or(first, second)
        return sp.And(first, second if self.sign == "&" else sp.Not(second))

    def fits(self, dim: int) -> bool:
        return self.first.fits(dim) and self.second.fits(dim)

    def edge(self, k: int) -> str:
        """Of the first polygon."""
        return self.first.edge(k)

    def __repr__(self) -> str:
        first, second = (f"({p!r})" if isinstance(p, Joined) else repr(p) for p in self.parts)
        return f"{first} {self.sign} {second}"

    def __str__(self) -> str:
        first, second = (f"({p})" if isinstance(p, Joined) else str(p) for p in self.parts)
        return f"{first} {self.sign} {second}"

    @property
    def parts(self) -> tuple[Shape, Shape]:
        return self.first, self.second


def part_name(name: object) -> str:
    """The name of a shape, and of its outline where that is a part of a boundary; "" is none."""
    if not isinstance(name, str) or (name and not name.isidentifier()) or name == "rest":
        raise ProblemError(
            "the name of a shape is a word",
            term=shortened(name),
            remedy='write name="bolt"; "rest" is what no condition names',
        )
    return name


def _joined(sign: str, first: Shape, second: object) -> Shape:
    if not isinstance(second, Shape):
        raise ProblemError(
            f"a shape is joined by {sign} with a shape",
            term=shortened(second),
            remedy="write Disk((0.5, 0.5), 0.3) - Disk((0.5, 0.5), 0.2)",
        )
    return Joined(sign, first, second)


def joined_extent(one: Extent, other: Extent) -> Extent:
    """That of what lies in either of two shapes."""
    if one is None or other is None:
        return None
    return sp.Min(one[0], other[0]), sp.Max(one[1], other[1])
