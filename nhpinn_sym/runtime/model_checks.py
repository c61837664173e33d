"""What emitted tests check of the effective coefficients of a model, whoever computed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .arrays import Array
from .tensor_grids import tensor_points

NumberTable = Mapping[Any, Any]
"""Effective coefficients by (name, index)."""

SAMPLES = {1: 2048, 2: 128, 3: 32}
"""Points of each axis for the means in bounds, by the dimension."""
# Factor on the changes between two resolutions that two results may differ by.
_SAFETY = 4.0
# Relative to the largest coefficient.
_ROUNDING = 1e-8


def require_agreement(
    name: str, fine: NumberTable, coarse: NumberTable, reference: NumberTable, slack: float
) -> None:
    """AssertionError, which names the coefficient, where `fine` is farther from the reference than
    its change from `coarse` and the `slack` of the reference explain; of what both hold.
    """
    shared = [key for key in fine if key in reference and key in coarse]
    assert shared, f"{name} and the reference have no coefficient in common"
    size = max(abs(reference[key]) for key in shared) or 1.0
    change = max(abs(fine[key] - coarse[key]) for key in shared) / size
    allowed = _SAFETY * (change + slack) + _ROUNDING
    for key in shared:
        difference = float(abs(fine[key] - reference[key]) / size)
        assert difference <= allowed, (
            f"{name} gives {key} = {fine[key]}, the reference {reference[key]}: they differ by"
            f" {difference:.1e} of the largest coefficient, and {allowed:.1e} is explained"
        )


def require_bounds(
    stiffness: Callable[[Any, Any, Any], Any],
    cell: tuple[tuple[float, float], ...],
    slow: Any,
    data: NumberTable,
    matrix: Array,
    slack: float,
) -> None:
    """AssertionError where A* as a quadratic form is not between the harmonic (Reuss) and the
    arithmetic (Voigt) mean of the stiffness; up to the slack, relative to the arithmetic mean.

    stiffness(points, slow, data): the lower triangle, row by row; matrix: A* (rows, rows).
    """
    dim = len(cell)
    lines = [a + (b - a) * (np.arange(SAMPLES[dim]) + 0.5) / SAMPLES[dim] for a, b in cell]
    points = list(tensor_points(lines).T)
    values = [np.broadcast_to(v, points[0].shape) for v in stiffness(points, slow, data)]
    samples = np.zeros((len(points[0]), *matrix.shape))
    for value, p, q in zip(values, *np.tril_indices(len(matrix)), strict=True):
        samples[:, p, q] = value
        samples[:, q, p] = value
    voigt = samples.mean(axis=0)
    reuss = np.linalg.pinv(np.linalg.pinv(samples, hermitian=True).mean(axis=0), hermitian=True)
    size = float(np.abs(voigt).max())
    symmetric = (matrix + matrix.T) / 2
    above = float(np.linalg.eigvalsh(voigt - symmetric).min()) / size
    below = float(np.linalg.eigvalsh(symmetric - reuss).min()) / size
    assert above >= -slack, f"A* exceeds the arithmetic mean by {-above:.1e}"
    assert below >= -slack, f"A* is below the harmonic mean by {-below:.1e}"


def law_matrix(table: NumberTable, components: int, dim: int) -> Array:
    """A* (rows, rows), row i * dim + k for component i and axis k."""
    rows = [(i, k) for i in range(components) for k in range(dim)]
    first = 1 if components == 1 else 0
    keys = [[("A", (*p[first:], *q[first:])) for q in rows] for p in rows]
    return np.array([[table.get(key, 0.0) for key in row] for row in keys], dtype=float)
