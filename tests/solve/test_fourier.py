"""The Fourier backend: against dense linear algebra, closed forms, and its own emitted file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit import fourier_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.forms import WeakTerm
from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.runtime.fourier.block_operator import BlockOperator
from nhpinn_sym.runtime.fourier.grid import Grid, evaluate_modes
from nhpinn_sym.runtime.fourier.refinement import solve_cells
from nhpinn_sym.runtime.tensor_grids import tensor_points
from nhpinn_sym.solve.fourier import cells as fourier_cells
from nhpinn_sym.solve.fourier.cells import CellSolver
from nhpinn_sym.solve.solution import CellTask
from tests.emitted import run_main
from tests.solve.fourier_samples import Y, cells, function
from tests.symbolic import C, S, derived, diffusion

TAU = 2 * np.pi


def dense(n: int, a: np.ndarray, b: np.ndarray, source: np.ndarray) -> np.ndarray:
    """N of -(a N')' + b N' = source by dense Fourier collocation, bordered by <N> = 0."""
    waves = 1j * TAU * np.fft.fftfreq(n, 1 / n)
    d = np.fft.ifft(waves[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real
    matrix = np.vstack(
        [
            np.hstack([-d @ (a[:, None] * d) + b[:, None] * d, np.ones((n, 1))]),
            np.append(np.ones(n), 0),
        ]
    )
    return np.linalg.solve(matrix, np.append(source, 0))[:n]


@pytest.mark.parametrize("drift", [0.0, 5.0])
def test_both_krylov_methods_against_a_dense_solve(drift: float) -> None:
    grid = Grid([(0, 1)], 45)
    y = grid.points[0]
    a, b, g = np.exp(np.sin(TAU * y)), drift * np.ones_like(y), np.cos(TAU * y) ** 3
    operator = BlockOperator(
        grid, 1, [(0, (1,), -a, 0, (1,)), (0, (0,), b, 0, (1,))], positive=drift == 0
    )
    modes, residual, iterations = operator.solve(
        grid.forward(g[None, None, None]), np.zeros((1, 1, 1, 23), dtype=complex), 1e-13
    )
    found = grid.backward(modes)[0, 0, 0]
    assert np.allclose(found, dense(45, a, b, g), atol=1e-12)
    assert abs(found.mean()) < 1e-16
    assert residual.max() < 1e-12
    assert 0 < iterations < 45


def test_the_multiplier_tells_a_right_hand_side_with_a_mean() -> None:
    functions = [function("N", [WeakTerm((0,), 0.5 + C(Y[0]), (0,))])]
    forms = run(
        "cell_fourier",
        target.cells(cells(functions, [WeakTerm((1,), sp.Integer(1), (1,))]))["cell_fourier.py"],
    )
    (result,) = solve_cells(forms, np.zeros((1, 0)), {}, 1e-10)
    assert result["multipliers"] == {"N": pytest.approx(0.5 / np.sqrt(0.75))}


@pytest.mark.parametrize("drift", [0.0, 5.0])
def test_transposed_operators(drift: float) -> None:
    """<v . A u> = <u . A^T v> for a system with mixed derivatives."""
    grid, rng = Grid([(0, 1), (0, 2)], 9), np.random.default_rng(1)
    c = rng.normal(size=(4, 9, 9))
    terms = [
        (0, (1, 0), c[0], 1, (0, 1)),
        (1, (0, 0), drift * c[1], 0, (2, 0)),
        (0, (0, 1), c[2], 0, (1, 1)),
        (1, (2, 0), c[3], 1, (0, 2)),
    ]
    operator = BlockOperator(grid, 2, terms, positive=False)
    u, v = grid.forward(rng.normal(size=(2, 1, 1, 2, 9, 9)))

    def pairing(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sum(grid.mean(grid.backward(a) * grid.backward(b))))

    assert pairing(v, operator.apply(u, shifted=False)) == pytest.approx(
        pairing(u, operator.transposed().apply(v, shifted=False)), rel=1e-12
    )


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_size_of_the_coefficient_does_not_matter(scale: float) -> None:
    solved = nh.solve_cells(derived(diffusion(lambda s: scale * (2 + S(s.y[0])))))
    assert solved.effective["A"][0, 0] / scale == pytest.approx(np.sqrt(3), abs=1e-12)


def test_high_contrast() -> None:
    """exp(8 sin): contrast 9e6; harmonic mean 1/I_0(8)."""
    solved = nh.solve_cells(derived(diffusion(lambda s: sp.exp(8 * S(s.y[0])))))
    assert solved.effective["A"][0, 0] == pytest.approx(1 / np.i0(8), rel=1e-8)


def test_functions_and_their_derivatives_at_any_point() -> None:
    """Periodic, with zero mean: N' = a*/a - 1 in one dimension."""
    (n,) = nh.solve_cells(
        derived(diffusion(lambda s: 2 + sp.sin(s.y[0])), cell=nh.Cell((0, 2 * sp.pi)))
    ).functions
    y = np.linspace(-9, 20, 57)
    assert np.allclose(n.derivative(y, (1,)), np.sqrt(3) / (2 + np.sin(y)) - 1, atol=1e-12)
    assert np.allclose(n(y + TAU), n(y), atol=1e-13)
    assert abs(np.mean(n(np.arange(64) * TAU / 64))) < 1e-14
    assert np.allclose(
        n.derivative(y, (2,)), -np.sqrt(3) * np.cos(y) / (2 + np.sin(y)) ** 2, atol=1e-10
    )


@pytest.mark.parametrize("index", [(0, 0, 0), (1, 0, 2)])
def test_evaluation_of_modes_in_three_dimensions(index: tuple[int, int, int]) -> None:
    bounds = [(0.0, 1.0), (-1.0, 1.0), (0.0, 3.0)]
    grid = Grid(bounds, 9)

    def f(y1: np.ndarray, y2: np.ndarray, y3: np.ndarray) -> np.ndarray:
        return (
            np.sin(TAU * y1 + np.pi / 2 * index[0])
            * np.cos(np.pi * y2)
            * np.cos(2 * TAU * y3 / 3 + np.pi / 2 * index[2])
        )

    base = (
        np.sin(TAU * grid.points[0])
        * np.cos(np.pi * grid.points[1])
        * np.cos(2 * TAU * grid.points[2] / 3)
    )
    scattered = np.random.default_rng(0).uniform(-4, 4, (50, 3))
    for points in (scattered, tensor_points(list(scattered[:4].T))):
        found = evaluate_modes(np.fft.fftn(base) / base.size, bounds, points, index, chunk=17)
        assert np.allclose(
            found, TAU ** index[0] * (2 * TAU / 3) ** index[2] * f(*points.T), atol=1e-11
        )


def test_a_jump_warns_that_the_estimate_is_above_the_tolerance() -> None:
    """1:3 halves: a* = 3/2, and the rate is that of the jump."""
    model = derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (3, True))))
    with pytest.warns(nh.ToleranceWarning, match="estimated error"):
        solved = nh.solve_cells(model, "fourier")
    assert solved.effective["A"][0, 0] == pytest.approx(1.5, abs=1e-3)


