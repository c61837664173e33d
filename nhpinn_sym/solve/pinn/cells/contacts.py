"""Imperfect contact between the nets of two phases: what stands in the place of continuity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from ....lower.forms import LoweredCells
from ....problem.errors import SolveError, UnsupportedError
from ....problem.numeric import lambdified

# Share of the largest eigenvalue of K below which it may be negative by rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ContactLaw:
    """The contacts of cell problems that are cut into phases, with numbers for the parameters."""

    cells: tuple[LoweredCells, ...]
    numbers: Mapping[str, float]

    def require_fixed(self) -> None:
        """UnsupportedError for contacts that hold a free parameter of a family."""
        cells = self.cells[0]
        for entry in (e for c in cells.contacts for row in c.stiffness for e in row):
            if entry.has(*cells.slow):
                raise UnsupportedError(
                    "nets for a contact that holds a free parameter",
                    term=entry,
                    remedy='use backend="skfem", or give the parameter a value',
                )

    def between(self, a: int, b: int, points: Tensor, normals: Tensor) -> Tensor | None:
        """K (n, m, m) at points of the interface of two phases; None where they hang together.

        SolveError where K is negative somewhere.
        """
        acting = self._acting(a, b)
        if not acting:
            return None
        arguments = np.concatenate([points.cpu().numpy(), normals.cpu().numpy()], axis=1).T
        count = self.cells[0].components
        found = np.zeros((len(points), count, count))
        for k in acting:
            for i, row in enumerate(self._calls[k]):
                for j, call in enumerate(row):
                    found[:, i, j] += np.asarray(call(*arguments), dtype=float)
        least = np.linalg.eigvalsh(found)
        if not least.min() >= -_ROUNDING * np.abs(least).max():
            raise SolveError(
                "a contact must not be negative",
                term=f"{least.min():.3g} between phases {a} and {b}",
                remedy="give beta >= 0",
            )
        return torch.as_tensor(found, device=points.device)

    def _acting(self, a: int, b: int) -> Sequence[int]:
        """The contacts whose shape one of the two phases lies in."""
        pairs = zip(self.cells[a].contacts, self.cells[b].contacts, strict=True)
        return [k for k, (one, other) in enumerate(pairs) if one.inside != other.inside]

    @cached_property
    def _calls(self) -> list[list[list[Callable[..., Any]]]]:
        cells = self.cells[0]
        put = {v: sp.Float(self.numbers[v.name], 17) for v in cells.parameters}
        symbols = (*cells.coordinates, *cells.normal)
        return [
            [[lambdified(symbols, e.xreplace(put), "numpy") for e in row] for row in c.stiffness]
            for c in cells.contacts
        ]
