"""What nonlinear problems need of a finite element space: values at quadrature points, and vectors
and matrices made from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .arrays import Array, Flags
from .mesh import MeshFunction

Solve = Callable[[Array], Array]


class Assembly(ABC):
    """A space of `m` components in `d` dimensions, by its quadrature points.

    Unknowns are those of this process, node by node; free ones are what essential data, periodic
    faces and pins leave of them. Arrays are of this process as well, the sums below of all.

    points (d, n), weights (n,) : of the quadrature
    middles (d, n) : for each of them a point inside of its element, where conditions are asked
    ranks : processes that share it
    """

    ranks: int = 1
    m: int
    d: int
    points: Array
    weights: Array
    middles: Array

    @abstractmethod
    def fields(self, u: Array) -> tuple[Array, Array]:
        """Values (m, n) and slopes (m, d, n) of a function at the quadrature points."""

    @abstractmethod
    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        """int flux . grad v + reaction v for arrays (m, d, n) and (m, n), of all unknowns; and the
        sum of the sizes of its parts, of all processes.
        """

    @abstractmethod
    def matrix(self, arrays: Mapping[str, Array], flux: str | None, reaction: str) -> Any:
        """The matrix of the derivatives of a flux and of a reaction by values and slopes, which
        `arrays` hold under their names, such as flux_p (m, d, m, d, n) and reaction_u (m, m, n).
        Matrices may be added, and multiplied by numbers.
        """

    @abstractmethod
    def solver(self, matrix: Any, definite: bool, many: bool = False) -> tuple[Solve, str]:
        """The inverse of the free part of a matrix, and the name of the method; `many`: for many
        right-hand sides. RuntimeError, then or when it is called, where it fails.
        """

    @abstractmethod
    def restricted(self, vector: Array) -> Array:
        """The free part of a vector of all unknowns."""

    @abstractmethod
    def extended(self, free: Array) -> Array:
        """The function with these free unknowns, and essential values 0."""

    @property
    @abstractmethod
    def integrals(self) -> Array:
        """The integrals of the basis functions of one component, at the nodes of this process."""

    def of_unknowns(self, numbers: Array) -> Array:
        """One number of each component, for each of its unknowns."""
        return np.tile(numbers, self.integrals.size)

    def sizes(self, u: Array) -> Array:
        """The largest absolute value of each component on this process."""
        return np.asarray(np.abs(u.reshape(-1, self.m)).max(axis=0, initial=0.0))

    @property
    def size(self) -> int:
        """The number of unknowns."""
        return self.m * self.integrals.size

    def sums(self, array: Any) -> Any:
        """The sum over all processes."""
        return array

    def gathered(self, array: Array) -> Array:
        """The entries (..., n) of all processes, in the same order on each."""
        return array

    def largest(self, array: Any) -> Any:
        """The largest numbers of all processes."""
        return array

    def total(self, values: Array) -> float:
        return float(self.sums(float(np.sum(values))))

    def mean(self, array: Array) -> Array:
        """The means (...) of arrays (..., n) over the domain."""
        return np.asarray(self.sums(array @ self.weights)) / self.total(self.weights)

    def centred(self, u: Array) -> Array:
        """The function without the mean of each component."""
        by_node = u.reshape(-1, self.m)
        means = self.sums(self.integrals @ by_node) / self.total(self.integrals)
        return np.asarray((by_node - means).ravel())


class MeshAssembly(Assembly):
    """A space of functions on a mesh."""

    @property
    @abstractmethod
    def nodes(self) -> Array:
        """Coordinates (n, d) of the nodes of this process."""

    @abstractmethod
    def hold(self, where: Flags) -> None:
        """Hold at 0, and nothing else, the unknowns whose functions do not vanish at all of these
        points (n,) of the quadrature."""

    def masses(self, where: Flags) -> Any:
        """The matrix of int u v over these points."""
        m, d, n = self.m, self.d, len(where)
        reaction = np.eye(m)[:, :, None] * where
        return self.matrix({"r_u": reaction, "r_p": np.zeros((m, m, d, n))}, None, "r")

    @abstractmethod
    def function(self, values: Array) -> MeshFunction:
        """The functions with values (..., nodes) at the nodes of this process."""
