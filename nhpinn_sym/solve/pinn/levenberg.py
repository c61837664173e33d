"""Levenberg-Marquardt with the damping of Transtrum and Sethna 2012 (arXiv 1201.5885): lowered by 10, raised by 2."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .objective import Objective

ITERATIONS = 120
_DAMPING, _GIVE_UP = 1e-2, 1e12


def minimize(objective: Objective, iterations: int) -> Iterator[tuple[Tensor, float]]:
    """Yields (parameters, loss) after every step that was tried; ends when no damping gives a descent."""
    x, damping = objective.start, _DAMPING
    residual, jacobian = objective.residual_and_jacobian(x)
    loss = float(residual @ residual)
    identity = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(iterations):
        if damping > _GIVE_UP:
            return
        factor, failed = torch.linalg.cholesky_ex(jacobian.T @ jacobian + damping * identity)
        trial = x - torch.cholesky_solve((jacobian.T @ residual)[:, None], factor)[:, 0]
        if not failed and objective.value(trial) < loss:
            x, damping = trial, damping / 10
            residual, jacobian = objective.residual_and_jacobian(x)
            loss = float(residual @ residual)
        else:
            damping *= 2
        yield x, loss
