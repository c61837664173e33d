"""The effective law: names, signs and symbols of its entries."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.effective_law import closed_mean
from nhpinn_sym.derive.notation import Mean
from tests.symbolic import C, S, derived, diffusion, solved, y_symbols

Y1, Y2 = y_symbols(2)
X1 = sp.Symbol("x1", real=True)
Q = sp.Symbol("q")


def test_entries_come_in_reading_order_and_only_where_they_are_not_zero() -> None:
    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        return sp.Eq(
            s.dt(u) * (2 + S(s.y[0]))
            - s.div((2 + S(s.y[0])) * s.grad(u))
            + s.div(sp.Matrix([2 + S(s.y[0])]) * u)
            + 3 * u.diff(s.x[0])
            + C(s.y[0]) * u,
            1 + s.div(sp.Matrix([s.x[0] * (1 + C(s.y[0]))])),
        )

    law = derived(build, time=True).law
    assert [(e.name, e.sign) for e in law] == [
        ("A", -1),
        ("beta", 1),
        ("b", 1),
        ("c", 1),
        ("rho", 1),
        ("f", -1),
        ("g", 1),
    ]


def test_closed_forms_are_kept_where_there_are_any() -> None:
    model = derived(
        lambda s, u: sp.Eq(-s.div((1 + s.x[0] + Q) * s.grad(u)) + u, s.x[0] * S(s.y[0]) ** 2),
        parameters={Q: (0, 1)},
    )
    assert model.effective == {"A": sp.Matrix([[1 + X1 + Q]]), "c": 1, "f": X1 / 2}
    assert not model.cell_problems
    assert [e.value is None for e in model.law] == [False, False, False]


@pytest.mark.parametrize(
    ("c", "mean"),
    [
        (X1**2, X1**2),
        (X1 * S(Y1) ** 2, X1 / 2),
        (sp.sin(2 * sp.pi * (Y1 + X1)) ** 2, sp.Rational(1, 2)),
        (3 + C(Y1), 3),
        (sp.exp(C(Y1)), sp.Float(1.2660658777520084, 17)),
        (sp.Abs(S(Y1)), sp.Float(2 / np.pi, 17)),
        (sp.Heaviside(S(Y1)), None),
        (sp.exp(X1 * S(Y1)), None),
        (C(1501 * Y1), 0),
        (sp.Function("h")(Y1), None),
        (sp.Function("h")(X1) * S(Y1) ** 2, sp.Function("h")(X1) / 2),
    ],
)
def test_closed_means(c: sp.Expr, mean: sp.Expr | None) -> None:
    """None where the backends have to integrate: mixed dependence, jumps."""
    found = closed_mean(derived(diffusion(lambda s: 2)).operator, c, numbers=True)
    assert (found is None) == (mean is None)
    assert mean is None or abs(sp.simplify(found - mean)) < 1e-15


def test_a_small_mean_is_not_taken_for_zero() -> None:
    """<(100 + cos)^-8> = 1.0018e-16, by quadrature of high precision."""
    found = closed_mean(derived(diffusion(lambda s: 2)).operator, (100 + C(Y1)) ** -8, numbers=True)
    assert float(found) == pytest.approx(1.00180123633646e-16, rel=1e-12)


def test_symbols_depend_on_x_where_the_coefficient_does() -> None:
    model = derived(
        lambda s, u: sp.Eq(
            -s.div(sp.Matrix([[2 + S(s.y[0]) * s.x[1], 0], [0, 3 + S(s.y[1])]]) * s.grad(u)), 1
        ),
        2,
    )
    symbols = {e.index: e.symbol for e in model.law if e.name == "A"}
    assert symbols[0, 0] == sp.Function("A_11")(sp.Symbol("x2", real=True))
    constant = derived(diffusion(lambda s: sp.Matrix([[2 + S(s.y[0]), 0], [0, 3 + S(s.y[1])]])), 2)
    assert {e.symbol for e in constant.law if e.name == "A"} == set(
        sp.symbols("A_11 A_12 A_21 A_22", real=True)
    )
    assert isinstance(model.effective["A"][0, 0], Mean)


def test_entries_that_must_vanish_are_left_out() -> None:
    """Layers across y_1: <a d_2 N_j> has an a and an N without y_2."""
    effective = derived(diffusion(lambda s: 2 + S(s.y[0])), 2).effective
    assert effective["A"][0, 1] == effective["A"][1, 0] == 0
    assert effective["A"][1, 1] == Mean(2 + S(Y1))


def test_without_a_flux_form_only_the_symmetric_part_is_defined_and_returned() -> None:
    def tensor(s: nh.Scales) -> sp.Matrix:
        y1, y2 = s.y
        return sp.Matrix([[2 + S(y1), C(y2) / 2 + S(y1) / 3], [S(y1 + y2) / 3, 2 + C(y2 - y1) / 2]])

    def expanded(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        flux = tensor(s) * s.grad(u)
        return sp.Eq(-sum(sp.diff(flux[i], s.x[i]) for i in range(2)).doit().expand(), 1)

    flux, scattered = (
        nh.solve_cells(derived(build, 2)).effective["A"] for build in (diffusion(tensor), expanded)
    )
    assert abs(flux[0, 1] - flux[1, 0]) > 1e-3
    assert np.allclose(scattered, (flux + flux.T) / 2, atol=1e-12)


def test_a_flow_in_flux_form_may_vary_with_x() -> None:
    """Taylor dispersion D + |b(x)|^2/(8 pi^2 D), frozen at x, whether the flow is in flux form or
    not.
    """

    def flow(s: nh.Scales) -> sp.Matrix:
        return sp.Matrix([(1 + s.x[1]) * C(s.y[1]), 0])

    square = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
    x = np.linspace(0, 1, 5)
    for write in (lambda s, u: s.div(flow(s) * u), lambda s, u: (flow(s).T * s.grad(u))[0]):
        found = solved(
            lambda s, u, write=write: sp.Eq(-s.laplacian(u) + write(s, u) / s.eps, 1), 2, **square
        ).effective
        tensor = found["A"](np.stack([x, x], axis=-1))
        assert np.allclose(tensor[:, 0, 0], 1 + (1 + x) ** 2 / (8 * np.pi**2), atol=1e-10)
        assert np.allclose(tensor[:, 1, 1], 1, atol=1e-12)
        b = found["b"](np.stack([x, x], axis=-1)) if callable(found["b"]) else found["b"]
        assert np.allclose(b, 0, atol=1e-10)


def test_terms_that_are_not_fluxes_are_put_into_divergence_form() -> None:
    """-(2 + x) Lap u + ...: <b d_x N> u_x - G u_xx is -(G u_x)_x here, G = 1/(8 pi^2 (2 + x))."""
    square = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
    found = solved(
        lambda s, u: sp.Eq(
            -s.div((2 + s.x[0]) * s.grad(u)) + C(s.y[1]) * u.diff(s.x[0]) / s.eps, 1
        ),
        2,
        **square,
    ).effective
    x = np.linspace(0, 1, 7)
    points = np.stack([x, x], axis=-1)
    assert np.allclose(found["A"](points)[:, 0, 0], 2 + x + 1 / (8 * np.pi**2 * (2 + x)), atol=1e-9)
    assert np.allclose(found["b"](points), 0, atol=1e-8)


def test_a_conservative_drift_is_counted_as_drift_and_potential() -> None:
    """div(beta u) = beta.grad u + (div beta) u."""
    model = derived(
        lambda s, u: sp.Eq(
            -s.laplacian(u) + s.div(sp.Matrix([s.x[0] ** 2 * (1 + S(s.y[0]))]) * u), 1
        ),
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    effective = nh.solve_cells(model).effective
    x = np.linspace(0, 1, 9)[:, None]
    assert np.allclose(effective["b"](x)[:, 0], x[:, 0] ** 2, atol=1e-12)
    assert np.allclose(effective["c"](x), 2 * x[:, 0], atol=1e-10)
