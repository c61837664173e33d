"""The solution of all cell problems of an emitted coefficient file (`forms`): grids grow until the
effective coefficients stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np

from ..levels import (
    FEWEST,
    ROUNDING,
    error_of_erratic_levels,
    error_of_fast_levels,
    relative_change,
)
from .block_operator import RESTART, WORK
from .cells import DENSE, Cells, Fields, unknown_numbers
from .grid import Grid

FIRST = {1: 27, 2: 27, 3: 15}
"""Points per axis of the first grid, by the dimension of the cell."""
LAST = {1: 19683, 2: 729, 3: 81}
"""Where the grids stop to grow by themselves."""
MOST_NUMBERS = 700_000
"""Points times components of the largest grid, which data with small features may ask for."""
GROWTH = 1.4
PRIMES = (3, 5, 7, 11, 13, 17, 19, 23)
POINTS_PER_WAVE = 3
"""Of the highest mode of the coefficients; two would be the least that show it at all."""
# Modes smaller than that, relative to the largest, need not be resolved from the start.
_RESOLVED = 1e-3


def solve_cells(
    forms: Any,
    slow: np.ndarray,
    parameters: Mapping[str, float],
    tolerance: float,
    n: int | None = None,
    rtol: float = 1e-13,
    fields: Fields | None = None,
    report: Callable[[float, str], None] = lambda fraction, note: None,
    least: int = 1,
) -> list[dict[str, Any]]:
    """The cell problems at each slow point (m, k): one table per point.

    The grid grows, from at least `least` points per axis, until the estimate of every effective
    entry is below `tolerance` (or ends at n); each starts from the functions of the one before.
    Tables: "n", "grid", "functions" (modes (components, ...) on the grid), "effective" (with
    constants and the eigenvalue), "estimate" (of the error of the effective entries, see
    `estimate`), "multipliers" (Fredholm, by function) and "before" (those of the coarser grid),
    "residual" (largest relative), "iterations", "history" ((n, effective) of each grid).
    """
    results: list[dict[str, Any]] = [{} for _ in slow]
    active = list(range(len(slow)))
    for size in grid_sizes(forms, n, least):
        count = _chunk(forms, size)
        for start in range(0, len(active), count):
            chunk = active[start : start + count]
            report(1 - (len(active) - start) / len(slow), f"{size}^{len(forms.CELL)} points")
            before = [results[k] for k in chunk]
            cells = _solved(forms, size, slow[chunk], parameters, fields or {}, rtol, before)
            for position, k in enumerate(chunk):
                results[k] = _table(cells, position, results[k])
        if n is None:
            active = [k for k in active if not settled(results[k], tolerance)]
        if not active:
            break
    return results


def settled(table: Mapping[str, Any], tolerance: float) -> bool:
    """Whether the estimate is below the tolerance, or is rounding."""
    return bool(table["estimate"] <= max(tolerance, ROUNDING))


def estimate(history: list[tuple[int, Mapping[Any, Any]]], jumps: bool, dim: int) -> float:
    """Error of the last entries, relative to the largest of the same name, from those of all grids,
    (points per axis, entries) each; see `levels`.
    """
    sizes = [size for size, _ in history]
    changes = [relative_change(before, after) for (_, before), (_, after) in pairwise(history)]
    if jumps:
        return error_of_erratic_levels(changes, sizes, dim)
    return error_of_fast_levels(changes)


def grid_sizes(
    forms: Any, n: int | None, least: int, first: Mapping[int, int] = FIRST
) -> tuple[int, ...]:
    """Points per axis of the grids to try; each has no factor in common with the one before, as
    what aliases to a constant on one
    of them would on the other.

    They start at `least` at the lowest, and end at LAST, or where FEWEST grids are reached, if
    MOST_NUMBERS allows. With n: it, and smaller ones. `first`: points of the first one, by the
    dimension of the cell.
    """
    dim = len(forms.CELL)
    if n is not None:
        sizes = [n]
        while len(sizes) < FEWEST or sizes[0] > FIRST[dim]:
            lower = _coprime_below(int(sizes[0] / GROWTH), sizes[0])
            if lower < 3:
                break
            sizes.insert(0, lower)
        return tuple(sizes)
    chosen: list[int] = []
    for size in _smooth_numbers(max(first[dim], least)):
        largest = LAST[dim] if len(chosen) >= FEWEST else MOST_NUMBERS
        if size**dim * forms.COMPONENTS > MOST_NUMBERS or size > largest:
            break
        # A common factor would let both grids miss the same harmonics, and agree.
        if not chosen or (size >= GROWTH * chosen[-1] and gcd(size, chosen[-1]) == 1):
            chosen.append(size)
    return tuple(chosen)


def _coprime_below(size: int, other: int) -> int:
    """The largest odd number up to `size` without a factor in common with the other."""
    candidate = size if size % 2 else size - 1
    while candidate >= 3 and gcd(candidate, other) > 1:
        candidate -= 2
    return candidate


def _smooth_numbers(least: int) -> Iterator[int]:
    """Odd numbers from `least` on whose prime factors are small: lengths of fast transforms."""
    size = least | 1
    while True:
        rest = size
        for prime in PRIMES:
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            yield size
        size += 2


def _solved(
    forms: Any,
    size: int,
    slow: np.ndarray,
    parameters: Mapping[str, float],
    fields: Fields,
    rtol: float,
    before: list[dict[str, Any]],
) -> Cells:
    """The cell problems on one grid, from the solutions before."""
    real = not forms.COMPLEX
    cells = Cells(forms, Grid(forms.CELL, size, real), slow, parameters, fields, rtol)
    if before[0]:
        guesses = [_guess(cells.grid, k, before) for k in range(len(forms.FUNCTIONS))]
        if not forms.EIGENVALUE:
            return cells.run(None, guesses)
        eigenvalues = [table["effective"].get(("lambda0", ()), 0.0) for table in before]
        return cells.run(np.array(eigenvalues), guesses)
    if not forms.EIGENVALUE:
        return cells.run()
    # Newton's method for the eigenvalue finds the nearest one: the lowest has to be known before.
    coarse = Grid(forms.CELL, DENSE[len(forms.CELL)], real)
    return cells.run(Cells(forms, coarse, slow, parameters, fields, rtol).dense_eigenvalue())


def _guess(grid: Grid, function: int, before: list[dict[str, Any]]) -> np.ndarray:
    """A function of the grids before, at each slow point, on this one."""
    modes = [grid.refined(table["functions"][function], table["grid"]) for table in before]
    return np.stack(modes)


def _table(cells: Cells, position: int, before: dict[str, Any]) -> dict[str, Any]:
    values = {key: value[position] for key, value in cells.values.items()}
    history = [*before.get("history", []), (cells.grid.n, values)]
    return {
        "n": cells.grid.n,
        "grid": cells.grid,
        "functions": [modes[position] for modes in cells.functions],
        "effective": values,
        "estimate": estimate(history, cells.forms.JUMPS, len(cells.forms.CELL)),
        "history": history,
        "multipliers": {name: float(value[position]) for name, value in cells.multipliers.items()},
        "before": before.get("multipliers", {}),
        "residual": float(cells.residual[position]),
        "iterations": max(cells.iterations, before.get("iterations", 0)),
    }


def _chunk(forms: Any, size: int) -> int:
    """How many slow points are solved at once, so that what they need stays in memory."""
    positive = forms.SYMMETRIC and forms.DEFINITE
    by_gradients = positive and not (forms.COMPLEX or forms.EIGENVALUE)
    vectors = 10 if by_gradients else RESTART + 10
    functions = 2 * forms.COMPONENTS * (len(forms.FUNCTIONS) + vectors)  # complex: two numbers
    numbers = forms.COEFFICIENTS + 64 + functions
    return max(1, WORK // (numbers * size ** len(forms.CELL)))


def reach(forms: Any, slow: np.ndarray, parameters: Mapping[str, float]) -> int:
    """Points per axis that resolve the coefficients, seen on the finest grid."""
    grid = Grid(forms.CELL, LAST[len(forms.CELL)], not forms.COMPLEX)
    data = {**parameters, **unknown_numbers(forms)}
    columns = [grid.cell(column) for column in slow.T]
    highest = 0.0
    for values in forms.coefficients(grid.points, columns, data):
        modes = np.abs(np.atleast_1d(grid.forward(values)))
        sizes = modes.reshape(-1, *grid.modes_shape).max(axis=0)
        # A jump has modes of all orders: those that matter are few.
        large = np.argwhere(sizes > _RESOLVED * modes.max())
        for frequencies, positions in zip(grid.frequencies, large.T):
            highest = max(highest, float(np.max(np.abs(frequencies[positions]), initial=0.0)))
    return int(POINTS_PER_WAVE * highest)


def solve_at(
    forms: Any, slow: Mapping[str, float], parameters: Mapping[str, float], tolerance: float
) -> dict[str, Any]:
    """The table of one slow point, on grids that resolve the coefficients. SystemExit where fields
    are needed, or a finer grid than there may be.
    """
    if forms.EXTERNALS:
        names = ", ".join(sorted({name for _, name, _, _ in forms.EXTERNALS}))
        raise SystemExit(f"give the fields {names}: solve_cells(..., fields=)")
    point = np.array([[slow[name] for name in forms.SLOW]])
    least = reach(forms, point, parameters)
    if not grid_sizes(forms, None, least)[FEWEST - 1 :]:
        raise SystemExit(f"the coefficients need {least} points per axis, more than there may be")
    (table,) = solve_cells(forms, point, parameters, tolerance, least=least)
    return table
