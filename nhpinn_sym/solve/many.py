"""solve_many: the cell problems of many models, one after the other or on many processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from ..derive.model import HomogenizedModel
from ..problem.user_input import instance, listed
from .backend_choice import AUTO
from .cell_arguments import solve_model
from .cell_solution import CellSolution
from .cells import solve_cells
from .progress import silent
from .workers import each_done


def solve_many(
    models: Sequence[Any],
    backend: str = AUTO,
    *,
    executor: Executor | None = None,
    **options: Any,
) -> list[CellSolution]:
    """`solve_cells` for each of `models`, of any kind that it takes, in their order.

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

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> [round(float(c.effective["A"][0, 0]), 6) for c in nh.solve_many([model, model], "fourier")]
    [1.732051, 1.732051]
    """
    chosen = listed(models, "models", "write models=[homogenize(problem)]")
    for k, model in enumerate(chosen):
        if type(model) not in solve_model.registry:
            instance(model, HomogenizedModel, f"model {k}", "write models=[homogenize(problem)]")
    if executor is None:
        return [solve_cells(model, backend, **options) for model in chosen]
    quiet = {"progress": silent, **options}
    given = [(model, backend, quiet) for model in chosen]
    names = [f"model {k}" for k in range(len(chosen))]
    solved = dict(each_done(_solve, given, names, executor))
    return [solved[k] for k in range(len(chosen))]


def _solve(model: Any, backend: str, options: Mapping[str, Any]) -> CellSolution:
    return solve_cells(model, backend, **options)
