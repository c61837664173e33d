"""Cell problems whose coefficients jump: one net per phase, all of them by one least-squares
problem, one stage after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_phases import require_fluxes
from ....emit.torch_text import given_values
from ....lower.forms import LoweredCells
from ....problem.errors import UnsupportedError
from ....runtime.nets.least_squares import least_squares
from ...interpolation import Nodes
from ...level_set_quadrature import PhaseQuadrature, make_partition
from ...resources import require_affordable
from ...solution import Array, CellBatch, CellTask, EffectiveKey
from .. import adaptive
from ..adaptive import Choice, Fit, Formulation
from ..collocation import FeatureScales, require_finite
from ..fields import PhaseField
from ..network import Axes, Jet, Layers, Network, stack_outputs, with_last_layer
from ..options import RANDOM_FEATURES, Options, collocation_options, require_unused
from .averages import CellAverages, CellFunctions
from .contacts import ContactLaw
from .jump_blocks import Block, held_out
from .jump_rows import JumpRows
from .subdomains import Subdomain, make_subdomains

# The residual at which nothing is known of the effective coefficients: at the corners of a polygon
# it hardly falls, and they are wrong by half. Errors of theirs are of second order.
_NOTHING = 0.1
# Collocation points in a phase, by its features.
_POINTS = 2
# Points in a phase that were not used.
_HELD_OUT = 1000
# A size at which the shares of the phases in the features are read off.
_LARGE = 1024


class JumpCellSolver:
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
        task: CellTask,
        **options: Any,
    ) -> None:
        cells = task.cells
        parameters = task.parameters
        self.cells = cells
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.options = collocation_options(options)
        _require_least_squares(cells, self.options)
        numbers = {s.name: parameters[s.name] for s in cells.parameters}
        self.partition = make_partition(cells, numbers)
        given = given_values(cells, parameters)
        self.pieces = make_subdomains(self.partition, given, self.options.device)
        self.contacts = ContactLaw(self.partition.cells, numbers)
        self.contacts.require_fixed()
        self.means = JumpAveraging.of(self.partition.dim)
        self._choice: Choice | None = None

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow))."""
        slow = np.asarray(slow_points, dtype=float).reshape(len(slow_points), -1)
        places = torch.as_tensor(slow, device=self.options.device)
        rows = tuple(
            JumpRows(self.partition, self.pieces, place, self.contacts) for place in places
        )
        found = adaptive.solve(_SlowPoints(self, rows), self.progress, self._choice)
        scale = found.info["scale"]
        self._choice = Choice(found.info["features"], (scale, scale))
        m = self.cells.components
        fields = tuple(
            tuple(self._field(found.solved, k * m + i) for i in range(m))
            for k in range(len(self.cells.functions))
        )
        tables = [one.entries for one in found.solved]
        effective = {key: np.array([float(table[key]) for table in tables]) for key in tables[0]}
        return CellBatch(fields, effective, found.info)

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The one fitted to the interfaces by which the effective entries are averaged."""
        rule = self.partition.quadrature(self.means.finest)
        return rule.points, rule.weights / rule.weights.sum()

    def fit_stages(self, rows: JumpRows, layers: Sequence[Layers]) -> _AtPoint:
        """All stages at one slow point, in one random layer per phase."""
        families = [CellFunctions(Nodes((), 0)) for _ in self.pieces]
        seed = self.options.seed
        counts = [_POINTS * len(net[-1][1]) for net in layers]
        unseen = [_HELD_OUT] * len(counts)
        residual = 0.0
        multipliers: dict[str, float] = {}
        for number, (_, members) in enumerate(rows.stages):
            nets, taken = self._nets(rows(number, families, counts, seed), layers)
            error, means = held_out(rows(number, families, unseen, seed + 1), nets, taken)
            residual = max(residual, float(error.max()))
            for k, mean in zip(members, means, strict=True):
                if self.cells.functions[k].solvable:
                    multipliers[self.cells.functions[k].name] = float(mean)
            units = rows.balance[1].repeat(len(members))
            added = []
            for family, net in zip(families, nets, strict=True):
                added.append(family.with_networks([net.scale_outputs(units)]))
            families = self.means.offset(rows, added)
        return _AtPoint(rows, self.means, families, residual, multipliers)

    def _nets(
        self, blocks: Sequence[Block], layers: Sequence[Layers]
    ) -> tuple[list[Network], Tensor]:
        """The nets that satisfy the blocks best, and the multipliers."""
        m = self.cells.components
        columns = sum(len(net[-1][1]) for net in layers) * m
        require_affordable(
            f"{columns} unknowns of random features",
            3.0 * columns * sum(len(b.target) for b in blocks),
            remedy="ask for fewer features=, or a larger tolerance",
        )
        matrix = torch.cat([b.matrix(self.pieces, layers) for b in blocks])
        target = torch.cat([b.target for b in blocks])
        require_finite(matrix, target)
        solution = least_squares(matrix, target)
        nets = []
        start = 0
        for piece, net in zip(self.pieces, layers, strict=True):
            end = start + m * len(net[-1][1])
            nets.append(with_last_layer(piece.trial, net, solution[start:end], m))
            start = end
        return nets, solution[start:]

    def _field(self, solved: Sequence[_AtPoint], column: int) -> PhaseField:
        """The field of function component `column`; its nets have an output per slow point."""
        nets = []
        for k in range(self.partition.count):
            nets.append(stack_outputs([one.families[k].output(column) for one in solved]))
        offset = [float(one.offset[column]) for one in solved]
        return PhaseField(self.partition.labels, tuple(nets), np.array(offset))


@dataclass(frozen=True)
class _AtPoint:
    """All functions at one slow point: a family per phase, the largest held-out residual, the
    multipliers by name.
    """

    rows: JumpRows
    means: JumpAveraging
    families: list[CellFunctions]
    residual: float
    multipliers: dict[str, float]

    @property
    def offset(self) -> Tensor:
        """By which every function component is raised, so that its mean is zero."""
        numbers = self.families[0].numbers
        assert numbers is not None
        return numbers.offset[0]

    @property
    def entries(self) -> dict[EffectiveKey, Tensor]:
        """The effective entries."""
        return self._averaged[0]

    @property
    def error_of_means(self) -> float:
        """The error of their quadrature."""
        return self._averaged[1]

    @cached_property
    def _averaged(self) -> tuple[dict[EffectiveKey, Tensor], float]:
        """Only asked of the best of several scales."""
        return self.means.refine(self.rows, self.families)

    def estimated_entries(self) -> Array:
        """The entries that an estimate is for: all but those of the higher law."""
        return np.array([float(v) for (name, _), v in self.entries.items() if name != "h"])


class _SlowPoints(Formulation[list[_AtPoint]]):
    """All slow points with the same hidden layers."""

    title = "cell problems, one net per phase"
    method = RANDOM_FEATURES

    def __init__(self, solver: JumpCellSolver, rows: tuple[JumpRows, ...]) -> None:
        self.solver = solver
        self.rows = rows
        self.options = solver.options
        self.tolerance = solver.tolerance
        features = sum(piece.features(_LARGE) for piece in solver.pieces)
        self.per_feature = solver.cells.components * features / _LARGE
        if solver.cells.symmetric and not any(piece.void for piece in solver.pieces):
            self.advice = (
                '; method="energy" encloses A where the fields are singular, as at corners of'
                " interfaces"
            )

    @property
    def axes(self) -> Axes:
        return self.solver.pieces[0].window

    def fit(self, size: int, scales: FeatureScales) -> Fit[list[_AtPoint]]:
        solver = self.solver
        seed = self.options.seed
        layers = [piece.layers(solver.partition, size, scales[0], seed) for piece in solver.pieces]
        found = [solver.fit_stages(rows, layers) for rows in self.rows]
        return Fit(found, max(one.residual for one in found), size, scales)

    def values(self, solved: list[_AtPoint]) -> Array:
        return np.stack([one.estimated_entries() for one in solved], axis=-1)

    def doubt(self, fit: Fit[list[_AtPoint]]) -> float:
        """What the residual says, and the quadrature."""
        sizes = [
            float(np.abs(one.estimated_entries()).max(initial=0.0)) or 1.0 for one in fit.solved
        ]
        errors = [one.error_of_means / size for one, size in zip(fit.solved, sizes, strict=True)]
        return max((fit.held_out / _NOTHING) ** 2, *errors)

    def more_info(self, solved: list[_AtPoint]) -> dict[str, Any]:
        names = solved[0].multipliers
        worst = {name: max(one.multipliers[name] for one in solved) for name in names}
        return {
            "phases": self.solver.partition.count,
            "multipliers": worst,
            "fredholm": max(worst.values(), default=0.0),
        }


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


# Of the quadrature fitted to the interfaces, by the dimension of the cell.
_ORDERS = {1: 24, 2: 24, 3: 10, 4: 6}


@dataclass
class JumpAveraging:
    """`order` of the quadrature."""

    order: int

    @classmethod
    def of(cls, dim: int) -> JumpAveraging:
        """By the dimension of the cell."""
        return cls(_ORDERS[dim])

    @property
    def finest(self) -> int:
        """The order of the quadrature that the effective entries are taken from."""
        return 2 * self.order

    def refine(
        self, rows: JumpRows, families: Sequence[CellFunctions]
    ) -> tuple[dict[EffectiveKey, Tensor], float]:
        """The effective entries with the doubled order, and their error: as it falls exponentially,
        the square of the relative change.
        """
        coarse = self.effective(rows, families)
        fine = JumpAveraging(self.finest).effective(rows, families)
        change = max((float((fine[key] - coarse[key]).abs()) for key in fine), default=0.0)
        largest = max((float(v.abs()) for v in fine.values()), default=0.0) or 1.0
        return fine, change**2 / largest

    def offset(self, rows: JumpRows, families: Sequence[CellFunctions]) -> list[CellFunctions]:
        """The families with all functions of zero mean where the equation holds."""
        zero = (0,) * rows.partition.dim
        solid = sum(piece.share for piece in rows.pieces if not piece.void)
        parts = [
            w @ families[k].raw(piece.unfold(y), [zero])[zero]
            for k, piece, y, w in self._parts(rows, self._quadrature(rows))
        ]
        mean = torch.stack(parts).sum(0) / solid
        mixing = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        numbers = CellAverages(mixing[None], -mean[None], {}, {})
        return [family.with_numbers(numbers) for family in families]

    def effective(
        self, rows: JumpRows, families: Sequence[CellFunctions]
    ) -> dict[EffectiveKey, Tensor]:
        """Every entry as a number, its error of second order in those of the functions."""
        out = self._inside(rows, families)
        for key, value in self._at_interfaces(rows, families).items():
            out[key] = out[key] + value
        return out

    def _inside(
        self, rows: JumpRows, families: Sequence[CellFunctions]
    ) -> dict[EffectiveKey, Tensor]:
        out: dict[EffectiveKey, Tensor] = {}
        for k, piece, y, w in self._parts(rows, self._quadrature(rows)):
            jet: Jet = families[k].jet(piece.unfold(y), piece.trial.module.MEAN_INDICES)
            for key, value in piece.trial.module.effective(
                rows.at(y), jet, w, **piece.parameters
            ).items():
                out[key] = out.get(key, torch.zeros_like(value)) + value
        return out

    def _at_interfaces(
        self, rows: JumpRows, families: Sequence[CellFunctions]
    ) -> dict[EffectiveKey, Tensor]:
        """What the energy formula lacks for functions that jump a little: int flux(z) . n [N_j] +
        flux(N_j) . n [z], z being the dual solution.

        From l(v) = B(v, z) - int flux(z) . n [v], v discontinuous, and the like for N_j: the
        consistency terms of discontinuous Galerkin methods. At imperfect contact functions may
        jump, and the energy lacks -int K [N_j] [z].
        """
        found = rows.partition.interfaces(self.order)
        m = rows.components
        flux, jump = rows.traces(found, families)
        area = (
            torch.as_tensor(found.weights, device=rows.slow.device)
            / self._quadrature(rows).weights.sum()
        )
        springs, broken = rows.springs(found)
        flux, jump = flux.unflatten(1, (-1, m)), jump.unflatten(1, (-1, m))
        work = torch.einsum("n,nfe,nge->fg", area * ~broken, flux, jump)
        # Half of it, as both orders are added below.
        work = work - torch.einsum("n,nfe,nek,ngk->fg", area, jump, springs, jump) / 2
        pairs = {
            (f.name, f.index): (f.dual, f.terms[0].factors[0].function)
            for f in rows.partition.cells[0].effective
            if f.dual
        }
        return {
            key: dual[0] * (work[dual[1], j] + work[j, dual[1]]) for key, (dual, j) in pairs.items()
        }

    def _quadrature(self, rows: JumpRows) -> PhaseQuadrature:
        return rows.partition.quadrature(self.order)

    def _parts(
        self, rows: JumpRows, q: PhaseQuadrature
    ) -> Iterator[tuple[int, Subdomain, Tensor, Tensor]]:
        """(phase, its piece, points, weights that add up to its share) of every phase."""
        weights = q.weights / q.weights.sum()
        for k, piece in enumerate(rows.pieces):
            here = q.labels == k
            points, share = (
                torch.as_tensor(v[here], device=rows.slow.device) for v in (q.points, weights)
            )
            yield k, piece, points, share
