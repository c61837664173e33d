"""Work that is done side by side: on any executor of `concurrent.futures`, or here."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..problem.errors import (
    NhpinnError,
    ProblemError,
    SolveError,
    ToleranceWarning,
    shortened,
    warn_tolerance,
)

RANK_VARIABLES = (
    "OMPI_COMM_WORLD_RANK",
    "PMI_RANK",
    "PMIX_RANK",
    "GROUP_RANK",
    "LOCAL_RANK",
)
"""Of the environment, by which mpirun and torchrun number their processes."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
T = TypeVar("T")


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_shares(processes: int) -> dict[str, str]:
    """Variables of the environment by which each of so many processes takes its share of the
    processors: each would take all of them otherwise. What the user has set stays."""
    share = max(1, processors() // processes)
    return {name: str(share) for name in _THREADS if name not in os.environ}


def each_done(
    work: Callable[..., T],
    arguments: Sequence[tuple[Any, ...]],
    names: Sequence[str],
    executor: Executor,
) -> Iterator[tuple[int, T]]:
    """(number, `work(*arguments[number])`), in the order in which they are done.

    Where a worker is a process, `work` (a function of a module) and its arguments are pickled on
    their way. Accuracy warnings of worker processes are issued here, with the name of the work;
    the first error is raised when what runs beside it is done and handed out, and what has not
    begun is cancelled.
    Errors: those of `work`; ProblemError where something cannot be pickled, or `executor` is none;
    SolveError where a worker process ends.
    """
    if not isinstance(executor, Executor):
        raise ProblemError(
            "executor is no executor of concurrent.futures",
            term=shortened(executor),
            remedy="write executor=concurrent.futures.ProcessPoolExecutor()",
        )
    here = os.getpid()
    futures: dict[Future[_Done[T]], int] = {}
    failed: dict[int, Exception] = {}
    try:
        for number, given in enumerate(arguments):
            with _broken_pool_named(names[number]):
                futures[executor.submit(_done, work, given, here)] = number
        for future in as_completed(futures):
            number = futures[future]
            if future.cancelled():
                continue
            try:
                found = _result(future, names[number])
            except Exception as cause:  # of any kind: it is raised below
                failed[number] = cause
                for other in futures:
                    other.cancel()
                continue
            yield number, found
    finally:
        for future in futures:
            future.cancel()
    if failed:
        raise failed[min(failed)]


@dataclass(frozen=True)
class _Done(Generic[T]):
    """What a worker sends back: a result or an error, and the texts of its accuracy warnings."""

    result: T | None
    error: NhpinnError | None
    warnings: tuple[str, ...]


def _done(work: Callable[..., T], arguments: tuple[Any, ...], caller: int) -> _Done[T]:
    """The work of a worker; `caller` is the process that asked for it."""
    if os.getpid() == caller:  # a thread: its warnings are there already, and filters are global
        return _Done(work(*arguments), None, ())
    _start_alone()
    result = None
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToleranceWarning)
        try:
            result = work(*arguments)
        except NhpinnError as cause:
            error = cause
    texts = [str(w.message) for w in caught if issubclass(w.category, ToleranceWarning)]
    return _Done(result, error, tuple(texts))


def _start_alone() -> None:
    """Start PETSc for this process alone, where it is a rank of MPI: to start it for all of them
    would wait for ranks that do not take part. Nothing where it has begun, or is not installed.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or mpi.COMM_WORLD.size == 1 or "petsc4py.PETSc" in sys.modules:
        return
    with suppress(ImportError):
        importlib.import_module("petsc4py").init(comm=mpi.COMM_SELF)


@contextmanager
def _broken_pool_named(name: str) -> Iterator[None]:
    """The error of a pool whose process ended, as one of this package: a pool that is found
    broken says so when it is given work, one that breaks later when it is asked for the result.
    """
    try:
        yield
    except BrokenExecutor as cause:
        raise SolveError(
            "a worker process ended while it solved",
            term=name,
            remedy="give the executor fewer workers: together they may need more memory than there"
            " is; a pool that has lost a process takes no more work",
        ) from cause


def _result(future: Future[_Done[T]], name: str) -> T:
    """The result of one worker, with its warnings and errors as those of this process."""
    try:
        with _broken_pool_named(name):
            done = future.result()
    except NhpinnError:
        raise
    except Exception as cause:
        if "pickle" not in f"{type(cause).__name__} {cause}".lower():
            raise
        raise ProblemError(
            "a model, a problem or an option cannot be sent to the workers",
            term=cause,
            remedy="give functions that are defined in a module, or use a ThreadPoolExecutor",
        ) from cause
    for text in done.warnings:
        warn_tolerance(f"{name}: {text}")
    if done.error is not None:
        raise done.error
    return done.result  # type: ignore[return-value]
