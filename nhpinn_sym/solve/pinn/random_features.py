"""Least squares for the last layer of a net whose hidden layer is random: one linear solve instead
of a training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime.nets.least_squares import least_squares, safe_divisor
from ..resources import require_affordable
from .distributed import ALONE, Ranks
from .network import Layers, Network, TrialSpace, chunk_size, with_last_layer
from .rows import Rows, combine_derivatives, require_finite

HELD_OUT = 2000
"""Points that a fit has not used, for its residual."""
_FLOP = 1e-10
"""Seconds that an entry of a least-squares problem takes in each column."""
_FITS_IN = 2**31
"""Bytes of memory that a fit may take; beyond them it is made of blocks of rows."""

Scales = tuple[float, float]
"""Standard deviations of the weights for the space axes and for the time axis."""


def random_layer(trial: TrialSpace, size: int, scales: Scales, seed: int) -> Layers:
    """The hidden layer of a fit."""
    return trial.features(size, tuple(scales[kind == "graded"] for kind, _, _ in trial.axes), seed)


def last_layer(
    trial: TrialSpace, rows: Rows, layers: Layers, ranks: Ranks = ALONE, memory: int = _FITS_IN
) -> tuple[Network, Tensor]:
    """The net that satisfies the rows best, and the coefficients (known functions, right-hand
    sides) beside it.

    Where the rows are shared by several processes, or the matrix and its factorization need more
    than `memory` bytes, R is built up from blocks of rows.
    """
    components = rows.weights.shape[2]
    count = components * len(layers[-1][1])
    columns = count + rows.extra.shape[2]
    equations = rows.target.shape[0] * rows.target.shape[1]
    require_affordable(
        f"{columns} unknowns of random features",
        3.0 * columns**2,
        seconds=_FLOP * equations * columns**2,
        remedy="ask for fewer features=, or a larger tolerance",
    )
    # A row stands in the matrix, in its scaled copy and in the factorization.
    row = 3 * rows.points.element_size() * columns
    at_once = ranks.count == 1 and (equations + columns) * row <= memory
    blocks = [rows]
    if not at_once:
        own = ranks.own(rows)
        # Not fewer rows than columns: a block is factored together with R of those before.
        step = max(1, max(columns, memory // row - columns) // rows.target.shape[1])
        blocks = [own.part(slice(k, k + step)) for k in range(0, len(own.points), step)]
    systems = (
        (
            torch.cat([matrix(trial, block, layers), block.extra.flatten(0, 1)], 1),
            block.target.flatten(0, 1),
        )
        for block in blocks
    )
    if at_once:
        a, b = next(systems)
    else:
        factor = ranks.factor(torch.cat(system, 1) for system in systems)
        a = factor[:, :columns]
        b = factor[:, columns:]
    require_finite(a, b)
    solution = least_squares(a, b)
    return with_last_layer(trial, layers, solution[:count], components), solution[count:]


@torch.no_grad()
def matrix(trial: TrialSpace, rows: Rows, layers: Layers) -> Tensor:
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
                out[part, i, j] = combine_derivatives(rows.weights[part, i, j], jet)
    return out.reshape(count * equations, -1)


def held_out_residual(network: Network, coefficients: Tensor, held: Rows) -> float:
    """The largest root mean square residual of a right-hand side, relative to its data."""
    residual = held.residual(network.jet(held.points, network.trial.indices), coefficients)
    return float((residual.square().mean((0, 1)).sqrt() / safe_divisor(held.size)).max())
