"""The few functions that a law is reduced to: the principal ones of solved states and of their
derivatives, at the points of a quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .fourier.states import States, StateSolver

# Size of a mode, relative to the first, below which it is rounding.
_INDEPENDENT = 1e-9


@dataclass(frozen=True)
class ReducedBasis:
    """Modes as values (k, m, q) and slopes (k, m, d, q) at the q points (d, q) of a quadrature.

    weights : (q,) of the quadrature, with the sum 1
    middles : (d, q), for each point one inside of its element, see `Assembly`
    modes   : (k, m, ...) the same functions as their solver holds them
    """

    values: np.ndarray
    slopes: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    middles: np.ndarray
    modes: np.ndarray

    @property
    def count(self) -> int:
        return len(self.values)

    def joined(self, other: ReducedBasis) -> ReducedBasis:
        """The modes of both, at the same points."""
        names = ("values", "slopes", "modes")
        return replace(
            self,
            **{n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in names},
        )

    def first(self, count: int) -> ReducedBasis:
        """The leading modes."""
        return replace(
            self,
            values=self.values[:count],
            slopes=self.slopes[:count],
            modes=self.modes[:count],
        )


def snapshots_of(states: States, spread: np.ndarray) -> np.ndarray:
    """The correctors of solved states and their derivatives by values and slopes of u0, each as
    long as a typical change of what it is by, `spread` (m + m d,): (count, m, ...).
    """
    assert states.columns is not None
    weights = spread.reshape(-1, *[1] * (states.columns.ndim - 1))
    return np.concatenate([states.modes, *(states.columns * weights)])


def basis_of(solver: StateSolver, states: States, spread: np.ndarray) -> ReducedBasis:
    """The principal modes of correctors and their derivatives on a grid, see `snapshots_of`."""
    grid = solver.grid
    modes = snapshots_of(states, spread)
    slopes = np.stack([grid.derivative(modes, unit) for unit in solver.units], axis=2)
    count = len(modes)
    values = grid.backward(modes).reshape(count, solver.m, -1)
    points = grid.columns
    held = ReducedBasis(
        values, slopes.reshape(count, solver.m, solver.d, -1), points, *even(points), modes
    )
    return principal(held, mixed=solver.mixed)


def span_of(
    values: np.ndarray, slopes: np.ndarray, points: np.ndarray, m: int, least: float
) -> ReducedBasis:
    """Functions of one component, values (count, q) and slopes (count, d, q) at the points of a
    grid, for each of m unknowns; see `principal`.
    """
    held = ReducedBasis(values[:, None], slopes[:, None], points, *even(points), values[:, None])
    return for_unknowns(principal(held, mixed=False, least=least), m)


def even(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and middles of a quadrature that has no elements."""
    q = points.shape[1]
    return np.full(q, 1 / q), points


def principal(snapshots: ReducedBasis, *, mixed: bool, least: float = _INDEPENDENT) -> ReducedBasis:
    """Functions that span given ones, orthonormal in their slopes and the largest first; those that
    are smaller than `least` of it are left out.

    mixed : of all components, each for every unknown: an equation whose flux is that of another
            unknown is tested by the modes of this one then
    """
    if mixed:
        return for_unknowns(
            principal(_components(snapshots), mixed=False, least=least), snapshots.values.shape[1]
        )
    count, m, d, q = snapshots.slopes.shape
    flat = (snapshots.slopes * np.sqrt(np.abs(snapshots.weights))).reshape(count, -1)
    left, sizes, _ = np.linalg.svd(flat, full_matrices=False)
    kept = (sizes > least * sizes.max(initial=0.0)) & (sizes > 0)
    mix = left[:, kept].T / sizes[kept][:, None]
    return replace(
        snapshots,
        values=(mix @ snapshots.values.reshape(count, -1)).reshape(-1, m, q),
        slopes=(mix @ snapshots.slopes.reshape(count, -1)).reshape(-1, m, d, q),
        modes=np.tensordot(mix, snapshots.modes, axes=1),
    )


def _components(basis: ReducedBasis) -> ReducedBasis:
    """The components of functions as functions of one component."""
    return replace(
        basis,
        values=basis.values.reshape(-1, 1, basis.values.shape[-1]),
        slopes=basis.slopes.reshape(-1, 1, *basis.slopes.shape[2:]),
        modes=basis.modes.reshape(-1, 1, *basis.modes.shape[2:]),
    )


def for_unknowns(basis: ReducedBasis, m: int) -> ReducedBasis:
    """Functions of one component, for each of m unknowns."""
    values, slopes, modes = (
        _placed(array, m) for array in (basis.values, basis.slopes, basis.modes)
    )
    return replace(basis, values=values, slopes=slopes, modes=modes)


def _placed(array: np.ndarray, m: int) -> np.ndarray:
    """(k, 1, ...) -> (k m, m, ...)."""
    k = len(array)
    result = np.zeros((k, m, m, *array.shape[2:]), dtype=array.dtype)
    for j in range(m):
        result[:, j, j] = array[:, 0]
    return result.reshape(k * m, m, *array.shape[2:])
