"""The options of the classical trainings, checked (defaults are those of NH-PINN where printed),
and these trainings: Adam at a fixed rate on a weighted sum of terms, with its history; a killed one
goes on.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ....problem.errors import ProblemError, SolveError, shortened
from ....problem.escaping import file_name
from ....problem.user_input import listed, positive_integer, positive_number
from ...arguments import require_choice
from ...devices import require_device
from ...solution import Array
from ..minimize import Checkpoint, Watch, signature_of
from ..objective import ENGINES
from ..options import require_callable, require_folder, require_seed
from .losses import LossTerm

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
        if isinstance(self.reference, Mapping):
            return self.reference
        return {"error": self.reference}


OptionsType = TypeVar("OptionsType", bound=TrainingOptions)


def training_options(
    kind: type[OptionsType], given: Mapping[str, Any], terms: Callable[[OptionsType], int]
) -> OptionsType:
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


_REPORTS = 200


@dataclass(frozen=True)
class AdamResult:
    """Weights (nets, parameters) at the end and half-way, the history, with arrays (epochs, nets),
    and the seconds of the training, those before an interruption included.
    """

    x: Tensor
    half_way: Tensor
    history: History
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class ErrorMeasures:
    """What is measured in every epoch: errors(x) are the relative errors (names, nets) of weights x
    (nets, parameters).
    """

    names: tuple[str, ...]
    errors: Callable[[Tensor], Tensor]


NOTHING = ErrorMeasures((), lambda x: x.new_empty(0, len(x)))


def train_batch(
    start: Tensor,
    terms: Sequence[LossTerm],
    options: TrainingOptions,
    measures: ErrorMeasures,
    report: Callable[[float, str], None],
    name: str,
) -> AdamResult:
    """options.epochs steps from weights (nets, parameters); the measures are taken in every epoch.

    As Adam acts on every entry by itself, many nets together are trained as each would be alone.
    name: of the file in the folder options.checkpoint. SolveError where a loss is not finite.
    """
    training = Training(start, terms, options, measures)
    checkpoint = _checkpoint(training, name)
    saved = checkpoint.load(options.device) if checkpoint is not None else None
    if saved is not None:
        training.restore(saved)
    while training.epoch < options.epochs:
        training.step()
        if (training.epoch - 1) % max(1, options.epochs // _REPORTS) == 0:
            report((training.epoch - 1) / options.epochs, training.note())
            if options.callback is not None:
                options.callback(*training.last())
        if checkpoint is not None:
            checkpoint.save(training.state(), at_once=training.epoch == options.epochs)
    return training.result()


class Training:
    """A training after `epoch` steps.

    x, half_way: weights (nets, parameters) now and half-way; values (epochs, terms, nets) and
    errors (epochs, measures, nets): the history, up to now.
    """

    def __init__(
        self,
        start: Tensor,
        terms: Sequence[LossTerm],
        options: TrainingOptions,
        measures: ErrorMeasures,
    ) -> None:
        self.terms = terms
        self.options = options
        self.measures = measures
        self.epoch = 0
        self.x = start.clone()
        self.half_way = self.x
        self.optimizer = torch.optim.Adam([self.x], lr=options.learning_rate)
        self.weights = np.array([term.weight for term in terms])
        self.values = np.empty((options.epochs, len(terms), len(start)))
        self.errors = np.empty((options.epochs, len(measures.names), len(start)))
        self._spent = np.zeros(2)
        self._begun = _clocks()

    def step(self) -> None:
        """One epoch: what is measured belongs to the weights before the step."""
        pairs = [term.value_and_gradient(self.x) for term in self.terms]
        values = torch.stack([value for value, _ in pairs]).cpu().numpy()
        if not np.isfinite(values).all():
            raise SolveError(
                "the loss is not finite", term=f"epoch {self.epoch}", remedy="lower learning_rate"
            )
        self.values[self.epoch] = values
        self.errors[self.epoch] = self.measures.errors(self.x).cpu().numpy()
        if self.epoch == self.options.epochs // 2:
            self.half_way = self.x.clone()
        gradients = [
            term.weight * gradient for term, (_, gradient) in zip(self.terms, pairs, strict=True)
        ]
        self.x.grad = torch.stack(gradients).sum(0)
        self.optimizer.step()
        self.epoch += 1

    def last(self) -> tuple[int, float, float]:
        """The last epoch, its loss, and the first of its errors; means over the nets."""
        k = self.epoch - 1
        error = float(self.errors[k, 0].mean()) if self.measures.names else math.nan
        return k, float(self.weights @ self.values[k].mean(1)), error

    def note(self) -> str:
        """The last epoch, its loss and errors, as a line for a progress bar."""
        last = self.epoch - 1
        notes = [f"epoch {last}", f"loss {self.weights @ self.values[last].mean(1):.1e}"]
        for name, error in zip(self.measures.names, self.errors[last].mean(1), strict=True):
            notes.append(f"{name} {error:.1e}")
        return ", ".join(notes)

    def signature(self) -> str:
        """What the numbers of this training depend on: options, and terms and errors at the start,
        to six digits, as their last ones differ between machines.
        """
        o = self.options
        values = [term.value_and_gradient(self.x)[0] for term in self.terms]
        numbers = torch.cat([*(value.flatten() for value in values), self.x.norm()[None]])
        errors = self.measures.errors(self.x).flatten()
        rounded = [f"{float(number):.6g}" for number in (*numbers, *errors)]
        names = [*(term.name for term in self.terms), *self.measures.names]
        return signature_of(o.epochs, o.learning_rate, self.weights.tolist(), names, rounded)

    def state(self) -> dict[str, Any]:
        """As tensors, arrays and numbers."""
        moments = self.optimizer.state[self.x]
        return {
            "epoch": self.epoch,
            "x": self.x,
            "half_way": self.half_way,
            "moments": {name: moments[name] for name in ("exp_avg", "exp_avg_sq")},
            "values": self.values[: self.epoch],
            "errors": self.errors[: self.epoch],
            "spent": list(self._seconds()),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from the `state` of a training with the same signature."""
        self.epoch = int(saved["epoch"])
        self.x.copy_(saved["x"])
        self.half_way = saved["half_way"]
        steps = torch.tensor(float(self.epoch))
        self.optimizer.state[self.x] = {"step": steps, **saved["moments"]}
        self.values[: self.epoch] = saved["values"].cpu().numpy()
        self.errors[: self.epoch] = saved["errors"].cpu().numpy()
        self._spent = np.array(saved["spent"])

    def result(self) -> AdamResult:
        terms = {term.name: self.values[:, k] for k, term in enumerate(self.terms)}
        errors = {name: self.errors[:, k] for k, name in enumerate(self.measures.names)}
        history = History(np.einsum("t,etn->en", self.weights, self.values), terms, errors)
        seconds, cpu_seconds = (float(value) for value in self._seconds())
        return AdamResult(self.x, self.half_way, history, seconds, cpu_seconds)

    def _seconds(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Wall and CPU seconds, (2,)."""
        return self._spent + _clocks() - self._begun


def _clocks() -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([time.perf_counter(), time.process_time()])


def _checkpoint(training: Training, name: str) -> Checkpoint | None:
    folder = training.options.checkpoint
    if folder is None:
        return None
    return Checkpoint(Path(folder) / f"{file_name(name)}.npz", training.signature())


def epoch_average(values: Array, last: int = 500) -> float:
    """The mean over the last epochs of values (epochs, ...): as errors of Adam, which fluctuates,
    are reported.
    """
    return float(values[-last:].mean())


@dataclass(frozen=True)
class History:
    """Arrays of shape (epochs,), or (epochs, nets) for one net per slow point, taken before the
    step of each epoch.

    loss: the weighted sum; terms: its terms by name, without their weights; errors: relative L2
    against each reference, by its name.
    """

    loss: Array
    terms: Mapping[str, Array]
    errors: Mapping[str, Array]

    @property
    def error(self) -> Array | None:
        """Against the first reference; None without one."""
        return next(iter(self.errors.values()), None)

    def of_one_net(self) -> History:
        """Without the axis of the nets."""
        terms, errors = (
            {name: value[:, 0] for name, value in table.items()}
            for table in (self.terms, self.errors)
        )
        return History(self.loss[:, 0], terms, errors)
