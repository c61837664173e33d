"""What a backend cannot compute with is written for it: complex numbers as two real ones,
coefficients of a finer level as series.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import UnsupportedError
from tests.symbolic import C, S, derived, diffusion

BACKENDS = {"fourier": 1e-10, "pinn": 1e-7, "skfem": 1e-5, "dolfinx": 1e-5}


@pytest.mark.parametrize("backend", BACKENDS)
def test_complex_layers(backend: str, tmp_path: Path) -> None:
    """Across layers the harmonic mean, along them the mean."""

    def a(s: nh.Scales) -> sp.Expr:
        return 2 + sp.I / 2 + (1 + sp.I) * S(s.y[0]) / 2

    cells = nh.solve_cells(derived(diffusion(a), 2), backend)
    y = np.arange(400) / 400
    values = 2 + 0.5j + (1 + 1j) * np.sin(2 * np.pi * y) / 2
    assert np.allclose(
        cells.effective["A"],
        np.diag([1 / np.mean(1 / values), np.mean(values)]),
        atol=BACKENDS[backend],
    )
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    points = np.random.default_rng(0).random((5, 2))
    assert np.iscomplexobj(cells.functions[0](points))
    assert np.allclose(again.functions[0](points), cells.functions[0](points), rtol=0, atol=1e-14)
    assert np.array_equal(again.effective["A"], cells.effective["A"])


def two_levels(dim: int) -> nh.HomogenizedModel:
    return derived(diffusion(lambda s: 3 + S(s.y[0]) + C(s.z[0])), dim, levels=2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_levels_in_one_dimension(backend: str) -> None:
    """The harmonic mean over y and z."""
    y, z = (g.ravel() for g in np.meshgrid(*[np.arange(200) / 200] * 2))
    expected = 1 / np.mean(1 / (3 + np.sin(2 * np.pi * y) + np.cos(2 * np.pi * z)))
    assert nh.solve_cells(two_levels(1), backend).effective["A"][0, 0] == pytest.approx(
        expected, abs=BACKENDS[backend]
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_levels_in_non_divergence_form(backend: str) -> None:
    """a:D^2 u with a scalar times a constant matrix: the matrix over <1/scalar>."""
    matrix = sp.Matrix([[2, 1], [1, 1]])
    y, z = (g.ravel() for g in np.meshgrid(*[np.arange(200) / 200] * 2))
    mean = np.mean(1 / (3 + np.sin(2 * np.pi * y) * np.cos(2 * np.pi * z)))
    model = derived(
        lambda s, u: sp.Eq(-(3 + S(s.y[0]) * C(s.z[0])) * (matrix * s.hessian(u)).trace(), 1),
        2,
        levels=2,
    )
    found = nh.solve_cells(model, backend, tolerance=1e-7).effective["A"]
    assert np.allclose(found, np.array(matrix.tolist(), float) / mean, atol=BACKENDS[backend])


def test_a_finer_level_that_depends_on_x_is_left_to_fourier() -> None:
    model = derived(
        diffusion(lambda s: 3 + s.x[0] + S(s.y[0]) + C(s.z[0])),
        levels=2,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(UnsupportedError, match="depend on x") as caught:
        nh.solve_cells(model, "skfem")
    assert "fourier" in str(caught.value.remedy)
