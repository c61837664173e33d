"""Which formulation solves what: the table of methods, and the one door to the PINN backend.

A new formulation is a file with a cell solver, or a solver of equations, and a row of METHODS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...lower.forms import LoweredCells, LoweredEquation
from ...problem.errors import ProblemError, UnsupportedError, shortened
from ..external_fields import as_functions
from ..progress import Progress, silent
from ..solution import CellSolver as CellSolverProtocol
from ..solution import CellTask, Coefficients, Solution
from .callables import differentiable
from .options import read_options, solver_names

_BY_PHASES = ".cells.jumps:JumpCellSolver"
Choose = Callable[[LoweredCells, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Method:
    """cells: "module:class" of a `CellSolver`, or a function of the cell problems and the options
    that names it; equations: "module:function". "" where the method solves none. Modules of this
    package begin with a dot, others may stand anywhere. what: for messages.
    """

    cells: str | Choose
    equations: str
    what: str


def _by_data(cells: LoweredCells, options: Mapping[str, Any]) -> str:
    """The strong form that suits the cell problems.

    A random layer fills a box of two dimensions, not of more: there the slow variables go to the
    last layer, where there is one.
    """
    if cells.jumps:
        return _BY_PHASES
    several = bool(cells.slow and cells.functions) and cells.cell.dim + len(cells.slow) > 2
    if several and not read_options(options).trains:
        return ".cells.separable:SeparableCellSolver"
    return ".cells.smooth:SmoothCellSolver"


_RESIDUAL = Method(
    _by_data,
    ".equations.strong:solve_equation",
    "the strong form; where coefficients jump one net per phase, with rows for the flux",
)
METHODS: dict[str, Method] = {
    "auto": _RESIDUAL,
    "residual": _RESIDUAL,
    "energy": Method(
        ".cells.energy:EnergyCellSolver",
        ".equations.energy:solve_energy",
        "the Ritz energy of symmetric problems, and its dual",
    ),
    "nh-pinn": Method(
        ".classical.cells:ClassicalCellSolver",
        ".classical.equation:solve_classical",
        "NH-PINN, the baseline: soft periodicity, Adam",
    ),
    "classical": Method("", ".classical.equation:solve_classical", "the classical PINN"),
}


def CellSolver(
    task: CellTask,
    /,
    **options: Any,
) -> CellSolverProtocol:
    """The solver of cell problems that the options name. ProblemError for a method that is none.

    Nets take external fields as functions without a formula that autograd differentiates.
    """
    if task.fields is not None:
        cells, behind = as_functions(task.cells, task.fields)
        tensors = {name: differentiable(f) for name, f in behind.items()}
        task = replace(task, cells=cells, parameters={**task.parameters, **tensors}, fields=None)
    name, rest = split_method(options)
    chosen = METHODS[name].cells
    if not chosen:
        raise ProblemError(
            f'"{name}" is the PINN for boundary value problems',
            term=task.cells.title,
            remedy='use method="nh-pinn" for cell problems',
        )
    place = chosen if isinstance(chosen, str) else chosen(task.cells, rest)
    if task.cells.contacts and place != _BY_PHASES:
        raise UnsupportedError(
            f"imperfect contact by {METHODS[name].what}",
            term=task.cells.title,
            remedy="leave method= out: one net for each phase has rows for it",
        )
    solver: CellSolverProtocol = _load(place)(task, **rest)
    return solver


def solve_equation(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    **options: Any,
) -> Solution:
    """Solve a boundary value problem by the formulation that the options name."""
    name, rest = split_method(options)
    solve = _load(METHODS[name].equations)
    _load(".equations.conditions:require_continuous")(equation, parameters)
    solution: Solution = solve(equation, coefficients, parameters, progress, **rest)
    return solution


def split_method(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The formulation that `method` names, and the other options; the name of a solver as method is
    taken as solver="...".

    ProblemError for a method that does not exist.
    """
    options = dict(given)
    method = options.pop("method", "auto")
    if isinstance(method, str) and method in solver_names():
        if options.setdefault("solver", method) != method:
            raise ProblemError(
                "two solvers are named",
                term=f"method={method!r}, solver={shortened(options['solver'])}",
                remedy="method is the formulation, solver the optimizer: name each once",
            )
        return "auto", options
    if not isinstance(method, str) or method not in METHODS:
        raise ProblemError(
            f"the PINN backend has no method {shortened(method)}",
            term=f"method={shortened(method)}",
            remedy=f"use one of {', '.join((*METHODS, *solver_names()))}",
        )
    return method, options


def _load(place: str) -> Any:
    """What stands at "module:name"; imported when it is first used."""
    module, name = place.split(":")
    return getattr(importlib.import_module(module, __package__), name)
