"""Fourth order: D^2 : (A D^2 u), plates. Layers in closed form, two dimensions by dense matrices
(Duvaut 1977; Kohn, Vogelius 1984).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS, Torus, law_symbol, mean_law, numbers, taylor
from tests.symbolic import Array, C, S, derived, solved

Y = nh.Scales(2).y


def stiffness(y: Any) -> Any:
    return 2 + S(y)


def poisson(y: Any) -> Any:
    return (1 + C(y)) / 4


def moment(d: Any, nu: Any, curvature: sp.Matrix) -> sp.Matrix:
    """Kirchhoff: M = D ((1 - nu) K + nu tr K)."""
    return d * ((1 - nu) * curvature + nu * curvature.trace() * sp.eye(curvature.shape[0]))


def mean(c: Any) -> float:
    return float(np.mean(numbers(c, LAYERS)))


def test_the_beam_is_a_harmonic_mean() -> None:
    """(a u'')'' = f: N'' = a*/a - 1; averaged operators of higher order vanish."""
    cells = solved(
        lambda s, u: sp.Eq(s.div(s.div(stiffness(s.y[0]) * s.hessian(u))), 1), 1, order=3
    )
    assert cells.effective["A"].ravel() == pytest.approx([np.sqrt(3)], abs=1e-12)
    a = 2 + np.sin(2 * np.pi * LAYERS)
    (first,) = [f for f in cells.functions if f.level == 2]
    assert first.key == (0, (2,))
    assert np.allclose(first.derivative(LAYERS, (2,)), np.sqrt(3) / a - 1, atol=1e-10)
    assert (
        max(np.abs(m).max() for n, level in cells.averaged.items() for m in level.values() if n > 4)
        < 1e-10
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda s, a, u: sp.diff(a * sp.diff(u, s.x[0], 2), s.x[0], 2),
        lambda s, a, u: sp.diff(a * sp.diff(u, s.x[0], 2), s.x[0], 2).doit().expand(),
    ],
)
def test_the_beam_written_literally(write: Any) -> None:
    assert solved(lambda s, u: sp.Eq(write(s, stiffness(s.y[0]), u), 1)).effective[
        "A"
    ].ravel() == pytest.approx([np.sqrt(3)], abs=1e-11)


def test_a_layered_plate() -> None:
    """A_1111 = 1/<1/D>, A_1122 = <nu> A_1111, A_2222 = <D (1 - nu^2)> + <nu>^2 A_1111, A_1212 = <D
    (1 - nu)>/2.
    """
    found = solved(
        lambda s, u: sp.Eq(
            s.div(s.div(moment(stiffness(s.y[0]), poisson(s.y[0]), s.hessian(u)))), 1
        ),
        2,
    ).effective["A"]
    across, nu = 1 / mean(1 / stiffness(Y[0])), mean(poisson(Y[0]))
    assert found[0, 0, 0, 0] == pytest.approx(across, abs=1e-11)
    assert found[1, 1, 1, 1] == pytest.approx(
        mean(stiffness(Y[0]) * (1 - poisson(Y[0]) ** 2)) + nu**2 * across, abs=1e-11
    )
    symbol = np.einsum(
        "ijkl,i,j,k,l", found, *[np.array([1, 1])] * 4
    )  # all that an equation of fourth order sees of the rest
    twist = 2 * nu * across + 4 * mean(stiffness(Y[0]) * (1 - poisson(Y[0]))) / 2
    assert symbol == pytest.approx(found[0, 0, 0, 0] + found[1, 1, 1, 1] + twist, abs=1e-10)


def general(y: Any) -> tuple[Any, Any]:
    return 3 + S(y[0]) * C(y[1]) + C(y[0]) / 2, sp.Rational(1, 4) + S(y[1]) / 8


def plate(torus: Torus, slopes: list[Array]) -> Array:
    """The dense matrix of D^2 : M(D^2 u)."""
    d, nu = (torus(c) for c in general(Y))
    second = [[slopes[i] @ slopes[k] for k in range(2)] for i in range(2)]
    laplacian = second[0][0] + second[1][1]
    m = [
        [
            (d * (1 - nu))[:, None] * second[i][k] + (i == k) * (d * nu)[:, None] * laplacian
            for k in range(2)
        ]
        for i in range(2)
    ]
    return np.asarray(sum(second[i][k] @ m[i][k] for i in range(2) for k in range(2)))


def test_a_plate_in_two_dimensions_to_higher_order() -> None:
    """h_4, h_5, h_6 against the exact law of exp(ik.x)."""
    cells = solved(
        lambda s, u: sp.Eq(s.div(s.div(moment(*general(s.y), s.hessian(u)))), 1), 2, order=2
    )
    torus = Torus(2, 13)
    for direction in (np.array([1.0, 0.0]), np.array([0.6, 0.8])):
        coefficients = taylor(
            lambda k, direction=direction: mean_law(plate(torus, torus.shifted(k * direction))),
            7,
            radius=1.0,
        )
        assert np.abs(coefficients[:4]).max() < 1e-6
        for n in (4, 5, 6):
            assert np.allclose(
                law_symbol(cells.averaged[n], direction), coefficients[n], atol=1e-5
            ), n


def test_a_membrane_force_and_a_foundation_meet_their_means_and_the_source_too() -> None:
    """(a u'')'' - (b u')' + c u = f with y-only b, c: <b>, <c>, <f>, since N^1 = 0."""
    found = solved(
        lambda s, u: sp.Eq(
            s.div(s.div(stiffness(s.y[0]) * s.hessian(u)))
            - s.div((3 + C(s.y[0])) * s.grad(u))
            + (5 + S(s.y[0])) * u,
            7 + C(s.y[0]),
        ),
        1,
    ).effective
    assert found["B"].ravel() == pytest.approx([3])
    assert (float(found["c"]), float(found["f"])) == (pytest.approx(5), pytest.approx(7))


def test_the_numbers_of_cell_problems() -> None:
    """One for each curvature at level 2, as many as third derivatives at level 3; none at level
    1.
    """
    model = derived(
        lambda s, u: sp.Eq(s.div(s.div(moment(*general(s.y), s.hessian(u)))), 1), 2, order=4
    )
    assert [sum(p.order == n for p in model.cell_problems) for n in (1, 2, 3, 4)] == [0, 3, 4, 5]
    assert model.homogenized_order == 4


def test_a_reaction_of_order_eps_to_the_minus_two() -> None:
    """u + r u/eps^2: N_0 = -r, c* = <r N_0>."""
    found = solved(
        lambda s, u: sp.Eq(s.laplacian(s.laplacian(u)) + C(s.y[0]) * u / s.eps**2, 1)
    ).effective
    assert found["c"] == pytest.approx(-1 / (2 * (2 * np.pi) ** 4), abs=1e-15)
    assert found["A"].ravel() == pytest.approx([1])


def test_lower_orders_at_negative_powers_against_the_exact_law() -> None:
    """D^2 : M(D^2 u) - div(b grad u) + r u/eps^2: the eps^0 of the exact law at a fixed wave, in
    two dimensions.
    """

    def lower(y: Any) -> tuple[Any, Any]:
        return 40 + 10 * C(y[0]), 30 * S(y[0] - y[1]) + 20 * C(y[0])

    cells = solved(
        lambda s, u: sp.Eq(
            s.div(s.div(moment(*general(s.y), s.hessian(u))))
            - s.div(lower(s.y)[0] * s.grad(u))
            + lower(s.y)[1] * u / s.eps**2,
            1,
        ),
        2,
    )
    torus, k = Torus(2, 13), np.array([0.7, -1.1])
    b, r = (torus(c) for c in lower(Y))

    def law(eps: complex) -> Array:
        """eps^4 times the operator at exp(ik.x), d_x = (d_y + i eps k)/eps."""
        slopes = torus.shifted(eps * k)
        return (
            plate(torus, slopes)
            - eps**2 * sum(d @ (b[:, None] * d) for d in slopes)
            + eps**2 * np.diag(r)
        )

    coefficients = taylor(lambda eps: mean_law(law(eps)), 5, radius=0.5)
    assert np.abs(coefficients[:4]).max() < 1e-6
    assert np.allclose(law_symbol(cells.averaged[4], k), coefficients[4], atol=1e-5)
    assert cells.effective["c"] < -1e-3
    assert np.abs(cells.effective["B"] - 40 * np.eye(2)).max() > 1e-4
