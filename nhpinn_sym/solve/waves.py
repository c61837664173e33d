"""Equations of second order in time as systems of first order: u_t = w, and w_t for u_tt.

The solvers step systems with u_t by an L-stable method of order 4, or fit them in space and time;
of their solutions the displacement u is kept. A homogenized wave equation is one with constant
coefficients, and solved in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..derive.model import HomogenizedModel
from ..lower.forms import MultiIndex
from ..lower.walls import lower_walls
from ..operator.sampling import sampler, slow_ranges
from ..operator.table import Operator
from ..problem.conditions import (
    Clamped,
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Periodic,
    fields_of,
)
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..runtime.tensor_grids import tensor_points
from .exports import SolutionExtent
from .solution import Array, Solution, Told
from .solution_file import read_solution, solution_data

# Time steps of the method of order 4, so that half of them still say something of the error.
_STEPS_A_PERIOD = 40
# In all, however short the time is.
_FEWEST = 64
# Points along an axis of the cell at which the wave speed is looked at.
_SAMPLES = {1: 64, 2: 24, 3: 10}
# Entries that are no terms of the homogenized equation.
_OTHER = ("drift", "lambda0", "h")


def is_wave(problem: MultiscaleProblem) -> bool:
    """Whether every unknown has a second time derivative, and none a higher one."""
    return set(problem.time_orders) == {2}


def first_order_in_time(problem: MultiscaleProblem) -> MultiscaleProblem:
    """The system of u and w = u_t: u_t - w = 0, and the equation with w in the place of u_t."""
    scales, t = problem.scales, problem.scales.t
    velocities = {u: _velocity(u) for u in problem.unknowns}

    def put(node: sp.Derivative) -> sp.Expr:
        orders = dict(node.variable_count)
        orders[t] -= 1
        left = [(v, n) for v, n in orders.items() if n]
        velocity = velocities[node.expr]
        if left:
            return sp.Derivative(velocity, *left, evaluate=False)
        return velocity

    def rates(node: sp.Basic) -> bool:
        known = isinstance(node, sp.Derivative) and node.expr in velocities
        return known and t in dict(node.variable_count)

    accelerated = [e.replace(rates, put) for e in problem.equations]
    kinematic = [scales.dt(u) - w for u, w in velocities.items()]
    return problem.replaced(
        [(e, 0) for e in (*kinematic, *accelerated)],
        unknown=[*velocities, *velocities.values()],
        boundary=_boundary(problem, velocities),
        initial=[
            Initial(problem.data(problem.starts[order, j], "value", j), unknown=field)
            for j, pair in enumerate(velocities.items())
            for order, field in enumerate(pair)
        ],
        # Their matrix is that of the displacements.
        contacts=None,
    )


def steps_of_wave(operator: Operator, eps: float) -> int:
    """Time steps that follow waves as short as the period: so many to each of their periods."""
    problem = operator.problem
    assert problem.final_time is not None
    wavelength = eps * min(map(float, problem.cell.lengths))
    periods = float(problem.final_time) * _fastest(operator) / wavelength
    return max(_FEWEST, math.ceil(_STEPS_A_PERIOD * periods))


def _fastest(operator: Operator) -> float:
    """The speed of waves in the stiffest place, with the least density of any place."""
    count = _SAMPLES[len(operator.axes)]
    # Midpoints: planes at which data jump are often at simple shares of the cell.
    shares = (np.arange(count) + 0.5) / count
    y = tensor_points([a + (b - a) * shares for a, b in operator.cell.bounds])
    middle = {v: sum(ends) / 2 for v, ends in slow_ranges(operator).items()}
    stiff = [c for t, c in operator.terms() if sum(t.left) == 1 and sum(t.right) == 1]
    heavy = [c for t, c in operator.terms() if t.right[-1] == 2]
    values = np.abs(sampler([*stiff, *heavy], operator)(list(y.T), middle))
    stiffness = values[: len(stiff)].max()
    density = values[len(stiff) :].min()
    return float(np.sqrt(stiffness / density))


def check_homogenized_wave(model: HomogenizedModel) -> None:
    """UnsupportedError for a ground state, a mean drift, and conditions that hold the phase of a
    wall.
    """
    special = {
        "a ground state": model.eigenvalue is not None,
        "a mean drift of order 1/eps": bool(model.frame),
        "a natural condition that holds the phase of the wall": bool(lower_walls(model)[1]),
    }
    for what in (name for name, there in special.items() if there):
        raise UnsupportedError(
            f"the homogenized equation of a wave with {what}",
            term=model.title,
            remedy="its effective coefficients are in solve_cells(model).effective",
        )


@dataclass(frozen=True, eq=False, repr=False)
class Displacement(Solution):
    """u of the system of u and u_t, whose `count` components come first."""

    kind: ClassVar[str] = "displacement"

    system: Solution
    count: int

    @property
    def extent(self) -> SolutionExtent:
        return self.system.extent

    @property
    def lines(self) -> tuple[Array, ...]:
        """Of the mesh of the system."""
        return self.system.lines

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        found = np.asarray(self.system.evaluate(points, indices, t))[..., : self.count]
        if self.count == 1:
            return found[..., 0]
        return found

    def state(self) -> dict[str, Any]:
        return {"system": solution_data(self.system), "count": self.count}

    @classmethod
    def from_state(cls, told: Told, state: Mapping[str, Any]) -> Displacement:
        """The solution that `state` came from."""
        return cls(*told, read_solution(state["system"]), int(state["count"]))


def displacement(system: Solution, count: int) -> Displacement:
    """The part of a solution of `first_order_in_time` that is asked for."""
    return Displacement(system.backend, system.method, system.info, system, count)


def _velocity(u: AppliedUndef) -> AppliedUndef:
    return sp.Function(f"{u.func.__name__}_t")(*u.args)


def _boundary(
    problem: MultiscaleProblem, velocities: dict[AppliedUndef, AppliedUndef]
) -> list[Condition]:
    """Conditions of u and of its velocity. Fluxes stand in the equation of the velocity, and are
    lowered from the problem itself: here they only have their place.
    """
    found: list[Condition] = []
    pairs = list(velocities.items())
    for condition in problem.boundary:
        if isinstance(condition, Periodic):
            found.append(condition)
            continue
        for j in fields_of(condition, problem.unknowns):
            u, w = pairs[j]
            if isinstance(condition, (Dirichlet, Clamped)):
                value = problem.data(condition, "value", j)
                rate = sp.diff(value, problem.scales.t)
                found.append(type(condition)(value, on=condition.on, unknown=u))
                found.append(type(condition)(rate, on=condition.on, unknown=w))
            else:
                on = getattr(condition, "on", None)
                found += [Neumann(0, on=on, unknown=u), Neumann(0, on=on, unknown=w)]
    return found
