"""Voxel backend: cell problems on the pixels of images, by Q1 elements with one value of each
coefficient an element, without a matrix. Runs the emitted tables of coefficients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...emit import fourier_forms as target
from ...emit.source import run
from ...lower.forms import LoweredCells
from ...problem.errors import SolveError, UnsupportedError, warn_tolerance
from ...problem.images import common_shape
from ...problem.user_input import positive_integer
from ...resolution import resolve_cells
from ...resolution.images import external_images
from ...runtime.arrays import EffectiveKey, Flags
from ...runtime.lagrange_grid import LagrangeGrid
from ...runtime.lattice import Lattice
from ...runtime.levels import by_name, relative_estimate
from ...runtime.tensor_grids import tensor_points
from ...runtime.voxel.cells import VoxelCells, refined
from ...runtime.voxel.corners import left_of_halving
from ...runtime.voxel.dual import lower_bound
from ...runtime.voxel.elements import BoxElements
from ...runtime.voxel.operator import IndefiniteError, tensor, voids
from ...runtime.voxel.percolation import blocked_directions
from ..arguments import checked_residual, require_choice
from ..devices import require_device
from ..external_fields import CellFields, with_weak_fields
from ..resources import require_affordable
from ..solution import Array, CellBatch, CellTask
from .grid_functions import cell_batch

# Elements along each axis where no image says it, by the number of axes.
_ELEMENTS = {1: 1024, 2: 128, 3: 32}
SCHEMES = ("full", "rotated")
RESIDUAL = 1e-8
"""Of the solver, relative: far below the error of the elements."""
# Of the solve that judges another one: entries are accurate to its square.
_ROUGH = 0.1
# The same where they depend on the residual itself.
_LESS_ROUGH = 1e-4
# Of the fluxes of the bound from below, which is one whatever they are, and off by its square times
# the contrast.
_OF_A_BOUND = 0.03
# Of a void in the problem whose bound from below judges one with voids, beside the least value.
_SOFT = 1e-8
# Where boxes cut interfaces errors are of first order, and small by accident on some grids: beside
# the change of halved boxes is that of those of so many along an axis, times the other number.
_COARSER = ((1 / 2, 1.5), (2 / 3, 2.0))
# Residual of the solver from which on it has failed.
_FAILED = 1e-4
# Numbers that are kept for each unknown: vectors of the iteration, modes, FFTs. Measured: 50 in the
# plane, 83 in space, where the fluxes of the bound have three components.
_NUMBERS = 90


@dataclass(frozen=True)
class _Level:
    """The cell problems at one slow point on one grid.

    lower : a bound of A from below, which holds up to what voids would conduct where they are
            not quite empty, if there are any (`voids`)
    """

    cells: VoxelCells
    lower: Array | None
    voids: bool


class CellSolver:
    """Q1 elements on the pixels of images, each cut into `n_sub` elements along every axis.

    n_sub    : default: doubled from 1 until the estimate is below the tolerance
    n        : elements along each axis where no coefficient is an image (default 128, 32 in 3D)
    max_dofs : the refinement stops there
    residual : where the solver stops, relative
    scheme   : "full" integrals, or "rotated": one point an element, which is no bound
    device   : where torch solves, such as "cuda"; default: NumPy and SciPy
    """

    def __init__(
        self,
        task: CellTask,
        *,
        n_sub: int | None = None,
        n: int | None = None,
        max_dofs: int = 1_050_000,
        residual: float = RESIDUAL,
        scheme: str = SCHEMES[0],
        device: str | None = None,
    ) -> None:
        cells = task.cells
        _require_second_order(cells)
        self.cells = cells
        self.parameters = dict(task.parameters)
        self.tolerance = task.tolerance
        self.progress = task.progress
        self.fields = CellFields(with_weak_fields(cells), task.fields)
        self.n_sub = n_sub if n_sub is None else positive_integer(n_sub, "n_sub", most=4096)
        self.max_dofs = positive_integer(max_dofs, "max_dofs")
        self.residual = checked_residual(residual)
        require_choice("scheme", scheme, SCHEMES)
        if device is not None:
            require_device(device)
        self.reduced = scheme == "rotated"
        self.device = device
        self.images = external_images(cells)
        self.shape = self._pixels(n)
        self.forms = run("cell_fourier", target.cells(cells)["cell_fourier.py"])
        self.duals = _duals(cells)
        self.exact = self._one_value_a_box(task.slow_box)
        self.enclosed = self.exact and _has_fluxes(cells) and not self.reduced
        self.erratic = cells.jumps and not self.images

    def _pixels(self, n: int | None) -> tuple[int, ...]:
        """Boxes along each axis for n_sub = 1."""
        dim = self.cells.cell.dim
        if self.images:
            if n is not None:
                raise SolveError(
                    "the pixels of an image are the elements",
                    term=f"n={n}",
                    remedy="cut each into n_sub= along every axis",
                )
            return common_shape(list(self.images.values()))
        count = _ELEMENTS[dim] if n is None else positive_integer(n, "n", least=2)
        lengths = [b - a for a, b in self.cells.cell.bounds]
        return tuple(max(2, round(count * length / max(lengths))) for length in lengths)

    def _one_value_a_box(self, slow_box: Sequence[tuple[float, float]]) -> bool:
        """Whether the coefficients are constant in every pixel, so that the elements solve the
        problem itself, and their energies are bounds.
        """
        found = resolve_cells(self.cells, self.parameters, slow_box)
        held = set().union(*(t.coefficient.free_symbols for t in self.cells.bilinear))
        external = any(e.image is None and e.symbol in held for e in self.cells.externals)
        smooth = not held & set(self.cells.coordinates)
        return bool(self.images) and smooth and not external and found.unresolved is None

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at each slow point; SolveError where the iteration fails, or a grid
        does not fit into memory.
        """
        start = time.perf_counter()
        with self.progress("cell problems (voxel)") as task:
            cuts = self.n_sub or 1
            while True:
                batch = self._level(np.asarray(slow_points, dtype=float), cuts)
                task.update(0.5, f"{batch.info['cells']}, estimate {batch.info['estimate']:.1e}")
                done = batch.info["estimate"] <= self.tolerance
                if self.n_sub is not None or done or not self._may_refine(cuts):
                    break
                cuts *= 2
        info = {**batch.info, "seconds": time.perf_counter() - start}
        if not done:
            info["advice"] = f"that is with n_sub={cuts}: give a larger one, or raise max_dofs="
        return replace(batch, info=info)

    def _may_refine(self, cuts: int) -> bool:
        """Whether boxes of half the size are few enough, and those that judge them."""
        finest = 2 * cuts if self.enclosed else 4 * cuts
        return self._unknowns(finest) <= self.max_dofs

    def _unknowns(self, cuts: int) -> int:
        return math.prod(n * cuts for n in self.shape) * self.cells.components

    def _level(self, slow_points: Array, cuts: int) -> CellBatch:
        levels = [self._solved(point, self._boxes(cuts), None) for point in slow_points]
        errors = [self._estimate(*pair, cuts) for pair in zip(slow_points, levels, strict=True)]
        shape = levels[0].cells.elements.shape
        lattice = Lattice.uniform(self.cells.cell.bounds, shape)
        solved = [level.cells for level in levels]
        info = {
            "method": f"Q1 elements on {'x'.join(map(str, shape))} voxels, preconditioned "
            + ("CG" if solved[0].operator.positive else "GMRES"),
            "size": self._unknowns(cuts),
            "cells": shape,
            "n_sub": cuts,
            "iterations": max(s.iterations for s in solved),
            "residual": max(s.relative for s in solved),
            "estimate": max(errors),
        }
        if self.exact:
            info["data_error"] = 0.0
        _warn_of_residual(max(s.relative for s in solved), self.residual)
        batch = cell_batch(
            [self._grid(s, lattice) for s in solved],
            [s.values for s in solved],
            [s.multipliers for s in solved],
            info,
        )
        if len(levels) == 1 and levels[0].lower is not None and not levels[0].voids:
            upper = _matrix(levels[0].cells.values, self.cells.cell.dim)
            return replace(batch, bounds={"A": (levels[0].lower, upper)})
        return batch

    def _boxes(self, cuts: int) -> tuple[int, ...]:
        return tuple(n * cuts for n in self.shape)

    def _elements(self, shape: tuple[int, ...]) -> BoxElements:
        return BoxElements(self.cells.cell.bounds, shape, self.reduced, self.device)

    def _solved(self, point: Array, shape: tuple[int, ...], coarse: VoxelCells | None) -> _Level:
        """On a grid of boxes; from the solution on coarser ones roughly, which is enough for
        what depends on the square of the residual.
        """
        require_affordable(
            f"{'x'.join(map(str, shape))} voxels",
            float(_NUMBERS * math.prod(shape) * self.cells.components),
            remedy="take a smaller n_sub=, or a part of the image",
        )
        elements = self._elements(shape)
        cells = VoxelCells(
            self.forms, elements, point.tolist(), self.parameters, self.fields.at(point)
        )
        guesses = None
        residual = self.residual
        nested = coarse is not None and self._energies() and not self.reduced
        if coarse is not None:
            parts = shape[0] // coarse.elements.shape[0]
            guesses = [refined(values, parts, elements.dim) for values in coarse.functions]
            residual = _ROUGH if nested else _LESS_ROUGH
        try:
            cells.run(residual, self.duals, guesses, nested)
        except IndefiniteError as cause:
            raise SolveError(
                "the cell operator is not positive definite",
                term=cause,
                remedy="check the values of the labels",
            ) from cause
        except np.linalg.LinAlgError as cause:
            raise SolveError(
                f"the cell operator with mean coefficients is singular ({cause})",
                term=self.cells.title,
            ) from cause
        if coarse is None and not cells.relative <= _FAILED:
            raise SolveError(
                f"the iteration stalled at the relative residual {cells.relative:.1e}",
                term=self.cells.title,
                remedy="the contrast is too large; look at the values of the labels",
            )
        if coarse is not None:
            return _Level(cells, None, False)
        void = voids(cells.operator)
        if void.any():
            _warn_of_blocked(~void)
        return _Level(cells, self._lower(cells, void), bool(void.any()))

    def _lower(self, cells: VoxelCells, void: Flags) -> Array | None:
        """The bound from below, of a problem in which voids are nearly empty."""
        if not self.enclosed:
            return None
        known = tensor(self.forms, cells.elements, cells.coefficients)
        axes = range(void.ndim)
        least = min(float(known[k, k][~void].min()) for k in axes)
        if void.any():
            least *= _SOFT
            known |= {(k, k): np.where(void, least, known[k, k]) for k in axes}
        contrast = max(float(known[k, k].max()) for k in axes) / least
        residual = max(self.residual, _OF_A_BOUND / math.sqrt(contrast))
        return lower_bound(cells.elements, known, residual)[0]

    def _energies(self) -> bool:
        """Whether all entries depend on the square of the residual."""
        held = (*self.cells.effective, *self.cells.higher)
        return all((f.name, f.index) in self.duals for f in held if f.terms)

    def _estimate(self, point: Array, level: _Level, cuts: int) -> float:
        """The error of the entries, relative to the largest: the gap between the bounds; elsewhere
        from boxes of half the size. Infinite where these would be too many.
        """
        values = level.cells.values
        if level.lower is not None:
            upper = _matrix(values, self.cells.cell.dim)
            return float(np.abs(upper - level.lower).max() / np.abs(upper).max())
        if self._unknowns(2 * cuts) > max(self.max_dofs, 4 * self._unknowns(1)):
            warn_tolerance("voxel: boxes of half the size are too many, so that no error is known")
            return math.inf
        finer = self._solved(point, self._boxes(2 * cuts), level.cells).cells.values
        rest = left_of_halving(level.cells.operator)
        errors = {key: np.abs(rest * (finer[key] - values[key])) for key in values}
        for share, factor in _COARSER if self.erratic else ():
            shape = tuple(max(2, round(share * n)) for n in self._boxes(cuts))
            coarser = self._solved(point, shape, None).cells.values
            for key in errors:
                error = np.abs(factor * (coarser[key] - values[key]))
                errors[key] = np.maximum(errors[key], error)
        arrays = {key: np.asarray(value) for key, value in values.items()}
        return relative_estimate(errors, arrays, by_name(values))

    def _grid(self, solved: VoxelCells, lattice: Lattice) -> LagrangeGrid:
        """The functions, a batch (functions, components), with the values of the first nodes at the
        other ends of the cell.
        """
        values = np.stack(solved.functions) if solved.functions else self._none(lattice)
        closed = np.pad(values, [(0, 0), (0, 0), *[(0, 1)] * lattice.dim], mode="wrap")
        return LagrangeGrid(lattice, 1, closed)

    def _none(self, lattice: Lattice) -> Array:
        return np.zeros((0, self.cells.components, *lattice.cells))

    def quadrature(self, batch: CellBatch, node: int) -> tuple[Array, Array]:
        """The centres of the boxes."""
        shape = batch.info["cells"]
        elements = self._elements(shape)
        points = tensor_points([axis.ravel() for axis in elements.centres])
        return points, np.full(len(points), 1 / len(points))


