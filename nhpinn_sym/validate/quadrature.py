"""The common quadrature on which all solutions of one problem are compared, and the grid on which
they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..lower.forms import MultiIndex
from ..problem.domain import Box, Domain
from ..runtime.arrays import Array
from ..runtime.lattice import Lattice
from ..runtime.quadrature import GaussRule, Quadrature
from ..solve.domains import grid_points, quadrature_rule
from ..solve.exports import SolutionExtent
from ..solve.solution import Solution

# Intervals along an axis, by the dimension: per period, and at least; Gauss points in each.
_PER_PERIOD = {1: 12, 2: 6, 3: 3}
_FEWEST = {1: 64, 2: 32, 3: 12}
_GAUSS = {1: 4, 2: 3, 3: 2}
# In all: evaluating four or five solutions there takes seconds.
_MOST_POINTS = 400_000
# Points of a picture along each axis: a line, a square, the middle slice of a cube.
_DRAWN = {1: (1601,), 2: (201, 201), 3: (121, 121, 1)}


def resolving(
    domain: Domain, periods: Sequence[float], breaks: Sequence[Sequence[float]] = ()
) -> Quadrature:
    """Gauss points that resolve so many periods along each axis (fewer intervals a period where
    that would be too many points), in a box between `breaks`, where solutions kink.
    """
    dim = domain.dim
    order = _GAUSS[dim]
    intervals = [max(_FEWEST[dim], int(np.ceil(_PER_PERIOD[dim] * n))) for n in periods]
    excess = (np.prod(intervals) * order**dim / _MOST_POINTS) ** (1 / dim)
    if excess > 1:
        intervals = [int(np.ceil(n / excess)) for n in intervals]
    if isinstance(domain, Box):
        return GaussRule(Lattice.fitted(domain.bounds, intervals, breaks), order).inside()
    return quadrature_rule(domain, intervals, order).inside()


def plot_points(
    domain: Domain, counts: Sequence[int] | None = None
) -> tuple[Array, tuple[int, ...]]:
    """Points of a regular plotting grid and its shape."""
    shape = tuple(counts or _DRAWN[domain.dim])
    return grid_points(domain, shape), shape


def value_and_gradient(solution: Solution, points: Array) -> tuple[Array, Array]:
    """u and grad u, the axes of x last, from one evaluation."""
    dim = points.shape[1]
    indices = [(0,) * dim, *(tuple(int(k == i) for k in range(dim)) for i in range(dim))]
    value, *slopes = solution.evaluate(points, indices)
    return value, np.stack(slopes, -1)


@dataclass(frozen=True, eq=False, repr=False)
class Remembered(Solution):
    """A solution that keeps its derivatives at the points where it was evaluated last: what asks
    for most of them is asked first.
    """

    solution: Solution
    _known: list[tuple[Array, float | None, dict[MultiIndex, Array]]] = field(default_factory=list)

    @property
    def extent(self) -> SolutionExtent:
        return self.solution.extent

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.solution.lines

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        known = self._at(points, t)
        missing = [index for index in dict.fromkeys(indices) if index not in known]
        if missing:
            known.update(zip(missing, self.solution.evaluate(points, missing, t), strict=True))
        return np.stack([known[index] for index in indices])

    def _at(self, points: Array, t: float | None) -> dict[MultiIndex, Array]:
        """What is known at the points."""
        for places, time, known in self._known:
            if time == t and np.array_equal(places, points):
                return known
        known = {}
        self._known[:] = [(points, t, known)]
        return known


def remembered(solution: Solution) -> Solution:
    """The solution, each derivative of which is computed once at the points it is asked for."""
    return Remembered(solution.backend, solution.method, solution.info, solution)
