"""Cell problems by neural networks over (y, slow coordinates), periodic by their inputs, trained
once, one stage after another.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...emit.torch_cells import cells as emit_cells
from ...emit.torch_text import given_values
from ...lower.forms import LoweredCells
from ...problem.errors import ProblemError, SolveError, UnsupportedError
from ...resolution import resolve_cells, resolve_slow
from ..progress import Progress, Task, silent
from ..solution import Array, CellBatch
from .cell_rows import CellRows
from .family import Family, Numbers
from .ground_state import first_eigenvalue, ground_state, require_positive
from .levels import Levels, largest_change
from .means import CellMeans
from .network import Layers, Network, Panels, Trial
from .network_field import NetworkField
from .options import collocation_options
from .random_features import (
    HELD_OUT,
    Fit,
    Scales,
    fit_result,
    held_out_residual,
    ladder,
    last_layer,
    random_layer,
)
from .rows import Rows, collocation_points, positive, sharp_panels
from .solvers.results import Result
from .training import Trained, train

_PROBES = 16
_BELOW = 0.03
"""How far below the root of the tolerance a training goes: its estimate is from a larger residual.
"""


@dataclass
class Progressed:
    """The functions so far, the largest held-out residual, and the relative multipliers of the
    solvable functions by name.
    """

    family: Family
    held_out: float = 0.0
    multipliers: dict[str, float] = field(default_factory=dict)

    def note(self, held_out: float, multipliers: Mapping[str, float]) -> None:
        self.held_out = max(self.held_out, held_out)
        self.multipliers |= multipliers


class CellSolver:
    """Solves the cell problems of a model with smooth real coefficients; options:
    `pinn.options.Options`.

    The tolerance is for the effective coefficients, relative to the largest: the number of features
    is doubled until their change is below it, and so is the square of the residual at unseen points
    (the energy formula squares the error of the cell functions).
    UnsupportedError where a coefficient jumps, is complex or no formula.
    """

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        panels: Panels | None = None,
        **options: Any,
    ) -> None:
        self.cells, self.slow_box, self.tolerance = cells, slow_box, tolerance
        self.options = o = collocation_options(options)
        self.progress = progress if o.ranks.first else silent
        axes = (
            *(("periodic", a, b) for a, b in cells.cell.bounds),
            *(("scaled", a, b) for a, b in slow_box),
        )
        found = cell_panels(cells, parameters, slow_box) if panels is None else panels
        self.trial = Trial("cell_residual", emit_cells(cells), axes, o.device, panels=found)
        self.means = CellMeans(cells, self.trial, given_values(cells, parameters))
        self.rows = CellRows(cells, self.trial, self.means, o.seed, o.device)
        if o.trains and cells.eigenvalue is not None:
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
        family, info = self._solved
        numbers, m = (
            self.means(family, torch.as_tensor(slow, device=self.options.device)),
            self.cells.components,
        )
        fields = tuple(
            tuple(_field(family, numbers, slow, k * m + i) for i in range(m))
            for k in range(len(self.cells.functions))
        )
        return CellBatch(
            fields, {key: value.cpu().numpy() for key, value in numbers.entries.items()}, info
        )

    @cached_property
    def _solved(self) -> tuple[Family, dict[str, Any]]:
        """The nets, which are made once, and what is known about them."""
        start = time.perf_counter()
        numbers = {
            name: value for name, value in self.means.parameters.items() if isinstance(value, float)
        }
        self.options.ranks.require_agreement(
            self.trial.signature, self.trial.axes, numbers, self.tolerance, self.options.shared
        )
        with self.progress(f"cell problems (pinn, {self.options.chosen})") as task:
            if not self.cells.functions:
                done, info = (
                    Progressed(self.rows.empty),
                    dict[str, Any](size=0, estimate=0.0, result=Result.CONVERGED),
                )
            else:
                done, info = self._trained(task) if self.options.trains else self._fitted(task)
        info |= {
            "residual": done.held_out,
            "multipliers": done.multipliers,
            "fredholm": max(done.multipliers.values(), default=0.0),
        }
        result = info.pop("result")
        if not math.isfinite(info["estimate"]):
            raise SolveError(
                "the cell problems have no finite solution in this net",
                term=info,
                remedy="give more features, or another scale",
            )
        return done.family, {
            "method": self.options.chosen,
            **info,
            **self.options.told(result),
            "seconds": time.perf_counter() - start,
        }

    def _fitted(self, task: Task) -> tuple[Progressed, dict[str, Any]]:
        """One net for all cell functions, its last layer by least squares."""
        o = self.options
        levels, residuals, reached = Levels(largest_change), [math.inf], False

        def fit(size: int, scales: Scales) -> Fit[Progressed]:
            done = self.fit(random_layer(self.trial, size, scales, o.seed), 2 * size)
            return Fit(done, done.held_out, size, scales)

        for step in ladder(
            fit, self.trial.axes, max(1, o.features // self.cells.components), o.scale
        ):
            estimate = levels.estimate(self._probed(step.solved.family), step.held_out**2)
            residuals.append(step.held_out)
            task.update(
                step.size * self.cells.components / o.features,
                f"{step.size} features, residual {step.held_out:.1e}",
            )
            reached = estimate <= self.tolerance
            if reached:
                break
        if self.cells.eigenvalue is not None:
            require_positive(self.rows, step.solved.family)
        return step.solved, {
            "size": step.size * self.cells.components,
            "features": step.size,
            "scale": step.scales[0],
            "estimate": estimate,
            "result": fit_result(reached, residuals),
        }

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages, the same at all slow points."""
        return self.means.quadrature()

    def with_parameters(self, parameters: Mapping[str, Any]) -> CellSolver:
        """A solver of the same problems for other numbers, in the same trial space; to be asked for
        before anything is solved.
        """
        other = copy(self)
        other.means = replace(
            self.means, trial=self.trial, parameters=given_values(self.cells, parameters)
        )
        other.rows = replace(self.rows, trial=self.trial, means=other.means)
        return other

    def fit(self, layers: Layers, count: int) -> Progressed:
        """All stages in one random layer, by rows at `count` points."""
        done = Progressed(self.rows.empty)
        for number, (kind, members) in enumerate(self.rows.stages):
            family = self._with_numbers(done.family)
            if kind == "ground state":
                done.family, network = ground_state(self.rows, self._start, layers, count)
                family = Family(family.nodes, eigenvalue=done.family.eigenvalue)
                held = self.rows(number, family, HELD_OUT, self.options.seed + 1)
                coefficients = held.extra.new_zeros(held.extra.shape[2], 1)
            else:
                network, coefficients = last_layer(
                    self.trial,
                    self.rows(number, family, count, self.options.seed),
                    layers,
                    self.options.ranks,
                )
                done.family = family.with_networks([self.rows.finished(members, network)])
                held = self.rows(number, family, HELD_OUT, self.options.seed + 1)
            done.note(
                held_out_residual(network, coefficients, held),
                self._multipliers(members, held, coefficients),
            )
        return done

    def _trained(self, task: Task) -> tuple[Progressed, dict[str, Any]]:
        """One net per cell function.

        The estimate is the change of the effective entries since the residuals were a few times as
        large, or what the residuals alone say.
        """
        o, names, done = (
            self.options,
            [f.name for f in self.cells.functions],
            Progressed(self.rows.empty),
        )
        results, earlier, goal = (
            list[Trained](),
            list[Network](),
            _BELOW * math.sqrt(self.tolerance),
        )
        for number, (_, members) in enumerate(self.rows.stages):
            family = done.family = self._with_numbers(done.family)
            units = self.rows.units(number, family)
            for j, k in enumerate(members):

                def rows(
                    count: int,
                    seed: int,
                    number: int = number,
                    family: Family = family,
                    j: int = j,
                    unit: float = float(units[j]),
                ) -> Rows:
                    return self.rows(number, family, count, seed).output(j, unit)

                def report(fraction: float, note: str, k: int = k) -> None:
                    task.update((k + fraction) / len(names), f"{names[k]}: {note}")

                results.append(
                    train(self.trial, rows, self.cells.components, o, goal, names[k], report)
                )
                done.note(
                    results[-1].held_out,
                    self._multipliers([k], rows(HELD_OUT, o.seed + 1), results[-1].coefficients),
                )
                network, before = (
                    self.rows.finished([k], net, units[j : j + 1])
                    for net in (results[-1].network, results[-1].earlier[0])
                )
                done.family, earlier = done.family.with_networks([network]), [*earlier, before]
        values, less = (
            self._probed(done.family),
            self._probed(self.rows.empty.with_networks(earlier)),
        )
        change = max(largest_change(values, less), max(r.doubt for r in results))
        info = {
            "size": sum(r.network.size for r in results),
            "width": o.net[0],
            "depth": o.net[1],
            "iterations": max(r.iterations for r in results),
            "flavour": results[0].flavour,
            "estimate": change,
            "result": next(
                (r.result for r in results if r.result is not Result.CONVERGED), Result.CONVERGED
            ),
        }
        return done, info

    def _multipliers(
        self, members: Sequence[int], held: Rows, coefficients: Tensor
    ) -> dict[str, float]:
        """What P takes from the right-hand sides that are to be solvable, relative to them."""
        sizes = (held.extra @ coefficients).square().mean((0, 1)).sqrt() / positive(held.size)
        forms = [self.cells.functions[k] for k in members]
        return {
            f.name: float(size)
            for f, size in zip(forms, sizes, strict=True)
            if f.solvable and f.role in ("corrector", "auxiliary")
        }

    def _with_numbers(self, family: Family) -> Family:
        """The family with its means, where something before the next stage is to be made unique."""
        if not family.outputs and not self.cells.constants:
            return family
        return family.with_numbers(
            self.means.refine(
                family, torch.as_tensor(family.nodes.points, device=self.options.device)
            )
        )

    @cached_property
    def _start(self) -> Tensor:
        """The eigenvalue roughly."""
        return first_eigenvalue(self.rows)

    def _probed(self, family: Family) -> Array:
        """The effective entries that the estimate is for, at a few slow points."""
        axes = self.trial.axes[self.cells.cell.dim :]
        slow = collocation_points(_PROBES if axes else 1, axes, 0, self.options.device)
        return self.means.refine(family, slow).judged().cpu().numpy()


def cell_panels(
    cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...]
) -> Panels:
    """Where the data of cell problems are sharp, along the fast axes and the slow ones."""
    parts = [resolve_cells(cells, parameters, slow_box)]
    if slow_box:
        parts.append(resolve_slow(cells, parameters, slow_box))
    return sharp_panels(*parts)


def _field(family: Family, numbers: Numbers, slow: Array, column: int) -> NetworkField:
    """The field of function component `column`."""
    weights, offset = numbers.mixing[:, column], numbers.offset[:, column]
    used = [k for k in range(weights.shape[1]) if k == column or bool(weights[:, k].any())]
    return NetworkField(
        tuple(family.output(k) for k in used),
        slow,
        weights[:, used].cpu().numpy(),
        offset.cpu().numpy(),
    )
