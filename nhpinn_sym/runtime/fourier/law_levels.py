"""The law of a nonlinear cell at macroscopic states: grids grow until it stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import MultiIndex
from ..levels import ROUNDING
from ..nonlinear_arrays import CONTINUATION, MEASURED
from .bloch_stability import GridStrains
from .energies import energy, energy_bounds
from .grid import Grid, evaluate_modes
from .refinement import estimate, grid_sizes
from .states import LawValues, MacroState, States, StateSolver

FIRST = {1: 27, 2: 15, 3: 9}
"""Points per axis of the first grid: states are solved again and again."""
NUMBERS = 2**21
"""Numbers of one array over the grid and all states that are solved at once."""
# Grids before which a state is not given up: what is not resolved yet falls slowly first.
_PATIENCE = 6

Start = tuple[np.ndarray, Grid]
"""Modes (n, m, ...) of n states, and the grid that they are of."""


@dataclass(frozen=True)
class LawLevel:
    """The law at n states on the last of the grids, its relative `estimate` (n,) and the sizes of
    all grids.
    """

    values: LawValues
    states: States
    solver: StateSolver
    estimate: np.ndarray
    sizes: tuple[int, ...]

    @property
    def strains(self) -> GridStrains:
        """What states of finite strain are solved in."""
        return GridStrains(self.solver)

    def corrector(self, k: int, points: np.ndarray, index: MultiIndex) -> np.ndarray:
        """D^index of the corrector of state k at points (q, d): (m, q)."""
        grid = self.solver.grid
        values = grid.backward(self.states.modes[k])
        modes = np.fft.fftn(values, axes=grid.axes, norm="forward")
        return evaluate_modes(modes, grid.bounds, points, index)

    def energy(self, macro: MacroState) -> np.ndarray:
        """f* at the states: (n,)."""
        return energy(self.solver, macro, self.states)

    def bounds(self, macro: MacroState) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ones of it, (n,) each."""
        return energy_bounds(self.solver, macro, self.states)


def law_at(
    forms: Any,
    macro: MacroState,
    tolerance: float,
    n: int | None = None,
    least: int = 1,
    start: Start | None = None,
) -> LawLevel:
    """The law with an estimate below `tolerance`, or on a grid of n points per axis (then coarser
    ones serve the estimate), or on the finest there is. `solved` of its states says which were
    found. start: from where the first grid is solved.
    """
    histories: list[list[tuple[int, Mapping[Any, Any]]]] = [[] for _ in range(macro.count)]
    sizes: list[int] = []
    worst: list[float] = []
    level: LawLevel | None = None
    possible = grid_sizes(forms, n, least, FIRST)
    for size in possible:
        solver = StateSolver(forms, Grid(forms.CELL, size))
        guess = None
        if start is not None:
            guess = solver.grid.refined(start[0], start[1])
        values, states = solve_states(solver, macro, guess)
        sizes.append(size)
        for k, history in enumerate(histories):
            history.append((size, law_entries(values, k)))
        found = [estimate(history, forms.JUMPS, len(forms.CELL)) for history in histories]
        level = LawLevel(values, states, solver, np.array(found), tuple(sizes))
        start = (states.modes, solver.grid)
        if not np.all(states.solved):
            return level
        worst.append(float(level.estimate.max()))
        if n is None and worst[-1] <= max(tolerance, ROUNDING):
            break
        if n is None and not forms.JUMPS and out_of_reach(worst, sizes, possible[-1], tolerance):
            break
    assert level is not None
    return level


def out_of_reach(
    worst: Sequence[float], sizes: Sequence[int], finest: int, tolerance: float
) -> bool:
    """Whether errors that fall by twice the powers of n that the last grids show, as errors of
    smooth states fall ever faster, are above the tolerance on the finest grid there is: the state
    localizes, and every grid costs more than all before.
    """
    if len(sizes) < _PATIENCE:
        return False
    for k in (-2, -1):
        order = np.log(worst[k - 1] / worst[k]) / np.log(sizes[k] / sizes[k - 1])
        if worst[k] * (sizes[k] / finest) ** (2 * max(order, 0.0)) <= tolerance:
            return False
    return True


def solve_states(
    solver: StateSolver, macro: MacroState, guess: np.ndarray | None = None
) -> tuple[LawValues, States]:
    """The law at all states on one grid, in chunks that fit into memory; what Newton's method does
    not find at once is approached from smaller slopes.
    """
    points = int(np.prod(solver.grid.shape)) * solver.m * solver.d * (solver.m * solver.d + 2)
    count = max(1, NUMBERS // points)
    parts = []
    for start in range(0, macro.count, count):
        chosen = slice(start, start + count)
        own = macro.part(chosen)
        states = _found(solver, own, None if guess is None else guess[chosen])
        parts.append(solver.law(own, states))
    names = parts[0][0].arrays
    values = {name: np.concatenate([p.arrays[name] for p, _ in parts], -1) for name in names}
    columns = [s.columns for _, s in parts if s.columns is not None]
    states = States(
        np.concatenate([s.modes for _, s in parts]),
        np.concatenate([s.residual for _, s in parts]),
        max(s.steps for _, s in parts),
        max(s.multiplier for _, s in parts),
        np.concatenate(columns, axis=1),
    )
    return LawValues(values), states


def _found(solver: StateSolver, macro: MacroState, guess: np.ndarray | None) -> States:
    """The states; those that are lost by continuation in the slopes."""
    states = solver.solve(macro, guess)
    if np.all(states.solved):
        return states
    lost = np.flatnonzero(~states.solved)
    own = macro.part(lost)
    start = None
    for share in (0.0, *CONTINUATION):
        nearer = solver.solve(own.with_slopes(share * own.slopes), start)
        start = np.where(np.isfinite(nearer.modes), nearer.modes, 0)
    modes = states.modes.copy()
    residual = states.residual.copy()
    modes[lost] = nearer.modes
    residual[lost] = nearer.residual
    steps = max(states.steps, nearer.steps)
    return States(modes, residual, steps, max(states.multiplier, nearer.multiplier))


def law_entries(values: LawValues, k: int) -> dict[Any, Any]:
    """The entries of the law at one state, by (name, index)."""
    found: dict[Any, Any] = {}
    for name in MEASURED:
        array = values.arrays[name][..., k]
        found |= {(name, index): array[index] for index in np.ndindex(*array.shape)}
    return found
