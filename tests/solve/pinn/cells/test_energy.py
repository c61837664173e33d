"""Cell problems by energies: closed forms, enclosures that hold, fluxes without divergence, trained
nets, what is refused.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.solve.cell_solution import CellSolution
from nhpinn_sym.solve.pinn.cells.energy import EnergyCellSolver
from nhpinn_sym.solve.pinn.network import Network
from nhpinn_sym.solve.solution import CellTask

HALF = sp.Rational(1, 2)
DISK = 1.60294191228
"""a* of a disk of radius 0.3 and contrast 10, by two-phase nets and fitted elements."""


def model(a: object, s: nh.Scales) -> nh.HomogenizedModel:
    u = s.unknown("u")
    return nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u))


def solved(a: object, s: nh.Scales, **options: object) -> CellSolution:
    return nh.solve_cells(model(a, s), "pinn", method="energy", **options)


def smallest(matrix: np.ndarray) -> float:
    size = int(np.sqrt(matrix.size))
    return float(np.linalg.eigvalsh(matrix.reshape(size, size)).min())


def disk(s: nh.Scales, contrast: int) -> sp.Expr:
    return sp.Piecewise(
        (contrast, (s.y[0] - HALF) ** 2 + (s.y[1] - HALF) ** 2 < sp.Rational(9, 100)), (1, True)
    )


@pytest.mark.parametrize("jump", [False, True])
def test_in_one_dimension_a_is_the_harmonic_mean(jump: bool) -> None:
    s = nh.Scales(1)
    a = sp.Piecewise((1, s.y[0] < HALF), (7, True)) if jump else 2 + sp.sin(2 * sp.pi * s.y[0])
    exact = 1.75 if jump else np.sqrt(3)
    cells = solved(a, s, tolerance=1e-11)
    assert abs(cells.effective["A"][0, 0] - exact) < 1e-12
    assert cells.bounds["A"][0][0, 0] <= exact <= cells.bounds["A"][1][0, 0]


def test_a_laminate_is_enclosed_by_narrow_bounds() -> None:
    s = nh.Scales(2)
    cells = solved(sp.Piecewise((1, s.y[0] < HALF), (5, True)), s, tolerance=1e-7)
    exact, (lower, upper) = np.diag([5 / 3, 3.0]), cells.bounds["A"]
    assert np.abs(cells.effective["A"] - exact).max() < 3e-7
    assert (
        smallest(upper - exact) >= 0
        and smallest(exact - lower) >= 0
        and smallest(upper - lower) > 0
    )


def test_the_smooth_cell_of_the_paper() -> None:
    s = nh.Scales(2)
    cells = solved(2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1]), s, features=400)
    assert np.abs(cells.effective["A"] - 1.9353592348122903 * np.eye(2)).max() < 1e-11
    assert cells.info["estimate"] < 1e-10


@pytest.mark.parametrize(("contrast", "exact"), [(10, DISK), (50, 1.747805894966)])
def test_a_disk_is_enclosed_to_a_millionth(contrast: int, exact: float) -> None:
    s = nh.Scales(2)
    cells = solved(disk(s, contrast), s, tolerance=1e-7)
    lower, upper = cells.bounds["A"]
    assert (
        smallest(upper - exact * np.eye(2)) >= -1e-11
        and smallest(exact * np.eye(2) - lower) >= -1e-11
    )
    assert (
        np.linalg.norm(upper - lower, 2) < 1e-6
        and np.abs(cells.effective["A"] - exact * np.eye(2)).max() < 1.5e-7
    )


@settings(max_examples=4, derandomize=True)
@given(st.lists(st.floats(-0.4, 0.4), min_size=4, max_size=4))
def test_the_enclosure_holds_and_is_ordered(c: list[float]) -> None:
    s = nh.Scales(2)
    y, b = [2 * sp.pi * v for v in s.y], c[3] * sp.sin(2 * sp.pi * s.y[0])
    a = sp.Matrix(
        [[2 + c[0] * sp.sin(y[0]) + c[1] * sp.cos(y[0] + y[1]), b], [b, 1.5 + c[2] * sp.cos(y[1])]]
    )
    exact = nh.solve_cells(model(a, s), "fourier").effective["A"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lower, upper = solved(a, s, features=200, scale=0.5).bounds["A"]
    assert (
        smallest(upper - exact) >= -1e-10
        and smallest(exact - lower) >= -1e-10
        and smallest(upper - lower) >= 0
    )


def test_elasticity_by_airys_function() -> None:
    s = nh.Scales(2)
    v, a = (
        s.unknown("v", components=2),
        1 + HALF * sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1]),
    )
    e = s.sym_grad(v)
    elastic = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(a * e.trace() * sp.eye(2) + 2 * a * e), [1, 0]), scales=s, unknown=v
        )
    )
    cells, exact = (
        nh.solve_cells(elastic, "pinn", method="energy", tolerance=1e-6),
        nh.solve_cells(elastic, "fourier"),
    )
    lower, upper = cells.bounds["A"]
    assert lower.shape == upper.shape == (2, 2, 2, 2)
    assert np.abs(cells.effective["A"] - exact.effective["A"]).max() < 1e-6
    assert (
        smallest(upper - exact.effective["A"]) >= -1e-12
        and smallest(exact.effective["A"] - lower) >= -1e-12
    )
    points = np.random.default_rng(0).random((20, 2))
    for one, other in zip(cells.functions, exact.functions):
        assert np.abs(one(points) - other(points)).max() < 1e-3


@pytest.mark.parametrize("dim", [2, 3])
def test_fluxes_have_no_divergence(dim: int) -> None:
    s = nh.Scales(dim)
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    solver = EnergyCellSolver(CellTask(lower_cells(model(a, s)), {}, (), 1e-3))
    trial, table = solver.dual.trial, solver.energy.flux
    net = Network(
        trial,
        [
            *trial.features(30, (1.0,) * dim, 0),
            (
                torch.randn(solver.dual.components, 30, dtype=torch.float64),
                torch.zeros(solver.dual.components, dtype=torch.float64),
            ),
        ],
    )
    points = torch.rand(50, dim, dtype=torch.float64)
    second = [
        tuple(int(k == i) + int(k == j) for k in range(dim)) for i in range(dim) for j in range(dim)
    ]
    known = tuple(trial.indices) + tuple(dict.fromkeys(second))
    jet = net.jet(points, known)
    parts = [
        factor * jet[tuple(n + int(k == axis) for k, n in enumerate(index))][:, i]
        for axis, row in enumerate(table)
        for i, index, factor in row
    ]
    total = torch.stack(parts).sum(0)
    assert float(total.abs().max()) < 1e-13 * float(torch.stack(parts).abs().max())


def test_a_coarse_quadrature_is_exploited_and_the_other_one_stops_it() -> None:
    s = nh.Scales(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = solved(
            2 + sp.sin(2 * sp.pi * s.y[0]), s, solver="ssbfgs", width=4, points=8, iterations=400
        )
    assert cells.info["result"] == "OVERFITTED"
    assert (
        cells.info["energy"]
        < np.sqrt(3) / 2 - 5e-4
        < np.sqrt(3) / 2
        < cells.info["held_out_energy"]
        < np.sqrt(3) / 2 + 5e-3
    )
    assert cells.info["iterations"] < 400


def test_the_text_that_is_run_is_the_text_that_is_emitted() -> None:
    s = nh.Scales(2)
    given = model(disk(s, 10), s)
    solver, source = (
        EnergyCellSolver(CellTask(lower_cells(given), {}, (), 1e-3)),
        nh.emit(given, "torch"),
    )
    for trial in (solver.primal.trial, solver.dual.trial):
        run = dict(trial.source.files)
        assert all(source[name] == text for name, text in run.items()) and f"{trial.name}.py" in run


def test_trained_nets_enclose() -> None:
    s = nh.Scales(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = solved(2 + sp.sin(2 * sp.pi * s.y[0]), s, width=8, depth=2, iterations=150)
    lower, upper = cells.bounds["A"]
    assert (
        cells.info["solver"] == "ssbfgs"
        and lower[0, 0] <= np.sqrt(3) + 1e-12
        and np.sqrt(3) <= upper[0, 0] < np.sqrt(3) + 1e-4
    )


def test_bounds_and_kinked_fields_are_kept_on_disk(tmp_path: Path) -> None:
    s = nh.Scales(2)
    cells = solved(disk(s, 10), s, tolerance=1e-3)
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    assert all(np.array_equal(a, b) for a, b in zip(again.bounds["A"], cells.bounds["A"]))
    points = np.random.default_rng(1).random((30, 2))
    for index in ((0, 0), (1, 0), (1, 1)):
        before, after = (solved.functions[0].derivative(points, index) for solved in (cells, again))
        assert np.allclose(after, before, rtol=1e-12, atol=1e-12)
    assert np.allclose(
        cells.functions[0](points + np.array([1.0, -2.0])), cells.functions[0](points), atol=1e-12
    )


def test_what_has_no_energy_is_refused() -> None:
    s = nh.Scales(2)
    turned = sp.Matrix(
        [
            [2, sp.sin(2 * sp.pi * s.y[1])],
            [-sp.sin(2 * sp.pi * s.y[1]), 2 + sp.cos(2 * sp.pi * s.y[0])],
        ]
    )
    local = 2 + s.x[0] + sp.sin(2 * sp.pi * s.y[0])
    for a, reason in ((turned, "not symmetric"), (local, "depends on x")):
        u = s.unknown("u")
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
        with pytest.raises(nh.UnsupportedError, match=reason):
            nh.solve_cells(nh.homogenize(problem), "pinn", method="energy")
    for name, value in (("flavour", "native"), ("dtype", "float32"), ("checkpoint", "somewhere")):
        with pytest.raises(nh.UnsupportedError, match=f"does not heed the option {name}"):
            solved(2 + sp.sin(2 * sp.pi * s.y[0]), s, **{name: value})
    with pytest.raises(nh.UnsupportedError, match="no sum of squares"):
        solved(2 + sp.sin(2 * sp.pi * s.y[0]), s, solver="lm")
