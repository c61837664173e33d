"""Boundary value problems by random features, against closed forms and series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import cumulative_simpson

from nhpinn_sym.lower.forms import Essential, External, LoweredEquation, Natural, WeakTerm
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.problem.errors import ProblemError, SolveError
from nhpinn_sym.solve.fem.skfem import solve_equation as solve_by_elements
from nhpinn_sym.solve.pinn.equations.solution import NetworkSolution
from nhpinn_sym.solve.pinn.equations.strong import solve_equation
from nhpinn_sym.solve.solution import Coefficients

from ....pinn_samples import (
    PI2,
    Array,
    epsilon,
    equation,
    external,
    manufactured,
    reaction_diffusion,
    reaction_diffusion_solution,
    relative,
    square_problem,
    square_solution,
    t,
    whole,
    x1,
    x2,
    x3,
)

LINE, SQUARE, CUBE = Box((0, 1)), Box((0, 1), (0, 1)), Box((0, 1), (0, 1), (0, 1))
ZERO = sp.S.Zero


def no_externals(external: External, points: Array) -> Array:
    raise AssertionError(external)


def constant(value: float) -> Coefficients:
    return lambda external, points: np.full(len(points), value)


def inside(box: Box, count: int = 300) -> Array:
    lower, upper = np.array(box.bounds).T
    return lower + (upper - lower) * np.random.default_rng(0).random((count, box.dim))


def error(solution: NetworkSolution, exact: Callable[[Array], Array], count: int = 300) -> float:
    points = inside(solution.problem.equation.domain, count)
    return relative(solution(points), exact(points))


def solved(lowered: LoweredEquation, **options: Any) -> NetworkSolution:
    return solve_equation(lowered, no_externals, {}, **options)


def test_homogenized_square_with_corner_functions() -> None:
    u = solve_equation(square_problem(), constant(1.93536), {})
    assert error(u, lambda p: square_solution(p, 1.93536), 100) < 1e-6
    assert (
        u.info["known_functions"] == "12 for 4 corners"
        and u.info["estimate"] < 1e-6
        and u.info["features"] <= 400
    )
    p, h = inside(SQUARE, 10), 1e-5
    right, up = np.array([h, 0]), np.array([0, h])
    assert u.derivative(p, (0, 1)) == pytest.approx((u(p + up) - u(p - up)) / (2 * h), abs=1e-8)
    third = (u.derivative(p + right, (1, 1)) - u.derivative(p - right, (1, 1))) / (2 * h)
    assert u.derivative(p, (2, 1)) == pytest.approx(third, abs=1e-6)
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0, 0.3], [0.6, 1]])
    assert np.abs(u(corners)).max() < 1e-14 and np.isfinite(u.derivative(corners, (1, 0))).all()


def test_coefficients_that_depend_on_x() -> None:
    """-(A u')' = sin x with A = sqrt((2 + sin x)^2 - 1/4), A' coming from outside too."""
    a, a_x = external("A", (0, 0), (0,)), external("A", (0, 0), (1,))
    box = Box((0, sp.pi))
    lowered = equation(
        sp.Matrix([[a.symbol]]),
        sp.sin(x1),
        box,
        [Essential(whole(box), ZERO)],
        b=(-a_x.symbol,),
        externals=(a, a_x),
    )

    def values(external: External, points: Array) -> Array:
        s, root = 2 + np.sin(points[:, 0]), np.sqrt((2 + np.sin(points[:, 0])) ** 2 - 0.25)
        return s * np.cos(points[:, 0]) / root if external.derivative == (1,) else root

    u = solve_equation(lowered, values, {})
    assert error(u, lambda p: np.arccosh(2 * (2 + np.sin(p[:, 0]))) - np.arccosh(4)) < 1e-10


def test_reaction_diffusion_with_a_start_that_does_not_fit() -> None:
    c = -1 / (16 * np.pi**2)
    u = solved(reaction_diffusion(c), features=1600)
    points = np.linspace(-np.pi, np.pi, 201)[1:-1, None]
    exact = reaction_diffusion_solution(points, c)
    assert relative(u(points), exact) < 1e-5
    assert relative(u(points), exact) < 3 * u.info["estimate"]
    assert relative(u(points, 0.01), reaction_diffusion_solution(points, c, 0.01)) < 1e-3
    assert np.abs(u(points, 0.0)).max() < 1e-14
    assert u.info["known_functions"] == "12 for 2 layers at t = 0"
    with pytest.raises(SolveError, match="not computed"):
        u(points, 0.6)


def test_cube_with_edge_functions() -> None:
    u = solved(equation(sp.eye(3), sp.S.One, CUBE, [Essential(whole(CUBE), ZERO)]), features=400)

    def exact(points: Array) -> Array:
        x, y, z = (points[:, [k]] for k in range(3))
        k = np.arange(1, 200, 2) * np.pi
        out = np.zeros(len(points))
        for m in k:
            s = np.hypot(m, k)
            profile = 1 - (np.exp(-s * z) + np.exp(-s * (1 - z))) / (1 + np.exp(-s))
            out += (16 / (m * k) * profile / s**2 * np.sin(k * y)).sum(1) * np.sin(m * x[:, 0])
        return out

    assert error(u, exact, 60) < 1e-3


MANUFACTURED = {
    "anisotropic, Dirichlet": (sp.exp(x1) * sp.sin(2 * x2), sp.Matrix([[2, sp.Rational(1, 2)], [sp.Rational(1, 2), 1]]), SQUARE, [], {}),
    "Robin on two faces": (sp.exp(x1) * sp.sin(2 * x2), sp.diag(1, 2 + x1), SQUARE, ["right", "bottom"], {"b": (x2, sp.S.One), "c": 1 + x1}),
    "Robin everywhere": (sp.cos(x1 + 2 * x2), sp.eye(2), SQUARE, whole(SQUARE), {}),
    "periodic": (sp.sin(PI2 * x1) * sp.exp(x2), sp.eye(2), SQUARE, ["top"], {"periodic": (0,)}),
    "3D": (x1 * sp.cos(x2) + x3**3, sp.diag(1, 2, 3), CUBE, ["back"], {}),
    "unsteady": (sp.exp(-t) * sp.sin(3 * x1 + t), sp.Matrix([[2 + x1]]), LINE, ["right"], {"mass": 1 + x1, "final_time": sp.S.One}),
    "unsteady 2D": (sp.exp(-t) * sp.sin(x1 + x2), sp.eye(2), SQUARE, ["right"], {"mass": sp.S.One, "final_time": sp.S.One}),
}  # fmt: skip


@pytest.mark.parametrize("name", MANUFACTURED)
def test_manufactured(name: str) -> None:
    u, a, box, natural, more = MANUFACTURED[name]
    exact = sp.lambdify((x1, x2, x3)[: box.dim], u.subs(t, 1))
    solution = solved(manufactured(u, a, box, natural, **more), features=400)
    assert error(solution, lambda p: exact(*p.T)) < 1e-6


def test_a_flux_that_contradicts_the_value_beside_it() -> None:
    """u = Im(z log z) vanishes where x2 = 0 and has the flux -pi/2 where x1 = 0: no smooth function
    does both.
    """
    right, top = (
        x2 * sp.log(1 + x2**2) / 2 + sp.atan(x2),
        sp.log(1 + x1**2) / 2 + x1 * (sp.pi / 2 - sp.atan(x1)),
    )
    data = [Essential(("bottom",), ZERO), Essential(("right",), right), Essential(("top",), top)]
    u = solved(
        equation(sp.eye(2), ZERO, SQUARE, data, [Natural(("left",), ZERO, -sp.pi / 2)]),
        features=400,
    )
    assert u.info["known_functions"].endswith("corners")
    assert error(u, lambda p: (z := p[:, 0] + 1j * p[:, 1], (z * np.log(z)).imag)[1]) < 1e-8


SKEW = sp.Matrix([[2, sp.Rational(1, 2)], [sp.Rational(1, 2), 1]])


@pytest.mark.parametrize(
    "free", [["right", "top"], ["right", "bottom", "top"]], ids=["two fluxes", "three fluxes"]
)
def test_skew_corners_between_values_and_fluxes(free: list[str]) -> None:
    given = [name for name in whole(SQUARE) if name not in free]
    lowered = equation(
        SKEW,
        sp.S.One,
        SQUARE,
        [Essential(tuple(given), ZERO)],
        [Natural(tuple(free), ZERO, sp.S.One)],
    )
    u, fem = solved(lowered, features=400), solve_by_elements(lowered, no_externals, {}, mesh=64)
    assert error(u, fem) < 2 * fem.info["estimate"] < 1e-4 and u.info["estimate"] < 1e-6


def test_data_that_fit_ask_for_nothing() -> None:
    u, a, box, natural, more = MANUFACTURED["Robin everywhere"]
    assert (
        solved(manufactured(u, a, box, natural, **more), features=100).info["known_functions"]
        == "none"
    )
    given = [Essential(("bottom",), ZERO), Essential(("left",), sp.sin(x2))]
    wrong = equation(sp.eye(2), ZERO, SQUARE, given, [Natural(("right", "top"), ZERO, ZERO)])
    assert "corners" in solved(wrong, features=100).info["known_functions"]


def test_edges_along_a_periodic_axis() -> None:
    """A square bar, continued: the solution of the square, the same in every section."""
    box = Box((0, 1), (0, 1), (0, 2))
    u = solved(
        equation(
            sp.eye(3),
            sp.sin(x1) + sp.cos(x2),
            box,
            [Essential(whole(box)[:4], ZERO)],
            periodic=(2,),
        ),
        features=400,
    )
    points = inside(box, 60)
    assert relative(u(points), square_solution(points[:, :2], 1.0)) < 1e-4
    assert u.info["known_functions"].endswith("4 edges")
    ends = np.array([[0.3, 0.1, 0.0], [0.3, 0.1, 2.0]])
    for index in ((0, 0, 0), (0, 0, 1), (1, 0, 2)):
        low, high = u.derivative(ends, index)
        assert low == pytest.approx(high, abs=1e-11)


def test_a_square_that_starts_at_one_and_is_cooled_at_its_sides() -> None:
    lowered = equation(
        sp.eye(2),
        ZERO,
        SQUARE,
        [Essential(whole(SQUARE), ZERO)],
        mass=sp.S.One,
        initial=sp.S.One,
        final_time=sp.Rational(1, 10),
    )
    u, k = solved(lowered, features=400), np.arange(1, 60, 2) * np.pi
    assert "8 layers at t = 0" in u.info["known_functions"]
    assert (
        error(u, lambda p: np.prod(np.sin(p[..., None] * k) @ (4 / k * np.exp(-(k**2) / 10)), 1))
        < 2e-3
    )


def test_dirichlet_data_that_jump_at_two_corners() -> None:
    data = [Essential(("top",), sp.S.One), Essential(("left", "right", "bottom"), ZERO)]
    u = solved(equation(sp.eye(2), ZERO, SQUARE, data))
    k = np.arange(1, 400, 2) * np.pi

    def series(p: Array) -> Array:
        x, y = p[:, [0]], 0.9 * p[:, [1]]
        return (
            4
            / k
            * np.sin(k * x)
            * (np.exp(-k * (1 - y)) - np.exp(-k * (1 + y)))
            / (1 - np.exp(-2 * k))
        ).sum(1)

    points = inside(SQUARE)
    assert relative(u(points * [1, 0.9]), series(points)) < 1e-8


def test_initial_data_that_jump_at_the_ends() -> None:
    u = solved(
        equation(
            sp.eye(1),
            ZERO,
            LINE,
            [Essential(whole(LINE), ZERO)],
            mass=sp.S.One,
            initial=sp.S.One,
            final_time=sp.Rational(1, 10),
        )
    )
    k = np.arange(1, 60, 2) * np.pi
    assert error(u, lambda p: np.sin(p * k) @ (4 / k * np.exp(-(k**2) / 10))) < 1e-6


def test_a_flux_that_starts_suddenly() -> None:
    lowered = equation(
        sp.eye(1),
        ZERO,
        LINE,
        [Essential(("left",), ZERO)],
        [Natural(("right",), ZERO, sp.S.One)],
        mass=sp.S.One,
        initial=ZERO,
        final_time=sp.Rational(1, 5),
    )
    k = (np.arange(60) + 0.5) * np.pi
    assert (
        error(
            solved(lowered),
            lambda p: p[:, 0] - np.sin(p * k) @ (2 * np.sin(k) / k**2 * np.exp(-(k**2) / 5)),
        )
        < 1e-6
    )


@pytest.mark.parametrize(("diffusion", "drift", "conditions"), [
    (sp.Integer(2), 3, {"essential": [Essential(whole(LINE), ZERO)]}), (1 + x1, 0, {"natural": [Natural(whole(LINE), sp.S.One, ZERO)]}),
    (sp.Integer(2), 0, {"natural": [Natural(whole(LINE), sp.S.One, x1)]}),
], ids=["drift", "diffusion that varies", "Robin"])  # fmt: skip
def test_starts_that_ask_for_more_than_the_heat_equation_has(
    diffusion: sp.Expr, drift: int, conditions: dict[str, Any]
) -> None:
    lowered = equation(
        sp.Matrix([[diffusion]]),
        sp.S.One,
        LINE,
        b=(sp.Integer(drift),),
        mass=sp.S.One,
        initial=sp.S.One,
        final_time=sp.Rational(1, 5),
        **conditions,
    )
    u, points = solved(lowered), inside(LINE)
    elements = solve_by_elements(lowered, no_externals, {}, mesh=(200,))
    assert u.info["features"] <= 800
    assert relative(u(points), elements(points)) < 1e-5


def test_places_and_derivatives_are_checked() -> None:
    u = solved(
        equation(sp.eye(2), sp.S.One, SQUARE, [Essential(whole(SQUARE), ZERO)]), features=100
    )
    for where, index in (
        ([[0.1, 1.1]], (0, 0)),
        ([[0.1, np.nan]], (0, 0)),
        ([[0.1, 0.2, 0.3]], (0, 0)),
        ([[0.1, 0.2]], (1,)),
        ([[0.1, 0.2]], (1, 0, 0)),
        ([[0.1, 0.2]], (-1, 0)),
    ):
        with pytest.raises(
            ProblemError, match=r"outside|takes points|takes a multi-index|not a number"
        ):
            u.derivative(where, index)


def test_the_multiscale_equation_itself_in_one_dimension() -> None:
    box = Box((0, sp.pi))
    a = 2 + sp.sin(PI2 * x1 / epsilon) / 2
    u = solve_equation(
        equation(
            sp.Matrix([[a]]), sp.sin(x1), box, [Essential(whole(box), ZERO)], parameters=(epsilon,)
        ),
        no_externals,
        {"epsilon": 0.25},
        features=800,
    )
    x = np.linspace(0, np.pi, 40001)
    flux, resistance = (
        cumulative_simpson(v / (2 + np.sin(8 * np.pi * x) / 2), x=x, initial=0)
        for v in (np.cos(x), np.ones_like(x))
    )
    exact = flux - resistance * flux[-1] / resistance[-1]
    assert error(u, lambda p: np.interp(p[:, 0], x, exact)) < 1e-6


def test_what_cannot_be() -> None:
    lowered = square_problem()
    with pytest.raises(SolveError, match="no time"):
        solve_equation(lowered, constant(1.0), {}, features=100)(inside(SQUARE), 0.5)
    rough = solve_equation(lowered, constant(1.0), {}, features=100, scale=2.0, tolerance=1e-12)
    assert rough.info["estimate"] > rough.info["tolerance"] == 1e-12


def test_a_mean_that_is_left_open_is_zero() -> None:
    lowered = manufactured(
        sp.cos(sp.pi * x1) * sp.sin(PI2 * x2), sp.diag(1, 2), SQUARE, periodic=(1,)
    )
    fluxes = [Natural((name,), ZERO, ZERO) for name in ("left", "right")]
    open_mean = LoweredEquation(**{**lowered.__dict__, "essential": (), "natural": tuple(fluxes)})
    u = solved(open_mean)
    assert error(u, lambda p: np.cos(np.pi * p[:, 0]) * np.sin(2 * np.pi * p[:, 1])) < 1e-6
    with pytest.raises(SolveError, match="balance"):
        solved(LoweredEquation(**{**open_mean.__dict__, "sources": (sp.S.One,)}), features=200)


def test_data_that_miss_their_balance_by_little() -> None:
    """-u'' - 2 u_yy = f with fluxes all around: what flows out is what f brings."""
    u = sp.exp(x1) * sp.sin(2 * x2)
    lowered = manufactured(u, sp.diag(1, 2), SQUARE)
    flux = {
        "left": -sp.sin(2 * x2),
        "right": sp.E * sp.sin(2 * x2),
        "bottom": -4 * sp.exp(x1),
        "top": 4 * sp.cos(2) * sp.exp(x1),
    }
    natural = tuple(Natural((name,), ZERO, value) for name, value in flux.items())
    free = LoweredEquation(**{**lowered.__dict__, "essential": (), "natural": natural})
    exact = sp.lambdify((x1, x2), u - (sp.E - 1) * sp.sin(1) ** 2)
    assert error(solved(free, features=400), lambda p: exact(*p.T)) < 1e-8
    with pytest.raises(SolveError, match="balance"):
        solved(
            LoweredEquation(
                **{**free.__dict__, "sources": (lowered.sources[0] + sp.Rational(1, 10**4),)}
            ),
            features=100,
        )


def test_a_flux_source_counts_at_natural_faces() -> None:
    """-(u' + exp x)' = 0 with u(0) = 0 and no flux u' + exp x out at the other end: u = 1 - exp
    x.
    """
    lowered = equation(
        sp.eye(1), sp.exp(x1), LINE, [Essential(("left",), ZERO)], [Natural(("right",), ZERO, ZERO)]
    )
    lowered = LoweredEquation(
        **{**lowered.__dict__, "linear": (WeakTerm((1,), -sp.exp(x1), (0,)),)}
    )
    assert error(solved(lowered, features=200), lambda p: 1 - np.exp(p[:, 0])) < 1e-9
