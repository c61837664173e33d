"""Cell functions with one net per phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ....emit.torch_text import closure
from ....lower.forms import MultiIndex
from ....lower.phases import Labels
from ...expression_data import expression_data, read_formula, read_symbols
from ...solution import Array
from ..network import Network
from .piece import unfolded


@dataclass(frozen=True)
class PhaseField:
    """A component of a cell function at m slow points: in phase k output s of nets[k], plus
    offset[s].
    """

    labels: Labels
    nets: tuple[Network, ...]
    offset: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index at y (n, d), for every slow point: (m, n); at an interface from one of its
        sides.
        """
        y, out = np.asarray(points, dtype=float), np.zeros((len(self.offset), len(points)))
        labels, periods = self.labels(y), tuple(b - a for a, b in self.labels.bounds)
        for k, net in enumerate(self.nets):
            here = labels == k
            if here.any():
                where = unfolded(
                    torch.as_tensor(y[here], device=net.trial.device),
                    net.trial.axes[: len(periods)],
                    periods,
                )
                out[:, here] = net.jet(where, closure([index]))[index].T.cpu().numpy()
        return out if any(index) else out + self.offset[:, None]

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
        nets, numbers = (
            tuple(map(Network.from_state, state["nets"])),
            tuple(map(int, state["numbers"])),
        )
        codes, coordinates = tuple(map(int, state["codes"])), read_symbols(state["coordinates"])
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
