"""scikit-fem backend: runs the text that `emit.skfem_forms` writes. scikit-fem and pyamg are
imported when a solve begins.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from ...emit import skfem_forms as target
from ...emit.fem_scope import weak_externals
from ...emit.source import run
from ...lower.forms import LoweredEquation
from ...problem.errors import BackendMissingError, SolveError
from ...runtime.mesh import Mesh
from ..backends import BACKENDS
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
from .options import equation_degree

BACKEND = "skfem"


class CellSolver(ElementCellSolver):
    """Cell problems by scikit-fem; options: `degree`, `mesh`, `n`, `h`, `max_dofs`, see
    `ElementCellSolver`.
    """

    backend = BACKEND
    target = target
    by_elements = True
    fits = True

    def runtime(self) -> ModuleType:
        _runtime("fitted_space")  # which tells `space_on` of its meshes
        return _runtime("cells")

    def problem_on(self, mesh: Mesh) -> Any:
        on = self.driver.space_on
        return self.driver.broken_space(on, mesh, self.degree, self.forms, self.parameters)

    def solve_level(self, mesh: Mesh, problem: Any, slow_points: Array) -> CellBatch:
        names = [symbol.name for symbol in self.cells.slow]
        results = []
        with _failures(f"cell problems ({BACKEND})"):
            for point in slow_points:
                slow = dict(zip(names, map(float, point), strict=True))
                data = {**self.parameters, **slow, **self.fields.at(point)}
                results.append(self.driver.solve_cells(self.forms, problem, data))
        return cell_batch(
            [result.functions for result in results],
            [result.effective for result in results],
            [result.multipliers for result in results],
            {"method": f"{self.elements}, {results[0].method}"},
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
) -> GridSolution:
    """Elements of degree 1 or 2 (default 2), on triangles up to 3 (default 3); in time SDIRK of
    order 4. info["estimate"] comes from coarser cells and steps.

    With `mesh` (cells per axis, or one number) about that mesh is used, with lines where data jump,
    and with `steps` time steps (default 64), more where data jump or pulse in time: each of their
    spans has a sixteenth of them at least, and info["steps"] counts them. Without, mesh and steps
    (first 16) are refined until the estimate is below `tolerance` (default 1e-7), or `max_dofs` is
    reached (default 300 000, 70 000 with time). `at_least` is a mesh with lines wherever the data
    ask for them.

    SolveError for a system without a solution, such as a pure Neumann problem whose data do not
    balance.
    """
    degree = equation_degree(equation, degree, max_dofs=max_dofs, steps=steps)
    elements = element_name(degree, equation.domain, smooth=equation.order == 4)
    driver = _runtime("equation")
    _runtime("region_space")  # which tells `space_on` of its meshes
    forms = run("equation_forms", target.equation(equation, "equation")["equation_forms.py"])
    fields = {e.symbol.name: partial(coefficients, e) for e in weak_externals(equation)}
    data = {**parameters, **fields}

    def level(mesh: Mesh, times: Array | None, report: Callable[[float], None]) -> GridSolution:
        require_memory(mesh.cells, degree, equation.components, by_elements=True, dim=mesh.dim)
        space = driver.space_on(mesh, degree, equation.periodic, forms)
        keep = keeps_levels(equation.components * mesh.count(degree), times)
        period = period_of(equation, parameters)
        result = driver.solve_equation(forms, space, data, times, keep, report, period)
        name = f"{elements}, {result.method}"
        info = {"defect": result.defect}
        return GridSolution(BACKEND, name, info, result.grid, result.times, result.largest)

    label = f"{equation.title.lower()} ({BACKEND})"
    with _failures(label), memory_errors(label):
        return solve_levels(
            level,
            equation,
            parameters,
            degree,
            progress,
            label,
            MeshRequest(mesh, at_least, steps, tolerance, max_dofs),
            fields=fields,
            by_elements=True,
        )


def _runtime(name: str) -> ModuleType:
    """A file of the runtime; BackendMissingError where a library that it needs is not installed."""
    try:
        return importlib.import_module(f"nhpinn_sym.runtime.fem_skfem.{name}")
    except ModuleNotFoundError as cause:
        raise BackendMissingError(
            f"the skfem backend needs {cause.name}", remedy=BACKENDS[BACKEND].how_to_get
        ) from cause


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turns the driver's RuntimeError (a singular or unsolved system) into SolveError."""
    try:
        yield
    except SolveError:
        raise
    except RuntimeError as cause:
        raise SolveError(
            f"{what}: {cause}",
            remedy=(
                "check that the data determine the solution; try another mesh (n=, mesh=) or"
                " backend"
            ),
        ) from cause
