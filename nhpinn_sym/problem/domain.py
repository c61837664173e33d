"""Domains and the named parts of their boundaries; boxes, which are the one kind of domain so far,
and the periodicity cell.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import sympy as sp

from .errors import BoundaryConditionError, ProblemError, UnsupportedError, shortened
from .user_input import positive_integer, scalar

# The parts of a box at the lower and at the upper end of each axis.
_SIDES = (("left", "right"), ("bottom", "top"), ("front", "back"))
# Lengths and coordinates that leave room for fourth powers, and for a mesh, in double precision.
_SHORTEST = 1e-50
# Squares of lengths, and their inverses, must be numbers of double precision.
_FARTHEST = 1e50
# Of an interval far from the origin coordinates have ten digits left at least.
_RELATIVE = 1e-6


class BoundaryPart(ABC):
    """A named part of the boundary of a domain.

    A part of a box lies across an axis: its `axis`, `sign`, `end` and `place` say where. Parts of
    other domains raise UnsupportedError for these, as what asks for them works on boxes alone.
    """

    name: str
    normal: tuple[sp.Expr, ...]
    """The outward unit normal where it is the same everywhere, exact; () elsewhere."""

    @abstractmethod
    def normal_at(self, x: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
        """The outward unit normal at points of the part."""

    @abstractmethod
    def describe(self, x: Sequence[sp.Symbol]) -> str:
        """Where it is, in the coordinates x."""

    @property
    def axial(self) -> bool:
        """Whether it lies across an axis."""
        return sum(n != 0 for n in self.normal) == 1

    @property
    def axis(self) -> int:
        """The axis that the part lies across. UnsupportedError where there is none."""
        if not self.axial:
            raise UnsupportedError(
                f'"{self.name}", which lies across no axis',
                term=f"normal {self.normal}" if self.normal else self,
                remedy="give the domain as a Box",
            )
        return next(k for k, n in enumerate(self.normal) if n != 0)

    @property
    def sign(self) -> int:
        """1 where the normal points along its axis, -1 where it points against it."""
        return int(self.normal[self.axis])

    @property
    def end(self) -> int:
        """0 at the lower end of its axis, 1 at the upper one."""
        return (1 + self.sign) // 2

    @property
    @abstractmethod
    def place(self) -> sp.Expr:
        """The coordinate of the part along its axis; UnsupportedError as for `axis`."""

    def restrict(self, expr: Any, x: Sequence[sp.Symbol]) -> sp.Expr:
        """An expression that is `expr` on this part, if possible one of fewer coordinates."""
        return sp.sympify(expr)


@dataclass(frozen=True)
class FlatPart(BoundaryPart):
    """A part in the plane n . x = offset, with the outward unit normal n, exact."""

    name: str
    normal: tuple[sp.Expr, ...]
    offset: sp.Expr

    def normal_at(self, x: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
        return self.normal

    @property
    def place(self) -> sp.Expr:
        return self.sign * self.offset

    def restrict(self, expr: Any, x: Sequence[sp.Symbol]) -> sp.Expr:
        """`expr` on the plane, a function of the other coordinates."""
        first = next(k for k, n in enumerate(self.normal) if n != 0)
        others = [n * v for k, (n, v) in enumerate(zip(self.normal, x)) if k != first]
        place = (self.offset - sp.Add(*others)) / self.normal[first]
        return sp.sympify(expr).subs(x[first], place)

    def describe(self, x: Sequence[sp.Symbol]) -> str:
        """x1 = 0, or the equation of the plane."""
        if self.axial:
            return f"{x[self.axis]} = {self.place}"
        plane = sp.Add(*[n * v for n, v in zip(self.normal, x, strict=True)])
        return f"{plane} = {self.offset}"


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
        self, columns: Iterable[Any], slack: float = 0.0, periodic: Collection[int] = ()
    ) -> Any:
        """Whether points lie inside, or no farther outside than `slack`, relative to the lengths.

        columns: a number, or an array (n,), for each coordinate; periodic: the axes along which the
        domain is continued.
        """


@dataclass(frozen=True, init=False)
class Box:
    """The box (a_1, b_1) x ... x (a_d, b_d); the bounds may be exact SymPy numbers such as
    sp.pi.

    Its parts are "left" and "right" (the lower and the upper end of the first axis), "bottom" and
    "top" (of the second), "front" and "back" (of the third).

    >>> box = nh.Box((0, 1), (0, 2))
    >>> box.dim, [part.name for part in box.parts]
    (2, ['left', 'right', 'bottom', 'top'])
    """

    intervals: tuple[tuple[sp.Expr, sp.Expr], ...]

    def __init__(self, *intervals: tuple[object, object]) -> None:
        exact = tuple(_interval(pair) for pair in intervals)
        if not exact:
            name = type(self).__name__
            raise ProblemError(
                f"a {name} needs one interval per dimension",
                term=f"{name}()",
                remedy=f"write {name}((0, 1), (0, 1))",
            )
        object.__setattr__(self, "intervals", exact)

    @property
    def dim(self) -> int:
        return len(self.intervals)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The intervals as floats."""
        return tuple((float(a), float(b)) for a, b in self.intervals)

    @property
    def lengths(self) -> tuple[sp.Expr, ...]:
        return tuple(b - a for a, b in self.intervals)

    @property
    def volume(self) -> sp.Expr:
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
        found = next((part for part in self.parts if part.name == name), None)
        if found is None:
            raise BoundaryConditionError(
                f"the boundary of the box {self} has no part of this name",
                term=f'"{name}"',
                remedy=f"its parts are {names_of(self.parts)}",
            )
        return found

    def contains(
        self, columns: Iterable[Any], slack: float = 0.0, periodic: Collection[int] = ()
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
    Cell(intervals=((0, 2*pi),))
    """

    @classmethod
    def unit(cls, dim: int) -> Cell:
        return cls(*[(0, 1)] * positive_integer(dim, "dim", most=16))


def require_box(domain: Domain, what: str) -> Box:
    """The domain, which is a box; UnsupportedError where `what` meets another kind."""
    if not isinstance(domain, Box):
        raise UnsupportedError(
            f"{what} on a domain that is no box", term=domain, remedy="give domain=Box(...)"
        )
    return domain


def names_of(parts: Sequence[BoundaryPart]) -> str:
    """For sentences: "left", "right"."""
    return ", ".join(f'"{part.name}"' for part in parts)


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
