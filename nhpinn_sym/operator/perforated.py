"""Holes of the cell: every term of the equation stands on the solid part alone.

With chi = 1 in the solid and 0 in the holes, the integral of c D^right u D^left v over the solid is
that of chi c D^right u D^left v: the flux out of a hole vanishes by itself. So the table of a
perforated problem is that of the whole cell with chi c in the place of c, and means stay those over
the cell, <chi f> = theta f (Cioranescu, Saint Jean Paulin 1979, J. Math. Anal. Appl. 71:590).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import sympy as sp

from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .table import Operator, Term

TableKey = TypeVar("TableKey")


def perforated(op: Operator) -> Operator:
    """The operator, in normal form, on the solid part of the cell.

    UnsupportedError for terms whose derivatives do not stand on both sides of a coefficient, such
    as b . grad u: they would need a condition at the holes of their own.
    """
    solid = op.problem.solid
    if solid is None:
        return op
    if not op.linear:
        raise UnsupportedError(
            "holes in a nonlinear problem",
            term=next(iter(op.fluxes.values())),
            remedy="leave holes= out",
        )
    dim = op.problem.scales.dim
    for term, _ in op.terms():
        if sum(term.left[:dim]) != sum(term.right[:dim]):
            raise UnsupportedError(
                "a term of first order beside holes",
                term=op.show(term),
                remedy="holes are there for -s.div(a*s.grad(u)), reactions and storage",
            )
    return replace(op, table={t: solid * c for t, c in op.table.items()})


def without_holes(
    problem: MultiscaleProblem, table: Mapping[TableKey, sp.Expr]
) -> dict[TableKey, sp.Expr]:
    """The coefficients as they are in the solid, with which what they must be is checked."""
    if problem.solid is None:
        return dict(table)
    swap = {problem.solid: sp.Integer(1)}
    return {key: c.xreplace(swap) for key, c in table.items()}


def solid_operator(op: Operator) -> Operator:
    """The operator with these coefficients."""
    table: dict[Term, sp.Expr] = without_holes(op.problem, op.table)
    return replace(op, table=table)
