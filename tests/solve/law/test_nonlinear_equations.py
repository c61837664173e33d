"""Nonlinear boundary value problems: manufactured solutions, the limit of fine solutions, and the
linear solvers' numbers for linear problems.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.homogenize import homogenize_linear
from nhpinn_sym.derive.nonlinear.homogenize import homogenize_nonlinear
from nhpinn_sym.operator.parse import parse_nonlinear

TWO_PI = 2 * sp.pi
ONE = nh.Scales(1)
X = ONE.x[0]
WAVE = sp.exp(sp.sin(TWO_PI * ONE.y[0]))
UNIT = nh.Box((0, 1))
POINTS = ((np.arange(1000) + 0.5) / 1000)[:, None]


def norm(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@cache
def solved() -> tuple[nh.MultiscaleProblem, nh.NonlinearModel, nh.LawSolution, Any]:
    """A monotone problem, its model, law and homogenized solution."""
    problem = monotone()
    model = nh.homogenize(problem)
    law = nh.solve_law(model)
    return problem, model, law, nh.solve_homogenized(model, law, "skfem", mesh=64)


def monotone(load: Any = 10) -> nh.MultiscaleProblem:
    u = ONE.unknown("u")
    g = ONE.grad(u)
    return nh.MultiscaleProblem(
        sp.Eq(-ONE.div(WAVE * (1 + g[0] ** 2) * g), load),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(0)],
    )


def test_fine_solutions_tend_to_the_homogenized_one_at_rate_one() -> None:
    problem, _, _, u0 = solved()
    assert u0.info["law"] < 1e-8
    errors = []
    for inverse in (8, 16, 32):
        fine = nh.solve_fine(problem, sp.Rational(1, inverse), "skfem", per_period=32)
        errors.append(norm(fine(POINTS) - u0(POINTS)) / norm(fine(POINTS)))
    assert errors[0] == pytest.approx(3.404e-2, rel=1e-3)
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates == pytest.approx([1.04, 1.01], abs=0.01)


def test_the_first_corrector_makes_the_gradient_converge() -> None:
    problem, _, law, u0 = solved()
    errors = []
    for inverse in (8, 16):
        fine = nh.solve_fine(problem, sp.Rational(1, inverse), "skfem", per_period=16)
        expansion = nh.reconstruct(u0, law, eps=1 / inverse)
        slopes = fine.derivative(POINTS, (1,))
        errors.append(norm(slopes - expansion.derivative(POINTS, (1,))) / norm(slopes))
        values = fine(POINTS) - expansion(POINTS)
        assert norm(values) < 0.82 * norm(fine(POINTS) - u0(POINTS))
    assert errors[0] < 0.05
    assert errors[1] < 0.5 * errors[0]
    h = 1e-6
    place = np.array([[0.3]])
    difference = (expansion(place + h) - expansion(place - h)) / (2 * h)
    assert expansion.derivative(place, (1,)) == pytest.approx(difference, rel=1e-5)
    with pytest.raises(nh.UnsupportedError, match="second derivative"):
        expansion.derivative(place, (2,))


def manufactured(exact: sp.Expr, flux: Any, **options: Any) -> nh.MultiscaleProblem:
    """-div flux(u, grad u) = what `exact` gives."""
    u = ONE.unknown("u")
    load = -sp.diff(flux(exact, sp.diff(exact, X)), X)
    return nh.MultiscaleProblem(
        sp.Eq(-ONE.div(sp.Matrix([flux(u, u.diff(X))])), load),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        **options,
    )


def test_manufactured_solutions_converge_at_the_order_of_the_elements() -> None:
    exact = sp.sin(2 * X) + X
    slope = sp.diff(exact, X)

    def flux(u: Any, p: Any) -> Any:
        return (1 + u**2 + p**2) * p

    end = flux(exact, slope).subs(X, 1)
    problem = manufactured(
        exact, flux, boundary=[nh.Dirichlet(0, on="left"), nh.Neumann(end, on="right")]
    )
    wanted = sp.lambdify(X, exact, "numpy")(POINTS[:, 0])
    errors = [
        norm(nh.solve_fine(problem, 1, "skfem", mesh=n, degree=2)(POINTS) - wanted)
        for n in (4, 8, 16)
    ]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates.min() > 2.8


def test_a_degenerate_power_law_and_a_system() -> None:
    """The p-Laplacian with p = 4 has u = 3/4 ((1/2)^(4/3) - |x - 1/2|^(4/3)); two coupled
    unknowns."""
    u = ONE.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.div(sp.Matrix([u.diff(X) ** 3])), 1),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_fine(problem, 1, "skfem", mesh=64)(POINTS)
    wanted = 0.75 * (0.5 ** (4 / 3) - np.abs(POINTS[:, 0] - 0.5) ** (4 / 3))
    assert norm(found - wanted) < 1e-3 * norm(wanted)
    v, w = ONE.unknown("v"), ONE.unknown("w")
    coupled = nh.MultiscaleProblem(
        [
            (-ONE.div(sp.Matrix([(1 + w**2) * v.diff(X)])), -sp.diff((1 + X**2) * 2 * X, X)),
            (-ONE.laplacian(w) + v**2, X**4),
        ],
        scales=ONE,
        unknown=[v, w],
        domain=UNIT,
        boundary=[nh.Dirichlet(0, on="left"), nh.Dirichlet(sp.Matrix([1, 1]), on="right")],
    )
    pair = nh.solve_fine(coupled, 1, "skfem", mesh=8)(POINTS)
    assert pair == pytest.approx(np.hstack([POINTS**2, POINTS]), abs=1e-9)


def test_implicit_steps_of_a_nonlinear_storage_are_of_order_four() -> None:
    s = nh.Scales(1, time=True)
    x, t = s.x[0], s.t
    u = s.unknown("u")
    exact = 1 + sp.sin(sp.pi * x) * sp.exp(-t) / 2
    load = sp.diff(exact + exact**3, t) - sp.diff((1 + exact**2) * sp.diff(exact, x), x)
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u + u**3) - s.div((1 + u**2) * s.grad(u)), load),
        scales=s,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(1)],
        initial=[nh.Initial(exact.subs(t, 0))],
        final_time=1,
    )
    wanted = sp.lambdify(x, exact.subs(t, 1), "numpy")(POINTS[:, 0])
    errors = []
    for steps in (2, 4):
        found = nh.solve_fine(problem, 1, "skfem", mesh=32, steps=steps)
        errors.append(norm(found(POINTS) - wanted))
    assert errors[1] < 3e-5
    assert errors[0] / errors[1] > 6


def test_richards_tends_to_its_limit() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    porosity = 1 + sp.cos(TWO_PI * s.y[0]) / 2
    conductivity = sp.exp(sp.sin(TWO_PI * s.y[0])) * (1 + u**2)
    problem = nh.MultiscaleProblem(
        sp.Eq(
            s.dt(porosity * (u + u**3 / 3)) - s.div(conductivity * (s.grad(u) + sp.Matrix([1]))), 0
        ),
        scales=s,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(0, on="left"), nh.Dirichlet(1, on="right")],
        initial=[nh.Initial(s.x[0] ** 2)],
        final_time=sp.Rational(1, 5),
        ranges={u: (-1, 2)},
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_law(model), "skfem", mesh=16, steps=4)
    errors = []
    for inverse in (8, 16):
        fine = nh.solve_fine(problem, sp.Rational(1, inverse), "skfem", mesh=8 * inverse, steps=4)
        errors.append(norm(fine(POINTS) - u0(POINTS)) / norm(fine(POINTS)))
    assert errors[1] < 0.6 * errors[0] < 0.05


def test_a_reaction_of_order_one_over_eps_tends_to_its_limit() -> None:
    u = ONE.unknown("u")
    wave = 4 * sp.cos(TWO_PI * ONE.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.laplacian(u) + wave * u**2 / ONE.eps, 2),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(1)],
        ranges={u: (0, 2)},
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_law(model), "skfem", mesh=32)
    plain = nh.MultiscaleProblem(
        sp.Eq(-ONE.laplacian(u) - 16 * u**3 / (4 * sp.pi**2), 2),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(1)],
    )
    by_hand = nh.solve_fine(plain, 1, "skfem", mesh=32)
    assert u0(POINTS) == pytest.approx(by_hand(POINTS), abs=1e-8)
    fine = nh.solve_fine(problem, sp.Rational(1, 32), "skfem", per_period=16)
    assert norm(fine(POINTS) - u0(POINTS)) < 0.03 * norm(u0(POINTS))


def test_the_nonlinear_solvers_give_the_linear_numbers() -> None:
    u = ONE.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.div((WAVE + X) * ONE.grad(u)) + u, sp.cos(X)),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(0, on="left"), nh.Robin(1, 2, on="right")],
    )
    model = homogenize_nonlinear(parse_nonlinear(problem), 1, homogenize_linear)
    law = nh.solve_law(model)
    found = nh.solve_homogenized(model, law, "skfem", mesh=16)
    linear = nh.homogenize(problem)
    cells = nh.solve_cells(linear, "fourier")
    wanted = nh.solve_homogenized(linear, cells, "skfem", mesh=16)
    assert found(POINTS) == pytest.approx(wanted(POINTS), abs=1e-11)
    expansion, exact = nh.reconstruct(found, law, 1 / 4), nh.reconstruct(wanted, cells, 1 / 4)
    for index in ((0,), (1,)):  # the law depends on the place
        assert expansion.derivative(POINTS, index) == pytest.approx(
            exact.derivative(POINTS, index), abs=1e-6
        )


def test_refusals_of_equations() -> None:
    problem, model, law, _ = solved()
    with pytest.raises(nh.UnsupportedError, match="fourier"):
        nh.solve_homogenized(model, law, "fourier")
    with pytest.raises(nh.ProblemError, match="another model"):
        nh.solve_homogenized(nh.homogenize(monotone(20)), law, "skfem")
    with pytest.raises(nh.ProblemError, match="no option"):
        nh.solve_fine(problem, 1 / 8, "skfem", epochs=3)
    with pytest.raises(nh.ProblemError, match="solve_law"):
        nh.solve_homogenized(model, None, "skfem")
    u = ONE.unknown("u")
    walls = nh.MultiscaleProblem(
        sp.Eq(-ONE.laplacian(u) + sp.cos(TWO_PI * ONE.y[0]) * u**2 / ONE.eps, 2),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(1, on="left"), nh.Neumann(0, on="right")],
    )
    layered = nh.homogenize(walls)
    with pytest.raises(nh.UnsupportedError, match="phase of the wall"):
        nh.solve_homogenized(layered, nh.solve_law(layered), "skfem")
    runaway = nh.MultiscaleProblem(
        sp.Eq(-ONE.laplacian(u) - 9 * sp.exp(u), 0),
        scales=ONE,
        unknown=u,
        domain=UNIT,
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.SolveError, match="Newton"):
        nh.solve_fine(runaway, 1, "skfem", mesh=16)


def test_an_equation_without_a_fast_variable_has_no_corrector() -> None:
    """-(u' + u'^3)' = 6 x: the law is the flux itself, and no mode is there to reduce it to."""
    u = ONE.unknown("u")
    g = ONE.grad(u)
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.div((1 + g[0] ** 2) * g), 6 * ONE.x[0]),
        scales=ONE,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=16)
    fine = nh.solve_fine(problem, eps=1, backend="skfem", mesh=16)
    points = np.linspace(0.1, 0.9, 5)[:, None]
    assert law.flux(grad=0.5) == pytest.approx([0.625], rel=1e-12)
    assert u0(points) == pytest.approx(fine(points), rel=1e-8)


