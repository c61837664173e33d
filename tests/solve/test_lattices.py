from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.domain import LatticeCell
from tests.disk_arrays import conductivity

S = nh.Scales(2)
U = S.unknown("u")
HALF = sp.Rational(1, 2)
ROOT = sp.sqrt(3)
HEXAGONAL = nh.Cell.lattice((1, 0), (HALF, ROOT / 2))


def model_of(a: sp.Expr, cell: nh.Cell, scales: nh.Scales = S) -> nh.HomogenizedModel:
    u = scales.unknown("u")
    equation = sp.Eq(-scales.div(a * scales.grad(u)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=scales, unknown=u, cell=cell))


def waves() -> sp.Expr:
    """With the periods of the hexagonal lattice, and no symmetry."""
    one, other = S.y[0] - S.y[1] / ROOT, 2 * S.y[1] / ROOT
    turn = 2 * sp.pi
    return 2 + sp.cos(turn * one) + HALF * sp.sin(turn * other) + sp.cos(turn * (one + other)) / 3


def test_bases_of_one_lattice() -> None:
    assert nh.Cell.lattice((1, 0), (sp.Rational(7, 2), ROOT / 2)) == HEXAGONAL
    assert nh.Cell.lattice((1, 0), (3, 1)) == nh.Cell((0, 1), (0, 1))
    assert HEXAGONAL.volume == ROOT / 2
    assert HEXAGONAL.intervals == ((0, sp.Rational(3, 2)), (0, ROOT / 2))
    for wrong in ([(1, 0)], [(1, 0), (2, 0)], [(1, 0), (0, "a")], [(1, 0), (0, sp.I)], [1, 2]):
        with pytest.raises(nh.ProblemError):
            nh.Cell.lattice(*wrong)


@pytest.mark.parametrize(
    ("backend", "lossy", "tolerance"),
    [("fourier", 0, 1e-9), ("fourier", 1, 1e-9), ("skfem", 0, 1e-6)],
)
def test_smooth_coefficients_against_a_box_of_two_cells(
    backend: str, lossy: int, tolerance: float
) -> None:
    """The box (0, 1) x (0, sqrt 3) holds two cells of the lattice; and a sheared basis of it. Real
    coefficients, and complex ones.
    """
    box = nh.Cell((0, 1), (0, ROOT))
    a = waves() + lossy * sp.I * (1 + waves() ** 2 / 9)
    expected = nh.solve_cells(model_of(a, box), "fourier")
    sheared = LatticeCell(((1, 0), (sp.Rational(3, 2), ROOT / 2)))
    points = 3 * np.random.default_rng(0).random((20, 2))
    for cell in (HEXAGONAL, sheared):
        cells = nh.solve_cells(model_of(a, cell), backend)
        assert cells.effective["A"] == pytest.approx(expected.effective["A"], abs=2 * tolerance)
        for one, other in zip(cells.functions, expected.functions, strict=True):
            for index in ((0, 0), (0, 1)):
                values = other.derivative(points, index)
                assert one.derivative(points, index) == pytest.approx(values, abs=1e-3)


def test_hexagonal_array_against_its_series(tmp_path: Path) -> None:
    """Densely packed, f = 0.7, across the corners of the cell."""
    radius = float(np.sqrt(0.7 * np.sqrt(3) / 2 / np.pi))
    a = nh.phases(S, {nh.Disk((0, 0), radius): 10}, default=1, cell=HEXAGONAL)
    cells = nh.solve_cells(model_of(a, HEXAGONAL), "skfem", n=8, tolerance=1e-4)
    expected = conductivity(radius, 10, "hexagonal")
    error = np.abs(cells.effective["A"] - expected * np.eye(2)).max()
    assert error < 2e-6
    assert error / expected <= cells.info["estimate"]
    mesh = cells.mesh
    assert mesh is not None
    mesh.check()
    assert mesh.vectors == pytest.approx(np.array(HEXAGONAL.vectors, dtype=float))
    again = nh.solve_cells(model_of(a, HEXAGONAL), "skfem", mesh=mesh, tolerance=1e-1)
    assert again.effective["A"] == pytest.approx(cells.effective["A"], abs=1e-11)
    kept = nh.load(cells.save(tmp_path / "cells.npz"))
    period = np.array(HEXAGONAL.vectors[1], dtype=float)
    point = np.array([0.37, 0.21])
    expected_value = cells.functions[0].derivative(point, (1, 0))
    assert kept.functions[0].derivative(point + period, (1, 0)) == pytest.approx(expected_value)


def test_a_net_on_the_hexagonal_lattice() -> None:
    expected = nh.solve_cells(model_of(waves(), HEXAGONAL), "fourier")
    cells = nh.solve_cells(model_of(waves(), HEXAGONAL), "pinn", tolerance=1e-5)
    assert cells.effective["A"] == pytest.approx(expected.effective["A"], abs=1e-5)


