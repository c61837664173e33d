"""Reaction of order eps^-2: u = exp(-lambda0 t/eps^2) phi(y) v (Vanninathan 1981; Allaire,
Capdeboscq 2000).

The law of v is that of the principal Bloch eigenvalue, lambda(k) = lambda0 + i c.k + A*:kk + ...,
of dense matrices written here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS, Torus, numbers, principal, taylor
from tests.symbolic import Array, C, S, derived, solved


@pytest.mark.parametrize("q", [0.3, 2.0])
def test_the_ground_state_is_mathieus(q: float) -> None:
    """-phi'' + 2 q pi^2 cos(2 pi y) phi = pi^2 a_0(q) phi, phi ~ ce_0(pi y)."""
    cells = solved(
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + 2 * sp.Float(q) * sp.pi**2 * C(s.y[0]) * u / s.eps**2, 1
        ),
        1,
        time=True,
    )
    assert cells.effective["lambda0"] == pytest.approx(
        np.pi**2 * scipy.special.mathieu_a(0, q), abs=1e-9
    )
    even = scipy.special.mathieu_cem(0, q, LAYERS * 180)[0]
    assert cells.ground_state is not None
    assert np.allclose(cells.ground_state(LAYERS), even / even.mean(), atol=1e-7)
    assert cells.effective["rho"] == pytest.approx(1, abs=1e-12)


def test_the_law_of_a_symmetric_problem_is_that_of_phi_squared() -> None:
    """A* = hom(D phi^2) where <phi^2> = 1: harmonic mean in one dimension."""
    cells = solved(
        lambda s, u: sp.Eq(
            s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)) + 8 * C(s.y[0]) * u / s.eps**2, 1
        ),
        1,
        time=True,
    )
    assert cells.ground_state is not None
    phi = cells.ground_state(LAYERS)
    weight = (2 + np.sin(2 * np.pi * LAYERS)) * phi**2 / np.mean(phi**2)
    assert cells.effective["A"][0, 0] == pytest.approx(1 / np.mean(1 / weight), abs=1e-9)


CASES: dict[str, tuple[int, Any, Any, Any, Any]] = {  # dim, rho, D, b, r of y
    "reaction": (1, lambda y: 1, lambda y: 1, lambda y: [0], lambda y: 8 * C(y[0]) + S(2 * y[0])),
    "capacity and diffusivity": (
        1,
        lambda y: 2 + S(y[0]),
        lambda y: 2 + C(y[0]),
        lambda y: [0],
        lambda y: 8 * C(y[0]),
    ),
    "with a drift": (1, lambda y: 1, lambda y: 1, lambda y: [1 + S(y[0])], lambda y: 8 * C(y[0])),
    "two dimensions": (
        2,
        lambda y: 1,
        lambda y: 1,
        lambda y: [0, 0],
        lambda y: 5 * C(y[0]) * C(y[1]) + 3 * S(y[0] + y[1]),
    ),
    "two dimensions with a drift": (
        2,
        lambda y: 2 + C(y[1]),
        lambda y: 1,
        lambda y: [C(y[1]), S(y[0]) + 1],
        lambda y: 5 * C(y[0]) + 3 * S(y[0] + y[1]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_law_is_that_of_the_bloch_eigenvalue(name: str) -> None:
    dim, rho, d, b, r = CASES[name]
    cells = solved(
        lambda s, u: sp.Eq(
            rho(s.y) * s.dt(u)
            - s.div(d(s.y) * s.grad(u))
            + (sp.Matrix(b(s.y)).T * s.grad(u))[0] / s.eps
            + r(s.y) * u / s.eps**2,
            1,
        ),
        dim,
        time=True,
    )
    torus, y = Torus(dim, 41 if dim == 1 else 15), nh.Scales(dim).y
    mass, capacity = torus(rho(y)), float(cells.effective["rho"])
    for direction in np.eye(dim):

        def eigenvalue(k: complex, direction: Array = direction) -> complex:
            slopes = torus.shifted(k * direction)
            drift = sum(torus(v)[:, None] * s for v, s in zip(b(y), slopes, strict=True))
            return principal(
                torus.flux({(0, i, 0, i): d(y) for i in range(dim)}, 1, slopes)
                + drift
                + np.diag(torus(r(y))),
                mass,
            )

        coefficients = taylor(eigenvalue, 3)
        assert cells.effective["lambda0"] == pytest.approx(coefficients[0].real, abs=1e-8)
        assert direction @ np.reshape(
            cells.effective.get("drift", np.zeros(dim)), dim
        ) == pytest.approx(coefficients[1].imag, abs=1e-8)
        assert direction @ cells.effective["A"] @ direction / capacity == pytest.approx(
            coefficients[2].real, abs=1e-8
        )


def test_a_stationary_problem_needs_the_eigenvalue_zero() -> None:
    with pytest.raises(nh.SolvabilityError, match="must have 0 in a stationary problem"):
        solved(lambda s, u: sp.Eq(-s.laplacian(u) + 8 * C(s.y[0]) * u / s.eps**2, 1))


def test_a_stationary_problem_whose_eigenvalue_is_zero() -> None:
    """phi = 2 + sin: r = D phi''/phi has the ground state phi, and A* = <1/(D phi^2)>^-1."""
    y = nh.Scales(1).y[0]
    cells = solved(
        lambda s, u: sp.Eq(
            -s.laplacian(u) - 4 * sp.pi**2 * S(s.y[0]) / (2 + S(s.y[0])) * u / s.eps**2, 1
        )
    )
    assert cells.effective["lambda0"] == pytest.approx(0, abs=1e-9)
    phi = numbers(2 + S(y), LAYERS)
    assert cells.ground_state is not None
    assert np.allclose(cells.ground_state(LAYERS), phi / phi.mean(), atol=1e-9)
    psi = phi * phi.mean() / np.mean(phi**2)  # <psi phi/<phi>> = 1
    assert cells.effective["A"][0, 0] == pytest.approx(
        1 / np.mean(1 / (psi * phi / phi.mean())), abs=1e-9
    )
    assert cells.effective["f"] == pytest.approx(
        psi.mean(), abs=1e-9
    )  # <psi f>, and <psi> is not 1


def test_the_factorization_is_told() -> None:
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + C(s.y[0]) * u / s.eps**2, 1), 1, time=True
    )
    assert [t.title for t in model.transformations] == ["Factorization"]
    assert model.eigenvalue is not None
    assert "exp(-lambda0" in str(model)
    assert r"\lambda_{0}" in model.derivation.latex()


def test_a_source_of_the_factorized_equation_grows() -> None:
    """u = exp(-lambda0 t/eps^2) phi v: the source of v is exp(lambda0 t/eps^2) <psi f>."""
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + C(s.y[0]) * u / s.eps**2, 3), 1, time=True
    )
    assert model.equation.rhs.has(sp.exp)
    assert "exp(lambda0*t/eps" in str(model.derivation)
    stationary = derived(lambda s, u: sp.Eq(-s.laplacian(u) + C(s.y[0]) * u / s.eps**2, 3), 1)
    assert not stationary.equation.rhs.has(sp.exp)


def test_a_ground_state_beside_coefficients_of_x() -> None:
    """phi does not depend on x where A_0 does not: at every x the law is that of coefficients held
    there.
    """

    def build(weight: Any) -> Any:
        return lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + 8 * C(s.y[0]) * u / s.eps**2
            + weight(s) * C(s.y[0]) * u
            + 2 * C(2 * s.y[0]) * u.diff(s.x[0]),
            1,
        )

    box = {
        "domain": nh.Box((0, 1)),
        "boundary": [nh.Dirichlet(0)],
        "initial": [nh.Initial(0)],
        "final_time": 1,
    }
    cells = solved(build(lambda s: 1 + s.x[0]), 1, time=True, **box)
    held = solved(build(lambda s: sp.Rational(3, 2)), 1, time=True)
    assert cells.effective["lambda0"] == pytest.approx(held.effective["lambda0"], abs=1e-10)
    for name in ("A", "b", "c", "rho"):
        there = np.asarray(cells.effective[name](np.array([[0.5]])))
        assert np.allclose(there[0], held.effective[name], atol=1e-8), name
