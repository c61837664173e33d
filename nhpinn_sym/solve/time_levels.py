"""Interpolation between the time levels of a solution."""

from __future__ import annotations

import numpy as np

from ..problem.errors import SolveError
from ..runtime.time_stepping import lagrange_weights
from .interpolation import Array

# Steps that differ by less, relatively, are equal.
_SAME_STEP = 1e-6


def time_weights(times: Array, t: float) -> tuple[int, Array]:
    """First of the kept levels, and Lagrange weights of the (up to four) levels around t.
    SolveError for a time that was not kept.
    """
    final = float(times[-1])
    if t == final:
        return len(times) - 1, np.ones(1)
    if len(times) == 1:
        raise SolveError(
            "only the final time was kept: all time levels together are too large",
            term=f"t = {t}, final time {final}",
            remedy="ask for the final time, or solve with fewer cells or steps",
        )
    low, high = _window(times, t)
    return low, lagrange_weights(times[low : high + 1], t)


def _window(times: Array, t: float) -> tuple[int, int]:
    """The first and the last of the levels around t, up to four, between which steps are equal:
    others lie where data change.
    """
    steps = np.diff(times)
    low = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(steps) - 1))
    high = low + 1
    equal = np.isclose(steps, steps[low], rtol=_SAME_STEP, atol=0.0)
    for _ in range(2):
        if low > 0 and equal[low - 1] and high - low < 3:
            low -= 1
        if high < len(steps) and equal[high] and high - low < 3:
            high += 1
    return low, high
