"""The comparison of cells of models with a law of their own, flow, plates, blocks, unknowns held at
walls, by every backend that solves them. No PINN does: what two finite element backends agree on is
reported, and that there is no verdict on a PINN.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from ..derive.derived import OwnModel
from ..runtime.arrays import Array
from ..solve.backends import other_elements
from ..solve.cell_picture import draw_cells
from ..solve.cell_solution import CellSolution
from ..solve.cells import solve_cells
from .cell_comparison import CellComparison, limit_of, solved_by
from .cell_entries import distance, entries
from .page import Content, write_page
from .picture_files import PictureFiles
from .report import Report
from .settings import Settings
from .stored_parts import Store
from .validate_cells import keep_texts, report_of_cells, store_of

# Tensors that are equal to their transpose, whatever the cell.
_SYMMETRIC = ("A", "D", "K")
# That a backend's estimate may add to what it is allowed to differ: voxels know K to a hundredth.
_MOST_ADMITTED = 2e-2
_NO_EXPANSION = "solutions that are exact at every eps are known of expansions by cell functions"


def validate_own(model: OwnModel, settings: Settings, out: str | os.PathLike[str] | None) -> Report:
    """`validate` without eps of such a model. Errors: those of the solves where all fail."""
    store = store_of(model.problem, settings, out)
    found = _compare(model, settings, store)
    expansion = {"rate": None, "expected": None, "refused": _NO_EXPANSION}
    name = model.problem.name
    report = report_of_cells(name, settings, store, found.as_dict(), expansion, "")
    if store.folder is not None:
        with PictureFiles(store, settings.progress) as files:
            files.add([draw_cells(found.solutions[found.reference], model=model)])
            keep_texts(store, report, model, ())
            write_page(Content(report, model.problem, settings, model), store, files)
    return report


def _compare(model: OwnModel, settings: Settings, store: Store) -> CellComparison:
    """By both finite element backends, voxels and the PINN."""

    def solve(backend: str) -> CellSolution:
        return store.cells(
            f"cells_{backend}",
            lambda: solve_cells(
                model,
                backend,
                tolerance=settings.tolerance,
                parameters=settings.parameters,
                progress=settings.progress,
            ),
        )

    fem = settings.fem
    backends = [name for name in (fem, other_elements(fem), "voxel", "pinn") if name]
    solutions, refused, failed = solved_by(solve, backends)
    known = {name: entries(c, model.problem) for name, c in solutions.items()}
    names = dict.fromkeys(name for table in known.values() for name in table)
    tables = {n: {b: table[n] for b, table in known.items() if n in table} for n in names}
    return CellComparison(
        solutions,
        refused,
        failed,
        tables,
        {},
        next(iter(solutions)),
        {name: _asymmetry(table) for name, table in known.items()},
        {f"{a}, {b}": distance(known[a], known[b]) for a, b in combinations(known, 2)},
        limit_of(settings.tolerance),
        most_admitted=_MOST_ADMITTED,
    )


def _asymmetry(table: Mapping[str, Array]) -> dict[str, float]:
    """How far tensors are from their transpose, relative."""
    held = [table[name] for name in _SYMMETRIC if name in table and table[name].any()]
    off = [float(np.abs(t - t.T).max() / np.abs(t).max()) for t in held]
    return {"equal to the transpose": max(off)} if off else {}
