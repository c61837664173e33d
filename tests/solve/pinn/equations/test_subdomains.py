"""Boundary value problems whose data jump across planes: one net in each box."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh


def test_flux_and_solution_go_on_across_a_jump() -> None:
    """-(k u')' = f in (0, 1), u(0) = 1, k u'(1) = 2: k u' = 2 + int_x^1 f, with jumps of k at 1/4
    and of f at 1/2."""
    s = nh.Scales(1)
    u, x = s.unknown("u"), s.x[0]
    k = sp.Piecewise((400, x < sp.Rational(1, 4)), (1 + x, True))
    f = sp.Piecewise((3, x < sp.Rational(1, 2)), (0, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(k * s.grad(u)), f),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1, on="left"), nh.Neumann(2, on="right")],
    )
    solution = nh.solve_fine(problem, eps=1, backend="pinn")
    points = np.linspace(0, 1, 40001)
    middle = (points[1:] + points[:-1]) / 2
    flux = 2 + 3 * np.clip(0.5 - middle, 0, None)
    slope = flux / np.where(middle < 0.25, 400, 1 + middle)
    exact = 1 + np.concatenate([[0], np.cumsum(slope)]) / 40000
    assert np.abs(solution(points[:, None]) - exact).max() < 1e-7
    assert solution.info["boxes"] == 3 and solution.info["estimate"] < 1e-6
    with pytest.raises(nh.ProblemError, match="outside"):
        solution([[1.5]])


def test_heat_in_time_across_a_jump() -> None:
    """The lowest mode of two rods in contact, k = 1 and 4: cos waves that fit at the contact."""
    s = nh.Scales(1, time=True)
    u, x = s.unknown("u"), s.x[0]
    half = sp.Rational(1, 2)
    k = sp.Piecewise((1, x < half), (4, True))
    # sin(a x) on the left, c sin(a (1 - x)/2) on the right; rate a^2.
    a = sp.Float(brent(), 17)
    c = sp.sin(a / 2) / sp.sin(a / 4)
    shape = sp.Piecewise((sp.sin(a * x), x < half), (c * sp.sin(a * (1 - x) / 2), True))
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(k * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(shape)],
        final_time=0.1,
    )
    solution = nh.solve_fine(problem, eps=1, backend="pinn")
    points = np.linspace(0, 1, 101)
    exact = sp.lambdify(x, shape)(points) * np.exp(-(float(a) ** 2) * 0.1)
    assert np.abs(solution(points[:, None]) - exact).max() < 1e-4 * np.abs(exact).max()


def brent() -> float:
    """The first a with a cos(a/2) sin(a/4) + 2 a cos(a/4) sin(a/2) = 0: continuity of the flux."""
    from scipy.optimize import brentq

    def flux(a: float) -> float:
        return float(np.cos(a / 2) * np.sin(a / 4) + 2 * np.cos(a / 4) * np.sin(a / 2))

    return float(brentq(flux, 3.0, 6.0))


def test_what_is_refused() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    disk = (s.x[0] - 0.5) ** 2 + (s.x[1] - 0.5) ** 2 < 0.1
    for k, wall in (
        (sp.Piecewise((2, disk), (1, True)), nh.Dirichlet(0)),
        (sp.Piecewise((2, s.x[0] < sp.Rational(1, 2)), (1, True)), nh.Periodic()),
    ):
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.div(k * s.grad(u)) + u, 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[wall],
        )
        with pytest.raises(nh.UnsupportedError, match="jumps"):
            nh.solve_fine(problem, eps=1, backend="pinn")
