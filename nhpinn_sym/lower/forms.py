"""What a backend is given: weak and strong forms as tables over plain symbols.

Conventions. A multi-index counts derivatives per space coordinate. The strong form reads
    sum_terms coefficient * D^right u = source,
the weak form  sum_bilinear int coefficient * D^right u * D^left v = sum_linear int coefficient * D^left v
(signs are inside the coefficients; the natural boundary terms stand in `LoweredEquation.natural`).
Coefficients are SymPy expressions in the coordinates, the slow coordinates, the time, the parameters and
the externals listed beside them: nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..problem.domain import Box, Cell, Face

MultiIndex = tuple[int, ...]
Key = tuple[int | None, MultiIndex]
"""Key of a cell function: (field, multi-index of the macroscopic derivative); field None is the source of the equation."""


@dataclass(frozen=True)
class External:
    """A number, or a field of x, that only a solve provides: entry `index` of effective coefficient `name`."""

    symbol: sp.Symbol
    name: str
    index: tuple[int, ...]
    derivative: MultiIndex


@dataclass(frozen=True)
class WeakTerm:
    """int coefficient * D^right(u) * D^left(v); in a linear form `right` is empty (all zero)."""

    left: MultiIndex
    coefficient: sp.Expr
    right: MultiIndex


@dataclass(frozen=True)
class StrongTerm:
    """coefficient * D^right(u)."""

    coefficient: sp.Expr
    right: MultiIndex


@dataclass(frozen=True)
class Corrector:
    """One cell problem A_0 N = source; `weak` is the linear form of its right-hand side."""

    key: Key
    name: str
    weak: tuple[WeakTerm, ...]
    source: sp.Expr


@dataclass(frozen=True)
class FunctionalTerm:
    """<coefficient * D^derivative N_corrector>, the mean over the cell."""

    coefficient: sp.Expr
    corrector: int
    derivative: MultiIndex


@dataclass(frozen=True)
class Functional:
    """Effective coefficient `name`[`index`] = <constant> + sum of the means of `terms`.

    dual = (sign, i) says that N_i times sign solves the dual problem B(v, z) = l(v), l being the linear part in N_j
    (j the one corrector in `terms`); then l(N_j) may be replaced by l(N_j) + rhs_j(z) - B(N_j, z),
    the energy formula, whose error is the product of two errors.
    """

    name: str
    index: tuple[int, ...]
    constant: sp.Expr
    terms: tuple[FunctionalTerm, ...]
    dual: tuple[int, int] | None


@dataclass(frozen=True)
class LoweredCells:
    """All first-order cell problems of a model: one operator A_0, a right-hand side each, and the effective law."""

    title: str
    cell: Cell
    coordinates: tuple[sp.Symbol, ...]
    slow: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    bilinear: tuple[WeakTerm, ...]
    strong: tuple[StrongTerm, ...]
    correctors: tuple[Corrector, ...]
    effective: tuple[Functional, ...]
    symmetric: bool
    jumps: bool


@dataclass(frozen=True)
class Natural:
    """n . flux + alpha u = g on `faces`; the weak form has + int alpha u v - int g v there."""

    faces: tuple[Face, ...]
    alpha: sp.Expr
    value: sp.Expr


@dataclass(frozen=True)
class Essential:
    """u = value on `faces`."""

    faces: tuple[Face, ...]
    value: sp.Expr


@dataclass(frozen=True)
class LoweredEquation:
    """One boundary (and initial) value problem on a box: the homogenized equation, or the fine one with eps a parameter.

    mass[0] u_t + strong u = source, with u = initial at t = 0; `mass` is None for a stationary equation.
    `flux[i]` are the terms of the i-th component of the conormal flux a grad u (for natural conditions in strong form).
    """

    title: str
    domain: Box
    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol | None
    parameters: tuple[sp.Symbol, ...]
    externals: tuple[External, ...]
    mass: sp.Expr | None
    bilinear: tuple[WeakTerm, ...]
    linear: tuple[WeakTerm, ...]
    strong: tuple[StrongTerm, ...]
    source: sp.Expr
    flux: tuple[tuple[StrongTerm, ...], ...]
    essential: tuple[Essential, ...]
    natural: tuple[Natural, ...]
    periodic: tuple[int, ...]
    initial: sp.Expr | None
    final_time: sp.Expr | None
    symmetric: bool
    jumps: bool
