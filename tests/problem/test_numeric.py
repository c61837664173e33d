"""Expressions as functions: names are no code, whatever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from sympy.utilities.lambdify import implemented_function

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import UnsupportedError
from nhpinn_sym.problem.numeric import lambdified


def test_names_of_symbols_and_of_functions_with_numbers_are_no_code(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() or f"
    x, twice = sp.Symbol(code), implemented_function(code, lambda v: 2 * v)
    for cse in (False, True):
        call = lambdified(
            (x,),
            [twice(x) + sp.sin(x), sp.Piecewise((twice(x) ** 2, x > 0), (0, True))],
            "numpy",
            cse=cse,
        )
        found = call(np.array([0.5, -1.0]))
        assert np.allclose(found[0], [1 + np.sin(0.5), -2 + np.sin(-1)]) and np.allclose(
            found[1], [1, 0]
        )
    assert not marker.exists()


@pytest.mark.parametrize(
    "name", ["exit", "open", "print", "f", "os.getcwd", "__import__('os').getcwd() or f"]
)
def test_functions_without_numbers_are_refused_whatever_they_are_called(name: str) -> None:
    x = sp.Symbol("x")
    with pytest.raises(UnsupportedError, match="no numbers"):
        lambdified((x,), sp.Function(name)(x) + x, "numpy")
    with pytest.raises(UnsupportedError, match="symbol without a number"):
        lambdified((x,), sp.Symbol(name) + x, "numpy")


@pytest.mark.parametrize("name", ["exit", "sum", "a b", r"\kappa", "lambda"])
def test_a_given_function_may_have_any_name(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    s = nh.Scales(1)
    u = s.unknown("u")
    for called in (name, f"__import__('pathlib').Path({str(marker)!r}).touch() or {name}"):
        a = 2 + sp.Function(called)(s.y[0])
        model = nh.homogenize(
            nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
        )
        cells = nh.solve_cells(
            model, "fourier", coefficients={called: lambda y: np.sin(2 * np.pi * y)}
        )
        assert np.allclose(cells.effective["A"], 3**0.5)
        with pytest.raises(UnsupportedError):
            nh.solve_cells(model, "fourier")
    assert not marker.exists()


@pytest.mark.parametrize("function", [sp.besselj, sp.bessely])
def test_bessel_functions_of_whole_and_of_other_orders(function: Any) -> None:
    """By their recurrence, 2 n/x f_n = f_(n-1) + f_(n+1), in real and complex points."""
    order, x = sp.symbols("order x")
    call = lambdified((order, x), function(order, x), ["scipy", "numpy"])
    for points in (np.linspace(0.5, 20, 7), np.linspace(1, 3, 4) + 0.5j):
        for n in (0, 1, 1.5):
            one, same, other = (call(n + k, points) for k in (-1, 0, 1))
            assert 2 * n / points * same == pytest.approx(one + other, rel=1e-10, abs=1e-12)
    mixed = call(np.array([0.0, 1.0]), np.array([2.0, 2.0]))
    assert mixed == pytest.approx([call(0, 2.0), call(1, 2.0)])
