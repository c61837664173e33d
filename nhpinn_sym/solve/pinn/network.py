"""A net as numbers: its layers, the emitted file that evaluates it, and what a file keeps of it:
arrays, and no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...emit.source import Source, load
from ...emit.torch_inputs import KinkInputs, kinks_source
from ...lower.forms import MultiIndex
from ...runtime.nets import inputs, networks
from ...runtime.nets.inputs import Axes as Axes
from ...runtime.nets.jets import Jet as Jet
from ...runtime.nets.networks import Layers as Layers
from ..expression_data import expression_data, read_formula, read_symbols
from ..resources import require_affordable

_AXIS_KINDS = ("periodic", "scaled", "graded", "constant", "pole", "along", "sharp")
# That a net with kinks is asked for.
_MOST_DERIVATIVES = 8
DataPanels = tuple[tuple[float, ...], ...]
"""The lines of every axis between which the data are resolved; none for all of them where nothing
is sharp.
"""

# Copies of the weights of a net that a training keeps at least.
_COPIES = 8.0


def chunk_size(layers: Layers) -> int:
    """Points to evaluate at once, so that one derivative of the widest layer (512 kB) stays in the
    cache.
    """
    return max(16, 2**16 // max(len(bias) for _, bias in layers))


@dataclass(frozen=True)
class TrialSpace:
    """The space in which a net is sought: `name` is the emitted file (without .py) of `source` that
    a fit takes, if there is one, `axes` the embedding of its points.

    kinks: those that the file gives its nets; panels: where the data are sharp; sharp: the axes of
    these places, which stand behind those of the columns.
    """

    name: str
    source: Source | None
    axes: Axes
    device: str = "cpu"
    kinks: KinkInputs | None = None
    panels: DataPanels = ()
    sharp: Axes = ()

    @cached_property
    def all_axes(self) -> Axes:
        """Those of the columns and of the sharp places."""
        return (*self.axes, *self.sharp)

    @cached_property
    def module(self) -> ModuleType:
        """The emitted file, imported."""
        if self.source is None:
            raise ValueError("a net that is evaluated alone has no emitted file")
        return load(self.source, self.name)

    @cached_property
    def bends(self) -> inputs.Kinks | None:
        """The kinks as the runtime takes them."""
        if self.kinks is None:
            return None
        return self.module.KINKS

    def embed(self, points: Tensor, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the inputs of a net."""
        return inputs.embed(points, indices, self.all_axes, self.bends)

    def hidden(self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the features that these layers make."""
        return networks.hidden(points, layers, indices, self.all_axes, self.bends)

    def network(self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of a net of these layers."""
        return networks.network(points, layers, indices, self.all_axes, self.bends)

    @property
    def signature(self) -> str:
        """Of the emitted file, and of those beside it."""
        if self.source is None:
            return ""
        return self.source.signature

    @cached_property
    def indices(self) -> tuple[MultiIndex, ...]:
        """The derivatives that the emitted residual or energy takes."""
        return self.module.INDICES

    def features(self, count: int, scales: tuple[float, ...], seed: int) -> Layers:
        """One random layer; a scale of the weights per axis. SolveError where it does not fit into
        memory.
        """
        require_affordable(f"features={count}", 64.0 * count, remedy="ask for fewer features")
        return self._to_device(networks.features(count, self.all_axes, scales, seed, self.bends))

    def mlp(self, width: int, depth: int, outputs: int, seed: int) -> Layers:
        """Initial layers of a net. SolveError where they do not fit into memory, with what a
        training keeps beside them.
        """
        weights = _COPIES * (
            width * (len(self.all_axes) + outputs) + float(width) ** 2 * (depth - 1)
        )
        require_affordable(f"width={width}, depth={depth}", weights, remedy="ask for a smaller net")
        return self._to_device(networks.mlp(width, depth, outputs, self.all_axes, seed, self.bends))

    def _to_device(self, layers: Layers) -> Layers:
        return [
            (weight.detach().to(self.device), bias.detach().to(self.device))
            for weight, bias in layers
        ]


@dataclass(frozen=True)
class RememberingSpace(TrialSpace):
    """A trial space for many fits with the same hidden layers at the same points, whose features
    are computed once (measured: 1.7 times as fast for a(x, y) in two dimensions).
    """

    known: dict[tuple[Any, ...], Tensor] = field(default_factory=dict, repr=False, compare=False)

    def hidden(self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the features."""
        return dict(zip(indices, self._features(points, layers, indices), strict=True))

    def network(self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the net."""
        *hidden, (weight, bias) = layers
        values = self._features(points, hidden, indices) @ weight.T
        return {
            a: value if any(a) else value + bias for a, value in zip(indices, values, strict=True)
        }

    def _features(self, points: Tensor, layers: Layers, indices: tuple[MultiIndex, ...]) -> Tensor:
        """(derivatives, n, features)."""
        tensors = [points, *(tensor for layer in layers for tensor in layer)]
        # By value: tensors are made anew for every slow point.
        key = (indices, *(tensor.cpu().numpy().tobytes() for tensor in tensors))
        if key not in self.known:
            jet = super().hidden(points, layers, indices)
            self.known[key] = torch.stack(list(jet.values()))
        return self.known[key]


@dataclass(frozen=True)
class Network:
    """A net of given layers."""

    trial: TrialSpace
    layers: Layers

    @torch.no_grad()
    def jet(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The derivatives `indices` (closed under <=, smaller first), (n, outputs) each; in chunks
        that stay in the cache.
        """
        # Small results of each chunk, kept among its large freed ones, would scatter the memory.
        found = points.new_empty(len(indices), len(points), self.outputs)
        size = chunk_size(self.layers)
        for chunk, rows in zip(points.split(size), found.split(size, 1), strict=True):
            jet = self.trial.network(chunk, self.layers, tuple(indices))
            for row, index in zip(rows, indices, strict=True):
                row.copy_(jet[index])
        return dict(zip(indices, found, strict=True))

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
        return Network(self.trial, [*self.layers[:-1], (weight[j : j + 1], bias[j : j + 1])])

    def add_constant(self, constant: float | Tensor) -> Network:
        """The net plus a constant, or one (outputs,) per output."""
        *inner, (weight, bias) = self.layers
        return Network(self.trial, [*inner, (weight, bias + constant)])

    def concat_outputs(self, other: Network) -> Network | None:
        """One net with the outputs of both, where they share their hidden layers."""
        if len(self.layers) != len(other.layers) or any(
            a is not b for a, b in zip(self.layers[:-1], other.layers[:-1])
        ):
            return None
        return stack_outputs([self, other])

    def scale_outputs(self, factors: Tensor) -> Network:
        """Every output times its factor (outputs,)."""
        *inner, (weight, bias) = self.layers
        return Network(self.trial, [*inner, (factors[:, None] * weight, factors * bias)])

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which `from_state` makes it again."""
        kinks = self.trial.kinks
        return {
            "axes": [list(axis) for axis in self.trial.axes],
            "sharp": [list(axis) for axis in self.trial.sharp],
            "kinks": None if kinks is None else _kinks_data(kinks),
            "layers": [
                [tensor.detach().cpu().numpy() for tensor in layer] for layer in self.layers
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], device: str = "cpu") -> Network:
        """The net that `state` came from, on the package's own jets; ValueError where the layers do
        not fit.
        """
        axes = _read_axes(state["axes"])
        sharp = _read_axes(state.get("sharp", ()))
        kinks = None if state["kinks"] is None else _read_kinks(state["kinks"])
        source = None if kinks is None else kinks_source(kinks)
        trial = TrialSpace("net_kinks", source, axes, device, kinks, sharp=sharp)
        layers = [
            (_tensor(weight, 2, device), _tensor(bias, 1, device))
            for weight, bias in state["layers"]
        ]
        sizes = [
            inputs.input_count(trial.all_axes, trial.bends),
            *(len(bias) for _, bias in layers),
        ]
        if any(
            weight.shape != (n, m)
            for (weight, _), m, n in zip(layers, sizes[:-1], sizes[1:], strict=True)
        ):
            raise ValueError("the layers of a net do not fit")
        return cls(trial, layers)


def with_last_layer(
    trial: TrialSpace, layers: Layers, solution: Tensor, components: int
) -> Network:
    """The net whose hidden layers are given and whose last one is the solution (components *
    features, right-hand sides) of a linear problem; its outputs are ordered by right-hand side,
    then by component.
    """
    count = solution.shape[1]
    features = len(solution) // components
    rows = solution.reshape(components, features, count).permute(2, 0, 1)
    weight = rows.reshape(components * count, features).contiguous()
    return Network(trial, [*layers, (weight, weight.new_zeros(len(weight)))])


def stack_outputs(nets: Sequence[Network]) -> Network:
    """One net with the outputs of several that have the same hidden layers."""
    weight = torch.cat([net.layers[-1][0] for net in nets])
    bias = torch.cat([net.layers[-1][1] for net in nets])
    return Network(nets[0].trial, [*nets[0].layers[:-1], (weight, bias)])


def _read_axes(data: Sequence[Sequence[Any]]) -> Axes:
    """ValueError for axes of an unknown kind."""
    axes = tuple((str(kind), float(a), float(b)) for kind, a, b in data)
    if not all(kind in _AXIS_KINDS and a < b for kind, a, b in axes):
        raise ValueError("unknown axes of a net")
    return axes


def _tensor(array: Any, axes: int, device: str) -> Tensor:
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != axes
        or array.dtype not in (np.float64, np.float32)
    ):
        raise ValueError("a layer of a net is no array of numbers")
    return torch.as_tensor(array, device=device)


def _kinks_data(kinks: KinkInputs) -> dict[str, Any]:
    return {
        "coordinates": [expression_data(v) for v in kinks.coordinates],
        "levels": [expression_data(level) for level in kinks.levels],
        "power": kinks.power,
        "order": kinks.order,
    }


def _read_kinks(data: Mapping[str, Any]) -> KinkInputs:
    coordinates = read_symbols(data["coordinates"])
    power = int(data["power"])
    order = int(data["order"])
    if power not in (1, 2) or not 0 < order <= _MOST_DERIVATIVES:
        raise ValueError("no kinks of a net")
    return KinkInputs(
        coordinates,
        tuple(read_formula(level, coordinates) for level in data["levels"]),
        power,
        order,
    )
