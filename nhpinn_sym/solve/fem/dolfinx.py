"""DOLFINx backend: runs the emitted UFL forms, serially or on the ranks of a communicator; every
rank gets the whole answer.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
from mpi4py import MPI

from ...emit import ufl_forms as target
from ...emit.fem_scope import external_key, weak_externals
from ...emit.source import run
from ...lower.forms import LoweredEquation
from ...problem.errors import ProblemError, SolveError
from ...runtime.arrays import CoefficientKey
from ...runtime.cell_solve import KernelError
from ...runtime.fem_dolfinx import fitted_space as fitted_space  # tells `space_on` of its meshes
from ...runtime.fem_dolfinx import region_space as region_space  # as fitted_space does
from ...runtime.fem_dolfinx.cells import CompiledCells
from ...runtime.fem_dolfinx.compat import ALONE as ALONE
from ...runtime.fem_dolfinx.compat import WORLD, PETSc
from ...runtime.fem_dolfinx.equation import EquationProblem
from ...runtime.fem_dolfinx.linear_solvers import DivergedError
from ...runtime.mesh import Mesh, MeshFunction
from ..progress import Progress, silent
from ..resources import memory_errors
from ..solution import Array, CellBatch, Coefficients
from .cell_solver import ElementCellSolver
from .cost import require_memory
from .grid_functions import (
    GridSolution,
    cell_batch,
    element_name,
    keeps_levels,
)
from .levels import MeshRequest, period_of, solve_levels
from .options import check_solver, equation_degree

BACKEND = "dolfinx"
# Seconds in which the launcher of ranks has read the last message.
_FORWARDED = 0.5
# Effective coefficients of two ranks that differ by less, relative to the largest, differ by
# rounding.
_SAME = 1e-9


class CellSolver(ElementCellSolver):
    """Cell problems by DOLFINx; options beside those of `ElementCellSolver`:

    solver : "direct" (UMFPACK or MUMPS), "iterative" (CG or GMRES with BoomerAMG), "auto"
    comm   : the MPI communicator that shares the work
    """

    backend = BACKEND
    target = target
    fits = True
    cubic_solids = True

    def __init__(
        self,
        *problem: Any,
        solver: str = "auto",
        comm: MPI.Comm = WORLD,
        **elements: Any,
    ) -> None:
        check_solver(solver)
        super().__init__(*problem, **elements)
        self.progress = first_rank(comm, self.progress)
        self.solver = solver
        self.comm = comm

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at each slow point (m, slow). SolveError where PETSc does not converge,
        ProblemError where ranks differ.
        """
        require_same_on_ranks(
            self.comm,
            self.text,
            numbers_of(self.parameters),
            np.asarray(slow_points).tolist(),
            (self.tolerance, self.degree, self.n, self.max_dofs, self.solver),
        )
        for point in slow_points:
            require_equal_numbers(self.comm, self.fields.sample(point), self.cells.title)
        return super().solve(slow_points)

    def runtime(self) -> type[CompiledCells]:
        return CompiledCells

    def problem_on(self, mesh: Mesh) -> CompiledCells:
        return CompiledCells(
            self.forms,
            self.parameters,
            mesh,
            self.degree,
            self.solver,
            self.comm,
            self.fields.names,
        )

    def solve_level(self, mesh: Mesh, problem: Any, slow_points: Array) -> CellBatch:
        with solve_errors():
            results = [
                problem.solve(dict(zip(self.forms.SLOW, point, strict=True)), self.fields.at(point))
                for point in slow_points
            ]
        info = {
            "method": f"{self.elements}, {problem.method}",
            "iterations": max(result.iterations for result in results),
            "ranks": self.comm.size,
        }
        return cell_batch(
            [result.functions for result in results],
            [result.effective for result in results],
            [result.multipliers for result in results],
            info,
        )


