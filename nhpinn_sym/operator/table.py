"""The IR: a linear operator is a table of terms eps^power * D^left( c D^right u_field ) in an equation.

Multi-indices count derivatives by (x_1..x_d, t). Field None stands for the constant 1: a source term, on the
left-hand side of the equation like all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import sympy as sp

from ..problem.problem import MultiscaleProblem

MultiIndex = tuple[int, ...]


class Term(NamedTuple):
    """Key of the table; the coefficient is its value."""

    equation: int
    left: MultiIndex
    field: int | None
    right: MultiIndex
    power: int


Table = Mapping[Term, sp.Expr]


@dataclass(frozen=True)
class Operator:
    """The parsed problem: `table` maps terms to coefficients in the plain symbols of x, y, t and the parameters."""

    problem: MultiscaleProblem
    table: Table

    @cached_property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """x_1..x_d, t."""
        return self.problem.scales.physical

    @cached_property
    def fast(self) -> tuple[sp.Symbol, ...]:
        """The plain symbols y_1..y_d."""
        return tuple(v.symbol for v in self.problem.scales.y)

    def terms(self, *, source: bool = False) -> Iterator[tuple[Term, sp.Expr]]:
        """The terms that act on an unknown, or (source=True) those that do not."""
        return ((term, c) for term, c in self.table.items() if (term.field is None) is source)

    def show(self, term: Term) -> sp.Expr:
        """The term as SymPy, for messages and derivations."""
        problem = self.problem
        inner = problem.unknowns[term.field] if term.field is not None else sp.Integer(1)
        inner = self.table[term] * differentiate(inner, term.right, self.coordinates)
        return problem.scales.eps**term.power * differentiate(inner, term.left, self.coordinates)

    def __str__(self) -> str:
        return "\n".join(str(self.show(term)) for term in self.table)


def differentiate(expr: sp.Expr, index: MultiIndex, coordinates: tuple[sp.Symbol, ...]) -> sp.Expr:
    """The unevaluated derivative D^index of an expression."""
    counts = [(v, n) for v, n in zip(coordinates, index, strict=True) if n]
    return sp.Derivative(expr, *counts, evaluate=False) if counts else expr


def unit(axis: int, length: int) -> MultiIndex:
    """The multi-index e_axis."""
    return tuple(int(k == axis) for k in range(length))


def add(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    return tuple(p + q for p, q in zip(a, b, strict=True))


def subtract(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    return tuple(p - q for p, q in zip(a, b, strict=True))
