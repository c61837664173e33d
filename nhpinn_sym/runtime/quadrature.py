"""Quadratures: points and weights in a domain and on the named parts of its boundary.

`QuadratureRule` is what norms, energies and balances ask for, whatever the domain; `GaussRule` is
that of a box: tensor-product Gauss points between the lines of a lattice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from itertools import product
from typing import Protocol

import numpy as np

from .arrays import Array
from .lattice import Lattice
from .mesh import Mesh
from .tensor_grids import gauss_line, tensor_points, tensor_weights

# Points of a block, about: a few arrays of that length fit into the cache of a processor.
_BLOCK = 2**18


@dataclass(frozen=True)
class Quadrature:
    """Points (n, d) and weights (n,)."""

    points: Array
    weights: Array

    def norm(self, values: Array) -> float:
        """L2 norm of values (n, ...), all components together."""
        squares = np.sum(np.abs(values.reshape(len(values), -1)) ** 2, axis=1)
        return float(np.sqrt(self.weights @ squares))

    def relative(self, difference: Array, reference: Array) -> float:
        """The norm of `difference` over that of `reference`; nan where it vanishes."""
        return self.norm(difference) / (self.norm(reference) or np.nan)


@dataclass(frozen=True)
class BoundaryQuadrature(Quadrature):
    """Points, weights and outward unit normals (n, d) on a part of the boundary."""

    normals: Array


class QuadratureRule(Protocol):
    """What integrates over a domain, and over the parts of its boundary by name."""

    def inside(self) -> Quadrature:
        """In the whole domain."""

    def on(self, part: str) -> BoundaryQuadrature:
        """On a part of the boundary; KeyError where there is none of that name."""

    def blocks(self) -> Iterator[Quadrature]:
        """`inside` in parts of a bounded number of points."""


@dataclass(frozen=True)
class GaussRule:
    """`count` Gauss points along each axis of every cell of a lattice.

    parts: the outward normals of the parts of the boundary, by name.
    """

    lattice: Lattice
    count: int
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def inside(self) -> Quadrature:
        """All points, the last axis fastest."""
        return _tensor(self._axes())

    def on(self, part: str) -> BoundaryQuadrature:
        """The points of the lines and planes on that side of the box."""
        normal = np.asarray(self.parts[part], dtype=float)
        axis, end = self.lattice.side(self.parts[part])
        axes = self._axes()
        axes[axis] = (np.array([self.lattice.bounds[axis][end]]), np.ones(1))
        found = _tensor(axes)
        normals = np.broadcast_to(normal, found.points.shape)
        return BoundaryQuadrature(found.points, found.weights, normals)

    def blocks(self) -> Iterator[Quadrature]:
        """`inside` in parts of a bounded number of points."""
        axes = self._axes()
        side = max(1, int(_BLOCK ** (1 / len(axes))))
        cuts = [range(0, len(points), side) for points, _ in axes]
        for starts in product(*cuts):
            yield _tensor([(p[k : k + side], w[k : k + side]) for (p, w), k in zip(axes, starts)])

    def _axes(self) -> list[tuple[Array, Array]]:
        """Points and weights along each axis."""
        return [gauss_line(lines, self.count) for lines in self.lattice.lines]


@dataclass(frozen=True)
class InTime:
    """A rule over a domain times `count` Gauss points of an interval of time, which is the last
    column of its points.
    """

    space: QuadratureRule
    span: tuple[float, float]
    count: int

    def inside(self) -> Quadrature:
        """All points, the time fastest."""
        found = self.space.inside()
        points, weights = self._times(found)
        return Quadrature(points, weights)

    def on(self, part: str) -> BoundaryQuadrature:
        """On a part of the boundary, at all times; its normals have no component in time."""
        found = self.space.on(part)
        points, weights = self._times(found)
        normals = np.repeat(found.normals, self.count, axis=0)
        timeless = np.column_stack([normals, np.zeros(len(normals))])
        return BoundaryQuadrature(points, weights, timeless)

    def blocks(self) -> Iterator[Quadrature]:
        """`inside`, from the blocks of the rule of the domain."""
        for some in self.space.blocks():
            yield Quadrature(*self._times(some))

    def _times(self, found: Quadrature) -> tuple[Array, Array]:
        times, weights = gauss_line(np.array(self.span), self.count)
        points = np.repeat(found.points, len(times), axis=0)
        columns = np.column_stack([points, np.tile(times, len(found.points))])
        return columns, np.outer(found.weights, weights).ravel()


@singledispatch
def rule_on(mesh: Mesh, count: int) -> QuadratureRule:
    """The quadrature of the elements of a mesh, exact for polynomials of degree 2 count - 1.

    TypeError for a kind of mesh that is not registered.
    """
    raise TypeError(f"no quadrature is known for {type(mesh).__name__}")


@rule_on.register
def _(mesh: Lattice, count: int) -> QuadratureRule:
    return GaussRule(mesh, count)


def _tensor(axes: Sequence[tuple[Array, Array]]) -> Quadrature:
    points = tensor_points([line for line, _ in axes])
    return Quadrature(points, tensor_weights([mass for _, mass in axes]))
