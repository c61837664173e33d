"""Hamilton-Jacobi equations without diffusion against quadrature of closed forms, the viscous law,
and the formula of Hopf and Lax.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

import nhpinn_sym as nh

TIME = nh.Scales(1, time=True)
STILL = nh.Scales(1)
TWO = nh.Scales(2)
Y = TIME.y[0]
WAVE = sp.cos(2 * sp.pi * Y)
ROOF = sp.Abs(Y - sp.Rational(1, 2))
STEP = sp.Piecewise((1, sp.Rational(3, 10) > Y), (0, True)) + Y / 2
STIFF = 2 + sp.sin(2 * sp.pi * Y)


def problem_of(write: Any, scales: nh.Scales = TIME, **options: Any) -> nh.MultiscaleProblem:
    """write(u, grad u) = 0, with u_t in front where there is a time."""
    u = scales.unknown("u")
    g = scales.grad(u)
    terms = write(u, g if scales.dim > 1 else g[0])
    if scales.time:
        terms += scales.dt(u)
    return nh.MultiscaleProblem(sp.Eq(terms, 0), scales=scales, unknown=u, **options)


def model_of(write: Any, scales: nh.Scales = TIME, **options: Any) -> Any:
    return nh.homogenize(problem_of(write, scales, **options))


def mean_root(potential: sp.Expr, stiff: sp.Expr, power: float, level: float) -> float:
    """<((level - V)/a)^(1/power)>, between all places where V jumps, kinks or is largest."""
    root = sp.lambdify(Y, sp.Max(0, (level - potential) / stiff) ** (1 / power), "numpy")
    ends = [0, 0.3, 0.5, 1]
    return sum(quad(root, a, b, epsabs=1e-12, limit=200)[0] for a, b in pairwise(ends))


@pytest.mark.parametrize(
    ("potential", "stiff", "power", "least"),
    [
        (WAVE, sp.Rational(1, 2), 2, 1),
        (ROOF, STIFF, 2, 0.5),
        (STEP, STIFF, sp.Rational(3, 2), 1.15),
        (sp.Integer(0), STIFF, 1, 0),
        (STEP, 1, 4, 1.15),
    ],
)
def test_the_law_is_the_inverse_of_the_mean_root(
    potential: sp.Expr, stiff: sp.Expr, power: Any, least: float
) -> None:
    law = nh.solve_law(model_of(lambda u, p: stiff * sp.Abs(p) ** power + potential))
    levels = np.array([least + 1e-5, least + 0.2, 7.0])
    slopes = np.array([mean_root(potential, stiff, float(power), level) for level in levels])
    found = law.hamiltonian(grad=np.stack([slopes, -slopes]).reshape(-1, 1))
    assert np.abs(found - np.tile(levels, 2)).max() <= 1e-8
    edge = mean_root(potential, stiff, float(power), least)
    assert law.hamiltonian(grad=0.9 * edge) == pytest.approx(least, abs=1e-12)
    assert law.hamiltonian_slope(grad=-0.9 * edge) == pytest.approx([0.0])
    h = 1e-5
    change = law.hamiltonian(grad=slopes[1] + h) - law.hamiltonian(grad=slopes[1] - h)
    assert law.hamiltonian_slope(grad=slopes[1]) == pytest.approx([change / (2 * h)], rel=1e-5)


def test_roots_that_are_not_symmetric() -> None:
    """p^2/2 + b p + V = (p + b)^2/2 + V - b^2/2 of a b with the mean 1."""
    drift = 1 + WAVE / 2
    law = nh.solve_law(model_of(lambda u, p: p**2 / 2 + drift * p + drift**2 / 2 + WAVE))
    root = mean_root(WAVE, sp.Rational(1, 2), 2, 1.7)
    assert law.hamiltonian(grad=[[root - 1], [-root - 1], [-1]]) == pytest.approx([1.7, 1.7, 1])


def test_the_viscous_law_tends_to_it() -> None:
    law = nh.solve_law(model_of(lambda u, p: p**2 / 2 + WAVE), "skfem")
    assert "roots" in law.info["method"]
    for grad in (0.4, 1.6):
        gaps = []
        for mu in (sp.Rational(1, 10), sp.Rational(1, 20)):
            problem = problem_of(
                lambda u, p, mu=mu: p**2 / 2 + WAVE - TIME.eps * mu * TIME.laplacian(u)
            )
            viscous = nh.solve_law(nh.homogenize(problem))
            gaps.append(law.hamiltonian(grad=grad) - viscous.hamiltonian(grad=grad))
        assert 0 < gaps[1] < 0.62 * gaps[0]


def test_values_places_and_parameters(tmp_path: Path) -> None:
    k = sp.Symbol("k", positive=True)
    u = TIME.unknown("u")
    problem = problem_of(
        lambda u, p: p**2 / 2 + k * (1 + u**2) * WAVE + TIME.x[0] * u - sp.sin(TIME.x[0]),
        parameters={k: (1, 2)},
        ranges={u: (0, 1)},
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model, parameters={k: 2})
    level, value = 2.9, 0.5
    root = mean_root(2 * (1 + value**2) * WAVE, sp.Rational(1, 2), 2, level)
    at = {"grad": root, "x": 0.3}
    assert law.hamiltonian(u=value, **at) == pytest.approx(level + 0.15, rel=1e-8)
    h = 1e-5
    change = law.hamiltonian(u=value + h, **at) - law.hamiltonian(u=value - h, **at)
    assert law.reaction_derivative(u=value, **at) == pytest.approx(change / (2 * h), rel=1e-5)
    assert law.reaction_derivative(u=value, grad=0, x=0.3) == pytest.approx(4 * value + 0.3)
    assert law.load(x=0.3) == pytest.approx(np.sin(0.3))
    assert law.storage(u=value, x=0.3) == pytest.approx(value)
    again = nh.load(law.save(tmp_path / "law.npz"))
    assert again.hamiltonian(u=value, **at) == law.hamiltonian(u=value, **at)


def test_the_limit_is_that_of_hopf_and_lax() -> None:
    """With a flat part: Hbar >= 1."""
    model = model_of(
        lambda u, p: p**2 / 2 + WAVE,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(sp.sin(2 * sp.pi * TIME.x[0]) / 2)],
        final_time=0.2,
    )
    law = nh.solve_law(model)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=128)
    slopes = np.linspace(-9, 9, 601)
    speeds = np.linspace(-8, 8, 801)
    dual = np.max(speeds[:, None] * slopes - law.hamiltonian(grad=slopes[:, None]), axis=1)
    start = np.linspace(-2, 3, 3001)
    points = np.linspace(0, 0.9, 10)
    cost = 0.2 * np.interp((points[:, None] - start) / 0.2, speeds, dual)
    exact = np.min(np.sin(2 * np.pi * start) / 2 + cost, axis=1)
    error = np.linalg.norm(u0(points[:, None]) - exact) / np.linalg.norm(exact)
    assert error <= u0.info["estimate"] <= 0.03


def test_a_stationary_limit_with_walls() -> None:
    """u + |u'| a = 1 with u = 0 on both walls: Hbar = |xi|/<1/a>, u = 1 - exp( -dist <1/a> )."""
    model = model_of(
        lambda u, p: u - 1 + STIFF * sp.Abs(p),
        STILL,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    u0 = nh.solve_homogenized(model, nh.solve_law(model), "skfem", mesh=128)
    x = np.array([0.1, 0.3, 0.45, 0.8])
    exact = 1 - np.exp(-np.minimum(x, 1 - x) / np.sqrt(3))
    error = np.linalg.norm(u0(x[:, None]) - exact) / np.linalg.norm(exact)
    assert error <= u0.info["estimate"] <= 0.03


def test_the_derivation_says_what_is_inverted() -> None:
    model = model_of(lambda u, p: p**2 / 2 + WAVE)
    text = str(model)
    for said in ("max_y min_p H", "<p> = d_x1 u0", "Hbar_p = 1/<1/p>", "d_t u0 + Hbar = 0"):
        assert said in text
    assert r"\max_y" in model.derivation.latex()


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda u, p: sp.cos(p) + WAVE, "not convex"),
        (lambda u, p: p**2 + 3 * sp.cos(3 * p) + WAVE, "not convex"),
        (lambda u, p: sp.exp(p) + WAVE, "not coercive"),
        (lambda u, p: sp.sqrt(1 + p**2) - 2 * p, "not coercive"),
    ],
)
def test_hamiltonians_without_this_formula_are_refused(write: Any, said: str) -> None:
    with pytest.raises(nh.UnsupportedError, match=said) as found:
        model_of(write)
    assert found.value.term is not None


def test_what_needs_diffusion_is_refused() -> None:
    problem = problem_of(
        lambda u, p: u + p**2 / 2 + WAVE - 1,
        STILL,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=16)
    for ask in (
        lambda: nh.homogenize(problem, order=2),
        lambda: nh.reconstruct(u0, law, eps=0.1),
        lambda: law.corrector([[0.2]], grad=1, u=0),
        lambda: law.flux(grad=1, u=0),
        lambda: law.state(grad=1, u=0),
        lambda: nh.solve_fine(problem, eps=0.1, backend="skfem"),
        lambda: nh.emit(model, "numpy"),
        lambda: nh.emit(model, "deepxde"),
        lambda: nh.validate(problem),
        lambda: model_of(lambda u, g: g.dot(g) + WAVE, TWO),
    ):
        with pytest.raises(nh.UnsupportedError):
            ask()
    with pytest.raises(nh.ProblemError, match="n="):
        nh.solve_law(model, n=17)
