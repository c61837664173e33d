"""The mean square residual of collocation rows as a function of all weights of a net, in one flat vector."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import grad, vmap

from .network import Layers, Network, Trial
from .rows import Rows, positive

_CHUNK = 2048


class Objective:
    """loss(x) = mean_i r_i(x)^2 for a net and one right-hand side; x holds its layers and the coefficients of the known functions.

    The residual is divided by the size of its data, so that a loss is a squared relative residual.
    """

    def __init__(self, trial: Trial, rows: Rows, layers: Layers) -> None:
        self.trial, self.rows = trial, rows.scaled(1 / float(positive(rows.size)))
        self._shapes = [tensor.shape for layer in layers for tensor in layer]
        known = torch.zeros(rows.extra.shape[2], dtype=rows.points.dtype, device=rows.points.device)
        self.start = torch.cat([*(tensor.flatten() for layer in layers for tensor in layer), known])

    def split(self, x: Tensor) -> tuple[Layers, Tensor]:
        """The layers, and the coefficients (known functions, 1)."""
        sizes = [math.prod(shape) for shape in self._shapes]
        *parts, known = x.split([*sizes, len(x) - sum(sizes)])
        tensors = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return list(zip(tensors[::2], tensors[1::2], strict=True)), known[:, None]

    def network(self, x: Tensor) -> tuple[Network, Tensor]:
        """The net, and the coefficients of the known functions."""
        layers, coefficients = self.split(x)
        return Network(self.trial, layers), coefficients

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient, summed over chunks of points."""
        total, gradient = 0.0, torch.zeros_like(x)
        for k in range(0, len(self.rows.points), _CHUNK):
            variable = x.detach().requires_grad_()
            loss = self._residual(variable, slice(k, k + _CHUNK)).square().sum() / len(self.rows.target.flatten())
            gradient += torch.autograd.grad(loss, variable)[0]
            total += float(loss.detach())
        return total, gradient

    @torch.no_grad()
    def value(self, x: Tensor) -> float:
        """The loss."""
        return float(self._residual(x, slice(None)).square().mean())

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """r / sqrt(n), shape (n,), and its derivative, (n, parameters); n is the number of points times that of equations."""
        equations = self.rows.target.shape[1]
        rows = (self.rows.weights.flatten(0, 1), self.rows.extra.flatten(0, 1), self.rows.target.flatten(0, 1))
        jacobian = vmap(grad(self._one), in_dims=(None, 0, 0, 0, 0), chunk_size=_CHUNK)(x, self.rows.points.repeat_interleave(equations, 0), *rows)
        with torch.no_grad():
            residual = self._residual(x, slice(None))
        return residual / math.sqrt(len(residual)), jacobian / math.sqrt(len(residual))

    def _residual(self, x: Tensor, part: slice) -> Tensor:
        rows, (layers, coefficients) = self.rows.part(part), self.split(x)
        return rows.residual(self.trial.module.network(rows.points, layers, self.trial.indices, self.trial.axes), coefficients).flatten()

    def _one(self, x: Tensor, point: Tensor, weights: Tensor, extra: Tensor, target: Tensor) -> Tensor:
        layers, coefficients = self.split(x)
        net = self.trial.module.network(point[None], layers, self.trial.indices, self.trial.axes)
        row = Rows(point[None], weights[None, None], extra[None, None], target[None, None], self.rows.size)
        return row.residual(net, coefficients)[0, 0, 0]
