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

ORDER = ("A", "G", "B", "beta", "b", "c", "rho", "damping", "mixed", "f", "g")


class Place(NamedTuple):
    """Effective coefficient name[axes], with `sign` in front of D^left( . D^right u_field ) in an
    equation; `share` of the term's coefficient.
    """

    name: str
    axes: tuple[int, ...]
    sign: int
    equation: int
    left: MultiIndex
    field: int | None
    right: MultiIndex
    share: int = 1


def places(
    op: Operator, order: int, key: tuple[int, MultiIndex, int | None, MultiIndex], local: bool
) -> list[Place]:
    """The effective coefficients that the term `key` of the averaged operator adds to; `order` is
    that of the operator.
    """
    equation, left, field, right = key
    d = op.problem.scales.dim
    outer, inner, time = _axes(left[:d]), _axes(right[:d]), right[d]
    if left[d] or (field is None and len(outer) > 1):
        raise _refused(key)

    def one(
        name: str, axes_out: tuple[int, ...], axes_in: tuple[int, ...], sign: int = 1
    ) -> list[Place]:
        index = (
            (*axes_out, *axes_in)
            if op.components == 1
            else (equation, *axes_out, *(() if field is None else (field,)), *axes_in)
        )
        return [Place(name, index, sign, equation, left, field, right)]

    if field is None:
        return one("g", outer, ()) if outer else one("f", (), (), -1)
    if time:
        name = "mixed" if inner else "rho" if time == op.problem.time_order else "damping"
        if outer or len(inner) > 1 or (inner and time > 1):
            raise _refused(key)
        return one(name, (), inner)
    if len(outer) + len(inner) == order:
        return _principal(op, order, key, outer, inner, local)
    if len(outer) + len(inner) == 2 and len(outer) != 1 and not local:
        return _second_order(op, key, (*outer, *inner))
    names = {(1, 1): "B", (1, 0): "beta", (0, 1): "b", (0, 0): "c"}
    if (len(outer), len(inner)) not in names:
        raise _refused(key)
    return one(
        names[len(outer), len(inner)], outer, inner, -1 if (len(outer), len(inner)) == (1, 1) else 1
    )


def _second_order(
    op: Operator, key: tuple[int, MultiIndex, int | None, MultiIndex], axes: tuple[int, ...]
) -> list[Place]:
    """d_kl u in an operator of fourth order, as -div(B grad u): coefficients in y alone."""
    equation, _, field, _ = key
    pairs, length = sorted(set(itertools.permutations(axes))), op.problem.scales.dim + 1
    found = []
    for i, j in pairs:
        index = (i, j) if op.components == 1 else (equation, i, field or 0, j)
        found.append(
            Place("B", index, -1, equation, unit(i, length), field, unit(j, length), len(pairs))
        )
    return found


def _principal(
    op: Operator,
    order: int,
    key: tuple[int, MultiIndex, int | None, MultiIndex],
    outer: tuple[int, ...],
    inner: tuple[int, ...],
    local: bool,
) -> list[Place]:
    """The terms of highest order, shared evenly among the index tuples that stand for the same
    derivative.
    """
    equation, _, field, _ = key
    half, d = order // 2, op.problem.scales.dim
    flux = len(outer) == half
    if not flux and local and (outer or order > 2):
        raise _refused(key)
    if flux:
        tuples = sorted(
            {(*p, *q) for p in itertools.permutations(outer) for q in itertools.permutations(inner)}
        )
    else:
        tuples = sorted(set(itertools.permutations((*outer, *inner))))
    found = []
    for axes in tuples:
        head, tail = axes[:half], axes[half:]
        index = axes if op.components == 1 else (equation, *head, field or 0, *tail)
        left, right = (_multi(part, d + 1) for part in (head, tail))
        if local and not flux:
            found.append(
                Place("G", index, -1, equation, (0,) * (d + 1), field, key[3], len(tuples))
            )
        else:
            found.append(Place("A", index, (-1) ** half, equation, left, field, right, len(tuples)))
    return found


def _axes(index: MultiIndex) -> tuple[int, ...]:
    return tuple(k for k, n in enumerate(index) for _ in range(n))


def _multi(axes: tuple[int, ...], length: int) -> MultiIndex:
    return tuple(sum(column) for column in zip(*(unit(axis, length) for axis in axes), strict=True))


def _refused(key: tuple[int, MultiIndex, int | None, MultiIndex]) -> UnsupportedError:
    _, left, _, right = key
    return UnsupportedError(
        "an effective term of this order",
        term=f"D^{left}( . D^{right} u0 )",
        remedy="write the operator in divergence form, s.div(a*s.grad(u)) and s.div(b*u)/s.eps",
    )
