"""What is known of data without looking: factors of single variables, trigonometric polynomials,
polynomials, branches across curves."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import sympy as sp

from .breaks import Level, own_levels
from .data import Space

_BRANCHES = 64
"""Most combinations of branches that are looked at all together."""
_STEPS = 16
POLYNOMIAL = 6
"""Degree of polynomials that one panel resolves."""
_WHOLE = 1e-9
_BREAKING = (sp.Piecewise, sp.Heaviside, sp.sign, sp.Abs, sp.Max, sp.Min, sp.floor)


def factors(expr: sp.Expr, space: Space) -> Iterator[sp.Expr]:
    """Expressions of which `expr` is a polynomial, of one variable each where it separates:
    sums, products, exponentials of sums."""
    if len(space.of(expr)) <= 1:
        if space.of(expr):
            yield expr
        return
    if isinstance(expr, (sp.Add, sp.Mul)):
        groups: dict[tuple[int, ...], list[sp.Expr]] = defaultdict(list)
        for arg in expr.args:
            groups[space.of(arg)].append(arg)
        for places, args in groups.items():
            parts = [expr.func(*args)] if len(places) == 1 else args
            for part in parts:
                yield from factors(part, space)
    elif isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        yield from factors(expr.base, space)
    elif (
        isinstance(expr, sp.exp)
        and isinstance(expr.args[0], sp.Add)
        and all(len(space.of(a)) <= 1 for a in expr.args[0].args)
    ):
        groups = defaultdict(list)
        for arg in expr.args[0].args:
            groups[space.of(arg)].append(arg)
        for args in groups.values():
            yield from factors(sp.exp(sp.Add(*args)), space)
    else:
        yield expr


def harmonics(expr: sp.Expr, k: int, space: Space, periodic: bool) -> int | None:
    """The largest frequency, in periods of the interval, where `expr` is a trigonometric
    polynomial in symbol k; None where it is not.

    Where the axis is not periodic the frequency may be a fraction, and is rounded up.
    """
    v = space.symbols[k]
    if v not in expr.free_symbols:
        return 0
    if isinstance(expr, (sp.Add, sp.Mul)):
        parts = [harmonics(a, k, space, periodic) for a in expr.args]
        known = [n for n in parts if n is not None]
        if len(known) < len(parts):
            return None
        return max(known) if isinstance(expr, sp.Add) else sum(known)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        inner = harmonics(expr.base, k, space, periodic)
        return None if inner is None else inner * int(expr.exp)
    if isinstance(expr, (sp.sin, sp.cos)):
        slope = expr.args[0].diff(v)
        if slope.is_number and slope.is_real:
            count = abs(float(slope)) * space.length(k) / (2 * float(sp.pi))
            if not periodic:
                return int(-(-(count - _WHOLE) // 1))
            return round(count) if abs(count - round(count)) <= _WHOLE * max(count, 1.0) else None
    return None


def degree(expr: sp.Expr, v: sp.Symbol) -> int | None:
    """The degree of a polynomial in v, None where it is none."""
    if v not in expr.free_symbols:
        return 0
    if expr == v:
        return 1
    if isinstance(expr, (sp.Add, sp.Mul)):
        parts = [degree(a, v) for a in expr.args]
        known = [n for n in parts if n is not None]
        if len(known) < len(parts):
            return None
        return max(known) if isinstance(expr, sp.Add) else sum(known)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        inner = degree(expr.base, v)
        return None if inner is None else inner * int(expr.exp)
    return None


def smooth_branches(expr: sp.Expr, curved: Sequence[Level], space: Space) -> list[sp.Expr]:
    """The expression with one branch taken of every node that jumps or kinks across one of the
    curves: what it is on either side.

    Where there are too many combinations every node runs through its branches while the others
    keep their first.
    """
    if not curved:
        return [expr]
    nodes = [
        n
        for n in sp.ordered(expr.atoms(*_BREAKING))
        if any(level in curved for level in own_levels(n, space))
    ]
    outer = [n for n in nodes if not any(n != m and m.has(n) for m in nodes)]
    if not outer:
        return [expr]
    choices = [_branches(n) for n in outer]
    if math.prod(map(len, choices)) <= _BRANCHES:
        picks = list(itertools.product(*choices))
    else:
        first = tuple(rows[0] for rows in choices)
        picks = [
            (*first[:k], branch, *first[k + 1 :])
            for k, rows in enumerate(choices)
            for branch in rows
        ]
    found = [expr.xreplace(dict(zip(outer, pick, strict=True))) for pick in picks]
    return list(
        dict.fromkeys(
            branch for e in dict.fromkeys(found) for branch in smooth_branches(e, curved, space)
        )
    )


def _branches(node: sp.Expr) -> list[sp.Expr]:
    if isinstance(node, sp.Piecewise):
        return [e for e, _ in node.args]
    if isinstance(node, sp.Abs):
        return [node.args[0], -node.args[0]]
    if isinstance(node, sp.Heaviside):
        return [sp.Integer(0), sp.Integer(1)]
    if isinstance(node, sp.sign):
        return [sp.Integer(-1), sp.Integer(1)]
    if isinstance(node, (sp.Max, sp.Min)):
        return list(node.args)
    return [sp.Integer(n) for n in range(-_STEPS // 2, _STEPS // 2)]
