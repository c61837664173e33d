"""Imperfect contact: cells whose functions jump, against closed forms, series and transfer
matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

import nhpinn_sym as nh
from nhpinn_sym.solve.cell_solution import CellSolution
from tests.disk_arrays import conductivity

HALF, SHARE = sp.Rational(1, 2), sp.Rational(3, 10)
FEM = ["skfem", "dolfinx"]


def model(
    dim: int, shape: Any, inside: Any, contact: Any, order: int = 1, cell: Any = None
) -> nh.HomogenizedModel:
    """-div(a grad u) = 1 with a = `inside` in the shape, 1 outside, and `contact`/eps between."""
    s = nh.Scales(dim)
    u = s.unknown("u")
    a = nh.phases(s, {shape: inside}, default=1, cell=cell)
    found = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            cell=cell,
            contacts={shape: contact(s) / s.eps if callable(contact) else contact / s.eps},
        ),
        order=order,
    )
    assert isinstance(found, nh.HomogenizedModel)
    return found


def solved(*given: Any, backend: str = "skfem", cell: Any = None, **options: Any) -> CellSolution:
    return nh.solve_cells(model(*given, cell=cell), backend, **options)


def off(cells: CellSolution, exact: float) -> float:
    """Of A_11, and its estimate must not be below it."""
    error = abs(cells.effective["A"][0, 0] - exact)
    assert error <= max(cells.info["estimate"] * exact, 1e-12)
    return float(error)


@pytest.mark.parametrize("backend", FEM)
@pytest.mark.parametrize("dim", [1, 2])
def test_layers_are_resistances_in_a_row(backend: str, dim: int) -> None:
    """An interface of the layer is the face of the cell."""
    cells = solved(dim, nh.Layer(0, (0, SHARE)), 10, 2, backend=backend)
    assert off(cells, 1 / (0.3 / 10 + 0.7 + 2 / 2)) < 1e-12
    if dim == 2:
        assert cells.effective["A"][1, 1] == pytest.approx(3.7, rel=1e-12)


def test_contact_alone_is_seen() -> None:
    cells = solved(1, nh.Layer(0, (0.2, 0.6)), 1, 2)
    assert off(cells, 0.5) < 1e-12
    values = cells.functions[0](np.array([[0.2 - 1e-9], [0.2 + 1e-9]]))
    assert float(values[1] - values[0]) == pytest.approx(0.25, abs=1e-6)  # A/beta


@pytest.mark.parametrize(
    ("backend", "centre", "inside", "beta"),
    [
        ("skfem", (HALF, HALF), 10, 1),
        ("skfem", (0, 0), 10, sp.Rational(1, 1000)),
        ("skfem", (0, 0), 10, 10**6),
        ("dolfinx", (0, 0), 10, 1),
    ],
)
def test_disks_agree_with_multipoles(backend: str, centre: Any, inside: int, beta: Any) -> None:
    cells = solved(2, nh.Disk(centre, SHARE), inside, beta, backend=backend)
    assert off(cells, conductivity(0.3, inside, contact=float(beta))) < 1e-7


@pytest.mark.parametrize("beta", [sp.Rational(1, 1000), 1, 10**4])
def test_nets_of_two_phases(beta: Any) -> None:
    cells = solved(2, nh.Disk((HALF, HALF), SHARE), 10, beta, backend="pinn", tolerance=1e-6)
    assert off(cells, conductivity(0.3, 10, contact=float(beta))) < 1e-8


def test_nets_and_elements_agree_on_springs() -> None:
    """Which vary along a curved interface."""
    found = elastic(
        nh.Disk((0, 0), SHARE),
        lambda s: nh.Spring((2 + sp.cos(2 * sp.pi * s.y[0])) / s.eps, 3 / s.eps),
    )
    fem = nh.solve_cells(found, "skfem", tolerance=1e-4).effective["A"]
    nets = nh.solve_cells(found, "pinn", tolerance=1e-3).effective["A"]
    assert np.abs(fem - nets).max() < 1e-4


def test_validation_compares_nets_with_elements() -> None:
    report = nh.validate(model(1, nh.Layer(0, (0, SHARE)), 10, 2).problem)
    assert "AGREEMENT" in str(report)


def test_hexagonal_array() -> None:
    hexagonal = nh.Cell.lattice((1, 0), (HALF, sp.sqrt(3) / 2))
    cells = solved(2, nh.Disk((0, 0), sp.Rational(2, 5)), 10, 3, cell=hexagonal, h=0.12)
    assert off(cells, conductivity(0.4, 10, "hexagonal", contact=3)) < 1e-7


def test_weak_contact_is_a_hole_and_stiff_contact_perfect() -> None:
    disk = nh.Disk((HALF, HALF), SHARE)
    weak = solved(2, disk, 10, sp.Rational(1, 10**9), h=0.1).effective["A"][0, 0]
    assert weak == pytest.approx(conductivity(0.3, 0.0), abs=1e-7)
    s = nh.Scales(2)
    u = s.unknown("u")
    equation = sp.Eq(-s.div(nh.phases(s, {disk: 10}, default=1) * s.grad(u)), 1)
    stiff = nh.homogenize(
        nh.MultiscaleProblem(equation, scales=s, unknown=u, contacts={disk: 1 / s.eps**2})
    )
    assert "perfect in the limit" in str(stiff)
    perfect = nh.solve_cells(stiff, "skfem", h=0.1).effective["A"][0, 0]
    assert perfect == pytest.approx(conductivity(0.3, 10), abs=1e-7)


def test_contact_that_varies_along_the_interface() -> None:
    """Layers that conduct well are isotherms: their contacts have the mean conductance."""
    size = 10**5
    s = nh.Scales(2)
    u = s.unknown("u")
    q = sp.Symbol("q")
    beta = q * (2 + sp.cos(2 * sp.pi * s.y[1])) / s.eps
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(size * s.grad(u)), 1),
        scales=s,
        unknown=u,
        parameters={q: (1, 5)},
        contacts={nh.Layer(0, (0.2, 0.6)): beta},
    )
    cells = nh.solve_cells(nh.homogenize(problem), "skfem", parameters={q: 3})
    assert cells.effective["A"][0, 0] == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize("backend", FEM)
def test_families_over_a_contact(backend: str) -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    q = sp.Symbol("q")
    layer = nh.Layer(0, (0, SHARE))
    equation = sp.Eq(-s.div(nh.phases(s, {layer: 10}, default=1) * s.grad(u)), 1)
    problem = nh.MultiscaleProblem(
        equation, scales=s, unknown=u, parameters={q: (1, 3)}, contacts={layer: q / s.eps}
    )
    family = nh.solve_family(nh.homogenize(problem), backend)
    assert family.at(q=2).effective["A"].item() == pytest.approx(1 / (0.73 + 1), rel=1e-6)


def elastic(shape: Any, contact: Any, young: Any = 10) -> nh.HomogenizedModel:
    s = nh.Scales(2)
    w = s.unknown("w", components=2)
    lam, mu = nh.lame(nh.phases(s, {shape: young}, default=1), SHARE)
    strain = (s.grad(w) + s.grad(w).T) / 2
    stress = lam * sp.trace(strain) * sp.eye(2) + 2 * mu * strain
    found = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=w, contacts={shape: contact(s)}
        )
    )
    assert isinstance(found, nh.HomogenizedModel)
    return found


@pytest.mark.parametrize("backend", FEM)
@pytest.mark.parametrize(
    "contact",
    [lambda s: nh.Spring(2 / s.eps, 3 / s.eps), lambda s: sp.diag(2, 3) / s.eps],
)
def test_springs_between_layers(backend: str, contact: Any) -> None:
    cells = nh.solve_cells(elastic(nh.Layer(0, (0, SHARE)), contact), backend, n=4)
    lam, mu = nh.lame(1.0, 0.3)
    a = cells.effective["A"]
    share = 0.3 / 10 + 0.7
    assert a[0, 0, 0, 0] == pytest.approx(1 / (share / (lam + 2 * mu) + 2 / 2), rel=1e-10)
    assert a[0, 1, 0, 1] == pytest.approx(1 / (share / mu + 2 / 3), rel=1e-10)


def test_springs_are_the_limit_of_a_thin_coating() -> None:
    """Of thickness t with lam + 2 mu = 9 t and mu = 3 t: linear in t, extrapolated."""
    disk = nh.Disk((0, 0), SHARE)
    springs = nh.solve_cells(
        elastic(disk, lambda s: nh.Spring(9 / s.eps, 3 / s.eps)), "skfem", h=0.15, tolerance=1e-3
    )
    # Computed with coatings of 1/100 and 1/200 by perfect contact, and extrapolated.
    coated = {(0, 0, 0, 0): 1.465014, (0, 0, 1, 1): 0.570206, (0, 1, 0, 1): 0.438512}
    for place, value in coated.items():
        assert springs.effective["A"][place] == pytest.approx(value, rel=2e-4)


def test_dispersion_against_transfer_matrices() -> None:
    """Of waves through layers with contact, which Bloch's condition cos k = tr M / 2 gives."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    layer = nh.Layer(0, (0, SHARE))
    a = nh.phases(s, {layer: 10}, default=1)
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) - s.div(a * s.grad(u)), 0),
        scales=s,
        unknown=u,
        contacts={layer: 2 / s.eps},
    )
    found = nh.homogenize(problem, order=2)
    waves = nh.dispersion(found, nh.solve_cells(found, "skfem"))

    def gap(square: float, k: float) -> float:
        whole = np.eye(2)
        for stiffness, length in ((10, 0.3), (1, 0.7)):
            q = np.sqrt(square / stiffness)
            c, d = np.cos(q * length), np.sin(q * length)
            layered = np.array([[c, d / (stiffness * q)], [-stiffness * q * d, c]])
            whole = np.array([[1, 1 / 2], [0, 1]]) @ layered @ whole
        return float(np.trace(whole)) / 2 - np.cos(k)

    k = 0.1
    leading = float(waves.A[0, 0]) * k**2
    exact = brentq(gap, 0.9 * leading, 1.1 * leading, args=(k,), xtol=1e-16, rtol=1e-14)
    assert waves.B.item() == pytest.approx((exact - leading) / k**4, rel=2e-3)


