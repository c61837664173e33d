"""Nonlinear problems of several classes, and their residuals as they are written, by SymPy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.runtime.arrays import Array

PI2 = 2 * sp.pi
# An eps whose limit is reached: no terms cancel each other.
_SMALL = 1e-13


def monotone() -> nh.MultiscaleProblem:
    """A flux, a drift and a reaction of order 1/eps, a parameter, natural conditions."""
    s = nh.Scales(2)
    u, q, y = s.unknown("u"), sp.Symbol("points"), s.y
    g = s.grad(u)
    a = q + sp.sin(PI2 * y[0]) * sp.cos(PI2 * y[1])
    drift = sp.Matrix([sp.cos(PI2 * y[1]), 0]).dot(s.grad(u**2)) / s.eps
    rest = drift + sp.cos(PI2 * y[0]) * u**2 / s.eps + sp.exp(u)
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * (1 + g.dot(g) + s.x[1] * u**2) * g) + rest, s.x[0]),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        parameters={q: (2, 4)},
        ranges={u: (0, 1)},
        boundary=[
            nh.Dirichlet(0, on=["left", "top", "bottom"]),
            nh.Robin(2, s.x[0], on="right"),
        ],
    )


def stored() -> nh.MultiscaleProblem:
    """A system in time, with a storage that is not linear."""
    s = nh.Scales(1, time=True)
    v, w = s.unknown("v"), s.unknown("w")
    a = 2 + sp.sin(PI2 * s.y[0])
    return nh.MultiscaleProblem(
        [
            (s.dt(a * (v + v**3)) - s.div(a * (1 + w**2) * s.grad(v)), s.x[0]),
            (s.dt(w) - s.div(a * (1 + s.grad(w)[0] ** 2) * s.grad(w)) + v * w, s.t),
        ],
        scales=s,
        unknown=[v, w],
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(sp.Matrix([0, sp.cos(PI2 * s.x[0])]))],
        final_time=1,
    )


def p_laplacian() -> nh.MultiscaleProblem:
    """Regularised, p = 3/2, with a coefficient of x and y."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = 2 + s.x[0] + sp.sin(PI2 * s.y[0]) * sp.cos(PI2 * s.y[1])
    flux = a * (sp.Rational(1, 100) + g.dot(g)) ** sp.Rational(-1, 4) * g
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(flux), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def carreau() -> nh.MultiscaleProblem:
    """A fluid that can be compressed, whose viscosity falls with the rate of strain."""
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    rate = sum(x**2 for x in e)
    viscosity = sp.Rational(1, 10) + (2 + sp.cos(PI2 * s.y[0])) * (1 + rate) ** sp.Rational(-3, 10)
    pressure = (2 + sp.sin(PI2 * s.y[1])) * e.trace() * sp.eye(2)
    return nh.MultiscaleProblem(
        (-s.div(viscosity * e + pressure), sp.Matrix([1, s.x[0]])),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def richards() -> nh.MultiscaleProblem:
    """A content of water that depends on y, and gravity."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = 2 + sp.sin(PI2 * s.y[0])
    content = u + a * sp.exp(u) / (1 + sp.exp(u))
    flux = a * (1 + u**2) * (s.grad(u) + sp.Matrix([1]))
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(content) - s.div(flux), s.x[0] * s.t),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=1,
        ranges={u: (-1, 1)},
    )


NONLINEAR = {
    "monotone": monotone,
    "stored": stored,
    "p_laplacian": p_laplacian,
    "carreau": carreau,
    "richards": richards,
}


def fine_residual(
    problem: nh.MultiscaleProblem, given: Mapping[str, float], points: Array
) -> Array:
    """(n, m) at points (n, d), or (n, d + 1) with t, of `functions`."""
    s = problem.scales
    coordinates = [*s.x, s.t] if s.time else [*s.x]
    fast = {y: x / s.eps for y, x in zip(s.y, s.x)}
    wanted = [
        e.xreplace(fast) for e in _with(problem, functions(coordinates, len(problem.unknowns)))
    ]
    return _values(wanted, coordinates, given, points)


def state_residual(
    problem: nh.MultiscaleProblem, given: Mapping[str, float], points: Array
) -> Array:
    """The same at points y of a cell: the limit of eps times the residual of
    s + xi.(x - z) + eps N(y) at x = z.
    """
    s = problem.scales
    z = {x: sp.Symbol(f"z_{x}") for x in s.x}
    correctors = functions(s.y, len(problem.unknowns))
    tried = []
    for j, corrector in enumerate(correctors):
        slopes = [sp.Symbol(f"N_xi_{j}_{k}") * (x - z[x]) for k, x in enumerate(s.x)]
        tried.append(sp.Symbol(f"N_u_{j}") + sp.Add(*slopes) + s.eps * corrector)
    shares = sp.symbols(f"y1:{s.dim + 1}")
    places = {**dict(zip(s.y, shares)), **z}
    back = {v: x for x, v in z.items()}
    scaled = [(s.eps * e.xreplace(places)).xreplace(back) for e in _with(problem, tried)]
    return _values(scaled, shares, {**given, "epsilon": _SMALL}, points)


def functions(coordinates: Sequence[sp.Symbol], components: int) -> list[sp.Expr]:
    total = sp.Add(*[(k + 1) * v for k, v in enumerate(coordinates)])
    return [sp.sin(total + j) + coordinates[0] ** 2 for j in range(components)]


def _with(problem: nh.MultiscaleProblem, values: Sequence[sp.Expr]) -> list[sp.Expr]:
    """The equations with these values in the place of the unknowns."""
    put = {
        u.func: sp.Lambda(u.args, value) for u, value in zip(problem.unknowns, values, strict=True)
    }
    found = []
    for e in problem.equations:
        for f, value in put.items():
            e = e.replace(f, value)
        found.append(e.doit())
    return found


def _values(
    exprs: Sequence[sp.Expr],
    coordinates: Sequence[sp.Symbol],
    given: Mapping[str, float],
    points: Array,
) -> Array:
    held = {v: given[v.name] for e in exprs for v in e.free_symbols - {*coordinates}}
    calls = [sp.lambdify(coordinates, e.xreplace(held), "numpy") for e in exprs]
    rows = [np.broadcast_to(call(*points.T), len(points)) for call in calls]
    return np.stack(rows, -1)
