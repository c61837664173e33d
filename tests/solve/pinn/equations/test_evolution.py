"""Nonlinear equations in time by nets, against exact solutions and against finite elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(1, time=True)
X = S.x[0]
T = S.t
U = S.unknown("u")
G = S.grad(U)
R = sp.Rational
POINTS = (np.arange(400)[:, None] + 0.5) / 400


def norm(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def with_solution(left: sp.Expr, exact: sp.Expr, boundary: Any, **more: Any) -> Any:
    return nh.MultiscaleProblem(
        sp.Eq(left, left.subs(U, exact).doit()),
        scales=S,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=boundary,
        initial=[nh.Initial(exact.subs(T, 0))],
        **more,
    )


def errors(solution: nh.Solution, exact: sp.Expr, final: float) -> list[float]:
    """Relative errors at the end, and inside the interval of time."""
    call = sp.lambdify((X, T), exact, "numpy")
    found = []
    for t in (final, 0.37 * final):
        wanted = call(POINTS[:, 0], t)
        found.append(norm(solution(POINTS, t=t) - wanted) / norm(wanted))
    return found


FRONT = (1 - sp.tanh(5 * (X - R(3, 10) - 2 * T))) / 2
BARENBLATT = (1 + T) ** R(-1, 3) * (1 - X**2 / (12 * (1 + T) ** R(2, 3)))
CASES: dict[str, Any] = {
    # u_t = u_xx + 50 u (1 - u)(u - 3/10): a front of speed 2.
    "Allen-Cahn": (S.dt(U) - S.laplacian(U) - 50 * U * (1 - U) * (U - R(3, 10)), FRONT, R(1, 10)),
    "porous medium": (S.dt(U) - S.div(2 * U * G), BARENBLATT, R(1, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_exact_solutions_are_met_within_the_estimate(name: str) -> None:
    left, exact, final = CASES[name]
    more = {"ranges": {U: (R(1, 10), 1)}} if name == "porous medium" else {}
    problem = with_solution(left, exact, [nh.Dirichlet(exact)], final_time=final, **more)
    found = nh.solve_fine(problem, 1, "pinn", features=200, scale=2.0)
    assert found.info["estimate"] < 1e-3
    assert max(errors(found, exact, float(final))) < min(2e-5, found.info["estimate"])


def test_natural_conditions_steps_and_coarse_estimates() -> None:
    exact = sp.cos(2 * T) * sp.exp(X) / 2
    left = S.dt(U + U**3 / 3) - S.div((1 + U**2 / 2) * G)
    flux = (1 + exact**2 / 2) * sp.diff(exact, X)
    boundary = [nh.Dirichlet(exact, on="left"), nh.Robin(2, flux + 2 * exact, on="right")]
    problem = with_solution(left, exact, boundary, final_time=1)
    found = nh.solve_fine(problem, 1, "pinn", features=80, scale=1.0, steps=32, tolerance=1e-2)
    assert found.info["steps"] == 32
    assert found.extent.times is not None and len(found.extent.times) == 33
    assert max(errors(found, exact, 1.0)) < min(1e-4, found.info["estimate"])
    one = nh.Scales(1)
    u = one.unknown("u")
    still = nh.MultiscaleProblem(
        sp.Eq(-one.laplacian(u) + u**3, 1),
        scales=one,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.ProblemError, match="without time"):
        nh.solve_fine(still, 1, "pinn", steps=4)


def test_a_homogenized_law_in_time_and_a_system_agree_with_elements() -> None:
    """Richards' equation with gravity; Cahn-Hilliard, of which one equation holds at all times."""
    wave = 1 + sp.sin(2 * sp.pi * S.y[0]) / 2
    theta = (1 + wave / 4) * sp.atan(1 + U)
    equation = S.dt(theta) - S.div(wave * sp.exp(U / 2) * (G + sp.Matrix([[1]])))
    problem = nh.MultiscaleProblem(
        sp.Eq(equation, 0),
        scales=S,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, on="left"), nh.Dirichlet(X * 0 + R(1, 2) * T, on="right")],
        initial=[nh.Initial(0)],
        final_time=R(1, 2),
        ranges={U: (-1, 1)},
    )
    model = nh.homogenize(problem)
    assert isinstance(model, nh.NonlinearModel)
    law = nh.solve_law(model)
    by_net = nh.solve_homogenized(model, law, "pinn", features=80, scale=1.0, tolerance=1e-3)
    elements = nh.solve_homogenized(model, law, "skfem", mesh=8, steps=8)
    assert norm(by_net(POINTS) - elements(POINTS)) < 1e-3 * norm(elements(POINTS))


def test_equations_without_a_time_derivative_hold_at_all_times() -> None:
    c, mu = S.unknown("c"), S.unknown("mu")
    exact = sp.cos(2 * sp.pi * X) * sp.exp(-T) / 2
    potential = exact**3 - exact - sp.diff(exact, X, 2) / 100
    problem = nh.MultiscaleProblem(
        [
            sp.Eq(S.dt(c) - S.laplacian(mu), sp.diff(exact, T) - sp.diff(potential, X, 2)),
            sp.Eq(mu - c**3 + c + S.div(S.grad(c) / 100), 0),
        ],
        scales=S,
        unknown=[c, mu],
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann(0, unknown=c), nh.Neumann(0, unknown=mu)],
        initial=[nh.Initial(exact.subs(T, 0), unknown=c)],
        final_time=R(1, 4),
    )
    found = nh.solve_fine(problem, 1, "pinn", features=160, scale=2.0, tolerance=1e-3)
    for t in (0.25, 0.1):
        wanted = sp.lambdify((X, T), exact, "numpy")(POINTS[:, 0], t)
        own = norm(found(POINTS, t=t)[:, 0] - wanted) / norm(wanted)
        assert own < min(1e-3, found.info["estimate"])
