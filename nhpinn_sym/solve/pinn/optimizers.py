"""Optimizers for all weights of a net: small classes behind `minimize.Optimizer`, and the table of
them.

A new one is a class with `begin` and `step` (in a file of its own where it is long), and a row of
OPTIMIZERS.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..solution import Array
from .levenberg_marquardt import GAUSS_NEWTON_DAMPING, LevenbergMarquardt, VariableProjection
from .minimize import AnyOptimizer, Loss, Result, State

# Evaluations of the loss in one line search of L-BFGS.
_LINE_SEARCH = 25
# Pairs of steps and changes of the gradient that L-BFGS remembers.
_HISTORY = 100

Evaluate = Callable[[Tensor], tuple[float, Tensor]]


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
    """With a dense inverse Hessian (Al-Baali 1998; for PINNs: arXiv 2405.04230), for nets of up to
    a few thousand weights.

    STALLED when steepest descent finds no lower point either, or at rounding.
    """

    iterations = 5000
    every = 20
    state = QuasiNewtonState

    def begin(self, loss: Loss) -> QuasiNewtonState:
        value, gradient = loss.value_and_gradient(loss.start)
        return QuasiNewtonState(loss.start, value, None, gradient, _steepest(gradient))

    def step(self, loss: Loss, state: QuasiNewtonState) -> QuasiNewtonState:
        direction = -(state.inverse @ state.gradient)
        evaluate = _evaluations(loss, state.x, state.loss, state.gradient)
        length = _wolfe_length(evaluate, state, direction)
        if length is None:
            if state.fresh:
                return replace(state, result=Result.STALLED)
            return replace(state, inverse=_steepest(state.gradient), before=None, fresh=True)
        moved = state.x + length * direction
        value, gradient = evaluate(moved)
        if not float(direction @ (gradient - state.gradient)) > 0:
            return replace(state, x=moved, loss=value, gradient=gradient, result=Result.STALLED)
        inverse = _updated_inverse(state, length, direction, gradient)
        return QuasiNewtonState(moved, value, None, gradient, inverse, state.loss, fresh=False)


def _evaluations(loss: Loss, x: Tensor, value: float, gradient: Tensor) -> Evaluate:
    """The loss and its gradient, each point of a line search computed once; those at x are
    known.
    """
    known = {_bytes(x): (value, gradient)}

    def evaluate(point: Tensor) -> tuple[float, Tensor]:
        key = _bytes(point)
        if key not in known:
            known[key] = loss.value_and_gradient(point.detach())
        return known[key]

    return evaluate


def _bytes(x: Tensor) -> bytes:
    content: bytes = x.detach().cpu().numpy().tobytes()
    return content


def _wolfe_length(evaluate: Evaluate, state: QuasiNewtonState, direction: Tensor) -> float | None:
    """The step length that satisfies the strong Wolfe conditions, None where SciPy finds none."""

    def at(p: Array) -> tuple[float, Tensor]:
        return evaluate(torch.as_tensor(p, dtype=state.x.dtype, device=state.x.device))

    from scipy.optimize import line_search  # a quarter of a second, for one of the solvers

    def value(p: Array) -> float:
        return at(p)[0]

    def slope(p: Array) -> Array:
        return at(p)[1].cpu().numpy()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns where it returns None as well
        arrays = [tensor.cpu().numpy() for tensor in (state.x, direction, state.gradient)]
        found = line_search(value, slope, *arrays, state.loss, state.before, maxiter=20)[0]
    if found is None:
        return None
    return float(found)


def _steepest(gradient: Tensor) -> Tensor:
    identity = torch.eye(len(gradient), dtype=gradient.dtype, device=gradient.device)
    return identity / max(1.0, float(gradient.norm()))


def _updated_inverse(
    state: QuasiNewtonState, length: float, direction: Tensor, gradient: Tensor
) -> Tensor:
    """The BFGS update in its difference form, after dividing the part that is carried over by tau =
    min(1, s.y / s.B s).
    """
    step = length * direction
    change = gradient - state.gradient
    curvature = float(step @ change)
    inverse = state.inverse
    tau = 1.0
    if state.fresh:
        identity = torch.eye(len(step), dtype=step.dtype, device=step.device)
        inverse = identity * (curvature / float(change @ change))
    else:
        tau = min(1.0, curvature / float(-length * (step @ state.gradient)))
    image = inverse @ change
    norm = float(change @ image)
    ortho = max(norm, 0.0) ** 0.5 * (step / curvature - image / norm)
    inverse = inverse.addr(image, image, alpha=-1 / norm).addr_(ortho, ortho)
    return inverse.div_(tau).addr_(step, step, alpha=1 / curvature)


@dataclass(frozen=True)
class TorchState(State):
    """gradient at x, steps done, and what torch's optimizer remembers (its `state_dict`)."""

    gradient: Tensor = field(default_factory=lambda: torch.zeros(0))
    count: int = 0
    memory: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Adam:
    """With a rate that falls exponentially over `iterations`: the baseline that most of the PINN
    literature uses.
    """

    iterations: int = 5000
    first: float = 5e-3
    last: float = 1e-5
    state: type[TorchState] = TorchState

    @property
    def every(self) -> int:
        """Seldom: while the rate is high the loss stands for long."""
        return max(1, self.iterations // 50)

    def begin(self, loss: Loss) -> TorchState:
        return _torch_start(loss)

    def step(self, loss: Loss, state: TorchState) -> TorchState:
        rate = self.first * (self.last / self.first) ** (state.count / self.iterations)
        return _torch_step(partial(torch.optim.Adam, lr=rate), loss, state)


class LBFGS:
    """With the strong Wolfe line search; STALLED when steepest descent finds no lower point
    either.
    """

    iterations = 5000
    every = 20
    state = TorchState

    def begin(self, loss: Loss) -> TorchState:
        return _torch_start(loss)

    def step(self, loss: Loss, state: TorchState) -> TorchState:
        make = partial(
            torch.optim.LBFGS,
            max_iter=1,
            max_eval=_LINE_SEARCH,
            history_size=_HISTORY,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )
        moved = _torch_step(make, loss, state)
        if moved.loss < state.loss:
            return moved
        if state.memory:
            return replace(state, memory={})
        return replace(state, result=Result.STALLED)


def _torch_start(loss: Loss) -> TorchState:
    value, gradient = loss.value_and_gradient(loss.start)
    return TorchState(loss.start, value, None, gradient)


def _torch_step(
    make: Callable[..., torch.optim.Optimizer], loss: Loss, state: TorchState
) -> TorchState:
    """The state after one `step` of the optimizer of torch that `make` gives; its `state_dict` is
    part of the state, so that a run can be continued.
    """
    x = state.x.clone()
    evaluate = _evaluations(loss, state.x, state.loss, state.gradient)
    optimizer = make([x])
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state.memory, "param_groups": groups})

    def closure() -> float:
        value, x.grad = evaluate(x)
        return value

    optimizer.step(closure)
    x.grad = None
    value, gradient = evaluate(x)
    return TorchState(x, value, None, gradient, state.count + 1, optimizer.state_dict()["state"])


