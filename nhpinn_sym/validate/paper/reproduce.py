"""reproduce: run the experiments again, and write the page.

1. coarse elements (section 2.2)
2. the parts of every case (`parts`), as many cases at a time as there are cores
3. results.json, paper.html, paper.md, figures
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...emit.source import write_atomic
from ...problem.errors import ProblemError
from ...solve.progress import Progress, shown
from ..store import Arrays, check_folder, plain, to_json
from . import SECTIONS
from .arguments import coarse_elements
from .cases import Case, cases
from .content import CaseResult, document, pictures, title
from .page import to_html, to_markdown
from .parts import CaseJob, PartStore
from .processes import run_all
from .settings import Training, tested, trainings

_FIGURES = "figures"


@dataclass(frozen=True)
class Reproduction:
    """Paths of what was written, the content of results.json, and the parts that an earlier run had
    done.
    """

    page: Path
    markdown: Path
    results: Mapping[str, Any]
    resumed: tuple[str, ...]


def reproduce(
    out: str | os.PathLike[str],
    section: str | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    settings: Callable[[Case, bool], Mapping[str, Training]] = trainings,
    processes: int | None = None,
) -> Reproduction:
    """Run the experiments of one section ("2.1", "2.2", "5.2", "5.3", "5.4"), or all; write
    paper.html, paper.md, figures/, results.json to `out`
    (of one section paper_5.2.html and so on).

    quick     : shorter trainings on coarser grids, about five minutes in all on two cores.
    settings  : the trainings of a case; for other than the paper's.
    processes : cases at a time, each in a process of its own where it is more than 1; None is one
    for every core. As always with Python's
                processes, a script that calls this then needs `if __name__ == "__main__":`.
    Parts are taken from an earlier run in `out` with the same version of the package, the same
    settings and seed; after a change of the program itself remove that folder.
    Errors: ProblemError for an unknown section, OutputPathError before anything is solved, those of
    the solves.
    """
    if section is not None and section not in SECTIONS:
        raise ProblemError(
            "the paper has no experiments in this section",
            term=section,
            remedy=f"choose one of {', '.join(SECTIONS)}",
        )
    folder, chosen = Path(out), [tested(case, quick) for case in cases(section)]
    check_folder(folder)
    store = PartStore(folder)
    coarse = (
        store.arrays("coarse_elements", None, coarse_elements) if section in (None, "2.2") else None
    )
    jobs = [
        CaseJob(
            folder,
            case.key,
            f"section {case.section}, {case.title}",
            settings(case, quick),
            quick,
            seed,
        )
        for case in chosen
    ]
    parts = run_all(jobs, processes or os.cpu_count() or 1, shown(progress))
    results = [
        CaseResult(case, part, job.trainings, settings(case, False))
        for case, part, job in zip(chosen, parts, jobs, strict=True)
    ]
    taken = dict.fromkeys((*store.taken, *(name for part in parts for name in part.taken)))
    return _write(
        folder, f"_{section}" if section else "", results, coarse, quick, seed, tuple(taken)
    )


def _write(
    folder: Path,
    suffix: str,
    results: list[CaseResult],
    coarse: Arrays | None,
    quick: bool,
    seed: int,
    taken: tuple[str, ...],
) -> Reproduction:
    """results.json, paper.html, paper.md and the figures; of one section results_5.2.json and so
    on.
    """
    blocks, name = document(results, coarse, quick, seed), title(quick)
    content = {
        "quick": quick,
        "seed": seed,
        "version": __version__,
        "cases": {r.case.key: r.as_dict() for r in results},
    }
    for picture in pictures(blocks):
        write_atomic(folder / _FIGURES / f"{picture.name}.png", picture.png)
    write_atomic(folder / f"results{suffix}.json", to_json(content))
    markdown = write_atomic(
        folder / f"paper{suffix}.md", to_markdown(name, blocks, _FIGURES).encode()
    )
    page = write_atomic(folder / f"paper{suffix}.html", to_html(name, blocks).encode())
    return Reproduction(page, markdown, plain(content), taken)
