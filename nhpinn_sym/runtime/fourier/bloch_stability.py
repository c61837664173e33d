"""Is a state stable against perturbations of every wavelength? Bloch waves of its tangent C_T:

    beta(k) = min over periodic w of <D_k w : C_T : D_k w> / <|D_k w|^2>,   D_k = grad + ik,

for k in the Brillouin zone, by Hermitian matrices in the lowest modes of w, which give it from
above. As k -> 0 in a direction n the constant part of D_k w tends to a (x) n: beta is positive
there exactly where it is for periodic w of mean zero and the acoustic tensor of the effective
tangent is positive definite (Geymonat, Mueller, Triantafyllidis 1993).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd

import numpy as np
from scipy import linalg

from .grid import Grid
from .states import MacroState, States, StateSolver

MODES = {2: 11, 3: 5}
"""Modes of w per axis, by the dimension."""
_WAVES = {2: 8, 3: 4}
"""Wavevectors of the Brillouin zone per axis, by the dimension."""
_REACH = {2: 3, 3: 1}
"""Largest entry of the integer vectors along which k tends to 0."""
_MARGIN = 1e-3
"""Share of the least stiffness in the cell above which beta counts as positive."""


@dataclass(frozen=True)
class Wave:
    """k in units of 2 pi / period along each axis, at k = 0 the direction from which it is
    approached, and beta there.
    """

    fractions: tuple[float, ...]
    direction: tuple[float, ...]
    beta: float


class BlochWaves:
    """The waves of one state."""

    def __init__(
        self, solver: StateSolver, macro: MacroState, states: States, modes: int = 0
    ) -> None:
        self.dim = solver.d
        self.count = modes or MODES[self.dim]
        # The tangent on a grid that resolves the products of two modes, and the state between its
        # own points.
        grid = Grid(solver.grid.bounds, 2 * max(solver.grid.n, self.count) + 1)
        fine = StateSolver(solver.forms, grid)
        slopes = fine.forms.slopes(fine.data(macro, grid.refined(states.modes, solver.grid)))
        self.tangent = fine.array(slopes, "flux_p", "mdmd", 1)[:, :, :, :, 0]
        self.periods = np.array([b - a for a, b in grid.bounds])
        diagonal = np.einsum("ikik...->...", self.tangent) / self.dim**2
        self.margin = _MARGIN * float(np.abs(diagonal).min())

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

    def matrix(self, fractions: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """The Hermitian matrix whose least eigenvalue is beta."""
        waves = (self.frequencies + fractions[:, None]) / self.periods[:, None]
        still = ~waves.any(axis=0)
        waves[:, still] = direction[:, None]
        waves /= np.linalg.norm(waves, axis=0)
        found = np.einsum("kp,ikjlpq,lq->ipjq", waves, self.coefficients, waves, optimize=True)
        size = self.dim * waves.shape[1]
        matrix = found.reshape(size, size)
        return np.asarray((matrix + matrix.conj().T) / 2)

    def sampled(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(k in units of 2 pi / period, direction at k = 0), one of k and -k each."""
        for steps in product(range(-_REACH[self.dim], _REACH[self.dim] + 1), repeat=self.dim):
            if gcd(*steps) == 1 and _first(steps) > 0:
                along = np.array(steps) / self.periods
                yield np.zeros(self.dim), along / np.linalg.norm(along)
        half = _WAVES[self.dim] // 2
        for steps in product(range(1 - half, half + 1), repeat=self.dim):
            if _first(steps) > 0:
                k = np.array(steps) / (2 * half)
                yield k, k / self.periods / np.linalg.norm(k / self.periods)

    def wave(self, fractions: np.ndarray, direction: np.ndarray) -> Wave:
        values = linalg.eigh(
            self.matrix(fractions, direction), eigvals_only=True, subset_by_index=[0, 0]
        )
        return Wave(tuple(fractions.tolist()), tuple(direction.tolist()), float(values[0]))

    def least(self) -> Wave:
        """The wave of the least beta."""
        return min(self.waves(), key=lambda wave: wave.beta)

    def waves(self) -> list[Wave]:
        """The waves of all sampled k."""
        return [self.wave(*at) for at in self.sampled()]

    def unstable(self) -> Wave | None:
        """A wave whose beta is not above the margin, if there is one: that of the least beta."""
        for at in self.sampled():
            matrix = self.matrix(*at)
            matrix[np.diag_indices_from(matrix)] -= self.margin
            try:
                np.linalg.cholesky(matrix)
            except np.linalg.LinAlgError:
                return self.least()
        return None


def _first(steps: tuple[int, ...]) -> int:
    """The first entry that is not 0: of k and -k one has a positive one."""
    return next((step for step in steps if step), 0)
