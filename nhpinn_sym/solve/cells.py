"""solve_cells: the cell problems of a model on any backend, and the effective coefficients they give."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.forms import LoweredCells
from ..operator.sampling import is_opaque
from ..problem.errors import ProblemError, ToleranceWarning, UnsupportedError
from ..problem.reading import parameter_numbers, positive_number
from .backends import DEFAULT_TOLERANCE, cell_solver, check_options
from .cell_solution import CellSolution
from .chebyshev import Bounds, Nodes
from .effective import entries_of
from .progress import Progress, shown
from .solution import CellBatch

_DEGREES = {1: (8, 12, 16, 24, 32, 48, 64, 96, 128), 2: (4, 6, 9, 12, 16, 20, 24), 3: (3, 5, 7, 9, 12), 4: (3, 4, 6, 8)}
"""Chebyshev degrees to try, by the number of slow variables."""
_CHECKS = np.array([[0.117, 0.853, 0.391, 0.533], [0.447, 0.271, 0.909, 0.172], [0.689, 0.562, 0.068, 0.941], [0.951, 0.073, 0.613, 0.364]])
"""Generic points of the unit box, at which the interpolation over the slow variables is checked."""


def solve_cells(
    model: HomogenizedModel,
    backend: str = "fourier",
    *,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> CellSolution:
    """Solve every cell problem of `model` and evaluate the effective coefficients.

    backend    : "fourier" | "pinn" | "dolfinx" | "skfem"; `options` go to it (degree, n, comm, method, seed, width, ...).
    tolerance  : bound on the estimated error of every effective entry; default 1e-10 (fourier), 1e-9 (pinn), 1e-6 (FEM).
    parameters : a number for every declared parameter.
    progress   : where progress is shown; None is bars on a terminal, `silent` nothing.

    Coefficients that depend on x: the cell problems are solved at Chebyshev nodes of the domain (pinn: one parametric network
    over (x, y), evaluated there), as many as the tolerance needs. A tolerance that is not reached is a ToleranceWarning.
    Errors: UnknownBackendError, BackendMissingError, SolveError, UnsupportedError.
    """
    solver_class = cell_solver(backend)
    check_options(solver_class, options, backend)
    lowered = lower_cells(model)
    _require_numbers(model)
    values = parameter_values(model, parameters)
    wanted = DEFAULT_TOLERANCE[backend] if tolerance is None else float(positive_number(tolerance, ProblemError, "tolerance", "write tolerance=1e-8"))
    box = slow_box(model, lowered)
    solver = solver_class(lowered, values, box, wanted, shown(progress), **options)
    if box:
        nodes, batch, slow_change = _solve_on_nodes(solver, box, wanted)
    else:
        nodes, batch, slow_change = Nodes((), 0), solver.solve(np.zeros((1, 0))), 0.0
    entries = entries_of(model, batch.effective, nodes, lowered.slow, values)
    info = {**batch.info, "tolerance": wanted, "slow_nodes": len(nodes.points), "slow_change": slow_change}
    return CellSolution(
        backend,
        model.problem.scales.dim,
        tuple(c.key for c in lowered.correctors),
        tuple(c.name for c in lowered.correctors),
        batch.fields,
        nodes,
        tuple(map(str, lowered.slow)),
        entries,
        info,
    )


def parameter_values(model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None) -> dict[str, float]:
    """A number for every declared parameter, by name."""
    return parameter_numbers(parameters, model.problem.parameters)


def slow_box(model: HomogenizedModel, lowered: LoweredCells) -> Bounds:
    """The ranges of the slow variables that the cell problems depend on."""
    problem = model.problem
    if lowered.slow and problem.domain is None:
        raise ProblemError("the coefficients depend on x, and the problem has no domain", term=lowered.slow[0], remedy="give domain=Box(...)")
    ranges: dict[sp.Symbol, tuple[float, float]] = dict(zip(problem.scales.x, problem.domain.bounds, strict=True)) if problem.domain else {}
    if problem.final_time is not None:
        ranges[problem.scales.t] = (0.0, float(problem.final_time))
    return tuple(ranges[v] for v in lowered.slow)


def _require_numbers(model: HomogenizedModel) -> None:
    for c in model.operator.table.values():
        if is_opaque(c):
            raise UnsupportedError(
                "a coefficient without a formula has no numbers", term=c, remedy="give its formula; opaque functions are for derivations"
            )


def _solve_on_nodes(solver: Any, box: Bounds, tolerance: float) -> tuple[Nodes, CellBatch, float]:
    """Raise the Chebyshev degree until the interpolant predicts the effective coefficients at points that are no nodes."""
    bounds = np.array(box)
    checks = bounds[:, 0] + _CHECKS[:, : len(box)] * (bounds[:, 1] - bounds[:, 0])
    checked = solver.solve(checks)
    exact = checked.effective
    enough = max(tolerance, float(checked.info["estimate"]))  # no interpolation is better than what it interpolates
    for degree in _DEGREES[len(box)]:
        nodes = Nodes(box, degree)
        batch = solver.solve(nodes.points)
        weights = nodes.weights(checks)
        error = max((float(np.max(np.abs(weights @ batch.effective[k] - exact[k]))) for k in exact), default=0.0)
        if error <= enough:
            return nodes, batch, error
    message = f"the effective coefficients depend on x too sharply for Chebyshev degree {degree}: interpolation error about {error:.1e}"
    warnings.warn(ToleranceWarning(message), stacklevel=3)
    return nodes, batch, error
