"""Means over the cell by the trapezoid rule on a uniform grid, which converges faster than any power for smooth periodic functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..solution import EffectiveKey
from .network import Jet, Network, Trial

_LIMIT, _COARSEST = 2**16, 16
_LAST_CHANGE = 1e-8
_FEW = 3


@dataclass
class CellMeans:
    """`per_axis` grows by `refine` until the means of given nets stand, and is then used for all slow points."""

    trial: Trial
    dim: int
    given: Mapping[str, float]
    per_axis: int = _COARSEST

    def refine(self, networks: Sequence[Network], slow: Tensor) -> Tensor:
        """Double the grid until the means stand; the effective entries at slow points (m, s), (entries, m).

        As the error falls exponentially, doubling squares it: a change of 1e-8 is the last one that can be seen.
        """
        self.per_axis, few = max(_COARSEST, self.per_axis // 2), slow[:_FEW]
        values = self._values(networks, few)
        while (2 * self.per_axis) ** self.dim <= _LIMIT:
            self.per_axis *= 2
            before, values = values, self._values(networks, few)
            if float((values - before).abs().max()) <= _LAST_CHANGE * float(values.abs().max()):
                break
        return self._values(networks, slow)

    def __call__(self, networks: Sequence[Network], slow: Tensor) -> tuple[dict[EffectiveKey, Tensor], Tensor]:
        """Effective entries, (m,) each, and the means of the cell functions, (m, functions), at slow points (m, s)."""
        lines = [a + (b - a) / self.per_axis * torch.arange(self.per_axis, dtype=torch.float64) for _, a, b in self.trial.axes[: self.dim]]
        y = torch.cartesian_prod(*lines).reshape(-1, self.dim).to(slow.device)
        parts = [self._part(networks, pairs(y, part)) for part in slow.split(max(1, _LIMIT // len(y)))]
        return {key: torch.cat([effective[key] for effective, _ in parts]) for key in parts[0][0]}, torch.cat([mean for _, mean in parts])

    def _part(self, networks: Sequence[Network], points: Tensor) -> tuple[dict[EffectiveKey, Tensor], Tensor]:
        indices = self.trial.module.MEAN_INDICES
        jets = [net.jet(points.flatten(0, 1), indices) for net in networks]
        empty = points.new_zeros(points.shape[0] * points.shape[1], 0)
        d: Jet = {a: torch.cat([empty, *(jet[a] for jet in jets)], -1).reshape(*points.shape[:2], -1) for a in indices}
        return self.trial.module.effective(points, d, **self.given), d[(0,) * self.dim].mean(1)

    def _values(self, networks: Sequence[Network], slow: Tensor) -> Tensor:
        effective, _ = self(networks, slow)
        return torch.stack([slow.new_zeros(len(slow)), *effective.values()])


def pairs(y: Tensor, slow: Tensor) -> Tensor:
    """All points (m, n, columns) of y (n, d) beside slow (m, s)."""
    return torch.cat([y.expand(len(slow), *y.shape), slow[:, None].expand(len(slow), len(y), slow.shape[1])], -1)
