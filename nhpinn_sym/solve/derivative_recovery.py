"""Derivatives of every order of a finite element solution: those of a global polynomial fit.

The fit is a tensor product, Chebyshev polynomials along open axes and trigonometric ones along
periodic axes, by least squares over all nodes: degrees of polynomials up to about the root of their
number, at their largest distance, are well conditioned (Rakhmanov 2007), those of waves up to half
of it (Groechenig 1992). The degree is the one from which on the coefficients show the noise of the
data alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev as cheb

from ..lower.forms import MultiIndex
from ..problem.errors import UnsupportedError, warn_tolerance
from ..runtime.lagrange_grid import LagrangeGrid
from .exports import SolutionExtent
from .fem.grid_functions import GridSolution
from .solution import Array, Solution
from .time_levels import time_weights

# Degree of a fit, at most: beyond it derivatives lose more digits than they gain.
_LARGEST = 64
# Degree of the first fit, in roots of the number of nodes of an axis: well conditioned still.
_DEGREE_OF_ROOT = 1.5
# That of waves along a periodic axis, in nodes: below a half with room for what elements leave
# between their corners and middles, which swings the fastest.
_DEGREE_OF_WAVES = 1 / 3
# How far above their level at the highest degrees coefficients count as noise.
_ABOVE = 4.0
# A misfit that says nothing against a solution, however small its own estimate is.
_MISFIT = 1e-6
# Points at which a fit is evaluated at once.
_BLOCK = 20_000


class Axis(NamedTuple):
    """One factor of the basis: degree + 1 Chebyshev polynomials on (low, high), or 2 degree + 1
    trigonometric functions of that period.
    """

    low: float
    high: float
    periodic: bool
    degree: int

    @property
    def degrees(self) -> Array:
        """The degree of every basis function."""
        count = np.arange(self.degree + 1.0)
        if self.periodic:
            return np.concatenate([count, count[1:]])
        return count

    def basis(self, x: Array, order: int = 0) -> Array:
        """(n, size): the derivatives of one order."""
        if self.periodic:
            return self._trigonometric(x, order)
        scale = 2 / (self.high - self.low)
        slopes = scale**order * cheb.chebder(np.eye(self.degree + 1), order)
        local = scale * (x - self.low) - 1
        return np.asarray(cheb.chebvander(local, len(slopes) - 1) @ slopes)

    def _trigonometric(self, x: Array, order: int) -> Array:
        """Cosines, then sines without the first, which is zero; d/dx turns the phase by pi/2."""
        wave = 2 * np.pi / (self.high - self.low) * np.arange(self.degree + 1)
        phase = wave * (x[:, None] - self.low) + order * np.pi / 2
        cosines = wave**order * np.cos(phase)
        sines = wave**order * np.sin(phase)
        return np.hstack([cosines, sines[:, 1:]])


@dataclass(frozen=True, eq=False, repr=False)
class FittedSolution(Solution):
    """A finite element solution: the values are its own, the derivatives those of a fit, in time of
    one to each level.

    Measured with the default tolerance, for smooth solutions of 2D problems, relative to the
    largest value: 1e-8 for second, 1e-7 for third, 1e-6 for fourth derivatives (first derivatives
    of the elements themselves: 1e-4).

    info["fit"]: degrees per axis, and the relative misfit (root mean square over the nodes).
    """

    solution: GridSolution
    axes: tuple[Axis, ...]
    coefficients: Array

    @property
    def extent(self) -> SolutionExtent:
        """That of the finite element solution."""
        return self.solution.extent

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.solution.lines

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        coefficients = self._at(t)
        blocks = range(0, max(len(points), 1), _BLOCK)

        def derivative(index: MultiIndex) -> Array:
            if not any(index):
                return self.solution.derivative(points, index, t)
            parts = [self._fitted(points[k : k + _BLOCK], index, coefficients) for k in blocks]
            return np.concatenate(parts)

        return np.stack([derivative(index) for index in indices])

    def _at(self, t: float | None) -> Array:
        """The coefficients of one time."""
        times = self.solution.times
        if times is None:
            return self.coefficients
        first, weights = time_weights(times, float(times[-1]) if t is None else t)
        axis = len(self.axes)
        window = np.arange(first, first + len(weights))
        own = np.moveaxis(self.coefficients.take(window, axis=axis), axis, 0)
        return np.asarray(np.tensordot(weights, own, 1))

    def _fitted(self, x: Array, index: MultiIndex, coefficients: Array) -> Array:
        first, *others = (axis.basis(x[:, k], index[k]) for k, axis in enumerate(self.axes))
        values = np.tensordot(first, coefficients, 1)
        for basis in others:
            values = np.einsum("nk,nk...->n...", basis, values)
        return np.asarray(values)


def recover_derivatives(solution: Solution, periodic: tuple[int, ...]) -> Solution:
    """`solution`, with derivatives of every order. A ToleranceWarning where it is not smooth enough
    for a fit.
    """
    if not isinstance(solution, GridSolution):
        return solution  # a network has all derivatives
    grid = solution.grid
    if not isinstance(grid, LagrangeGrid):
        raise UnsupportedError(
            "derivatives of a solution on a mesh that is no lattice, beyond those of its elements",
            term=solution.method,
            remedy='use backend="pinn"',
        )
    lattice = [grid.lattice.nodes(axis, grid.degree) for axis in range(grid.dim)]
    largest = []
    for k, (low, high) in enumerate(grid.bounds):
        waves = k in periodic
        largest.append(Axis(low, high, waves, _best_degree(_evenly(lattice[k]), waves)))
    # Levels in time, and the components of systems, come last.
    batch = range(len(grid.batch))
    values = np.moveaxis(grid.values, batch, [k - len(batch) for k in batch])
    # The first fit shows from where on coefficients are noise; the second leaves these out.
    coarse = _least_squares(largest, lattice, values)
    axes = tuple(axis._replace(degree=_chopped(axis, coarse, k)) for k, axis in enumerate(largest))
    coefficients = _least_squares(axes, lattice, values)
    bases = [axis.basis(x) for axis, x in zip(axes, lattice, strict=True)]
    fitted = _along(coefficients, bases)
    misfit = float(np.linalg.norm(fitted - values) / (np.linalg.norm(values) or 1.0))
    if misfit > max(_MISFIT, float(solution.info["estimate"])):
        warn_tolerance(
            "the finite element solution is not smooth: its higher derivatives come from a fit"
            f" with misfit {misfit:.1e}"
        )
    fit = {"degrees": tuple(axis.degree for axis in axes), "misfit": misfit}
    info = {**solution.info, "fit": fit}
    return FittedSolution(solution.backend, solution.method, info, solution, axes, coefficients)


def _best_degree(nodes: float, periodic: bool) -> int:
    """The largest well conditioned degree. Beyond the root of the number of nodes, equispaced ones
    leave a polynomial free to swing between them; waves they know up to two nodes a wave.
    """
    if periodic:
        return min(_LARGEST, int(_DEGREE_OF_WAVES * nodes))
    return min(_LARGEST, int(_DEGREE_OF_ROOT * np.sqrt(nodes)))


def _evenly(nodes: Array) -> float:
    """How many nodes there would be at the largest distance of the given ones."""
    return 1.0 + float((nodes[-1] - nodes[0]) / np.diff(nodes).max())


def _least_squares(axes: Sequence[Axis], lattice: Sequence[Array], values: Array) -> Array:
    """Coefficients of the best fit to values on the lattice."""
    return _along(
        # A fit to values on a lattice is one fit along each axis after another.
        values,
        [np.linalg.pinv(axis.basis(x)) for axis, x in zip(axes, lattice, strict=True)],
    )


def _along(values: Array, matrices: Sequence[Array]) -> Array:
    """One matrix applied along each axis."""
    for k, matrix in enumerate(matrices):
        values = np.moveaxis(np.tensordot(matrix, values, (1, k)), 0, k)
    return values


def _chopped(axis: Axis, coefficients: Array, k: int) -> int:
    """The degree along axis k from which on the coefficients are no larger than at the upper
    end.
    """
    others = tuple(j for j in range(coefficients.ndim) if j != k)
    sizes = np.abs(coefficients).max(axis=others)
    by_degree = np.array([sizes[axis.degrees == n].max() for n in range(axis.degree + 1)])
    envelope = np.maximum.accumulate(by_degree[::-1])[::-1]
    # The last quarter of the degrees shows what the data themselves leave open.
    level = envelope[3 * axis.degree // 4]
    noise = max(_ABOVE * level, np.finfo(float).eps * envelope[0])
    return max(1, int(np.argmax(envelope <= noise)) - 1)
