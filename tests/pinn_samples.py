"""Lowered problems in strong form, and independent references, for the torch files and the PINN
backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, gmres

from nhpinn_sym.lower.forms import (
    CellForm,
    Essential,
    External,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    LoweredEquation,
    MultiIndex,
    Natural,
    SourceTerm,
    StrongTerm,
    WeakTerm,
)
from nhpinn_sym.lower.term_forms import strong_terms, weak_terms
from nhpinn_sym.problem.domain import Box, Cell

Array = NDArray[np.float64]
x1, x2, x3 = X = sp.symbols("x1 x2 x3", real=True)
y1, y2, y3 = Y = sp.symbols("y1 y2 y3", real=True)
t = sp.Symbol("t", real=True)
epsilon = sp.Symbol("epsilon", positive=True)
PI2 = 2 * sp.pi


def unit(dim: int, axis: int) -> MultiIndex:
    return tuple(int(k == axis) for k in range(dim))


def built(
    title: str,
    cell: Cell,
    components: int,
    bilinear: Sequence[WeakTerm],
    strong: Sequence[StrongTerm],
    functions: Sequence[CellForm],
    effective: Sequence[Functional],
    **more: object,
) -> LoweredCells:
    """LoweredCells with everything else empty; `more` replaces fields."""
    cells = LoweredCells(
        title,
        cell,
        Y[: cell.dim],
        (),
        (),
        (),
        components,
        tuple(bilinear),
        tuple(strong),
        (),
        None,
        tuple(functions),
        (),
        tuple(effective),
        (),
        True,
        True,
        False,
        False,
    )
    return replace(cells, **more)


def diffusion_cells(
    a: sp.Matrix,
    drift: Sequence[sp.Expr] = (),
    cell: Cell | None = None,
    slow: tuple[sp.Symbol, ...] = (),
    parameters: tuple[sp.Symbol, ...] = (),
) -> LoweredCells:
    """-div( a (grad N_j + e_j) ) + b . (grad N_j + e_j) = 0 with A_ij = <a_ij + a_ik d_k N_j - b_i
    N_j>.
    """
    d = a.shape[0]
    zero, e = (0,) * d, [unit(d, k) for k in range(d)]
    leading = [(0, e[i], -a[i, k], 0, e[k]) for i in range(d) for k in range(d) if a[i, k] != 0]
    leading += [(0, zero, b, 0, e[k]) for k, b in enumerate(drift)]
    symmetric = a.is_symmetric() and not drift
    correctors = []
    for j in range(d):
        weak = [WeakTerm(e[i], -a[i, j], zero) for i in range(d) if a[i, j] != 0] + [
            WeakTerm(zero, -b, zero) for b in drift[j : j + 1]
        ]
        source = sum(sp.diff(a[i, j], Y[i]) for i in range(d)) - sum(drift[j : j + 1])
        correctors.append(
            CellForm(
                f"N_{j + 1}",
                "corrector",
                1,
                (((None, e[j]), 1),),
                tuple(weak),
                (SourceTerm(sp.sympify(source)),),
                True,
            )
        )
    effective = []
    for i in range(d):
        for j in range(d):
            terms = [
                FunctionalTerm(a[i, k], (Factor(j, 0, e[k]),)) for k in range(d) if a[i, k] != 0
            ]
            terms += [FunctionalTerm(-b, (Factor(j, 0, zero),)) for b in drift[i : i + 1]]
            effective.append(
                Functional("A", (i, j), a[i, j], tuple(terms), (-1, i) if symmetric else None)
            )
    return built(
        "Diffusion",
        cell or Cell.unit(d),
        1,
        weak_terms(leading),
        strong_terms(leading, Y[:d]),
        correctors,
        effective,
        slow=slow,
        parameters=parameters,
        symmetric=symmetric,
        jumps=a.has(sp.Piecewise),
    )


def elliptic_2d() -> LoweredCells:
    """a* = 1.9353592348122903 I."""
    return diffusion_cells((2 + sp.sin(PI2 * y1) * sp.cos(PI2 * y2)) * sp.eye(2))


def slow_1d() -> LoweredCells:
    """a*(x) = sqrt((2 + sin x)^2 - 1/4)."""
    return diffusion_cells(sp.Matrix([[2 + sp.sin(x1) + sp.sin(PI2 * y1) / 2]]), slow=(x1,))


def reaction(length: sp.Expr) -> LoweredCells:
    """-2 N'' = -cos(2 pi y / length): c = <N cos> = -length^2 / (16 pi^2)."""
    r, zero = sp.cos(PI2 * y1 / length), (0,)
    corrector = CellForm(
        "N_0",
        "corrector",
        1,
        (((None, zero), 1),),
        (WeakTerm(zero, -r, zero),),
        (SourceTerm(-r),),
        True,
    )
    functional = Functional(
        "c", (), sp.S.Zero, (FunctionalTerm(r, (Factor(0, 0, zero),)),), (-1, 0)
    )
    weak, strong = WeakTerm((1,), sp.Integer(2), (1,)), StrongTerm(sp.Integer(-2), (2,))
    return built("Reaction", Cell((0, length)), 1, [weak], [strong], [corrector], [functional])


def equation(
    a: sp.Matrix,
    f: sp.Expr,
    domain: Box,
    essential: Sequence[Essential] = (),
    natural: Sequence[Natural] = (),
    *,
    b: Sequence[sp.Expr] = (),
    c: sp.Expr = sp.S.Zero,
    mass: sp.Expr | None = None,
    initial: sp.Expr | None = None,
    final_time: sp.Expr | None = None,
    periodic: tuple[int, ...] = (),
    externals: tuple[External, ...] = (),
    parameters: tuple[sp.Symbol, ...] = (),
) -> LoweredEquation:
    """mass u_t - div(a grad u) + b . grad u + c u = f."""
    d = domain.dim
    zero, e = (0,) * d, [unit(d, k) for k in range(d)]
    terms = [(0, e[i], -a[i, k], 0, e[k]) for i in range(d) for k in range(d) if a[i, k] != 0] + [
        (0, zero, bk, 0, e[k]) for k, bk in enumerate(b)
    ]
    terms += [(0, zero, c, 0, zero)] if c != 0 else []
    flux = tuple(
        tuple(StrongTerm(a[i, k], e[k]) for k in range(d) if a[i, k] != 0) for i in range(d)
    )
    timely = () if mass is None else (WeakTerm(zero, mass, zero),)
    return LoweredEquation(
        "Test equation",
        domain,
        X[:d],
        t if timely else None,
        parameters,
        externals,
        1,
        timely,
        weak_terms(terms),
        (WeakTerm(zero, sp.sympify(f), zero),),
        strong_terms(terms, X[:d]),
        (sp.sympify(f),),
        (flux,),
        tuple(essential),
        tuple(natural),
        periodic,
        (initial,) if timely else (),
        final_time,
        a.is_symmetric(),
        False,
    )


def manufactured(
    u: sp.Expr,
    a: sp.Matrix,
    domain: Box,
    natural: Sequence[str] = (),
    **more: object,
) -> LoweredEquation:
    """The equation whose solution is `u`, with Robin conditions on the parts `natural` and Dirichlet
    ones elsewhere.
    """
    d = domain.dim
    flux = [sum(a[i, k] * sp.diff(u, X[k]) for k in range(d)) for i in range(d)]
    f = (
        -sum(sp.diff(flux[i], X[i]) for i in range(d))
        + sum(bk * sp.diff(u, X[k]) for k, bk in enumerate(more.get("b", ())))
        + more.get("c", 0) * u
    )
    if "mass" in more:
        f += more["mass"] * sp.diff(u, t)
        more["initial"] = u.subs(t, 0)
    parts = [part for part in domain.parts if part.axis not in more.get("periodic", ())]
    essential = [
        Essential((part.name,), part.restrict(u, X)) for part in parts if part.name not in natural
    ]
    robin = [
        Natural(
            (name,),
            sp.Integer(2),
            domain.part(name).restrict(
                domain.part(name).sign * flux[domain.part(name).axis] + 2 * u, X
            ),
        )
        for name in natural
    ]
    return equation(a, f, domain, essential, robin, **more)


def whole(domain: Box) -> tuple[str, ...]:
    """The names of all parts of the boundary."""
    return tuple(part.name for part in domain.parts)


def external(name: str, index: tuple[int, ...], derivative: MultiIndex) -> External:
    label = (
        f"{name}_"
        + "".join(str(i + 1) for i in index)
        + ("_x" + "".join(map(str, derivative)) if any(derivative) else "")
    )
    return External(sp.Symbol(label, real=True), name, index, derivative)


def square_problem() -> LoweredEquation:
    """-div(A grad u) = sin x1 + cos x2 on the unit square, u = 0 on its boundary, A diagonal and
    external.
    """
    diagonal = (external("A", (0, 0), (0, 0)), external("A", (1, 1), (0, 0)))
    box = Box((0, 1), (0, 1))
    return equation(
        sp.diag(*(e.symbol for e in diagonal)),
        sp.sin(x1) + sp.cos(x2),
        box,
        [Essential(whole(box), sp.S.Zero)],
        externals=diagonal,
    )


def square_solution(points: Array, a: float, modes: int = 1500) -> Array:
    """Its solution for A = a I: sines in x1, and in x2 the exact solution of each mode's ordinary
    differential equation.
    """
    x, y = points.T
    u = np.zeros(len(points))
    for m in np.arange(1, modes + 1) * np.pi:
        s, c = (
            np.sin(m - 1) / (m - 1) - np.sin(m + 1) / (m + 1),
            2 * (1 - np.cos(m)) / m,
        )  # modes of sin x1 and of 1

        def inner(y: Array | float, m: float = m, s: float = s, c: float = c) -> Array | float:
            return (s / m**2 + c * np.cos(y) / (1 + m**2)) / a

        def decay(z: Array, m: float = m) -> Array:  # sinh(m z) / sinh(m)
            return (np.exp(-m * (1 - z)) - np.exp(-m * (1 + z))) / (1 - np.exp(-2 * m))

        u += np.sin(m * x) * (inner(y) - inner(0.0) * decay(1 - y) - inner(1.0) * decay(y))
    return u


def reaction_diffusion(c: float) -> LoweredEquation:
    """u_t - 2 u_xx + c u = sin(2 pi x) on (-pi, pi), u = 0 at the ends and at t = 0, up to t =
    1/2.
    """
    box = Box((-sp.pi, sp.pi))
    return equation(
        sp.Matrix([[2]]),
        sp.sin(PI2 * x1),
        box,
        [Essential(whole(box), sp.S.Zero)],
        c=sp.Float(c),
        mass=sp.S.One,
        initial=sp.S.Zero,
        final_time=sp.Rational(1, 2),
    )


def reaction_diffusion_solution(
    points: Array, c: float, time: float = 0.5, modes: int = 6000
) -> Array:
    """Its sine series."""
    k = np.arange(1, modes + 1)
    f = (
        np.sin((2 * np.pi - k) * np.pi) / (2 * np.pi - k)
        - np.sin((2 * np.pi + k) * np.pi) / (2 * np.pi + k)
    ) / np.pi
    rate = 2.0 * k**2 + c
    return np.sin(np.outer(points[:, 0], k)) @ (f * (1 - np.exp(-rate * time)) / rate)


def fourier_effective(a: Callable[[list[Array]], Array], n: int, dim: int) -> Array:
    """A of -div(a grad) on the unit cell, a(y) of shape (dim, dim, n, ..., n), by Fourier
    collocation with n (odd) points per axis and GMRES.
    """
    grid = np.meshgrid(*[np.arange(n) / n] * dim, indexing="ij")
    values, axes = a(grid), tuple(range(-dim, 0))
    k = np.stack(np.meshgrid(*[2 * np.pi * np.fft.fftfreq(n, 1 / n)] * dim, indexing="ij"))
    laplace = (k**2).sum(0)
    laplace.flat[0] = 1.0

    def gradient(v: Array) -> Array:
        return np.fft.ifftn(1j * k * np.fft.fftn(v), axes=axes).real

    def minus_divergence(flux: Array) -> Array:
        return -np.fft.ifftn((1j * k * np.fft.fftn(flux, axes=axes)).sum(0)).real

    def apply(v: Array) -> Array:
        flux = np.einsum("ij...,j...->i...", values, gradient(v.reshape(grid[0].shape)))
        return minus_divergence(flux).ravel()

    def invert(v: Array) -> Array:
        return np.fft.ifftn(np.fft.fftn(v.reshape(grid[0].shape)) / laplace).real.ravel()

    operator, inverse = (LinearOperator((n**dim, n**dim), matvec=f) for f in (apply, invert))
    out = np.zeros((dim, dim))
    for j in range(dim):
        corrector, failed = gmres(
            operator, -minus_divergence(values[:, j]).ravel(), M=inverse, rtol=1e-13, restart=200
        )
        assert not failed
        slope = gradient(corrector.reshape(grid[0].shape))
        slope[j] += 1
        out[:, j] = np.einsum("ij...,j...->i...", values, slope).mean(axis=axes)
    return out


def relative(values: Array, reference: Array) -> float:
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def with_jump(cells: LoweredCells) -> LoweredCells:
    return replace(cells, jumps=True, strong=())
