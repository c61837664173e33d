"""The branch of states of finite strain from no strain, by continuation in the gradient, up to the
first instability.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .bloch_stability import MODES, BlochWaves, Wave
from .grid import Grid
from .states import MacroState, States, StateSolver

_MODES = {2: 7, 3: 5}
"""Modes of waves per axis on the way, by the dimension; the end is asked with all."""
_STEP = 0.05
"""Largest change of the gradient in one step along a branch."""
_SHORTEST = 1 / 64
"""Share of the first step below which a step is not made shorter."""
_HALVINGS = 6
"""Of the step in which a branch becomes unstable, to find where."""


@dataclass(frozen=True)
class Branch:
    """The end of the branch of states at gradients t G, 0 <= t <= 1.

    load    : t of the last state that was found
    wave    : the first instability, which is there; None where none was met
    crossed : whether the next states have places where det(I + G + grad N) is not positive
    """

    macro: MacroState
    states: States
    load: float
    wave: Wave | None = None
    crossed: bool = False


def follow(solver: StateSolver, macro: MacroState, *, through: bool = False) -> Branch:
    """The branch to one state, by steps that Newton's method manages; up to the first instability,
    or `through` all of them.
    """
    first = _STEP / max(float(np.linalg.norm(macro.slopes)), _STEP)
    step = first
    branch = _at(solver, macro, 0.0, None)
    while branch.load < 1 and step > _SHORTEST * first:
        ahead = _at(solver, macro, min(1.0, branch.load + step), branch)
        if ahead.crossed or not np.all(ahead.states.solved):
            step /= 2
            branch = replace(branch, crossed=ahead.crossed)
            continue
        modes = MODES[solver.d] if ahead.load == 1 else _MODES[solver.d]
        wave = None if through else _unstable(solver, ahead, modes)
        if wave is not None:
            return _onset(solver, macro, branch, replace(ahead, wave=wave), modes)
        branch = ahead
    return branch


def least_volume(
    solver: StateSolver, macro: MacroState, states: States, share: float = 1.0
) -> float:
    """The least det(I + t (G + grad N)) in the cell, also between the points of the grid, and of
    all states, t = `share`.
    """
    coarse = solver.grid
    grid = Grid(coarse.bounds, 2 * coarse.n + 1)
    modes = grid.refined(states.modes, coarse)
    slopes = [np.moveaxis(grid.derivative(modes, unit), 1, 0) for unit in solver.units]
    total = share * (np.stack(slopes, axis=1) + grid.cell(macro.slopes))
    matrices = np.moveaxis(total, (0, 1), (-2, -1)) + np.eye(solver.d)
    return float(np.linalg.det(matrices).min())


def _unstable(solver: StateSolver, branch: Branch, modes: int) -> Wave | None:
    return BlochWaves(solver, branch.macro, branch.states, modes).unstable()


def _at(solver: StateSolver, macro: MacroState, load: float, before: Branch | None) -> Branch:
    """The state at a load, from the one before."""
    own = macro.with_slopes(load * macro.slopes)
    with np.errstate(all="ignore"):  # an energy may end where Newton's method looks
        states = solver.solve(own, None if before is None else before.states.modes)
    return Branch(own, states, load, crossed=least_volume(solver, own, states) <= 0)


def _onset(
    solver: StateSolver, macro: MacroState, stable: Branch, unstable: Branch, modes: int
) -> Branch:
    """The first unstable state between the two, to a share of their distance."""
    for _ in range(_HALVINGS):
        middle = _at(solver, macro, (stable.load + unstable.load) / 2, stable)
        if not np.all(middle.states.solved):
            break
        wave = _unstable(solver, middle, modes)
        if wave is None:
            stable = middle
        else:
            unstable = replace(middle, wave=wave)
    return unstable
