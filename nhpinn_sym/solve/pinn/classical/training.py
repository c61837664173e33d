"""Adam at a fixed rate on a weighted sum of terms, with its history; a killed training goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....problem.errors import SolveError
from ....problem.escaping import file_name
from ...solution import Array
from ..minimize import Checkpoint, signature_of
from .losses import LossTerm
from .options import TrainingOptions

_REPORTS = 200


@dataclass(frozen=True)
class TrainingResult:
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


def train(
    start: Tensor,
    terms: Sequence[LossTerm],
    options: TrainingOptions,
    measures: ErrorMeasures,
    report: Callable[[float, str], None],
    name: str,
) -> TrainingResult:
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

    def result(self) -> TrainingResult:
        terms = {term.name: self.values[:, k] for k, term in enumerate(self.terms)}
        errors = {name: self.errors[:, k] for k, name in enumerate(self.measures.names)}
        history = History(np.einsum("t,etn->en", self.weights, self.values), terms, errors)
        seconds, cpu_seconds = (float(value) for value in self._seconds())
        return TrainingResult(self.x, self.half_way, history, seconds, cpu_seconds)

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
