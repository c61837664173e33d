"""Progress of long work: backends report, whoever called them decides what is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work that is under way."""

    def update(self, fraction: float, note: str = "") -> None:
        """`fraction` of the work is done (0 to 1); `note` is a short remark such as the current residual."""


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
    """`progress` as it was given; None is bars on a terminal, and silence elsewhere."""
    if progress is not None:
        return progress
    if not sys.stderr.isatty():
        return silent
    from .bars import Bars

    return Bars()
