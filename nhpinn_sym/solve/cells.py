"""solve_cells: the cell problems of a model on any backend, and the effective coefficients they
give.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.derived import OwnModel
from ..derive.model import HomogenizedModel
from ..lower.forms import LoweredCells
from ..operator.sampling import domain_of
from ..problem.errors import (
    BackendMissingError,
    SolvabilityError,
    SolveError,
    ToleranceWarning,
    UnsupportedError,
    warn_tolerance,
)
from ..problem.user_input import parameter_numbers
from ..resolution import Resolution, resolve_cells, resolve_slow
from . import dirichlet_holes as dirichlet_holes  # these tell `solve_model` of their models
from . import double_porosity as double_porosity
from . import flow as flow
from . import plates as plates
from .backend_choice import AUTO, GOOD, BackendChoice, choose_cells_backend, no_backend
from .backends import BACKENDS, cell_solver, check_options
from .callable_coefficients import cell_functions, finer_functions, images_of
from .cell_arguments import CellArguments, solve_model
from .cell_request import CellData, CellRequest, make_solver
from .cell_solution import CellSolution, FormInfo
from .effective_entries import entries_of
from .external_fields import FinerLevel, point_names, with_given_functions
from .interpolation import Nodes
from .judgement import judge
from .lattice_fields import LatticeField
from .perforations import require_one_solid
from .progress import Progress
from .provenance import KEY, operator_digest
from .resources import memory_errors
from .slow_variables import slow_box, solve_on_nodes
from .solution import CellBatch
from .solvability import explain_unsolvable, require_expansion

# Share of the tolerance to which a finer level is solved: its error is one of the data.
_FINER = 0.1
ONE_NODE = Nodes((), 0)
"""Of what depends on no slow variable."""


def solve_cells(
    model: HomogenizedModel | OwnModel,
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
                 across planes, one net for each phase where interfaces are curved, voxel for
                 images: info["choice"] says why) | "fourier" | "pinn" | "dolfinx" | "skfem" |
                 "voxel"; `options` go to it (degree, n, n_sub, comm, method, seed, width, ...).
    tolerance  : bound on the estimated error of every effective entry, relative to the largest
                 entry of its tensor, on every backend; default 1e-10 (fourier), 1e-9 (pinn), 1e-6
                 (FEM), 1e-2 (voxel).
    parameters : a number for every declared parameter.
    progress   : where progress is shown; None is bars on a terminal, `silent` nothing.
    hierarchy  : also the averaged operators h_n that the mean fields U_1, ..., U_order need
                 (default: for models of order 2 and above).
    coefficients : {"a": function} for every coefficient a(...) without a formula: from arrays
                 (tensors, for pinn, which differentiates it by autograd) of one shape, one for each
                 of its arguments, to such an array; or a solution, or a cell function. Values, for
                 pinn derivatives too, are checked on samples.

    Coefficients that depend on x: the cell problems are solved at Chebyshev nodes of the domain
    (pinn: one parametric network over (x, y), evaluated there), as many as the tolerance needs. A
    tolerance that is not reached is a ToleranceWarning. info["estimate"] is relative to the largest
    entry as well, and never below info["data_error"], the error of the means of the coefficients by
    the backend's own quadrature. info["bounds"] is how far A lies outside of its Voigt-Reuss and
    trace bounds, where they apply.
    Errors: UnknownBackendError, BackendMissingError, UnsupportedError; SolveError, also where A
    lies outside of its bounds by more than the estimate allows; SolvabilityError where a Fredholm
    multiplier does not vanish.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> cells = nh.solve_cells(model, "fourier")
    >>> print(cells.effective["A"])  # the harmonic mean, the root of 3
    [[1.73205081]]
    """
    given = (backend, tolerance, parameters, progress, hierarchy, coefficients, options)
    return solve_model(model, CellArguments(*given))


@solve_model.register
def _(model: HomogenizedModel, arguments: CellArguments) -> CellSolution:
    request = CellRequest(
        model,
        parameter_values(model, arguments.parameters),
        arguments.tolerance,
        arguments.progress,
        arguments.hierarchy,
        arguments.coefficients,
        arguments.options,
    )
    return solve_request(request, arguments.backend)