def test_files_keep_functions_that_jump(tmp_path: Path) -> None:
    points = np.random.default_rng(3).random((40, 2))
    for shape, options in ((nh.Layer(0, (0, SHARE)), {"n": 4}), (nh.Disk((0, 0), SHARE), {"n": 8})):
        cells = solved(2, shape, 10, 2, tolerance=1e-2, **options)
        again = nh.load(cells.save(tmp_path / "cells.npz"))
        assert np.array_equal(again.functions[0](points), cells.functions[0](points))


def test_derivation_states_the_condition() -> None:
    found = model(2, nh.Disk((HALF, HALF), SHARE), 10, lambda s: 2 + sp.cos(2 * sp.pi * s.y[0]))
    assert "q = (2 + cos(2*pi*y1))*[N]" in str(found)
    assert r"\left[ N \right]" in found.derivation.latex()


@pytest.mark.parametrize(
    ("contact", "error"),
    [
        (lambda s: 1, nh.UnsupportedError),
        (lambda s: s.eps, nh.UnsupportedError),
        (lambda s: 1 + 1 / s.eps, nh.ProblemError),
        (lambda s: s.x[0] / s.eps, nh.UnsupportedError),
        (lambda s: sp.Symbol("q") / s.eps, nh.UnsupportedError),
        (lambda s: "2", nh.ProblemError),
        (lambda s: sp.I / s.eps, nh.ProblemError),
        (lambda s: nh.Spring(1 / s.eps, 1 / s.eps), nh.ProblemError),
        (lambda s: 0, nh.ProblemError),
        (lambda s: -1 / s.eps, nh.ProblemError),
        (lambda s: sp.cos(2 * sp.pi * s.y[1]) / s.eps, nh.SolveError),
    ],
)
def test_refused_contacts(contact: Any, error: type[Exception]) -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    with pytest.raises(error):
        problem = nh.MultiscaleProblem(
            sp.Eq(-s.laplacian(u), 1),
            scales=s,
            unknown=u,
            contacts={nh.Layer(0, (0.2, 0.6)): contact(s)},
        )
        nh.solve_cells(nh.homogenize(problem), "skfem", n=4)


