"""States of finite strain on a Fourier grid, and their Bloch waves, by Hermitian matrices in the
lowest modes of w, which give beta from above.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import linalg

from ..bloch_waves import Waves
from .grid import Grid
from .states import MacroState, States, StateSolver

_MODES = {2: (7, 11, 15), 3: (5, 5, 9)}
"""Modes of w per axis, by the dimension and the detail."""


class BlochWaves(Waves):
    """The waves of one state."""

    def __init__(self, solver: StateSolver, macro: MacroState, states: States, count: int) -> None:
        self.count = count
        # The tangent on a grid that resolves the products of two modes, and the state between its
        # own points.
        grid = Grid(solver.grid.bounds, 2 * max(solver.grid.n, self.count) + 1)
        fine = StateSolver(solver.forms, grid)
        slopes = fine.forms.slopes(fine.data(macro, grid.refined(states.modes, solver.grid)))
        tangent = fine.array(slopes, "flux_p", "mdmd", 1)[:, :, :, :, 0]
        super().__init__(tangent, np.array([b - a for a, b in grid.bounds]))

    @cached_property
    def frequencies(self) -> np.ndarray:
        """Of the modes (d, N)."""
        line = np.arange(self.count) - self.count // 2
        return np.stack([f.ravel() for f in np.meshgrid(*[line] * self.dim, indexing="ij")])

    @cached_property
    def coefficients(self) -> np.ndarray:
        """The modes of the tangent that couple those of w: (d, d, d, d, N, N)."""
        axes = tuple(range(-self.dim, 0))
        modes = np.fft.fftn(self.tangent, axes=axes, norm="forward")
        apart = self.frequencies[:, :, None] - self.frequencies[:, None, :]
        every = (slice(None),) * 4
        return np.asarray(modes[every + tuple(apart % self.tangent.shape[-1])])

    def _matrix(self, waves: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The Hermitian matrix of modes with the directions of `waves` (d, count of chosen)."""
        coefficients = self.coefficients[..., chosen[:, None], chosen]
        found = np.einsum("kp,ikjlpq,lq->ipjq", waves, coefficients, waves, optimize=True)
        matrix = found.reshape(self.dim * len(chosen), -1)
        return np.asarray((matrix + matrix.conj().T) / 2)

    def _directions(self, fractions: np.ndarray) -> np.ndarray:
        """(d, N), of each mode; nan of a constant."""
        waves = (self.frequencies + fractions[:, None]) / self.periods[:, None]
        with np.errstate(invalid="ignore"):
            return np.asarray(waves / np.linalg.norm(waves, axis=0))

    def beta(self, fractions: np.ndarray, direction: np.ndarray) -> float:
        waves = self._directions(fractions)
        waves = np.where(np.isnan(waves), direction[:, None], waves)
        matrix = self._matrix(waves, np.arange(waves.shape[1]))
        return float(linalg.eigh(matrix, eigvals_only=True, subset_by_index=[0, 0])[0])

    def above(self, fractions: np.ndarray) -> bool:
        waves = self._directions(fractions)
        moving = np.flatnonzero(~np.isnan(waves[0]))
        try:
            np.linalg.cholesky(self._shifted(waves[:, moving], moving))
        except np.linalg.LinAlgError:
            return False
        return True

    def _shifted(self, waves: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        matrix = self._matrix(waves, chosen)
        matrix[np.diag_indices_from(matrix)] -= self.margin
        return matrix

    def effective(self) -> np.ndarray:
        waves = self._directions(np.zeros(self.dim))
        moving = np.flatnonzero(~np.isnan(waves[0]))
        (still,) = np.flatnonzero(np.isnan(waves[0]))
        inner = self._shifted(waves[:, moving], moving)
        mixed = np.einsum(
            "kp,ikjlp->ipjl", waves[:, moving], self.coefficients[..., moving, still]
        ).reshape(len(inner), -1)
        mean = self.coefficients[..., still, still].reshape(mixed.shape[1], -1)
        found = mean - self.margin * np.eye(len(mean))
        found = found - mixed.conj().T @ np.linalg.solve(inner, mixed)
        return np.asarray(found.real.reshape((self.dim,) * 4))


class GridStrains:
    """A `StrainSpace` of trigonometric polynomials."""

    def __init__(self, solver: StateSolver) -> None:
        self.solver = solver

    def solve(self, macro: MacroState, modes: np.ndarray | None) -> States:
        return self.solver.solve(macro, modes)

    def waves(self, macro: MacroState, states: States, detail: int) -> BlochWaves:
        return BlochWaves(self.solver, macro, states, _MODES[self.solver.d][detail])

    def refined(self, modes: np.ndarray, coarser: GridStrains) -> np.ndarray:
        return self.solver.grid.refined(modes, coarser.solver.grid)

    def change_of_errors(self, coarser: GridStrains) -> float:
        """Where data jump errors of states and waves fall like one over their modes."""
        if not self.solver.forms.JUMPS:
            return 1.0
        _, count, more = _MODES[self.solver.d]
        return float(min(self.solver.grid.n / coarser.solver.grid.n, more / count) - 1)

    def least_volume(self, macro: MacroState, states: States, share: float = 1.0) -> float:
        """Also between the points of the grid."""
        coarse = self.solver.grid
        grid = Grid(coarse.bounds, 2 * coarse.n + 1)
        modes = grid.refined(states.modes, coarse)
        slopes = [np.moveaxis(grid.derivative(modes, unit), 1, 0) for unit in self.solver.units]
        total = share * (np.stack(slopes, axis=1) + grid.cell(macro.slopes))
        matrices = np.moveaxis(total, (0, 1), (-2, -1)) + np.eye(self.solver.d)
        return float(np.linalg.det(matrices).min())
