"""Independent jobs in processes of their own, one thread each; their progress is shown by the
process that started them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeVar

from ...problem.errors import SolveError
from ...solve.progress import Progress, Task

_INTERVAL = 0.2
"""Seconds between two reports of a job."""

Result = TypeVar("Result", covariant=True)


class Job(Protocol[Result]):
    """Something to do; can be pickled, as its result."""

    @property
    def title(self) -> str: ...

    def run(self, progress: Progress) -> Result: ...


def run_all(jobs: Sequence[Job[Result]], processes: int, progress: Progress) -> list[Result]:
    """The results, in the order of the jobs. The first error ends all: jobs are not finished
    then.
    """
    if min(processes, len(jobs)) > 1:
        return _Workers(jobs, progress).run(processes)
    results = []
    for job in jobs:
        with progress(job.title):
            results.append(job.run(progress))
    return results


class _Workers:
    """A process for every job, so many at a time."""

    def __init__(self, jobs: Sequence[Job[Any]], progress: Progress) -> None:
        self.waiting, self.progress = list(enumerate(jobs))[::-1], progress
        self.results: dict[int, Any] = {}
        self.running: dict[
            Connection, tuple[int, Job[Any], Any, AbstractContextManager[Task], Task]
        ] = {}

    def run(self, processes: int) -> list[Any]:
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < processes:
                    self._start(*self.waiting.pop())
                for connection in wait(list(self.running)):
                    assert isinstance(connection, Connection)
                    self._hear(connection)
        finally:
            for _, _, process, bar, _ in self.running.values():
                process.terminate()
                bar.__exit__(None, None, None)
        return [self.results[k] for k in range(len(self.results))]

    def _start(self, number: int, job: Job[Any]) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(job, theirs), daemon=True
        )
        process.start()
        theirs.close()
        bar = self.progress(job.title)
        self.running[ours] = number, job, process, bar, bar.__enter__()

    def _hear(self, connection: Connection) -> None:
        number, job, process, bar, task = self.running[connection]
        try:
            kind, content = connection.recv()
        except EOFError:
            kind, content = (
                "error",
                SolveError(
                    "a process died before it was done",
                    term=job.title,
                    remedy=(
                        "look at the memory of the machine; "
                        "run the same command again, which goes on from the parts that are done"
                    ),
                ),
            )
        if kind == "progress":
            task.update(*content)
            return
        if kind == "error":
            raise content
        self.results[number] = content
        del self.running[connection]
        bar.__exit__(None, None, None)
        process.join()


def _work(job: Job[Any], connection: Connection) -> None:
    """What a process does. An interrupt from the keyboard is for the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"  # read by torch, which is not imported yet
    try:
        result = job.run(_Sent(connection))
    except Exception as error:
        connection.send(("error", error))
    else:
        connection.send(("done", result))


class _Sent:
    """Progress that goes to the other process, not too often."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.before = connection, 0.0

    @contextmanager
    def __call__(self, label: str) -> Iterator[Task]:
        yield _SentTask(label, self._send)

    def _send(self, fraction: float, note: str) -> None:
        if time.monotonic() - self.before > _INTERVAL:
            self.before = time.monotonic()
            self.connection.send(("progress", (fraction, note)))


class _SentTask:
    def __init__(self, label: str, send: Callable[[float, str], None]) -> None:
        self.label, self.send = label, send

    def update(self, fraction: float, note: str = "") -> None:
        self.send(fraction, f"{self.label}: {note}" if note else self.label)