def _require_second_order(cells: LoweredCells) -> None:
    """UnsupportedError for what is no system -div(a grad u) on a cell of up to three axes."""
    remedy = 'use backend="skfem"'
    kernel = next((f for f in cells.functions if f.role in ("ground state", "adjoint")), None)
    if kernel is not None or cells.constants:
        raise UnsupportedError(
            "a kernel that is not constant on the voxel backend",
            term=kernel.name if kernel else cells.title,
            remedy=remedy,
        )
    for term in cells.bilinear:
        if sum(term.left) != 1 or sum(term.right) != 1:
            raise UnsupportedError(
                "the voxel backend solves systems of second order, -div(a grad u)",
                term=term.coefficient,
                remedy=remedy,
            )
    factors = [w.factor for f in cells.functions for w in f.weak if w.factor]
    factors += [f for e in (*cells.effective, *cells.higher) for t in e.terms for f in t.factors]
    if any(n > 1 for f in factors for n in f.derivative):
        raise UnsupportedError(
            "second derivatives of cell functions, which Q1 elements do not have",
            term=cells.title,
            remedy="take a lower order of the expansion",
        )
    if cells.cell.dim > 3:
        raise UnsupportedError("a cell with more than three coordinates", term=cells.cell)


def _duals(cells: LoweredCells) -> dict[EffectiveKey, tuple[int, int, int]]:
    """(sign, i, j) of each entry with a dual problem: see `VoxelCells.run`."""
    found: dict[EffectiveKey, tuple[int, int, int]] = {}
    for entry in (*cells.effective, *cells.higher):
        if entry.dual is not None:
            sign, i = entry.dual
            found[entry.name, entry.index] = (sign, i, entry.terms[0].factors[0].function)
    return found


