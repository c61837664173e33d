"""Trigonometric series in (tau, y) against SymPy's own calculus."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.trigonometric import Trigonometry, summed
from tests.symbolic import C, S

TAU, Y, X = sp.symbols("tau y1 x1", real=True)
SERIES = Trigonometry((TAU, Y), (sp.Integer(1), sp.Integer(1)), sp.Integer(0))
FIRST = (2 + S(Y - TAU)) * C(2 * TAU) + sp.sin(X) * S(Y) ** 2 / (2 + C(Y))
SECOND = 3 * C(Y) * S(TAU) ** 2 - sp.pi * S(2 * Y + 3 * TAU + sp.Rational(1, 8))
AT = {TAU: 0.137, Y: 0.411, X: 0.7}


def value(e: sp.Expr) -> complex:
    return complex(e.xreplace({v: sp.Float(x) for v, x in AT.items()}).evalf())


def written(series: object) -> complex:
    return value(SERIES.written(series, real=True))  # type: ignore[arg-type]


def test_what_is_read_is_written_again() -> None:
    for c in (FIRST, SECOND, sp.Integer(3), sp.sqrt(2) * sp.cos(X)):
        assert written(SERIES.read(c)) == pytest.approx(value(c), abs=1e-12)


def test_products_and_derivatives() -> None:
    a, b = SERIES.read(FIRST), SERIES.read(SECOND)
    assert written(SERIES.product(a, b)) == pytest.approx(value(FIRST * SECOND), abs=1e-11)
    for v in (TAU, Y, X):
        assert written(SERIES.derivative(a, v)) == pytest.approx(value(FIRST.diff(v)), abs=1e-11)


def test_a_primitive_has_the_derivative_without_the_mean() -> None:
    a = SERIES.read(SECOND)
    mean = {w: n for w, n in a.items() if not w.modes[0]}
    back = SERIES.derivative(SERIES.primitive(a), TAU)
    assert summed([(Fraction(1), back), (Fraction(1), mean), (Fraction(-1), a)]) == {}


def test_a_smooth_function_of_tau_is_sampled() -> None:
    c = sp.exp(S(TAU)) * S(Y)
    assert written(SERIES.read(c)) == pytest.approx(value(c), abs=1e-13)


@pytest.mark.parametrize(
    ("c", "what"),
    [(1 / (2 + S(Y - TAU)), "no sum of products"), (sp.Abs(S(TAU)), "jumps, has kinks")],
)
def test_what_has_no_series(c: sp.Expr, what: str) -> None:
    with pytest.raises(nh.UnsupportedError, match=what):
        SERIES.read(c)
