"""Singular functions of corners against the transcendental equations of isotropic elasticity, and
against the equations themselves.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from nhpinn_sym.runtime.nets.corners import (
    Array,
    Characteristics,
    CornerSingularity,
    Edge,
    characteristics,
    singular_functions,
    singularities,
)

LAM, MU = 3.0, 1.0
KOLOSOV = (LAM + 3 * MU) / (LAM + MU)
CLAMPED = Edge(np.zeros(2, int), np.eye(2), np.zeros((2, 2)))
NONE = [False, False]
INDICES = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]


def stiffness() -> Array:
    c = np.zeros((2, 2, 2, 2))
    for i, k, j, m in product((0, 1), repeat=4):
        c[i, k, j, m] = LAM * (i == k) * (j == m) + MU * ((i == j) * (k == m) + (i == m) * (k == j))
    return c


def elastic() -> Characteristics:
    c = stiffness()
    found = characteristics(np.stack([c[:, 0, :, 0], c[:, 0, :, 1] + c[:, 1, :, 0], c[:, 1, :, 1]]))
    assert found is not None
    return found


def free(axis: int) -> Edge:
    return Edge(np.ones(2, int), stiffness()[:, axis, :, 0], stiffness()[:, axis, :, 1])


def powers(found: list[CornerSingularity]) -> list[complex]:
    return sorted((s.power for s in found), key=lambda z: z.real)


def test_two_clamped_edges() -> None:
    """kappa^2 sin^2(lambda omega) = lambda^2 sin^2 omega, omega = pi/2 (Williams 1952)."""
    exact = brentq(lambda p: np.sin(p * np.pi / 2) - p / KOLOSOV, 1.1, 1.9)
    first, second = powers(singularities(elastic(), (CLAMPED, CLAMPED), NONE))[:2]
    assert first == pytest.approx(exact, abs=1e-6)
    assert KOLOSOV**2 * np.sin(second * np.pi / 2) ** 2 == pytest.approx(second**2, abs=1e-5)


def test_a_clamped_and_a_free_edge() -> None:
    """sin^2(lambda omega) = ((kappa + 1)^2 - 4 lambda^2 sin^2 omega) / (4 kappa)."""
    for power in powers(singularities(elastic(), (free(1), CLAMPED), NONE)):
        assert np.sin(power * np.pi / 2) ** 2 == pytest.approx(
            ((KOLOSOV + 1) ** 2 - 4 * power**2) / (4 * KOLOSOV), abs=1e-4 * abs(power) ** 2
        )
    assert powers(singularities(elastic(), (free(1), CLAMPED), NONE))[0].real < 0.67


def test_two_unknowns_that_do_not_see_each_other() -> None:
    """Laplacians between Dirichlet edges: z^2 log z for each; log z too where the data jump."""
    of = characteristics(np.stack([np.eye(2), np.zeros((2, 2)), np.eye(2)]))
    assert of is not None
    assert [(s.power, s.logarithmic) for s in singularities(of, (CLAMPED, CLAMPED), NONE)] == [
        (p, True) for p in (2, 2, 4, 4, 6, 6)
    ]
    assert [s.power for s in singularities(of, (CLAMPED, CLAMPED), [True, True])][-3:] == [6, 0, 0]


def test_data_that_jump_in_one_component_alone() -> None:
    """The other one vanishes on both edges."""
    of = elastic()
    (jump,) = (s for s in singularities(of, (CLAMPED, CLAMPED), [True, False]) if s.power == 0)
    first, second = (
        part(torch.tensor([[0.7, 0.0], [0.0, 0.4]], dtype=torch.float64), [(0, 0)])[0, 0].numpy()
        for part in singular_functions(of, [jump], (0, 1), (0.0, 0.0), (1, 1), ((), ()))
    )
    assert (
        np.abs(second).max() < 1e-9
        and np.abs(first[0]).max() < 1e-9
        and np.abs(first[1]).max() > 0.1
    )


@pytest.mark.parametrize(
    "edges", [(CLAMPED, CLAMPED), (free(1), CLAMPED)], ids=["clamped", "mixed"]
)
def test_the_functions_satisfy_equation_and_conditions(edges: tuple[Edge, Edge]) -> None:
    """At the corner x = 2, y = 0 of a box to the left of it; derivatives are checked by difference
    quotients.
    """
    of = elastic()
    parts = singular_functions(
        of, singularities(of, edges, NONE), (0, 1), (2.0, 0.0), (-1, 1), ((), ())
    )

    def jet(x: Array) -> dict[tuple[int, int], Array]:
        found = [part(torch.as_tensor(x), INDICES) for part in parts]
        return {i: np.stack([f[i].numpy() for f in found]) for i in INDICES}  # (2, n, functions)

    x = np.array([2.0, 0.0]) + np.array([-1, 1]) * (0.1 + np.random.default_rng(0).random((20, 2)))
    at, h = jet(x), 1e-6
    for e in np.eye(2):
        forward, backward = jet(x + h * e), jet(x - h * e)
        for index in INDICES[:3]:
            above = tuple(np.add(index, e.astype(int)))
            assert at[above] == pytest.approx(
                (forward[index] - backward[index]) / (2 * h),
                abs=1e-6 * (1 + np.abs(at[above]).max()),
            )
    c, axes, signs = stiffness(), np.eye(2, dtype=int), (-1, 1)
    residual = sum(
        signs[k] * signs[m] * np.einsum("ij,jnf->inf", c[:, k, :, m], at[tuple(axes[k] + axes[m])])
        for k in (0, 1)
        for m in (0, 1)
    )
    assert np.abs(residual).max() < 1e-5 * np.abs(at[2, 0]).max()
    side = np.stack([np.full(5, 2.0), np.linspace(0.2, 1, 5)], -1)
    assert np.abs(jet(side)[0, 0]).max() < 1e-6 * np.abs(at[0, 0]).max()


def test_what_is_not_elliptic_has_no_singular_functions() -> None:
    assert characteristics(np.stack([np.eye(2), np.zeros((2, 2)), -np.eye(2)])) is None
    assert characteristics(np.stack([np.eye(2), np.zeros((2, 2)), np.diag([1.0, 0.0])])) is None


def scalar(tensor: Array) -> Characteristics:
    found = characteristics(np.array([[[tensor[0, 0]]], [[2 * tensor[0, 1]]], [[tensor[1, 1]]]]))
    assert found is not None
    return found


GIVEN = Edge(np.zeros(1, int), np.eye(1), np.zeros((1, 1)))


def flux(tensor: Array, axis: int) -> Edge:
    return Edge(np.ones(1, int), tensor[axis : axis + 1, :1], tensor[axis : axis + 1, 1:])


SKEW = np.array([[2.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize("tensor", [np.eye(2), SKEW], ids=["right", "skew"])
@pytest.mark.parametrize(("kinds", "shift"), [("DD", 0.0), ("DN", 0.5), ("ND", 0.5), ("NN", 0.0)])
def test_powers_of_diffusion(tensor: Array, kinds: str, shift: float) -> None:
    """(k + shift) pi / omega, omega being the angle of the quadrant after the linear map that makes
    the tensor isotropic.
    """
    omega = np.arccos(-tensor[0, 1] / np.sqrt(tensor[0, 0] * tensor[1, 1]))
    edges = [GIVEN if kind == "D" else flux(tensor, axis) for kind, axis in zip(kinds, (1, 0))]
    expected = [(k + shift) * np.pi / omega for k in range(9)]
    found = singularities(scalar(tensor), (edges[0], edges[1]), [False])
    assert powers(found) == pytest.approx([p for p in expected if 0 < p < 6.6], abs=1e-9)
    assert all(s.logarithmic == (tensor is not SKEW) for s in found)


def test_functions_along_other_axes_are_constant() -> None:
    of = scalar(np.eye(2))
    (part,) = singular_functions(
        of, singularities(of, (GIVEN, GIVEN), [False]), (0, 2), (0.0, 1.0), (1, -1), [[0, 1]]
    )
    p = torch.tensor([[0.3, 0.1, 0.4], [0.3, 0.8, 0.4], [0.0, 0.2, 0.7]], dtype=torch.float64)
    d = part(p, [(0, 0, 0), (0, 1, 0), (1, 0, 0), (2, 0, 0), (0, 0, 2)])
    assert torch.allclose(d[0, 0, 0][0], d[0, 0, 0][1], atol=1e-14) and d[0, 1, 0].abs().max() == 0
    assert torch.allclose(d[2, 0, 0][:2], -d[0, 0, 2][:2], atol=1e-12)
