"""Cases in worker processes, each with a limit of CPU time: a process that is late or dies is
replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

from . import kinds as kinds
from .case import Case
from .judge import Outcome, run

WALL = 30.0
"""A busy machine may take this many times the limit."""


class Worker:
    """A process that runs one case after the other."""

    def __init__(self, limit: float) -> None:
        self.link, far = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=_serve, args=(far, limit), daemon=True)
        self.process.start()
        far.close()
        self.case: Case | None = None
        self.since = 0.0

    def give(self, case: Case) -> None:
        self.case = case
        self.since = time.monotonic()
        self.link.send(case)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.link.close()


def _serve(link: Connection, limit: float) -> None:
    """Answer cases until the other side is gone; a case that is over its limit ends the process by
    SIGPROF.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while True:
        try:
            case = link.recv()
        except EOFError:
            return
        link.send(run(case, lambda seconds: signal.setitimer(signal.ITIMER_PROF, seconds), limit))


def outcomes(todo: Sequence[Case], jobs: int, limit: float) -> Iterator[Outcome]:
    """The outcomes in the order in which they come; "late" after `limit` seconds, "crashed" where
    the process died.
    """
    waiting = list(reversed(todo))
    workers = [Worker(limit) for _ in range(min(jobs, len(todo)))]
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
                    if outcome.verdict == "late" or not worker.process.is_alive():
                        worker.end()
                        workers[workers.index(worker)] = Worker(limit)
    finally:
        for worker in workers:
            worker.end()


def _answer(worker: Worker, limit: float) -> Outcome | None:
    """What a busy worker has to say by now."""
    assert worker.case is not None
    spent = time.monotonic() - worker.since
    if not worker.link.poll():
        if spent < WALL * limit:
            return None
        return Outcome(worker.case, "late", seconds=spent, note="it waits", code=_code(worker.case))
    try:
        answer: Outcome = worker.link.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode
        late = code == -signal.SIGPROF
        note = f"not done after {limit:g} s" if late else f"the process ended with {code}"
        verdict = "late" if late else "crashed"
        return Outcome(worker.case, verdict, seconds=spent, note=note, code=_code(worker.case))
    return answer


def _code(case: Case) -> str:
    return case.code(case.draft())
