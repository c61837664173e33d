"""The cell problems of one model by every backend, against each other and against what none of them
has a part in.

1. solve     by PINN, by FEM, and by a third: Fourier where the data are smooth, else the other FEM
2. entries   the effective coefficients of each pair
3. judges    Voigt-Reuss and trace bounds, closed forms of laminates, the transposed operator, each
             on every backend; two backends that agree against the third
4. functions differences of the cell functions in L2 and H1
No solver's estimate of itself decides; it only widens what counts as agreement, up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.forms import LoweredCells
from ..problem.errors import (
    BackendMissingError,
    NhpinnError,
    SolvabilityError,
    SolveError,
    UnsupportedError,
)
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..solve.backend_choice import choose_cells_backend
from ..solve.backends import other_elements
from ..solve.cell_solution import CellSolution
from ..solve.external_fields import with_image_fields
from ..solve.slow_variables import slow_box
from .cell_checks import Judges
from .cell_entries import distance, entries, places
from .cell_functions import function_differences
from .expansion import check_expansion
from .verdict import agree, suspects

CellsVerb = Callable[..., CellSolution]
"""(backend, hierarchy=False) -> the cell problems, solved by it."""

# Difference of effective coefficients, relative to the largest entry of their tensor, up to which
# backends agree.
_AGREE = 1e-4
# What a backend's own estimate, times the first, may add to that, and the most that it may.
_ADMITTED = 2.0
_MOST_ADMITTED = 2e-3


@dataclass(frozen=True)
class CellComparison:
    """What the comparison of the cells of one model found.

    solutions : by backend. refused: backend -> why it does not cover these cells; failed: why its
                solve was an error.
    entries   : {coefficient: {backend: array, "bounds": (lower, upper) or None, "closed form":
                array or None}}; functions of x at places along the diagonal of the domain, listed
                under "x".
    functions : {cell function: {backend: {"L2", "H1"}}}, differences from `reference`'s.
    checks    : {backend: {check: distance}}, of what is independent of the solvers; relative.
    pairs     : {"pinn, skfem": (largest difference of an entry, its coefficient)}.
    limit     : relative difference up to which two backends agree, what they admit aside.
    expansions: {backend: the expansion by its cells against the Bloch oracle}, where backends
                disagree and nothing else decides.
    most_admitted : what an estimate adds to that at most.
    """

    solutions: Mapping[str, CellSolution]
    refused: Mapping[str, str]
    failed: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]
    functions: Mapping[str, Mapping[str, Mapping[str, float]]]
    reference: str
    checks: Mapping[str, Mapping[str, float]]
    pairs: Mapping[str, tuple[float, str]]
    limit: float = _AGREE
    expansions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    most_admitted: float = _MOST_ADMITTED

    def allowed(self, pair: str) -> float:
        """The difference up to which the two of a pair agree."""
        return self.limit + max(self.admitted(name) for name in pair.split(", "))

    def admitted(self, name: str) -> float:
        """The part of a difference that the backend's own estimate accounts for."""
        return min(_ADMITTED * float(self.solutions[name].info["estimate"]), self.most_admitted)

    def as_dict(self) -> dict[str, Any]:
        """What a report holds: the coefficients by name, and what else was compared."""
        return {
            **{name: dict(table) for name, table in self.entries.items()},
            "functions": {name: dict(table) for name, table in self.functions.items()},
            "functions against": self.reference,
            "checks": {name: dict(table) for name, table in self.checks.items()},
            "differences": {pair: value for pair, (value, _) in self.pairs.items()},
            "allowed": {pair: self.allowed(pair) for pair in self.pairs},
            "limits": {name: self.limit + self.admitted(name) for name in self.solutions},
            "fredholm": {name: float(c.info["fredholm"]) for name, c in self.solutions.items()},
            "estimates": {name: float(c.info["estimate"]) for name, c in self.solutions.items()},
            "methods": {name: c.method for name, c in self.solutions.items()},
            "seconds": {name: float(c.info["seconds"]) for name, c in self.solutions.items()},
            "refused": dict(self.refused),
            "failed": dict(self.failed),
            "expansions": {name: dict(table) for name, table in self.expansions.items()},
        }


