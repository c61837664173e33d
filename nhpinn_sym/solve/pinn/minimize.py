"""Training as minimization: what an optimizer is given, what it is, and the one run of it, looked
at through points that it does not see.

An optimizer is an iterator whose state is a value: `step` depends on nothing but the loss and the
state, so that a state that was written to disk and read again is continued to the same result.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...problem.errors import FileError, ProblemError, SolveError
from ..data_file import Kind, read, write


class Result(Enum):
    """(what happened, likely causes and the argument to change)."""

    CONVERGED = ("the residual at unseen points is below the goal", "")
    STALLED = (
        "the residual at unseen points no longer falls",
        (
            "the net is too small for the solution (width=, depth=), or it started in a poor place"
            " (seed=, scale=)"
        ),
    )
    OVERFITTED = (
        "the residual at unseen points rises while that at the training points falls",
        "there are too few points for the net (points=)",
    )
    MAX_ITERATIONS = (
        "the residual still fell when the iterations were over",
        "give more of them (iterations=)",
    )
    MAX_FEATURES = (
        "the features were used up before they were enough",
        "give more of them (features=)",
    )
    RANK_DEFICIENT = (
        "the unknowns are linearly dependent to rounding: more of them bring nothing",
        "the random weights are too small for the solution (scale=), or the solution is not smooth",
    )
    NOT_FINITE = (
        "the loss is not finite",
        (
            "look for a singularity of a coefficient or source in the domain, or try another start"
            " (seed=)"
        ),
    )

    def __str__(self) -> str:
        what, remedy = self.value
        return f"{self.name}: {what}" + (f"; {remedy}" if remedy else "")


Watch = Callable[[int, float, float], object]
"""What a user gives as callback=: it is told the step, the loss and the residual at unseen points
(or the energy on another quadrature) whenever a training looks at them.
"""
Steps = tuple[tuple[int, float, float], ...]
"""What such a callback was told."""


def history_info(steps: Steps) -> dict[str, list[float]]:
    """info["history"] of one training, by name."""
    return {name: [row[k] for row in steps] for k, name in enumerate(("step", "loss", "held_out"))}


class Loss(Protocol):
    """A function to minimize over one flat vector of unknowns."""

    @property
    def start(self) -> Tensor: ...

    def value(self, x: Tensor) -> float: ...

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]: ...


class LeastSquaresLoss(Loss, Protocol):
    """The sum of squares of residuals."""

    @property
    def linear(self) -> slice:
        """The unknowns in which the residuals are affine: the last of them."""

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) and (n, unknowns)."""


