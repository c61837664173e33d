"""Adam at a fixed rate on a weighted sum of terms, with its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ....problem.errors import SolveError
from .history import History
from .options import TrainingOptions
from .terms import Term

_REPORTS = 200


@dataclass(frozen=True)
class Trained:
    """Weights (nets, parameters) at the end and half-way, and the history, with arrays (epochs,
    nets).
    """

    x: Tensor
    half_way: Tensor
    history: History


@dataclass(frozen=True)
class Measures:
    """What is measured in every epoch: errors(x) are the relative errors (names, nets) of weights x
    (nets, parameters).
    """

    names: tuple[str, ...]
    errors: Callable[[Tensor], Tensor]


NOTHING = Measures((), lambda x: x.new_empty(0, len(x)))


def train(
    start: Tensor,
    terms: Sequence[Term],
    options: TrainingOptions,
    measures: Measures,
    report: Callable[[float, str], None],
) -> Trained:
    """options.epochs steps from weights (nets, parameters); the measures are taken in every epoch.

    As Adam acts on every entry by itself, many nets together are trained as each would be alone.
    SolveError where a loss is not finite.
    """
    x = half_way = start.clone()
    weights = np.array([term.weight for term in terms])
    optimizer = torch.optim.Adam([x], lr=options.learning_rate)
    values, errors = (
        np.empty((options.epochs, len(terms), len(x))),
        np.empty((options.epochs, len(measures.names), len(x))),
    )
    for epoch in range(options.epochs):
        pairs = [term.value_and_gradient(x) for term in terms]
        values[epoch] = torch.stack([value for value, _ in pairs]).cpu().numpy()
        if not np.isfinite(values[epoch]).all():
            raise SolveError(
                "the loss is not finite", term=f"epoch {epoch}", remedy="lower learning_rate"
            )
        errors[epoch] = measures.errors(x).cpu().numpy()
        if epoch % max(1, options.epochs // _REPORTS) == 0:
            shown = (
                ("loss", weights @ values[epoch].mean(1)),
                *zip(measures.names, errors[epoch].mean(1), strict=True),
            )
            notes = [f"{name} {value:.1e}" for name, value in shown]
            report(epoch / options.epochs, ", ".join((f"epoch {epoch}", *notes)))
        if epoch == options.epochs // 2:
            half_way = x.clone()
        x.grad = torch.stack(
            [term.weight * gradient for term, (_, gradient) in zip(terms, pairs, strict=True)]
        ).sum(0)
        optimizer.step()
    history = History(
        np.einsum("t,etn->en", weights, values),
        {term.name: values[:, k] for k, term in enumerate(terms)},
        {name: errors[:, k] for k, name in enumerate(measures.names)},
    )
    return Trained(x, half_way, history)
