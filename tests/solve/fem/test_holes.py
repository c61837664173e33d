"""Holes: the equation on a part of the cell, by voxels and by elements on fitted lattices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.measures import measures

S = nh.Scales(2)
U = S.unknown("u")
SQUARE = nh.Polygon([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
DISK = nh.Disk((0.5, 0.5), 0.3)
LABELS = np.pad(np.ones((2, 2), dtype=int), 1)


def problem(a: Any, hole: Any = None, condition: Any = None, **options: Any) -> Any:
    if hole is not None:
        options["holes"] = {hole: nh.Neumann(0) if condition is None else condition}
    equation = sp.Eq(-S.div(a * S.grad(U)), 2)
    return nh.MultiscaleProblem(equation, scales=S, unknown=U, **options)


def model(*given: Any, **options: Any) -> Any:
    return nh.homogenize(problem(*given, **options))


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_a_square_hole_by_voxels_and_by_elements() -> None:
    """A coefficient that varies, beside a hole whose edges are lines of the lattice."""
    a = 2 + sp.sin(2 * sp.pi * S.y[0])
    voxel = nh.solve_cells(model(1, SQUARE), "voxel", n=16, residual=1e-11)
    fem = nh.solve_cells(model(1, SQUARE), "skfem", degree=1, n=16)
    fine = nh.solve_cells(model(1, SQUARE), "skfem", tolerance=1e-3)
    assert fem.info["cells"] == (16, 16)
    image = nh.solve_cells(model(nh.image(S, LABELS, {0: 1, 1: 0})), "voxel", n_sub=4)
    # the sub-lattices differ: 4 x 4 pixels cut into 4 are the lattice of 16
    assert image.effective["A"] == pytest.approx(fem.effective["A"], abs=1e-8)
    marked = nh.solve_cells(model(1, nh.image(S, LABELS, {0: 0, 1: 1})), "voxel", n_sub=4)
    assert marked.effective["A"] == pytest.approx(image.effective["A"], abs=1e-12)
    assert marked.effective["f"] == pytest.approx(2 * 0.75)
    error = np.abs(voxel.effective["A"] - fine.effective["A"]).max()
    assert error < voxel.info["estimate"]
    assert voxel.effective["f"] == pytest.approx(2 * 0.75)
    assert fem.effective["f"] == pytest.approx(2 * 0.75)
    coarse = nh.solve_cells(model(a, SQUARE), "voxel", n=64)
    other = nh.solve_cells(model(a, SQUARE), "skfem", tolerance=2e-3)
    assert coarse.effective["A"] == pytest.approx(other.effective["A"], abs=0.02)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_a_hole_is_the_limit_of_small_coefficients() -> None:
    limit = nh.solve_cells(model(nh.image(S, LABELS, {0: 1, 1: 0})), "voxel", n_sub=4)
    errors = []
    for k in (1e-3, 1e-5):
        cells = nh.solve_cells(model(nh.image(S, LABELS, {0: 1, 1: k})), "voxel", n_sub=4)
        errors.append(np.abs(cells.effective["A"] - limit.effective["A"]).max())
    assert errors[0] < 2e-3
    assert errors[1] < 2e-5
    assert not limit.bounds


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_a_square_array_of_round_holes() -> None:
    """Rayleigh 1892, Phil. Mag. 34:481: 1 - 2 f/(1 + f - 0.305827 f^4 - 0.013363 f^8)."""
    share = np.pi * 0.3**2
    expected = 1 - 2 * share / (1 + share - 0.305827 * share**4 - 0.013363 * share**8)
    fitted = nh.solve_cells(model(1, DISK))
    assert fitted.backend == "skfem"
    assert fitted.effective["A"] == pytest.approx(expected * np.eye(2), abs=1e-6)
    assert fitted.effective["f"] == pytest.approx(2 * (1 - share), abs=1e-9)
    cells = nh.solve_cells(model(1, DISK), "voxel", n=128)
    assert cells.effective["A"] == pytest.approx(expected * np.eye(2), abs=4e-3)
    assert cells.effective["f"] == pytest.approx(2 * (1 - share), abs=1e-3)


def test_what_goes_through_the_surfaces_of_holes() -> None:
    """n . grad u + eps beta u = eps g: a reaction beta |Gamma|/|Y| and a source g |Gamma|/|Y|
    beside those of the solid; fluxes of several shapes add."""
    other, square = (
        nh.Ellipse((0, 0), (0.15, 0.08)),
        nh.Polygon([(0, 0.4), (0.1, 0.4), (0.1, 0.5), (0, 0.5)]),
    )
    holes = {
        DISK: nh.Robin(3 * S.eps, S.eps),
        other: nh.Neumann(2 * S.eps),
        square: nh.Robin(5 * S.eps),
    }
    equation = sp.Eq(-S.div(S.grad(U)) + 7 * U, 11)
    given = nh.MultiscaleProblem(equation, scales=S, unknown=U, holes=holes)
    cells = nh.solve_cells(nh.homogenize(given), tolerance=1e-3)
    solid = 1 - np.pi * (0.09 + 0.15 * 0.08) - 0.01
    around = 0.7393979017871266  # by quadrature
    expected = {
        "c": 7 * solid + 3 * 0.6 * np.pi + 5 * 0.4,
        "f": 11 * solid + 0.6 * np.pi + 2 * around,
    }
    for name, value in expected.items():
        assert cells.effective[name] == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize(
    ("shape", "surface", "volume"),
    [
        (nh.Ellipse((0, 0), (3, 3)), 6 * np.pi, 9 * np.pi),
        (nh.Ellipse((0, 0), (1, 2), 0.3), 9.688448220547675, 2 * np.pi),
        (nh.Ball((0, 0, 0), 0.5), np.pi, np.pi / 6),
        (nh.Cylinder((0, 0), 0.2, axis=1), 0.8 * np.pi, 0.08 * np.pi),
        (nh.Polygon([(0, 0), (0, 4), (3, 0)]), 12, 6),
    ],
)
def test_measures_of_shapes(shape: Any, surface: float, volume: float) -> None:
    cell = nh.Cell((0, 1), (0, 2), (0, 3)) if shape.fits(3) else nh.Cell((0, 1), (0, 2))
    found = [float(value) for value in measures(shape, cell)]
    assert found == pytest.approx([surface, volume])


def test_both_libraries_on_the_same_meshes() -> None:
    v = S.unknown("v", components=2)
    strain = S.sym_grad(v)
    equation = (-S.div(strain.trace() * sp.eye(2) + 2 * strain), sp.Matrix([0, 1]))
    holes = dict.fromkeys([DISK, nh.Disk((0, 0), 0.15)], nh.Neumann(0))
    given = nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=v, holes=holes))
    one, other = (nh.solve_cells(given, name, n=8, tolerance=1) for name in ("skfem", "dolfinx"))
    # Their rules of one degree differ on curved triangles, by less than the error of the mesh.
    assert other.effective["A"] == pytest.approx(one.effective["A"], abs=1e-7)
    assert other.effective["f"] == pytest.approx(one.effective["f"], abs=1e-7)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_an_elastic_sheet_with_holes() -> None:
    v = S.unknown("v", components=2)
    e = S.sym_grad(v)
    stress = e.trace() * sp.eye(2) + 2 * e
    given = nh.homogenize(
        nh.MultiscaleProblem(
            (-S.div(stress), sp.Matrix([0, 1])),
            scales=S,
            unknown=v,
            holes={SQUARE: nh.Neumann(0)},
        )
    )
    voxel = nh.solve_cells(given, "voxel", n=16)
    fem = nh.solve_cells(given, "skfem", tolerance=0.02)
    size = np.abs(fem.effective["A"]).max()
    error = np.abs(voxel.effective["A"] - fem.effective["A"]).max() / size
    assert error < voxel.info["estimate"] < 20 * error
    assert voxel.effective["f"] == pytest.approx([0, 0.75])


def test_storage_stands_on_the_solid() -> None:
    s = nh.Scales(2, time=True)
    u = s.unknown("u")
    equation = sp.Eq(3 * s.dt(u) - s.laplacian(u) + 2 * u, 0)
    given = nh.homogenize(
        nh.MultiscaleProblem(equation, scales=s, unknown=u, holes={SQUARE: nh.Neumann(0)})
    )
    cells = nh.solve_cells(given, "voxel", n=8, tolerance=0.5)
    assert cells.effective["rho"] == pytest.approx(3 * 0.75)
    assert cells.effective["c"] == pytest.approx(2 * 0.75)


def test_a_solid_that_hangs_together_at_corners_is_told() -> None:
    given = model(nh.image(S, np.eye(4, dtype=int), {0: 0, 1: 1}))
    with pytest.warns(nh.ToleranceWarning, match="does not connect"):
        nh.solve_cells(given, "voxel", n_sub=2, tolerance=0.9)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda: nh.solve_cells(model(1, DISK), "fourier"), "holes on the fourier backend"),
        (lambda: nh.emit(model(1, DISK), "numpy"), "whose grids go through them"),
        (lambda: nh.emit(model(1, DISK), "tests"), "whose grids go through them"),
        (lambda: nh.solve_cells(model(1, DISK), "skfem", mesh="lattice"), "not along the axes"),
        (
            lambda: nh.solve_cells(model(1, DISK - nh.Disk((0.5, 0.5), 0.1)), "dolfinx"),
            "floats in a hole",
        ),
        (lambda: model(1, DISK, nh.Robin(1, 0)), "not of the power 1 of eps"),
        (lambda: model(1, DISK, nh.Neumann(1 / S.eps)), "not of the power 1 of eps"),
        (lambda: model(1, DISK, nh.Robin(S.eps * sp.sin(S.y[0]))), "that oscillate"),
        (lambda: model(1, DISK, nh.Robin(S.eps * sp.Symbol("q"))), "something else than s.x"),
        (lambda: model(1, nh.Disk((0.5, 0.5), 0.5), nh.Robin(S.eps)), "holes that meet"),
        (lambda: model(1, DISK | SQUARE, nh.Robin(S.eps)), "the surface of this shape"),
        (lambda: nh.homogenize(problem(1, DISK, nh.Robin(S.eps)), order=2), "correctors of order"),
        (lambda: problem(1, DISK, nh.Robin(S.eps, on="left")), "another condition"),
        (lambda: problem(1, DISK, nh.Dirichlet(1)), "another condition"),
        (lambda: problem(1, DISK, 0), "a hole has a boundary condition"),
        (lambda: problem(1, holes=[DISK]), "dictionary of shapes"),
        (lambda: problem(1, "hole"), "not a Shape"),
        (
            lambda: nh.homogenize(
                nh.MultiscaleProblem(
                    sp.Eq(-S.laplacian(U) + U.diff(S.x[0]), 1),
                    scales=S,
                    unknown=U,
                    holes={DISK: nh.Neumann(0)},
                )
            ),
            "first order beside holes",
        ),
        (lambda: model(-1, DISK), "not positive definite"),
    ],
)
def test_refused(run: Callable[[], Any], text: str) -> None:
    with pytest.raises(nh.NhpinnError, match=text):
        run()
