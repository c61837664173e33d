"""Plates and strips: exact laminates, symmetric sections, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.runtime.arrays import Array
from nhpinn_sym.solve import plates

HALF, FIFTH, NU = sp.Rational(1, 2), sp.Rational(1, 5), sp.Rational(3, 10)
REDUCED = np.array([[1, 0.3, 0], [0.3, 1, 0], [0, 0, 0.35]]) / (1 - 0.3**2)
"""Of plane stress, for E = 1; its first entry is that of plane strain in two dimensions too."""


def plate(dim: int, cell: nh.Cell, young: Any, **more: Any) -> nh.PlateModel:
    s = nh.Scales(dim)
    u = s.unknown("u", components=dim)
    modulus = nh.phases(s, young, default=1, cell=cell) if isinstance(young, dict) else young
    lam, mu = nh.lame(modulus, NU)
    strain = (s.grad(u) + s.grad(u).T) / 2
    stress = lam * sp.trace(strain) * sp.eye(dim) + 2 * mu * strain
    found = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(stress), sp.zeros(dim, 1)), scales=s, unknown=u, cell=cell, **more
        )
    )
    assert isinstance(found, nh.PlateModel)
    return found


def laminate(bottom: float, interface: float, top: float, inside: float) -> dict[str, Array]:
    """Classical lamination theory with the curvature D^2 u_3, of E = inside below the interface."""
    moments = [
        inside * (interface**k - bottom**k) / k + (top**k - interface**k) / k for k in (1, 2, 3)
    ]
    return dict(zip("ABD", (moments[0] * REDUCED, -moments[1] * REDUCED, moments[2] * REDUCED)))


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
@pytest.mark.parametrize("dim", [2, 3])
def test_laminates_are_exact(backend: str, dim: int, tmp_path: Path) -> None:
    cell = nh.Cell.plate(*[(0, 1)] * (dim - 1), thickness=HALF)
    layer = nh.Layer(dim - 1, (-sp.Rational(1, 4), FIFTH / 2))
    cells = nh.solve_cells(plate(dim, cell, {layer: 10}), backend, n=2)
    count = 3 if dim == 3 else 1
    for name, exact in laminate(-0.25, 0.1, 0.25, 10).items():
        assert cells.effective[name] == pytest.approx(exact[:count, :count], abs=1e-12)
    again = nh.load(cells.save(tmp_path / "plate.npz"))
    assert np.array_equal(again.effective["B"], cells.effective["B"])
    faces = np.zeros((2, dim))
    faces[:, -1] = (-0.25, 0.25)
    # The strain e_33 = -nu/(1 - nu) e_11 of plane stress, of both layers.
    low, high = again.functions[0](faces)[:, -1]
    assert high - low == pytest.approx(-0.5 * 0.3 / 0.7, abs=1e-10)


def test_a_strip_of_columns_bends_between_its_bounds() -> None:
    """Periodic along the strip: softer than the mean, stiffer than columns in a row."""
    cell = nh.Cell.plate((0, 1), thickness=1)
    cells = nh.solve_cells(plate(2, cell, {nh.Layer(0, (0, HALF)): 10}), tolerance=1e-2, n=16)
    mean, row = 5.5 * REDUCED[0, 0], REDUCED[0, 0] / 0.55
    a, b, d = (cells.effective[name].item() for name in "ABD")
    assert row < a < mean and row / 12 < d < mean / 12
    assert abs(b) < 1e-10


def test_holes_of_a_plate() -> None:
    """A through-hole of radius 0.3, thickness 1: A_11 = 0.54501 by P3 on other fitted meshes."""
    cell = nh.Cell.plate((0, 1), (0, 1), thickness=1)
    hole = {nh.Cylinder((HALF, HALF), NU, axis=2): nh.Neumann(0)}
    with pytest.warns(nh.ToleranceWarning):
        cells = nh.solve_cells(plate(3, cell, 1, holes=hole), n=4, tolerance=1e-3)
    assert cells.effective["A"][0, 0] == pytest.approx(0.54501, rel=5e-3)
    cells.mesh.check()


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_thin_plates_are_in_plane_stress() -> None:
    """But for layers as wide as the plate is thick at the interface."""
    thin = sp.Rational(1, 50)
    cell = nh.Cell.plate((0, 1), (0, 1), thickness=thin)
    cells = nh.solve_cells(plate(3, cell, {nh.Cylinder((0, 0), NU, axis=2): 10}), n=8)
    s = nh.Scales(2)
    u = s.unknown("u", components=2)
    e = s.sym_grad(u)
    lam, mu = nh.lame(nh.phases(s, {nh.Disk((0, 0), NU): 10}, default=1), NU, plane_stress=True)
    stress = lam * e.trace() * sp.eye(2) + 2 * mu * e
    flat = nh.homogenize(
        nh.MultiscaleProblem((-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=u)
    )
    expected = nh.engineering(nh.solve_cells(flat, "skfem")).voigt
    found = cells.effective["A"] / float(thin)
    assert np.abs(found - expected).max() < 0.005 * expected.max()
    assert cells.info["estimate"] < 0.04


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_strips_on_triangles(backend: str, tmp_path: Path) -> None:
    """A disk across a face and a side; the numbers are those of one at the centre, cut by that face:
    shapes move along the strip, not across it."""
    cell = nh.Cell.plate((0, 1), thickness=HALF)
    strip = plate(2, cell, {nh.Disk((0.95, 0.25), 0.1): 10})
    cells = nh.solve_cells(strip, backend)
    for name, expected in (("A", 0.572014252), ("B", -0.004710090), ("D", 0.012462674)):
        assert cells.effective[name].item() == pytest.approx(expected, abs=1e-7)
    assert cells.info["estimate"] < 1e-6
    mesh = cells.mesh
    assert isinstance(mesh, nh.CellMesh)
    same = nh.solve_cells(strip, backend, mesh=mesh, tolerance=1e-3)
    assert same.effective["D"] == pytest.approx(cells.effective["D"], abs=1e-12)
    raised = replace(mesh, points=mesh.points + np.array([0, 0.01]))
    with pytest.raises(nh.ProblemError, match="faces"):
        nh.solve_cells(strip, backend, mesh=raised)
    again = nh.load(cells.save(tmp_path / "strip.npz"))
    faces = [[0.3, -0.25], [0.3, 0.25]]
    assert again.functions[1](faces) == pytest.approx(cells.functions[1](faces), abs=1e-14)
    with pytest.raises(nh.ProblemError, match="beyond"):
        again.functions[1]([[0.3, 0.3]])


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_of_a_strip_on_a_lattice() -> None:
    """A disk that lies inside: the mean of the moment of its moduli vanishes, which says nothing of
    its error."""
    cell = nh.Cell.plate((0, 1), thickness=HALF)
    strip = plate(2, cell, {nh.Disk((0, 0.05), 0.15): 10})
    coarse = nh.solve_cells(strip, n=32, mesh="lattice")
    fine = nh.solve_cells(strip)
    error = abs(coarse.effective["A"] / fine.effective["A"] - 1).item()
    assert error < coarse.info["estimate"] < 5 * error


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_estimates_of_columns_hold_on_a_few_cells() -> None:
    """Moduli are singular where interfaces meet the faces; 4 cells and 5 stand between them."""
    cell = nh.Cell.plate((0, 1), thickness=1)
    strip = plate(2, cell, {nh.Layer(0, (0, sp.Rational(1, 3))): 100})
    exact = nh.solve_cells(strip, tolerance=1e-3).effective
    for n in (8, 12):
        coarse = nh.solve_cells(strip, n=n)
        error = np.abs(coarse.effective["A"] / exact["A"] - 1).item()
        assert error < coarse.info["estimate"] < 6 * error


def test_a_plate_stops_where_it_would_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns, which a strip has too: what is not reached is told."""
    monkeypatch.setattr(plates, "_MOST", 3_000)
    columns = {nh.Layer(0, (0, HALF)): 10}
    strip = plate(2, nh.Cell.plate((0, 1), thickness=1), columns)
    exact = nh.solve_cells(strip, n=12).effective["A"].item()
    with pytest.warns(nh.ToleranceWarning, match="raise max_dofs="):
        cells = nh.solve_cells(plate(3, nh.Cell.plate((0, 1), (0, 1), thickness=1), columns))
    assert cells.info["size"] <= 3_000
    assert abs(cells.effective["A"][0, 0] - exact) < cells.info["estimate"] * exact


