"""What a law is asked for: values and gradients of u0, read as arrays or refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...derive.nonlinear.model import NonlinearModel
from ...problem.errors import ProblemError
from ...runtime.fourier.states import MacroState
from ..arguments import as_numbers
from ..interpolation import Array

_ANYWHERE = 0.37
"""Place and time that are taken where the law does not depend on them, but its load does."""
_OUTSIDE = 1e-12
"""Share of a range by which a value may lie outside of it."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a user gives a verb of a law, None where it is left out: values u and gradients of u0,
    places x and times t; strain: the gradient of a displacement.
    """

    grad: ArrayLike | None = None
    u: ArrayLike | None = None
    x: ArrayLike | None = None
    strain: ArrayLike | None = None
    t: ArrayLike | None = None


@dataclass(frozen=True)
class Asked:
    """Macroscopic states, and the shape that one result of each is arranged in."""

    macro: MacroState
    shape: tuple[int, ...]


def read_states(
    model: NonlinearModel,
    parameters: Mapping[str, float],
    slow: Collection[str],
    question: Question,
    *,
    needs_grad: bool,
    needs_value: bool,
    needs_places: Collection[str],
) -> Asked:
    """ProblemError where something is missing, given twice, of another shape, or outside of the
    range that was declared.
    """
    m = model.components
    d = model.problem.scales.dim
    grad, x, t = question.grad, question.x, question.t
    if question.strain is not None:
        if grad is not None or m != d:
            raise ProblemError(
                "strain= is the gradient of a displacement, in the place of grad=",
                term=f"{m} unknowns in {d} dimensions",
                remedy="give grad= alone",
            )
        grad = question.strain
    slopes = _gradients(grad, m, d, needs_grad)
    values = _values(model, question.u, m, needs_value)
    columns: dict[str, tuple[Array, tuple[int, ...]]] = {}
    if any(name.startswith("x") for name in (slow if x is not None else needs_places)):
        places = _places(x, d)
        for k in range(d):
            columns[f"x{k + 1}"] = (places[0][..., k], places[1])
    if "t" in slow and (t is not None or "t" in needs_places):
        if t is None:
            raise _missing("t", "the law depends on time")
        numbers = as_numbers(t, "t", "give a number, or an array of them")
        columns["t"] = (numbers, numbers.shape)
    shapes = [slopes.shape[: slopes.ndim - 2], values.shape[: values.ndim - 1]]
    shapes += [shape for _, shape in columns.values()]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError as cause:
        raise ProblemError(
            "grad, u, x and t have shapes that do not fit together",
            term=", ".join(map(str, shapes)),
            remedy="give one state, or as many of each",
        ) from cause
    others: dict[str, Any] = {**parameters, **dict.fromkeys(slow, _ANYWHERE)}
    for name, (column, _) in columns.items():
        if name in slow:
            others[name] = np.broadcast_to(column, shape).ravel()
    if 0 in shape:
        raise ProblemError(
            "a law is asked for at no state",
            term=f"shape {shape}",
            remedy="give one state at least",
        )
    macro = MacroState(
        np.moveaxis(np.broadcast_to(values, (*shape, m)).reshape(-1, m), 0, -1),
        np.moveaxis(np.broadcast_to(slopes, (*shape, m, d)).reshape(-1, m, d), 0, -1),
        others,
    )
    return Asked(macro, shape)


def _gradients(grad: ArrayLike | None, m: int, d: int, needed: bool) -> Array:
    """(..., m, d)."""
    if grad is None:
        if needed:
            raise _missing("grad", "the law depends on the gradient of u0")
        return np.zeros((m, d))
    own = (d,) if m == 1 else (m, d)
    remedy = f"give grad= of shape {own}, or (n, {', '.join(map(str, own))})"
    array = as_numbers(grad, "grad", remedy)
    if own == (1,) and array.ndim == 0:
        array = array[None]
    if array.shape[max(0, array.ndim - len(own)) :] != own:
        raise ProblemError(
            f"the gradient has the shape {array.shape}", term=f"shape {array.shape}", remedy=remedy
        )
    return array[..., None, :] if m == 1 else array


def _values(model: NonlinearModel, u: ArrayLike | None, m: int, needed: bool) -> Array:
    """(..., m); where they are not needed the middles of their ranges."""
    if u is None:
        if needed:
            raise _missing("u", "the law depends on the value of u0")
        ends = model.state.ranges.values()
        return np.array([float(low + high) / 2 for low, high in ends])
    remedy = "give u= as a number" if m == 1 else f"give u= of shape ({m},)"
    array = as_numbers(u, "u", remedy)
    if m > 1 and (array.ndim == 0 or array.shape[-1] != m):
        raise ProblemError(
            f"the values have the shape {array.shape}", term=f"shape {array.shape}", remedy=remedy
        )
    values = array[..., None] if m == 1 else array
    for j, unknown in enumerate(model.problem.unknowns):
        if unknown not in model.problem.ranges:
            continue
        low, high = (float(end) for end in model.problem.ranges[unknown])
        slack = _OUTSIDE * (high - low)
        outside = values[..., j][(values[..., j] < low - slack) | (values[..., j] > high + slack)]
        if outside.size:
            raise ProblemError(
                f"a value of {unknown.func} outside of the range that was declared",
                term=f"{float(outside.flat[0]):g} in ({low:g}, {high:g})",
                remedy="declare the values that the unknown takes by ranges=",
            )
    return values


def _places(x: ArrayLike | None, d: int) -> tuple[Array, tuple[int, ...]]:
    if x is None:
        raise _missing("x", "the law depends on the place")
    places = as_numbers(x, "x", f"give x= of shape ({d},), or (n, {d})")
    if d == 1 and (places.ndim == 0 or places.shape[-1] != 1):
        places = places[..., None]
    if places.ndim == 0 or places.shape[-1] != d:
        raise ProblemError(
            f"the place has the shape {places.shape}",
            term=f"shape {places.shape}",
            remedy=f"give x= of shape ({d},), or (n, {d})",
        )
    return places, places.shape[:-1]


def _missing(name: str, why: str) -> ProblemError:
    return ProblemError(f"{why}, and {name}= is not given", term=name, remedy=f"give {name}=")
