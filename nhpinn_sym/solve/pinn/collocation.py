"""Linear problems at points: collocation rows, and the last layer of a net whose hidden layer is
random, which is one least-squares solve instead of a training.

A row says   sum_ja weights[j, a] D^a net_j + extra . c = target   for one equation at one point, an
emitted linear residual as numbers; c are the coefficients of known functions that the trial space
holds beside the net.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from ...problem.errors import SolveError
from ...runtime.nets.inputs import spread
from ...runtime.nets.jets import full
from ...runtime.nets.least_squares import least_squares, safe_divisor
from ..resources import require_affordable
from ..solution import Array
from .distributed import ALONE, Ranks
from .network import Axes, DataPanels, Jet, Layers, Network, TrialSpace, chunk_size, with_last_layer

# Sweeps of Ruiz' balancing, which converges linearly.
_BALANCING = 8


@dataclass(frozen=True)
class Rows:
    """points (n, columns), weights (n, equations, components, derivatives), extra (n, equations,
    known functions),
    target (n, equations, right-hand sides).

    size (right-hand sides,): of the data behind the target; residuals are measured in it.
    """

    points: Tensor
    weights: Tensor
    extra: Tensor
    target: Tensor
    size: Tensor

    def scale(self, factor: float) -> Rows:
        return Rows(
            self.points,
            factor * self.weights,
            factor * self.extra,
            factor * self.target,
            factor * self.size,
        )

    def output(self, j: int, unit: float = 1.0) -> Rows:
        """The rows of right-hand side j alone, in multiples of `unit`."""
        return Rows(
            self.points,
            self.weights,
            self.extra,
            self.target[..., j : j + 1] / unit,
            self.size[j : j + 1] / unit,
        )

    def part(self, chunk: slice) -> Rows:
        """The rows of some of the points."""
        return Rows(
            self.points[chunk],
            self.weights[chunk],
            self.extra[chunk],
            self.target[chunk],
            self.size,
        )

    def strength(self, trial: TrialSpace) -> float:
        """How large a row is for a function that varies over the whole box: the unit in which
        blocks of rows are compared.
        """
        return float(row_strengths(self.weights, trial).sum() / self.weights.shape[1])

    def residual(self, net: Jet, coefficients: Tensor) -> Tensor:
        """(n, equations, right-hand sides) for the jet of a net at the points and coefficients
        (known functions, right-hand sides).

        The outputs of the net are ordered by right-hand side, then by component.
        """
        components = self.weights.shape[2]
        count = self.target.shape[2]
        columns = torch.stack(list(net.values()), -1).reshape(
            len(self.points), count, components, -1
        )
        return (
            torch.einsum("neca,noca->neo", self.weights, columns)
            + self.extra @ coefficients
            - self.target
        )


OperatorTables = Mapping[tuple[int, int], Mapping[MultiIndex, Any]]
"""An emitted operator at points: for each equation and component the factors, numbers or (n,), of
the derivatives.
"""


def operator_weights(
    points: Tensor, tables: OperatorTables, components: int, indices: Sequence[MultiIndex]
) -> Tensor:
    """The factors of an emitted operator as (n, equations, components, derivatives)."""
    out = points.new_zeros(len(points), components, components, len(indices))
    for (i, j), table in tables.items():
        for index, value in table.items():
            out[:, i, j, indices.index(index)] = full(points, value)
    return out


def row_strengths(weights: Tensor, trial: TrialSpace) -> Tensor:
    """The strength of every (equation, component) of weights (n, equations, components,
    derivatives).
    """
    lengths = weights.new_tensor([b - a for _, a, b in trial.axes])
    orders = weights.new_tensor(trial.indices)
    scales = (2 / lengths[: orders.shape[1]]).pow(orders).prod(1)
    return (weights.square().mean(0).sqrt() * scales).sum(-1)


def balance_factors(table: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the equations and of the components that make the largest strength in each row and
    column 1 (Ruiz 2001).
    """
    rows = torch.ones_like(table[:, 0])
    columns = torch.ones_like(table[0])
    for _ in range(_BALANCING):
        scaled = rows[:, None] * table * columns
        rows = rows / safe_divisor(scaled.amax(1).sqrt())
        columns = columns / safe_divisor(scaled.amax(0).sqrt())
    return rows, columns


def combine_derivatives(weights: Tensor, features: Jet) -> Tensor:
    """sum_a weights[..., a] D^a feature, (n, features) for weights (n, derivatives)."""
    first, *rest = zip(weights.T, features.values(), strict=True)
    out = first[0][:, None] * first[1]
    for weight, value in rest:
        out = torch.addcmul(out, weight[:, None], value)
    return out


# Numbers that a collocation point needs at least: coordinates, weights and data of its equations.
_ROW = 40.0

MakeRows = Callable[[int, int], Rows]
"""Rows at `count` points of the interior (and what belongs to them elsewhere), drawn with `seed`.
"""


