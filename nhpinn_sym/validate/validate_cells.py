"""The comparison without eps: cell problems by every backend, and the expansion; of any class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .. import __version__
from ..derive.derived import OwnModel
from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..emit.emit import emit
from ..emit.source import Source
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from ..solve.cell_solution import CellSolution
from .cell_comparison import CellComparison, compare_cells
from .expansion import check_expansion
from .page import Content, write_page
from .picture_files import PictureFiles
from .report import Report
from .settings import Settings, problem_key
from .stored_parts import Store, json_text
from .verdict import cell_evidence, judge_cells
from .versions import versions


def validate_cells(
    problem: MultiscaleProblem, settings: Settings, out: str | os.PathLike[str] | None
) -> Report:
    """`validate` without eps. Errors: those of `homogenize`; of the solves where all fail."""
    model = homogenize_linear(problem)
    store = store_of(problem, settings, out)
    found, expansion = cell_stage(model, settings, store)
    return cell_report(
        model, settings, store, found.as_dict(), expansion, "", list(found.solutions.values())
    )


def cells_ahead(
    problem: MultiscaleProblem, out: str | os.PathLike[str] | None, settings: Settings
) -> None:
    """What a second process computes of `validate` without eps: the cells by the finite elements of
    the comparison.
    """
    model = homogenize_linear(problem)
    settings.solve_cells(model, settings.fem, store_of(problem, settings, out))


def store_of(
    problem: MultiscaleProblem, settings: Settings, out: str | os.PathLike[str] | None
) -> Store:
    """Of a comparison without eps."""
    key = repr((versions(settings.fem), problem_key(problem), settings.key()))
    return Store(out, key, settings.beside)


def report_of_cells(
    name: str,
    settings: Settings,
    store: Store,
    cells: dict[str, Any],
    expansion: dict[str, Any],
    eps: str,
) -> Report:
    """The report on cells and expansion alone, or on laws in their place."""
    return Report(
        name or "problem",
        eps,
        {},
        {},
        {},
        {},
        cells["methods"],
        {"resumed": list(store.taken), "version": __version__},
        {},
        judge_cells(cells, expansion, settings.fem),
        store.folder,
        tuple(cell_evidence(cells, expansion)),
        cells,
        expansion,
        {"fem": settings.fem},
    )


def cell_report(
    model: HomogenizedModel,
    settings: Settings,
    store: Store,
    cells: dict[str, Any],
    expansion: dict[str, Any],
    eps: str,
    solutions: Sequence[CellSolution] = (),
) -> Report:
    """The report on cells and expansion alone, written to the folder of the store; the last of
    `solutions` is drawn."""
    report = report_of_cells(model.problem.name, settings, store, cells, expansion, eps)
    _write(report, model, settings, store, solutions)
    return report


ComparedCells = tuple[CellComparison, dict[str, Any]]
"""The comparison of the cells of a model, and `Report.expansion`."""


def cell_stage(model: HomogenizedModel, settings: Settings, store: Store) -> ComparedCells:
    """The comparison of the cells of a model, and `Report.expansion`."""

    def solve(backend: str, hierarchy: bool = False) -> CellSolution:
        return settings.solve_cells(model, backend, store, hierarchy)

    found = compare_cells(model, solve, settings.fem, settings.parameters, settings.tolerance)
    return found, check_expansion(model, settings.parameters)


def emitted(model: HomogenizedModel | NonlinearModel, targets: Sequence[str]) -> tuple[Source, ...]:
    """The sources of a model for the targets that take it: coefficients of a finer level, which are
    known as numbers alone, are in none."""
    found = []
    for target in targets:
        with suppress(UnsupportedError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files of equations that no target has
            found.append(emit(model, target))
    return tuple(found)


def keep_texts(
    store: Store,
    report: Report,
    model: HomogenizedModel | NonlinearModel | OwnModel,
    sources: Sequence[Source],
) -> None:
    """Write emitted sources, the derivation, the report and its data, where there is a folder."""
    if store.folder is None:
        return
    for source in sources:
        source.save(store.folder / "emitted" / source.target)
    store.write("derivation.tex", model.derivation.latex().encode())
    store.write("derivation.txt", f"{model}\n".encode(errors="backslashreplace"))
    store.write("report.txt", str(report).encode(errors="backslashreplace"))
    store.write("results.json", json_text(report.as_dict()))


def _write(
    report: Report,
    model: HomogenizedModel,
    settings: Settings,
    store: Store,
    solutions: Sequence[CellSolution],
) -> None:
    if store.folder is None:
        return
    from .plots import draw_cell_pictures, draw_rates

    with PictureFiles(store, settings.progress) as files:
        for cells in solutions[-1:]:
            files.add(draw_cell_pictures(model, settings.parameters, cells))
        files.add(draw_rates(report.eps, report.budget, report.findings, report.expansion))
        sources = emitted(model, ("torch", "numpy"))
        keep_texts(store, report, model, sources)
        write_page(Content(report, model.problem, settings, model, sources=sources), store, files)
