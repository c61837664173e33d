"""The functions of a space element by element, with which integrals of arrays at quadrature points
are products of small matrices: many times faster than by forms of scikit-fem.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps

from ..arrays import Array, Integers
from .space import FunctionSpace

# Elements whose products are made at once.
_AT_ONCE = 2**13


class ElementFunctions:
    """Of e elements with k functions at q quadrature points each.

    values (e, k, q), slopes (e, k, d q) : of one element where all are congruent
    weights (e, q)
    numbers (e, k) : the unknowns that they belong to
    """

    def __init__(self, space: FunctionSpace) -> None:
        basis = space.basis
        dofs = basis.element_dofs.T
        # Each row has one entry: the unknown of a dof of scikit-fem, and its scale, which is that
        # of all dofs of this kind.
        self.numbers: Integers = space.prolongation.indices[dofs]
        scales = space.prolongation.data[dofs[:1]][..., None]
        functions = [function for (function,) in basis.basis]
        self.values = np.stack([np.asarray(f) for f in functions], axis=1) * scales
        slopes = np.stack([np.moveaxis(f.grad, 1, 0) for f in functions], axis=1)
        self.slopes = slopes.reshape(*slopes.shape[:2], -1) * scales
        self.weights = np.ascontiguousarray(basis.dx)
        self.count = space.prolongation.shape[1]

    def fields(self, u: Array) -> tuple[Array, Array]:
        """Values (m, e, q) and slopes (m, d, e, q) of a function (unknowns, m)."""
        own = np.swapaxes(u[self.numbers], 1, 2)
        values = np.moveaxis(own @ self.values, 1, 0)
        slopes = (own @ self.slopes).reshape(*own.shape[:2], -1, self.weights.shape[1])
        return values, np.moveaxis(slopes, 0, 2)

    def load(self, flux: Array | None, reaction: Array) -> tuple[Array, float]:
        """int flux . grad v + reaction v (unknowns,), for arrays (d, e, q) and (e, q), and the sum
        of the sizes of its parts.
        """
        local = self.values @ (reaction * self.weights)[..., None]
        if flux is not None:
            by_element = np.moveaxis(flux * self.weights, 1, 0).reshape(len(self.weights), -1, 1)
            local = local + self.slopes @ by_element
        vector: Any = np.bincount(self.numbers.ravel(), local.ravel(), minlength=self.count)
        return vector, float(np.abs(local).sum())

    def products(
        self, flux: tuple[Array, Array] | None, reaction: tuple[Array, Array]
    ) -> Array | None:
        """The products (e, k, k) of test functions with the derivatives of a flux and of a reaction
        by values and slopes: (d, e, q) and (d, d, e, q); (e, q) and (d, e, q). None where all of
        these vanish.
        """
        tests = [(self.values, reaction[0][None], reaction[1][None])]
        if flux is not None:
            tests.append((self.slopes, *flux))
        tests = [row for row in tests if np.any(row[1]) or np.any(row[2])]
        if not tests:
            return None
        e = len(self.weights)
        starts = range(0, e, _AT_ONCE)
        parts = [sum(self._part(slice(a, a + _AT_ONCE), *row) for row in tests) for a in starts]
        return np.concatenate(parts)

    def _part(self, chosen: slice, test: Array, by_value: Array, by_slope: Array) -> Array:
        """Of some elements, for derivatives (r, e, q) by values and (r, d, e, q) by slopes."""
        values, slopes, tested = (
            array if len(array) == 1 else array[chosen]
            for array in (self.values, self.slopes, test)
        )
        weights = self.weights[chosen]
        count, q = weights.shape
        total = np.zeros((count, values.shape[1], len(by_value), q))
        if np.any(by_value):
            total += np.moveaxis(by_value[:, chosen] * weights, 1, 0)[:, None] * values[:, :, None]
        lines = slopes.reshape(*slopes.shape[:2], -1, q)
        for k in range(by_slope.shape[1]):
            driven = np.moveaxis(by_slope[:, k, chosen] * weights, 1, 0)
            total += driven[:, None] * lines[:, :, None, k]
        return tested @ np.swapaxes(total.reshape(count, values.shape[1], -1), 1, 2)

    @cached_property
    def _pattern(self) -> tuple[Integers, Integers, Integers]:
        """Where the products of elements stand in a sparse matrix: where rows start, columns, and
        the entry of each product.
        """
        rows = self.numbers.astype(np.int64)
        keys = rows[:, :, None] * self.count + rows[:, None]
        found, entries = np.unique(keys, return_inverse=True)
        starts = np.searchsorted(found, np.arange(self.count + 1) * self.count)
        return starts, found % self.count, entries.ravel()

    def matrix(self, blocks: Mapping[tuple[int, int], Array], m: int) -> sps.csr_matrix:
        """Of products by equation and field, for unknowns that are numbered node by node."""
        starts, columns, entries = self._pattern
        data = np.zeros((len(columns), m, m))
        for (i, j), local in blocks.items():
            data[:, i, j] = np.bincount(entries, local.ravel(), minlength=len(columns))
        size = (m * self.count, m * self.count)
        found: Any = sps.bsr_matrix((data, columns, starts), shape=size).tocsr()
        if len(blocks) < m * m:
            found.eliminate_zeros()
        return found
