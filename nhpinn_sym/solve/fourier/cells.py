"""Fourier backend: runs the emitted numpy text, all slow points at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...emit import fourier_forms as target
from ...emit.source import run
from ...lower.forms import LoweredCells, MultiIndex
from ...problem.errors import (
    SolvabilityError,
    SolveError,
    UnsupportedError,
    warn_tolerance,
)
from ...problem.user_input import positive_integer
from ...resolution import resolve_cells
from ...runtime.fourier.grid import Grid, evaluate_derivatives
from ...runtime.fourier.refinement import grid_sizes
from ...runtime.fourier.refinement import solve_cells as solve_forms
from ...runtime.levels import FEWEST, VANISHING
from ...runtime.tensor_grids import tensor_points, uniform_line
from ..arguments import checked_residual
from ..backend_choice import points_needed
from ..external_fields import CellFields
from ..fields import CellField
from ..resources import require_affordable
from ..solution import Array, CellBatch, CellTask


@dataclass(frozen=True)
class FourierField(CellField):
    """Trigonometric polynomials at m slow points: one array of modes (n, ..., n) / n^d each (n may
    differ); values are complex unless `real`.
    """

    kind: ClassVar[str] = "fourier"

    bounds: tuple[tuple[float, float], ...]
    modes: tuple[np.ndarray, ...]
    real: bool = True

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        y = np.asarray(points, dtype=float)
        found = [
            evaluate_derivatives(m, self.bounds, y, indices, real=self.real) for m in self.modes
        ]
        return np.stack(found, axis=1)

    def state(self) -> dict[str, Any]:
        return {"bounds": np.array(self.bounds), "real": self.real, "modes": list(self.modes)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FourierField:
        """The field that `state` came from; ValueError where its parts do not fit."""
        bounds = tuple((float(a), float(b)) for a, b in state["bounds"])
        modes = tuple(np.asarray(m) for m in state["modes"])
        if not modes or any(m.ndim != len(bounds) or not m.size for m in modes):
            raise ValueError("modes and cell do not fit")
        return cls(bounds, modes, bool(state["real"]))


class CellSolver:
    """Fourier collocation with preconditioned CG, or GMRES where A_0 is not symmetric and positive.

    Options: n, points per axis (odd); residual, where the Krylov iteration stops (relative).
    """

    def __init__(
        self,
        task: CellTask,
        *,
        n: int | None = None,
        residual: float = 1e-13,
    ) -> None:
        cells = task.cells
        self.cells = cells
        self.parameters = dict(task.parameters)
        self.tolerance = task.tolerance
        self.progress = task.progress
        if n is not None:
            n = positive_integer(n, "n", least=9)
            _require_affordable(cells, n)
        self.n = n if n is None else n | 1
        self.residual = checked_residual(residual)
        self.fields = CellFields(_without_derivatives(cells), task.fields)
        _check(cells)
        self.resolution = resolve_cells(cells, self.parameters, task.slow_box)
        self.least = points_needed(self.resolution)
        source = target.cells(cells)
        self.forms = run("cell_fourier", source["cell_fourier.py"])
        self._require_resolved()

    def _require_resolved(self) -> None:
        """SolveError where no grid resolves the data, ToleranceWarning where the one that was asked
        for does not.
        """
        sizes = grid_sizes(self.forms, self.n, self.least)
        if self.n is None and len(sizes) < FEWEST:
            raise SolveError(
                f"the coefficients need {self.least} points per axis, more than a Fourier grid of"
                " this cell may have",
                term=self.cells.title,
                remedy=(
                    'backend="skfem" and "dolfinx" grade their meshes where the data are sharp'
                    " along the axes; or widen the feature"
                ),
            )
        if self.n is not None and self.n < self.least:
            warn_tolerance(
                f"fourier: {self.n} points per axis do not resolve the coefficients, which need"
                f" {self.least}: the estimate may be wrong"
            )

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at each slow point; SolveError where the Krylov iteration stalls,
        SolvabilityError where a source has a mean.
        """
        start = time.perf_counter()
        # What is not a number is an error below.
        with self.progress("cell problems (fourier)") as task, np.errstate(all="ignore"):
            try:
                results = solve_forms(
                    self.forms,
                    np.asarray(slow_points, dtype=float),
                    self.parameters,
                    self.tolerance,
                    self.n,
                    self.residual,
                    self.fields.by_key(),
                    task.update,
                    self.least,
                )
            except np.linalg.LinAlgError as cause:
                raise SolveError(
                    f"the cell operator with mean coefficients is singular ({cause})",
                    term=self.cells.title,
                ) from cause
        self._require(results)
        functions = tuple(
            tuple(self._field(results, k, i) for i in range(self.cells.components))
            for k in range(len(self.cells.functions))
        )
        effective = {
            key: np.array([r["effective"][key] for r in results]) for key in results[0]["effective"]
        }
        info = {**self._info(results), "seconds": time.perf_counter() - start}
        if self.cells.externals:  # no symbols tell what they ask of a grid
            error = self._fields_error(slow_points, int(info["points"]))
            info |= {"data_error": error, "estimate": max(float(info["estimate"]), error)}
        return CellBatch(functions, effective, info)

    def _fields_error(self, slow_points: Array, n: int) -> float:
        """The largest mean difference of an external field from its interpolant on a grid of n
        points per axis, relative to its largest value.
        """
        fields = [field for point in slow_points for field in self.fields.at(point).values()]
        found = [self._field_error(field, n) for field in fields]
        least = VANISHING * max(size for _, size in found)
        return max(error / (max(size, least) or 1.0) for error, size in found)

    def _field_error(
        self, field: Callable[[np.ndarray], np.ndarray], n: int
    ) -> tuple[float, float]:
        """(that difference, the largest value) of one field.

        On a finer grid that is shifted: features that all coarser grids miss are seen down to its
        spacing.
        """
        real = not self.cells.complex
        coarse = Grid(self.cells.cell.bounds, n, real)
        fine = Grid(self.cells.cell.bounds, max(_UNSEEN[coarse.dim], 2 * n + 1), real)
        shifts = [_SHIFT * (b - a) / fine.n for a, b in fine.bounds]
        exact = _sampled(
            field, [axis + shift for axis, shift in zip(fine.points, shifts, strict=True)]
        )
        modes = fine.refined(coarse.forward(_sampled(field, coarse.points)), coarse)
        for wave, shift in zip(fine.waves, shifts, strict=True):
            modes = modes * np.exp(wave * shift)
        difference = np.abs(fine.backward(modes) - exact)
        return float(fine.mean(difference).max()), float(np.abs(exact).max())

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """Points (n, d) of the largest grid of a batch and their weights, which add up to 1."""
        n = int(batch.info["points"])
        points = tensor_points([uniform_line(ends, n) for ends in self.cells.cell.bounds])
        return points, np.full(len(points), 1 / len(points))

    def _field(self, results: list[dict[str, Any]], function: int, component: int) -> FourierField:
        modes = (_modes(r["grid"].backward(r["functions"][function][component])) for r in results)
        return FourierField(self.cells.cell.bounds, tuple(modes), not self.cells.complex)

    def _info(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        positive = self.cells.symmetric and self.cells.definite and not self.cells.complex
        multipliers = {
            name: max(r["multipliers"][name] for r in results) for name in results[0]["multipliers"]
        }
        return {
            "method": "Fourier collocation, preconditioned " + ("CG" if positive else "GMRES"),
            "size": max(r["n"] for r in results) ** self.cells.cell.dim,
            "points": max(r["n"] for r in results),
            **{
                name: max(r[name] for r in results)
                for name in ("residual", "estimate", "iterations")
            },
            "fredholm": max(multipliers.values(), default=0.0),
            "multipliers": multipliers,
            "multiplier_error": max(self._share_error(r) for r in results),
        }

    def _require(self, results: list[dict[str, Any]]) -> None:
        """Errors and warnings about what came out."""
        residual = max(r["residual"] for r in results)
        if any(not r["residual"] <= max(1e-8, 10 * self.residual) for r in results):
            raise SolveError(
                f"the Krylov iteration stalled at the relative residual {residual:.1e}",
                remedy="the contrast is too large for this grid: give n=, or use another backend",
            )
        for r in results:
            self._require_ground_state(r)
            self._require_solvable(r)

    def _require_ground_state(self, result: dict[str, Any]) -> None:
        if self.cells.eigenvalue is not None:
            phi = result["grid"].backward(result["functions"][0][0])
            if not phi.min() > -1e-6 * phi.max():
                raise SolveError(
                    "the eigenfunction that was found changes its sign, and is not the ground"
                    " state",
                    term=f"{self.cells.eigenvalue} = {result['effective']['lambda0', ()]:.6g}",
                    remedy="the potential is too deep for the coarse grids: give n=",
                )

    def _share_error(self, result: dict[str, Any]) -> float:
        """What the shares of the phases on the grid may be wrong by; 0 where nothing jumps. Means
        that vanish exactly are as small on it.
        """
        if self.cells.jumps:
            return _POINTS_OFF * self.cells.cell.dim / result["n"]
        return 0.0

    def _require_solvable(self, result: dict[str, Any]) -> None:
        """A multiplier that falls with the grid is an error of the grid; one that stays belongs to
        the problem.
        """
        for name, value in result["multipliers"].items():
            if value > max(
                1e-8, 100 * self.tolerance, self._share_error(result)
            ) and value > 0.5 * result["before"].get(name, 0.0):
                raise SolvabilityError(
                    f"the right-hand side of the cell problem {name} has the mean {value:.2e}"
                    " relative to its size, and must have none",
                    term=name,
                    remedy=(
                        "the expansion has no such term: look at the scaling of the coefficients"
                    ),
                )


# Grid points by which interfaces along an axis may be off, together.
_POINTS_OFF = 8
# Points per axis on which a field that is given as a function is compared with its interpolant, by
# the dimension of the cell.
_UNSEEN = {1: 20_001, 2: 101, 3: 33}
# Of these points, in their spacing: generic.
_SHIFT = 0.3819660112501051
# Vectors of one cell function that a Krylov iteration keeps, and how many steps it takes about.
_VECTORS = 64
# Of the Krylov method, for what a solve is expected to take.
_ITERATIONS = 100


def _require_affordable(cells: LoweredCells, n: int) -> None:
    """SolveError where n points per axis would not fit into memory, or would take days."""
    numbers = float(n) ** cells.cell.dim * cells.components * (len(cells.functions) + _VECTORS)
    seconds = 1e-9 * numbers * _ITERATIONS * max(1, len(cells.functions))
    require_affordable(
        f"n={n}",
        numbers,
        seconds=seconds,
        remedy="leave n= out, or give a smaller one",
    )


def _sampled(field: Callable[[np.ndarray], np.ndarray], axes: Sequence[np.ndarray]) -> np.ndarray:
    """Values (..., n, ..., n) of a field, the axes of its shape first, at points given by sparse
    axes.
    """
    shape = np.broadcast_shapes(*(axis.shape for axis in axes))
    points = np.stack([np.broadcast_to(axis, shape).ravel() for axis in axes], axis=-1)
    values = np.asarray(field(points))
    return np.moveaxis(values, 0, -1).reshape(*values.shape[1:], *shape)


def _without_derivatives(cells: LoweredCells) -> LoweredCells:
    """With the external fields themselves alone: the grid differentiates them."""
    zero = (0,) * cells.cell.dim
    return replace(
        cells,
        externals=tuple(
            {(e.name, e.index): replace(e, derivative=zero) for e in cells.externals}.values()
        ),
    )


def _check(cells: LoweredCells) -> None:
    if cells.complex and cells.eigenvalue is not None:
        raise UnsupportedError(
            "a ground state of an operator with complex coefficients",
            term=cells.title,
            remedy="use real coefficients",
        )
    if cells.cell.dim > 3:
        raise UnsupportedError(
            "a cell with more than three coordinates",
            term=cells.cell,
            remedy="use fewer fast coordinates",
        )


def _modes(values: np.ndarray) -> np.ndarray:
    """The Fourier modes of values on a grid, without the outer ones that are zero up to
    rounding.
    """
    modes = np.fft.fftn(values) / values.size
    frequency = np.abs(np.fft.fftfreq(len(values), 1 / len(values)))
    reach = np.max(np.stack(np.meshgrid(*[frequency] * values.ndim, indexing="ij")), axis=0)
    kept = np.flatnonzero(
        frequency <= np.max(reach[np.abs(modes) > 4e-16 * np.abs(modes).max()], initial=0)
    )
    return modes[np.ix_(*[kept] * values.ndim)]
