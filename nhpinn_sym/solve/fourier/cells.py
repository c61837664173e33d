"""Fourier backend: runs the emitted numpy text at each slow point."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...emit import numpy as target
from ...emit.source import run
from ...lower.forms import LoweredCells, MultiIndex
from ...problem.errors import SolveError, ToleranceWarning
from ..progress import Progress, silent
from ..solution import Array, CellBatch


@dataclass(frozen=True)
class FourierField:
    """Trigonometric polynomials at m slow points: one array of modes (n, ..., n) / n^d each (n may differ)."""

    bounds: tuple[tuple[float, float], ...]
    modes: tuple[np.ndarray, ...]

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        from ...emit.runtime.fourier_cells import evaluate_modes

        return np.stack([evaluate_modes(m, self.bounds, np.asarray(points, dtype=float), index) for m in self.modes])

    def state(self) -> dict[str, Any]:
        return {"bounds": np.array(self.bounds), **{f"modes_{k}": m for k, m in enumerate(self.modes)}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FourierField:
        count = sum(name.startswith("modes_") for name in state)
        return cls(tuple((float(a), float(b)) for a, b in state["bounds"]), tuple(np.asarray(state[f"modes_{k}"]) for k in range(count)))


class CellSolver:
    """Fourier collocation with preconditioned CG (GMRES where A_0 is not symmetric). Option: n, points per axis (odd)."""

    def __init__(
        self,
        cells: LoweredCells,
        parameters: Mapping[str, float],
        slow_box: tuple[tuple[float, float], ...],
        tolerance: float,
        progress: Progress = silent,
        *,
        n: int | None = None,
    ) -> None:
        self.cells, self.parameters, self.tolerance, self.progress = cells, dict(parameters), tolerance, progress
        if n is not None and (type(n) is not int or n < 3):
            raise SolveError("n, the number of points per axis, is an integer above 2", term=f"n={n!r}", remedy="leave it out, or write n=81")
        self.n = n if n is None else n | 1
        source = target.cells(cells)
        self.forms = run("cell_fourier", source["cell_fourier.py"])

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at each slow point; SolveError where the Krylov iteration stalls."""
        start, results = time.perf_counter(), []
        with self.progress("cell problems (fourier)") as task:
            for k, slow in enumerate(slow_points):
                results.append(self.forms.solve_cell(self.forms, tuple(slow), self.parameters, self.tolerance, self.n))
                task.update((k + 1) / len(slow_points))
        residual, estimate = (max(r[name] for r in results) for name in ("residual", "estimate"))
        if not residual <= 1e-8:
            raise SolveError(
                f"the Krylov iteration stalled at the relative residual {residual:.1e}",
                remedy="the contrast is too large for this grid: give n=, or use another backend",
            )
        if estimate > self.tolerance and self.n is None:
            warnings.warn(
                ToleranceWarning(
                    f"fourier: the effective coefficients still change by {estimate:.1e} at the largest grid; "
                    "for coefficients that jump use a finite element backend"
                ),
                stacklevel=3,
            )
        bounds, count = self.cells.cell.bounds, len(self.cells.correctors)
        fields = tuple(FourierField(bounds, tuple(_modes(r["solutions"][j]) for r in results)) for j in range(count))
        effective = {key: np.array([r["effective"][key] for r in results]) for key in results[0]["effective"]}
        info = {
            "method": "Fourier collocation, preconditioned " + ("CG" if self.cells.symmetric else "GMRES"),
            "size": max(r["n"] for r in results) ** self.cells.cell.dim,
            "residual": residual,
            "estimate": estimate,
            "fredholm": max(r["fredholm"] for r in results),
            "seconds": time.perf_counter() - start,
        }
        return CellBatch(fields, effective, info)


def _modes(values: Array) -> np.ndarray:
    """The Fourier modes of values on a grid, without the outer ones that are zero up to rounding."""
    modes = np.fft.fftn(values) / values.size
    frequency = np.abs(np.fft.fftfreq(len(values), 1 / len(values)))
    reach = np.max(np.stack(np.meshgrid(*[frequency] * values.ndim, indexing="ij")), axis=0)
    kept = np.flatnonzero(frequency <= np.max(reach[np.abs(modes) > 4e-16 * np.abs(modes).max()], initial=0))
    return modes[np.ix_(*[kept] * values.ndim)]
