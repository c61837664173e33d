"""Least squares for the last layer of a net whose hidden layer is random: one linear solve instead
of a training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ..limits import require_affordable
from .levels import LEVELS
from .network import Axes, Layers, Network, Trial, chunk_size
from .ranks import ALONE, Ranks
from .rows import Rows, positive, weighted
from .solvers.linear_least_squares import least_squares
from .solvers.results import Result

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
HELD_OUT = 2000
_CHEAP, _TUNED = 200, 1600
_SMALLEST = 100
_POOR = 0.1
_FLOP = 1e-10
"""Seconds that an entry of a least-squares problem takes in each column."""
_FITS_IN = 2**31
"""Bytes of memory that a fit may take; beyond them it is made of blocks of rows."""

Solved = TypeVar("Solved")
Scales = tuple[float, float]
"""Standard deviations of the weights for the space axes and for the time axis."""


@dataclass(frozen=True)
class Fit(Generic[Solved]):
    """What came of one size and one pair of scales, and the relative residual at points that were
    not used.
    """

    solved: Solved
    held_out: float
    size: int
    scales: Scales


def ladder(
    fit: Callable[[int, Scales], Fit[Solved]], axes: Axes, largest: int, scale: float | None
) -> Iterator[Fit[Solved]]:
    """Fits of doubled size up to `largest` features.

    The scales are sought by the held-out residual: thoroughly while that is cheap or large, later
    only where a larger size brings little (the features of small scale have become linearly
    dependent then).
    """
    sizes = [largest]
    while sizes[0] > (_SMALLEST if len(sizes) >= LEVELS else 1):
        sizes.insert(0, sizes[0] // 2)
    scales, before = (scale or SCALES[0],) * 2, math.inf
    for size in sizes:
        thorough = before > _POOR or size <= _CHEAP
        best = fit(size, scales)
        if scale is None and size <= _TUNED and (thorough or best.held_out > before / 8):
            best = climb(fit, axes, best, patience=2 if thorough else 1)
        yield best
        before = best.held_out
        scales = best.scales if before <= _POOR else scales


def climb(
    fit: Callable[[int, Scales], Fit[Solved]], axes: Axes, best: Fit[Solved], patience: int
) -> Fit[Solved]:
    """Raise the scale in space, then in time, until the held-out residual has become worse
    `patience` times in a row.
    """
    for group in range(2 if any(kind == "graded" for kind, _, _ in axes) else 1):
        worse = 0
        for scale in SCALES[SCALES.index(best.scales[group]) + 1 :]:
            candidate = fit(
                best.size, (scale, best.scales[1]) if group == 0 else (best.scales[0], scale)
            )
            best, worse = (
                (candidate, 0) if candidate.held_out < best.held_out else (best, worse + 1)
            )
            if worse == patience:
                break
    return best


def random_layer(trial: Trial, size: int, scales: Scales, seed: int) -> Layers:
    """The hidden layer of a fit."""
    return trial.features(size, tuple(scales[kind == "graded"] for kind, _, _ in trial.axes), seed)


def fit_result(reached: bool, residuals: Sequence[float]) -> Result:
    """Why a ladder ended, from the residuals of its sizes."""
    if reached:
        return Result.CONVERGED
    return (
        Result.MAX_FEATURES
        if residuals[-1] < residuals[-2] / 2 or residuals[-1] > _POOR
        else Result.RANK_DEFICIENT
    )


def last_layer(
    trial: Trial, rows: Rows, layers: Layers, ranks: Ranks = ALONE, memory: int = _FITS_IN
) -> tuple[Network, Tensor]:
    """The net that satisfies the rows best, and the coefficients (known functions, right-hand
    sides) beside it.

    Where the rows are shared by several processes, or the matrix and its factorization need more
    than `memory` bytes, R is built up from blocks of rows.
    """
    size, (components, count) = len(layers[-1][1]), (rows.weights.shape[2], rows.target.shape[2])
    columns, own = components * size + rows.extra.shape[2], ranks.own(rows)
    row = 3 * rows.points.element_size() * columns
    count_of_rows = float(rows.target.shape[0] * rows.target.shape[1])
    require_affordable(
        f"{columns} unknowns of random features",
        3.0 * columns**2,
        seconds=_FLOP * count_of_rows * columns**2,
        remedy="ask for fewer features=, or a larger tolerance",
    )
    if ranks.count == 1 and (rows.target.shape[0] * rows.target.shape[1] + columns) * row <= memory:
        solution = least_squares(*_system(trial, rows, layers))
    else:
        step = max(1, max(columns, memory // row - columns) // rows.target.shape[1])
        factor = ranks.factor(
            torch.cat(_system(trial, own.part(slice(k, k + step)), layers), 1)
            for k in range(0, len(own.points), step)
        )
        solution = least_squares(factor[:, :columns], factor[:, columns:])
    weight = (
        solution[: components * size]
        .reshape(components, size, count)
        .permute(2, 0, 1)
        .reshape(-1, size)
    )
    return (
        Network(trial, [*layers, (weight.contiguous(), weight.new_zeros(len(weight)))]),
        solution[components * size :],
    )


def _system(trial: Trial, rows: Rows, layers: Layers) -> tuple[Tensor, Tensor]:
    """Matrix and right-hand sides of the rows."""
    return torch.cat(
        [matrix(trial, rows, layers), rows.extra.flatten(0, 1)], 1
    ), rows.target.flatten(0, 1)


@torch.no_grad()
def matrix(trial: Trial, rows: Rows, layers: Layers) -> Tensor:
    """(n * equations, components * features): the rows for every feature of every component, in
    chunks that stay in the cache.
    """
    count, equations, components, _ = rows.weights.shape
    out = rows.points.new_empty(count, equations, components, len(layers[-1][1]))
    step = chunk_size(layers)
    for k in range(0, count, step):
        part = slice(k, k + step)
        jet = trial.hidden(rows.points[part], layers, trial.indices)
        for i in range(equations):
            for j in range(components):
                out[part, i, j] = weighted(rows.weights[part, i, j], jet)
    return out.reshape(count * equations, -1)


def held_out_residual(network: Network, coefficients: Tensor, held: Rows) -> float:
    """The largest root mean square residual of a right-hand side, relative to its data."""
    residual = held.residual(network.jet(held.points, network.trial.indices), coefficients)
    return float((residual.square().mean((0, 1)).sqrt() / positive(held.size)).max())
