"""State problems in the span of the features of a network: one hidden layer of random, periodic
features of y alone, whose last layer is a function of the macroscopic state.

The last layer solves the state problem in the weak sense, by Newton's method: it is the least
energy in the span where the flux has a potential, so that flux and tangent have the square of the
error of the corrector. A law that is asked for often is reduced to the few functions that trained
states span (`reduced_law`); their coefficients are found anew at every state, without a box.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .fourier.grid import Grid
from .fourier.states import LawValues, MacroState, States, StateSolver
from .reduced_basis import span_of
from .reduced_law import ReducedLaw

SCALES = (0.3, 0.6, 1.2, 2.4)
"""Of the weights of hidden layers that are tried: how much a feature varies within a period."""
# Singular values of the slopes of features, relative to the first, below which they are rounding.
_INDEPENDENT = 1e-11


class FeatureSolver(StateSolver):
    """The state problem of an emitted text (`forms`) in the span of `count` features, with the
    points of a grid as quadrature.
    """

    def __init__(self, forms: Any, grid: Grid, count: int, scale: float, seed: int) -> None:
        super().__init__(forms, grid)
        self.count = count
        self.scale = scale
        values, slopes = hidden_layer(grid, count, scale, seed)
        points = grid.columns
        span = span_of(values, slopes, points, self.m, _INDEPENDENT)
        self.law_in_span = ReducedLaw(forms, span)

    def solve_states(
        self, macro: MacroState, guess: np.ndarray | None = None
    ) -> tuple[LawValues, States]:
        """The law at n states, and these with their columns; guess: modes (n, m, ...) on the
        grid.
        """
        law = self.law_in_span
        values, c = law(macro, None if guess is None else self._coefficients(guess))
        states = self.states_of(law, macro, c)
        columns = np.moveaxis(law.columns(macro, np.nan_to_num(c)), 2, 0)
        return values, replace(states, columns=self.modes_of(law, columns))

    def states_of(self, law: ReducedLaw, macro: MacroState, c: np.ndarray) -> States:
        """The states with coefficients (n, k) in the basis of a law on this grid; infinite
        residuals where they are not numbers.
        """
        found = np.all(np.isfinite(c), axis=1)
        known = np.nan_to_num(c)
        residual = np.where(found, 0.0, np.inf)
        return States(self.modes_of(law, known), residual, 0, law.mean_source(macro, known))

    def defect(self, macro: MacroState, modes: np.ndarray) -> float:
        """The norm in H^-1 of what is left of the equation by modes on this grid, at all states."""
        residual, _ = self.residual(macro, modes)
        operator = self.operator(macro, modes)
        with np.errstate(all="ignore"):
            return float(np.sum(self._size(operator, residual)))

    def _coefficients(self, guess: np.ndarray) -> np.ndarray:
        """(n, k) of modes (n, m, ...): the basis is orthonormal in the slopes."""
        basis = self.law_in_span.basis
        slopes = np.stack([self.grid.derivative(guess, unit) for unit in self.units], axis=2)
        flat = slopes.reshape(len(guess), -1)
        return np.asarray(flat @ basis.slopes.reshape(basis.count, -1).T) / self.law_in_span.q

    def modes_of(self, law: ReducedLaw, c: np.ndarray) -> np.ndarray:
        """Modes (..., m, *grid) of coefficients (..., k)."""
        basis = law.basis
        values = c @ basis.values.reshape(basis.count, -1)
        return self.grid.forward(values.reshape(*c.shape[:-1], self.m, *self.grid.shape))


def chosen_scale(forms: Any, n: int, count: int, macro: MacroState) -> float:
    """The scale of the weights with which the equation is met best between the quadrature
    points, on a grid of 2 n + 1 points per axis.
    """
    best = SCALES[0]
    least = np.inf
    coarse = Grid(forms.CELL, n)
    fine = FeatureSolver(forms, Grid(forms.CELL, 2 * n + 1), 1, 1.0, 0)
    for scale in SCALES:
        solver = FeatureSolver(forms, coarse, count, scale, seed=0)
        _, states = solver.solve_states(macro)
        if not np.all(states.solved):
            continue
        defect = fine.defect(macro, fine.grid.refined(states.modes, coarse))
        if defect < least:
            least = defect
            best = scale
    return best


def hidden_layer(grid: Grid, count: int, scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """tanh( W (cos, sin)(2 pi y / period) + b ): values (count, q) with zero mean and slopes
    (count, d, q) at the points of a grid.
    """
    d = grid.dim
    rng = np.random.default_rng(seed)
    weights = scale * rng.normal(size=(count, 2 * d))
    shifts = rng.uniform(-1, 1, size=(count, 1))
    points = grid.columns
    starts = np.array([[a] for a, _ in grid.bounds])
    waves = np.array([[2 * np.pi / (b - a)] for a, b in grid.bounds])
    angles = waves * (points - starts)
    values = np.tanh(weights @ np.concatenate([np.cos(angles), np.sin(angles)]) + shifts)
    outer = 1 - values**2
    slopes = np.empty((count, d, points.shape[1]))
    for axis in range(d):
        inner = np.outer(weights[:, d + axis], np.cos(angles[axis]))
        inner -= np.outer(weights[:, axis], np.sin(angles[axis]))
        slopes[:, axis] = waves[axis] * outer * inner
    return values - values.mean(axis=1, keepdims=True), slopes
