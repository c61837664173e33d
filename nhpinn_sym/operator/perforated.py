"""Holes of the cell: every term of the equation stands on the solid part alone.

With chi = 1 in the solid and 0 in the holes, the integral of c D^right u D^left v over the solid is
that of chi c D^right u D^left v: the flux out of a hole vanishes by itself. So the table of a
perforated problem is that of the whole cell with chi c in the place of c, and means stay those over
the cell, <chi f> = theta f (Cioranescu, Saint Jean Paulin 1979, J. Math. Anal. Appl. 71:590).
Fluxes and Robin conditions of the power 1 of eps are reactions and sources of the solid (Hornung,
Jaeger 1991, J. Differential Equations 92:199).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from ..problem.errors import UndeclaredSymbolError, UnsupportedError
from ..problem.holes import surface_data
from ..problem.joined_shapes import Shape
from ..problem.measures import measures, require_apart
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
    table = {t: solid * c for t, c in op.table.items()}
    for term, density in _surface_terms(op).items():
        table[term] = table.get(term, sp.Integer(0)) + solid * density
    return replace(op, table=table)


def has_surface_terms(problem: MultiscaleProblem) -> bool:
    """Whether a condition at a hole holds more than that no flux goes into it."""
    return any(any(surface_data(condition)) for condition in problem.holes.values())


def _surface_terms(op: Operator) -> dict[Term, sp.Expr]:
    """What conditions n . q + eps beta u = eps g at holes become: with int eps beta u v ds over all
    surfaces as large as int |Y|^-1 |Gamma| beta u v dx, a reaction and a source of order 1, spread
    evenly over the solid. Their means are those of the surface, and to the first order nothing else
    of them is asked for.

    UnsupportedError for several unknowns, other powers of eps, and data that oscillate.
    """
    problem = op.problem
    if not has_surface_terms(problem):
        return {}
    if len(problem.unknowns) > 1 or max(sum(t.left) + sum(t.right) for t in op.table) > 2:
        raise UnsupportedError(
            "conditions at holes for several unknowns, or of equations of fourth order",
            term=next(iter(problem.holes.values())),
            remedy="write nh.Neumann(0)",
        )
    shapes = [shape for shape, held in problem.holes.items() if any(surface_data(held))]
    require_apart(list(problem.holes), problem.cell)
    sizes = {shape: measures(shape, problem.cell) for shape in problem.holes}
    solid = problem.cell.volume - sp.Add(*(volume for _, volume in sizes.values()))
    reaction, source = sp.Integer(0), sp.Integer(0)
    for shape in shapes:
        alpha, value = surface_data(problem.holes[shape])
        share = sizes[shape][0] / solid
        reaction += share * _of_first_power(op, shape, alpha)
        source -= share * _of_first_power(op, shape, value)
    zero = (0,) * len(next(iter(op.table)).left)
    found = {Term(0, zero, 0, zero, 0): reaction, Term(0, zero, None, zero, 0): source}
    return {term: c for term, c in found.items() if c != 0}


def _of_first_power(op: Operator, shape: Shape, given: sp.Expr) -> sp.Expr:
    """beta of eps beta."""
    scales = op.problem.scales
    beta = sp.simplify(scales.plain(given) / scales.eps)
    if beta.has(scales.eps):
        raise UnsupportedError(
            "a condition at a hole whose data are not of the power 1 of eps: with eps^0 what goes"
            " through the surfaces is of order 1/eps, with eps^-1 it is a Steklov problem, and with"
            " eps^2 it vanishes in the limit",
            term=f"{shape}: {given}",
            remedy="write nh.Robin(s.eps*beta, s.eps*g), or nh.Neumann(0)",
        )
    if beta.free_symbols & {v.symbol for v in scales.fast}:
        raise UnsupportedError(
            "data at a hole that oscillate",
            term=f"{shape}: {given}",
            remedy="take their mean over the surface",
        )
    strange = beta.atoms(sp.Symbol, AppliedUndef) - {*scales.x, *op.problem.parameters}
    if strange:
        raise UndeclaredSymbolError(
            "data at a hole hold something else than s.x and declared parameters",
            term=f"{shape}: {given}",
            remedy="write numbers, s.x, and symbols of parameters={...}",
        )
    return beta


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