def compare_cells(
    model: HomogenizedModel,
    solve: CellsVerb,
    fem: str,
    parameters: Mapping[sp.Symbol, float] | None,
    tolerance: float | None,
) -> CellComparison:
    """Solve the cell problems by PINN, `fem` and a third backend, and compare them.

    Errors: those of a backend that it does not cover the cells are kept (`refused`), those of its
    solve too (`failed`); the first is raised where no backend solves them, SolvabilityError always.
    """
    numbers = parameter_numbers(parameters, model.problem.parameters)
    lowered = with_image_fields(lower_cells(model, False), numbers)
    third = third_backend(model, lowered, numbers, fem)
    solutions, refused, failed = solved_by(solve, dict.fromkeys((fem, third, "pinn")))
    known = {name: entries(c, model.problem) for name, c in solutions.items()}
    judges = Judges.of(model, lowered, numbers, parameters)
    reference = third if third in solutions else next(iter(solutions))
    found = CellComparison(
        solutions,
        refused,
        failed,
        _table(known, judges, model, _functions_of_x(solutions)),
        function_differences(model, lowered, solutions, reference),
        reference,
        {n: judges.check(t["A"]) | judges.check_formulas(t) for n, t in known.items()},
        {f"{a}, {b}": distance(known[a], known[b]) for a, b in combinations(known, 2)},
        limit_of(tolerance),
    )
    if suspects(found.as_dict()) or agree(found.as_dict()):
        return found
    return replace(found, expansions=_expansions(model, solve, tuple(solutions), parameters))


def solved_by(
    solve: Callable[[str], CellSolution], backends: Iterable[str]
) -> tuple[dict[str, CellSolution], dict[str, str], dict[str, str]]:
    """(solutions, refused, failed) of `CellComparison`. Errors: see `compare_cells`."""
    order = list(backends)
    found: dict[str, CellSolution] = {}
    raised: dict[str, NhpinnError] = {}
    for name in reversed(order):  # a second process begins with the first
        try:
            found[name] = solve(name)
        except SolvabilityError:
            raise
        except (UnsupportedError, BackendMissingError, SolveError) as cause:
            raised[name] = cause
    if not found:
        raise raised[order[0]]
    solutions = {name: found[name] for name in order if name in found}
    errors = {name: raised[name] for name in order if name in raised}
    refused = {n: str(e) for n, e in errors.items() if not isinstance(e, SolveError)}
    return solutions, refused, {n: str(e) for n, e in errors.items() if n not in refused}


def limit_of(tolerance: float | None) -> float:
    """Of a comparison of cells that were asked for this tolerance."""
    return _AGREE if tolerance is None else max(_AGREE, 10 * tolerance)


def _expansions(
    model: HomogenizedModel,
    solve: CellsVerb,
    backends: tuple[str, ...],
    parameters: Mapping[sp.Symbol, float] | None,
) -> dict[str, dict[str, Any]]:
    """What the Bloch oracle says of the cells of each backend; nothing where it does not apply."""
    found: dict[str, dict[str, Any]] = {}
    for name in backends:
        try:
            found[name] = check_expansion(model, parameters, solve(name, hierarchy=True))
        except (UnsupportedError, SolveError):
            continue
    return found


def third_backend(
    model: HomogenizedModel, lowered: LoweredCells, numbers: Mapping[str, float], fem: str
) -> str:
    """Fourier where the data suit it, voxels for images; else the other finite element backend,
    where there is one: where coefficients jump, Fourier is the least accurate of all."""
    choice = choose_cells_backend(lowered, numbers, slow_box(model, lowered)[0])
    if choice.backends[0] in ("fourier", "voxel"):
        return choice.backends[0]
    return other_elements(fem) or "fourier"


def _functions_of_x(solutions: Mapping[str, CellSolution]) -> set[str]:
    """The names of the coefficients that depend on x."""
    return {
        name
        for cells in solutions.values()
        for name, value in cells.effective.items()
        if callable(value)
    }


def _table(
    known: Mapping[str, Mapping[str, Array]],
    judges: Judges,
    model: HomogenizedModel,
    of_x: set[str],
) -> dict[str, dict[str, Any]]:
    """The entries by name and backend, those of A with bounds and closed form; `of_x`: the names of
    functions of x.
    """
    names = dict.fromkeys(name for table in known.values() for name in table)
    found: dict[str, dict[str, Any]] = {
        name: {backend: table[name] for backend, table in known.items() if name in table}
        for name in names
    }
    shape = next(iter(known.values()))["A"].shape
    found["A"] |= {"bounds": judges.bounds(shape), "closed form": judges.closed_form(shape)}
    isotropic = judges.hashin_shtrikman()
    if isotropic is not None:
        found["A"]["Hashin-Shtrikman"] = isotropic
    for name in of_x & found.keys():
        found[name]["x"] = places(model.problem)
    return found
