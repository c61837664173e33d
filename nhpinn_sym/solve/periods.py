"""The periods of a problem at a given eps: how many the domain holds, and the mesh and the time
steps that resolve them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from ..operator.table import Operator
from ..problem.domain import Box, Cell
from ..problem.errors import (
    BoundaryConditionError,
    ProblemError,
    SolveError,
    shortened,
    warn_tolerance,
)
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import number_from_text, positive_integer, positive_number
from .backends import BACKENDS

# Mesh cells per period and axis, by the dimension: in 1D and 2D the error of quadratic elements is
# then far below any error of homogenization; in 3D it is what fits into memory.
_PER_PERIOD = {1: 64, 2: 16, 3: 6}
# Below that a period is not resolved at all.
_FEWEST_PER_PERIOD = 4
# Mesh cells along an axis, however few periods there are: boundary data want some, too.
_FEWEST_CELLS = {1: 64, 2: 32, 3: 8}
# Largest number of mesh cells, times scalar unknowns, that `solve_fine` takes by itself.
MAX_CELLS = 300_000
# Up to this factor above it, it warns with fewer cells per period; beyond, it refuses.
_TOO_MANY = 4
# Time steps to a period of tau; the estimate has half of them.
_STEPS_PER_PERIOD = 24
_FEWEST_STEPS = 64
# Time steps that `solve_fine` takes by itself: each has five factorizations where the operator
# depends on time.
_MOST_STEPS = 2**14
# In a region that is no box, along each axis.
_FEWEST_PERIODS = 2
# Up to rounding: a domain holds a whole number of periods.
_WHOLE = 1e-9


def number_expression(eps: Any) -> sp.Expr:
    """A number, also as text, as an expression: 1/8 stays a fraction. ValueError or SympifyError
    for anything else.
    """
    if isinstance(eps, str):
        return number_from_text(eps)
    return sp.sympify(eps, strict=True)


def positive_eps(eps: object, name: str = "eps") -> float:
    """eps, or another small number called `name`, as a positive float; ProblemError otherwise."""
    remedy = f"write {name}=1/8 or sp.Rational(1, 8)"
    try:
        number = number_expression(eps)
    except Exception as cause:  # of any kind: SymPy asks the methods of a foreign object
        raise ProblemError(
            f"{name} is a positive number", term=shortened(eps), remedy=remedy
        ) from cause
    return float(positive_number(number, ProblemError, name, remedy))


def shortest_periods(problem: MultiscaleProblem, eps: float) -> tuple[float, ...]:
    """How many periods of the finest scale the domain holds along each axis: of x/eps along an axis
    on which nothing varies with x/eps^2, since what happens at walls there is of order eps^3.
    """
    assert problem.domain is not None
    shortest = [eps * float(period) for period in problem.cell.lengths]
    if problem.scales.levels > 1:
        for k, (z, fast) in enumerate(zip(problem.scales.z, problem.fast_cell.lengths)):
            if any(equation.has(z) for equation in problem.equations):
                shortest[k] = min(shortest[k], eps**2 * float(fast))
    return tuple(float(a) / b for a, b in zip(problem.domain.lengths, shortest, strict=True))


def check_periods_fit(problem: MultiscaleProblem, eps: object) -> None:
    """Periodic conditions need a whole number of periods between the faces."""
    if problem.domain is None:
        return
    if not isinstance(problem.domain, Box):
        _check_room(problem, positive_eps(eps))
    cell: Cell = problem.cell
    for axis in problem.periodic_axes:
        periods = problem.domain.lengths[axis] / (
            sp.nsimplify(number_expression(eps)) * cell.lengths[axis]
        )
        if abs(float(periods) - round(float(periods))) > _WHOLE:
            raise BoundaryConditionError(
                f"the domain holds {float(periods):.6g} periods along {problem.scales.x[axis]}, and"
                " Periodic() needs a whole number",
                term=problem.domain,
                remedy="choose eps so that the length is a multiple of eps times the period",
            )


def _check_room(problem: MultiscaleProblem, eps: float) -> None:
    """A region that is narrower than two periods has no period inside."""
    periods = min(shortest_periods(problem, eps))
    if periods < _FEWEST_PERIODS:
        raise ProblemError(
            f"a region that is {periods:.3g} periods wide",
            term=f"eps = {eps:g} on {shortened(str(problem.domain))}",
            remedy="take a smaller eps, or a larger region: two periods at least",
        )


def choose_mesh(
    problem: MultiscaleProblem,
    eps: float,
    backend: str,
    per_period: int | None,
    options: dict[str, Any],
) -> None:
    """Put the cells that resolve the period into the options, where these leave the mesh of a
    finite element backend open.
    """
    if not BACKENDS[backend].elements:
        _refuse_per_period(backend, per_period)
        return
    if refines(options, per_period):
        return
    option = "at_least" if per_period is None else "mesh"
    options[option] = fine_cells(problem, eps, per_period)


def _refuse_per_period(backend: str, per_period: int | None) -> None:
    if per_period is not None:
        raise ProblemError(
            f"per_period= has no effect on {backend}",
            term=f"per_period={shortened(per_period)}",
            remedy="leave it out: it is the mesh cells per period of a finite element backend",
        )


def refines(options: Mapping[str, Any], per_period: int | None) -> bool:
    """Whether the options name the mesh, or what it is refined to; ProblemError where per_period
    does too.
    """
    given = [name for name in ("mesh", "tolerance", "max_dofs") if options.get(name) is not None]
    if given and per_period is not None:
        raise ProblemError(
            f"per_period= has no effect beside {given[0]}=",
            term=f"per_period={per_period!r}",
            remedy="leave one of them out",
        )
    return bool(given)


def fine_cells(
    problem: MultiscaleProblem, eps: float, per_period: int | None = None
) -> tuple[int, ...]:
    """Mesh cells per axis that resolve the period: even numbers, at least 32 in 1D and 2D."""
    dim = problem.scales.dim
    if problem.domain is None:
        raise ProblemError(
            "the problem has no domain",
            term=problem,
            remedy="give domain=Box(...) and boundary=[...]",
        )
    periods = shortest_periods(problem, eps)
    if per_period is not None:
        positive_integer(per_period, "per_period")
    count = per_period or _PER_PERIOD[dim]
    most = MAX_CELLS // len(problem.unknowns)
    least = _FEWEST_CELLS[dim]
    while (
        per_period is None
        and math.prod(max(least, count * n) for n in periods) > most
        and count > _FEWEST_PER_PERIOD
    ):
        count -= 1
    if per_period is None and math.prod(max(least, count * n) for n in periods) > _TOO_MANY * most:
        raise SolveError(
            f"eps = {eps:g} would need more than {_TOO_MANY * most} mesh cells",
            term=f"{[round(n, 1) for n in periods]} periods",
            remedy="take a larger eps, a smaller domain, or force it with per_period=",
        )
    if count < _PER_PERIOD[dim] and per_period is None:
        warn_tolerance(
            f"the fine solution has {count} mesh cells per period, fewer than the"
            f" {_PER_PERIOD[dim]} it should have"
        )
    return tuple(max(least, 2 * math.ceil(count * n / 2)) for n in periods)


def _repeating(periods: float) -> int:
    """So many steps in all that they, and half of them, are a whole number to a period, where the
    periods allow it: their matrices repeat then.
    """
    fraction = Fraction(periods).limit_denominator(_STEPS_PER_PERIOD)
    most = max(_FEWEST_STEPS, math.ceil(_STEPS_PER_PERIOD * periods))
    if abs(fraction - periods) > _WHOLE * periods:
        return most
    unit = 2 * fraction.denominator
    to_a_period = unit * math.ceil(most / float(fraction) / unit)
    return int(to_a_period * fraction)


def steps_of_fast_time(operator: Operator, eps: float) -> int | None:
    """Time steps that resolve tau = t/eps^k; None where there is none. SolveError where that would
    be more than the solver takes by itself.
    """
    problem = operator.problem
    tau = next((axis for axis in operator.axes if axis.slow == problem.scales.dim), None)
    if tau is None or problem.final_time is None:
        return None
    low, high = tau.interval
    periods = float(problem.final_time) / (eps ** float(tau.power) * float(high - low))
    steps = _repeating(periods)
    if steps > _MOST_STEPS:
        raise SolveError(
            f"eps = {eps:g} has {periods:.0f} periods of tau = t/eps^{tau.power} until the final"
            f" time, and would need {steps} time steps to resolve them",
            term=f"final_time={problem.final_time}",
            remedy="take a larger eps or an earlier final time, or force it with steps=",
        )
    return steps
