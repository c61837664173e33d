"""State problems -div_y flux(y, N, xi + grad N) + source(y) = 0 for many macroscopic states at
once, by Newton's method on one grid, and the law that they give with all of its derivatives.

The derivative of the problem is a `BlockOperator`: conjugate gradients where it is symmetric, GMRES
otherwise. Steps are damped on the slope of the energy along them, or on the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..nonlinear_arrays import (
    CORRECTOR,
    CURVATURE,
    LAW_AXES,
    MACRO,
    NOTHING,
    SLOPE,
    VALUE,
    by_values_and_slopes,
    dense,
    law_arrays,
    named,
    off_zero,
)
from .block_operator import BlockOperator, BlockTerm
from .grid import Grid

MOST_STEPS = 60
# A step that has to be shorter is no descent but rounding.
_SMALLEST_STEP = 2.0**-24
# Relative residual at which a state counts as solved: below it rounding of the derivatives is.
_SETTLED = 1e-11
# One with which it counts as solved where no step helps any more.
_STALLED = 1e-8
# Relative residuals of the linear systems, at most and at least.
_FORCING = 1e-2
_LEAST_FORCING = 1e-11
# Derivatives of the law are linear in their systems: nothing corrects a coarse solve.
_TANGENT = 1e-12


@dataclass(frozen=True)
class MacroState:
    """values (m, n), slopes (m, d, n) of u0 at n points; others: n numbers by name (x1, t), or
    single numbers (parameters).
    """

    values: np.ndarray
    slopes: np.ndarray
    others: Mapping[str, Any]

    @property
    def count(self) -> int:
        return int(self.values.shape[-1])

    def part(self, chosen: Any) -> MacroState:
        """Some of the points."""
        others = {
            name: np.asarray(value)[chosen] if np.ndim(value) else value
            for name, value in self.others.items()
        }
        return MacroState(self.values[:, chosen], self.slopes[:, :, chosen], others)

    def joined(self, other: MacroState) -> MacroState:
        """These points and the others."""
        others = {
            name: np.concatenate([np.asarray(self.others[name]), np.asarray(value)])
            if np.ndim(value)
            else value
            for name, value in other.others.items()
        }
        return MacroState(
            np.concatenate([self.values, other.values], axis=-1),
            np.concatenate([self.slopes, other.slopes], axis=-1),
            others,
        )

    def with_slopes(self, slopes: np.ndarray) -> MacroState:
        return replace(self, slopes=slopes)


@dataclass(frozen=True)
class LawValues:
    """The law at n states: flux (m, d, n), reaction, storage, load (m, n), and derivatives, such as
    flux_p (m, d, m, d, n) and flux_u (m, d, m, n), by the values and slopes of u0.
    """

    arrays: Mapping[str, np.ndarray]

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.__dict__["arrays"][name]
        except KeyError as cause:
            raise AttributeError(name) from cause


@dataclass(frozen=True)
class States:
    """Solved states: modes (n, m, ...) of the correctors, the relative residual of each (n,), and
    the largest number of Newton steps. `columns` (m + m d, n, m, ...) are the derivatives of the
    correctors by the values and slopes of u0, where they were asked for.
    """

    modes: np.ndarray
    residual: np.ndarray
    steps: int
    multiplier: float
    columns: np.ndarray | None = None

    @property
    def solved(self) -> np.ndarray:
        return self.residual <= _STALLED

    def joined(self, other: States) -> States:
        """These states and others, with their columns."""
        assert self.columns is not None
        assert other.columns is not None
        return States(
            np.concatenate([self.modes, other.modes]),
            np.concatenate([self.residual, other.residual]),
            max(self.steps, other.steps),
            max(self.multiplier, other.multiplier),
            np.concatenate([self.columns, other.columns], axis=1),
        )

    def part(self, chosen: Any) -> States:
        """Some of the states, with their columns."""
        assert self.columns is not None
        return replace(
            self,
            modes=self.modes[chosen],
            residual=self.residual[chosen],
            columns=self.columns[:, chosen],
        )


class StateSolver:
    """The state problem of an emitted text (`forms`) on one grid."""

    def __init__(self, forms: Any, grid: Grid) -> None:
        self.forms = forms
        self.grid = grid
        self.m = int(forms.COMPONENTS)
        self.d = int(forms.DIM)
        self.units = [tuple(int(k == axis) for k in range(self.d)) for axis in range(self.d)]
        self.zero = (0,) * self.d

    def solve(self, macro: MacroState, guess: np.ndarray | None = None) -> States:
        """Newton's method from a guess (n, m, ...); a state that is not solved has a residual that
        says so.
        """
        grid = self.grid
        shape = (macro.count, self.m, *grid.modes_shape)
        modes = np.zeros(shape, dtype=complex) if guess is None else guess.copy()
        size = np.full(macro.count, np.inf)
        stalled = np.zeros(macro.count, dtype=bool)
        multiplier = 0.0
        for step in range(MOST_STEPS):  # noqa: B007
            residual, multiplier = self.residual(macro, modes)
            operator = self.operator(macro, modes)
            size = self._size(operator, residual) / self._scale(macro, modes, operator)
            active = (size > _SETTLED) & ~stalled & np.isfinite(size)
            if not active.any():
                break
            # An inexact Newton method (Eisenstat and Walker 1996): linear systems are solved as
            # well as the nonlinear residual is small, which keeps the convergence quadratic.
            forcing = float(np.clip(size[active].max(), _LEAST_FORCING, _FORCING))
            start = np.zeros((1, *shape), dtype=complex)
            # Of states that are found, or lost, nothing is asked: theirs may be singular by now.
            asked = np.where(grid.cell(active[:, None]), residual, 0)
            change = operator.solve(-asked[None], start, forcing)[0][0]
            # Correctors have no mean: what the solve leaves there is rounding.
            change[grid.zero] = 0
            change[~active] = 0
            modes, moved = self._damped(macro, modes, change, residual, operator, active)
            stalled |= active & ~moved
        return States(modes, np.where(np.isfinite(size), size, np.inf), step, multiplier)

    def _damped(
        self,
        macro: MacroState,
        modes: np.ndarray,
        change: np.ndarray,
        residual: np.ndarray,
        operator: BlockOperator,
        active: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The modes after the longest step, of halves, that lowers the residual or the slope of the
        energy; and where there is one.
        """
        before = self._size(operator, residual)
        slope = np.abs(_inner(residual, change))
        length = np.where(active, 1.0, 0.0)
        waiting = active.copy()
        while waiting.any() and length[waiting].max() > _SMALLEST_STEP:
            candidate = modes + self.grid.cell(length[:, None]) * change
            with np.errstate(all="ignore"):
                found, _ = self.residual(macro, candidate)
                after = self._size(operator, found)
                left = np.abs(_inner(found, change))
            # Near a flux that is not smooth the residual may rise where the energy falls: for
            # symmetric problems half the slope of the energy along the step is enough.
            good = after <= (1 - 1e-4 * length) * before
            if self.forms.SYMMETRIC:
                good |= left <= CURVATURE * slope
            good &= np.isfinite(after)
            waiting &= ~good
            length = np.where(waiting, length / 2, length)
        length[waiting] = 0
        return modes + self.grid.cell(length[:, None]) * change, ~waiting

    def data(self, macro: MacroState, modes: np.ndarray) -> dict[str, Any]:
        """What the text is called with."""
        grid = self.grid
        cell = grid.cell
        n = grid.backward(modes)
        slopes = [grid.derivative(modes, unit) for unit in self.units]
        total = np.stack(
            [cell(macro.slopes[:, k]) + np.moveaxis(slopes[k], 1, 0) for k in range(self.d)], axis=1
        )
        points = {name: p[None] for name, p in zip(self.forms.COORDINATES, grid.points)}
        others = {
            name: cell(np.asarray(value)) if np.ndim(value) else value
            for name, value in macro.others.items()
        }
        return {
            **points,
            **others,
            **named(VALUE, cell(macro.values), 1),
            **named(MACRO, cell(macro.slopes), 2),
            **named(CORRECTOR, np.moveaxis(n, 1, 0), 1),
            **named(SLOPE, off_zero(total), 2),
        }

    def array(self, tables: Any, name: str, axes: str, count: int) -> np.ndarray:
        """One array (*axes, n, ...); axes of m and d, as "mdm"."""
        shape = [self.m if axis == "m" else self.d for axis in axes]
        return dense(tables, name, shape, (count, *self.grid.shape))

    def residual(self, macro: MacroState, modes: np.ndarray) -> tuple[np.ndarray, float]:
        """Modes (n, m, ...) of -div flux + source, without their means, and the largest mean."""
        grid = self.grid
        tables = self.forms.values(self.data(macro, modes))
        flux = self.array(tables, "flux", "md", macro.count)
        source = self.array(tables, "source", "m", macro.count)
        result = grid.forward(source)
        for k, unit in enumerate(self.units):
            result = result - grid.symbol(unit) * grid.forward(flux[:, k])
        result = np.moveaxis(result, 0, 1).copy()
        size = float(np.abs(source).max(initial=0.0))
        mean = float(np.abs(result[grid.zero]).max(initial=0.0))
        result[grid.zero] = 0
        if self.forms.ERGODIC:
            return result, 0.0
        return result, mean / size if size else 0.0

    def operator(self, macro: MacroState, modes: np.ndarray) -> BlockOperator:
        """The derivative of the problem by N."""
        tables = self.forms.slopes(self.data(macro, modes))
        terms: list[BlockTerm] = []
        points = (macro.count, *self.grid.shape)
        for (i, k, j, m), c in tables.get("flux_p", {}).items():
            value = -np.broadcast_to(c, points)
            terms.append((i, self.units[k], value, j, self.units[m]))
        for (i, k, j), c in tables.get("flux_N", {}).items():
            terms.append((i, self.units[k], -np.broadcast_to(c, points), j, self.zero))
        for (i, j, m), c in tables.get("source_p", {}).items():
            terms.append((i, self.zero, np.broadcast_to(c, points), j, self.units[m]))
        return BlockOperator(self.grid, self.m, terms, bool(self.forms.SYMMETRIC))

    def _size(self, operator: BlockOperator, residual: np.ndarray) -> np.ndarray:
        """The norm of residuals (n,) that the preconditioner gives; for systems, of which it may be
        no inner product, that of the slopes of the preconditioned ones.
        """
        with np.errstate(all="ignore"):
            found = operator.precondition(residual[None])[0]
        if self.mixed:
            return self._slope_norm(found)
        return np.sqrt(np.abs(_inner(residual, found)))

    @property
    def mixed(self) -> bool:
        """Whether the mean problem may be indefinite, as for systems that are not symmetric."""
        return self.m > 1 and not self.forms.SYMMETRIC

    def _slope_norm(self, modes: np.ndarray) -> np.ndarray:
        slopes = [self.grid.symbol(unit) * modes for unit in self.units]
        return np.sqrt(sum(_inner(s, s) for s in slopes))

    def _scale(self, macro: MacroState, modes: np.ndarray, operator: BlockOperator) -> np.ndarray:
        """What residuals are relative to: the flux, in units of the energy; the slopes of u0 and of
        the corrector, and those that the source drives, where there is none.
        """
        data = self.data(macro, modes)
        if self.mixed:
            source = self.array(self.forms.values(data), "source", "m", macro.count)
            driven = np.moveaxis(self.grid.forward(source), 0, 1).copy()
            driven[self.grid.zero] = 0
            with np.errstate(all="ignore"):
                driven = operator.precondition(driven[None])[0]
            whole = np.sum(macro.slopes**2, axis=(0, 1)) + self._slope_norm(modes) ** 2
            scale = np.sqrt(whole) + self._slope_norm(driven)
            return np.where(scale > NOTHING, scale, 1.0)
        points = (macro.count, *self.grid.shape)
        values = self.forms.values(data)
        flux = self.array(values, "flux", "md", macro.count)
        source = self.array(values, "source", "m", macro.count)
        stiffness = np.zeros(points)
        for (i, k, j, m), c in self.forms.slopes(data).get("flux_p", {}).items():
            if (i, k) == (j, m):
                stiffness = stiffness + np.abs(c)
        mean = self.grid.mean
        # A source drives a flux of its size times the length of the longest wave, over 2 pi.
        length = max(b - a for a, b in self.grid.bounds) / (2 * np.pi)
        size = np.sum(mean(flux**2), axis=(0, 1)) + length**2 * np.sum(mean(source**2), axis=0)
        per_entry = mean(stiffness) / (self.m * self.d)
        with np.errstate(all="ignore"):
            scale = np.sqrt(size / per_entry)
        return np.where(scale > NOTHING, scale, 1.0)

    def law(self, macro: MacroState, states: States) -> tuple[LawValues, States]:
        """The law at solved states with its derivatives, and the states with their columns."""
        grid = self.grid
        n = macro.count
        data = self.data(macro, states.modes)
        values = self.forms.values(data)
        slopes = self.forms.slopes(data)
        columns = self._columns(macro, states, slopes)
        arrays: dict[str, np.ndarray] = {}
        for name, axes in LAW_AXES.items():
            mean = grid.mean(self.array(values, name, axes, n))
            by_state = self._derivatives(slopes, name, n, columns)
            arrays |= law_arrays(name, mean, by_state, self.m)
        return LawValues(arrays), replace(states, columns=columns)

    def _explicit(self, slopes: Any, name: str, n: int) -> np.ndarray:
        return by_values_and_slopes(lambda of, axes: self.array(slopes, of, axes, n), name)

    def _columns(self, macro: MacroState, states: States, slopes: Any) -> np.ndarray:
        """The derivatives of the correctors by values and slopes of u0: (m + m d, n, m, ...)."""
        n = macro.count
        flux = self._explicit(slopes, "flux", n)
        source = self._explicit(slopes, "source", n)
        return self.responses(self.operator(macro, states.modes), flux, source)

    def responses(
        self, operator: BlockOperator, flux: np.ndarray, source: np.ndarray
    ) -> np.ndarray:
        """Modes (c, n, m, ...) of w with <w> = 0, operator w = div flux - source without its mean,
        for c of them: flux (m, d, c, n, ...), source (m, c, n, ...).
        """
        grid = self.grid
        right = -grid.forward(source)
        for k, unit in enumerate(self.units):
            right = right + grid.symbol(unit) * grid.forward(flux[:, k])
        right = np.moveaxis(right, 0, 2).copy()
        right[grid.zero] = 0
        columns, _, _ = operator.solve(right, np.zeros_like(right), _TANGENT)
        columns[grid.zero] = 0
        return columns

    def _derivatives(self, slopes: Any, name: str, n: int, columns: np.ndarray) -> np.ndarray:
        """Means of the derivatives of integrands by values and slopes of u0, the correctors' share
        with them: (*axes, m + m d, n).
        """
        grid = self.grid
        axes = LAW_AXES[name]
        total = grid.mean(self._explicit(slopes, name, n))
        by_slopes = self.array(slopes, f"{name}_p", f"{axes}md", n)
        by_values = self.array(slopes, f"{name}_N", f"{axes}m", n)
        points = int(np.prod(grid.shape))
        for c, column in enumerate(columns):
            inner = np.moveaxis(grid.backward(column), 1, 0)
            found = np.einsum("...jnq,jnq->...n", *_flat(by_values, inner, points))
            for k, unit in enumerate(self.units):
                slope = np.moveaxis(grid.derivative(column, unit), 1, 0)
                along = by_slopes.take(k, axis=len(axes) + 1)
                found = found + np.einsum("...jnq,jnq->...n", *_flat(along, slope, points))
            total[..., c, :] += found / points
        return total


def _flat(a: np.ndarray, b: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays (..., n, *grid) as (..., n, points)."""
    split = b.ndim - 2
    return (
        a.reshape(*a.shape[: a.ndim - split], points),
        b.reshape(*b.shape[:2], points),
    )


def _inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """<a . b> of functions by their modes (n, m, ...): (n,)."""
    return np.sum((a.conj() * b).real, axis=tuple(range(1, a.ndim)))
