from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.cell_solution import CellSolution
from tests.disk_arrays import conductivity

S = nh.Scales(2)
U = S.unknown("u")


def model_of(a: sp.Expr) -> nh.HomogenizedModel:
    equation = sp.Eq(-S.div(a * S.grad(U)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=U))


def disk(center: tuple[float, float], contrast: float, radius: float = 0.3) -> sp.Expr:
    return nh.phases(S, {nh.Disk(center, radius): contrast}, default=1)


def solved(a: sp.Expr, **options: Any) -> CellSolution:
    return nh.solve_cells(model_of(a), "skfem", **options)


@pytest.mark.parametrize(("center", "contrast"), [((0.5, 0.5), 10), ((0, 0), 1000)])
def test_disk_against_its_series(center: tuple[float, float], contrast: int) -> None:
    cells = solved(disk(center, contrast), tolerance=1e-6)
    a = conductivity(0.3, contrast)
    error = np.abs(cells.effective["A"] - a * np.eye(2)).max() / a
    assert error < 1e-7
    assert error <= cells.info["estimate"] < 1e-6
    assert "triangles" in cells.info["method"]


def test_estimates_hold_for_each_degree_and_mesh() -> None:
    a = conductivity(0.3, 10)
    for degree in (1, 2, 3):
        for n in (8, 16):
            cells = solved(disk((0.5, 0.5), 10), degree=degree, n=n, tolerance=1)
            error = np.abs(cells.effective["A"] - a * np.eye(2)).max() / a
            assert error <= cells.info["estimate"] < 300 * error
    assert error < 1e-6


def test_duality() -> None:
    """Keller 1964: a* of the coefficient, along an axis, times that of its inverse across is 1."""
    shapes = {nh.Ellipse((0.3, 0.6), (0.35, 0.25), 0.5): 10}
    other = {shape: sp.Rational(1, value) for shape, value in shapes.items()}
    a = solved(nh.phases(S, shapes, default=1), n=16).effective["A"]
    inverse = solved(nh.phases(S, other, default=1), n=16)
    turned = np.array([[0, 1], [-1, 0]])
    assert turned.T @ inverse.effective["A"] @ turned @ a == pytest.approx(np.eye(2), abs=1e-6)


def test_shapes_that_meet_and_their_shift() -> None:
    """A disk on a layer, whose interfaces meet; the cell may begin anywhere, with the layer, too."""

    def moved(x: float, y: float) -> CellSolution:
        shapes = {nh.Disk((0.3 + x, 0.5 + y), 0.2): 10, nh.Layer(0, (0.2 + x, 0.4 + x)): 3}
        return solved(nh.phases(S, shapes, default=1), n=16, tolerance=1e-4)

    one, other = moved(0, 0), moved(-0.2, 0.375)
    assert one.effective["A"] == pytest.approx(other.effective["A"], abs=1e-6)


def test_estimates_of_gmsh_know_of_corners() -> None:
    """Its triangles are not smaller there, so that errors fall slowly; own ones are."""
    crescent = nh.Disk((0, 0), 0.3) - nh.Disk((0.2, 0), 0.2)
    cells = solved(nh.phases(S, {crescent: 10}, default=1), mesh="gmsh", n=16, tolerance=1)
    own = np.array([1.39640455, 1.49245491])  # mesh="own", n=16: estimate 1.6e-7
    error = np.abs(np.diag(cells.effective["A"]) - own).max() / own.max()
    assert 5e-5 < error <= cells.info["estimate"]


def test_a_ring_against_the_shapes_it_is_made_of() -> None:
    """A ring, and its parts to the left and to the right, are the disks painted over each other."""
    outer, inner = nh.Disk((0, 0), 0.35), nh.Disk((0, 0), 0.2)
    ring = outer - inner
    left = nh.Polygon([(-0.4, -0.45), (0, -0.45), (0, 0.45), (-0.4, 0.45)])
    halves = nh.phases(S, {(ring & left) | (ring - left): 10}, default=1)
    joined = solved(halves, n=16, tolerance=1).effective["A"]
    for shapes in ({ring: 10}, {inner: 1, outer: 10}):
        a = nh.phases(S, shapes, default=1)
        found = solved(a, n=8, tolerance=1).effective["A"]
        assert found[0, 0] == pytest.approx(found[1, 1], abs=1e-7)
        assert joined == pytest.approx(found, abs=3e-5)


