"""Higher order: correctors and averaged operators against the exact law of a plane wave.

exp(ik.x) w(y) with A(k) w = 1 gives H(k) <w> = 1: H(k) = sum h_n (ik)^n is analytic, and its Taylor
coefficients come from Cauchy's integral of dense Fourier matrices. Neither the chain rule nor the
recursion is in that.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import (
    LAYERS,
    Torus,
    isotropic,
    law_symbol,
    mean_law,
    numbers,
    taylor,
    tensor_of,
)
from tests.symbolic import Array, C, S, derived, diffusion, solved, stiffness_flux

DIRECTIONS = [np.array(d) for d in ((1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (0.8, -0.6))]


def scalar_tensor(s: nh.Scales) -> sp.Matrix:
    y1, y2 = s.y
    return sp.Matrix(
        [[2 + S(y1) * C(y2) + S(2 * y1) / 4, C(y2) / 2], [S(y1 + y2) / 3, 2 + C(y1) / 2]]
    )


def symmetric_tensor(s: nh.Scales) -> sp.Matrix:
    y1, y2 = s.y
    return sp.Matrix(
        [
            [2 + S(y1) * C(y2) + S(2 * y1) / 4, S(y1 + y2) / 3],
            [S(y1 + y2) / 3, 2 + C(y1) / 2 + S(y2) / 4],
        ]
    )


def isotropic_c(s: nh.Scales, centred: bool) -> Any:
    """lam and mu even about a common point, or not."""
    y1, y2 = s.y
    if centred:
        return isotropic(2 + C(y1) * C(y2), 1 + C(y1 + y2) / 2)
    return isotropic(3 + S(y1) + S(y1 - y2) / 2, 2 + S(2 * y1) / 3 + S(y2) / 2)


def exact(a: Any, components: int, n: int, direction: Array, count: int) -> list[Array]:
    """Taylor coefficients of H(k direction); a(i, k, j, l) of an operator in flux form."""
    torus = Torus(len(direction), n)
    entries = tensor_of(a, components, len(direction))
    return taylor(
        lambda k: mean_law(
            torus.flux(entries, components, torus.shifted(k * direction)), components
        ),
        count,
    )


@pytest.mark.parametrize("tensor", [scalar_tensor, symmetric_tensor])
def test_scalar_operators_of_order_up_to_five(tensor: Any) -> None:
    cells = solved(diffusion(tensor), 2, order=3)
    s = nh.Scales(2)
    for direction in DIRECTIONS[:3]:
        coefficients = exact(lambda i, k, j, m: tensor(s)[k, m], 1, 15, direction, 6)
        for n in range(2, 6):
            assert np.allclose(
                law_symbol(cells.averaged[n], direction), coefficients[n], atol=1e-8
            ), n


def test_odd_orders_vanish_for_symmetric_scalars_and_even_ones_have_no_sign() -> None:
    found = solved(diffusion(symmetric_tensor), 2, order=3).effective["h"]
    assert np.abs(found[3]).max() < 1e-14
    assert np.abs(found[5]).max() < 1e-13
    assert np.abs(solved(diffusion(scalar_tensor), 2, order=3).effective["h"][3]).max() > 1e-4
    symbols = [np.einsum("ijkl,i,j,k,l", found[4], d, d, d, d) for d in DIRECTIONS]
    assert np.abs(symbols).max() > 1e-5


def test_one_dimensional_elliptic_laws_end_with_the_second_order() -> None:
    averaged = solved(diffusion(lambda s: 2 + S(s.y[0]) + C(3 * s.y[0]) / 3), 1, order=4).averaged
    assert set(range(2, 7)) <= set(averaged)
    assert (
        max(np.abs(m).max() for n, level in averaged.items() for m in level.values() if n > 2)
        < 1e-13
    )


@pytest.mark.parametrize("centred", [True, False])
def test_elasticity_has_a_third_order_term_unless_it_is_centrosymmetric(centred: bool) -> None:
    cells = nh.solve_cells(elastic_model(centred, 2))
    size = np.abs(cells.effective["h"][3]).max()
    assert (size < 1e-12) == centred
    assert centred or size > 1e-4
    coefficients = exact(isotropic_c(nh.Scales(2), centred), 2, 13, DIRECTIONS[2], 5)
    for n in (2, 3, 4):
        assert np.allclose(
            law_symbol(cells.averaged[n], DIRECTIONS[2]), coefficients[n], atol=1e-6
        ), n


def elastic_model(centred: bool, order: int) -> nh.HomogenizedModel:
    return derived(
        lambda s, v: (-s.div(stiffness_flux(isotropic_c(s, centred), s.grad(v))), sp.ones(2, 1)),
        2,
        order=order,
        components=2,
    )


def total(level: Any) -> dict[tuple[int, ...], Array]:
    """The coefficient of D^(left + right)."""
    table: dict[tuple[int, ...], Array] = {}
    for (left, right), matrix in level.items():
        key = tuple(p + q for p, q in zip(left, right, strict=True))
        table[key] = table.get(key, 0) + matrix
    return table


@pytest.mark.parametrize("components", [1, 2])
def test_the_energy_form_gives_what_the_direct_one_gives_with_more_levels(components: int) -> None:
    """h up to 2 n + 1 from N up to n."""
    if components == 1:
        energy, more = (derived(diffusion(symmetric_tensor), 2, order=n) for n in (1, 3))
    else:
        energy, more = (elastic_model(False, n) for n in (1, 2))
    energetic = nh.solve_cells(energy, hierarchy=True)
    direct = nh.solve_cells(dataclasses.replace(more, symmetric=False))
    assert max(f.level for f in energetic.forms) == 1 < max(f.level for f in direct.forms)
    assert max(energetic.averaged) == 3
    for n in (2, 3):
        one, other = total(energetic.averaged[n]), total(direct.averaged[n])
        for key in {*one, *other}:
            assert np.allclose(one.get(key, 0), other.get(key, 0), atol=1e-12)
    if components == 1:
        second = nh.solve_cells(derived(diffusion(symmetric_tensor), 2, order=2))
        assert (max(f.level for f in second.forms), max(second.averaged)) == (2, 5)
        for n in (4, 5):
            one, other = total(second.averaged[n]), total(direct.averaged[n])
            assert all(
                np.allclose(one.get(key, 0), other.get(key, 0), atol=1e-12)
                for key in {*one, *other}
            )


def diffusivity(y: Any) -> Any:
    return 2 + S(y[0]) / 3 + S(y[0]) * C(y[1]) / 2 + C(y[0] - y[1]) / 2


def reaction(y: Any) -> Any:
    return C(y[0]) + S(y[1] - y[0])


def test_first_order_terms_of_a_reaction_cancel() -> None:
    """<r N_j> = <D d_j N_0>, from the cell functions themselves; c* is the eps^2 of the exact law
    of -div(D grad u) + eps r u at k = 0.
    """
    cells = solved(
        lambda s, u: sp.Eq(-s.div(diffusivity(s.y) * s.grad(u)) + reaction(s.y) * u / s.eps, 1), 2
    )
    torus, y = Torus(2, 33), nh.Scales(2).y
    functions = {f.name: f for f in cells.functions}
    for j in range(2):
        slope = functions["N_0"].derivative(torus.y, tuple(int(k == j) for k in range(2)))
        flux = np.mean(torus(diffusivity(y)) * slope)
        assert np.mean(torus(reaction(y)) * functions[f"N_{j + 1}"](torus.y)) == pytest.approx(
            flux, abs=1e-11
        )
        assert abs(flux) > 1e-3
    assert np.allclose(cells.effective["b"], 0, atol=1e-12)
    small = Torus(2, 15)
    leading, r = (
        small.flux({(0, k, 0, k): diffusivity(y) for k in range(2)}, 1),
        np.diag(small(reaction(y))),
    )
    expected = taylor(lambda eps: mean_law(leading + eps * r), 3)[2]
    assert cells.effective["c"] == pytest.approx(expected[0, 0].real, abs=1e-7)


# ---- waves


def wave(order: int = 2, rho: Any = lambda y: 1) -> nh.CellSolution:
    return solved(
        lambda s, u: sp.Eq(
            rho(s.y[0]) * s.dt(u, 2) - s.div((2 + S(s.y[0]) + C(2 * s.y[0]) / 2) * s.grad(u)), 1
        ),
        1,
        time=True,
        order=order,
    )


def test_dispersion_of_waves_in_one_dimension() -> None:
    """rho = 1: h_40 = 0, h_22 = -<N^2>, so that omega^2 = a* k^2 - eps^2 a* <N^2> k^4; a (1 + N') =
    a*.
    """
    cells = wave()
    a = numbers(2 + S(nh.Scales(1).y[0]) + C(2 * nh.Scales(1).y[0]) / 2, LAYERS)
    star = 1 / np.mean(1 / a)
    waves = 2j * np.pi * np.fft.fftfreq(len(a), 1 / len(a))
    n = np.fft.ifft(
        np.divide(np.fft.fft(star / a - 1), waves, out=np.zeros(len(a), complex), where=waves != 0)
    ).real
    level = total(cells.averaged[4])
    assert level[2, 2][0, 0] == pytest.approx(-np.mean(n**2), abs=1e-13)
    assert level.get((4, 0), np.zeros((1, 1)))[0, 0] == pytest.approx(0, abs=1e-13)
    assert cells.effective["A"][0, 0] == pytest.approx(star, abs=1e-12)


def test_the_dispersion_of_two_layers() -> None:
    """a* <N^2> = a*/12 (al (1 - al) (E1 - E2)/((1 - al) E1 + al E2))^2 (Santosa, Symes 1991; Fish,
    Chen 2001).
    """
    first, second, share = 1, 4, sp.Rational(1, 4)

    def two(s: nh.Scales) -> sp.Expr:
        return sp.Piecewise((first, s.y[0] < share), (second, True))

    step = derived(
        lambda s, u: sp.Eq(s.dt(u, 2) - s.div(two(s) * s.grad(u)), 1), 1, time=True, order=2
    )
    cells = nh.solve_cells(step, "skfem", tolerance=1e-7)
    star = 1 / float(share / first + (1 - share) / second)
    al = float(share)
    expected = (
        star / 12 * (al * (1 - al) * (first - second) / ((1 - al) * first + al * second)) ** 2
    )
    assert cells.effective["A"][0, 0] == pytest.approx(star, rel=1e-7)
    assert -star * total(cells.averaged[4])[2, 2][0, 0] == pytest.approx(expected, rel=1e-6)


def test_waves_in_two_dimensions_have_minus_the_products_of_the_correctors() -> None:
    """h_22 = -<N_i N_j> where rho = 1."""
    cells = solved(
        lambda s, u: sp.Eq(s.dt(u, 2) - s.div(symmetric_tensor(s) * s.grad(u)), 1),
        2,
        time=True,
        order=2,
    )
    y = Torus(2, 33).y
    n = [f(y) for f in cells.functions if f.level == 1]
    level = total(cells.averaged[4])
    for i, j in ((0, 0), (1, 1), (0, 1)):
        key = (int(i == 0) + int(j == 0), int(i == 1) + int(j == 1), 2)
        assert level[key][0, 0] == pytest.approx(
            -(2 if i != j else 1) * np.mean(n[i] * n[j]), abs=1e-12
        )


def test_a_density_that_varies_brings_two_time_derivatives() -> None:
    """N_tt, h_22 and h_04: H(k, s) of (A(k) + rho s^2) w = 1 along s = sigma k."""

    def rho(y: Any) -> Any:
        return 2 + C(y) + S(2 * y) / 2

    cells = wave(3, rho)
    assert {"N_1", "N_11", "N_tt"} <= {f.name for f in cells.functions}
    assert float(cells.effective["rho"]) == pytest.approx(2)
    torus, y = Torus(1, 41), nh.Scales(1).y[0]
    entries = {(0, 0, 0, 0): 2 + S(y) + C(2 * y) / 2}
    mass = np.diag(torus(rho(y)))
    for sigma in (0.7, 1.3j):
        coefficients = taylor(
            lambda k, sigma=sigma: mean_law(
                torus.flux(entries, 1, torus.shifted(np.array([k]))) + (sigma * k) ** 2 * mass
            ),
            6,
        )
        for n in range(2, 6):
            assert np.allclose(
                law_symbol(cells.averaged[n], np.array([1.0]), sigma), coefficients[n], atol=1e-10
            ), n
