"""Cells in space on tetrahedra that fit balls, ellipsoids, cylinders and what is joined of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.cell_solution import CellSolution
from tests.disk_arrays import conductivity as disks
from tests.sphere_arrays import conductivity

S = nh.Scales(3)
U = S.unknown("u")
BOTH = ("skfem", "dolfinx")
# A simple cubic array of spheres of conductivity 10 and volume fraction 0.2.
RADIUS = sp.Float((0.15 / np.pi) ** (1 / 3), 17)
ARRAY = conductivity(float(RADIUS), 10)


def model_of(a: sp.Expr) -> nh.HomogenizedModel:
    equation = sp.Eq(-S.div(a * S.grad(U)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=U))


def spheres(*center: float) -> nh.HomogenizedModel:
    return model_of(nh.phases(S, {nh.Ball(center, RADIUS): 10}, default=1))


def by_gmsh(model: nh.HomogenizedModel, **options: Any) -> CellSolution:
    return nh.solve_cells(model, "skfem", mesh="gmsh", tolerance=1, **options)


def test_spheres_against_their_series() -> None:
    cells = by_gmsh(spheres(0.5, 0.5, 0.5), n=8)
    error = np.abs(cells.effective["A"] - ARRAY * np.eye(3)).max() / ARRAY
    assert error < 2e-3
    assert error <= cells.info["estimate"]
    assert "P2 finite elements on fitted tetrahedra" in cells.info["method"]
    # A tensor of a symmetric cell, on a mesh that is not.
    assert cells.effective["A"][0, 1] == pytest.approx(0, abs=3e-4)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_own_meshes_against_the_series(tmp_path: Path) -> None:
    """The default where a coefficient jumps across a smooth surface. The mesh has the symmetry of
    the cell, and its folder a file of one. Voxels and waves know as much as their estimates say."""
    model = spheres(0.5, 0.5, 0.5)
    cells = nh.solve_cells(model, "skfem", n=8, tolerance=1)
    error = np.abs(cells.effective["A"] - ARRAY * np.eye(3)).max() / ARRAY
    assert error < 3e-4
    assert error <= cells.info["estimate"]
    assert "P2 finite elements on fitted tetrahedra" in cells.info["method"]
    assert np.ptp(np.diag(cells.effective["A"])) < 1e-8
    nh.emit(model, "skfem").save(tmp_path)
    assert nh.CellMesh.load(tmp_path / "cell.npz").dim == 3
    for backend, options in {"voxel": {"n": 12, "n_sub": 1}, "fourier": {"n": 21}}.items():
        other = nh.solve_cells(model, backend, **options)
        error = np.abs(other.effective["A"] - ARRAY * np.eye(3)).max() / ARRAY
        assert error <= other.info["estimate"] < 0.2, backend


def test_local_fields(tmp_path: Path) -> None:
    """Elements across a face of the cell, and points beyond a curved face, are of their phase; the
    field in a sphere far from others is that of one alone, 3 / (2 + 10)."""
    cells = nh.solve_cells(spheres(0.1, 0.5, 0.5), "skfem", n=6, tolerance=1, degree=2)
    fields = nh.local_fields(cells, grad=[1, 0, 0])
    assert fields.mean_flux == pytest.approx(cells.effective["A"][:, 0], abs=2e-3)
    share = max(fields.phases, key=lambda part: abs(part.flux[0])).share
    assert share == pytest.approx(0.2, abs=1e-3)
    assert np.abs(fields.flux).max() < 10 * 3 / 12 * 2
    read = meshio.read(fields.to_vtu(tmp_path / "cell.vtu"))
    assert read.cells[0].type == "tetra10"


def test_an_edge_is_left_to_lattices_and_gmsh() -> None:
    """A ball that a plane cuts: both agree within their estimates."""
    half = nh.Ball((0.5, 0.5, 0.5), 0.3) - nh.Layer(0, (0.5, 0.9))
    model = model_of(nh.phases(S, {half: 10}, default=1))
    with pytest.raises(nh.SolveError, match=r'mesh="gmsh"'):
        nh.solve_cells(model, "skfem", mesh="own")
    pair = [nh.solve_cells(model, "skfem", n=6, tolerance=1), by_gmsh(model, n=8)]
    assert "Q2" in pair[0].info["method"]
    a, b = (cells.effective["A"] for cells in pair)
    allowed = sum(cells.info["estimate"] * np.abs(a).max() for cells in pair)
    assert np.abs(a - b).max() <= allowed


HEXAGONS = nh.Cell.lattice((1, 0, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2, 0), (0, 0, 0.5))


@pytest.mark.parametrize(
    ("kind", "cell", "backend"),
    [
        ("square", nh.Cell((0, 1), (0, 1), (0, sp.Rational(1, 8))), "dolfinx"),
        ("square", nh.Cell((0, 1), (0, 1), (0, 2)), "skfem"),
        ("hexagonal", HEXAGONS, "skfem"),
    ],
)
def test_fibres_are_as_exact_as_disks_however_low_the_cell(
    kind: str, cell: nh.Cell, backend: str
) -> None:
    """One layer of prisms serves where nothing changes along the fibres."""
    a = nh.phases(S, {nh.Cylinder((0, 0), 0.3, axis=2): 10}, default=1, cell=cell)
    equation = sp.Eq(-S.div(a * S.grad(U)), 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=U, cell=cell))
    cells = nh.solve_cells(model, backend, n=8, tolerance=1)
    across = disks(0.3, 10, kind)
    share = 0.09 * np.pi * (2 / np.sqrt(3) if kind == "hexagonal" else 1)
    exact = np.diag([across, across, 1 + 9 * share])
    error = np.abs(cells.effective["A"] - exact).max() / exact.max()
    assert error < 1e-4
    assert error <= cells.info["estimate"]


def test_fibres_with_ends() -> None:
    """Their edges lie between layers of prisms; meshes of gmsh agree within the estimates."""
    model = model_of(nh.phases(S, {nh.Cylinder((0.5, 0.5), 0.3, 0) & nh.Layer(0, (0.2, 0.7)): 10}))
    pair = [nh.solve_cells(model, "skfem", n=8, tolerance=1), by_gmsh(model, n=8)]
    a, b = (cells.effective["A"] for cells in pair)
    allowed = sum(cells.info["estimate"] * np.abs(a).max() for cells in pair)
    assert np.abs(a - b).max() <= allowed < 0.05


def test_holes_in_space() -> None:
    """A cubic array of insulating spheres, by multipoles to order 7 in the radius (Maxwell,
    Rayleigh): those of contrast 0."""
    hole = nh.Ball((0.5, 0.5, 0.5), 0.3)
    equation = sp.Eq(-S.div(S.grad(U)), 1)
    problem = nh.MultiscaleProblem(equation, scales=S, unknown=U, holes={hole: nh.Neumann(0)})
    model = nh.homogenize(problem)
    with pytest.raises(nh.UnsupportedError, match=r'mesh="own"'):
        nh.solve_cells(model, "skfem")
    found = nh.solve_cells(model, "skfem", mesh="own", n=8, tolerance=1)
    share, beta = 0.036 * np.pi, -0.5
    c = 1.3047
    series = 1 + 3 * beta * share / (1 - beta * share - c * 0.4 * share ** (10 / 3))
    a = found.effective["A"][0, 0]
    assert a == pytest.approx(series, abs=5e-4)


def test_imperfect_contact_against_its_series() -> None:
    """Spheres across two faces of the cell: functions jump across these too."""
    ball = nh.Ball((0, 0.5, 0.5), sp.Rational(3, 10))
    a = nh.phases(S, {ball: 10}, default=1)
    equation = sp.Eq(-S.div(a * S.grad(U)), 1)
    problem = nh.MultiscaleProblem(equation, scales=S, unknown=U, contacts={ball: 2 / S.eps})
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "skfem", n=8, tolerance=1)
    exact = conductivity(0.3, 10, contact=2)
    error = np.abs(cells.effective["A"] - exact * np.eye(3)).max() / exact
    assert error <= min(cells.info["estimate"], 3e-5)
    pair = [nh.solve_cells(model, backend, n=4, tolerance=1).effective["A"] for backend in BOTH]
    assert np.abs(pair[0] - pair[1]).max() < 1e-10


def test_springs_that_are_stiff_are_none() -> None:
    v = S.unknown("v", components=3)
    ball = nh.Ball((0, 0, 0), 0.3)
    strain = S.sym_grad(v)
    mu = nh.phases(S, {ball: 9}, default=1)
    stress = mu * strain.trace() * sp.eye(3) + 2 * mu * strain
    found = []
    for spring in ({}, {ball: nh.Spring(normal=1e6 / S.eps, tangential=1e6 / S.eps)}):
        problem = nh.MultiscaleProblem(
            (-S.div(stress), sp.ones(3, 1)), scales=S, unknown=v, contacts=spring
        )
        cells = nh.solve_cells(nh.homogenize(problem), "skfem", n=4, degree=1, tolerance=1)
        found.append(cells.effective["A"])
    assert found[1] == pytest.approx(found[0], abs=3e-5)
    assert np.abs(found[1] - found[0]).max() > 1e-7


def test_dolfinx_against_skfem_and_files(tmp_path: Path) -> None:
    """Values vary in the ball."""
    ball = nh.Ball((0.5, 0.5, 0.5), RADIUS)
    model = model_of(nh.phases(S, {ball: 9 + sp.cos(2 * sp.pi * S.y[0])}, default=1))
    path = by_gmsh(spheres(0.5, 0.5, 0.5), n=4).mesh.save(tmp_path / "cell.npz")
    pair = [nh.solve_cells(model, backend, mesh=str(path), tolerance=1) for backend in BOTH]
    a, b = (cells.effective["A"] for cells in pair)
    assert np.abs(a - b).max() < 1e-10 * np.abs(a).max()
    points = np.random.default_rng(1).random((30, 3))
    again = nh.load(pair[0].save(tmp_path / "cells.npz"))
    for cells in (pair[1], again):
        found = cells.functions[0].derivative(points, (1, 0, 0))
        assert found == pytest.approx(pair[0].functions[0].derivative(points, (1, 0, 0)), abs=1e-8)


def test_files_of_gmsh(tmp_path: Path) -> None:
    model = spheres(0.5, 0.5, 0.5)
    own = by_gmsh(model, n=4)
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$Nodes", str(len(own.mesh.points))]
    lines += [f"{k + 1} {x!r} {y!r} {z!r}" for k, (x, y, z) in enumerate(own.mesh.points.tolist())]
    lines += ["$EndNodes", "$Elements", str(len(own.mesh.cells))]
    rows = zip((own.mesh.cells + 1).tolist(), own.mesh.phases.tolist(), strict=True)
    for k, (cell, phase) in enumerate(rows):
        lines.append(f"{k + 1} 11 2 {phase + 1} 1 {' '.join(map(str, cell))}")
    path = tmp_path / "cell.msh"
    path.write_text("\n".join([*lines, "$EndElements", ""]))
    given = nh.solve_cells(model, "skfem", mesh=path, tolerance=1)
    assert given.effective["A"] == pytest.approx(own.effective["A"], abs=1e-12)
    a, estimate = given.effective["A"][0, 0], given.info["estimate"]
    assert abs(a - ARRAY) <= estimate * ARRAY


def test_shapes_in_space_against_those_in_the_plane() -> None:
    """A cylinder is a disk across its axis, and a mean along it."""
    a = nh.phases(S, {nh.Cylinder((0.5, 0.5), 0.3, axis=1): 10}, default=1)
    found = by_gmsh(model_of(a), n=8)
    flat = nh.Scales(2)
    w = flat.unknown("w")
    b = nh.phases(flat, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    problem = nh.MultiscaleProblem(sp.Eq(-flat.div(b * flat.grad(w)), 1), scales=flat, unknown=w)
    plane = nh.solve_cells(nh.homogenize(problem), "skfem", mesh="gmsh", tolerance=1e-5)
    across = plane.effective["A"][0, 0]
    assert across == pytest.approx(
        nh.solve_cells(plane.model, "skfem").effective["A"][0, 0], abs=2e-5
    )
    along = 1 + 9 * np.pi * 0.09
    assert np.diag(found.effective["A"]) == pytest.approx([across, along, across], abs=8e-3)


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        (sp.cos(2 * sp.pi * S.y[0]) + S.y[1] ** 2 < 0.3, nh.UnsupportedError, "ellipsoids"),
        (S.y[0] < 0.3, nh.UnsupportedError, "there are none"),
    ],
)
def test_interfaces_that_gmsh_is_not_given(
    shape: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        by_gmsh(model_of(sp.Piecewise((10, shape), (1, True))))


def test_balls_that_touch_are_refused() -> None:
    shapes = {nh.Ball((x, 0.5, 0.5), 0.25): 10 for x in (0.25, 0.75)}
    with pytest.raises(nh.SolveError, match=r"gmsh makes no periodic mesh(.|\n)*touch"):
        by_gmsh(model_of(nh.phases(S, shapes, default=1)), n=4)


def test_cubic_tetrahedra_are_those_of_dolfinx() -> None:
    model = spheres(0.5, 0.5, 0.5)
    with pytest.raises(nh.ProblemError, match="degree 3"):
        by_gmsh(model, degree=3)
    errors = []
    for degree in (2, 3):
        cells = nh.solve_cells(model, "dolfinx", degree=degree, n=4, mesh="own")
        errors.append(abs(cells.effective["A"][0, 0] / ARRAY - 1))
    assert errors[1] < 0.8 * errors[0] < 2e-3


def test_without_gmsh(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.import_module

    def absent(name: str, *others: Any) -> Any:
        if name == "gmsh":
            raise ModuleNotFoundError("No module named 'gmsh'")
        return known(name, *others)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(nh.BackendMissingError, match=r"nhpinn_sym\[mesh\]"):
        by_gmsh(spheres(0.5, 0.5, 0.5))
