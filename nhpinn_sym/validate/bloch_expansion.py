"""What solved cells say of a plane wave: the expansion that the Bloch oracle judges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..derive.hierarchy import closing
from ..derive.model import HomogenizedModel
from ..operator.table import MultiIndex
from ..problem.errors import ProblemError, SolveError
from ..runtime.arrays import Array, ComplexArray
from ..solve.cell_solution import CellSolution

# Share of the largest singular value below which the wave is a resonance, and no oracle.
_SINGULAR = 1e-6


class PlaneWaveExpansion:
    """What the cells say of the plane wave with D = `direction`, the numbers (i k, s); SolveError
    where h_m is singular.

    symbols       : h_m, h_{m+1}, ..., h_{m+order}, (components, components) each.
    rows, columns : units of equations and unknowns in which the largest entry of every row and
                    column of h_m is 1 (Ruiz 2001).
    largest       : coefficient of h_m, to which the error estimate of the cells is compared.
    """

    def __init__(
        self, model: HomogenizedModel, cells: CellSolution, direction: ComplexArray
    ) -> None:
        self.model = model
        self.cells = cells
        self.direction = direction
        zero = np.zeros((1, model.components, model.components), dtype=complex)
        law = _law(cells, model)
        terms = [np.concatenate([zero, *self._terms(level)]) for level in law]
        self.largest = max((float(np.abs(h).max()) for h in law[0].values()), default=1.0)
        self.symbols = [level.sum(axis=0) for level in terms]
        self.rows, self.columns = _units(np.abs(terms[0]).sum(axis=0))
        self.balanced = self.symbols[0] / (self.rows[:, None] * self.columns)
        if (
            not np.all(np.isfinite(self.balanced))
            or np.linalg.svd(self.balanced, compute_uv=False)[-1] <= _SINGULAR
        ):
            raise SolveError(
                "the averaged operator vanishes at this wavevector",
                term=f"(i k, s) = {direction}",
                remedy="choose another wavevector or growth",
            )

    def _terms(self, level: Mapping[Any, Array]) -> Iterator[ComplexArray]:
        """The terms (1, components, components) of one averaged operator."""
        for (left, right), h in level.items():
            yield (self._monomial(left) * self._monomial(right) * h)[None]

    def _monomial(self, index: Sequence[int]) -> complex:
        """D^index; index over x, or over (x, t)."""
        return complex(np.prod([d**n for d, n in zip(self.direction, index, strict=False)]))

    def errors(self, parts: Sequence[ComplexArray], eps: float, exact: ComplexArray) -> list[float]:
        """Of the approximations of each order, that of the lowest first."""
        sums = itertools.accumulate(eps**p * part for p, part in enumerate(parts))
        return [_distance(self.columns[:, None] * total, exact) for total in sums]

    def kernel(self, points: Array) -> np.ndarray:
        """N^0: the ground state, or 1."""
        if self.cells.ground_state is None:
            return np.ones(len(points))
        return self.cells.ground_state(points)

    def means(self, force: Array) -> list[ComplexArray]:
        """U_0, ..., U_order: h_m U_b = -sum_c h_{m+c} U_{b-c}, and h_m U_0 is the force."""
        means: list[ComplexArray] = []
        for b in range(len(self.symbols)):
            right = force
            if b:
                earlier = [self.symbols[c] @ means[b - c] for c in range(1, b + 1)]
                right = -np.sum(earlier, axis=0)
            balanced = np.linalg.solve(self.balanced, right / self.rows)
            means.append(np.asarray(balanced / self.columns, dtype=complex))
        return means

    def parts(self, force: Array, points: Array) -> list[ComplexArray]:
        """sum_{a+b=p} N^a U_b at the points, for p = 0..order: (components, points) each."""
        means = self.means(force)
        order = self.model.order
        parts = [mean[:, None] * self.kernel(points) for mean in means]
        for f in self.cells.functions:
            values = np.reshape(f(points), (len(points), -1)).T
            level = int(f.level)  # no broken powers: tau at resonance alone
            for b in range(order + 1 - level):
                weight = sum(
                    sign * self._monomial(alpha) * means[b][q]
                    for (q, alpha), sign in f.sources
                    if q is not None
                )
                parts[level + b] = parts[level + b] + weight * values
        return parts


def _law(
    cells: CellSolution, model: HomogenizedModel
) -> list[Mapping[tuple[MultiIndex, MultiIndex], np.ndarray]]:
    """h_m, ..., h_{m+order} as {(left, right): coefficient of D^left( . D^right U )}; one that
    vanishes by itself has no terms.
    """
    averaged = cells.averaged
    levels = range(model.homogenized_order, model.homogenized_order + model.order + 1)
    absent = [n for n in levels if n not in averaged]
    needed = closing(model)[1] if absent else {}
    for n in absent:
        if any(field is not None for _, _, field, _ in needed.get(n, ())):
            raise ProblemError(
                "these cells hold no law beyond the homogenized equation",
                term=f"h_{n}",
                remedy="write solve_cells(..., hierarchy=True)",
            )
    return [averaged.get(n, {}) for n in levels]


def _units(size: Array) -> tuple[Array, Array]:
    """(of rows, of columns): divided by them, the largest entry of every row and column is 1."""
    rows = np.ones(len(size))
    columns = np.ones(len(size))
    for _ in range(20):
        scaled = size / (rows[:, None] * columns)
        rows, columns = (
            u * np.sqrt(np.where(m > 0, m, 1))
            for u, m in ((rows, scaled.max(axis=1)), (columns, scaled.max(axis=0)))
        )
    return rows, columns


def _distance(approximation: ComplexArray, exact: ComplexArray) -> float:
    return float(np.linalg.norm(approximation - exact) / np.linalg.norm(exact))
