"""Self-scaled BFGS with a dense inverse Hessian (Al-Baali 1998; for PINNs: arXiv 2405.04230), for
nets of up to a few thousand weights.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import torch
from scipy.optimize import line_search
from torch import Tensor

from ...solution import Array
from .evaluations import Evaluations
from .protocol import Loss, State
from .results import Result


@dataclass(frozen=True)
class QuasiNewtonState(State):
    """gradient (n,), inverse (n, n), the loss before, and whether the inverse is a multiple of the
    identity still.
    """

    gradient: Tensor = field(default_factory=lambda: torch.zeros(0))
    inverse: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    before: float | None = None
    fresh: bool = True


class SelfScaledBFGS:
    """STALLED when steepest descent finds no lower point either, or at rounding."""

    iterations, every, state = 5000, 20, QuasiNewtonState

    def begin(self, loss: Loss) -> QuasiNewtonState:
        value, gradient = loss.value_and_gradient(loss.start)
        return QuasiNewtonState(loss.start, value, None, gradient, _steepest(gradient))

    def step(self, loss: Loss, state: QuasiNewtonState) -> QuasiNewtonState:
        direction, known = -(state.inverse @ state.gradient), Evaluations(loss)
        known.put(state.x, state.loss, state.gradient)
        length = _length(known, state, direction)
        if length is None:
            if state.fresh:
                return replace(state, result=Result.STALLED)
            return replace(state, inverse=_steepest(state.gradient), before=None, fresh=True)
        moved = state.x + length * direction
        value, gradient = known.at(moved)
        if not float(direction @ (gradient - state.gradient)) > 0:
            return replace(state, x=moved, loss=value, gradient=gradient, result=Result.STALLED)
        inverse = _updated(state, length, direction, gradient)
        return QuasiNewtonState(moved, value, None, gradient, inverse, state.loss, fresh=False)


def _length(known: Evaluations, state: QuasiNewtonState, direction: Tensor) -> float | None:
    """The step length that satisfies the strong Wolfe conditions, None where SciPy finds none."""

    def at(p: Array) -> tuple[float, Tensor]:
        return known.at(torch.as_tensor(p, dtype=state.x.dtype, device=state.x.device))

    def value(p: Array) -> float:
        return at(p)[0]

    def slope(p: Array) -> Array:
        return at(p)[1].cpu().numpy()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns where it returns None as well
        arrays = [tensor.cpu().numpy() for tensor in (state.x, direction, state.gradient)]
        found = line_search(value, slope, *arrays, state.loss, state.before, maxiter=20)[0]
    if (
        found is None or not value(arrays[0] + found * arrays[1]) < state.loss
    ):  # SciPy returns the last length that it tried as well
        return None
    return float(found)


def _steepest(gradient: Tensor) -> Tensor:
    return torch.eye(len(gradient), dtype=gradient.dtype, device=gradient.device) / max(
        1.0, float(gradient.norm())
    )


def _updated(state: QuasiNewtonState, length: float, direction: Tensor, gradient: Tensor) -> Tensor:
    """The BFGS update in its difference form, after dividing the part that is carried over by tau =
    min(1, s.y / s.B s).
    """
    step, change, inverse = length * direction, gradient - state.gradient, state.inverse
    curvature = float(step @ change)
    if state.fresh:
        inverse = torch.eye(len(step), dtype=step.dtype, device=step.device) * (
            curvature / float(change @ change)
        )
    tau = 1.0 if state.fresh else min(1.0, curvature / float(-length * (step @ state.gradient)))
    image = inverse @ change
    norm = float(change @ image)
    ortho = max(norm, 0.0) ** 0.5 * (step / curvature - image / norm)
    inverse = inverse.addr(image, image, alpha=-1 / norm).addr_(ortho, ortho)
    return inverse.div_(tau).addr_(step, step, alpha=1 / curvature)
