"""Cahn and Hilliard's equation as a system: u_t = div( m grad mu ), mu = W'(y,u) - div( k grad u ):
closed forms of its law, mass, energy, and the growth of small waves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sps
import sympy as sp
from scipy.integrate import solve_ivp

import nhpinn_sym as nh

S = nh.Scales(1, time=True)
U, MU = S.unknown("u"), S.unknown("mu")
X, Y = S.x[0], S.y[0]
MOBILITY = 2 + sp.sin(2 * sp.pi * Y)
INTERFACE = sp.Rational(1, 100) * (2 + sp.cos(2 * sp.pi * Y))
WELL = 1 + sp.sin(2 * sp.pi * Y) / 2
MEAN = sp.sqrt(3)  # of both harmonic means, but for the factor 1/100


def pose(start: sp.Expr, **data: Any) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(
        [
            sp.Eq(S.dt(U) - S.div(MOBILITY * S.grad(MU)), 0),
            sp.Eq(WELL * (U**3 - U) - S.div(INTERFACE * S.grad(U)) - MU, 0),
        ],
        scales=S,
        unknown=[U, MU],
        domain=nh.Box((0, 1)),
        initial=[nh.Initial(start, unknown=U)],
        **{"boundary": [nh.Neumann([0, 0])], "final_time": 0.05, **data},
    )


WAVE = sp.cos(2 * sp.pi * X)
START = sp.Rational(1, 10) + WAVE / 10


def volumes(eps: float | None) -> Any:
    """u at the end at the middles of 100 cells, by scipy's BDF on finite volumes, extrapolated; the
    limit for None.
    """

    def solve(n: int) -> Any:
        x, faces = (np.arange(n) + 0.5) / n, np.arange(1, n) / n
        turn = np.inf if eps is None else eps
        mobility = 2 + np.sin(2 * np.pi * faces / turn) if eps else float(MEAN) + 0 * faces
        interface = 2 + np.cos(2 * np.pi * faces / turn) if eps else mobility
        well = 1 + np.sin(2 * np.pi * x / turn) / 2

        def divergence(c: Any, u: Any) -> Any:
            return np.diff(np.concatenate([[0.0], c * np.diff(u) * n, [0.0]])) * n

        def rate(t: float, u: Any) -> Any:
            return divergence(mobility, well * (u**3 - u) - divergence(interface / 100, u))

        pattern = sps.diags_array([np.ones(n)] * 5, offsets=[-2, -1, 0, 1, 2], shape=(n, n))
        options: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8, "jac_sparsity": pattern}
        start = 0.1 + 0.1 * np.cos(2 * np.pi * x)
        return solve_ivp(rate, (0, 0.05), start, method="BDF", **options).y[:, -1]

    coarse, fine = solve(100), solve(300)[1::3]
    return fine + (fine - coarse) / 8


@pytest.mark.parametrize("backend", ["fourier", "skfem", "pinn"])
def test_a_law_whose_fluxes_are_those_of_the_other_unknown(backend: str) -> None:
    law = nh.solve_law(nh.homogenize(pose(START)), backend)
    found = law.flux(grad=[[0.3], [0.7]], u=[0.5, 0.1])
    root = float(MEAN)
    assert found == pytest.approx(np.array([[0.7 * root], [0.003 * root]]), rel=1e-6)
    assert law.reaction(u=[0.5, 0.1]) == pytest.approx([0, 0.125 - 0.5 - 0.1], abs=1e-9)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_mass_stays_energy_falls_and_fine_solutions_converge(backend: str) -> None:
    problem = pose(START)
    model = nh.homogenize(problem)
    law = nh.solve_law(model, n=63)
    u0 = nh.solve_homogenized(model, law, backend, mesh=12, steps=4)
    x = np.linspace(0, 1, 401)
    weights = np.full(401, 1 / 400)
    weights[[0, -1]] /= 2
    energies = []
    for t in (0.0, 0.025, 0.05):
        u = u0(x[:, None], t)[:, 0]
        slope = u0.derivative(x[:, None], (1,), t)[:, 0]
        assert weights @ u == pytest.approx(0.1, abs=1e-5)
        energies.append(weights @ (float(MEAN) / 200 * slope**2 + (u**2 - 1) ** 2 / 4))
    assert energies[0] > energies[1] > energies[2]
    u = 0.1 + 0.1 * np.cos(2 * np.pi * x)
    wanted = float(MEAN) / 100 * 4 * np.pi**2 * (u - 0.1) + u**3 - u
    assert u0(x[:, None], 0.0)[:, 1] == pytest.approx(wanted, abs=2e-3)
    if backend == "dolfinx":
        return
    points = (np.arange(100) + 0.5) / 100
    limit = u0(points[:, None])[:, 0]
    assert limit == pytest.approx(volumes(None), abs=1e-3 * np.abs(limit).max())
    errors = []
    for n in (4, 8):
        fine = nh.solve_fine(problem, eps=1 / n, backend=backend, mesh=64, steps=4)
        found = fine(points[:, None])[:, 0]
        errors.append(np.linalg.norm(limit - found) / np.linalg.norm(found))
    wanted = volumes(0.25)
    assert errors[0] == pytest.approx(
        np.linalg.norm(volumes(None) - wanted) / np.linalg.norm(wanted), rel=5e-3
    )
    assert errors[1] < 0.6 * errors[0]


def test_small_waves_grow_at_the_rate_of_the_limit() -> None:
    """u = 1/5 + c exp(s t) cos(2 pi x): s = -m* q^2 (k* q^2 + 3/25 - 1), q = 2 pi."""
    size = sp.Rational(1, 10**5)
    law_of = nh.homogenize(pose(sp.Rational(1, 5) + size * WAVE))
    u0 = nh.solve_homogenized(law_of, nh.solve_law(law_of, n=63), "skfem", mesh=20, steps=8)
    q = 2 * np.pi
    root = float(MEAN)
    rate = -root * q**2 * (root / 100 * q**2 + 3 * 0.2**2 - 1)
    found = (float(u0([[0.0]])[0, 0]) - 0.2) / float(size)
    assert found == pytest.approx(np.exp(0.05 * rate), rel=1e-4)


def test_a_robin_condition_of_what_holds_at_all_times_is_refused() -> None:
    conditions = [nh.Neumann(0, unknown=U), nh.Robin(1, 0, unknown=MU)]
    model = nh.homogenize(pose(START, boundary=conditions))
    with pytest.raises(nh.UnsupportedError, match="without a time derivative"):
        nh.solve_homogenized(model, nh.solve_law(model, n=63), "skfem")
