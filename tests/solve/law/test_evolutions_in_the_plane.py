"""Nonlinear evolutions in the plane: solutions and homogenization errors of a second method, and
manufactured solutions with their rates in space and time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

from .plane_evolutions import CASES, EPS, G, S, Torus, U, distance

X = S.x


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", ["Richards", "Cahn-Hilliard"])
def test_solutions_and_their_distance_are_those_of_trigonometric_polynomials(name: str) -> None:
    """The others of CASES: `tests.benchmarks.nonlinear evolutions`."""
    limit, wanted = (CASES[name].by_spectra(Torus(eps, 24)) for eps in (None, float(EPS)))
    problem = CASES[name].problem
    model = nh.homogenize(problem)
    solved = (
        nh.solve_homogenized(model, nh.solve_law(model), "skfem", mesh=8, steps=4),
        nh.solve_fine(problem, EPS, "skfem", mesh=20, steps=4),
    )
    points = Torus(None, 24).points
    u0, fine = (found(points).reshape(len(points), -1)[:, 0] for found in solved)
    for found, exact, solution in zip((u0, fine), (limit, wanted), solved, strict=True):
        assert distance(found, exact) < solution.info["estimate"] < 0.05
    assert distance(u0, fine) == pytest.approx(distance(limit, wanted), rel=0.01)


def manufactured() -> tuple[nh.MultiscaleProblem, Any]:
    """Richards' equation with gravity and conditions of all kinds that change in time."""
    exact = sp.sin(X[0] + X[1] / 2) * sp.exp(-S.t) + X[0] * X[1] / 2

    def flux(u: Any, p: Any) -> Any:
        return (2 + u**2) * (p + sp.Matrix([0, 1]))

    slope = sp.Matrix([sp.diff(exact, x) for x in X])
    given = flux(exact, slope)
    load = sp.diff(sp.exp(exact), S.t) - sum(sp.diff(given[k], X[k]) for k in range(2))
    out = {side: given[k].subs(X[k], end) * sign for side, k, end, sign in SIDES}
    right = out["right"] + exact.subs(X[0], 1)
    problem = nh.MultiscaleProblem(
        sp.Eq(S.dt(sp.exp(U)) - S.div(flux(U, G)), load),
        scales=S,
        unknown=U,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[
            nh.Dirichlet(exact.subs(X[0], 0), on="left"),
            nh.Robin(1, right, on="right"),
            nh.Neumann(out["bottom"], on="bottom"),
            nh.Neumann(out["top"], on="top"),
        ],
        initial=[nh.Initial(exact.subs(S.t, 0))],
        final_time=1,
    )
    return problem, exact.subs(S.t, 1)


SIDES = (("right", 0, 1, 1), ("bottom", 1, 0, -1), ("top", 1, 1, 1))


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_manufactured_evolutions_have_the_orders_of_elements_and_steps(backend: str) -> None:
    problem, exact = manufactured()
    points = np.random.default_rng(0).random((200, 2))
    wanted = sp.lambdify([*X], exact)(*points.T)

    def error(mesh: int, steps: int) -> float:
        found = nh.solve_fine(problem, 1, backend, mesh=mesh, steps=steps)
        missed = distance(found(points), wanted)
        assert missed < found.info["estimate"]  # one step shows nothing of what it misses itself
        return missed

    assert error(2, 4) / error(4, 4) > 6  # order 3
    coarse, fine = error(4, 1), error(4, 2)
    assert fine < 1e-3 and coarse / fine > 8  # order 4
