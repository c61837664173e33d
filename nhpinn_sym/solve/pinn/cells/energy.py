"""Cell problems by their energies: upper bounds of A* from gradients, lower ones from
divergence-free fluxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_energy import cells as emit_cells
from ....emit.torch_energy import inputs
from ....emit.torch_text import given_values
from ....lower.energy import cell_energy
from ...interpolation import Nodes
from ...progress import Task
from ...solution import Array, CellBatch, CellTask, EffectiveKey
from .. import adaptive
from ..adaptive import Fit, Formulation, Outcome
from ..collocation import FeatureScales, Rows, random_layer
from ..energy_functional import EnergyFunctional, TrainedEnergy, energy_options
from ..fields import NetworkField
from ..minimize import history_info
from ..network import Axes, TrialSpace
from .averages import CellFunctions
from .energy_problem import CellQuadrature, EnergyBounds, EnergyProblem, strain_basis
from .smooth import first_failure

# Points of the quadrature per feature; where coefficients jump each phase needs its share.
_POINTS = {False: 4, True: 6}
# Features up to which the scale is sought in three dimensions.
_TUNED = 400
_NONE = CellFunctions(Nodes((), 0))


@dataclass(frozen=True)
class TwoSidedSolution:
    """The nets of the gradients and of the fluxes (none in one dimension, where fluxes are
    constant), and what they prove; points: asked of the quadrature.
    """

    gradients: CellFunctions
    fluxes: CellFunctions
    bounds: EnergyBounds
    points: int


class EnergyCellSolver(Formulation[TwoSidedSolution]):
    """Solves symmetric definite cell problems as minimum problems and encloses A*; coefficients may
    jump.

    The tolerance is for half the width of the enclosure, relative to the largest entry; options:
    `pinn.options.Options`.
    CellBatch.bounds["A"] is (lower, upper), ordered as quadratic forms, and effective["A"] their
    middle. The bounds hold up to the error of the quadrature, by an estimate of which (and of
    rounding) they are widened: the change to a second, finer quadrature (arXiv 2509.07579).
    UnsupportedError where the problem has no energy (`lower.energy`).
    """

    title = "cell problems"
    method = "energy"
    encloses = True

    def __init__(
        self,
        task: CellTask,
        **options: Any,
    ) -> None:
        cells = task.cells
        parameters = task.parameters
        self.cells = cells
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.options = energy_options(options)
        self.energy = cell_energy(cells)
        device = self.options.device
        self.rules = CellQuadrature(cells, parameters, device)
        self.given = given_values(cells, parameters)
        self.basis = strain_basis(self.energy, cells.components, cells.cell.dim).to(device)
        source = emit_cells(cells, parameters)
        periodic = tuple(("periodic", a, b) for a, b in cells.cell.bounds)
        primal, dual = (
            TrialSpace(file.removesuffix(".py"), source, periodic, device, kinks)
            for file, kinks in inputs(cells, parameters).items()
        )
        self.primal = EnergyProblem(
            primal, self.energy.strain, cells.components, False, self.basis, self.given
        )
        self.dual = EnergyProblem(
            dual, self.energy.flux, self.energy.potentials, True, self.basis, self.given
        )

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions, effective coefficients and bounds; slow_points is (1, 0), as nothing
        depends on x.
        """
        found = adaptive.solve(self, self.progress)
        bounds = found.solved.bounds
        return CellBatch(
            self._fields(found.solved.gradients),
            self._entries(found.solved),
            found.info,
            {"A": (self._as_tensor(bounds.lower), self._as_tensor(bounds.upper))},
        )

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The one that the energies of the bounds are taken on, which the nets have not seen."""
        points, weights = self.rules.unseen(int(batch.info["points"]))
        return points.cpu().numpy(), weights.cpu().numpy()

    @property
    def axes(self) -> Axes:
        return self.primal.trial.axes

    def fit(self, size: int, scales: FeatureScales) -> Fit[TwoSidedSolution]:
        """Both problems with `size` unknowns for each right-hand side; compared by the root of the
        width, which is about the error of the functions.
        """

        def minimizer(problem: EnergyProblem, rows: Rows, unseen: Rows) -> CellFunctions:
            count = max(1, size // problem.components)
            layers = random_layer(problem.trial, count, scales, self.options.seed)
            return _NONE.with_networks([EnergyFunctional(problem.trial, rows).minimizer(layers)])

        solved = self._both(size, minimizer)
        return Fit(solved, solved.bounds.relative**0.5, size, scales)

    def values(self, solved: TwoSidedSolution) -> Array:
        return solved.bounds.middle.reshape(-1, 1).cpu().numpy()

    def estimate(self, fit: Fit[TwoSidedSolution], changes: Sequence[float]) -> float:
        """Half the width of the enclosure: nothing is compared."""
        return fit.solved.bounds.half_width

    def patience(self, fit: Fit[TwoSidedSolution], before: float) -> int:
        """In three dimensions fits are expensive: the scale is sought with few features alone."""
        if len(self.axes) > 2 and fit.size > _TUNED:
            return 0
        return super().patience(fit, before)

    def more_info(self, solved: TwoSidedSolution) -> dict[str, Any]:
        nothing: dict[str, float] = {}
        own = {"points": solved.points, "fredholm": 0.0, "multipliers": nothing}
        return own | solved.bounds.energies

    def train(self, task: Task) -> Outcome[TwoSidedSolution]:
        """A net for each right-hand side of both problems, all of its weights trained."""
        results: list[TrainedEnergy] = []
        columns = self.basis.shape[1]

        def minimizer(problem: EnergyProblem, rows: Rows, unseen: Rows) -> CellFunctions:
            nets = []
            for j in range(columns):
                done = len(results) / (2 * columns)

                def report(fraction: float, note: str, done: float = done) -> None:
                    task.update(done + fraction / (2 * columns), note)

                own = EnergyFunctional(problem.trial, rows.output(j))
                other = EnergyFunctional(problem.trial, unseen.output(j))
                results.append(own.train(other, self.options, report))
                nets.append(results[-1].network)
            return _NONE.with_networks(nets)

        width, depth = self.options.net
        unknowns = width * (2 * self.cells.cell.dim + width * (depth - 1) + depth)
        found = self._both(unknowns, minimizer)
        return Outcome(
            found,
            found.bounds.half_width,
            found.bounds.relative**0.5,
            first_failure([r.result for r in results]),
            sum(r.network.size for r in results),
            {
                "width": width,
                "depth": depth,
                "iterations": max(r.iterations for r in results),
                "history": [history_info(r.history) for r in results],
            },
        )

    def _both(
        self, size: int, minimizer: Callable[[EnergyProblem, Rows, Rows], CellFunctions]
    ) -> TwoSidedSolution:
        """Both problems on quadratures for `size` unknowns."""
        count = self.options.points or _POINTS[self.cells.jumps] * size
        quadratures = (self.rules(count), self.rules.unseen(count))
        found = []
        energies = []
        for problem in (self.primal, self.dual):
            rows, unseen = map(problem.rows, quadratures)
            nets = minimizer(problem, rows, unseen) if problem.components else _NONE
            found.append(nets)
            energies += [problem.tensor(nets, rows), problem.tensor(nets, unseen)]
        return TwoSidedSolution(found[0], found[1], EnergyBounds(*energies), count)

    def _fields(self, gradients: CellFunctions) -> tuple[tuple[NetworkField, ...], ...]:
        """The components of each cell function, of zero mean."""
        points, weights = self.rules.unseen(_POINTS[self.cells.jumps] * self.options.features)
        zero = (0,) * self.cells.cell.dim
        means = weights @ gradients.raw(points, [zero])[zero]
        m = self.cells.components
        fields = []
        for row, sign in self.energy.functions:
            mixing = sign * self.basis[row]
            used = [a for a in range(len(mixing)) if mixing[a]]
            fields.append(
                tuple(
                    NetworkField(
                        tuple(gradients.output(a * m + i) for a in used),
                        np.zeros((1, 0)),
                        mixing[used][None].cpu().numpy(),
                        -np.array([float(mixing[used] @ means[[a * m + i for a in used]])]),
                    )
                    for i in range(m)
                )
            )
        return tuple(fields)

    def _as_tensor(self, matrix: Tensor) -> Array:
        """A tensor as effective["A"]: (d, d), of systems (m, d, m, d)."""
        m = self.cells.components
        d = self.cells.cell.dim
        full: Array = (self.basis @ matrix @ self.basis.T).cpu().numpy()
        if m == 1:
            return full
        return full.reshape(m, d, m, d)

    def _entries(self, found: TwoSidedSolution) -> dict[EffectiveKey, Array]:
        """The middle of the bounds for A, and quadrature for the other effective coefficients."""
        middle = self._as_tensor(found.bounds.middle)
        entries = {
            (f.name, f.index): middle[f.index][None] for f in self.cells.effective if f.name == "A"
        }
        return entries | self._law(found)

    def _law(self, found: TwoSidedSolution) -> dict[EffectiveKey, Array]:
        if all(f.name == "A" for f in self.cells.effective):
            return {}
        points, weights = self.rules.unseen(_POINTS[self.cells.jumps] * self.options.features)
        fields = self._fields(found.gradients)
        shape = points.cpu().numpy()
        indices = self.primal.trial.indices
        values = np.stack(
            [field.evaluate(shape, indices)[:, 0] for row in fields for field in row], -1
        )
        jet = {
            index: torch.as_tensor(values[k], device=points.device)
            for k, index in enumerate(indices)
        }
        table = self.primal.trial.module.law(points, jet, **self.given)
        return {key: (weights @ value)[None].cpu().numpy() for key, value in table.items()}
