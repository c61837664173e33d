"""Pictures of laws, families, local fields, mean fields, and of cells of lattices."""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.cell_points import CellPoints

from ..symbolic import S, problem


def curves(drawing: object) -> list[tuple[np.ndarray, np.ndarray]]:
    (axes,) = drawing.figure.axes  # type: ignore[attr-defined]
    return [line.get_data() for line in axes.lines]


def test_a_law_beside_its_slope() -> None:
    model = nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div((1 + s.grad(u).dot(s.grad(u))) * s.grad(u)), 1))
    )
    (size, flux), (_, slope) = curves(nh.solve_law(model).plot(reach=2))
    np.testing.assert_allclose(flux, size + size**3, atol=1e-8)
    assert slope[-1] == pytest.approx(2, rel=0.02)


def test_a_family_over_its_parameter() -> None:
    p = sp.Symbol("p")
    model = nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div((p + S(s.y[0])) * s.grad(u)), 1), parameters={p: (2, 3)})
    )
    family = nh.solve_family(model, "fourier")
    ((values, entry),) = curves(family.plot())
    np.testing.assert_allclose(entry, np.sqrt(values**2 - 1), rtol=1e-6)
    assert "p" in family._repr_html_()


def test_local_fields_of_a_laminate() -> None:
    model = nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div(nh.image(s, [[1], [0]], {0: 1, 1: 4}) * s.grad(u)), 1), 2)
    )
    fields = nh.local_fields(nh.solve_cells(model), grad=[0, 1])
    panel, _ = fields.plot().figure.axes
    assert sorted(panel.collections[0].get_array().tolist()) == pytest.approx([1, 4])
    assert "phase 1" in fields._repr_html_()


@pytest.mark.parametrize(("peak", "top"), [(50.0, 1.995), (3.0, 3.0)])
def test_peaks_of_local_fields_leave_the_scale_to_the_others(peak: float, top: float) -> None:
    """At the corners of pixels fluxes have no bound: here in one square of a thousand."""
    nodes = np.stack(np.meshgrid(np.arange(1001.0), [0.0, 1.0], indexing="ij"), -1).reshape(-1, 2)
    first = 2 * np.arange(1000)[:, None]
    points = np.zeros((1000, 2))
    squares = first + np.array([0, 2, 3, 1])
    cell = CellPoints(points, points, points, np.full(1000, 1e-3), nodes, squares)
    flux = np.linspace(1, 2, 1000)[:, None]
    flux[7] = peak
    drawing = nh.LocalFields(cell, flux, flux, np.zeros(1000, int), ()).plot()
    assert drawing.figure.axes[0].collections[0].get_clim() == (1, pytest.approx(top, abs=0.01))
    assert (f"up to {peak:g}" in drawing.caption) == (top < peak)


def test_cells_of_a_lattice_are_drawn_with_its_period() -> None:
    """Half of the box around a hexagonal cell is no period: the picture repeats by the vectors."""
    hexagonal = nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Disk((0, 0), 0.3): 10}, default=1, cell=hexagonal)
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, cell=hexagonal)
    )
    image = model.plot().figure.axes[0].images[0].get_array()
    _, right, _, top = (float(v) for v in (0, 3, 0, 3**0.5))
    x, y = np.linspace(0, right, image.shape[1]), np.linspace(0, top, image.shape[0])
    row = np.abs(y - 3**0.5 / 2).argmin()
    inside = np.abs((x - 0.5) - np.round(x - 0.5)) < 0.29
    outside = np.abs((x - 0.5) - np.round(x - 0.5)) > 0.31
    assert (image[row][inside] == 10).all() and (image[row][outside] == 1).all()