def solve_equation(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    mesh: int | tuple[int, ...] | None = None,
    at_least: tuple[int, ...] | None = None,
    tolerance: float | None = None,
    degree: int | None = None,
    steps: int | None = None,
    max_dofs: int | None = None,
    solver: str = "auto",
    comm: MPI.Comm = WORLD,
) -> GridSolution:
    """Elements of degree 1 or 2 (default 2), on triangles up to 3 (default 3); in time SDIRK of
    order 4. info["estimate"] comes from coarser cells and steps.

    With `mesh` (cells per axis, or one number) about that mesh is used, with lines where data jump,
    and with `steps` time steps (default 64), more where data jump or pulse in time: each of their
    spans has a sixteenth of them at least, and info["steps"] counts them. Without, mesh and steps
    (first 16) are refined until the estimate is below `tolerance` (default 1e-7), or `max_dofs` is
    reached (default 300 000, 70 000 with time). `at_least` is a mesh with lines wherever the data
    ask for them. `solver` and
    `comm` are as for `CellSolver`.

    Errors: SolveError where PETSc does not converge or where the data of a singular problem do not
    balance.
    """
    degree = equation_degree(equation, degree, max_dofs=max_dofs, steps=steps, solver=solver)
    elements = element_name(degree, equation.domain)
    if equation.order == 4:
        elements += ", interior penalty"
    text = target.equation(equation, "equation")["equation_forms.py"]
    require_same_on_ranks(
        comm,
        text,
        numbers_of(parameters),
        (mesh, at_least, tolerance, degree, steps, max_dofs, solver),
    )
    forms = run("equation_forms", text)
    externals = {external_key(e): e for e in weak_externals(equation)}

    def values(key: CoefficientKey, points: Array) -> Array:
        found = coefficients(externals[key], points)
        require_equal_numbers(comm, found, f"{key[0]}{list(key[1]) or ''}")
        return found

    def level(mesh: Mesh, times: Array | None, report: Callable[[float], None]) -> GridSolution:
        require_memory(mesh.cells, degree, equation.components, dim=mesh.dim)
        with solve_errors():
            problem = EquationProblem(forms, parameters, values, mesh, degree, solver, comm)
            grid, times = _solved(problem, times, report, period_of(equation, parameters))
        name = f"{elements}, {problem.method}"
        info = {"ranks": comm.size, "defect": problem.defect}
        if times is None:
            return GridSolution(BACKEND, name, info, grid)
        return GridSolution(BACKEND, f"{name}, sdirk4", info, grid, times, problem.largest)

    label = f"{equation.title} ({BACKEND})"
    with memory_errors(label):
        return solve_levels(
            level,
            equation,
            parameters,
            degree,
            first_rank(comm, progress),
            label,
            MeshRequest(mesh, at_least, steps, tolerance, max_dofs),
            fields={e.symbol.name: partial(coefficients, e) for e in externals.values()},
        )


def _solved(
    problem: EquationProblem,
    times: Array | None,
    report: Callable[[float], None],
    period: float | None,
) -> tuple[MeshFunction, Array | None]:
    """The solution and the times of its levels."""
    if times is None:
        return problem.solve(), None
    box = problem.box
    every = keeps_levels(box.components * problem.mesh.count(box.degree), times)
    kept = times if every else times[-1:]
    return problem.evolve(times, every, report, period), kept


def numbers_of(parameters: Mapping[str, object]) -> list[tuple[str, float]]:
    """The parameters that are numbers; functions cannot be compared."""
    return sorted(
        (name, value) for name, value in parameters.items() if isinstance(value, (int, float))
    )


def require_same_on_ranks(comm: MPI.Comm, *given: object) -> None:
    """ProblemError, on every rank, where the ranks were `given` different things: they would wait
    for each other, or mix their numbers.
    """
    if comm.size == 1:
        return
    own = hashlib.sha256(repr(given).encode()).hexdigest()
    found = comm.allgather(own)
    if len(set(found)) > 1:
        others = [rank for rank, digest in enumerate(found) if digest != found[0]]
        raise ProblemError(
            "the ranks were given different problems, parameters or options",
            term=f"other than rank 0: {', '.join(map(str, others))}",
            remedy=(
                "give every rank the same, or solve each with its own communicator:"
                " comm=MPI.COMM_SELF"
            ),
        )


def require_equal_numbers(comm: MPI.Comm, values: Array, what: str) -> None:
    """ProblemError, on every rank, where the ranks have other `values` of an effective coefficient;
    rounding is let pass.
    """
    if comm.size == 1:
        return
    array = np.asarray(values)
    sizes = np.array(
        comm.allgather(
            [float(np.abs(array).max(initial=0.0)), abs(complex(array.sum())), float(array.size)]
        )
    )
    if not np.allclose(sizes, sizes[0], rtol=_SAME, atol=_SAME * sizes[0, 0] * len(array)):
        raise ProblemError(
            "the ranks have different effective coefficients",
            term=what,
            remedy="solve or load the same cells on every rank",
        )


def _end_all_ranks() -> None:
    """An error that ends one rank ends all, with its traceback: the others would wait for it
    without an end.
    """
    if MPI.COMM_WORLD.size == 1 or sys.excepthook is not sys.__excepthook__:
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        sys.stderr.flush()
        time.sleep(_FORWARDED)  # a launcher that is told to end drops what it has not read
        MPI.COMM_WORLD.Abort(1)

    sys.excepthook = hook


def first_rank(comm: MPI.Comm, progress: Progress) -> Progress:
    """Only the first rank shows its progress."""
    if comm.rank == 0:
        return progress
    return silent


@contextmanager
def solve_errors() -> Iterator[None]:
    """What the driver raises, as errors of the package."""
    try:
        yield
    except (DivergedError, PETSc.Error) as cause:
        raise SolveError(
            "the linear solver failed",
            term=cause,
            remedy=(
                'check that the coefficients are positive; try another solver= ("direct",'
                ' "iterative") or mesh'
            ),
        ) from cause
    except KernelError as cause:
        raise SolveError(
            "a kernel of the cell operator is not found on this mesh",
            term=cause,
            remedy="try another mesh (n=)",
        ) from cause


_end_all_ranks()
