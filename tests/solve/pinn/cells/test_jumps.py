"""One net per phase against closed forms, duality and other backends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.special import gamma

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import UnsupportedError

from ....disk_arrays import conductivity
from ....symbolic import derived, diffusion

HALF = sp.Rational(1, 2)
Coefficient = Callable[[nh.Scales], Any]


def solved(
    a: Coefficient, dim: int = 2, tolerance: float = 1e-7, order: int = 1, **options: Any
) -> nh.CellSolution:
    return nh.solve_cells(
        derived(diffusion(a), dim, order=order), "pinn", tolerance=tolerance, **options
    )


def disk(value: float, center: tuple[float, float] = (0.5, 0.5)) -> Coefficient:
    return lambda s: nh.phases(s, {nh.Disk(center, 0.3): value})


def test_laminate_with_varying_layers() -> None:
    cells = solved(lambda s: sp.Piecewise((2 + s.y[0], s.y[0] < HALF), (1, True)), tolerance=1e-9)
    harmonic, arithmetic = 1 / (np.log(2.5 / 2) + 0.5), 1.125 + 0.5
    assert cells.effective["A"] == pytest.approx(np.diag([harmonic, arithmetic]), abs=1e-10)


@pytest.mark.parametrize("center", [(HALF / 5, 3 * HALF / 5)])
def test_a_coated_disk_that_is_neutral(center: tuple[sp.Expr, sp.Expr]) -> None:
    """Hashin's assemblage: in a matrix as conductive as the coated disk itself, 3 (13 + 7 f)/(13 -
    7 f), f = (2/3)^2, nothing is disturbed.
    """
    shapes = {nh.Disk(center, sp.Rational(1, 5)): 10, nh.Disk(center, sp.Rational(3, 10)): 3}
    cells = solved(
        lambda s: nh.phases(s, shapes, default=sp.Rational(435, 89)), tolerance=1e-2, features=400
    )
    assert cells.effective["A"] == pytest.approx(435 / 89 * np.eye(2), abs=1e-5)


def test_three_layers_in_one_dimension() -> None:
    third = sp.Rational(1, 3)
    cells = solved(
        lambda s: sp.Piecewise((10, s.y[0] < third), (3, s.y[0] < 2 * third), (1, True)), 1
    )
    assert cells.effective["A"][0, 0] == pytest.approx(3 / (0.1 + 1 / 3 + 1), abs=1e-12)
    y = (np.arange(200)[:, None] + 0.5) / 200  # a (1 + N') is constant
    a = np.select([y[:, 0] < 1 / 3, y[:, 0] < 2 / 3], [10, 3], 1)
    assert a * (1 + cells.functions[0].derivative(y, (1,))) == pytest.approx(
        np.full(200, 3 / (0.1 + 1 / 3 + 1)), abs=1e-8
    )


@pytest.mark.parametrize("value", [10, 50, 1000])
def test_a_disk(value: float) -> None:
    found = solved(disk(value), tolerance=1e-6).effective["A"]
    assert found == pytest.approx(rayleigh(value, 0.3) * np.eye(2), abs=3e-8)


def rayleigh(contrast: float, radius: float, terms: int = 12) -> float:
    """a* of a square array of disks by the multipole series (Rayleigh 1892; Perrins, McKenzie,
    McPhedran 1979).

    Outside of the disks u = x + Re sum_n B_n sum_z (x - z)^-n over odd n and lattice points z; at a
    boundary the regular part A_n z^n and B_n are in the ratio A_n = B_n R^-2n (contrast +
    1)/(contrast - 1), up to sign. S_2 = pi along the applied field.
    """
    order, t = np.arange(1, 2 * terms, 2), (contrast - 1) / (contrast + 1)
    left = np.diag(radius ** (-2.0 * order) / t)
    for i, n in enumerate(order.tolist()):
        for j, m in enumerate(order.tolist()):
            left[i, j] -= comb(n + m - 1, n) * lattice_sum(n + m)
    return float(1 + 2 * np.pi * np.linalg.solve(left, np.eye(terms)[0])[0])


@cache
def lattice_sum(k: int) -> float:
    """sum of z^-k over the Gaussian integers z != 0."""
    if k <= 4:
        return float(np.pi if k == 2 else gamma(0.25) ** 8 / (960 * np.pi**2))
    n = np.arange(-60, 61)
    z = (n[:, None] + 1j * n).ravel()
    z = z[z != 0]
    return float((1 / z**k).sum().real)


def test_where_the_disk_lies_does_not_matter() -> None:
    centred, moved = solved(disk(10), tolerance=1e-6), solved(disk(10, (0.05, 0.9)), tolerance=1e-6)
    assert centred.info["solver"] == "random-features" and centred.info["result"] == "CONVERGED"
    assert moved.effective["A"] == pytest.approx(centred.effective["A"], abs=1e-7)
    y = np.random.default_rng(0).random((50, 2))
    there = moved.functions[0](np.mod(y + np.array([-0.45, 0.4]), 1))
    assert there == pytest.approx(centred.functions[0](y), abs=1e-4)


@pytest.mark.parametrize(
    "shapes",
    [
        (nh.Ellipse((0.5, 0.5), (0.3, 0.24), sp.pi / 6),),
        (nh.Disk((0.25, 0.5), 0.15), nh.Disk((0.7, 0.5), 0.2)),
    ],
    ids=["ellipse", "two disks"],
)
def test_duality(shapes: tuple[Any, ...]) -> None:
    """A*(1/a) is A*(a)^-1 turned by a right angle (Keller, Mendelson)."""
    one, other = (
        solved(
            lambda s, v=v: nh.phases(s, dict.fromkeys(shapes, v)), tolerance=4e-3, scale=0.5
        ).effective["A"]
        for v in (10, sp.Rational(1, 10))
    )
    turn = np.array([[0, 1], [-1, 0]])
    assert other == pytest.approx(turn @ np.linalg.inv(one) @ turn.T, abs=2e-5)


def test_elastic_laminate() -> None:
    def equation(s: nh.Scales, v: Any) -> Any:
        e = s.sym_grad(v)
        lam, mu = (sp.Piecewise((p, s.y[0] < HALF), (1, True)) for p in (5, 3))
        return -s.div(lam * e.trace() * sp.eye(2) + 2 * mu * e), sp.Matrix([1, 0])

    found = nh.voigt(
        nh.solve_cells(derived(equation, 2, components=2), "pinn", tolerance=1e-7).effective["A"]
    )
    lam, mu = np.array([5, 1.0]), np.array([3, 1.0])
    stiff = lam + 2 * mu
    c11, ratio = 1 / np.mean(1 / stiff), np.mean(lam / stiff)
    wanted = [
        [c11, ratio * c11, 0],
        [ratio * c11, np.mean(stiff - lam**2 / stiff) + ratio**2 * c11, 0],
        [0, 0, 1 / np.mean(1 / mu)],
    ]
    assert found == pytest.approx(np.array(wanted), abs=1e-8)


def test_second_correctors_of_a_laminate() -> None:
    """h_4 of a laminate of equal layers a and b, along the layers: known from the Fourier backend
    to the error of its grid.
    """
    a: Coefficient = lambda s: sp.Piecewise((10, s.y[0] < HALF), (1, True))  # noqa: E731
    found, oracle = (
        solved(a, order=2, tolerance=1e-5),
        nh.solve_cells(derived(diffusion(a), 2, order=2), "fourier", tolerance=1e-2),
    )
    for key, value in oracle.averaged[4].items():
        assert found.averaged[4][key] == pytest.approx(value, abs=5e-3)
    y = np.random.default_rng(1).random((100, 2))
    for mine, other in zip(found.functions, oracle.functions, strict=True):
        assert mine(y) == pytest.approx(other(y), abs=5e-3)


def test_coefficients_that_depend_on_x() -> None:
    model = derived(
        diffusion(lambda s: sp.Piecewise((2 + s.x[0], s.y[0] < HALF), (1, True))),
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    cells = nh.solve_cells(model, "pinn", tolerance=1e-8)
    x = np.array([[0.1], [0.77]])
    assert cells.effective["A"](x)[:, 0, 0] == pytest.approx(2 / (1 + 1 / (2 + x[:, 0])), abs=1e-7)


def test_saved_and_read_again(tmp_path: Path) -> None:
    cells = solved(disk(10, (0, 0.5)), tolerance=1e-3)
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    y = np.random.default_rng(2).random((60, 2)) * 3 - 1
    for one, other in zip(cells.functions, again.functions, strict=True):
        assert other(y) == pytest.approx(one(y), abs=1e-8)
        assert other.derivative(y, (1, 0)) == pytest.approx(one.derivative(y, (1, 0)), abs=1e-6)


def test_a_corner_is_not_hidden() -> None:
    """The field is singular at the corners of a polygon: the estimate says so. 1.5442: finite
    elements on meshes that fit, extrapolated.
    """
    square = nh.Polygon([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
    with pytest.warns(nh.ToleranceWarning, match="encloses A"):
        cells = solved(lambda s: nh.phases(s, {square: 10}), features=300)
    assert np.abs(cells.effective["A"] - 1.5442 * np.eye(2)).max() < cells.info["estimate"]
    assert cells.info["result"] != "CONVERGED"


def test_a_hole_across_the_corners_of_the_cell(tmp_path: Path) -> None:
    """Against its multipoles; functions have no mean over the solid, and files keep them."""
    hole = {nh.Disk((0, 0), 0.3): nh.Neumann(0)}
    model = derived(diffusion(lambda s: 1), 2, holes=hole)
    cells = nh.solve_cells(model, "pinn", tolerance=1e-2, features=200)
    error = np.abs(cells.effective["A"] - conductivity(0.3, 0) * np.eye(2)).max()
    assert error < 1e-6
    assert error < cells.info["estimate"]
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    side = (np.arange(100) + 0.5) / 100 - 0.5
    y = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    values = again.functions[0](y)[np.linalg.norm(y, axis=1) > 0.3]
    assert abs(values.mean()) < 1e-2 * np.abs(values).max()


def test_a_hole_in_a_shell_that_hardly_touches_what_is_around() -> None:
    """Against finite elements."""
    model = derived(
        diffusion(lambda s: 1),
        2,
        holes={nh.Disk((0.5, 0.5), 0.2): nh.Neumann(0)},
        contacts={nh.Disk((0.5, 0.5), 0.35): 2 / nh.Scales(2).eps},
    )
    nets, elements = (
        nh.solve_cells(model, backend, tolerance=1e-4).effective["A"]
        for backend in ("pinn", "skfem")
    )
    assert nets == pytest.approx(elements, abs=1e-4)


@pytest.mark.parametrize(
    ("a", "options", "words"),
    [
        (disk(10), {"solver": "adam"}, "least squares"),
        (disk(10), {"checkpoint": "somewhere"}, "does not heed the option checkpoint"),
        (lambda s: sp.Piecewise((2, s.y[0] < HALF + s.x[0] / 4), (1, True)), {}, "moves with x1"),
    ],
)
def test_refusals(a: Coefficient, options: dict[str, Any], words: str) -> None:
    model = derived(diffusion(a), 2, domain=nh.Box((0, 1), (0, 1)), boundary=[nh.Dirichlet(0)])
    with pytest.raises(UnsupportedError, match=words):
        nh.solve_cells(model, "pinn", **options)
