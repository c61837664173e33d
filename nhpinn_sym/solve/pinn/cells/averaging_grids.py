"""The grids that means over a cell are taken on: uniform ones, which converge faster than any power
for smooth periodic functions, and Gauss' rule in the panels of data that these would miss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....problem.errors import SolveError
from ....runtime.arrays import Bounds
from ....runtime.tensor_grids import gauss_line, uniform_line
from ...solution import Array
from ..network import DataPanels

# Points of a grid beyond which it is not refined, and of one of panels at most.
_LIMIT = 2**16
_LARGEST = 2**18
# Points along an axis to begin with, where nothing is sharp, and of a uniform grid in the sharpest
# panel: two coarser grids that both miss it agree.
_COARSEST = 16
_PER_PANEL = 8
# Gauss points of a panel to begin with, and at most: then it is cut.
_FIRST = 4
_ORDER = 8


@dataclass(frozen=True)
class AveragingGrid:
    """A grid of the box `bounds`: `count` points along an axis, and as many times those of the
    coarsest grid in each of its panels, where it has some.
    """

    bounds: Bounds
    panels: DataPanels
    coarsest: int
    finer: int = 1

    @classmethod
    def coarse(cls, bounds: Bounds, panels: DataPanels) -> AveragingGrid:
        """The first grid for means that sees data with these panels; SolveError where it is too
        large.
        """
        widths = [1.0]
        for (a, b), lines in zip(bounds, panels, strict=False):
            widths.append(float(min(np.diff(lines))) / (b - a))
        uniform = cls(bounds, (), max(_COARSEST, math.ceil(_PER_PANEL / min(widths))))
        if not panels or uniform.finer_fits:
            return uniform
        found = cls.in_panels(bounds, panels)
        if found.size > _LARGEST:
            raise SolveError(
                f"the coefficients are sharp everywhere: their means need {found.size} points",
                remedy='use backend="skfem" or "dolfinx", which refine their meshes',
            )
        return found

    @classmethod
    def in_panels(cls, bounds: Bounds, panels: DataPanels) -> AveragingGrid:
        """The fewest points that see the data."""
        return cls(bounds, panels, _COARSEST)

    @property
    def size(self) -> int:
        """How many points it has."""
        return math.prod(len(points) for points, _ in self.lines())

    @property
    def finer_fits(self) -> bool:
        """Whether it may be refined."""
        return self.size * 2 ** len(self.bounds) <= _LIMIT

    def refined(self) -> AveragingGrid:
        return replace(self, finer=2 * self.finer)

    def coarsened(self) -> AveragingGrid:
        return replace(self, finer=max(1, self.finer // 2))

    def lines(self) -> list[tuple[Array, Array]]:
        """The points along each axis, and their weights, the sum of which is 1."""
        found = []
        panels_of = self.panels or ((),) * len(self.bounds)
        for (a, b), panels in zip(self.bounds, panels_of, strict=False):
            count = self.coarsest * self.finer
            points, weights = uniform_line((a, b), count), np.full(count, (b - a) / count)
            if len(panels) > 2:
                points, weights = _gauss(panels, _FIRST * self.finer)
            found.append((points, weights / (b - a)))
        return found


def _gauss(panels: Sequence[float], count: int) -> tuple[Array, Array]:
    """About `count` points in each panel, and their weights."""
    parts = max(1, count // _ORDER)
    places = np.arange(parts * (len(panels) - 1) + 1) / parts
    edges = np.interp(places, np.arange(len(panels)), panels)
    return gauss_line(edges, count // parts)
