"""Training of all weights of a net on collocation rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...problem.escaping import file_name
from ..limits import require_affordable
from .network import Layers, Network, Trial
from .objective import Objective
from .options import Options
from .random_features import (
    HELD_OUT,
    SCALES,
    Fit,
    Scales,
    climb,
    held_out_residual,
    last_layer,
    matrix,
    random_layer,
)
from .ranks import SharedLoss
from .rows import MakeRows, Rows
from .solvers import make_solver
from .solvers.checkpoint import Checkpoint, signed
from .solvers.results import Result
from .solvers.run import Minimum, minimize

_PATIENCE = 3


@dataclass(frozen=True)
class Trained:
    """A net, the coefficients (known functions, 1) beside it, and both as they were `earlier`, when
    the residual was a few times as large.

    doubt, held_out, ...: those of `solvers.run.Minimum`.
    """

    network: Network
    coefficients: Tensor
    earlier: tuple[Network, Tensor]
    doubt: float
    held_out: float
    iterations: int
    result: Result
    flavour: str


class NetLoss(Objective):
    """An objective that knows the rows of its linear part: the last layer and the coefficients of
    the known functions.
    """

    def __init__(
        self, trial: Trial, rows: Rows, layers: Layers, coefficients: Tensor, options: Options
    ) -> None:
        super().__init__(
            trial, _converted(rows, getattr(torch, options.dtype)), layers, options.flavour
        )
        if len(coefficients):
            self.start[-len(coefficients) :] = coefficients[:, 0]

    @torch.no_grad()
    def linear_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, linear unknowns) and (n,): the residual is matrix @ x[linear] - target."""
        layers, _ = self.split(x)
        constant = self.rows.weights[
            ..., self.trial.indices.index((0,) * len(self.trial.indices[0]))
        ]
        columns = torch.cat(
            [
                matrix(self.trial, self.rows, layers[:-1]),
                constant.flatten(0, 1),
                self.rows.extra.flatten(0, 1),
            ],
            1,
        )
        factor = 1 / math.sqrt(len(columns))
        return factor * columns, factor * self.rows.target.flatten()


def train(
    trial: Trial,
    make_rows: MakeRows,
    components: int,
    options: Options,
    goal: float,
    name: str,
    report: Callable[[float, str], None],
) -> Trained:
    """Train a net for rows with one right-hand side until the residual at unseen points is below
    `goal`.

    report: is told the fraction done and a note. name: of the file in the folder of checkpoints.
    """
    width, depth = options.net
    unknowns = sum(
        tensor.numel()
        for layer in trial.mlp(width, depth, components, options.seed)
        for tensor in layer
    )
    count = options.points or max(1000, 2 * unknowns // components)
    _require_affordable(unknowns, count, options)
    rows = make_rows(count, options.seed)
    held = make_rows(HELD_OUT, options.seed + 1)
    ranks, own = options.ranks, options.ranks.own(rows)
    loss = NetLoss(trial, own, *start(trial, rows, held, components, options), options)
    solver, iterations = make_solver(options.chosen, options.iterations)

    def held_out(x: Tensor) -> float:
        return held_out_residual(*loss.network(x.to(torch.float64)), held)

    checkpoint = None
    if options.checkpoint is not None:
        tensors = (rows.points, rows.weights, rows.extra, rows.target, held.points, loss.start)
        signature = signed(
            trial.signature,
            trial.axes,
            options.chosen,
            iterations,
            goal,
            options.dtype,
            loss.flavour,
            ranks.count,
            *tensors,
        )
        checkpoint = Checkpoint(
            Path(options.checkpoint) / f"{file_name(name)}.npz", signature, ranks.first
        )
    whole = (
        loss
        if ranks.count == 1
        else SharedLoss(loss, ranks, own.target.numel() / rows.target.numel())
    )
    return _trained(loss, minimize(whole, solver, iterations, held_out, goal, report, checkpoint))


def _require_affordable(unknowns: int, count: int, options: Options) -> None:
    """SolveError where the matrices of a solver do not fit into memory, or its steps would take
    more than a week.
    """
    dense = options.chosen in ("varpro", "lm", "gauss-newton")
    numbers = 3.0 * unknowns * (unknowns + count) if dense else 60.0 * unknowns
    numbers += 2.0 * unknowns**2 if options.chosen == "ssbfgs" else 0.0
    step = 1e-10 * unknowns * count * (unknowns if dense else 10)
    width, depth = options.net
    require_affordable(
        f"width={width}, depth={depth}, points={count}, solver={options.chosen}",
        numbers,
        seconds=step * (options.iterations or 1),
        remedy='ask for a smaller net, fewer points or iterations, or solver="lbfgs"',
    )


def start(
    trial: Trial, rows: Rows, held: Rows, components: int, options: Options
) -> tuple[Layers, Tensor]:
    """Layers to start from, and the coefficients of the known functions.

    The scale of the weights of the first layer is the one whose best last layer leaves the smallest
    residual at unseen points: a net that varies too slowly for its data would stay on a plateau for
    long.
    """
    width, depth = options.net
    inner = trial.mlp(width, depth, components, options.seed)[1:-1]

    def fit(size: int, scales: Scales) -> Fit[tuple[Network, Tensor]]:
        solved = last_layer(
            trial, rows, [*random_layer(trial, size, scales, options.seed), *inner], options.ranks
        )
        return Fit(solved, held_out_residual(*solved, held), size, scales)

    best = fit(width, (options.scale or SCALES[0],) * 2)
    if options.scale is None:
        best = climb(fit, trial.axes, best, _PATIENCE)
    network, coefficients = best.solved
    return network.layers, coefficients


def _trained(loss: NetLoss, found: Minimum) -> Trained:
    (network, coefficients), earlier = (
        loss.network(x.to(torch.float64)) for x in (found.x, found.earlier)
    )
    return Trained(
        network,
        coefficients,
        earlier,
        found.doubt,
        found.held_out,
        found.iterations,
        found.result,
        loss.flavour,
    )


def _converted(rows: Rows, dtype: torch.dtype) -> Rows:
    return replace(rows, **{name: tensor.to(dtype) for name, tensor in vars(rows).items()})
