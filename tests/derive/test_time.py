"""Parabolic problems: capacities that oscillate, and coefficients a(y, t/eps^k) (Bensoussan, Lions,
Papanicolaou 1978, ch. 2; Holmbom 1997).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS
from tests.symbolic import C, S, derived, slope, solved, zero_mean


def parabolic(a: Any, k: Any, dim: int = 1, tau_period: Any = 1) -> nh.CellSolution:
    """u_t - div(a(y, t/eps^k) grad u) = 1."""
    return solved(
        lambda s, u: sp.Eq(s.dt(u) - s.div(a(s.y, s.tau) * s.grad(u)), 1),
        dim,
        time=True,
        fast_time=k,
        tau_period=tau_period,
    )


def standing(y: Any, tau: Any) -> Any:
    return 3 + S(y[0]) * C(tau) + C(y[0]) / 2


def grid() -> np.ndarray:
    """a at (y, tau)."""
    y, tau = LAYERS[:, None], LAYERS[None]
    return 3 + np.sin(2 * np.pi * y) * np.cos(2 * np.pi * tau) + np.cos(2 * np.pi * y) / 2


@pytest.mark.parametrize("k", [sp.Rational(1, 2), 1])
def test_slow_oscillation_in_time_is_averaged_after_homogenization(k: Any) -> None:
    """k < 2: elliptic at frozen tau, A* = <<1/a>_y^-1>_tau."""
    assert parabolic(standing, k).effective["A"][0, 0] == pytest.approx(
        np.mean(1 / np.mean(1 / grid(), axis=0)), abs=1e-10
    )


@pytest.mark.parametrize("k", [3, sp.Rational(5, 2)])
def test_fast_oscillation_in_time_is_averaged_before(k: Any) -> None:
    """k > 2: A* = <1/<a>_tau>_y^-1."""
    assert parabolic(standing, k).effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / grid().mean(axis=1)), abs=1e-11
    )


def test_the_resonant_oscillation_of_a_standing_wave() -> None:
    """k = 2: d_tau N - (a N')' = a', periodic in (y, tau), A* = <a + a N'>, by a dense matrix of
    space and time.
    """
    n = 21
    d, ticks = slope(n), np.arange(n) / n
    a = (
        3
        + np.sin(2 * np.pi * ticks[:, None]) * np.cos(2 * np.pi * ticks)
        + np.cos(2 * np.pi * ticks[:, None]) / 2
    ).ravel()
    dy, dtau = np.kron(d, np.eye(n)), np.kron(np.eye(n), d)
    function = zero_mean(dtau - dy @ (a[:, None] * dy), dy @ a)
    cells = parabolic(standing, 2)
    assert cells.effective["A"][0, 0] == pytest.approx(np.mean(a + a * (dy @ function)), abs=1e-9)
    points = np.stack([g.ravel() for g in np.meshgrid(ticks, ticks, indexing="ij")], axis=-1)
    assert np.allclose(cells.functions[0](points), function, atol=1e-8)
    frozen, averaged = (parabolic(standing, k).effective["A"][0, 0] for k in (1, 3))
    assert frozen < cells.effective["A"][0, 0] < averaged


@pytest.mark.parametrize("speed", [1, -2])
def test_the_resonant_oscillation_of_a_travelling_wave(speed: int) -> None:
    """a(y - V tau): N(z) with -V N' - (a N')' = a' in z = y - V tau, a problem with a constant
    drift in one dimension.
    """
    d = slope(41)
    z = np.arange(41) / 41
    a = 2 + np.sin(2 * np.pi * z)
    n = zero_mean(-speed * d - d @ (a[:, None] * d), d @ a)
    found = parabolic(lambda y, tau: 2 + S(y[0] - speed * tau), 2).effective["A"][0, 0]
    assert found == pytest.approx(np.mean(a + a * (d @ n)), abs=1e-10)
    assert found > np.sqrt(3) + 1e-4


def test_resonance_in_two_dimensions_of_layers() -> None:
    """Layers along y_1 that do not move: A* = diag(harmonic, arithmetic) with any tau that cancels
    in the mean.
    """
    found = parabolic(lambda y, tau: sp.diag(2 + S(y[0]), 3 + C(tau) * S(y[0])), 2, 2).effective[
        "A"
    ]
    assert np.allclose(found, np.diag([np.sqrt(3), 3]), atol=1e-11)


def test_the_period_of_tau_may_be_another() -> None:
    found = parabolic(
        lambda y, tau: 3 + S(y[0]) * sp.cos(tau) + C(y[0]) / 2, 1, tau_period=2 * sp.pi
    )
    assert found.effective["A"][0, 0] == pytest.approx(
        np.mean(1 / np.mean(1 / grid(), axis=0)), abs=1e-10
    )


def test_a_fast_time_that_nothing_depends_on_is_no_axis() -> None:
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 1),
        1,
        time=True,
        fast_time=2,
    )
    cells = nh.solve_cells(model)
    assert cells.axes == 1
    assert cells.effective["A"][0, 0] == pytest.approx(np.sqrt(3))


def test_what_was_averaged_is_told() -> None:
    titles = {
        k: [
            t.title
            for t in derived(
                lambda s, u: sp.Eq(s.dt(u) - s.div(standing(s.y, s.tau) * s.grad(u)), 1),
                time=True,
                fast_time=k,
            ).transformations
        ]
        for k in (1, 2, 3)
    }
    assert titles == {1: ["Slow oscillation in time"], 2: [], 3: ["Fast oscillation in time"]}


def test_an_oscillating_capacity_is_its_mean() -> None:
    found = solved(
        lambda s, u: sp.Eq((2 + S(s.y[0])) * s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 1),
        time=True,
    ).effective
    assert (found["rho"], found["A"][0, 0]) == (pytest.approx(2), pytest.approx(np.sqrt(3)))


def test_a_rho_of_tau_at_resonance() -> None:
    """rho(tau) u_t - u_xx: the adjoint kernel psi is (1/rho)/<1/rho>, and the law is <1/rho>^-1 u_t
    - u_xx.
    """
    found = solved(
        lambda s, u: sp.Eq((2 + S(s.tau)) * s.dt(u) - s.laplacian(u), 1), time=True, fast_time=2
    ).effective
    assert found["rho"] / found["A"][0, 0] == pytest.approx(np.sqrt(3), abs=1e-10)
    assert found["f"] / found["A"][0, 0] == pytest.approx(1, abs=1e-10)


def test_damping_beside_a_second_time_derivative() -> None:
    """rho u_tt + d u_t - div(a grad u): every mean in its place."""
    found = solved(
        lambda s, u: sp.Eq(
            (2 + S(s.y[0])) * s.dt(u, 2)
            + (3 + C(s.y[0])) * s.dt(u)
            - s.div((2 + S(s.y[0])) * s.grad(u)),
            1,
        ),
        time=True,
    ).effective
    assert (found["rho"], found["damping"], found["A"][0, 0]) == (
        pytest.approx(2),
        pytest.approx(3),
        pytest.approx(np.sqrt(3)),
    )


# ---- the resonant power is order in space over order in time


@pytest.mark.parametrize(
    ("k", "expected"), [(sp.Rational(1, 2), "frozen"), (2, "averaged"), (3, "averaged")]
)
def test_a_wave_is_resonant_at_the_power_one(k: Any, expected: str) -> None:
    """u_tt - (a(y, t/eps^k) u')': below and above the power 1 as for parabolic equations below and
    above 2.
    """
    found = solved(
        lambda s, u: sp.Eq(s.dt(u, 2) - s.div(standing(s.y, s.tau) * s.grad(u)), 1),
        time=True,
        fast_time=k,
    ).effective["A"][0, 0]
    frozen, averaged = (
        np.mean(1 / np.mean(1 / grid(), axis=0)),
        1 / np.mean(1 / grid().mean(axis=1)),
    )
    assert found == pytest.approx({"frozen": frozen, "averaged": averaged}[expected], abs=1e-10)


@pytest.mark.parametrize("k", [3, 4, 5])
def test_a_beam_is_resonant_at_the_power_four(k: int) -> None:
    """u_t + (a(y, t/eps^k) u'')'': <1/a>^-1 averaged below 4, of the average above, d_tau N + (a (1
    + N''))'' = 0 at 4.
    """
    found = (
        solved(
            lambda s, u: sp.Eq(s.dt(u) + s.div(s.div(standing(s.y, s.tau) * s.hessian(u))), 1),
            time=True,
            fast_time=k,
        )
        .effective["A"]
        .item()
    )
    n = 21
    d, ticks = slope(n), np.arange(n) / n
    a = (
        3
        + np.sin(2 * np.pi * ticks[:, None]) * np.cos(2 * np.pi * ticks)
        + np.cos(2 * np.pi * ticks[:, None]) / 2
    ).ravel()
    second, dtau = np.kron(d @ d, np.eye(n)), np.kron(np.eye(n), d)
    function = zero_mean(dtau + second @ (a[:, None] * second), -second @ a)
    expected = {
        3: np.mean(1 / np.mean(1 / grid(), axis=0)),
        4: np.mean(a + a * (second @ function)),
        5: 1 / np.mean(1 / grid().mean(axis=1)),
    }
    assert found == pytest.approx(expected[k], abs=1e-7)


def test_the_chain_rule_has_the_power_of_tau() -> None:
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) + s.div(s.div(standing(s.y, s.tau) * s.hessian(u))), 1),
        time=True,
        fast_time=4,
    )
    assert "d_t becomes d_t + eps^-4 d_tau" in str(model)


def test_a_damping_may_have_any_sign() -> None:
    """u_tt + d(y) u_t: the mean of d, though it is negative somewhere; rho is still checked."""
    found = solved(
        lambda s, u: sp.Eq(s.dt(u, 2) + (1 + 3 * C(s.y[0])) * s.dt(u) - s.laplacian(u), 1),
        time=True,
    ).effective
    assert found["damping"] == pytest.approx(1)
    with pytest.raises(nh.NhpinnError, match="time derivative is not positive"):
        derived(
            lambda s, u: sp.Eq((1 + 3 * C(s.y[0])) * s.dt(u, 2) + s.dt(u) - s.laplacian(u), 1),
            time=True,
        )
