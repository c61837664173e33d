"""Newton's method for discrete problems, damped on the slope of an energy or on the residual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    here = _measured(assembly, problem(u), 0.0)
    kept = solve is not None
    for step in range(MOST_STEPS):
        if not np.isfinite(here.rest):
            raise NewtonError("the law has no numbers at an iterate of Newton's method")
        if here.rest <= _ROUNDED:
            return NewtonResult(u, here.at, here.rest, step, method, solve)
        if solve is None or not kept:
            solve, method = assembly.solver(here.at.derivative(), symmetric)
        change = -solve(here.at.residual)
        moved = _moved(assembly, change, u)
        if kept and moved <= _NO_STEP:
            return NewtonResult(u, here.at, here.rest, step, method, solve)
        length, there = _damped(assembly, problem, u, change, here, symmetric)
        if there is None and kept:
            kept = False
            continue
        if there is None:
            lowest = f"{here.rest:.1e} of its parts is left"
            why = f"no step of Newton's method lowers the residual: {lowest}"
            return _stalled(u, here, step, method, why)
        u = u + assembly.extended(length * change)
        rate = float(np.sqrt(there.squares / here.squares))
        kept = length == 1.0 and rate <= enough
        here = there
        left = moved if before is None or not kept else rate * moved
        if length == 1.0 and left <= _SETTLED:
            return NewtonResult(u, here.at, here.rest, step + 1, method, solve)
    # Where parts of the flux cancel, steps of rounding may go on for ever.
    why = f"Newton's method has not converged in {MOST_STEPS} steps"
    return _stalled(u, here, MOST_STEPS, method, why)


class _Iterate(NamedTuple):
    """What is `at` an iterate; of its residual the sum, relative to the size of its parts, that of
    the `squares`, and its product with the step that led there.
    """

    at: Linearized
    rest: float
    squares: float
    slope: float


def _measured(assembly: Assembly, at: Linearized, change: Array | float) -> _Iterate:
    """All sums at once: processes wait for each other at each of them."""
    r = at.residual
    sizes = [np.abs(r).sum(), np.sum(r**2), np.sum(r * change)]
    whole, squares, slope = (float(number) for number in assembly.sums(np.array(sizes)))
    return _Iterate(at, whole / max(at.size, NOTHING), squares, slope)


def _moved(assembly: Assembly, change: Array, u: Array) -> float:
    """The largest change, relative to the largest value."""
    sizes = [np.abs(values).max(initial=0.0) for values in (change, u)]
    step, whole = assembly.largest(np.array(sizes))
    return float(step / max(whole, NOTHING))


def _stalled(u: Array, here: _Iterate, steps: int, method: str, why: str) -> NewtonResult:
    """What is found, where its residual is small; else NewtonError."""
    if here.rest > STALLED:
        raise NewtonError(why)
    return NewtonResult(u, here.at, here.rest, steps, method, None, stalled=True)


def _damped(
    assembly: Assembly,
    problem: Problem,
    u: Array,
    change: Array,
    here: _Iterate,
    symmetric: bool,
) -> tuple[float, _Iterate | None]:
    """The longest step, of halves, that lowers the residual or the slope of the energy."""
    slope = abs(assembly.total(here.at.residual * change)) if symmetric else 0.0
    length = 1.0
    while length > _SMALLEST:
        with np.errstate(all="ignore"):
            at = problem(u + assembly.extended(length * change))
            found = _measured(assembly, at, change)
        if np.isfinite(found.squares):
            lower = found.squares <= (1 - _DECREASE * length) ** 2 * here.squares
            if lower or (symmetric and abs(found.slope) <= CURVATURE * slope):
                return length, found
        length /= 2
    return 0.0, None
