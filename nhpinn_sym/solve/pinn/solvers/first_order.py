"""torch's own Adam and L-BFGS, one step at a time; their `state_dict` is part of the state, so that
a run can be continued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .evaluations import Evaluations
from .protocol import Loss, State
from .results import Result

_EVALUATIONS, _HISTORY = 25, 100


@dataclass(frozen=True)
class TorchState(State):
    """gradient at x, steps done, and what torch's optimizer remembers."""

    gradient: Tensor = field(default_factory=lambda: torch.zeros(0))
    count: int = 0
    memory: dict[Any, Any] = field(default_factory=dict)


def _stepped(
    make: Callable[[list[Tensor]], torch.optim.Optimizer], loss: Loss, state: TorchState
) -> TorchState:
    """The state after one `step` of the optimizer that `make` gives."""
    x, known = state.x.clone(), Evaluations(loss)
    known.put(state.x, state.loss, state.gradient)
    optimizer = make([x])
    optimizer.load_state_dict(
        {"state": state.memory, "param_groups": optimizer.state_dict()["param_groups"]}
    )

    def closure() -> float:
        value, x.grad = known.at(x)
        return value

    optimizer.step(closure)
    x.grad = None
    value, gradient = known.at(x)
    return TorchState(x, value, None, gradient, state.count + 1, optimizer.state_dict()["state"])


def _begun(loss: Loss) -> TorchState:
    value, gradient = loss.value_and_gradient(loss.start)
    return TorchState(loss.start, value, None, gradient)


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
        return _begun(loss)

    def step(self, loss: Loss, state: TorchState) -> TorchState:
        rate = self.first * (self.last / self.first) ** (state.count / self.iterations)
        return _stepped(lambda parameters: torch.optim.Adam(parameters, lr=rate), loss, state)


class LBFGS:
    """With the strong Wolfe line search; STALLED when steepest descent finds no lower point
    either.
    """

    iterations, every, state = 5000, 20, TorchState

    def begin(self, loss: Loss) -> TorchState:
        return _begun(loss)

    def step(self, loss: Loss, state: TorchState) -> TorchState:
        moved = _stepped(_one_lbfgs_step, loss, state)
        if moved.loss < state.loss:
            return moved
        return replace(state, memory={}) if state.memory else replace(state, result=Result.STALLED)


def _one_lbfgs_step(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.LBFGS(
        parameters,
        max_iter=1,
        max_eval=_EVALUATIONS,
        history_size=_HISTORY,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