def _has_fluxes(cells: LoweredCells) -> bool:
    """Whether a* is enclosed by energies: one real unknown, a symmetric and positive, and A all
    that is solved for.
    """
    whole = cells.components == 1 and cells.symmetric and cells.definite and not cells.complex
    only = {f.name for f in (*cells.effective, *cells.higher) if f.terms} == {"A"}
    return whole and only and len(cells.functions) == cells.cell.dim


def _matrix(values: Mapping[EffectiveKey, Any], dim: int) -> Array:
    """A (d, d), symmetric, from its entries."""
    found = np.zeros((dim, dim))
    for (name, index), value in values.items():
        if name == "A":
            k, other = index[1::2] if len(index) == 4 else index
            found[k, other] = value
    return (found + found.T) / 2


def _warn_of_blocked(solid: Flags) -> None:
    """A ToleranceWarning where what is no void does not connect in some direction: elements hang
    together at corners, where nothing goes through.
    """
    blocked = blocked_directions(solid)
    if len(blocked):
        shown = ", ".join(str(np.round(v, 3).tolist()) for v in blocked)
        warn_tolerance(
            "voxel: the solid does not connect from cell to cell along"
            f" {shown}: the effective coefficient is 0 there, whatever the numbers are"
        )


def _warn_of_residual(found: float, asked: float) -> None:
    if found > 10 * asked:
        warn_tolerance(
            f"voxel: the solver stopped at the relative residual {found:.1e}, asked for was"
            f" {asked:.1e}"
        )
