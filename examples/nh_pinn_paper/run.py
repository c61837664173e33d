"""Run the experiments of the NH-PINN paper again (Leung, Lin, Zhang).

    python examples/nh_pinn_paper/run.py [--quick] [--out DIR] [--only PATTERN ...]

The full run takes about two hours of one core, at the epochs that the paper prints. Every training
writes a file to DIR/results as soon as it ends; a run that is started again takes what is there,
and a training that was killed goes on. At the end the page is written, DIR/RESULTS.md; what has not
been run yet is left open in it. --quick trains shorter on coarser grids, a few minutes in all.
"""

from __future__ import annotations

import argparse
import fnmatch
import multiprocessing
import os
import sys
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch: one core for every process

from parts import Part, all_parts, compute, load
from report import write_page, write_readme

HERE = Path(__file__).parent
OUT = Path("out") / "nh_pinn_paper"
"""Checkpoints of the trainings that go on, and quick runs."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    out = options.out or (OUT / "quick" if options.quick else HERE)
    parts = all_parts(options.quick, options.seed)
    if not options.page:
        wanted = _selected(parts, options.only)
        if not wanted:
            print(f"no part is called {' or '.join(options.only)}; there are {', '.join(parts)}")
            return 2
        run(wanted, out / "results", options.processes)
    page = write_page(out, parts, options.quick)
    print(page)
    if options.readme is not None:
        write_readme(options.readme, parts, out / "results", options.quick)
    return 0


def run(parts: dict[str, Part], results: Path, processes: int) -> None:
    """Every part that has no results file yet, the short ones first, each in a process of its
    own.
    """
    done = {key: found for key, part in parts.items() if (found := load(part, results))}
    for key in done:
        print(f"{key}: taken from {results}", flush=True)
    waiting = sorted((p for p in parts.values() if p.key not in done), key=lambda p: p.cost)
    running: dict[Future[str], Part] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        while waiting or running:
            ready = [p for p in waiting if all(name in done for name in p.needs)]
            for part in ready[: processes - len(running)]:
                waiting.remove(part)
                earlier = {name: done[name] for name in part.needs}
                future = pool.submit(compute, part, results, OUT / "checkpoints", earlier)
                running[future] = part
                print(f"{part.key} ...", flush=True)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                part = running.pop(future)
                future.result()
                found = load(part, results)
                assert found is not None, "a part writes its results file"
                done[part.key] = found
                print(f"{part.key}: {_summary(found)}", flush=True)


def _summary(found: dict) -> str:
    errors = ", ".join(f"{name} {value:.4g}" for name, value in found.get("errors", {}).items())
    seconds = found.get("seconds")
    timed = f" ({seconds['wall']:.0f} s, {seconds['cpu']:.0f} s of CPU)" if seconds else ""
    return f"{errors or 'done'}{timed}"


def _selected(parts: dict[str, Part], patterns: Iterable[str]) -> dict[str, Part]:
    """The parts that match a pattern, and those that they need."""
    patterns = list(patterns) or ["*"]
    keys = {key for key in parts if any(fnmatch.fnmatch(key, pattern) for pattern in patterns)}
    for key in reversed(parts):
        if key in keys:
            keys.update(parts[key].needs)
    return {key: part for key, part in parts.items() if key in keys}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter trainings, coarser grids")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for results and page (default: this one, of a quick run out/...)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="parts to run, such as 'elliptic_2d_*' (default: all)",
    )
    parser.add_argument(
        "--processes", type=int, default=1, help="parts to run at the same time (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="write the table between the marks in FILE"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
