"""Mesh refinement with error estimates, the same for every finite element backend.

A level is one mesh; the next one has its cells halved along each axis (and twice the time steps).
Nothing but the results of a level is asked for, so that a backend provides one function:
(mesh, ...) -> result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...problem.errors import SolvabilityError, SolveError
from ...runtime.levels import (
    FEWEST,
    SAFETY,
    by_name,
    error_of_halving,
    estimate_entries,
    relative_estimate,
)
from ...runtime.mesh import Mesh, MeshFunction
from ...runtime.time_stepping import time_lines
from ..progress import Progress
from ..solution import Array, CellBatch, EffectiveKey
from .fitted_layout import CellLayout, FittedLayout, GivenLayout
from .grid_functions import GridSolution, relative_difference
from .layout import Meshes

EffectiveNumbers = Mapping[EffectiveKey, Array]
SolveLevel = Callable[[Mesh, Array | None, Callable[[float], None]], GridSolution]
"""(mesh, ends of the time steps, report) -> solution; it calls report(fraction) while it works."""

MAX_STEPS = 2**14

MARGIN = 2.0
"""The refinement goes on until the relative estimate is that much below the tolerance, which then
holds absolutely too for entries near 1.
"""

HIGHER = "h"
"""Name of the entries of the law beyond the homogenized equation."""

FREDHOLM_LIMIT = 1e-2
"""Relative defect of a right-hand side above which a cell problem has no solution; below, it may
come from the quadrature of a jump.
"""

POOR = 1e-2
"""An estimate above which a solution on a given mesh is in doubt though no tolerance was asked for.
"""

# Relative imbalance of the data of a problem that leaves its mean open that is rounding, or
# quadrature.
_BALANCED = 1e-6

# The order of the time steps.
_TIME_RATE = 4


def refine_cells(
    solve_level: Callable[[Mesh], CellBatch],
    layout: CellLayout,
    degree: int,
    tolerance: float,
    max_dofs: int,
    n: int | None,
    progress: Progress,
    label: str,
    components: int = 1,
    missed: Callable[[Mesh], float] = lambda mesh: 0.0,
    order: int = 2,
) -> CellBatch:
    """Solve the cell problems on finer and finer meshes until the effective entries are known to
    `tolerance`.

    The tolerance is relative to the largest entry of the same coefficient. The refinement stops
    before a mesh that would exceed `max_dofs`. `n` fixes the finest mesh, but for lines at jumps:
    then the coarser ones serve the estimate alone. `missed` is the relative error of the data on a
    mesh: no entry is known better. `order`: of the operator.
    The entries "h" of the higher law have no part in this: info["higher"] is their estimate.
    """
    start = time.perf_counter()
    limit = max_dofs // components
    levels = _cell_meshes(layout, degree, limit, n)
    history: list[EffectiveNumbers] = []
    with progress(label) as task:
        for k, mesh in enumerate(levels):
            batch = solve_level(mesh)
            history.append(batch.effective)
            data_error = 0.0
            if k + 1 == len(levels) or len(history) > 2:
                data_error = missed(mesh)
            if isinstance(layout, GivenLayout):
                errors = degree_errors(history, data_error)
            else:
                # An operator of order 2m costs the functions m orders, and the entries twice as
                # many.
                rate = degree + 1 - order // 2
                errors = entry_errors(_resolved(history, layout), rate, layout.erratic, data_error)
            estimate = relative_estimate(
                errors, batch.effective, by_name(errors, without=(HIGHER,))
            )
            task.update((k + 1) / len(levels), f"{mesh} cells, estimate {estimate:.1e}")
            # Two meshes may agree by accident, three hardly do.
            if n is None and len(history) > 2 and estimate <= tolerance / MARGIN:
                break
    _require_solvable(batch.info)
    info = {
        "seconds": time.perf_counter() - start,
        "size": components * mesh.count(degree),
        "cells": mesh.cells,
        "estimate": estimate,
        "data_error": data_error,
        "errors": {key: float(np.max(error)) for key, error in errors.items()},
    }
    if not estimate <= tolerance:
        option = "max_dofs="
        if n is not None:
            option = "n="
        info["advice"] = f"that is on {mesh} cells: raise {option}, or accept a larger tolerance="
    higher = {key: HIGHER for key in errors if key[0] == HIGHER}
    if higher:
        info["higher"] = relative_estimate(errors, batch.effective, higher)
    return replace(batch, info={**batch.info, **info})


def _require_solvable(info: Mapping[str, Any]) -> None:
    """SolvabilityError where a right-hand side has a mean that is no error of the
    discretization.
    """
    if info["fredholm"] > FREDHOLM_LIMIT:
        name = max(info["multipliers"], key=info["multipliers"].get)
        raise SolvabilityError(
            f"the right-hand side of the cell problem {name} has the mean {info['fredholm']:.2e}"
            " relative to its size, and must have none",
            term=name,
            remedy=(
                "the expansion needs another ansatz, or a coefficient is not what was declared (its"
                " mean, its period)"
            ),
        )


def entry_errors(
    history: Sequence[EffectiveNumbers], degree: int, erratic: bool = False, data_error: float = 0.0
) -> dict[EffectiveKey, Array]:
    """Absolute error estimate of each entry on the last level of `history`; see `estimate_entries`.

    Effective entries converge at twice the rate of the functions, 2 degree, for smooth
    coefficients. Jumps that the mesh does not meet make the changes `erratic`, and some are small
    by accident: there the rate is taken as 1. No entry is known better than `data_error` times the
    largest one of its coefficient. On two levels twice the change stands for the error.
    """
    rate = 2.0 ** (2 * degree)
    if erratic:
        rate = 2.0
    errors = estimate_entries(history, rate)
    if len(history) == 2:
        errors = {key: SAFETY * np.abs(history[1][key] - history[0][key]) for key in errors}
    return _at_least(errors, history[-1], data_error)


def _cell_meshes(layout: CellLayout, degree: int, limit: int, n: int | None) -> Sequence[Mesh]:
    """Those of the layout, or of `n` cells along the longest axis."""
    if n is None:
        return layout.levels(degree, limit)
    return layout.given(layout.divided(n))


def _resolved(
    history: Sequence[EffectiveNumbers], layout: CellLayout
) -> Sequence[EffectiveNumbers]:
    """Without the first mesh of triangles as soon as others are enough: it shows shapes by four
    triangles, and what vanishes by symmetry does not fall regularly from there."""
    if isinstance(layout, FittedLayout) and len(history) > FEWEST:
        return history[1:]
    return history


def degree_errors(
    history: Sequence[EffectiveNumbers], data_error: float = 0.0
) -> dict[EffectiveKey, Array]:
    """The same for elements of one degree more on each level: the last change, which is about the
    error of the level before; infinite on fewer than two levels.
    """
    last = history[-1]
    if len(history) == 1:
        return {key: np.full(np.shape(value), np.inf) for key, value in last.items()}
    errors = {key: np.abs(value - history[-2][key]) for key, value in last.items()}
    return _at_least(errors, last, data_error)


def _at_least(
    errors: Mapping[EffectiveKey, Array], values: EffectiveNumbers, data_error: float
) -> dict[EffectiveKey, Array]:
    """No entry is known better than the data."""
    sizes: dict[str, float] = {}
    for (name, _), value in values.items():
        sizes[name] = max(sizes.get(name, 0.0), float(np.max(np.abs(value))))
    return {key: np.maximum(error, data_error * sizes[key[0]]) for key, error in errors.items()}


def solve_on_mesh(
    solve_level: SolveLevel,
    layout: Meshes,
    degree: int,
    meshes: Sequence[Mesh],
    steps: int,
    progress: Progress,
    label: str,
    missed: Callable[[Mesh], float] = lambda mesh: 0.0,
    spans: Sequence[float] | None = None,
) -> GridSolution:
    """The solution on the last of `meshes` with `steps` time steps; info["estimate"] comes from
    those before it, with half the steps each.

    `spans`: see `time_lines`; None without a time. `missed` is the relative error of the data on a
    mesh: the solution is not known better.
    """
    start = time.perf_counter()
    changes = _Changes(_space_rate(layout, degree))
    done = 0.0
    with progress(label) as task:
        for k, mesh in enumerate(meshes):
            left = len(meshes) - 1 - k
            count = max(1, math.ceil(steps / 2**left))
            # A mesh of halved cells takes about five times as long, for the bar of progress.
            share = 0.8 / 5**left

            def report(
                fraction: float, mesh: Mesh = mesh, done: float = done, share: float = share
            ) -> None:
                task.update(done + share * fraction, f"{mesh} cells")

            changes.add(solve_level(mesh, _times(spans, count), report))
            done += share
        assert changes.last is not None
        solution = changes.last
        changes.require_balance()
        data_error = missed(meshes[-1])
        estimate = max(changes.error, data_error)
        task.update(1.0, f"{meshes[-1]} cells, estimate {estimate:.1e}")
    return _finished(solution, estimate, data_error, POOR, _times(spans, steps), start)


def refine_equation(
    solve_level: SolveLevel,
    layout: Meshes,
    degree: int,
    steps: int,
    tolerance: float,
    max_dofs: int,
    progress: Progress,
    label: str,
    missed: Callable[[Mesh], float] = lambda mesh: 0.0,
    spans: Sequence[float] | None = None,
) -> GridSolution:
    """Refine the mesh or, with time, the steps, whichever error is larger, until the sum of both
    errors is below `tolerance`.

    The estimates are relative, in L2, at the final time, for each component, from three meshes and
    from three numbers of steps at least. `steps` are those of the first mesh, in `spans` of which
    data are smooth (None without a time); `missed` is the relative error of the data on a mesh: the
    solution is not known better.
    The refinement stops before a mesh of more than `max_dofs` nodes, and before MAX_STEPS steps.
    """
    start = time.perf_counter()
    levels = layout.levels(degree, max_dofs)
    done = 0.0
    estimates: list[float] = []
    with progress(label) as task:

        def solve(mesh: Mesh, count: int) -> GridSolution:
            return solve_level(
                mesh,
                _times(spans, count),
                lambda fraction: task.update(done, f"{mesh} cells, {fraction:.0%}"),
            )

        solution = solve(levels[0], steps)
        parts = {"space": _Changes(_space_rate(layout, degree), solution)}
        if solution.times is not None:
            parts["time"] = _Changes(_TIME_RATE, solution)
        level = 0
        while True:
            possible = {"space": level + 1 < len(levels), "time": _fits(spans, 2 * steps)}
            # The larger error is the one to work on; one without an estimate comes before.
            worst = max(parts, key=lambda name: (not parts[name].settled, parts[name].error))
            if not possible[worst]:
                break
            if worst == "space":
                level += 1
            else:
                steps *= 2
            solution = solve(levels[level], steps)
            for name, changes in parts.items():
                if name == worst:
                    changes.add(solution)
                else:
                    changes.rebase(solution)
            estimates.append(sum(changes.error for changes in parts.values()))
            done = _share(estimates, tolerance)
            task.update(done, f"{levels[level]} cells, estimate {estimates[-1]:.1e}")
            if estimates[-1] <= tolerance and all(changes.settled for changes in parts.values()):
                break
    parts["space"].require_balance()
    data_error = missed(levels[level])
    estimate = max(sum(changes.error for changes in parts.values()), data_error)
    return _finished(solution, estimate, data_error, tolerance, _times(spans, steps), start)


def _times(spans: Sequence[float] | None, steps: int) -> Array | None:
    if spans is None:
        return None
    return time_lines(spans, steps)


def _fits(spans: Sequence[float] | None, steps: int) -> bool:
    times = _times(spans, steps)
    return times is not None and len(times) - 1 <= MAX_STEPS


def _space_rate(layout: Meshes, degree: int) -> int:
    """The rate at which solutions converge in L2 at most; 1 where jumps make the changes
    erratic.
    """
    if layout.erratic:
        return 1
    return degree + 1


@dataclass
class _Changes:
    """The relative changes along a sequence of solutions of which each has twice the resolution of
    the one before; `rate` at most.
    """

    rate: float
    last: GridSolution | None = None
    found: list[float] = field(default_factory=list)
    defects: list[float] = field(default_factory=list)

    def add(self, solution: GridSolution) -> None:
        if self.last is not None:
            self.found.append(equation_change(solution, self.last))
        self.defects.append(float(solution.info.get("defect", 0.0)))
        self.last = solution

    def rebase(self, solution: GridSolution) -> None:
        """Go on from a solution that differs in something else."""
        self.last = solution

    def require_balance(self) -> None:
        """SolveError where the imbalance of the data does not go away as the mesh is refined."""
        *before, last = self.defects
        if last > _BALANCED and not (before and last < before[-1] / 2):
            raise SolveError(
                "a problem that leaves its mean open has no solution for these data",
                term=f"source and boundary fluxes do not balance: relative defect {last:.1e}",
                remedy="they must balance, or a Dirichlet or Robin condition must hold the mean",
            )

    @property
    def settled(self) -> bool:
        """Whether there are the changes that an estimate needs: one may be small by accident."""
        return len(self.found) > 1

    @property
    def error(self) -> float:
        """The error of the last one; see `levels`."""
        return error_of_halving(self.found, self.rate)


def _share(estimates: Sequence[float], tolerance: float) -> float:
    """How far the estimates have come on their way to the tolerance, on the scale of logarithms."""
    known = [
        math.log(max(estimate / tolerance, 1.0))
        for estimate in estimates
        if math.isfinite(estimate)
    ]
    if not known:
        return 0.0
    if known[0] <= 0:
        return 1.0
    return max(0.0, 1.0 - known[-1] / known[0])


def _finished(
    solution: GridSolution,
    estimate: float,
    data_error: float,
    tolerance: float,
    times: Array | None,
    start: float,
) -> GridSolution:
    grid = solution.grid
    info: dict[str, Any] = {
        "seconds": time.perf_counter() - start,
        "size": solution.components * grid.mesh.count(grid.degree),
    }
    info |= {
        "cells": grid.mesh.cells,
        "estimate": estimate,
        "tolerance": tolerance,
        "data_error": data_error,
    }
    if times is not None:
        info["steps"] = len(times) - 1
    return replace(solution, info={**solution.info, **info})


def equation_change(fine: GridSolution, coarse: GridSolution) -> float:
    """||fine - coarse|| / ||fine|| in L2 at the final time; what decays in time is not measured by
    what is left of it.
    """
    return relative_difference(_final(fine), _final(coarse), fine.largest)


def _final(solution: GridSolution) -> MeshFunction:
    """The function at the final time."""
    if solution.times is None:
        return solution.grid
    return solution.grid[-1]
