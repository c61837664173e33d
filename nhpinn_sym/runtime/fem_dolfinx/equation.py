"""Boundary (and initial) value problems by DOLFINx, from emitted files of UFL forms, which `system`
assembles.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mpi4py import MPI as MPI  # before PETSc, which uses the library that it loads
from petsc4py import PETSc

from ..arrays import Array
from ..mesh import MeshFunction
from ..time_stepping import GAMMA, KeptStages, sdirk4
from .linear_solvers import Linear
from .system import System


class EquationProblem(System):
    """The equation of a `..._forms.py` on one mesh, solved.

    largest : after `evolve`, the largest absolute value of each component at any time
    """

    def solve(self) -> MeshFunction:
        """The solution of a stationary problem. Raises DivergedError.

        `defect` then is the relative imbalance of the data of a problem that leaves its mean open:
        there is no solution unless it vanishes, up to quadrature.
        """
        found = self.stationary()
        self.box.release()
        return self.grid(found)

    def evolve(
        self,
        times: Array,
        every: bool = True,
        report: Callable[[float], None] = lambda fraction: None,
        period: float | None = None,
    ) -> MeshFunction:
        """All levels at `times`, the first of which is 0, as a batch, or the last one alone;
        `period`: of the operator in time. Raises DivergedError.
        """
        evolution = Evolution(self, times, every, report, period)
        levels = evolution.levels()
        self.largest = np.max(self.box.comm.allgather(evolution.largest), axis=0)
        return self.grid(levels)


class Evolution:
    """The time steps of a system, between `times`; `report(fraction)` is called after each, and
    `period` is that of the operator in time.

    Dirichlet values g enter the stages by u' = g' and not as g(t): stages that mismatch the others
    at the boundary would cost an order.
    largest : the largest absolute value of each component so far, on this rank
    """

    def __init__(
        self,
        system: System,
        times: Array,
        every: bool,
        report: Callable[[float], None],
        period: float | None,
    ) -> None:
        self.system = system
        self.times = times
        self.every = every
        self.report = report
        self.moving = getattr(system.forms, "OPERATOR_VARIES", False)
        self.largest = np.zeros(system.components)
        self._levels: list[Array] = []
        self._linears: list[Linear] = []
        self._steady: Array | None = None
        self._kept: KeptStages[tuple[PETSc.Mat, PETSc.Mat], Callable[[Array], Array]]
        size = system.box.P.getSize()[1]
        self._kept = KeptStages(times, period, size, self.moving, self._drop)

    def levels(self) -> Array:
        """The owned dofs at all times, or at the last one, (levels, dofs)."""
        start = self.system.start()
        if self.every:
            self._levels.append(start)
        self.largest = self.system.sizes(start)
        sdirk4(
            lambda dt, t: self._kept.solver(dt, t, self._stage_solver),
            self._applied,
            self._forcing,
            start,
            self.times,
            self._after_step,
            self.moving,
            self.system.forms.SPANS,
        )
        self._drop()
        return np.array(self._levels)

    def _drop(self) -> None:
        """At once: the garbage collector sees small objects, not their factors."""
        for linear in self._linears:
            linear.destroy()
        self._linears.clear()

    def _matrices(self, t: float) -> tuple[PETSc.Mat, PETSc.Mat]:
        return self._kept.matrices(t, self.system.matrices)

    def _stage_solver(self, dt: float, t: float) -> Callable[[Array], Array]:
        """What gives the rate of a stage; at held dofs that of the Dirichlet data."""
        system = self.system
        mass, stiffness = self._matrices(t)
        stage = mass + (GAMMA * dt) * stiffness
        linear = system.linear_solver(system.box.reduced(stage))
        self._linears.append(linear)

        def solve(b: Array) -> Array:
            # At held dofs the load is g', the rate of the Dirichlet data, and the rate of u is
            # that.
            rate = system.vector_of(np.where(system.box.held, b, 0.0))
            free = linear(system.box.restricted(system.vector_of(b) - stage * rate))
            return np.asarray((system.box.P * free + rate).array)

        return solve

    def _applied(self, u: Array, t: float) -> Array:
        """The stiffness times u, in the rows of free dofs."""
        _, stiffness = self._matrices(t)
        product = (stiffness * self.system.vector_of(u)).array
        return np.where(self.system.box.held, 0.0, product)

    def _forcing(self, t: float) -> Array:
        """Computed once where nothing in it depends on time."""
        if not self.system.forms.STEADY:
            return self.system.forcing(t)
        if self._steady is None:
            self._steady = self.system.forcing(0.0)
        return self._steady

    def _after_step(self, step: int, t: float, u: Array) -> None:
        system = self.system
        last = len(self.times) - 1
        if system.dirichlet_varies:  # rates know nothing of jumps
            held = system.box.held
            u[held] = system.essential(t)[held]
        if self.every or step == last:
            self._levels.append(u)
        # Kept for errors in time, which are relative to the largest value at any time.
        np.maximum(self.largest, system.sizes(u), out=self.largest)
        system.box.release()
        self.report(step / last)
