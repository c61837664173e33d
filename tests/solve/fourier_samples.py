"""Lowered cell problems written by hand, for the tests of the Fourier backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from nhpinn_sym import Cell
from nhpinn_sym.lower.forms import CellForm, Factor, Functional, FunctionalTerm, LoweredCells, MultiIndex, WeakTerm

Y = sp.symbols("y1:4", real=True)
X = sp.Symbol("x1", real=True)
Tensor = Mapping[tuple[int, int, int, int], sp.Expr]
"""c[i, k, j, l]: the operator of equation i is -d_k( c d_l u_j )."""


def axis(k: int, dim: int, order: int = 1) -> MultiIndex:
    return tuple(order * int(k == a) for a in range(dim))


def cells(functions: Sequence[CellForm], bilinear: Sequence[WeakTerm], effective: Sequence[Functional] = (), dim: int = 1, **options: Any) -> LoweredCells:
    """LoweredCells of a scalar symmetric problem on the unit cell, where `options` say nothing else."""
    defaults: dict[str, Any] = dict(
        title="sample", cell=Cell.unit(dim), coordinates=Y[:dim], slow=(), parameters=(), externals=(), components=1, strong=(), mass=(),
        eigenvalue=None, constants=(), higher=(), symmetric=True, definite=True, complex=False, jumps=False,
    )
    return LoweredCells(functions=tuple(functions), bilinear=tuple(bilinear), effective=tuple(effective), **{**defaults, **options})


def function(name: str, weak: Sequence[WeakTerm] = (), role: Any = "corrector", level: int = 1, solvable: bool = True) -> CellForm:
    return CellForm(name, role, level, (((0, ()), 1),), tuple(weak), (), solvable)


def bilinear(c: Tensor, dim: int) -> list[WeakTerm]:
    return [WeakTerm(axis(k, dim), value, axis(l, dim), i, j) for (i, k, j, l), value in c.items()]


def corrector(c: Tensor, j: int, l: int, dim: int, **options: Any) -> CellForm:
    """N^jl with A_0 N = d_k( c_ikjl )."""
    rows = [WeakTerm(axis(k, dim), -v, (0,) * dim, i) for (i, k, p, q), v in c.items() if (p, q) == (j, l)]
    return function(f"N{j}{l}", rows, **options)


def flux(c: Tensor, loads: Sequence[tuple[int, int]], dim: int, offset: int = 0) -> list[Functional]:
    """A[i, k, j, l] = <c_ikjl + c_ikpq d_q N^jl_p> for the loads (j, l) of functions offset, offset + 1, ..."""
    found = []
    for i, k in sorted({key[:2] for key in c}):
        for n, (j, l) in enumerate(loads):
            terms = [FunctionalTerm(v, (Factor(offset + n, p, axis(q, dim)),)) for (a, b, p, q), v in c.items() if (a, b) == (i, k)]
            found.append(Functional("A", (i, k, j, l), c.get((i, k, j, l), sp.Integer(0)), tuple(terms)))
    return found


def second_order(c: Tensor, dim: int, loads: Sequence[tuple[int, int]] | None = None, **options: Any) -> LoweredCells:
    """All cell problems of the leading order of -d_k( c_ikjl d_l u_j )."""
    loads = sorted({key[2:] for key in c}) if loads is None else loads
    components = 1 + max(key[0] for key in c)
    return cells([corrector(c, j, l, dim) for j, l in loads], bilinear(c, dim), flux(c, loads, dim), dim, components=components, **options)


def scalar(a: sp.Expr, dim: int, **options: Any) -> LoweredCells:
    return second_order({(0, k, 0, k): sp.sympify(a) for k in range(dim)}, dim, **options)


def isotropic(lam: sp.Expr, mu: sp.Expr, dim: int) -> dict[tuple[int, int, int, int], sp.Expr]:
    """C_ikjl = lam d_ik d_jl + mu (d_ij d_kl + d_il d_kj)."""
    delta = sp.KroneckerDelta
    entries = {
        (i, k, j, l): lam * delta(i, k) * delta(j, l) + mu * (delta(i, j) * delta(k, l) + delta(i, l) * delta(k, j))
        for i, k, j, l in product(range(dim), repeat=4)
    }
    return {key: value for key, value in entries.items() if value != 0}


def symmetric_loads(dim: int) -> list[tuple[int, int]]:
    """chi^jl = chi^lj: 3 in two dimensions, 6 in three."""
    return [(j, l) for j in range(dim) for l in range(j, dim)]
