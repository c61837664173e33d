"""The solution of all cell problems of an emitted coefficient file (`forms`): grids grow until the effective coefficients stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .fourier_cells import DENSE, Cells, Fields  # sibling
from .fourier_grid import Grid  # sibling
from .fourier_operator import RESTART, WORK  # sibling

SIZES = {1: (27, 45, 81, 135, 243, 405, 729, 1215, 2187, 3645, 6561, 10935, 19683), 2: (27, 45, 81, 135, 243, 405, 729), 3: (15, 27, 45, 63, 81)}
MAX_NUMBERS = 700_000
"""Points times components at which grids stop to grow by themselves."""
ROUNDING = 1e-13


def solve_cells(
    forms: Any,
    slow: np.ndarray,
    parameters: Mapping[str, float],
    tolerance: float,
    n: int | None = None,
    rtol: float = 1e-13,
    fields: Fields | None = None,
    report: Callable[[float, str], None] = lambda fraction, note: None,
) -> list[dict[str, Any]]:
    """The cell problems at each slow point (m, k): one table per point.

    The grid grows until every effective entry changes by less than `tolerance` (or ends at n); each starts from the functions of the one before.
    Tables: "n", "grid", "functions" (modes (components, ...) on the grid), "effective" (with constants and the eigenvalue),
    "estimate" (its last change), "multipliers" (Fredholm, by function) and "before" (those of the coarser grid),
    "residual" (largest relative), "iterations".
    """
    results: list[dict[str, Any]] = [{} for _ in slow]
    active = list(range(len(slow)))
    for size in _sizes(forms, n):
        count = _chunk(forms, size)
        for start in range(0, len(active), count):
            chunk = active[start : start + count]
            report(1 - (len(active) - start) / len(slow), f"{size}^{len(forms.CELL)} points")
            cells = _solved(forms, size, slow[chunk], parameters, fields or {}, rtol, [results[k] for k in chunk])
            for position, k in enumerate(chunk):
                results[k] = _table(cells, position, results[k])
        active = active if n else [k for k in active if not settled(results[k], tolerance)]
        if not active:
            break
    return results


def settled(table: Mapping[str, Any], tolerance: float) -> bool:
    """Whether the last change of the effective entries is below the tolerance, or is rounding."""
    return bool(table["estimate"] <= max(tolerance, ROUNDING * max(map(abs, table["effective"].values()), default=0.0)))


def _solved(
    forms: Any, size: int, slow: np.ndarray, parameters: Mapping[str, float], fields: Fields, rtol: float, before: list[dict[str, Any]]
) -> Cells:
    """The cell problems on one grid, from the solutions before."""
    real = not forms.COMPLEX
    cells = Cells(forms, Grid(forms.CELL, size, real), slow, parameters, fields, rtol)
    if before[0]:
        guesses = [np.stack([cells.grid.refined(table["functions"][k], table["grid"]) for table in before]) for k in range(len(forms.FUNCTIONS))]
        return cells.run(np.array([table["effective"].get(("lambda0", ()), 0.0) for table in before]) if forms.EIGENVALUE else None, guesses)
    if not forms.EIGENVALUE:
        return cells.run()
    coarse = Grid(forms.CELL, DENSE[len(forms.CELL)], real)
    return cells.run(Cells(forms, coarse, slow, parameters, fields, rtol).dense_eigenvalue())


def _table(cells: Cells, position: int, before: dict[str, Any]) -> dict[str, Any]:
    values = {key: value[position] for key, value in cells.values.items()}
    change = max((abs(values[k] - before["effective"][k]) for k in values), default=0.0) if before else np.inf
    return {
        "n": cells.grid.n,
        "grid": cells.grid,
        "functions": [modes[position] for modes in cells.functions],
        "effective": values,
        "estimate": float(change),
        "multipliers": {name: float(value[position]) for name, value in cells.multipliers.items()},
        "before": before.get("multipliers", {}),
        "residual": float(cells.residual[position]),
        "iterations": max(cells.iterations, before.get("iterations", 0)),
    }


def _sizes(forms: Any, n: int | None) -> tuple[int, ...]:
    """Points per axis of the grids that are tried: two at least, for the estimate."""
    dim = len(forms.CELL)
    if n is None:
        return tuple(k for k in SIZES[dim] if k**dim * forms.COMPONENTS <= MAX_NUMBERS)
    chain = [3 * n // 5 | 1, n]
    while chain[0] > 45:
        chain.insert(0, 3 * chain[0] // 5 | 1)
    return tuple(chain)


def _chunk(forms: Any, size: int) -> int:
    """How many slow points are solved at once, so that what they need stays in memory."""
    vectors = 10 if forms.SYMMETRIC and forms.DEFINITE and not (forms.COMPLEX or forms.EIGENVALUE) else RESTART + 10
    numbers = forms.COEFFICIENTS + 64 + 2 * forms.COMPONENTS * (len(forms.FUNCTIONS) + vectors)
    return max(1, WORK // (numbers * size ** len(forms.CELL)))


def main(forms: Any) -> None:
    """Solve at the origin of the slow coordinates with all parameters 1, print the effective coefficients."""
    if forms.EXTERNALS:
        raise SystemExit(f"give the fields {', '.join(sorted({name for _, name, _, _ in forms.EXTERNALS}))}: solve_cells(..., fields=)")
    (result,) = solve_cells(forms, np.zeros((1, len(forms.SLOW))), dict.fromkeys(forms.PARAMETERS, 1.0), 1e-10)
    print(f"Fourier grid {result['n']}^{len(forms.CELL)}, change {result['estimate']:.1e}, residual {result['residual']:.1e}")
    for name, value in result["multipliers"].items():
        print(f"Fredholm multiplier of {name}: {value:.1e}")
    for (name, index), value in result["effective"].items():
        print(f"{name}{list(index)} = {value:.16g}")