def solve_request(request: CellRequest, backend: str) -> CellSolution:
    """`solve_cells` and `solve_family`, once their arguments are read."""
    if backend == AUTO:
        return _solve_by_choice(request)
    solver_class = cell_solver(backend)
    check_options(solver_class, request.options, backend)
    data = _cell_data(request, backend)
    tolerance = request.tolerance_on(backend)
    box, periodic = slow_box(request.model, data.cells)
    if data.cells.contacts and not BACKENDS[backend].contacts:
        able = ", ".join(f'"{name}"' for name, other in BACKENDS.items() if other.contacts)
        raise UnsupportedError(
            f"imperfect contact on the {backend} backend, whose functions do not jump",
            term=request.model.problem.contacts[0].shape,
            remedy=f"use one of {able}",
        )
    if request.model.problem.holes:
        _require_holes(request, backend, resolve_cells(data.cells, data.values, box))
        require_one_solid(request.model.problem)
    try:
        with memory_errors(f"{data.cells.title} ({backend})"):
            solver = make_solver(solver_class, request, backend, data, box)
            if box:
                domain = domain_of(request.model.problem)
                resolution = resolve_slow(data.cells, data.values, box, periodic, domain)
                nodes, batch, slow_change = solve_on_nodes(
                    solver, box, periodic, tolerance, resolution, domain
                )
            else:
                nodes = ONE_NODE
                batch = solver.solve(nodes.points)
                slow_change = 0.0
    except SolvabilityError as cause:
        raise explain_unsolvable(request.model, str(cause.term), cause.what) from cause
    batch = judge(request.model, data.cells, data.values, nodes.points, batch, solver)
    # Nothing is known better than its data, or than what lies between the slow nodes.
    info = {
        **batch.info,
        "estimate": max(float(batch.info["estimate"]), slow_change, data.estimate),
        "hierarchy": request.higher,
        "tolerance": tolerance,
        "slow_nodes": len(nodes.points),
        "slow_change": slow_change,
    }
    missed = resolve_cells(data.cells, data.values, box).unresolved
    fixed = "n_sub" in request.options or ("n" in request.options and request.tolerance is None)
    _warn_of_accuracy(backend, info, missed, fixed)
    require_expansion(request.model, batch, tolerance)
    cells = data.cells
    return solution_of(
        request.model,
        backend,
        tuple(FormInfo(f.name, f.role, f.level, f.sources) for f in cells.functions),
        on_lattice(replace(batch, info=info), cells.vectors),
        data.values,
        data.parameters,
        nodes,
        cells.slow,
        request.over,
    )


def _require_holes(request: CellRequest, backend: str, found: Resolution) -> None:
    """UnsupportedError for holes on a backend whose functions go through them, or whose meshes do
    not meet their edges.
    """
    hole = next(iter(request.model.problem.holes))
    known = BACKENDS[backend]
    if not known.voids:
        able = ", ".join(f'"{name}"' for name, other in BACKENDS.items() if other.voids)
        raise UnsupportedError(
            f"holes on the {backend} backend", term=hole, remedy=f"use one of {able}"
        )
    mesh = request.options.get("mesh")
    # In space nothing but a mesh that is asked for is sure to fit.
    lattice = mesh in (None, "lattice") if len(found.axes) == 3 else mesh == "lattice"
    if known.elements and found.curved and (lattice or not found.jumps):
        raise UnsupportedError(
            f"holes with edges that are not along the axes on the lattices of {backend}",
            term=hole,
            remedy='write mesh="own" or "gmsh", or use backend="voxel"',
        )


def _cell_data(request: CellRequest, backend: str) -> CellData:
    """The lowered cell problems, and what stands behind their coefficients without a formula."""
    model = request.model
    values = request.values
    cells = request.lowered(request.higher)
    functions = cell_functions(model, request.coefficients, backend)
    data = CellData(cells, values)
    if model.inner is not None and cells.externals:
        data = _above(model.inner, request, cells, backend)
    if not functions:
        return data
    if BACKENDS[backend].differentiates:
        return replace(data, values={**values, **functions})
    cells, fields = with_given_functions(data.cells, functions, values, data.fields)
    return replace(data, cells=cells, fields=fields)


def _above(
    inner: HomogenizedModel, request: CellRequest, cells: LoweredCells, backend: str
) -> CellData:
    """The cell problems whose coefficients are the effective ones of a finer level, solved by what
    its own data ask for.

    UnsupportedError for nets where these jump: they would need the places.
    """
    tolerance = _FINER * request.tolerance_on(backend)
    below = CellRequest(
        inner,
        request.values,
        tolerance,
        request.progress,
        coefficients=finer_functions(inner, request.coefficients, backend),
    )
    finer = solve_request(below, AUTO)
    fields = FinerLevel(finer.entries, inner, point_names(cells))
    found = resolve_cells(cells, request.values, slow_box(request.model, cells)[0])
    rough = any(found.breaks) or bool(found.curved)
    if rough and BACKENDS[backend].differentiates:
        raise UnsupportedError(
            "an effective coefficient of a finer level jumps or kinks in the coarser cell: the"
            " strong form is not defined there",
            term=cells.externals[0].symbol,
            remedy='use backend="skfem", "dolfinx" or "fourier"',
        )
    return CellData(replace(cells, jumps=cells.jumps or rough), request.values, fields, finer)


