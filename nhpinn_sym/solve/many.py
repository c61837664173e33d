"""solve_many: the cell problems of many models, one after the other or on many processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

from ..derive.model import HomogenizedModel
from ..problem.errors import (
    NhpinnError,
    ProblemError,
    SolveError,
    ToleranceWarning,
    shortened,
    warn_tolerance,
)
from ..problem.user_input import instance, listed
from .backend_choice import AUTO
from .cell_solution import CellSolution
from .cells import solve_cells
from .progress import silent


def solve_many(
    models: Sequence[HomogenizedModel],
    backend: str = AUTO,
    *,
    executor: Executor | None = None,
    **options: Any,
) -> list[CellSolution]:
    """`solve_cells` for each of `models`, in their order.

    executor : any executor of `concurrent.futures`: ThreadPoolExecutor, ProcessPoolExecutor,
               `mpi4py.futures.MPIPoolExecutor`, that of a dask client. None solves here, one after
               the other. Where a worker is a process, models and options are pickled on their way;
               on Linux give ProcessPoolExecutor mp_context=multiprocessing.get_context("spawn"): a
               fork of a process that runs threads or MPI may hang. Threads are for "fourier" and
               "skfem" alone.
    options  : those of `solve_cells`, the same for every model. Workers show no progress.

    Accuracy warnings of worker processes are issued here, with the number of the model.
    Errors: those of `solve_cells` for the first model that fails, the others being cancelled;
    ProblemError where something cannot be pickled, SolveError where a worker process ends.
    """
    chosen = [
        instance(model, HomogenizedModel, f"model {k}", "write models=[homogenize(problem), ...]")
        for k, model in enumerate(listed(models, "models", "write models=[homogenize(problem)]"))
    ]
    if executor is None:
        return [solve_cells(model, backend, **options) for model in chosen]
    if not isinstance(executor, Executor):
        raise ProblemError(
            "executor is no executor of concurrent.futures",
            term=shortened(executor),
            remedy="write executor=concurrent.futures.ProcessPoolExecutor()",
        )
    quiet = {"progress": silent, **options}
    here = os.getpid()
    futures = [executor.submit(_solved, model, backend, quiet, here) for model in chosen]
    try:
        return [_result(future, number) for number, future in enumerate(futures)]
    finally:
        for future in futures:
            future.cancel()


@dataclass(frozen=True)
class _Solved:
    """What a worker sends back: cells or an error, and the texts of its accuracy warnings."""

    cells: CellSolution | None
    error: NhpinnError | None
    warnings: tuple[str, ...]


def _solved(
    model: HomogenizedModel, backend: str, options: Mapping[str, Any], caller: int
) -> _Solved:
    """The work of a worker; `caller` is the process that asked for it."""
    if os.getpid() == caller:  # a thread: its warnings are there already, and filters are global
        return _Solved(solve_cells(model, backend, **options), None, ())
    cells = None
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToleranceWarning)
        try:
            cells = solve_cells(model, backend, **options)
        except NhpinnError as cause:
            error = cause
    texts = [str(w.message) for w in caught if issubclass(w.category, ToleranceWarning)]
    return _Solved(cells, error, tuple(texts))


def _result(future: Future[_Solved], number: int) -> CellSolution:
    """The cells of one model, with the warnings and the errors of its worker as those of this
    process.
    """
    try:
        solved = future.result()
    except BrokenExecutor as cause:
        raise SolveError(
            "a worker process ended while it solved cell problems",
            term=f"model {number}",
            remedy="give the executor fewer workers: together they may need more memory than there"
            " is",
        ) from cause
    except Exception as cause:
        if "pickle" not in f"{type(cause).__name__} {cause}".lower():
            raise
        raise ProblemError(
            "a model or an option cannot be sent to the workers",
            term=cause,
            remedy="give functions that are defined in a module, or use a ThreadPoolExecutor",
        ) from cause
    for text in solved.warnings:
        warn_tolerance(f"model {number}: {text}")
    if solved.cells is None:
        assert solved.error is not None
        raise solved.error
    return solved.cells
