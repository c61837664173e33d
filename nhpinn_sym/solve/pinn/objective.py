"""The mean square residual of collocation rows as a function of all weights of a net, in one flat
vector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .flavours.choice import choose
from .flavours.task import Task
from .network import Layers, Network, Trial
from .rows import Rows, positive


class Objective:
    """loss(x) = mean_i r_i(x)^2 for a net and one right-hand side; x holds its layers and the
    coefficients of the known functions.

    The residual is divided by the size of its data, so that a loss is a squared relative residual.
    linear: the entries of x (those of the last layer and the coefficients) in which the residual is
    affine. flavour: the program that computes: "auto", "native" (C++), "torch" or "compile"
    (torch.compile); the attribute says what runs.
    Numbers are computed in the type of the rows.
    """

    def __init__(self, trial: Trial, rows: Rows, layers: Layers, flavour: str = "auto") -> None:
        self.trial, self.rows = trial, rows.scaled(1 / float(positive(rows.size)))
        flat = [tensor.flatten().to(rows.points.dtype) for layer in layers for tensor in layer]
        self.start = torch.cat([*flat, rows.points.new_zeros(rows.extra.shape[2])])
        self.linear = slice(sum(map(len, flat[:-2])), len(self.start))
        self._task = Task(
            trial, self.rows, tuple(tensor.shape for layer in layers for tensor in layer)
        )
        self._program, self._count = choose(self._task, flavour), rows.target.numel()

    @property
    def flavour(self) -> str:
        return self._program.name

    def split(self, x: Tensor) -> tuple[Layers, Tensor]:
        """The layers, and the coefficients (known functions, 1)."""
        return self._task.split(x)

    def network(self, x: Tensor) -> tuple[Network, Tensor]:
        """The net, and the coefficients of the known functions."""
        layers, coefficients = self.split(x)
        return Network(self.trial, layers), coefficients

    def value(self, x: Tensor) -> float:
        """The loss."""
        return self._program.sum_of_squares(x.detach()) / self._count

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient."""
        value, gradient = self._program.gradient(x.detach())
        return value / self._count, gradient / self._count

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """r / sqrt(n), shape (n,), and its derivative, (n, parameters); n is the number of points
        times that of equations.
        """
        residual, jacobian = self._program.jacobian(x.detach())
        return residual / math.sqrt(self._count), jacobian.div_(math.sqrt(self._count))
