"""Homogenization errors of nonlinear evolutions against those of finite volumes that share no code
with the package: scipy's BDF on cells of one dimension, limits by closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sps
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import erf, erfc

import nhpinn_sym as nh

T = nh.Scales(1, time=True)
U, X, Y = T.unknown("u"), T.x[0], T.y[0]
EPS = 0.25
ROOT = np.sqrt(3)  # the harmonic mean of 2 + cos
A = 2 + sp.cos(2 * sp.pi * Y)
WELL = 1 + sp.sin(2 * sp.pi * Y) / 2
G = T.grad(U)
Flux = Callable[[Any, Any, Any], Any]


def a(x: Any) -> Any:
    return 2 + np.cos(2 * np.pi * x / EPS)


def well(x: Any) -> Any:
    return 1 + np.sin(2 * np.pi * x / EPS) / 2


class Volumes(NamedTuple):
    """rate(x, u) d_t u = d_x flux(x, u, d_x u) + source(x, u)."""

    flux: Flux
    source: Callable[[Any, Any], Any] = lambda x, u: 0 * u
    rate: Callable[[Any, Any], Any] = lambda x, u: 1 + 0 * u

    def solve(self, start: Callable[[Any], Any], wall: float | None, end: float, n: int) -> Any:
        """At the middles of n cells; wall: the value at both ends, None for no flux."""
        x = (np.arange(n) + 0.5) / n
        faces = np.arange(1, n) / n

        def slope(t: float, u: Any) -> Any:
            q = np.zeros(n + 1)
            q[1:-1] = self.flux(faces, (u[1:] + u[:-1]) / 2, np.diff(u) * n)
            if wall is not None:
                q[0] = self.flux(0.0, wall, (-8 * wall + 9 * u[0] - u[1]) * n / 3)
                q[-1] = self.flux(1.0, wall, (8 * wall - 9 * u[-1] + u[-2]) * n / 3)
            return (np.diff(q) * n + self.source(x, u)) / self.rate(x, u)

        pattern = sps.diags_array([np.ones(n)] * 5, offsets=[-2, -1, 0, 1, 2], shape=(n, n))
        options: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-9, "jac_sparsity": pattern}
        return solve_ivp(slope, (0, end), start(x), method="BDF", **options).y[:, -1]

    def __call__(self, *given: Any) -> Any:
        """By Richardson's extrapolation, at 200 points."""
        coarse, fine = self.solve(*given, 200), self.solve(*given, 600)[1::3]
        return fine + (fine - coarse) / 8


class Case(NamedTuple):
    equation: Any
    start: Any
    wall: float | None
    end: float
    fine: Volumes
    limit: Volumes


