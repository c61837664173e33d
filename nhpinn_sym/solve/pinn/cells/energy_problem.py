"""Minimum problems on the cell: their rows, the quadratures they are taken on, and the enclosure of
A* that their energies prove.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.energy import CellEnergy, Map
from ....lower.forms import LoweredCells
from ....problem.errors import SolveError, UnsupportedError
from ...level_set_quadrature import Partition, make_partition
from ..collocation import Rows
from ..network import TrialSpace
from .averages import CellFunctions

WeightedPoints = tuple[Tensor, Tensor]
"""Points (n, dim), and weights (n,) of sum 1."""


@dataclass(frozen=True)
class EnergyProblem:
    """<(E + D v) . K (E + D v)> for the columns E of `basis`, with K = C and D the strain, or
    (dual) K = C^-1 and D the flux.

    With C = L L^T in the basis, K is the square of L^T or of L^-1: least squares by QR then lose no
    digits to normal equations.
    """

    trial: TrialSpace
    table: Map
    components: int
    dual: bool
    basis: Tensor
    parameters: Mapping[str, float]

    def rows(self, quadrature: WeightedPoints) -> Rows:
        """Rows whose right-hand sides belong to the columns of `basis`. UnsupportedError where C is
        not positive.
        """
        points, weights = quadrature
        factor = self._root(points) * weights.sqrt()[:, None, None]
        left = torch.einsum("nab,bci->naci", factor, self._operator)
        return Rows(
            points,
            left,
            points.new_zeros(len(points), factor.shape[1], 0),
            -factor,
            factor.square().sum((0, 1)).sqrt(),
        )

    def tensor(self, nets: CellFunctions, rows: Rows) -> Tensor:
        """The energies of all pairs of columns, (columns, columns); no nets where nothing but
        constants is sought.
        """
        residual = -rows.target
        if nets.outputs:
            residual = rows.residual(
                nets.raw(rows.points, self.trial.indices),
                rows.points.new_zeros(0, rows.target.shape[2]),
            )
        return torch.einsum("nea,neb->ab", residual, residual)

    @property
    def _operator(self) -> Tensor:
        """D as (columns of the basis, components, derivatives)."""
        out = self.basis.new_zeros(len(self.table), self.components, len(self.trial.indices))
        for row, terms in enumerate(self.table):
            for component, index, factor in terms:
                out[row, component, self.trial.indices.index(index)] += factor
        return torch.einsum("ra,rci->aci", self.basis, out)

    def _root(self, points: Tensor) -> Tensor:
        """L^T or L^-1, (n, columns, columns)."""
        stiffness = self.trial.module.stiffness(points, **self.parameters)
        lower, failed = torch.linalg.cholesky_ex(
            torch.einsum("ra,nrs,sb->nab", self.basis, stiffness, self.basis)
        )
        if bool(failed.any()):
            where = points[failed > 0][0].tolist()
            raise UnsupportedError(
                "the energy density is not positive",
                term=f"C = {stiffness[failed > 0][0].tolist()} at y = {where}",
                remedy='use method="residual"',
            )
        identity = torch.eye(lower.shape[1], dtype=lower.dtype, device=lower.device).expand_as(
            lower
        )
        if self.dual:
            return torch.linalg.solve_triangular(lower, identity, upper=False)
        return lower.mT


def strain_basis(energy: CellEnergy, components: int, dim: int) -> Tensor:
    """Orthonormal columns that span the macroscopic strains, (rows, columns): symmetric tensors
    alone in elasticity.
    """
    identity = torch.eye(components * dim, dtype=torch.float64)
    if not energy.constrained:
        return identity
    pairs = [(i, k) for i in range(dim) for k in range(i, dim)]
    columns = [identity[i * dim + k] + identity[k * dim + i] for i, k in pairs]
    return torch.stack([column / column.norm() for column in columns], 1)


# Relative error of an energy by rounding.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class EnergyBounds:
    """(D + d)^-1 <= A* <= U + u as quadratic forms, U and D the tensors of `upper_unseen` and
    `dual_unseen`.

    A minimum over fewer functions is larger: U >= A* and D >= A*^-1, but for the errors of the
    quadrature. These are taken to be at most the changes u and d from the quadrature that the nets
    were fitted to, which they exploit, to the finer one that they have not seen.
    """

    upper_fitted: Tensor
    upper_unseen: Tensor
    dual_fitted: Tensor
    dual_unseen: Tensor

    @cached_property
    def upper(self) -> Tensor:
        return self._ends[1]

    @cached_property
    def lower(self) -> Tensor:
        return self._ends[0]

    @cached_property
    def _ends(self) -> tuple[Tensor, Tensor]:
        """Widened once more where they are not ordered: by what the quadrature has erred at
        least.
        """
        upper = _widened(self.upper_fitted, self.upper_unseen)
        lower = _inverse(_widened(self.dual_fitted, self.dual_unseen))
        crossed = max(0.0, -float(torch.linalg.eigvalsh(upper - lower).min()))
        shift = (
            (1 + _ROUNDING)
            * crossed
            * torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
        )
        return lower - shift, upper + shift

    @cached_property
    def middle(self) -> Tensor:
        """The best estimate: half-way between the bounds before they are widened."""
        return (self.upper_unseen + _inverse(self.dual_unseen)) / 2

    @property
    def width(self) -> float:
        """The largest eigenvalue of upper - lower."""
        return float(torch.linalg.matrix_norm(self.upper - self.lower, 2))

    @property
    def half_width(self) -> float:
        """Relative to the largest entry."""
        return self.width / 2 / float(self.middle.abs().max())

    @property
    def relative(self) -> float:
        return self.width / float(torch.linalg.matrix_norm(self.upper, 2))

    @property
    def energies(self) -> dict[str, float]:
        """The traces of the energies, on the quadrature that was fitted and on the other one."""
        names = ("energy", "held_out_energy", "dual_energy", "held_out_dual_energy")
        return {
            name: float(tensor.trace()) / 2
            for name, tensor in zip(
                names,
                (self.upper_fitted, self.upper_unseen, self.dual_fitted, self.dual_unseen),
                strict=True,
            )
        }


def _widened(fitted: Tensor, unseen: Tensor) -> Tensor:
    size = torch.linalg.matrix_norm(unseen - fitted, 2) + _ROUNDING * torch.linalg.matrix_norm(
        unseen, 2
    )
    return (unseen + unseen.T) / 2 + size * torch.eye(
        len(unseen), dtype=unseen.dtype, device=unseen.device
    )


def _inverse(tensor: Tensor) -> Tensor:
    inverse = torch.linalg.inv(tensor)
    return (inverse + inverse.T) / 2


# Points of a line across the cell: with fewer the rule of a smooth coefficient is no rule.
_LEAST = 8
# Points of a line across the cell, so that a quadrature fits into memory.
_MOST = 400
# Of the points of the finer rule, in steps: they are to be others.
_SHIFT = 0.37
# Points of a line of the finer rule, by those of the one that is fitted to.
_MORE = 1.3


@dataclass(frozen=True)
class CellQuadrature:
    """Points (n, dim) and weights (n,) of sum 1, n about `count`. `unseen` is a finer one of other
    points.
    """

    cells: LoweredCells
    parameters: Mapping[str, Any]
    device: str

    def __call__(self, count: int) -> tuple[Tensor, Tensor]:
        return self._rule(self._order(count), 0.0)

    def unseen(self, count: int) -> tuple[Tensor, Tensor]:
        return self._rule(math.ceil(_MORE * self._order(count)), _SHIFT)

    @cached_property
    def partition(self) -> Partition:
        """Of the cell by its interfaces."""
        return make_partition(self.cells, self.parameters)

    def _order(self, count: int) -> int:
        """Points of a line across the cell."""
        return min(max(_LEAST, math.ceil(count ** (1 / self.cells.cell.dim))), _MOST)

    def _rule(self, order: int, shift: float) -> tuple[Tensor, Tensor]:
        if self.cells.jumps:
            return self._fitted(order)
        lines = [
            a + (b - a) / order * (torch.arange(order, dtype=torch.float64) + shift)
            for a, b in self.cells.cell.bounds
        ]
        points = torch.cartesian_prod(*lines).reshape(-1, len(lines)).to(self.device)
        return points, points.new_full((len(points),), 1 / len(points))

    def _fitted(self, order: int) -> tuple[Tensor, Tensor]:
        rule = self.partition.even_quadrature(order)
        volume = float(np.prod([b - a for a, b in self.cells.cell.bounds]))
        if not abs(float(rule.weights.sum()) / volume - 1) < 1e-6:
            raise SolveError(
                "the quadrature fitted to the interfaces misses a part of the cell",
                term=f"volume {float(rule.weights.sum()):.8g}",
            )
        return torch.as_tensor(rule.points, device=self.device), torch.as_tensor(
            rule.weights / volume, device=self.device
        )
