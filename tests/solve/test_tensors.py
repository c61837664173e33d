"""Voigt and Mandel matrices, symmetric tensors of higher order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.solve.tensors import elasticity_matrices, mandel, symmetric_tensor, voigt

ORDER = {2: ("11", "22", "12"), 3: ("11", "22", "33", "23", "13", "12")}


def stiffness(dim: int, seed: int = 1) -> np.ndarray:
    """A random tensor with all symmetries, C[i, k, j, l]."""
    c = np.random.default_rng(seed).normal(size=(dim,) * 4)
    c = c + c.transpose(1, 0, 2, 3)
    c = c + c.transpose(0, 1, 3, 2)
    return np.asarray(c + c.transpose(2, 3, 0, 1))


@pytest.mark.parametrize("dim", [2, 3])
def test_voigt_has_the_order_of_the_books(dim: int) -> None:
    c = stiffness(dim)
    matrix = voigt(c)
    for (row, p), (column, q) in itertools.product(enumerate(ORDER[dim]), repeat=2):
        i, j, k, l = (int(n) - 1 for n in p + q)  # noqa: E741
        assert matrix[row, column] == c[i, j, k, l]


@pytest.mark.parametrize("dim", [2, 3])
def test_voigt_is_stress_of_strain_with_engineering_shears(dim: int) -> None:
    c = stiffness(dim)
    strain = np.random.default_rng(2).normal(size=(dim, dim))
    strain = strain + strain.T
    stress = np.einsum("ikjl,jl->ik", c, strain)
    places = [tuple(int(n) - 1 for n in p) for p in ORDER[dim]]
    doubled = np.array([strain[p] * (1 if p[0] == p[1] else 2) for p in places])
    assert np.allclose(voigt(c) @ doubled, [stress[p] for p in places])


@pytest.mark.parametrize("dim", [2, 3])
def test_mandel_keeps_energies_and_eigenvalues(dim: int) -> None:
    c = stiffness(dim)
    strain = np.random.default_rng(3).normal(size=(dim, dim))
    strain = strain + strain.T
    places = [tuple(int(n) - 1 for n in p) for p in ORDER[dim]]
    vector = np.array([strain[p] * (1 if p[0] == p[1] else np.sqrt(2)) for p in places])
    assert vector @ mandel(c) @ vector == pytest.approx(np.einsum("ik,ikjl,jl", strain, c, strain))
    as_matrix = c.reshape(dim**2, dim**2)  # the skew tensors are in its kernel
    assert np.allclose(
        np.sort(np.append(np.linalg.eigvalsh(mandel(c)), np.zeros(dim * (dim - 1) // 2))),
        np.linalg.eigvalsh(as_matrix),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        np.eye(3),
        np.zeros((2, 2, 2)),
        np.zeros((2, 3, 2, 3)),
        np.random.default_rng(4).normal(size=(2, 2, 2, 2)),
    ],
)
def test_what_is_no_stiffness(wrong: np.ndarray) -> None:
    for notation in (voigt, mandel):
        with pytest.raises(ProblemError, match="remedy"):
            notation(wrong)


def test_only_elasticity_gets_matrices() -> None:
    assert set(elasticity_matrices(stiffness(2), 2, 2)) == {"voigt", "mandel"}
    assert elasticity_matrices(np.random.default_rng(4).normal(size=(2, 2, 2, 2)), 2, 2) == {}
    assert elasticity_matrices(np.ones((1, 1, 1, 1)), 1, 1) == {}
    assert elasticity_matrices(np.zeros((3, 2, 3, 2)), 2, 3) == {}
    assert (nh.voigt, nh.mandel) == (voigt, mandel)


@pytest.mark.parametrize("components", [1, 2])
def test_symmetric_tensors_give_the_same_symbol(components: int) -> None:
    """sum T_ijk xi_i xi_j xi_k = sum of the terms, derivatives on either side; those with a time
    derivative are left out.
    """
    rng = np.random.default_rng(5)
    keys = [
        ((1, 0, 0), (1, 1, 0)),
        ((0, 0, 0), (0, 3, 0)),
        ((2, 0, 0), (0, 1, 0)),
        ((0, 1, 0), (2, 0, 0)),
        ((1, 0, 0), (1, 1, 1)),
        ((1, 0, 0), (1, 0, 0)),
    ]
    level = {key: rng.normal(size=(components, components)) for key in keys}
    tensor = symmetric_tensor(2, components, 3, level)
    xi = np.array([0.7, -1.3])
    expected = sum(
        m * xi[0] ** (p[0] + q[0]) * xi[1] ** (p[1] + q[1])
        for (p, q), m in level.items()
        if sum(p) + sum(q) == 3 and p[2] + q[2] == 0
    )
    found = np.einsum("...ijk,i,j,k->...", tensor, xi, xi, xi)
    assert np.allclose(found, expected if components > 1 else expected[0, 0])
    for axes in itertools.permutations(range(tensor.ndim - 3, tensor.ndim)):
        assert np.allclose(tensor, tensor.transpose(*range(tensor.ndim - 3), *axes))
