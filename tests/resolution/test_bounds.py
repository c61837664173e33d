"""Voigt-Reuss and trace bounds: laminates lie on them, everything else between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.resolution import Enclosure, voigt_reuss
from tests.symbolic import C, S, derived, diffusion

HALF = sp.Rational(1, 2)


def bounds(a: Callable[[nh.Scales], Any], dim: int = 2, **options: Any) -> Enclosure | None:
    return voigt_reuss(lower_cells(derived(diffusion(a), dim, **options)), {})


def known(a: Callable[[nh.Scales], Any], dim: int = 2) -> Enclosure:
    found = bounds(a, dim)
    assert found is not None
    return found


@settings(max_examples=10)
@given(st.floats(0.01, 0.98), st.floats(1e-4, 0.5), st.floats(-4, 4))
def test_a_laminate_lies_on_the_bounds(start: float, width: float, contrast: float) -> None:
    k = 10.0**contrast
    share = min(width, 1 - start)
    found = known(lambda s: nh.phases(s, {nh.Layer(0, (start, start + share)): k}))
    mean = 1 + share * (k - 1)
    harmonic = 1 / (1 + share * (1 / k - 1))
    assert found.upper == pytest.approx(mean * np.eye(2), rel=1e-10, abs=1e-10)
    assert found.lower == pytest.approx(harmonic * np.eye(2), rel=1e-10, abs=1e-10)
    tensor = np.diag([harmonic, mean])
    assert found.outside(tensor) <= 1e-10 * mean
    assert found.outside(tensor + 1e-3 * mean * np.eye(2)) == pytest.approx(1e-3 * mean, rel=1e-5)
    assert found.outside(tensor - 1e-3 * harmonic * np.eye(2)) > 9e-4 * harmonic


def test_narrow_features_count() -> None:
    w = 0.002
    found = known(
        lambda s: 1 / (1 + 1000 * sp.exp(-((sp.sin(sp.pi * (s.y[0] - HALF)) / (sp.pi * w)) ** 2))),
        1,
    )
    assert found.lower[0, 0] == pytest.approx(0.22002, abs=1e-4)
    assert found.error < 1e-9


def test_a_disk_by_lines_that_are_cut() -> None:
    found = known(lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 10}))
    share = np.pi * 0.09
    assert found.upper == pytest.approx((1 + 9 * share) * np.eye(2), rel=1e-8, abs=1e-8)
    assert found.lower == pytest.approx(np.eye(2) / (1 - 0.9 * share), rel=1e-8, abs=1e-8)


def test_the_inverse_is_that_of_the_matrix() -> None:
    a = known(lambda s: sp.Matrix([[2 + S(s.y[0]), HALF], [HALF, 1]]))
    y = (np.arange(200) + 0.5) / 200
    inverse = np.mean(
        [np.linalg.inv([[2 + np.sin(2 * np.pi * t), 0.5], [0.5, 1]]) for t in y], axis=0
    )
    assert a.lower == pytest.approx(np.linalg.inv(inverse), rel=1e-10)


def elasticity(
    lam: Callable[[nh.Scales], Any], mu: Callable[[nh.Scales], Any]
) -> nh.HomogenizedModel:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    stress = lam(s) * e.trace() * sp.eye(2) + 2 * mu(s) * e
    return nh.homogenize(
        nh.MultiscaleProblem((-s.div(stress), sp.Matrix([1, 0])), scales=s, unknown=v)
    )


def test_elasticity_in_mandels_basis() -> None:
    model = elasticity(lambda s: 1 + S(s.y[0]) ** 2, lambda s: 2 + C(s.y[1]))
    found = voigt_reuss(lower_cells(model), {})
    assert found is not None and found.upper.shape == (3, 3)
    assert np.linalg.eigvalsh(found.upper) == pytest.approx([4, 4, 7])
    tensor = nh.solve_cells(model, "fourier").effective["A"]
    assert found.outside(tensor) < 1e-9
    assert found.outside(1.5 * tensor) > 0.1


@pytest.mark.parametrize(
    "build",
    [
        lambda s, u: sp.Eq(-s.div((2 + sp.I * S(s.y[0])) * s.grad(u)), 1),
        lambda s, u: sp.Eq(-s.laplacian(u) + s.div(sp.Matrix([S(s.y[1]), 0]) * u) / s.eps, 1),
        lambda s, u: sp.Eq(-s.div(sp.Matrix([[2, S(s.y[0])], [-S(s.y[0]), 2]]) * s.grad(u)), 1),
        lambda s, u: sp.Eq(
            s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)) + S(s.y[0]) * u / s.eps**2, 0
        ),
        lambda s, u: sp.Eq(-s.div(sp.Function("a")(s.y[0]) * s.grad(u)), 1),
        lambda s, u: sp.Eq(-(2 + S(s.y[0])) * s.laplacian(u), 1),
    ],
)
def test_where_they_do_not_apply_there_are_none(build: Any) -> None:
    time = "dt" in build.__code__.co_names
    assert voigt_reuss(lower_cells(derived(build, 2, time)), {}) is None


def test_at_a_slow_point_and_with_parameters() -> None:
    q = sp.Symbol("q")
    model = derived(
        diffusion(lambda s: q + s.x[0] + S(s.y[0])),
        domain=nh.Box((1, 2)),
        boundary=[nh.Dirichlet(0)],
        parameters={q: (1, 3)},
    )
    found = voigt_reuss(lower_cells(model), {"q": 2.0}, [1.5])
    assert found is not None
    assert found.upper[0, 0] == pytest.approx(3.5) and found.lower[0, 0] == pytest.approx(
        np.sqrt(3.5**2 - 1)
    )


def laminated(a: np.ndarray, b: np.ndarray, share: float, normal: np.ndarray) -> np.ndarray:
    """The laminate of `share` of a with b, layers across `normal`: a closed form."""
    n = normal / np.linalg.norm(normal)
    jump = (b - a) @ n
    across = (1 - share) * n @ a @ n + share * n @ b @ n
    mixed = share * a + (1 - share) * b
    return np.asarray(mixed - share * (1 - share) * np.outer(jump, jump) / across)


def two_phases(dim: int, alpha: float, beta: float, share: float) -> Enclosure:
    """`share` of beta."""
    one = np.eye(dim)
    harmonic = 1 / ((1 - share) / alpha + share / beta)
    return Enclosure(harmonic * one, (alpha + (beta - alpha) * share) * one, one, 0, (alpha, beta))


@settings(max_examples=30)
@given(st.sampled_from([2, 3]), st.floats(0.1, 3), st.integers(0, 10**6))
def test_laminates_of_second_rank_are_inside_and_errors_are_not_exaggerated(
    dim: int, contrast: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    one, beta = np.eye(dim), 10**contrast
    first, second = rng.uniform(0.05, 0.95, 2)
    outer = one if seed % 2 else beta * one
    inner = laminated(beta * one, one, first, rng.normal(size=dim))
    tensor = laminated(inner, outer, second, rng.normal(size=dim))
    share = first * second + (0 if seed % 2 else 1 - second)
    found = two_phases(dim, 1, beta, share)
    assert found.outside(tensor) <= 1e-9 * beta
    change = rng.uniform(-1, 1, (dim, dim))
    change = 1e-3 * (change + change.T)
    assert found.outside(tensor + change) <= np.abs(change).max() * (1 + 1e-9) + 1e-9 * beta


def test_the_trace_bounds_are_sharp_and_tighter_than_voigt_reuss() -> None:
    """The isotropic tensors of Hashin and Shtrikman 1962."""
    alpha, beta, share, one = 1.0, 10.0, 0.3, np.eye(2)
    found = two_phases(2, alpha, beta, share)
    isotropic = beta + (1 - share) / (1 / (alpha - beta) + share / (2 * beta))
    lower = alpha + share / (1 / (beta - alpha) + (1 - share) / (2 * alpha))
    for entry, sign in ((isotropic, 1), (lower, -1)):
        assert found.outside(entry * one) <= 1e-12
        distances = found.distances((entry + sign * 1e-3) * one)
        assert distances["trace"] == pytest.approx(1e-3, rel=1e-6)
        assert distances["Voigt-Reuss"] == 0


@pytest.mark.parametrize(
    ("a", "phases"),
    [
        (lambda s: nh.phases(s, {nh.Disk((HALF, HALF), 0.3): 10}), (1, 10)),
        (lambda s: 3 + 2 * sp.Heaviside(S(s.y[0])), (3, 5)),
        (lambda s: nh.phases(s, {nh.Layer(0, (0.1, 0.4)): 7}) * sp.eye(2), (1, 7)),
        (lambda s: nh.phases(s, {nh.Layer(0, (0, 0.3)): 7, nh.Layer(0, (0.5, 0.6)): 3}), None),
        (lambda s: nh.phases(s, {nh.Layer(0, (0.1, 0.4)): 7}) * sp.diag(1, 2), None),
        (lambda s: 2 + S(s.y[0]), None),
        (lambda s: sp.Integer(3), None),
    ],
)
def test_where_there_are_two_isotropic_phases(a: Any, phases: Any) -> None:
    found = bounds(a, 2)
    assert found is None or found.phases == phases


def test_a_laminate_in_three_dimensions_lies_on_all_bounds() -> None:
    model = derived(diffusion(lambda s: nh.phases(s, {nh.Layer(0, (0.2, 0.5)): 10})), 3)
    found = voigt_reuss(lower_cells(model), {})
    assert found is not None and found.phases == (1, 10)
    assert found.outside(nh.solve_cells(model, "skfem").effective["A"]) <= 1e-9