def _warn_of_accuracy(
    backend: str, info: Mapping[str, Any], missed: str | None, fixed: bool
) -> None:
    """A ToleranceWarning where the data are not resolved, the estimate is above the tolerance, or
    there is none.

    missed : what of the data could not be resolved
    fixed  : the user gave the grid, and knows that it is the last one, and no tolerance
    """
    estimate = info["estimate"]
    tolerance = info["tolerance"]
    unresolved = missed is not None or float(info["data_error"]) > tolerance
    poor = not estimate <= tolerance and (unresolved or not fixed)
    if missed is None and not poor and math.isfinite(estimate):
        return
    known = f"an estimated error of {estimate:.1e} of the largest"
    if math.isinf(estimate):
        known = "an error that nothing shows on one mesh"
    text = (
        f"{backend}: {'the data are not resolved, ' if unresolved else ''}the effective"
        f" coefficients have {known}, asked for was {tolerance:.1e}"
    )
    warn_tolerance("; ".join([text, *filter(None, (info.get("advice"), missed))]))


def solution_of(
    model: HomogenizedModel,
    backend: str,
    forms: tuple[FormInfo, ...],
    batch: CellBatch,
    values: Mapping[str, Any],
    parameters: Mapping[str, float],
    nodes: Nodes = ONE_NODE,
    slow: tuple[sp.Symbol, ...] = (),
    over: tuple[sp.Symbol, ...] = (),
) -> CellSolution:
    """What a backend has found, as the solution of a model; values, parameters: see `CellData`."""
    op = model.cell_operator
    return CellSolution(
        backend=backend,
        dim=model.problem.scales.dim,
        axes=len(op.fast),
        order=model.homogenized_order,
        forms=forms,
        fields=batch.fields,
        nodes=nodes,
        slow=tuple(map(str, slow)),
        entries=entries_of(model, batch.effective, nodes, slow, values, over),
        info={**batch.info, KEY: operator_digest(model.operator)},
        components=op.components,
        bounds=batch.bounds,
        parameters=parameters,
        cell=dict(zip(map(str, op.fast), op.cell.bounds, strict=True)),
        model=model,
    )


def on_lattice(batch: CellBatch, vectors: Sequence[Sequence[Any]]) -> CellBatch:
    """The same with functions of y, of those of shares; no vectors: as it is."""
    if not vectors:
        return batch
    numbers = np.array(vectors, dtype=float)
    fields = tuple(tuple(LatticeField(f, numbers) for f in row) for row in batch.fields)
    return replace(batch, fields=fields)


def _solve_by_choice(request: CellRequest) -> CellSolution:
    """On the backend that the data ask for; the next one where it fails or reaches less than GOOD,
    then the best of them. One that has no digit does not stand for those that fail.
    """
    choice = _choice(request)
    failures: dict[str, Exception] = {}
    best: CellSolution | None = None
    messages: list[warnings.WarningMessage] = []
    for name in choice.backends:
        # What a backend says that is not taken in the end is not for the user.
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = solve_request(request, name)
            except (UnsupportedError, SolveError, BackendMissingError) as cause:
                failures[name] = cause
                continue
        if best is None or found.info["estimate"] < best.info["estimate"]:
            best = found
            messages = told
        if best.info["estimate"] <= max(GOOD, best.info["tolerance"]):
            break
    if best is None or (failures and 1 <= best.info["estimate"] < math.inf):
        if len(set(map(str, failures.values()))) == 1:
            raise next(iter(failures.values()))
        raise no_backend(choice, failures)
    for message in messages:
        if issubclass(message.category, ToleranceWarning):
            warn_tolerance(str(message.message))
        else:
            warnings.warn_explicit(
                message.message, message.category, message.filename, message.lineno
            )
    return replace(best, info={**best.info, "choice": f"{best.backend}: {choice.reason}"})


def _choice(request: CellRequest) -> BackendChoice:
    """The backends to try; what has no numbers is refused before anything else is asked for."""
    lowered = request.lowered(higher=False)
    if request.model.problem.holes:
        return BackendChoice(("skfem", "voxel"), "the cell has holes")
    if lowered.contacts:
        return BackendChoice(("skfem", "pinn"), "functions jump across interfaces")
    first = "voxel" if images_of(request.model.operator) else "fourier"
    cell_functions(request.model, request.coefficients, first)
    if request.coefficients:
        return BackendChoice(("fourier",), "coefficients given as functions")
    return choose_cells_backend(lowered, request.values, slow_box(request.model, lowered)[0])


def parameter_values(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None
) -> dict[str, float]:
    """A number for every declared parameter, by name."""
    return parameter_numbers(parameters, model.problem.parameters)
