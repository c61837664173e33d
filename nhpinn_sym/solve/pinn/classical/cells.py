"""Cell problems by NH-PINN: a net on plain coordinates per cell function (and per x), soft
periodicity, oversampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from ....emit.torch_cells import cells as emit_cells
from ....emit.torch_text import given_values
from ....lower.forms import LoweredCells, MultiIndex
from ....problem.errors import ProblemError, UnsupportedError
from ...progress import Task
from ...solution import Array, CellBatch, CellTask, EffectiveKey
from .. import adaptive
from ..adaptive import Choice, NetProblem, Outcome
from ..collocation import Rows, operator_weights
from ..fields import WrappedField, points_beside
from ..minimize import Result
from ..network import Jet, Network
from .losses import (
    BatchedMlp,
    LossTerm,
    PeriodicityLoss,
    ResidualLoss,
    opposite,
    oversampled,
    periodic,
    plain_rows,
    uniform,
)
from .training import (
    NODES,
    NOTHING,
    AdamResult,
    CellOptions,
    ErrorMeasures,
    epoch_average,
    train_batch,
    training_options,
)

# Epochs over which info["errors"] averages.
_LAST = 300

NetList = list[Network]
"""A function at all places."""


@dataclass
class TrainedCells:
    """The functions that are trained so far, in their order: their nets at the end and half-way, at
    all places; the trainings; and the relative means of sources that have to have none, by name.
    """

    functions: list[NetList] = field(default_factory=list)
    half_way: list[NetList] = field(default_factory=list)
    trainings: list[AdamResult] = field(default_factory=list)
    multipliers: dict[str, float] = field(default_factory=dict)


class ClassicalCellSolver(NetProblem[TrainedCells]):
    """NH-PINN (Leung, Lin, Zhang) for cell problems with smooth real coefficients; options:
    `CellOptions`.

    The loss is w1 * residual + w2 * periodicity + w3 * oversampling (`losses.oversampled`);
    in d dimensions the sums run over the nodes of all faces. Effective coefficients are means of a
    + a d chi on the grid of the training, by the trapezoid rule for periodic functions.
    With a(x, y) every x of a uniform grid has its own nets; what lies between them is a cubic
    spline. info["history"] has a `History` per function, info["errors"] the averages over the last
    300 epochs; with a(x, y) info["places"] the x, and info["effective_at_places"] what was found
    there. info["estimate"] of the effective coefficients is the largest change of them over the
    second half of the training, by the energy formula, and by taking off the mean gradients, which
    a periodic function does not have.
    UnsupportedError for kernels that are not constant, jumps, complex coefficients, two slow
    variables.
    """

    title = "cell problems"
    name = "nh-pinn"
    where_not_finite = "lower learning_rate"

    def __init__(
        self,
        task: CellTask,
        **options: Any,
    ) -> None:
        cells = task.cells
        _require_covered(cells)
        self.cells = cells
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.options = training_options(CellOptions, options, lambda o: 3 if o.oversampling else 2)
        self.nodes = self.options.nodes or NODES[cells.cell.dim]
        if self.options.oversampling > self.nodes - 2:
            raise ProblemError(
                "more layers of oversampling than the grid has",
                term=self.options.oversampling,
                remedy="oversampling <= nodes - 2",
            )
        self.nets = self._space(_without_duals(cells))
        self.energy = self._space(cells)
        self.given = given_values(cells, task.parameters)
        count = self.options.slow_nodes
        lines = [np.linspace(a, b, count) for a, b in task.slow_box]
        self.places = np.stack(lines, 1) if lines else np.zeros((1, 0))

    def _space(self, cells: LoweredCells) -> BatchedMlp:
        """The space of the nets, with the emitted file of these cell problems."""
        o = self.options
        source = emit_cells(cells)
        sizes = (cells.cell.dim, cells.components, o.width, o.depth)
        return BatchedMlp.make("cell_residual", source, *sizes, o.device)

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow)) inside
        the slow box.
        """
        solved, effective, info = self._solved
        slow = np.asarray(slow_points, dtype=float)
        weights = np.ones((len(slow), 1))
        if self.cells.slow:
            weights = CubicSpline(self.places[:, 0], np.eye(len(self.places)))(slow[:, 0])
        cell = np.array(self.cells.cell.bounds)
        fields = tuple(
            tuple(
                WrappedField(tuple(net.output(i) for net in nets), weights, cell)
                for i in range(self.cells.components)
            )
            for nets in solved.functions
        )
        return CellBatch(fields, {key: weights @ value for key, value in effective.items()}, info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages, the same at all slow points."""
        points = self._grid.cpu().numpy()
        return points, np.full(len(points), 1 / len(points))

    @cached_property
    def _solved(self) -> tuple[TrainedCells, dict[EffectiveKey, Array], dict[str, Any]]:
        """The nets, the entries (places,), and info."""
        found = adaptive.solve(self, self.progress)
        effective = self._effective(self.nets, found.solved.functions)
        local: dict[str, Any] = {}
        if self.cells.slow:
            local = {"places": self.places, "effective_at_places": effective}
        return found.solved, effective, local | found.info

    def find(self, task: Task, before: Choice | None) -> Outcome[TrainedCells]:
        """All functions of a stage from those of the stages before."""
        solved = TrainedCells()
        for number, (_, members) in enumerate(self.nets.trial.module.STAGES):
            known = list(solved.functions)
            for j, k in enumerate(members):
                self._add(solved, number, j, k, known, task)
        estimate = self._estimate(solved)
        return Outcome(
            solved,
            estimate,
            max((_last_residual(r) for r in solved.trainings), default=0.0),
            Result.CONVERGED if estimate <= self.tolerance else Result.MAX_ITERATIONS,
            sum(net.size for nets in solved.functions for net in nets),
            self.options.sizes,
        )

    def solver_info(self, result: Result) -> dict[str, Any]:
        return {"result": result.name, "seed": self.options.seed}

    def more_info(self, solved: TrainedCells) -> dict[str, Any]:
        histories = {}
        for form, training in zip(self.cells.functions, solved.trainings, strict=True):
            history = training.history
            histories[form.name] = history if self.cells.slow else history.of_one_net()
        return {
            "multipliers": solved.multipliers,
            "fredholm": max(solved.multipliers.values(), default=0.0),
            "history": histories,
            "seconds": sum(r.seconds for r in solved.trainings),
            "cpu_seconds": sum(r.cpu_seconds for r in solved.trainings),
            "errors": {
                name: epoch_average(h.error, _LAST)
                for name, h in histories.items()
                if h.error is not None
            },
        }

    def _add(
        self,
        solved: TrainedCells,
        number: int,
        j: int,
        k: int,
        known: Sequence[NetList],
        task: Task,
    ) -> None:
        """Train function k, which is function j of a stage, from the functions `known`."""
        places = range(len(self.places))
        blocks = [self._rows(number, j, place, known) for place in places]
        form = self.cells.functions[k]
        if form.solvable:
            means = [self._multiplier(number, j, place, known) for place in places]
            solved.multipliers[form.name] = max(means)
        training = self._trained(k, blocks, task)
        solved.trainings.append(training)
        solved.functions.append(self._centred(training.x))
        solved.half_way.append(self._centred(training.half_way))

    def _estimate(self, solved: TrainedCells) -> float:
        """The largest change of an effective entry, relative to the largest one."""
        effective = self._effective(self.nets, solved.functions)
        others = (
            self._effective(self.nets, solved.half_way),
            self._effective(self.energy, solved.functions),
            self._effective(self.nets, solved.functions, levelled=True),
        )
        change = 0.0
        for other in others:
            for key, value in effective.items():
                change = max(change, float(np.abs(value - other[key]).max()))
        largest = max((float(np.abs(v).max()) for v in effective.values()), default=0.0)
        return change / (largest or 1.0)

    def _trained(self, k: int, blocks: Sequence[Rows], task: Task) -> AdamResult:
        """The nets of function k."""
        o = self.options
        name = self.cells.functions[k].name
        bounds = self.cells.cell.bounds
        faces = opposite(bounds, self.nodes, range(len(bounds)))
        terms: list[LossTerm] = [
            ResidualLoss("residual", o.balance[0], self.nets, blocks, o.flavour),
            PeriodicityLoss("periodicity", o.balance[1], self.nets, faces),
        ]
        if o.oversampling:
            # The sums over the points outside left and right are each divided by their number: a
            # factor of 2.
            images = oversampled(bounds, self.nodes, o.oversampling)
            terms.append(PeriodicityLoss("oversampling", o.balance[2], self.nets, images, 2.0))

        def report(fraction: float, note: str) -> None:
            task.update((k + fraction) / len(self.cells.functions), f"{name}: {note}")

        start = self.nets.start(o.seed).expand(len(self.places), -1).clone()
        return train_batch(start, terms, o, self._measures(k), report, name)

    def _rows(self, number: int, j: int, place: int, known: Sequence[NetList]) -> Rows:
        """The rows of function j of a stage on the grid; a mean that the equation does not allow is
        taken off its source.
        """
        trial = self.nets.trial
        y = uniform(self.cells.cell.bounds, self.nodes).to(self.options.device)
        points = self._stamped(y, place)
        tables = trial.module.coefficients(points, **self.given)
        weights = operator_weights(points, tables, self.cells.components, trial.indices)
        source = self._source(number, j, y, place, known)
        form = self.cells.functions[trial.module.STAGES[number][1][j]]
        if not form.solvable:
            source = source - self._source(number, j, self._grid, place, known).mean(0)
        return plain_rows(y, weights, source)

    def _source(
        self, number: int, j: int, y: Tensor, place: int, known: Sequence[NetList]
    ) -> Tensor:
        """The right-hand sides (n, equations) of function j of a stage."""
        module = self.nets.trial.module
        m = self.cells.components
        jet = _jet(known, y, place, module.KNOWN_INDICES)
        source: Tensor = module.SOURCES[number](self._stamped(y, place), jet, **self.given)
        return source.reshape(len(y), -1)[:, j * m : (j + 1) * m]

    def _multiplier(self, number: int, j: int, place: int, known: Sequence[NetList]) -> float:
        """The mean of a source that has to have none, relative to its size."""
        source = self._source(number, j, self._grid, place, known)
        return float(source.mean(0).abs().max() / (source.square().mean().sqrt() or 1.0))

    @cached_property
    def _grid(self) -> Tensor:
        """The grid of the means."""
        return periodic(self.cells.cell.bounds, self.nodes).to(self.options.device)

    def _centred(self, x: Tensor) -> NetList:
        """The nets of weights (places, parameters), each less its mean."""
        zero = (0,) * self.cells.cell.dim
        return [
            net.add_constant(-net.jet(self._grid, [zero])[zero].mean(0))
            for net in self.nets.networks(x)
        ]

    def _stamped(self, y: Tensor, place: int) -> Tensor:
        """Points y beside one slow point."""
        return points_beside(y, torch.as_tensor(self.places[place : place + 1], device=y.device))[0]

    def _effective(
        self, nets: BatchedMlp, functions: Sequence[NetList], levelled: bool = False
    ) -> dict[EffectiveKey, Array]:
        """The entries at all places, (places,); levelled: from the functions less the linear ones
        whose gradient is their mean gradient.
        """
        module = nets.trial.module
        places = range(len(self.places))
        jets = [_jet(functions, self._grid, place, module.MEAN_INDICES) for place in places]
        d = {a: torch.stack([jet[a] for jet in jets]) for a in module.MEAN_INDICES}
        points = torch.stack([self._stamped(self._grid, place) for place in places])
        if levelled:
            d = _without_mean_gradient(d, points)
        table = module.effective(points, d, **self.given)
        return {key: value.cpu().numpy() for key, value in table.items()}

    def _measures(self, k: int) -> ErrorMeasures:
        """Relative L2 errors (places,) against the reference of function k, both with zero mean on
        the test grid.
        """
        o = self.options
        if o.reference is None:
            return NOTHING
        if len(o.reference) != len(self.cells.functions):
            raise ProblemError(
                f"a reference is one function for each of the {len(self.cells.functions)} cell"
                " functions",
                term=o.reference,
            )
        points = periodic(self.cells.cell.bounds, o.test_nodes or self.nodes)
        slow = [(place,) if self.cells.slow else () for place in self.places]
        values = np.stack([o.reference[k](points.numpy(), *place) for place in slow])
        exact = torch.as_tensor(values, dtype=points.dtype, device=o.device)
        exact = exact.reshape(len(values), len(points), -1)
        exact = exact - exact.mean(1, keepdim=True)
        points = points.to(o.device)

        def measure(x: Tensor) -> Tensor:
            found = self.nets.values(x, points)
            error = found - found.mean(1, keepdim=True) - exact
            return (error.norm(dim=(1, 2)) / exact.norm(dim=(1, 2)))[None]

        return ErrorMeasures(("error",), measure)


def _jet(functions: Sequence[NetList], y: Tensor, place: int, indices: Sequence[MultiIndex]) -> Jet:
    """The derivatives of functions at a place, (n, outputs)."""
    jets = [nets[place].jet(y, indices) for nets in functions]
    return {a: torch.cat([y.new_zeros(len(y), 0), *(jet[a] for jet in jets)], -1) for a in indices}


def _without_mean_gradient(d: Jet, points: Tensor) -> Jet:
    """The jet (places, n, outputs) of functions less the linear ones whose gradient is their mean
    gradient, at points (places, n, columns).
    """
    level = dict(d)
    for index in (a for a in d if sum(a) == 1):
        zero = (0,) * len(index)
        slope = d[index].mean(1, keepdim=True)
        y = points[..., index.index(1), None]
        level[index] = d[index] - slope
        level[zero] = level[zero] - slope * (y - y.mean(1, keepdim=True))
    return level


def _without_duals(cells: LoweredCells) -> LoweredCells:
    """The cell problems whose effective coefficients are plain means, not energies."""
    return replace(
        cells,
        effective=tuple(replace(f, dual=None) for f in cells.effective),
        higher=tuple(replace(f, dual=None) for f in cells.higher),
    )


def _last_residual(training: AdamResult) -> float:
    """The root mean square residual of the last epoch."""
    return float(training.history.terms["residual"][-1].max() ** 0.5)


def _require_covered(cells: LoweredCells) -> None:
    kernels = [f.name for f in cells.functions if f.role in ("ground state", "adjoint")]
    remedy = "leave method out: the library's own cell solver covers them"
    if kernels:
        raise UnsupportedError(
            "nh-pinn has no cell problems whose kernel is not constant",
            term=kernels[0],
            remedy=remedy,
        )
    if len(cells.slow) > 1:
        raise UnsupportedError(
            "one net for every x needs a single slow variable", term=cells.slow, remedy=remedy
        )
