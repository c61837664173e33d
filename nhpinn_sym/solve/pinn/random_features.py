"""Least squares for the last layer of a net whose hidden layer is random: one linear solve instead of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...problem.errors import SolveError
from .network import Layers, Network, Trial, chunk_size
from .rows import MakeRows, Rows, positive, root_mean_square, weighted

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
_CHEAP, _TUNED = 200, 1600
_SMALLEST, _HELD_OUT = 100, 2000
_POOR = 0.1
_RIDGE = 1e-14


@dataclass(frozen=True)
class Fit:
    """A net, the coefficients (known functions, outputs) beside it, and the relative residual at points that were not used.

    scales: standard deviations of the weights for the space axes and for the time axis.
    """

    network: Network
    coefficients: Tensor
    held_out: float
    size: int
    scales: tuple[float, float]


def ladder(trial: Trial, make_rows: MakeRows, largest: int, scale: float | None, seed: int, points: int | None) -> Iterator[Fit]:
    """Fits of doubled size up to `largest` features.

    The scales are sought by the held-out residual: thoroughly while that is cheap or large, later only where a larger size brings
    little (the features of small scale have become linearly dependent then).
    """
    held = make_rows(_HELD_OUT, seed + 1)
    sizes = [largest]
    while sizes[0] > _SMALLEST or len(sizes) == 1:
        sizes.insert(0, max(1, sizes[0] // 2))
    scales, before = (scale or SCALES[0],) * 2, math.inf
    for size in sizes:
        rows, thorough = make_rows(max(points or 0, 2 * size), seed), before > _POOR or size <= _CHEAP
        best = fit(trial, rows, held, size, scales, seed)
        if scale is None and size <= _TUNED and (thorough or best.held_out > before / 8):
            best = _climb(trial, rows, held, best, seed, patience=2 if thorough else 1)
        yield best
        before = best.held_out
        scales = best.scales if before <= _POOR else scales


def fit(trial: Trial, rows: Rows, held: Rows, size: int, scales: tuple[float, float], seed: int) -> Fit:
    """The least-squares fit with `size` features."""
    layers = trial.features(size, tuple(scales[kind == "graded"] for kind, _, _ in trial.axes), seed)
    solution = least_squares(torch.cat([matrix(trial, rows, layers), rows.extra], 1), rows.target)
    weight, coefficients = solution[:size], solution[size:]
    bias = torch.zeros(weight.shape[1], dtype=weight.dtype, device=weight.device)
    network = Network(trial, [*layers, (weight.T.contiguous(), bias)])
    return Fit(network, coefficients, held_out_residual(network, coefficients, held), size, scales)


def _climb(trial: Trial, rows: Rows, held: Rows, best: Fit, seed: int, patience: int) -> Fit:
    """Raise the scale in space, then in time, until the held-out residual has become worse `patience` times in a row."""
    for group in range(2 if any(kind == "graded" for kind, _, _ in trial.axes) else 1):
        worse = 0
        for scale in SCALES[SCALES.index(best.scales[group]) + 1:]:
            scales = (scale, best.scales[1]) if group == 0 else (best.scales[0], scale)
            candidate = fit(trial, rows, held, best.size, scales, seed)
            best, worse = (candidate, 0) if candidate.held_out < best.held_out else (best, worse + 1)
            if worse == patience:
                break
    return best


@torch.no_grad()
def matrix(trial: Trial, rows: Rows, layers: Layers) -> Tensor:
    """(n, features): the rows for every feature, in chunks that stay in the cache."""
    out = torch.empty(len(rows.points), len(layers[-1][1]), dtype=rows.points.dtype, device=rows.points.device)
    step = chunk_size(layers)
    for k in range(0, len(out), step):
        part = slice(k, k + step)
        jet = trial.module.hidden(rows.points[part], layers, trial.indices, trial.axes)
        out[part] = weighted(rows.weights[part], jet)
    return out


def least_squares(a: Tensor, b: Tensor) -> Tensor:
    """min |a x - b|^2 + (RIDGE |x|)^2 with the columns of a scaled to length one, by QR of both rows together.

    The ridge, near rounding, keeps x bounded where the columns are dependent. (Cutting the rank by pivoted QR instead loses up to
    four digits of the residual.)
    """
    size, count = positive(a.norm(dim=0)), a.shape[1]
    rows = torch.cat([a / size, _RIDGE * torch.eye(count, dtype=a.dtype, device=a.device)])
    data = torch.cat([b, b.new_zeros(count, b.shape[1])])
    if not (rows.isfinite().all() and data.isfinite().all()):
        raise SolveError("a coefficient or a source is not finite at some collocation point", remedy="look for a singularity in the domain")
    return torch.linalg.lstsq(rows, data, driver="gels").solution / size[:, None]


def held_out_residual(network: Network, coefficients: Tensor, held: Rows) -> float:
    """The largest root mean square residual of an output, relative to its data."""
    residual = held.residual(network.jet(held.points, network.trial.indices), coefficients)
    return float((root_mean_square(residual) / positive(held.size)).max())
