"""Cell functions as nets: at slow points, between them, and as arrays in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...emit.torch_text import closure
from ...lower.forms import MultiIndex
from ...lower.phases import Labels
from ..expression_data import expression_data, read_formula, read_symbols
from ..fields import CellField
from ..interpolation import Nodes
from ..solution import Array
from .network import Axes, Network

# Points at which the features of a `SeparableField` are held at once.
_POINTS = 4096


@dataclass(frozen=True)
class NetworkField(CellField):
    """A component of a cell function at m slow points: sum_k weights[:, k] * part k + offset, with
    nets of one output as parts.
    """

    kind: ClassVar[str] = "network"

    parts: tuple[Network, ...]
    slow_points: Array
    weights: Array
    offset: Array

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        device = self.parts[0].trial.device
        y = torch.as_tensor(np.asarray(points, dtype=float), device=device)
        slow = torch.as_tensor(self.slow_points, device=device)
        where = points_beside(y, slow).flatten(0, 1)
        jets = [part.jet(where, closure(indices)) for part in self.parts]
        found = np.zeros((len(indices), len(slow), len(y)))
        for k, index in enumerate(indices):
            for weight, jet in zip(self.weights.T, jets, strict=True):
                values = jet[index].reshape(len(slow), len(y)).cpu().numpy()
                found[k] += weight[:, None] * values
            if not any(index):
                found[k] += self.offset[:, None]
        return found

    def between(
        self,
        nodes: Nodes,
        points: Array,
        slow: Array,
        indices: Sequence[MultiIndex],
        slow_index: MultiIndex,
    ) -> Array:
        """The nets are functions of the slow coordinates too; only the numbers that make them
        unique are interpolated.
        """
        where = torch.tensor(
            np.concatenate([points, slow], axis=1), device=self.parts[0].trial.device
        )
        needed = closure([(*index, *slow_index) for index in indices])
        jets = [part.jet(where, needed) for part in self.parts]
        found = np.zeros((len(indices), len(points)))
        for below in product(*(range(n + 1) for n in slow_index)):
            rest = tuple(n - b for n, b in zip(slow_index, below, strict=True))
            basis = nodes.weights(slow, below)
            count = math.prod(map(math.comb, slow_index, below))
            for weight, jet in zip(self.weights.T, jets, strict=True):
                factor = count * (basis @ weight)
                for k, index in enumerate(indices):
                    found[k] += factor * jet[index + rest].cpu().numpy()[:, 0]
        for k, index in enumerate(indices):
            if not any(index):
                found[k] += nodes.weights(slow, slow_index) @ self.offset
        return found

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


@dataclass(frozen=True)
class SeparableField(CellField):
    """A component of a cell function at m slow points: the features of `network`, whose last layer
    has one row per slow point.
    """

    kind: ClassVar[str] = "separable"

    network: Network

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return self._jet(points, self.network, indices).transpose(0, 2, 1)

    def between(
        self,
        nodes: Nodes,
        points: Array,
        slow: Array,
        indices: Sequence[MultiIndex],
        slow_index: MultiIndex,
    ) -> Array:
        basis = nodes.weights(slow, slow_index)
        weight, bias = self.network.layers[-1]
        eye = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
        features = Network(
            self.network.trial, [*self.network.layers[:-1], (eye, torch.zeros_like(eye[0]))]
        )
        found = np.empty((len(indices), len(points)))
        for start in range(0, len(points), _POINTS):
            part = slice(start, start + _POINTS)
            mixing = basis[part] @ weight.cpu().numpy()
            found[:, part] = (self._jet(points[part], features, indices) * mixing).sum(-1)
        for k, index in enumerate(indices):
            if not any(index):
                found[k] += basis @ bias.cpu().numpy()
        return found

    def restricted(self, basis: Array, slow_points: Array) -> SeparableField:
        """The field at other slow points; `basis` (new, m) holds the interpolation weights of its
        own there.
        """
        weights = torch.as_tensor(basis, device=self.network.trial.device)
        *hidden, (weight, bias) = self.network.layers
        interpolated = (weights @ weight, weights @ bias)
        return SeparableField(Network(self.network.trial, [*hidden, interpolated]))

    def state(self) -> dict[str, Any]:
        return self.network.state()

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SeparableField:
        """The field that `state` came from; nothing is trained."""
        return cls(Network.from_state(state))

    def _jet(self, points: Array, network: Network, indices: Sequence[MultiIndex]) -> Array:
        """(indices, points, outputs)."""
        where = torch.tensor(np.asarray(points, dtype=float), device=network.trial.device)
        jet = network.jet(where, closure(indices))
        return np.stack([jet[index].cpu().numpy() for index in indices])


@dataclass(frozen=True)
class PhaseField(CellField):
    """A component of a cell function at m slow points: in phase k output s of nets[k], plus
    offset[s].
    """

    kind: ClassVar[str] = "phases"

    labels: Labels
    nets: tuple[Network, ...]
    offset: Array

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        """At an interface from one of its sides."""
        y = np.asarray(points, dtype=float)
        found = np.zeros((len(indices), len(self.offset), len(points)))
        labels = self.labels(y)
        periods = tuple(b - a for a, b in self.labels.bounds)
        for number, net in enumerate(self.nets):
            here = labels == number
            if not here.any():
                continue
            inside = torch.as_tensor(y[here], device=net.trial.device)
            where = unfold(inside, net.trial.axes[: len(periods)], periods)
            jet = net.jet(where, closure(indices))
            for k, index in enumerate(indices):
                found[k][:, here] = jet[index].T.cpu().numpy()
        for k, index in enumerate(indices):
            if not any(index):
                found[k] += self.offset[:, None]
        return found

    def state(self) -> dict[str, Any]:
        labels = self.labels
        return {
            "nets": [net.state() for net in self.nets],
            "offset": self.offset,
            "coordinates": [expression_data(v) for v in labels.coordinates],
            "cell": list(labels.bounds),
            "selector": expression_data(labels.selector),
            "codes": list(labels.codes),
            "numbers": list(labels.numbers),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PhaseField:
        """The field that `state` came from; nothing is trained. ValueError where its parts do not
        fit.
        """
        bounds = tuple((float(a), float(b)) for a, b in state["cell"])
        nets = tuple(map(Network.from_state, state["nets"]))
        numbers = tuple(map(int, state["numbers"]))
        codes = tuple(map(int, state["codes"]))
        coordinates = read_symbols(state["coordinates"])
        fits = (
            len(coordinates) == len(bounds)
            and len(codes) == len(numbers)
            and list(codes) == sorted(codes)
        )
        if not fits or not set(numbers) <= set(range(len(nets))):
            raise ValueError("nets and phases do not fit")
        labels = Labels(
            coordinates, bounds, read_formula(state["selector"], coordinates), codes, numbers
        )
        return cls(labels, nets, np.asarray(state["offset"]))


@dataclass(frozen=True)
class WrappedField(CellField):
    """A component of a cell function at m slow points: weights (m, nets) times the nets, each on
    the cell, to which points are wrapped.
    """

    kind: ClassVar[str] = "wrapped"

    networks: tuple[Network, ...]
    weights: Array
    cell: Array

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        """On the faces the lower end counts: the nets are not periodic."""
        lower = self.cell[:, 0]
        lengths = self.cell[:, 1] - lower
        wrapped = lower + np.mod(np.asarray(points, dtype=float) - lower, lengths)
        y = torch.as_tensor(wrapped, device=self.networks[0].trial.device)
        jets = [network.jet(y, closure(indices)) for network in self.networks]
        values = [[jet[index][:, 0].cpu().numpy() for jet in jets] for index in indices]
        return np.asarray(self.weights @ np.array(values))

    def state(self) -> dict[str, Any]:
        return {
            "nets": [network.state() for network in self.networks],
            "weights": self.weights,
            "cell": self.cell,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> WrappedField:
        """The field that `state` came from; nothing is trained. ValueError where its parts do not
        fit.
        """
        networks = tuple(map(Network.from_state, state["nets"]))
        weights = np.asarray(state["weights"])
        if weights.ndim != 2 or weights.shape[1] != len(networks):
            raise ValueError("nets and weights do not fit")
        return cls(networks, weights, np.asarray(state["cell"]))


def unfold(points: Tensor, axes: Axes, periods: tuple[float, ...]) -> Tensor:
    """Points moved by whole periods into the windows of the "scaled" axes."""
    columns = [
        p if kind == "periodic" else a + torch.remainder(p - a, period)
        for p, (kind, a, _), period in zip(points.T, axes, periods, strict=True)
    ]
    return torch.stack(columns, -1)


def points_beside(y: Tensor, slow: Tensor) -> Tensor:
    """All points (m, n, columns) of y (n, d) beside slow (m, s)."""
    return torch.cat(
        [y.expand(len(slow), *y.shape), slow[:, None].expand(len(slow), len(y), slow.shape[1])], -1
    )
