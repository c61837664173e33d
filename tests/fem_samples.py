"""Lowered problems written by hand, with known solutions: what the finite element backends are tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from nhpinn_sym.lower.forms import (
    CellForm,
    Essential,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    LoweredEquation,
    MultiIndex,
    Natural,
    StrongTerm,
    WeakTerm,
)
from nhpinn_sym.problem.domain import Box, Cell, Face

x1, x2, x3 = X = sp.symbols("x1 x2 x3", real=True)
y1, y2, y3 = Y = sp.symbols("y1 y2 y3", real=True)
t = sp.Symbol("t", real=True)


def unit(dim: int, axis: int) -> MultiIndex:
    return tuple(int(k == axis) for k in range(dim))


def lowered_cells(title: str, cell: Cell, bilinear: Sequence[WeakTerm], functions: Sequence[CellForm], effective: Sequence[Functional],
                  **others: Any) -> LoweredCells:
    """A symmetric scalar problem without a strong form (the finite elements do not read it), as far as `others` do not say otherwise."""
    settings = dict(coordinates=Y[: cell.dim], slow=(), parameters=(), externals=(), components=1, strong=(), mass=(), eigenvalue=None, constants=(),
                    higher=(), symmetric=True, definite=True, complex=False, jumps=any(t.coefficient.has(sp.Piecewise) for t in bilinear))
    return LoweredCells(title=title, cell=cell, bilinear=tuple(bilinear), functions=tuple(functions), effective=tuple(effective),
                        **{**settings, **others})


def corrector(name: str, weak: Sequence[WeakTerm], index: MultiIndex, field: int = 0, level: int = 1, solvable: bool = True) -> CellForm:
    return CellForm(name, "corrector", level, (((field, index), 1),), tuple(weak), (), solvable)


def functional(name: str, index: tuple[int, ...], constant: sp.Expr, *terms: tuple) -> Functional:
    """<constant> + sum <coefficient * factors>, the terms being (coefficient, factor, ...)."""
    return Functional(name, index, sp.sympify(constant), tuple(FunctionalTerm(sp.sympify(c), factors) for c, *factors in terms if c != 0), None)


def gradient(a: sp.Matrix) -> list[WeakTerm]:
    """int a grad u . grad v."""
    d = a.shape[0]
    return [WeakTerm(unit(d, i), a[i, j], unit(d, j)) for i in range(d) for j in range(d) if a[i, j] != 0]


def diffusion_cells(a: sp.Matrix, cell: Cell | None = None, slow: tuple[sp.Symbol, ...] = (), parameters: tuple[sp.Symbol, ...] = ()) -> LoweredCells:
    """-div( a (grad N_j + e_j) ) = 0 with A_ij = <a_ij + a_ik d_k N_j>."""
    d = a.shape[0]
    zero = (0,) * d
    sources = [[WeakTerm(unit(d, i), -a[i, j], zero) for i in range(d) if a[i, j] != 0] for j in range(d)]
    functions = [corrector(f"N_{j + 1}", source, unit(d, j)) for j, source in enumerate(sources)]
    effective = [functional("A", (i, j), a[i, j], *((a[i, k], Factor(j, 0, unit(d, k))) for k in range(d))) for i in range(d) for j in range(d)]
    return lowered_cells("diffusion", cell or Cell.unit(d), gradient(a), functions, effective, slow=slow, parameters=parameters, symmetric=a == a.T)


def elliptic_2d() -> LoweredCells:
    """a* = 1.9353592348122903 I."""
    return diffusion_cells((2 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)) * sp.eye(2))


def reaction_cells() -> LoweredCells:
    """-2 N'' = -cos y on (0, 2 pi): N = -cos(y) / 2 and c = <N cos y> = -1/4."""
    cos = sp.cos(y1)
    functions = [corrector("N_0", [WeakTerm((0,), -cos, (0,))], (0,))]
    return lowered_cells("reaction", Cell((0, 2 * sp.pi)), gradient(2 * sp.eye(1)), functions, [functional("c", (), 0, (cos, Factor(0, 0, (0,))))])


def shear_cells(speed: sp.Expr, diffusivity: sp.Expr) -> LoweredCells:
    """-D Laplace N + b d_1 N = -b, b = speed cos(2 pi y2): A_11 = D - <b N> = D + speed^2 / (8 pi^2 D). Not symmetric."""
    b, zero = speed * sp.cos(2 * sp.pi * y2), (0, 0)
    bilinear = [*gradient(diffusivity * sp.eye(2)), WeakTerm(zero, b, (1, 0))]
    parameters = tuple(sorted((speed + diffusivity).free_symbols, key=str))
    return lowered_cells("shear", Cell.unit(2), bilinear, [corrector("N_1", [WeakTerm(zero, -b, zero)], (1, 0))],
                         [functional("A", (0, 0), diffusivity, (-b, Factor(0, 0, zero)))], parameters=parameters, symmetric=False)


def elasticity_cells(c: Callable[[int, int, int, int], sp.Expr], d: int, cell: Cell | None = None) -> LoweredCells:
    """-d_k( c_ikjl d_l(N^pq_j + y_q delta_jp) ) = 0, p <= q: C_ikpq = <c_ikpq + c_ikjl d_l N^pq_j>."""
    zero, axes = (0,) * d, range(d)
    places = list(product(axes, axes, axes, axes))
    bilinear = [WeakTerm(unit(d, k), c(i, k, j, m), unit(d, m), i, j) for i, k, j, m in places if c(i, k, j, m) != 0]
    pairs = [(p, q) for p in axes for q in axes if p <= q]
    functions = [corrector(f"N_{p + 1}{q + 1}", [WeakTerm(unit(d, k), -c(i, k, p, q), zero, i) for i in axes for k in axes if c(i, k, p, q) != 0],
                           unit(d, q), p) for p, q in pairs]
    effective = [functional("C", (i, k, p, q), c(i, k, p, q), *((c(i, k, j, m), Factor(n, j, unit(d, m))) for j in axes for m in axes))
                 for n, (p, q) in enumerate(pairs) for i in axes for k in axes if i <= k]
    return lowered_cells("elasticity", cell or Cell.unit(d), bilinear, functions, effective, components=d)


def isotropic(lame: sp.Expr, mu: sp.Expr) -> Callable[[int, int, int, int], sp.Expr]:
    """lambda delta_ik delta_jl + mu (delta_ij delta_kl + delta_il delta_kj), the stress ik of the strain jl."""
    def c(i: int, k: int, j: int, m: int) -> sp.Expr:
        return lame * int(i == k and j == m) + mu * (int(i == j and k == m) + int(i == m and k == j))
    return c


def manufactured(u: sp.Expr, domain: Box, kinds: Mapping[Face, str], a: sp.Matrix | None = None, b: tuple[sp.Expr, ...] = (),
                 c: sp.Expr = sp.S.Zero, rho: sp.Expr = sp.S.One, final_time: sp.Expr | None = None,
                 parameters: tuple[sp.Symbol, ...] = ()) -> LoweredEquation:
    """rho u_t - div(a grad u) + b . grad u + c u = f with the solution `u`.

    `kinds` says "dirichlet", "neumann", "robin" or "periodic" per face.
    """
    d = domain.dim
    x, zero = X[:d], (0,) * d
    a = sp.eye(d) if a is None else a
    flux = [sum(a[i, j] * sp.diff(u, x[j]) for j in range(d)) for i in range(d)]
    f = -sum(sp.diff(flux[i], x[i]) for i in range(d)) + sum(bi * sp.diff(u, xi) for bi, xi in zip(b, x)) + c * u
    f += 0 if final_time is None else rho * sp.diff(u, t)
    bilinear = [WeakTerm(unit(d, i), a[i, j], unit(d, j)) for i in range(d) for j in range(d) if a[i, j] != 0]
    bilinear += [WeakTerm(zero, bi, unit(d, i)) for i, bi in enumerate(b)] + ([WeakTerm(zero, c, zero)] if c != 0 else [])
    on = {kind: tuple(face for face in domain.faces if kinds[face] == kind) for kind in ("dirichlet", "neumann", "robin")}
    natural = []
    for kind, alpha in (("neumann", sp.S.Zero), ("robin", 1 + x[0] ** 2)):
        for axis, end in on[kind]:
            natural.append(Natural(((axis, end),), alpha, (2 * end - 1) * flux[axis] + alpha * u))
    return LoweredEquation(
        title="Manufactured", domain=domain, coordinates=x, time=None if final_time is None else t, parameters=parameters, externals=(),
        mass=None if final_time is None else rho, bilinear=tuple(bilinear), linear=(WeakTerm(zero, f, zero),), strong=(), source=f,
        flux=tuple(tuple(StrongTerm(a[i, j], unit(d, j)) for j in range(d)) for i in range(d)),
        essential=(Essential(on["dirichlet"], u),) if on["dirichlet"] else (), natural=tuple(natural),
        periodic=tuple(axis for axis in range(d) if kinds[axis, 0] == "periodic"), initial=None if final_time is None else u.subs(t, 0),
        final_time=final_time, symmetric=not b and a == a.T, jumps=False)


def everywhere(kind: str, domain: Box) -> dict[Face, str]:
    return {face: kind for face in domain.faces}
