"""Cell problems by random features: effective coefficients against closed forms and an independent
Fourier solver.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.forms import Functional, LoweredCells
from nhpinn_sym.problem.domain import Cell
from nhpinn_sym.problem.errors import ProblemError, SolveError, ToleranceWarning, UnsupportedError
from nhpinn_sym.solve.pinn.cells.smooth import NetworkField, SmoothCellSolver
from nhpinn_sym.solve.solution import CellBatch, CellTask

from ....pinn_samples import (
    PI2,
    Array,
    diffusion_cells,
    elliptic_2d,
    fourier_effective,
    reaction,
    relative,
    slow_1d,
    with_jump,
    x1,
    y1,
    y2,
    y3,
)

ONE = np.zeros((1, 0))


def solved(cells: LoweredCells, tolerance: float = 1e-9, **options: Any) -> CellBatch:
    return SmoothCellSolver(CellTask(cells, {}, (), tolerance), **options).solve(ONE)


def matrix(batch: CellBatch, dim: int) -> Array:
    return np.array([[batch.effective["A", (i, j)][0] for j in range(dim)] for i in range(dim)])


def test_elliptic_2d() -> None:
    batch = solved(elliptic_2d())
    assert np.abs(matrix(batch, 2) - 1.9353592348122903 * np.eye(2)).max() < 1e-12
    assert (
        batch.info["method"] == "random-features"
        and batch.info["estimate"] < 1e-9
        and batch.info["seed"] == 0
    )
    assert batch.info["residual"] < 1e-5 and abs(batch.info["fredholm"]) < 1e-6


def test_the_answer_does_not_depend_on_the_seed() -> None:
    assert (
        np.abs(matrix(solved(elliptic_2d(), seed=5), 2) - 1.9353592348122903 * np.eye(2)).max()
        < 1e-12
    )


@pytest.mark.parametrize("length", [sp.S.One, 2 * sp.pi])
def test_reaction(length: sp.Expr) -> None:
    batch = solved(reaction(length))
    assert batch.effective["c", ()][0] == pytest.approx(
        -(float(length) ** 2) / (16 * np.pi**2), abs=1e-13
    )
    y = np.linspace(-1, 3, 41)[:, None] * float(length)
    exact = -((float(length) / (2 * np.pi)) ** 2) / 2 * np.cos(2 * np.pi * y[:, 0] / float(length))
    assert np.abs(batch.fields[0][0].derivative(y, (0,))[0] - exact).max() < 1e-11


def test_slowly_varying_coefficient_by_one_parametric_net() -> None:
    solver = SmoothCellSolver(CellTask(slow_1d(), {}, ((0.0, np.pi),), 1e-9))
    x = np.linspace(0, np.pi, 101)[:, None]
    batch = solver.solve(x)
    exact = np.sqrt((2 + np.sin(x[:, 0])) ** 2 - 0.25)
    assert relative(batch.effective["A", (0, 0)], exact) < 1e-10
    assert solver.solve(x[3:5]).info is batch.info
    y = np.linspace(0, 1, 7)[:, None]
    slope = exact[:, None] / (2 + np.sin(x) + np.sin(2 * np.pi * y.T) / 2) - 1
    assert np.abs(batch.fields[0][0].derivative(y, (1,)) - slope).max() < 1e-5
    assert (
        np.abs(batch.fields[0][0].derivative(np.arange(64)[:, None] / 64, (0,)).mean(1)).max()
        < 1e-12
    )
    with pytest.raises(ProblemError, match="outside"):
        solver.solve(x + 1)


def test_contrast_55() -> None:
    cells = diffusion_cells(sp.exp(2 * sp.sin(PI2 * y1) * sp.cos(PI2 * y2)) * sp.eye(2))
    assert (
        np.abs(matrix(solved(cells), 2) - np.eye(2)).max() < 1e-10
    )  # a(y + shift) = 1 / a(y): duality gives 1


def test_a_sharp_layer() -> None:
    """Of width 1e-3, against the harmonic mean; features that turn as fast everywhere are .48 off.
    The places of its inputs are kept in files.
    """
    a = sp.Rational(3, 2) + sp.tanh(200 * sp.sin(PI2 * y1))
    batch = solved(diffusion_cells(sp.Matrix([[a]])), 1e-3)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(0.8347588416812826, rel=1e-3)
    field = batch.fields[0][0]
    again = NetworkField.from_state(field.state())
    y = np.random.default_rng(0).random((9, 1))
    assert np.array_equal(again.evaluate(y, [(1,)]), field.evaluate(y, [(1,)]))


def test_nonsymmetric_tensor_on_another_cell() -> None:
    """Against Fourier collocation; the cell (0, 3) x (0, 1) with a stretched coefficient has the
    stretched effective tensor.
    """
    s, c = sp.sin(PI2 * y1), sp.cos(PI2 * y2)
    a = sp.Matrix([[2 + s, sp.Rational(1, 2) + c / 3], [-sp.Rational(1, 4), 3 + s * c]])
    numbers = sp.lambdify((y1, y2), [list(row) for row in a.tolist()])
    expected = fourier_effective(
        lambda y: np.array([[v + 0 * y[0] for v in row] for row in numbers(*y)]), 41, 2
    )
    found = matrix(solved(diffusion_cells(a), 1e-7), 2)
    assert np.abs(found - expected).max() < 1e-8
    stretched = sp.diag(3, 1) * a.subs(y1, y1 / 3) * sp.diag(3, 1)
    other = matrix(solved(diffusion_cells(stretched, cell=Cell((0, 3), (0, 1))), 1e-7), 2)
    assert np.abs(other - np.diag([3, 1]) @ expected @ np.diag([3, 1])).max() < 1e-7


def test_shear_flow_with_a_parameter() -> None:
    """A_11 = D + b^2 / (8 pi^2 D) for the drift (b cos 2 pi y2, 0)."""
    b = sp.Symbol("b", real=True)
    cells = diffusion_cells(sp.eye(2) / 2, drift=(b * sp.cos(PI2 * y2), sp.S.Zero), parameters=(b,))
    batch = SmoothCellSolver(CellTask(cells, {"b": 20.0}, (), 1e-9)).solve(ONE)
    assert matrix(batch, 2) == pytest.approx(np.diag([0.5 + 400 / (4 * np.pi**2), 0.5]), abs=1e-9)


@pytest.mark.parametrize(
    ("a", "features", "bound"),
    [
        (2 + sp.sin(PI2 * y1) * sp.sin(PI2 * y2) * sp.sin(PI2 * y3), 800, 1e-5),
        (2 + sp.cos(PI2 * (y1 + y2 + y3)), 300, 5e-2),
        (sp.exp(sp.sin(PI2 * y1) * sp.cos(PI2 * y2) + sp.sin(PI2 * y3) / 2), 200, 1e-2),
    ],
)
def test_three_dimensions(a: sp.Expr, features: int, bound: float) -> None:
    """The estimate is above the error, and near it."""
    values = sp.lambdify((y1, y2, y3), a)
    expected = fourier_effective(lambda y: np.eye(3).reshape(3, 3, 1, 1, 1) * values(*y), 15, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        batch = solved(diffusion_cells(a * sp.eye(3)), 1e-6, features=features)
    error = np.abs(matrix(batch, 3) - expected).max() / np.abs(expected).max()
    assert error < bound
    assert error < batch.info["estimate"] < 10 * error


def test_a_tolerance_that_is_not_reached_is_a_warning() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(PI2 * s.y[0]) * sp.cos(PI2 * s.y[1])
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    with pytest.warns(ToleranceWarning, match="effective coefficients.*MAX_FEATURES"):
        nh.solve_cells(model, "pinn", features=200)


def test_no_cell_functions() -> None:
    cells = replace(
        diffusion_cells(sp.Matrix([[3]])),
        functions=(),
        effective=(Functional("A", (0, 0), 3 + sp.cos(PI2 * y1), (), None),),
    )
    assert solved(cells).effective["A", (0, 0)][0] == pytest.approx(3, abs=1e-14)


def test_a_field_is_made_again_from_its_state() -> None:
    field = (
        SmoothCellSolver(CellTask(slow_1d(), {}, ((0.0, 1.0),), 1e-6))
        .solve(np.array([[0.2], [0.7]]))
        .fields[0][0]
    )
    again, y = NetworkField.from_state(field.state()), np.random.default_rng(0).random((9, 1))
    for index in ((0,), (1,), (3,)):
        assert again.derivative(y, index) == pytest.approx(field.derivative(y, index), rel=1e-12)
    assert field.derivative(y + 1, (1,)) == pytest.approx(field.derivative(y, (1,)), abs=1e-8)


def test_a_jump_is_refused() -> None:
    a = sp.Piecewise((1, y1 < sp.Rational(1, 2)), (10, True))
    with pytest.raises(UnsupportedError, match="Piecewise"):
        SmoothCellSolver(CellTask(with_jump(diffusion_cells(a * sp.eye(1))), {}, (), 1e-9))


@pytest.mark.parametrize(("options", "message"), [({"layers": 3}, "no option 'layers'"), ({"solver": "sgd"}, "no solver has this name"),
                                                  ({"width": 0}, "width")])  # fmt: skip
def test_unknown_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        SmoothCellSolver(CellTask(elliptic_2d(), {}, (), 1e-9), **options)


def test_a_coefficient_that_is_not_finite() -> None:
    with pytest.raises(SolveError):
        solved(diffusion_cells(sp.Matrix([[sp.log(y1 - 2)]])))
    assert x1 not in elliptic_2d().slow
