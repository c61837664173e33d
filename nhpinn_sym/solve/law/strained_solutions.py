"""Solutions of finite strain at one eps: local minima of an energy that is not convex."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...problem.errors import UnsupportedError, warn_tolerance
from ..solution import Array, Solution


def oriented(arrays: Mapping[str, Array], slopes: Array) -> Mapping[str, Array]:
    """Arrays (..., n) of a law, which has no numbers where det(I + grad u) <= 0: no iterate of
    Newton's method goes there.
    """
    deformed = np.moveaxis(slopes, -1, 0) + np.eye(len(slopes))
    turned = np.linalg.det(deformed) <= 0
    if not np.any(turned):
        return arrays
    return {name: np.where(turned, np.nan, array) for name, array in arrays.items()}


def judge_strained(label: str, solution: Solution) -> None:
    """UnsupportedError where a disturbance lowers the energy; ToleranceWarning where it is not
    known.
    """
    least, below = solution.info.get("stiffness", (np.inf, np.inf))
    if least <= 0:
        raise UnsupportedError(
            "a solution of finite strain that is no local minimum of its energy: an instability"
            " lies before it",
            term=f"{label}: a disturbance has {least:.2g} of its energy without strain",
            remedy="make the load, or the data on the boundary, smaller",
        )
    if not below < least:
        warn_tolerance(
            f"{label}: the energy is not convex (finite strain); a state in which the forces"
            " balance was found, whether it is stable is not known"
        )
