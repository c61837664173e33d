"""solve_homogenized and solve_fine: the boundary value problems on either side of the expansion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.double_porosity import DoublePorosityModel
from ..derive.model import HomogenizedModel
from ..derive.nonlinear.change_of_unknown import change_of_unknown
from ..derive.nonlinear.checks import check_real
from ..derive.nonlinear.model import NonlinearModel
from ..lower.equation import lower_fine, lower_homogenized
from ..lower.forms import LoweredEquation
from ..operator.parse import parse_nonlinear
from ..operator.table import Operator
from ..problem.conditions import Periodic
from ..problem.errors import (
    SolveError,
    UnsupportedError,
    warn_tolerance,
)
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import (
    instance,
    parameter_numbers,
)
from .backends import BACKENDS, check_options, equation_solver
from .callable_coefficients import equation_functions
from .cell_solution import CellSolution
from .complex_parts import solve_in_parts
from .double_porosity import macroscopic_problem
from .external_fields import equation_with_given_functions
from .ground_states import initial_share
from .law.equations import solve_nonlinear_fine, solve_with_law
from .law.law_solution import LawSolution
from .law.original_unknown import in_original
from .perforated_domain import around_holes
from .periods import (
    check_periods_fit,
    choose_mesh,
    number_expression,
    positive_eps,
    refines,
    steps_of_fast_time,
)
from .progress import Progress, shown
from .provenance import KEY, warn_of_other_operator
from .resources import memory_errors
from .shape_errors import with_shape_error
from .solution import Array, Coefficients, EquationSolver, Solution
from .walls import settle_walls
from .waves import (
    check_homogenized_wave,
    displacement,
    first_order_in_time,
    is_wave,
    steps_of_wave,
)

# Mean drifts below this are rounding.
_STANDING = 1e-8


def solve_homogenized(
    model: HomogenizedModel | NonlinearModel | DoublePorosityModel,
    cells: CellSolution | LawSolution,
    backend: str = "pinn",
    *,
    eps: object = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> Solution:
    """Solve the homogenized equation with the effective coefficients of `cells` on "pinn",
    "dolfinx" or "skfem"; that of a nonlinear model with its law in the place of cells, on "skfem".

    eps: needed where a natural condition (`Neumann`, `Robin`) meets terms of order 1/eps, or a
    kernel psi that is not constant: its limit holds the phase of the wall in the period then
    (`model.derivation` shows it). Not used otherwise.

    Returns a `Solution`: u0(points), u0.derivative(points, index), for time problems u0(points, t);
    u0.info["estimate"] is its own relative L2 error estimate. Complex where a coefficient is. With
    a ground state phi it is v of u = e^(-lambda0 t/eps^2) phi(x/eps) v.
    `options` go to the backend. After a moving frame the coordinates are X = x - c t/eps.
    coefficients: as for `solve_cells`.
    Errors: UnsupportedError for what the backends do not solve, among it a moving frame in a box
    that is not periodic; SolveError where Newton's method does not converge.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1),
    ...     scales=s,
    ...     unknown=u,
    ...     domain=nh.Box((0, 1)),
    ...     boundary=[nh.Dirichlet(0)],
    ... )
    >>> model = nh.homogenize(problem)
    >>> u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), "skfem")
    >>> round(float(u0(0.5)), 6)  # 1 / (8 sqrt(3))
    0.072169
    """
    if isinstance(model, DoublePorosityModel):
        return _solve_with_memory(model, cells, backend, progress, options)
    if isinstance(model, NonlinearModel):
        own = check_options(equation_solver(backend), options, backend)
        found = solve_with_law(model, cells, backend, parameters, progress, coefficients, own)
        return judged(*found, own)
    cells = instance(
        cells,
        CellSolution,
        "cells",
        "write cells = solve_cells(model), or cells = family.at(q=...)",
    )
    warn_of_other_operator(cells.info, model.operator)
    system = None
    if is_wave(model.problem):
        check_homogenized_wave(model)
        system = first_order_in_time(model.problem)
    solver = equation_solver(backend)
    options = check_options(solver, options, backend)
    lowered = lower_homogenized(model, still=not _moves(cells), system=system)
    _check_constant_in_time(lowered, cells)
    _check_frame(model, cells)
    if cells.ground_state is not None and lowered.initial:
        share = initial_share(model, cells, parameters)
        lowered = replace(lowered, initial=tuple(share * value for value in lowered.initial))
    functions = equation_functions(model.operator, lowered, coefficients, backend)
    numbers = parameter_numbers(parameters, model.problem.parameters)
    cells.require_parameters(numbers)
    known = None if eps is None or not positive_eps(eps) else number_expression(eps)
    lowered, values = settle_walls(model, lowered, cells, known, numbers)
    given = _with_functions(lowered, values, numbers, functions, backend)
    solution = _solved(solver, given, backend, progress, options)
    if system is not None:
        solution = displacement(solution, model.components)
    if KEY in cells.info:
        solution = replace(solution, info={**solution.info, KEY: cells.info[KEY]})
    return solution


def _solve_with_memory(
    model: DoublePorosityModel,
    cells: object,
    backend: str,
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Solution:
    """The field of the fractures, by elements: the modes of the blocks are fields beside it."""
    known = instance(cells, CellSolution, "cells", "write cells = solve_cells(model)")
    if backend in BACKENDS and not BACKENDS[backend].elements:
        raise UnsupportedError(
            f"double porosity on the {backend} backend",
            term=model.title,
            remedy='use backend="skfem"',
        )
    system = macroscopic_problem(model, known)
    return displacement(solve_fine(system, 1, backend, progress=progress, **options), 1)


def solve_fine(
    problem: MultiscaleProblem,
    eps: object,
    backend: str = "skfem",
    *,
    per_period: int | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> Solution:
    """Solve the multiscale problem itself at a given eps, resolving every period; a problem without
    fast variables as it is, whatever eps.

    tolerance, max_dofs : the mesh is refined until the estimate is below that tolerance, or until
                          max_dofs is reached.
    per_period : otherwise, mesh cells per period and axis (default 64, 16, 6 in 1D, 2D, 3D and more
                 where the data are narrow; fewer, with a ToleranceWarning, where that would be more
                 than MAX_CELLS in all; `mesh=` gives the cells per axis instead). Lines at jumps
                 come in addition. info["estimate"] compares with the meshes of a half and a quarter
                 of the resolution.
    backend    : "pinn" is the classical PINN where data oscillate, for comparison (it fails in
                 general), with the options epochs, learning_rate, ...;
                 method="energy" or "residual" are the library's own.
    coefficients : as for `solve_cells`.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1),
    ...     scales=s,
    ...     unknown=u,
    ...     domain=nh.Box((0, 1)),
    ...     boundary=[nh.Dirichlet(0)],
    ... )
    >>> fine = nh.solve_fine(problem, eps=1 / 4, backend="skfem")
    >>> round(float(fine(0.5)), 4)
    0.0722
    """
    number = positive_eps(eps)
    solver = equation_solver(backend)
    problem = instance(
        problem,
        MultiscaleProblem,
        "the problem",
        "write problem = MultiscaleProblem(equation, scales=s, unknown=u)",
    )
    options = check_options(solver, options, backend)
    if problem.holes and not BACKENDS[backend].elements:
        raise UnsupportedError(
            "the fine problem around many holes by a net, which would have to learn each of them",
            term=next(iter(problem.holes)),
            remedy='nets solve its cells and the homogenized equation; here use backend="skfem"',
        )
    problem = around_holes(problem, eps)
    system = first_order_in_time(problem) if is_wave(problem) else None
    operator = parse_nonlinear(problem)
    if operator.linear:
        lowered = lower_fine(operator, system)
        _set_resolution(operator, system, number, backend, per_period, options)
        functions = equation_functions(operator, lowered, coefficients, backend)
        numbers = {"epsilon": number, **parameter_numbers(parameters, problem.parameters)}
        given = _with_functions(lowered, _no_externals, numbers, functions, backend)
        solution = _solved(solver, given, backend, progress, options)
    elif system is not None:
        shared: dict[str, Any] = {"parameters": parameters, "progress": progress}
        shared["coefficients"] = coefficients
        solution = solve_fine(system, eps, backend, per_period=per_period, **shared, **options)
    else:
        solution = _solve_nonlinear_fine(
            operator, number, backend, per_period, parameters, progress, coefficients, options
        )
    return solution if system is None else displacement(solution, len(problem.unknowns))


def _set_resolution(
    operator: Operator,
    system: MultiscaleProblem | None,
    eps: float,
    backend: str,
    per_period: int | None,
    options: dict[str, Any],
) -> None:
    """Add to `options` the mesh and the steps that resolve every period of a linear problem; nets
    are classical ones where data oscillate. `system`: the problem of a wave as it is solved.
    """
    oscillates = any(c.has(*operator.fast) for c in operator.table.values())
    if oscillates:
        check_periods_fit(operator.problem, eps)
    if BACKENDS[backend].elements:
        steps = steps_of_fast_time(operator, eps)
        if system is not None and not refines(options, None):
            steps = max(steps or 0, steps_of_wave(operator, eps))
        if steps is not None:
            options.setdefault("steps", steps)
    choose_mesh(system or operator.problem, eps, backend, per_period, options)
    if backend == "pinn" and "solver" not in options and oscillates:
        options.setdefault("method", "classical")


def _solved(
    solver: EquationSolver,
    given: tuple[LoweredEquation, Coefficients, dict[str, Any]],
    backend: str,
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Solution:
    """The solution of an equation with its external fields and parameters, see `judged`."""
    lowered = given[0]
    with memory_errors(f"{lowered.title} ({backend})"):
        solution = solve_in_parts(solver, *given, shown(progress), **options)
    return judged(solution, lowered, options)


def _with_functions(
    lowered: LoweredEquation,
    values: Coefficients,
    numbers: Mapping[str, float],
    functions: Mapping[str, Callable[..., Any]],
    backend: str,
) -> tuple[LoweredEquation, Coefficients, dict[str, Any]]:
    """The equation, its external fields and its parameters as the backend takes them: with given
    functions among the fields, or, where it differentiates them itself, among the parameters.
    """
    if not functions:
        return lowered, values, dict(numbers)
    if BACKENDS[backend].differentiates:
        return lowered, values, {**numbers, **functions}
    return *equation_with_given_functions(lowered, functions, numbers, values), dict(numbers)


def _solve_nonlinear_fine(
    operator: Operator,
    eps: float,
    backend: str,
    per_period: int | None,
    parameters: Mapping[sp.Symbol, float] | None,
    progress: Progress | None,
    coefficients: Mapping[str, Callable[..., Any]] | None,
    options: dict[str, Any],
) -> Solution:
    """`solve_fine` for a problem that is not linear."""
    check_real(operator)
    problem = operator.problem
    if any(e.has(*operator.fast) for e in (*operator.table.values(), *operator.fluxes.values())):
        check_periods_fit(problem, eps)
    choose_mesh(problem, eps, backend, per_period, options)
    numbers = parameter_numbers(parameters, problem.parameters)
    change = change_of_unknown(operator)
    if change is not None:
        operator = parse_nonlinear(change.problem)
    found = solve_nonlinear_fine(operator, eps, backend, numbers, progress, coefficients, options)
    return in_original(judged(*found, options), change, eps, numbers)


def judged(solution: Solution, equation: LoweredEquation, options: Mapping[str, Any]) -> Solution:
    """The solution; a ToleranceWarning where its estimate is above info["tolerance"], which a
    backend that warns by itself leaves out.
    """
    title = f"{equation.title.lower()} ({solution.backend})"
    solution = with_shape_error(solution, equation.domain)
    estimate = solution.info["estimate"]
    wanted = solution.info.get("tolerance", math.inf)
    unresolved = solution.info.get("unresolved")
    if unresolved is not None:
        warn_tolerance(f"{title}: the data are not resolved: {unresolved}")
    elif not estimate <= wanted:
        cells = solution.info.get("cells", ())
        mesh = f" on {'x'.join(map(str, cells))} cells" if cells else ""
        advice = solution.info.get("advice", _advice(options, meshed=bool(cells)))
        known = f"estimated error {estimate:.1e}{mesh} is above {wanted:.1e}"
        if math.isinf(estimate):
            known = f"nothing shows how large the error{mesh} is"
        warn_tolerance(f"{title}: {known}; {advice}")
    return solution


def _advice(options: Mapping[str, Any], meshed: bool) -> str:
    """What lowers the error of a solve with these options."""
    if "mesh" in options or "at_least" in options:
        return "give a finer mesh= or per_period="
    if meshed:
        return "raise max_dofs=, or accept a larger tolerance="
    return "train it longer, epochs=, or accept a larger tolerance="


def _check_constant_in_time(lowered: LoweredEquation, cells: CellSolution) -> None:
    if "t" in cells.slow:
        raise UnsupportedError(
            "effective coefficients that depend on time",
            term=lowered.title,
            remedy="coefficients that depend on x and y are covered",
        )


def _moves(cells: CellSolution) -> bool:
    """Whether the frame of the law moves."""
    velocity = cells.effective.get("drift")
    return velocity is not None and float(np.abs(velocity).max()) > _STANDING


def _check_frame(model: HomogenizedModel, cells: CellSolution) -> None:
    """Walls do not move with the frame."""
    velocity = cells.effective.get("drift")
    walls = [c for c in model.problem.conditions.values() if not isinstance(c, Periodic)]
    if walls and _moves(cells):
        raise UnsupportedError(
            f"a moving frame X = x - c t/eps, c = {velocity}, in a box with walls",
            term=walls[0],
            remedy=(
                "use Periodic(): the limit equation holds away from boundaries, in moving"
                " coordinates"
            ),
        )


def _no_externals(external: object, points: Array) -> Array:
    raise SolveError("the fine problem has no effective coefficients", term=external)
