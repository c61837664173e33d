"""The terms of a loss, each for several nets at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..objective import Objective
from ..rows import Rows
from .batched_mlp import BatchedMlp


class LossTerm(Protocol):
    """A number for every net."""

    name: str
    weight: float

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(nets,) and (nets, parameters) for weights x (nets, parameters)."""


class ResidualLoss:
    """The mean square of collocation rows, as they are (no units); one block of rows per net."""

    def __init__(
        self, name: str, weight: float, nets: BatchedMlp, rows: Sequence[Rows], flavour: str
    ) -> None:
        self.name, self.weight = name, weight
        layers = nets.networks(nets.start(0)[None])[0].layers
        self.objectives = [Objective(nets.trial, block, layers, flavour) for block in rows]

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pairs = [
            objective.value_and_gradient(row)
            for objective, row in zip(self.objectives, x, strict=True)
        ]
        return x.new_tensor([value for value, _ in pairs]), torch.stack(
            [gradient for _, gradient in pairs]
        )


class PeriodicityLoss:
    """factor * the mean square difference of the values at pairs of points."""

    def __init__(
        self,
        name: str,
        weight: float,
        nets: BatchedMlp,
        pairs: tuple[Tensor, Tensor],
        factor: float = 1.0,
    ) -> None:
        self.name, self.weight, self.nets, self.factor = name, weight, nets, factor
        self.points = torch.cat(pairs).to(nets.trial.device)

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        variable = x.detach().requires_grad_()
        first, second = self.nets.values(variable, self.points).chunk(2, 1)
        values = self.factor * (first - second).square().mean((1, 2))
        return values.detach(), torch.autograd.grad(values.sum(), variable)[0]


def plain_rows(points: Tensor, weights: Tensor, target: Tensor) -> Rows:
    """Rows without known functions, in their own unit; weights (n, equations, components,
    derivatives), target (n, equations).
    """
    return Rows(
        points, weights, target.new_zeros(*target.shape, 0), target[..., None], target.new_ones(1)
    )
