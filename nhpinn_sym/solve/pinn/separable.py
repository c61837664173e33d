"""Cell problems that depend on slow variables, by one net whose hidden layer sees y alone and whose
last layer depends on the slow variables.

For every slow point the last layer is a least-squares fit; between the points it is interpolated.
So a random layer of the size that a single cell problem needs suffices for all of them, where a
layer over (y, slow variables) would have to resolve a box of higher dimension.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from ...emit.torch_text import closure
from ...lower.forms import LoweredCells, MultiIndex
from ..chebyshev import Nodes
from ..progress import Progress, silent
from ..solution import Array, CellBatch, EffectiveKey
from .cells import CellSolver, cell_panels
from .family import Family, Numbers
from .ground_state import require_positive
from .levels import LEVELS, Levels, largest_change
from .network import Layers, Network, Trial
from .options import collocation_options
from .random_features import random_layer
from .remembered import RememberingTrial
from .solvers.results import Result

_POINTS = 4096


@dataclass(frozen=True)
class SeparableField:
    """A component of a cell function at m slow points: the features of `network`, whose last layer
    has one row per slow point.
    """

    network: Network

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index at y (n, d), for every slow point: (m, n)."""
        return self._jet(points, self.network, index).T

    def between(
        self, nodes: Nodes, points: Array, slow: Array, index: MultiIndex, slow_index: MultiIndex
    ) -> Array:
        """D_y^index D_slow^slow_index at pairs of y (n, d) and slow points (n, s): (n,); the slow
        points of the field are `nodes`.
        """
        basis, (weight, bias) = nodes.weights(slow, slow_index), self.network.layers[-1]
        eye = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
        features = Network(
            self.network.trial, [*self.network.layers[:-1], (eye, torch.zeros_like(eye[0]))]
        )
        out = np.empty(len(points))
        for part in (slice(k, k + _POINTS) for k in range(0, len(points), _POINTS)):
            out[part] = (
                self._jet(points[part], features, index) * (basis[part] @ weight.cpu().numpy())
            ).sum(1)
        return out if any(index) else out + basis @ bias.cpu().numpy()

    def restricted(self, basis: Array, slow_points: Array) -> SeparableField:
        """The field at other slow points; `basis` (new, m) holds the interpolation weights of its
        own there.
        """
        weights, (weight, bias) = (
            torch.as_tensor(basis, device=self.network.trial.device),
            self.network.layers[-1],
        )
        return SeparableField(
            Network(
                self.network.trial, [*self.network.layers[:-1], (weights @ weight, weights @ bias)]
            )
        )

    def state(self) -> dict[str, Any]:
        return self.network.state()

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SeparableField:
        """The field that `state` came from; nothing is trained."""
        return cls(Network.from_state(state))

    def _jet(self, points: Array, network: Network, index: MultiIndex) -> Array:
        where = torch.tensor(np.asarray(points, dtype=float), device=network.trial.device)
        values: Array = network.jet(where, closure([index]))[index].cpu().numpy()
        return values


@dataclass(frozen=True)
class _Solved:
    """One slow point: the finished functions, their numbers, the residual, the multipliers, and the
    estimated error of the numbers.

    error: the change over the last doubling of the features, or the square of the residual where
    that is larger. grid: points (n, d) and weights (n,) of the averages.
    """

    family: Family
    numbers: Numbers
    held_out: float
    multipliers: Mapping[str, float]
    error: float
    grid: tuple[Array, Array]


