"""Cell problems with smooth coefficients by one net over (y, slow coordinates), periodic by its
inputs, solved once, one stage after another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_cells import cells as emit_cells
from ....emit.torch_text import given_values
from ....lower.forms import LoweredCells
from ....problem.errors import ProblemError, UnsupportedError
from ....resolution import resolve_cells, resolve_slow
from ....resolution.problems import constant_axes
from ....runtime.levels import FEWEST
from ....runtime.nets.least_squares import safe_divisor
from ...progress import Task
from ...solution import Array, CellBatch, CellTask
from .. import adaptive
from ..adaptive import Fit, Formulation, Outcome, largest_change
from ..collocation import (
    HELD_OUT,
    FeatureScales,
    Rows,
    collocation_points,
    held_out_residual,
    last_layer,
    random_layer,
)
from ..fields import NetworkField
from ..minimize import Result, history_info
from ..network import Axes, DataPanels, Network, TrialSpace
from ..options import collocation_options
from ..sharp_data import sharp_axes, sharp_panels
from ..training import Trained, train
from .averages import CellAverages, CellAveraging, CellFunctions
from .averaging_grids import AveragingGrid
from .missed_energy import SolvedStage, missed_energy
from .smooth_rows import CellRows, first_eigenvalue, ground_state_in_span, require_positive

# Collocation points by the features: with fewer than 1.5 the residual at them says nothing.
_POINTS = 2
# Slow points at which the effective entries are compared from fit to fit.
_PROBES = 16
# How far below the root of the tolerance a training goes: its estimate is from a larger residual.
_BELOW = 0.03

# Times as many features by default in three dimensions, where waves of one length are more.
_IN_SPACE = 2
_ROUNDING = 1e-15


@dataclass
class StageResult:
    """The functions so far, the largest held-out residual, the stages that were fitted, and the
    relative multipliers of the solvable functions by name.
    """

    family: CellFunctions
    held_out: float = 0.0
    stages: list[SolvedStage] = field(default_factory=list)
    multipliers: dict[str, float] = field(default_factory=dict)

    def add(self, held_out: float, multipliers: Mapping[str, float]) -> None:
        """What a further stage came to."""
        self.held_out = max(self.held_out, held_out)
        self.multipliers |= multipliers


class SmoothCellSolver(Formulation[StageResult]):
    """Solves the cell problems of a model with smooth real coefficients; options:
    `pinn.options.Options`.

    The tolerance is for the effective coefficients, relative to the largest: the number of features
    is doubled until their change is below it, and so is the square of the residual at unseen points
    (the energy formula squares the error of the cell functions).
    UnsupportedError where a coefficient jumps, is complex or no formula.
    """

    title = "cell problems"

    def __init__(
        self,
        task: CellTask,
        panels: DataPanels | None = None,
        **options: Any,
    ) -> None:
        cells = task.cells
        parameters = task.parameters
        slow_box = task.slow_box
        self.cells = cells
        self.slow_box = slow_box
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.options = collocation_options(options)
        if cells.cell.dim == 3 and "features" not in options:
            self.options = replace(self.options, features=_IN_SPACE * self.options.features)
        self.per_feature = cells.components
        device = self.options.device
        still = constant_axes(cells)
        axes = (
            *(
                ("constant" if k in still else "periodic", a, b)
                for k, (a, b) in enumerate(cells.cell.bounds)
            ),
            *(("scaled", a, b) for a, b in slow_box),
        )
        found = cell_panels(cells, parameters, slow_box) if panels is None else panels
        self.trial = TrialSpace(
            "cell_residual",
            emit_cells(cells),
            axes,
            device,
            panels=found,
            sharp=sharp_axes(axes, found),
        )
        given = given_values(cells, parameters)
        grid = AveragingGrid.coarse(cells.cell.bounds, found)
        self.means = CellAveraging(cells, self.trial, given, grid, task.tolerance)
        self.rows = CellRows(cells, self.trial, self.means, self.options.seed, device)
        self._found: Outcome[StageResult] | None = None
        if self.options.trains and cells.eigenvalue is not None:
            raise UnsupportedError(
                "a trained net finds no eigenvalue",
                term=cells.eigenvalue,
                remedy='use method="random-features", or backend="fourier"',
            )

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow)) inside
        the slow box.
        """
        slow = np.asarray(slow_points, dtype=float).reshape(len(slow_points), len(self.slow_box))
        for symbol, column, (a, b) in zip(self.cells.slow, slow.T, self.slow_box, strict=True):
            if column.min() < a - 1e-9 * (b - a) or column.max() > b + 1e-9 * (b - a):
                raise ProblemError(
                    "a slow point lies outside the box that the net was made for",
                    term=f"{symbol} in ({a}, {b})",
                )
        if self._found is None:
            self._require_agreement()
            self._found = adaptive.solve(self, self.progress)
        family = self._found.solved.family
        numbers = self.means(family, torch.as_tensor(slow, device=self.options.device))
        m = self.cells.components
        fields = tuple(
            tuple(_field(family, numbers, slow, k * m + i) for i in range(m))
            for k in range(len(self.cells.functions))
        )
        effective = {key: value.cpu().numpy() for key, value in numbers.entries.items()}
        return CellBatch(fields, effective, self._found.info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages, the same at all slow points."""
        return self.means.quadrature()

    def with_parameters(self, parameters: Mapping[str, Any], trial: TrialSpace) -> SmoothCellSolver:
        """A solver of the same problems for other numbers, in a trial space that may be shared with
        others.
        """
        other = copy(self)
        given = given_values(self.cells, parameters)
        other.trial = trial
        other.means = replace(self.means, trial=trial, parameters=given)
        other.rows = replace(self.rows, trial=trial, means=other.means)
        return other

    def _require_agreement(self) -> None:
        """ProblemError where processes that share the rows were given different problems."""
        numbers = {
            name: value for name, value in self.means.parameters.items() if isinstance(value, float)
        }
        self.options.ranks.require_agreement(
            self.trial.signature, self.trial.axes, numbers, self.tolerance, self.options.shared
        )

    @property
    def axes(self) -> Axes:
        return self.trial.axes

    def fit(self, size: int, scales: FeatureScales) -> Fit[StageResult]:
        """All stages in one random layer."""
        seed = self.options.seed
        count = _POINTS * size
        layers = random_layer(self.trial, size, scales, seed)
        done = StageResult(self.rows.empty)
        for number, (kind, members) in enumerate(self.rows.stages):
            family = self._with_numbers(done.family)
            if kind == "ground state":
                done.family, network = ground_state_in_span(
                    self.rows, self._first_eigenvalue, layers, count
                )
                family = CellFunctions(family.nodes, eigenvalue=done.family.eigenvalue)
                held = self.rows(number, family, HELD_OUT, seed + 1)
                coefficients = held.extra.new_zeros(held.extra.shape[2], 1)
            else:
                rows = self.rows(number, family, count, seed)
                network, coefficients = last_layer(self.trial, rows, layers, self.options.ranks)
                done.family = family.with_networks([self.rows.unscale(members, network)])
                held = self.rows(number, family, HELD_OUT, seed + 1)
            residual = held_out_residual(network, coefficients, held)
            done.add(residual, self._multipliers(members, held, coefficients))
            done.stages.append((number, family, network, coefficients))
        return Fit(done, done.held_out, size, scales)

    def estimate(self, fit: Fit[StageResult], changes: Sequence[float]) -> float:
        """In space from the dual residual, in which waves of high frequency weigh less; where data
        are sharp, and the residual at points small beside their slopes, from that too.
        """
        found = super().estimate(fit, changes)
        if self.trial.panels:
            return max(found, self.missed_energy(fit.solved))
        known = self.cells.symmetric and self.cells.definite and self.cells.eigenvalue is None
        if known and len(self.axes) == 3 and len(changes) >= FEWEST - 1:
            return max(_ROUNDING, self.missed_energy(fit.solved))
        return found

    def missed_energy(self, solved: StageResult) -> float:
        """By the dual residual: see the function."""
        return missed_energy(self.rows, solved.stages, solved.family, self._probes)

    def values(self, solved: StageResult) -> Array:
        """The effective entries that the estimate is for, (entries, a few slow points)."""
        return self.means.refine(solved.family, self._probes).estimated_entries().cpu().numpy()

    @property
    def _probes(self) -> Tensor:
        """A few slow points."""
        axes = self.trial.axes[self.cells.cell.dim :]
        return collocation_points(_PROBES if axes else 1, axes, 0, self.options.device)

    def check(self, solved: StageResult, residual: float | None) -> None:
        if self.cells.eigenvalue is not None:
            require_positive(self.rows, solved.family)

    def more_info(self, solved: StageResult) -> dict[str, Any]:
        worst = max(solved.multipliers.values(), default=0.0)
        return {"multipliers": solved.multipliers, "fredholm": worst}

    def without_nets(self) -> Outcome[StageResult] | None:
        if self.cells.functions:
            return None
        return Outcome(StageResult(self.rows.empty), 0.0, 0.0, Result.CONVERGED, 0)

    def train(self, task: Task) -> Outcome[StageResult]:
        """One net per cell function.

        The estimate is the change of the effective entries since the residuals were a few times as
        large, or what the residuals alone say.
        """
        done = StageResult(self.rows.empty)
        results: list[Trained] = []
        earlier: list[Network] = []
        for number, (_, members) in enumerate(self.rows.stages):
            done.family = self._with_numbers(done.family)
            units = self.rows.output_units(number, done.family)
            for j, k in enumerate(members):
                unit = units[j : j + 1]
                rows = _StageRows(self.rows, number, done.family, j, float(unit))
                found = self._train_one(k, rows, task)
                held = rows(HELD_OUT, self.options.seed + 1)
                done.add(found.held_out, self._multipliers([k], held, found.coefficients))
                network = self.rows.unscale([k], found.network, unit)
                done.family = done.family.with_networks([network])
                earlier.append(self.rows.unscale([k], found.earlier[0], unit))
                results.append(found)
        less = StageResult(self.rows.empty.with_networks(earlier))
        change = largest_change(self.values(done), self.values(less))
        width, depth = self.options.net
        order = [k for _, members in self.rows.stages for k in members]
        histories = {
            self.cells.functions[k].name: history_info(found.history)
            for k, found in zip(order, results, strict=True)
        }
        return Outcome(
            done,
            max(change, *(r.doubt for r in results)),
            done.held_out,
            first_failure([r.result for r in results]),
            sum(r.network.size for r in results),
            {
                "width": width,
                "depth": depth,
                "iterations": max(r.iterations for r in results),
                "flavour": results[0].flavour,
                "history": histories,
            },
        )

    def _train_one(self, k: int, rows: _StageRows, task: Task) -> Trained:
        name = self.cells.functions[k].name

        def report(fraction: float, note: str) -> None:
            task.update((k + fraction) / len(self.cells.functions), f"{name}: {note}")

        goal = _BELOW * math.sqrt(self.tolerance)
        return train(self.trial, rows, self.cells.components, self.options, goal, name, report)

    def _multipliers(
        self, members: Sequence[int], held: Rows, coefficients: Tensor
    ) -> dict[str, float]:
        """What P takes from the right-hand sides that are to be solvable, relative to them."""
        sizes = (held.extra @ coefficients).square().mean((0, 1)).sqrt() / safe_divisor(held.size)
        forms = [self.cells.functions[k] for k in members]
        return {
            f.name: float(size)
            for f, size in zip(forms, sizes, strict=True)
            if f.solvable and f.role in ("corrector", "auxiliary")
        }

    def _with_numbers(self, family: CellFunctions) -> CellFunctions:
        """The family with its means, where something before the next stage is to be made unique."""
        if not family.outputs and not self.cells.constants:
            return family
        nodes = torch.as_tensor(family.nodes.points, device=self.options.device)
        return family.with_numbers(self.means.refine(family, nodes))

    @cached_property
    def _first_eigenvalue(self) -> Tensor:
        """The eigenvalue roughly, from a coarse grid."""
        return first_eigenvalue(self.rows)


@dataclass(frozen=True)
class _StageRows:
    """Rows of function j of a stage alone, in multiples of `unit`."""

    rows: CellRows
    number: int
    family: CellFunctions
    j: int
    unit: float

    def __call__(self, count: int, seed: int) -> Rows:
        return self.rows(self.number, self.family, count, seed).output(self.j, self.unit)


def first_failure(results: Sequence[Result]) -> Result:
    """Of several trainings the first one that did not converge, if there is one."""
    failed = [result for result in results if result is not Result.CONVERGED]
    if failed:
        return failed[0]
    return Result.CONVERGED


def cell_panels(
    cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...]
) -> DataPanels:
    """Where the data of cell problems are sharp, along the fast axes and the slow ones."""
    parts = [resolve_cells(cells, parameters, slow_box)]
    if slow_box:
        parts.append(resolve_slow(cells, parameters, slow_box))
    return sharp_panels(*parts)


def _field(family: CellFunctions, numbers: CellAverages, slow: Array, column: int) -> NetworkField:
    """The field of function component `column`."""
    weights = numbers.mixing[:, column]
    used = [k for k in range(weights.shape[1]) if k == column or bool(weights[:, k].any())]
    return NetworkField(
        tuple(family.output(k) for k in used),
        slow,
        weights[:, used].cpu().numpy(),
        numbers.offset[:, column].cpu().numpy(),
    )
