"""Levenberg-Marquardt with the damping of Transtrum and Sethna 2012 (arXiv 1201.5885): lowered by
10, raised by 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from .damped import Damped
from .protocol import LeastSquaresLoss, State
from .results import Result

FIRST_DAMPING, LEAST, GIVE_UP = 1e-2, 1e-15, 1e12


@dataclass(frozen=True)
class DampedState(State):
    damping: float = FIRST_DAMPING


class LevenbergMarquardt:
    """Every step is one damping that was tried; STALLED when no damping gives a descent."""

    iterations, every, state = 400, 1, DampedState

    def __init__(self) -> None:
        self._model: tuple[Tensor, Damped] | None = None

    def begin(self, loss: LeastSquaresLoss) -> DampedState:
        return DampedState(loss.start, loss.value(loss.start))

    def step(self, loss: LeastSquaresLoss, state: DampedState) -> DampedState:
        if state.damping > GIVE_UP:
            return replace(state, result=Result.STALLED)
        change = self._at(loss, state.x).step(state.damping)
        if change is not None:
            moved = state.x + change
            value = loss.value(moved)
            if value < state.loss:
                return DampedState(moved, value, damping=max(LEAST, state.damping / 10))
        return replace(state, damping=2 * state.damping)

    def _at(self, loss: LeastSquaresLoss, x: Tensor) -> Damped:
        """The linear model at x, kept while steps are rejected."""
        if self._model is None or self._model[0] is not x:
            self._model = x, Damped(*loss.residual_and_jacobian(x))
        return self._model[1]
