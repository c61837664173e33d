"""Boundary (and initial) value problems of emitted scikit-fem forms, which `system` assembles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps

from ..arrays import Array
from ..mesh import MeshFunction
from ..time_stepping import GAMMA, KeptStages, sdirk4
from .hermite_space import space_on as space_on
from .linear_solvers import linear_solver
from .space import Data, FunctionSpace
from .space import (
    Space as Space,
)
from .system import System, block


class EquationResult(NamedTuple):
    """`grid` has no batch axes, and there are no times, for a stationary problem.

    With time the grid's batch runs along the `times`, and `largest` holds the largest absolute
    value of each component at any time.
    Where there are several components, their axis is the last one of the batch. `defect` is the
    relative imbalance of the data of a problem that leaves its mean open: there is no solution
    unless it vanishes, up to quadrature.
    """

    grid: MeshFunction
    times: Array | None
    method: str
    largest: Array | None
    defect: float


def solve_equation(
    forms: Any,
    space: FunctionSpace,
    data: Data,
    times: Array | None = None,
    keep: bool = True,
    report: Callable[[float], None] = lambda fraction: None,
    period: float | None = None,
) -> EquationResult:
    """Solve the equation of `forms`, with time by steps between `times`, the first of which is 0;
    the times of the result are all of them if `keep`, otherwise the final one alone. `period`: of
    the operator in time.

    `report(fraction)` is called after each step. RuntimeError where there is no usable solution.
    """
    system = System(forms, space, data)
    if times is None:
        values, method = system.stationary()
        return EquationResult(system.grid(values), None, method, None, system.defect)
    evolution = Evolution(system, times, keep, report, period)
    levels = evolution.levels()
    kept = times if keep else times[-1:]
    return EquationResult(system.grid(levels), kept, evolution.method, evolution.largest, 0.0)


class _Matrices(NamedTuple):
    """Mass and stiffness at one time: of the free unknowns, and of the fixed ones in their rows."""

    m: sps.csr_matrix
    k: sps.csr_matrix
    m_fixed: sps.csr_matrix
    k_fixed: sps.csr_matrix


class Evolution:
    """The time steps of a system, between `times`; `report(fraction)` is called after each, and
    `period` is that of the operator in time.

    largest : the largest absolute value of each component so far
    """

    def __init__(
        self,
        system: System,
        times: Array,
        keep: bool,
        report: Callable[[float], None],
        period: float | None,
    ) -> None:
        self.system = system
        self.times = times
        self.keep = keep
        self.report = report
        self.moving = getattr(system.forms, "OPERATOR_VARIES", False)
        self.largest = np.zeros(system.components)
        self.method = ""
        self._levels: list[Array] = []
        self._kept: KeptStages[_Matrices, Callable[[Array], Array]]
        self._kept = KeptStages(times, period, len(system.free), self.moving)

    def levels(self) -> Array:
        """The unknowns at all times, or at the last one, (levels, unknowns)."""
        start = self.system.start()
        self._after_step(0, 0.0, start)
        sdirk4(
            lambda dt, t: self._kept.solver(dt, t, self._stage_solver),
            self._applied,
            self._load,
            start,
            self.times,
            self._after_step,
            self.moving,
            self.system.forms.SPANS,
        )
        self.method += ", sdirk4"
        return np.array(self._levels)

    def _matrices(self, t: float) -> _Matrices:
        return self._kept.matrices(t, self._assembled)

    def _assembled(self, t: float) -> _Matrices:
        system = self.system
        mass = system.mass_at(t)
        stiffness = system.stiffness_at(t) if t else system.stiffness
        return _Matrices(
            block(mass, system.free, system.free),
            block(stiffness, system.free, system.free),
            block(mass, system.free, system.fixed),
            block(stiffness, system.free, system.fixed),
        )

    def _stage_solver(self, dt: float, t: float) -> Callable[[Array], Array]:
        """What gives the rate of a stage; at fixed unknowns that of the essential data."""
        system = self.system
        own = self._matrices(t)
        matrix = (own.m + GAMMA * dt * own.k).tocsr()
        beside = own.m_fixed + GAMMA * dt * own.k_fixed
        inner, self.method = linear_solver(
            matrix, system.space.dim, reuse=True, smooth=system.motions
        )

        def solve(b: Array) -> Array:
            rate = b.copy()
            rate[system.free] = inner(b[system.free] - beside @ b[system.fixed])
            return rate

        return solve

    def _applied(self, w: Array, t: float) -> Array:
        """The stiffness times w, in the rows of free unknowns."""
        system = self.system
        own = self._matrices(t)
        result = np.zeros_like(w)
        result[system.free] = own.k @ w[system.free] + own.k_fixed @ w[system.fixed]
        return result

    def _load(self, t: float) -> Array:
        """Essential data g enter the stages by w' = g' and not as g(t): stages that mismatch the
        others at the boundary would cost an order.
        """
        result = self.system.load(t).copy()
        result[self.system.fixed] = self.system.essential(t, rate=True)
        return result

    def _after_step(self, step: int, t: float, w: Array) -> None:
        # Rates know nothing of jumps of the data.
        w[self.system.fixed] = self.system.essential(t)
        if not self.keep:
            self._levels.clear()
        self._levels.append(w)
        sizes = np.abs(w.reshape(-1, self.system.components)).max(axis=0)
        np.maximum(self.largest, sizes, out=self.largest)
        self.report(step / (len(self.times) - 1))
