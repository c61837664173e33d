"""Domains and the named parts of their boundaries; boxes, which are the one kind of domain so far,
and the periodicity cell.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import sympy as sp
from sympy.logic.boolalg import Boolean

from ..runtime.arrays import Array
from .boundary_parts import BoundaryPart as BoundaryPart
from .boundary_parts import FlatPart as FlatPart
from .boundary_parts import names_of as names_of
from .boundary_parts import part_named as part_named
from .errors import ProblemError, UnsupportedError, shortened
from .joined_shapes import Extent, Shape, part_name
from .user_input import positive_integer, positive_number, scalar

# The parts of a box at the lower and at the upper end of each axis.
_SIDES = (("left", "right"), ("bottom", "top"), ("front", "back"))
# Lengths and coordinates that leave room for fourth powers, and for a mesh, in double precision.
_SHORTEST = 1e-50
# Squares of lengths, and their inverses, must be numbers of double precision.
_FARTHEST = 1e50
# Of an interval far from the origin coordinates have ten digits left at least.
_RELATIVE = 1e-6
# By how much a share may be above a half by rounding.
_HALF = 1e-9


@runtime_checkable
class Domain(Protocol):
    """Where a problem is posed: what the other stages ask of a domain, whatever its shape.

    A further kind of domain is a class with these, and what `solve.domains`,
    `solve.fem.layout.meshes_of` and `emit` register for it.

    parts: they pave the boundary, and each has a name of its own; intervals: the ends of the
    smallest box around the domain, exact.
    """

    @property
    def dim(self) -> int: ...

    @property
    def parts(self) -> tuple[BoundaryPart, ...]: ...

    @property
    def intervals(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]: ...

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The intervals as floats."""

    @property
    def lengths(self) -> tuple[sp.Expr, ...]:
        """Of the intervals."""

    @property
    def volume(self) -> sp.Expr: ...

    def part(self, name: str) -> BoundaryPart:
        """BoundaryConditionError, which lists the names, where there is none of this name."""

    def contains(
        self, columns: Iterable[Any], slack: float | Array = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """Whether points lie inside, or no farther outside than `slack`, relative to the lengths.

        columns: a number, or an array (n,), for each coordinate, as for the slack; periodic: the
        axes along which the domain is continued.
        """


@dataclass(frozen=True, init=False, repr=False)
class Box(Shape):
    """The box (a_1, b_1) x ... x (a_d, b_d); the bounds may be exact SymPy numbers such as
    sp.pi.

    Boxes and other shapes are joined by |, & and -, see Polygon; `name` is for their sides then.
    Its parts are "left" and "right" (the lower and the upper end of the first axis), "bottom" and
    "top" (of the second), "front" and "back" (of the third).

    >>> box = nh.Box((0, 1), (0, 2))
    >>> box.dim, [part.name for part in box.parts]
    (2, ['left', 'right', 'bottom', 'top'])
    """

    intervals: tuple[tuple[sp.Expr, sp.Expr], ...]
    name: str = field(default="", repr=False)

    def __init__(self, *intervals: tuple[object, object], name: str = "") -> None:
        exact = tuple(_interval(pair) for pair in intervals)
        if not exact:
            name = type(self).__name__
            raise ProblemError(
                f"a {name} needs one interval per dimension",
                term=f"{name}()",
                remedy=f"write {name}((0, 1), (0, 1))",
            )
        object.__setattr__(self, "intervals", exact)
        object.__setattr__(self, "name", part_name(name))

    def __repr__(self) -> str:
        named = [f"name={self.name!r}"] if self.name else []
        return f"{type(self).__name__}({', '.join([*map(str, self.intervals), *named])})"

    @property
    def extents(self) -> tuple[Extent, ...]:
        """The ends of each axis, as those of every shape."""
        return self.intervals

    def holds(self, y: Sequence[sp.Expr]) -> Boolean:
        """The condition that a point lies inside; upper ends do not."""
        pairs = zip(y, self.intervals, strict=True)
        return sp.And(*[end for v, (a, b) in pairs for end in (a <= v, v < b)])

    @property
    def dim(self) -> int:
        """The number of axes."""
        return len(self.intervals)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The intervals as floats."""
        return tuple((float(a), float(b)) for a, b in self.intervals)

    @property
    def lengths(self) -> tuple[sp.Expr, ...]:
        """The length along each axis."""
        return tuple(b - a for a, b in self.intervals)

    @property
    def volume(self) -> sp.Expr:
        """The measure, exact."""
        return sp.prod(self.lengths)

    @cached_property
    def parts(self) -> tuple[FlatPart, ...]:
        """At the lower and at the upper end of each axis."""
        return tuple(self._part(axis, end) for axis in range(self.dim) for end in (0, 1))

    def _part(self, axis: int, end: int) -> FlatPart:
        sign = 2 * end - 1
        normal = tuple(sp.Integer(sign * int(k == axis)) for k in range(self.dim))
        name = _SIDES[axis][end] if axis < len(_SIDES) else f"{('lower', 'upper')[end]}{axis + 1}"
        return FlatPart(name, normal, sign * self.intervals[axis][end])

    def part(self, name: str) -> FlatPart:
        """The part of that name; BoundaryConditionError, which lists the names, where there is
        none.
        """
        return part_named(self.parts, name, f"box {self}")

    def contains(
        self, columns: Iterable[Any], slack: float | Array = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """As of `Domain`; nan is outside."""
        inside: Any = True
        for axis, (x, (a, b)) in enumerate(zip(columns, self.bounds, strict=True)):
            reach = math.inf if axis in periodic else slack * (b - a)
            inside = inside & (x >= a - reach) & (x <= b + reach)
        return inside

    def __str__(self) -> str:
        return " x ".join(f"({a}, {b})" for a, b in self.intervals)


class Cell(Box):
    """The periodicity cell of the fast variables; Cell.unit(d) is the unit cube.

    >>> nh.Cell((0, 2 * sp.pi))
    Cell((0, 2*pi))
    """

    def period(self, axis: int) -> tuple[sp.Expr, ...]:
        """One of the vectors by which the plane is tiled with cells."""
        length = self.lengths[axis]
        return tuple(length if k == axis else sp.Integer(0) for k in range(self.dim))

    def place(self, shares: Sequence[Any]) -> list[Any]:
        """The coordinates of points at shares of the periods, arrays of floats."""
        return [a + (b - a) * row for (a, b), row in zip(self.bounds, shares, strict=True)]

    def folded(self, coordinates: Sequence[sp.Expr]) -> list[sp.Expr]:
        """The coordinates of the point of the cell of which a point is an image."""
        rows = zip(coordinates, self.intervals, self.lengths, strict=True)
        return [y - length * sp.floor((y - a) / length) for y, (a, _), length in rows]

    @classmethod
    def unit(cls, dim: int) -> Cell:
        """The cell (0, 1)^dim."""
        return cls(*[(0, 1)] * positive_integer(dim, "dim", most=16))

    @property
    def free(self) -> tuple[int, ...]:
        """The axes along which nothing repeats: that of the thickness of a plate."""
        return ()

    @classmethod
    def plate(cls, *intervals: tuple[object, object], thickness: object = 1) -> Cell:
        """The cell of a plate, or of a strip: periodic along the intervals, and free of traction
        at y = -thickness/2 and thickness/2 along one axis more, the last one.

        >>> nh.Cell.plate((0, 1), (0, 1), thickness=sp.Rational(1, 2))
        PlateCell((0, 1), (0, 1), (-1/4, 1/4))
        """
        size = positive_number(thickness, ProblemError, "thickness", "write thickness=1")
        return PlateCell(*intervals, (-size / 2, size / 2))

    @classmethod
    def lattice(cls, *vectors: Sequence[object]) -> Cell:
        """The cell of a lattice, spanned from the origin by vectors: hexagonal or sheared, of two
        or three dimensions.

        Its `vectors` are as short as those of the lattice are; that along the axes is a Cell of
        intervals. Coefficients are given for the box around it: nh.phases(..., cell=cell) does.

        >>> nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))
        LatticeCell(vectors=((1, 0), (1/2, sqrt(3)/2)))
        >>> nh.Cell.lattice((1, 0), (3, 1))  # the square lattice
        Cell((0, 1), (0, 1))
        """
        rows = reduced(_vectors(vectors))
        dim = len(rows)
        along = all(rows[i][k] == 0 for i in range(dim) for k in range(dim) if i != k)
        if along:
            return Cell(*[(0, abs(rows[k][k])) for k in range(dim)])
        return LatticeCell(rows)


class PlateCell(Cell):
    """A cell whose last axis goes through the thickness, between faces that are free."""

    @property
    def free(self) -> tuple[int, ...]:
        return (self.dim - 1,)


@dataclass(frozen=True, init=False, repr=False)
class LatticeCell(Cell):
    """The cell spanned by vectors; `intervals` are those of the box around it."""

    vectors: tuple[tuple[sp.Expr, ...], ...] = ()

    def __init__(self, vectors: Sequence[Sequence[sp.Expr]]) -> None:
        rows = tuple(map(tuple, vectors))
        object.__setattr__(self, "vectors", rows)
        ends = []
        for column in zip(*rows, strict=True):
            low = sp.Add(*[x for x in column if x < 0])
            ends.append((low, sp.Add(*[x for x in column if x > 0])))
        object.__setattr__(self, "intervals", tuple(ends))

    @property
    def volume(self) -> sp.Expr:
        return abs(sp.Matrix(self.vectors).det())

    def period(self, axis: int) -> tuple[sp.Expr, ...]:
        return self.vectors[axis]

    def place(self, shares: Sequence[Any]) -> list[Any]:
        return [
            sum(float(row[axis]) * share for row, share in zip(self.vectors, shares, strict=True))
            for axis in range(self.dim)
        ]

    def point(self, shares: Sequence[sp.Expr]) -> list[sp.Expr]:
        """The coordinates, exact, of the point at shares of the vectors."""
        columns = zip(*self.vectors, strict=True)
        return [sp.Add(*[x * v for x, v in zip(c, shares, strict=True)]) for c in columns]

    def folded(self, coordinates: Sequence[sp.Expr]) -> list[sp.Expr]:
        inverse = sp.Matrix(self.vectors).inv()
        shares = sp.Matrix([list(coordinates)]) * inverse
        whole = shares.applyfunc(sp.floor) * sp.Matrix(self.vectors)
        return [v - part for v, part in zip(coordinates, whole, strict=True)]

    def __repr__(self) -> str:
        return f"LatticeCell(vectors={self.vectors})"

    def __str__(self) -> str:
        return " x ".join(str(row) for row in self.vectors)


def reduced(vectors: Sequence[Sequence[sp.Expr]]) -> tuple[tuple[sp.Expr, ...], ...]:
    """Vectors of the same lattice of which none becomes shorter by whole multiples of another one
    (Lagrange's reduction of pairs)."""
    rows = [sp.Matrix([list(row)]) for row in vectors]
    while True:
        for i, row in enumerate(rows):
            for k, other in enumerate(rows):
                share = float(row.dot(other) / other.dot(other))
                count = int(math.copysign(math.ceil(abs(share) - 0.5 - _HALF), share))
                if i != k and abs(share) > 0.5 + _HALF:
                    rows[i] = (row - count * other).applyfunc(sp.nsimplify)
                    break
            else:
                continue
            break
        else:
            return tuple(tuple(row) for row in rows)


def _vectors(vectors: Sequence[Any]) -> list[list[sp.Expr]]:
    """As exact numbers. ProblemError where they are no basis of a plane or of space."""
    remedy = "write Cell.lattice((1, 0), (Rational(1, 2), sqrt(3)/2))"
    try:
        rows = [[scalar(x, ProblemError, "a number of a vector") for x in row] for row in vectors]
        fits = len(rows) in (2, 3) and all(len(row) == len(rows) for row in rows)
        real = all(x.is_number and x.is_real for row in rows for x in row)
    except (TypeError, ProblemError):
        fits = False
        rows = []
    if not (fits and real):
        raise ProblemError(
            "a lattice is spanned by as many vectors as they have real numbers, two or three",
            term=shortened(vectors),
            remedy=remedy,
        )
    rows = [[sp.nsimplify(x, rational=True) if x.has(sp.Float) else x for x in row] for row in rows]
    size = max(math.sqrt(sum(float(x) ** 2 for x in row)) for row in rows)
    if abs(float(sp.Matrix(rows).det())) <= _RELATIVE * size ** len(rows):
        raise ProblemError(
            "the vectors of a lattice depend on each other, or nearly",
            term=shortened(vectors),
            remedy=remedy,
        )
    return rows


def require_box(domain: Domain, what: str) -> Box:
    """The domain, which is a box; UnsupportedError where `what` meets another kind."""
    if not isinstance(domain, Box):
        raise UnsupportedError(
            f"{what} on a domain that is no box", term=domain, remedy="give domain=Box(...)"
        )
    return domain


def refuse_lattice(cell: Cell, what: str) -> None:
    """UnsupportedError where `what` meets the cell of a lattice that is no box."""
    if isinstance(cell, LatticeCell):
        raise UnsupportedError(
            f"{what} on the cell of a lattice that is no box",
            term=cell,
            remedy="give a box, which may hold several cells of the lattice: Cell((0, 1), ...)",
        )


def _interval(pair: tuple[object, object]) -> tuple[sp.Expr, sp.Expr]:
    try:
        a, b = (scalar(v, ProblemError, "an end of an interval") for v in pair)
        ordered = bool(a < b) and a.is_number and b.is_number
    except (TypeError, ValueError, ProblemError) as cause:
        raise ProblemError(
            "an interval is a pair of finite numbers",
            term=shortened(pair),
            remedy="write (0, 1) for each dimension",
        ) from cause
    if not ordered:
        raise ProblemError(
            "an interval needs two numbers, the lower one first",
            term=shortened(pair),
            remedy="write (0, 1)",
        )
    length = float(b - a)
    size = max(abs(float(a)), abs(float(b)))
    if not (length >= _SHORTEST and size <= _FARTHEST and length >= _RELATIVE * size):
        raise ProblemError(
            "an interval that double precision cannot divide",
            term=f"({a}, {b})",
            remedy=(
                "measure in other units, from an origin close to it: lengths between 1e-50 and"
                " 1e50, and not below 1e-6 of the coordinates"
            ),
        )
    return a, b