def test_kinks_do_not_stall_the_iteration() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nh.ToleranceWarning)
        solved = nh.solve_cells(derived(diffusion(lambda s: 2 + sp.Min(0, S(s.y[0])))))
    y = (np.arange(200000) + 0.5) / 200000
    assert solved.effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / (2 + np.minimum(0, np.sin(TAU * y)))), abs=1e-7
    )


def test_an_answer_that_is_not_a_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = CellSolver(
        CellTask(lower_cells(derived(diffusion(lambda s: 2 + S(s.y[0])))), {}, (), 1e-10)
    )
    nan = float("nan")
    broken = {
        "n": 27,
        "effective": {("A", (0, 0)): nan},
        "estimate": nan,
        "multipliers": {},
        "residual": nan,
    }
    monkeypatch.setattr(fourier_cells, "solve_forms", lambda *_, **__: [broken])
    with pytest.raises(SolveError, match="stalled"):
        solver.solve(np.zeros((1, 0)))


def test_the_grid_may_be_fixed() -> None:
    solved = nh.solve_cells(derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2), n=14)
    assert solved.info["size"] == 15**2
    assert 0 < solved.info["estimate"] < 1e-4  # against coarser grids


def test_parameters_of_any_allowed_name_reach_the_coefficients() -> None:
    p, q, u = sp.symbols("p q u")
    model = derived(
        diffusion(lambda s: p + q * S(s.y[0]) + u),
        parameters=dict.fromkeys((p, q, u), (1, 1.5)) | {p: (2, 3)},
    )
    solved = nh.solve_cells(model, parameters={p: 2, q: 1.25, u: 1.5})
    assert solved.effective["A"][0, 0] == pytest.approx(np.sqrt(3.5**2 - 1.25**2), abs=1e-12)


def test_the_emitted_file_stands_alone(tmp_path: Path) -> None:
    model = derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2)
    nh.emit(model, "numpy").save(tmp_path)
    assert "A[0, 0] = 1.93535923481229" in run_main(tmp_path, "cells").stdout
