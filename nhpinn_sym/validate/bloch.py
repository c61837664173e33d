"""The Bloch oracle: the expansion against a solution that is exact at every eps, without a textbook and without a fine mesh.

For coefficients in y alone and the source F e^{i k.x + s t}, the solution is u = e^{i k.x + s t} w(y) with w periodic, and
    sum_terms eps^p (i k + eps^-1 d_y)^left ( c(y) (i k + eps^-1 d_y)^right w ) = F
is one problem on the cell (d_t -> s). It is read from the term table of the problem, before the chain rule and the recursion, so it
checks both. With <N> = 0 the expansion says w = <w> (1 + eps N + O(eps^2)), N = N_0 + i k_j N_j, and <w> = U0 + eps U_1 + ...;
U_1 = 0 for symmetric operators without a term of order 1/eps (Conca, Orive, Vanninathan 2006; Bensoussan, Lions, Papanicolaou 1978, ch. 4).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, gmres

from ..derive.model import HomogenizedModel
from ..operator.sampling import grid, sampler
from ..operator.table import MultiIndex, Operator
from ..operator.zero import is_zero, jumps
from ..problem.errors import ProblemError, SolveError, ToleranceWarning, UnsupportedError
from ..problem.reading import instance
from ..solve.cell_solution import CellSolution
from ..solve.cells import parameter_values, solve_cells

Complex = NDArray[np.complex128]

_SIZES = {1: (15, 31, 63, 127, 255, 511, 1023), 2: (15, 25, 45, 81, 135), 3: (7, 11, 17, 27, 45)}
_DENSE = 300
_CONVERGED = 1e-8
_FLOOR = 1e-9


@dataclass(frozen=True)
class BlochReport:
    """Relative L2 errors over the cell, one per eps: `leading` of u0, `first` of u0 + eps u1, `shape` of <w> (1 + eps N).

    `leading` must fall at rate 1 and `shape` at rate 2 for every operator; `first` at rate 2 where U_1 = 0 (symmetric operators
    without a term of order 1/eps), else at rate 1. `size` is the number of grid points per axis, `symbol` the averaged operator at (k, s).
    """

    wavevector: tuple[float, ...]
    growth: float
    eps: tuple[float, ...]
    leading: tuple[float, ...]
    first: tuple[float, ...]
    shape: tuple[float, ...]
    symbol: complex
    size: int

    @property
    def rates(self) -> dict[str, tuple[float, ...]]:
        """Observed order between successive eps, of each error; nan where an error is at the floor of float64."""
        return {name: _rates(self.eps, getattr(self, name)) for name in ("leading", "first", "shape")}

    def __str__(self) -> str:
        rates = self.rates
        lines = [f"Bloch oracle: k = {self.wavevector}, s = {self.growth:g}, {self.size} points per axis",
                 f"{'eps':>10}  {'u0':>10} {'rate':>5}  {'u0+eps u1':>10} {'rate':>5}  {'shape':>10} {'rate':>5}"]
        for row, eps in enumerate(self.eps):
            cells = "".join(f"  {getattr(self, name)[row]:10.2e} {_shown(rates[name][row - 1]) if row else '':>5}" for name in rates)
            lines.append(f"{eps:10.6g}{cells}")
        return "\n".join(lines)


def bloch(model: HomogenizedModel, wavevector: Sequence[float] | None = None, eps: Sequence[float] = (1 / 4, 1 / 8, 1 / 16),
          amplitude: float = 1.0, *, growth: float = 1.0, cells: CellSolution | None = None,
          parameters: Mapping[sp.Symbol, float] | None = None) -> BlochReport:
    """Compare u0 and u0 + eps u1 of `model` with the exact solution for the source `amplitude` e^{i k.x + s t}.

    wavevector : k, one number per axis (default: a generic one, of the size of 1/period); growth: s, used where the equation has a time derivative.
    cells      : the solved cell problems to judge (default: the fourier backend), from any backend.
    The model's own source is not used.
    Errors: UnsupportedError where coefficients depend on x or t, where they jump, or where the source oscillates; SolveError where
    the averaged operator vanishes at (k, s).
    """
    op = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)").operator
    _check_scope(op)
    values = parameter_values(model, parameters)
    cells = solve_cells(model, "fourier", parameters=parameters) if cells is None else cells
    k = _wavevector(model, wavevector)
    steps = _decreasing(eps)
    s = growth if any(term.right[-1] for term, _ in op.terms()) else 0.0
    symbol = _symbol(cells, k, s)
    size, waves = _converged(op, values, k, s, steps)
    u0 = amplitude / symbol
    u1 = sum(f(_points(op, size)) * np.prod([(1j * q) ** n for q, n in zip(k, f.key[1], strict=True)]) for f in cells.functions)
    rows = []
    for e, unit_wave in zip(steps, waves, strict=True):
        exact = amplitude * unit_wave.ravel()
        rows.append([_distance(approximation, exact) for approximation in (u0, u0 * (1 + e * u1), exact.mean() * (1 + e * u1))])
    leading, first, shape = zip(*rows, strict=True)
    return BlochReport(k, s, steps, leading, first, shape, symbol, size)


def _check_scope(op: Operator) -> None:
    remedy = "the oracle covers coefficients in y alone, smooth, and sources that do not oscillate"
    for term, c in op.terms():
        if c.has(*op.coordinates):
            raise UnsupportedError("the Bloch oracle needs coefficients that do not depend on x or t", term=op.show(term), remedy=remedy)
        if jumps(c):
            raise UnsupportedError("the Bloch oracle needs smooth coefficients", term=op.show(term), remedy=remedy)
    for term, c in op.terms(source=True):
        if not is_zero(c) and (c.has(*op.fast) or term.power):
            raise UnsupportedError("the Bloch oracle replaces the source by a plane wave, and this one oscillates", term=op.show(term), remedy=remedy)


def _wavevector(model: HomogenizedModel, given: Sequence[float] | None) -> tuple[float, ...]:
    lengths = [float(length) for length in model.problem.cell.lengths]
    if given is None:
        return tuple(w / length for w, length in zip((2.0, 1.5, 1.0), lengths, strict=False))
    k = tuple(float(q) for q in np.atleast_1d(np.asarray(given, dtype=float)))
    if len(k) != len(lengths) or not np.all(np.isfinite(k)):
        raise ProblemError(f"the wavevector has {len(lengths)} finite components", term=given, remedy="give one number per axis")
    return k


def _decreasing(eps: Sequence[float]) -> tuple[float, ...]:
    steps = tuple(float(e) for e in eps)
    if len(steps) < 2 or any(not 0 < later < earlier < np.inf for earlier, later in itertools.pairwise(steps)):
        raise ProblemError("eps is a sequence of at least two positive numbers, the largest first", term=eps, remedy="write eps=(1/4, 1/8, 1/16)")
    return steps


def _symbol(cells: CellSolution, k: tuple[float, ...], s: float) -> complex:
    """rho s + k.A k + i b.k + c."""
    wave, law = np.array(k), cells.effective
    parts = (law["rho"] * s, wave @ law["A"] @ wave, 1j * (law["b"] @ wave), law["c"])
    symbol = complex(sum(parts))
    if abs(symbol) <= 1e-6 * max(abs(complex(p)) for p in parts):
        raise SolveError("the averaged operator vanishes at this wavevector", term=f"k = {k}, s = {s}", remedy="choose another wavevector or growth")
    return symbol


def _converged(op: Operator, values: Mapping[str, float], k: tuple[float, ...], s: float, eps: tuple[float, ...]) -> tuple[int, list[Complex]]:
    """(points per axis, w for F = 1 at each eps) on a grid that is fine enough."""
    before, change = None, np.inf
    for size in _SIZES[len(k)]:
        waves = [_Wave(op, values, k, s, e, size).solve() for e in eps]
        moments = np.array([[w.mean(), np.sqrt(np.mean(np.abs(w) ** 2))] for w in waves])
        change = np.inf if before is None else float(np.max(np.abs(moments - before)) / np.max(np.abs(moments)))
        before = moments
        if change <= _CONVERGED:
            return size, waves
    warnings.warn(ToleranceWarning(f"Bloch oracle: the exact solution still changes by {change:.1e} at the largest grid"), stacklevel=3)
    return size, waves


class _Wave:
    """The physical term table on e^{i k.x + s t} w(y), at one eps, by Fourier collocation with n points per axis."""

    def __init__(self, op: Operator, values: Mapping[str, float], k: tuple[float, ...], s: float, eps: float, n: int) -> None:
        points = _points(op, n)
        self.shape, self.axes = (n,) * len(k), tuple(range(-len(k), 0))
        modes = np.meshgrid(*[2j * np.pi * np.fft.fftfreq(n, 1 / n) / (b - a) for a, b in op.problem.cell.bounds], indexing="ij")
        slopes = [1j * q + mode / eps for q, mode in zip(k, modes, strict=True)]
        slow = dict.fromkeys(op.coordinates, 0.0) | {v: values[str(v)] for v in op.problem.parameters}
        self.rows: dict[MultiIndex, dict[MultiIndex, Complex]] = {}
        self.factors: dict[MultiIndex, Complex] = {}
        for term, c in op.terms():
            (sampled,) = sampler([c], op)(list(points.T), slow)
            row = self.rows.setdefault(term.left, {})
            row[term.right] = np.asarray(row.get(term.right, 0) + eps**term.power * sampled.reshape(self.shape), dtype=complex)
            for index in (term.left, term.right):
                powers = [slope**order for slope, order in zip(slopes, index, strict=False)]
                self.factors[index] = np.asarray(s ** index[-1] * np.prod(powers, axis=0), dtype=complex)

    def apply(self, w: Complex) -> Complex:
        """The operator on values (..., n, ..., n)."""
        spectrum = np.fft.fftn(w, axes=self.axes)
        inner = {right: np.fft.ifftn(self.factors[right] * spectrum, axes=self.axes) for row in self.rows.values() for right in row}
        flux = {left: sum(c * inner[right] for right, c in row.items()) for left, row in self.rows.items()}
        return np.asarray(np.fft.ifftn(sum(self.factors[left] * np.fft.fftn(f, axes=self.axes) for left, f in flux.items()), axes=self.axes))

    def solve(self) -> Complex:
        """w for F = 1, by LU where the grid is small, else by GMRES preconditioned by the mean coefficients."""
        size = int(np.prod(self.shape))
        if size <= _DENSE:
            columns = self.apply(np.eye(size, dtype=complex).reshape(size, *self.shape)).reshape(size, size)
            return np.asarray(np.linalg.solve(columns.T, np.ones(size, dtype=complex)).reshape(self.shape))
        means = [(self.factors[left] * self.factors[right], c.mean()) for left, row in self.rows.items() for right, c in row.items()]
        inverse = 1 / np.sum([factor * mean for factor, mean in means], axis=0)

        def scaled(w: Complex) -> Complex:
            return np.asarray(np.fft.ifftn(inverse * np.fft.fftn(self.apply(w.reshape(self.shape))))).ravel()

        matrix, source = LinearOperator((size, size), matvec=scaled, dtype=complex), np.full(size, inverse.flat[0])
        w, _ = gmres(matrix, source, rtol=1e-11, restart=80, maxiter=10)
        residual = float(np.linalg.norm(matrix @ w - source) / np.linalg.norm(source))
        if not residual <= 1e-9:
            raise SolveError(f"the Krylov iteration of the Bloch oracle stalled at the relative residual {residual:.1e}", term=f"{self.shape} points",
                             remedy="the contrast of the coefficients is too large for it")
        return np.asarray(w).reshape(self.shape)


def _points(op: Operator, n: int) -> NDArray[np.float64]:
    """(n^d, d): n points per axis of the cell, n odd."""
    return np.stack(grid(op, n, 0.0), axis=-1)


def _distance(approximation: Complex | complex, exact: Complex) -> float:
    return float(np.linalg.norm(approximation - exact) / np.linalg.norm(exact))


def _rates(eps: Sequence[float], errors: Sequence[float]) -> tuple[float, ...]:
    pairs = itertools.pairwise(zip(eps, errors, strict=True))
    return tuple(float(np.log(p / q) / np.log(d / e)) if min(p, q) > _FLOOR else float("nan") for (d, p), (e, q) in pairs)


def _shown(rate: float) -> str:
    return "-" if np.isnan(rate) else f"{rate:.2f}"
