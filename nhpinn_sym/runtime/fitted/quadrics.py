"""Regions between quadrics: what libraries of solid geometry build from half-spaces, ellipsoids and
cylinders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import Array

# Share of the largest coefficient below which one is 0 by rounding.
_ROUNDING = 1e-12


class UnknownQuadric(ValueError):
    """A region between surfaces that are neither planes nor ellipsoids nor cylinders."""


@dataclass(frozen=True, eq=False)
class Quadric:
    """The points x (d,) with x . A x + b . x + c < 0; A symmetric."""

    matrix: Array
    slope: Array
    constant: float

    @classmethod
    def half_space(cls, normal: Array, offset: float) -> Quadric:
        """normal . x < offset."""
        return cls(np.zeros((len(normal),) * 2), normal, -offset)

    def slopes(self, points: Array) -> Array:
        """The gradient at points (n, d)."""
        return 2 * points @ self.matrix + self.slope

    def distances(self, points: Array) -> Array:
        """Of points (n, d) to the surface, negative inside: exact to first order."""
        values = np.einsum("ni,ij,nj->n", points, self.matrix, points)
        values += points @ self.slope + self.constant
        lengths = np.linalg.norm(self.slopes(points), axis=1)
        return np.asarray(values / np.maximum(lengths, np.finfo(float).tiny))

    def moved_to(self, matrix: Array) -> Quadric:
        """The points p with p @ matrix in this one."""
        turned = matrix @ self.matrix @ matrix.T
        return Quadric(turned, matrix @ self.slope, self.constant)


@dataclass(frozen=True, eq=False)
class BooleanRegion:
    """What lies in all parts, in one of them, or not in the only one."""

    kind: Literal["and", "or", "not"]
    parts: tuple[Quadric | BooleanRegion, ...]

    def distances(self, points: Array) -> Array:
        """Of points (n, d) to the surface, about, negative inside."""
        held = [part.distances(points) for part in self.parts]
        if self.kind == "not":
            return -held[0]
        return np.asarray(np.max(held, axis=0) if self.kind == "and" else np.min(held, axis=0))

    @property
    def has_edges(self) -> bool:
        """Whether surfaces may meet: those of what lies in one of some parts are taken not to."""
        return self.kind != "or" or any(
            isinstance(part, BooleanRegion) and part.has_edges for part in self.parts
        )

    def moved_to(self, matrix: Array) -> BooleanRegion:
        return BooleanRegion(self.kind, tuple(part.moved_to(matrix) for part in self.parts))


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """normal . (x - point) < 0."""

    point: Array
    normal: Array


@dataclass(frozen=True, eq=False)
class Round:
    """An ellipse, an ellipsoid or an infinite cylinder, or what is outside of it.

    axes: unit vectors, one a row, of determinant 1; radii: along each of them, infinite along a
    cylinder, whose axis is the last one
    """

    center: Array
    axes: Array
    radii: Array
    outside: bool


def classified(quadric: Quadric) -> HalfSpace | Round | Sequence[HalfSpace] | bool:
    """What a quadric is; half-spaces that hold a layer together; whether it is everything where it
    is everything or nothing. UnknownQuadric for hyperbolic and parabolic ones."""
    values, axes = np.linalg.eigh(quadric.matrix)
    # The longest radius last, and a right-handed frame.
    order = np.argsort(-np.abs(values), kind="stable")
    values, axes = values[order], axes[:, order].T
    axes[-1] *= np.sign(np.linalg.det(axes))
    scale = max(np.abs(values).max(), np.abs(quadric.slope).max(), abs(quadric.constant))
    slopes = axes @ quadric.slope
    bent = np.abs(values) > _ROUNDING * scale
    if (np.abs(slopes[~bent]) > _ROUNDING * scale).any():
        return _half_space(quadric, bent)
    if not bent.any():
        return bool(quadric.constant < 0)
    if np.ptp(np.sign(values[bent])) > 0:
        raise UnknownQuadric("a hyperboloid or a cone")
    center = np.zeros(len(values))
    center[bent] = -slopes[bent] / (2 * values[bent])
    level = quadric.constant - float(values[bent] @ center[bent] ** 2)
    outside = bool(values[0] < 0)
    if level * values[0] >= 0:
        return outside
    radii = np.full(len(values), np.inf)
    radii[bent] = np.sqrt(-level / values[bent])
    if bent.sum() == 1:
        return _layer(center @ axes, axes[0] * radii[0], outside)
    return Round(center @ axes, axes, radii, outside)


def _half_space(quadric: Quadric, bent: Array) -> HalfSpace:
    if bent.any():
        raise UnknownQuadric("a paraboloid")
    slope = quadric.slope
    return HalfSpace(-quadric.constant * slope / (slope @ slope), slope)


def _layer(center: Array, reach: Array, outside: bool) -> Sequence[HalfSpace]:
    if outside:
        raise UnknownQuadric("what lies on both sides of a layer")
    return [HalfSpace(center + reach, reach), HalfSpace(center - reach, -reach)]
