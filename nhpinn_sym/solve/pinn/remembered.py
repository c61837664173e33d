"""Features of hidden layers that are asked for at the same points again and again, computed
once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ...emit.source import run
from ...lower.forms import MultiIndex
from .network import Axes, Jet, Layers, Trial


class RememberedFeatures:
    """The functions of an emitted file, with a memory for the features; the layers are told from
    each other by identity.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._known: dict[tuple[Any, ...], tuple[Layers, Tensor]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def hidden(
        self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
    ) -> Jet:
        """The jet of the features."""
        return dict(zip(indices, self._stacked(points, layers, indices, axes), strict=True))

    def network(
        self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
    ) -> Jet:
        """The jet of the net."""
        weight, bias = layers[-1]
        values = self._stacked(points, layers[:-1], indices, axes) @ weight.T
        return {
            a: value if any(a) else value + bias for a, value in zip(indices, values, strict=True)
        }

    def forget(self) -> None:
        """Free the memory."""
        self._known.clear()

    def _stacked(
        self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
    ) -> Tensor:
        """(derivatives, n, features)."""
        key = (
            tuple(id(weight) for weight, _ in layers),
            points.cpu().numpy().tobytes(),
            indices,
            axes,
        )
        if key not in self._known:
            jet = self._module.hidden(points, layers, indices, axes)
            self._known[key] = (
                layers,
                torch.stack(list(jet.values())),
            )  # the layers are kept, and their ids with them
        return self._known[key][1]


@dataclass(frozen=True)
class RememberingTrial(Trial):
    """A trial space for many nets with the same hidden layers."""

    @cached_property
    def module(self) -> Any:
        return RememberedFeatures(run(self.name, self.text))
