"""Nonlinear boundary value problems: the homogenized one with a law, and the fine one."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sympy as sp

from ...derive.nonlinear.degenerate import degenerate_fluxes
from ...derive.nonlinear.finite_strain import refuse_finite_strain, with_finite_strain
from ...derive.nonlinear.hamilton_jacobi import read_state
from ...derive.nonlinear.jumps_in_jets import refuse_jumps
from ...derive.nonlinear.model import NonlinearModel
from ...derive.nonlinear.state import StateProblem
from ...emit import nonlinear_text
from ...lower.forms import LoweredEquation
from ...lower.nonlinear import lower_nonlinear_fine
from ...lower.nonlinear_reference import reference_fine, reference_homogenized
from ...operator.table import Operator
from ...problem.errors import ProblemError, shortened, warn_tolerance
from ...problem.user_input import instance, parameter_numbers
from ...runtime.nonlinear_arrays import equation_arrays
from ...runtime.nonlinear_equation import Law
from ..backends import BACKENDS, equation_solver
from ..fem.nonlinear import elements_of, solve_nonlinear
from ..progress import Progress, shown
from ..solution import Array, Solution
from .given_functions import functions_of, load_forms, without_functions
from .hamilton_jacobi import solve_hamilton_jacobi
from .law_file import same_state
from .law_solution import LawSolution
from .macro_law import ROUNDS, MacroLaw
from .strained_solutions import judge_strained, oriented

_OPTIONS = ("mesh", "at_least", "tolerance", "degree", "steps", "max_dofs")
# What only one backend takes beside them.
_OWN = {"skfem": (), "dolfinx": ("solver", "comm")}
# The order of mesh and steps that a kink leaves: it moves through elements and steps, and what
# errors lose from one level to the next is erratic.
_KINKED = 2
# The same of fronts at which solutions themselves kink, as those of porous media.
_FRONT = 1


def solve_with_law(
    model: NonlinearModel,
    law: Any,
    backend: str,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
    coefficients: Mapping[str, Callable[..., Any]] | None,
    options: Mapping[str, Any],
) -> tuple[Solution, LoweredEquation]:
    """The homogenized equation of a nonlinear model, the law at the quadrature points; and the
    linear problem beside it.

    info["law"] is the relative error of the law at states of the solution, info["modes"] the number
    of functions that it is reduced to; info["estimate"] is not below it.
    """
    law = instance(law, LawSolution, "the law", "write law = solve_law(model)")
    if law.model is not model and not same_state(law.model.state, model.state):
        raise ProblemError(
            "the law is that of another model",
            term=law.model.title,
            remedy="write law = solve_law(model)",
        )
    refuse_finite_strain(model, "the homogenized equation")
    _check_functions(law, coefficients)
    numbers = parameter_numbers(parameters, model.problem.parameters)
    for name, value in law.parameters.items():
        if numbers[name] != value:
            raise ProblemError(
                f"the law is that of another {name}: {value:g}",
                term=f"{name} = {numbers[name]:g}",
                remedy="solve_law with the same parameters=",
            )
    if model.hamiltonian:
        return solve_hamilton_jacobi(model, law, numbers, shown(progress), backend, options)
    model.state.require_diffusion("a homogenized equation")
    reference = without_functions(reference_homogenized(model.state))
    solver = equation_problem(backend, reference, model.state, numbers, shown(progress), options)
    macro = MacroLaw(law, solver.gathered)
    solution = solver.solve(macro, symmetric_law(model), grown=macro.grown, rounds=ROUNDS)
    info = {**solution.info, "law": macro.error, "modes": macro.modes, "law_n": macro.source.n}
    info["estimate"] = max(info["estimate"], macro.error)
    if not macro.error <= law.tolerance:
        warn_tolerance(
            f"the law at the points of the homogenized equation has a relative error of"
            f" {macro.error:.1e}, largest at {macro.worst}, reduced to {macro.modes} functions on"
            f" {macro.source.n} points per axis, or cells; its tolerance is {law.tolerance:.1e}:"
            " solve_law with more of them (n=), or accept a larger tolerance="
        )
    return replace(solution, info=info), reference


def solve_nonlinear_fine(
    operator: Operator,
    eps: float,
    backend: str,
    parameters: Mapping[str, float],
    progress: Progress | None,
    coefficients: Mapping[str, Callable[..., Any]] | None,
    options: Mapping[str, Any],
) -> tuple[Solution, LoweredEquation]:
    """The multiscale equation itself, by the emitted text of its integrands; and the linear problem
    beside it.
    """
    state = read_state(operator)
    refuse_jumps(state)
    state.require_diffusion("a solution at one eps by finite elements or nets")
    reference = without_functions(reference_fine(state))
    numbers = {**parameters, "epsilon": eps}
    solver = equation_problem(backend, reference, state, numbers, shown(progress), options)
    lowered = lower_nonlinear_fine(state, "Multiscale equation")
    forms, _ = load_forms(state, lowered, nonlinear_text.equation, coefficients)

    strained = with_finite_strain(state).finite_strain

    def law(points: Array, t: float, values: Array, slopes: Array) -> Mapping[str, Array]:
        data = {**numbers, **dict(zip(forms.COORDINATES, points)), forms.TIME: t}
        arrays = equation_arrays(forms, values, slopes, data)
        return oriented(arrays, slopes) if strained else arrays

    symmetric = state.potential and not state.depends_on_values
    known = strained and symmetric and reference.time is None and BACKENDS[backend].elements
    solution = solver.solve(law, symmetric, **({"stiffness": True} if known else {}))
    if strained:
        judge_strained(f"{reference.title.lower()} ({backend})", solution)
    return solution, reference


def _check_functions(law: LawSolution, coefficients: Mapping[str, Any] | None) -> None:
    """ProblemError for functions that are not those of the law, which the equation takes."""
    given = {str(name): function for name, function in (coefficients or {}).items()}
    if given and given != functions_of(law.forms):
        raise ProblemError(
            "the functions are not those that the law was solved with",
            term=sorted(given),
            remedy="leave coefficients= out: the law holds those of solve_law",
        )


def symmetric_law(model: NonlinearModel) -> bool:
    """Whether the derivative of the homogenized problem is symmetric."""
    return model.potential and not model.state.depends_on_values


@dataclass(frozen=True)
class _Solver:
    """solve: (law, symmetric, grown=, rounds=) -> Solution; gathered: arrays of all processes."""

    solve: Callable[..., Solution]
    gathered: Callable[[Array], list[Array]] = lambda own: [own]


def equation_problem(
    backend: str,
    reference: LoweredEquation,
    state: StateProblem,
    numbers: Mapping[str, float],
    progress: Progress,
    options: Mapping[str, Any],
) -> _Solver:
    """What solves the nonlinear problem beside a linear one on a backend."""
    equation_solver(backend)
    if backend == "pinn":
        nets = importlib.import_module("nhpinn_sym.solve.pinn.equations.nonlinear")
        own = {"progress": progress, "stored": state.stored, **options}
        return _Solver(partial(nets.solve_weakly, reference, numbers, **own))
    given, chosen = _split(backend, options)
    elements = elements_of(backend, reference, numbers, progress, **chosen)
    order = _order(state)

    def solve(law: Law, symmetric: bool, **more: Any) -> Solution:
        more = {**more, **given}
        own = {"stored": state.stored, "order": order, **more}
        return solve_nonlinear(reference, numbers, law, symmetric, elements, **own)

    return _Solver(solve, elements.gathered)


def _order(state: StateProblem) -> float:
    """That of mesh and steps at most."""
    if any(degenerate_fluxes(state)):
        return _FRONT
    return _KINKED if state.kinks else math.inf


def _split(backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of any finite element backend, and those of this one; ProblemError for one that
    it does not have.
    """
    for name in options:
        if name not in (*_OPTIONS, *_OWN[backend]):
            raise ProblemError(
                f"the backend {backend} has no option {name!r} for nonlinear problems",
                term=f"{name}={shortened(options[name])}",
                remedy=f"its options are {', '.join((*_OPTIONS, *_OWN[backend]))}",
            )
    own = {name: value for name, value in options.items() if name in _OWN[backend]}
    return {name: value for name, value in options.items() if name not in own}, own
