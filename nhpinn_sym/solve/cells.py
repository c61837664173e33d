"""solve_cells: the cell problems of a model on any backend, and the effective coefficients they
give.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.time_averages import ORDERED
from ..lower.cells import lower_cells
from ..lower.forms import LoweredCells
from ..lower.real_imaginary import real_form
from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    SolvabilityError,
    SolveError,
    ToleranceWarning,
    UnsupportedError,
)
from ..problem.user_input import instance, parameter_numbers, positive_number
from ..resolution import Resolution, resolve_cells, resolve_slow
from .backends import BACKENDS, cell_solver, check_options
from .callable_coefficients import cell_functions
from .cell_solution import CellSolution, FormInfo
from .chebyshev import Nodes
from .choice import AUTO, GOOD, Choice, choose_cells_backend, no_backend
from .effective import entries_of
from .external_fields import (
    FinerLevel,
    as_functions,
    point_names,
    real_and_imaginary,
    with_given_functions,
)
from .judged import judge
from .limits import memory_errors
from .progress import Progress, shown
from .real_parts import RealPartsSolver
from .slow import slow_box, solve_on_nodes
from .solution import CellBatch, Coefficients

_STEADY = 1e-6
"""Relative variation over tau of a mean drift that is rounding, or an error of the cell functions.
"""


def solve_cells(
    model: HomogenizedModel,
    backend: str = AUTO,
    *,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    hierarchy: bool | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> CellSolution:
    """Solve every cell problem of `model` and evaluate the effective coefficients.

    backend    : "auto" (fourier where coefficients are smooth, finite elements where they jump
    across planes, one net for each phase
                 where interfaces are curved: info["choice"] says why) | "fourier" | "pinn" |
                 "dolfinx" | "skfem"; `options` go to it (degree, n, comm, method, seed, width,
                 ...).
    tolerance  : bound on the estimated error of every effective entry, relative to the largest
    entry of its tensor, on every backend;
                 default 1e-10 (fourier), 1e-9 (pinn), 1e-6 (FEM).
    parameters : a number for every declared parameter.
    progress   : where progress is shown; None is bars on a terminal, `silent` nothing.
    hierarchy  : also the averaged operators h_n that the mean fields U_1, ..., U_order need
    (default: for models of order 2 and above). coefficients : {"a": function} for every coefficient
    a(...) without a formula: from arrays (tensors, for pinn, which differentiates it by
                 autograd) of one shape, one for each of its arguments, to such an array. Values,
                 for pinn derivatives too, are checked on samples.

    Coefficients that depend on x: the cell problems are solved at Chebyshev nodes of the domain
    (pinn: one parametric network over (x, y), evaluated there), as many as the tolerance needs. A
    tolerance that is not reached is a ToleranceWarning. info["estimate"] is relative to the largest
    entry as well, and never below info["data_error"], the error of the means of the coefficients by
    the backend's own quadrature. info["bounds"] is how far A lies outside of its Voigt-Reuss and
    trace bounds, where they apply.
    Errors: UnknownBackendError, BackendMissingError, UnsupportedError; SolveError, also where A
    lies outside of its bounds by more than the estimate allows; SolvabilityError where a Fredholm
    multiplier does not vanish.
    """
    model = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    values = parameter_values(model, parameters)
    return solve_over(
        model, backend, (), values, tolerance, progress, hierarchy, coefficients, options
    )


def solve_over(
    model: HomogenizedModel,
    backend: str,
    over: tuple[sp.Symbol, ...],
    values: Mapping[str, Any],
    tolerance: float | None,
    progress: Progress | None,
    hierarchy: bool | None,
    coefficients: Mapping[str, Callable[..., Any]] | None,
    options: Mapping[str, Any],
) -> CellSolution:
    """`solve_cells` with the parameters `over` as further slow variables, behind those of x;
    `values` are numbers for the others.
    """
    if backend == AUTO:
        return _by_choice(
            model, over, values, tolerance, progress, hierarchy, coefficients, options
        )
    solver_class = cell_solver(backend)
    check_options(solver_class, options, backend)
    more = (
        model.order > 1
        if hierarchy is None
        else instance(hierarchy, bool, "hierarchy", "write hierarchy=True")
    )
    lowered = _freed(lower_cells(model, more), over)
    functions = cell_functions(model, coefficients, backend)
    wanted = (
        BACKENDS[backend].tolerance
        if tolerance is None
        else float(positive_number(tolerance, ProblemError, "tolerance", "write tolerance=1e-8"))
    )
    box, periodic = slow_box(model, lowered)
    bars = shown(progress)
    finer: CellSolution | None = None
    fields: Coefficients | None = None
    if model.inner is not None and lowered.externals:
        finer = solve_over(
            model.inner, "fourier", (), values, wanted / 10, progress, None, None, {}
        )
        fields = FinerLevel(finer.entries, model.inner, point_names(lowered))
        lowered = _with_jumps(lowered, resolve_cells(lowered, values, box), backend)
    elif functions and backend == "pinn":
        values = {**values, **functions}
    elif functions:
        lowered, fields = with_given_functions(lowered, functions, values)

    def make(cells: LoweredCells, coefficients: Coefficients | None) -> Any:
        if coefficients is None:
            return solver_class(cells, values, box, wanted, bars, **options)
        if backend == "pinn":
            from .pinn.callables import differentiable

            plain, behind = as_functions(cells, coefficients)
            held = {**values, **{name: differentiable(field) for name, field in behind.items()}}
            return solver_class(plain, held, box, wanted, bars, **options)
        return solver_class(cells, values, box, wanted, bars, coefficients, **options)

    try:
        with memory_errors(f"{lowered.title} ({backend})"):
            solver = _adapted(make, backend, lowered, fields)
            if box:
                resolution = resolve_slow(lowered, values, box, periodic)
                nodes, batch, slow_change = solve_on_nodes(
                    solver, box, periodic, wanted, resolution
                )
            else:
                nodes, batch, slow_change = Nodes((), 0), solver.solve(np.zeros((1, 0))), 0.0
    except SolvabilityError as cause:
        raise _explained(model, str(cause.term), cause.what) from cause
    batch = judge(model, lowered, values, nodes.points, batch, solver)
    below = 0.0 if finer is None else float(finer.info["estimate"])
    estimate = max(float(batch.info["estimate"]), slow_change, below)
    missed = resolve_cells(lowered, values, box).unresolved
    unresolved = missed is not None or float(batch.info["data_error"]) > wanted
    if missed is not None or (("n" not in options or unresolved) and not estimate <= wanted):
        reason = "the data are not resolved, " if unresolved else ""
        text = (
            f"{backend}: {reason}the effective coefficients have an estimated error of"
            f" {estimate:.1e} of the largest"
        )
        advice = f"; {batch.info['advice']}" if "advice" in batch.info else ""
        detail = "" if missed is None else f"; {missed}"
        warnings.warn(
            ToleranceWarning(f"{text}, asked for was {wanted:.1e}{advice}{detail}"), stacklevel=3
        )
    _require_solvable(model, batch, wanted)
    _require_stationary_ground_state(model, batch)
    _require_steady_frame(model, batch)
    return CellSolution(
        backend,
        model.problem.scales.dim,
        len(lowered.coordinates),
        model.homogenized_order,
        tuple(FormInfo(f.name, f.role, f.level, f.sources) for f in lowered.functions),
        batch.fields,
        nodes,
        tuple(map(str, lowered.slow)),
        entries_of(model, batch.effective, nodes, lowered.slow, values, over),
        {
            **batch.info,
            "estimate": estimate,
            "hierarchy": more,
            "tolerance": wanted,
            "slow_nodes": len(nodes.points),
            "slow_change": slow_change,
        },
        lowered.components,
        batch.bounds,
        {
            **({} if finer is None else finer.parameters),
            **{v.name: values[v.name] for v in lowered.parameters},
        },
        dict(zip(map(str, lowered.coordinates), lowered.cell.bounds, strict=True)),
    )


def _by_choice(
    model: HomogenizedModel,
    over: tuple[sp.Symbol, ...],
    values: Mapping[str, Any],
    tolerance: float | None,
    progress: Progress | None,
    hierarchy: bool | None,
    coefficients: Mapping[str, Callable[..., Any]] | None,
    options: Mapping[str, Any],
) -> CellSolution:
    """`solve_over` on the backend that the data ask for; the next one where it fails or reaches
    less than GOOD, then the best of them.
    """
    lowered = _freed(lower_cells(model, False), over)
    # What has no numbers is refused before anything else is asked for.
    cell_functions(model, coefficients, "fourier")
    given = Choice(("fourier",), "coefficients given as functions")
    choice = (
        given
        if coefficients
        else choose_cells_backend(lowered, values, slow_box(model, lowered)[0])
    )
    failures: dict[str, Exception] = {}
    best: tuple[CellSolution, list[warnings.WarningMessage]] | None = None
    for name in choice.backends:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = solve_over(
                    model, name, over, values, tolerance, progress, hierarchy, coefficients, options
                )
            except (UnsupportedError, SolveError, BackendMissingError) as cause:
                failures[name] = cause
                continue
        if best is None or found.info["estimate"] < best[0].info["estimate"]:
            best = found, told
        if best[0].info["estimate"] <= max(GOOD, best[0].info["tolerance"]):
            break
    if best is None:
        if len(set(map(str, failures.values()))) == 1:
            raise next(iter(failures.values()))
        raise no_backend(choice, failures)
    solution, messages = best
    for message in messages:
        if issubclass(message.category, ToleranceWarning):
            warnings.warn(message.message, stacklevel=4)
        else:
            warnings.warn_explicit(
                message.message, message.category, message.filename, message.lineno
            )
    return replace(
        solution, info={**solution.info, "choice": f"{solution.backend}: {choice.reason}"}
    )


def _adapted(
    make: Callable[[LoweredCells, Coefficients | None], Any],
    backend: str,
    cells: LoweredCells,
    fields: Coefficients | None,
) -> Any:
    """The solver that `make` gives; around it, where the backend computes with real numbers alone,
    that of the real form of complex problems.
    """
    if backend == "fourier" or not cells.complex:
        return make(cells, fields)
    parts = None if fields is None else real_and_imaginary(fields)
    return RealPartsSolver(make(real_form(cells), parts), cells.components)


def _with_jumps(cells: LoweredCells, found: Resolution, backend: str) -> LoweredCells:
    """The cell problems marked as jumping where the effective coefficients of a finer level do.

    UnsupportedError for pinn, whose nets would need the places.
    """
    rough = any(found.breaks) or bool(found.curved)
    if rough and backend == "pinn":
        raise UnsupportedError(
            "an effective coefficient of a finer level jumps or kinks in the coarser cell: the"
            " strong form is not defined there",
            term=cells.externals[0].symbol,
            remedy='use backend="skfem", "dolfinx" or "fourier"',
        )
    return replace(cells, jumps=cells.jumps or rough)


def _freed(cells: LoweredCells, over: tuple[sp.Symbol, ...]) -> LoweredCells:
    """The cell problems with the parameters `over` that they hold as slow variables."""
    held = tuple(v for v in cells.parameters if v in over)
    return replace(
        cells,
        slow=(*cells.slow, *held),
        parameters=tuple(v for v in cells.parameters if v not in held),
    )


def parameter_values(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None
) -> dict[str, float]:
    """A number for every declared parameter, by name."""
    return parameter_numbers(parameters, model.problem.parameters)


def _require_solvable(model: HomogenizedModel, batch: CellBatch, tolerance: float) -> None:
    """The Fredholm multiplier of every cell problem vanishes, to the accuracy that the backend says
    it has reached.
    """
    reached = max(
        1e-6,
        1e3 * tolerance,
        10 * float(batch.info.get("residual", 0.0)),
        float(batch.info.get("multiplier_error", 0.0)),
    )
    for name, value in batch.info.get("multipliers", {}).items():
        if value > reached:
            what = (
                f"the right-hand side of the cell problem {name} has the mean {value:.2e} relative"
                " to its size, and must have none"
            )
            raise _explained(model, name, what)


def _explained(model: HomogenizedModel, name: str, what: str) -> SolvabilityError:
    """A violated Fredholm condition, with the cell problem and what its macroscopic source says
    about the cause.
    """
    problem = next((p for p in model.cell_problems if p.name == name), None)
    if problem is None:
        return SolvabilityError(what, term=name)
    field, alpha = problem.key
    kind = (
        "source"
        if field is None
        else ("reaction", "drift", "term of higher order")[min(sum(alpha), 2)]
    )
    power = model.recursion.lowest + model.recursion.power(problem.cell_function.level)
    cause = f"this is a mean {kind} of the size eps^{power}, weighted by psi, without a limit"
    ordered = any(t.title == ORDERED for t in model.transformations)
    cause += ", to which the time-ordered averages of the fast time belong" if ordered else ""
    return SolvabilityError(what, term=problem, remedy=f"{cause}: {_remedy(model, kind, power)}")


def _remedy(model: HomogenizedModel, kind: str, power: sp.Expr) -> str:
    """What helps against a mean of a negative power."""
    simple = {
        "source": "subtract its mean, or scale it without the negative power of eps",
        "reaction": "subtract its mean, or scale it without the negative power of eps",
        "term of higher order": (
            "divide the equation by the power of eps at which this term stands, or subtract its"
            " mean"
        ),
    }
    if kind != "drift":
        return simple[kind]
    if not model.problem.time_order:
        return "add s.dt(u), then the moving frame is found; or subtract the mean"
    if model.components > 1:
        return "the mean drifts of the fields differ, or depend on x: subtract the mean"
    return (
        "a moving frame is there for rho u_t, coefficients in y alone and the power eps^-1:"
        " subtract the mean"
    )


def _require_steady_frame(model: HomogenizedModel, batch: CellBatch) -> None:
    """A mean drift at frozen tau that is the same at every tau."""
    for j in range(len(model.frame) if model.cell_operator.frozen else 0):
        values = np.asarray(batch.effective.get(("drift", (j,)), 0.0))
        if float(np.ptp(values)) > _STEADY * (1 + float(np.abs(values).max())):
            raise SolvabilityError(
                f"the mean drift of order 1/eps depends on tau: from {values.min():.4g} to"
                f" {values.max():.4g}",
                term=model.frame[j].velocity,
                remedy=(
                    "it moves u to and fro without a limit: subtract its "
                    "oscillation, or use fast_time=2 or above"
                ),
            )


def _require_stationary_ground_state(model: HomogenizedModel, batch: CellBatch) -> None:
    """Without a time derivative nothing balances lambda0 eps^-2."""
    if model.eigenvalue is None or model.problem.time_order:
        return
    value = float(np.abs(batch.effective["lambda0", ()]).max())
    if value > 1e-6:
        raise SolvabilityError(
            f"the ground state of the cell operator has the eigenvalue {value:.6g}, and must have 0"
            " in a stationary problem",
            term=model.writer.kernel_equations()[0],
            remedy="add s.dt(u), or shift the reaction of order eps^-2 by its eigenvalue",
        )