CASES = {
    "Allen-Cahn": Case(
        T.dt(U) - T.div(A * G / 20) + 20 * WELL * (U**3 - U),
        sp.cos(sp.pi * X) * 9 / 10,
        None,
        0.1,
        Volumes(lambda x, u, p: a(x) / 20 * p, lambda x, u: 20 * well(x) * (u - u**3)),
        Volumes(lambda x, u, p: ROOT / 20 * p, lambda x, u: 20 * (u - u**3)),
    ),
    "Richards": Case(
        T.dt(WELL * sp.exp(U)) - T.div(A * sp.exp(U) * (G + sp.Matrix([1]))),
        sp.sin(sp.pi * X) - 1,
        -1.0,
        0.03,
        Volumes(lambda x, u, p: a(x) * np.exp(u) * (p + 1), rate=lambda x, u: well(x) * np.exp(u)),
        Volumes(lambda x, u, p: ROOT * np.exp(u) * (p + 1), rate=lambda x, u: np.exp(u)),
    ),
    "porous medium": Case(
        T.dt(U) - T.div(A * T.grad(U**2)),
        sp.Rational(1, 2) + sp.sin(sp.pi * X) / 2,
        0.5,
        0.05,
        Volumes(lambda x, u, p: 2 * a(x) * u * p),
        Volumes(lambda x, u, p: 2 * ROOT * u * p),
    ),
    "reaction of size 1/eps": Case(
        T.dt(U) - T.laplacian(U) + 40 * sp.cos(2 * sp.pi * Y) * U**2 / T.eps,
        sp.sin(sp.pi * X) / 2,
        0.0,
        0.02,
        Volumes(lambda x, u, p: p, lambda x, u: -40 * np.cos(2 * np.pi * x / EPS) * u**2 / EPS),
        Volumes(lambda x, u, p: p, lambda x, u: 400 * u**3 / np.pi**2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_homogenization_error_is_that_of_finite_volumes(name: str) -> None:
    case = CASES[name]
    walls = [nh.Neumann(0)] if case.wall is None else [nh.Dirichlet(sp.nsimplify(case.wall))]
    problem = nh.MultiscaleProblem(
        sp.Eq(case.equation, 0),
        scales=T,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=walls,
        initial=[nh.Initial(case.start)],
        final_time=case.end,
        ranges={U: (sp.Rational(1, 10), 1) if name == "porous medium" else (-1, 1)},
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model, n=31)
    points = (np.arange(200)[:, None] + 0.5) / 200
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=32, steps=8)(points)
    fine = nh.solve_fine(problem, sp.nsimplify(EPS), "skfem", mesh=128, steps=8)(points)
    given = sp.lambdify(X, case.start), case.wall, case.end
    limit, wanted = case.limit(*given), case.fine(*given)
    assert u0 == pytest.approx(limit, abs=2e-3 * np.abs(limit).max())
    error = np.linalg.norm(u0 - fine) / np.linalg.norm(fine)
    assert error == pytest.approx(np.linalg.norm(limit - wanted) / np.linalg.norm(wanted), rel=0.01)


class PlaneVolumes(NamedTuple):
    """d_t u = div( a grad u ) + w (u - u^3) on the unit square without fluxes through its sides."""

    a: Callable[[Any, Any], Any]
    w: Callable[[Any, Any], Any]

    def solve(self, start: Callable[[Any, Any], Any], end: float, n: int) -> Any:
        """At the middles of n x n cells."""
        middles, faces = (np.arange(n) + 0.5) / n, np.arange(1, n) / n
        x, y = np.meshgrid(middles, middles, indexing="ij")
        place = np.arange(n * n).reshape(n, n)
        operator = sps.csc_array((n * n, n * n))
        for axis, (before, after) in enumerate(
            ((place[:-1], place[1:]), (place[:, :-1], place[:, 1:]))
        ):
            lines = [middles, middles]
            lines[axis] = faces
            rate = (self.a(*np.meshgrid(*lines, indexing="ij")) * n**2).ravel()
            k = np.arange(len(rate))
            shape = (len(rate), n * n)
            jump = sps.csc_array((np.ones_like(rate), (k, after.ravel())), shape=shape)
            jump = jump - sps.csc_array((np.ones_like(rate), (k, before.ravel())), shape=shape)
            operator = operator - jump.T @ sps.diags_array(rate) @ jump
        w = self.w(x, y).ravel()

        def slope(t: float, u: Any) -> Any:
            return operator @ u + w * (u - u**3)

        def derivative(t: float, u: Any) -> Any:
            return (operator + sps.diags_array(w * (1 - 3 * u**2))).tocsc()

        options: dict[str, Any] = {"jac": derivative, "rtol": 1e-6, "atol": 1e-8}
        found = solve_ivp(slope, (0, end), start(x, y).ravel(), method="BDF", **options)
        return found.y[:, -1].reshape(n, n)

    def __call__(self, *given: Any) -> Any:
        """By Richardson's extrapolation, at the middles of 21 x 21 cells."""
        coarse, fine = self.solve(*given, 21), self.solve(*given, 63)[1::3, 1::3]
        return (fine + (fine - coarse) / 8).ravel()


def test_the_homogenization_error_in_the_plane_is_that_of_finite_volumes() -> None:
    """Allen-Cahn at eps = 1/2. The tensor of the limit is that of the package."""
    s = nh.Scales(2, time=True)
    u, x, y = s.unknown("u"), s.x, s.y
    turn = 2 * sp.pi
    wave = sp.sin(turn * y[0]) * sp.cos(turn * y[1])
    well = 1 + sp.sin(turn * y[0]) * sp.sin(turn * y[1]) / 2
    problem = nh.MultiscaleProblem(
        (s.dt(u) - s.div((2 + wave) * s.grad(u) / 20) + 20 * well * (u**3 - u), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Neumann(0)],
        initial=[nh.Initial(sp.cos(sp.pi * x[0]) * sp.cos(sp.pi * x[1]) * 9 / 10)],
        final_time=0.1,
        ranges={u: (-1, 1)},
    )
    model = nh.homogenize(problem)
    law = nh.solve_law(model, n=15)
    tensor = law.tangent(grad=(0.3, 0.2))
    lines = (np.arange(21) + 0.5) / 21
    points = np.stack([row.ravel() for row in np.meshgrid(lines, lines, indexing="ij")], axis=1)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=16, steps=8)(points)
    fine = nh.solve_fine(problem, 0.5, "skfem", mesh=24, steps=8)(points)
    given = lambda x, y: 0.9 * np.cos(np.pi * x) * np.cos(np.pi * y), 0.1
    quick = 4 * np.pi
    volumes = PlaneVolumes(
        lambda x, y: (2 + np.sin(quick * x) * np.cos(quick * y)) / 20,
        lambda x, y: 20 * (1 + np.sin(quick * x) * np.sin(quick * y) / 2),
    )
    wanted = volumes(*given)
    limit = PlaneVolumes(lambda x, y: tensor[0, 0] + 0 * x, lambda x, y: 20 + 0 * x)(*given)
    assert u0 == pytest.approx(limit, abs=2e-3 * np.abs(limit).max())
    error = np.linalg.norm(u0 - fine) / np.linalg.norm(fine)
    assert error == pytest.approx(np.linalg.norm(limit - wanted) / np.linalg.norm(wanted), rel=0.01)


def test_an_estimate_bounds_the_error_of_a_kink_that_moves() -> None:
    """The two phases of Neumann's problem without latent heat: u = 1 at the left, -1 far away, the
    storage 3u where u > 0, u elsewhere, zero at z = x/sqrt(4t) = middle.
    """

    def difference(z: float) -> float:
        """Of the slopes on both sides of u = 0 there."""
        inner = np.sqrt(3) * np.exp(-3 * z**2) / erf(np.sqrt(3) * z)
        return float(np.exp(-(z**2)) / erfc(z) - inner)

    middle = brentq(difference, 0.01, 2)
    start = sp.Rational(1, 50)
    z = X / (2 * sp.sqrt(start))
    warm = 1 - sp.erf(sp.sqrt(3) * z) / erf(np.sqrt(3) * middle)
    cold = -1 + sp.erfc(z) / erfc(middle)
    wall = -1 + sp.erfc(1 / (2 * sp.sqrt(T.t + start))) / erfc(middle)
    problem = nh.MultiscaleProblem(
        sp.Eq(T.dt(sp.Piecewise((U, U < 0), (3 * U, True))) - T.laplacian(U), 0),
        scales=T,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1, on="left"), nh.Dirichlet(wall, on="right")],
        initial=[nh.Initial(sp.Piecewise((warm, z < middle), (cold, True)))],
        final_time=0.03,
    )
    points = (np.arange(200) + 0.5) / 200
    there = points / (2 * np.sqrt(0.05))
    sides = 1 - erf(np.sqrt(3) * there) / erf(np.sqrt(3) * middle), -1 + erfc(there) / erfc(middle)
    wanted = np.where(there < middle, *sides)
    for mesh in (24, 40, 100):
        found = nh.solve_fine(problem, 1, "skfem", mesh=mesh, steps=8)
        error = np.linalg.norm(found(points[:, None]) - wanted) / np.linalg.norm(wanted)
        assert error <= found.info["estimate"] <= 20 * error


