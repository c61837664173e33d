"""One training: steps of a solver, looked at through points that it does not see."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ....problem.errors import FileError, SolveError
from .checkpoint import Checkpoint
from .protocol import AnySolver, Loss, State
from .results import Result

_PATIENCE, _LITTLE, _RISEN, _EARLIER = 20, 0.9, 1.5, 3


@dataclass(frozen=True)
class Check:
    """What was found after `count` steps."""

    count: int
    x: Tensor
    loss: float
    held_out: float


@dataclass(frozen=True)
class Minimum:
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


def minimize(
    loss: Loss,
    solver: AnySolver,
    iterations: int,
    held_out: Callable[[Tensor], float],
    goal: float,
    report: Callable[[float, str], None],
    checkpoint: Checkpoint | None = None,
) -> Minimum:
    """Steps until `held_out` (the residual at unseen points, as a function of x) is below the goal,
    stands or rises, or `iterations` are done.

    report: is told the fraction done and a note. SolveError where the loss is not finite at the
    start.
    """
    begun = time.perf_counter()
    state, count, checks = _resumed(solver, checkpoint, loss.start.device) or _begun(
        loss, solver, held_out
    )
    while state.result is None:
        state, count = solver.step(loss, state), count + 1
        if state.result is None and count % solver.every and count < iterations:
            continue
        if state.x is not checks[-1].x:
            checks.append(Check(count, state.x, state.loss, held_out(state.x)))
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
    best, last = min(checks, key=_quality), checks[-1]
    if best.held_out <= goal:
        return Result.CONVERGED
    if not math.isfinite(state.loss):
        return Result.NOT_FINITE
    recent = max(_PATIENCE, len(checks) // 2)
    if (
        len(checks) > recent
        and best.held_out > _LITTLE * min(checks[:-recent], key=_quality).held_out
    ):
        return (
            Result.OVERFITTED
            if last.held_out > _RISEN * best.held_out and last.loss < best.loss
            else Result.STALLED
        )
    return state.result or (Result.MAX_ITERATIONS if count >= iterations else None)


def _quality(check: Check) -> float:
    return check.held_out if math.isfinite(check.held_out) else math.inf


def _begun(
    loss: Loss, solver: AnySolver, held_out: Callable[[Tensor], float]
) -> tuple[State, int, list[Check]]:
    state = solver.begin(loss)
    if not math.isfinite(state.loss):
        what, remedy = Result.NOT_FINITE.value
        raise SolveError(f"{what} at the start of the training", term=state.loss, remedy=remedy)
    return state, 0, [Check(0, state.x, state.loss, held_out(state.x))]


def _minimum(checks: list[Check], count: int, result: Result) -> Minimum:
    best = min(checks, key=_quality)
    larger = [
        check
        for check in checks
        if check.count <= best.count and _EARLIER * best.held_out <= check.held_out < math.inf
    ]
    earlier, doubt = (larger[-1], best.held_out**2) if larger else (checks[0], best.held_out)
    return Minimum(best.x, earlier.x, doubt, best.loss, best.held_out, count, result)


def _saved(state: State, count: int, checks: list[Check]) -> dict[str, Any]:
    """As tensors, numbers and strings."""
    fields = {**vars(state), "result": state.result.name if state.result else None}
    return {"state": fields, "count": count, "checks": [astuple(check) for check in checks]}


def _resumed(
    solver: AnySolver, checkpoint: Checkpoint | None, device: torch.device
) -> tuple[State, int, list[Check]] | None:
    saved = checkpoint.load(device) if checkpoint is not None else None
    if saved is None or checkpoint is None:
        return None
    try:
        fields, checks = saved["state"], [Check(*values) for values in saved["checks"]]
        state = solver.state(
            **{**fields, "result": Result[fields["result"]] if fields["result"] else None}
        )
        count, last = int(saved["count"]), checks[-1].x
    except (KeyError, TypeError, ValueError, IndexError) as cause:
        raise FileError(
            "the file is no checkpoint of this solver",
            term=checkpoint.path,
            remedy="name another folder: checkpoint=",
        ) from cause
    if torch.equal(state.x, last):  # one tensor: whether a step moved is told by identity
        checks[-1] = replace(checks[-1], x=state.x)
    return state, count, checks
