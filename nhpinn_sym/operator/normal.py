"""Normal form of the term table: at most one derivative on each side, second-order terms in divergence form.

- d_i(c u) stays as it was written: what stands under an outer derivative is the flux of natural boundary conditions;
- c d_ij u (one second derivative, as SymPy makes of div(grad u), or an operator that was expanded by hand) becomes
  d_i(c d_j u) - (D_i c) d_j u, half by each order of i and j: an expanded divergence form folds back to itself;
- d_ij(c u) becomes d_i(c d_j u) + d_i((D_j c) u).
D_i = d_{x_i} + eps^-1 d_{y_i}: the second part lowers the power of eps by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import sympy as sp

from ..problem.errors import JumpError, UnsupportedError
from .table import Operator, Term, unit
from .zero import is_zero, jumps

Pieces = Iterator[tuple[Term, sp.Expr]]


def normal_form(operator: Operator) -> Operator:
    """The operator in normal form; JumpError where that would need the derivative of a jump."""
    table: dict[Term, list[sp.Expr]] = defaultdict(list)
    for term, c in operator.table.items():
        for new, piece in _normalize(operator, term, c):
            table[new].append(piece)
    sums = {term: (sp.Add(*pieces), pieces) for term, pieces in table.items()}
    return Operator(operator.problem, {t: c for t, (c, pieces) in sums.items() if c != 0 and not (len(pieces) > 1 and is_zero(c, pieces))})


def _normalize(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    d = len(op.fast)
    if sum(term.left[:d]) + sum(term.right[:d]) > 2:
        raise UnsupportedError("a space derivative of order above two", term=op.show(term), remedy="operators up to second order are covered")
    if term.left[d]:
        yield from _time_inside(op, term, c)
    elif sum(term.right[:d]) == 2 and term.field is not None:
        yield from _split_right(op, term, c)
    elif sum(term.left[:d]) == 2:
        yield from _split_left(op, term, c)
    elif term.field is not None or not any(term.left) or _varies(op, c, term.left):
        yield term, c


def _time_inside(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    """d_t( c w ) = c d_t w + (d_t c) w."""
    d = len(op.fast)
    lowered = term._replace(left=(*term.left[:d], term.left[d] - 1))
    yield from _normalize(op, lowered._replace(right=(*term.right[:d], term.right[d] + 1)), c) if term.field is not None else ()
    slope = sp.diff(c, op.coordinates[d])
    if slope != 0:
        yield from _normalize(op, lowered, slope)


def _split_right(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    """c d_ij u, half as d_i(c d_j u) - (D_i c) d_j u and half with i and j exchanged."""
    for i, _ in _pairs(term.right[: len(op.fast)]):
        yield term._replace(left=unit(i, len(term.left)), right=_lower(term.right, i)), c / 2
        for slope, power in _slopes(op, c, i):
            yield term._replace(right=_lower(term.right, i), power=term.power + power), -slope / 2


def _split_left(op: Operator, term: Term, c: sp.Expr) -> Pieces:
    """d_ij(c w), half as d_i(c d_j w) + d_i((D_j c) w) and half with i and j exchanged."""
    for i, j in _pairs(term.left[: len(op.fast)]):
        half = term._replace(left=unit(i, len(term.left)))
        if term.field is not None:
            yield half._replace(right=unit(j, len(term.left))), c / 2
        for slope, power in _slopes(op, c, j):
            yield half._replace(power=term.power + power), slope / 2


def _varies(op: Operator, c: sp.Expr, left: tuple[int, ...]) -> bool:
    """Whether D^left(c) of a source is more than zero."""
    return all(c.has(x, y) for x, y, n in zip(op.coordinates, op.fast, left, strict=False) if n)


def _slopes(op: Operator, c: sp.Expr, axis: int) -> Iterator[tuple[sp.Expr, int]]:
    """(d_x c, power 0) and (d_y c, power -1) along one axis."""
    for variable, power in ((op.coordinates[axis], 0), (op.fast[axis], -1)):
        if c.has(variable):
            if jumps(c):
                raise JumpError(f"the coefficient of a second derivative jumps along {variable}", term=c,
                                remedy="write the flux with s.div(a*s.grad(u)): sp.diff across a Piecewise loses its jump")
            yield sp.diff(c, variable), power


def _pairs(index: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    i, j = (k for k, n in enumerate(index) for _ in range(n))
    return (i, j), (j, i)


def _lower(index: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(n - (k == axis) for k, n in enumerate(index))
