"""Which program computes."""

from __future__ import annotations

from ....problem.errors import BackendMissingError, ProblemError
from .compiled import Compiled
from .eager import Eager
from .native import Native
from .task import Flavour, Task

FLAVOURS = ("auto", "native", "torch", "compile")
_WORTH = 10**6


def choose(task: Task, flavour: str) -> Flavour:
    """The flavour of that name. "auto" is "native" on the processor where the work is worth a
    compilation (seconds, once per set of
    derivatives), else "torch". "torch" also stands in for a "native" that cannot be compiled here.

    ProblemError for another name.
    """
    if flavour not in FLAVOURS:
        raise ProblemError(
            f"residuals have no flavour {flavour!r}", remedy="use one of " + ", ".join(FLAVOURS)
        )
    if flavour == "compile":
        return Compiled(task)
    if flavour == "native" or (flavour == "auto" and _worth_it(task)):
        try:
            return Native(task)
        except BackendMissingError:
            pass
    return Eager(task)


def _worth_it(task: Task) -> bool:
    """Whether one evaluation has many multiplications."""
    return (
        task.rows.points.device.type == "cpu"
        and task.streams.count * len(task.rows.points) * task.parameters > _WORTH
    )
