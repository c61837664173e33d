"""`--jobs N`: the processes on which work of one command runs side by side."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from ..problem.user_input import positive_integer
from ..solve.workers import thread_shares


@contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """An executor of so many processes; None for one job, which is done here.

    The workers are spawned, not forked: this process may hold threads. They share the processors
    of the machine.
    """
    count = positive_integer(jobs, "jobs")
    if count == 1:
        yield None
        return
    set_here = thread_shares(count)
    os.environ.update(set_here)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(count, mp_context=spawn) as executor:
            yield executor
    finally:
        for name in set_here:
            del os.environ[name]
