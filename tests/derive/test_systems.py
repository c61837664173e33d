"""Systems: elasticity, layered media with several unknowns, thermoelasticity, piezoelectricity,
coupled reactions.

Closed forms: Backus 1962 (layers), Hill 1963 (constant shear modulus), Tartar's laminate formula
with blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.oracles import LAYERS, isotropic, layered, layers_of, numbers
from tests.symbolic import Array, C, S, derived, solved, stiffness_flux

HALF = sp.Rational(1, 2)


def stress(lam: Any, mu: Any, e: Any) -> sp.Matrix:
    return lam * e.trace() * sp.eye(e.shape[0]) + 2 * mu * e


def elastic(lam: Any, mu: Any, dim: int = 2, order: int = 1) -> nh.CellSolution:
    """lam, mu functions of the scales."""
    return solved(
        lambda s, v: (-s.div(stress(lam(s), mu(s), s.sym_grad(v))), sp.ones(dim, 1)),
        dim,
        order=order,
        components=dim,
    )


def mean(c: Any) -> float:
    return float(np.mean(numbers(c, LAYERS)))


@pytest.mark.parametrize("dim", [2, 3])
def test_layered_isotropic_medium_is_that_of_backus(dim: int) -> None:
    y = nh.Scales(dim).y[0]
    lam, mu = 2 + S(y), sp.exp(C(y))
    m = lam + 2 * mu
    a = elastic(lambda s: 2 + S(s.y[0]), lambda s: sp.exp(C(s.y[0])), dim).effective["A"]
    across = 1 / mean(1 / m)
    assert a[0, 0, 0, 0] == pytest.approx(across, abs=1e-11)
    assert a[0, 0, 1, 1] == pytest.approx(mean(lam / m) * across, abs=1e-11)
    assert a[1, 1, 1, 1] == pytest.approx(
        mean(m - lam**2 / m) + mean(lam / m) ** 2 * across, abs=1e-11
    )
    assert a[0, 1, 0, 1] == pytest.approx(1 / mean(1 / mu), abs=1e-11)
    if dim == 3:
        assert a[1, 1, 2, 2] == pytest.approx(
            mean(lam - lam**2 / m) + mean(lam / m) ** 2 * across, abs=1e-11
        )
        assert a[1, 2, 1, 2] == pytest.approx(mean(mu), abs=1e-11)


def test_plane_stress_of_layers() -> None:
    """C_11 = E/(1 - nu^2): C*_11 = 1/<1/C_11>, C*_12 = <nu> C*_11, C*_22 = <E> + <nu>^2 C*_11."""

    def young(y: Any) -> Any:
        return 2 + S(y)

    def poisson(y: Any) -> Any:
        return (1 + C(y)) / 4

    def mu(s: nh.Scales) -> Any:
        return young(s.y[0]) / (2 * (1 + poisson(s.y[0])))

    def lam(s: nh.Scales) -> Any:
        return young(s.y[0]) * poisson(s.y[0]) / (1 - poisson(s.y[0]) ** 2)

    y = nh.Scales(2).y[0]
    voigt = elastic(lam, mu).effective["voigt"]
    across, nu = 1 / mean((1 - poisson(y) ** 2) / young(y)), mean(poisson(y))
    assert np.allclose(
        voigt[:2, :2],
        [[across, nu * across], [nu * across, mean(young(y)) + nu**2 * across]],
        atol=1e-11,
    )
    assert voigt[2, 2] == pytest.approx(1 / mean(2 * (1 + poisson(y)) / young(y)), abs=1e-11)


@pytest.mark.parametrize("dim", [2, 3])
def test_constant_shear_modulus_is_hills(dim: int) -> None:
    """1/(K* + mu) = <1/(K + mu)> in plane strain, 1/(kappa* + 4 mu/3) in 3D: 1/(lam* + 2 mu) =
    <1/(lam + 2 mu)> in any geometry.
    """
    cells = elastic(
        lambda s: 2 + S(s.y[0]) * C(s.y[1]) + (C(s.y[2]) / 2 if dim == 3 else 0), lambda s: 1, dim
    )
    grid = np.meshgrid(*[np.arange(48) / 48] * dim, indexing="ij")
    lam = (
        2
        + np.sin(2 * np.pi * grid[0]) * np.cos(2 * np.pi * grid[1])
        + (np.cos(2 * np.pi * grid[2]) / 2 if dim == 3 else 0)
    )
    star = 1 / np.mean(1 / (lam + 2)) - 2
    expected = np.array(
        [
            [
                [[isotropic(star, 1)(i, k, j, m) for m in range(dim)] for j in range(dim)]
                for k in range(dim)
            ]
            for i in range(dim)
        ]
    )
    assert np.allclose(cells.effective["A"], expected, atol=1e-9)


def anisotropic(seed: int, y: tuple[Any, ...]) -> Any:
    """A stiffness (Mandel matrix, symmetric positive definite) with three waves, as c(i, k, j,
    l).
    """
    rng = np.random.default_rng(seed)
    parts = [m + m.T for m in rng.uniform(-0.3, 0.3, (3, 3, 3))]
    mandel = sp.Matrix(6 * np.eye(3)) + sum(
        (
            sp.Matrix(p.round(2)) * w
            for p, w in zip(parts, (S(y[0]), C(y[1]), S(y[0] - y[1])), strict=True)
        ),
        sp.zeros(3, 3),
    )
    place = {(0, 0): (0, 1), (1, 1): (1, 1), (0, 1): (2, sp.sqrt(2)), (1, 0): (2, sp.sqrt(2))}
    return lambda i, k, j, m: (
        mandel[place[i, k][0], place[j, m][0]] / (place[i, k][1] * place[j, m][1])
    )


def test_reuss_and_voigt_bound_the_stiffness_as_mandel_matrices() -> None:
    cells = solved(
        lambda s, v: (-s.div(stiffness_flux(anisotropic(5, s.y), s.grad(v))), sp.ones(2, 1)),
        2,
        components=2,
    )
    grid = np.meshgrid(*[np.arange(32) / 32] * 2, indexing="ij")
    c = anisotropic(5, nh.Scales(2).y)
    pairs, root = ((0, 0), (1, 1), (0, 1)), np.array([1, 1, np.sqrt(2)])
    values = np.stack([numbers(c(*p, *q), *grid) for p in pairs for q in pairs], axis=-1).reshape(
        32, 32, 3, 3
    ).astype(float) * np.outer(root, root)
    found = cells.effective["mandel"]
    assert np.allclose(found, found.T, atol=1e-10)
    assert np.linalg.eigvalsh(values.mean((0, 1)) - found).min() > 1e-4
    assert (
        np.linalg.eigvalsh(found - np.linalg.inv(np.linalg.inv(values).mean((0, 1)))).min() > 1e-4
    )


def coupled(seed: int, y: tuple[Any, ...], dim: int, complex_: bool = False) -> Any:
    """Two unknowns, full nonsymmetric tensor, elliptic; with y1 alone, or (y1, y2)."""
    rng = np.random.default_rng(seed)
    base, first, second = rng.uniform(-0.4, 0.4, (3, 2, dim, 2, dim)).round(2)

    def c(i: int, k: int, j: int, l: int) -> Any:  # noqa: E741
        index = (i, k, j, l)
        own = 3 * int(i == j and k == l) + sp.Float(base[index]) * (1 + (sp.I if complex_ else 0))
        return (
            own
            + sp.Float(first[index]) * S(y[0])
            + sp.Float(second[index]) * (C(y[1]) if len(y) > 1 else C(2 * y[0]))
        )

    return c


@pytest.mark.parametrize(("dim", "complex_"), [(1, False), (2, False), (2, True), (3, False)])
def test_layers_of_a_coupled_medium_with_full_tensors(dim: int, complex_: bool) -> None:
    found = solved(
        lambda s, u: (
            -s.div(stiffness_flux(coupled(2, s.y[:1], dim, complex_), s.grad(u), strain=False)),
            sp.ones(2, 1),
        ),
        dim,
        components=2,
    ).effective["A"]
    expected = layered(layers_of(coupled(2, nh.Scales(dim).y[:1], dim, complex_), 2, dim))
    assert np.allclose(found.reshape(expected.shape), expected, atol=1e-10)
    assert np.iscomplexobj(found) == complex_


def test_the_transposed_system_has_the_transposed_law() -> None:
    def law(transposed: bool) -> Array:
        def build(s: nh.Scales, u: Any) -> Any:
            c = coupled(4, s.y, 2)
            turned = (lambda i, k, j, m: c(j, m, i, k)) if transposed else c
            return -s.div(stiffness_flux(turned, s.grad(u), strain=False)), sp.ones(2, 1)

        return solved(build, 2, components=2).effective["A"]

    a = law(False)
    assert np.allclose(a, law(True).transpose(2, 3, 0, 1), atol=1e-10)
    assert np.abs(a - a.transpose(2, 3, 0, 1)).max() > 1e-2


# ---- numbers of cell problems, notation


def general_elasticity(dim: int) -> Any:
    def build(s: nh.Scales, v: Any) -> Any:
        lam = 2 + S(s.y[0]) * C(s.y[1]) + (S(s.y[2]) if dim == 3 else 0)
        mu = 2 + C(s.y[0]) * S(s.y[1]) + (C(s.y[2]) / 2 if dim == 3 else 0)
        return -s.div(stress(lam, mu, s.sym_grad(v))), sp.ones(dim, 1)

    return build


@pytest.mark.parametrize(
    ("dim", "components", "numbers_of"),
    [(2, 1, (2, 3, 4, 5)), (2, 2, (3, 6, 8, 10)), (3, 3, (6, 18, 30, 45))],
)
def test_numbers_of_cell_problems_by_order(
    dim: int, components: int, numbers_of: tuple[int, ...]
) -> None:
    if components == 1:
        model = derived(
            lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) * C(s.y[1])) * s.grad(u)), 1), 2, order=4
        )
    else:
        model = derived(general_elasticity(dim), dim, order=4, components=dim)
    assert tuple(sum(p.order == n for p in model.cell_problems) for n in (1, 2, 3, 4)) == numbers_of


def test_the_shear_function_is_one_with_two_sources() -> None:
    """chi^12 = chi^21: u1 = chi (d_2 v_1 + d_1 v_2)."""
    model = derived(general_elasticity(2), 2, components=2)
    assert {p.name: p.sources for p in model.cell_problems} == {
        "N_1_u1": (((0, (1, 0)), 1),),
        "N_2_u1": (((0, (0, 1)), 1), ((1, (1, 0)), 1)),
        "N_2_u2": (((1, (0, 1)), 1),),
    }
    cells = nh.solve_cells(model)
    assert cells.functions[1].sources == model.cell_problems[1].sources
    assert cells.functions[1](np.array([[0.1, 0.2]])).shape == (1, 2)


# ---- several fields


def test_thermoelastic_layers_and_the_two_formulas_of_beta() -> None:
    """sigma = C e - beta T: gamma' = (beta - B)/m, B = <beta/m>/<1/m>; beta*_11 = B, beta*_22 =
    <beta - lam gamma'>, c* = <c> + <beta gamma'>.
    """
    s = nh.Scales(2, time=True)
    v, heat = s.unknown("v", components=2), s.unknown("T")
    y = s.y[0]
    lam, mu, beta, capacity, conductivity = (
        2 + S(y),
        sp.exp(C(y) / 2),
        1 + C(y) / 2 + S(2 * y) / 3,
        2 + C(y),
        2 + S(y),
    )
    e = s.sym_grad(v)
    model = nh.homogenize(
        nh.MultiscaleProblem(
            [
                (-s.div(stress(lam, mu, e) - beta * heat * sp.eye(2)), sp.ones(2, 1)),
                (
                    capacity * s.dt(heat)
                    + beta * s.sym_grad(s.dt(v)).trace()
                    - s.div(conductivity * s.grad(heat)),
                    1,
                ),
            ],
            scales=s,
            unknown=[v, heat],
        )
    )
    found = nh.solve_cells(model).effective
    m = lam + 2 * mu
    level = mean(beta / m) / mean(1 / m)
    tilt = numbers((beta - level) / m, LAYERS)
    expected = np.diag([level, mean(beta) - np.mean(numbers(lam, LAYERS) * tilt)])
    assert np.allclose(found["beta"][:2, :, 2], expected, atol=1e-10)  # <beta - C e(Gamma)>
    assert np.allclose(found["mixed"][2, :2], expected, atol=1e-10)  # <beta : (E + e(chi))>
    more = np.mean(numbers(beta, LAYERS) * tilt)
    assert found["rho"][2, 2] == pytest.approx(mean(capacity) + more, abs=1e-10)
    assert more > 1e-3  # c* >= <c>
    assert np.allclose(
        found["A"][2, :, 2], np.diag([1 / mean(1 / conductivity), mean(conductivity)]), atol=1e-10
    )


def test_piezoelectric_layers() -> None:
    """(v_1, v_2, phi) with sigma = C e + P^T grad phi, D = P e - kappa grad phi: indefinite,
    Tartar's formula with blocks of three.
    """

    def tensor(y: Any) -> Any:
        elastic_part, kappa = isotropic(3 + S(y), 2 + C(y)), 2 + S(y) * C(y)
        coupling = {
            (0, 0, 0): 1 + C(y) / 2,
            (0, 1, 1): S(y) / 2,
            (1, 0, 1): HALF + S(y) / 4,
            (1, 1, 1): C(y) / 3,
        }

        def p(m: int, i: int, k: int) -> Any:
            return coupling.get((m, min(i, k), max(i, k)), sp.Integer(0))

        def c(i: int, k: int, j: int, l: int) -> Any:  # noqa: E741
            if i < 2 and j < 2:
                return elastic_part(i, k, j, l)
            return -kappa * int(k == l) if i == j == 2 else p(l, i, k) if j == 2 else p(k, j, l)

        return c

    model = derived(
        lambda s, u: (
            -s.div(stiffness_flux(tensor(s.y[0]), s.grad(u), strain=False)),
            sp.ones(3, 1),
        ),
        2,
        components=3,
    )
    assert model.symmetric
    assert not model.definite
    found = nh.solve_cells(model).effective["A"]
    assert np.allclose(found, layered(layers_of(tensor(nh.Scales(2).y[0]), 3, 2)), atol=1e-9)


def test_coupled_reactions_of_order_1_over_eps() -> None:
    """D_i N_ij'' = R_ij, c* = <R N>: with R_ij = p_ij cos + q_ij sin, c*_ij = -sum_k (p_ik p_kj +
    q_ik q_kj)/(8 pi^2 D_k).
    """
    p, q, d = np.array([[1, 2], [-1, 3]]), np.array([[0, 1], [2, -1]]), np.array([2.0, 3.0])

    def build(s: nh.Scales, u: Any) -> Any:
        reaction = sp.Matrix(p) * C(s.y[0]) + sp.Matrix(q) * S(s.y[0])
        return s.dt(u) - s.div(sp.diag(2, 3) * s.grad(u)) + reaction * u / s.eps + sp.Matrix(
            [[1, 0], [4, 5]]
        ) * u, sp.ones(2, 1)

    found = solved(build, 1, time=True, components=2).effective
    assert np.allclose(
        found["c"],
        np.array([[1, 0], [4, 5]])
        - (p @ np.diag(1 / d) @ p + q @ np.diag(1 / d) @ q) / (8 * np.pi**2),
        atol=1e-12,
    )
    assert np.allclose(found["rho"], np.eye(2))
    assert np.array_equal(found["b"], np.zeros((2, 2, 1)))  # the diffusivities are constant
