"""What solved cell problems are asked, whichever backend they come from: a backend that returns
wrong values is found out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.resolution import quadrature_error
from nhpinn_sym.solve import cells as verb
from nhpinn_sym.solve.fourier.cells import CellSolver
from nhpinn_sym.solve.solution import Array, CellBatch
from tests.symbolic import C, S, derived, diffusion

MODEL = derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2)


def stubbed(monkeypatch: pytest.MonkeyPatch, change: Callable[[CellBatch], CellBatch]) -> None:
    class Stub(CellSolver):
        def solve(self, slow_points: Array) -> CellBatch:
            return change(super().solve(slow_points))

    monkeypatch.setattr(verb, "cell_solver", lambda name: Stub)


def scaled(factor: float, estimate: float) -> Callable[[CellBatch], CellBatch]:
    def change(batch: CellBatch) -> CellBatch:
        effective = {
            key: factor * value if key[0] == "A" else value
            for key, value in batch.effective.items()
        }
        return replace(batch, effective=effective, info={**batch.info, "estimate": estimate})

    return change


@pytest.mark.parametrize("factor", [0.5, 1.1, 2.0])
def test_values_outside_of_their_bounds_are_an_error(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    stubbed(monkeypatch, scaled(factor, 1e-12))
    with pytest.raises(SolveError, match="outside of its Voigt-Reuss bounds"):
        nh.solve_cells(MODEL, "fourier")


@pytest.mark.parametrize(("estimate", "right"), [(2.1e-6, True), (1.9e-6, False)])
def test_the_margin_is_the_estimate(
    monkeypatch: pytest.MonkeyPatch, estimate: float, right: bool
) -> None:
    """A laminate that is off by 2e-6 lies outside by that."""
    laminate = derived(diffusion(lambda s: 2 + S(s.y[0])))
    stubbed(monkeypatch, scaled(1 - 2e-6, estimate))
    if not right:
        with pytest.raises(SolveError, match=r"Voigt-Reuss bounds by 2\.0e-06"):
            nh.solve_cells(laminate, "fourier")
        return
    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(laminate, "fourier")
    assert cells.info["bounds"] == pytest.approx(2e-6, rel=1e-3)
    assert cells.info["estimate"] == pytest.approx(estimate)


def test_two_phases_are_held_to_the_bounds_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty per cent of 10 in 1: 1.5 in all directions lies between Reuss, 1.37, and Voigt, 3.7,
    but below the lower bound of Hashin and Shtrikman, 1.65."""
    square = derived(diffusion(lambda s: nh.phases(s, {nh.Layer(0, (0.2, 0.5)): 10})), 2)

    def isotropic(batch: CellBatch) -> CellBatch:
        effective = {
            key: np.full(len(value), 1.5 * (key[1][0] == key[1][1])) if key[0] == "A" else value
            for key, value in batch.effective.items()
        }
        return replace(batch, effective=effective, info={**batch.info, "estimate": 1e-12})

    stubbed(monkeypatch, isotropic)
    with pytest.raises(SolveError, match="outside of its trace bounds"):
        nh.solve_cells(square, "fourier")


def test_right_values_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch, lambda batch: batch)
    cells = nh.solve_cells(MODEL, "fourier")
    assert cells.info["bounds"] == 0
    assert cells.info["data_error"] < 1e-12 and cells.info["estimate"] < 1e-10


def test_the_estimate_is_never_below_the_data_error() -> None:
    model = derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < 0.5017), (10, True))))
    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(model, "fourier", tolerance=1e-6)
    assert cells.info["data_error"] > 1e-5
    assert cells.info["estimate"] >= cells.info["data_error"]


def test_a_tensor_that_depends_on_x_is_judged_at_some_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = derived(
        diffusion(lambda s: 2 + s.x[0] + S(s.y[0])),
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    assert nh.solve_cells(model, "fourier").info["bounds"] < 1e-9
    stubbed(monkeypatch, scaled(1.2, 1e-12))
    with pytest.raises(SolveError, match="Voigt-Reuss"):
        nh.solve_cells(model, "fourier")


def quadrature(n: int) -> tuple[np.ndarray, np.ndarray]:
    return (np.arange(n) / n)[:, None], np.full(n, 1 / n)


def test_the_error_of_a_quadrature_is_that_of_the_means() -> None:
    layer = lower_cells(
        derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < 0.5017), (10, True))))
    )
    error = quadrature_error(layer, {}, (), *quadrature(100))
    share = 0.51 - 0.5017
    assert error == pytest.approx(
        max(share * 9 / (10 - 9 * 0.5017), share * 0.9 / (0.1 + 0.9 * 0.5017)), rel=1e-8
    )
    wave = lower_cells(derived(diffusion(lambda s: 2 + C(135 * s.y[0]))))
    assert quadrature_error(wave, {}, (), *quadrature(27)) == pytest.approx(0.5, rel=1e-8)
    assert quadrature_error(wave, {}, (), *quadrature(997)) < 1e-3


