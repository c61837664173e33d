"""The expansion of a plane wave by dense matrices alone: perturbation theory in eps at one (k, s),
without any symbolic derivation.

The term table becomes sum_p eps^p A_p with matrices A_p over collocation points; correctors and
averaged operators are numbers at (k, s).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import reduce

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from nhpinn_sym.operator.table import Operator

Matrix = NDArray[np.complex128]
Series = dict[int, Matrix]
"""{power of eps: matrix}."""


@dataclass(frozen=True)
class Expansion:
    """`correctors[a]` is N^a (components, points, components) at `points`, `averaged[n]` is h_{m+n}
    (components, components).

    In a moving frame or with a ground state, d_t -> s + shift/eps - decay/eps^2.
    """

    points: NDArray[np.float64]
    correctors: list[Matrix]
    averaged: list[Matrix]
    order: int
    shift: complex
    decay: complex
    series: Series

    def approximations(self, eps: float, force: Matrix) -> list[Matrix]:
        """Cut at every order: (components, points) each."""
        means = [np.linalg.solve(self.averaged[0], force)]
        for b in range(1, len(self.averaged)):
            means.append(
                np.linalg.solve(
                    self.averaged[0], -sum(self.averaged[c] @ means[b - c] for c in range(1, b + 1))
                )
            )
        terms = [
            eps**p * sum(self.correctors[a] @ means[p - a] for a in range(p + 1))
            for p in range(len(means))
        ]
        return list(itertools.accumulate(terms))

    def exact(self, eps: float, force: Matrix) -> Matrix:
        components = len(force)
        matrix = sum(eps**p * a for p, a in self.series.items())
        source = force[:, None] * (
            self.correctors[0][0, :, 0] if self.decay else np.ones(len(self.points))
        )
        return np.asarray(
            np.linalg.solve(matrix, source.ravel().astype(complex)).reshape(components, -1)
        )


def expansion(
    op: Operator,
    k: tuple[float, ...],
    s: float,
    order: int,
    n: int,
    parameters: dict[sp.Symbol, float] | None = None,
) -> Expansion:
    """N^0..N^order and h_m..h_{m+order} on n points per axis (n odd)."""
    table = {term: c.xreplace(parameters or {}) for term, c in op.terms()}
    points, slopes = _slopes(op, k, n)
    size, eye = len(points), np.eye(len(points), dtype=complex)
    shift = decay = 0j
    kernel = np.ones(size, dtype=complex)
    series = _assemble(op, table, points, [*slopes[:-1], _sum({0: s * eye}, slopes[-1])])
    lowest, mass = (
        min(series),
        _assemble(
            op, {t: c for t, c in table.items() if t.right[-1]}, points, [*slopes[:-1], {0: eye}]
        ).get(0),
    )
    if (
        op.components == 1
        and np.abs(series[lowest] @ kernel).max() > 1e-6 * np.abs(series[lowest]).max()
    ):
        values, vectors = np.linalg.eig(np.linalg.solve(mass, series[lowest]))
        first = int(np.argmin(values.real))
        decay, kernel = values[first], vectors[:, first] / vectors[:, first].mean()
        series = _sum(series, {lowest: -decay * mass})
    steps = _hierarchy(series, kernel, op.components, order)
    if op.components == 1 and abs(steps[1][0][0, 0]) > 1e-9:
        shift = (
            -steps[1][0][0, 0]
            / _bordered(series[lowest], mass @ kernel[:, None], kernel, 1)[1][0, 0]
        )
        series = _sum(series, {lowest + 1: shift * mass})
        steps = _hierarchy(series, kernel, op.components, order)
    correctors, averaged = steps
    m = -lowest
    shape = (op.components, size, op.components)
    assert max((np.abs(h).max() for h in averaged[: m - 1]), default=0) < 1e-7
    return Expansion(
        points,
        [c.reshape(shape) for c in correctors[: order + 1]],
        averaged[m - 1 :],
        m,
        shift,
        decay,
        series,
    )


def _hierarchy(
    series: Series, kernel: Matrix, components: int, order: int
) -> tuple[list[Matrix], list[Matrix]]:
    """(N^0, N^1, ...), (h_1, h_2, ..., h_{m+order})."""
    lowest = min(series)
    correctors, averaged = [np.kron(np.eye(components), kernel[:, None])], []
    for n in range(1, order - lowest + 1):
        right = sum(
            series[lowest + j] @ correctors[n - j] for j in range(1, n + 1) if lowest + j in series
        )
        if np.isscalar(right):
            right = np.zeros_like(correctors[0])
        corrector, h = _bordered(series[lowest], right, kernel, components)
        correctors.append(corrector)
        averaged.append(h)
    return correctors, averaged


def _bordered(
    leading: Matrix, right: Matrix, kernel: Matrix, components: int
) -> tuple[Matrix, Matrix]:
    """A_0 N - phi h = -R with <N> = 0: (N, h)."""
    eye, zero = np.eye(components), np.zeros((components, components))
    rows, columns = (
        np.kron(eye, np.full((1, len(kernel)), 1 / len(kernel))),
        np.kron(eye, kernel[:, None]),
    )
    scale = np.abs(leading).max()
    matrix = np.block([[leading / scale, -columns], [rows, zero]])
    solution = np.linalg.solve(
        matrix, np.vstack([-right / scale, np.zeros((components, right.shape[1]))])
    )
    return solution[:-components], solution[-components:] * scale


def _slopes(op: Operator, k: tuple[float, ...], n: int) -> tuple[NDArray[np.float64], list[Series]]:
    """Points (n^axes, axes); the series of each physical derivative, without s."""
    bounds = op.cell.bounds
    ticks = [np.linspace(a, b, n, endpoint=False) for a, b in bounds]
    points = np.stack([g.ravel() for g in np.meshgrid(*ticks, indexing="ij")], axis=-1)
    slopes: list[Series] = [*({0: 1j * q * np.eye(len(points), dtype=complex)} for q in k), {}]
    for number, axis in enumerate(op.axes):
        a, b = bounds[number]
        factors = [
            _differentiation(n, b - a) if number == other else np.eye(n)
            for other in range(len(op.axes))
        ]
        slopes[axis.slow] = _sum(
            slopes[axis.slow], {-int(axis.power): reduce(np.kron, factors).astype(complex)}
        )
    return points, slopes


def _differentiation(n: int, length: float) -> NDArray[np.float64]:
    """The derivative of the trigonometric interpolant at n points, n odd (Trefethen 2000, ch.
    3).
    """
    j = np.arange(n)
    gap = j[:, None] - j
    with np.errstate(divide="ignore"):
        d = np.where(gap == 0, 0, (-1.0) ** gap / (2 * np.sin(np.pi * gap / n)))
    return np.asarray(2 * np.pi / length * d)


def _assemble(
    op: Operator, table: dict, points: NDArray[np.float64], slopes: list[Series]
) -> Series:
    series: Series = {}
    size = len(points)
    for term, c in table.items():
        values = np.broadcast_to(
            np.asarray(sp.lambdify(op.fast, c, "numpy")(*points.T), dtype=complex), (size,)
        )
        product: Series = {int(term.power): np.diag(values)}
        for slope, left, right in zip(slopes, term.left, term.right, strict=True):
            for _ in range(left):
                product = _times(slope, product)
            for _ in range(right):
                product = _times(product, slope)
        place = np.zeros((op.components, op.components))
        place[term.equation, term.field] = 1
        series = _sum(series, {p: np.kron(place, a) for p, a in product.items()})
    return series


def _times(first: Series, second: Series) -> Series:
    result: Series = defaultdict(lambda: np.zeros(()))
    for (p, a), (q, b) in itertools.product(first.items(), second.items()):
        result[p + q] = result[p + q] + a @ b
    return dict(result)


def _sum(first: Series, second: Series) -> Series:
    return {p: first.get(p, 0) + second.get(p, 0) for p in first.keys() | second.keys()}
