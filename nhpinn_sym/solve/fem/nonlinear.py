"""Nonlinear boundary value problems by finite elements: meshes, warm starts, estimates."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ...emit import skfem_forms, ufl_forms
from ...emit.source import run
from ...lower.forms import LoweredEquation
from ...problem.errors import BackendMissingError
from ...runtime.mesh import Mesh
from ...runtime.nonlinear_equation import Law, solve_nonlinear_problem
from ..backends import BACKENDS
from ..newton_failures import newton_errors, warn_of_rest
from ..progress import Progress
from ..resources import memory_errors
from ..solution import Array
from .cost import require_memory
from .grid_functions import GridSolution, element_name, keeps_levels
from .levels import MeshRequest, solve_levels
from .options import check_element_options

# Unknowns up to which processes are not worth their talk: a step of Newton's method takes a
# millisecond there, and a dozen times to wait for each other.
_BY_EACH = 20_000


@dataclass(frozen=True)
class Elements:
    """What a finite element backend does for nonlinear problems.

    problem  : (mesh, degree) -> `BoundaryProblem` of a reference problem and numbers
    cells    : (mesh, degree, components) -> `Assembly` of periodic functions
    errors   : turns what its linear solvers raise into errors of the package
    gathered : the values of all processes for those of one, in the same order on each
    agree    : ProblemError where processes are given different things
    """

    name: str
    problem: Callable[[Mesh, int], Any]
    cells: Callable[[Mesh, int, int], Any]
    progress: Progress
    errors: Callable[[], AbstractContextManager[None]] = nullcontext
    gathered: Callable[[Array], list[Array]] = lambda own: [own]
    agree: Callable[..., None] = lambda *given: None


def elements_of(
    backend: str,
    reference: LoweredEquation | None,
    parameters: Mapping[str, Any],
    progress: Progress,
    *,
    solver: str = "auto",
    comm: Any = None,
) -> Elements:
    """Those of "skfem" or "dolfinx"; `reference` is the linear problem that carries domain and
    data, None where cells alone are asked for. solver, comm : of dolfinx; without a comm each
    process solves small problems for itself. BackendMissingError.
    """
    if backend == "skfem":
        return _on_skfem(reference, parameters, progress)
    return _on_dolfinx(reference, parameters, progress, solver, comm)


def _on_skfem(
    reference: LoweredEquation | None, parameters: Mapping[str, Any], progress: Progress
) -> Elements:
    runtime = _runtime("skfem")
    importlib.import_module("nhpinn_sym.runtime.fem_skfem.region_space")  # tells of its meshes
    forms = None
    if reference is not None:
        text = skfem_forms.equation(reference, "equation")["equation_forms.py"]
        forms = run("equation_forms", text)

    def problem(mesh: Mesh, degree: int) -> Any:
        assert reference is not None
        require_memory(mesh.cells, degree, reference.components, by_elements=True, dim=mesh.dim)
        return runtime.ElementProblem(forms, mesh, degree, reference.periodic, parameters)

    return Elements("skfem", problem, runtime.cell_assembly, progress)


def _on_dolfinx(
    reference: LoweredEquation | None,
    parameters: Mapping[str, Any],
    progress: Progress,
    solver: str,
    comm: Any,
) -> Elements:
    runtime = _runtime("dolfinx")
    backend = importlib.import_module("nhpinn_sym.solve.fem.dolfinx")
    check_element_options(2, solver=solver)
    given, comm = comm, backend.WORLD if comm is None else comm
    forms = None

    def sharing(mesh: Mesh, degree: int, components: int) -> Any:
        """The processes that solve on a mesh together."""
        small = mesh.count(degree) * components <= _BY_EACH
        return backend.ALONE if given is None and small else comm

    if reference is not None:
        text = ufl_forms.equation(reference, "equation")["equation_forms.py"]
        backend.require_same_on_ranks(comm, text, backend.numbers_of(parameters), solver)
        forms = run("equation_forms", text)

    def problem(mesh: Mesh, degree: int) -> Any:
        assert reference is not None
        require_memory(mesh.cells, degree, reference.components, dim=mesh.dim)
        together = sharing(mesh, degree, reference.components)
        return runtime.RankProblem(forms, mesh, degree, parameters, solver, together)

    def cells(mesh: Mesh, degree: int, components: int) -> Any:
        return runtime.cell_assembly(mesh, degree, components, sharing(mesh, degree, components))

    return Elements(
        "dolfinx",
        problem,
        cells,
        backend.first_rank(comm, progress),
        backend.solve_errors,
        comm.allgather,
        partial(backend.require_same_on_ranks, comm),
    )


def _runtime(backend: str) -> Any:
    """The driver of a backend."""
    try:
        return importlib.import_module(f"nhpinn_sym.runtime.fem_{backend}.assembly")
    except ImportError as cause:
        raise BackendMissingError(
            f"the {backend} backend needs {cause.name}",
            term=cause,
            remedy=BACKENDS[backend].how_to_get,
        ) from cause


def solve_nonlinear(
    reference: LoweredEquation,
    parameters: Mapping[str, Any],
    law: Law,
    symmetric: bool,
    elements: Elements,
    *,
    stored: Sequence[bool],
    grown: Callable[[], bool] = lambda: False,
    rounds: int = 1,
    stiffness: bool = False,
    empty: bool = False,
    order: float = math.inf,
    mesh: int | tuple[int, ...] | None = None,
    at_least: tuple[int, ...] | None = None,
    tolerance: float | None = None,
    degree: int = 2,
    steps: int | None = None,
    max_dofs: int | None = None,
) -> GridSolution:
    """Q1 or Q2 elements, Newton's method, in time SDIRK of order 4; meshes and estimates as for
    linear equations.

    reference : the linear problem that carries domain and data, see `lower.nonlinear_reference`
    stored    : which of the equations have a time derivative
    grown     : says after a solve whether the law has become another one; then it is solved again,
                `rounds` times at most. SolveError where Newton's method does not converge.
    stiffness : whether info["stiffness"] is asked for, see `NonlinearResult`
    empty     : whether the storage begins with 0, see `solve_nonlinear_problem`
    order     : see `EquationLevels`
    """
    check_element_options(degree, max_dofs=max_dofs, steps=steps)
    name = element_name(degree, reference.domain)
    label = f"{reference.title.lower()} ({elements.name})"
    known: list[GridSolution] = []

    def start(points: Array) -> Array:
        return np.asarray(known[-1](points)).reshape(len(points), -1)

    def level(mesh: Mesh, times: Array | None, report: Callable[[float], None]) -> GridSolution:
        problem = elements.problem(mesh, degree)
        keep = keeps_levels(reference.components * mesh.count(degree), times)
        for _ in range(rounds):
            first = problem.sampled(start) if known and known[-1].times is None else None
            with newton_errors(label), elements.errors():
                result = solve_nonlinear_problem(
                    problem, law, symmetric, first, times, keep, report, stored, stiffness, empty
                )
            method = f"{name}, {result.method}"
            ranks = problem.assembly.ranks
            info: dict[str, Any] = {"defect": 0.0, "ranks": ranks, "newton": result.rest}
            if result.stiffness is not None:
                info["stiffness"] = result.stiffness
            solution = GridSolution(
                elements.name, method, info, result.grid, result.times, result.largest
            )
            known[:] = [solution]
            if not grown():
                break
        return solution

    with memory_errors(label):
        found = solve_levels(
            level,
            reference,
            parameters,
            degree,
            elements.progress,
            label,
            MeshRequest(mesh, at_least, steps, tolerance, max_dofs, costly_steps=True),
            by_elements=elements.name == "skfem",
            order=order,
        )
    warn_of_rest(label, found.info["newton"])
    return replace(found, info=dict(found.info))
