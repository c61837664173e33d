"""Least squares for the last layer of a net whose hidden layer is random: one linear solve instead of a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .network import Layers, Network, Trial
from .rows import MakeRows, Rows, root_mean_square, weighted

SCALES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
_TRIED = 200
_HELD_OUT = 2000
_CHUNK = 512

@dataclass(frozen=True)
class Fit:
    """A net, the coefficients (known functions, outputs) beside it, and the relative residual at points that were not used."""

    network: Network
    coefficients: Tensor
    held_out: float
    size: int
    scale: float


def ladder(trial: Trial, make_rows: MakeRows, largest: int, scale: float | None, seed: int, points: int | None) -> Iterator[Fit]:
    """Fits of doubled size up to `largest` features; the scale of the weights is chosen at the first sizes."""
    held = make_rows(_HELD_OUT, seed + 1)
    sizes = [largest]
    while sizes[0] > 100:
        sizes.insert(0, sizes[0] // 2)
    chosen = scale
    for size in sizes:
        rows = make_rows(max(points or 0, 2 * size), seed)
        chosen = chosen or _choose_scale(trial, rows, held, size, seed)
        yield fit(trial, rows, held, size, chosen, seed)
        if scale is None and size < _TRIED:
            chosen = None


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
    for k in range(0, len(out), _CHUNK):
        part = slice(k, k + _CHUNK)
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


def _choose_scale(trial: Trial, rows: Rows, held: Rows, size: int, seed: int) -> float:
    """The scale with the least held-out residual, going up from the smallest until it has become worse three times."""
    best, least, worse = SCALES[0], float("inf"), 0
    for scale in SCALES:
        residual = fit(trial, rows, held, size, scale, seed).held_out
        if residual < least:
            best, least, worse = scale, residual, 0
        else:
            worse += 1
        if worse == 3:
            break
    return best
