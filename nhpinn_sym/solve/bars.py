"""Progress in the terminal: a bar for each task, with the estimated rest of its time; a line for
each task over two seconds where there is no terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .progress import Task

_SHOWN_AFTER = 2.0


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self.bars = bars
        self.task = task

    def update(self, fraction: float, note: str = "") -> None:
        self.bars.update(self.task, completed=fraction, note=note)


class Bars:
    """Use as the `progress` argument of the solves; tasks may be nested."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
            transient=True,
        )
        self.depth = 0

    @contextmanager
    def __call__(self, label: str) -> Iterator[Task]:
        start = time.monotonic()
        task = self.bars.add_task(label, total=1.0, note="")
        if self.depth == 0 and self.console.is_terminal:
            self.bars.start()
        self.depth += 1
        try:
            yield _Bar(self.bars, task)
        finally:
            self.depth -= 1
            self.bars.remove_task(task)
            if self.depth == 0 and self.console.is_terminal:
                self.bars.stop()
            seconds = time.monotonic() - start
            if seconds > _SHOWN_AFTER and self.depth == 0:
                self.console.print(
                    f"{label}: {seconds:.1f} s", highlight=False, markup=False, emoji=False
                )
