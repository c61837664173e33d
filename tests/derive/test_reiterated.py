"""Iterated homogenization a(x, x/eps, x/eps^2): first over z, then over y (Bensoussan, Lions,
Papanicolaou 1978, 1.8; Allaire, Briane 1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS, Torus
from tests.symbolic import (
    Array,
    C,
    S,
    derived,
    nullvector,
    slope,
    solved,
    stiffness_flux,
    zero_mean,
)

Y, Z = LAYERS[:, None], LAYERS[None]


def iterated(a: Any, dim: int = 1, **options: Any) -> nh.CellSolution:
    """-div(a(x, y, z) grad u) = 1."""
    return solved(lambda s, u: sp.Eq(-s.div(a(s) * s.grad(u)), 1), dim, levels=2, **options)


def sin(x: Array) -> Array:
    return np.sin(2 * np.pi * x)


def cos(x: Array) -> Array:
    return np.cos(2 * np.pi * x)


def test_one_dimension_is_the_harmonic_mean_of_harmonic_means() -> None:
    found = iterated(lambda s: 3 + S(s.y[0]) + C(s.z[0]) * (1 + C(s.y[0]) / 2)).effective["A"][0, 0]
    assert found == pytest.approx(
        1 / np.mean(1 / (3 + sin(Y) + cos(Z) * (1 + cos(Y) / 2))), abs=1e-10
    )


@pytest.mark.parametrize("inner", [0, 1])
def test_laminates_of_laminates(inner: int) -> None:
    """z layers with normal e2 (or e1) in y layers with normal e1: harmonic along the normal,
    arithmetic across, twice.
    """
    found = iterated(lambda s: 3 + S(s.y[0]) + C(s.z[inner]) * (1 + C(s.y[0]) / 2), 2).effective[
        "A"
    ]
    a = 3 + sin(Y) + cos(Z) * (1 + cos(Y) / 2)
    harmonic, arithmetic = 1 / np.mean(1 / a, axis=1), a.mean(axis=1)
    first, second = (harmonic, arithmetic) if inner == 0 else (arithmetic, harmonic)
    assert np.allclose(found, np.diag([1 / np.mean(1 / first), np.mean(second)]), atol=1e-10)


def test_a_full_tensor_against_two_dense_steps() -> None:
    """hom_z at every y of a grid, then hom_y, by small dense Fourier matrices."""
    torus = Torus(2, 11)
    p, z = torus.y, torus.y

    def homogenized(values: Array) -> Array:
        """A* of a (points, 2, 2)."""
        d = torus.D
        matrix = -sum(d[i] @ (values[:, i, k, None] * d[k]) for i in range(2) for k in range(2))
        n = [zero_mean(matrix, sum(d[i] @ values[:, i, j] for i in range(2))) for j in range(2)]
        return np.array(
            [
                [
                    np.mean(
                        values[:, i, j] + sum(values[:, i, k] * (d[k] @ n[j]) for k in range(2))
                    )
                    for j in range(2)
                ]
                for i in range(2)
            ]
        )

    def tensor(y: Array, w: Array) -> Array:
        one = np.ones(len(w))
        return np.stack(
            [
                np.stack([3 * one + sin(w[:, 0]) / 2 + cos(y[1]) / 2, cos(w[:, 1]) / 2 * one], -1),
                np.stack([sin(y[0]) / 2 * one, (2 + sin(w[:, 1]) * cos(y[0]) / 2) * one], -1),
            ],
            -2,
        )

    exact = homogenized(np.array([homogenized(tensor(y, z)) for y in p]))

    def symbolic(s: nh.Scales) -> sp.Matrix:
        return sp.Matrix(
            [
                [3 + S(s.z[0]) / 2 + C(s.y[1]) / 2, C(s.z[1]) / 2],
                [S(s.y[0]) / 2, 2 + S(s.z[1]) * C(s.y[0]) / 2],
            ]
        )

    model = derived(lambda s, u: sp.Eq(-s.div(symbolic(s) * s.grad(u)), 1), 2, levels=2)
    assert np.allclose(nh.solve_cells(model, tolerance=1e-7).effective["A"], exact, atol=1e-6)


def test_three_scales_and_x() -> None:
    """a(x, x/eps, x/eps^2): the same at every x."""
    cells = iterated(
        lambda s: 3 + s.x[0] * S(s.y[0]) + C(s.z[0]),
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    x = np.array([0.0, 0.3, 1.0])
    expected = [1 / np.mean(1 / (3 + p * sin(Y) + cos(Z))) for p in x]
    assert np.allclose(cells.effective["A"](x[:, None])[:, 0, 0], expected, atol=1e-9)


def test_systems_iterate_too() -> None:
    """Two uncoupled unknowns written as a system of full rank."""
    turn = np.array([[1.0, 0.5], [0.0, 1.0]])

    def c(s: nh.Scales) -> Any:
        values = sp.diag(3 + S(s.y[0]) + C(s.z[0]), 4 + C(s.y[0]) * S(s.z[0]))
        mixed = sp.Matrix(np.linalg.inv(turn)) * values * sp.Matrix(turn)
        return lambda i, k, j, m: mixed[i, j]

    found = solved(
        lambda s, u: (-s.div(stiffness_flux(c(s), s.grad(u), strain=False)), sp.ones(2, 1)),
        1,
        levels=2,
        components=2,
    ).effective["A"]
    first, second = 1 / np.mean(1 / (3 + sin(Y) + cos(Z))), 1 / np.mean(1 / (4 + cos(Y) * sin(Z)))
    assert np.allclose(
        found[:, 0, :, 0], np.linalg.inv(turn) @ np.diag([first, second]) @ turn, atol=1e-9
    )


def test_z_alone_is_the_only_cell() -> None:
    found = iterated(lambda s: 2 + S(s.z[0]))
    assert found.effective["A"][0, 0] == pytest.approx(np.sqrt(3), abs=1e-10)


def test_the_steps_are_told_and_the_level_z_has_its_own_cell() -> None:
    model = derived(
        lambda s, u: sp.Eq(-s.div((3 + S(s.y[0]) + C(s.z[0])) * s.grad(u)), 1), levels=2
    )
    assert [t.title for t in model.transformations] == ["Iterated homogenization"]
    assert model.inner is not None
    assert "d_z1 N_1" in str(model)
    wide = derived(
        lambda s, u: sp.Eq(-s.div((3 + S(s.y[0]) + sp.cos(s.z[0])) * s.grad(u)), 1),
        levels=2,
        fast_cell=nh.Cell((0, 2 * sp.pi)),
    )
    assert nh.solve_cells(wide).effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / (3 + sin(Y) + cos(Z))), abs=1e-10
    )


@pytest.mark.parametrize("k", [1, 2])
def test_two_levels_and_a_fast_time(k: int) -> None:
    """a(y, z, t/eps^k): over z at fixed (y, tau), sqrt((3 + sin cos)^2 - 1), then over y at frozen
    tau (k = 1) or at resonance (k = 2).
    """
    found = solved(
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + S(s.y[0]) * C(s.tau) + C(s.z[0])) * s.grad(u)), 1),
        time=True,
        levels=2,
        fast_time=k,
    )
    n = 25
    d, ticks = slope(n), np.arange(n) / n
    a = np.sqrt((3 + sin(ticks[:, None]) * cos(ticks)) ** 2 - 1)
    dy, dtau = np.kron(d, np.eye(n)), np.kron(np.eye(n), d)
    if k == 1:
        expected = np.mean(1 / np.mean(1 / a, axis=0))
    else:
        flat = a.ravel()
        expected = np.mean(
            flat + flat * (dy @ zero_mean(dtau - dy @ (flat[:, None] * dy), dy @ flat))
        )
    assert found.effective["A"][0, 0] == pytest.approx(expected, abs=1e-8)


def test_a_beam_of_two_levels() -> None:
    """(a(y, z) u'')'': the harmonic mean of harmonic means."""
    found = solved(
        lambda s, u: sp.Eq(s.div(s.div((3 + S(s.y[0]) + C(s.z[0])) * s.hessian(u))), 1), levels=2
    ).effective["A"]
    assert found.item() == pytest.approx(1 / np.mean(1 / (3 + sin(Y) + cos(Z))), abs=1e-9)


def test_a_drift_beside_two_levels() -> None:
    """The law of z is a coefficient of the level y: A_z(y) with a drift of order 1/eps, by a dense
    matrix.
    """
    cells = solved(
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.div((3 + S(s.y[0]) + C(s.z[0])) * s.grad(u))
            + (1 + C(s.y[0])) * u.diff(s.x[0]) / s.eps,
            1,
        ),
        levels=2,
        time=True,
    )
    d, y = slope(41), np.arange(41) / 41
    a, b = np.sqrt((3 + sin(y)) ** 2 - 1), 1 + cos(y)
    matrix = -d @ (a[:, None] * d) + b[:, None] * d
    psi = nullvector(matrix.T)
    c = np.mean(psi * (b - d @ a))
    n = zero_mean(matrix, d @ a - (b - c))
    assert cells.effective["drift"][0] == pytest.approx(c, abs=1e-9)
    expected = np.mean(psi * (a + 2 * a * (d @ n) + (d @ a) * n - (b - c) * n))
    assert cells.effective["A"][0, 0] == pytest.approx(expected, abs=1e-8)


def test_non_divergence_form_in_one_dimension() -> None:
    """psi is in proportion to 1/a: all means are those weighted by 1/a."""
    cells = solved(
        lambda s, u: sp.Eq(
            (2 + C(s.z[0])) * s.dt(u)
            - (2 + S(s.y[0])) * (3 + S(s.z[0]) + C(s.y[0])) * u.diff(s.x[0], 2)
            + S(s.z[0] + s.y[0]) * u.diff(s.x[0])
            + (1 + C(s.z[0])) * u,
            2 + S(s.z[0]) * S(s.y[0]),
        ),
        levels=2,
        time=True,
    )
    weight = 1 / ((2 + sin(Y)) * (3 + sin(Z) + cos(Y)))
    weight = weight / weight.mean()
    expected = {
        "A": np.mean(weight * (2 + sin(Y)) * (3 + sin(Z) + cos(Y))),
        "b": np.mean(weight * sin(Y + Z)),
        "c": np.mean(weight * (1 + cos(Z))),
        "rho": np.mean(weight * (2 + cos(Z))),
        "f": np.mean(weight * (2 + sin(Z) * sin(Y))),
    }
    for name, value in expected.items():
        assert np.squeeze(cells.effective[name]) == pytest.approx(value, abs=1e-9), name


def test_non_divergence_form_with_slow_coefficients() -> None:
    """A* stands before D^2 u, not under a derivative: -(A* u')' + b u' with b = A*'."""
    cells = solved(
        lambda s, u: sp.Eq(
            -(1 + s.x[0] / 2 + S(s.y[0]) / 4 + C(s.z[0]) / 4) * u.diff(s.x[0], 2), 1
        ),
        levels=2,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    mean = lambda x: 1 / np.mean(1 / (1 + x / 2 + sin(Y) / 4 + cos(Z) / 4))  # noqa: E731
    at = np.array([[0.3]])
    assert cells.effective["A"](at).item() == pytest.approx(mean(0.3), abs=1e-9)
    assert cells.effective["b"](at).item() == pytest.approx(
        (mean(0.3001) - mean(0.2999)) / 2e-4, abs=1e-6
    )


def hessian_form(s: nh.Scales, u: sp.Expr, a: sp.Matrix) -> sp.Expr:
    """-a:D^2 u."""
    return -sp.Add(*[a[i, j] * u.diff(s.x[i], s.x[j]) for i in range(2) for j in range(2)])


def invariant_mean(a: Array) -> Array:
    """<psi a>, a (2, 2, n, n) on the grid, D_ij (a_ij psi) = 0 by dense matrices."""
    n = a.shape[-1]
    d, one = slope(n), np.eye(n)
    along = (np.kron(d, one), np.kron(one, d))
    operator = sum(along[i] @ along[j] * a[i, j].ravel() for i in range(2) for j in range(2))
    psi = nullvector(np.asarray(operator)).reshape(n, n)
    return np.asarray((a * psi).mean(axis=(2, 3)) / psi.mean())


def test_non_divergence_form_in_two_dimensions() -> None:
    """Along y1 and z2 alone, by dense matrices; axes that no coefficient depends on stay."""
    grid = np.arange(15) / 15

    def tensor(y: Any, z: Any, sine: Any, matrix: Any) -> Any:
        """Along z and y of different axes; psi_z is no closed form."""
        mixed = sine(y) / 4 + sine(z) / 5
        return matrix([[3 + sine(z), mixed], [mixed, 2 + sine(y) * sine(z) / 2]])

    model = derived(
        lambda s, u: sp.Eq(hessian_form(s, u, tensor(s.y[0], s.z[1], S, sp.Matrix)), 1),
        2,
        levels=2,
    )
    averaged = np.zeros((2, 2, 15, 15))
    for k, y in enumerate(grid):
        rows = tensor(y, grid[None, :] + 0 * grid[:, None], sin, list)
        inner = np.array([[np.broadcast_to(v, (15, 15)) for v in row] for row in rows])
        averaged[:, :, k] = invariant_mean(inner)[:, :, None]
    expected = invariant_mean(averaged)
    found = nh.solve_cells(model, "fourier", tolerance=1e-7).effective["A"]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        lambda s, u: S(s.y[0]) * u / s.eps,
        lambda s, u: (1 + S(s.y[0])) * u.diff(s.x[0]) / s.eps,
        lambda s, u: S(s.y[0]) / s.eps,
    ],
)
def test_non_divergence_form_in_z_beside_terms_of_a_negative_order(more: Any) -> None:
    """Their first corrector is felt by the next terms of the expansion in z."""
    with pytest.raises(nh.UnsupportedError, match="depends on z") as caught:
        derived(
            lambda s, u: sp.Eq(-(3 + S(s.y[0]) * C(s.z[0])) * u.diff(s.x[0], 2) + more(s, u), 1),
            levels=2,
        )
    assert "negative order" in str(caught.value.remedy)


def test_what_may_not_depend_on_z() -> None:
    with pytest.raises(nh.UnsupportedError, match="depends on z"):
        derived(lambda s, u: sp.Eq(-s.laplacian(u) + C(s.z[0]) * u / s.eps, 1), levels=2)


def test_a_weight_over_y_meets_the_next_term_of_the_expansion_in_z() -> None:
    """Drifts of a(y, n y) at n = 3, 6, 12 show it: n (drift_n - drift) has a limit of 1e-3."""

    def written(s: nh.Scales, u: sp.Expr, wind: sp.Expr) -> sp.Eq:
        return sp.Eq(-s.div((3 + S(s.z[0])) * s.grad(u)) + wind * s.grad(u)[0] / s.eps, 1)

    with pytest.raises(nh.UnsupportedError, match="have a weight") as caught:
        derived(lambda s, u: written(s, u, 3 * C(s.y[0]) + S(s.y[1])), 2, levels=2)
    assert "cos(2*pi*y1)" in str(caught.value.term)
    model = derived(lambda s, u: written(s, u, S(s.y[1])), 2, levels=2)
    assert model.cell_problems