def porous(rate: Any, start: Any, walls: list[Any], end: float) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(
        sp.Eq(T.dt(U) - T.div(rate * T.grad(U**2)), 0),
        scales=T,
        unknown=U,
        domain=nh.Box((-1, 1)),
        boundary=walls,
        initial=[nh.Initial(start)],
        final_time=end,
        ranges={U: (0, 1)},
    )


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_a_porous_medium_spreads_as_barenblatts_profile() -> None:
    """u = t^(-1/3) (1/8 - x^2/(12 t^(2/3)))_+, whose support is compact."""

    def profile(t: Any) -> Any:
        return t ** sp.Rational(-1, 3) * sp.Max(
            0, sp.Rational(1, 8) - X**2 / 12 / t ** sp.Rational(2, 3)
        )

    start = sp.Rational(1, 64)
    problem = porous(1, profile(start), [nh.Dirichlet(0)], 0.05)
    points = (np.arange(400) + 0.5) / 200 - 1
    wanted = sp.lambdify(X, profile(start + 0.05))(points)
    errors = []
    for mesh in (32, 64):
        found = nh.solve_fine(problem, 1, "skfem", mesh=mesh, steps=8)
        errors.append(np.linalg.norm(found(points[:, None]) - wanted) / np.linalg.norm(wanted))
        assert errors[-1] <= found.info["estimate"]
    assert errors[1] < errors[0] / 2  # the rate of a kink in L2 is 3/2


def test_water_fills_an_empty_porous_medium_behind_a_front() -> None:
    """With the harmonic mean k of the layers a wave u = c (c t - 1 - x)_+ / (2 k)."""
    speed = 3
    wall = speed**2 * T.t / (2 * ROOT)
    walls = [nh.Dirichlet(wall, on="left"), nh.Dirichlet(0, on="right")]
    model = nh.homogenize(porous(A, 0, walls, 0.25))
    law = nh.solve_law(model)
    assert law.flux(u=0.5, grad=1.0) == pytest.approx(ROOT)
    assert law.flux(u=0.0, grad=1.0) == pytest.approx(0, abs=1e-9)
    u0 = nh.solve_homogenized(model, law, "skfem", mesh=32, steps=8)
    points = (np.arange(400) + 0.5) / 200 - 1
    wanted = speed * np.maximum(speed * 0.25 - 1 - points, 0) / (2 * ROOT)
    error = np.linalg.norm(u0(points[:, None]) - wanted) / np.linalg.norm(wanted)
    assert error <= u0.info["estimate"] < 0.05
