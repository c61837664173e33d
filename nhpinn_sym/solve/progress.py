"""Progress of long work: backends report, whoever called them decides what is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ..problem.errors import ProblemError, shortened


class Task(Protocol):
    """One piece of work that is under way."""

    def update(self, fraction: float, note: str = "") -> None:
        """`fraction` of the work is done (0 to 1); `note` is a short remark such as the current
        residual.
        """


class Progress(Protocol):
    """Opens tasks: `with progress("fine solution") as task: task.update(0.5)`."""

    @contextmanager
    def __call__(self, label: str) -> Iterator[Task]: ...


class _SilentTask:
    def update(self, fraction: float, note: str = "") -> None:
        return None


@contextmanager
def silent(label: str) -> Iterator[Task]:
    """Shows nothing."""
    yield _SilentTask()


def shown(progress: Progress | None) -> Progress:
    """`progress` as it was given; None is bars on a terminal, and silence elsewhere. ProblemError
    for what opens no tasks.
    """
    if progress is not None:
        try:
            opens = isinstance(progress("options"), AbstractContextManager)
        except Exception:  # of any kind: it is the user's
            opens = False
        if not opens:
            raise ProblemError(
                "progress opens no tasks",
                term=shortened(progress),
                remedy=(
                    "leave it out, or give a context manager of a label such as"
                    " nhpinn_sym.solve.progress.silent"
                ),
            )
        return progress
    if not sys.stderr.isatty():
        return silent
    from .bars import Bars

    return Bars()
