"""Training of all weights of a net on collocation rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...problem.escaping import file_name
from ..resources import require_affordable
from .adaptive import SCALES, Fit, best_scales
from .collocation import (
    HELD_OUT,
    FeatureScales,
    MakeRows,
    Rows,
    held_out_residual,
    last_layer,
    matrix,
    random_layer,
)
from .distributed import SharedLoss
from .minimize import (
    Checkpoint,
    Result,
    SeparableLoss,
    Steps,
    TrainingResult,
    minimize,
    signature_of,
)
from .network import Layers, Network, TrialSpace
from .objective import Objective
from .optimizers import OPTIMIZERS, make_optimizer
from .options import Options

# Scales of the first layer that may be worse in a row before the search ends.
_PATIENCE = 3


@dataclass(frozen=True)
class Trained:
    """A net, the coefficients (known functions, 1) beside it, and both as they were `earlier`, when
    the residual was a few times as large.

    doubt, held_out, ...: those of `minimize.TrainingResult`.
    """

    network: Network
    coefficients: Tensor
    earlier: tuple[Network, Tensor]
    doubt: float
    held_out: float
    iterations: int
    result: Result
    flavour: str
    history: Steps = ()


class NetLoss(Objective):
    """An objective that knows the rows of its linear part: the last layer and the coefficients of
    the known functions.
    """

    def __init__(
        self, trial: TrialSpace, rows: Rows, layers: Layers, coefficients: Tensor, options: Options
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
    trial: TrialSpace,
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
    own = rows.part(options.ranks.own)
    loss = NetLoss(trial, own, *start(trial, rows, held, components, options), options)
    optimizer, iterations = make_optimizer(options.chosen, options.iterations)

    def held_out(x: Tensor) -> float:
        return held_out_residual(*loss.network(x.to(torch.float64)), held)

    whole: SeparableLoss = loss
    if options.ranks.count > 1:
        whole = SharedLoss(loss, options.ranks, own.target.numel() / rows.target.numel())
    checkpoint = _checkpoint(loss, rows, held, options, (iterations, goal), name)
    found = minimize(
        whole, optimizer, iterations, held_out, goal, report, checkpoint, options.callback
    )
    return _trained(loss, found)


def _checkpoint(
    loss: NetLoss,
    rows: Rows,
    held: Rows,
    options: Options,
    aim: tuple[int, float],
    name: str,
) -> Checkpoint | None:
    """The file of this training, where a folder is asked for; aim: its iterations and its goal. The
    signature holds all that the numbers of the training depend on.
    """
    if options.checkpoint is None:
        return None
    signature = signature_of(
        loss.trial.signature,
        loss.trial.axes,
        options.chosen,
        *aim,
        options.dtype,
        loss.flavour,
        options.ranks.count,
        *(rows.points, rows.weights, rows.extra, rows.target, held.points, loss.start),
    )
    path = Path(options.checkpoint) / f"{file_name(name)}.npz"
    return Checkpoint(path, signature, options.ranks.first)


def _require_affordable(unknowns: int, count: int, options: Options) -> None:
    """SolveError where the matrices of a solver do not fit into memory, or its steps would take
    more than a week.
    """
    dense = OPTIMIZERS[options.chosen].dense
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
    trial: TrialSpace, rows: Rows, held: Rows, components: int, options: Options
) -> tuple[Layers, Tensor]:
    """Layers to start from, and the coefficients of the known functions.

    The scale of the weights of the first layer is the one whose best last layer leaves the smallest
    residual at unseen points: a net that varies too slowly for its data would stay on a plateau for
    long.
    """
    width, depth = options.net
    inner = trial.mlp(width, depth, components, options.seed)[1:-1]

    def fit(size: int, scales: FeatureScales) -> Fit[tuple[Network, Tensor]]:
        solved = last_layer(
            trial, rows, [*random_layer(trial, size, scales, options.seed), *inner], options.ranks
        )
        return Fit(solved, held_out_residual(*solved, held), size, scales)

    scale = options.scale or SCALES[0]
    patience = 0 if options.scale else _PATIENCE
    best = best_scales(fit, trial.axes, width, (scale, scale), lambda first: patience)
    network, coefficients = best.solved
    return network.layers, coefficients


def _trained(loss: NetLoss, found: TrainingResult) -> Trained:
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
        found.history,
    )


def _converted(rows: Rows, dtype: torch.dtype) -> Rows:
    return replace(rows, **{name: tensor.to(dtype) for name, tensor in vars(rows).items()})
