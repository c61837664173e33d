"""Operators that depend on time, and fast time resolved by the steps, on both backends."""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.solve.backends import available

BACKENDS = [name for name in ("skfem", "dolfinx") if available(name)]
EPS = sp.Rational(1, 4)


def decaying(a, final_time):
    """u_t - (a u_x)_x = 0 on (0, 1), u(0) = sin(pi x)."""
    s, stiffness = a
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(stiffness * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=final_time,
    )


def pulsating():
    """a = 2 + cos(2 pi t/eps^2) alone."""
    s = nh.Scales(1, fast_time=2)
    return s, 2 + sp.cos(2 * sp.pi * s.tau)


def travelling():
    s = nh.Scales(1, fast_time=2)
    return s, 3 + 2 * sp.cos(2 * sp.pi * (s.y[0] - s.tau))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pulsating_coefficient(backend):
    """Until the end of a quarter of a period the mean of a is 2 + 2/pi."""
    end = EPS**2 / 4
    problem = decaying(pulsating(), end)
    points = np.linspace(0, 1, 21)[:, None]
    found = nh.solve_fine(problem, EPS, backend, mesh=32, steps=8)(points, float(end))
    exact = math.exp(-(math.pi**2) * float(end) * (2 + 2 / math.pi))
    np.testing.assert_allclose(found, exact * np.sin(np.pi * points[:, 0]), atol=1e-5)


def test_the_order_of_the_steps():
    """rho(t) u_t - (a(x, t) u_x)_x + t u = f with held ends, and more of them each time."""
    s = nh.Scales(1, time=True)
    u, x, t = s.unknown("u"), s.x[0], s.t
    exact = sp.sin(sp.pi * x) * sp.cos(4 * t)
    a, rho = 2 + sp.sin(3 * t) * x, 2 + sp.sin(t)
    f = rho * sp.diff(exact, t) - sp.diff(a * sp.diff(exact, x), x) + t * exact
    problem = nh.MultiscaleProblem(
        sp.Eq(rho * s.dt(u) - s.div(a * s.grad(u)) + t * u, f),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * x))],
        final_time=1,
    )
    points = np.linspace(0, 1, 21)[:, None]
    values = sp.lambdify((x, t), exact)(points[:, 0], 1.0)
    errors = []
    for steps in (8, 16):
        found = nh.solve_fine(problem, 1, "skfem", mesh=64, steps=steps)
        errors.append(np.abs(found(points, 1.0) - values).max())
    assert math.log2(errors[0] / errors[1]) > 2.5
    assert errors[1] < 2e-4


def test_a_travelling_coefficient_by_finite_differences():
    problem = decaying(travelling(), sp.Rational(1, 20))
    found = nh.solve_fine(problem, EPS, "skfem", mesh=64)
    assert found.info["steps"] == 64
    count = 400
    middle = (np.arange(count) + 0.5) / count

    def slope(t, u):
        phase = middle / float(EPS) - t / float(EPS) ** 2
        flux = (3 + 2 * np.cos(2 * np.pi * phase)) * np.diff(u, prepend=0.0, append=0.0) * count
        return np.diff(flux) * count

    x = np.arange(1, count) / count
    solved = solve_ivp(
        slope,
        (0, 0.05),
        np.sin(np.pi * x),
        method="LSODA",
        lband=1,
        uband=1,
        rtol=1e-8,
        atol=1e-10,
    )
    expected = solved.y[:, -1]
    values = found(x[:, None], 0.05)
    assert np.linalg.norm(values - expected) / np.linalg.norm(expected) < 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["Dirichlet", "Robin"])
def test_walls_whose_data_depend_on_time_keep_the_order(backend, kind):
    """Stages of first order would leave 2; the estimate is no smaller than the error."""
    s = nh.Scales(1, time=True)
    u, x, t = s.unknown("u"), s.x[0], s.t
    exact, a = sp.sin(2 * x + 1) * sp.cos(5 * t) + x**2 * sp.sin(3 * t), 1 + x / 2
    flux = a * sp.diff(exact, x)
    right = nh.Dirichlet(exact.subs(x, 1), on="right")
    if kind == "Robin":
        right = nh.Robin(2, (flux + 2 * exact).subs(x, 1), on="right")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(a * s.grad(u)), sp.diff(exact, t) - sp.diff(flux, x)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(exact.subs(x, 0), on="left"), right],
        initial=[nh.Initial(exact.subs(t, 0))],
        final_time=1,
    )
    points = np.linspace(0, 1, 21)[:, None]
    values = sp.lambdify((x, t), exact)(points[:, 0], 1.0)
    errors = []
    for steps in (16, 32):
        found = nh.solve_fine(problem, 1, backend, mesh=64, steps=steps)
        errors.append(np.linalg.norm(found(points, 1.0) - values) / np.linalg.norm(values))
        assert errors[-1] < found.info["estimate"]
    assert math.log2(errors[0] / errors[1]) > 3.2


def test_too_many_periods_of_tau_are_said_before_the_solve():
    problem = decaying(travelling(), 10)
    with pytest.raises(SolveError, match="periods of tau"):
        nh.solve_fine(problem, sp.Rational(1, 32), "skfem")


@pytest.mark.skipif("dolfinx" not in BACKENDS, reason="DOLFINx is not installed")
def test_walls_that_stand_still_are_lifted_once(monkeypatch):
    """Where the load alone depends on time, each step assembles it, and no boundary value."""
    from nhpinn_sym.runtime.fem_dolfinx.equation import EquationProblem

    s = nh.Scales(1, time=True)
    u, x, t = s.unknown("u"), s.x[0], s.t
    exact = 1 + x + sp.sin(sp.pi * x) * sp.cos(4 * t)
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u), sp.diff(exact, t) - sp.diff(exact, x, 2)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1 + x)],
        initial=[nh.Initial(exact.subs(t, 0))],
        final_time=1,
    )
    lifts = []
    lift = EquationProblem._lift
    monkeypatch.setattr(
        EquationProblem, "_lift", lambda self, values: lifts.append(self) or lift(self, values)
    )
    found = nh.solve_fine(problem, 1, "dolfinx", mesh=32, steps=16)
    assert len(lifts) <= 3 * len(set(map(id, lifts)))
    points = np.linspace(0, 1, 9)[:, None]
    values = sp.lambdify((x, t), exact)(points[:, 0], 1.0)
    np.testing.assert_allclose(found(points, 1.0), values, atol=1e-4)
