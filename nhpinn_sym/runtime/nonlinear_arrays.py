"""Arrays of nonlinear integrands: dense from the tables that emitted text gives, and the names of
what it is called with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

VALUE = "N_u"
SLOPE = "N_p"
CORRECTOR = "N_N"
MACRO = "N_xi"
"""The names of emitted text, see its docstring: followed by indices, N_p_0_1."""
# Slope that stands for one that is exactly 0, at which power laws have no derivative.
_STILL = 1e-60

# What the iterations for states have in common, whatever functions a state is sought in.
CONTINUATION = (0.02, 0.1, 0.3, 0.6, 1.0)
"""Shares of the slopes, by which a state that is not found at once is approached."""
CURVATURE = 0.5
"""Share of the slope of the energy that may be left at the end of a step."""
NOTHING = 1e-40
"""Size of a flux, or of the parts of a residual, that stands for none."""

NamedTables = Mapping[str, Mapping[tuple[int, ...], Any]]


class LazyArrays(Mapping[str, np.ndarray]):
    """Arrays by name, of which derivatives are computed when one of them is asked for: a residual
    needs none.
    """

    def __init__(
        self,
        values: Mapping[str, np.ndarray],
        derivatives: Callable[[], Mapping[str, np.ndarray]],
    ) -> None:
        self._values = values
        self._derivatives = derivatives

    @cached_property
    def _slopes(self) -> Mapping[str, np.ndarray]:
        return self._derivatives()

    def __getitem__(self, name: str) -> np.ndarray:
        return self._values[name] if name in self._values else self._slopes[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from self._slopes

    def __len__(self) -> int:
        return len(self._values) + len(self._slopes)


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
    entries = product(*map(range, shape))
    return {"_".join([name, *map(str, i)]): array[i] for i in entries}


def off_zero(slopes: np.ndarray) -> np.ndarray:
    """Slopes (m, d, ...), tiny in the place of exactly 0 in all entries."""
    still = np.all(slopes == 0, axis=(0, 1))
    if not np.any(still):
        return slopes
    moved = slopes.copy()
    moved[0, 0] = np.where(still, _STILL, moved[0, 0])
    return moved


def diffused(arrays: Mapping[str, np.ndarray], slopes: np.ndarray, rate: float) -> LazyArrays:
    """The arrays of an equation with slopes (m, d, n) that has so much more diffusion."""
    m, d, _ = slopes.shape
    more = rate * np.einsum("ij,kl->ikjl", np.eye(m), np.eye(d))[..., None]

    def derivatives() -> dict[str, np.ndarray]:
        known = {name: array for name, array in arrays.items() if "_" in name}
        return {**known, "flux_p": known["flux_p"] + more}

    values = {name: arrays[name] for name in EQUATION_AXES}
    return LazyArrays({**values, "flux": values["flux"] + rate * slopes}, derivatives)


EQUATION_AXES = {"flux": "md", "reaction": "m", "storage": "m"}
"""The axes of each array of an equation, m for equations and d for axes."""
CELL_AXES = {**EQUATION_AXES, "load": "m", "source": "m"}
LAW_AXES = {**EQUATION_AXES, "load": "m"}
"""The axes of each array of a law."""
MEASURED = (*LAW_AXES, "flux_p")
"""What of a law grids, meshes and nets are judged by."""
BY = {"u": "m", "p": "md"}
"""What arrays are differentiated by, by the last letter of the derivative's name, and its axes."""


def by_values_and_slopes(array: Callable[[str, str], np.ndarray], name: str) -> np.ndarray:
    """Derivatives (*axes, m + m d, ...) of an integrand of a cell by values and macroscopic slopes,
    at fixed correctors; array(name, axes): one array of its derivatives.
    """
    axes = CELL_AXES[name]
    by_values = array(f"{name}_u", f"{axes}m")
    by_slopes = array(f"{name}_p", f"{axes}md") + array(f"{name}_xi", f"{axes}md")
    place = len(axes)
    flat = by_slopes.reshape(*by_slopes.shape[:place], -1, *by_slopes.shape[place + 2 :])
    return np.concatenate([by_values, flat], axis=place)


def law_arrays(name: str, mean: np.ndarray, slopes: np.ndarray, m: int) -> dict[str, np.ndarray]:
    """A mean of a law (*axes, ...) and its derivatives, see `law_slopes`."""
    return {name: mean, **law_slopes(name, slopes, m)}


def law_slopes(name: str, slopes: np.ndarray, m: int) -> dict[str, np.ndarray]:
    """The derivatives name_u and name_p of a law by values and slopes of u0, from both together:
    (*axes, m + m d, ...).
    """
    place = len(LAW_AXES[name])
    by_values, by_slopes = np.split(slopes, [m], axis=place)
    shape = by_slopes.shape
    split = by_slopes.reshape(*shape[:place], m, -1, *shape[place + 1 :])
    return {f"{name}_u": by_values, f"{name}_p": split}


def equation_arrays(
    forms: Any, values: np.ndarray, slopes: np.ndarray, data: Mapping[str, Any]
) -> LazyArrays:
    """The arrays (*axes, n) of an emitted equation, and their derivatives, at n points with values
    (m, n) and slopes (m, d, n) of the unknowns; data: coordinates, time and parameters.
    """
    m, d, count = slopes.shape
    held = {**data, **named(VALUE, values, 1), **named(SLOPE, off_zero(slopes), 2)}
    sizes = {"m": m, "d": d}

    def arrays(tables: NamedTables, letter: str, more: str) -> dict[str, np.ndarray]:
        shapes = {name: [sizes[c] for c in axes + more] for name, axes in EQUATION_AXES.items()}
        return {
            name + letter: dense(tables, name + letter, shape, (count,))
            for name, shape in shapes.items()
        }

    def derivatives() -> dict[str, np.ndarray]:
        tables = forms.slopes(held)
        found = (arrays(tables, f"_{letter}", more) for letter, more in BY.items())
        return {name: array for part in found for name, array in part.items()}

    return LazyArrays(arrays(forms.values(held), "", ""), derivatives)
