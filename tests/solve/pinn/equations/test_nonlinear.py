"""Nonlinear boundary value problems by nets: manufactured solutions, finite elements, estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

ONE, TWO = nh.Scales(1), nh.Scales(2)
X, Y = TWO.x
LINE = ((np.arange(500) + 0.5) / 500)[:, None]
SQUARE = np.random.default_rng(0).uniform(size=(500, 2))
SMOOTH = sp.sin(2 * X) + X
WAVY = sp.sin(2 * X) * sp.cos(Y) + X * Y

Flux = Callable[[Any, sp.Matrix], Any]


def apart(found: Any, wanted: Any) -> float:
    """Relative in L2."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def manufactured(
    flux: Flux, exact: sp.Expr, boundary: Any, reaction: Any = None
) -> tuple[nh.MultiscaleProblem, Any]:
    """-div flux(u, grad u) + reaction(u) = what `exact` gives, and its values at the points."""
    s = TWO if exact.has(Y) else ONE
    u = s.unknown("u")
    rest = reaction or (lambda v: 0)
    slopes = sp.Matrix([sp.diff(exact, x) for x in s.x])
    load = rest(exact) - sum(sp.diff(f, x) for f, x in zip(flux(exact, slopes), s.x))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(flux(u, s.grad(u))) + rest(u), load),
        scales=s,
        unknown=u,
        domain=nh.Box(*[(0, 1)] * s.dim),
        boundary=boundary,
    )
    points = LINE if s is ONE else SQUARE
    return problem, sp.lambdify(s.x, exact, "numpy")(*points.T)


def cubic(u: Any, p: sp.Matrix) -> Any:
    return (1 + p.dot(p)) * p


def normal(axis: int, place: int) -> Any:
    """The flux across a side of the square."""
    flux = cubic(WAVY, sp.Matrix([sp.diff(WAVY, X), sp.diff(WAVY, Y)]))
    return flux[axis].subs((X, Y)[axis], place)


OPEN = [
    nh.Dirichlet(WAVY, on="left"),
    nh.Neumann(normal(0, 1), on="right"),
    nh.Robin(3, normal(1, 1) + 3 * WAVY.subs(Y, 1), on="top"),
    nh.Neumann(-normal(1, 0), on="bottom"),
]
CASES: dict[str, tuple[Flux, sp.Expr, Any, Any]] = {
    "quasilinear": (lambda u, p: (2 + u**2) * p, SMOOTH, None, None),
    "semilinear": (lambda u, p: p, SMOOTH, None, lambda u: u**3),
    "p-Laplacian": (lambda u, p: sp.sqrt(p.dot(p)) * p, sp.exp(X), None, None),
    "periodic": (cubic, sp.sin(2 * sp.pi * X), [nh.Periodic()], lambda u: u),
    "layer": (cubic, sp.tanh(8 * (X - sp.Rational(1, 2))), None, None),
    "minimal surface": (lambda u, p: p / sp.sqrt(1 + p.dot(p)), WAVY, None, None),
    "no potential": (lambda u, p: p + sp.Matrix([p[1], -p[0]]) * (1 + u**2), WAVY, None, None),
    "natural": (cubic, WAVY, OPEN, None),
}


@pytest.mark.parametrize("name", CASES)
def test_manufactured_solutions_within_the_estimate(name: str) -> None:
    flux, exact, boundary, reaction = CASES[name]
    given = boundary or [nh.Dirichlet(exact)]
    problem, wanted = manufactured(flux, exact, given, reaction)
    with pytest.warns(nh.ToleranceWarning):
        found = nh.solve_fine(problem, 1, "pinn", tolerance=1e-14, features=48, scale=1.0)
    error = apart(found(LINE if exact is not WAVY else SQUARE), wanted)
    assert error <= found.info["estimate"] < 1e-2


