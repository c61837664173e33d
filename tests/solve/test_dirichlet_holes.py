"""Unknowns held at the walls of holes: a law without derivatives, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(2)
U = S.unknown("u")
V = S.unknown("v", components=2)
H = 0.6
ROCK = nh.image(S, np.eye(4, dtype=int), {0: 0, 1: 1})
PLATES = nh.Layer(1, (0, 1 - H))


def problem(equation: Any, hole: Any = PLATES, unknown: Any = U, **options: Any) -> Any:
    return nh.MultiscaleProblem(
        equation, scales=S, unknown=unknown, holes={hole: nh.Dirichlet(0)}, **options
    )


def solved(equation: Any, *given: Any, backend: str = "skfem", **options: Any) -> Any:
    return nh.solve_cells(nh.homogenize(problem(equation, *given)), backend, **options)


def _series(radius: float) -> float:
    """<w> around a disk of that radius, -Lap w = 1: symmetric about the faces of the unit cell,
    w = (R^2 - r^2)/4 + A log(r/R) + sum_k c_k (r^4k - R^8k r^-4k) cos 4kt, by collocation."""
    t = np.linspace(0, np.pi / 4, 80)
    r = 0.5 / np.cos(t)
    k = 4 * np.arange(1, 16)[:, None]
    inner = (radius / r) ** (2 * k)
    scale = (np.sqrt(2) * r) ** k  # at most 1
    along = k * scale * (1 + inner) / r * np.cos(k * t)
    across = -k * scale * (1 - inner) / r * np.sin(k * t)
    slopes = np.vstack([1 / r * np.cos(t), along * np.cos(t) - across * np.sin(t)])
    found = np.linalg.lstsq(slopes.T, r / 2 * np.cos(t), rcond=None)[0]
    # The flux into the disk is the area around it; <w> = int |grad w|^2 by Green's second formula.
    assert found[0] == pytest.approx(1 / (2 * np.pi), rel=1e-7)
    x, weights = np.polynomial.legendre.leggauss(60)
    angles, shares = np.pi / 8 * (x + 1), (x + 1) / 2
    ends = 0.5 / np.cos(angles)
    total = 0.0
    for angle, end, weight in zip(angles, ends, weights, strict=True):
        s = radius + (end - radius) * shares
        powers = (np.sqrt(2) * s) ** k * (1 - (radius / s) ** (2 * k)) * np.cos(k * angle)
        w = (radius**2 - s**2) / 4 + found[0] * np.log(s / radius) + found[1:] @ powers
        total += weight * np.pi / 8 * ((end - radius) / 2 * weights * w * s).sum()
    return float(8 * total)


@pytest.mark.parametrize(("backend", "centre"), [("skfem", (0.1, 0.95)), ("dolfinx", (0.5, 0.5))])
def test_a_disk(backend: str, centre: tuple[float, float]) -> None:
    cells = solved(sp.Eq(-S.laplacian(U), 1), nh.Disk(centre, 0.3), backend=backend, tolerance=1e-5)
    exact = _series(0.3)
    assert abs(cells.effective["M"] / exact - 1) < cells.info["estimate"] < 1e-5
    assert cells.functions[0]([centre]) == pytest.approx([0], abs=0)


C, B = 3.0, 2.0
_GROWTH = np.exp(B * H) - 1


def _jumping() -> float:
    """int (y - c)^2/a between the plates, a = 1 below 0.7 and 5 above."""
    y = sp.Symbol("y")
    parts = [(1, sp.Rational(2, 5), sp.Rational(7, 10)), (5, sp.Rational(7, 10), 1)]
    middle = sum(sp.integrate(y / a, (y, lo, up)) for a, lo, up in parts)
    middle /= sum(sp.integrate(1 / sp.Integer(a), (y, lo, up)) for a, lo, up in parts)
    return float(sum(sp.integrate((y - middle) ** 2 / a, (y, lo, up)) for a, lo, up in parts))


JUMP = nh.phases(S, {nh.Layer(1, (0, sp.Rational(7, 10))): 1}, default=5)
SMALL = S.eps**2


@pytest.mark.parametrize(
    ("backend", "terms", "power", "mean"),
    [
        ("dolfinx", -S.laplacian(U), 2, H**3 / 12),
        ("skfem", -SMALL * S.div(4 * S.grad(U)), 0, H**3 / 48),
        ("skfem", -S.laplacian(U) + 7 * U, 2, H**3 / 12),
        (
            "dolfinx",
            -S.laplacian(U) + C * U / SMALL,
            2,
            H / C - 2 / C**1.5 * np.tanh(np.sqrt(C) * H / 2),
        ),
        (
            "dolfinx",
            -S.laplacian(U) + B * S.grad(U)[1] / S.eps,
            2,
            H**2 / (2 * B) - H / B * (_GROWTH / B - H) / _GROWTH,
        ),
        ("skfem", -S.div(JUMP * S.grad(U)), 2, _jumping()),
    ],
)
def test_between_plates(backend: str, terms: Any, power: int, mean: float) -> None:
    model = nh.homogenize(problem(sp.Eq(terms, S.x[0])))
    assert model.power == power
    cells = nh.solve_cells(model, backend, tolerance=1e-6)
    assert cells.effective["M"] == pytest.approx(mean, rel=1e-6)
    assert abs(cells.effective["M"] / mean - 1) < cells.info["estimate"] + 1e-12


def test_an_elastic_body() -> None:
    """Between clamped plates shear and extension are apart."""
    stress = 3 * S.div(V) * sp.eye(2) + 2 * 2 * S.sym_grad(V)
    force = sp.Matrix([S.x[1], 1])
    cells = solved(sp.Eq(-S.div(stress), force), PLATES, V)
    exact = np.diag([H**3 / 12 / 2, H**3 / 12 / 7])
    assert cells.effective["M"] == pytest.approx(exact, rel=1e-8, abs=1e-10)


def test_the_transposed_operator_has_the_transposed_law() -> None:
    """Two unknowns with reactions between them; each operator by another library, on the same
    meshes."""
    u, w = S.unknown("u"), S.unknown("w")
    a = sp.eye(2) + sp.cos(sp.pi * S.y[0]) ** 2 * sp.Matrix([[1, 1], [-1, 2]])

    def law(tensor: Any, feed: float, backend: str) -> Any:
        rows = [
            (-S.div(tensor * S.grad(u)) + (2 * u + feed * w) / SMALL, 1),
            (-S.laplacian(w) + (2 * w + (1 - feed) * u) / SMALL, S.x[0]),
        ]
        hole = nh.Ellipse((0.1, 0.6), (0.3, 0.2), 0.5)
        return solved(rows, hole, [u, w], backend=backend, tolerance=1e-2).effective["M"]

    one = law(a, 0.75, "skfem")
    assert abs(one[0, 1] / one[1, 0] - 1) > 0.1
    assert law(a.T, 0.25, "dolfinx") == pytest.approx(one.T, rel=1e-9)


def test_parameters_and_files(tmp_path: Path) -> None:
    q = sp.Symbol("q", positive=True)
    heat = sp.Eq(-S.div(q * S.grad(U)), q * S.x[0])
    model = nh.homogenize(problem(heat, parameters={q: (1, 5)}))
    cells = nh.solve_cells(model, parameters={q: 4})
    assert cells.effective["M"] == pytest.approx(H**3 / 48, rel=1e-9)
    cells.save(tmp_path / "cells.npz")
    again = nh.load(tmp_path / "cells.npz")
    assert again.effective["M"] == pytest.approx(cells.effective["M"], rel=0, abs=0)


def test_the_law() -> None:
    model = nh.homogenize(problem(sp.Eq(-S.laplacian(U) + 5 * U, S.eps * S.x[1])))
    assert model.power == 3
    assert model.equation.rhs == sp.Symbol("M") * S.eps**3 * S.x[1]
    assert "w_j = 0 on them" in str(model)
    assert "align" in model.derivation.latex()


ROUGH = sp.sin(2 * sp.pi * S.y[0])
TIME = nh.Scales(2, time=True)
T = TIME.unknown("u")


def _with_storage(diffusion: Any) -> Any:
    heat = sp.Eq(TIME.dt(T) - diffusion * TIME.laplacian(T), TIME.t)
    walls = {PLATES: nh.Dirichlet(0)}
    return nh.homogenize(nh.MultiscaleProblem(heat, scales=TIME, unknown=T, holes=walls))


def test_storage_of_higher_order_does_not_act() -> None:
    assert nh.solve_cells(_with_storage(1)).effective["M"] == pytest.approx(H**3 / 12, rel=1e-9)


def test_a_cylinder_in_space() -> None:
    s = nh.Scales(3)
    u = s.unknown("u")
    holes = {nh.Cylinder((0.5, 0.5), 0.3, axis=2): nh.Dirichlet(0)}
    given = nh.MultiscaleProblem(sp.Eq(-s.laplacian(u), 1), scales=s, unknown=u, holes=holes)
    cells = nh.solve_cells(nh.homogenize(given), tolerance=1e-2)
    assert abs(cells.effective["M"] / _series(0.3) - 1) < cells.info["estimate"] < 1e-2


HEAT = sp.Eq(-S.laplacian(U), 1)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda: solved(sp.Eq(-S.laplacian(U) - U / SMALL, 1)), "negative reaction"),
        (lambda: solved(sp.Eq(-S.laplacian(U), ROUGH)), "source that oscillates"),
        (lambda: solved(sp.Eq(-S.div((1 + S.x[0] ** 2) * S.grad(U)), 1)), "depends on x"),
        (lambda: solved(sp.Eq(-S.laplacian(U) + S.grad(U)[0] / SMALL, 1)), "lower power of eps"),
        (lambda: solved(sp.Eq(-S.laplacian(U) + U**3, 1)), "nonlinear"),
        (lambda: solved(sp.Eq(S.laplacian(S.laplacian(U)), 1)), "Stokes"),
        (
            lambda: solved(sp.Eq(S.laplacian(S.laplacian(U)) * SMALL**2 - S.laplacian(U), 1)),
            "fourth",
        ),
        (lambda: solved(sp.Eq(S.laplacian(U), 1)), "not positive definite"),
        (lambda: solved(sp.Eq(-S.laplacian(U) + sp.I * U, 1)), "complex"),
        (lambda: _with_storage(SMALL), "storage"),
        (lambda: solved(HEAT, backend="fourier"), "fourier backend"),
        (lambda: solved(HEAT, n=8), "no option"),
        (lambda: solved(HEAT, ROCK), "images"),
        (lambda: nh.homogenize(problem(HEAT), order=2), "order 2"),
        (lambda: nh.validate(problem(HEAT), eps=0.5), "unknowns held at holes"),
        (lambda: nh.emit(nh.homogenize(problem(HEAT)), "skfem"), "law without derivatives"),
    ],
)
def test_refused(run: Callable[[], Any], text: str) -> None:
    with pytest.raises(nh.NhpinnError, match=text):
        run()
