"""Cell problems whose coefficients jump: one net per phase, all of them by one least-squares
problem, one stage after another.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_phases import require_fluxes
from ....emit.torch_text import given_values
from ....lower.forms import LoweredCells
from ....problem.errors import SolveError, UnsupportedError
from ...chebyshev import Nodes
from ...limits import require_affordable
from ...partition import make_partition
from ...progress import Progress, Task, silent
from ...solution import Array, CellBatch, EffectiveKey
from ..family import Family
from ..levels import Levels, largest_change
from ..network import Layers, Network
from ..options import Options, collocation_options, require_unused
from ..random_features import Fit, Scales, fit_result, ladder, least_squares
from ..solvers.results import Result
from .field import PhaseField
from .means import PhaseMeans
from .piece import pieces
from .rows import Block, PhaseRows, held_out

_NOTHING = 0.1
"""The residual at which nothing is known of the effective coefficients: at the corners of a polygon
it hardly falls, and they are wrong by half.
Errors of theirs are of second order."""
_POINTS, _HELD_OUT, _LARGE = 2, 1000, 1024
"""Collocation points in a phase, by its features; points that were not used."""

Entries = dict[EffectiveKey, Tensor]


@dataclass(frozen=True)
class _Solved:
    """All functions at one slow point: a family per phase, the largest held-out residual, the
    multipliers by name.
    """

    families: list[Family]
    residual: float
    multipliers: dict[str, float]


class PhaseCellSolver:
    """Solves the cell problems of a model whose real coefficients jump; options:
    `pinn.options.Options`.

    The tolerance is for the effective coefficients, relative to the largest: the number of features
    is doubled until their change is below it, and what the residual at unseen points tells of it.
    Coefficients that depend on x: one least-squares problem per slow point, all with the same
    random layers. UnsupportedError for kernels that are not constant,
    interfaces that move with x, operators of fourth order, trained nets.
    """

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, Any],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        **options: Any,
    ) -> None:
        self.cells, self.tolerance, self.progress, self.options = (
            cells,
            tolerance,
            progress,
            collocation_options(options),
        )
        _require_least_squares(cells, self.options)
        self.partition = make_partition(
            cells, {s.name: parameters[s.name] for s in cells.parameters}
        )
        self.pieces = pieces(self.partition, given_values(cells, parameters), self.options.device)
        self.means = PhaseMeans.of(self.partition.dim)
        self._chosen: tuple[int, Scales, float, Result] | None = (
            None  # size, scales, change and result, from the first solve
        )

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow))."""
        start = time.perf_counter()
        slow = torch.as_tensor(
            np.asarray(slow_points, dtype=float).reshape(len(slow_points), -1),
            device=self.options.device,
        )
        rows = [PhaseRows(self.partition, self.pieces, x) for x in slow]
        with self.progress("cell problems (pinn, one net per phase)") as task:
            solved, entries, info = self._fitted(rows, task)
        effective = {key: np.array([float(one[key]) for one in entries]) for key in entries[0]}
        names = solved[0].multipliers
        info |= {
            "method": "random-features",
            "phases": self.partition.count,
            "residual": max(one.residual for one in solved),
            "multipliers": {name: max(one.multipliers[name] for one in solved) for name in names},
        }
        info |= {
            "fredholm": max(info["multipliers"].values(), default=0.0),
            "seconds": time.perf_counter() - start,
        }
        m = self.cells.components
        fields = tuple(
            tuple(self._field(solved, k * m + i) for i in range(m))
            for k in range(len(self.cells.functions))
        )
        return CellBatch(fields, effective, info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The one fitted to the interfaces by which the effective entries are averaged."""
        rule = self.partition.quadrature(self.means.finest)
        return rule.points, rule.weights / rule.weights.sum()

    def _fitted(
        self, rows: Sequence[PhaseRows], task: Task
    ) -> tuple[list[_Solved], list[Entries], dict[str, Any]]:
        """Nets of doubled size until the effective entries stand."""
        m = self.cells.components
        levels, residuals = Levels(largest_change), [math.inf]
        per_feature = m * sum(p.features(_LARGE) for p in self.pieces) / _LARGE
        largest = max(1, round(self.options.features / per_feature))

        def fit(size: int, scales: Scales) -> Fit[list[_Solved]]:
            layers = [
                p.layers(self.partition, size, scales[0], self.options.seed) for p in self.pieces
            ]
            solved = [self._solved(one, layers) for one in rows]
            return Fit(solved, max(one.residual for one in solved), size, scales)

        steps = (
            ladder(fit, self.pieces[0].window, largest, self.options.scale)
            if self._chosen is None
            else iter([fit(*self._chosen[:2])])
        )
        for step in steps:
            refined = [
                self.means.refined(row, one.families)
                for row, one in zip(rows, step.solved, strict=True)
            ]
            values = np.array(
                [
                    [float(v) for (name, _), v in entries.items() if name != "h"]
                    for entries, _ in refined
                ]
            )
            size = float(np.abs(values).max(initial=0.0)) or 1.0
            doubt = max((step.held_out / _NOTHING) ** 2, *(error / size for _, error in refined))
            estimate = (
                levels.estimate(values, doubt)
                if self._chosen is None
                else max(self._chosen[2], doubt)
            )
            residuals.append(step.held_out)
            task.update(
                step.size / largest,
                f"{round(step.size * per_feature)} features, residual {step.held_out:.1e}",
            )
            if estimate <= self.tolerance:
                break
        result = (
            fit_result(estimate <= self.tolerance, residuals)
            if self._chosen is None
            else self._chosen[3]
        )
        self._chosen = (step.size, step.scales, estimate, result)
        if not math.isfinite(estimate) or not math.isfinite(step.held_out):
            raise SolveError(
                "the cell problems have no finite solution in these nets",
                term=step.held_out,
                remedy="give more features",
            )
        info = {
            "size": round(step.size * per_feature),
            "features": step.size,
            "scale": step.scales[0],
            "estimate": estimate,
            **self.options.told(result),
        }
        if self.cells.symmetric:
            info["advice"] += (
                '; method="energy" encloses A where the fields are singular, as at corners of'
                " interfaces"
            )
        return step.solved, [entries for entries, _ in refined], info

    def _solved(self, rows: PhaseRows, layers: Sequence[Layers]) -> _Solved:
        """All stages in one random layer per phase."""
        families, residual, multipliers = (
            [Family(Nodes((), 0)) for _ in self.pieces],
            0.0,
            dict[str, float](),
        )
        for number, (_, members) in enumerate(rows.stages):
            counts = [_POINTS * len(net[-1][1]) for net in layers]
            nets, taken = self._nets(rows(number, families, counts, self.options.seed), layers)
            error, means = held_out(
                rows(number, families, [_HELD_OUT] * len(counts), self.options.seed + 1),
                nets,
                taken,
            )
            residual = max(residual, float(error.max()))
            multipliers |= {
                self.cells.functions[k].name: float(v)
                for k, v in zip(members, means, strict=True)
                if self.cells.functions[k].solvable
            }
            scaled = [net.multiplied(rows.balance[1].repeat(len(members))) for net in nets]
            families = self.means.offset(
                rows, [f.with_networks([net]) for f, net in zip(families, scaled, strict=True)]
            )
        return _Solved(families, residual, multipliers)

    def _nets(
        self, blocks: Sequence[Block], layers: Sequence[Layers]
    ) -> tuple[list[Network], Tensor]:
        """The nets that satisfy the blocks best, and the multipliers."""
        columns = sum(len(net[-1][1]) for net in layers) * self.cells.components
        require_affordable(
            f"{columns} unknowns of random features",
            3.0 * columns * sum(len(b.target) for b in blocks),
            remedy="ask for fewer features=, or a larger tolerance",
        )
        solution = least_squares(
            torch.cat([b.matrix(self.pieces, layers) for b in blocks]),
            torch.cat([b.target for b in blocks]),
        )
        nets, start, m = [], 0, self.cells.components
        for piece, net in zip(self.pieces, layers, strict=True):
            size = len(net[-1][1])
            weight = (
                solution[start : start + m * size]
                .reshape(m, size, -1)
                .permute(2, 0, 1)
                .reshape(-1, size)
                .contiguous()
            )
            nets.append(Network(piece.trial, [*net, (weight, weight.new_zeros(len(weight)))]))
            start += m * size
        return nets, solution[start:]

    def _field(self, solved: Sequence[_Solved], column: int) -> PhaseField:
        """The field of function component `column`; its nets have an output per slow point."""
        nets = []
        for k in range(self.partition.count):
            net, *others = (one.families[k].output(column) for one in solved)
            for other in others:
                net = net.joined(other)  # type: ignore[assignment]
            nets.append(net)
        offset = [float(one.families[0].numbers.offset[0, column]) for one in solved]  # type: ignore[union-attr]
        return PhaseField(self.partition.labels, tuple(nets), np.array(offset))


def _require_least_squares(cells: LoweredCells, options: Options) -> None:
    require_fluxes(cells)
    require_unused(options, ("group",), "a solver with one net per phase")
    kernel = next((f for f in cells.functions if f.role in ("ground state", "adjoint")), None)
    if kernel is not None or cells.constants:
        raise UnsupportedError(
            "a kernel that is not constant, or a moving frame, with coefficients that jump",
            term=kernel.name if kernel else cells.constants[0].symbol,
            remedy='use backend="skfem" or "dolfinx"',
        )
    if options.trains:
        raise UnsupportedError(
            "one net per phase is made by least squares, not trained",
            term=cells.title,
            remedy='leave solver= out, or use method="energy"',
        )