class SeparableCellSolver:
    """The `CellSolver` of problems with slow variables that are solved by random features; options:
    `pinn.options.Options`.

    The size and the scale of the layer are chosen at the centre of the box, and the size is doubled
    where a slow point needs more.
    """

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        **options: Any,
    ) -> None:
        self.cells, self.parameters, self.slow_box, self.tolerance, self.progress = (
            cells,
            dict(parameters),
            slow_box,
            tolerance,
            progress,
        )
        self.options, self.given = collocation_options(options), options
        single = replace(cells, slow=(), parameters=(*cells.parameters, *cells.slow))
        centre = [(a + b) / 2 for a, b in slow_box]
        panels = cell_panels(cells, parameters, slow_box)[: cells.cell.dim]
        self._centre = CellSolver(
            single, self._values(centre), (), tolerance, progress, panels, **options
        )
        self._any = copy(self._centre)
        self._any.trial = self._trial = RememberingTrial(
            *(getattr(self._centre.trial, f.name) for f in fields(self._centre.trial))
        )
        self._layer: tuple[int, float] | None = None
        self._grids: list[tuple[Array, Array]] = []

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow))."""
        start, slow = time.perf_counter(), np.asarray(slow_points, dtype=float)
        size, scale = self._layer or self._chosen()
        with self.progress("cell problems (pinn, random-features)") as task:
            solved, layers = list[_Solved](), self._layers(size, scale)
            while len(solved) < len(slow):
                solved.append(self._at(slow[len(solved)], layers))
                task.update(
                    len(solved) / len(slow), f"{size} features, residual {solved[-1].held_out:.1e}"
                )
                if (
                    not self._enough(solved[-1])
                    and 2 * size * self.cells.components <= self.options.features
                ):
                    size, solved = 2 * size, []
                    layers = self._layers(size, scale)
                    self._trial.forget()
        self._trial.forget()
        self._layer = size, scale
        self._grids = [one.grid for one in solved]
        return self._batch(solved, slow, size, scale, time.perf_counter() - start)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages at a slow point of the last batch."""
        return self._grids[node]

    def _values(self, point: Any) -> dict[str, Any]:
        return {
            **self.parameters,
            **{str(v): float(value) for v, value in zip(self.cells.slow, point, strict=True)},
        }

    def _chosen(self) -> tuple[int, float]:
        info = self._centre.solve(np.zeros((1, 0))).info
        return int(info["features"]), float(info["scale"])

    def _enough(self, solved: _Solved) -> bool:
        return solved.error <= self.tolerance and solved.held_out <= math.sqrt(self.tolerance)

    def _layers(self, size: int, scale: float) -> list[Layers]:
        """Random layers of a fraction of this size, for the estimate, and of this size."""
        sizes = [max(1, size // 2**k) for k in reversed(range(LEVELS))]
        return [
            random_layer(self._trial, count, (scale, scale), self.options.seed) for count in sizes
        ]

    def _at(self, point: Array, layers: Sequence[Layers]) -> _Solved:
        """One slow point with each of the layers, the last of which counts."""
        solver = self._any.with_parameters(self._values(point))
        slow = torch.zeros(1, 0, dtype=torch.float64, device=self.options.device)
        levels = Levels(largest_change)
        for layer in layers:
            done = solver.fit(layer, 2 * len(layer[-1][1]))
            numbers = solver.means.refine(done.family, slow)
            error = levels.estimate(numbers.judged().cpu().numpy(), done.held_out**2)
        if self.cells.eigenvalue is not None:
            require_positive(solver.rows, done.family)
        grid = solver.means.quadrature()
        return _Solved(done.family, numbers, done.held_out, done.multipliers, error, grid)

    def _batch(
        self, solved: list[_Solved], slow: Array, size: int, scale: float, seconds: float
    ) -> CellBatch:
        estimate, m = max(s.error for s in solved), self.cells.components
        result = Result.CONVERGED if all(map(self._enough, solved)) else Result.MAX_FEATURES
        fields = tuple(
            tuple(_field(self._centre.trial, solved, k * m + i) for i in range(m))
            for k in range(len(self.cells.functions))
        )
        tables = [s.numbers.entries for s in solved]
        effective: dict[EffectiveKey, Array] = {
            key: np.array([float(table[key][0]) for table in tables]) for key in tables[0]
        }
        multipliers = {
            name: max(s.multipliers[name] for s in solved) for name in solved[0].multipliers
        }
        return CellBatch(
            fields,
            effective,
            {
                "method": "random-features",
                "size": size * m,
                "features": size,
                "scale": scale,
                "estimate": estimate,
                "residual": max(s.held_out for s in solved),
                "multipliers": multipliers,
                "fredholm": max(multipliers.values(), default=0.0),
                **self.options.told(result),
                "seconds": seconds,
            },
        )


def _field(trial: Trial, solved: list[_Solved], column: int) -> SeparableField:
    """Function component `column` at all slow points, mixing and offset put into the last layer."""
    rows = [
        s.family.combined(s.numbers.mixing[0, column], s.numbers.offset[0, column]) for s in solved
    ]
    weight, bias = (torch.cat([row.layers[-1][i] for row in rows]) for i in range(2))
    return SeparableField(Network(trial, [*rows[0].layers[:-1], (weight, bias)]))
