"""Waves in boxes: coefficients that depend on x as well, Robin conditions, elastic waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import eigh

import nhpinn_sym as nh
from tests.symbolic import S

END = 0.3
STIFF = 2.0


def string() -> nh.MultiscaleProblem:
    """u_tt - (a u_x)_x = 0, a = (1 + x) (2 + sin 2 pi y), a u_x + 2 u = 0 on the right."""
    s = nh.Scales(1, time=True)
    u, x = s.unknown("u"), s.x[0]
    return nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) - s.div((1 + x) * (2 + S(s.y[0])) * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, on="left"), nh.Robin(STIFF, 0, on="right")],
        initial=[nh.Initial(sp.sin(sp.pi * x) ** 2), nh.Initial(0, order=1)],
        final_time=END,
    )


def of_modes(stiffness: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The points and the solution at END by the modes of linear elements, with lumped masses."""
    count = 400
    x = np.arange(1, count + 1) / count
    k = stiffness((np.arange(count) + 0.5) / count) * count
    matrix = np.diag(np.append(k[:-1] + k[1:], k[-1] + STIFF))
    matrix -= np.diag(k[1:], 1) + np.diag(k[1:], -1)
    mass = np.full(count, 1 / count)
    mass[-1] /= 2
    values, modes = eigh(matrix, np.diag(mass))
    start = modes.T @ (mass * np.sin(np.pi * x) ** 2)
    return x[:, None], modes @ (np.cos(np.sqrt(values) * END) * start)


def test_a_wave_whose_limit_depends_on_x() -> None:
    problem = string()
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    points, expected = of_modes(lambda x: np.sqrt(3) * (1 + x))
    found = nh.solve_homogenized(model, cells, "skfem", mesh=48, steps=48)
    np.testing.assert_allclose(found(points, END), expected, atol=1e-3)


def test_a_wave_on_the_fine_scale() -> None:
    points, expected = of_modes(lambda x: (1 + x) * (2 + np.sin(8 * np.pi * x)))
    found = nh.solve_fine(string(), sp.Rational(1, 4), "skfem", per_period=24)
    np.testing.assert_allclose(found(points, END), expected, atol=2e-3)


def test_an_elastic_shear_wave() -> None:
    """Between held planes, along them periodic: v_1 = sin(pi y) cos(pi sqrt(mu) t)."""
    s = nh.Scales(2, time=True)
    v = s.unknown("v", components=2)
    strain = s.sym_grad(v)
    mu = 2
    problem = nh.MultiscaleProblem(
        (s.dt(v, 2) - s.div(strain.trace() * sp.eye(2) + 2 * mu * strain), sp.zeros(2, 1)),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Periodic(on="left"), nh.Dirichlet(0, on=["bottom", "top"])],
        initial=[
            nh.Initial(sp.Matrix([sp.sin(sp.pi * s.x[1]), 0])),
            nh.Initial(sp.zeros(2, 1), order=1),
        ],
        final_time=END,
    )
    found = nh.solve_fine(problem, 1, "skfem", mesh=8, steps=32)
    points = np.random.default_rng(0).uniform(0, 1, (40, 2))
    expected = np.sin(np.pi * points[:, 1]) * np.cos(np.pi * np.sqrt(mu) * END)
    np.testing.assert_allclose(found(points, END)[:, 0], expected, atol=2e-3)
    np.testing.assert_allclose(found(points, END)[:, 1], 0, atol=1e-6)


def test_a_wave_with_a_condition_for_one_unknown() -> None:
    """Two strings, one of which slides at its ends."""
    s = nh.Scales(1, time=True)
    u, w = s.unknown("u"), s.unknown("w")
    x = s.x[0]
    problem = nh.MultiscaleProblem(
        [(s.dt(u, 2) - s.laplacian(u), 0), (s.dt(w, 2) - s.laplacian(w), 0)],
        scales=s,
        unknown=[u, w],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, unknown=u), nh.Neumann(0, unknown=w)],
        initial=[
            nh.Initial(sp.Matrix([sp.sin(sp.pi * x), sp.cos(sp.pi * x)])),
            nh.Initial(sp.zeros(2, 1), order=1),
        ],
        final_time=END,
    )
    found = nh.solve_fine(problem, 1, "skfem", mesh=32, steps=32)
    points = np.linspace(0, 1, 11)[:, None]
    turned = np.cos(np.pi * END)
    expected = turned * np.stack([np.sin(np.pi * points[:, 0]), np.cos(np.pi * points[:, 0])], 1)
    np.testing.assert_allclose(found(points, END), expected, atol=1e-4)


def test_what_the_limit_of_a_wave_does_not_cover() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) - s.laplacian(u) + S(s.y[0]) * u / s.eps**2, 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0), nh.Initial(1, order=1)],
        final_time=1,
    )
    with pytest.raises(nh.NhpinnError):
        model = nh.homogenize(problem)
        nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), "skfem")
