import numpy as np
import pytest
import sympy as sp

from nhpinn_sym.emit.numpy_printer import BroadcastPrinter
from nhpinn_sym.problem.errors import UnsupportedError

x, y = sp.symbols("x y", real=True)
EXPRESSIONS = [
    2 + sp.sin(2 * sp.pi * x) * sp.cos(y / 3),
    sp.Max(x, y, sp.Rational(1, 2)),
    sp.Min(1, x * y),
    1 / x,
    x ** sp.Rational(-3, 2),
    sp.exp(1) * x,
    sp.sec(x) + sp.Abs(x - y),
    sp.Float("0.1") * x,
    sp.sign(x - y),
    sp.Mod(x + y, 1),
    sp.floor(3 * x),
    sp.erf(x),
    sp.atan2(x, y),
    1 / sp.cos(x) ** 2,
    sp.Piecewise(
        (10, (x < sp.Rational(1, 2)) & (y > 0.3)), (2, sp.Or(x > 0.8, sp.Not(y < 0.6))), (x, True)
    ),
    sp.Heaviside(x - 0.5),
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_values_and_broadcasting(expr):
    printer = BroadcastPrinter()
    text = printer.expression(expr)
    names: dict = {}
    exec("\n".join(printer.imports), names)
    u, v = np.random.default_rng(0).uniform(0.05, 0.95, (2, 6))
    got = np.broadcast_to(eval(text, {**names, "x": u[:, None], "y": v}), (6, 6))
    want = [[float(expr.subs({x: a, y: b})) for b in v] for a in u]
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_names_that_python_cannot_have():
    printer = BroadcastPrinter()
    assert printer.expression(sp.Symbol("lambda") + sp.Symbol("a*")) in (
        "a_ + lambda_",
        "lambda_ + a_",
    )


@pytest.mark.parametrize(
    "expr",
    [
        sp.Function("f")(x),
        sp.I * x,
        sp.Integral(sp.exp(sp.sin(x)), (x, 0, y)),
        sp.Piecewise((1, x < 0)),
    ],
    ids=str,
)
def test_what_has_no_text_is_refused(expr):
    with pytest.raises(UnsupportedError) as caught:
        BroadcastPrinter().expression(expr)
    assert str(expr.args[0]) in str(caught.value)


def test_complex_numbers_where_they_are_allowed():
    expr = (
        (2 + 3 * sp.I) * sp.exp(sp.I * x)
        + sp.conjugate(sp.I * y) * sp.re(sp.I + x)
        + sp.I**3 * sp.Abs(x + sp.I * y)
    )
    printer = BroadcastPrinter(imaginary=True)
    text = printer.expression(expr)
    names: dict = {}
    exec("\n".join(printer.imports), names)
    got = eval(text, {**names, "x": np.array([0.3]), "y": np.array([0.7])})
    assert got[0] == pytest.approx(complex(expr.subs({x: 0.3, y: 0.7})), rel=1e-14)
