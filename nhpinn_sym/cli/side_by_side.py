"""`--jobs N`: the processes on which work of one command runs side by side."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from ..problem.user_input import positive_integer

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """An executor of so many processes; None for one job, which is done here.

    The workers are spawned, not forked: this process may hold threads. They share the processors
    of the machine: each would take all of them otherwise.
    """
    count = positive_integer(jobs, "jobs")
    if count == 1:
        yield None
        return
    share = max(1, (os.cpu_count() or 1) // count)
    set_here = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(set_here, str(share)))
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(count, mp_context=spawn) as executor:
            yield executor
    finally:
        for name in set_here:
            del os.environ[name]
