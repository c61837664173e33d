"""Cell problems that depend on slow variables, by one net whose hidden layer sees y alone and whose
last layer depends on the slow variables.

For every slow point the last layer is a least-squares fit; between the points it is interpolated.
So a random layer of the size that a single cell problem needs suffices for all of them, where a
layer over (y, slow variables) would have to resolve a box of higher dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ...solution import Array, CellBatch, CellTask, EffectiveKey
from .. import adaptive
from ..adaptive import Choice, Fit, Formulation
from ..collocation import FeatureScales
from ..fields import SeparableField
from ..network import Axes, RememberingSpace, TrialSpace, stack_outputs
from ..options import Options, collocation_options
from .averages import CellAverages
from .smooth import SmoothCellSolver, StageResult, cell_panels
from .smooth_rows import require_positive

# By which a coarse layer is smaller.
_COARSER = 4
# A relative residual at unseen points below which there is nothing that more features could change.
_SOLVED = 1e-12


class SeparableCellSolver:
    """The `CellSolver` of problems with slow variables that are solved by random features; options:
    `pinn.options.Options`.

    The size and the scale of the layer are chosen at the centre of the box, and the size is doubled
    where a slow point needs more.
    """

    def __init__(
        self,
        task: CellTask,
        **options: Any,
    ) -> None:
        cells = task.cells
        slow_box = task.slow_box
        self.cells = cells
        self.parameters = dict(task.parameters)
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.options = collocation_options(options)
        single = replace(cells, slow=(), parameters=(*cells.parameters, *cells.slow))
        centre = [(a + b) / 2 for a, b in slow_box]
        panels = cell_panels(cells, task.parameters, slow_box)[: cells.cell.dim]
        at_centre = replace(task, cells=single, parameters=self._values(centre), slow_box=())
        self._centre = SmoothCellSolver(at_centre, panels, **options)
        known = {f.name: getattr(self._centre.trial, f.name) for f in fields(TrialSpace)}
        self._shared = RememberingSpace(**known)
        self._points: list[_AtPoint] = []

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow))."""
        found = adaptive.solve(self._at(slow_points), self.progress, self._choice)
        self._choice = Choice(found.info["features"], self._choice.scales)
        self._points = found.solved
        self._shared.known.clear()
        functions = tuple(
            tuple(
                _field(self._centre.trial, found.solved, k * self.cells.components + i)
                for i in range(self.cells.components)
            )
            for k in range(len(self.cells.functions))
        )
        return CellBatch(functions, _entries(found.solved), found.info)

    def entries(self, slow_points: Array, coarse: bool = False) -> dict[EffectiveKey, Array]:
        """The effective entries by the layer of the last `solve`, or a quarter of it."""
        problem = self._at(slow_points)
        size = self._choice.size // _COARSER if coarse else self._choice.size
        return _entries(problem.fit(size, self._choice.scales).solved)

    def _at(self, slow_points: Array) -> _SlowPoints:
        """The problems at all slow points."""
        points = np.asarray(slow_points, dtype=float)
        solvers = [self._centre.with_parameters(self._values(p), self._shared) for p in points]
        return _SlowPoints(self.options, self.tolerance, tuple(solvers), self._shared)

    @cached_property
    def _choice(self) -> Choice:
        """Size and scales at the centre, and then of the last solve."""
        info = self._centre.solve(np.zeros((1, 0))).info
        return Choice(int(info["features"]), (info["scale"], info["scale"]))

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages at a slow point of the last batch."""
        return self._points[node].grid

    def _values(self, point: Sequence[float] | Array) -> dict[str, Any]:
        """The parameters with the slow variables among them."""
        named = zip(self.cells.slow, point, strict=True)
        return {**self.parameters, **{str(v): float(value) for v, value in named}}


@dataclass(frozen=True)
class _AtPoint:
    """One slow point: the functions, their averages, and the points (n, d) and weights (n,) of
    these.
    """

    stages: StageResult
    averages: CellAverages
    grid: tuple[Array, Array]


@dataclass
class _SlowPoints(Formulation[list[_AtPoint]]):
    """All slow points with the same hidden layer; solvers: of the problem at each of them."""

    options: Options
    tolerance: float
    solvers: tuple[SmoothCellSolver, ...]
    shared: RememberingSpace
    title = "cell problems"

    def __post_init__(self) -> None:
        self.per_feature = self.solvers[0].cells.components

    @property
    def axes(self) -> Axes:
        return self.solvers[0].axes

    def fit(self, size: int, scales: FeatureScales) -> Fit[list[_AtPoint]]:
        self.shared.known.clear()
        slow = torch.zeros(1, 0, dtype=torch.float64, device=self.options.device)
        found = []
        for solver in self.solvers:
            stages = solver.fit(size, scales).solved
            averages = solver.means.refine(stages.family, slow)
            found.append(_AtPoint(stages, averages, solver.means.quadrature()))
        return Fit(found, max(one.stages.held_out for one in found), size, scales)

    def values(self, solved: list[_AtPoint]) -> Array:
        return np.concatenate(
            [one.averages.estimated_entries().cpu().numpy() for one in solved], axis=1
        )

    def estimate(self, fit: Fit[list[_AtPoint]], changes: Sequence[float]) -> float:
        if fit.held_out <= _SOLVED:
            return fit.held_out
        found = super().estimate(fit, changes)
        if not self.shared.panels:
            return found
        pairs = zip(self.solvers, fit.solved, strict=True)
        return max(found, *(s.missed_energy(one.stages) for s, one in pairs))

    def check(self, solved: list[_AtPoint], residual: float | None) -> None:
        if self.solvers[0].cells.eigenvalue is not None:
            for solver, one in zip(self.solvers, solved, strict=True):
                require_positive(solver.rows, one.stages.family)

    def more_info(self, solved: list[_AtPoint]) -> dict[str, Any]:
        names = solved[0].stages.multipliers
        worst = {name: max(one.stages.multipliers[name] for one in solved) for name in names}
        return {"multipliers": worst, "fredholm": max(worst.values(), default=0.0)}


def _entries(solved: Sequence[_AtPoint]) -> dict[EffectiveKey, Array]:
    tables = [one.averages.entries for one in solved]
    return {key: np.array([float(table[key][0]) for table in tables]) for key in tables[0]}


def _field(trial: TrialSpace, solved: Sequence[_AtPoint], column: int) -> SeparableField:
    """Function component `column` at all slow points, mixing and offset put into the last layer."""
    rows = []
    for one in solved:
        mixing = one.averages.mixing[0, column]
        offset = one.averages.offset[0, column]
        rows.append(one.stages.family.combine(mixing, offset))
    return SeparableField(replace(stack_outputs(rows), trial=trial))
