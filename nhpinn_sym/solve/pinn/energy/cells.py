"""Cell problems by their energies: upper bounds of A* from gradients, lower ones from
divergence-free fluxes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_energy import cells as emit_cells
from ....emit.torch_energy import inputs
from ....emit.torch_text import given_values
from ....lower.energy import cell_energy
from ....lower.forms import LoweredCells
from ...chebyshev import Nodes
from ...progress import Progress, Task, silent
from ...solution import Array, CellBatch, EffectiveKey
from ..family import Family
from ..network import Trial
from ..network_field import NetworkField
from ..random_features import Fit, Scales, ladder, random_layer
from ..rows import Rows
from .bounds import Bounds
from .functional import Functional, Trained, energy_options
from .minimum import Minimum, strain_basis
from .quadrature import CellQuadrature

_POINTS = {False: 4, True: 6}
"""Points of the quadrature per feature; where coefficients jump each phase needs its share."""
_TUNED = 400
_NONE = Family(Nodes((), 0))


@dataclass(frozen=True)
class Enclosed:
    """The nets of the gradients and of the fluxes (none in one dimension, where fluxes are
    constant), and what they prove; points: asked of the quadrature.
    """

    gradients: Family
    fluxes: Family
    bounds: Bounds
    points: int


class EnergyCellSolver:
    """Solves symmetric definite cell problems as minimum problems and encloses A*; coefficients may
    jump.

    The tolerance is for half the width of the enclosure, relative to the largest entry; options:
    `pinn.options.Options`.
    CellBatch.bounds["A"] is (lower, upper), ordered as quadratic forms, and effective["A"] their
    middle. The bounds hold up to the error of the quadrature, by an estimate of which (and of
    rounding) they are widened: the change to a second, finer quadrature (arXiv 2509.07579).
    UnsupportedError where the problem has no energy (`lower.energy`).
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
        self.cells, self.tolerance, self.progress = cells, tolerance, progress
        self.options = o = energy_options(options)
        self.energy = energy = cell_energy(cells)
        self.rules = CellQuadrature(cells, parameters, o.device)
        self.given = given_values(cells, parameters)
        self.basis = strain_basis(energy, cells.components, cells.cell.dim).to(o.device)
        source = emit_cells(cells, parameters)
        axes = tuple(("periodic", a, b) for a, b in cells.cell.bounds)
        trials = [
            Trial(file.removesuffix(".py"), source, axes, o.device, kinks)
            for file, kinks in inputs(cells, parameters).items()
        ]
        self.primal = Minimum(
            trials[0], energy.strain, cells.components, False, self.basis, self.given
        )
        self.dual = Minimum(trials[1], energy.flux, energy.potentials, True, self.basis, self.given)

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions, effective coefficients and bounds; slow_points is (1, 0), as nothing
        depends on x.
        """
        start = time.perf_counter()
        with self.progress("cell problems (pinn, energy)") as task:
            found, info = (self._trained if self.options.trains else self._fitted)(task)
        bounds = found.bounds
        half_width = bounds.width / 2 / float(bounds.middle.abs().max())
        info |= {
            "method": "energy",
            "points": found.points,
            "estimate": half_width,
            "fredholm": 0.0,
            "multipliers": {},
            "seed": self.options.seed,
            "seconds": time.perf_counter() - start,
        }
        fields, entries = self._fields(found.gradients), self._entries(found)
        return CellBatch(
            fields,
            entries,
            info | bounds.energies,
            {"A": (self._shaped(bounds.lower), self._shaped(bounds.upper))},
        )

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The one that the energies of the bounds are taken on, which the nets have not seen."""
        points, weights = self.rules.unseen(int(batch.info["points"]))
        return points.cpu().numpy(), weights.cpu().numpy()

    def _fitted(self, task: Task) -> tuple[Enclosed, dict[str, Any]]:
        """Random features: twice as many until the enclosure is narrow enough."""
        o = self.options

        def fit(size: int, scales: Scales) -> Fit[Enclosed]:
            solved = self._enclosed(size, scales)
            return Fit(solved, solved.bounds.relative**0.5, size, scales)

        best: Fit[Enclosed] | None = None
        for step in self._steps(fit):
            task.update(
                step.size / o.features,
                f"{step.size} features, width {step.solved.bounds.width:.1e}",
            )
            best = step if best is None or step.held_out < best.held_out else best
            if self._enough(best.solved.bounds):
                break
        assert best is not None
        return best.solved, {
            "solver": "random-features",
            "size": best.size,
            "scale": best.scales[0],
            "residual": best.held_out,
        }

    def _steps(self, fit: Callable[[int, Scales], Fit[Enclosed]]) -> Iterator[Fit[Enclosed]]:
        """Fits of doubled size; in three dimensions, where they are expensive, the scale is sought
        with few features alone.
        """
        o, axes = self.options, self.primal.trial.axes
        size = o.features if len(axes) < 3 else min(o.features, _TUNED)
        for step in ladder(fit, axes, size, o.scale):
            yield step
        while size < o.features:
            size = min(2 * size, o.features)
            yield fit(size, step.scales)

    def _enough(self, bounds: Bounds) -> bool:
        return bounds.width <= 2 * self.tolerance * float(bounds.middle.abs().max())

    def _enclosed(self, size: int, scales: Scales) -> Enclosed:
        """Both problems with `size` unknowns for each right-hand side."""

        def minimized(problem: Minimum, rows: Rows, unseen: Rows) -> Family:
            layers = random_layer(
                problem.trial, max(1, size // problem.components), scales, self.options.seed
            )
            return _NONE.with_networks([Functional(problem.trial, rows).minimizer(layers)])

        return self._both(size, minimized)

    def _trained(self, task: Task) -> tuple[Enclosed, dict[str, Any]]:
        """A net for each right-hand side of both problems, all of its weights trained."""
        o, results, columns = self.options, list[Trained](), self.basis.shape[1]

        def minimized(problem: Minimum, rows: Rows, unseen: Rows) -> Family:
            nets = []
            for j in range(columns):
                done = len(results) / (2 * columns)
                report = lambda fraction, note: task.update(done + fraction / (2 * columns), note)  # noqa: B023, E731 (called at once)
                one, other = (Functional(problem.trial, part.output(j)) for part in (rows, unseen))
                results.append(one.trained(other, o, report))
                nets.append(results[-1].network)
            return _NONE.with_networks(nets)

        width, depth = o.net
        found = self._both(
            width * (2 * self.cells.cell.dim + width * (depth - 1) + depth), minimized
        )
        names = ", ".join(dict.fromkeys(r.result.name for r in results))
        return found, {
            "solver": o.chosen,
            "result": names,
            "iterations": max(r.iterations for r in results),
            "width": width,
            "depth": depth,
            "size": sum(r.network.size for r in results),
            "residual": found.bounds.relative**0.5,
        }

    def _both(self, size: int, minimized: Callable[[Minimum, Rows, Rows], Family]) -> Enclosed:
        """Both problems on quadratures for `size` unknowns."""
        count = self.options.points or _POINTS[self.cells.jumps] * size
        quadratures = self.rules(count), self.rules.unseen(count)
        found, energies = [], []
        for problem in (self.primal, self.dual):
            rows, unseen = map(problem.rows, quadratures)
            nets = minimized(problem, rows, unseen) if problem.components else _NONE
            found.append(nets)
            energies += [problem.tensor(nets, rows), problem.tensor(nets, unseen)]
        return Enclosed(found[0], found[1], Bounds(*energies), count)

    def _fields(self, gradients: Family) -> tuple[tuple[NetworkField, ...], ...]:
        """The components of each cell function, of zero mean."""
        points, weights = self.rules.unseen(_POINTS[self.cells.jumps] * self.options.features)
        zero = (0,) * self.cells.cell.dim
        means, m = weights @ gradients.raw(points, [zero])[zero], self.cells.components
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

    def _shaped(self, matrix: Tensor) -> Array:
        """A tensor as effective["A"]: (d, d), of systems (m, d, m, d)."""
        m, d = self.cells.components, self.cells.cell.dim
        full: Array = (self.basis @ matrix @ self.basis.T).cpu().numpy()
        return full if m == 1 else full.reshape(m, d, m, d)

    def _entries(self, found: Enclosed) -> dict[EffectiveKey, Array]:
        """The middle of the bounds for A, and quadrature for the other effective coefficients."""
        middle = self._shaped(found.bounds.middle)
        entries = {
            (f.name, f.index): middle[f.index][None] for f in self.cells.effective if f.name == "A"
        }
        return entries | self._law(found)

    def _law(self, found: Enclosed) -> dict[EffectiveKey, Array]:
        if all(f.name == "A" for f in self.cells.effective):
            return {}
        points, weights = self.rules.unseen(_POINTS[self.cells.jumps] * self.options.features)
        fields, shape = self._fields(found.gradients), points.cpu().numpy()
        jet = {
            a: torch.as_tensor(
                np.stack([field.evaluate(shape, a)[0] for row in fields for field in row], -1),
                device=points.device,
            )
            for a in self.primal.trial.indices
        }
        table = self.primal.trial.module.law(points, jet, **self.given)
        return {key: (weights @ value)[None].cpu().numpy() for key, value in table.items()}
