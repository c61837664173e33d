"""Losses and gradients that are computed once per point."""

from __future__ import annotations

from torch import Tensor

from .protocol import Loss


class Evaluations:
    """The loss and gradient at points of one line search."""

    def __init__(self, loss: Loss) -> None:
        self._loss, self._known = loss, dict[bytes, tuple[float, Tensor]]()

    def at(self, x: Tensor) -> tuple[float, Tensor]:
        key = x.detach().cpu().numpy().tobytes()
        if key not in self._known:
            self._known[key] = self._loss.value_and_gradient(x.detach())
        return self._known[key]

    def put(self, x: Tensor, value: float, gradient: Tensor) -> None:
        """What is known already."""
        self._known[x.detach().cpu().numpy().tobytes()] = value, gradient
