"""DOLFINx backend: runs the emitted UFL forms, serially or on the ranks of a communicator; every rank gets the whole answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from mpi4py import MPI

from ...emit import dolfinx as target
from ...emit.runtime.cell_sequence import KernelError
from ...emit.runtime.dolfinx_cells import CellProblem
from ...emit.runtime.dolfinx_driver import EquationProblem, Key
from ...emit.runtime.dolfinx_solvers import DivergedError, PETSc
from ...emit.runtime.lagrange_grid import LagrangeGrid
from ...emit.runtime.lattice import Lattice
from ...emit.source import run
from ...lower.forms import LoweredCells, LoweredEquation
from ...problem.errors import SolveError
from ..progress import Progress, silent
from ..solution import Array, CellBatch, Coefficients
from .common import GridSolution, cell_batch, element_name, keeps_levels, require_constant_in_time
from .layout import Layout
from .refine import refine_cells, refine_equation, solve_on_mesh

BACKEND = "dolfinx"


class CellSolver:
    """Periodic cell problems by elements of order `degree` (1 or 2) on intervals, rectangles or bricks.

    n        : cells along the longest axis of the finest mesh; by default the mesh is refined until the effective entries are known to
               `tolerance`, relative to the largest entry of the same coefficient
    max_dofs : the refinement stops there with a ToleranceWarning
    solver   : "direct" (MUMPS), "iterative" (CG or GMRES with BoomerAMG), "auto"
    comm     : the MPI communicator that shares the work
    """

    def __init__(self, cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...], tolerance: float,
                 progress: Progress = silent, *, degree: int = 2, n: int | None = None, max_dofs: int = 300_000, solver: str = "auto",
                 comm: MPI.Comm = MPI.COMM_WORLD) -> None:
        self.forms = run("cell_forms", target.cells(cells)["cell_forms.py"])
        self.layout = Layout(cells.cell.bounds, erratic=cells.jumps)
        self.parameters, self.tolerance, self.progress = parameters, tolerance, _first(comm, progress)
        self.degree, self.n, self.max_dofs, self.solver, self.comm = degree, n, max_dofs, solver, comm
        self._problems: dict[Lattice, CellProblem] = {}

    def solve(self, slow_points: Array) -> CellBatch:
        """All cell problems at each slow point (m, slow). SolveError where PETSc does not converge."""
        return refine_cells(lambda lattice: self._level(lattice, slow_points), self.layout, self.degree, self.tolerance, self.max_dofs,
                            self.n, self.progress, f"cell problems ({BACKEND})", self.forms.COMPONENTS)

    def _problem(self, lattice: Lattice) -> CellProblem:
        """The compiled problem of one mesh, kept for the next slow points."""
        if lattice not in self._problems:
            problem = CellProblem(self.forms, self.parameters, lattice, self.degree, self.solver, self.comm)
            self._problems[lattice] = problem
        return self._problems[lattice]

    def _level(self, lattice: Lattice, slow_points: Array) -> CellBatch:
        problem = self._problem(lattice)
        with solve_errors():
            results = [problem.solve(dict(zip(self.forms.SLOW, point, strict=True))) for point in slow_points]
        info = {"method": f"{element_name(self.degree, lattice.dim)}, {problem.method}", "iterations": max(result.iterations for result in results),
                "ranks": self.comm.size}
        return cell_batch([result.functions for result in results], [result.effective for result in results],
                          [result.multipliers for result in results], info)


def solve_equation(equation: LoweredEquation, coefficients: Coefficients, parameters: Mapping[str, float], progress: Progress = silent, *,
                   mesh: int | tuple[int, ...] | None = None, tolerance: float = 1e-7, degree: int = 2, steps: int | None = None,
                   max_dofs: int | None = None, solver: str = "auto", comm: MPI.Comm = MPI.COMM_WORLD) -> GridSolution:
    """Elements of order `degree` (1 or 2); in time SDIRK of order 4. info["estimate"] comes from coarser cells and steps.

    With `mesh` (cells per axis, or one number) that mesh is used, with `steps` time steps (default 64). Without, mesh and steps (first
    16) are refined until the estimate is below `tolerance`, or `max_dofs` is reached (default 300 000, 70 000 with time).
    `solver` and `comm` are as for `CellSolver`.

    Errors: SolveError where PETSc does not converge or where the data of a singular problem do not balance; UnsupportedError for an
    operator that depends on time.
    """
    require_constant_in_time(equation)
    forms = run("equation_forms", target.equation(equation, "equation")["equation_forms.py"])
    externals = {(e.name, e.index): e for e in target.weak_externals(equation)}

    def values(key: Key, points: Array) -> Array:
        return coefficients(externals[key], points)

    def level(lattice: Lattice, count: int, report: Callable[[float], None]) -> GridSolution:
        with solve_errors():
            problem = EquationProblem(forms, parameters, values, lattice, degree, solver, comm)
            grid, times = _solved(problem, count, report)
        time = ", sdirk4" if forms.TIME else ""
        name = f"{element_name(degree, lattice.dim)}, {problem.method}{time}"
        largest = problem.largest if forms.TIME else None
        return GridSolution(BACKEND, name, grid, times, {"ranks": comm.size, "defect": problem.defect}, largest)

    label = f"{equation.title} ({BACKEND})"
    layout = Layout(forms.DOMAIN, erratic=equation.jumps)
    if mesh is None:
        limit = (max_dofs or (70_000 if forms.TIME else 300_000)) // equation.components
        return refine_equation(level, layout, degree, steps or 16, tolerance, limit, _first(comm, progress), label)
    shape = (mesh,) * len(forms.DOMAIN) if isinstance(mesh, int) else mesh
    return solve_on_mesh(level, layout, degree, shape, steps or 64, _first(comm, progress), label)


def _solved(problem: EquationProblem, steps: int, report: Callable[[float], None]) -> tuple[LagrangeGrid, Array | None]:
    """The solution and the times of its levels."""
    if not problem.forms.TIME:
        return problem.solve(), None
    final, box = problem.forms.FINAL_TIME, problem.box
    every = keeps_levels(box.components * box.lattice.count(box.degree), steps)
    times = np.linspace(0.0, final, steps + 1)
    return problem.evolve(final, steps, every, report), times if every else times[-1:]


def _first(comm: MPI.Comm, progress: Progress) -> Progress:
    """Only the first rank shows its progress."""
    return progress if comm.rank == 0 else silent


@contextmanager
def solve_errors() -> Iterator[None]:
    """What the driver raises, as errors of the package."""
    try:
        yield
    except (DivergedError, PETSc.Error) as cause:
        raise SolveError("the linear solver failed", term=cause,
                         remedy='check that the coefficients are positive; try another solver= ("direct", "iterative") or mesh') from cause
    except KernelError as cause:
        raise SolveError("a cell problem has no ground state on this mesh", term=cause, remedy="try another mesh (n=)") from cause
