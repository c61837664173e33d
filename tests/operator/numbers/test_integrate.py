"""Means against closed forms, and against scipy's quadrature with the breaks given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import i0, j0

from nhpinn_sym.operator.numbers.data import DataSpace
from nhpinn_sym.operator.numbers.integrate import mean_of_function
from nhpinn_sym.resolution import integrate

X, Y, Z = sp.symbols("x y z", real=True)
UNIT = (0.0, 1.0)
LINE = [(X, UNIT, True)]
PLANE = [*LINE, (Y, UNIT, True)]
DISK = sp.Rational(9, 100) > (X - 0.5) ** 2 + (Y - 0.5) ** 2
S, C = sp.sin(2 * sp.pi * X), sp.cos(2 * sp.pi * Y)


@pytest.mark.parametrize(
    ("expr", "mean"),
    [
        (1 / (2 + sp.cos(270 * sp.pi * X)), 1 / np.sqrt(3)),
        (1 / sp.Piecewise((1, X < 0.5017), (10, True)), 0.5017 + 0.04983),
        (sp.Piecewise((10**4, sp.And(X >= 0.4137, X < 0.4147)), (1, True)), 10.999),
        (1 + 1000 * sp.exp(-(((X - sp.Rational(1, 3)) * 1000) ** 2)), 1 + np.sqrt(np.pi)),
        (sp.exp(S), i0(1)),
        (sp.exp(sp.I * S), j0(1)),
        (sp.Abs(S), 2 / np.pi),
        (sp.sqrt(X), 2 / 3),
        (3 + sp.sign(S - 0.5), 2 + 2 / 3),
        (sp.Piecewise((1, sp.Mod(X, sp.Rational(1, 8)) < 0.03), (2, True)), 1.76),
    ],
    ids=str,
)
def test_means_along_a_line(expr: sp.Expr, mean: float) -> None:
    found, error = integrate(expr, LINE)
    assert abs(found - mean) <= error + 1e-14 and error <= 1e-10 * abs(mean)


@pytest.mark.parametrize(
    ("expr", "mean"),
    [
        (sp.Piecewise((10, DISK), (1, True)), 1 + 9 * np.pi * 0.09),
        (1 / sp.Piecewise((10, DISK), (1, True)), 1 - 0.9 * np.pi * 0.09),
        (sp.Abs(sp.sin(2 * sp.pi * (X + Y))), 2 / np.pi),
        (sp.Max(0, S * C), 2 / np.pi**2),
        (1 + 100 * sp.exp(-((X - 0.3) ** 2 + (Y - 0.6) ** 2) * 10**6), 1 + np.pi * 1e-4),
        ((2 + S) / (2 + C), 2 / np.sqrt(3)),
        (sp.Piecewise((2, sp.And(X < 0.59, Y < 0.3)), (1, True)), 1 + 0.59 * 0.3),
        (sp.floor(X + Y), 0.5),
    ],
    ids=str,
)
def test_means_over_a_square(expr: sp.Expr, mean: float) -> None:
    found, error = integrate(expr, PLANE)
    assert abs(found - mean) <= error + 1e-13 and error <= 1e-8 * abs(mean)


def test_factors_of_three_variables_are_integrated_one_by_one() -> None:
    expr = (
        (2 + S) * (1 + C**2) / (3 + sp.cos(2 * sp.pi * Z)) * sp.Piecewise((1, Z < 0.7), (0, True))
    )
    inner = quad(lambda z: 1 / (3 + np.cos(2 * np.pi * z)), 0, 0.7, epsabs=1e-14)[0]
    found, error = integrate(expr, [*PLANE, (Z, UNIT, True)])
    assert abs(found - 3 * inner) <= error + 1e-13 and error < 1e-9


@settings(max_examples=15)
@given(st.floats(0.05, 0.95), st.floats(-4, -1), st.floats(0.1, 0.9), st.floats(-4, 4))
def test_bumps_and_jumps_against_quad_with_breaks(
    place: float, width: float, jump: float, contrast: float
) -> None:
    w, k = 10**width, 10**contrast
    expr = (1 + 5 * sp.exp(-(((X - place) / w) ** 2))) * sp.Piecewise((k, jump > X), (1, True))

    def value(x: float) -> float:
        return (1 + 5 * np.exp(-(((x - place) / w) ** 2))) * (k if x < jump else 1.0)

    cuts = np.unique(np.clip([0, jump, 1, *(place + w * np.arange(-12, 13))], 0, 1))
    mean = sum(quad(value, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise(cuts))
    found, error = integrate(expr, LINE)
    assert abs(found - mean) <= error + 1e-10 * mean and error <= 1e-9 * mean


@pytest.mark.parametrize("size", [1e-3, -3e-4])
def test_small_and_narrow_counts_as_well(size: float) -> None:
    """A bump that is too small for a mesh to be refined there."""
    found, error = integrate(1 + size * sp.exp(-(((X - 0.3137) * 1000) ** 2)), LINE)
    assert abs(found - 1 - size * np.sqrt(np.pi) * 1e-3) <= error + 1e-12


def test_parameters_and_another_box() -> None:
    q = sp.Symbol("q")
    assert integrate(q * X**2, [(X, (1.0, 3.0), False)], {q: 6})[0] == pytest.approx(26, rel=1e-14)


def test_what_is_singular_has_no_mean() -> None:
    assert integrate(1 / X, LINE)[1] == np.inf


def test_a_component_that_is_rounding_of_another_costs_nothing() -> None:
    """Such as an entry of an inverse that vanishes by symmetry; along the axes of the data alone."""
    space = DataSpace((X, Y), (UNIT, UNIT), 2)
    asked = []

    def values(points: np.ndarray) -> np.ndarray:
        asked.append(len(points))
        wave = 1 / (2 + np.sin(2 * np.pi * points[:, 0]))
        noise = 1e-17 * np.cos(1e9 * points[:, 0])
        return np.stack([wave, noise], axis=1)

    means, errors = mean_of_function(values, [2 + S], space)
    assert means == pytest.approx([1 / np.sqrt(3), 0.0], abs=1e-12)
    assert errors.max() < 1e-12
    assert sum(asked) < 2000


@pytest.mark.parametrize(
    ("expr", "mean"),
    [
        (3 + S * C + 7 * S**2, 6.5),
        ((1 + S) ** 4, 1 + 3 + 3 / 8),  # <sin^2> = 1/2, <sin^4> = 3/8
        (
            sp.cos(2 * sp.pi * (40 * X - Y) + 0.3) * sp.cos(2 * sp.pi * (40 * X - Y)),
            0.5 * np.cos(0.3),
        ),
        (sp.cos(3 * X) + 1, 1 + np.sin(3) / 3),  # of another period
    ],
    ids=str,
)
def test_trigonometric_polynomials(expr: sp.Expr, mean: float) -> None:
    found, error = integrate(expr, PLANE)
    assert found == pytest.approx(mean, abs=1e-13)
    assert abs(found - mean) <= error + 1e-15
