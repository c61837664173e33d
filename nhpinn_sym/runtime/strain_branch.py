"""The branch of states of finite strain from no strain, by continuation in the gradient, up to the
first instability.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .arrays import Array
from .bloch_waves import Wave, Waves
from .fourier.states import MacroState, States

_STEP = 0.05
"""Largest change of the gradient in one step along a branch."""
_SHORTEST = 1 / 64
"""Share of the first step below which a step is not made shorter."""
_HALVINGS = 6
"""Of the step in which a branch becomes unstable, to find where."""


class StrainSpace(Protocol):
    """The functions that states of finite strain are solved in."""

    def solve(self, macro: MacroState, modes: Array | None) -> States:
        """From the modes of states nearby, or from nothing."""

    def waves(self, macro: MacroState, states: States, detail: int) -> Waves:
        """Of one state; detail: 0 on the way to a state, 1 at the one that is asked for, 2 to judge
        these.
        """

    def refined(self, modes: Array, coarser: Any) -> Array:
        """The modes here of states in another such space."""

    def change_of_errors(self, coarser: Any) -> float:
        """What these functions change of beta, at least, relative to the errors of others."""

    def least_volume(self, macro: MacroState, states: States, share: float = 1.0) -> float:
        """The least det(I + t (G + grad N)) in the cell and of all states, t = `share`."""


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


def follow(space: StrainSpace, macro: MacroState, *, through: bool = False) -> Branch:
    """The branch to one state, by steps that Newton's method manages; up to the first instability,
    or `through` all of them.
    """
    first = _STEP / max(float(np.linalg.norm(macro.slopes)), _STEP)
    step = first
    branch = _at(space, macro, 0.0, None)
    while branch.load < 1 and step > _SHORTEST * first:
        ahead = _at(space, macro, min(1.0, branch.load + step), branch)
        if ahead.crossed or not np.all(ahead.states.solved):
            step /= 2
            branch = replace(branch, crossed=ahead.crossed)
            continue
        if not through and _waves(space, ahead).unstable():
            return _onset(space, macro, branch, ahead)
        branch = ahead
    return branch


def _at(space: StrainSpace, macro: MacroState, load: float, before: Branch | None) -> Branch:
    """The state at a load, from the one before."""
    own = macro.with_slopes(load * macro.slopes)
    with np.errstate(all="ignore"):  # an energy may end where Newton's method looks
        states = space.solve(own, None if before is None else before.states.modes)
    return Branch(own, states, load, crossed=space.least_volume(own, states) <= 0)


def _waves(space: StrainSpace, branch: Branch) -> Waves:
    return space.waves(branch.macro, branch.states, int(branch.load == 1))


def _onset(space: StrainSpace, macro: MacroState, stable: Branch, unstable: Branch) -> Branch:
    """The first unstable state between the two, to a share of their distance, with its wave."""
    for _ in range(_HALVINGS):
        middle = _at(space, macro, (stable.load + unstable.load) / 2, stable)
        if not np.all(middle.states.solved):
            break
        if _waves(space, middle).unstable():
            unstable = middle
        else:
            stable = middle
    return replace(unstable, wave=_waves(space, unstable).least())
