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

NamedTables = Mapping[str, Mapping[tuple[int, ...], Any]]


def dense(
    tables: NamedTables, name: str, shape: Sequence[int], points: Sequence[int]
) -> np.ndarray:
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


NamedArrays = Mapping[str, np.ndarray]
AXES = {"flux": "md", "reaction": "m", "storage": "m"}
"""The axes of each array of an equation, m for equations and d for axes."""
BY = {"u": "m", "p": "md"}


def equation_arrays(
    forms: Any, values: np.ndarray, slopes: np.ndarray, data: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The arrays (*axes, n) of an emitted equation, and their derivatives, at n points with values
    (m, n) and slopes (m, d, n) of the unknowns; data: coordinates, time and parameters.
    """
    m, d, count = slopes.shape
    held = {**data, **named(VALUE, values, 1), **named(SLOPE, off_zero(slopes), 2)}
    sizes = {"m": m, "d": d}
    tables = {**forms.values(held), **forms.slopes(held)}
    found = {}
    for name, axes in AXES.items():
        shape = [sizes[c] for c in axes]
        found[name] = dense(tables, name, shape, (count,))
        for letter, more in BY.items():
            whole = [*shape, *(sizes[c] for c in more)]
            found[f"{name}_{letter}"] = dense(tables, f"{name}_{letter}", whole, (count,))
    return found
