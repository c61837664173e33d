"""The trainings of one case in the paper's way, and the library's own way on the same case. Every
function returns arrays for the store.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...problem.errors import ToleranceWarning
from ...solve.cell_solution import CellSolution
from ...solve.cells import solve_cells
from ...solve.equations import solve_fine, solve_homogenized
from ...solve.progress import Progress
from ...solve.solution import Array, Solution
from ..store import Arrays, to_json
from ..validate import validate
from .cases import MACRO_TOLERANCE, Case, relative
from .settings import Training


def reference(case: Case) -> Arrays:
    """What the trainings are measured against, on the test grid, and the converged cell
    functions.
    """
    fine, u0 = case.fine(case.points), case.homogenized(case.points)
    arrays = {
        "u_eps": fine,
        "u0": u0,
        "e4": np.array(relative(u0 - fine, fine)),
        "estimate": np.array(case.fine.info["estimate"]),
    }
    if not case.cells.slow:
        arrays |= {f"cell_{k + 1}": f(case.cell_points) for k, f in enumerate(case.cells.functions)}
    return arrays | _effective(case, case.cells)


def library(case: Case, progress: Progress, seed: int) -> Arrays:
    """The library's best: `validate` with its automatic choices, as JSON."""
    report = validate(case.problem, case.eps, fem="skfem", pinn={"seed": seed}, progress=progress)
    cells = solve_cells(case.model, "pinn", seed=seed, progress=progress)
    return {
        "report": np.array(to_json(report.as_dict()).decode()),
        **_cell_errors(case, cells),
        **_effective(case, cells),
    }


def classical(case: Case, training: Training, progress: Progress, seed: int) -> Arrays:
    """The classical PINN on the multiscale equation (figures 1, 3, 10, 15, 20)."""
    with _expected():
        solution = solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="classical",
            progress=progress,
            seed=seed,
            reference={"error": case.fine},
            test_nodes=case.test_nodes,
            **training.options,
        )
    return {
        **_history(solution),
        "boundary": _boundary(solution, case.fine(case.points), training),
        "u": solution(case.points),
    }


def energy(case: Case, training: Training, progress: Progress, seed: int) -> Arrays:
    """The energy form of the same net on the same equation, and the library's Ritz method, with
    features as fast as the coefficient: twice 1/eps.

    The paper has neither.
    """
    with _expected():
        solution = solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="classical",
            form="energy",
            progress=progress,
            seed=seed,
            reference={"error": case.fine},
            test_nodes=case.test_nodes,
            **training.options,
        )
        best = solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="energy",
            progress=progress,
            seed=seed,
            scale=2 / float(case.eps),
        )
    fine = case.fine(case.points)
    return {
        **_history(solution),
        "boundary": _boundary(solution, fine, training),
        "library error": np.array(relative(best(case.points) - fine, fine)),
    }


def cells(
    case: Case, training: Training, progress: Progress, seed: int
) -> tuple[CellSolution, Arrays]:
    """The cell problems in the paper's way, and their histories (figures 4, 5, 16, 21; for a(x, y):
    figure 11).
    """
    with _expected():
        solved = solve_cells(
            case.model,
            "pinn",
            method="nh-pinn",
            progress=progress,
            seed=seed,
            reference=None if case.cells.slow else case.cells.functions,
            test_nodes=case.test_nodes,
            **training.options,
        )
    arrays = {
        **_cell_errors(case, solved),
        **_effective(case, solved),
        "seconds": np.array(solved.info["seconds"]),
    }
    for k, function in enumerate(solved.functions if not case.cells.slow else ()):
        history = solved.info["history"][function.name]
        arrays |= {f"cell_{k + 1} loss": history.loss, f"cell_{k + 1} history": history.error}
    return solved, arrays


def nh_pinn(
    case: Case,
    solved: CellSolution,
    training: Training,
    after: Training,
    progress: Progress,
    seed: int,
) -> Arrays:
    """p and w of table 1 (figures 6, 7, 9, 12, 14, 17, 19, 22), then the classical PINN from the
    weights of p (figures 8, 13, 18, 23).
    """
    w = solve_homogenized(case.model, solved, "skfem", tolerance=MACRO_TOLERANCE)
    with _expected():
        p = solve_homogenized(
            case.model,
            solved,
            "pinn",
            method="nh-pinn",
            progress=progress,
            seed=seed,
            test_nodes=case.test_nodes,
            reference={"e1": case.fine, "e3": w},
            **training.options,
        )
        moved = solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="classical",
            progress=progress,
            seed=seed,
            start=p,
            test_nodes=case.test_nodes,
            reference={"transfer": case.fine},
            **after.options,
        )
    fine = case.fine(case.points)
    return {
        **_history(p),
        "boundary": _boundary(p, fine, training),
        "u": p(case.points),
        "w": w(case.points),
        "e2": np.array(relative(w(case.points) - fine, fine)),
        **{
            f"transfer {name}" if name in ("loss", "seconds") else name: value
            for name, value in _history(moved).items()
        },
        "transfer u": moved(case.points),
    }


def report_of(arrays: Arrays) -> dict[str, Any]:
    """The report that `library` kept."""
    report: dict[str, Any] = json.loads(str(arrays["report"]))
    return report


@contextmanager
def _expected() -> Iterator[None]:
    """Trainings in the paper's way do not reach the tolerances of the library, which says so; here
    that is the subject.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        yield


def _history(solution: Solution) -> Arrays:
    history = solution.history  # type: ignore[attr-defined]
    return {"loss": history.loss, **history.errors, "seconds": np.array(solution.info["seconds"])}


def _boundary(solution: Solution, values: Array, training: Training) -> Array:
    """The root mean square of the values on the boundary, which ought to be zero, over that of the
    solution: the median over the last epochs.
    """
    squares = solution.history.terms["boundary"][-training.average :]  # type: ignore[attr-defined]
    return np.asarray(np.sqrt(np.median(squares) / np.mean(values**2)))


def _cell_errors(case: Case, solved: CellSolution) -> Arrays:
    """Cell functions on the grid of the cell, and their relative errors (not where they depend on
    x).
    """
    if case.cells.slow:
        return {}
    arrays: Arrays = {}
    for k, (mine, exact) in enumerate(zip(solved.functions, case.cells.functions, strict=True)):
        values, wanted = mine(case.cell_points), exact(case.cell_points)
        arrays |= {
            f"cell_{k + 1}": values,
            f"cell_{k + 1} error": np.array(relative(values - wanted, wanted)),
        }
    return arrays


def _effective(case: Case, solved: CellSolution) -> Arrays:
    """A*, of section 5.3 as a function of x with its derivative, and the reaction coefficient."""
    if case.cells.slow:
        x = case.points
        entry = solved.entries["A", (0, 0)]
        return {
            "a*": entry(x),
            "da*": entry(x, (1,)),
            "a* error": np.array(relative(entry(x) - closed_form(x), closed_form(x))),
        }
    return {
        "A": np.asarray(solved.effective["A"]),
        **({"c": np.asarray(solved.effective["c"])} if "c" in solved.effective else {}),
    }


def closed_form(x: Array) -> Array:
    """a* of section 5.3: the harmonic mean of 2 + sin x + sin(2 pi y)/2."""
    return np.asarray(np.sqrt((2 + np.sin(x[:, 0])) ** 2 - 0.25))
