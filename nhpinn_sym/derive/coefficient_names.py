"""What the terms of the averaged operator are called: names, indices and places of the effective
coefficients.

Second order:  rho u_t - div(A grad u) + div(beta u) + b.grad u + c u = f - div g;  fourth order:
D^2:(A D^2 u) - div(B grad u) + ... rho stands with the highest time derivative, "damping" with a
lower one, "mixed" with d_t d_l u; "G" is the coefficient of -d_ij u where the operator is not in
divergence form and depends on x.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from ..operator.table import MultiIndex, Operator, unit
from ..problem.errors import UnsupportedError
from .products import MacroscopicTerm

ORDER = ("A", "G", "B", "beta", "b", "c", "rho", "damping", "mixed", "f", "g")


class NamedTerm(NamedTuple):
    """Effective coefficient name[entry], with `sign` in front of D^left( . D^right u_field ) in an
    equation; it gets 1/`share` of the coefficient of the averaged operator.
    """

    name: str
    entry: tuple[int, ...]
    sign: int
    equation: int
    left: MultiIndex
    field: int | None
    right: MultiIndex
    share: int = 1


# {(derivatives outside, inside): (name, sign)} of terms below the order of the operator.
_LOWER_ORDER = {(1, 1): ("B", -1), (1, 0): ("beta", 1), (0, 1): ("b", 1), (0, 0): ("c", 1)}


def name_terms(op: Operator, order: int, key: MacroscopicTerm, local: bool) -> list[NamedTerm]:
    """The effective coefficients that the term `key` of the averaged operator adds to; `order` is
    that of the operator.
    """
    equation, left, field, right = key
    d = op.problem.scales.dim
    outer = _axes(left[:d])
    inner = _axes(right[:d])
    time = right[d]
    if left[d] or (field is None and len(outer) > 1):
        raise _refused(key)
    if field is not None and not time:
        if len(outer) + len(inner) == order:
            return _principal(op, order, key, outer, inner, local)
        if len(outer) + len(inner) == 2 and len(outer) != 1 and not local:
            return _second_order(op, key, (*outer, *inner))
    if field is None:
        inner = ()
        name, sign = ("g", 1) if outer else ("f", -1)
    elif time:
        if outer or len(inner) > 1 or (inner and time > 1):
            raise _refused(key)
        name = _name_of_time_derivative(op, inner, time)
        sign = 1
    elif (len(outer), len(inner)) in _LOWER_ORDER:
        name, sign = _LOWER_ORDER[len(outer), len(inner)]
    else:
        raise _refused(key)
    return [NamedTerm(name, _index(op, key, outer, inner), sign, equation, left, field, right)]


def _name_of_time_derivative(op: Operator, inner: tuple[int, ...], time: int) -> str:
    if inner:
        return "mixed"
    if time == op.problem.time_order:
        return "rho"
    return "damping"


def _index(
    op: Operator, key: MacroscopicTerm, outer: tuple[int, ...], inner: tuple[int, ...]
) -> tuple[int, ...]:
    """(equation, axes outside, unknown, axes inside); equation and unknown for systems alone."""
    equation, _, field, _ = key
    if op.components == 1:
        return (*outer, *inner)
    if field is None:
        return (equation, *outer, *inner)
    return (equation, *outer, field, *inner)


def _second_order(op: Operator, key: MacroscopicTerm, axes: tuple[int, ...]) -> list[NamedTerm]:
    """d_kl u in an operator of fourth order, as -div(B grad u): coefficients in y alone."""
    equation, _, field, _ = key
    pairs = sorted(set(itertools.permutations(axes)))
    length = op.problem.scales.dim + 1
    found = []
    for i, j in pairs:
        index = _index(op, key, (i,), (j,))
        left = unit(i, length)
        right = unit(j, length)
        found.append(NamedTerm("B", index, -1, equation, left, field, right, len(pairs)))
    return found


def _principal(
    op: Operator,
    order: int,
    key: MacroscopicTerm,
    outer: tuple[int, ...],
    inner: tuple[int, ...],
    local: bool,
) -> list[NamedTerm]:
    """The terms of highest order, shared evenly among the index tuples that stand for the same
    derivative.
    """
    equation, _, field, right = key
    half = order // 2
    length = op.problem.scales.dim + 1
    is_flux = len(outer) == half
    if not is_flux and local and (outer or order > 2):
        raise _refused(key)
    if is_flux:
        pairs = itertools.product(itertools.permutations(outer), itertools.permutations(inner))
        tuples = sorted({(*p, *q) for p, q in pairs})
    else:
        tuples = sorted(set(itertools.permutations((*outer, *inner))))
    share = len(tuples)
    found = []
    for axes in tuples:
        head = axes[:half]
        tail = axes[half:]
        index = _index(op, key, head, tail)
        if local and not is_flux:
            nothing = (0,) * length
            found.append(NamedTerm("G", index, -1, equation, nothing, field, right, share))
        else:
            sign = (-1) ** half
            left = _multi_index(head, length)
            inside = _multi_index(tail, length)
            found.append(NamedTerm("A", index, sign, equation, left, field, inside, share))
    return found


def _axes(index: MultiIndex) -> tuple[int, ...]:
    """(2, 0, 1) as (0, 0, 2): each axis as often as it is differentiated by."""
    return tuple(k for k, n in enumerate(index) for _ in range(n))


def _multi_index(axes: tuple[int, ...], length: int) -> MultiIndex:
    return tuple(axes.count(k) for k in range(length))


def _refused(key: MacroscopicTerm) -> UnsupportedError:
    _, left, _, right = key
    return UnsupportedError(
        "an effective term of this order",
        term=f"D^{left}( . D^{right} u0 )",
        remedy="write the operator in divergence form, s.div(a*s.grad(u)) and s.div(b*u)/s.eps",
    )
