"""How well a quadrature sees the coefficients: its means against the adaptive ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..lower.forms import LoweredCells
from ..runtime.arrays import Array
from .bounds import coefficient_means


def quadrature_error(
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    slow_point: Sequence[float],
    points: Array,
    weights: Array,
) -> float:
    """The largest difference between the means of the coefficients of the cell operator by a
    quadrature
    (points (n, d) of the cell, weights (n,) that add up to 1) and the adaptive ones, relative to
    the largest mean; of the inverse of the tensor as well, where it is positive definite.

    0 where the means are not found within the limits, or where coefficients are no formulas.
    """
    means = coefficient_means(cells, parameters, slow_point)
    if means is None:
        return 0.0
    found = np.einsum("n,nm->m", weights, means.values(points))
    half = len(means.means) // 2
    worst = 0.0
    for part in (slice(0, half), slice(half, None)):
        exact = means.means[part]
        error = means.errors[part]
        size = float(np.abs(exact).max(initial=0.0))
        if size > 0 and np.all(np.isfinite(error)):
            # What the adaptive means do not know themselves is no error of the quadrature.
            worst = max(worst, float((np.abs(found[part] - exact) - error).max()) / size)
    return worst
