"""Boundary value problems on finer and finer meshes, and with more and more time steps.

A level is one mesh; the next one has its cells halved along each axis, or twice the time steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...problem.errors import SolveError
from ...runtime.fitted.domain_mesh import RegionMesh
from ...runtime.levels import SAFETY, error_of_halving
from ...runtime.mesh import Mesh, MeshFunction
from ...runtime.time_stepping import time_lines
from ..progress import Progress
from ..solution import Array
from .grid_functions import GridSolution, relative_difference
from .layout import Meshes
from .pace import Pace

SolveLevel = Callable[[Mesh, Array | None, Callable[[float], None]], GridSolution]
"""(mesh, ends of the time steps, report) -> solution; it calls report(fraction) while it works."""
MAX_STEPS = 2**14
POOR = 1e-2
"""An estimate above which a solution on a given mesh is in doubt though no tolerance was asked for.
"""
# Relative imbalance of the data of a problem that leaves its mean open that is rounding, or
# quadrature.
_BALANCED = 1e-6
# The order of the time steps.
_TIME_RATE = 4


def _unmissed(mesh: Mesh) -> float:
    """No error of data."""
    return 0.0


def _cells(mesh: Mesh) -> str:
    return f"{mesh} cells"


@dataclass(frozen=True)
class EquationLevels:
    """A boundary value problem on meshes of `layout`, for elements of one degree.

    missed : the relative error of the data on a mesh: the solution is not known better
    spans  : between which data are smooth in time, see `time_lines`; None without a time
    told   : what a solve on a mesh takes, in words
    order  : that of errors at most, of mesh and steps, where the equation is not smooth
    """

    solve: SolveLevel
    layout: Meshes
    degree: int
    progress: Progress
    label: str
    missed: Callable[[Mesh], float] = _unmissed
    spans: Sequence[float] | None = None
    told: Callable[[Mesh], str] = _cells
    order: float = math.inf

    def solved_on(self, meshes: Sequence[Mesh], steps: int) -> GridSolution:
        """The solution on the last of `meshes` with `steps` time steps; info["estimate"] comes from
        those before it, with half the steps each.
        """
        start = time.perf_counter()
        changes = _Changes(self._space_rate(meshes[0]))
        counts = [max(1, math.ceil(steps / 2**left)) for left in reversed(range(len(meshes)))]
        sizes = [self._size(m, n) for m, n in zip(meshes, counts, strict=True)]
        with self.progress(self.label) as task:
            pace = Pace()
            for k, mesh in enumerate(meshes):

                def report(fraction: float, k: int = k) -> None:
                    task.update(pace.done(sizes[k:], fraction), self.told(meshes[k]))

                report(0.0)
                begun = time.perf_counter()
                changes.add(self.solve(mesh, self._times(counts[k]), report))
                pace.add(sizes[k], time.perf_counter() - begun)
            assert changes.last is not None
            changes.require_balance()
            error = changes.error
            if self.spans is not None and steps == 1:  # half of it is no step
                one, two = (self.solve(meshes[0], self._times(n), untold) for n in (1, 2))
                error += SAFETY * equation_change(two, one)
            data_error = self.missed(meshes[-1])
            estimate = max(error, data_error)
            task.update(1.0, f"{meshes[-1]} cells, estimate {estimate:.1e}")
        return _finished(changes.last, estimate, data_error, POOR, self._times(steps), start)

    def refined(
        self, steps: int, tolerance: float, max_dofs: int, most: float = math.inf
    ) -> GridSolution:
        """Refine the mesh or, with time, the steps, whichever error is larger, until the sum of
        both errors is below `tolerance`.

        The estimates are relative, in L2, at the final time, for each component, from three meshes
        and from three numbers of steps at least. `steps` are those of the first mesh. The
        refinement stops before a mesh of more than `max_dofs` nodes, before MAX_STEPS steps, and
        before a solve of more than `most` nodes times steps.
        """
        start = time.perf_counter()
        levels = self.layout.levels(self.degree, max_dofs)
        ahead: list[float] = []
        with self.progress(self.label) as task:
            pace = Pace()

            def solve(mesh: Mesh, count: int) -> GridSolution:
                size = self._size(mesh, count)
                left = [size, *ahead[1:]]

                def report(fraction: float) -> None:
                    task.update(pace.done(left, fraction), f"{self.told(mesh)}, {fraction:.0%}")

                report(0.0)
                begun = time.perf_counter()
                found = self.solve(mesh, self._times(count), report)
                pace.add(size, time.perf_counter() - begun)
                return found

            solution = solve(levels[0], steps)
            parts = {"space": _Changes(self._space_rate(levels[0]), solution)}
            if solution.times is not None:
                parts["time"] = _Changes(min(_TIME_RATE, self.order), solution)
            level = 0
            while True:
                # The larger error is the one to work on; one without an estimate comes before.
                worst = max(parts, key=lambda name: (not parts[name].settled, parts[name].error))
                further = self._further(worst, level, steps)
                if not self._possible(*further, levels, most):
                    break
                level, steps = further
                solution = solve(levels[level], steps)
                for name, changes in parts.items():
                    if name == worst:
                        changes.add(solution)
                    else:
                        changes.rebase(solution)
                error = sum(changes.error for changes in parts.values())
                ahead = [
                    self._size(levels[k], n)
                    for k, n in self._ahead(parts, level, steps, tolerance)
                    if self._possible(k, n, levels, most)
                ]
                done = pace.done(ahead) if math.isfinite(error) else 0.0
                task.update(done, f"{levels[level]} cells, estimate {error:.1e}")
                if error <= tolerance and all(c.settled for c in parts.values()):
                    break
        parts["space"].require_balance()
        data_error = self.missed(levels[level])
        estimate = max(sum(changes.error for changes in parts.values()), data_error)
        return _finished(solution, estimate, data_error, tolerance, self._times(steps), start)

    def _further(self, part: str, level: int, steps: int) -> tuple[int, int]:
        """The level and the steps where the error of this part is smaller."""
        if part == "space":
            return level + 1, steps
        return level, 2 * steps

    def _possible(self, level: int, steps: int, levels: Sequence[Mesh], most: float) -> bool:
        if level >= len(levels):
            return False
        return self._fits(steps) and self._size(levels[level], steps) <= most

    def _ahead(
        self, parts: Mapping[str, _Changes], level: int, steps: int, tolerance: float
    ) -> Iterator[tuple[int, int]]:
        """Levels and steps of the solves that are left, if errors fall at their rates."""
        errors = {name: changes.error for name, changes in parts.items()}
        while tolerance < sum(errors.values()) < math.inf:
            worst = max(errors, key=lambda name: errors[name])
            errors[worst] /= 2 ** parts[worst].rate
            level, steps = self._further(worst, level, steps)
            yield level, steps

    def _size(self, mesh: Mesh, steps: int) -> float:
        """The unknowns of one field, times the time steps."""
        times = self._times(steps)
        return float(mesh.count(self.degree) * (1 if times is None else len(times) - 1))

    def _times(self, steps: int) -> Array | None:
        return None if self.spans is None else time_lines(self.spans, steps)

    def _fits(self, steps: int) -> bool:
        times = self._times(steps)
        return times is None or len(times) - 1 <= MAX_STEPS

    def _space_rate(self, mesh: Mesh) -> float:
        """The rate at which solutions converge in L2 at most; 1 where jumps make the changes
        erratic, and from degree to degree on one mesh, where a corner leaves a power of the degree.
        """
        if self.layout.erratic or (isinstance(mesh, RegionMesh) and mesh.degree is not None):
            return 1
        return min(self.degree + 1, self.order)


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


def untold(fraction: float) -> None:
    """No progress of what takes no time."""


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
