"""The law of a nonlinear cell from a few modes: the state problem by Galerkin's method with
functions that solved states and their derivatives span, for many macroscopic states at once.

Where the flux has a potential, the reduced energy is convex and above the true one, and flux and
tangent have the square of the error of the states. It holds for every state, without a box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .fourier.states import LawValues, MacroState
from .nonlinear_arrays import (
    CELL_AXES,
    CORRECTOR,
    CURVATURE,
    LAW_AXES,
    MACRO,
    NOTHING,
    SLOPE,
    VALUE,
    LazyArrays,
    by_values_and_slopes,
    dense,
    law_slopes,
    named,
    off_zero,
)
from .reduced_basis import ReducedBasis

# Numbers of one array over modes, points and states that are solved at once.
_NUMBERS = 2**20
# Modes whose arrays over points and states count as one where their products are kept.
_KEPT_MODES = 8
# Numbers of products of modes that are kept.
_KEPT = 2**24
# As for states on a grid: steps, the relative residual at which they end, the shortest step.
_STEPS = 60
_SETTLED = 1e-12
_SMALLEST = 2.0**-24
# A step that leaves a smaller share of the residual is followed by one with the same matrix, which
# costs as much as many residuals.
_CHORD = 0.03
# Residuals are relative to the flux, or to that share of the largest one of all states: where the
# gradient vanishes by symmetry, it is rounding.
_BESIDE = 1e-3


class ReducedLaw:
    """The law of an emitted text on a reduced basis."""

    def __init__(self, forms: Any, basis: ReducedBasis) -> None:
        self.forms = forms
        self.basis = basis
        self.m = int(forms.COMPONENTS)
        self.d = int(forms.DIM)
        self.q = basis.points.shape[1]
        self.weights = basis.weights
        self._tested_values = basis.values * basis.weights
        self._tested_slopes = basis.slopes * basis.weights
        self._products: dict[tuple[int, int, int, int], np.ndarray] = {}

    def __call__(
        self, macro: MacroState, guess: np.ndarray | None = None
    ) -> tuple[LawValues, np.ndarray]:
        """The law at n states with its derivatives, and the coefficients (n, k) of the states;
        those that are not found are nan.
        """
        first = np.zeros((macro.count, self.basis.count)) if guess is None else guess
        found = [self._found(own, first[chosen]) for own, chosen in self._batches(macro)]
        values, c, lost = zip(*found)
        coefficients, missed = np.concatenate(c), np.concatenate(lost)

        def derivatives() -> dict[str, np.ndarray]:
            return _joined(
                [
                    self._slopes(own, coefficients[chosen], missed[chosen])
                    for own, chosen in self._batches(macro)
                ]
            )

        return LawValues(LazyArrays(_joined(values), derivatives)), coefficients

    def _batches(self, macro: MacroState) -> Iterator[tuple[MacroState, slice]]:
        """States, and which of all they are, of as many as are solved at once."""
        count = self._at_once
        for start in range(0, max(1, macro.count), count):
            chosen = slice(start, start + count)
            yield macro.part(chosen), chosen

    @property
    def _at_once(self) -> int:
        """States of one batch: a product with what is kept pays from many rows on."""
        modes = self.basis.count // _KEPT_MODES if self._keeps else self.basis.count
        return max(1, _NUMBERS // (self.q * max(modes, self._pairs)))

    def columns(self, macro: MacroState, c: np.ndarray) -> np.ndarray:
        """The derivatives (n, k, m + m d) of coefficients (n, k) by values and slopes of u0."""
        parts = [
            self._columns(self.forms.slopes(self.data(own, c[chosen])), own.count)
            for own, chosen in self._batches(macro)
        ]
        return np.concatenate(parts)

    def data(self, macro: MacroState, c: np.ndarray) -> dict[str, Any]:
        basis = self.basis
        n = macro.count
        k = basis.count
        corrector = (c @ basis.values.reshape(k, self.m * self.q)).reshape(n, self.m, self.q)
        slopes = c @ basis.slopes.reshape(k, self.m * self.d * self.q)
        slopes = slopes.reshape(n, self.m, self.d, self.q)
        total = macro.slopes[..., None] + np.moveaxis(slopes, 0, 2)
        others = {
            name: np.asarray(value)[:, None] if np.ndim(value) else value
            for name, value in macro.others.items()
        }
        return {
            **dict(zip(self.forms.COORDINATES, basis.points[:, None, :])),
            **dict(zip(getattr(self.forms, "MIDDLES", ()), basis.middles[:, None, :])),
            **others,
            **named(VALUE, macro.values[..., None], 1),
            **named(MACRO, macro.slopes[..., None], 2),
            **named(CORRECTOR, np.moveaxis(corrector, 0, 1), 1),
            **named(SLOPE, off_zero(total), 2),
        }

    def _array(self, tables: Any, name: str, axes: str, n: int) -> np.ndarray:
        shape = [self.m if axis == "m" else self.d for axis in axes]
        return dense(tables, name, shape, (n, self.q))

    def _residual(self, macro: MacroState, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, k): <flux . grad phi + source phi>; and the size of the flux (n,)."""
        return self._residual_of(self.forms.values(self.data(macro, c)), macro.count)

    def _residual_of(self, tables: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
        flux = np.moveaxis(self._array(tables, "flux", "md", n), 2, 0).reshape(n, -1)
        source = np.moveaxis(self._array(tables, "source", "m", n), 1, 0).reshape(n, -1)
        k = self.basis.count
        found = flux @ self._tested_slopes.reshape(k, flux.shape[1]).T
        found += source @ self._tested_values.reshape(k, source.shape[1]).T
        size = np.sqrt(np.sum(flux.reshape(n, -1, self.q) ** 2, axis=1) @ self.weights)
        return found, np.maximum(size, _BESIDE * size.max(initial=NOTHING))

    def mean_source(self, macro: MacroState, c: np.ndarray) -> float:
        """The largest mean of the source at states with coefficients c, relative to its size; 0
        for Hamilton-Jacobi equations, where it is what is sought.
        """
        source = self._array(self.forms.values(self.data(macro, c)), "source", "m", macro.count)
        size = float(np.abs(source).max(initial=0.0))
        if self.forms.ERGODIC or not size:
            return 0.0
        return float(np.abs(source @ self.weights).max()) / size

    def integrands(self, macro: MacroState, c: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of a cell at states with coefficients c, (n, entries, q) each."""
        tables = self.forms.values(self.data(macro, c))
        n = macro.count
        return {
            name: np.moveaxis(self._array(tables, name, axes, n), -2, 0).reshape(n, -1, self.q)
            for name, axes in CELL_AXES.items()
        }

    def matrix(self, slopes: Mapping[str, Any], n: int) -> np.ndarray:
        """(n, k, k): the derivative of the residual."""
        basis = self.basis
        total = np.zeros((n, basis.count, basis.count))
        for (i, a, j, b), c in slopes.get("flux_p", {}).items():
            if not self.forms.SYMMETRIC or (i, a) <= (j, b):
                total += self._weighted((i, a, j, b), c, n)
        for (i, a, j), c in slopes.get("flux_N", {}).items():
            left = self._tested_slopes[:, i, a] * np.broadcast_to(c, (n, self.q))[:, None, :]
            total += left @ basis.values[:, j].T
        for (i, j, m), c in slopes.get("source_p", {}).items():
            left = self._tested_values[:, i] * np.broadcast_to(c, (n, self.q))[:, None, :]
            total += left @ basis.slopes[:, j, m].T
        return total

    def _weighted(self, index: tuple[int, int, int, int], c: Any, n: int) -> np.ndarray:
        """sum_q c left_k right_l (n, k, l) of an entry of the tangent; of a symmetric one with that
        of its transpose.
        """
        count = self.basis.count
        weight = np.broadcast_to(c, (n, self.q))
        if n > 1 and np.ptp(weight, axis=0).max() == 0:
            weight = weight[:1]
        if len(weight) > 1 and self._keeps:
            if index not in self._products:
                self._products[index] = self._product(index)
            found = weight @ self._products[index]
            if not self.forms.SYMMETRIC:
                return found.reshape(n, count, count)
            rows, columns = np.triu_indices(count)
            whole = np.empty((n, count, count))
            whole[:, rows, columns] = found
            whole[:, columns, rows] = found
            return whole
        i, a, j, b = index
        left = self._tested_slopes[:, i, a] * weight[:, None, :]
        found = left @ self.basis.slopes[:, j, b].T
        if self.forms.SYMMETRIC and (i, a) != (j, b):
            found = found + np.swapaxes(found, 1, 2)
        return np.broadcast_to(found, (n, count, count))

    @property
    def _keeps(self) -> bool:
        """Whether products of modes fit into memory."""
        return self.q * self.basis.count**2 * self._pairs <= _KEPT

    @property
    def _pairs(self) -> int:
        return (self.m * self.d) ** 2

    def _product(self, index: tuple[int, int, int, int]) -> np.ndarray:
        """left_k right_l at the points (q, k l); of a symmetric tangent with its transpose, k <= l
        alone: the matrices of many states are one product with it then.
        """
        i, a, j, b = index
        left, right = self._tested_slopes[:, i, a], self.basis.slopes[:, j, b]
        product = left[:, None] * right[None]
        if self.forms.SYMMETRIC:
            if (i, a) != (j, b):
                product = product + np.swapaxes(product, 0, 1)
            product = product[np.triu_indices(self.basis.count)]
        return np.ascontiguousarray(product.reshape(-1, self.q).T)

    def _found(
        self, macro: MacroState, start: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """The law, the coefficients of the states, and which of these are not found."""
        c = np.where(np.isfinite(start), start, 0.0)
        lost = np.zeros(macro.count, dtype=bool)
        tables = self.forms.values(self.data(macro, c))
        residual, size = self._residual_of(tables, macro.count)
        if not np.all(np.abs(residual) <= _SETTLED * size[:, None]):
            c, lost = self._solved(macro, c, residual, size)
            again = np.flatnonzero(lost & np.any(start != 0, axis=1))
            if again.size:
                c[again], lost[again] = self._from_zero(macro.part(again))
            tables = self.forms.values(self.data(macro, c))
        arrays = {
            name: self._array(tables, name, axes, macro.count) @ self.weights
            for name, axes in LAW_AXES.items()
        }
        return _without(arrays, lost), c, lost

    def _slopes(self, macro: MacroState, c: np.ndarray, lost: np.ndarray) -> dict[str, np.ndarray]:
        """The derivatives of the law at states with coefficients c."""
        n = macro.count
        tables = self.forms.slopes(self.data(macro, c))
        columns = self._columns(tables, n)
        arrays: dict[str, np.ndarray] = {}
        for name in LAW_AXES:
            arrays |= law_slopes(name, self._derivatives(tables, name, n, columns), self.m)
        return _without(arrays, lost)

    def _from_zero(self, macro: MacroState) -> tuple[np.ndarray, np.ndarray]:
        c = np.zeros((macro.count, self.basis.count))
        return self._solved(macro, c, *self._residual(macro, c))

    def _solved(
        self, macro: MacroState, c: np.ndarray, residual: np.ndarray, size: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The coefficients by Newton's method from c, and which are not found."""
        n = macro.count
        c, residual, size = c.copy(), residual.copy(), size.copy()
        stalled = np.zeros(n, dtype=bool)
        stale = np.ones(n, dtype=bool)
        matrices = np.zeros((n, self.basis.count, self.basis.count))
        for _ in range(_STEPS):
            norm = np.abs(residual).max(axis=1)
            active = np.flatnonzero(~stalled & ~(norm <= _SETTLED * size))
            if not active.size:
                break
            due = active[stale[active]]
            if due.size:
                slopes = self.forms.slopes(self.data(macro.part(due), c[due]))
                matrices[due] = self.matrix(slopes, due.size)
            step = -_solve(matrices[active], residual[active][..., None])[..., 0]
            moved = self._damped(macro.part(active), c[active], step, residual[active])
            c[active], residual[active], size[active], fine = moved
            after = np.abs(residual[active]).max(axis=1)
            stalled[active] = stale[active] & ~fine
            stale[active] = ~fine | (after > _CHORD * norm[active])
        norm = np.abs(residual).max(axis=1)
        return c, ~(norm <= np.sqrt(_SETTLED) * size)

    def _damped(
        self, macro: MacroState, c: np.ndarray, step: np.ndarray, residual: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As for the states on a grid: the longest steps that lower the residual or the slope."""
        before = np.linalg.norm(residual, axis=1)
        slope = np.abs(np.sum(residual * step, axis=1))
        length = np.ones(macro.count)
        while True:
            with np.errstate(all="ignore"):
                candidate = c + length[:, None] * step
                found, size = self._residual(macro, candidate)
                after = np.linalg.norm(found, axis=1)
                good = after <= (1 - 1e-4 * length) * before
                if self.forms.SYMMETRIC:
                    good |= np.abs(np.sum(found * step, axis=1)) <= CURVATURE * slope
                good &= np.isfinite(after)
            if good.all() or length[~good].max() < _SMALLEST:
                break
            length = np.where(good, length, length / 2)
        kept = good[:, None]
        return (
            np.where(kept, candidate, c),
            np.where(kept, found, residual),
            size,
            good,
        )

    def _explicit(self, slopes: Any, name: str, n: int) -> np.ndarray:
        return by_values_and_slopes(lambda of, axes: self._array(slopes, of, axes, n), name)

    def _columns(self, slopes: Any, n: int) -> np.ndarray:
        """Derivatives (n, k, m + m d) of the coefficients by values and slopes of u0."""
        if not self.basis.count:
            return np.zeros((n, 0, self.m + self.m * self.d))
        flux = self._explicit(slopes, "flux", n)
        source = self._explicit(slopes, "source", n)
        return self.responses(self.matrix(slopes, n), flux, source)

    def responses(self, matrix: np.ndarray, flux: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Coefficients (n, k, c) of w, L w = div flux - source for the derivative L of the problem,
        whose `matrix` that is, for c of them: flux (m, d, c, n, q), source (m, c, n, q).
        """
        right = _paired(np.moveaxis(flux, 2, 0), self._tested_slopes)
        right = right + _paired(np.moveaxis(source, 1, 0), self._tested_values)
        return -_solve(matrix, np.moveaxis(right, 0, 2))

    def _derivatives(self, slopes: Any, name: str, n: int, columns: np.ndarray) -> np.ndarray:
        """(*axes, m + m d, n)."""
        basis = self.basis
        axes = LAW_AXES[name]
        if not any(key.rpartition("_")[0] == name for key in slopes):
            head = [self.m if axis == "m" else self.d for axis in axes]
            return np.zeros((*head, self.m + self.m * self.d, n))
        total = self._explicit(slopes, name, n) @ self.weights
        if not basis.count:
            return total
        by_slopes = self._array(slopes, f"{name}_p", f"{axes}md", n)
        by_values = self._array(slopes, f"{name}_N", f"{axes}m", n)
        inner = _paired(by_slopes, self._tested_slopes) + _paired(by_values, self._tested_values)
        return total + np.einsum("...nk,nkc->...cn", inner, columns, optimize=True)


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of some states and of those after them."""
    return {name: np.concatenate([part[name] for part in parts], -1) for name in parts[0]}


def _without(arrays: dict[str, np.ndarray], lost: np.ndarray) -> dict[str, np.ndarray]:
    """nan for the states that are not found."""
    for array in arrays.values():
        array[..., lost] = np.nan
    return arrays


def _paired(array: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The sums (..., n, k) over axes and points of arrays (..., *axes, n, q) with functions
    (k, *axes, q).
    """
    axes = basis.ndim - 2
    inner = np.moveaxis(array, -2, -2 - axes)
    head = inner.shape[: -1 - axes]
    return np.asarray(inner.reshape(*head, -1) @ basis.reshape(len(basis), -1).T)


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """matrix^-1 right; nan for singular ones."""
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)
