"""Differential operators with periodic coefficients on a grid, and the solution of their singular
equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import MultiIndex
from .grid import Grid
from .krylov import cg, gmres

BlockTerm = tuple[int, MultiIndex, Any, int, MultiIndex]
"""(equation, left, c, field, right): D^left( c D^right u_field ) in the equation; c broadcasts to
(m, n, ..., n).
"""
RESTART = 60
"""Vectors that GMRES keeps."""
CONTRAST = 50
"""Largest over smallest coefficient from which on the weight pays."""
SMOOTH = 1e-2
"""Share of high modes in 1/w up to which it pays: jumps spread it over all modes."""
WORK = 2**26
"""Numbers that one solve may hold."""


class BlockOperator:
    """sum D^left( c D^right u_field ) + shift <u>, for m cells at once; functions are modes (r, m,
    components, ...).

    The shift (one number per component and cell, 1 on mode 0 alone) makes an operator regular whose
    kernels have a mean.
    Where B phi = 0 and B^T psi = 0, (B + shift <.>) u = g with <psi . g> = 0 has one solution, that
    of B u = g with <u> = 0; with g = shift e_p, that of B u = 0 with <u> = e_p.
    It is preconditioned by the inverse of its mean-coefficient symbol, a matrix per mode:
    well-conditioned on every grid. Where it is positive and its coefficients are smooth and of high
    contrast, w A w is taken for A there, with w = c^-1/2: the identity and a compact part remain
    (Concus, Golub 1973).
    """

    def __init__(
        self, grid: Grid, components: int, terms: Sequence[BlockTerm], positive: bool
    ) -> None:
        self.grid = grid
        self.components = components
        self.terms = tuple(terms)
        self.positive = positive and grid.real
        self.rights = sorted({(field, right) for _, _, _, field, right in self.terms})
        self.lefts = sorted({(equation, left) for equation, left, _, _, _ in self.terms})
        self.cells = max(_cell_count(c, grid.dim) for _, _, c, _, _ in self.terms)

    def transposed(self) -> BlockOperator:
        """B^T, the transposed for <u . v> (no conjugation)."""
        # Integration by parts: a sign for each derivative, and no boundary terms on a periodic
        # cell.
        swapped = [
            (field, right, (-1) ** (sum(left) + sum(right)) * c, equation, left)
            for equation, left, c, field, right in self.terms
        ]
        return BlockOperator(self.grid, self.components, swapped, self.positive)

    def apply(self, modes: np.ndarray, shifted: bool = True) -> np.ndarray:
        """Modes of B u (+ shift <u>)."""
        grid = self.grid
        slopes = {
            (j, right): grid.backward(grid.symbol(right) * modes[:, :, j])
            for j, right in self.rights
        }
        shape = np.broadcast_shapes(modes.shape, (1, self.cells, 1, *[1] * grid.dim))
        result = np.zeros(shape, dtype=complex)
        # Fluxes under the same outer derivative are added first, and transformed once.
        for i, left in self.lefts:
            own = [t for t in self.terms if (t[0], t[1]) == (i, left)]
            flux = sum(c * slopes[j, right] for _, _, c, j, right in own)
            result[:, :, i] += grid.symbol(left) * grid.forward(flux)
        if shifted:
            result[grid.zero] += self.shift * modes[grid.zero]
        return result

    def precondition(self, modes: np.ndarray) -> np.ndarray:
        if self.weight is None:
            return self._mean_inverse(modes)
        grid = self.grid
        inner = self._mean_inverse(grid.forward(grid.backward(modes) * self.weight))
        return grid.forward(grid.backward(inner) * self.weight)

    def _mean_inverse(self, modes: np.ndarray) -> np.ndarray:
        if self.components == 1:
            return self.inverse[:, 0] * modes
        numbers = range(self.components)
        rows = []
        for i in numbers:
            rows.append(sum(self.inverse[:, i, j] * modes[:, :, j] for j in numbers))
        return np.stack(rows, axis=2)

    def solve(
        self, b: np.ndarray, guess: np.ndarray, rtol: float
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """(B + shift <.>) u = b: solutions (r, m, components, ...), largest relative residual of
        each (r, m), iterations.
        """
        # rounding that is no function of real values would not be reduced
        b = self.grid.forward(self.grid.backward(b))
        # What the Krylov method holds at once; right-hand sides beyond that are solved after each
        # other.
        vectors = 8 if self.positive else RESTART + 8
        count = max(1, WORK // (vectors * 2 * b[0].size))
        chunks = [slice(k, k + count) for k in range(0, len(b), count)]
        parts = [self._solve(b[chunk], guess[chunk], rtol) for chunk in chunks]
        solutions, residuals, iterations = zip(*parts, strict=True)
        return np.concatenate(solutions), np.concatenate(residuals), max(iterations)

    def _solve(
        self, b: np.ndarray, guess: np.ndarray, rtol: float
    ) -> tuple[np.ndarray, np.ndarray, int]:
        shape = b.shape

        def flat(modes: np.ndarray) -> np.ndarray:
            """Modes as vectors: of real numbers where the functions are real, as only real
            combinations of them are functions then.
            """
            vector = np.ascontiguousarray(modes).reshape(*shape[:2], -1)
            if self.grid.real:
                return vector.view(float)
            return vector

        def full(vector: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(vector).view(complex).reshape(shape)

        if self.positive:
            x, residual, steps = cg(
                lambda v: flat(self.apply(full(v))),
                lambda v: flat(self.precondition(full(v))),
                flat(b).copy(),
                flat(guess).copy(),
                rtol,
            )
            return full(x), residual, steps
        # components in units of their own, or the largest alone would converge
        scale = self.grid.cell(np.sqrt(self.shift))
        x, residual, steps = gmres(
            lambda v: flat(scale * self.precondition(self.apply(full(v) / scale))),
            flat(scale * self.precondition(b)),
            flat(scale * guess),
            rtol,
            RESTART,
        )
        return full(x) / scale, residual, steps

    @cached_property
    def symbol(self) -> np.ndarray:
        """(m, components, components, ...): the symbol of the operator with each coefficient (with
        its weights) replaced by its mean.
        """
        grid = self.grid
        w = self.weight
        symbol = np.zeros(
            (self.cells, self.components, self.components, *grid.modes_shape), dtype=complex
        )
        for i, left, c, j, right in self.terms:
            weighted = c if w is None else w[:, i] * c * w[:, j]
            mean = grid.cell(grid.mean(weighted))
            symbol[:, i, j] += mean * grid.symbol(left) * grid.symbol(right)
        return symbol

    @cached_property
    def weight(self) -> np.ndarray | None:
        """w (m, components, ...), or None where the mean coefficients alone do better: low
        contrast, coefficients that jump.
        """
        if not self.positive:
            return None
        grid = self.grid
        size = np.zeros((self.cells, self.components, *self.grid.shape))
        for i, left, c, j, right in self.terms:
            if i == j and left == right and any(left):
                size[:, i] += np.abs(c)
        least = np.min(size, axis=grid.axes)
        most = np.max(size, axis=grid.axes)
        if not (np.all(least > 0) and np.any(most > CONTRAST * least)):
            return None
        weight = np.sqrt(grid.cell(grid.mean(size)) / size)
        if np.max(grid.tail(1 / weight)) < SMOOTH:
            return weight
        return None

    @cached_property
    def shift(self) -> np.ndarray:
        """(m, components): the size of the diagonal of the symbol at the lowest modes, positive."""
        # the modes (1, 0, ...), (0, 1, ...), ... as an index per axis
        lowest: Any = (slice(None), *np.eye(self.grid.dim, dtype=int))
        diagonal = [self.symbol[:, i, i] for i in range(self.components)]
        # As large as the eigenvalues of the lowest modes: it makes the operator regular, and leaves
        # its condition as it is.
        sizes = [np.mean(np.abs(symbol[lowest]), axis=-1) for symbol in diagonal]
        size = np.stack(sizes, axis=-1)
        return np.where(size > 0, size, 1.0)

    @cached_property
    def inverse(self) -> np.ndarray:
        """(m, components, components, ...): the inverse of the symbol with the shift."""
        symbol = self.symbol.copy()
        for i in range(self.components):
            symbol[self.grid.zero][:, i, i] += self.shift[:, i]
        if self.components > 1:
            matrices = np.moveaxis(symbol, (1, 2), (-2, -1))
            inverse = np.moveaxis(np.linalg.inv(matrices), (-2, -1), (1, 2))
        else:
            inverse = 1 / symbol
        if inverse.imag.any():
            return inverse
        # Half the memory, and half the multiplications.
        return inverse.real.copy()


def _cell_count(coefficient: Any, dim: int) -> int:
    """For how many cells a coefficient has values of its own."""
    if np.ndim(coefficient) > dim:
        return int(np.shape(coefficient)[0])
    return 1
