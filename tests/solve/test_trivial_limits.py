"""Trivial limits: nothing oscillates, nothing jumps, eps is nowhere. Every backend and the emitted
mains solve them as they solve anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.equation import lower_fine
from nhpinn_sym.runtime.effective import Effective
from tests.emitted import run_main, run_mains
from tests.symbolic import derived, diffusion

HALF = sp.Rational(1, 2)
SQUARE: dict[str, Any] = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
BACKENDS: list[tuple[str, dict[str, Any]]] = [
    ("fourier", {}),
    ("skfem", {}),
    ("dolfinx", {}),
    ("pinn", {}),
]
ENERGY: tuple[str, dict[str, Any]] = ("pinn", {"method": "energy"})
CONSTANT = np.array([[2.0, 1.0], [1.0, 3.0]])


def elastic(s: nh.Scales, u: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix]:
    strain = s.sym_grad(u)
    return -s.div(strain.trace() * sp.eye(2) + 2 * strain), sp.Matrix([1, 0])


HOMOGENEOUS: dict[str, tuple[Callable[[], nh.HomogenizedModel], np.ndarray]] = {
    "one phase": (lambda: derived(diffusion(lambda s: sp.Integer(2)), 1), np.array([[2.0]])),
    "matrix": (lambda: derived(diffusion(lambda s: sp.Matrix([[2, 1], [1, 3]])), 2), CONSTANT),
    "equal phases": (
        lambda: derived(diffusion(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 2.0}, 2)), 2),
        2 * np.eye(2),
    ),
    "two levels": (
        lambda: derived(diffusion(lambda s: sp.Integer(2)), 2, levels=2),
        2 * np.eye(2),
    ),
    "elasticity": (
        lambda: derived(elastic, 2, components=2),
        np.array([3.0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 3]).reshape(2, 2, 2, 2),
    ),
}


@pytest.mark.parametrize(("backend", "options"), [*BACKENDS, ENERGY])
@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_a_homogeneous_cell(name: str, backend: str, options: dict[str, Any]) -> None:
    model, expected = HOMOGENEOUS[name]
    cells = nh.solve_cells(model(), backend, **options)
    assert np.allclose(cells.effective["A"], expected, rtol=0, atol=1e-9)
    assert cells.info["bounds"] < 1e-9


@pytest.mark.parametrize(("backend", "options"), BACKENDS)
def test_a_coefficient_of_x_alone(backend: str, options: dict[str, Any]) -> None:
    """More slow than fast variables, and no cell functions."""
    model = derived(diffusion(lambda s: 2 + s.x[0]), 2, **SQUARE)
    found = nh.solve_cells(model, backend, **options).effective["A"](np.array([[0.5, 0.2]]))
    assert np.allclose(found, 2.5 * np.eye(2), rtol=0, atol=1e-12)


def test_equal_phases_are_no_jump() -> None:
    """The fine equation holds no Piecewise, whatever the notation of the numbers."""
    layers = lambda s: sp.Piecewise((2.0, s.y[0] < HALF), (2, True))  # noqa: E731
    model = derived(diffusion(layers), 1, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)])
    assert not model.cell_problems
    fine = lower_fine(model.operator)
    assert not fine.jumps
    assert fine.parameters == ()


@pytest.mark.parametrize("target", ["skfem", "dolfinx"])
def test_emitted_mains_ask_for_no_eps_where_there_is_none(tmp_path: Path, target: str) -> None:
    line = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}
    model = derived(diffusion(lambda s: sp.Integer(2)), 1, **line)
    nh.emit(model, target).save(tmp_path)
    done = run_mains(tmp_path, ["cells"], ["homogenized"], ["fine"])
    assert done.returncode == 0, done.stderr
    assert " = 2\n" in done.stdout and done.stdout.count("<= 0.0625") == 2


@pytest.mark.parametrize("target", ["skfem", "dolfinx"])
def test_emitted_mains_tabulate_what_depends_on_x(tmp_path: Path, target: str) -> None:
    """A* = sqrt((2 + x)^2 - 1/16) at Chebyshev points of x."""
    line = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}
    model = derived(diffusion(lambda s: 2 + s.x[0] + sp.sin(2 * sp.pi * s.y[0]) / 4), 1, **line)
    nh.emit(model, target).save(tmp_path)
    done = run_main(tmp_path, "cells", "n=64")
    assert done.returncode == 0, done.stderr
    table = Effective.load(tmp_path / "effective.json")
    x = np.linspace(0, 1, 7)[:, None]
    key = ("A", (0, 0))
    assert np.allclose(table(key, x, ("x1",)), np.sqrt((2 + x[:, 0]) ** 2 - 1 / 16), atol=1e-6)
    slope = table((*key, (1,)), x, ("x1",))
    assert np.allclose(slope, (2 + x[:, 0]) / np.sqrt((2 + x[:, 0]) ** 2 - 1 / 16), atol=1e-4)
    assert "y1" not in done.stdout and "along x1" in done.stdout


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_mean_drift_of_layers(backend: str) -> None:
    """Shear flow that jumps, with a mean: c = <b>, A* = 1 + <R^2>, R' = b - c; b = 3 | 6 on
    0.4 | 0.6 of the cell: R is a triangle of height 0.72.
    """
    model = derived(
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + (1 + nh.phases(s, {nh.Layer(1, (0, 0.4)): 2}, default=5)) * u.diff(s.x[0]) / s.eps,
            0,
        ),
        2,
        time=True,
    )
    cells = nh.solve_cells(model, backend)
    assert np.allclose(cells.effective["drift"], [4.8, 0], rtol=0, atol=1e-8)
    expected = np.diag([1 + 0.72**2 / 12, 1])
    assert np.allclose(cells.effective["A"], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("dim", [1, 2])
def test_waves_in_a_homogeneous_medium_do_not_disperse(dim: int) -> None:
    model = derived(
        lambda s, u: sp.Eq(3 * s.dt(u, 2) - s.div(2 * s.grad(u)), 0), dim, time=True, order=2
    )
    found = nh.dispersion(model, nh.solve_cells(model))
    waves = np.array([[2.0] * dim, [0.5] + [3.0] * (dim - 1)])
    expected = np.sqrt(2 / 3 * (waves**2).sum(axis=1))
    for form in ("leading", "bakhvalov", "boussinesq"):
        assert found.frequency(waves, 0.2, form) == pytest.approx(expected, rel=1e-12)
