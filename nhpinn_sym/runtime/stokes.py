"""Stokes' equations in a cell, by preconditioned minimal residuals: whatever assembles them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .arrays import Array
from .fitted.functions import SimplexFunction

# Of the residual, in the norm of the preconditioner, and iterations for it.
_RESIDUAL = 1e-9
_MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Permeability:
    """`tensor` (d, d) with K_ij = <w^j_i>, the `velocities` w^j, a batch (loads, components), the
    number of `unknowns`, and the `method` that found those of one component.
    """

    tensor: Array
    velocities: SimplexFunction
    unknowns: int
    method: str


class StokesMatrices(Protocol):
    """A w_i + B_i^T q = delta_ij load, sum_i B_i w_i = 0, at the unknowns of this process.

    load : the integrals of the functions of one component of the velocity
    mass : the diagonal of the matrix of products of pressures
    """

    load: Array
    mass: Array

    def stiffness(self, w: Array) -> Array:
        """A w."""

    def near_inverse(self, b: Array) -> Array:
        """A^-1 b, or what is near it: by a symmetric positive matrix."""

    def divergence(self, i: int, w: Array) -> Array:
        """B_i w."""

    def slope(self, i: int, q: Array) -> Array:
        """B_i^T q."""

    def dot(self, a: Array, b: Array) -> float:
        """The product of two vectors, summed over all processes."""


def velocities(problem: StokesMatrices, dim: int) -> Array:
    """w^j_i at the unknowns, (d, d, n). RuntimeError where an iteration does not end."""
    count = len(problem.load)
    found = np.zeros((dim, dim, count))
    for j in range(dim):
        right = np.zeros(dim * count + len(problem.mass))
        right[j * count : (j + 1) * count] = problem.load
        found[j] = _minimal_residual(problem, dim, right)[: dim * count].reshape(dim, count)
    return found


def _image(problem: StokesMatrices, dim: int, x: Array) -> Array:
    """The left-hand side for velocities and a pressure, one after the other."""
    *w, q = np.split(x, np.arange(1, dim + 1) * len(problem.load))
    forces = [problem.stiffness(w[i]) + problem.slope(i, q) for i in range(dim)]
    flux = sum(problem.divergence(i, w[i]) for i in range(dim))
    return np.concatenate([*forces, flux])


def _preconditioned(problem: StokesMatrices, dim: int, r: Array) -> Array:
    """By A and the mass, so that the number of iterations does not grow with the mesh."""
    *forces, flux = np.split(r, np.arange(1, dim + 1) * len(problem.load))
    return np.concatenate([*(problem.near_inverse(b) for b in forces), flux / problem.mass])


def _minimal_residual(problem: StokesMatrices, dim: int, right: Array) -> Array:
    """MINRES, which needs no mean of the pressure: right-hand sides have none.

    Source: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2014,
    algorithm 4.1, whose names these are.
    """
    x, w, w_before, v_before = (np.zeros_like(right) for _ in range(4))
    v = right
    z = _preconditioned(problem, dim, v)
    gamma, gamma_before = np.sqrt(problem.dot(z, v)), 1.0
    eta = first = gamma
    s = s_before = 0.0
    c = c_before = 1.0
    for _ in range(_MOST_ITERATIONS):
        z = z / gamma
        image = _image(problem, dim, z)
        delta = problem.dot(image, z)
        v_before, v = v, image - delta / gamma * v - gamma / gamma_before * v_before
        after = _preconditioned(problem, dim, v)
        gamma_before, gamma_after = gamma, np.sqrt(problem.dot(after, v))
        diagonal = c * delta - c_before * s * gamma
        pivot = np.hypot(diagonal, gamma_after)
        above = s * delta + c_before * c * gamma
        w_before, w = w, (z - s_before * gamma * w_before - above * w) / pivot
        c_before, c = c, diagonal / pivot
        s_before, s = s, gamma_after / pivot
        x = x + c * eta * w
        eta = -s * eta
        if abs(eta) <= _RESIDUAL * first:
            return x
        z, gamma = after, gamma_after
    raise RuntimeError("the pressure was not found")