def test_small_strains() -> None:
    """A law that softens, with the shear free on two sides."""
    v = TWO.unknown("v", components=2)

    def stress(e: Any) -> Any:
        square = e[0, 0] ** 2 + e[1, 1] ** 2 + 2 * e[0, 1] ** 2
        return (1 + 1 / (1 + square)) * 2 * e + e.trace() * sp.eye(2)

    exact = sp.Matrix([sp.sin(X + 2 * Y) / 2, X * Y + sp.cos(2 * X - Y) / 2])
    strain = sp.Matrix(
        2, 2, lambda i, j: (sp.diff(exact[i], TWO.x[j]) + sp.diff(exact[j], TWO.x[i])) / 2
    )
    known = stress(strain)
    load = [-sum(sp.diff(known[i, k], TWO.x[k]) for k in range(2)) for i in range(2)]
    problem = nh.MultiscaleProblem(
        sp.Eq(-TWO.div(stress(TWO.sym_grad(v))), sp.Matrix(load)),
        scales=TWO,
        unknown=v,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[
            nh.Dirichlet(exact, on="left"),
            nh.Dirichlet(exact, on="right"),
            nh.Neumann(known[:, 1].subs(Y, 1), on="top"),
            nh.Neumann(-known[:, 1].subs(Y, 0), on="bottom"),
        ],
    )
    found = nh.solve_fine(problem, 1, "pinn", features=120, scale=0.7, tolerance=1e-3)
    wanted = np.stack(sp.lambdify((X, Y), list(exact), "numpy")(*SQUARE.T), axis=1)
    assert apart(found(SQUARE), wanted) <= min(1e-3, found.info["estimate"])
    assert found.derivative(SQUARE, (1, 0)).shape == (500, 2)


def test_singular_corners_have_functions_of_their_own() -> None:
    """-div((1 + |grad u|^2/50) grad u) = 2 with u = 0 around: r^2 log r at the corners."""
    u = TWO.unknown("u")
    g = TWO.grad(u)
    problem = nh.MultiscaleProblem(
        sp.Eq(-TWO.div((1 + g.dot(g) / 50) * g), 2),
        scales=TWO,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_fine(problem, 1, "pinn", features=100, scale=1.0, tolerance=1e-3)
    assert "corners" in found.info["known_functions"]
    wanted = nh.solve_fine(problem, 1, "skfem", mesh=16)
    error = apart(found(SQUARE), wanted(SQUARE))
    assert error <= found.info["estimate"] + wanted.info["estimate"] < 2e-3


def test_the_law_at_the_points_of_a_quadrature() -> None:
    u = ONE.unknown("u")
    g = ONE.grad(u)
    wave = sp.exp(sp.sin(2 * sp.pi * ONE.y[0]))
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.div(wave * (1 + g[0] ** 2) * g) + u**3, 5),
        scales=ONE,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, on="left"), nh.Robin(1, 2, on="right")],
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model)
    found = nh.solve_homogenized(model, law, "pinn", scale=1.0)
    wanted = nh.solve_homogenized(model, law, "skfem", mesh=32)
    assert apart(found(LINE), wanted(LINE)) <= found.info["estimate"] + wanted.info["estimate"]
    assert found.info["estimate"] < 1e-5 and found.info["law"] < 1e-8
    expansion = nh.reconstruct(found, law, eps=1 / 8)
    assert expansion(LINE).shape == (500,)


def test_what_nets_refuse_or_do_not_find() -> None:
    problem, _ = manufactured(cubic, WAVY, [nh.Dirichlet(WAVY)])
    for options, error, what in (
        ({"per_period": 3}, nh.ProblemError, "per_period"),
        ({"epochs": 3}, nh.ProblemError, "epochs"),
        ({"width": 20}, nh.UnsupportedError, "trains none"),
        ({"method": "residual"}, nh.UnsupportedError, "method"),
    ):
        with pytest.raises(error, match=what):
            nh.solve_fine(problem, 1, "pinn", **options)
    u = TWO.unknown("u")
    sides = [nh.Dirichlet(k % 2, on=f) for k, f in enumerate(("left", "top", "right", "bottom"))]
    for rest, boundary, error, what in (
        (0, sides, nh.UnsupportedError, "contradict"),
        (-90 * sp.exp(u), [nh.Dirichlet(0)], nh.SolveError, "Newton"),
    ):
        refused = nh.MultiscaleProblem(
            sp.Eq(-TWO.div((1 + u**2 / 1000) * TWO.grad(u)) + rest, 0),
            scales=TWO,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=boundary,
        )
        with pytest.raises(error, match=what):
            nh.solve_fine(refused, 1, "pinn", features=50)
