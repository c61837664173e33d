"""Laws by networks against inversion, Fourier grids, and the bounds of the dual problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

import nhpinn_sym as nh

TWO_PI = 2 * sp.pi
ONE = nh.Scales(1)
TWO = nh.Scales(2)
WAVE = sp.exp(sp.sin(TWO_PI * ONE.y[0]))
PLANE = 2 + sp.sin(TWO_PI * TWO.y[0]) * sp.cos(TWO_PI * TWO.y[1])


def model_of(
    write: Callable[[Any, Any], sp.Expr], scales: nh.Scales = ONE, **options: Any
) -> nh.NonlinearModel:
    u = scales.unknown("u")
    equation = write(u, scales.grad(u))
    problem = nh.MultiscaleProblem(sp.Eq(equation, 10), scales=scales, unknown=u, **options)
    return nh.homogenize(problem)


def wave(y: Any) -> Any:
    return np.exp(np.sin(2 * np.pi * y))


def test_a_power_law_in_one_dimension() -> None:
    law = nh.solve_law(model_of(lambda u, g: -ONE.div(WAVE * sp.Abs(g[0]) * g)), "pinn")
    a = np.mean(wave(np.arange(801) / 801) ** -0.5) ** -2
    assert law.flux(grad=1.3) == pytest.approx([a * 1.3**2], rel=1e-9)
    assert law.tangent(grad=1.3) == pytest.approx(np.array([[2 * a * 1.3]]), rel=1e-8)


def test_the_linearized_cells_by_nets() -> None:
    law = nh.solve_law(model_of(lambda u, g: -ONE.div(WAVE * (1 + g[0] ** 2) * g)), tolerance=1e-6)
    cells = law.state(grad=0.8, backend="pinn")
    assert cells.effective["A"] == pytest.approx(law.tangent(grad=0.8), rel=1e-6)


def test_an_inversion_far_from_the_states_of_the_training() -> None:
    law = nh.solve_law(model_of(lambda u, g: -ONE.div(WAVE * (1 + g[0] ** 4) * g)), "pinn")

    def slope(s: float) -> float:
        y = np.arange(801) / 801
        roots = [brentq(lambda p, b=b: p + p**5 - s / b, 0, 100) for b in wave(y)]
        return float(np.mean(roots))

    flux = brentq(lambda s: slope(s) - 7.0, 1, 1e5, xtol=1e-9)
    assert law.flux(grad=7.0) == pytest.approx([flux], rel=1e-8)


def test_the_plane_against_a_fourier_grid_and_within_the_bounds() -> None:
    model = model_of(lambda u, g: -TWO.div(PLANE * (1 + g.dot(g)) * g), TWO)
    exact = nh.solve_law(model, n=19)
    law = nh.solve_law(model, "pinn", tolerance=1e-4)
    states = np.random.default_rng(1).uniform(-1, 1, (6, 2))
    for found, known in (
        (law.flux(grad=states), exact.flux(grad=states)),
        (law.tangent(grad=states), exact.tangent(grad=states)),
    ):
        assert np.abs(found - known).max() <= law.info["estimate"] * np.abs(known).max()
    assert law.info["estimate"] <= 1e-4
    assert law.tangent(grad=(1, 0.5)) == pytest.approx(law.tangent(grad=(1, 0.5)).T, rel=1e-9)
    lower, upper = law.bounds(grad=(1, 0.5))
    least = float(exact.energy(grad=(1, 0.5)))
    # least in a span, at most the energy of the state and at least that of the dual problem
    assert lower <= least <= upper
    assert upper - lower <= 1e-4 * upper


def test_the_estimate_holds_between_trained_states() -> None:
    """The change between layers was .75 of the error there."""
    waves = [f(TWO_PI * y) for y in TWO.y for f in (sp.sin, sp.cos)]
    waves.append(waves[0] * waves[3])
    a, b = (
        sp.exp(sum(c * wave for c, wave in zip(numbers, waves)))
        for numbers in ((0.366, 0.438, -0.372, -0.3, 0.582), (0.032, -0.313, -0.233, -0.329, 0.27))
    )
    model = model_of(lambda u, g: -TWO.div((b + a * g.dot(g)) * g), TWO)
    law = nh.solve_law(model, "pinn", tolerance=1e-5)
    grad = 0.37519406, 0.45781295
    exact = nh.solve_law(model, n=31).tangent(grad=grad)
    error = np.abs(law.tangent(grad=grad) - exact).max() / np.abs(exact).max()
    assert error <= law.info["estimate"] <= 1e-5


def test_fluxes_without_a_potential_and_drifts() -> None:
    turned = sp.Matrix([[0, -1], [1, 0]])

    def write(u: Any, g: Any) -> sp.Expr:
        return -TWO.div(PLANE * (1 + g.dot(g)) * g + turned * g * (1 + sp.cos(TWO_PI * TWO.y[0])))

    model = model_of(write, TWO)
    exact = nh.solve_law(model, n=19)
    law = nh.solve_law(model, "pinn", tolerance=1e-3)
    for grad in ((1, 0.5), (-0.4, 2)):
        assert law.flux(grad=grad) == pytest.approx(exact.flux(grad=grad), rel=1e-3)
        assert law.tangent(grad=grad) == pytest.approx(exact.tangent(grad=grad), rel=2e-3, abs=1e-3)


def test_a_reaction_of_order_one_over_eps() -> None:
    def write(u: Any, g: Any) -> sp.Expr:
        return -ONE.div(2 * g) + sp.cos(TWO_PI * ONE.y[0]) * u**2 / ONE.eps

    model = model_of(write)
    law = nh.solve_law(model, "pinn")
    assert law.reaction(u=0.9) == pytest.approx(-(0.9**3) / (8 * np.pi**2), rel=1e-9)


def test_the_homogenized_equation_with_a_law_by_nets() -> None:
    def write(u: Any, g: Any) -> sp.Expr:
        return -ONE.div(WAVE * (1 + g[0] ** 2) * g)

    model = model_of(write, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)])
    points = np.linspace(0.05, 0.95, 7)[:, None]
    found = []
    for backend in ("pinn", "fourier"):
        law = nh.solve_law(model, backend)
        u0 = nh.solve_homogenized(model, law, "skfem", mesh=32)
        found.append((u0(points), nh.reconstruct(u0, law, eps=0.1)(points)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-7)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-7)


def test_data_that_jump_are_refused() -> None:
    a = sp.Piecewise((1, ONE.y[0] < sp.Rational(1, 3)), (5, True))
    with pytest.raises(nh.NhpinnError, match="jump"):
        nh.solve_law(model_of(lambda u, g: -ONE.div(a * (1 + g[0] ** 2) * g)), "pinn")


def test_features_that_are_too_few_warn() -> None:
    sharp = 1 + sp.exp(8 * sp.cos(TWO_PI * ONE.y[0]) - 4)
    model = model_of(lambda u, g: -ONE.div(sharp * (1 + g[0] ** 2) * g))
    with pytest.warns(nh.ToleranceWarning, match="estimated relative error"):
        law = nh.solve_law(model, "pinn", tolerance=1e-12)
    exact = nh.solve_law(model)
    with pytest.warns(nh.ToleranceWarning):
        found = law.flux(grad=1)
    error = abs(found[0] / exact.flux(grad=1)[0] - 1)
    assert error <= law.info["estimate"]


def test_data_that_need_more_points_than_layers_have_are_refused() -> None:
    narrow = 1 + 20 * sp.exp(-2000 * sp.sin(sp.pi * TWO.y[0]) ** 2)
    with pytest.raises(nh.UnsupportedError, match="points per axis"):
        nh.solve_law(model_of(lambda u, g: -TWO.div(narrow * (1 + g.dot(g)) * g), TWO), "pinn")
