"""The collocation rows of a stage of cell problems, and the principal eigenpair of a cell operator
by them: inverse iteration with Newton's shifts, every step of which is one least-squares problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from ....emit.torch_cells import Stage
from ....lower.forms import LoweredCells, MultiIndex
from ....problem.errors import SolveError
from ....runtime.nets.least_squares import safe_divisor
from ...interpolation import Nodes
from ...solution import Array
from ..collocation import (
    Rows,
    balance_factors,
    collocation_points,
    combine_derivatives,
    concatenate,
    last_layer,
    operator_weights,
    row_strengths,
)
from ..fields import points_beside
from ..network import Jet, Layers, Network, TrialSpace
from .averages import EIGENVALUE, CellAveraging, CellFunctions

# Points at which equations and components are compared.
_SAMPLES = 256
# Size of a function, relative to the largest of its stage, below which rounding in its sources is
# taken to be as large as if it had this size.
_SMALL = 1e-3
DEGREES = {0: 0, 1: 24, 2: 8, 3: 4, 4: 3}
"""Of the interpolation of numbers over the slow coordinates, by how many there are."""


@dataclass(frozen=True)
class CellRows:
    """Rows for the nets of one stage after another: operator(net) + multipliers = right-hand side.

    A kernel p is e_p + net, so that it is a corrector with the right-hand side -operator(e_p).
    Beside the nets stand the multipliers: what the right-hand side has to lose to be in the range,
    a function of the slow coordinates for each equation.
    Equations and components are scaled, so that all blocks of a system weigh the same; `unscale`
    undoes it.
    """

    cells: LoweredCells
    trial: TrialSpace
    means: CellAveraging
    seed: int
    device: str

    def __call__(self, number: int, family: CellFunctions, count: int, seed: int) -> Rows:
        """Rows of stage `number` at `count` points, for the functions of the stages before."""
        return self.at(self.points(count, seed), number, family, seed)

    def at(self, points: Tensor, number: int, family: CellFunctions, seed: int) -> Rows:
        """The same at given points."""
        stage = self.stages[number]
        left = self.left(stage, points, family)
        rows = self.assemble(
            points,
            self.balance,
            left,
            self.multipliers(stage, points, family),
            self.right(number, points, family, left),
            seed,
        )
        if stage[0] != "corrector":
            return rows
        size = torch.maximum(rows.size, self._uncancelled(number, points, family))
        return replace(rows, size=size)

    @property
    def empty(self) -> CellFunctions:
        """The family of no functions."""
        bounds = tuple((a, b) for _, a, b in self.trial.axes[self.cells.cell.dim :])
        return CellFunctions(Nodes(bounds, DEGREES[len(bounds)]))

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(self.trial.module.STAGES)

    def points(self, count: int, seed: int) -> Tensor:
        return collocation_points(count, self.trial.axes, seed, self.device, self.trial.panels)

    def left(
        self, stage: Stage, points: Tensor, family: CellFunctions, shift: float = 0.0
    ) -> Tensor:
        """The factors (n, equations, components, derivatives) of the operator of a stage, its
        eigenvalue raised by `shift`.
        """
        module = self.trial.module
        constants = family.constants(points)
        if shift:
            constants[EIGENVALUE] = constants[EIGENVALUE] + shift
        coefficients = module.adjoint_coefficients if stage[0] == "adjoint" else module.coefficients
        tables = coefficients(points, **self.means.arguments(constants))
        return operator_weights(points, tables, self.cells.components, self.trial.indices)

    def right(self, number: int, points: Tensor, family: CellFunctions, left: Tensor) -> Tensor:
        """The right-hand sides of a stage, (n, equations, functions)."""
        kind, members = self.stages[number]
        if kind != "corrector":
            return -left[..., 0][..., [self.kernel(k) for k in members]]
        return self._source(
            number, points, family, family.jet(points, self.trial.module.KNOWN_INDICES)
        )

    def _source(self, number: int, points: Tensor, family: CellFunctions, known: Jet) -> Tensor:
        source = self.trial.module.SOURCES[number](
            points, known, **self.means.arguments(family.constants(points))
        )
        return source.reshape(len(points), -1, self.cells.components).transpose(1, 2)

    def _uncancelled(self, number: int, points: Tensor, family: CellFunctions) -> Tensor:
        """The sizes (functions,) of the sources if no terms cancelled and no earlier function were
        very small: rounding is small in these.
        """
        generator = torch.Generator().manual_seed(self.seed)
        known = {}
        for index, value in family.jet(points, self.trial.module.KNOWN_INDICES).items():
            size = value.square().mean(0).sqrt().reshape(-1, self.cells.components)
            size = torch.maximum(size, _SMALL * size.amax(0)) if len(size) else size
            factor = 0.5 + torch.rand(size.numel(), generator=generator, dtype=torch.float64).to(
                size.device
            )
            known[index] = (factor * size.flatten()).expand(len(points), -1)
        return (
            (self.balance[0][:, None] * self._source(number, points, family, known))
            .square()
            .mean((0, 1))
            .sqrt()
        )

    def kernel(self, k: int) -> int:
        """The component that is 1 + net in the kernel at position k."""
        if self.cells.functions[k].role == "adjoint":
            return int(self.cells.functions[k].level)
        return 0

    def multipliers(self, stage: Stage, points: Tensor, family: CellFunctions) -> Tensor:
        """The functions (n, equations, known functions) that P takes from right-hand sides, times
        functions of the slow coordinates.
        """
        kind, members = stage
        if kind == "corrector" and self.cells.eigenvalue is not None:
            shapes = family.jet(points, [self.means.zero])[self.means.zero][:, None, :1]
        else:
            shapes = torch.eye(
                self.cells.components, dtype=points.dtype, device=points.device
            ).expand(len(points), -1, -1)
        if all(self.cells.functions[k].solvable for k in members):
            return shapes
        return (shapes[..., None] * family.basis(points)[:, None, None]).flatten(2)

    def assemble(
        self,
        points: Tensor,
        balance: tuple[Tensor, Tensor],
        left: Tensor,
        extra: Tensor,
        right: Tensor,
        seed: int,
    ) -> Rows:
        """Rows whose equations and components are scaled by the factors of `balance`, and as strong
        ones of net = 0 at one corner of the cell: without it the kernel, which is free, would be
        large and cost digits.
        """
        rows, columns = balance
        target = rows[:, None] * right
        inside = Rows(
            points,
            rows[:, None, None] * left * columns[:, None],
            rows[:, None] * extra,
            target,
            target.square().mean((0, 1)).sqrt(),
        )
        gauge = self._gauge(max(1, len(points) // 4) if self.cells.slow else 1, seed, inside)
        factor = inside.strength(self.trial) / gauge.strength(self.trial)
        return concatenate([inside, gauge.scale(factor)])

    def output_units(self, number: int, family: CellFunctions) -> Tensor:
        """What to divide the right-hand sides of a stage by, so that the nets of its functions are
        all of one size, in any units.
        """
        size = self(number, family, _SAMPLES, self.seed).size
        return safe_divisor(size / safe_divisor(size.max())) / self.balance[1].min()

    def unscale(
        self, members: Sequence[int], network: Network, unit: Tensor | float = 1.0
    ) -> Network:
        """The net of these functions from that of the scaled rows with right-hand sides in
        multiples of `unit`.
        """
        one = torch.zeros(
            len(members), self.cells.components, dtype=torch.float64, device=self.device
        )
        for row, k in zip(one, members, strict=True):
            row[self.kernel(k)] = float(self.cells.functions[k].role in ("ground state", "adjoint"))
        return network.scale_outputs(unit * self.balance[1].repeat(len(members))).add_constant(
            one.flatten()
        )

    def _gauge(self, count: int, seed: int, inside: Rows) -> Rows:
        """net = 0 at `count` slow points and a corner of the cell, with the columns of `inside`."""
        points = collocation_points(count, self.trial.axes, seed, self.device, self.trial.panels)
        m = self.cells.components
        points[:, : self.cells.cell.dim] = points.new_tensor([a for a, _ in self.cells.cell.bounds])
        weights = points.new_zeros(count, m, m, len(self.trial.indices))
        weights[..., 0] = torch.eye(m, dtype=points.dtype, device=points.device)
        zero = points.new_zeros(count, m, 1)
        return Rows(
            points,
            weights,
            zero.expand(-1, -1, inside.extra.shape[2]),
            zero.expand(-1, -1, inside.target.shape[2]),
            torch.zeros_like(inside.size),
        )

    @cached_property
    def balance(self) -> tuple[Tensor, Tensor]:
        """Factors of the equations and of the components."""
        return balance_factors(
            row_strengths(
                self.left(("corrector", ()), self.points(_SAMPLES, self.seed), self.empty),
                self.trial,
            )
        )


# Points of the coarse grid, odd, by the dimension of the cell: a dense eigenvalue problem.
_PER_AXIS = {1: 33, 2: 13, 3: 7}
# Of the inverse iteration with Newton's shifts, which converges quadratically.
_STEPS = 8
# Relative change of the eigenvalue that is rounding.
_CONVERGED = 1e-13
# Points at which the sign is looked at.
_SAMPLES = 1000
# Share of the largest value by which a ground state of poor accuracy may be negative.
_NEGATIVE = 0.1


def ground_state_in_span(
    rows: CellRows, start: Tensor, layers: Layers, count: int
) -> tuple[CellFunctions, Network]:
    """The ground state in the span of a random layer; start (nodes,) is its eigenvalue roughly,
    from `first_eigenvalue`.

    A step solves (A - lambda M) phi = change * M phi_before with phi = 1 at a corner, phi_before =
    1 at first, and adds the change to lambda.
    Returns the family of phi = 1 + net, and the net as it came from its rows.
    """
    points = rows.points(count, rows.seed)
    value = start
    family = CellFunctions(rows.empty.nodes, eigenvalue=value)
    basis = rows.empty.basis(points)
    phi = {
        index: torch.full_like(points[:, :1], float(not any(index))) for index in rows.trial.indices
    }
    stage = rows.stages[0]
    for _ in range(_STEPS):
        left = rows.left(stage, points, family)
        mass = left - rows.left(stage, points, family, shift=1.0)
        extra = -(combine_derivatives(mass[:, 0, 0], phi) * basis)[:, None]
        right = rows.right(0, points, family, left)
        step = rows.assemble(points, rows.balance, left, extra, right, rows.seed)
        network, change = last_layer(rows.trial, step, layers)
        net = rows.unscale([0], network)
        value = value + change[:, 0]
        family = CellFunctions(family.nodes, (net,), value)
        phi = net.jet(points, rows.trial.indices)
        if float(change.abs().max()) <= _CONVERGED * float(value.abs().max()):
            break
    return family, network


def require_positive(rows: CellRows, family: CellFunctions) -> None:
    """SolveError where the ground state, the first function, changes its sign: it is another
    eigenfunction then.
    """
    values = family.raw(rows.points(_SAMPLES, rows.seed), [rows.means.zero])[rows.means.zero][:, 0]
    if not float(values.min()) >= -_NEGATIVE * float(values.abs().max()):
        raise SolveError(
            "the first eigenfunction changes its sign: it is not the ground state",
            term=rows.cells.functions[0].name,
            remedy='use backend="fourier", or more features',
        )


def first_eigenvalue(rows: CellRows) -> Tensor:
    """The eigenvalue of smallest real part at the slow nodes, (nodes,), by Fourier collocation on a
    coarse grid.
    """
    axes = rows.trial.axes[: rows.cells.cell.dim]
    n = _PER_AXIS[len(axes)]
    lines = [a + (b - a) / n * torch.arange(n, dtype=torch.float64) for _, a, b in axes]
    y = torch.cartesian_prod(*lines).reshape(-1, len(axes)).to(rows.device)
    lengths = [b - a for _, a, b in axes]
    derivatives = [_collocation(index, n, lengths) for index in rows.trial.indices]
    found = []
    for points in points_beside(y, torch.as_tensor(rows.empty.nodes.points, device=rows.device)):
        without = _operator(rows, points, 0.0, derivatives)
        with_one = _operator(rows, points, 1.0, derivatives)
        values = scipy.linalg.eigvals(without, without - with_one)
        found.append(values.real[np.isfinite(values)].min())
    return torch.tensor(found, dtype=torch.float64, device=rows.device)


def _operator(
    rows: CellRows, points: Tensor, eigenvalue: float, derivatives: Sequence[Array]
) -> Array:
    """The matrix of the cell operator, less the eigenvalue times that of the mass, on the values at
    points, from the matrices of the derivatives.
    """
    nodes = rows.empty.nodes
    constant = points.new_full((len(nodes.points),), eigenvalue)
    family = CellFunctions(nodes, eigenvalue=constant)
    factors = rows.left(rows.stages[0], points, family)[:, 0, 0].cpu().numpy()
    terms = zip(factors.T, derivatives, strict=True)
    return np.asarray(sum(factor[:, None] * d for factor, d in terms))


def _collocation(index: MultiIndex, n: int, lengths: list[float]) -> Array:
    """D^index on the values at a uniform grid of n (odd) points per axis, the last axis fastest."""
    blocks = []
    for order, length in zip(index, lengths, strict=True):
        symbol = (2j * np.pi / length * np.fft.fftfreq(n, 1 / n)) ** order
        blocks.append(np.fft.ifft(symbol[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real)
    return reduce(np.kron, blocks)
