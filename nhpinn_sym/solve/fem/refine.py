"""Mesh refinement with error estimates, the same for every finite element backend.

A level is one uniform mesh; the next one has twice the cells along each axis (and twice the time steps). Nothing but
the results of a level is asked for, so that a backend provides one function: (cells, ...) -> result.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...emit.runtime.lagrange_grid import LagrangeGrid
from ...problem.errors import SolvabilityError, ToleranceWarning
from ..progress import Progress
from ..solution import Array, CellBatch, EffectiveKey
from .common import GridSolution, relative_difference

Cells = tuple[int, ...]
Bounds = tuple[tuple[float, float], ...]
Effective = Mapping[EffectiveKey, Array]
SolveLevel = Callable[[Cells, int, Callable[[float], None]], GridSolution]
"""(cells, time steps, report) -> solution; it calls report(fraction) while it works."""

MAX_STEPS = 2**14

SAFETY = 2.0
"""Factor on the extrapolated errors of effective entries, which are right only asymptotically."""

MARGIN = 2.0
"""The refinement goes on until the relative estimate is that much below the tolerance, which then holds absolutely too for entries near 1."""

HIGHER = "h"
"""Name of the entries of the law beyond the homogenized equation."""

FREDHOLM_LIMIT = 1e-2
"""Relative defect of a right-hand side above which a cell problem has no solution; below, it may come from the quadrature of a jump."""


def base_cells(bounds: Bounds, n: int) -> Cells:
    """n cells along the longest axis, about square cells, at least two along each axis."""
    lengths = [b - a for a, b in bounds]
    return tuple(max(2, round(n * length / max(lengths))) for length in lengths)


def count_dofs(cells: Cells, degree: int) -> int:
    """Nodes of the Lagrange lattice."""
    return math.prod(n * degree + 1 for n in cells)


def refine_cells(solve_level: Callable[[Cells], CellBatch], bounds: Bounds, degree: int, tolerance: float, max_dofs: int, n: int | None,
                 progress: Progress, label: str, jumps: bool = False, components: int = 1) -> CellBatch:
    """Solve the cell problems on finer and finer meshes until the effective entries are known to `tolerance`.

    The tolerance is relative to the largest entry of the same coefficient; `jumps` says that coefficients jump. Where the next mesh would
    exceed `max_dofs` the best answer comes with a ToleranceWarning. `n` fixes the finest mesh: then the coarser ones serve the estimate
    alone, and no warning is given. The entries "h" of the higher law have no part in this: info["higher"] is their estimate.
    """
    start = time.perf_counter()
    levels = _levels(bounds, degree, max_dofs // components, n)
    history: list[Effective] = []
    with progress(label) as task:
        for k, cells in enumerate(levels):
            batch = solve_level(cells)
            history.append(batch.effective)
            errors = entry_errors(history, degree, jumps)
            estimate = _largest_relative(errors, batch.effective, [key for key in errors if key[0] != HIGHER])
            task.update((k + 1) / len(levels), f"{_size(cells)} cells, estimate {estimate:.1e}")
            if n is None and len(history) > 2 and estimate <= tolerance / MARGIN:
                break
    _require_solvable(batch.info)
    if n is None and estimate > tolerance:
        _warn(label, estimate, tolerance, cells)
    info = {"seconds": time.perf_counter() - start, "size": components * count_dofs(cells, degree), "cells": cells, "estimate": estimate,
            "errors": {key: float(np.max(error)) for key, error in errors.items()}}
    higher = [key for key in errors if key[0] == HIGHER]
    info |= {"higher": _largest_relative(errors, batch.effective, higher)} if higher else {}
    return replace(batch, info={**batch.info, **info})


def _require_solvable(info: Mapping[str, Any]) -> None:
    """SolvabilityError where a right-hand side has a mean that is no error of the discretization."""
    if info["fredholm"] > FREDHOLM_LIMIT:
        name = max(info["multipliers"], key=info["multipliers"].get)
        raise SolvabilityError(f"the right-hand side of the cell problem {name} has the mean {info['fredholm']:.2e} relative to its size, "
                               "and must have none", term=name,
                               remedy="the expansion needs another ansatz, or a coefficient is not what was declared (its mean, its period)")


def entry_errors(history: Sequence[Effective], degree: int, jumps: bool = False) -> dict[EffectiveKey, Array]:
    """Absolute error estimate of each entry on the last level of `history`: twice its change / (2^rate - 1).

    Effective entries converge at twice the rate of the functions, 2 degree, for smooth coefficients; a lower rate counts where the last
    three changes show it, but at least 1. Jumps that the mesh does not meet make the changes erratic, and some are small by accident:
    there the rate is taken as 1. The change is the largest of the three, each scaled to the last level by that rate.
    """
    errors = {}
    for key, value in history[-1].items():
        changes = np.abs(np.diff([level[key] for level in history[-4:]], axis=0))
        if not len(changes):
            errors[key] = np.full_like(value, np.inf)
            continue
        ratio = np.full_like(value, 2.0 if jumps else 2.0 ** (2 * degree))
        for before, after in pairwise(changes):
            ratio = np.clip(np.divide(before, after, out=ratio.copy(), where=after > 0), 2.0, ratio)
        scaled = [change / ratio**k for k, change in enumerate(changes[::-1])]
        errors[key] = SAFETY * np.max(scaled, axis=0) / (ratio - 1)
    return errors


def _largest_relative(errors: Effective, effective: Effective, keys: Sequence[EffectiveKey]) -> float:
    """Largest error of `keys`, each over the largest entry of its coefficient.

    A coefficient that vanishes to rounding, or no entry of which is above its own error, is measured by the others.
    """
    scales: dict[str, float] = {}
    seen: set[str] = set()
    for name, index in keys:
        value, error = np.abs(effective[name, index]), errors[name, index]
        scales[name] = max(scales.get(name, 0.0), float(np.max(value)))
        seen |= {name} if np.any(value > error) else set()
    whole = max(scales.values(), default=0.0) or 1.0
    scales = {name: max(scale, 1e-6 * whole) if name in seen else whole for name, scale in scales.items()}
    return max((float(np.max(errors[key])) / scales[key[0]] for key in keys), default=0.0)


def solve_on_mesh(solve_level: SolveLevel, cells: Cells, steps: int, progress: Progress, label: str) -> GridSolution:
    """The solution on `cells` with `steps` time steps; info["estimate"] comes from a solve with half of both."""
    start = time.perf_counter()
    half = tuple(max(1, (n + 1) // 2) for n in cells)
    with progress(label) as task:
        coarse = solve_level(half, max(1, (steps + 1) // 2), lambda fraction: task.update(0.2 * fraction, f"{_size(half)} cells"))
        fine = solve_level(cells, steps, lambda fraction: task.update(0.2 + 0.8 * fraction, f"{_size(cells)} cells"))
        estimate = equation_error(fine, coarse, min(n / k for n, k in zip(cells, half, strict=True)))
        task.update(1.0, f"{_size(cells)} cells, estimate {estimate:.1e}")
    return _finished(fine, estimate, steps, start)


def refine_equation(solve_level: SolveLevel, bounds: Bounds, degree: int, steps: int, tolerance: float, max_dofs: int, progress: Progress,
                    label: str) -> GridSolution:
    """Refine the mesh or, with time, the steps, whichever error is larger, until the sum of both errors is below `tolerance`.

    The estimates are relative, in L2, at the final time, for each component. `steps` are those of the first mesh. Where the next mesh
    would exceed `max_dofs` nodes, or the next steps MAX_STEPS, the best solution comes with a ToleranceWarning.
    """
    start, cells, done, history = time.perf_counter(), base_cells(bounds, 8), 0.0, [math.inf]
    with progress(label) as task:

        def solve(mesh: Cells, count: int) -> GridSolution:
            return solve_level(mesh, count, lambda fraction: task.update(done, f"{_size(mesh)} cells, {fraction:.0%}"))

        solution = solve(cells, steps)
        errors = {"space": math.inf} if solution.times is None else {"space": math.inf, "time": math.inf}
        while history[-1] > tolerance:
            part = max(errors, key=lambda key: errors[key])
            finer = (tuple(2 * n for n in cells), steps) if part == "space" else (cells, 2 * steps)
            if count_dofs(finer[0], degree) > max_dofs or finer[1] > MAX_STEPS:
                break
            before, (cells, steps) = solution, finer
            solution = solve(cells, steps)
            errors[part] = equation_error(solution, before, 2)
            history.append(sum(errors.values()))
            done = _share(history, tolerance)
            task.update(done, f"{_size(cells)} cells, estimate {history[-1]:.1e}")
    if history[-1] > tolerance:
        _warn(label, history[-1], tolerance, cells)
    return _finished(solution, history[-1], steps, start)


def _share(estimates: Sequence[float], tolerance: float) -> float:
    """How far the estimates have come on their way to the tolerance, on the scale of logarithms."""
    known = [math.log(max(estimate / tolerance, 1.0)) for estimate in estimates if math.isfinite(estimate)]
    return max(0.0, 1.0 - known[-1] / known[0]) if known and known[0] > 0 else float(bool(known))


def _finished(solution: GridSolution, estimate: float, steps: int, start: float) -> GridSolution:
    grid = solution.grid
    info: dict[str, Any] = {"seconds": time.perf_counter() - start, "size": solution.components * count_dofs(grid.cells, grid.degree)}
    info |= {"cells": grid.cells, "estimate": estimate}
    if solution.times is not None:
        info["steps"] = steps
    return replace(solution, info={**solution.info, **info})


def equation_error(fine: GridSolution, coarse: GridSolution, ratio: float) -> float:
    """Relative L2 error of `fine` at the final time: the difference / (ratio^2 - 1).

    `ratio` is that of the cell sizes or time steps. Rate 2 is cautious: for smooth data it is 3 in space (degree 2) and 4 in time.
    """
    return relative_difference(_final(fine), _final(coarse)) / (ratio**2 - 1) if ratio > 1 else math.inf


def _final(solution: GridSolution) -> LagrangeGrid:
    """The function at the final time."""
    return solution.grid if solution.times is None else replace(solution.grid, values=solution.grid.values[-1])


def _levels(bounds: Bounds, degree: int, max_dofs: int, n: int | None) -> list[Cells]:
    """The meshes to try, coarsest first: up to `n` cells along the longest axis, or as many as `max_dofs` allows (two at least)."""
    if n is not None:
        return list(dict.fromkeys(base_cells(bounds, math.ceil(n / 2**k)) for k in (2, 1, 0)))
    levels = [base_cells(bounds, 8)]
    while len(levels) < 2 or count_dofs(tuple(2 * k for k in levels[-1]), degree) <= max_dofs:
        levels.append(tuple(2 * k for k in levels[-1]))
    return levels


def _size(cells: Cells) -> str:
    return "x".join(str(k) for k in cells)


def _warn(label: str, estimate: float, tolerance: float, cells: Cells) -> None:
    warnings.warn(ToleranceWarning(f"{label}: estimated error {estimate:.1e} on {_size(cells)} cells is above the tolerance {tolerance:.1e}; "
                                   "raise max_dofs=, or accept a larger tolerance="), stacklevel=2)