def test_shapes_do_not_come_back_at_the_other_face() -> None:
    s = nh.Scales(2)
    cell = nh.Cell.plate((0, 1), thickness=1)
    a = nh.phases(s, {nh.Disk((0, HALF), 0.2): 10}, default=1, cell=cell)
    values = [a.subs(dict(zip(s.y, place, strict=True))) for place in ((0, -0.49), (0.99, 0.49))]
    assert values == [1, 10]


def test_refused() -> None:
    cell = nh.Cell.plate((0, 1), thickness=1)
    s = nh.Scales(2)
    u = s.unknown("u")
    with pytest.raises(nh.UnsupportedError, match="elasticity"):
        nh.homogenize(
            nh.MultiscaleProblem(sp.Eq(-s.laplacian(u), 1), scales=s, unknown=u, cell=cell)
        )
    strip = plate(2, cell, 1)
    with pytest.raises(nh.UnsupportedError):
        nh.solve_cells(strip, "fourier")
    with pytest.raises(nh.NhpinnError, match="plate"):
        nh.emit(strip, "skfem")
    with pytest.raises(nh.NhpinnError):
        nh.solve_cells(strip, n=2).functions[0]([[0.1, 0.7]])
    with pytest.raises(nh.NhpinnError):
        nh.Cell.plate((0, 1), thickness=0)
