"""Least squares for the last layer of a net whose hidden layer is random: one linear solve instead of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .network import Layers, Network, Trial, chunk_size
from .rows import MakeRows, Rows, root_mean_square, weighted

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
_TUNED = 200
_HELD_OUT = 2000

@dataclass(frozen=True)
class Fit:
    """A net, the coefficients (known functions, outputs) beside it, and the relative residual at points that were not used."""

    network: Network
    coefficients: Tensor
    held_out: float
    size: int
    scale: float


def ladder(trial: Trial, make_rows: MakeRows, largest: int, scale: float | None, seed: int, points: int | None) -> Iterator[Fit]:
    """Fits of doubled size up to `largest` features.

    The scale of the weights is the best of SCALES by the held-out residual, sought at the small sizes, where that is cheap. As features
    of small scale become linearly dependent when there are many, the next scale is tried where a larger size brings little.
    """
    held = make_rows(_HELD_OUT, seed + 1)
    sizes = [largest]
    while sizes[0] > 100:
        sizes.insert(0, sizes[0] // 2)
    scales: Sequence[float] = (scale,) if scale else SCALES
    before = float("inf")
    for size in sizes:
        rows, tuned = make_rows(max(points or 0, 2 * size), seed), size > _TUNED
        fits = (fit(trial, rows, held, size, candidate, seed) for candidate in scales[:2 if tuned else None])
        best = _best(fits, before / 8 if tuned else 0.0)
        yield best
        scales, before = scales[scales.index(best.scale):], best.held_out


def fit(trial: Trial, rows: Rows, held: Rows, size: int, scale: float, seed: int) -> Fit:
    """The least-squares fit with `size` features."""
    layers = trial.features(size, scale, seed)
    solution = least_squares(torch.cat([matrix(trial, rows, layers), rows.extra], 1), rows.target)
    weight, coefficients = solution[:size], solution[size:]
    bias = torch.zeros(weight.shape[1], dtype=weight.dtype, device=weight.device)
    network = Network(trial, [*layers, (weight.T.contiguous(), bias)])
    return Fit(network, coefficients, held_out_residual(network, coefficients, held), size, scale)


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
    """min |a x - b| after scaling the columns; by pivoted QR of numerical rank on a CPU, by plain QR on CUDA (which has no other)."""
    size = a.norm(dim=0)
    size = torch.where(size > 0, size, torch.ones_like(size))
    driver = "gels" if a.is_cuda else "gelsy"
    return torch.linalg.lstsq(a / size, b, rcond=torch.finfo(a.dtype).eps, driver=driver).solution / size[:, None]


def held_out_residual(network: Network, coefficients: Tensor, held: Rows) -> float:
    """The largest root mean square residual of an output, relative to its target."""
    residual = held.residual(network.jet(held.points, network.trial.indices), coefficients)
    size = root_mean_square(held.target)
    return float((root_mean_square(residual) / torch.where(size > 0, size, torch.ones_like(size))).max())


def _best(fits: Iterator[Fit], enough: float) -> Fit:
    """The fit with the least held-out residual; stops asking when it is below `enough`, or has become worse twice in a row."""
    best, worse = next(fits), 0
    while best.held_out > enough and worse < 2 and (candidate := next(fits, None)):
        best, worse = (candidate, 0) if candidate.held_out < best.held_out else (best, worse + 1)
    return best
