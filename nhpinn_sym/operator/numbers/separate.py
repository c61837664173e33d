"""What is known of data without looking: factors of single variables, trigonometric polynomials,
polynomials, branches across curves."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from .breaks import Level, own_levels
from .data import DataSpace

# Most combinations of branches that are looked at all together.
_BRANCHES = 64
# Values of a floor that stand for all: data in it are periodic, or linear.
_STEPS = 16
POLYNOMIAL = 6
"""Degree of polynomials that one panel resolves."""
# Frequencies are whole up to rounding of 2*pi as a floating-point number.
_WHOLE = 1e-9
_BREAKING = (sp.Piecewise, sp.Heaviside, sp.sign, sp.Abs, sp.Max, sp.Min, sp.floor)


def factors(expr: sp.Expr, space: DataSpace) -> Iterator[sp.Expr]:
    """Expressions of which `expr` is a polynomial, of one variable each where it separates:
    sums, products, exponentials of sums."""
    places = space.of(expr)
    if not places:
        return
    if len(places) == 1:
        yield expr
    elif isinstance(expr, (sp.Add, sp.Mul)):
        for own, args in _by_variables(expr.args, space).items():
            parts = [expr.func(*args)] if len(own) == 1 else args
            for part in parts:
                yield from factors(part, space)
    elif isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        yield from factors(expr.base, space)
    elif _is_exponential_of_separated_sum(expr, space):
        for args in _by_variables(expr.args[0].args, space).values():
            yield from factors(sp.exp(sp.Add(*args)), space)
    else:
        yield expr


def _by_variables(
    args: Sequence[sp.Expr], space: DataSpace
) -> dict[tuple[int, ...], list[sp.Expr]]:
    groups: dict[tuple[int, ...], list[sp.Expr]] = defaultdict(list)
    for arg in args:
        groups[space.of(arg)].append(arg)
    return groups


def _is_exponential_of_separated_sum(expr: sp.Expr, space: DataSpace) -> bool:
    if not isinstance(expr, sp.exp) or not isinstance(expr.args[0], sp.Add):
        return False
    return all(len(space.of(part)) <= 1 for part in expr.args[0].args)


def harmonics(expr: sp.Expr, k: int, space: DataSpace, periodic: bool) -> int | None:
    """The largest frequency, in periods of the interval, where `expr` is a trigonometric
    polynomial in symbol k; None where it is not.

    Where the axis is not periodic the frequency may be a fraction, and is rounded up.
    """
    v = space.symbols[k]

    def of_wave(wave: sp.Expr) -> int | None:
        if not isinstance(wave, (sp.sin, sp.cos)):
            return None
        slope = wave.args[0].diff(v)
        if not (slope.is_number and slope.is_real):
            return None
        count = abs(float(slope)) * space.length(k) / (2 * float(sp.pi))
        if not periodic:
            return math.ceil(count - _WHOLE)
        whole = abs(count - round(count)) <= _WHOLE * max(count, 1.0)
        if whole:
            return round(count)
        return None

    return _degree_by(of_wave, expr, v)


def degree(expr: sp.Expr, v: sp.Symbol) -> int | None:
    """The degree of a polynomial in v, None where it is none."""
    return _degree_by(lambda e: 1 if e == v else None, expr, v)


def _degree_by(of_leaf: Callable[[sp.Expr], int | None], expr: sp.Expr, v: sp.Symbol) -> int | None:
    """The degree of a polynomial in functions of v whose degrees are known: the largest in a sum,
    added in a product; None where one is not known.
    """
    if v not in expr.free_symbols:
        return 0
    if isinstance(expr, (sp.Add, sp.Mul)):
        parts = [_degree_by(of_leaf, a, v) for a in expr.args]
        known = [n for n in parts if n is not None]
        if len(known) < len(parts):
            return None
        if isinstance(expr, sp.Add):
            return max(known)
        return sum(known)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        inner = _degree_by(of_leaf, expr.base, v)
        if inner is None:
            return None
        return inner * int(expr.exp)
    return of_leaf(expr)


def smooth_branches(expr: sp.Expr, curved: Sequence[Level], space: DataSpace) -> list[sp.Expr]:
    """The expression with one branch taken of every node that jumps or kinks across one of the
    curves: what it is on either side.

    Where there are too many combinations every node runs through its branches while the others
    keep their first.
    """
    if not curved:
        return [expr]
    nodes = []
    for node in sp.ordered(expr.atoms(*_BREAKING)):
        if any(level in curved for level in own_levels(node, space)):
            nodes.append(node)
    outer = [n for n in nodes if not any(n != m and m.has(n) for m in nodes)]
    if not outer:
        return [expr]
    found: dict[sp.Expr, None] = {}
    for pick in _picks([_branches(n) for n in outer]):
        one_side = expr.xreplace(dict(zip(outer, pick, strict=True)))
        found |= dict.fromkeys(smooth_branches(one_side, curved, space))
    return list(found)


def _picks(choices: Sequence[list[sp.Expr]]) -> Iterator[tuple[sp.Expr, ...]]:
    """Combinations of branches, one of each node; all of them where they are not too many."""
    if math.prod(map(len, choices)) <= _BRANCHES:
        yield from itertools.product(*choices)
        return
    first = tuple(rows[0] for rows in choices)
    for k, rows in enumerate(choices):
        for branch in rows:
            yield (*first[:k], branch, *first[k + 1 :])


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
