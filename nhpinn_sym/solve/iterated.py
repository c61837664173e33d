"""Cell problems of the level y whose coefficients are the effective coefficients of the level z."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..derive.model import HomogenizedModel, effective_shape
from ..lower.forms import LoweredCells
from .cell_solution import CellSolution
from .effective import EffectiveFunction
from .solution import Array, CellBatch, CellField

Field = Callable[[Array], Array]


@dataclass(frozen=True)
class InnerLevel:
    """The solved cells of the level z: effective coefficients as functions of (x, y)."""

    cells: CellSolution
    model: HomogenizedModel

    def field(self, name: str, coordinates: tuple[str, ...], slow: Mapping[str, float]) -> Field:
        """One effective coefficient at one slow point: points (n, d) of the cell of y -> (n, *shape)."""
        own = {index: e for (other, index), e in self.cells.entries.items() if other == name}
        function = EffectiveFunction(effective_shape(name, self.cells.dim, self.cells.components, self.cells.order), own)
        names = [str(v) for v in self.model.cell_operator.slow]

        def values(y: Array) -> Array:
            columns = dict(zip(coordinates, y.T, strict=True))
            return function(np.stack([np.broadcast_to(columns.get(v, slow.get(v, 0.0)), (len(y),)) for v in names], axis=-1))

        return values


@dataclass(frozen=True)
class IteratedSolver:
    """A `CellSolver` that hands the coefficients of the inner level, as fields of y, to one solver per slow point."""

    cells: LoweredCells
    inner: InnerLevel
    make: Callable[[Mapping[str, Field]], Any]

    def solve(self, slow_points: Array) -> CellBatch:
        coordinates = tuple(map(str, self.cells.coordinates))
        batches = []
        for point in np.asarray(slow_points, dtype=float):
            slow = dict(zip(map(str, self.cells.slow), point, strict=True))
            fields = {e.name: self.inner.field(e.name, coordinates, slow) for e in self.cells.externals}
            batches.append(self.make(fields).solve(point[None, :]))
        return batches[0] if len(batches) == 1 else _joined(batches)


def _same(field: CellField) -> Any:
    """The class of a field; only Fourier fields come here, and they can be joined."""
    return type(field)


def _joined(batches: list[CellBatch]) -> CellBatch:
    """Batches of one slow point each as one."""
    first = batches[0]
    fields = tuple(tuple(_same(field).joined([b.fields[k][i] for b in batches]) for i, field in enumerate(row)) for k, row in enumerate(first.fields))
    effective = {key: np.concatenate([b.effective[key] for b in batches]) for key in first.effective}
    info = dict(first.info)
    for name in ("residual", "estimate", "fredholm", "iterations", "size"):
        info[name] = max(b.info[name] for b in batches)
    info["seconds"] = sum(b.info["seconds"] for b in batches)
    info["multipliers"] = {name: max(b.info["multipliers"][name] for b in batches) for name in first.info["multipliers"]}
    return CellBatch(fields, effective, info)
