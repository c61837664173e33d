"""Dispersion of waves against Bloch frequencies by dense Fourier matrices, and against closed forms
of layered media.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg as sl
import sympy as sp
from scipy.integrate import cumulative_trapezoid

import nhpinn_sym as nh
from tests.symbolic import C, S, derived

Coefficient = Callable[..., Any]
ONE = sp.Integer(1)


def wave(
    a: Coefficient, rho: Coefficient, dim: int, backend: str = "fourier", **options: Any
) -> nh.Dispersion:
    model = derived(
        lambda s, u: sp.Eq(rho(s.y) * s.dt(u, 2) - s.div(a(s.y) * s.grad(u)), 0),
        dim,
        time=True,
        order=2,
    )
    return nh.dispersion(model, nh.solve_cells(model, backend, **options))


def bloch_frequency(
    a: Coefficient, rho: Coefficient, k: tuple[float, ...], eps: float, n: int
) -> float:
    """The lowest omega with -div(a(x/eps) grad w) = omega^2 rho w and w(x + eps e_j) = exp(i eps
    k_j) w: Fourier Galerkin with n^d modes.
    """
    dim = len(k)
    y = sp.symbols(f"y1:{dim + 1}")
    grid = np.stack(np.meshgrid(*[np.arange(n) / n] * dim, indexing="ij")).reshape(dim, -1)
    modes = np.stack(np.meshgrid(*[np.fft.fftfreq(n, 1 / n)] * dim, indexing="ij")).reshape(dim, -1)
    to_values = np.exp(2j * np.pi * grid.T @ modes)
    to_modes = to_values.conj().T / n**dim
    products = [
        to_modes @ (np.broadcast_to(sp.lambdify(y, c(y))(*grid), n**dim)[:, None] * to_values)
        for c in (a, rho)
    ]
    slopes = 2 * np.pi * modes / eps + np.array(k)[:, None]
    stiffness = sum(q[:, None] * products[0] * q for q in slopes)
    hermitian = [(m + m.conj().T) / 2 for m in (stiffness, products[1])]
    return float(np.sqrt(sl.eigh(*hermitian, eigvals_only=True, subset_by_index=[0, 0])[0]))


MEDIA: dict[str, tuple[Coefficient, Coefficient, tuple[float, ...], int]] = {
    "1D": (lambda y: 2 + C(y[0]) + S(y[0]) / 2, lambda y: 2 + S(y[0]), (1.7,), 41),
    "2D": (
        lambda y: 2 + S(y[0]) * C(y[1]) + C(y[0]) / 2,
        lambda y: 2 + S(y[0] + y[1]),
        (1.1, 0.6),
        17,
    ),
    "layers": (lambda y: 2 + S(y[0]), lambda y: ONE, (1.1, 0.6), 17),
}


@pytest.mark.parametrize("name", MEDIA)
def test_frequencies_against_bloch_waves(name: str) -> None:
    a, rho, k, n = MEDIA[name]
    found = wave(a, rho, len(k))
    forms = ("leading", "bakhvalov", "boussinesq")
    table = []
    for eps in (1 / 4, 1 / 8, 1 / 16):
        exact = bloch_frequency(a, rho, k, eps, n)
        table.append([abs(found.frequency([k], eps, form)[0] - exact) for form in forms])
    rates = np.log2(np.array(table)[:-1] / np.array(table)[1:])
    assert rates[-1] == pytest.approx([2, 4, 4], abs=0.1)


def test_the_one_dimensional_coefficient_is_a_star_times_the_mean_square_of_the_corrector() -> None:
    """rho = 1: omega^2 = a* k^2 - eps^2 a* <N^2> k^4, N' = a*/a - 1; in the Boussinesq form E =
    <N^2>, F = 0.
    """
    found = wave(lambda y: 2 + C(y[0]) + S(2 * y[0]) / 2, lambda y: ONE, 1)
    y = np.linspace(0, 1, 20001)
    a = 2 + np.cos(2 * np.pi * y) + np.sin(4 * np.pi * y) / 2
    mean = 1 / np.trapezoid(1 / a, y) if hasattr(np, "trapezoid") else 1 / np.trapz(1 / a, y)
    n = cumulative_trapezoid(mean / a - 1, y, initial=0.0)
    n -= np.mean(n[:-1])
    square = np.mean(n[:-1] ** 2)
    assert found.A[0, 0] == pytest.approx(mean, rel=1e-8)
    assert found.B[0, 0, 0, 0] == pytest.approx(-mean * square, rel=1e-6)
    assert found.E[0, 0] == pytest.approx(square, rel=1e-6)
    assert found.F.shape == (1, 1, 1, 1) and np.abs(found.F).max() < 1e-14 * abs(found.B).max()


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_the_bilaminate(backend: str) -> None:
    """d = a*/12 [al (1 - al) (E1 - E2) / ((1 - al) E1 + al E2)]^2 with rho = 1 (Fish, Chen
    2001).
    """
    share, first, second = sp.Rational(1, 4), 10, 1
    found = wave(
        lambda y: sp.Piecewise((first, y[0] < share), (second, True)), lambda y: ONE, 1, backend
    )
    al = float(share)
    star = 1 / (al / first + (1 - al) / second)
    d = star / 12 * (al * (1 - al) * (first - second) / ((1 - al) * first + al * second)) ** 2
    assert found.A[0, 0] == pytest.approx(star, rel=1e-6)
    assert found.B[0, 0, 0, 0] == pytest.approx(-d, rel=1e-5)


@pytest.mark.parametrize("name", ["2D", "layers"])
def test_the_boussinesq_form_is_well_posed_and_no_larger_than_needed(name: str) -> None:
    """B <= 0 <= F for every direction, E positive, min F = 0; F = B + E A as forms."""
    a, rho, k, _ = MEDIA[name]
    found = wave(a, rho, len(k))
    angles = np.linspace(0, np.pi, 20001)
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    b, f = (np.einsum("ijkl,ni,nj,nk,nl->n", t, *[waves] * 4) for t in (found.B, found.F))
    main, inertia = (np.einsum("ij,ni,nj->n", t, waves, waves) for t in (found.A, found.E))
    assert b.max() <= 0
    assert f.min() > -1e-14
    assert f.min() < 1e-7 * np.abs(b).max() + 1e-10
    assert np.linalg.eigvalsh(found.E).min() > 0
    assert f == pytest.approx(b + inertia * main, abs=1e-14)


def test_three_dimensions_layered_along_one_axis() -> None:
    """Layers along x1: the worst direction is e1, where the one-dimensional coefficient <N^2>
    stands.
    """
    plane, solid = (
        wave(lambda y: 2 + S(y[0]), lambda y: ONE, 1),
        wave(lambda y: 2 + S(y[0]), lambda y: ONE, 3),
    )
    assert solid.gamma * solid.A[0, 0] == pytest.approx(plane.E[0, 0], rel=1e-6)
    k = np.random.default_rng(0).standard_normal((500, 3))
    assert np.einsum("ijkl,ni,nj,nk,nl->n", solid.F, *[k] * 4).min() > -1e-13


def test_the_bakhvalov_form_says_where_it_is_ill_posed() -> None:
    found = wave(lambda y: 2 + S(y[0]), lambda y: ONE, 1)
    with pytest.raises(nh.ProblemError, match="ill-posed"):
        found.frequency([[100.0]], 1.0, "bakhvalov")
    assert found.frequency([[100.0]], 1.0)[0] < np.sqrt(found.A[0, 0] / found.E[0, 0])


def test_the_equations_are_printed() -> None:
    found = wave(lambda y: 2 + S(y[0]), lambda y: ONE, 2)
    assert "ill-posed" in str(found).splitlines()[1]
    assert "1.73205" in str(found).splitlines()[0]
    assert "1.73205" in found._repr_latex_()
    x, t = found.coordinates, found.time
    u = sp.Function("U")(*x, t)
    leading = found.equations["leading"].lhs
    assert (
        sp.simplify(
            leading - u.diff(t, 2) + sp.Float(3**0.5, 6) * u.diff(x[0], 2) + 2 * u.diff(x[1], 2)
        )
        == 0
    )
    assert found.equations["boussinesq"].lhs.has(sp.Derivative(u, (x[0], 2), (t, 2)))


def test_refusals() -> None:
    def model(build: Coefficient, order: int = 2, **options: Any) -> nh.HomogenizedModel:
        return derived(build, time=True, order=order, **options)

    plain = model(lambda s, u: sp.Eq(s.dt(u, 2) - s.div((2 + S(s.y[0])) * s.grad(u)), 0), order=1)
    with pytest.raises(nh.ProblemError, match="h_4"):
        nh.dispersion(plain, nh.solve_cells(plain))
    cases = {
        "not rho u_tt": lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 0),
        "rho u_tt": lambda s, u: sp.Eq(
            s.dt(u, 2) + s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 0
        ),
        "varies with x": lambda s, u: sp.Eq(
            s.dt(u, 2) - s.div((3 + S(s.x[0]) + S(s.y[0])) * s.grad(u)), 0
        ),
    }
    for match, build in cases.items():
        with pytest.raises(nh.UnsupportedError, match=match):
            nh.dispersion(model(build), nh.solve_cells(plain))
    elastic = derived(
        lambda s, v: (s.dt(v, 2) - s.div((2 + S(s.y[0])) * s.sym_grad(v)), 0),
        2,
        time=True,
        order=2,
        components=2,
    )
    with pytest.raises(nh.UnsupportedError, match="system"):
        nh.dispersion(elastic, nh.solve_cells(plain))
    found = wave(lambda y: 2 + S(y[0]), lambda y: ONE, 1)
    with pytest.raises(nh.ProblemError, match="shape"):
        found.frequency([1.0], 0.1)
    with pytest.raises(nh.ProblemError, match="form"):
        found.frequency([[1.0]], 0.1, "exact")  # type: ignore[arg-type]
