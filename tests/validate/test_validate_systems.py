"""validate on a coupled system of two equations, against scipy's solver of boundary value
problems.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson, solve_bvp

import nhpinn_sym as nh
from nhpinn_sym.validate.report import Report, Verdict

Array = NDArray[np.float64]
EPS = 0.125
X = np.linspace(0, 1, 16001)


def coupled() -> nh.MultiscaleProblem:
    """-(a u')' + 2 u - w = 1 and -(b w')' - u + w = x, clamped, with a, b of mean inverse 1/sqrt(3)
    and 1/(sqrt(8)/2).
    """
    s = nh.Scales(1)
    u, w = s.unknown("u"), s.unknown("w")
    a, b = 2 + sp.sin(2 * sp.pi * s.y[0]), sp.Rational(3, 2) + sp.cos(2 * sp.pi * s.y[0]) / 2
    equations = [
        sp.Eq(-s.div(a * s.grad(u)) + 2 * u - w, 1),
        sp.Eq(-s.div(b * s.grad(w)) - u + w, s.x[0]),
    ]
    return nh.MultiscaleProblem(
        equations,
        scales=s,
        unknown=[u, w],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        name="coupled",
    )


def moduli(y: Array) -> Array:
    return np.stack([2 + np.sin(2 * np.pi * y), 1.5 + np.cos(2 * np.pi * y) / 2])


HARMONIC = np.array([3**0.5, 2**0.5])


def reference(a: NDArray[np.float64] | None) -> tuple[Array, Array]:
    """(u, w) and their slopes at X, (2, n); coefficients a(x/eps), or the harmonic means."""

    def slopes(x: Array, z: Array) -> Array:
        values = moduli(x / EPS) if a is None else a[:, None]
        return np.stack([z[2] / values[0], z[3] / values[1], 2 * z[0] - z[1] - 1, -z[0] + z[1] - x])

    def ends(left: Array, right: Array) -> Array:
        return np.concatenate([left[:2], right[:2]])

    found = solve_bvp(
        slopes, ends, np.linspace(0, 1, 801), np.zeros((4, 801)), tol=1e-9, max_nodes=100_000
    )
    assert found.success
    z = found.sol(X)
    return z[:2], slopes(X, z)[:2]


def relative(difference: Array, size: Array) -> float:
    return float(np.linalg.norm(difference) / np.linalg.norm(size))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    folder = tmp_path_factory.mktemp("coupled")
    return nh.validate(coupled(), eps=EPS, out=folder, fem="skfem"), folder


def test_errors_against_an_independent_solver(run: tuple[Report, Path]) -> None:
    report, _ = run
    (fine, _), (mean, slope) = reference(None), reference(HARMONIC)
    assert report.verdict is Verdict.AGREEMENT
    for name in ("e1", "e2", "e4"):
        assert report.errors[name] == pytest.approx(relative(mean - fine, fine), rel=1e-3)
    for j, name in enumerate("uw"):
        assert report.info["errors by component"][name]["e4"] == pytest.approx(
            relative(mean[j] - fine[j], fine[j]), rel=1e-3
        )
    y = np.linspace(0, 1, 4001)
    corrector = cumulative_simpson(HARMONIC[:, None] / moduli(y) - 1, x=y, initial=0)
    corrector -= corrector[:, :-1].mean(1, keepdims=True)
    corrected = mean + EPS * np.stack([np.interp(X / EPS % 1, y, n) for n in corrector]) * slope
    assert report.first_order["L2"] == pytest.approx(relative(corrected - fine, fine), rel=1e-3)


def test_files_and_resumption(run: tuple[Report, Path]) -> None:
    report, folder = run
    written = json.loads((folder / "results.json").read_text())
    assert np.array(written["effective"]["pinn"]["A"])[[0, 1], 0, [0, 1], 0] == pytest.approx(
        HARMONIC, abs=1e-9
    )
    for name in (
        "report.txt",
        "coefficient.png",
        "cell_functions.png",
        "solutions.png",
        "error.png",
        "emitted/torch/cell_residual.py",
    ):
        assert (folder / name).stat().st_size > 0
    again = nh.validate(coupled(), eps=EPS, out=folder, fem="skfem")
    assert set(again.info["resumed"]) == {
        "cells_pinn",
        "cells_skfem",
        "cells_fourier",
        "u_eps",
        "u_larger_0",
        "p",
        "p_layers",
        "w",
        "v",
        "u0",
    }
    assert again.errors == pytest.approx(report.errors, rel=1e-9)


def test_the_reconstruction_of_a_system() -> None:
    """u0 + eps sum N_{q, k} d_k u0_q, written out, and its derivative against a difference
    quotient.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e, lam = s.sym_grad(v), 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    load = sp.Matrix([sp.sin(2 * sp.pi * s.x[1]), sp.cos(2 * sp.pi * (s.x[0] + s.x[1]))])
    model = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(lam * e.trace() * sp.eye(2) + 2 * e), load),
            scales=s,
            unknown=v,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Periodic()],
        )
    )
    cells = nh.solve_cells(model)
    u0 = nh.solve_homogenized(model, cells)
    u1 = nh.reconstruct(u0, cells, EPS)
    points = np.random.default_rng(0).random((40, 2))
    expected = u0(points)
    for function in cells.functions:
        for (component, alpha), sign in function.sources:
            expected = (
                expected
                + EPS
                * sign
                * function(points / EPS)
                * u0.derivative(points, alpha[:2])[:, [component]]
            )
    assert u1(points) == pytest.approx(expected, abs=1e-14)
    h = 1e-5 * np.array([0, 1])
    assert u1.derivative(points, (0, 1)) == pytest.approx(
        (u1(points + h) - u1(points - h)) / 2e-5, abs=1e-7
    )