def test_refused_verbs() -> None:
    found = model(1, nh.Layer(0, (0, SHARE)), 10, 2)
    for backend in ("fourier", "voxel"):
        with pytest.raises(nh.UnsupportedError, match="contact"):
            nh.solve_cells(found, backend)
    for method in ("energy", "nh-pinn"):
        with pytest.raises(nh.UnsupportedError, match="contact"):
            nh.solve_cells(found, "pinn", method=method)
    with pytest.raises(nh.UnsupportedError, match="contact"):
        nh.emit(found, "skfem")
    disk = model(2, nh.Disk((0, 0), SHARE), 10, 2)
    with pytest.raises(nh.UnsupportedError, match="contact"):
        nh.solve_cells(disk, "skfem", mesh="lattice")
    half = model(3, nh.Ball((0.5, 0.5, 0.5), SHARE) - nh.Layer(0, (0.5, 0.9)), 10, 2)
    with pytest.raises(nh.UnsupportedError, match='mesh="gmsh"'):
        nh.solve_cells(half, "dolfinx")
    with pytest.raises(nh.UnsupportedError, match="contact"):
        nh.solve_fine(found.problem, eps=0.1)
    s = nh.Scales(2)
    u = s.unknown("u")
    drift = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u) + sp.Derivative(u, s.x[0]), 1),
        scales=s,
        unknown=u,
        contacts={nh.Disk((HALF, HALF), SHARE): 1 / s.eps},
    )
    with pytest.raises(nh.UnsupportedError, match="first"):
        nh.homogenize(drift)
