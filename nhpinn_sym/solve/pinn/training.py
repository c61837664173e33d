"""Training of all weights of a net by one of the optimizers; each is a generator of (parameters, loss)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from . import adam, levenberg, self_scaled_bfgs
from .network import Network, Trial
from .objective import Objective
from .options import Options
from .random_features import HELD_OUT, held_out_residual
from .rows import MakeRows


@dataclass(frozen=True)
class Trained:
    """A net, the coefficients (known functions, 1) beside it, and both as they were half-way."""

    network: Network
    coefficients: Tensor
    half_way: tuple[Network, Tensor]
    held_out: float
    iterations: int


OPTIMIZERS = {
    "lm": (levenberg.minimize, levenberg.ITERATIONS),
    "ssbfgs": (self_scaled_bfgs.minimize, self_scaled_bfgs.ITERATIONS),
    "adam": (adam.minimize, adam.ITERATIONS),
}


def train(trial: Trial, make_rows: MakeRows, components: int, options: Options, report: Callable[[float, str], None]) -> Trained:
    """Train a net for rows with one right-hand side; `report` is told the fraction done and a note."""
    layers = trial.mlp(options.width, options.depth, components, options.seed)
    unknowns = sum(tensor.numel() for layer in layers for tensor in layer)
    rows = make_rows(options.points or max(1000, 2 * unknowns // components), options.seed)
    objective = Objective(trial, rows, layers)
    minimize, usual = OPTIMIZERS[options.chosen]
    iterations = options.iterations or usual
    history = [objective.start]
    for x, loss in minimize(objective, iterations):
        report(len(history) / iterations, f"step {len(history)}, relative residual {loss**0.5:.1e}")
        history.append(x)
    network, coefficients = objective.network(history[-1])
    held_out = held_out_residual(network, coefficients, make_rows(HELD_OUT, options.seed + 1))
    return Trained(network, coefficients, objective.network(history[len(history) // 2]), held_out, len(history) - 1)
