"""Cell functions with one net per phase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import torch

from ....emit.torch_text import closure
from ....lower.forms import MultiIndex
from ....lower.phases import Labels
from ...solution import Array
from ..network import Network
from .piece import unfolded


@dataclass(frozen=True)
class PhaseField:
    """A component of a cell function at m slow points: in phase k output s of nets[k], plus offset[s]."""

    labels: Labels
    nets: tuple[Network, ...]
    offset: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index at y (n, d), for every slow point: (m, n); at an interface from one of its sides."""
        y, out = np.asarray(points, dtype=float), np.zeros((len(self.offset), len(points)))
        labels, periods = self.labels(y), tuple(b - a for a, b in self.labels.bounds)
        for k, net in enumerate(self.nets):
            here = labels == k
            if here.any():
                where = unfolded(torch.as_tensor(y[here], device=net.trial.device), net.trial.axes[: len(periods)], periods)
                out[:, here] = net.jet(where, closure([index]))[index].T.cpu().numpy()
        return out if any(index) else out + self.offset[:, None]

    def state(self) -> dict[str, Any]:
        nets = {f"net{k}.{name}": value for k, net in enumerate(self.nets) for name, value in net.state().items()}
        return {**nets, "class": "pinn.phases.field.PhaseField", "offset": self.offset,
                "coordinates": np.array([sp.srepr(v) for v in self.labels.coordinates]), "cell": np.array(self.labels.bounds),
                "selector": sp.srepr(self.labels.selector), "codes": np.array(self.labels.codes), "numbers": np.array(self.labels.numbers)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PhaseField:
        """The field that `state` came from; nothing is trained."""
        numbers = sorted({int(found[1]) for name in state if (found := re.match(r"net(\d+)\.", name))})
        nets = [{name.removeprefix(f"net{k}."): value for name, value in state.items() if name.startswith(f"net{k}.")} for k in numbers]
        bounds = tuple((float(a), float(b)) for a, b in state["cell"])
        labels = Labels(tuple(sp.sympify(str(v)) for v in state["coordinates"]), bounds, sp.sympify(str(state["selector"])),
                        tuple(map(int, state["codes"])), tuple(map(int, state["numbers"])))
        return cls(labels, tuple(map(Network.from_state, nets)), np.asarray(state["offset"]))
