"""Zero, smooth, or not."""

from __future__ import annotations

import pytest
import sympy as sp

from nhpinn_sym.operator.zero_test import is_analytic, is_zero, jumps, jumps_along

y, q = sp.symbols("y q", real=True)
X, Y = sp.symbols("x y", real=True)
a = sp.Function("a")


@pytest.mark.parametrize(
    "zero",
    [
        sp.Integer(0),
        sp.sin(y) ** 2 + sp.cos(y) ** 2 - 1,
        sp.sin(2 * y) - 2 * sp.sin(y) * sp.cos(y),
        (y + 1) ** 2 - y**2 - 2 * y - 1,
        sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6),
        sp.exp(y + q) - sp.exp(y) * sp.exp(q),
        a(y).diff(y) - a(y).diff(y),
        sp.pi * 1.0 - sp.pi.evalf(15),
        sp.Abs(sp.sin(y)) - sp.Abs(sp.sin(y)),
        0.1 * sp.sin(2 * y) - 0.2 * sp.sin(y) * sp.cos(y),
    ],
)
def test_zeros(zero: sp.Expr) -> None:
    assert is_zero(zero)


@pytest.mark.parametrize(
    "other",
    [
        y,
        sp.sin(y) ** 2 - 1,
        sp.Float(1e-10),
        1e-12 * sp.sin(y),
        a(y),
        a(y).diff(y),
        sp.sin(y) - sp.sin(y + 1e-9),
        sp.Max(0, y - 5),
        sp.Piecewise((1, y > 7), (0, True)),
        sp.Heaviside(y - 6),
        sp.Abs(y) - y,
        sp.Mod(y, 1),
    ],
)
def test_other_things_also_where_they_are_zero_at_most_points(other: sp.Expr) -> None:
    assert not is_zero(other)


def test_rounding_is_measured_by_the_parts_of_a_sum() -> None:
    parts = [0.3 * sp.pi * sp.sin(y), -0.1 * sp.pi * sp.sin(y), -0.2 * sp.pi * sp.sin(y)]
    rest = sp.Float(5e-17) * sp.sin(y)
    assert is_zero(rest, parts)
    assert not is_zero(rest)
    assert not is_zero(rest * 10**6, parts)


def test_jumps_and_kinks() -> None:
    assert all(
        jumps(e)
        for e in (
            sp.Piecewise((1, y > 0), (2, True)),
            sp.Heaviside(y) + 1,
            sp.sign(y),
            sp.floor(y),
            sp.frac(y),
            sp.Mod(y, 1),
        )
    )
    assert not any(jumps(e) for e in (sp.Abs(y), sp.Max(y, 0), sp.sin(y), a(y)))
    assert not any(
        is_analytic(e) for e in (sp.Abs(y), sp.Max(y, 0), sp.Piecewise((1, y > 0), (2, True)))
    )
    assert all(is_analytic(e) for e in (sp.sin(y), sp.sqrt(y), a(y), sp.erf(y)))


SATURATED = [
    (2 + sp.tanh(500.0 * sp.sin(2 * sp.pi * y))).diff(y),
    sp.tanh(500 * sp.sin(2 * sp.pi * y)) ** 2 - 1,
    sp.erf(10**4 * sp.sin(2 * sp.pi * y)) ** 2 - 1,
    1 / (1 + sp.exp(1000 * sp.sin(2 * sp.pi * y))) - 1,
    1 / (1 + y**200) - 1,
    1 - sp.tanh(300 * (y - sp.Rational(1, 3)) * (q + 1)) ** 2,
]


@pytest.mark.parametrize("narrow", SATURATED, ids=str)
def test_what_is_zero_to_all_digits_at_most_points_is_not_zero(narrow: sp.Expr) -> None:
    assert not is_zero(narrow)


def test_an_identity_of_functions_that_saturate_is_zero() -> None:
    a, b = 500 * sp.sin(y), 300 * sp.cos(y)
    assert is_zero(sp.tanh(a) ** 2 + 1 / sp.cosh(a) ** 2 - 1)
    assert is_zero(sp.tanh(a + b) * (1 + sp.tanh(a) * sp.tanh(b)) - sp.tanh(a) - sp.tanh(b))
    assert is_zero(sp.exp(a) / (1 + sp.exp(a)) + 1 / (1 + sp.exp(a)) - 1)


@pytest.mark.parametrize(
    ("expr", "there"),
    [
        (sp.Piecewise((1, X < 0.3), (2, True)) * sp.cos(Y), True),
        (sp.Piecewise((1, Y < 0.3), (2, True)) * sp.cos(X), False),
        (sp.Heaviside(Y - X / 2), False),  # the interface moves: averages over y are smooth
        (sp.sign(sp.sin(X)) + Y, True),
        (sp.Piecewise((1, (X < 0.3) & (Y < 0.3)), (2, True)), True),
        (sp.Abs(X - 0.3), False),
    ],
    ids=str,
)
def test_jumps_that_averages_keep(expr: sp.Expr, there: bool) -> None:
    assert jumps_along(expr, [X], [Y]) is there