@pytest.mark.parametrize("condition", [nh.Periodic(), nh.Neumann(0)])
def test_problems_that_leave_the_mean_open_are_refused(condition: Any) -> None:
    u = ONE.unknown("u")
    flux = (2 + sp.sin(2 * sp.pi * ONE.y[0])) * (1 + ONE.grad(u)[0] ** 2) * ONE.grad(u)
    load = sp.cos(2 * sp.pi * ONE.x[0])

    def problem(rest: Any) -> nh.MultiscaleProblem:
        return nh.MultiscaleProblem(
            sp.Eq(rest - ONE.div(flux), load),
            scales=ONE,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[condition],
        )

    model = nh.homogenize(problem(0))
    with pytest.raises(nh.UnsupportedError, match="mean of an unknown open"):
        nh.solve_homogenized(model, nh.solve_law(model), "skfem")
    with pytest.raises(nh.UnsupportedError, match="mean of an unknown open"):
        nh.solve_fine(problem(0), eps=1 / 4, backend="skfem")
    fine = nh.solve_fine(problem(u), eps=1 / 4, backend="skfem")
    assert fine.info["estimate"] < 1e-3


def test_walls_that_depend_on_time_do_not_reduce_the_order() -> None:
    """u = e^x sin 3t + 2 + x, of a nonlinear storage and conductivity: stages of first order leave
    errors of 6.5e-4 and 2.1e-4."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    x, t = s.x[0], s.t
    exact = sp.exp(x) * sp.sin(3 * t) + 2 + x
    slope = sp.diff(exact, x)
    source = sp.diff(exact + exact**3 / 3, t) - sp.diff((1 + exact**2) * slope, x)
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u + u**3 / 3) - s.div((1 + u**2) * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[
            nh.Dirichlet(exact.subs(x, 0), on="left"),
            nh.Neumann(((1 + exact**2) * slope).subs(x, 1), on="right"),
        ],
        initial=[nh.Initial(exact.subs(t, 0))],
        final_time=1,
    )
    places = np.linspace(0, 1, 21)
    known = np.exp(places) * np.sin(3) + 2 + places
    errors = []
    for steps in (8, 16):
        found = nh.solve_fine(problem, 1, "skfem", mesh=64, steps=steps)
        errors.append(np.abs(found(places, 1.0) - known).max())
        assert found.info["estimate"] * known.max() > errors[-1]
    assert np.log2(errors[0] / errors[1]) > 3.5 and errors[1] < 4e-5
