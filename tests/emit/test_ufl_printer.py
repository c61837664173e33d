"""The printed UFL, evaluated by UFL itself, has the values of the SymPy expression."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import ufl

from nhpinn_sym.emit.ufl_printer import HELPERS, UflPrinter
from nhpinn_sym.problem.errors import UnsupportedError
from tests.ufl_spaces import domain

a, b = sp.symbols("a b", real=True)
POINTS = np.random.default_rng(0).uniform(0.1, 0.9, size=(5, 2))
POINTS[1:3] -= 1.0


def evaluate(expr: sp.Expr) -> list[float]:
    printer = UflPrinter({a: "x[0]", b: "x[1]"})
    text = printer.doprint(expr)
    names = {"ufl": ufl, "x": ufl.SpatialCoordinate(domain())}
    for name in reversed(HELPERS):
        exec(HELPERS[name], names)
    value = ufl.as_ufl(eval(text, names))
    return [float(value(tuple(point))) for point in POINTS]


def exact(expr: sp.Expr) -> list[float]:
    return [float(expr.subs({a: sp.Float(p, 30), b: sp.Float(q, 30)})) for p, q in POINTS]


half = sp.Rational(1, 2)
UNARY = (
    sp.sin,
    sp.cos,
    sp.tan,
    sp.exp,
    sp.sinh,
    sp.cosh,
    sp.tanh,
    sp.erf,
    sp.asin,
    sp.acos,
    sp.atan,
    sp.Abs,
    sp.sign,
    sp.asinh,
    sp.atanh,
    sp.sec,
    sp.csc,
    sp.cot,
    sp.sech,
    sp.csch,
    sp.coth,
    sp.floor,
    sp.ceiling,
    sp.frac,
)


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
def test_functions_of_one_argument(function):
    expr = function(a / 3 + b / 2)
    np.testing.assert_allclose(evaluate(expr), exact(expr), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "expr",
    [
        sp.log(2 + a),
        sp.sqrt(2 + a),
        (2 + a) ** sp.Rational(2, 3),
        (2 + a) ** (b - 1),
        20 ** (1 / (2 + a)),
        ((2 + a) ** b) ** b,
        1 / (2 + a),
        (2 + a) ** -2,
        1 / sp.sqrt(2 + b),
        sp.pi * a,
        sp.E * a,
        sp.Rational(22, 7) * a - sp.sqrt(3) * b,
        2**40 * a,
        sp.Float("0.1") * b,
        sp.Rational(1, 3),
        sp.Integer(2) ** 70 / 3**40 * a,
        -(a - b) * (a + b),
        a / b / (2 + a),
        -(a**2),
        (-a) ** 2,
        sp.acosh(2 + a),
        sp.atan2(a, b),
        sp.Min(a, b, 0),
        sp.Max(a, 2 * b, -half),
        sp.Mod(a, half),
        sp.Mod(3 * b, 2),
        sp.Heaviside(a),
        sp.floor(7 * a) + sp.frac(5 * b),
    ],
    ids=str,
)
def test_expressions(expr):
    np.testing.assert_allclose(evaluate(expr), exact(expr), rtol=1e-13)


@pytest.mark.parametrize(
    "expr",
    [
        sp.Piecewise((1, a < 0), (10 + b, True)),
        sp.Piecewise((1, (a < half) & (b > 0)), (2, (a >= half) | ~(b < -half)), (a, True)),
        sp.Piecewise((1, sp.Eq(a, 2)), (b, sp.Ne(b, 3)), (0, True)),
        sp.Piecewise((sp.sqrt(2), (a**2 + b**2 < half) ^ (a > 0)), (3, True)),
        sp.Piecewise((1, sp.ITE(a > 0, b > 0, b < 0)), (0, True)),
    ],
    ids=str,
)
def test_conditions(expr):
    assert evaluate(expr) == pytest.approx(exact(expr), rel=1e-13)


@pytest.mark.parametrize(
    "expr",
    [
        sp.gamma(a),
        sp.Function("f")(a),
        sp.Symbol("undeclared") * a,
        sp.I * a,
        sp.Derivative(sp.Function("f")(a), a),
        sp.Integral(sp.exp(sp.sin(a)), (a, 0, b)),
        sp.Piecewise((1, a < 0)),
        sp.zoo * a,
        sp.nan,
        sp.sqrt(-2) * a,
        sp.besselj(0, a),
    ],
    ids=str,
)
def test_what_ufl_does_not_have_is_refused_with_its_text(expr):
    with pytest.raises(UnsupportedError) as error:
        UflPrinter({a: "x[0]", b: "x[1]"}).doprint(expr)
    assert error.value.term is not None and str(error.value.term) in str(expr) + "sqrt(2)*I"
