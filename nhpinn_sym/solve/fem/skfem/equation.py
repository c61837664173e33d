"""Boundary (and initial) value problems by scikit-fem: the homogenized equation and the fine one alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ....emit import skfem as target
from ....emit.source import run
from ....lower.forms import LoweredEquation
from ...progress import Progress, silent
from ...solution import Coefficients
from ..common import GridSolution, keeps_levels, require_constant_in_time
from ..refine import Cells, count_dofs, refine_equation, solve_on_mesh
from .backend import driver, failures


def solve_equation(equation: LoweredEquation, coefficients: Coefficients, parameters: Mapping[str, float], progress: Progress = silent, *,
                   cells: int | Cells | None = None, tolerance: float = 1e-7, degree: int = 2, steps: int | None = None,
                   max_dofs: int | None = None) -> GridSolution:
    """Q1 or Q2 elements; in time SDIRK of order 4. info["estimate"] comes from coarser cells and steps.

    With `cells` (per axis, or one number) that mesh is used, with `steps` time steps (default 64). Without, mesh and steps (first
    16) are refined until the estimate is below `tolerance`, or `max_dofs` is reached (default 300 000, 70 000 with time).

    UnsupportedError where the operator depends on time; SolveError for a system without a solution, such as a pure Neumann problem whose
    data do not balance.
    """
    require_constant_in_time(equation)
    library, timely = driver(), equation.final_time is not None
    forms = run("equation_forms", target.equation(equation, "equation")["equation_forms.py"])
    data: dict[str, Any] = dict(parameters)
    data |= {e.symbol.name: partial(coefficients, e) for e in equation.externals if not any(e.derivative)}
    bounds = equation.domain.bounds

    def level(mesh: Cells, count: int, report: Callable[[float], None]) -> GridSolution:
        space = library.Space(bounds, mesh, degree, equation.periodic)
        keep = keeps_levels(count_dofs(mesh, degree), count)
        grid, times, method = library.solve_equation(forms, space, data, count, keep, report)
        return GridSolution("skfem", f"Q{degree} finite elements, {method}", grid, times)

    label = f"{equation.title} (skfem)"
    with failures(equation.title):
        if cells is None:
            return refine_equation(level, bounds, degree, steps or 16, tolerance, max_dofs or (70_000 if timely else 300_000), progress, label)
        return solve_on_mesh(level, (cells,) * len(bounds) if isinstance(cells, int) else cells, steps or 64, progress, label)
