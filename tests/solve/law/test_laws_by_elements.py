"""Laws by finite elements: at points of the cell, and as what drives a homogenized equation, against
layers, which are inverted by hand.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

import nhpinn_sym as nh
from nhpinn_sym.solve.law import element_levels
from nhpinn_sym.solve.law.solve_law import prepared_law

from .test_law import cubic_root

PLACES = np.array([[0.13], [0.31], [0.62], [0.9]])
FIRST = 1 / 3  # of the cell, with a = 1; a = 10 in the rest


def layers(dim: int) -> nh.MultiscaleProblem:
    """-div( a (1 + |grad u|^2) grad u ) = 10 on the unit box."""
    s = nh.Scales(dim)
    u = s.unknown("u")
    g = s.grad(u)
    a = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (10, True))
    sides = {} if dim == 1 else {"on": ["left", "right"]}
    walls = [nh.Dirichlet(0, **sides)]
    if dim == 2:
        walls.append(nh.Neumann(0, on=["bottom", "top"]))
    equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 10)
    domain = nh.Box(*[(0, 1)] * dim)
    return nh.MultiscaleProblem(equation, scales=s, unknown=u, domain=domain, boundary=walls)


@cache
def solved(dim: int, backend: str) -> tuple[nh.LawSolution, Any]:
    """The law, and the solution of the homogenized equation on the same backend."""
    model = nh.homogenize(layers(dim))
    law = nh.solve_law(model, backend, tolerance=1e-8)
    return law, nh.solve_homogenized(model, law, backend, mesh=128 if dim == 1 else (8, 2))


def slope(stress: float) -> float:
    """The mean of the slopes of both layers, between which the flux is continuous."""
    return float(FIRST * cubic_root(stress) + (1 - FIRST) * cubic_root(stress / 10))


def corrector(stress: float, y: float) -> float:
    """N(y), with a zero mean."""
    jump = cubic_root(stress) - slope(stress), cubic_root(stress / 10) - slope(stress)

    def from_zero(y: float) -> float:
        return float(jump[0] * min(y, FIRST) + jump[1] * max(y - FIRST, 0))

    return from_zero(y) - quad(from_zero, 0, 1, points=[FIRST])[0]


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_law_by_elements_drives_a_homogenized_equation(backend: str) -> None:
    """The stress is 5 - 10 x, so that u0 is an integral."""
    law, u0 = solved(1, backend)
    wanted = [quad(lambda x: slope(5 - 10 * x), 0, x[0], points=[0.5])[0] for x in PLACES]
    assert u0(PLACES) == pytest.approx(np.array(wanted), rel=1e-5)
    assert u0.info["law"] < 1e-8
    u1 = nh.reconstruct(u0, law, eps=1 / 8)
    fast = [corrector(5 - 10 * x[0], (8 * x[0]) % 1) for x in PLACES]
    assert u1(PLACES) - u0(PLACES) == pytest.approx(np.array(fast) / 8, abs=1e-5)
    slopes = [cubic_root((5 - 10 * x[0]) / (1 if (8 * x[0]) % 1 < FIRST else 10)) for x in PLACES]
    slow = u1.derivative(PLACES, (1,)) - np.array(slopes)
    assert np.abs(slow).max() < 0.06  # eps dN/dx


def test_in_the_plane_the_limit_is_that_of_the_line() -> None:
    points = np.column_stack([PLACES, 0.37 + 0 * PLACES])
    line, plane = solved(1, "skfem")[1], solved(2, "skfem")[1]
    assert plane(points) == pytest.approx(line(PLACES), rel=2e-3)
    assert plane.info["law"] < 1e-8


def test_energy_and_corrector_of_a_state() -> None:
    """f* of layers: the least of the sum of both energies, whose slopes have the mean xi."""
    law, _ = solved(1, "skfem")
    stress = float(law.flux(grad=0.8)[0])
    slopes = cubic_root(stress), cubic_root(stress / 10)
    energies = [a * (p**2 / 2 + p**4 / 4) for a, p in zip((1, 10), slopes)]
    wanted = FIRST * energies[0] + (1 - FIRST) * energies[1]
    assert law.energy(grad=0.8) == pytest.approx(wanted, rel=1e-10)
    found = law.corrector(PLACES, grad=0.8)
    assert found == pytest.approx([corrector(stress, y[0]) for y in PLACES], abs=1e-10)
    assert law.bounds(grad=0.8) == pytest.approx((wanted, wanted), rel=1e-10)
    with pytest.raises(nh.UnsupportedError, match="leave backend="):
        law.state(grad=0.8, backend="fourier")


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_cells_at_a_state_are_the_derivatives_of_the_corrector(backend: str) -> None:
    law = nh.solve_law(nh.homogenize(layers(2)), backend)
    grad = np.array([0.8, 0.3])
    cells = law.state(grad=grad)
    assert cells.effective["A"] == pytest.approx(law.tangent(grad=grad), rel=1e-12)
    points = np.column_stack([PLACES, 0.37 + 0 * PLACES])
    for step, function in zip(1e-4 * np.eye(2), cells.functions, strict=True):
        ends = [law.corrector(points, grad=grad + sign * step) for sign in (1, -1)]
        assert function(points) == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-8)


def test_bounds_of_stiff_disks_and_of_stresses() -> None:
    """A dual problem of stream functions, closer than any Fourier grid comes."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    flux = a * (1 + g.dot(g)) ** -sp.Rational(1, 4) * g
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u))
    law = nh.solve_law(model, "skfem", tolerance=1e-3)
    lower, upper = law.bounds(grad=(1, 0.5))
    assert 0 < upper - lower < 1e-5 * upper
    assert lower <= float(law.energy(grad=(1, 0.5))) <= upper


