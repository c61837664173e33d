"""Cell problems by scikit-fem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....emit import skfem as target
from ....emit.runtime.lagrange_grid import LagrangeGrid
from ....emit.source import run
from ....lower.forms import LoweredCells
from ...progress import Progress, silent
from ...solution import Array, CellBatch
from ..common import LagrangeField
from ..refine import Cells, refine_cells
from .backend import driver, failures


class CellSolver:
    """Q1 or Q2 elements on uniform meshes, refined until the effective entries are known to `tolerance`.

    Options: `degree` (2), `n` (cells along the longest axis of the cell; fixes the mesh), `max_dofs`.
    The tolerance is relative to the largest entry of the same effective coefficient.
    """

    def __init__(self, cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...], tolerance: float,
                 progress: Progress = silent, *, degree: int = 2, n: int | None = None, max_dofs: int = 300_000) -> None:
        self.cells, self.parameters, self.tolerance, self.progress = cells, dict(parameters), tolerance, progress
        self.degree, self.n, self.max_dofs = degree, n, max_dofs
        self._driver = driver()
        self._forms = run("cell_forms", target.cells(cells)["cell_forms.py"])
        self._spaces: dict[Cells, Any] = {}

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at the slow points (m, len(cells.slow)), all on the same mesh."""

        def level(mesh: Cells) -> CellBatch:
            return self._solve_on(mesh, slow_points)

        bounds, label = self.cells.cell.bounds, "cell problems (skfem)"
        with failures("cell problems"):
            return refine_cells(level, bounds, self.degree, self.tolerance, self.max_dofs, self.n, self.progress, label,
                                self.cells.jumps)

    def _solve_on(self, mesh: Cells, slow_points: Array) -> CellBatch:
        bounds = self.cells.cell.bounds
        space = self._spaces.setdefault(mesh, self._driver.Space(bounds, mesh, self.degree, tuple(range(len(bounds)))))
        slow = [dict(zip((symbol.name for symbol in self.cells.slow), map(float, point), strict=True)) for point in slow_points]
        results = [self._driver.solve_cells(self._forms, space, {**self.parameters, **values}) for values in slow]
        values = np.stack([result.functions.values for result in results], axis=1)
        fields = tuple(LagrangeField(LagrangeGrid(bounds, mesh, self.degree, batch)) for batch in values)
        effective = {key: np.array([result.effective[key] for result in results]) for key in results[0].effective}
        info = {"method": f"Q{self.degree} finite elements, {results[0].method}", "fredholm": max(result.fredholm for result in results)}
        return CellBatch(fields, effective, info)
