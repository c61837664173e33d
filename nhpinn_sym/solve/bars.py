"""Progress in the terminal: a bar for each task, with the estimated rest of its time.

Where there is no terminal, a line now and then: after ten seconds, or after one where more than a
minute is left, and after twice the time of the line before. A task over two seconds leaves a line.
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
_FIRST_LINE = 10.0
_LONG = 60.0


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self.bars = bars
        self.task = task

    def update(self, fraction: float, note: str = "") -> None:
        self.bars.update(self.task, completed=fraction, note=note)


class _Lines:
    """The progress of a task where there is no terminal."""

    def __init__(self, console: Console, label: str) -> None:
        self.console, self.label = console, label
        self.start = time.monotonic()
        self.due, self.early = _FIRST_LINE, 1.0

    def update(self, fraction: float, note: str = "") -> None:
        seconds = time.monotonic() - self.start
        if not 0 < fraction < 1:
            return
        left = seconds * (1 - fraction) / fraction
        if seconds < (self.early if left > _LONG else self.due):
            return
        self.early = self.due = max(2 * seconds, self.due)
        text = f"{self.label}: {fraction:.0%} in {seconds:.0f} s, about {left:.0f} s left"
        _print(self.console, f"{text}; {note}" if note else text)


def _print(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)


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
            yield _Bar(self.bars, task) if self.console.is_terminal else _Lines(self.console, label)
        finally:
            self.depth -= 1
            self.bars.remove_task(task)
            if self.depth == 0 and self.console.is_terminal:
                self.bars.stop()
            seconds = time.monotonic() - start
            if seconds > _SHOWN_AFTER and self.depth == 0:
                _print(self.console, f"{label}: {seconds:.1f} s")
