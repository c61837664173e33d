"""The derived model: cell problems, effective law, homogenized equation, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..operator.table import MultiIndex, Operator, Table
from ..problem.problem import MultiscaleProblem
from .derivation import Derivation
from .notation import text

Key = tuple[int | None, MultiIndex]
"""Key of a cell function: (field, alpha), the macroscopic source D^alpha U_field, alpha over x; field None: the equation's source."""


@dataclass(frozen=True)
class CellProblem:
    """A_0 N = -sum_left D_y^left( rhs[left] ), N periodic on the cell with <N> = 0; u1 contains N D^alpha u0.

    `equation` is the problem as SymPy, `function` its unknown; `rhs` is keyed by fast multi-index.
    """

    name: str
    key: Key
    order: int
    function: sp.Expr
    equation: sp.Equality
    rhs: Mapping[MultiIndex, sp.Expr]

    def __str__(self) -> str:
        return f"{self.name}: {text(self.equation)}"


@dataclass(frozen=True)
class MeanTerm:
    """<coefficient D_y^derivative N_corrector>."""

    coefficient: sp.Expr
    corrector: int
    derivative: MultiIndex


@dataclass(frozen=True)
class EffectiveEntry:
    """Effective coefficient name[index] = <constant> + sum of mean terms; it multiplies D^left( . D^right u0 ) with `sign`.

    `symbol` stands for it in the homogenized equation; `value` is a closed form in x, or None where only numbers are.
    """

    name: str
    index: tuple[int, ...]
    sign: int
    left: MultiIndex
    right: MultiIndex
    constant: sp.Expr
    terms: tuple[MeanTerm, ...]
    symbol: sp.Expr
    value: sp.Expr | None
    formula: sp.Expr


@dataclass(frozen=True)
class HomogenizedModel:
    """Result of `homogenize`. `print(model)` shows the derivation; in a notebook it is LaTeX."""

    problem: MultiscaleProblem
    operator: Operator
    powers: Mapping[int, Table]
    cell_problems: tuple[CellProblem, ...]
    law: tuple[EffectiveEntry, ...]
    equation: sp.Equality
    derivation: Derivation
    order: int

    @property
    def leading(self) -> Table:
        """The cell operator A_0: the terms of the lowest power of eps that act on the unknown."""
        lowest = min(k for k, table in self.powers.items() if any(t.field is not None for t in table))
        return {t: c for t, c in self.powers[lowest].items() if t.field is not None}

    @cached_property
    def effective(self) -> dict[str, sp.Expr]:
        """The formulas by name: "A" a (d, d) matrix, "b", "beta" and "g" columns, "c", "rho" and "f" scalars; <.> is `Mean`.

        Absent: "b" and "c" that are zero, "rho" of a stationary equation.
        """
        d = self.problem.scales.dim
        formulas: dict[str, dict[tuple[int, ...], sp.Expr]] = {"A": {}}
        for entry in self.law:
            formulas.setdefault(entry.name, {})[entry.index] = entry.formula
        return {name: _arrange(name, table, d) for name, table in formulas.items()}

    def __str__(self) -> str:
        return str(self.derivation)

    def _repr_latex_(self) -> str:
        return self.derivation.fragment()


def _arrange(name: str, table: Mapping[tuple[int, ...], sp.Expr], d: int) -> sp.Expr:
    """The entries of one effective coefficient as a matrix, a column or a scalar."""
    if name == "A":
        return sp.ImmutableMatrix(d, d, lambda i, j: table.get((i, j), sp.Integer(0)))
    if name in ("b", "beta", "g"):
        return sp.ImmutableMatrix(d, 1, lambda i, _: table.get((i,), sp.Integer(0)))
    return table[()]