def test_where_coefficients_are_no_formulas_nothing_is_said() -> None:
    opaque: Any = lower_cells(derived(diffusion(lambda s: sp.Function("a")(s.y[0]))))
    assert quadrature_error(opaque, {}, (), *quadrature(9)) == 0


NARROW = 1e-3
"""Width of the feature below: no uniform grid of 64 points a line sees it, as nets would take."""


def narrow(y: sp.Expr) -> sp.Expr:
    """A periodic bump at an odd place."""
    return 1 / (1 + 5 * sp.exp(-((sp.sin(sp.pi * (y - 0.4137)) / (sp.pi * NARROW)) ** 2)))


NETS: dict[str, tuple[Callable[[nh.Scales], sp.Expr], int, dict[str, Any]]] = {
    "smooth": (lambda s: narrow(s.y[0]) * (2 + C(s.y[1])), 2, {"features": 20}),
    "separable": (lambda s: (2 + s.x[0]) * narrow(s.y[0]) * (2 + C(s.y[1])), 2, {"features": 20}),
    "phases": (
        lambda s: sp.Piecewise((narrow(s.y[0]), s.y[0] < 0.5), (2, True)),
        1,
        {"features": 20},
    ),
    "energy": (lambda s: narrow(s.y[0]), 1, {"method": "energy", "features": 20}),
    "complex": (lambda s: (2 + sp.I * narrow(s.y[0])) * (2 + C(s.y[1])), 2, {"features": 20}),
}


@pytest.mark.parametrize("name", NETS)
def test_nets_that_average_past_a_feature_are_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grids = importlib.import_module("nhpinn_sym.solve.pinn.cells.averaging_grids")
    uniform = partial(grids.AveragingGrid, panels=(), coarsest=64)
    monkeypatch.setattr(grids, "_LIMIT", 2**12)
    monkeypatch.setattr(grids.AveragingGrid, "coarse", lambda bounds, panels: uniform(bounds))
    make, dim, options = NETS[name]
    model = derived(
        diffusion(make), dim, domain=nh.Box(*[(0, 1)] * dim), boundary=[nh.Dirichlet(0)]
    )
    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(model, "pinn", tolerance=1e-5, scale=1.0, **options)
    assert cells.info["data_error"] > 1e-4
    assert cells.info["estimate"] >= cells.info["data_error"]


def test_averages_start_on_a_grid_that_sees_the_features() -> None:
    """Two coarse grids that both miss a feature agree."""
    model = derived(diffusion(lambda s: 2 + 1 / (1 + (y_distance(s.y[0]) / 0.01) ** 2)))
    cells = nh.solve_cells(model, "pinn", tolerance=1e-2, features=100, scale=8.0)
    assert cells.info["data_error"] < 1e-9
    assert cells.effective["A"][0, 0] == pytest.approx(2.0259647954822473, rel=1e-4)  # by Fourier


def y_distance(y: sp.Expr) -> sp.Expr:
    """A smooth periodic distance from an odd place."""
    return sp.sin(sp.pi * (y - 0.4137)) / sp.pi


@pytest.mark.parametrize("method", ["auto", "energy"])
def test_nets_that_see_their_data_have_no_data_error(method: str) -> None:
    cells = nh.solve_cells(MODEL, "pinn", method=method, tolerance=1e-5)
    assert cells.info["data_error"] < 1e-12


def test_the_baseline_shows_its_grid_too() -> None:
    model = derived(diffusion(lambda s: narrow(s.y[0])))
    options = {"method": "nh-pinn", "epochs": 2, "width": 4, "nodes": 21}
    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(model, "pinn", **options)
    assert cells.info["data_error"] > 1e-4
