"""Gauss-Newton with a line search (for PINNs: arXiv 2302.13163), damped at rounding level only."""

from __future__ import annotations

from dataclasses import replace

import torch

from .damped import Damped
from .protocol import LeastSquaresLoss, State
from .results import Result

_RIDGE, _SLOPE, _HALVINGS = 5e5, 1e-4, 40  # the ridge in units of rounding


class GaussNewton:
    """STALLED when no step length gives a descent, RANK_DEFICIENT where the normal equations have
    no solution.
    """

    iterations, every, state = 200, 1, State

    def begin(self, loss: LeastSquaresLoss) -> State:
        return State(loss.start, loss.value(loss.start))

    def step(self, loss: LeastSquaresLoss, state: State) -> State:
        model = Damped(*loss.residual_and_jacobian(state.x))
        direction = model.step(_RIDGE * torch.finfo(state.x.dtype).eps * model.scale)
        if direction is None:
            return replace(state, result=Result.RANK_DEFICIENT)
        slope, length = 2 * float(model.gradient @ direction), 1.0
        for _ in range(_HALVINGS):
            moved = state.x + length * direction
            value = loss.value(moved)
            if value < state.loss + _SLOPE * length * slope:
                return State(moved, value)
            length /= 2
        return replace(state, result=Result.STALLED)
