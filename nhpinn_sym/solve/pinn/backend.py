"""Which formulation solves what: the one door to the PINN backend.

method "residual" : the strong form; where coefficients jump one net per phase, with rows for the
jumps of the flux method "energy"   : Ritz and its dual, symmetric problems
method "nh-pinn"  : NH-PINN, the baseline, for comparison; of a boundary value problem also called
"classical", the classical PINN method "auto"     : "residual"
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ...lower.forms import LoweredCells, LoweredEquation
from ...problem.errors import ProblemError
from ..progress import Progress, silent
from ..solution import CellSolver as CellSolverProtocol
from ..solution import Coefficients, Solution
from .options import read_options, split_method

_CELLS = {
    "energy": ("energy.cells", "EnergyCellSolver"),
    "nh-pinn": ("classical.cells", "ClassicalCellSolver"),
}
_EQUATIONS = {
    "energy": ("energy.equation", "solve_energy"),
    "nh-pinn": ("classical.equation", "solve_classical"),
    "classical": ("classical.equation", "solve_classical"),
}


def CellSolver(
    cells: LoweredCells,
    parameters: Mapping[str, float],
    slow_box: tuple[tuple[float, float], ...],
    tolerance: float,
    progress: Progress = silent,
    **options: Any,
) -> CellSolverProtocol:
    """The solver of cell problems that the options name. ProblemError for a method that is none."""
    method, rest = split_method(options)
    if method == "classical":
        raise ProblemError(
            '"classical" is the PINN for boundary value problems',
            term=cells.title,
            remedy='use method="nh-pinn" for cell problems',
        )
    usual = ("phases.cells", "PhaseCellSolver") if cells.jumps else _smooth(cells, rest)
    solver: CellSolverProtocol = _found(_CELLS.get(method, usual))(
        cells, parameters, slow_box, tolerance, progress, **rest
    )
    return solver


def _smooth(cells: LoweredCells, options: Mapping[str, Any]) -> tuple[str, str]:
    """A random layer fills a box of two dimensions, not of more: there the slow variables go to the
    last layer, where there is one.
    """
    several = bool(cells.slow and cells.functions) and cells.cell.dim + len(cells.slow) > 2
    return (
        ("cells", "CellSolver")
        if not several or read_options(options).trains
        else ("separable", "SeparableCellSolver")
    )


def solve_equation(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    **options: Any,
) -> Solution:
    """Solve a boundary value problem by the formulation that the options name."""
    method, rest = split_method(options)
    solution: Solution = _found(_EQUATIONS.get(method, ("equation", "solve_equation")))(
        equation, coefficients, parameters, progress, **rest
    )
    return solution


def _found(place: tuple[str, str]) -> Any:
    module, name = place
    return getattr(importlib.import_module(f"{__package__}.{module}"), name)
