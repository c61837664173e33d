"""Lowered problems written by hand, with known solutions: what the finite element backends are tested on."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from nhpinn_sym.lower.forms import (
    Corrector,
    Essential,
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


def diffusion_cells(a: sp.Matrix, cell: Cell | None = None, slow: tuple[sp.Symbol, ...] = (), parameters: tuple[sp.Symbol, ...] = ()) -> LoweredCells:
    """-div( a (grad N_j + e_j) ) = 0 with A_ij = <a_ij + a_ik d_k N_j>; no strong form (the finite elements do not read it)."""
    d = a.shape[0]
    zero = (0,) * d
    bilinear = tuple(WeakTerm(unit(d, i), a[i, j], unit(d, j)) for i in range(d) for j in range(d) if a[i, j] != 0)
    sources = [tuple(WeakTerm(unit(d, i), -a[i, j], zero) for i in range(d) if a[i, j] != 0) for j in range(d)]
    correctors = tuple(Corrector((0, unit(d, j)), f"N_{j + 1}", source, sp.S.Zero) for j, source in enumerate(sources))
    effective = tuple(Functional("A", (i, j), a[i, j], tuple(FunctionalTerm(a[i, k], j, unit(d, k)) for k in range(d) if a[i, k] != 0), None)
                      for i in range(d) for j in range(d))
    return LoweredCells("diffusion", cell or Cell.unit(d), Y[:d], slow, parameters, bilinear, (), correctors, effective, a == a.T,
                        a.has(sp.Piecewise))


def elliptic_2d() -> LoweredCells:
    """a* = 1.9353592348122903 I."""
    return diffusion_cells((2 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)) * sp.eye(2))


def reaction_cells() -> LoweredCells:
    """-2 N'' = -cos y on (0, 2 pi): N = -cos(y) / 2 and c = <N cos y> = -1/4."""
    cos = sp.cos(y1)
    return LoweredCells("reaction", Cell((0, 2 * sp.pi)), (y1,), (), (), (WeakTerm((1,), sp.Integer(2), (1,)),), (),
                        (Corrector((0, (0,)), "N_0", (WeakTerm((0,), -cos, (0,)),), -cos),),
                        (Functional("c", (), sp.S.Zero, (FunctionalTerm(cos, 0, (0,)),), None),), True, False)


def shear_cells(speed: sp.Expr, diffusivity: sp.Expr) -> LoweredCells:
    """-D Laplace N + b d_1 N = -b, b = speed cos(2 pi y2): A_11 = D - <b N> = D + speed^2 / (8 pi^2 D). Not symmetric."""
    b, zero = speed * sp.cos(2 * sp.pi * y2), (0, 0)
    bilinear = (WeakTerm((1, 0), diffusivity, (1, 0)), WeakTerm((0, 1), diffusivity, (0, 1)), WeakTerm(zero, b, (1, 0)))
    parameters = tuple(sorted((speed + diffusivity).free_symbols, key=str))
    correctors = (Corrector((0, (1, 0)), "N_1", (WeakTerm(zero, -b, zero),), -b),)
    effective = (Functional("A", (0, 0), diffusivity, (FunctionalTerm(-b, 0, zero),), None),)
    return LoweredCells("shear", Cell.unit(2), (y1, y2), (), parameters, bilinear, (), correctors, effective, False, False)


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