def test_bounds_where_an_energy_has_largest_fluxes() -> None:
    """Regularised total variation: shares of the dual flux, which is too large at some points."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    flux = a * g / sp.sqrt(sp.Rational(1, 100) + g.dot(g))
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u))
    law = nh.solve_law(model, "dolfinx", tolerance=1)
    lower, upper = law.bounds(grad=(1, 0.5))
    assert 0 < upper - lower < 2e-2 * upper
    assert lower < float(law.energy(grad=(1, 0.5))) < upper * (1 + 1e-3)


def test_bounds_of_symmetric_stresses_are_refused() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    waves = 2 + sp.cos(2 * sp.pi * s.y[0])
    sigma = (1 + waves * e.trace() ** 2) * e.trace() * sp.eye(2) + 2 * e
    elastic = nh.MultiscaleProblem(sp.Eq(-s.div(sigma), sp.zeros(2, 1)), scales=s, unknown=v)
    with pytest.raises(nh.UnsupportedError, match="symmetric"):
        nh.solve_law(nh.homogenize(elastic), "skfem", tolerance=1).bounds(strain=0.1 * np.eye(2))


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_smooth_data_are_extrapolated_from_mesh_to_mesh(backend: str) -> None:
    """Ten digits, where quadratic elements have six on the finest mesh of the plane."""
    s = nh.Scales(1)
    u = s.unknown("u")
    g = s.grad(u)
    a = sp.exp(sp.sin(2 * sp.pi * s.y[0]))
    flux = a * (1 + g.dot(g)) * g
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u))
    exact = nh.solve_law(model, "fourier", tolerance=1e-11)
    law = nh.solve_law(model, backend, tolerance=1e-10)
    assert law.info["n"] <= 128
    for found, wanted in (
        (law.flux(grad=1.3), exact.flux(grad=1.3)),
        (law.tangent(grad=1.3), exact.tangent(grad=1.3)),
        (law.energy(grad=1.3), exact.energy(grad=1.3)),
    ):
        assert found == pytest.approx(wanted, rel=2e-10)


def test_rods_on_tetrahedra_are_disks_in_the_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Along the rods u0 is u: a (1 + 1), in the mean. On two meshes the change is the estimate."""
    monkeypatch.setitem(element_levels._MOST_FITTED, 3, 10_000)
    flat = nh.Cell((0, 1), (0, 1), (0, sp.Rational(1, 8)))
    rods, disks = (
        prepared_law(_cubic(dim, shape, cell), "skfem", 1e-2, {}, None)
        for dim, shape, cell in (
            (3, nh.Cylinder((0.5, 0.5), 0.3, axis=2), flat),
            (2, nh.Disk((0.5, 0.5), 0.3), None),
        )
    )
    flux = rods.flux(grad=[(1, 0.5, 0), (0, 0, 1)])
    across = disks.flux(grad=(1, 0.5))
    along = 2 * (1 + 4 * np.pi * 0.09)
    assert flux == pytest.approx(np.array([[*across, 0], [0, 0, along]]), abs=1e-3)
    assert np.abs(flux[0, :2] - across).max() <= rods.info["estimate"] * np.abs(flux).max()


def _cubic(dim: int, shape: Any, cell: nh.Cell | None) -> Any:
    s = nh.Scales(dim)
    u = s.unknown("u")
    g = s.grad(u)
    a = nh.phases(s, {shape: 5}, default=1, cell=cell)
    equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u, cell=cell))
