"""Equations as a user writes them: sp.Eq, pairs and lists of them, of scalars and of columns."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices import MatrixBase

from .errors import EquationError, shortened
from .user_input import scalar

_SIDE = "write SymPy expressions; look for a division by zero or a nan in the coefficients"


def read_equations(equation: Any) -> tuple[sp.Expr, ...]:
    """lhs - rhs of each scalar equation."""
    if isinstance(equation, list):
        return tuple(e for item in equation for e in read_equations(item))
    if isinstance(equation, (bool, BooleanAtom)):
        raise EquationError(
            "this is a boolean, not an equation",
            term=equation,
            remedy=(
                "sp.Eq gives False for sides of unequal shape or with nan, True for equal sides:"
                " look at both sides"
            ),
        )
    if isinstance(equation, sp.Equality):
        sides: tuple[Any, Any] = equation.args
    elif isinstance(equation, tuple) and len(equation) == 2:
        sides = equation
    else:
        raise EquationError(
            "an equation is sp.Eq(lhs, rhs) or a pair (lhs, rhs)",
            term=shortened(equation),
            remedy="write sp.Eq(-s.div(a*s.grad(u)), f)",
        )
    lhs, rhs = (_entries(side) for side in sides)
    if len(rhs) == 1 and rhs[0] == 0:
        rhs = rhs * len(lhs)
    if len(lhs) != len(rhs):
        raise EquationError(
            f"the sides of the equation have {len(lhs)} and {len(rhs)} components",
            term=f"{sides[0]} = {sides[1]}",
            remedy="make both sides scalars, or columns of equal length",
        )
    return tuple(left - right for left, right in zip(lhs, rhs, strict=True))


def _entries(side: Any) -> list[sp.Expr]:
    entries = side if isinstance(side, (MatrixBase, list, tuple)) else [side]
    quotes = (e if isinstance(e, sp.Basic) else None for e in entries)
    return [
        scalar(e, EquationError, "this side of the equation", quote=quote, remedy=_SIDE)
        for e, quote in zip(entries, quotes, strict=True)
    ]
