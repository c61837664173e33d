"""Lowered problems written by hand, with known solutions: what the finite element backends are
tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
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
from nhpinn_sym.lower.term_forms import is_symmetric
from nhpinn_sym.problem.domain import Box, Cell

x1, x2, x3 = X = sp.symbols("x1 x2 x3", real=True)
y1, y2, y3 = Y = sp.symbols("y1 y2 y3", real=True)
t = sp.Symbol("t", real=True)

Kind = str | Sequence[str]
"""The condition on a part of the boundary: of all components, or of each."""


def unit(dim: int, axis: int) -> MultiIndex:
    return tuple(int(k == axis) for k in range(dim))


def lowered_cells(
    title: str,
    cell: Cell,
    bilinear: Sequence[WeakTerm],
    functions: Sequence[CellForm],
    effective: Sequence[Functional],
    **others: Any,
) -> LoweredCells:
    """A symmetric scalar problem without a strong form (the finite elements do not read it), as far
    as `others` do not say otherwise.
    """
    settings = dict(
        coordinates=Y[: cell.dim],
        slow=(),
        parameters=(),
        externals=(),
        components=1,
        strong=(),
        mass=(),
        eigenvalue=None,
        constants=(),
        higher=(),
        symmetric=True,
        definite=True,
        complex=False,
        jumps=any(t.coefficient.has(sp.Piecewise) for t in bilinear),
    )
    return LoweredCells(
        title=title,
        cell=cell,
        bilinear=tuple(bilinear),
        functions=tuple(functions),
        effective=tuple(effective),
        **{**settings, **others},
    )


def corrector(
    name: str,
    weak: Sequence[WeakTerm],
    index: MultiIndex,
    field: int = 0,
    level: int = 1,
    solvable: bool = True,
) -> CellForm:
    return CellForm(name, "corrector", level, (((field, index), 1),), tuple(weak), (), solvable)


def functional(name: str, index: tuple[int, ...], constant: sp.Expr, *terms: tuple) -> Functional:
    """<constant> + sum <coefficient * factors>, the terms being (coefficient, factor, ...)."""
    return Functional(
        name,
        index,
        sp.sympify(constant),
        tuple(FunctionalTerm(sp.sympify(c), factors) for c, *factors in terms if c != 0),
        None,
    )


def gradient(a: sp.Matrix) -> list[WeakTerm]:
    """int a grad u . grad v."""
    d = a.shape[0]
    return [
        WeakTerm(unit(d, i), a[i, j], unit(d, j))
        for i in range(d)
        for j in range(d)
        if a[i, j] != 0
    ]


def diffusion_cells(
    a: sp.Matrix,
    cell: Cell | None = None,
    slow: tuple[sp.Symbol, ...] = (),
    parameters: tuple[sp.Symbol, ...] = (),
) -> LoweredCells:
    """-div( a (grad N_j + e_j) ) = 0 with A_ij = <a_ij + a_ik d_k N_j>."""
    d = a.shape[0]
    zero = (0,) * d
    sources = [
        [WeakTerm(unit(d, i), -a[i, j], zero) for i in range(d) if a[i, j] != 0] for j in range(d)
    ]
    functions = [corrector(f"N_{j + 1}", source, unit(d, j)) for j, source in enumerate(sources)]
    effective = [
        functional("A", (i, j), a[i, j], *((a[i, k], Factor(j, 0, unit(d, k))) for k in range(d)))
        for i in range(d)
        for j in range(d)
    ]
    return lowered_cells(
        "diffusion",
        cell or Cell.unit(d),
        gradient(a),
        functions,
        effective,
        slow=slow,
        parameters=parameters,
        symmetric=a == a.T,
    )


def elliptic_2d() -> LoweredCells:
    """a* = 1.9353592348122903 I."""
    return diffusion_cells((2 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)) * sp.eye(2))


def reaction_cells() -> LoweredCells:
    """-2 N'' = -cos y on (0, 2 pi): N = -cos(y) / 2 and c = <N cos y> = -1/4."""
    cos = sp.cos(y1)
    functions = [corrector("N_0", [WeakTerm((0,), -cos, (0,))], (0,))]
    return lowered_cells(
        "reaction",
        Cell((0, 2 * sp.pi)),
        gradient(2 * sp.eye(1)),
        functions,
        [functional("c", (), 0, (cos, Factor(0, 0, (0,))))],
    )


def shear_cells(speed: sp.Expr, diffusivity: sp.Expr) -> LoweredCells:
    """-D Laplace N + b d_1 N = -b, b = speed cos(2 pi y2): A_11 = D - <b N> = D + speed^2 / (8 pi^2
    D). Not symmetric.
    """
    b, zero = speed * sp.cos(2 * sp.pi * y2), (0, 0)
    bilinear = [*gradient(diffusivity * sp.eye(2)), WeakTerm(zero, b, (1, 0))]
    parameters = tuple(sorted((speed + diffusivity).free_symbols, key=str))
    return lowered_cells(
        "shear",
        Cell.unit(2),
        bilinear,
        [corrector("N_1", [WeakTerm(zero, -b, zero)], (1, 0))],
        [functional("A", (0, 0), diffusivity, (-b, Factor(0, 0, zero)))],
        parameters=parameters,
        symmetric=False,
    )


def elasticity_cells(
    c: Callable[[int, int, int, int], sp.Expr], d: int, cell: Cell | None = None
) -> LoweredCells:
    """-d_k( c_ikjl d_l(N^pq_j + y_q delta_jp) ) = 0, p <= q: C_ikpq = <c_ikpq + c_ikjl d_l
    N^pq_j>.
    """
    zero, axes = (0,) * d, range(d)
    places = list(product(axes, axes, axes, axes))
    bilinear = [
        WeakTerm(unit(d, k), c(i, k, j, m), unit(d, m), i, j)
        for i, k, j, m in places
        if c(i, k, j, m) != 0
    ]
    pairs = [(p, q) for p in axes for q in axes if p <= q]
    functions = [
        corrector(
            f"N_{p + 1}{q + 1}",
            [
                WeakTerm(unit(d, k), -c(i, k, p, q), zero, i)
                for i in axes
                for k in axes
                if c(i, k, p, q) != 0
            ],
            unit(d, q),
            p,
        )
        for p, q in pairs
    ]
    effective = [
        functional(
            "C",
            (i, k, p, q),
            c(i, k, p, q),
            *((c(i, k, j, m), Factor(n, j, unit(d, m))) for j in axes for m in axes),
        )
        for n, (p, q) in enumerate(pairs)
        for i in axes
        for k in axes
        if i <= k
    ]
    return lowered_cells(
        "elasticity", cell or Cell.unit(d), bilinear, functions, effective, components=d
    )


def isotropic(lame: sp.Expr, mu: sp.Expr) -> Callable[[int, int, int, int], sp.Expr]:
    """lambda delta_ik delta_jl + mu (delta_ij delta_kl + delta_il delta_kj), the stress ik of the
    strain jl.
    """

    def c(i: int, k: int, j: int, m: int) -> sp.Expr:
        return lame * int(i == k and j == m) + mu * (
            int(i == j and k == m) + int(i == m and k == j)
        )

    return c


def manufactured(
    u: sp.Expr,
    domain: Box,
    kinds: Mapping[str, str],
    a: sp.Matrix | None = None,
    b: tuple[sp.Expr, ...] = (),
    c: sp.Expr = sp.S.Zero,
    rho: sp.Expr = sp.S.One,
    final_time: sp.Expr | None = None,
    parameters: tuple[sp.Symbol, ...] = (),
) -> LoweredEquation:
    """rho u_t - div(a grad u) + b . grad u + c u = f with the solution `u`.

    `kinds` says "dirichlet", "neumann", "robin" or "periodic" per part of the boundary.
    """
    a = sp.eye(domain.dim) if a is None else a
    return manufactured_system(
        (u,),
        domain,
        kinds,
        lambda i, k, j, m: a[k, m],
        {(0, 0, k): bk for k, bk in enumerate(b)},
        sp.Matrix([[c]]),
        sp.Matrix([[rho]]),
        final_time,
        parameters,
    )


def manufactured_system(
    u: Sequence[sp.Expr],
    domain: Box,
    kinds: Mapping[str, Kind],
    a: Callable[[int, int, int, int], sp.Expr],
    b: Mapping[tuple[int, int, int], sp.Expr] = MappingProxyType({}),
    c: sp.Matrix | None = None,
    rho: sp.Matrix | None = None,
    final_time: sp.Expr | None = None,
    parameters: tuple[sp.Symbol, ...] = (),
) -> LoweredEquation:
    """rho_ij d_t u_j - d_k( a_ikjm d_m u_j ) + b_ijk d_k u_j + c_ij u_j = f_i with the solution
    `u`; kinds per part of the boundary, or per part and component.
    """
    d, parts, axes = domain.dim, range(len(u)), range(domain.dim)
    x, zero = X[:d], (0,) * d
    c, rho = (sp.zeros(len(u)) if c is None else c), (sp.eye(len(u)) if rho is None else rho)
    flux = [
        [sp.Add(*(a(i, k, j, m) * sp.diff(u[j], x[m]) for j in parts for m in axes)) for k in axes]
        for i in parts
    ]
    f = [
        -sp.Add(*(sp.diff(flux[i][k], x[k]) for k in axes))
        + sp.Add(*(bk * sp.diff(u[j], x[k]) for (row, j, k), bk in b.items() if row == i))
        + sp.Add(
            *(
                c[i, j] * u[j] + (rho[i, j] * sp.diff(u[j], t) if final_time is not None else 0)
                for j in parts
            )
        )
        for i in parts
    ]
    bilinear = [
        WeakTerm(unit(d, k), a(i, k, j, m), unit(d, m), i, j)
        for i, k, j, m in product(parts, axes, parts, axes)
        if a(i, k, j, m) != 0
    ]
    bilinear += [WeakTerm(zero, bk, unit(d, k), i, j) for (i, j, k), bk in b.items()]
    bilinear += [WeakTerm(zero, c[i, j], zero, i, j) for i in parts for j in parts if c[i, j] != 0]
    kind = {
        (part.name, i): (
            kinds[part.name] if isinstance(kinds[part.name], str) else kinds[part.name][i]
        )
        for part in domain.parts
        for i in parts
    }
    on = {
        (name, i): tuple(part.name for part in domain.parts if kind[part.name, i] == name)
        for name in ("dirichlet", "neumann", "robin")
        for i in parts
    }
    natural = [
        Natural((part.name,), alpha, part.sign * flux[i][part.axis] + alpha * u[i], i)
        for i in parts
        for name, alpha in (("neumann", sp.S.Zero), ("robin", 1 + x[0] ** 2))
        for part in map(domain.part, on[name, i])
    ]
    timely = final_time is not None
    return LoweredEquation(
        title="Manufactured",
        domain=domain,
        coordinates=x,
        time=t if timely else None,
        parameters=parameters,
        externals=(),
        components=len(u),
        mass=(
            tuple(
                WeakTerm(zero, rho[i, j], zero, i, j)
                for i in parts
                for j in parts
                if rho[i, j] != 0
            )
            if timely
            else ()
        ),
        bilinear=tuple(bilinear),
        linear=tuple(WeakTerm(zero, fi, zero, i) for i, fi in enumerate(f)),
        strong=(),
        sources=tuple(f),
        flux=tuple(
            tuple(
                tuple(StrongTerm(a(i, k, j, m), unit(d, m), i, j) for j in parts for m in axes)
                for k in axes
            )
            for i in parts
        ),
        essential=tuple(
            Essential(on["dirichlet", i], u[i], i) for i in parts if on["dirichlet", i]
        ),
        natural=tuple(natural),
        periodic=tuple(part.axis for part in domain.parts[::2] if kind[part.name, 0] == "periodic"),
        initial=tuple(ui.subs(t, 0) for ui in u) if timely else (),
        final_time=final_time,
        symmetric=is_symmetric(bilinear),
        jumps=False,
    )


def everywhere(kind: Kind, domain: Box) -> dict[str, Kind]:
    return {part.name: kind for part in domain.parts}


def bent(q: sp.Symbol) -> LoweredEquation:
    """Plane elasticity with rollers, u = (sin(x1 + 2 x2), cos(2 x1))."""
    kinds = {
        "left": "dirichlet",
        "right": "neumann",
        "bottom": ("dirichlet", "neumann"),
        "top": "robin",
    }
    return manufactured_system(
        (sp.sin(x1 + 2 * x2), sp.cos(2 * x1)),
        Box((0, 1), (-1, 1)),
        kinds,
        isotropic(q, 1 + x1),
        parameters=(q,),
    )


def exchanging(q: sp.Symbol) -> LoweredEquation:
    """Two heat equations on (0, 1) that exchange heat, u = (cos(t) sin(x1), t x1)."""
    line = Box((0, 1))
    return manufactured_system(
        (sp.cos(t) * sp.sin(x1), t * x1),
        line,
        {"left": "dirichlet", "right": ("robin", "dirichlet")},
        lambda i, k, j, m: sp.Integer(i == j),
        c=sp.Matrix([[q, -q], [-1, 1]]),
        rho=sp.diag(1 + x1, 1),
        final_time=sp.S.One,
        parameters=(q,),
    )
