"""python -m tests.campaign COUNT [--seed S] [--only KIND] [--backend B] [--jobs N] [--limit
SECONDS].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

from rich.progress import track

from . import kinds as kinds
from .case import KINDS, Case, cases
from .judge import Outcome
from .table import findings, line, table
from .workers import outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 1 where a case is silent or crashed, 0 otherwise."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(
            "\n".join(
                f"{k.name}: {', '.join(b or 'default' for b in k.backends)}" for k in KINDS.values()
            )
        )
        return 0
    todo = [case_of(label) for label in options.case] or cases(
        options.count, options.seed, options.only, options.backend
    )
    found: list[Outcome] = []
    try:
        for outcome in _shown(outcomes(todo, options.jobs, options.limit), len(todo)):
            found.append(outcome)
            if options.verbose:
                print(line(outcome), flush=True)
    except KeyboardInterrupt:
        print(f"interrupted after {len(found)} of {len(todo)} cases")
    print(findings(found))
    print(table(found))
    return int(any(o.verdict in ("SILENT", "crashed") for o in found))


def _shown(results: Iterator[Outcome], count: int) -> Iterable[Outcome]:
    """With a progress bar on a terminal."""
    return track(results, total=count, description="cases", disable=not sys.stderr.isatty())


def case_of(label: str) -> Case:
    kind, seed, number, backend = label.rsplit(":", 3)
    return Case(kind, int(seed), int(number), "" if backend == "default" else backend)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description="random problems against independent oracles"
    )
    parser.add_argument("count", type=int, nargs="?", default=100, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="kinds that begin so; may be repeated")
    parser.add_argument("--backend", help="fourier, skfem, dolfinx, pinn or default")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds a case")
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        help="run this case alone, as a finding's line has it",
    )
    parser.add_argument("--list", action="store_true", help="print the kinds")
    parser.add_argument("--verbose", action="store_true", help="a line for every case")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
