"""Functions without a formula, sp.Function("a")(y1, y2): as arguments of emitted code,
differentiated there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ..lower.forms import LoweredCells, LoweredEquation, MultiIndex
from ..problem.errors import UnsupportedError


@dataclass(frozen=True)
class Opaque:
    """D^index of function `name` at `arguments`, the index over these."""

    name: str
    arguments: tuple[sp.Expr, ...]
    index: MultiIndex


def opaque_nodes(value: Any) -> tuple[sp.Expr, ...]:
    """The applied functions in an expression or in a lowered form, each once; under Derivative and
    Subs with these.
    """
    return tuple(dict.fromkeys(_nodes(value)))


def _nodes(value: Any) -> Iterator[sp.Expr]:
    if isinstance(value, (AppliedUndef, sp.Derivative, sp.Subs)) and value.has(AppliedUndef):
        yield value
    elif isinstance(value, sp.Basic):
        for argument in value.args:
            yield from _nodes(argument)
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
    elif is_dataclass(value):
        for entry in fields(value):
            yield from _nodes(getattr(value, entry.name))


def derivative_of(node: sp.Expr) -> Opaque:
    """The derivative that a node stands for; UnsupportedError for one that is not of a function by
    one of its arguments.
    """
    shift: dict[sp.Basic, sp.Basic] = {}
    inner = node
    if isinstance(inner, sp.Subs):
        shift = dict(zip(inner.variables, inner.point, strict=True))
        inner = inner.expr
    counts = dict(inner.variable_count) if isinstance(inner, sp.Derivative) else {}
    function = inner.expr if isinstance(inner, sp.Derivative) else inner
    if (
        not isinstance(function, AppliedUndef)
        or any(function.args.count(v) != 1 for v in counts)
        or any(a.has(*counts) for a in function.args if counts and a not in counts)
    ):
        raise UnsupportedError(
            "a derivative of a function without a formula that torch cannot take",
            term=node,
            remedy="make the coordinates themselves its arguments",
        )
    index = tuple(int(counts.get(a, 0)) for a in function.args)
    return Opaque(function.func.__name__, tuple(a.xreplace(shift) for a in function.args), index)


def function_names(lowered: LoweredCells | LoweredEquation) -> tuple[str, ...]:
    """The functions without a formula in a lowered form."""
    return tuple(
        sorted(
            {f.func.__name__ for node in opaque_nodes(lowered) for f in node.atoms(AppliedUndef)}
        )
    )
