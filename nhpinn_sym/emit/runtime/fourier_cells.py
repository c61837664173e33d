"""Cell problems by Fourier collocation: preconditioned Krylov on the flux form, means by the trapezoid rule.

Needs numpy and scipy. The grid has an odd number of points per axis, so that the derivative of every mode is a mode.
Smooth coefficients converge faster than any power of 1/n; with jumps the rate drops to about 1/n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg, gmres

MultiIndex = tuple[int, ...]
SIZES = (27, 45, 81, 135, 243, 405, 729, 1215, 2187, 3645, 6561, 10935, 19683)
MAX_POINTS = 700_000


class Grid:
    """n^d equispaced points of a box, and derivatives of periodic functions on them."""

    def __init__(self, bounds: Sequence[tuple[float, float]], n: int) -> None:
        self.bounds, self.n, self.dim = tuple(bounds), n, len(bounds)
        self.shape = (n,) * self.dim
        axes = [a + (b - a) * np.arange(n) / n for a, b in bounds]
        self.points = np.meshgrid(*axes, indexing="ij")
        frequencies = [np.fft.fftfreq(n, 1 / n)] * (self.dim - 1) + [np.fft.rfftfreq(n, 1 / n)]
        waves = [2j * np.pi * frequency / (b - a) for frequency, (a, b) in zip(frequencies, bounds, strict=True)]
        self.waves = np.meshgrid(*waves, indexing="ij")

    def symbol(self, index: MultiIndex) -> Any:
        """The Fourier multiplier of D^index."""
        return np.prod([wave**order for wave, order in zip(self.waves, index, strict=True) if order], axis=0) if any(index) else 1.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.fft.rfftn(np.broadcast_to(values, self.shape))

    def backward(self, modes: np.ndarray) -> np.ndarray:
        return np.fft.irfftn(modes, s=self.shape, axes=range(self.dim))

    def derivative(self, values: np.ndarray, index: MultiIndex) -> np.ndarray:
        return self.backward(self.symbol(index) * self.forward(values)) if any(index) else values


def solve_on_grid(grid: Grid, operator: list, sources: list, symmetric: bool, rtol: float = 1e-13) -> tuple[list[np.ndarray], float, float]:
    """Zero-mean solutions N of sum D^left(c D^right N) = sum D^left(g), one per source.

    operator: [(left, c, right)]; sources: [[(left, g)]], arrays or numbers on the grid.
    Returns (solutions, largest relative mean of a right-hand side (the Fredholm multiplier), largest relative residual).
    """
    lefts = sorted({left for left, _, _ in operator})
    rights = sorted({right for _, _, right in operator})
    left_symbols = {left: grid.symbol(left) for left in lefts}
    right_symbols = {right: grid.symbol(right) for right in rights}
    reference = sum(np.mean(c) * left_symbols[left] * right_symbols[right] for left, c, right in operator)
    reference = np.array(np.broadcast_to(reference, grid.waves[0].shape), dtype=complex)
    reference.flat[0] = 1.0
    inner = 1 / np.sqrt(reference.real) if symmetric else np.ones(reference.shape)
    outer = inner.copy() if symmetric else 1 / reference
    outer.flat[0] = 0.0

    def apply(flat: np.ndarray) -> np.ndarray:
        """The operator between its mean-coefficient inverse (its two square roots, where it is symmetric): well-conditioned on every grid."""
        modes = inner * grid.forward(flat.reshape(grid.shape))
        slopes = {right: grid.backward(symbol * modes) for right, symbol in right_symbols.items()}
        total = sum(left_symbols[left] * grid.forward(sum(c * slopes[right] for other, c, right in operator if other == left)) for left in lefts)
        return grid.backward(outer * total).ravel()

    size = int(np.prod(grid.shape))
    matrix = LinearOperator((size, size), matvec=apply, dtype=float)
    solutions, multiplier, residual = [], 0.0, 0.0
    for source in sources:
        b = np.sum([grid.derivative(np.broadcast_to(np.asarray(g, dtype=float), grid.shape), left) for left, g in source], axis=0)
        multiplier = max(multiplier, abs(float(b.mean())) / (np.sqrt(np.mean(b**2)) or 1.0))
        b = grid.backward(outer * grid.forward(b)).ravel()
        if symmetric:
            n, _ = cg(matrix, b, rtol=rtol, maxiter=1000)
        else:
            n, _ = gmres(matrix, b, rtol=rtol, restart=60, maxiter=20)
        residual = max(residual, float(np.linalg.norm(b - matrix @ n)) / (float(np.linalg.norm(b)) or 1.0))
        n = grid.backward(inner * grid.forward(n.reshape(grid.shape)))
        solutions.append(n - n.mean())
    return solutions, multiplier, residual


def effective_values(grid: Grid, functionals: list, solutions: list[np.ndarray]) -> dict:
    """{(name, index): <constant> + sum <c D^derivative N_j>} for functionals [(key, constant, [(c, j, derivative)])]."""
    means = {key: [np.mean(c * grid.derivative(solutions[j], index)) for c, j, index in terms] for key, _, terms in functionals}
    return {key: float(np.mean(constant) + sum(means[key])) for key, constant, _ in functionals}


def solve_cell(forms: Any, slow: Sequence[float], parameters: dict[str, float], tolerance: float, n: int | None = None) -> dict[str, Any]:
    """The cell problems of an emitted coefficient file at one slow point.

    The grid grows until every effective entry changes by less than `tolerance` (or ends at n, compared with 3n/5). Returns the grid size, the
    solutions, the effective entries, the last change ("estimate"), the Fredholm multiplier and the Krylov residual.
    """
    dim = len(forms.CELL)
    sizes = (3 * n // 5 | 1, n) if n else tuple(k for k in SIZES if k**dim <= MAX_POINTS)
    before: dict[Any, float] | None = None
    for size in sizes:
        grid = Grid(forms.CELL, size)
        operator, sources, functionals = (f(grid.points, slow, parameters) for f in (forms.operator, forms.sources, forms.effective))
        solutions, multiplier, residual = solve_on_grid(grid, operator, sources, forms.SYMMETRIC)
        values = effective_values(grid, functionals, solutions)
        change = np.inf if before is None else max((abs(values[k] - before[k]) for k in values), default=0.0)
        before = values
        if change <= tolerance:
            break
    return {"n": size, "solutions": solutions, "effective": values, "estimate": float(change), "fredholm": multiplier, "residual": residual}


def evaluate_modes(modes: np.ndarray, bounds: Sequence[tuple[float, float]], points: np.ndarray, index: MultiIndex, chunk: int = 4096) -> np.ndarray:
    """D^index of a real trigonometric polynomial with full modes (..., n, n) / n^d at points (N, d): shape (..., N)."""
    dim, n = len(bounds), modes.shape[-1]
    frequency = np.fft.fftfreq(n, 1 / n)
    parts = []
    for start in range(0, len(points), chunk):
        block = points[start : start + chunk]
        total = modes
        for axis, ((a, b), order) in enumerate(zip(bounds, index, strict=True)):
            wave = 2j * np.pi * frequency / (b - a)
            factor = np.exp(np.multiply.outer(block[:, axis] - a, wave)) * wave**order
            flat = total.reshape(*_leading(total, axis, dim), n, -1)
            total = (factor[:, None, :] @ flat)[..., 0, :] if axis else factor @ flat
        parts.append(total.reshape(*total.shape[:-1]).real if total.shape[-1] == 1 else total.real)
    return np.concatenate(parts, axis=-1)


def _leading(total: np.ndarray, axis: int, dim: int) -> tuple[int, ...]:
    """The axes before the one that is contracted next: batch axes, then (from the second on) the points."""
    return total.shape[: total.ndim - dim] if axis == 0 else total.shape[:-1]


def main(forms: Any) -> None:
    """Solve at the origin of the slow coordinates, print the effective coefficients."""
    result = solve_cell(forms, (0.0,) * len(forms.SLOW), dict.fromkeys(forms.PARAMETERS, 1.0), 1e-10)
    print(f"Fourier grid {result['n']}^{len(forms.CELL)}, change {result['estimate']:.1e}, residual {result['residual']:.1e}")
    for (name, index), value in result["effective"].items():
        print(f"{name}{list(index)} = {value:.16g}")


