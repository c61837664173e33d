"""Cell functions as nets, at slow points or anywhere between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from ...emit.torch_text import closure
from ...lower.forms import MultiIndex
from ..chebyshev import Nodes
from ..solution import Array
from .means import pairs
from .network import Network


@dataclass(frozen=True)
class NetworkField:
    """A component of a cell function at m slow points: sum_k weights[:, k] * part k + offset, with
    nets of one output as parts.
    """

    parts: tuple[Network, ...]
    slow_points: Array
    weights: Array
    offset: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index at y (n, d), for every slow point: (m, n)."""
        device = self.parts[0].trial.device
        y, slow = (
            torch.as_tensor(np.asarray(points, dtype=float), device=device),
            torch.as_tensor(self.slow_points, device=device),
        )
        where = pairs(y, slow).flatten(0, 1)
        values = [
            part.jet(where, closure([index]))[index].reshape(len(slow), len(y)).cpu().numpy()
            for part in self.parts
        ]
        out: Array = sum(
            weight[:, None] * value for weight, value in zip(self.weights.T, values, strict=True)
        )
        return out if any(index) else out + self.offset[:, None]

    def between(
        self, nodes: Nodes, points: Array, slow: Array, index: MultiIndex, slow_index: MultiIndex
    ) -> Array:
        """D_y^index D_slow^slow_index at pairs of y (n, d) and slow points (n, s): (n,); the slow
        points of the field are `nodes`.

        The nets are functions of the slow coordinates too; only the numbers that make them unique
        are interpolated.
        """
        where = torch.tensor(
            np.concatenate([points, slow], axis=1), device=self.parts[0].trial.device
        )
        needed = closure([(*index, *slow_index)])
        jets = [part.jet(where, needed) for part in self.parts]
        out = np.zeros(len(points))
        for below in product(*(range(n + 1) for n in slow_index)):
            rest = tuple(n - b for n, b in zip(slow_index, below, strict=True))
            basis, count = nodes.weights(slow, below), math.prod(map(math.comb, slow_index, below))
            for weight, jet in zip(self.weights.T, jets, strict=True):
                out += count * (basis @ weight) * jet[index + rest].cpu().numpy()[:, 0]
        return out if any(index) else out + nodes.weights(slow, slow_index) @ self.offset

    def restricted(self, basis: Array, slow_points: Array) -> NetworkField:
        """The field at other slow points; `basis` (new, m) holds the interpolation weights of its
        own there.
        """
        return NetworkField(self.parts, slow_points, basis @ self.weights, basis @ self.offset)

    def state(self) -> dict[str, Any]:
        return {
            "parts": [part.state() for part in self.parts],
            "slow_points": self.slow_points,
            "weights": self.weights,
            "offset": self.offset,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NetworkField:
        """The field that `state` came from; nothing is trained. ValueError where its parts do not
        fit.
        """
        parts = tuple(map(Network.from_state, state["parts"]))
        slow, weights, offset = (
            np.asarray(state[name]) for name in ("slow_points", "weights", "offset")
        )
        if (
            slow.ndim != 2
            or weights.shape != (len(slow), len(parts))
            or offset.shape != (len(slow),)
        ):
            raise ValueError("nets and weights do not fit")
        return cls(parts, slow, weights, offset)
