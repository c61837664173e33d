"""Double porosity: the blocks of a disk and of a square in closed form, the macroscopic equation
against its Laplace transform and against the multiscale problem itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.special import iv, jn_zeros

import nhpinn_sym as nh
from tests.disk_arrays import conductivity

HALF, SHARE, RADIUS, SLOW = sp.Rational(1, 2), sp.Rational(3, 10), 0.3, 2.0
DISK = nh.Disk((HALF, HALF), SHARE)


def blocks(
    shape: Any, diffusion: Any, source: Any = 0, initial: Any = 0, density: Any = 1, **more: Any
) -> nh.DoublePorosityModel:
    s = nh.Scales(2, time=True)
    u = s.unknown("u")
    a = nh.phases(s, {shape: diffusion * s.eps**2}, default=1)
    rho = nh.phases(s, {shape: density}, default=1)
    found = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(rho * s.dt(u) - s.div(a * s.grad(u)), source),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
            initial=[nh.Initial(initial)],
            final_time=sp.Rational(1, 10),
            **more,
        )
    )
    assert isinstance(found, nh.DoublePorosityModel)
    return found


def lag(s: Any, bessel: Any) -> Any:
    """int Z of the disk."""
    k = bessel.sqrt(s / SLOW) * RADIUS
    ratio = bessel.besseli(1, k) / bessel.besseli(0, k)
    return bessel.pi * RADIUS**2 / s * (1 - 2 * ratio / k)


def test_modes_of_a_disk(tmp_path: Path) -> None:
    cells = nh.solve_cells(blocks(DISK, 2))
    assert cells.effective["A"][0, 0] == pytest.approx(conductivity(0.3, 0.0), abs=1e-6)
    assert cells.effective["rho"] == pytest.approx(1)
    weights, rates = cells.effective["weights"], cells.effective["rates"]
    zeros = jn_zeros(0, 2)
    assert rates[:2] == pytest.approx(SLOW * (zeros / RADIUS) ** 2, rel=1e-5)
    assert weights[:2] == pytest.approx(4 * np.pi * RADIUS**2 / zeros**2, rel=1e-5)
    for s in (1e-6, 1.0, 100.0):
        k = np.sqrt(s / SLOW) * RADIUS
        exact = np.pi * RADIUS**2 / s * (1 - 2 * iv(1, k) / (k * iv(0, k)))
        assert (weights / (s + rates)).sum() == pytest.approx(exact, rel=1e-7)
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    assert np.array_equal(again.effective["weights"], weights)


def test_macroscopic_equation_against_its_laplace_transform() -> None:
    """u = sin sin at the start, without a source."""
    x = nh.Scales(2).x
    model = blocks(DISK, 2, initial=sp.sin(sp.pi * x[0]) * sp.sin(sp.pi * x[1]))
    cells = nh.solve_cells(model, modes=8)
    solution = nh.solve_homogenized(model, cells, "skfem", mesh=8)
    rate = cells.effective["A"][0, 0] * 2 * np.pi**2

    def transform(s: Any) -> Any:
        behind = 1 - s * lag(s, mpmath)
        return behind / (s * behind + rate)

    for t in (0.05, 0.1):
        exact = float(mpmath.invertlaplace(transform, t, method="talbot"))
        assert solution([[0.5, 0.5]], t=t)[0] == pytest.approx(exact, abs=2e-5)


def test_limit_of_the_multiscale_problem() -> None:
    """Square blocks of another storage: at the corners of the cells, in the fractures."""
    square = nh.Layer(0, (0.2, 0.8)) & nh.Layer(1, (0.2, 0.8))
    model = blocks(square, HALF, source=1, density=2)
    cells = nh.solve_cells(model, modes=6, tolerance=1e-2)
    assert cells.effective["rho"] == pytest.approx(1.36)
    # b/rho_M times the eigenvalue of the square
    assert cells.effective["rates"][0] == pytest.approx(np.pi**2 * 2 / 0.36 / 4, rel=1e-5)
    limit = nh.solve_homogenized(model, cells, "skfem", mesh=8, steps=16)
    errors = []
    for n in (2, 4):
        fine = nh.solve_fine(model.problem, 1 / n, "skfem", per_period=10, steps=16)
        places = np.array([[i / n, j / n] for i in range(1, n) for j in range(1, n)])
        gap = fine(places, t=0.1) - limit(places, t=0.1)
        errors.append(np.abs(gap).max() / np.abs(limit(places, t=0.1)).max())
    assert errors[1] < 0.6 * errors[0] and errors[1] < 0.04


def test_derivation_names_the_blocks() -> None:
    text = str(blocks(DISK, 2))
    assert "holes" in text and "K = sum(c_k*exp(-l_k*t))" in text


@pytest.mark.parametrize(("power", "time"), [(1, True), (3, True), (-2, True), (2, False)])
def test_refused_powers(power: int, time: bool) -> None:
    s = nh.Scales(2, time=time)
    u = s.unknown("u")
    a = nh.phases(s, {DISK: s.eps**power}, default=1)
    stored = s.dt(u) if time else u
    with pytest.raises(nh.NhpinnError):
        nh.homogenize(
            nh.MultiscaleProblem(sp.Eq(stored - s.div(a * s.grad(u)), 1), scales=s, unknown=u)
        )


def test_refused_verbs() -> None:
    model = blocks(DISK, 2)
    for verb in (nh.solve_cells, nh.emit):
        with pytest.raises(nh.NhpinnError, match="double porosity"):
            verb(model, "dolfinx")
    with pytest.raises(nh.ProblemError, match="modes"):
        nh.solve_cells(model, n=4)
