"""Drifts of order 1/eps: weights psi, moving frames, and operators without a flux form.

Lifson, Jackson 1962; Pavliotis, Stuart 2008, ch. 13-14; Avellaneda, Lin 1989. The others against
dense matrices written here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS, Torus, principal, taylor
from tests.symbolic import Array, C, S, derived, nullvector, solved, zero_mean

D = sp.Rational(1, 2)


def drifting(
    b: Callable[[Any], Any],
    dim: int,
    time: bool = True,
    conservative: bool = False,
    rho: Callable[[Any], Any] = lambda y: 1,
    order: int = 1,
) -> nh.CellSolution:
    """rho u_t - D Lap u + b.grad u / eps (or div(b u) / eps) = 1."""

    def build(s: nh.Scales, u: Any) -> Any:
        flow = sp.Matrix(b(s.y))
        drift = s.div(flow * u) if conservative else (flow.T * s.grad(u))[0]
        return sp.Eq((rho(s.y) * s.dt(u) if time else 0) - D * s.laplacian(u) + drift / s.eps, 1)

    return solved(build, dim, time=time, order=order)


def dense_law(torus: Torus, b: list[Array], rho: Array | float = 1.0) -> tuple[Array, Array, Array]:
    """(psi, c, A*) of rho u_t - D Lap u + b.grad u/eps: c = <psi b>/<psi rho>, -D Lap N_j + b.grad
    N_j = -(b_j - rho c_j), A* from the eps^0 term.
    """
    d, slopes = float(D), torus.D
    matrix = -d * sum(s @ s for s in slopes) + sum(
        v[:, None] * s for v, s in zip(b, slopes, strict=True)
    )
    psi = nullvector(matrix.T)
    c = np.array([np.mean(psi * v) for v in b]) / np.mean(psi * rho)
    rest = [v - rho * q for v, q in zip(b, c, strict=True)]
    n = [zero_mean(matrix, -r) for r in rest]
    dim = torus.dim
    a = np.array(
        [
            [
                d * (i == j) + np.mean(psi * (2 * d * slopes[i] @ n[j] - rest[i] * n[j]))
                for j in range(dim)
            ]
            for i in range(dim)
        ]
    )
    return psi, c, (a + a.T) / 2


@pytest.mark.parametrize("time", [True, False])
def test_a_potential_in_one_dimension_is_lifson_jackson(time: bool) -> None:
    """b = V': A* = D/(<exp(-V/D)> <exp(V/D)>), psi = exp(-V/D)/<exp(-V/D)>, and nothing moves."""
    cells = drifting(lambda y: [S(y[0]) + C(2 * y[0])], 1, time)
    v = -np.cos(2 * np.pi * LAYERS) / (2 * np.pi) + np.sin(4 * np.pi * LAYERS) / (4 * np.pi)
    weight = np.exp(-v / float(D))
    assert cells.effective["A"][0, 0] == pytest.approx(
        float(D) / (np.mean(weight) * np.mean(1 / weight)), abs=1e-12
    )
    (psi,) = cells.adjoints
    assert np.allclose(psi(LAYERS), weight / weight.mean(), atol=1e-11)
    assert np.allclose(cells.effective.get("drift", 0), 0, atol=1e-12)
    assert np.allclose(cells.effective["b"], 0, atol=1e-12)


def potential(y: Any) -> Any:
    return (S(y[0]) * C(y[1]) + C(y[0] + 2 * y[1]) / 2) / 5


def gradient(y: Any) -> list[Any]:
    p, q = sp.symbols("p q")
    v = potential((p, q))
    return [sp.diff(v, w).subs({p: y[0], q: y[1]}) for w in (p, q)]


