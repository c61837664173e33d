"""What a study computes at one point: errors at one eps, on one mesh, or by one number of
features.

Every point is a function of a module and of values that can be pickled: points run side by side.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..problem.errors import SolveError, ToleranceWarning
from ..problem.problem import MultiscaleProblem
from ..runtime.arrays import Array
from ..runtime.quadrature import Quadrature
from ..solve.cell_solution import CellSolution
from ..solve.cells import solve_cells
from ..solve.equations import solve_fine, solve_homogenized
from ..solve.solution import Solution
from .cell_entries import distance, entries
from .cell_functions import function_differences
from .plain import is_plain
from .quadrature import resolving, value_and_gradient
from .settings import Settings
from .stored_parts import Store
from .supported import covered_domain
from .validate import validate_at
from .validate_cells import ComparedCells, cell_stage

# Tolerance of what points are measured against.
_REFERENCE = 1e-8
# Of the cells that others are measured against: what the Fourier method reaches for smooth data.
_CELL_REFERENCE = 1e-10
# Mesh cells a period of what expansions on a line are measured against where none are given: of
# second order they are nearer to it than the default tells.
_PER_PERIOD = 256
# Time steps of a solution on a given mesh: of order 4, they have no part in its error.
_STEPS = 256
# Tolerance by which a fit takes all of its features.
_EXACT_ENOUGH = 1e-14


@dataclass(frozen=True)
class StudyPoint:
    """Relative errors by name, below which `floors` they are those of the reference."""

    errors: Mapping[str, float]
    floors: Mapping[str, float]
    seconds: float
    note: str = ""

    def arrays(self) -> dict[str, Any]:
        """What a file keeps."""
        return {
            "names": np.array(list(self.errors)),
            "errors": np.array(list(self.errors.values()), dtype=float),
            "floors": np.array([self.floors.get(name, 0.0) for name in self.errors], dtype=float),
            "seconds": np.array(self.seconds),
            "note": np.array(self.note),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, Any]) -> StudyPoint:
        names = [str(name) for name in arrays["names"]]
        return cls(
            dict(zip(names, map(float, arrays["errors"]), strict=True)),
            dict(zip(names, map(float, arrays["floors"]), strict=True)),
            float(arrays["seconds"]),
            str(arrays["note"]),
        )


@dataclass(frozen=True)
class Reference:
    """What meshes and nets are measured against.

    cells : None for a problem without fast variables. values, gradient: of the solution at the
            points of the quadrature; None without a domain.
    floor : relative L2 error of the solution, as far as it matters.
    """

    cells: CellSolution | None
    quadrature: Quadrature | None
    values: Array | None
    gradient: Array | None
    floor: float = 0.0


def eps_reference(problem: MultiscaleProblem, settings: Settings) -> ComparedCells:
    """The cell problems by every backend, which are the same at every eps."""
    model = homogenize_linear(problem)
    covered_domain(model)
    return cell_stage(model, settings, Store(None, ""))


def eps_point(
    problem: MultiscaleProblem, settings: Settings, eps: object, cells: ComparedCells
) -> StudyPoint:
    """e1, e2, e4 and the first-order approximation, as `validate` finds them at one eps."""
    start = time.perf_counter()
    own = _on_lines(problem, settings)
    report = validate_at(problem, eps, own, cells)
    if not report.errors:
        raise SolveError(
            "the cell problems were not solved by both PINN and FEM",
            term="; ".join(report.evidence) or report.verdict.name,
            remedy="see nhpinn validate without --eps",
        )
    errors = {name: report.errors[name] for name in ("e1", "e2", "e4") if name in report.errors}
    errors |= {f"first order, {norm}": value for norm, value in report.first_order.items()}
    errors |= {f"second order, {norm}": value for norm, value in report.second_order.items()}
    floor = report.budget.get("reference", 0.0)
    steep = _floor_in_h1(floor) if own is settings else _floor_on_line(floor, problem, eps)
    floors = {name: steep if "H1" in name else floor for name in errors}
    return StudyPoint(errors, floors, time.perf_counter() - start, report.verdict.name)


def mesh_reference(problem: MultiscaleProblem, settings: Settings, finest: int) -> Reference:
    """Cells by the backend that suits them, the solution on a mesh four times as fine."""
    return _reference(problem, settings, mesh=4 * finest, **_steps(problem))


def net_reference(problem: MultiscaleProblem, settings: Settings) -> Reference:
    """Cells by the backend that suits them, the solution by FEM to a small tolerance."""
    return _reference(problem, settings, tolerance=_REFERENCE)


def mesh_point(
    problem: MultiscaleProblem, settings: Settings, n: int, reference: Reference
) -> StudyPoint:
    """The errors of FEM with n cells a period, and n along the longest side of the domain."""
    return _point(
        problem, settings, settings.fem, reference, {"n": n}, {"mesh": n, **_steps(problem)}
    )


def net_point(
    problem: MultiscaleProblem, settings: Settings, features: int, reference: Reference
) -> StudyPoint:
    """The errors of the PINN with so many features."""
    own = {"features": features, "tolerance": _EXACT_ENOUGH}
    return _point(
        problem,
        settings,
        "pinn",
        reference,
        {**settings.cells, **own},
        {**settings.equation, **own},
    )


def _reference(problem: MultiscaleProblem, settings: Settings, **options: Any) -> Reference:
    plain = is_plain(problem)
    model = None if plain else homogenize_linear(problem)
    cells = None
    with _coarse_on_purpose():
        if model is not None:
            cells = solve_cells(
                model,
                tolerance=_CELL_REFERENCE,
                **settings.shared,
            )
        if problem.domain is None:
            return Reference(cells, None, None, None)
        solution = _macro(problem, model, settings, cells, settings.fem, options)
    quadrature = resolving(problem.domain, (1.0,) * problem.domain.dim)
    values, gradient = value_and_gradient(solution, quadrature.points)
    floor = float(solution.info["estimate"]) if "tolerance" in options else 0.0
    return Reference(cells, quadrature, values, gradient, floor)


def _point(
    problem: MultiscaleProblem,
    settings: Settings,
    backend: str,
    reference: Reference,
    cell_options: Mapping[str, Any],
    options: Mapping[str, Any],
) -> StudyPoint:
    start = time.perf_counter()
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    model = None
    with _coarse_on_purpose():
        if reference.cells is not None:
            model = homogenize_linear(problem)
            cells = solve_cells(
                model,
                backend,
                **settings.shared,
                **cell_options,
            )
            errors |= _cell_errors(model, cells, reference.cells)
            floors |= dict.fromkeys(errors, float(reference.cells.info["estimate"]))
        if reference.quadrature is not None:
            solution = _macro(problem, model, settings, reference.cells, backend, options)
            values, gradient = value_and_gradient(solution, reference.quadrature.points)
            assert reference.values is not None and reference.gradient is not None
            relative = reference.quadrature.relative
            name = "u" if model is None else "u0"
            errors[f"{name}, L2"] = relative(values - reference.values, reference.values)
            errors[f"{name}, H1"] = relative(gradient - reference.gradient, reference.gradient)
            floors[f"{name}, L2"] = reference.floor
            floors[f"{name}, H1"] = _floor_in_h1(reference.floor)
    return StudyPoint(errors, floors, time.perf_counter() - start)


def _macro(
    problem: MultiscaleProblem,
    model: HomogenizedModel | None,
    settings: Settings,
    cells: CellSolution | None,
    backend: str,
    options: Mapping[str, Any],
) -> Solution:
    """The homogenized solution; that of the PDE itself where it has no fast variables."""
    given = {**settings.shared, **options}
    if model is None or cells is None:
        return solve_fine(problem, 1, backend, **given)
    return solve_homogenized(model, cells, backend, **given)


def _cell_errors(
    model: HomogenizedModel, cells: CellSolution, reference: CellSolution
) -> dict[str, float]:
    """Of the effective coefficients, and of the worst of the cell functions in L2 and H1."""
    worst, _ = distance(entries(cells, model.problem), entries(reference, model.problem))
    errors = {"A*": worst}
    found = function_differences(
        model, lower_cells(model), {"reference": reference, "here": cells}, "reference"
    )
    for norm in ("L2", "H1"):
        values = [norms["here"][norm] for norms in found.values()]
        if values:
            errors[f"N, {norm}"] = max(values)
    return errors


def _floor_in_h1(floor: float) -> float:
    """A gradient of elements of degree 2 loses one of three orders."""
    return float(floor ** (2 / 3))


def _on_lines(problem: MultiscaleProblem, settings: Settings) -> Settings:
    """With more cells a period for stationary problems on a line."""
    if settings.per_period or problem.scales.dim > 1 or problem.time_order:
        return settings
    return replace(settings, per_period=_PER_PERIOD)


def _floor_on_line(floor: float, problem: MultiscaleProblem, eps: object) -> float:
    """The same of `_PER_PERIOD` cells: the error e between the nodes is that of a cubic, with
    ||e'|| = 42^(1/2) ||e|| / h, and ||u|| <= L/pi ||u'|| (Friedrichs)."""
    assert problem.domain is not None
    period = float(sp.sympify(eps) * problem.cell.lengths[0])
    cells = _PER_PERIOD * float(problem.domain.lengths[0]) / period
    return math.sqrt(42) / math.pi * cells * floor


def _steps(problem: MultiscaleProblem) -> dict[str, int]:
    if problem.final_time is None:
        return {}
    return {"steps": _STEPS}


@contextmanager
def _coarse_on_purpose() -> Iterator[None]:
    """No warning says that a point is inaccurate: that is what a study shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        yield
