"""The energy of a nonlinear state that is a minimum, and bounds on the least one from the primal
and the dual problem.

W(y, p) = int_0^1 flux(y, t p) . p dt. f*(xi) = min <W(xi + grad v) + source v>; any flux s with
-div s + source = 0 gives <W(e)> - <W(e) + W^c(s) - e.s> below it (Fenchel), pointwise positive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..nonlinear_arrays import SLOPE, dense, named, off_zero
from ..tensor_grids import unit_gauss
from .block_operator import BlockOperator
from .grid import Grid
from .states import MacroState, States, StateSolver

# Gauss points of the path from no slope to the slope: fluxes are smooth along it.
_NODES = 32
# t = tau^3: powers of t that are no integers are smooth enough then.
_GRADING = 3
# Of Newton's method for slopes: steps, the residual at which it ends, halvings of a step.
_NEWTON = 60
_SOLVED = 1e-13
# Flux that may be missing, relative to the largest, where no step helps any more.
_FOUND = 1e-6
_HALVINGS = 30
# Of a flux, in the dual problem.
_SHARES = (1.0, 0.999, 0.99, 0.97, 0.9, 0.7)


def energy(solver: StateSolver, macro: MacroState, states: States) -> np.ndarray:
    """f* at n states: (n,)."""
    data = solver.data(macro, states.modes)
    density = energy_density(solver.forms, data, total_slopes(solver.forms, data))
    source = solver.array(solver.forms.values(data), "source", "m", macro.count)
    correctors = np.moveaxis(solver.grid.backward(states.modes), 1, 0)
    return np.asarray(solver.grid.mean(density + np.sum(source * correctors, axis=0)))


def energy_bounds(
    solver: StateSolver, macro: MacroState, states: States
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds (n,) on f*, by quadrature on a grid of twice as many points."""
    coarse = solver.grid
    fine = StateSolver(solver.forms, Grid(coarse.bounds, 2 * coarse.n + 1))
    grid = fine.grid
    refined = States(grid.refined(states.modes, coarse), states.residual, 0, 0.0)
    upper = energy(fine, macro, refined)
    data = fine.data(macro, refined.modes)
    slopes = total_slopes(fine.forms, data)
    flux = _balanced(fine, macro, refined)
    shares = _SHARES[:1] if fine.forms.values(data).get("source") else _SHARES
    gap = dual_gap(fine.forms, data, slopes, flux, grid.mean, shares)
    return upper - np.maximum(gap, 0.0), upper


def dual_gap(
    forms: Any,
    data: dict[str, Any],
    slopes: np.ndarray,
    flux: np.ndarray,
    mean: Callable[[np.ndarray], np.ndarray],
    shares: Sequence[float] = _SHARES,
) -> np.ndarray:
    """<W(e) + W^c(s) - e.s> of slopes e and fluxes s, both (m, d, ...), by a mean over points.

    An energy of linear growth has no W^c beyond its largest fluxes: there smaller shares of s are
    tried, which balance no source. Infinite where none has a gap.
    """
    above = energy_density(forms, data, slopes)
    best: Any = np.inf
    for share in shares:
        dual = _inverse(forms, data, slopes, share * flux)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = above - energy_density(forms, data, dual)
            gap = gap - share * np.sum(flux * (slopes - dual), axis=(0, 1))
        known = np.isfinite(gap)
        found = mean(np.where(known, gap, 0.0))
        best = np.minimum(best, np.where(mean(~known) == 0, found, np.inf))
        if np.all(np.isfinite(best)):
            break
    return np.asarray(best)


def total_slopes(forms: Any, data: Mapping[str, Any]) -> np.ndarray:
    """Those (m, d, ...) that a text is called with."""
    axes = range(int(forms.DIM))
    rows = [[data[f"{SLOPE}_{j}_{k}"] for k in axes] for j in range(int(forms.COMPONENTS))]
    return np.stack([np.stack(row) for row in rows])


def energy_density(forms: Any, data: Mapping[str, Any], slopes: np.ndarray) -> np.ndarray:
    """W at slopes (m, d, ...): (...)."""
    places, weights = unit_gauss(_NODES)
    total = np.zeros(slopes.shape[2:])
    for place, weight in zip(places, weights):
        t = place**_GRADING
        flux = _flux(forms, data, t * slopes)
        rate = _GRADING * place ** (_GRADING - 1)
        total = total + weight * rate * np.sum(flux * slopes, axis=(0, 1))
    return total


def _flux(forms: Any, data: Mapping[str, Any], slopes: np.ndarray) -> np.ndarray:
    held = {**data, **named(SLOPE, off_zero(slopes), 2)}
    return dense(forms.values(held), "flux", slopes.shape[:2], slopes.shape[2:])


def tangents(forms: Any, data: dict[str, Any], slopes: np.ndarray) -> np.ndarray:
    """(..., m d, m d)."""
    held = {**data, **named(SLOPE, off_zero(slopes), 2)}
    m, d = slopes.shape[:2]
    found = dense(forms.slopes(held), "flux_p", (m, d, m, d), slopes.shape[2:])
    flat = found.reshape(m * d, m * d, *slopes.shape[2:])
    return np.moveaxis(flat, (0, 1), (-2, -1))


def _balanced(solver: StateSolver, macro: MacroState, states: States) -> np.ndarray:
    """The flux (m, d, n, ...) of a state with -div s + source = 0 to rounding, by the gradient of a
    potential under the mean stiffness, which keeps symmetric stresses symmetric.
    """
    grid = solver.grid
    tables = solver.forms.values(solver.data(macro, states.modes))
    flux = solver.array(tables, "flux", "md", macro.count)
    residual, _ = solver.residual(macro, states.modes)
    operator = solver.operator(macro, states.modes)
    points = (macro.count, *grid.shape)
    terms = [
        (i, left, np.broadcast_to(grid.cell(grid.mean(c)), points), j, right)
        for i, left, c, j, right in operator.terms
    ]
    mean = BlockOperator(grid, solver.m, terms, operator.positive)
    potential = mean.precondition(-residual[None])[0]
    for i, left, c, j, right in terms:
        flux[i, left.index(1)] -= c * grid.derivative(potential[:, j], right)
    return flux


def _inverse(forms: Any, data: dict[str, Any], start: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """The slopes (m, d, n, ...) at which the flux is the given one, point by point; infinite where
    there are none.
    """
    m, d = start.shape[:2]
    slopes = start.copy()
    scale = np.sqrt(np.sum(flux**2, axis=(0, 1))).max() or 1.0

    def missing(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = flux - _flux(forms, data, at)
        return rest, np.sqrt(np.sum(rest**2, axis=(0, 1)))

    rest, size = missing(slopes)
    for _ in range(_NEWTON):
        if size.max() <= _SOLVED * scale:
            break
        inverse = np.linalg.pinv(tangents(forms, data, slopes), hermitian=True)
        right = np.moveaxis(rest.reshape(m * d, *rest.shape[2:]), 0, -1)
        step = np.moveaxis((inverse @ right[..., None])[..., 0], -1, 0).reshape(slopes.shape)
        length = np.ones_like(size)
        for _ in range(_HALVINGS):
            found, after = missing(slopes + length * step)
            worse = ~(after < size)
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        better = after < size
        if not better.any():
            break
        slopes = np.where(better, slopes + length * step, slopes)
        rest = np.where(better, found, rest)
        size = np.where(better, after, size)
    return np.where(size <= _FOUND * scale, slopes, np.inf)