def test_a_potential_in_two_dimensions() -> None:
    """A* = D hom(exp(-V/D))/<exp(-V/D)>: the symmetric problem is another path through
    everything.
    """
    cells = drifting(gradient, 2)
    symmetric = solved(
        lambda s, u: sp.Eq(-s.div(sp.exp(-potential(s.y) / D) * s.grad(u)), 1), 2
    ).effective["A"]
    torus = Torus(2, 33)
    weight = np.exp(-torus(potential(nh.Scales(2).y)) / float(D))
    assert np.allclose(cells.effective["A"], float(D) * symmetric / weight.mean(), atol=1e-9)
    assert np.allclose(cells.adjoints[0](torus.y), weight / weight.mean(), atol=1e-9)


def compressible(y: Any) -> list[Any]:
    return [sp.Rational(1, 2) + S(y[0]) + C(y[1]), C(y[0] + y[1]) - S(y[0])]


@pytest.mark.parametrize("rho", [lambda y: 1, lambda y: 2 + S(y[0] + y[1])])
def test_a_mean_drift_in_two_dimensions(rho: Any) -> None:
    cells = drifting(compressible, 2, rho=rho)
    torus, y = Torus(2, 19), nh.Scales(2).y
    psi, c, a = dense_law(torus, [torus(b) for b in compressible(y)], torus(rho(y)))
    assert np.allclose(cells.effective["drift"], c, atol=1e-9)
    assert np.allclose(cells.effective["A"], a, atol=1e-9)
    assert cells.effective["rho"] == pytest.approx(np.mean(psi * torus(rho(y))), abs=1e-9)
    assert np.allclose(cells.adjoints[0](torus.y), psi, atol=1e-8)
    assert np.abs(c).min() > 1e-3


def test_a_constant_drift_is_the_moving_frame_and_nothing_more() -> None:
    """b = (3, -1) + shear: c = <b> in closed form, A* that of the shear."""
    model = derived(
        lambda s, u: sp.Eq(
            s.dt(u) - D * s.laplacian(u) + ((3 + C(s.y[1])) * u.diff(s.x[0])) / s.eps, 1
        ),
        2,
        time=True,
    )
    assert [t.title for t in model.transformations] == ["Moving frame"]
    assert model.effective["drift"] == sp.Matrix([3, 0])
    cells = nh.solve_cells(model)
    assert np.allclose(cells.effective["drift"], [3, 0])
    assert np.allclose(
        cells.effective["A"], np.diag([0.5 + 1 / (8 * np.pi**2 * 0.5), 0.5]), atol=1e-12
    )


@pytest.mark.parametrize("dim", [1, 2])
def test_a_conservative_drift_that_is_not_divergence_free(dim: int) -> None:
    """div(b u)/eps: u = phi v with psi = 1; the law is that of the Bloch eigenvalue, lambda(k) = i
    c.k + A*:kk + ...
    """
    flow = (lambda y: [1 + S(y[0])]) if dim == 1 else compressible
    cells = drifting(flow, dim, conservative=True)
    assert cells.effective["lambda0"] == pytest.approx(0, abs=1e-10)
    assert cells.ground_state is not None
    torus, y = Torus(dim, 41 if dim == 1 else 15), nh.Scales(dim).y
    b = [torus(v) for v in flow(y)]
    for direction in np.eye(dim):

        def eigenvalue(k: complex, direction: Array = direction) -> complex:
            slopes = torus.shifted(k * direction)
            return principal(
                -float(D) * sum(s @ s for s in slopes)
                + sum(s * v for s, v in zip(slopes, b, strict=True))
            )

        coefficients = taylor(eigenvalue, 3)
        assert direction @ cells.effective["drift"] == pytest.approx(coefficients[1].imag, abs=1e-8)
        assert direction @ cells.effective["A"] @ direction == pytest.approx(
            coefficients[2].real, abs=1e-8
        )


