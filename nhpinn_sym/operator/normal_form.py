"""Normal form of the term table: derivatives balanced on both sides, so that even orders stand in
divergence form.

- D^left( c D^right u ) of total order n has n/2 derivatives on each side where n is even and above
  1, at least one on each where n = 3;
- what already is balanced stays as it was written: what stands under an outer derivative is the
  flux of natural boundary conditions;
- a derivative moves by c D_i w = D_i(c w) - (D_i c) w, or D_i(c w) = c D_i w + (D_i c) w, shared
  evenly among the axes it could be taken from:
  an expanded divergence form folds back to itself.
D_i = d_{x_i} + eps^-1 d_{y_i} + ...: the fast part lowers the power of eps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy as sp

from ..problem.errors import JumpError, UnsupportedError
from .table import Operator, Table, Term, add, subtract, unit
from .zero_test import is_zero, jumps

Pieces = Iterator[tuple[Term, sp.Expr]]

# Plates; the expansion and the backends know no higher order.
MAX_ORDER = 4


def normal_form(operator: Operator) -> Operator:
    """The operator in normal form; JumpError where that would need the derivative of a jump."""
    table: dict[Term, list[sp.Expr]] = defaultdict(list)
    for term, c in operator.table.items():
        for new, piece in _normalize(operator, term, c):
            table[new].append(piece)
    return replace(operator, table=_summed(table))


def _summed(table: Mapping[Term, list[sp.Expr]]) -> dict[Term, sp.Expr]:
    """The sums of the pieces, without those that vanish."""
    sums = {term: (sp.Add(*pieces), pieces) for term, pieces in table.items()}
    return {
        t: c
        for t, (c, pieces) in sums.items()
        if c != 0 and not (len(pieces) > 1 and is_zero(c, pieces))
    }


def _normalize(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    d = op.problem.scales.dim
    left = sum(term.left[:d])
    right = sum(term.right[:d])
    if left + right > MAX_ORDER:
        raise UnsupportedError(
            f"a space derivative of order above {MAX_ORDER}",
            term=op.show(term),
            remedy="up to fourth order is covered",
        )
    if term.left[d]:
        yield from _to_the_right(op, term, c, [d])
    elif term.field is None and left > 1:
        yield from _to_the_right(op, term, c, _axes(term.left[:d]))
    elif term.field is None:
        if not any(term.left) or _varies(op, c, term.left):
            yield term, c
    elif _surplus(right, left):
        yield from _to_the_left(op, term, c, _axes(term.right[:d]))
    elif _surplus(left, right):
        yield from _to_the_right(op, term, c, _axes(term.left[:d]))
    else:
        yield term, c


def right_form(operator: Operator) -> Table:
    """The table of sum_k eps^k c D^right u, without derivatives on the left; JumpError where that
    would need the derivative of a jump.
    """
    table: dict[Term, list[sp.Expr]] = defaultdict(list)
    for term, c in operator.table.items():
        for new, piece in _all_to_the_right(operator, term, c):
            table[new].append(piece)
    return _summed(table)


def _all_to_the_right(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    axes = _axes(term.left)
    if not axes:
        yield term, c
        return
    e = unit(axes[0], len(term.left))
    less = term._replace(left=subtract(term.left, e))
    if term.field is not None:
        yield from _all_to_the_right(op, less._replace(right=add(term.right, e)), c)
    for slope, power in _slopes(op, c, axes[0]):
        yield from _all_to_the_right(op, less._replace(power=term.power - power), slope)


def _surplus(here: int, there: int) -> bool:
    """Whether a derivative has to move from one side to the other: 2|0, 3|0, 3|1, 4|0, but not 1|0
    and 2|1.
    """
    return here - there > 1


def _to_the_left(op: Operator, term: Term, c: sp.Expr, axes: list[int]) -> Pieces:
    """c D_i w = D_i(c w) - (D_i c) w, in equal parts for every axis."""
    for i in axes:
        e = unit(i, len(term.left))
        less = term._replace(right=subtract(term.right, e))
        yield from _normalize(op, less._replace(left=add(term.left, e)), c / len(axes))
        for slope, power in _slopes(op, c, i):
            yield from _normalize(op, less._replace(power=term.power - power), -slope / len(axes))


def _to_the_right(op: Operator, term: Term, c: sp.Expr, axes: list[int]) -> Pieces:
    """D_i(c w) = c D_i w + (D_i c) w, in equal parts for every axis."""
    for i in axes:
        e = unit(i, len(term.left))
        less = term._replace(left=subtract(term.left, e))
        if term.field is not None:
            yield from _normalize(op, less._replace(right=add(term.right, e)), c / len(axes))
        for slope, power in _slopes(op, c, i):
            yield from _normalize(op, less._replace(power=term.power - power), slope / len(axes))


def _varies(op: Operator, c: sp.Expr, left: tuple[int, ...]) -> bool:
    """Whether D^left(c) of a source is more than zero."""
    return all(
        c.has(op.coordinates[k], *(axis.symbol for axis in op.axes if axis.slow == k))
        for k, n in enumerate(left)
        if n
    )


def _slopes(op: Operator, c: sp.Expr, axis: int) -> Iterator[tuple[sp.Expr, int | sp.Rational]]:
    """(d_x c, 0), (d_y c, 1), ...: the parts of the total derivative, with the powers of 1/eps."""
    for variable, power in (
        (op.coordinates[axis], 0),
        *((fast.symbol, fast.power) for fast in op.axes if fast.slow == axis),
    ):
        if c.has(variable):
            if jumps(c):
                raise JumpError(
                    f"the coefficient of a second derivative jumps along {variable}",
                    term=c,
                    remedy=(
                        "write the flux with s.div(a*s.grad(u)): sp.diff across a Piecewise loses"
                        " its jump"
                    ),
                )
            yield sp.diff(c, variable), power


def _axes(index: tuple[int, ...]) -> list[int]:
    """The axes of a multi-index, each as often as it stands there."""
    return [k for k, n in enumerate(index) for _ in range(n)]
