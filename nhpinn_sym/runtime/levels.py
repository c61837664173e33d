"""The one judge of a sequence of levels (meshes, grids, nets): what is known of the error on the
last of them, from the changes between them.

Five kinds of levels, each with its theory:

- `estimate_entries`     : entries of coefficients on halved meshes; an algebraic rate is known
- `extrapolated`         : these, where all powers of the error are known
- `error_of_halving`     : one number on halved meshes, or halved time steps
- `error_of_fast_levels` : faster than any power, as grids and nets for smooth data
- `error_of_erratic_levels` : of first order, with changes that are small by accident, as on grids
                           that jumps of the data do not meet
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from .arrays import Array

Key = TypeVar("Key")

FEWEST = 3
"""Levels without which nothing is said."""
SAFETY = 2.0
"""Factor on extrapolated errors, which are right only asymptotically."""
SLOWEST = 2.0
"""Factor by which an error falls from level to level that is taken for granted where changes
shrink."""
# Of an error that falls more slowly, by the factor that all changes show.
_SLOW_MARGIN = 1.2
# A change that is not below this share of the one before shows no convergence.
_SHRINKS = 0.9
ROUNDING = 1e-13
"""Changes below this share of the largest entry of all are rounding."""
VANISHING = 1e-6
"""Size of a coefficient, beside the largest one, below which it may be rounding."""
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
    before it. Where all fall more slowly than by 2, as at corners where phases meet diagonally,
    the error is no less than the last one times 1.2 / (the largest rate - 1). Where the last change
    is not smaller than the one before, convergence is not shown: then the error is twice the range
    of the entry over the levels.
    """
    trusted = [level for k, level in enumerate(history) if resolved is None or resolved[k]]
    if len(trusted) < FEWEST:
        return {key: np.full(np.shape(value), np.inf) for key, value in history[-1].items()}
    largest = max(
        (float(np.max(np.abs(value), initial=0.0)) for value in history[-1].values()), default=0.0
    )
    rounding = ROUNDING * largest
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
    # The rate that is believed is the slowest that the changes show, and never above theory.
    ratio = np.full(values.shape[1:], rate)
    fastest = np.full(values.shape[1:], 1 / _SHRINKS)
    for before, after in pairwise(changes):
        seen = np.divide(before, after, out=np.full_like(before, rate), where=after > rounding)
        ratio = np.clip(seen, SLOWEST, ratio)
        fastest = np.maximum(fastest, seen)
    scaled = [change / ratio**k for k, change in enumerate(changes[::-1])]
    error = SAFETY * np.max(scaled, axis=0) / (ratio - 1)
    error = np.maximum(error, _SLOW_MARGIN * changes[-1] / (fastest - 1))
    # Where a change does not shrink no extrapolation holds: the range of the values is left.
    stalled = (changes[-1] > _SHRINKS * changes[-2]) & (changes[-1] > rounding)
    spread = np.max(np.abs(values - values[-1]), axis=0)
    return np.asarray(np.where(stalled, np.maximum(error, SAFETY * spread), error))


def extrapolated(
    history: Sequence[Mapping[Key, Array]], order: int
) -> tuple[list[Mapping[Key, Array]], int]:
    """Numbers on halved meshes whose errors are sums of h^order, h^(order + 2), ..., as those of
    coefficients for smooth data are: without as many of these terms as leave three levels, and the
    order of what is left. Where errors are others they stay what they are, but for a factor.

    Source: G. I. Marchuk, V. V. Shaidurov, Difference Methods and Their Extrapolations, 1983.
    """
    found = list(history)
    while len(found) > FEWEST:
        share = 1 / (2.0**order - 1)
        found = [
            {key: after[key] + share * (after[key] - before[key]) for key in after}
            for before, after in pairwise(found)
        ]
        order += 2
    return found, order


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
    if last <= before:
        return last
    return max(before, last)


def error_of_halving(changes: Sequence[float], order: float) -> float:
    """The error of the last of some levels of doubled resolution, from the `changes` of a number
    from level to level: twice the last one / (2^p - 1), with the order p that the last changes
    show, between 1 and `order`.

    The largest of the last three stands for the last one, each scaled by that order. The order of
    one change alone is taken as 1. Infinite where there is none.
    """
    recent = changes[-_CHANGES:]
    if not recent:
        return np.inf
    ratio = 2.0**order
    if len(recent) == 1:
        ratio = SLOWEST
    for before, after in pairwise(recent):
        if after > 0:
            ratio = min(max(before / after, SLOWEST), ratio)
    scaled = max(change / ratio**k for k, change in enumerate(reversed(recent)))
    return SAFETY * scaled / (ratio - 1)


def error_of_erratic_levels(changes: Sequence[float], sizes: Sequence[int], dim: int) -> float:
    """Relative error on the last of some grids of `sizes` points per axis, from the relative
    `changes` between them, where errors fall like 1/size and some changes are small by accident.

    Twice the largest of the last three, each scaled to the last grid by that rate; infinite with
    fewer than three grids. In space errors fall more steadily, as the stairs of a surface have a
    mean: of two grids with a and b points, the error on the second one is a/(b - a) changes.
    """
    if len(sizes) < FEWEST:
        return np.inf
    recent = [*zip(changes, sizes, sizes[1:], strict=False)][-_CHANGES:]
    errors = [change * after / sizes[-1] for change, _, after in recent]
    if dim == 3:
        left = [before / (after - before) for _, before, after in recent]
        errors = [error * share for error, share in zip(errors, left, strict=True)]
    return SAFETY * max(errors)


def relative_change(
    before: Mapping[tuple[Any, ...], Any], after: Mapping[tuple[Any, ...], Any]
) -> float:
    """The largest change of an entry, by (name, index), over the largest entry of the same name;
    what vanishes is measured by the others.
    """
    changes: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for key, value in after.items():
        name = key[0]
        changes[name] = max(changes.get(name, 0.0), float(abs(value - before[key])))
        sizes[name] = max(sizes.get(name, 0.0), float(abs(value)))
    largest = max(sizes.values(), default=0.0) or 1.0
    worst = 0.0
    for name, change in changes.items():
        if change > ROUNDING * largest:
            size = sizes[name] if sizes[name] > change else largest
            worst = max(worst, change / max(size, VANISHING * largest))
    return worst


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
        group: max(scale, VANISHING * whole) if group in seen else whole
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


def error_text(estimate: float) -> str:
    """An estimated error as tables and mains print it: rounding has no digits."""
    return f"below {ROUNDING:.0e}" if estimate < ROUNDING else f"{estimate:.1e}"
