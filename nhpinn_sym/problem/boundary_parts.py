"""The named parts of the boundary of a domain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import sympy as sp

from .errors import BoundaryConditionError, UnsupportedError


@dataclass(frozen=True)
class Chart:
    """A piece of a part of a boundary: its points by other coordinates.

    places : of each coordinate that is a function of others
    ranges : of these others, where they are not those of the domain
    """

    places: Mapping[sp.Symbol, sp.Expr]
    ranges: Mapping[sp.Symbol, tuple[float, float]]


class BoundaryPart(ABC):
    """A named part of the boundary of a domain.

    A part of a box lies across an axis: its `axis`, `sign`, `end` and `place` say where. Parts of
    other domains raise UnsupportedError for these, as what asks for them works on boxes alone.
    """

    name: str
    group = ""
    """A name that it shares with other parts; "" where there is none."""
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
                term=f"normal {self.normal}" if self.normal else self.name,
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

    def charts(self, x: Sequence[sp.Symbol]) -> Sequence[Chart]:
        """What covers the part."""
        return [Chart({}, {})]


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
        return sp.sympify(expr).subs(self.charts(x)[0].places)

    def charts(self, x: Sequence[sp.Symbol]) -> Sequence[Chart]:
        """The plane, by the other coordinates."""
        first = next(k for k, n in enumerate(self.normal) if n != 0)
        others = [n * v for k, (n, v) in enumerate(zip(self.normal, x)) if k != first]
        return [Chart({x[first]: (self.offset - sp.Add(*others)) / self.normal[first]}, {})]

    def describe(self, x: Sequence[sp.Symbol]) -> str:
        """x1 = 0, or the equation of the plane."""
        if self.axial:
            return f"{x[self.axis]} = {self.place}"
        plane = sp.Add(*[n * v for n, v in zip(self.normal, x, strict=True)])
        return f"{plane} = {self.offset}"


PartT = TypeVar("PartT", bound=BoundaryPart)
NamedT = TypeVar("NamedT", bound=Any)
"""A dataclass with a `name`."""


def names_of(parts: Sequence[BoundaryPart]) -> str:
    """For sentences: "left", "right"."""
    return ", ".join(f'"{part.name}"' for part in parts)


def part_named(parts: Sequence[PartT], name: str, domain: str) -> PartT:
    """The part of that name; BoundaryConditionError, which lists the names, where there is none."""
    found = next((part for part in parts if part.name == name), None)
    if found is None:
        raise BoundaryConditionError(
            f"the boundary of the {domain} has no part of this name",
            term=f'"{name}"',
            remedy=f"its parts are {names_of(parts)}",
        )
    return found


def numbered(outlines: Sequence[NamedT]) -> list[NamedT]:
    """With numbers in the places of #, and behind names that were there before."""
    counts: Counter[str] = Counter()
    found = []
    for o in outlines:
        name = o.name.replace("#", str(counts[o.name]))
        if "#" not in o.name and counts[o.name]:
            name = f"{o.name}_{counts[o.name] + 1}"
        # Both ends of a layer are counted by themselves.
        counts[o.name] += 1
        found.append(replace(o, name=name))
    return found
