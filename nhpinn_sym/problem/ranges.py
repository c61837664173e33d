"""Ranges of parameters and of unknowns, as a user declares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from .domain import Box
from .errors import ProblemError, shortened
from .scales import unknown_functions
from .user_input import check_parameter


def parameter_ranges(table: Any) -> dict[sp.Symbol, tuple[sp.Expr, sp.Expr]]:
    """The range of each parameter, exact. ProblemError for what is none."""
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise ProblemError(
            "parameters are a dictionary of ranges",
            term=shortened(table),
            remedy="write parameters={q: (lower, upper)}",
        )
    for symbol in table:
        check_parameter(symbol)
    return {symbol: Box(pair).intervals[0] for symbol, pair in table.items()}


def unknown_ranges(
    table: Any, unknowns: Sequence[sp.Expr]
) -> dict[sp.Expr, tuple[sp.Expr, sp.Expr]]:
    """The range of each scalar unknown that has one; that of a vector is one for every
    component.
    """
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise ProblemError(
            "ranges are a dictionary",
            term=shortened(table),
            remedy="write ranges={u: (lower, upper)}",
        )
    found: dict[sp.Expr, tuple[sp.Expr, sp.Expr]] = {}
    for unknown, pair in table.items():
        for u in unknown_functions(unknown):
            if u not in unknowns:
                raise ProblemError(
                    "a range of something that is no unknown of the problem",
                    term=shortened(u),
                    remedy=f"the unknowns are {', '.join(map(str, unknowns))}",
                )
            found[u] = Box(pair).intervals[0]
    return found
