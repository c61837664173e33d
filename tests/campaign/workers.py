"""Cases in worker processes, each with a time limit: a process that is late or dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from . import kinds as kinds
from .case import Case
from .judge import Outcome, run


class Worker:
    """A process that runs one case after the other."""

    def __init__(self) -> None:
        self.link, far = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=_serve, args=(far,), daemon=True)
        self.process.start()
        far.close()
        self.case: Case | None = None
        self.since = 0.0
        self.grace = 30.0  # the first case waits for the imports

    def give(self, case: Case) -> None:
        self.case = case
        self.since = time.monotonic()
        self.link.send(case)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.link.close()


def _serve(link: Connection) -> None:
    """Answer cases until the other side is gone."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while True:
        try:
            case = link.recv()
        except EOFError:
            return
        link.send(run(case))


def outcomes(todo: Sequence[Case], jobs: int, limit: float) -> Iterator[Outcome]:
    """The outcomes in the order in which they come; "late" after `limit` seconds, "crashed" where the process died."""
    waiting = list(reversed(todo))
    workers = [Worker() for _ in range(min(jobs, len(todo)))]
    try:
        while waiting or any(w.case for w in workers):
            for worker in workers:
                if worker.case is None and waiting:
                    worker.give(waiting.pop())
            busy = [w for w in workers if w.case]
            wait([w.link for w in busy], timeout=0.5)
            for worker in busy:
                outcome = _answer(worker, limit)
                if outcome is not None:
                    yield outcome
                    worker.case = None
                    worker.grace = 0.0
                    if outcome.verdict == "late" or not worker.process.is_alive():
                        worker.end()
                        workers[workers.index(worker)] = Worker()
    finally:
        for worker in workers:
            worker.end()


def _answer(worker: Worker, limit: float) -> Outcome | None:
    """What a busy worker has to say by now."""
    assert worker.case is not None
    spent = time.monotonic() - worker.since
    if worker.link.poll():
        try:
            answer: Any = worker.link.recv()
        except EOFError:
            worker.process.join()
            return Outcome(worker.case, "crashed", seconds=spent,
                           note=f"the process ended with {worker.process.exitcode}", code=_code(worker.case))
        return answer
    if spent > limit + worker.grace:
        return Outcome(worker.case, "late", seconds=spent, note=f"not done after {limit:g} s", code=_code(worker.case))
    return None


def _code(case: Case) -> str:
    return case.code(case.draft())
