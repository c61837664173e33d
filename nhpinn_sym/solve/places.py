"""Where a solved function is asked for: points, multi-indices and times, read as arrays or refused
with a typed error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..lower.forms import MultiIndex
from ..problem.errors import ProblemError, shortened
from .solution import Array

_HIGHEST = 16
"""Order of a derivative, in one direction, that may be asked for."""


def as_numbers(values: ArrayLike, what: str, remedy: str, *, kinds: str = "fiu") -> Array:
    """An array of floats (of complex numbers, where `kinds` holds c); ProblemError for what is
    none.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in kinds and array.size:
            raise TypeError("these are no real numbers")
        return array if array.dtype.kind == "c" else np.asarray(array, dtype=float)
    except Exception as cause:  # of any kind: NumPy asks the methods of a foreign object
        raise ProblemError(
            f"{what} is not an array of real numbers",
            term=shortened(values),
            remedy=remedy,
        ) from cause


def as_points(points: ArrayLike, dim: int, what: str) -> Array:
    """Points (n, dim); in one dimension (n,) too."""
    remedy = f"give points of shape (n, {dim}), one column for each coordinate"
    array = as_numbers(points, f"what {what} is asked at", remedy)
    array = array[:, None] if array.ndim == 1 == dim else array
    if array.ndim != 2 or array.shape[1] != dim:
        raise ProblemError(
            f"{what} takes points of shape (n, {dim})",
            term=f"shape {array.shape}",
            remedy=remedy,
        )
    return array


def as_index(index: Sequence[int] | None, dim: int, what: str) -> MultiIndex:
    """A multi-index with an order of differentiation for each of `dim` coordinates; None is no
    derivative.
    """
    if index is None:
        return (0,) * dim
    entries: list[Any] = list(index) if _is_row(index) else []
    whole = all(
        type(n) is not bool and isinstance(n, (int, np.integer)) and 0 <= n <= _HIGHEST
        for n in entries
    )
    if len(entries) != dim or not whole:
        raise ProblemError(
            f"{what} takes a multi-index of {dim} orders of differentiation",
            term=f"index {shortened(index)}",
            remedy=f"write for example {tuple(int(k == 0) for k in range(dim))}",
        )
    return tuple(int(n) for n in entries)


def _is_row(value: object) -> bool:
    return isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim == 1)


def as_time(t: object) -> float:
    """A time as a float; ProblemError for what is none."""
    number = as_numbers(t, "the time", "write t=0.5")  # type: ignore[arg-type]
    if number.ndim or not np.isfinite(number):
        raise ProblemError(
            "the time is not one finite number",
            term=f"t = {shortened(t)}",
            remedy="write t=0.5",
        )
    return float(number)
