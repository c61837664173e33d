"""Tensors of the effective law: symmetric tensors of higher order, elasticity in Voigt and Mandel
notation.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..problem.errors import ProblemError
from .arguments import as_numbers
from .solution import Array

PAIRS = {
    1: ((0, 0),),
    2: ((0, 0), (1, 1), (0, 1)),
    3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)),
}
"""The order of components in Voigt and Mandel notation: 11, 22, 12 and 11, 22, 33, 23, 13, 12."""


def voigt(stiffness: ArrayLike) -> Array:
    """C[i, j, k, l] as the (6, 6) or (3, 3) matrix of sigma = C eps with engineering shears 2
    eps_12; order 11, 22, 33, 23, 13, 12 (11, 22, 12).

    >>> one = np.eye(2)
    >>> C = np.einsum("ij,kl->ijkl", one, one) + np.einsum("ik,jl->ijkl", one, one) + np.einsum(
    ...     "il,jk->ijkl", one, one
    ... )  # lam = mu = 1
    >>> print(nh.voigt(C))
    [[3. 1. 0.]
     [1. 3. 0.]
     [0. 0. 1.]]
    """
    c = _checked(stiffness)
    pairs = PAIRS[c.shape[0]]
    return np.array([[c[i, j, p, q] for p, q in pairs] for i, j in pairs])


def mandel(stiffness: ArrayLike) -> Array:
    """C[i, j, k, l] as the (6, 6) or (3, 3) matrix in the orthonormal basis, sqrt(2) at shears; its
    eigenvalues are those of C. Order as `voigt`.

    >>> one = np.eye(2)
    >>> C = np.einsum("ij,kl->ijkl", one, one) + np.einsum("ik,jl->ijkl", one, one) + np.einsum(
    ...     "il,jk->ijkl", one, one
    ... )  # lam = mu = 1
    >>> print(nh.mandel(C))
    [[3. 1. 0.]
     [1. 3. 0.]
     [0. 0. 2.]]
    """
    c = _checked(stiffness)
    weights = np.array([1.0 if i == j else np.sqrt(2.0) for i, j in PAIRS[c.shape[0]]])
    return voigt(c) * np.outer(weights, weights)


def _checked(stiffness: ArrayLike) -> Array:
    c = as_numbers(
        stiffness,
        "a stiffness tensor",
        'give cells.effective["A"] of an elasticity problem',
        kinds="fiuc",
    )
    if c.ndim != 4 or len(set(c.shape)) != 1 or c.shape[0] not in PAIRS:
        raise ProblemError(
            "a stiffness tensor has the shape (d, d, d, d)",
            term=c.shape,
            remedy='give cells.effective["A"] of an elasticity problem',
        )
    wrong = np.argwhere(~np.isfinite(c))
    if wrong.size:
        raise ProblemError(
            "the entries of a stiffness tensor are finite numbers",
            term=f"C{wrong[0].tolist()} = {c[tuple(wrong[0])]}",
            remedy="replace what is nan or infinite",
        )
    if not has_minor_symmetries(c):
        raise ProblemError(
            "the tensor has no minor symmetries C_ijkl = C_jikl = C_ijlk",
            term=c.shape,
            remedy="Voigt and Mandel matrices need them",
        )
    return c


def has_minor_symmetries(c: Array) -> bool:
    """Whether c[i, k, j, l] = c[k, i, j, l] = c[i, k, l, j], to 1e-6 of the largest entry."""
    size = 1e-6 * np.abs(c).max()
    return bool(
        np.allclose(c, c.swapaxes(0, 1), atol=size) and np.allclose(c, c.swapaxes(2, 3), atol=size)
    )


def elasticity_matrices(a: Array, dim: int, components: int) -> dict[str, Array]:
    """{"voigt": ..., "mandel": ...} where A[i, k, j, l] is a stiffness tensor: as many unknowns as
    axes, minor symmetries.
    """
    if dim == 1 or components != dim or not has_minor_symmetries(a):
        return {}
    return {"voigt": voigt(a), "mandel": mandel(a)}


def symmetric_tensor(
    dim: int, components: int, n: int, level: Mapping[tuple[Any, Any], Array], time: int = 0
) -> Array:
    """(m, m, d, ..., d) (scalars: (d, ..., d)) with sum T_{k1..kn} D_k1 ... D_kn = the terms of
    order n in space, and of order `time` in time.
    """
    shape = (components, components, *(dim,) * n)
    tensor = np.zeros(shape, dtype=np.result_type(float, *level.values()))
    by_axes = np.moveaxis(tensor, (0, 1), (-2, -1))
    for (left, right), matrix in level.items():
        *space, in_time = (p + q for p, q in zip(left, right, strict=True))
        if sum(space) != n or in_time != time:
            continue
        axes = np.repeat(np.arange(dim), space)
        share = prod(map(factorial, space)) / factorial(n)
        for index in set(itertools.permutations(axes.tolist())):
            by_axes[index] += share * matrix
    if components == 1:
        return tensor[0, 0]
    return tensor
