"""Conditions of a Piecewise that hold everywhere in the cell, or nowhere: a phase that covers the
cell is no jump, nor are phases with the same value.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.core.relational import Relational

SymbolicIntervals = Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]
_STEPS = (sp.Heaviside, sp.sign)
# Relative difference up to which two numbers are the same.
_ROUNDING = 1e-15
_RISING = (sp.Gt, sp.Ge)
_FALLING = (sp.Lt, sp.Le)


def decided(expr: sp.Expr, cell: SymbolicIntervals) -> sp.Expr:
    """`expr` with the value of every inequality, Heaviside and sign of a linear function of the
    cell coordinates that has one, and one number for a Piecewise of equal numbers.

    Points at the ends of the cell, which have no measure, do not count.
    """
    if not expr.has(sp.Piecewise, *_STEPS):
        return expr
    known: dict[sp.Basic, sp.Basic | None] = {r: _decision(r, cell) for r in expr.atoms(Relational)}
    known |= {e: _step(e, cell) for e in expr.atoms(*_STEPS)}
    found = expr.xreplace({node: value for node, value in known.items() if value is not None})
    same = {node: _common(node) for node in found.atoms(sp.Piecewise)}
    return found.xreplace({node: value for node, value in same.items() if value is not None})


def _common(node: sp.Piecewise) -> sp.Expr | None:
    """The number that all branches are; None where they differ, or are no numbers."""
    first, *others = [branch for branch, _ in node.args]
    if not all(v.is_number and v.is_finite for v in (first, *others)):
        return None
    number = complex(first)
    close = all(abs(complex(v) - number) <= _ROUNDING * abs(number) for v in others)
    if close and node.args[-1].cond == sp.true:
        return first
    return None


def _step(node: sp.Expr, cell: SymbolicIntervals) -> sp.Expr | None:
    """The value of Heaviside or sign where its argument keeps its sign."""
    positive = _decision(sp.Gt(node.args[0], 0, evaluate=False), cell)
    if positive is None:
        return None
    if positive == sp.true:
        return sp.Integer(1)
    return sp.Integer(0 if isinstance(node, sp.Heaviside) else -1)


def _decision(relation: Relational, cell: SymbolicIntervals) -> sp.logic.boolalg.BooleanAtom | None:
    if not isinstance(relation, (*_RISING, *_FALLING)):
        return None
    ends = _ends(sp.expand(relation.lhs - relation.rhs), cell)
    if ends is None:
        return None
    lower, upper = ends if isinstance(relation, _RISING) else (-ends[1], -ends[0])
    if lower == upper == 0:
        return None
    if lower >= 0:
        return sp.true
    if upper <= 0:
        return sp.false
    return None


def _ends(difference: sp.Expr, cell: SymbolicIntervals) -> tuple[sp.Expr, sp.Expr] | None:
    """The least and the largest value over the cell of a linear function; None for another one, and
    for a constant.
    """
    held = [v for v in cell if difference.has(v)]
    slopes = [sp.diff(difference, v) for v in held]
    constant = difference.subs(dict.fromkeys(held, 0))
    if not held or not all(c.is_number and c.is_real for c in (*slopes, constant)):
        return None
    parts = [
        sorted((slope * a, slope * b))
        for slope, (a, b) in zip(slopes, (cell[v] for v in held), strict=True)
    ]
    return constant + sp.Add(*[low for low, _ in parts]), constant + sp.Add(
        *[high for _, high in parts]
    )
