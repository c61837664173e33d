"""The experiments: each trains one net (or the nets of one cell), and hands back plain numbers.

`Measured` is what a results file holds. Errors are relative, in L2 on the paper's test grids, as
means over the last epochs.
"""

from __future__ import annotations

import base64
import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from cases import MACRO_TOLERANCE, Array, Case, grid, relative
from settings import Training

import nhpinn_sym as nh

CURVE_LENGTH = 300
"""Epochs that are kept of a history."""
PROFILE_NODES = {1: 201, 2: 41}
"""Points per axis at which solutions are kept, for figures."""
DIGITS = 5
"""That curves and profiles are kept with."""

Results = Mapping[str, Mapping[str, Any]]
"""What earlier parts of the same case measured, by part."""


@dataclass(frozen=True)
class Measured:
    """What one part found.

    errors    : by quantity, as means over the last epochs where it was trained.
    medians   : over the last epochs, which single peaks of Adam do not change.
    falls     : by what share the error fell in the last epochs, against as many before.
    values    : other numbers, by name.
    curves    : errors at CURVE_LENGTH epochs, evenly spaced; profiles: functions on a uniform grid.
    weights   : of the net, float32 in base64, where another part starts from them.
    seconds   : of the training, wall and CPU.
    """

    errors: dict[str, float] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    falls: dict[str, float] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    profiles: dict[str, list[float]] = field(default_factory=dict)
    weights: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def reference(case: Case) -> Measured:
    """u_eps and u0 by finite elements with converged cells: what the trainings are measured by."""
    fine = case.fine(case.points)
    u0 = case.homogenized(case.points)
    profiles = {"u_eps": _profile(case, case.fine), "u0": _profile(case, case.homogenized)}
    if case.dim == 1 and not case.cells.slow:
        profiles["cell_1"] = _cell_profile(case, case.cells.functions[0])
    return Measured(
        errors={"e4": relative(u0 - fine, fine)},
        values={"estimate": float(case.fine.info["estimate"])},
        profiles=profiles,
    )


def library(case: Case, seed: int, energy: bool) -> Measured:
    """The library's best: `validate` with its automatic choices, and its own cells; with `energy`
    its Ritz method on the multiscale equation, with features twice as fast as the coefficient.
    """
    report = nh.validate(case.problem, case.eps, fem="skfem", pinn={"seed": seed})
    cells = nh.solve_cells(case.model, "pinn", seed=seed)
    errors = {name: float(report.errors[name]) for name in ("e1", "e2", "e3", "e4")}
    errors |= _cell_errors(case, cells)
    if energy:
        best = nh.solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="energy",
            seed=seed,
            scale=2 / float(case.eps),
        )
        fine = case.fine(case.points)
        errors["energy"] = relative(best(case.points) - fine, fine)
    first_order = {name: float(value) for name, value in report.first_order.items()}
    return Measured(
        errors=errors, values={"first_order": first_order, "methods": dict(report.methods)}
    )


def classical(
    case: Case,
    training: Training,
    seed: int,
    checkpoint: Path,
    *,
    quantity: str = "classical",
    **options: Any,
) -> Measured:
    """The classical PINN on the multiscale equation; `quantity` names its error. options: start= of
    the transfer, form= of the energy form.
    """
    with _expected():
        solution = nh.solve_fine(
            case.problem,
            case.eps,
            "pinn",
            method="classical",
            seed=seed,
            checkpoint=checkpoint,
            reference={quantity: case.fine},
            test_nodes=case.test_nodes,
            **training.options,
            **options,
        )
    return _trained(case, solution, training)


def transfer(
    case: Case,
    training: Training,
    seed: int,
    checkpoint: Path,
    earlier: Results,
) -> Measured:
    """The classical PINN from the weights of NH-PINN."""
    start = _decoded(earlier["homogenized"]["weights"])
    found = classical(case, training, seed, checkpoint, quantity="transfer", start=start)
    return replace(found, values={**found.values, "start": found.curves["transfer"][0]})


def cells(
    case: Case,
    training: Training,
    seed: int,
    checkpoint: Path,
    suffix: str = "",
) -> Measured:
    """The cell problems by NH-PINN: errors "cell_1", ... with the suffix, or "a*" of a(x, y)."""
    slow = bool(case.cells.slow)
    with _expected():
        solved = nh.solve_cells(
            case.model,
            "pinn",
            method="nh-pinn",
            seed=seed,
            checkpoint=checkpoint,
            reference=None if slow else case.cells.functions,
            test_nodes=case.test_nodes,
            **training.options,
        )
    found = Measured(seconds=_seconds(solved.info))
    found.values["effective"] = _effective_values(case, solved)
    if slow:
        x = case.points
        exact = closed_form(x)
        found.errors["a*"] = relative(solved.entries["A", (0, 0)](x) - exact, exact)
        return found
    for k, function in enumerate(solved.functions):
        _add_history(
            found, f"cell_{k + 1}{suffix}", solved.info["history"][function.name].error, training
        )
    if case.dim == 1:
        found.profiles["cell_1"] = _cell_profile(case, solved.functions[0])
    return found


