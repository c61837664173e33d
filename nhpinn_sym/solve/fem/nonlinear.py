"""Nonlinear boundary value problems on scikit-fem: meshes, warm starts, estimates."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...emit import skfem_forms as target
from ...emit.source import run
from ...lower.forms import LoweredEquation
from ...problem.errors import SolveError
from ...runtime.mesh import Mesh
from ..progress import Progress
from ..resources import memory_errors
from ..solution import Array
from .cost import require_memory
from .grid_functions import GridSolution, element_name, keeps_levels
from .levels import solve_levels
from .options import check_options

Law = Callable[[Array, float, Array, Array], Mapping[str, Array]]
BACKEND = "skfem"


def solve_nonlinear(
    reference: LoweredEquation,
    parameters: Mapping[str, Any],
    law: Law,
    symmetric: bool,
    progress: Progress,
    *,
    grown: Callable[[], bool] = lambda: False,
    rounds: int = 1,
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
    grown     : says after a solve whether the law has become another one; then it is solved again,
                `rounds` times at most. SolveError where Newton's method does not converge.
    """
    check_options(degree, max_dofs=max_dofs, steps=steps)
    elements = element_name(degree, reference.domain)
    linear = importlib.import_module("nhpinn_sym.runtime.fem_skfem.space")
    driver = importlib.import_module("nhpinn_sym.runtime.fem_skfem.nonlinear")
    forms = run("equation_forms", target.equation(reference, "equation")["equation_forms.py"])
    label = f"{reference.title.lower()} ({BACKEND})"
    known: list[GridSolution] = []

    def start(points: Array) -> Array:
        return np.asarray(known[-1](points)).reshape(len(points), -1)

    def level(mesh: Mesh, times: Array | None, report: Callable[[float], None]) -> GridSolution:
        require_memory(mesh.cells, degree, reference.components, by_elements=True, dim=mesh.dim)
        space = linear.space_on(mesh, degree, reference.periodic, forms)
        keep = keeps_levels(reference.components * mesh.count(degree), times)
        for _ in range(rounds):
            first = start if known and known[-1].times is None else None
            try:
                result = driver.solve_nonlinear(
                    forms, space, parameters, law, symmetric, first, times, keep, report
                )
            except RuntimeError as cause:
                raise SolveError(
                    f"{label}: {cause}",
                    remedy="try a finer mesh, smaller data, or a law that is less degenerate",
                ) from cause
            name = f"{elements}, {result.method}"
            info = {"defect": result.defect}
            solution = GridSolution(BACKEND, name, info, result.grid, result.times, result.largest)
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
            progress,
            label,
            mesh=mesh,
            at_least=at_least,
            steps=steps,
            tolerance=tolerance,
            max_dofs=max_dofs,
            by_elements=True,
        )
    return replace(found, info=dict(found.info))
