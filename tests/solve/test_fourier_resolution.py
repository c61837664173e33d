"""Fourier grids that resolve the data, or say that they do not."""

from __future__ import annotations

from itertools import pairwise
from math import gcd, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.runtime.fourier.refinement import estimate, grid_sizes
from nhpinn_sym.runtime.levels import FEWEST

S1 = nh.Scales(1)
Y = S1.y[0]
TAU = 2 * sp.pi


def solved(a: sp.Expr, **options: object) -> nh.CellSolution:
    u = S1.unknown("u")
    problem = nh.MultiscaleProblem(sp.Eq(-S1.div(a * S1.grad(u)), 1), scales=S1, unknown=u)
    return nh.solve_cells(nh.homogenize(problem), "fourier", **options)


def forms(dim: int, components: int = 1) -> SimpleNamespace:
    return SimpleNamespace(CELL=((0, 1),) * dim, COMPONENTS=components)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("least", [1, 20, 90])
def test_neighbouring_grids_have_no_common_factor(dim: int, least: int) -> None:
    sizes = grid_sizes(forms(dim), None, least)
    assert all(n % 2 and n >= least for n in sizes)
    assert all(gcd(a, b) == 1 for a, b in pairwise(sizes))


@given(n=st.integers(4, 400).map(lambda k: 2 * k + 1))
def test_a_given_grid_is_compared_with_two_coprime_ones(n: int) -> None:
    sizes = grid_sizes(forms(2), n, 1)
    assert sizes[-1] == n
    assert len(sizes) >= FEWEST
    assert all(gcd(a, b) == 1 for a, b in pairwise(sizes))


def test_a_harmonic_that_all_grids_of_one_factor_alias_to_a_constant() -> None:
    cells = solved(2 + sp.cos(135 * TAU * Y))
    assert cells.effective["A"][0, 0] == pytest.approx(sqrt(3), abs=1e-12)


@settings(max_examples=6)
@given(harmonic=st.integers(1, 200), centre=st.floats(0, 1), width=st.floats(2e-3, 0.2))
def test_harmonics_and_bumps_against_quadrature(harmonic: int, centre: float, width: float) -> None:
    bump = sp.exp(-((sp.sin(sp.pi * (Y - centre)) / (sp.pi * width)) ** 2))
    a = 1 / (2 + sp.cos(TAU * harmonic * Y) + 100 * bump)
    cells = solved(a)
    y = (np.arange(40_000) + 0.5) / 40_000  # spectrally accurate for what this grid resolves
    resistance = np.mean(2 + 100 * np.exp(-((np.sin(np.pi * (y - centre)) / (np.pi * width)) ** 2)))
    if harmonic:
        assert cells.effective["A"][0, 0] == pytest.approx(1 / resistance, rel=1e-9)


def test_a_feature_that_no_grid_resolves_is_refused() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    bump = sp.exp(-sum((sp.sin(sp.pi * (y - sp.Rational(1, 3))) * 3000) ** 2 for y in s.y))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((1 + 50 * bump) * s.grad(u)), 1), scales=s, unknown=u
    )
    with pytest.raises(nh.SolveError, match="points per axis"):
        nh.solve_cells(nh.homogenize(problem), "fourier")


def test_a_given_grid_that_does_not_resolve_the_data_warns() -> None:
    with pytest.warns(nh.ToleranceWarning, match="do not resolve"):
        solved(2 + sp.cos(135 * TAU * Y), n=81)


@settings(max_examples=6)
@given(at=st.floats(0.05, 0.95), contrast=st.floats(1.5, 1e3))
def test_the_estimate_of_a_jump_is_not_rounding(at: float, contrast: float) -> None:
    a = sp.Piecewise((1, at > Y), (contrast, True))
    with pytest.warns(nh.ToleranceWarning):
        cells = solved(a)
    exact = 1 / (at + (1 - at) / contrast)
    assert abs(cells.effective["A"][0, 0] - exact) <= 10 * cells.info["estimate"] * exact


def test_two_equal_grids_are_no_estimate() -> None:
    same = {("A", (0, 0)): 1.0}
    assert estimate([(27, same), (49, same)], False, 2) == np.inf
    assert estimate([(27, {("A", (0, 0)): 2.0}), (49, same), (69, same)], False, 2) == 0.0
    assert estimate([(27, {("A", (0, 0)): 2.0}), (49, same), (69, same)], True, 2) > 0.5


def test_a_narrow_feature_of_a_given_function_warns() -> None:
    u = S1.unknown("u")
    a = sp.Function("a")(Y)
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-S1.div(a * S1.grad(u)), 1), scales=S1, unknown=u)
    )

    def bump(y: np.ndarray) -> np.ndarray:
        return 1 / (1 + 1000 * np.exp(-((np.sin(np.pi * (y - 0.5)) / (np.pi * 0.002)) ** 2)))

    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(model, "fourier", coefficients={"a": bump})
    assert abs(cells.effective["A"][0, 0] - 0.22002477658) < 10 * cells.info["estimate"]


def test_a_smooth_given_function_does_not() -> None:
    u = S1.unknown("u")
    a = sp.Function("a")(Y)
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-S1.div(a * S1.grad(u)), 1), scales=S1, unknown=u)
    )
    cells = nh.solve_cells(
        model, "fourier", coefficients={"a": lambda y: 2 + np.sin(2 * np.pi * y)}
    )
    assert cells.effective["A"][0, 0] == pytest.approx(sqrt(3), abs=1e-12)
    assert cells.info["estimate"] < 1e-10
