"""nhpinn paper: the experiments of the NH-PINN paper, run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..problem.errors import ProblemError
from ..validate.paper import SECTIONS


def add_paper(commands: Any) -> None:
    """The subcommand."""
    text = (
        "run the experiments of the NH-PINN paper again: one HTML page and one Markdown file with"
        " all figures, tables and findings"
    )
    parts = (
        "Every core works on a case of its own. An interrupted run goes on from the parts in DIR,"
        " which are kept for the same version, settings and seed; after a change of the program"
        " itself remove DIR."
    )
    parser = commands.add_parser("paper", help=text, description=f"{text}. {parts}")
    parser.add_argument(
        "section", nargs="?", choices=SECTIONS, help="one section only (default: all)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="shorter trainings on coarser grids, about five minutes in all on two cores",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="out/paper",
        metavar="DIR",
        help="folder for page, figures, resumable parts (default: out/paper)",
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--readme", metavar="FILE", help="also write the table of results between the marks in FILE"
    )
    parser.set_defaults(run=_paper)


def _paper(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ..solve.bars import Bars
    from ..validate.paper.reproduce import reproduce
    from ..validate.paper.results import write_readme

    if arguments.readme and arguments.section:
        raise ProblemError(
            "the table of results needs a run of every section",
            term=arguments.section,
            remedy="leave the section out",
        )
    done = reproduce(
        arguments.output,
        arguments.section,
        quick=arguments.quick,
        seed=arguments.seed,
        progress=Bars(),
    )
    console = Console(soft_wrap=True, highlight=False)
    for entry in done.results["cases"].values():
        console.print(f"{entry['title']} (section {entry['section']})", style="bold")
        for finding in entry["findings"]:
            console.print(f"  {finding['mark']:8s} {finding['text']}")
    if done.resumed:
        console.print(f"taken from an earlier run: {', '.join(done.resumed)}")
    console.print(f"{done.page}\n{done.markdown}", markup=False, emoji=False)
    if arguments.readme:
        write_readme(Path(arguments.readme), done.results)
    return 0
