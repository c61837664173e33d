"""Nets of one shape side by side: their weights are the rows of one matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....emit.source import Source
from ..network import Layers, Network, TrialSpace


@dataclass(frozen=True)
class BatchedMlp:
    """Tanh nets on plain coordinates; `sizes` are (inputs, width, ..., width, outputs)."""

    trial: TrialSpace
    sizes: tuple[int, ...]

    @classmethod
    def make(
        cls,
        name: str,
        source: Source | None,
        inputs: int,
        outputs: int,
        width: int,
        depth: int,
        device: str,
    ) -> BatchedMlp:
        """Nets for an emitted file."""
        trial = TrialSpace(
            name, source, (("scaled", -1.0, 1.0),) * inputs, device
        )  # (-1, 1) to (-1, 1): the coordinates as they are
        return cls(trial, (inputs, *[width] * depth, outputs))

    def start(self, seed: int) -> Tensor:
        """The weights and biases of one net, uniform in +-1/sqrt(inputs of the layer): the default
        of torch.nn.Linear.
        """
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            parts.append(
                (2 * torch.rand(n * m + n, generator=generator, dtype=torch.float64) - 1)
                / math.sqrt(m)
            )
        return torch.cat(parts).to(self.trial.device)

    def flat(self, layers: Layers) -> Tensor:
        """The row of a net of given layers."""
        return torch.cat([tensor.flatten() for layer in layers for tensor in layer]).to(
            self.trial.device
        )

    def layers(self, x: Tensor) -> Layers:
        """The layers (nets, outputs, inputs), (nets, outputs) of weights x (nets, parameters)."""
        parts, first = [], 0
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            weight, bias = x[:, first : first + m * n], x[:, first + m * n : first + m * n + n]
            parts.append((weight.reshape(len(x), n, m), bias))
            first += m * n + n
        return parts

    def values(self, x: Tensor, points: Tensor) -> Tensor:
        """(nets, n, outputs) at the same points (n, inputs) for every net."""
        *hidden, (weight, bias) = self.layers(x)
        value = points.expand(len(x), *points.shape)
        for w, b in hidden:
            value = torch.tanh(torch.baddbmm(b[:, None], value, w.mT))
        return torch.baddbmm(bias[:, None], value, weight.mT)

    def networks(self, x: Tensor) -> list[Network]:
        """Every net by itself."""
        stacked: Sequence[tuple[Tensor, Tensor]] = self.layers(x)
        return [
            Network(self.trial, [(weight[k].clone(), bias[k].clone()) for weight, bias in stacked])
            for k in range(len(x))
        ]
