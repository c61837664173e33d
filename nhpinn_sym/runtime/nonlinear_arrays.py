"""Arrays of nonlinear integrands: dense from the tables that emitted text gives, and the names of
what it is called with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

VALUE = "N_u"
SLOPE = "N_p"
CORRECTOR = "N_N"
MACRO = "N_xi"
"""The names of emitted text, see its docstring: followed by indices, N_p_0_1."""
# Slope that stands for one that is exactly 0, at which power laws have no derivative.
_STILL = 1e-60

Tables = Mapping[str, Mapping[tuple[int, ...], Any]]


def dense(tables: Tables, name: str, shape: Sequence[int], points: Sequence[int]) -> np.ndarray:
    """The array (*shape, *points) of one name, zero where the tables hold nothing."""
    result = np.zeros((*shape, *points))
    for index, values in tables.get(name, {}).items():
        result[index] = values
    return result


def named(name: str, array: Any, axes: int) -> dict[str, Any]:
    """The entries of the first `axes` axes of an array, by name."""
    shape = np.shape(array)[:axes]
    return {"_".join([name, *map(str, i)]): array[i] for i in np.ndindex(*shape)}


def off_zero(slopes: np.ndarray) -> np.ndarray:
    """Slopes (m, d, ...), tiny in the place of exactly 0 in all entries."""
    still = np.all(slopes == 0, axis=(0, 1))
    if not np.any(still):
        return slopes
    moved = slopes.copy()
    moved[0, 0] = np.where(still, _STILL, moved[0, 0])
    return moved
