"""The default backend fits the data, and its answers are right where another one would miss
them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
import nhpinn_sym.solve.cells
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.solve import backend_choice
from nhpinn_sym.solve.backend_choice import BackendChoice, choose_cells_backend, no_backend
from nhpinn_sym.solve.backends import choose_fem
from tests.symbolic import C, S, derived, diffusion

HALF = sp.Rational(1, 2)
FEM = choose_fem("auto")


def chosen(a: Callable[[nh.Scales], Any], dim: int = 1) -> BackendChoice:
    return choose_cells_backend(lower_cells(derived(diffusion(a), dim)), {}, ())


def test_smooth_coefficients_are_for_fourier() -> None:
    assert chosen(lambda s: 2 + S(s.y[0]) * C(s.y[1]), 2).backends[0] == "fourier"
    assert chosen(lambda s: 2 + C(135 * s.y[0])).backends[0] == "fourier"
    assert "541 points" in chosen(lambda s: 2 + C(135 * s.y[0])).reason


def test_planes_are_for_finite_elements() -> None:
    for a in (
        lambda s: nh.phases(s, {nh.Layer(0, (0.4137, 0.4147)): 1e-4}),
        lambda s: sp.Piecewise((1, s.y[0] < 0.5017), (10, True)),
        lambda s: 2 + sp.Abs(S(s.y[0])),
    ):
        assert chosen(a).backends[0] == FEM
    square = nh.Polygon([(0.2, 0.2), (0.6, 0.2), (0.6, 0.7), (0.2, 0.7)])
    assert chosen(lambda s: nh.phases(s, {square: 10}), 2).backends[0] == FEM


def test_jumps_of_a_finer_level_are_for_finite_elements() -> None:
    """Layers of two values across z2, in layers across y1: 1/<1/5> along y1, <3.2> along y2."""

    def layers(s: nh.Scales) -> sp.Expr:
        fine = sp.Piecewise((2, s.z[1] < HALF), (8, True))
        return sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (fine, True))

    cells = nh.solve_cells(derived(diffusion(layers), 2, levels=2))
    expected = np.diag([1 / (1 / 3 + 2 / 15), 1 / 3 + 2 / 3 * 3.2])
    assert cells.effective["A"] == pytest.approx(expected, abs=1e-9)
    assert cells.info["choice"].startswith(FEM)


def test_what_no_grid_resolves_is_for_finite_elements() -> None:
    def sharp(s: nh.Scales) -> sp.Expr:
        return 2 + sp.tanh(10**4 * S(s.y[0])) * C(s.y[1])

    assert chosen(sharp, 2).backends[0] == FEM


def test_curved_interfaces_are_for_meshes_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = chosen(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 10}), 2)
    assert disk.backends == (FEM, "pinn") and "curved" in disk.reason
    ball = chosen(lambda s: nh.phases(s, {nh.Ball((HALF, HALF, HALF), 0.3): 10}), 3)
    assert ball.backends == (FEM,) and "which meshes fit" in ball.reason
    monkeypatch.setattr(backend_choice, "available", lambda name: name != "pinn")
    assert chosen(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 10}), 2).backends == (FEM,)


W = sp.Rational(1, 500)
QUOTED = {
    "layer": (lambda s: nh.phases(s, {nh.Layer(0, (0.4137, 0.4147)): 1e-4}), 1 / (0.999 + 10)),
    "jump": (lambda s: sp.Piecewise((1, s.y[0] < 0.5017), (10, True)), 1 / (0.5017 + 0.04983)),
    "bump": (
        lambda s: 1 / (1 + 1000 * sp.exp(-((sp.sin(sp.pi * (s.y[0] - HALF)) / (sp.pi * W)) ** 2))),
        0.2200247765843,
    ),
    "wave": (lambda s: 2 + C(135 * s.y[0]), np.sqrt(3)),
    "steep": (lambda s: 2 + sp.tanh(500.0 * S(s.y[0])), 1.5005247332),
}


@pytest.mark.parametrize("name", QUOTED)
def test_the_default_is_right_where_meshes_miss_the_data(name: str) -> None:
    a, exact = QUOTED[name]
    cells = nh.solve_cells(derived(diffusion(a)))
    error = abs(cells.effective["A"][0, 0] / exact - 1)
    assert error < 1e-6 and error <= 10 * cells.info["estimate"] + 1e-9
    assert cells.info["choice"].startswith(cells.backend)
    assert cells.info["bounds"] < 1e-6


@pytest.mark.parametrize("name", QUOTED)
def test_no_backend_is_silent_there(name: str) -> None:
    """With a grid that misses the data the means of the coefficients say so."""
    a, exact = QUOTED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nh.ToleranceWarning)
        try:
            cells = nh.solve_cells(derived(diffusion(a)), "fourier", n=45)
        except nh.NhpinnError:
            return
    found = cells.effective["A"][0, 0]
    assert abs(found - exact) / max(found, exact) <= 10 * cells.info["estimate"] + 1e-9


def test_the_next_backend_is_tried_where_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plates are not for elements without continuous derivatives."""
    monkeypatch.setattr("nhpinn_sym.solve.backend_choice.choose_fem", lambda *_, **__: "dolfinx")
    assert nh.solve_cells(derived(_plate, 1)).backend == "fourier"


def test_a_result_without_a_digit_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets find nothing for disks that touch; what the meshes say of them leads on."""
    poor = SimpleNamespace(info={"estimate": 5e3, "tolerance": 1e-9})
    solved = nhpinn_sym.solve.cells.solve_request

    def stubbed(request: Any, name: str) -> Any:
        return poor if name == "pinn" else solved(request, name)

    monkeypatch.setattr("nhpinn_sym.solve.cells.solve_request", stubbed)
    disks = diffusion(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), HALF): 10}, default=1))
    with pytest.raises(nh.SolveError, match="interfaces that touch"):
        nh.solve_cells(derived(disks, 2))


def test_jumps_of_plates_go_to_smooth_elements() -> None:
    cells = nh.solve_cells(derived(_plate, 1))
    assert cells.backend == "skfem"
    assert cells.effective["A"].item() == pytest.approx(1.5, rel=1e-7)


def _plate(s: nh.Scales, u: Any) -> sp.Eq:
    stiff = sp.Piecewise((1, s.y[0] < HALF), (3, True))
    return sp.Eq(s.laplacian(stiff * s.laplacian(u)), 1)


def test_an_error_of_all_backends_names_each() -> None:
    error = no_backend(
        BackendChoice(("a", "b"), "they jump"), {"a": ValueError("x\ny"), "b": ValueError("z")}
    )
    assert "they jump" in str(error) and "a: x; b: z" in str(error)
