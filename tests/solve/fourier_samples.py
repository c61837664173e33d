"""Lowered cell problems written by hand, for the tests of the Fourier backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from nhpinn_sym import Cell
from nhpinn_sym.lower.forms import (
    CellForm,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    MultiIndex,
    WeakTerm,
)

Y = sp.symbols("y1:4", real=True)
X = sp.Symbol("x1", real=True)
Tensor = Mapping[tuple[int, int, int, int], sp.Expr]
"""c[i, k, j, q]: the operator of equation i is -d_k( c d_l u_j )."""


def axis(k: int, dim: int, order: int = 1) -> MultiIndex:
    return tuple(order * int(k == a) for a in range(dim))


def cells(
    functions: Sequence[CellForm],
    bilinear: Sequence[WeakTerm],
    effective: Sequence[Functional] = (),
    dim: int = 1,
    **options: Any,
) -> LoweredCells:
    """LoweredCells of a scalar symmetric problem on the unit cell, where `options` say nothing
    else.
    """
    flags: dict[str, Any] = {
        "components": 1,
        "symmetric": True,
        "definite": True,
        "complex": False,
        "jumps": False,
        "eigenvalue": None,
    }
    empty: dict[str, Any] = dict.fromkeys(
        ("slow", "parameters", "externals", "strong", "mass", "constants", "higher"), ()
    )
    geometry = {"title": "sample", "cell": Cell.unit(dim), "coordinates": Y[:dim]}
    tables = {
        "functions": tuple(functions),
        "bilinear": tuple(bilinear),
        "effective": tuple(effective),
    }
    return LoweredCells(**{**flags, **empty, **geometry, **tables, **options})


def function(
    name: str,
    weak: Sequence[WeakTerm] = (),
    role: Any = "corrector",
    level: int = 1,
    solvable: bool = True,
) -> CellForm:
    return CellForm(name, role, level, (((0, ()), 1),), tuple(weak), (), solvable)


def bilinear(c: Tensor, dim: int) -> list[WeakTerm]:
    return [WeakTerm(axis(k, dim), value, axis(q, dim), i, j) for (i, k, j, q), value in c.items()]


def corrector(c: Tensor, j: int, q: int, dim: int, **options: Any) -> CellForm:
    """N^jl with A_0 N = d_k( c_ikjl )."""
    rows = [
        WeakTerm(axis(k, dim), -v, (0,) * dim, i)
        for (i, k, p, r), v in c.items()
        if (p, r) == (j, q)
    ]
    return function(f"N{j}{q}", rows, **options)


def flux(
    c: Tensor, loads: Sequence[tuple[int, int]], dim: int, offset: int = 0
) -> list[Functional]:
    """A[i, k, j, q] = <c_ikjl + c_ikpr d_r N^jl_p> for the loads (j, q) of functions offset, offset
    + 1, ...
    """
    found = []
    for i, k in sorted({key[:2] for key in c}):
        for n, (j, q) in enumerate(loads):
            terms = [
                FunctionalTerm(v, (Factor(offset + n, p, axis(r, dim)),))
                for (a, b, p, r), v in c.items()
                if (a, b) == (i, k)
            ]
            found.append(
                Functional("A", (i, k, j, q), c.get((i, k, j, q), sp.Integer(0)), tuple(terms))
            )
    return found


def second_order(
    c: Tensor, dim: int, loads: Sequence[tuple[int, int]] | None = None, **options: Any
) -> LoweredCells:
    """All cell problems of the leading order of -d_k( c_ikjl d_l u_j )."""
    loads = sorted({key[2:] for key in c}) if loads is None else loads
    components = 1 + max(key[0] for key in c)
    return cells(
        [corrector(c, j, q, dim) for j, q in loads],
        bilinear(c, dim),
        flux(c, loads, dim),
        dim,
        components=components,
        **options,
    )


def scalar(a: sp.Expr, dim: int, **options: Any) -> LoweredCells:
    return second_order({(0, k, 0, k): sp.sympify(a) for k in range(dim)}, dim, **options)


def isotropic(lam: sp.Expr, mu: sp.Expr, dim: int) -> dict[tuple[int, int, int, int], sp.Expr]:
    """C_ikjl = lam d_ik d_jl + mu (d_ij d_kl + d_il d_kj)."""
    delta = sp.KroneckerDelta
    entries = {
        (i, k, j, q): (
            lam * delta(i, k) * delta(j, q)
            + mu * (delta(i, j) * delta(k, q) + delta(i, q) * delta(k, j))
        )
        for i, k, j, q in product(range(dim), repeat=4)
    }
    return {key: value for key, value in entries.items() if value != 0}


def symmetric_loads(dim: int) -> list[tuple[int, int]]:
    """chi^jl = chi^lj: 3 in two dimensions, 6 in three."""
    return [(j, q) for j in range(dim) for q in range(j, dim)]
