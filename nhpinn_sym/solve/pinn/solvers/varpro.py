"""Variable projection: the unknowns in which the residual is linear are eliminated by least
squares, the others go by Levenberg-Marquardt.

Golub and Pereyra 1973; the Jacobian of the projected residual as Kaufman 1975 has it, P J with the
projector P onto the complement of the linear columns. It has the gradient of the projected loss.
"""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from .damped import Damped
from .levenberg import GIVE_UP, LEAST, DampedState
from .linear_least_squares import least_squares, orthonormal
from .protocol import SeparableLoss
from .results import Result

_RIDGE = 500.0


class VariableProjection:
    """Every step is one damping that was tried; x always holds the best linear unknowns for its
    others.
    """

    iterations, every, state = 400, 1, DampedState

    def __init__(self) -> None:
        self._model: tuple[Tensor, Damped] | None = None

    def begin(self, loss: SeparableLoss) -> DampedState:
        return DampedState(*projected(loss, loss.start))

    def step(self, loss: SeparableLoss, state: DampedState) -> DampedState:
        if state.damping > GIVE_UP:
            return replace(state, result=Result.STALLED)
        change = self._at(loss, state.x).step(state.damping)
        if change is not None and bool(change.isfinite().all()):
            moved = state.x.clone()
            moved[: len(change)] += change
            moved, value = projected(loss, moved)
            if value < state.loss:
                return DampedState(moved, value, damping=max(LEAST, state.damping / 10))
        return replace(state, damping=2 * state.damping)

    def _at(self, loss: SeparableLoss, x: Tensor) -> Damped:
        if self._model is None or self._model[0] is not x:
            self._model = x, Damped(*kaufman(loss, x))
        return self._model[1]


def projected(loss: SeparableLoss, x: Tensor) -> tuple[Tensor, float]:
    """x with the best linear unknowns, and its loss; infinite where the step was so large that
    numbers overflow.
    """
    matrix, target = loss.linear_rows(x)
    if not matrix.isfinite().all():
        return x, math.inf
    moved = x.clone()
    moved[loss.linear] = least_squares(matrix, target[:, None], _RIDGE)[:, 0]
    return moved, float((matrix @ moved[loss.linear] - target).square().sum())


def kaufman(loss: SeparableLoss, x: Tensor) -> tuple[Tensor, Tensor]:
    """The residual, and the Jacobian (n, other unknowns) of the projected residual, where x has the
    best linear unknowns.
    """
    residual, jacobian = loss.residual_and_jacobian(x)
    linear, others = jacobian[:, loss.linear], jacobian[:, : loss.linear.start]
    basis = orthonormal(linear, _RIDGE)
    return residual, others - basis @ (basis.T @ others)
