"""Adam with an exponentially falling rate: the baseline that most of the PINN literature uses."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .objective import Objective

ITERATIONS = 5000
_FIRST, _LAST = 5e-3, 1e-5


def minimize(objective: Objective, iterations: int) -> Iterator[tuple[Tensor, float]]:
    """Yields (parameters, loss before the step) `iterations` times; the rate falls from 5e-3 to 1e-5."""
    x = objective.start.clone()
    optimizer = torch.optim.Adam([x], lr=_FIRST)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, (_LAST / _FIRST) ** (1 / iterations))
    for _ in range(iterations):
        loss, x.grad = objective.value_and_gradient(x)
        optimizer.step()
        schedule.step()
        yield x.clone(), loss
