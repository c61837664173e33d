"""The exact solution for a plane wave: u = e^{i k.x + s t} w(y, tau), w periodic, one problem on
the cell at any eps.

On u every derivative is a number or a cell derivative: d_x -> i k + eps^-1 d_y, d_t -> s + eps^-2
d_tau. The unknowns are the Fourier coefficients of w: its oscillating part, which is small and
which fast derivatives make large, keeps all its digits.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from ..operator.sampling import cell_grid, sampler
from ..operator.table import MultiIndex, Operator
from ..problem.errors import SolveError, ToleranceWarning
from ..runtime.arrays import Array, ComplexArray

SourceFunction = Callable[[Array], ComplexArray]
"""The source at points of the cell (n, axes), for every equation: (components, n)."""

# Points per axis to try, all odd: there is no mode without a partner.
_SIZES = {
    1: (15, 31, 63, 127, 255, 511, 1023),
    2: (15, 25, 45, 81, 135),
    3: (7, 11, 17, 27, 45),
    4: (5, 7, 11, 15),
}
# Unknowns up to which the system is solved by LU.
_DENSE = 500
# Relative change from grid to grid: errors of the next finer one are well below, for smooth data.
CONVERGED = 1e-9
# Relative residual at which rounding begins.
_ENOUGH = 1e-14
# Relative residual without which the oracle says nothing.
_REQUIRED = 1e-10


@dataclass(frozen=True)
class PlaneWave:
    """What is solved: e^{i k.x} times the exponential whose rate in t is growth(eps), for the
    source `source`(y).

    symbol         : the averaged operator (components, components) at (k, s), for the
                     preconditioner.
    rows, columns  : units of the equations and of the unknowns, in which all are of the same size.
    """

    operator: Operator
    parameters: Mapping[str, float]
    wavevector: tuple[float, ...]
    growth: Callable[[float], complex]
    source: SourceFunction
    symbol: ComplexArray
    rows: Array
    columns: Array

    def solve(self, eps: Sequence[float]) -> tuple[CellGrid, list[ComplexArray], float]:
        """(grid, w (components, points) at each eps, in units of 1/columns, relative change from
        the grid before); the grid is fine enough for the first eps.
        """
        coarse = None
        change = np.inf
        for size in _SIZES[len(self.operator.axes)]:
            cell = CellGrid(self.operator, self.parameters, size)
            fine = _Wave(self, cell, eps[0]).solve()
            change = np.inf if coarse is None else _change(coarse, fine)
            if change <= CONVERGED:
                break
            coarse = fine
        else:
            warnings.warn(
                ToleranceWarning(
                    f"Bloch oracle: the exact solution still changes by {change:.1e} at the largest"
                    " grid"
                ),
                stacklevel=3,
            )
        waves = (fine, *(_Wave(self, cell, e).solve() for e in eps[1:]))
        return cell, [cell.values(w) for w in waves], change


class CellGrid:
    """n points per axis of the cell, and the coefficients there."""

    def __init__(self, op: Operator, parameters: Mapping[str, float], n: int) -> None:
        self.shape = (n,) * len(op.axes)
        self.axes = tuple(range(-len(op.axes), 0))
        ticks = cell_grid(op, n, 0.0)
        self.points = np.stack(ticks, axis=-1)
        modes = 2j * np.pi * np.fft.fftfreq(n, 1 / n)
        self.modes = np.meshgrid(*[modes / (b - a) for a, b in op.cell.bounds], indexing="ij")
        slow = dict.fromkeys(op.slow, 0.0) | {v: parameters[str(v)] for v in op.problem.parameters}
        terms, coefficients = zip(*op.terms(), strict=True)
        values = sampler(coefficients, op)(ticks, slow)
        reshaped = [c.reshape(self.shape) for c in values]
        self.coefficients = list(zip(terms, reshaped, strict=True))

    def values(self, spectrum: ComplexArray) -> ComplexArray:
        """(..., n, ..., n) -> (..., points)."""
        return self.back(spectrum).reshape(*spectrum.shape[: -len(self.axes)], -1)

    def back(self, spectrum: ComplexArray) -> ComplexArray:
        return np.asarray(np.fft.ifftn(spectrum, axes=self.axes, norm="forward"))

    def forth(self, values: ComplexArray) -> ComplexArray:
        """Fourier coefficients; the first is the mean."""
        return np.asarray(np.fft.fftn(values, axes=self.axes, norm="forward"))


class _Wave:
    """The term table on e^{i k.x + s t} w, at one eps, as a map of Fourier coefficients
    (components, n, ..., n).
    """

    def __init__(self, wave: PlaneWave, grid: CellGrid, eps: float) -> None:
        self.wave = wave
        self.grid = grid
        self.components = len(wave.rows)
        slopes = self._slopes(eps)
        self.factors: dict[MultiIndex, ComplexArray] = {}
        self.rows: dict[tuple[int, MultiIndex], dict[tuple[int, MultiIndex], ComplexArray]] = {}
        highest = 0
        for term, c in grid.coefficients:
            field = int(term.field or 0)
            units = wave.rows[term.equation] * wave.columns[field]
            row = self.rows.setdefault((term.equation, term.left), {})
            key = (field, term.right)
            row[key] = row.get(key, 0) + eps ** float(term.power) / units * c
            for index in (term.left, term.right):
                self.factors[index] = _symbol_of(index, slopes)
            highest = max(highest, sum(term.left) + sum(term.right))
        # Balances modes: the square root of the operator, about, takes them to its energy.
        squares = sum(np.abs(mode / eps) ** 2 for mode in grid.modes[: len(wave.wavevector)])
        self.weight = (1 + squares) ** (-highest / 4)
        self.weight.flat[0] = 1

    def _slopes(self, eps: float) -> list[ComplexArray]:
        """What each slow derivative multiplies every mode by."""
        rates = (*(1j * k for k in self.wave.wavevector), self.wave.growth(eps))
        slopes: list[ComplexArray] = [np.full(self.grid.shape, r, dtype=complex) for r in rates]
        for axis, mode in zip(self.wave.operator.axes, self.grid.modes, strict=True):
            slopes[axis.slow] = slopes[axis.slow] + mode / eps ** float(axis.power)
        return slopes

    def apply(self, w: ComplexArray) -> ComplexArray:
        """The operator on coefficients (components, ..., n, ..., n)."""
        inner: dict[tuple[int, MultiIndex], ComplexArray] = {}
        result = np.zeros_like(w)
        for (equation, left), row in self.rows.items():
            parts = []
            for (field, right), c in row.items():
                if (field, right) not in inner:
                    inner[field, right] = self.grid.back(self.factors[right] * w[field])
                parts.append(c * inner[field, right])
            result[equation] += self.factors[left] * self.grid.forth(np.sum(parts, axis=0))
        return result

    @cached_property
    def inverse(self) -> ComplexArray:
        """(components, components, n, ..., n): the inverse of the mean coefficients at every mode,
        of the averaged operator at the mode zero.
        """
        symbol = np.zeros((*self.grid.shape, self.components, self.components), dtype=complex)
        for (equation, left), row in self.rows.items():
            for (field, right), c in row.items():
                symbol[..., equation, field] += self.factors[left] * self.factors[right] * c.mean()
        units = self.wave.rows[:, None] * self.wave.columns
        symbol[(0,) * len(self.grid.axes)] = self.wave.symbol / units
        return np.asarray(np.moveaxis(np.linalg.inv(symbol), (-2, -1), (0, 1)))

    def preconditioned(self, residual: ComplexArray) -> ComplexArray:
        """Balanced so that oscillating modes count by their energy."""
        return np.asarray(np.einsum("ij...,jb...->ib...", self.inverse, residual) / self.weight)

    def matrix(self, v: ComplexArray) -> ComplexArray:
        """The preconditioned operator on flat vectors (count, unknowns)."""
        w = self.weight * np.swapaxes(v.reshape(len(v), self.components, *self.grid.shape), 0, 1)
        return np.swapaxes(self.preconditioned(self.apply(w)), 0, 1).reshape(v.shape)

    def solve(self) -> ComplexArray:
        """Fourier coefficients of w, in units of 1/columns: by LU where the grid is small, else by
        GMRES.
        """
        values = self.wave.source(self.grid.points) / self.wave.rows[:, None]
        source = self.grid.forth(values.reshape(self.components, 1, *self.grid.shape))
        right = self.preconditioned(source).ravel()
        if right.size <= _DENSE:
            v = np.linalg.solve(self.matrix(np.eye(right.size, dtype=complex)).T, right)
        else:
            v = self._krylov(right)
        return np.asarray(self.weight * v.reshape(self.components, *self.grid.shape))

    def _krylov(self, right: ComplexArray) -> ComplexArray:
        """GMRES on the residual, again and again, until rounding stops it."""
        matrix = LinearOperator(
            (right.size, right.size),
            matvec=lambda v: self.matrix(v.reshape(1, -1)).ravel(),
            dtype=complex,
        )
        v = np.zeros_like(right)
        residual = right
        error = 1.0
        while error > _ENOUGH:
            step, _ = gmres(matrix, residual, rtol=1e-5, restart=150, maxiter=4)
            residual = right - matrix @ (v + step)
            before = error
            error = float(np.linalg.norm(residual) / np.linalg.norm(right))
            if not error < before / 2:
                break
            v = v + step
        if not min(error, before) <= _REQUIRED:
            raise SolveError(
                "the Krylov iteration of the Bloch oracle stalled at the relative residual"
                f" {before:.1e}",
                term=f"{self.grid.shape} points",
                remedy="the contrast of the coefficients is too large for it",
            )
        return np.asarray(v)


def _symbol_of(index: MultiIndex, slopes: Sequence[ComplexArray]) -> ComplexArray:
    """What D^index multiplies every mode by."""
    powers = [slope**order for slope, order in zip(slopes, index, strict=True)]
    return np.asarray(np.prod(powers, axis=0))


def _change(coarse: ComplexArray, fine: ComplexArray) -> float:
    """Relative distance of two sets of Fourier coefficients on grids of different sizes."""
    dim = coarse.ndim - 1
    n = coarse.shape[-1]
    low_modes = np.r_[0 : (n + 1) // 2, -(n // 2) : 0]
    inner = fine[np.ix_(range(len(fine)), *[low_modes] * dim)]
    size = float(np.linalg.norm(fine))
    outside = max(size**2 - float(np.linalg.norm(inner)) ** 2, 0.0)
    return math.sqrt(float(np.linalg.norm(inner - coarse)) ** 2 + outside) / size
