"""A minimum problem on the cell as rows of least squares: the squares of the rows sum up to the
energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ....lower.energy import CellEnergy, Map
from ....problem.errors import UnsupportedError
from ..family import Family
from ..network import Trial
from ..rows import Rows

Quadrature = tuple[Tensor, Tensor]
"""Points (n, dim), and weights (n,) of sum 1."""


@dataclass(frozen=True)
class Minimum:
    """<(E + D v) . K (E + D v)> for the columns E of `basis`, with K = C and D the strain, or
    (dual) K = C^-1 and D the flux.

    With C = L L^T in the basis, K is the square of L^T or of L^-1: least squares by QR then lose no
    digits to normal equations.
    """

    trial: Trial
    table: Map
    components: int
    dual: bool
    basis: Tensor
    parameters: Mapping[str, float]

    def rows(self, quadrature: Quadrature) -> Rows:
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

    def tensor(self, nets: Family, rows: Rows) -> Tensor:
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
        return (
            torch.linalg.solve_triangular(lower, identity, upper=False) if self.dual else lower.mT
        )


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
