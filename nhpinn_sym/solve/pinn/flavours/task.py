"""What every flavour computes: the squares of the residuals of rows, for a tanh net of given
layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ....runtime.nets.jets import total
from ....runtime.nets.native.tanh_taylor import Streams, streams
from ..network import Layers, Trial
from ..rows import Rows


class Flavour(Protocol):
    """A program that computes with the residuals r (n * equations,) at parameters x
    (parameters,).
    """

    name: str

    def sum_of_squares(self, x: Tensor) -> float:
        """|r|^2."""

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        """|r|^2 and its derivative (parameters,)."""

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """r and its derivative (n * equations, parameters)."""


@dataclass(frozen=True)
class Task:
    """Rows with one right-hand side, and the shapes of the tensors (weight, bias, weight, ...) of
    the net.
    """

    trial: Trial
    rows: Rows
    shapes: tuple[torch.Size, ...]

    @property
    def sizes(self) -> list[int]:
        """The numbers of inputs and of units in every layer."""
        return [self.shapes[0][1], *(shape[0] for shape in self.shapes[1::2])]

    @property
    def parameters(self) -> int:
        return sum(map(math.prod, self.shapes)) + self.rows.extra.shape[2]

    def split(self, x: Tensor) -> tuple[Layers, Tensor]:
        """The layers, and the coefficients (known functions, 1)."""
        *parts, known = x.split([*map(math.prod, self.shapes), self.rows.extra.shape[2]])
        tensors = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return list(zip(tensors[::2], tensors[1::2], strict=True)), known[:, None]

    @cached_property
    def streams(self) -> Streams:
        _, equations, components, _ = self.rows.weights.shape
        return streams(self.trial.indices, equations == components == 1)

    @cached_property
    def inputs(self) -> Tensor:
        """The streams of the inputs of the net, (streams, n, inputs)."""
        jet = list(self.trial.embed(self.rows.points, self.trial.indices).values())
        kept = [jet[a] for a in self.streams.kept]
        if self.streams.joined:
            kept.append(
                total([self.rows.weights[:, 0, 0, a, None] * jet[a] for a in self.streams.joined])
            )
        return torch.stack(kept)
