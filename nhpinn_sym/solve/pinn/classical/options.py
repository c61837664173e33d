"""The options of the classical trainings, checked; defaults are those of NH-PINN where printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from ....problem.errors import ProblemError, shortened
from ....problem.user_input import listed, positive_integer, positive_number
from ..minimize import Watch
from ..objective import ENGINES
from ..options import require_callable, require_choice, require_device, require_folder, require_seed

NODES = {1: 101, 2: 41, 3: 13}


@dataclass(frozen=True)
class TrainingOptions:
    """epochs of Adam at a fixed learning_rate, for a tanh net of `depth` hidden layers of `width`
    (printed: three of 64).

    weights: of the terms of the loss, in its order; they add up to 1.
    nodes: points of the uniform grid per axis, both ends among them; test_nodes: of the grid on
    which the error against `reference` is taken. flavour: of the program for the residual, see
    `objective`.
    checkpoint: a folder from which a killed training goes on when it is begun again.
    callback: is told the epoch, the loss and the error against `reference` (nan without one) as
    often as the bar of the training.
    Initial weights and biases are uniform in +-1/sqrt(inputs), the default of torch.nn.Linear.
    """

    epochs: int = 4000
    learning_rate: float = 1e-3
    weights: tuple[float, ...] | None = None
    nodes: int | None = None
    test_nodes: int | None = None
    width: int = 64
    depth: int = 3
    seed: int = 0
    device: str = "cpu"
    flavour: str = "auto"
    checkpoint: str | os.PathLike[str] | None = None
    callback: Watch | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """What info says of the nets and of their training."""
        return {"width": self.width, "depth": self.depth, "epochs": self.epochs}


@dataclass(frozen=True)
class CellOptions(TrainingOptions):
    """oversampling: layers of points outside each face (0: residual and periodicity alone).

    weights: (w1, w2) of residual and periodicity, (1/101, 100/101); or (w1, w2, w3) with
    oversampling, (1/101, 50/101, 50/101). Neither they nor epochs and rate are published. With
    equal weights the net follows -y_j, which solves the equation without periodicity, for long.
    nodes: 101, 41, 13 per axis in one, two and three dimensions (published: 101 in one and in two).
    slow_nodes: uniform points x at which a cell problem with a(x, y) is solved (printed: 101).
    reference: one function of points y (n, d) -> (n,) per cell function (of y and x, where they
    depend on x), such as the `functions` of other cells.
    """

    oversampling: int = 2
    slow_nodes: int = 101
    reference: Sequence[Callable[..., Any]] | None = None

    @property
    def balance(self) -> tuple[float, ...]:
        return self.weights or (
            (1 / 101, 50 / 101, 50 / 101) if self.oversampling else (1 / 101, 100 / 101)
        )


@dataclass(frozen=True)
class EquationOptions(TrainingOptions):
    """weights: (w1, w2) of the equation and the boundary, or (w1, w2, w3) with the initial
    condition; (1/11, 10/11), or (1/7, 5/7, 1/7), as printed.
    Where u is small beside f these leave boundary values wrong by much of u; w2/w1 = (f/u)^2 counts
    both alike.

    nodes: 101 in one dimension, 21 in two, 100 in space and in time (printed), 9 in three;
    test_nodes: 401, 101, 201, 21. form: "strong", or "energy", the deep Ritz loss (E and Yu 2018)
    of symmetric problems: w1 * energy + w2 * essential data; (1/101, 100/101) then: the boundary is
    a penalty, which a small w1 makes exact and the training slow. start: a solution by this method
    whose weights are where the training begins, or its `weights`. reference: u(points) -> (n,), at
    the final time, or a mapping of names to several such functions.
    """

    learning_rate: float = 1e-4
    form: str = "strong"
    start: Any = None
    reference: Callable[..., Any] | Mapping[str, Callable[..., Any]] | None = None

    @property
    def references(self) -> Mapping[str, Callable[..., Any]]:
        """By name; "error" is that of a single one."""
        if self.reference is None:
            return {}
        return self.reference if isinstance(self.reference, Mapping) else {"error": self.reference}


Kind = TypeVar("Kind", bound=TrainingOptions)


def read(kind: type[Kind], given: Mapping[str, Any], terms: Callable[[Kind], int]) -> Kind:
    """ProblemError for an unknown name, a number out of range, or weights that do not fit the
    number of `terms` of the loss.
    """
    known = [f.name for f in fields(kind)]
    for name in given:
        if name not in known:
            raise ProblemError(
                f"the methods nh-pinn and classical have no option {name!r}",
                term=f"{name}={shortened(given[name])}",
                remedy="its options are " + ", ".join(known),
            )
    options = kind(**given)
    for name, least in (
        ("epochs", 1),
        ("width", 1),
        ("depth", 1),
        ("nodes", 3),
        ("test_nodes", 3),
        ("slow_nodes", 4),
        ("oversampling", 0),
    ):
        value = getattr(options, name, None)
        if value is not None or getattr(kind, name, None) is not None:
            options = replace(options, **{name: positive_integer(value, name, least=least)})  # type: ignore[arg-type]
    rate = positive_number(
        options.learning_rate,
        ProblemError,
        "learning_rate",
        "leave it out, or write learning_rate=1e-3",
    )
    options = replace(options, learning_rate=float(rate), seed=require_seed(options.seed))
    for name, choices in (("flavour", ENGINES), ("form", ("strong", "energy"))):
        require_choice(name, getattr(options, name, choices[0]), choices)
    _check_weights(options.weights, terms(options))
    require_folder(options.checkpoint)
    require_callable(options.callback)
    require_device(options.device)
    return options


def _check_weights(weights: tuple[float, ...] | None, count: int) -> None:
    if weights is None:
        return
    remedy = f"give {count} positive numbers that add up to 1"
    numbers = [
        float(positive_number(w, ProblemError, "a weight of the loss", remedy))
        for w in listed(weights, "weights", remedy)
    ]
    if len(numbers) != count or abs(sum(numbers) - 1) > 1e-6:
        raise ProblemError(
            f"the weights of the loss are {count} positive numbers that add up to 1",
            term=weights,
            remedy=remedy,
        )
