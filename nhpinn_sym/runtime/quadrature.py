"""Quadratures: points and weights in a domain and on the named parts of its boundary.

`QuadratureRule` is what norms, energies and balances ask for, whatever the domain; `GaussRule` is
that of a box: tensor-product Gauss points between the lines of a lattice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np

from .arrays import Array
from .lattice import Lattice
from .tensor_grids import gauss_line, tensor_points, tensor_weights

_BLOCK = 2**18
"""Points of a block, about: a few arrays of that length fit into the cache of a processor."""


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


def _tensor(axes: Sequence[tuple[Array, Array]]) -> Quadrature:
    points = tensor_points([line for line, _ in axes])
    return Quadrature(points, tensor_weights([mass for _, mass in axes]))
