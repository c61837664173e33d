"""Means over a cell that is cut into phases, by the quadrature fitted to the interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...partition import Quadrature
from ...solution import EffectiveKey
from ..family import Family, Numbers
from ..network import Jet
from .piece import Piece
from .rows import PhaseRows

_ORDERS = {1: 24, 2: 24, 3: 10, 4: 6}


@dataclass
class PhaseMeans:
    """`order` of the quadrature."""

    order: int

    @classmethod
    def of(cls, dim: int) -> PhaseMeans:
        """By the dimension of the cell."""
        return cls(_ORDERS[dim])

    @property
    def finest(self) -> int:
        """The order of the quadrature that the effective entries are taken from."""
        return 2 * self.order

    def refined(
        self, rows: PhaseRows, families: Sequence[Family]
    ) -> tuple[dict[EffectiveKey, Tensor], float]:
        """The effective entries with the doubled order, and their error: as it falls exponentially,
        the square of the relative change.
        """
        coarse, fine = (
            self.effective(rows, families),
            PhaseMeans(self.finest).effective(rows, families),
        )
        change = max((float((fine[key] - coarse[key]).abs()) for key in fine), default=0.0)
        largest = max((float(v.abs()) for v in fine.values()), default=0.0) or 1.0
        return fine, change**2 / largest

    def offset(self, rows: PhaseRows, families: Sequence[Family]) -> list[Family]:
        """The families with all functions of zero mean."""
        q = self._quadrature(rows)
        zero = (0,) * rows.partition.dim
        parts = [
            w @ families[k].raw(piece.unfolded(y), [zero])[zero]
            for k, piece, y, w in self._parts(rows, q)
        ]
        total = torch.stack(parts).sum(0)
        one = torch.eye(len(total), dtype=torch.float64, device=rows.slow.device)
        numbers = Numbers(one[None], -total[None], {}, {})
        return [family.with_numbers(numbers) for family in families]

    def effective(self, rows: PhaseRows, families: Sequence[Family]) -> dict[EffectiveKey, Tensor]:
        """Every entry as a number, its error of second order in those of the functions."""
        out = self._inside(rows, families)
        for key, value in self._at_interfaces(rows, families).items():
            out[key] = out[key] + value
        return out

    def _inside(self, rows: PhaseRows, families: Sequence[Family]) -> dict[EffectiveKey, Tensor]:
        out: dict[EffectiveKey, Tensor] = {}
        for k, piece, y, w in self._parts(rows, self._quadrature(rows)):
            jet: Jet = families[k].jet(piece.unfolded(y), piece.trial.module.MEAN_INDICES)
            for key, value in piece.trial.module.effective(
                rows.at(y), jet, w, **piece.parameters
            ).items():
                out[key] = out.get(key, torch.zeros_like(value)) + value
        return out

    def _at_interfaces(
        self, rows: PhaseRows, families: Sequence[Family]
    ) -> dict[EffectiveKey, Tensor]:
        """What the energy formula lacks for functions that jump a little: int flux(z) . n [N_j] +
        flux(N_j) . n [z], z being the dual solution.

        From l(v) = B(v, z) - int flux(z) . n [v], v discontinuous, and the like for N_j: the
        consistency terms of discontinuous Galerkin methods.
        """
        found, m = rows.partition.interfaces(self.order), rows.components
        flux, jump = rows.traces(found, families)
        area = (
            torch.as_tensor(found.weights, device=rows.slow.device)
            / self._quadrature(rows).weights.sum()
        )
        work = torch.einsum(
            "n,nfe,nge->fg", area, flux.unflatten(1, (-1, m)), jump.unflatten(1, (-1, m))
        )
        pairs = {
            (f.name, f.index): (f.dual, f.terms[0].factors[0].function)
            for f in rows.partition.cells[0].effective
            if f.dual
        }
        return {
            key: dual[0] * (work[dual[1], j] + work[j, dual[1]]) for key, (dual, j) in pairs.items()
        }

    def _quadrature(self, rows: PhaseRows) -> Quadrature:
        return rows.partition.quadrature(self.order)

    def _parts(self, rows: PhaseRows, q: Quadrature) -> Iterator[tuple[int, Piece, Tensor, Tensor]]:
        """(phase, its piece, points, weights that add up to its share) of every phase."""
        weights = q.weights / q.weights.sum()
        for k, piece in enumerate(rows.pieces):
            here = q.labels == k
            points, share = (
                torch.as_tensor(v[here], device=rows.slow.device) for v in (q.points, weights)
            )
            yield k, piece, points, share
