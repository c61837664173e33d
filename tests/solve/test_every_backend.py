"""Every backend takes complex numbers, two real ones where it has no others, and coefficients that
are known as functions: of a finer level, or given.
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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_finer_level_that_depends_on_x(backend: str) -> None:
    """The harmonic mean over y and z, at each x."""
    model = derived(
        diffusion(lambda s: 3 + s.x[0] + S(s.y[0]) + C(s.z[0])),
        levels=2,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_cells(model, backend).effective["A"]
    y, z = (g.ravel() for g in np.meshgrid(*[np.arange(200) / 200] * 2))
    for x in (0.1, 0.7):
        values = 3 + x + np.sin(2 * np.pi * y) + np.cos(2 * np.pi * z)
        expected = 1 / np.mean(1 / values)
        assert found([[x]])[0, 0, 0] == pytest.approx(expected, abs=BACKENDS[backend])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_complex_finer_level(backend: str) -> None:
    """A sum of a function of y and one of z: the harmonic mean over both."""
    model = derived(diffusion(lambda s: 3 + sp.I + S(s.y[0]) + sp.I * C(s.z[0]) / 2), levels=2)
    found = nh.solve_cells(model, backend).effective["A"][0, 0]
    y, z = (g.ravel() for g in np.meshgrid(*[np.arange(200) / 200] * 2))
    values = 3 + 1j + np.sin(2 * np.pi * y) + 0.5j * np.cos(2 * np.pi * z)
    assert found == pytest.approx(1 / np.mean(1 / values), abs=BACKENDS[backend])


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_finer_level_that_jumps_in_the_coarser_cell(backend: str) -> None:
    """Lines of the mesh stand where the effective coefficient of the finer level jumps."""
    found = nh.solve_cells(jumping_finer_level(), backend)
    assert found.effective["A"][0, 0] == pytest.approx(np.sqrt(3) / (1 / 3 + 2 / 3 / 2), abs=1e-7)
    assert found.info["data_error"] < 1e-12


def jumping_finer_level() -> nh.HomogenizedModel:
    def a(s: nh.Scales) -> sp.Expr:
        step = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (2, True))
        return step * (2 + S(s.z[0]))

    return derived(diffusion(a), levels=2)


def test_nets_refuse_a_finer_level_that_jumps_in_the_coarser_cell() -> None:
    with pytest.raises(UnsupportedError, match="jumps or kinks") as caught:
        nh.solve_cells(jumping_finer_level(), "pinn")
    assert "skfem" in str(caught.value.remedy)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_given_function_of_x_and_y(backend: str) -> None:
    """sqrt((2 + x)^2 - 1/4) by elements that are given the function alone."""
    model = derived(
        diffusion(lambda s: sp.Function("a")(s.x[0], s.y[0])),
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    given = {"a": lambda x, y: 2 + x + np.sin(2 * np.pi * y) / 2}
    found = nh.solve_cells(model, backend, coefficients=given).effective["A"]([[0.4]])
    assert found[0, 0, 0] == pytest.approx(np.sqrt(2.4**2 - 0.25), abs=1e-6)


def test_a_mesh_that_misses_a_given_function_is_told() -> None:
    """No formula says how narrow the peak is: the mesh is compared with finer points."""
    model = derived(diffusion(lambda s: sp.Function("a")(s.y[0])))
    peak = {"a": lambda y: 1 + 30 * np.exp(-((np.mod(y, 1) - 0.4137) ** 2) / 2e-5)}
    with pytest.warns(nh.ToleranceWarning, match="not resolved"):
        found = nh.solve_cells(model, "skfem", n=8, coefficients=peak)
    assert found.info["estimate"] >= found.info["data_error"] > 0.1


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
@pytest.mark.parametrize("components", [1, 2])
def test_a_disk_on_triangles_pixels_and_waves(components: int) -> None:
    """Three methods that share nothing know as much as their estimates say."""
    s = nh.Scales(2)
    u = s.unknown("u", components=components)
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    flux = a * s.grad(u)
    if components == 2:
        flux = a * s.sym_grad(u).trace() * sp.eye(2) + 2 * a * s.sym_grad(u)
    equation = (-s.div(flux), sp.ones(components, 1) if components == 2 else 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))
    options = {"skfem": {"n": 8}, "voxel": {"n": 32, "n_sub": 1}, "fourier": {"n": 27}}
    found = {by: nh.solve_cells(model, by, **chosen) for by, chosen in options.items()}
    sharp = found["skfem"].effective["A"]
    for by, cells in found.items():
        apart = np.abs(cells.effective["A"] - sharp).max() / np.abs(sharp).max()
        assert apart <= cells.info["estimate"] + found["skfem"].info["estimate"], by
        assert cells.info["estimate"] < 0.12


def test_what_is_emitted_stands_alone() -> None:
    """A folder of forms cannot know what only the solve of a finer level gives."""
    for target in ("torch", "skfem", "dolfinx"):
        with pytest.raises(UnsupportedError, match="finer level"):
            nh.emit(two_levels(1), target)