def test_values_that_vary_in_a_phase() -> None:
    """Conditions are asked in the middle of an element, values at its points."""
    y = S.y
    smooth = 2 + sp.sin(2 * sp.pi * y[0])
    a = sp.Piecewise((3 * smooth, (y[0] - 0.5) ** 2 + (y[1] - 0.5) ** 2 < 0.09), (smooth, True))
    cells = solved(a, tolerance=1e-6)
    finer = solved(a, n=24, degree=2)
    assert cells.effective["A"] == pytest.approx(finer.effective["A"], abs=1e-5)
    assert "points[0]" in nh.emit(model_of(a), "skfem")["cell_forms.py"]
    assert 'data["y1_middle"]' in nh.emit(model_of(a), "skfem")["cell_forms.py"]


def test_meshes_that_are_given(tmp_path: Path) -> None:
    model = model_of(disk((0, 0), 10))
    own = nh.solve_cells(model, "skfem", mesh="own", h=0.1, tolerance=1e-3)
    assert own.mesh is not None
    assert own.mesh.size < 0.2
    given = nh.solve_cells(model, "skfem", mesh=own.mesh, tolerance=1e-2)
    assert given.effective["A"] == pytest.approx(own.effective["A"], abs=1e-12)
    error = np.abs(given.effective["A"][0, 0] - conductivity(0.3, 10))
    assert error < given.info["estimate"] < 1e-2
    path = own.mesh.save(tmp_path / "cell.npz")
    again = nh.solve_cells(model, "skfem", mesh=str(path), tolerance=1e-2)
    assert again.effective["A"] == pytest.approx(own.effective["A"], abs=1e-12)
    lattice = nh.solve_cells(model, "skfem", mesh="lattice", n=16, tolerance=1)
    assert lattice.mesh is None
    assert "Q2" in lattice.info["method"]


def written(mesh: nh.CellMesh, moved: float = 0.0) -> str:
    """MSH 2.2; one node on the left is moved along it."""
    points = mesh.points.copy()
    points[np.flatnonzero((points[:, 0] == 0) & (points[:, 1] > 0.3))[0], 1] += moved
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$Nodes", str(len(points))]
    lines += [f"{k + 1} {x!r} {y!r} 0" for k, (x, y) in enumerate(points.tolist())]
    lines += ["$EndNodes", "$Elements", str(len(mesh.cells))]
    for k, (cell, phase) in enumerate(zip((mesh.cells + 1).tolist(), mesh.phases.tolist())):
        lines.append(f"{k + 1} 9 2 {phase + 1} 1 {' '.join(map(str, cell))}")
    return "\n".join([*lines, "$EndElements", ""])


def test_files_of_gmsh(tmp_path: Path) -> None:
    model = model_of(disk((0.5, 0.5), 10))
    own = nh.solve_cells(model, "skfem", n=8, tolerance=1)
    assert own.mesh is not None
    path = tmp_path / "cell.msh"
    path.write_text(written(own.mesh))
    given = nh.solve_cells(model, "skfem", mesh=path, tolerance=1)
    assert given.effective["A"] == pytest.approx(own.effective["A"], abs=1e-12)
    for text in (written(own.mesh, 1e-4), "nothing"):
        path.write_text(text)
        with pytest.raises(nh.ProblemError, match="this file is no mesh"):
            nh.solve_cells(model, "skfem", mesh=path)


