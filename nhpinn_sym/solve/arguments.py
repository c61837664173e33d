"""What a solved function is asked: points, multi-indices and times, read as arrays or refused with
a typed error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..lower.forms import MultiIndex
from ..problem.errors import ProblemError, SolveError, shortened
from .interpolation import Array

# Order of a derivative, in one direction, that may be asked for.
_HIGHEST = 16


def as_numbers(values: ArrayLike, what: str, remedy: str, *, kinds: str = "fiu") -> Array:
    """An array of floats (of complex numbers, where `kinds` holds c); ProblemError for what is
    none.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in kinds and array.size:
            raise TypeError("these are no real numbers")
        if array.dtype.kind == "c":
            return array
        return np.asarray(array, dtype=float)
    except Exception as cause:  # of any kind: NumPy asks the methods of a foreign object
        raise ProblemError(
            f"{what} is not an array of real numbers",
            term=shortened(values),
            remedy=remedy,
        ) from cause


def checked_residual(residual: object) -> float:
    """The relative residual at which an iterative solver stops; SolveError for what is none."""
    if not (isinstance(residual, float) and 0 < residual < 1):
        raise SolveError(
            "residual is a number between 0 and 1",
            term=f"residual={shortened(residual)}",
            remedy="leave it out, or write residual=1e-10",
        )
    return residual


def require_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """ProblemError for what is none of them."""
    if not isinstance(value, str) or value not in choices:
        raise ProblemError(
            f"no {name} has this name",
            term=f"{name}={shortened(value)}",
            remedy="use one of " + ", ".join(choices),
        )


def as_points(points: ArrayLike, dim: int, what: str) -> tuple[Array, tuple[int, ...]]:
    """Points (n, dim), and the shape that their values have.

    One point has shape (dim,), several have (..., dim); in one dimension a number is one point and
    (n,) are n of them.
    """
    remedy = f"give points of shape (n, {dim}), one column for each coordinate"
    array = as_numbers(points, f"what {what} is asked at", remedy)
    if dim == 1 and array.ndim < 2:
        array = array[..., None]
    if not array.ndim or array.shape[-1] != dim:
        raise ProblemError(
            f"{what} takes points of shape (n, {dim})",
            term=f"shape {array.shape}",
            remedy=remedy,
        )
    return array.reshape(-1, dim), array.shape[:-1]


def points_and_time(
    given: Sequence[Any], t: float | None, dim: int, what: str
) -> tuple[ArrayLike, float | None]:
    """The points and the time of a call f(points), f(points, t), f(x1, ..., xd) or
    f(x1, ..., xd, t).

    Coordinates that are given one by one are numbers, or arrays of one shape.
    """
    points = given[0]
    rest = given[1:]
    if dim > 1 and len(given) in (dim, dim + 1) and given[dim - 1] is not None:
        remedy = f"give points of shape (n, {dim}), or {dim} coordinates of one shape"
        columns = [as_numbers(column, f"a coordinate of {what}", remedy) for column in given[:dim]]
        if len({column.shape for column in columns}) == 1:
            points = np.stack(columns, axis=-1)
            rest = given[dim:]
    if len(rest) + (t is not None) > 1:
        raise ProblemError(
            f"{what} takes points of shape (n, {dim}) or {dim} coordinates, and a time",
            term=f"{len(given)} arguments",
            remedy="arrays of coordinates have one shape; the time comes last",
        )
    return points, rest[0] if rest else t


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


def as_indices(indices: Sequence[Sequence[int]], dim: int, what: str) -> list[MultiIndex]:
    """Several multi-indices, at least one."""
    chosen = [as_index(index, dim, what) for index in indices]
    if not chosen:
        raise ProblemError(
            f"{what} is asked for no derivative at all",
            term="indices=[]",
            remedy=f"write for example [{(0,) * dim}], which is the value",
        )
    return chosen


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
