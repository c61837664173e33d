"""Quadrature of the cell for energies: the trapezoid rule for smooth coefficients, one fitted to
the interfaces for others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import LoweredCells
from ....problem.errors import SolveError
from ...partition import Partition, make_partition

_LEAST, _MOST, _SHIFT, _MORE = 8, 400, 0.37, 1.3


@dataclass(frozen=True)
class CellQuadrature:
    """Points (n, dim) and weights (n,) of sum 1, n about `count`. `unseen` is a finer one of other
    points.
    """

    cells: LoweredCells
    parameters: Mapping[str, Any]
    device: str

    def __call__(self, count: int) -> tuple[Tensor, Tensor]:
        return self._rule(self._order(count), 0.0)

    def unseen(self, count: int) -> tuple[Tensor, Tensor]:
        return self._rule(math.ceil(_MORE * self._order(count)), _SHIFT)

    @cached_property
    def partition(self) -> Partition:
        """Of the cell by its interfaces."""
        return make_partition(self.cells, self.parameters)

    def _order(self, count: int) -> int:
        """Points of a line across the cell."""
        return min(max(_LEAST, math.ceil(count ** (1 / self.cells.cell.dim))), _MOST)

    def _rule(self, order: int, shift: float) -> tuple[Tensor, Tensor]:
        if self.cells.jumps:
            return self._fitted(order)
        lines = [
            a + (b - a) / order * (torch.arange(order, dtype=torch.float64) + shift)
            for a, b in self.cells.cell.bounds
        ]
        points = torch.cartesian_prod(*lines).reshape(-1, len(lines)).to(self.device)
        return points, points.new_full((len(points),), 1 / len(points))

    def _fitted(self, order: int) -> tuple[Tensor, Tensor]:
        rule, volume = (
            self.partition.even_quadrature(order),
            float(np.prod([b - a for a, b in self.cells.cell.bounds])),
        )
        if not abs(float(rule.weights.sum()) / volume - 1) < 1e-6:
            raise SolveError(
                "the quadrature fitted to the interfaces misses a part of the cell",
                term=f"volume {float(rule.weights.sum()):.8g}",
            )
        return torch.as_tensor(rule.points, device=self.device), torch.as_tensor(
            rule.weights / volume, device=self.device
        )