class SeparableLoss(LeastSquaresLoss, Protocol):
    """One that knows the linear part of its residuals without the rest of the Jacobian."""

    def linear_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, linear unknowns) and (n,): the residual is matrix @ x[linear] - target, or has the
        same norm for all x[linear].
        """


@dataclass(frozen=True)
class State:
    """All that the next step depends on, in fields of tensors, numbers and None. result: why no
    step follows.
    """

    x: Tensor
    loss: float
    result: Result | None = None


S = TypeVar("S", bound=State)
L = TypeVar("L", contravariant=True)


class Optimizer(Protocol[L, S]):
    """iterations: usually enough; every: how many steps are worth a look at unseen points."""

    @property
    def iterations(self) -> int: ...

    @property
    def every(self) -> int: ...

    @property
    def state(self) -> type[S]: ...

    def begin(self, loss: L) -> S: ...

    def step(self, loss: L, state: S) -> S: ...


AnyOptimizer = Optimizer[Any, Any]

# Checks, or half of all where that is more, within which the residual has to fall ...
_PATIENCE = 20
# ... below this share of what it was: else the training stands.
_LITTLE = 0.9
# Factor above the best residual at unseen points at which a net exploits the points it sees.
_RISEN = 1.5
# Factor between the residuals of the two states whose difference is the estimate of an error.
_EARLIER = 3


@dataclass(frozen=True)
class Check:
    """What was found after `count` steps."""

    count: int
    x: Tensor
    loss: float
    held_out: float


@dataclass(frozen=True)
class TrainingResult:
    """The unknowns that are best at unseen points, the last ones whose residual was `_EARLIER`
    times as large, and why it was over.

    doubt: what the residual alone says about the relative error. Its square (errors of interest are
    smaller than residuals), or itself where it has not fallen, as there is nothing to compare with.
    """

    x: Tensor
    earlier: Tensor
    doubt: float
    loss: float
    held_out: float
    iterations: int
    result: Result
    history: Steps = ()


def minimize(
    loss: Loss,
    optimizer: AnyOptimizer,
    iterations: int,
    held_out: Callable[[Tensor], float],
    goal: float,
    report: Callable[[float, str], None],
    checkpoint: Checkpoint | None = None,
    watch: Watch | None = None,
) -> TrainingResult:
    """Steps until `held_out` (the residual at unseen points, as a function of x) is below the goal,
    stands or rises, or `iterations` are done.

    report: is told the fraction done and a note; watch: the numbers of every check. SolveError
    where the loss is not finite at the start.
    """
    begun = time.perf_counter()
    state, count, checks = _resumed(optimizer, checkpoint, loss.start.device) or _begun(
        loss, optimizer, held_out
    )
    while state.result is None:
        state = optimizer.step(loss, state)
        count = count + 1
        if state.result is None and count % optimizer.every and count < iterations:
            continue
        if state.x is not checks[-1].x:
            checks.append(Check(count, state.x, state.loss, held_out(state.x)))
            if watch is not None:
                watch(count, checks[-1].loss, checks[-1].held_out)
        state = replace(state, result=_verdict(state, count, checks, goal, iterations))
        best = min(checks, key=_quality).held_out
        report(
            min(1.0, count / iterations),
            f"step {count}, loss {state.loss:.1e}, residual at unseen points"
            f" {checks[-1].held_out:.1e} (best {best:.1e}), {time.perf_counter() - begun:.0f} s",
        )
        if checkpoint is not None:
            checkpoint.save(_saved(state, count, checks), at_once=state.result is not None)
    return _minimum(checks, count, state.result)


def _verdict(
    state: State, count: int, checks: list[Check], goal: float, iterations: int
) -> Result | None:
    """Why to stop after the last of these checks."""
    best = min(checks, key=_quality)
    last = checks[-1]
    if best.held_out <= goal:
        return Result.CONVERGED
    if not math.isfinite(state.loss):
        return Result.NOT_FINITE
    recent = max(_PATIENCE, len(checks) // 2)
    if (
        len(checks) > recent
        and best.held_out > _LITTLE * min(checks[:-recent], key=_quality).held_out
    ):
        exploited = last.held_out > _RISEN * best.held_out and last.loss < best.loss
        if exploited:
            return Result.OVERFITTED
        return Result.STALLED
    return state.result or (Result.MAX_ITERATIONS if count >= iterations else None)


def _quality(check: Check) -> float:
    if math.isfinite(check.held_out):
        return check.held_out
    return math.inf


def _begun(
    loss: Loss, optimizer: AnyOptimizer, held_out: Callable[[Tensor], float]
) -> tuple[State, int, list[Check]]:
    state = optimizer.begin(loss)
    if not math.isfinite(state.loss):
        what, remedy = Result.NOT_FINITE.value
        raise SolveError(f"{what} at the start of the training", term=state.loss, remedy=remedy)
    return state, 0, [Check(0, state.x, state.loss, held_out(state.x))]


def _minimum(checks: list[Check], count: int, result: Result) -> TrainingResult:
    best = min(checks, key=_quality)
    larger = [
        check
        for check in checks
        if check.count <= best.count and _EARLIER * best.held_out <= check.held_out < math.inf
    ]
    earlier, doubt = (larger[-1], best.held_out**2) if larger else (checks[0], best.held_out)
    steps = tuple((check.count, check.loss, check.held_out) for check in checks)
    return TrainingResult(best.x, earlier.x, doubt, best.loss, best.held_out, count, result, steps)


def _saved(state: State, count: int, checks: list[Check]) -> dict[str, Any]:
    """As tensors, numbers and strings."""
    fields = {**vars(state), "result": state.result.name if state.result else None}
    return {"state": fields, "count": count, "checks": [astuple(check) for check in checks]}


def _resumed(
    optimizer: AnyOptimizer, checkpoint: Checkpoint | None, device: torch.device
) -> tuple[State, int, list[Check]] | None:
    saved = checkpoint.load(device) if checkpoint is not None else None
    if saved is None or checkpoint is None:
        return None
    try:
        fields = saved["state"]
        checks = [Check(*values) for values in saved["checks"]]
        state = optimizer.state(
            **{**fields, "result": Result[fields["result"]] if fields["result"] else None}
        )
        count = int(saved["count"])
        last = checks[-1].x
    except (KeyError, TypeError, ValueError, IndexError) as cause:
        raise FileError(
            "the file is no checkpoint of this solver",
            term=checkpoint.path,
            remedy="name another folder: checkpoint=",
        ) from cause
    if torch.equal(state.x, last):  # one tensor: whether a step moved is told by identity
        checks[-1] = replace(checks[-1], x=state.x)
    return state, count, checks


_KIND = Kind("a checkpoint of a training", "a solve with checkpoint=folder")

SECONDS = 10.0
"""Between two writings of a training that goes on."""


class Checkpoint:
    """The file of one training; `signature` tells the problem and all options that its numbers
    depend on.

    writes: of several processes that train one net together, only one writes.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str, writes: bool = True) -> None:
        self.path = Path(path)
        self.signature = signature
        self.writes = writes
        self._written = time.monotonic()

    def load(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """What was saved last; None where there is no file. FileError for one that is damaged,
        ProblemError for another training's.
        """
        if not self.path.exists():
            return None
        content = read(self.path, _KIND)
        try:
            signature = content["signature"]
            saved = _tensors(content["saved"], device)
        except (KeyError, TypeError) as cause:
            raise FileError(
                "the file is no checkpoint of a training",
                term=self.path,
                remedy="name another folder: checkpoint=",
            ) from cause
        if signature != self.signature:
            raise ProblemError(
                "the checkpoint is of a training with another problem or other options",
                term=self.path,
                remedy="repeat them, or name another folder: checkpoint=",
            )
        found: dict[str, Any] = saved
        return found

    def save(self, saved: dict[str, Any], at_once: bool = False) -> None:
        """Write, where the last writing is long ago or it is to be `at_once`. saved: tensors,
        numbers, strings, None in lists and dicts.
        """
        if not self.writes or (not at_once and time.monotonic() - self._written < SECONDS):
            return
        write(self.path, _KIND, {"signature": self.signature, "saved": _arrays(saved)})
        self._written = time.monotonic()


def _arrays(value: Any) -> Any:
    """Tensors as arrays."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {name: _arrays(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_arrays(v) for v in value)
    return value


def _tensors(value: Any, device: torch.device | str) -> Any:
    """Arrays as tensors: what `_arrays` took."""
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value, device=device)
    if isinstance(value, dict):
        return {name: _tensors(v, device) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_tensors(v, device) for v in value)
    return value


def signature_of(*parts: object) -> str:
    """sha256 of tensors and printable things."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(part.detach().cpu().numpy().tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()
