"""Stokes' equations in a cell, by conjugate gradients for the pressure: whatever assembles them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .arrays import Array
from .fitted.functions import SimplexFunction

# Of the equation of continuity, relative to the gradient, and iterations for it.
_RESIDUAL = 1e-11
_MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class Permeability:
    """`tensor` (d, d) with K_ij = <w^j_i>, the `velocities` w^j, a batch (loads, components), and
    the number of `unknowns`.
    """

    tensor: Array
    velocities: SimplexFunction
    unknowns: int


class StokesMatrices(Protocol):
    """A w_i + B_i^T q = delta_ij load, sum_i B_i w_i = 0, at the unknowns of this process.

    load : the integrals of the functions of one component of the velocity
    mass : the diagonal of the matrix of products of pressures
    """

    load: Array
    mass: Array

    def solve(self, b: Array) -> Array:
        """A^-1 b."""

    def divergence(self, i: int, w: Array) -> Array:
        """B_i w."""

    def slope(self, i: int, q: Array) -> Array:
        """B_i^T q."""

    def dot(self, a: Array, b: Array) -> float:
        """The product of two vectors, summed over all processes."""


def velocities(problem: StokesMatrices, dim: int) -> Array:
    """w^j_i at the unknowns, (d, d, n).

    Conjugate gradients for the pressure, B A^-1 B^T q = B A^-1 load, which the mass preconditions:
    the number of iterations does not grow with the mesh. The mean of q is free.
    """
    axes = range(dim)
    load = problem.load
    alone = problem.solve(load)
    energy = problem.dot(load, alone)  # |grad w|^2, which |div w|^2 is measured by
    found = np.zeros((dim, dim, len(load)))
    for j in axes:
        right = problem.divergence(j, alone)
        found[j, j] = alone
        z = right / problem.mass
        direction = z
        size = problem.dot(right, z)
        iterations = 0
        while size > _RESIDUAL**2 * energy:
            if iterations == _MOST_ITERATIONS:
                raise RuntimeError("the pressure was not found")
            images = [problem.solve(problem.slope(i, direction)) for i in axes]
            image = _sum(problem.divergence, images)
            step = size / problem.dot(direction, image)
            found[j] -= step * np.array(images)
            right = right - step * image
            z = right / problem.mass
            after = problem.dot(right, z)
            direction = z + after / size * direction
            size = after
            iterations += 1
    return found


def _sum(divergence: Callable[[int, Array], Array], images: Sequence[Array]) -> Array:
    parts = [divergence(i, w) for i, w in enumerate(images)]
    return np.sum(parts, axis=0)
