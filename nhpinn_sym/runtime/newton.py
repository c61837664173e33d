"""Newton's method for discrete problems, damped on the slope of an energy or on the residual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import Array
from .assembly import Assembly, Solve
from .nonlinear_arrays import CURVATURE, NOTHING

MOST_STEPS = 50
# Newton step, relative to the solution, after which the next would be rounding; and one that is.
_SETTLED = 1e-10
_NO_STEP = 1e-12
# Share of the residual that a step leaves at most where its derivative is good for the next one.
_KEPT = 1e-3
# The same for the matrix of a problem before, as that of the last stage in time.
_KEPT_FROM_BEFORE = 0.1
# Residual, relative to the sizes of its parts, that is rounding.
_ROUNDED = 1e-13
# One with which the iteration ends where no step helps any more.
STALLED = 1e-7
# A step that has to be shorter is rounding; a decrease that is smaller is none (Armijo).
_SMALLEST = 2.0**-30
_DECREASE = 1e-4


@dataclass(frozen=True)
class Linearized:
    """The free part of the residual at an iterate, the size of its parts, its derivative, and
    arrays of the law that they are made of, where they are asked for later.
    """

    residual: Array
    size: float
    derivative: Callable[[], Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)


Problem = Callable[[Array], Linearized]


@dataclass(frozen=True)
class NewtonResult:
    """`at` belongs to u; `rest` is the sum of the residual, relative to the size of its parts;
    `stalled`: no step lowers it any more. `solve` is the inverse of a derivative near u, by a
    `method`; None where none was asked for.
    """

    u: Array
    at: Linearized
    rest: float
    steps: int
    method: str
    solve: Solve | None
    stalled: bool = False


class NewtonError(RuntimeError):
    """Newton's method did not converge."""


def newton(
    assembly: Assembly,
    problem: Problem,
    u: Array,
    *,
    symmetric: bool,
    before: NewtonResult | None = None,
) -> NewtonResult:
    """The zero of a problem, from u. NewtonError, on all processes, where it is not found.

    symmetric : whether the residual is the derivative of a convex energy
    before    : of a problem with nearly the same derivative, whose matrix serves here as long as it
                lowers the residual well; the iteration ends by the rate at which it does
    """
    enough = _KEPT if before is None else _KEPT_FROM_BEFORE
    method, solve = ("", None) if before is None else (before.method, before.solve)
    here = problem(u)
    kept = solve is not None
    for step in range(MOST_STEPS):
        rest = _relative(assembly, here)
        if not np.isfinite(rest):
            raise NewtonError("the law has no numbers at an iterate of Newton's method")
        if rest <= _ROUNDED:
            return NewtonResult(u, here, rest, step, method, solve)
        if solve is None or not kept:
            solve, method = assembly.solver(here.derivative(), symmetric)
        change = -solve(here.residual)
        moved = _largest(assembly, change) / max(_largest(assembly, u), NOTHING)
        if kept and moved <= _NO_STEP:
            return NewtonResult(u, here, rest, step, method, solve)
        length, there = _damped(assembly, problem, u, change, here, symmetric)
        if there is None and kept:
            kept = False
            continue
        if there is None:
            why = f"no step of Newton's method lowers the residual: {rest:.1e} of its parts is left"
            return _stalled(NewtonResult(u, here, rest, step, method, None, stalled=True), why)
        u = u + assembly.extended(length * change)
        rate = _norm(assembly, there) / _norm(assembly, here)
        kept = length == 1.0 and rate <= enough
        here = there
        left = moved if before is None or not kept else rate * moved
        if length == 1.0 and left <= _SETTLED:
            return NewtonResult(u, here, _relative(assembly, here), step + 1, method, solve)
    # Where parts of the flux cancel, steps of rounding may go on for ever.
    rest = _relative(assembly, here)
    why = f"Newton's method has not converged in {MOST_STEPS} steps"
    return _stalled(NewtonResult(u, here, rest, MOST_STEPS, method, None, stalled=True), why)


def _stalled(found: NewtonResult, why: str) -> NewtonResult:
    """What is found, where its residual is small; else NewtonError."""
    if found.rest > STALLED:
        raise NewtonError(why)
    return found


def _largest(assembly: Assembly, values: Array) -> float:
    return assembly.largest(float(np.abs(values).max(initial=0.0)))


def _norm(assembly: Assembly, here: Linearized) -> float:
    return float(np.sqrt(assembly.total(here.residual**2)))


def _relative(assembly: Assembly, here: Linearized) -> float:
    whole = assembly.total(np.abs(here.residual))
    return whole / max(here.size, NOTHING)


def _damped(
    assembly: Assembly,
    problem: Problem,
    u: Array,
    change: Array,
    here: Linearized,
    symmetric: bool,
) -> tuple[float, Linearized | None]:
    """The longest step, of halves, that lowers the residual or the slope of the energy."""
    before = assembly.total(here.residual**2)
    slope = abs(assembly.total(here.residual * change))
    length = 1.0
    while length > _SMALLEST:
        with np.errstate(all="ignore"):
            found = problem(u + assembly.extended(length * change))
            size = assembly.total(found.residual**2)
            left = abs(assembly.total(found.residual * change))
        if np.isfinite(size):
            lower = size <= (1 - _DECREASE * length) ** 2 * before
            if lower or (symmetric and left <= CURVATURE * slope):
                return length, found
        length /= 2
    return 0.0, None