def test_matrices_of_elasticity_in_a_data_set() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    stress = (2 + S(s.y[0])) * (e.trace() * sp.eye(2) + 2 * e)
    model = nh.homogenize(
        nh.MultiscaleProblem((-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=v)
    )
    data = nh.solve_cells(model, "fourier").to_xarray(5)
    assert data["voigt"].dims == ("pair", "pair_2") and data["voigt"].shape == (3, 3)
    assert data["A"].dims == ("equation", "k", "unknown", "l")


def test_an_image_is_drawn_as_it_is() -> None:
    rock = np.array([[0, 1], [0, 0]])
    model = nh.homogenize(
        problem(lambda s, u: sp.Eq(-s.div(nh.image(s, rock, {0: 1, 1: 5}) * s.grad(u)), 1), 2)
    )
    values = model.plot().figure.axes[0].images[0].get_array()
    n = len(values) // 8
    assert values[3 * n, n] == 5 and values[n, n] == values[n, 3 * n] == values[3 * n, 3 * n] == 1


def test_a_mesh_has_a_colour_for_each_phase(tmp_path: Path) -> None:
    """Two triangles of the unit square; the file has both."""
    x = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    corners = np.array([[0, 1, 2], [0, 2, 3]])
    middles = [(x[c] + x[np.roll(c, -1)]) / 2 for c in corners]
    cells = np.hstack([corners, 4 + np.arange(6).reshape(2, 3)])
    points = np.vstack([x, *middles])
    mesh = nh.CellMesh(points, cells, np.array([0, 7]), np.zeros((0, 2), int), np.eye(2))
    (axes,) = mesh.plot().figure.axes
    one, other = axes.collections[0].get_facecolor()
    assert not np.allclose(one, other) and "2 phases" in axes.get_title()
    read = meshio.read(mesh.to_vtu(tmp_path / "mesh.vtu"))
    assert read.cells_dict["triangle6"].tolist() == cells.tolist()
    assert read.cell_data["phase"][0].tolist() == [0, 7]
    solid = nh.CellMesh(np.zeros((10, 3)), np.arange(10)[None], np.zeros(1), np.zeros(0), np.eye(3))
    with pytest.raises(nh.ProblemError, match="to_vtu"):
        solid.plot()


def test_stability_is_drawn_over_the_wavevectors() -> None:
    found = nh.Stability(-0.1, (0, 3.0), (0, 1.0), 1e-4, stable=False, sampled=((1.0, 0.2),))
    (axes,) = found.plot().figure.axes
    zero, sampled, least = (line.get_data() for line in axes.lines)
    assert set(zero[1]) == {0} and (sampled[0], sampled[1]) == ([1.0], [0.2])
    assert (least[0], least[1]) == ([3.0], [-0.1])
    assert axes.get_title() == "not stable" and "(0, 3)" in found._repr_html_()


def test_waves_slow_down() -> None:
    """The phase velocity in one dimension, sqrt(A/(rho (1 + gamma A k^2))), beside sqrt(A/rho)."""
    x, t, eps = sp.symbols("x t eps")
    waves = nh.Dispersion(np.full((1, 1), 4.0), 1.0, np.zeros((1,) * 4), 0.25, (x,), t, eps)
    (k, velocity), (_, limit) = curves(waves.plot())
    np.testing.assert_allclose(velocity, 2 / np.sqrt(1 + k**2))
    np.testing.assert_allclose(limit, 2)


def test_biot_and_random_media() -> None:
    biot = nh.Biot(np.ones((2, 2, 2, 2)), np.diag([0.5, 1e-18]), 0.25, 0.1)
    texts = [[text.get_text() for text in axes.texts] for axes in biot.plot().figure.axes[:2]]
    assert texts == [["1"] * 16, ["0.5", "0", "0", "0"]] and "alpha [[0.5 0. ]" in repr(biot)
    medium = nh.rve(nh.Scales(3), fraction=0.2, count=3, seed=1)
    (image,) = medium.plot().figure.axes[0].images
    assert set(np.unique(image.get_array())) == {0, 1}


def test_the_errors_of_the_oracle_are_drawn() -> None:
    model = nh.homogenize(problem(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1)))
    found = nh.bloch(model)
    lines = found.plot().figure.axes[0].lines
    assert lines[0].get_ydata().tolist() == list(found.errors)
    assert "order 1" in found._repr_html_()