def test_a_lattice_in_space() -> None:
    """The cube holds four cells of the face-centred lattice."""
    scales = nh.Scales(3)
    y = scales.y
    turn = 2 * sp.pi
    a = 3 + sp.cos(turn * (y[0] + y[1] + y[2])) + sp.sin(turn * (y[0] - y[1] + y[2]))
    cell = nh.Cell.lattice((0, HALF, HALF), (HALF, 0, HALF), (HALF, HALF, 0))
    assert cell.volume == sp.Rational(1, 4)
    found, expected = (
        nh.solve_cells(model_of(a, own, scales), "fourier", tolerance=1e-6).effective["A"]
        for own in (cell, nh.Cell.unit(3))
    )
    assert found == pytest.approx(expected, abs=1e-5)


def test_systems_on_a_lattice() -> None:
    """Elastic waves: the same stiffness from the cell and from the box of two cells."""
    v = S.unknown("v", components=2)
    strain = S.sym_grad(v)
    stress = waves() * (strain.trace() * sp.eye(2) + 2 * strain)

    def stiffness(cell: nh.Cell) -> np.ndarray:
        problem = nh.MultiscaleProblem(
            (-S.div(stress), sp.Matrix([1, 0])), scales=S, unknown=v, cell=cell
        )
        return nh.solve_cells(nh.homogenize(problem), "fourier", tolerance=1e-7).effective["A"]

    assert stiffness(HEXAGONAL) == pytest.approx(stiffness(nh.Cell((0, 1), (0, ROOT))), abs=1e-5)


def around(cell: nh.Cell, disks: list[nh.Disk], kind: str) -> nh.MultiscaleProblem:
    """No flux into the disks, unknowns that are held at them, or a flow around them."""
    if kind == "K":
        v, p = S.unknown("v", components=2), S.unknown("p")
        rows = [(-(S.eps**2) * S.laplacian(v) + S.grad(p), sp.Matrix([1, 0])), (S.div(v), 0)]
        walls = dict.fromkeys(disks, nh.Dirichlet(0, unknown=v))
        return nh.MultiscaleProblem(rows, scales=S, unknown=[v, p], cell=cell, holes=walls)
    held = nh.Robin(2 * S.eps, S.eps) if kind == "A" else nh.Dirichlet(0)
    equation = sp.Eq(-S.div(waves() * S.grad(U)), 1)
    holes = dict.fromkeys(disks, held)
    return nh.MultiscaleProblem(equation, scales=S, unknown=U, cell=cell, holes=holes)


@pytest.mark.parametrize("kind", ["A", "M", "K"])
def test_holes_against_a_box_of_two_cells(kind: str) -> None:
    one = nh.Disk((0.3, 0.4), 0.3)
    other = nh.Disk((0.8, sp.Rational(2, 5) + ROOT / 2), 0.3)
    found, expected = (
        nh.solve_cells(nh.homogenize(around(cell, disks, kind)), "skfem", tolerance=1e-2)
        for cell, disks in ((HEXAGONAL, [one]), (nh.Cell((0, 1), (0, ROOT)), [one, other]))
    )
    margin = found.info["estimate"] + expected.info["estimate"]
    assert margin < 2e-3
    for name in {kind, "c"} & set(found.effective):
        size = np.abs(expected.effective[name]).max()
        assert found.effective[name] == pytest.approx(expected.effective[name], abs=margin * size)


def test_what_lattices_refuse() -> None:
    with pytest.raises(nh.ProblemError, match="does not have the period"):
        model_of(2 + sp.sin(2 * sp.pi * S.y[1]), HEXAGONAL)
    with pytest.raises(nh.ProblemError, match="without ends"):
        nh.phases(S, {nh.Layer(0, (0, 0.5)): 3}, cell=HEXAGONAL)
    with pytest.raises(nh.ProblemError, match="an image of the cell of a lattice"):
        nh.image(S, np.zeros((4, 4), dtype=int), {0: 1}, cell=HEXAGONAL)
    scales = nh.Scales(2, levels=2)
    u = scales.unknown("u")
    with pytest.raises(nh.UnsupportedError, match="more than one fast scale"):
        nh.MultiscaleProblem(
            sp.Eq(-scales.laplacian(u), 1), scales=scales, unknown=u, cell=HEXAGONAL
        )
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.div(waves() * S.grad(U)), 1),
        scales=S,
        unknown=U,
        cell=HEXAGONAL,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.UnsupportedError, match="the fine problem on the cell of a lattice"):
        nh.solve_fine(problem, eps=HALF / 4, backend="skfem")
    with pytest.raises(nh.UnsupportedError, match="the Bloch oracle on the cell"):
        nh.bloch(nh.homogenize(problem))
    with pytest.raises(nh.UnsupportedError, match="on voxels on the cell of a lattice"):
        flow = nh.homogenize(around(HEXAGONAL, [nh.Disk((0.3, 0.4), 0.3)], "K"))
        nh.solve_cells(flow, "voxel")
