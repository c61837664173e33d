"""The oracles against each other: two that share no formula for each class."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from .kinds.large_terms import law_1d, reaction_coefficient
from .oracles.bloch import law, tensor
from .oracles.boundary import End, constant, heat, stationary
from .oracles.closed import disk_array, scalar_laminate
from .oracles.floquet import Fast, expansion
from .oracles.spaces import Array, edges, line, periodic_edges, plane, trigonometric
from .profiles import centred, ends_of, mean_over, positive


def S(t: Array) -> Array:
    return np.sin(2 * np.pi * t)


def C(t: Array) -> Array:
    return np.cos(2 * np.pi * t)


@pytest.mark.parametrize("seed", range(6))
def test_panels_resolve_every_profile(seed: int) -> None:
    """Gauss's rule on the panels against adaptive quadrature on each of them."""
    profile = positive(np.random.default_rng(seed))
    ends = ends_of(profile)
    adaptive = sum(
        quad(lambda y: 1 / float(profile.value(np.array(y))), a, b, epsrel=1e-12)[0]
        for a, b in pairwise(ends)
    )
    assert mean_over(profile)(lambda y: 1 / profile.value(y)) == pytest.approx(adaptive, rel=1e-11)


@pytest.mark.parametrize("weight", [1.0, 0.05])
def test_bloch_laws_of_elements_and_waves_agree(weight: float) -> None:
    """A small weight moves the eigenvalue far below the least value of the reaction."""
    found = []
    for space in (line(periodic_edges()), trigonometric(20)):
        y = space.points[:, 0]
        rho = weight * (1 + 0.3 * C(y))
        found.append(law(space, 2 + S(y), 1 + 3 * C(y) + S(2 * y), 8 * C(y + 0.1), 3 * S(y), rho))
    for name in ("lambda0", "drift", "A", "b", "c"):
        assert getattr(found[0], name) == pytest.approx(getattr(found[1], name), abs=1e-10)


