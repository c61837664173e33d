"""Blocks of rows for the nets of several phases, and their residual at points not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....runtime.nets.least_squares import safe_divisor
from ..collocation import Rows, matrix
from ..network import Layers, Network
from .subdomains import Subdomain

# Relative size of data that are rounding beside the others: their function vanishes.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Block:
    """Equations for the net of one phase, or of the two beside an interface: what both sides say is
    added.
    """

    sides: tuple[tuple[int, Rows], ...]

    def matrix(self, pieces: Sequence[Subdomain], layers: Sequence[Layers]) -> Tensor:
        """(n * equations, unknowns): the features of the nets, phase after phase, then the
        multipliers.
        """
        first = self.sides[0][1]
        widths = [first.weights.shape[2] * len(net[-1][1]) for net in layers]
        out = first.points.new_zeros(
            first.target.shape[0] * first.target.shape[1], sum(widths) + first.extra.shape[2]
        )
        for k, rows in self.sides:
            start = sum(widths[:k])
            out[:, start : start + widths[k]] = matrix(pieces[k].trial, rows, layers[k])
        out[:, sum(widths) :] = first.extra.flatten(0, 1)
        return out

    @property
    def target(self) -> Tensor:
        """(n * equations, right-hand sides)."""
        return sum(rows.target for _, rows in self.sides).flatten(0, 1)  # type: ignore[union-attr]

    def residual(self, nets: Sequence[Network], multipliers: Tensor) -> Tensor:
        """(n * equations, right-hand sides)."""
        parts = [
            rows.residual(nets[k].jet(rows.points, nets[k].trial.indices), multipliers)
            for k, rows in self.sides
        ]
        return sum(parts).flatten(0, 1)  # type: ignore[union-attr]


def held_out(
    blocks: Sequence[Block], nets: Sequence[Network], multipliers: Tensor
) -> tuple[Tensor, Tensor]:
    """The residual and the size of the multipliers for every right-hand side, relative to its data;
    the gauge is left out.

    Data that are tiny beside the others are rounding: a function that vanishes.
    """
    *rest, _ = blocks
    data = torch.cat([b.target for b in rest]).norm(dim=0)
    data = safe_divisor(data.clamp(min=_ROUNDING * float(data.max())))
    taken = torch.cat([(b.sides[0][1].extra @ multipliers).flatten(0, 1) for b in rest])
    return (
        torch.cat([b.residual(nets, multipliers) for b in rest]).norm(dim=0) / data,
        taken.norm(dim=0) / data,
    )