def homogenized(
    case: Case,
    training: Training,
    seed: int,
    checkpoint: Path,
    earlier: Results,
) -> Measured:
    """The homogenized equation with the effective coefficients of `cells`: p by NH-PINN, w by
    finite elements. e1: p against u_eps, e2: w against u_eps, e3: p against w.
    """
    solved = with_effective(case.cells, earlier["cells"]["values"]["effective"])
    w = nh.solve_homogenized(case.model, solved, "skfem", tolerance=MACRO_TOLERANCE)
    with _expected():
        p: Any = nh.solve_homogenized(
            case.model,
            solved,
            "pinn",
            method="nh-pinn",
            seed=seed,
            checkpoint=checkpoint,
            test_nodes=case.test_nodes,
            reference={"e1": case.fine, "e3": w},
            **training.options,
        )
    found = _trained(case, p, training)
    fine = case.fine(case.points)
    found.errors["e2"] = relative(w(case.points) - fine, fine)
    return replace(found, weights=_encoded(p.weights))


def with_effective(cells: nh.CellSolution, values: Mapping[str, list[float]]) -> nh.CellSolution:
    """Cells with other effective values, at the same slow points."""
    entries = {
        key: entry
        if entry.formula is not None
        else replace(entry, values=np.array(values[_entry_name(key)]))
        for key, entry in cells.entries.items()
    }
    return replace(cells, entries=entries)


def closed_form(x: Array) -> Array:
    """a* of section 5.3: the harmonic mean of 2 + sin x + sin(2 pi y)/2."""
    return np.asarray(np.sqrt((2 + np.sin(x[:, 0])) ** 2 - 0.25))


@contextlib.contextmanager
def _expected() -> Iterator[None]:
    """Trainings in the paper's way do not reach the tolerances of the library, which says so; here
    that is the subject.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nh.ToleranceWarning)
        yield


def _trained(case: Case, solution: Any, training: Training) -> Measured:
    """The errors of a trained solution, its values, and how far its boundary values are off: root
    mean square over that of u_eps, the median over the last epochs.
    """
    found = Measured(profiles={"u": _profile(case, solution)}, seconds=_seconds(solution.info))
    for quantity, error in solution.history.errors.items():
        _add_history(found, quantity, error, training)
    squares = solution.history.terms["boundary"][-training.average :]
    size = np.mean(case.fine(case.points) ** 2)
    found.values["boundary"] = float(np.sqrt(np.median(squares) / size))
    return found


def _add_history(found: Measured, quantity: str, error: Array, training: Training) -> None:
    last = error[-training.average :]
    before = error[-2 * training.average : -training.average]
    found.errors[quantity] = float(np.mean(last))
    found.medians[quantity] = float(np.median(last))
    if len(before):
        found.falls[quantity] = float(1 - np.median(last) / np.median(before))
    epochs = np.linspace(0, len(error) - 1, min(CURVE_LENGTH, len(error))).astype(int)
    found.curves[quantity] = _rounded(error[epochs])


def _cell_errors(case: Case, solved: nh.CellSolution) -> dict[str, float]:
    if case.cells.slow:
        return {}
    pairs = zip(solved.functions, case.cells.functions, strict=True)
    errors = {}
    for k, (mine, exact) in enumerate(pairs):
        wanted = exact(case.cell_points)
        errors[f"cell_{k + 1}"] = relative(mine(case.cell_points) - wanted, wanted)
    return errors


def _effective_values(case: Case, solved: nh.CellSolution) -> dict[str, list[float]]:
    """Every solved effective entry, at the slow nodes of the converged cells."""
    nodes = case.cells.nodes.points
    points = nodes if case.cells.slow else np.zeros((1, case.dim))
    return {
        _entry_name(key): np.asarray(entry(points), dtype=float).tolist()
        for key, entry in solved.entries.items()
        if entry.formula is None
    }


def _entry_name(key: tuple[str, tuple[int, ...]]) -> str:
    name, index = key
    return "_".join([name, *map(str, index)])


def _profile(case: Case, function: Any) -> list[float]:
    return _rounded(function(grid(case.bounds, PROFILE_NODES[case.dim])))


def _cell_profile(case: Case, function: Any) -> list[float]:
    bounds = np.array(case.problem.cell.bounds, dtype=float)
    return _rounded(function(grid(bounds, PROFILE_NODES[1])))


def _rounded(values: Array) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values, dtype=float)]


def _seconds(info: Mapping[str, Any]) -> dict[str, float]:
    return {"wall": round(info["seconds"], 1), "cpu": round(info["cpu_seconds"], 1)}


def _encoded(weights: Array) -> str:
    return base64.b64encode(weights.astype("<f4").tobytes()).decode()


def _decoded(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(float)