@dataclass(frozen=True)
class OptimizerRecord:
    """make: the optimizer with its defaults, or for so many iterations. dense: it needs residuals
    and their Jacobian, and so matrices of all weights. what: for messages and help.
    """

    make: Callable[[int | None], AnyOptimizer]
    dense: bool
    what: str


OPTIMIZERS: dict[str, OptimizerRecord] = {
    "varpro": OptimizerRecord(
        lambda count: VariableProjection(), True, "least squares, the last layer eliminated"
    ),
    "lm": OptimizerRecord(lambda count: LevenbergMarquardt(), True, "Levenberg-Marquardt"),
    "gauss-newton": OptimizerRecord(
        lambda count: LevenbergMarquardt(GAUSS_NEWTON_DAMPING),
        True,
        "Levenberg-Marquardt that begins without damping",
    ),
    "ssbfgs": OptimizerRecord(lambda count: SelfScaledBFGS(), False, "self-scaled BFGS, dense"),
    "lbfgs": OptimizerRecord(lambda count: LBFGS(), False, "L-BFGS of torch"),
    "adam": OptimizerRecord(
        lambda count: Adam() if count is None else Adam(count), False, "Adam of torch"
    ),
}


def make_optimizer(name: str, iterations: int | None) -> tuple[AnyOptimizer, int]:
    """The optimizer of that name, and how many steps it is to take: `iterations`, or as many as are
    usually enough.
    """
    optimizer = OPTIMIZERS[name].make(iterations)
    return optimizer, iterations or optimizer.iterations
