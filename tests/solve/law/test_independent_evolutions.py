"""Homogenization errors of nonlinear evolutions against those of finite volumes that share no code
with the package: scipy's BDF on cells of one dimension, limits by closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sps
import sympy as sp
from scipy.integrate import solve_ivp

import nhpinn_sym as nh

T = nh.Scales(1, time=True)
U, X, Y = T.unknown("u"), T.x[0], T.y[0]
EPS = 0.25
ROOT = np.sqrt(3)  # the harmonic mean of 2 + cos
A = 2 + sp.cos(2 * sp.pi * Y)
WELL = 1 + sp.sin(2 * sp.pi * Y) / 2
G = T.grad(U)
Flux = Callable[[Any, Any, Any], Any]


def a(x: Any) -> Any:
    return 2 + np.cos(2 * np.pi * x / EPS)


def well(x: Any) -> Any:
    return 1 + np.sin(2 * np.pi * x / EPS) / 2


class Volumes(NamedTuple):
    """rate(x, u) d_t u = d_x flux(x, u, d_x u) + source(x, u)."""

    flux: Flux
    source: Callable[[Any, Any], Any] = lambda x, u: 0 * u
    rate: Callable[[Any, Any], Any] = lambda x, u: 1 + 0 * u

    def solve(self, start: Callable[[Any], Any], wall: float | None, end: float, n: int) -> Any:
        """At the middles of n cells; wall: the value at both ends, None for no flux."""
        x = (np.arange(n) + 0.5) / n
        faces = np.arange(1, n) / n

        def slope(t: float, u: Any) -> Any:
            q = np.zeros(n + 1)
            q[1:-1] = self.flux(faces, (u[1:] + u[:-1]) / 2, np.diff(u) * n)
            if wall is not None:
                q[0] = self.flux(0.0, wall, (-8 * wall + 9 * u[0] - u[1]) * n / 3)
                q[-1] = self.flux(1.0, wall, (8 * wall - 9 * u[-1] + u[-2]) * n / 3)
            return (np.diff(q) * n + self.source(x, u)) / self.rate(x, u)

        pattern = sps.diags_array([np.ones(n)] * 5, offsets=[-2, -1, 0, 1, 2], shape=(n, n))
        options: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-9, "jac_sparsity": pattern}
        return solve_ivp(slope, (0, end), start(x), method="BDF", **options).y[:, -1]

    def __call__(self, *given: Any) -> Any:
        """By Richardson's extrapolation, at 200 points."""
        coarse, fine = self.solve(*given, 200), self.solve(*given, 600)[1::3]
        return fine + (fine - coarse) / 8


class Case(NamedTuple):
    equation: Any
    start: Any
    wall: float | None
    end: float
    fine: Volumes
    limit: Volumes


CASES = {
    "Allen-Cahn": Case(
        T.dt(U) - T.div(A * G / 20) + 20 * WELL * (U**3 - U),
        sp.cos(sp.pi * X) * 9 / 10,
        None,
        0.1,
        Volumes(lambda x, u, p: a(x) / 20 * p, lambda x, u: 20 * well(x) * (u - u**3)),
        Volumes(lambda x, u, p: ROOT / 20 * p, lambda x, u: 20 * (u - u**3)),
    ),
    "Richards": Case(
        T.dt(WELL * sp.exp(U)) - T.div(A * sp.exp(U) * (G + sp.Matrix([1]))),
        sp.sin(sp.pi * X) - 1,
        -1.0,
        0.03,
        Volumes(lambda x, u, p: a(x) * np.exp(u) * (p + 1), rate=lambda x, u: well(x) * np.exp(u)),
        Volumes(lambda x, u, p: ROOT * np.exp(u) * (p + 1), rate=lambda x, u: np.exp(u)),
    ),
    "porous medium": Case(
        T.dt(U) - T.div(A * T.grad(U**2)),
        sp.Rational(1, 2) + sp.sin(sp.pi * X) / 2,
        0.5,
        0.05,
        Volumes(lambda x, u, p: 2 * a(x) * u * p),
        Volumes(lambda x, u, p: 2 * ROOT * u * p),
    ),
    "reaction of size 1/eps": Case(
        T.dt(U) - T.laplacian(U) + 40 * sp.cos(2 * sp.pi * Y) * U**2 / T.eps,
        sp.sin(sp.pi * X) / 2,
        0.0,
        0.02,
        Volumes(lambda x, u, p: p, lambda x, u: -40 * np.cos(2 * np.pi * x / EPS) * u**2 / EPS),
        Volumes(lambda x, u, p: p, lambda x, u: 400 * u**3 / np.pi**2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_homogenization_error_is_that_of_finite_volumes(name: str) -> None:
    case = CASES[name]
    walls = [nh.Neumann(0)] if case.wall is None else [nh.Dirichlet(sp.nsimplify(case.wall))]
    problem = nh.MultiscaleProblem(
        sp.Eq(case.equation, 0),
        scales=T,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=walls,
        initial=[nh.Initial(case.start)],
        final_time=case.end,
        ranges={U: (sp.Rational(1, 10), 1) if name == "porous medium" else (-1, 1)},
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model, n=31)
    points = (np.arange(200)[:, None] + 0.5) / 200
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=32, steps=8)(points)
    fine = nh.solve_fine(problem, sp.nsimplify(EPS), "skfem", mesh=128, steps=8)(points)
    given = sp.lambdify(X, case.start), case.wall, case.end
    limit, wanted = case.limit(*given), case.fine(*given)
    assert u0 == pytest.approx(limit, abs=2e-3 * np.abs(limit).max())
    error = np.linalg.norm(u0 - fine) / np.linalg.norm(fine)
    assert error == pytest.approx(np.linalg.norm(limit - wanted) / np.linalg.norm(wanted), rel=0.01)