def test_a_flow_without_divergence_may_be_written_either_way() -> None:
    def flow(y: Any) -> list[Any]:
        return [C(y[1]) + sp.Rational(1, 3), S(y[0]) + C(2 * y[0])]

    a, conservative = (drifting(flow, 2, conservative=form) for form in (False, True))
    assert np.allclose(a.effective["A"], conservative.effective["A"], atol=1e-11)
    assert np.allclose(a.effective["drift"], [1 / 3, 0], atol=1e-12)
    assert np.allclose(conservative.effective["drift"], [1 / 3, 0], atol=1e-12)
    torus = Torus(2, 19)
    assert np.allclose(
        a.effective["A"], dense_law(torus, [torus(v) for v in flow(nh.Scales(2).y)])[2], atol=1e-9
    )


def test_a_divergence_free_flow_enhances_by_the_energy_of_its_correctors() -> None:
    """D*_ij = D (delta_ij + <grad N_i . grad N_j>)."""
    cells = drifting(lambda y: [C(y[1]) + S(2 * y[1]), S(y[0])], 2, time=False)
    y = Torus(2, 33).y
    slopes = [[f.derivative(y, e) for e in ((1, 0), (0, 1))] for f in cells.functions]
    expected = [
        [
            float(D)
            * ((i == j) + np.mean(slopes[i][0] * slopes[j][0] + slopes[i][1] * slopes[j][1]))
            for j in range(2)
        ]
        for i in range(2)
    ]
    assert np.allclose(cells.effective["A"], expected, atol=1e-10)
    assert cells.effective["A"][0, 0] > 0.5


# ---- non-divergence form


def test_the_form_without_divergence_in_one_dimension() -> None:
    """-a u'' = f: psi = (1/a)/<1/a>, A* = <1/a>^-1, f* = <f psi>; N_1 = 0, N_11 from level 2."""
    cells = solved(
        lambda s, u: sp.Eq(-(2 + S(s.y[0])) * u.diff(s.x[0], 2), 3 + S(s.y[0])), 1, order=2
    )
    a, f = 2 + np.sin(2 * np.pi * LAYERS), 3 + np.sin(2 * np.pi * LAYERS)
    harmonic = 1 / np.mean(1 / a)
    assert cells.effective["A"][0, 0] == pytest.approx(harmonic, abs=1e-12)
    assert cells.effective["f"] == pytest.approx(np.mean(f * harmonic / a), abs=1e-12)
    assert [f.key for f in cells.functions if f.level == 1] == []
    (second,) = [g for g in cells.functions if g.level == 2 and g.key == (0, (2,))]
    assert np.allclose(second.derivative(LAYERS, (2,)), harmonic / a - 1, atol=1e-9)


def test_the_form_without_divergence_in_two_dimensions() -> None:
    """abar_ij = <m a_ij>, d_ij(a_ij m) = 0."""

    def tensor(y: Any) -> sp.Matrix:
        return sp.Matrix(
            [[3 + S(y[0]) * C(y[1]), C(y[0] - y[1]) / 2], [C(y[0] - y[1]) / 2, 2 + C(y[0]) / 2]]
        )

    cells = solved(lambda s, u: sp.Eq(-(tensor(s.y) * s.hessian(u)).trace(), 1), 2)
    torus, a = Torus(2, 21), tensor(nh.Scales(2).y)
    matrix = sum(
        torus.D[i] @ torus.D[j] @ np.diag(torus(a[i, j])) for i in range(2) for j in range(2)
    )
    m = nullvector(matrix)
    expected = [[np.mean(m * torus(a[i, j])) for j in range(2)] for i in range(2)]
    assert np.allclose(cells.effective["A"], expected, atol=1e-10)
    assert np.allclose(cells.adjoints[0](torus.y), m, atol=1e-9)
    assert cells.effective["f"] == pytest.approx(1)


# ---- several fields, reactions beside a weight, sources in the frame


