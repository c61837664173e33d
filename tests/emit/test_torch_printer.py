"""SymPy expressions printed for torch against SymPy's own values."""

from __future__ import annotations

import math

import pytest
import sympy as sp
import torch

from nhpinn_sym.emit.torch_printer import TorchPrinter, argument_name, statements
from nhpinn_sym.problem.errors import UnsupportedError

x, y = sp.symbols("x y", real=True)
HALF = sp.Rational(1, 2)

EXPRESSIONS = [
    sp.sin(x) ** 2 / sp.sqrt(3 + x), sp.sqrt(2) * x ** sp.Rational(-3, 2), 2**x, sp.Rational(1, 3) ** y, x**-2, -x / (y + 1) / 3, sp.E**2 * x,
    sp.log(x) + sp.pi**2, sp.exp(-(x**2)), sp.sin(sp.sqrt(3)) * x + sp.sqrt(3), sp.cos(sp.sqrt(3) * y), sp.Float("0.1") * x, sp.GoldenRatio * x,
    sp.tan(x), sp.asin(x), sp.acos(y), sp.atan(x), sp.sinh(x), sp.cosh(x), sp.tanh(x), sp.asinh(x), sp.acosh(2 + x), sp.atanh(x), sp.sec(x),
    sp.csc(x), sp.cot(y), sp.sech(x), sp.csch(x), sp.coth(x), sp.sinc(x), sp.erf(x), sp.erfc(x), sp.loggamma(x), sp.Abs(x - y), sp.sign(x - y),
    sp.floor(3 * x), sp.ceiling(3 * x), sp.frac(4 * x), sp.Mod(3 * x, 1), sp.Mod(x, y), sp.atan2(x, y), sp.atan2(1, y), sp.Min(x, y, HALF),
    sp.Max(0, x - y), sp.Heaviside(x - HALF), sp.Piecewise((1, x < HALF), (10, True)), sp.Piecewise((x, (x < HALF) & (y > 0.25)), (y**2, True)),
    sp.Piecewise((1, sp.Or(x > 0.8, sp.Not(y > HALF))), (sp.Piecewise((2, x < y), (3, True)), True)), sp.Integer(3), sp.pi / 7,
    20 ** (1 / x), x ** (1 / sp.sqrt(1 + y)), sp.Pow(x**y, y, evaluate=False), y ** (1 / (1 + 20 ** (1 / x))),
]  # fmt: skip


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_values(expr: sp.Expr) -> None:
    points = (
        torch.rand(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.9
        + 0.05
    )
    names = {"torch": torch, "math": math, "x": points[:, 0], "y": points[:, 1]}
    lines, (text,) = statements([expr], "x", [x, y])
    exec("\n".join(lines), names)
    found = torch.as_tensor(eval(text, names), dtype=torch.float64).expand(40)
    exact = torch.tensor(
        [float(expr.subs({x: p, y: q}).evalf(20)) for p, q in points.tolist()], dtype=torch.float64
    )
    assert torch.allclose(found, exact, rtol=1e-13, atol=1e-14)


def test_constants_keep_double_precision() -> None:
    p = torch.zeros(3, dtype=torch.float64)
    text = TorchPrinter("x").doprint(
        sp.Piecewise((sp.Rational(1, 3), x > 1), (sp.Rational(1, 10), True))
    )
    value = eval(text, {"torch": torch, "math": math, "x": p})
    assert value.dtype == torch.float64 and value.tolist() == [0.1] * 3


@pytest.mark.parametrize(
    "expr",
    [
        sp.Function("a")(x),
        sp.I * x,
        sp.Integral(sp.exp(x**3), (x, 0, y)),
        sp.gamma(x),
        sp.oo * sp.Symbol("z"),
        sp.Derivative(sp.Function("a")(x), x),
        sp.sqrt(-1 - sp.pi) * x,
    ],
)
def test_what_torch_does_not_have_is_quoted(expr: sp.Expr) -> None:
    with pytest.raises(UnsupportedError, match="term:"):
        TorchPrinter("x").doprint(expr)


def test_shared_subexpressions_avoid_the_names_that_are_taken() -> None:
    s0 = sp.Symbol("s0", real=True)
    lines, texts = statements([sp.sin(x + y) + s0, sp.sin(x + y) * 2], "x", [x, y, s0])
    assert lines == ["s1 = torch.sin(x + y)"] and texts == ["s0 + s1", "2*s1"]


def test_names_of_arguments() -> None:
    names = {
        "lambda": "lambda_",
        "A_{11}": "A__11_",
        "2q": "_2q",
        "points": "points_",
        "epsilon": "epsilon",
    }
    assert {name: argument_name(sp.Symbol(name)) for name in names} == names
