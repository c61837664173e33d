"""Jobs in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from nhpinn_sym.problem.errors import ProblemError, SolveError
from nhpinn_sym.solve.progress import Progress, silent
from nhpinn_sym.validate.paper.processes import run_all


@dataclass(frozen=True)
class Square:
    """number^2; a negative number is an error, and zero kills the process."""

    number: int

    @property
    def title(self) -> str:
        return f"the square of {self.number}"

    def run(self, progress: Progress) -> tuple[int, int]:
        with progress("multiply") as task:
            task.update(0.5, "half")
        if self.number < 0:
            raise ProblemError("a negative number", term=self.number)
        if self.number == 0:
            os._exit(3)
        return self.number**2, os.getpid()


class Shown:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.opened, self.closed, self.notes = list[str](), list[str](), list[str]()

    @contextmanager
    def __call__(self, label: str) -> Iterator[Shown]:
        self.opened.append(label)
        yield self
        self.closed.append(label)

    def update(self, fraction: float, note: str = "") -> None:
        self.notes.append(f"{fraction} {note}")


def test_results_come_in_order_from_other_processes() -> None:
    shown = Shown()
    results = run_all([Square(k) for k in (3, 1, 2)], 2, shown)
    assert [value for value, _ in results] == [9, 1, 4]
    assert len({os.getpid(), *(process for _, process in results)}) == 4
    assert sorted(shown.opened) == sorted(shown.closed) == [f"the square of {k}" for k in (1, 2, 3)]
    assert shown.notes == ["0.5 multiply: half"] * 3


def test_one_process_is_this_one() -> None:
    assert run_all([Square(2), Square(3)], 1, silent) == [(4, os.getpid()), (9, os.getpid())]


def test_errors_come_through() -> None:
    with pytest.raises(ProblemError, match="-1"):
        run_all([Square(-1), Square(1)], 2, silent)
    with pytest.raises(SolveError, match="square of 0"):
        run_all([Square(0), Square(1)], 2, silent)