def concatenate(rows: Sequence[Rows]) -> Rows:
    """All rows as one block."""
    return Rows(
        torch.cat([r.points for r in rows]),
        torch.cat([r.weights for r in rows]),
        torch.cat([r.extra for r in rows]),
        torch.cat([r.target for r in rows]),
        torch.stack([r.size for r in rows]).amax(0),
    )


def unit_jet(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
    """The jet whose derivative number k is 1 in feature k: what a linear operator makes of it are
    its factors.
    """
    unit = torch.eye(len(indices), dtype=points.dtype, device=points.device)
    return {index: unit[k].expand(len(points), len(indices)) for k, index in enumerate(indices)}


def collocation_points(
    count: int, axes: Axes, seed: int, device: str, panels: DataPanels = ()
) -> Tensor:
    """Scrambled Sobol points of the box of `axes`, (count, columns); on a graded axis half of them
    are uniform in its stretched coordinate.

    Where the data are sharp, `panels` gives the lines of each axis between which they are resolved:
    every other point is as likely to lie in a small panel as in a large one, so that no feature is
    missed.
    """
    if not axes:
        return torch.zeros(count, 0, dtype=torch.float64, device=device)
    require_affordable(f"points={count}", _ROW * count, remedy="ask for fewer points, or features")
    unit = torch.quasirandom.SobolEngine(len(axes), scramble=True, seed=seed).draw(
        count, dtype=torch.float64
    )
    points = spread(unit, axes)
    # Half of the points are uniform in time: a stretched axis has few of them late. The second
    # half, not every other one: consecutive Sobol points lie in opposite halves of the box.
    half = count // 2
    points[half:] = spread(unit[half:], tuple(("scaled", a, b) for _, a, b in axes))
    for axis, lines in enumerate(panels):
        if len(lines) > 2:
            points[::2, axis] = _in_panels(
                unit[::2, axis], torch.as_tensor(lines, dtype=torch.float64)
            )
    return points.to(device)


def _in_panels(unit: Tensor, lines: Tensor) -> Tensor:
    """Points from points of (0, 1), as many in every panel between neighbouring lines."""
    place = unit * (len(lines) - 1)
    panel = place.floor().clamp(max=len(lines) - 2).long()
    return lines[panel] + (place - panel) * (lines[panel + 1] - lines[panel])


def require_finite(*systems: Tensor) -> None:
    """SolveError where a row of a linear problem is no number."""
    if not all(bool(system.isfinite().all()) for system in systems):
        raise SolveError(
            "a coefficient or a source is not finite at some collocation point",
            remedy="look for a singularity in the domain",
        )


HELD_OUT = 2000
"""Points that a fit has not used, for its residual."""
# Seconds that an entry of a least-squares problem takes in each column.
_FLOP = 1e-10
# Bytes of memory that a fit may take; beyond them it is made of blocks of rows.
_FITS_IN = 2**31

FeatureScales = tuple[float, float]
"""Standard deviations of the weights for the space axes and for the time axis."""


def random_layer(trial: TrialSpace, size: int, scales: FeatureScales, seed: int) -> Layers:
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
        own = rows.part(ranks.own)
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


def dual_norms(
    values: Tensor,
    lines: Sequence[tuple[Array, Array]],
    lengths: Sequence[float],
    order: int,
) -> Tensor:
    """The norms (right-hand sides,) of values (n, equations, right-hand sides) at the grid of these
    lines (points, weights) of a periodic box as functionals of functions with `order`/2
    derivatives: amplitudes of its waves over that power of their frequencies, means over that of
    the longest wave.
    """
    amplitudes = values.unflatten(0, [len(points) for points, _ in lines])
    squares = values.new_zeros(())
    for axis, ((points, weights), length) in enumerate(zip(lines, lengths, strict=True)):
        found, waves = _waves(points, weights, length)
        on = torch.as_tensor(waves.T * weights, device=values.device)
        amplitudes = torch.tensordot(on, amplitudes, dims=([1], [axis])).movedim(0, axis)
        squares = squares[..., None] + torch.as_tensor(found, device=values.device)
    longest = (2 * math.pi / max(lengths)) ** 2
    shares = squares.clamp(min=longest).pow(-order / 2)
    return (amplitudes.square() * shares[..., None, None]).flatten(0, -2).sum(0).sqrt()


def _waves(points: Array, weights: Array, length: float) -> tuple[Array, Array]:
    """The squared frequencies (n,) of the waves (n, n) of piecewise linear periodic functions,
    orthonormal with these weights.
    """
    gaps = np.diff(points, append=points[0] + length) / length
    stiffness = np.diag(1 / gaps + 1 / np.roll(gaps, 1))
    places = np.arange(len(gaps))
    for one, other in ((places, np.roll(places, -1)), (np.roll(places, -1), places)):
        np.add.at(stiffness, (one, other), -1 / gaps)
    found, waves = scipy.linalg.eigh(stiffness, np.diag(weights))
    return found / length**2, waves