def test_bloch_law_is_the_derivative_of_an_eigenvalue() -> None:
    """The second difference in the wave number of the eigenvalues themselves."""
    space = trigonometric(12)
    y = space.points[:, 0]
    a, b, step = 2 + S(y), 1 + 3 * C(y), 1e-3

    def lowest(shift: complex) -> complex:
        moved = space.slopes[0] + shift * space.values
        matrix = space.form(moved, a, moved) + space.form(space.values, b, moved)
        values = np.linalg.eigvals(
            np.linalg.solve(space.form(space.values, 1.0, space.values), matrix)
        )
        return complex(values[np.argmin(values.real)])

    found = law(space, a, b)
    up, down = lowest(1j * step), lowest(-1j * step)
    assert ((up + down) / 2).real / step**2 == pytest.approx(found.A[0, 0].real, abs=1e-4)
    assert (up - down).imag / (2 * step) == pytest.approx(found.drift[0].real, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_reactions_by_elements_and_by_quadrature(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = positive(rng, 100)
    r = centred(rng, positive(rng, 100), 5.0)
    found, doubt = law_1d(a, 0.0, 0.0, r)
    assert np.real(found.c) == pytest.approx(reaction_coefficient(a, r), abs=10 * doubt)


def test_plane_elements_give_laminates() -> None:
    """A tensor that is not symmetric and jumps across a plane."""
    lines = line(periodic_edges((0.31,), (), 4), 9)
    space = plane(lines, lines)
    P, Q = np.array([[2.0, 0.5], [-0.3, 1.0]]), np.array([[0.4, -0.2], [0.1, 3.0]])

    def entries(t: Array) -> Array:
        return np.where(t < 0.31, 1.0, 0.0)[:, None, None] * P + (1 + 0.5 * C(t))[:, None, None] * Q

    points, weights = _rule()

    def mean(function: Callable[[Array], Array]) -> Array:
        return np.tensordot(weights, function(points), axes=1)

    values = np.moveaxis(entries(space.points[:, 0]), 0, -1)
    assert tensor(space, values) == pytest.approx(
        scalar_laminate(mean, entries, np.array([1.0, 0.0])), abs=1e-9
    )


def _rule() -> tuple[Array, Array]:
    space = line(periodic_edges((0.31,), (), 8), 12)
    return space.points[:, 0], space.weights


def test_disks_obey_duality_and_the_dilute_limit() -> None:
    """A_11(k) A_22(1/k) = 1 (Keller); for small disks 1 + 2 f beta."""
    one, other = disk_array(0.3, 20.0, 1.4), disk_array(0.3, 1 / 20.0, 1.4)
    assert one * other[::-1] == pytest.approx(1.0, abs=1e-12)
    share = np.pi * 0.01**2
    assert disk_array(0.01, 3.0) == pytest.approx(1 + 2 * share * 0.5, abs=4 * share**2)


def test_disk_series_lies_between_stairs() -> None:
    """A grows with the coefficient: stairs inside and stairs around the disk enclose it."""
    radius, value = 0.3, 5.0
    cuts = 0.5 + radius * np.sin(np.linspace(-1, 1, 17) * np.pi / 2)
    lines = line(periodic_edges(cuts, (), 1), 3)
    space = plane(lines, lines)
    whole = np.concatenate([[0.0], cuts, [1.0]]) - 0.5
    at = np.searchsorted(whole, space.points - 0.5)
    ends = abs(np.stack([whole[at - 1], whole[at]]))
    bounds = [
        tensor(space, np.where(np.sum(reach**2, axis=1) < radius**2 - 1e-12, value, 1.0))[0, 0]
        for reach in (ends.max(axis=0), ends.min(axis=0))
    ]
    assert bounds[0] < disk_array(radius, value)[0] < bounds[1]
    assert bounds[1] - bounds[0] < 0.3


def test_floquet_exponents_give_what_is_known() -> None:
    """Stokes's drift, Kapitza's coefficient, a travelling coefficient with the mean over tau, a
    moving weight for k = 1.
    """

    def one(y: Array, tau: Array) -> Array:
        return 1 + 0 * y

    stokes = expansion(Fast(Fraction(3), one, b=lambda y, tau: 5 * S(y - tau)))
    assert (stokes.b, stokes.A) == pytest.approx((12.5, 1.0), abs=1e-5)
    kapitza = expansion(Fast(Fraction(3), one, r=lambda y, tau: 2 * C(y) * C(tau)))
    assert kapitza.c == pytest.approx(-1.0, abs=1e-5)
    moving = expansion(Fast(Fraction(1), one, b=lambda y, tau: 10 * S(y - tau)))
    assert moving.b == pytest.approx(0.67003, abs=1e-5)
    assert expansion(Fast(Fraction(3, 2), one, b=lambda y, tau: 5 * S(y - tau))).unbounded


def test_boundary_values_by_elements_and_by_quadrature() -> None:
    """-(a u')' = f between a value and a flux: u' = (flux - int f)/a."""

    def a(x: Array) -> Array:
        return np.where(x % 0.25 < 0.1, 5.0, 1.0) + S(x) ** 2

    at = np.array([0.13, 0.5, 0.77])
    panels = edges(0.0, 1.0, [v + k / 4 for k in range(4) for v in (0.0, 0.1)], (), 8)
    found = stationary(
        panels, (End("dirichlet", 0.3), End("natural", -0.7)), at, a, lambda x: 1 + x
    )

    def slope(x: float) -> float:
        return float((-0.7 + (1 - x) + (1 - x * x) / 2) / a(np.array(x)))

    def value(x: float) -> float:
        stops = [p for p in panels if 0 < p < x]
        return 0.3 + quad(slope, 0, x, points=stops, limit=400, epsabs=1e-12)[0]

    assert found == pytest.approx([value(x) for x in at], abs=1e-9)


def test_heat_by_modes_decays_as_its_mode() -> None:
    at = np.array([0.2, 0.6])
    found = heat(
        edges(0.0, 1.0),
        (End("dirichlet"), End("dirichlet")),
        at,
        0.1,
        constant(2.0),
        constant(0.0),
        lambda x: np.sin(np.pi * x),
        rho=constant(1.5),
    )
    assert found == pytest.approx(np.exp(-2 / 1.5 * np.pi**2 * 0.1) * np.sin(np.pi * at), abs=1e-9)
