"""What the data ask of a mesh, and the lattices that give it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...emit.runtime.lattice import Lattice

Bounds = tuple[tuple[float, float], ...]
Planes = tuple[tuple[float, ...], ...]
"""Coordinates along each axis."""

_FEWEST = 8
"""Cells along the longest axis of the first mesh."""
_LEVELS = 3
"""Meshes that an estimate needs: two of them may agree by accident."""


@dataclass(frozen=True)
class Layout:
    """The box of a mesh, its `panels` between which the data are resolved, and the planes of jumps.

    panels  : lines along each axis, both ends and the breaks included; empty for an axis without demands
    breaks  : planes across each axis at which data jump or kink: every mesh has lines there
    erratic : data jump elsewhere too, so that a change from mesh to mesh may be small by accident
    """

    bounds: Bounds
    panels: Planes = ()
    breaks: Planes = ()
    erratic: bool = False

    def start(self) -> Lattice:
        """The panels cut into cells that are no longer than an eighth of the longest axis; at least two along each axis."""
        longest = max(b - a for a, b in self.bounds) / _FEWEST
        panels = self.panels or ((),) * len(self.bounds)
        axes = [_cut(ends, held, longest) for ends, held in zip(self.bounds, panels, strict=True)]
        return Lattice(tuple(axes))

    def divided(self, n: int) -> Lattice:
        """About n cells along the longest axis, and about square cells, with lines at the breaks."""
        return self.fitted(equal_cells(self.bounds, n))

    def fitted(self, cells: Sequence[int]) -> Lattice:
        """About `cells` along each axis, with lines at the breaks."""
        return Lattice.fitted(self.bounds, cells, self.breaks)

    def levels(self, degree: int, limit: int) -> list[Lattice]:
        """The meshes to try, coarsest first: the first one halved again and again, up to `limit` nodes, three at least.

        Where the limit leaves fewer, coarser ones come before: those miss what the data ask for, which the estimate then shows.
        """
        found = [self.start()]
        while found[-1].halved_count(degree) <= limit:
            found.append(found[-1].halved())
        while len(found) < _LEVELS:
            found.insert(0, self._coarser(found[0]))
        return list(dict.fromkeys(found))

    def levels_up_to(self, n: int) -> list[Lattice]:
        """n cells along the longest axis, before them a half and a quarter of these."""
        return list(dict.fromkeys(self.divided(math.ceil(n / 2**k)) for k in (2, 1, 0)))

    def halves(self, cells: Sequence[int]) -> list[Lattice]:
        """The mesh of about `cells`, before it those of a quarter and a half."""
        parts = [tuple(max(min(n, 2), math.ceil(n / 2**k)) for n in cells) for k in (2, 1, 0)]
        return list(dict.fromkeys(self.fitted(part) for part in parts))

    def _coarser(self, lattice: Lattice) -> Lattice:
        return self.fitted([max(2, n // 2) for n in lattice.cells])


def equal_cells(bounds: Bounds, n: int) -> tuple[int, ...]:
    """n cells along the longest axis, about square cells, at least two along each axis."""
    lengths = [b - a for a, b in bounds]
    return tuple(max(2, round(n * length / max(lengths))) for length in lengths)


def _cut(bounds: tuple[float, float], panels: Sequence[float], longest: float) -> np.ndarray:
    ends = np.array(panels if len(panels) else bounds, dtype=float)
    least = 2 if len(ends) == 2 else 1
    parts = np.maximum(least, np.ceil(np.diff(ends) / longest - 1e-6).astype(int))
    pieces = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ends, ends[1:], parts)]
    return np.append(np.concatenate(pieces), ends[-1])
