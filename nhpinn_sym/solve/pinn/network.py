"""A net as numbers: its layers, the emitted file that evaluates it, and the way to save both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...emit.source import run
from ...lower.forms import MultiIndex

Jet = dict[MultiIndex, Tensor]
Layers = list[tuple[Tensor, Tensor]]
Axes = tuple[tuple[str, float, float], ...]


def chunk_size(layers: Layers) -> int:
    """Points to evaluate at once, so that one derivative of the widest layer (512 kB) stays in the cache."""
    return max(16, 2**16 // max(len(bias) for _, bias in layers))


@dataclass(frozen=True)
class Trial:
    """The space in which a net is sought: `text` is the emitted file, `axes` the embedding of its points."""

    name: str
    text: str
    axes: Axes
    device: str = "cpu"

    @cached_property
    def module(self) -> ModuleType:
        """The emitted file, imported."""
        return run(self.name, self.text)

    @property
    def indices(self) -> tuple[MultiIndex, ...]:
        return self.module.INDICES

    def features(self, count: int, scales: tuple[float, ...], seed: int) -> Layers:
        """One random layer; a scale of the weights per axis."""
        return self._moved(self.module.features(count, self.axes, scales, seed))

    def mlp(self, width: int, depth: int, outputs: int, seed: int) -> Layers:
        """Initial layers of a net."""
        return self._moved(self.module.mlp(width, depth, outputs, self.axes, seed))

    def _moved(self, layers: Layers) -> Layers:
        return [(weight.detach().to(self.device), bias.detach().to(self.device)) for weight, bias in layers]


@dataclass(frozen=True)
class Network:
    """A net of given layers."""

    trial: Trial
    layers: Layers

    @torch.no_grad()
    def jet(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The derivatives `indices` (closed under <=, smaller first), (n, outputs) each; in chunks that stay in the cache."""
        module = self.trial.module
        parts = [module.network(p, self.layers, tuple(indices), self.trial.axes) for p in points.split(chunk_size(self.layers))]
        return {index: torch.cat([part[index] for part in parts]) for index in indices}

    @property
    def outputs(self) -> int:
        return len(self.layers[-1][1])

    @property
    def size(self) -> int:
        """The number of weights and biases."""
        return sum(tensor.numel() for layer in self.layers for tensor in layer)

    def output(self, j: int) -> Network:
        """The net of output j alone."""
        weight, bias = self.layers[-1]
        return Network(self.trial, [*self.layers[:-1], (weight[j:j + 1], bias[j:j + 1])])

    def raised(self, constant: float | Tensor) -> Network:
        """The net plus a constant, or one (outputs,) per output."""
        *inner, (weight, bias) = self.layers
        return Network(self.trial, [*inner, (weight, bias + constant)])

    def joined(self, other: Network) -> Network | None:
        """One net with the outputs of both, where they share their hidden layers."""
        if len(self.layers) != len(other.layers) or any(a is not b for a, b in zip(self.layers[:-1], other.layers[:-1])):
            return None
        last = tuple(torch.cat(pair) for pair in zip(self.layers[-1], other.layers[-1]))
        return Network(self.trial, [*self.layers[:-1], last])  # type: ignore[list-item]

    def multiplied(self, factors: Tensor) -> Network:
        """Every output times its factor (outputs,)."""
        *inner, (weight, bias) = self.layers
        return Network(self.trial, [*inner, (factors[:, None] * weight, factors * bias)])

    def state(self) -> dict[str, Any]:
        """Arrays and strings from which `from_state` makes it again."""
        arrays = {f"{kind}{k}": layer[i].cpu().numpy() for k, layer in enumerate(self.layers) for i, kind in enumerate(("weight", "bias"))}
        return {"name": self.trial.name, "text": self.trial.text, "kinds": np.array([kind for kind, _, _ in self.trial.axes]),
                "bounds": np.array([bounds for _, *bounds in self.trial.axes]), **arrays}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], device: str = "cpu") -> Network:
        axes = tuple((str(kind), float(a), float(b)) for kind, (a, b) in zip(state["kinds"], state["bounds"], strict=True))
        count = sum(name.startswith("weight") for name in state)
        layers = [tuple(torch.as_tensor(np.asarray(state[f"{kind}{k}"]), device=device) for kind in ("weight", "bias")) for k in range(count)]
        return cls(Trial(str(state["name"]), str(state["text"]), axes, device), layers)  # type: ignore[arg-type]
