"""Boundary value problems by their energy: manufactured solutions, natural data, oscillating
coefficients, what is refused.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh


def problem(
    a: object, u: sp.Expr, s: nh.Scales, boundary: list[object], reaction: object = 0
) -> nh.MultiscaleProblem:
    """-div(a grad w) + reaction w = f with the solution u."""
    w = s.unknown("u")
    flux = [a * sp.diff(u, x) for x in s.x]
    f = -sum(sp.diff(q, x) for q, x in zip(flux, s.x)) + reaction * u
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(w)) + reaction * w, f),
        scales=s,
        unknown=w,
        domain=nh.Box(*[(0, 1)] * len(s.x)),
        boundary=boundary,
    )


def error(solution: object, u: sp.Expr, s: nh.Scales) -> float:
    points = np.random.default_rng(0).random((300, len(s.x)))
    exact = sp.lambdify(s.x, u, "numpy")(*points.T)
    return float(np.linalg.norm(solution(points) - exact) / np.linalg.norm(exact))


def test_a_manufactured_solution_with_dirichlet_data() -> None:
    s = nh.Scales(2)
    x, y = s.x
    u = sp.sin(2 * x + y) + x * y
    found = nh.solve_fine(
        problem(2 + x * y, u, s, [nh.Dirichlet(u)]), 1, "pinn", method="energy", features=400
    )
    assert error(found, u, s) < 1e-7
    slope = found.derivative(np.array([[0.3, 0.4]]), (1, 0))[0]
    assert abs(slope - float(sp.diff(u, x).subs({x: 0.3, y: 0.4}))) < 1e-5
    assert found.info["energy"] == pytest.approx(found.info["held_out_energy"], rel=1e-10)


def test_natural_data_stand_in_the_energy() -> None:
    s = nh.Scales(2)
    x, y = s.x
    u, a = sp.exp(x) * sp.cos(y), 1 + x
    boundary = [
        nh.Dirichlet(u, on="left"),
        nh.Neumann(a.subs(x, 1) * sp.diff(u, x).subs(x, 1), on="right"),
        nh.Neumann(-(a * sp.diff(u, y)).subs(y, 0), on="bottom"),
        nh.Robin(3, (a * sp.diff(u, y) + 3 * u).subs(y, 1), on="top"),
    ]
    assert (
        error(
            nh.solve_fine(
                problem(a, u, s, boundary, reaction=2), 1, "pinn", method="energy", features=400
            ),
            u,
            s,
        )
        < 1e-7
    )


def test_an_oscillating_coefficient() -> None:
    s = nh.Scales(1)
    w = s.unknown("u")
    p = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(w)), 1),
        scales=s,
        unknown=w,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_fine(p, sp.Rational(1, 8), "pinn", method="energy", features=400)
    reference = nh.solve_fine(p, sp.Rational(1, 8), "skfem", mesh=2000)
    points = np.linspace(0, 1, 101)[:, None]
    assert np.linalg.norm(found(points) - reference(points)) < 1e-3 * np.linalg.norm(
        reference(points)
    )


def test_a_trained_net_lowers_the_energy() -> None:
    s = nh.Scales(1)
    u = sp.sin(sp.pi * s.x[0])
    p = problem(1 + s.x[0], u, s, [nh.Dirichlet(0)])
    found = nh.solve_fine(p, 1, "pinn", method="energy", width=8, depth=2, iterations=150)
    assert found.info["solver"] == "ssbfgs" and error(found, u, s) < 1e-4


@pytest.mark.parametrize(
    ("terms", "reason"), [("drift", "not symmetric"), ("negative", "negative"), ("jump", "jumps")]
)
def test_what_has_no_energy_is_refused(terms: str, reason: str) -> None:
    s = nh.Scales(2)
    w = s.unknown("u")
    a = (
        sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (5, True))
        if terms == "jump"
        else 2 + sp.sin(2 * sp.pi * s.y[0])
    )
    more = {"drift": sp.diff(w, s.x[0]), "negative": -30 * w, "jump": 0}[terms]
    p = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(w)) + more, 1),
        scales=s,
        unknown=w,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.UnsupportedError, match=reason):
        nh.solve_fine(p, sp.Rational(1, 2), "pinn", method="energy")
