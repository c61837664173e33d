"""The cell functions solved so far: outputs of nets, and the numbers that make them unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from ..chebyshev import Nodes
from ..solution import EffectiveKey
from .network import Jet, Network

EIGENVALUE: EffectiveKey = ("lambda0", ())


@dataclass(frozen=True)
class Numbers:
    """Means over the cell at m slow points.

    Function component c is sum_k mixing[:, c, k] * output k + offset[:, c], with mixing (m, c, c)
    and offset (m, c). constants, effective: (m,) per entry; the eigenvalue is among the constants.
    `effective` is empty until all is solved.
    """

    mixing: Tensor
    offset: Tensor
    constants: Mapping[EffectiveKey, Tensor]
    effective: Mapping[EffectiveKey, Tensor]

    @property
    def entries(self) -> dict[EffectiveKey, Tensor]:
        return {**self.constants, **self.effective}

    def judged(self) -> Tensor:
        """Zero, and the entries that an estimate is for: all but those of the higher law; (numbers,
        m).
        """
        return torch.stack(
            [
                self.offset.new_zeros(len(self.offset)),
                *(value for (name, _), value in self.entries.items() if name != "h"),
            ]
        )

    def vector(self) -> Tensor:
        """What has to stand when the grid is refined, (numbers, m)."""
        return torch.cat([self.mixing.flatten(1).T, self.offset.T, self.judged()])

    @classmethod
    def joined(cls, parts: Sequence[Numbers]) -> Numbers:
        """Those of all slow points from those of some."""
        constants, effective = (
            {key: torch.cat([part[key] for part in tables]) for key in tables[0]}
            for tables in ([p.constants for p in parts], [p.effective for p in parts])
        )
        return cls(
            torch.cat([p.mixing for p in parts]),
            torch.cat([p.offset for p in parts]),
            constants,
            effective,
        )


@dataclass(frozen=True)
class Family:
    """Nets whose outputs, in the order of the functions and their components, are the functions of
    the first stages.

    What depends on slow coordinates is known at `nodes` (numbers, eigenvalue), and interpolated.
    """

    nodes: Nodes
    networks: tuple[Network, ...] = ()
    eigenvalue: Tensor | None = None
    numbers: Numbers | None = None

    @property
    def outputs(self) -> int:
        return sum(network.outputs for network in self.networks)

    def with_networks(
        self, networks: Sequence[Network], eigenvalue: Tensor | None = None
    ) -> Family:
        """The family with nets for more functions; those of one hidden layer become one net."""
        merged = list(self.networks)
        for network in networks:
            together = merged[-1].joined(network) if merged else None
            merged[len(merged) - (together is not None) :] = [together or network]
        return Family(
            self.nodes, tuple(merged), self.eigenvalue if eigenvalue is None else eigenvalue
        )

    def with_numbers(self, numbers: Numbers) -> Family:
        return Family(self.nodes, self.networks, self.eigenvalue, numbers)

    def output(self, k: int) -> Network:
        """The net of output k alone."""
        for network in self.networks:
            if k < network.outputs:
                return network.output(k)
            k -= network.outputs
        raise IndexError(k)

    def combined(self, mixing: Tensor, offset: Tensor) -> Network:
        """The net of one function, mixing (outputs,) times the outputs plus an offset, where all of
        them share their hidden layers.
        """
        (network,) = self.networks
        weight, bias = network.layers[-1]
        return Network(
            network.trial,
            [*network.layers[:-1], ((mixing @ weight)[None], (mixing @ bias + offset)[None])],
        )

    def raw(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The jet of the outputs, (n, outputs)."""
        jets = [network.jet(points, indices) for network in self.networks]
        return {
            a: torch.cat([points.new_zeros(len(points), 0), *(jet[a] for jet in jets)], -1)
            for a in indices
        }

    def jet(self, points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        """The jet of the functions, (n, outputs)."""
        if self.numbers is None:
            return self.raw(points, indices)
        basis = self.basis(points)
        mixing, offset = (
            torch.einsum("nm,mck->nck", basis, self.numbers.mixing),
            basis @ self.numbers.offset,
        )
        return mixed(self.raw(points, indices), mixing, offset)

    def constants(self, points: Tensor) -> dict[EffectiveKey, Tensor]:
        """The constants and the eigenvalue at the points, (n,)."""
        known: dict[EffectiveKey, Tensor] = (
            {} if self.eigenvalue is None else {EIGENVALUE: self.eigenvalue}
        )
        if self.numbers is not None:
            known |= self.numbers.constants
        basis = self.basis(points)
        return {key: basis @ value for key, value in known.items()}

    def basis(self, points: Tensor) -> Tensor:
        """The interpolation weights (n, nodes) of points whose last columns are the slow
        coordinates.
        """
        if not self.nodes.bounds:
            return points.new_ones(len(points), 1)
        slow = points[:, -len(self.nodes.bounds) :]
        return torch.as_tensor(
            self.nodes.weights(slow.cpu().numpy()), dtype=points.dtype, device=points.device
        )


def mixed(raw: Jet, mixing: Tensor, offset: Tensor) -> Jet:
    """The jet of the functions from that of the outputs (..., n, outputs), with mixing (..., n, c,
    outputs) and offset (..., n, c).
    """
    return {
        a: torch.einsum("...ck,...k->...c", mixing, value) + (0 if any(a) else offset)
        for a, value in raw.items()
    }