def test_fields_with_one_mean_drift_have_one_frame() -> None:
    """Two fields in flows of the same mean, coupled by a reaction: the law of each is that of its
    own flow.
    """
    flows = [1 + S(nh.Scales(2).y[1]), 1 + C(nh.Scales(2).y[1]) / 2]

    def build(s: nh.Scales, u: Any) -> Any:
        rows = [
            s.dt(u[j]) - D * s.laplacian(u[j]) + flows[j] * u[j].diff(s.x[0]) / s.eps
            for j in range(2)
        ]
        return sp.Matrix([rows[0] + u[1], rows[1]]), sp.ones(2, 1)

    cells = solved(build, 2, time=True, components=2)
    assert np.allclose(cells.effective["drift"], [1, 0])
    assert np.allclose(cells.effective["c"], [[0, 1], [0, 0]])
    for j, size in enumerate((1, 0.5)):
        expected = np.diag([0.5 + size**2 / (8 * np.pi**2 * 0.5), 0.5])
        assert np.allclose(cells.effective["A"][j, :, j], expected, atol=1e-11)


def test_fields_with_a_weight_and_one_mean_drift() -> None:
    """psi is not constant: that the drifts agree is seen when it is known, and so is that they
    differ.
    """

    def build(slow: Any) -> Callable[..., Any]:
        def equations(s: nh.Scales, u: Any) -> Any:
            rows = [
                s.dt(u[j])
                - s.laplacian(u[j])
                + (1 + S(s.y[0]) + slow * j) * u[j].diff(s.x[0]) / s.eps
                for j in range(2)
            ]
            return sp.Matrix([rows[0] + u[1], rows[1]]), sp.ones(2, 1)

        return equations

    cells = solved(build(0), 1, time=True, components=2)
    alone = solved(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + (1 + S(s.y[0])) * u.diff(s.x[0]) / s.eps, 1),
        1,
        time=True,
    )
    assert np.allclose(cells.effective["drift"], alone.effective["drift"], atol=1e-10)
    assert np.allclose(cells.effective["A"][0, 0, 0, 0], alone.effective["A"][0, 0], atol=1e-9)
    with pytest.raises(nh.SolvabilityError, match="the mean drifts of the fields differ"):
        solved(build(1), 1, time=True, components=2)


def test_a_reaction_of_order_one_over_eps_beside_a_weight() -> None:
    """b u_x/eps + r u/eps with <psi r> = 0: c and b are those of the Bloch eigenvalue."""
    cells = solved(
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + 2 * S(s.y[0]) * u.diff(s.x[0]) / s.eps
            + 3 * S(s.y[0]) * u / s.eps,
            1,
        ),
        1,
        time=True,
    )
    torus = Torus(1, 41)
    wave = np.sin(2 * np.pi * torus.y[:, 0])
    eps = 1 / 64

    def law(k: complex) -> complex:
        d = torus.D[0] / eps + 1j * k * np.eye(torus.size)
        return principal(-d @ d + 2 * wave[:, None] * d / eps + 3 * np.diag(wave) / eps)

    value, slope_of, second = taylor(law, 3)
    effective = cells.effective
    assert effective["c"] == pytest.approx(value.real, abs=2e-3)
    assert effective["b"].item() == pytest.approx(slope_of.imag, abs=2e-3)
    assert effective["A"].item() == pytest.approx(second.real, abs=2e-3)


def test_a_source_in_the_frame_moves() -> None:
    """f(x) is f(X + c t/eps), in text and LaTeX; handed on as it is nowhere."""
    model = derived(
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + (2 + C(s.y[1])) * u.diff(s.x[0]) / s.eps, S(s.x[0])
        ),
        2,
        time=True,
    )
    assert "sin(2*pi*(X1 + 2*t/eps))" in str(model)
    assert "X_{1}" in model.derivation.latex()
    weighted = derived(
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + (2 + C(s.y[0])) * u.diff(s.x[0]) / s.eps,
            S(s.x[0]) * C(s.y[0]),
        ),
        1,
        time=True,
    )
    assert "f(X1 + drift_1*t/eps)" in str(weighted)
    plain = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + (2 + C(s.y[1])) * u.diff(s.x[0]) / s.eps, 3),
        2,
        time=True,
    )
    assert plain.equation.rhs == 3
