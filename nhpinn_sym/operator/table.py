"""The IR: a linear operator is a table of terms eps^power * D^left( c D^right u_field ) in an
equation; what is not linear is kept as it is under its left derivative, eps^power * D^left( F ).

Multi-indices count derivatives by (x_1..x_d, t). Field None stands for the constant 1: a source
term, on the left-hand side of the equation like all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import sympy as sp

from ..problem.domain import Cell, LatticeCell
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import MultiIndex as MultiIndex


class Term(NamedTuple):
    """Key of the table; the coefficient is its value."""

    equation: int
    left: MultiIndex
    field: int | None
    right: MultiIndex
    power: int | sp.Rational

    def mirrored(self) -> Term:
        """The place of the term in the transposed operator, but for its sign."""
        return Term(self.field or 0, self.right, self.equation, self.left, self.power)


Table = Mapping[Term, sp.Expr]


class FluxPlace(NamedTuple):
    """Where a nonlinear flux F stands: eps^power D^left( F ) in an equation."""

    equation: int
    left: MultiIndex
    power: int


UnknownDerivative = tuple[int, MultiIndex]
"""(field, index): the derivative D^index of an unknown, which a symbol stands for in a flux."""


class FastAxis(NamedTuple):
    """A coordinate of the cell: `symbol` stands for (slow coordinate number `slow`) / eps^power, on
    the period `interval`.
    """

    symbol: sp.Symbol
    slow: int
    power: int | sp.Rational
    interval: tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class Operator:
    """The parsed problem: `table` maps terms to coefficients in the plain symbols of x, y, t and
    the parameters.

    `axes` are the fast coordinates that derivatives act on; `frozen` ones are parameters of the
    cell problems (iterated averaging).
    `fluxes` hold everything that is not linear in the unknowns: functions of the same symbols and
    of the `jets`, which stand for unknowns and their derivatives. Linear operators have none.
    """

    problem: MultiscaleProblem
    table: Table
    axes: tuple[FastAxis, ...]
    frozen: tuple[FastAxis, ...] = ()
    fluxes: Mapping[FluxPlace, sp.Expr] = field(default_factory=dict)
    jets: Mapping[sp.Symbol, UnknownDerivative] = field(default_factory=dict)

    @property
    def linear(self) -> bool:
        """Whether every term is linear in the unknowns."""
        return not self.fluxes

    @cached_property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """x_1..x_d, t."""
        return self.problem.scales.physical

    @cached_property
    def fast(self) -> tuple[sp.Symbol, ...]:
        """The plain symbols of the cell coordinates: y_1..y_d, and tau where it is one of them."""
        return tuple(axis.symbol for axis in self.axes)

    @cached_property
    def slow(self) -> tuple[sp.Symbol, ...]:
        """What the cell problems may depend on besides the parameters: x_1..x_d, t, and the frozen
        coordinates.
        """
        return (*self.coordinates, *(axis.symbol for axis in self.frozen))

    @cached_property
    def cell(self) -> Cell:
        """The period of the cell coordinates."""
        if isinstance(self.problem.cell, LatticeCell):
            return self.problem.cell
        return Cell(*(axis.interval for axis in self.axes))

    @cached_property
    def components(self) -> int:
        """The number of scalar unknowns."""
        return len(self.problem.unknowns)

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
    if counts:
        return sp.Derivative(expr, *counts, evaluate=False)
    return expr


def base_and_index(expr: sp.Expr, coordinates: tuple[sp.Symbol, ...]) -> tuple[sp.Expr, MultiIndex]:
    """(f, index) of an unevaluated derivative D^index f; index 0 of anything else."""
    if not isinstance(expr, sp.Derivative):
        return expr, (0,) * len(coordinates)
    counts = dict(expr.variable_count)
    return expr.expr, tuple(int(counts.get(v, 0)) for v in coordinates)


def all_axes(problem: MultiscaleProblem) -> tuple[FastAxis, ...]:
    """Every fast coordinate of a problem: y, z, tau."""
    scales = problem.scales
    boxes = {
        "y": problem.cell.intervals,
        "z": problem.fast_cell.intervals,
        "tau": ((sp.Integer(0), problem.tau_period),),
    }
    positions = {v: k for k, v in enumerate(scales.physical)}
    numbered = [
        (v, boxes[v.letter][positions[v.args[0]] if v.letter != "tau" else 0]) for v in scales.fast
    ]
    return tuple(
        FastAxis(
            v.symbol,
            positions[v.args[0]],
            int(v.power) if v.power.is_Integer else v.power,
            interval,
        )
        for v, interval in numbered
    )


def unit(axis: int, length: int) -> MultiIndex:
    """The multi-index e_axis."""
    return tuple(int(k == axis) for k in range(length))


def add(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    """The multi-index of a derivative of a derivative."""
    return tuple(p + q for p, q in zip(a, b, strict=True))


def subtract(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    """a - b, which may have negative entries."""
    return tuple(p - q for p, q in zip(a, b, strict=True))
