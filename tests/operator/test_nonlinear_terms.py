"""Nonlinear terms are kept whole under their left derivative, in symbols for unknowns and their
first derivatives.
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.parse import parse, parse_nonlinear
from nhpinn_sym.operator.table import FluxPlace, Operator
from nhpinn_sym.problem.errors import JumpError, NonlinearTermError

TWO_PI = 2 * sp.pi


def read(scales: nh.Scales, unknown: Any, equation: Any) -> Operator:
    return parse_nonlinear(nh.MultiscaleProblem(equation, scales=scales, unknown=unknown))


def test_a_flux_stays_under_its_divergence_and_linear_terms_in_the_table() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = 2 + sp.sin(TWO_PI * s.y[0])
    op = read(s, u, sp.Eq(-s.div(a * (1 + g.dot(g)) * g) - s.laplacian(u), 20))
    v, w = sp.symbols("u_x1 u_x2", real=True)
    plain = 2 + sp.sin(TWO_PI * op.fast[0])
    wanted = -plain * (1 + v**2 + w**2) * v
    assert not op.linear
    assert sp.expand(op.fluxes[FluxPlace(0, (1, 0, 0), 0)] - wanted) == 0
    assert op.jets[v] == (0, (1, 0, 0))
    assert {(t.left, t.right) for t, _ in op.terms()} == {
        ((1, 0, 0), (1, 0, 0)),
        ((0, 1, 0), (0, 1, 0)),
    }


def test_powers_of_eps_and_products_of_unknowns() -> None:
    s = nh.Scales(1)
    u, v = s.unknown("u"), s.unknown("v")
    wave = sp.cos(TWO_PI * s.y[0])
    op = read(
        s,
        [u, v],
        [(-s.laplacian(u) + wave * u**2 / s.eps + u * v, 0), (-s.laplacian(v) - sp.sin(u), 0)],
    )
    a, b = sp.symbols("u v", real=True)
    zero = (0, 0)
    assert op.fluxes[FluxPlace(0, zero, -1)] == a**2 * sp.cos(TWO_PI * op.fast[0])
    assert op.fluxes[FluxPlace(0, zero, 0)] == a * b
    assert op.fluxes[FluxPlace(1, zero, 0)] == -sp.sin(a)


def test_the_gradient_of_a_function_of_u_is_a_flux_also_where_it_was_a_laplacian() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    by_divergence = read(s, u, sp.Eq(-s.div(s.grad(u**3)), 1))
    by_laplacian = read(s, u, sp.Eq(-s.laplacian(u**3), 1))
    value, slope = sp.symbols("u u_x1", real=True)
    assert by_divergence.fluxes == {FluxPlace(0, (1, 0), 0): -3 * value**2 * slope}
    assert by_laplacian.fluxes == by_divergence.fluxes


def test_a_derivative_under_a_coefficient_of_y_gives_its_fast_part() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    op = read(s, u, sp.Eq(-s.div(s.grad(sp.exp(sp.sin(TWO_PI * s.y[0])) * u**2)), 1))
    assert sorted(place.power for place in op.fluxes) == [-1, 0]


def test_storage_stays_under_the_time_derivative() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    op = read(s, u, sp.Eq(s.dt(u + u**3) - s.laplacian(u), 0))
    value = sp.Symbol("u", real=True)
    assert op.fluxes == {FluxPlace(0, (0, 1), 0): value**3}


def test_a_symbol_of_the_same_name_is_another_one() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    q = sp.Symbol("u", real=True)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u) + q * u**2, 0), scales=s, unknown=u, parameters={q: (1, 2)}
    )
    (flux,) = parse_nonlinear(problem).fluxes.values()
    assert flux == q * sp.Symbol("u_", real=True) ** 2


def test_linear_verbs_refuse_and_quote_the_first_term() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(sp.Eq(-s.laplacian(u) + u**2, 0), scales=s, unknown=u)
    with pytest.raises(NonlinearTermError, match=r"u\(x1\)\*\*2") as found:
        parse(problem)
    assert "solve_law" in (found.value.remedy or "")


def test_second_derivatives_outside_of_a_divergence_and_lost_jumps_are_refused() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    x = s.x[0]
    jump = sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (3, True))
    with pytest.raises(NonlinearTermError, match=r"s\.div"):
        read(s, u, sp.Eq(-u * sp.diff(u, x, 2), 1))
    with pytest.raises(JumpError, match="jumps"):
        read(s, u, sp.Eq(-s.laplacian(jump * u**2), 1))
    with pytest.raises(nh.UnsupportedError, match="time derivative inside"):
        t = nh.Scales(1, time=True)
        w = t.unknown("w")
        read(t, w, sp.Eq(sp.exp(w) * t.dt(w) - t.laplacian(w), 0))


def test_a_piecewise_in_the_unknown_has_a_derivative() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    theta = sp.Piecewise((u**2, u > 0), (0, True))
    (flux,) = read(s, u, sp.Eq(-s.div(s.grad(theta)), 1)).fluxes.values()
    value, slope = sp.symbols("u u_x1", real=True)
    assert flux.subs({value: 3, slope: 2}) == -12
    assert flux.subs({value: -3, slope: 2}) == 0
