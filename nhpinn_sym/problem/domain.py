"""Boxes: the domain of the problem and its periodicity cell."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .errors import ProblemError, shortened
from .user_input import positive_integer, scalar

Face = tuple[int, int]
"""A face of a box: (axis, 0 for the lower or 1 for the upper end)."""
_SHORTEST, _FARTHEST, _RELATIVE = 1e-50, 1e50, 1e-6
"""Lengths and coordinates that leave room for fourth powers, and for a mesh, in double precision.
"""


@dataclass(frozen=True, init=False)
class Box:
    """The box (a_1, b_1) x ... x (a_d, b_d); the bounds may be exact SymPy numbers such as
    sp.pi.
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

    @property
    def faces(self) -> tuple[Face, ...]:
        return tuple((axis, end) for axis in range(self.dim) for end in (0, 1))

    def __str__(self) -> str:
        return " x ".join(f"({a}, {b})" for a, b in self.intervals)


class Cell(Box):
    """The periodicity cell of the fast variables; Cell.unit(d) is the unit cube."""

    @classmethod
    def unit(cls, dim: int) -> Cell:
        return cls(*[(0, 1)] * positive_integer(dim, "dim", most=16))


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
    length, size = float(b - a), max(abs(float(a)), abs(float(b)))
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