def test_both_libraries_on_one_mesh() -> None:
    """In elasticity too; values vary in a phase, and the disk lies across the corner."""
    v = S.unknown("v", components=2)
    strain = S.sym_grad(v)
    stiff = nh.phases(S, {nh.Disk((0, 0), 0.3): 9 + sp.cos(2 * sp.pi * S.y[0])}, default=1)
    stress = stiff * (strain.trace() * sp.eye(2) + 2 * strain)
    problem = nh.MultiscaleProblem((-S.div(stress), sp.Matrix([1, 0])), scales=S, unknown=v)
    model = nh.homogenize(problem)
    one = nh.solve_cells(model, "skfem", n=16, degree=2, tolerance=1)
    for degree in (2, 3):
        pair = [
            nh.solve_cells(model, backend, mesh=one.mesh, degree=degree, tolerance=1)
            for backend in ("skfem", "dolfinx")
        ]
        a, b = (cells.effective["A"] for cells in pair)
        assert np.abs(a - b).max() < 1e-10 * np.abs(a).max()
        points = np.random.default_rng(1).random((30, 2))
        found = [cells.functions[0].derivative(points, (1, 0)) for cells in pair]
        assert found[0] == pytest.approx(found[1], abs=1e-8)


def test_max_dofs_that_few_meshes_keep() -> None:
    """Elements of all degrees on the finest mesh there is; a lattice where there is none. The
    estimates hold."""
    a = conductivity(0.3, 10)
    for most, what in ((2_000, "P3"), (150, "Q2")):
        with pytest.warns(nh.ToleranceWarning):
            cells = solved(disk((0, 0), 10), max_dofs=most)
        assert what in cells.info["method"]
        assert cells.info["size"] <= most
        assert abs(cells.effective["A"][0, 0] - a) <= cells.info["estimate"] * a


def test_layers_at_an_angle() -> None:
    """Steps in conditions do not have the period of the cell. Means along, harmonic across."""
    share = S.y[0] + S.y[1] - sp.floor(S.y[0] + S.y[1])
    cells = solved(sp.Piecewise((10, share < sp.Rational(3, 10)), (1, True)))
    values, vectors = np.linalg.eigh(cells.effective["A"])
    assert values == pytest.approx([1 / 0.73, 3.7], abs=1e-9)
    assert abs(vectors[0, 1]) == pytest.approx(np.sqrt(0.5))


def test_functions_are_kept(tmp_path: Path) -> None:
    cells = solved(disk((0, 0), 10), n=8, tolerance=1)
    points = 3 * np.random.default_rng(0).random((20, 2))
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    for index in ((0, 0), (1, 0)):
        found = again.functions[0].derivative(points, index)
        assert found == pytest.approx(cells.functions[0].derivative(points, index), abs=1e-14)
    assert again.mesh == cells.mesh


def test_what_is_refused() -> None:
    model = model_of(disk((0, 0), 10))
    mesh = nh.solve_cells(model, "skfem", n=8, tolerance=1).mesh
    assert mesh is not None
    points = mesh.points.copy()
    points[mesh.pairs[3, 0]] += 1e-4
    with pytest.raises(nh.ProblemError, match="are no mesh of a cell"):
        nh.solve_cells(model, "skfem", mesh=replace(mesh, points=points))
    with pytest.raises(nh.ProblemError, match="another shape"):
        nh.solve_cells(model_of(disk((0.5, 0.5), 10)), "skfem", mesh=mesh)
    with pytest.raises(nh.ProblemError, match="no mesh of a cell"):
        nh.solve_cells(model, "skfem", mesh="cell.stl")
    with pytest.raises(nh.ProblemError, match="this file is no mesh"):
        nh.solve_cells(model, "skfem", mesh="missing.npz")
    with pytest.raises(nh.ProblemError, match="both say how fine"):
        nh.solve_cells(model, "skfem", n=8, h=0.1)
    with pytest.raises(nh.ProblemError, match="degree 3 are triangles"):
        nh.solve_cells(model, "skfem", mesh="lattice", degree=3)
    with pytest.raises(nh.UnsupportedError, match="there are none"):
        nh.solve_cells(model_of(2 + sp.sin(2 * sp.pi * S.y[0])), "skfem", mesh="own")
    touching = {nh.Disk((0.25, 0.5), 0.25): 10, nh.Disk((0.75, 0.5), 0.25): 3}
    with pytest.raises(nh.SolveError, match="interfaces that touch"):
        solved(nh.phases(S, touching, default=1))
