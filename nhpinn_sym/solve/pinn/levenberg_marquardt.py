"""Optimizers for sums of squares, with a dense Jacobian: that of Levenberg and Marquardt, and
variable projection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...runtime.nets.least_squares import least_squares, orthonormal
from .minimize import LeastSquaresLoss, Result, SeparableLoss, State

FIRST_DAMPING = 1e-2
"""Of Levenberg-Marquardt, in units of the squared relative residual per squared weight."""
# So small that the first steps are nearly those of Gauss and Newton; it rises where they fail.
GAUSS_NEWTON_DAMPING = 1e-6
# Below it the damping is rounding.
_LEAST_DAMPING = 1e-15
# Beyond it a step moves nothing: no damping gives a descent.
_LARGEST_DAMPING = 1e12
# Of the linear unknowns that variable projection eliminates, in units of rounding.
_ELIMINATION_RIDGE = 500.0


class Damped:
    """min over d of |r + J d|^2 + damping |d|^2, in the space of unknowns or in that of samples,
    whichever is smaller.

    With fewer rows than columns by the identity of Woodbury: d = -J^T (J J^T + damping)^-1 r (for
    PINNs: arXiv 2505.12149).
    """

    def __init__(self, residual: Tensor, jacobian: Tensor) -> None:
        self.jacobian = jacobian
        self.in_samples = jacobian.shape[0] < jacobian.shape[1]
        self.gradient = jacobian.T @ residual
        self.gram = jacobian @ jacobian.T if self.in_samples else jacobian.T @ jacobian
        self._right = residual if self.in_samples else self.gradient

    def step(self, damping: float) -> Tensor | None:
        """d, or None where the matrix is not positive definite to rounding."""
        shifted = self.gram.clone()
        shifted.diagonal().add_(damping)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if failed:
            return None
        solved = torch.cholesky_solve(-self._right[:, None], factor)[:, 0]
        if self.in_samples:
            return self.jacobian.T @ solved
        return solved


@dataclass(frozen=True)
class DampedState(State):
    """damping: that the next step is tried with."""

    damping: float = FIRST_DAMPING


class LevenbergMarquardt:
    """With the damping of Transtrum and Sethna 2012 (arXiv 1201.5885): lowered by 10, raised by 2.

    Every step is one damping that was tried; STALLED when no damping gives a descent. A first
    damping near zero makes it Gauss-Newton's method (for PINNs: arXiv 2302.13163).
    """

    iterations = 400
    every = 1
    state = DampedState

    def __init__(self, first_damping: float = FIRST_DAMPING) -> None:
        self._first_damping = first_damping
        self._model: tuple[Tensor, Damped] | None = None

    def begin(self, loss: LeastSquaresLoss) -> DampedState:
        return DampedState(loss.start, loss.value(loss.start), None, self._first_damping)

    def step(self, loss: LeastSquaresLoss, state: DampedState) -> DampedState:
        if state.damping > _LARGEST_DAMPING:
            return replace(state, result=Result.STALLED)
        change = self._at(loss, state.x).step(state.damping)
        if change is not None:
            moved = state.x + change
            value = loss.value(moved)
            if value < state.loss:
                return _accepted(moved, value, state)
        return replace(state, damping=2 * state.damping)

    def _at(self, loss: LeastSquaresLoss, x: Tensor) -> Damped:
        """The linear model at x, kept while steps are rejected."""
        if self._model is None or self._model[0] is not x:
            self._model = x, Damped(*loss.residual_and_jacobian(x))
        return self._model[1]


class VariableProjection:
    """The unknowns in which the residual is linear are eliminated by least squares, the others go
    by Levenberg-Marquardt.

    Golub and Pereyra 1973; the Jacobian of the projected residual as Kaufman 1975 has it, P J with
    the projector P onto the complement of the linear columns. It has the gradient of the projected
    loss. Every step is one damping that was tried; x always holds the best linear unknowns for its
    others.
    """

    iterations = 400
    every = 1
    state = DampedState

    def __init__(self) -> None:
        self._model: tuple[Tensor, Damped] | None = None

    def begin(self, loss: SeparableLoss) -> DampedState:
        return DampedState(*project_linear(loss, loss.start))

    def step(self, loss: SeparableLoss, state: DampedState) -> DampedState:
        if state.damping > _LARGEST_DAMPING:
            return replace(state, result=Result.STALLED)
        change = self._at(loss, state.x).step(state.damping)
        if change is not None and bool(change.isfinite().all()):
            moved = state.x.clone()
            moved[: len(change)] += change
            moved, value = project_linear(loss, moved)
            if value < state.loss:
                return _accepted(moved, value, state)
        return replace(state, damping=2 * state.damping)

    def _at(self, loss: SeparableLoss, x: Tensor) -> Damped:
        if self._model is None or self._model[0] is not x:
            self._model = x, Damped(*kaufman(loss, x))
        return self._model[1]


def project_linear(loss: SeparableLoss, x: Tensor) -> tuple[Tensor, float]:
    """x with the best linear unknowns, and its loss; infinite where the step was so large that
    numbers overflow.
    """
    matrix, target = loss.linear_rows(x)
    if not matrix.isfinite().all():
        return x, math.inf
    moved = x.clone()
    moved[loss.linear] = least_squares(matrix, target[:, None], _ELIMINATION_RIDGE)[:, 0]
    return moved, float((matrix @ moved[loss.linear] - target).square().sum())


def kaufman(loss: SeparableLoss, x: Tensor) -> tuple[Tensor, Tensor]:
    """The residual, and the Jacobian (n, other unknowns) of the projected residual, where x has the
    best linear unknowns.
    """
    residual, jacobian = loss.residual_and_jacobian(x)
    linear = jacobian[:, loss.linear]
    others = jacobian[:, : loss.linear.start]
    basis = orthonormal(linear, _ELIMINATION_RIDGE)
    return residual, others - basis @ (basis.T @ others)


def _accepted(moved: Tensor, value: float, before: DampedState) -> DampedState:
    return DampedState(moved, value, damping=max(_LEAST_DAMPING, before.damping / 10))
