"""State problems and laws of nonlinear operators, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.nonlinear.model import NonlinearModel
from nhpinn_sym.problem.errors import CoefficientError, NhpinnError

TWO_PI = 2 * sp.pi
ONE = nh.Scales(1)
Y = ONE.y[0]
WAVE = 2 + sp.sin(TWO_PI * Y)


def model(
    write: Callable[[nh.Scales, Any], Any], scales: nh.Scales = ONE, **options: Any
) -> NonlinearModel:
    u = scales.unknown("u")
    problem = nh.MultiscaleProblem(sp.Eq(write(scales, u), 1), scales=scales, unknown=u, **options)
    found = nh.homogenize(problem)
    assert isinstance(found, NonlinearModel)
    return found


def test_the_derivation_of_a_monotone_flux_reads_in_text_and_latex() -> None:
    found = model(lambda s, u: -s.div(WAVE * (1 + s.grad(u)[0] ** 2) * s.grad(u)))
    text = str(found)
    state, law = (found.derivation.steps[k].equations[0] for k in (2, 3))
    y = found.operator.fast[0]
    slope = sp.Derivative(sp.Function("u0")(ONE.x[0]), ONE.x[0]) + sp.Derivative(
        sp.Function("N")(y), y
    )
    flux = (2 + sp.sin(TWO_PI * y)) * (1 + slope**2) * slope
    assert sp.expand(law.rhs.args[0] - flux) == 0
    assert sp.expand(state.lhs.args[1].args[0] - flux) == 0 and state.rhs == 0
    assert "(d_y1 N + d_x1 u0)**2" in text
    assert "-d_x1 sigma_1 = f" in text
    assert r"\partial_{y_{1}}" in found.derivation.latex()
    assert found.potential and not found.frozen and not found.linear
    assert found.linearized.linear
    assert sp.Function("T_11")(found.operator.fast[0]) in found.linearized.effective["A"][0].atoms(
        sp.Function
    )


def test_a_reaction_of_order_one_over_eps_enters_the_state_and_the_law() -> None:
    found = model(lambda s, u: -2 * s.laplacian(u) + sp.cos(TWO_PI * Y) * u**2 / s.eps)
    text = str(found)
    assert "-d_y1[2*d_y1 N + 2*d_x1 u0] = -u0**2*cos(2*pi*y1)" in text
    assert "r = <2*N*u0*cos(2*pi*y1)>" in text
    assert found.frozen


def test_a_drift_of_a_function_of_u() -> None:
    two = nh.Scales(2)
    shear = sp.sin(TWO_PI * two.y[1])
    found = model(lambda s, u: -s.laplacian(u) + shear * s.grad(u**2)[0] / s.eps, two)
    assert not found.potential and found.frozen
    assert "-d_y2[d_y2 N + d_x2 u0] - d_y1[-2*N*u0*sin(2*pi*y2) + d_y1 N + d_x1 u0]" in str(found)
    # the product rule written by hand is the same operator
    by_hand = model(lambda s, u: -s.laplacian(u) + 2 * u * shear * s.grad(u)[0] / s.eps, two)
    assert by_hand.state.transport == found.state.transport


def test_storage_and_a_factor_that_cancels() -> None:
    s = nh.Scales(1, time=True)
    wave = 2 + sp.cos(TWO_PI * s.y[0])
    found = model(
        lambda s, u: s.dt(wave * u + u**3) - s.div(wave * sp.exp(u) * s.grad(u)),
        s,
        ranges={},
    )
    text = str(found)
    assert "d_t theta - d_x1 sigma_1 = f" in text
    assert "The factor with u0 cancels" in text


REFUSED: dict[str, tuple[Callable[[nh.Scales, Any], Any], type[NhpinnError], str]] = {
    "a mean reaction": (
        lambda s, u: -s.laplacian(u) + (1 + sp.cos(TWO_PI * Y)) * u**2 / s.eps,
        nh.SolvabilityError,
        "subtract its mean",
    ),
    "a mean drift": (
        lambda s, u: -s.laplacian(u) + s.div(sp.Matrix([u**2])) / s.eps,
        nh.SolvabilityError,
        "characteristics",
    ),
    "a nonlinear kernel": (
        lambda s, u: -s.laplacian(u) + s.div(sp.Matrix([WAVE * u**2])) / s.eps,
        nh.SolvabilityError,
        "v = phi",
    ),
    "a drift with a divergence": (
        lambda s, u: -s.laplacian(u) + (WAVE - 1) * u * u.diff(s.x[0]) / s.eps,
        nh.SolvabilityError,
        "div_y b = 0",
    ),
    "a flux that jumps": (
        lambda s, u: -s.div(WAVE * sp.Matrix([sp.sign(s.grad(u)[0])])),
        nh.UnsupportedError,
        "regularise",
    ),
    "a function of u without an inverse": (
        lambda s, u: -s.div(s.grad(WAVE * u**2)),
        nh.UnsupportedError,
        "declare the values of u",
    ),
    "a flux that falls": (
        lambda s, u: -s.div(WAVE * (1 - s.grad(u)[0] ** 2) * s.grad(u)),
        nh.UnsupportedError,
        "convex energy",
    ),
    "total variation": (
        lambda s, u: -s.div(WAVE * s.grad(u) / sp.Abs(s.grad(u)[0])),
        nh.UnsupportedError,
        "regularise",
    ),
    "a negative diffusion in the range": (
        lambda s, u: -s.div(WAVE * (u + sp.Rational(1, 2)) * s.grad(u)),
        CoefficientError,
        "",
    ),
    "order 1/eps for the flux": (
        lambda s, u: -s.div(WAVE * s.grad(u) ** 1 * u.diff(s.x[0]) ** 2) / s.eps,
        nh.UnsupportedError,
        "power of eps",
    ),
    "a complex flux": (
        lambda s, u: -s.div((WAVE + sp.I * u**2) * s.grad(u)),
        nh.UnsupportedError,
        "real unknowns",
    ),
    "a linear term that is complex": (
        lambda s, u: -s.div((WAVE + sp.I) * s.grad(u)) + u**3,
        nh.UnsupportedError,
        "real unknowns",
    ),
    "a complex diffusion of a function of u": (
        lambda s, u: -s.div((WAVE + sp.I) * s.grad(u**3)),
        nh.UnsupportedError,
        "real unknowns",
    ),
    "a complex reaction": (
        lambda s, u: -s.laplacian(u) + sp.I * sp.cos(TWO_PI * Y) * u**2 / s.eps,
        nh.UnsupportedError,
        "real unknowns",
    ),
    "no flux at order one": (
        lambda s, u: -s.eps * s.laplacian(u) + u**2,
        nh.UnsupportedError,
        "Hamilton-Jacobi",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_law_of_this_kind_is_refused(name: str) -> None:
    write, error, remedy = REFUSED[name]
    with pytest.raises(error) as found:
        model(write)
    assert found.value.term is not None
    assert remedy in (found.value.remedy or "")


def test_a_storage_that_decreases_is_refused() -> None:
    with pytest.raises(CoefficientError, match="time derivative is not positive"):
        model(lambda s, u: s.dt(u - u**3) - s.laplacian(u), nh.Scales(1, time=True))


def test_higher_orders_and_verbs_for_linear_models_are_refused() -> None:
    u = ONE.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-ONE.div(WAVE * (1 + u**2) * ONE.grad(u)), 1), scales=ONE, unknown=u
    )
    with pytest.raises(nh.UnsupportedError, match="order 3"):
        nh.homogenize(problem, order=3)
    with pytest.raises(nh.ProblemError, match="solve_law"):
        nh.solve_cells(nh.homogenize(problem))


def test_ranges_belong_to_unknowns() -> None:
    u = ONE.unknown("u")
    with pytest.raises(nh.ProblemError, match="no unknown"):
        nh.MultiscaleProblem(
            sp.Eq(-ONE.laplacian(u), 1), scales=ONE, unknown=u, ranges={sp.Symbol("q"): (0, 1)}
        )


def test_data_of_systems_may_be_lists() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    stress = (2 + sp.sin(2 * sp.pi * s.y[0])) * (1 + (e.T * e).trace()) * e
    pulled = [nh.Dirichlet([0, 1], on="left"), nh.Neumann([0, 0], on="rest")]
    square = nh.Box((0, 1), (0, 1))
    problem = nh.MultiscaleProblem(
        (-s.div(stress), [0, 0]), scales=s, unknown=v, domain=square, boundary=pulled
    )
    assert not nh.homogenize(problem).linear
