"""The one judge of a sequence of levels (meshes, grids, degrees): what is known of the error on
the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from ..operator.arrays import Array

Key = TypeVar("Key")

FEWEST = 3
"""Levels without which nothing is said."""
SAFETY = 2.0
"""Factor on extrapolated errors, which are right only asymptotically."""
SLOWEST = 2.0
"""Factor by which an error falls from level to level that is taken for granted where changes
shrink."""
_SHRINKS = 0.9
"""A change that is not below this share of the one before shows no convergence."""
_ROUNDING = 1e-13
"""Changes below this share of the largest entry of all are rounding."""
# From level to level: one may be small by accident, three hardly are.
_CHANGES = 3


def estimate_entries(
    history: Sequence[Mapping[Key, Array]],
    rate: float,
    floor: float = 0.0,
    *,
    resolved: Sequence[bool] | None = None,
) -> dict[Key, Array]:
    """Absolute error of each entry on the last level of `history`.

    history  : for each level, coarse to fine, {key of an entry: values}, arrays of one shape for
               each key (real or complex).
    rate     : the factor by which an error falls at best from one level to the next, such as
               2^(2 degree) for halved meshes and smooth data, 2 where nothing is known (jumps
               that no mesh line meets).
    floor    : the data error, absolute: no entry is known better.
    resolved : for each level, whether its mesh resolves the data; levels that do not are no
               evidence and are left out. Default: all do.

    Returns {key: errors} of the shape of the values. Infinity where fewer than three resolved
    levels are left. Otherwise, with the last three changes from level to level, each scaled to
    the last level by the rate that the changes themselves show (at least 2, at most `rate`):
    twice the largest / (rate - 1). A change that is small by accident is thereby judged by those
    before it. Where the last change is not smaller than the one before, convergence is not
    shown: then the error is twice the range of the entry over the levels.
    """
    trusted = [level for k, level in enumerate(history) if resolved is None or resolved[k]]
    if len(trusted) < FEWEST:
        return {key: np.full(np.shape(value), np.inf) for key, value in history[-1].items()}
    largest = max(
        (float(np.max(np.abs(value), initial=0.0)) for value in history[-1].values()), default=0.0
    )
    rounding = _ROUNDING * largest
    found = {}
    for key in history[-1]:
        values = np.array([level[key] for level in trusted[-_CHANGES - 1 :]])
        if not np.all(np.isfinite(values)):
            found[key] = np.full(values.shape[1:], np.inf)
            continue
        found[key] = np.maximum(_error(values, max(rate, SLOWEST), rounding), floor)
    return found


def _error(values: Array, rate: float, rounding: float) -> Array:
    """From the values (levels, ...) of one entry."""
    changes = np.abs(np.diff(values, axis=0))
    ratio = np.full(values.shape[1:], rate)
    for before, after in pairwise(changes):
        seen = np.divide(before, after, out=np.full_like(before, rate), where=after > rounding)
        ratio = np.clip(seen, SLOWEST, ratio)
    scaled = [change / ratio**k for k, change in enumerate(changes[::-1])]
    error = SAFETY * np.max(scaled, axis=0) / (ratio - 1)
    stalled = (changes[-1] > _SHRINKS * changes[-2]) & (changes[-1] > rounding)
    spread = np.max(np.abs(values - values[-1]), axis=0)
    return np.asarray(np.where(stalled, np.maximum(error, SAFETY * spread), error))


def error_of_fast_levels(changes: Sequence[float]) -> float:
    """Relative error on the last of some levels whose errors fall faster than any power, from the
    relative `changes` from level to level.

    Such are nets of doubled size, for smooth data. The last change, which is about the error of the
    level before; where changes do not fall the larger of the last two; infinite with fewer than
    three levels, as two may agree by accident.
    """
    if len(changes) < FEWEST - 1:
        return np.inf
    before, last = changes[-2:]
    return last if last <= before else max(before, last)


def relative_estimate(
    errors: Mapping[Key, Array], values: Mapping[Key, Array], groups: Mapping[Key, str]
) -> float:
    """The largest error, each over the largest entry of its group (the tensor it belongs to);
    `groups` names those that count.

    A tensor that vanishes to rounding, or no entry of which is above its own error, is measured
    by the largest entry of all.
    """
    scales: dict[str, float] = {}
    seen: set[str] = set()
    for key, group in groups.items():
        sizes = np.abs(values[key])
        scales[group] = max(scales.get(group, 0.0), float(np.max(sizes)))
        seen |= {group} if np.any(sizes > errors[key]) else set()
    whole = max(scales.values(), default=0.0) or 1.0
    scales = {
        group: max(scale, 1e-6 * whole) if group in seen else whole
        for group, scale in scales.items()
    }
    return max(
        (float(np.max(errors[key])) / scales[group] for key, group in groups.items()), default=0.0
    )


def by_name(
    keys: Iterable[tuple[str, tuple[int, ...]]], without: Sequence[str] = ()
) -> dict[tuple[str, tuple[int, ...]], str]:
    """Entries (name, index) of effective coefficients grouped by name."""
    return {key: key[0] for key in keys if key[0] not in without}
