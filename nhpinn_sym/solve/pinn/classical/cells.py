"""Cell problems by NH-PINN: a net on plain coordinates per cell function (and per x), soft
periodicity, oversampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from ....emit.torch_cells import cells as emit_cells
from ....emit.torch_text import closure, given_values
from ....lower.forms import LoweredCells, MultiIndex
from ....problem.errors import ProblemError, UnsupportedError
from ....runtime.nets.jets import full
from ...fields import CellField
from ...progress import Progress, Task, silent
from ...solution import Array, CellBatch, EffectiveKey
from ..fields import pairs
from ..network import Network
from ..rows import Rows
from .batched_mlp import BatchedMlp
from .grids import opposite, oversampled, periodic, uniform
from .history import epoch_average
from .loss_terms import LossTerm, PeriodicityLoss, ResidualLoss, plain_rows
from .options import NODES, CellOptions, read
from .training import NOTHING, ErrorMeasures, TrainingResult, train

_LAST = 300
"""Epochs over which info["errors"] averages."""


@dataclass(frozen=True)
class WrappedField(CellField):
    """A component of a cell function at m slow points: weights (m, nets) times the nets, each on
    the cell, to which points are wrapped.
    """

    kind: ClassVar[str] = "wrapped"

    networks: tuple[Network, ...]
    weights: Array
    cell: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index at y (n, d), for every slow point: (m, n). On the faces the lower end counts: the
        nets are not periodic.
        """
        lower, lengths = self.cell[:, 0], self.cell[:, 1] - self.cell[:, 0]
        wrapped = lower + np.mod(np.asarray(points, dtype=float) - lower, lengths)
        y = torch.as_tensor(wrapped, device=self.networks[0].trial.device)
        values = [
            network.jet(y, closure([index]))[index][:, 0].cpu().numpy() for network in self.networks
        ]
        return np.asarray(self.weights @ np.stack(values))

    def state(self) -> dict[str, Any]:
        return {
            "nets": [network.state() for network in self.networks],
            "weights": self.weights,
            "cell": self.cell,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> WrappedField:
        """The field that `state` came from; nothing is trained. ValueError where its parts do not
        fit.
        """
        networks, weights = (
            tuple(map(Network.from_state, state["nets"])),
            np.asarray(state["weights"]),
        )
        if weights.ndim != 2 or weights.shape[1] != len(networks):
            raise ValueError("nets and weights do not fit")
        return cls(networks, weights, np.asarray(state["cell"]))


class ClassicalCellSolver:
    """NH-PINN (Leung, Lin, Zhang) for cell problems with smooth real coefficients; options:
    `CellOptions`.

    The loss is w1 * residual + w2 * periodicity + w3 * oversampling (`grids.oversampled`);
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

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        **options: Any,
    ) -> None:
        _require_covered(cells)
        self.cells, self.tolerance, self.progress = cells, tolerance, progress
        self.options = o = read(CellOptions, options, lambda o: 3 if o.oversampling else 2)
        self.nodes = o.nodes or NODES[cells.cell.dim]
        if o.oversampling > self.nodes - 2:
            raise ProblemError(
                "more layers of oversampling than the grid has",
                term=o.oversampling,
                remedy="oversampling <= nodes - 2",
            )
        plain = replace(
            cells,
            effective=tuple(replace(f, dual=None) for f in cells.effective),
            higher=tuple(replace(f, dual=None) for f in cells.higher),
        )
        m = cells.components
        self.nets = BatchedMlp.make(
            "cell_residual", emit_cells(plain), cells.cell.dim, m, o.width, o.depth, o.device
        )
        self.energy = BatchedMlp.make(
            "cell_residual",
            emit_cells(cells),
            cells.cell.dim,
            m,
            o.width,
            o.depth,
            o.device,
        )
        self.given = given_values(cells, parameters)
        self.places = (
            np.stack([np.linspace(a, b, o.slow_nodes) for a, b in slow_box], 1)
            if slow_box
            else np.zeros((1, 0))
        )

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow)) inside
        the slow box.
        """
        functions, effective, info = self._solved
        slow = np.asarray(slow_points, dtype=float)
        weights = (
            CubicSpline(self.places[:, 0], np.eye(len(self.places)))(slow[:, 0])
            if self.cells.slow
            else np.ones((len(slow), 1))
        )
        cell = np.array(self.cells.cell.bounds)
        fields = tuple(
            tuple(
                WrappedField(tuple(net.output(i) for net in nets), weights, cell)
                for i in range(self.cells.components)
            )
            for nets in functions
        )
        return CellBatch(fields, {key: weights @ value for key, value in effective.items()}, info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The uniform grid of the averages, the same at all slow points."""
        points = self._grid.cpu().numpy()
        return points, np.full(len(points), 1 / len(points))

    @cached_property
    def _solved(self) -> tuple[list[list[Network]], dict[EffectiveKey, Array], dict[str, Any]]:
        """The nets (functions, places), the entries (places,), and info."""
        o, names = self.options, [f.name for f in self.cells.functions]
        functions, halves, results, multipliers = (
            list[list[Network]](),
            list[list[Network]](),
            list[TrainingResult](),
            dict[str, float](),
        )
        with self.progress("cell problems (pinn, nh-pinn)") as task:
            for number, (_, members) in enumerate(self.nets.trial.module.STAGES):
                known = list(functions)
                for j, k in enumerate(members):
                    blocks = [
                        self._rows(number, j, place, known) for place in range(len(self.places))
                    ]
                    if self.cells.functions[k].solvable:
                        multipliers[names[k]] = max(
                            self._multiplier(number, j, place, known)
                            for place in range(len(self.places))
                        )
                    results.append(self._trained(k, blocks, task))
                    functions.append(
                        [self._centred(net) for net in self.nets.networks(results[-1].x)]
                    )
                    halves.append(
                        [self._centred(net) for net in self.nets.networks(results[-1].half_way)]
                    )
        effective = self._effective(self.nets, functions)
        others = (
            self._effective(self.nets, halves),
            self._effective(self.energy, functions),
            self._effective(self.nets, functions, levelled=True),
        )
        changes = [
            np.abs(value - other[key]).max() for other in others for key, value in effective.items()
        ]
        estimate, largest = (
            float(max(changes, default=0.0)),
            float(max((np.abs(v).max() for v in effective.values()), default=0.0)),
        )
        histories = {
            name: result.history if self.cells.slow else result.history.of_one_net()
            for name, result in zip(names, results, strict=True)
        }
        local = {"places": self.places, "effective_at_places": effective} if self.cells.slow else {}
        return (
            functions,
            effective,
            {
                **local,
                "method": "nh-pinn",
                "size": sum(net.size for nets in functions for net in nets),
                "width": o.width,
                "depth": o.depth,
                "epochs": o.epochs,
                "estimate": estimate / (largest or 1.0),
                "residual": max((self._residual(r) for r in results), default=0.0),
                "multipliers": multipliers,
                "fredholm": max(multipliers.values(), default=0.0),
                "history": histories,
                "seed": o.seed,
                "seconds": sum(r.seconds for r in results),
                "cpu_seconds": sum(r.cpu_seconds for r in results),
                "errors": {
                    name: epoch_average(h.error, _LAST)
                    for name, h in histories.items()
                    if h.error is not None
                },
            },
        )

    def _trained(self, k: int, blocks: Sequence[Rows], task: Task) -> TrainingResult:
        """The nets of function k."""
        o, form, bounds = self.options, self.cells.functions[k], self.cells.cell.bounds
        terms: list[LossTerm] = [
            ResidualLoss("residual", o.balance[0], self.nets, blocks, o.flavour),
            PeriodicityLoss(
                "periodicity",
                o.balance[1],
                self.nets,
                opposite(bounds, self.nodes, range(len(bounds))),
            ),
        ]
        # the sums over the points outside left and right, each divided by their number: a factor of
        # 2
        if o.oversampling:
            terms.append(
                PeriodicityLoss(
                    "oversampling",
                    o.balance[2],
                    self.nets,
                    oversampled(bounds, self.nodes, o.oversampling),
                    2.0,
                )
            )

        def report(fraction: float, note: str) -> None:
            task.update((k + fraction) / len(self.cells.functions), f"{form.name}: {note}")

        start = self.nets.start(o.seed).expand(len(self.places), -1).clone()
        return train(start, terms, o, self._measures(k), report, form.name)

    def _rows(self, number: int, j: int, place: int, known: Sequence[Sequence[Network]]) -> Rows:
        """The rows of function j of a stage on the grid; a mean that the equation does not allow is
        taken off its source.
        """
        y = uniform(self.cells.cell.bounds, self.nodes).to(self.options.device)
        points, module, m = self._stamped(y, place), self.nets.trial.module, self.cells.components
        weights = y.new_zeros(len(y), m, m, len(self.nets.trial.indices))
        for (i, q), table in module.coefficients(points, **self.given).items():
            for index, value in table.items():
                weights[:, i, q, self.nets.trial.indices.index(index)] = full(points, value)
        form = self.cells.functions[module.STAGES[number][1][j]]
        source = self._source(number, j, y, place, known)
        mean = 0.0 if form.solvable else self._source(number, j, self._grid, place, known).mean(0)
        return plain_rows(y, weights, source - mean)

    def _source(
        self, number: int, j: int, y: Tensor, place: int, known: Sequence[Sequence[Network]]
    ) -> Tensor:
        """The right-hand sides (n, equations) of function j of a stage."""
        module, m = self.nets.trial.module, self.cells.components
        source: Tensor = module.SOURCES[number](
            self._stamped(y, place), self._jet(known, y, place, module.KNOWN_INDICES), **self.given
        )
        return source.reshape(len(y), -1)[:, j * m : (j + 1) * m]

    def _multiplier(
        self, number: int, j: int, place: int, known: Sequence[Sequence[Network]]
    ) -> float:
        """The mean of a source that has to have none, relative to its size."""
        source = self._source(number, j, self._grid, place, known)
        return float(source.mean(0).abs().max() / (source.square().mean().sqrt() or 1.0))

    def _jet(
        self,
        functions: Sequence[Sequence[Network]],
        y: Tensor,
        place: int,
        indices: Sequence[MultiIndex],
    ) -> dict[MultiIndex, Tensor]:
        """The derivatives of functions, (n, outputs)."""
        jets = [nets[place].jet(y, indices) for nets in functions]
        return {
            a: torch.cat([y.new_zeros(len(y), 0), *(jet[a] for jet in jets)], -1) for a in indices
        }

    @cached_property
    def _grid(self) -> Tensor:
        """The grid of the means."""
        return periodic(self.cells.cell.bounds, self.nodes).to(self.options.device)

    def _centred(self, network: Network) -> Network:
        """The net less its mean."""
        zero = (0,) * self.cells.cell.dim
        return network.add_constant(-network.jet(self._grid, [zero])[zero].mean(0))

    def _stamped(self, y: Tensor, place: int) -> Tensor:
        """Points y beside one slow point."""
        return pairs(y, torch.as_tensor(self.places[place : place + 1], device=y.device))[0]

    def _effective(
        self, nets: BatchedMlp, functions: Sequence[Sequence[Network]], levelled: bool = False
    ) -> dict[EffectiveKey, Array]:
        """The entries at all places, (places,); levelled: from the functions less the linear ones
        whose gradient is their mean gradient.
        """
        module, count = nets.trial.module, range(len(self.places))
        jets = [self._jet(functions, self._grid, place, module.MEAN_INDICES) for place in count]
        d = {a: torch.stack([jet[a] for jet in jets]) for a in module.MEAN_INDICES}
        points, dim = (
            torch.stack([self._stamped(self._grid, place) for place in count]),
            self.cells.cell.dim,
        )
        for index in (a for a in module.MEAN_INDICES if levelled and sum(a) == 1):
            slope, y = d[index].mean(1, keepdim=True), points[..., index.index(1), None]
            d[index], d[(0,) * dim] = (
                d[index] - slope,
                d[(0,) * dim] - slope * (y - y.mean(1, keepdim=True)),
            )
        return {
            key: value.cpu().numpy()
            for key, value in module.effective(points, d, **self.given).items()
        }

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
        values = [
            o.reference[k](points.numpy(), *([place] if self.cells.slow else []))
            for place in self.places
        ]
        exact = torch.as_tensor(np.stack(values), dtype=points.dtype, device=o.device).reshape(
            len(values), len(points), -1
        )
        points, exact = points.to(o.device), exact - exact.mean(1, keepdim=True)

        def measure(x: Tensor) -> Tensor:
            found = self.nets.values(x, points)
            return (
                (found - found.mean(1, keepdim=True) - exact).norm(dim=(1, 2))
                / exact.norm(dim=(1, 2))
            )[None]

        return ErrorMeasures(("error",), measure)

    def _residual(self, result: TrainingResult) -> float:
        """The root mean square residual of the last epoch."""
        return float(result.history.terms["residual"][-1].max() ** 0.5)


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
