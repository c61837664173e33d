"""reproduce: run the experiments again, part by part, and write the page.

1. arguments     without networks: coarse elements, a*, finite differences
2. reference     u_eps and converged cells on the test grid
3. library       the library's best
4. classical     the classical PINN on the multiscale equation
5. cells         in the paper's way, without and with oversampling
6. nh_pinn       the homogenized equation in the paper's way, then transfer learning
7. write         results.json, paper.html, paper.md, figures
Each part is written when it is done: an interrupted run resumes from the parts that are there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ... import __version__
from ...emit.source import write_atomic
from ...problem.errors import ProblemError
from ...solve.cell_solution import CellSolution
from ...solve.progress import Progress, shown
from ..store import Arrays, Store, check_folder, plain, to_json
from . import SECTIONS, arguments, experiments
from .cases import Case, cases
from .content import CaseResult, document, pictures, title
from .page import to_html, to_markdown
from .settings import Training, tested, trainings

_FIGURES = "figures"


@dataclass(frozen=True)
class Reproduction:
    """Paths of what was written, the content of results.json, and the parts that an earlier run had done."""

    page: Path
    markdown: Path
    results: Mapping[str, Any]
    resumed: tuple[str, ...]


def reproduce(out: str | os.PathLike[str], section: str | None = None, *, quick: bool = False, seed: int = 0, progress: Progress | None = None,
              settings: Callable[[Case, bool], Mapping[str, Training]] = trainings) -> Reproduction:
    """Run the experiments of one section ("2.1", "2.2", "5.2", "5.3", "5.4"), or all; write paper.html, paper.md, figures/, results.json to `out`
    (of one section paper_5.2.html and so on).

    quick    : shorter trainings on coarser grids, about five minutes in all on two cores.
    settings : the trainings of a case; for other than the paper's.
    Errors: ProblemError for an unknown section, OutputPathError before anything is solved, those of the solves.
    """
    if section is not None and section not in SECTIONS:
        raise ProblemError("the paper has no experiments in this section", term=section, remedy=f"choose one of {', '.join(SECTIONS)}")
    run = _Run(Path(out), section, quick, seed, shown(progress), settings)
    check_folder(run.folder)
    coarse = run.coarse() if section in (None, "2.2") else None
    results = []
    for case in cases(section):
        with run.progress(f"section {case.section}, {case.title}"):
            results.append(run.case(tested(case, quick)))
    return run.write(results, coarse)


class _Run:
    """One run; its methods are the steps."""

    def __init__(self, folder: Path, section: str | None, quick: bool, seed: int, progress: Progress,
                 settings: Callable[[Case, bool], Mapping[str, Training]]) -> None:
        self.folder, self.quick, self.seed, self.progress, self.settings = folder, quick, seed, progress, settings
        self.suffix = f"_{section}" if section else ""
        self.taken: list[str] = []

    def case(self, case: Case) -> CaseResult:
        """All parts of a case, in the order in which they need each other."""
        chosen, seed, bars = self.settings(case, self.quick), self.seed + case.seed, self.progress
        classical = chosen["classical"]
        done = {
            "reference": self._part(case, "reference", None, lambda: experiments.reference(case)),
            "library": self._part(case, "library", self.seed, lambda: experiments.library(case, bars, self.seed)),
            "classical": self._part(case, "classical", (classical, seed), lambda: experiments.classical(case, classical, bars, seed)),
        }
        for name in (n for n in ("plain", "cells") if n in chosen):
            solved, done[name] = self._cells(case, name, chosen[name], seed)
        if "homogenized" in chosen:
            inner, outer = chosen["cells"], chosen["homogenized"]
            done["nh_pinn"] = self._part(case, "nh_pinn", (inner, outer, classical, seed),
                                         lambda: experiments.nh_pinn(case, solved, outer, classical, bars, seed))
        return CaseResult(case, done, chosen, self._arguments(case))

    def coarse(self) -> Arrays:
        """The experiment of section 2.2."""
        return self._arrays("coarse_elements", None, arguments.coarse_elements)

    def _arguments(self, case: Case) -> dict[str, Arrays]:
        """The experiments without networks that belong to a case."""
        found: dict[str, Callable[[Case], Arrays]] = {}
        if case.key == "elliptic_2d":
            found["effective"] = arguments.effective_2d
        if case.key == "slowly_varying_1d":
            found["elements"] = arguments.reference_of_elements
        if case.section == "5.4":
            found["differences"] = arguments.differences_in_time
        return {name: self._part(case, name, None, partial(compute, case)) for name, compute in found.items()}

    def _cells(self, case: Case, name: str, training: Training, seed: int) -> tuple[CellSolution, Arrays]:
        """Solved cells, and their histories, which their own file does not hold: written first, as the cells are what tells that the part is done."""
        key, fresh = (case.test_nodes, training, seed), dict[str, Arrays]()

        def compute() -> CellSolution:
            solved, fresh[name] = experiments.cells(case, training, self.progress, seed)
            self._arrays(f"{case.key}_{name}", key, lambda: fresh[name])
            return solved

        store = self._store(key)
        solved = store.cells(f"{case.key}_{name}_nets", compute)
        self.taken += store.taken
        return solved, fresh.get(name) or self._arrays(f"{case.key}_{name}", key, lambda: experiments.cells(case, training, self.progress, seed)[1])

    def _part(self, case: Case, name: str, key: object, compute: Callable[[], Arrays]) -> Arrays:
        return self._arrays(f"{case.key}_{name}", (case.test_nodes, key), compute)

    def _arrays(self, name: str, key: object, compute: Callable[[], Arrays]) -> Arrays:
        """A part on disk; `key` says what it depends on beside its name."""
        store = self._store(key)
        found = store.arrays(name, compute)
        self.taken += store.taken
        return found

    def _store(self, key: object) -> Store:
        return Store(self.folder, repr((__version__, key)))

    def write(self, results: list[CaseResult], coarse: Arrays | None) -> Reproduction:
        """results.json, paper.html, paper.md and the figures; of one section results_5.2.json and so on."""
        blocks, name = document(results, coarse, self.quick, self.seed), title(self.quick)
        content = {"quick": self.quick, "seed": self.seed, "version": __version__, "cases": {r.case.key: r.as_dict() for r in results}}
        for picture in pictures(blocks):
            write_atomic(self.folder / _FIGURES / f"{picture.name}.png", picture.png)
        write_atomic(self.folder / f"results{self.suffix}.json", to_json(content))
        markdown = write_atomic(self.folder / f"paper{self.suffix}.md", to_markdown(name, blocks, _FIGURES).encode())
        page = write_atomic(self.folder / f"paper{self.suffix}.html", to_html(name, blocks).encode())
        return Reproduction(page, markdown, plain(content), tuple(dict.fromkeys(self.taken)))
