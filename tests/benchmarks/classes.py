"""Every example by `nhpinn validate`, one after the other: errors, budget, verdict, time, memory;
and pictures of coefficients and cell functions. The pages of docs/ show them.

    python -m tests.benchmarks.classes             # all: a quarter of an hour
    python -m tests.benchmarks.classes waves disk  # these alone
    python -m tests.benchmarks.classes --pictures  # only draw

Writes docs/results. Each runs in a process of its own, whose largest memory is measured.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.cli.files import load_problem
from nhpinn_sym.validate.plain import is_plain
from nhpinn_sym.validate.versions import versions

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
EPS = {"reaction_diffusion": "1/10"}
"""Where it is not 1/8."""
WITHOUT = {
    "elasticity_3d": "not run: a box in three dimensions takes more than two minutes",
    "opaque": "the example has no domain",
}
"""Examples that are compared without eps, and why."""
LIMIT = 1800.0
"""Seconds of the processor for one example."""
_WIDTH = 760
"""Pixels of a picture: pages are no wider."""
_COLOURS = 96
_VISIBLE = 1e-2
"""Relative error of the cells that are only looked at."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pictures", action="store_true")
    arguments = parser.parse_args()
    for path in examples():
        if arguments.names and path.stem not in arguments.names:
            continue
        if not arguments.pictures:
            keep(path, measured(path))
        draw(path)


def examples() -> list[Path]:
    """Files that define a problem, classes first."""
    folder = ROOT / "examples"
    held = [*sorted((folder / "classes").glob("*.py")), *sorted(folder.glob("*.py"))]
    return [path for path in held if "\nproblem = " in path.read_text(encoding="utf-8")]


def measured(path: Path) -> dict[str, Any]:
    """What `nhpinn validate` finds; without eps where the comparison with eps is refused."""
    problem = load_problem(str(path))
    refused = WITHOUT.get(path.stem, "")
    alone = refused or is_plain(problem) or problem.domain is None
    eps = None if alone else EPS.get(path.stem, "1/8")
    chosen = [f"--set={symbol}={value}" for symbol, value in middle(problem).items()]
    place = path.relative_to(ROOT).as_posix()
    for option in ([f"--eps={eps}"] if eps else []), []:
        command = ["validate", place, *option, *chosen]
        report, seconds, gigabytes, said = run(command)
        if report is not None:
            break
        refused = refused or said
    held = report or {}
    return {
        "command": " ".join(("nhpinn", *command)),
        "eps": held.get("eps"),
        "errors": held.get("errors", {}),
        "budget": held.get("budget", {}),
        "cells": held.get("cells", {}).get("differences", {}),
        "rate": held.get("expansion", {}).get("rate"),
        "expected": held.get("expansion", {}).get("expected"),
        "verdict": held.get("verdict"),
        "evidence": held.get("evidence", []),
        "refused": refused,
        "seconds": round(seconds, 1),
        "gigabytes": round(gigabytes, 2),
    }


def middle(problem: nh.MultiscaleProblem) -> dict[sp.Symbol, float]:
    """Declared parameters in the middle of their ranges."""
    return {symbol: float(sum(ends)) / 2 for symbol, ends in problem.parameters.items()}


def run(command: Sequence[str]) -> tuple[dict[str, Any] | None, float, float, str]:
    """(report, seconds of the processor, gigabytes, the error) of a command of nhpinn."""
    program = f'ulimit -t {LIMIT:.0f}; exec {sys.executable} -m nhpinn_sym.cli.main "$@"'
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            ["bash", "-c", program, "nhpinn", *command, "--json", "--quiet"],
            stdout=out,
            stderr=err,
            cwd=ROOT,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime
        gigabytes = usage.ru_maxrss / 2**20
        out.seek(0)
        err.seek(0)
        if process.returncode in (0, 3):
            return json.loads(out.read()), seconds, gigabytes, ""
        said = err.read().decode().strip().splitlines()
        message = next((line for line in said if "rror: " in line), said[-1] if said else "killed")
        return None, seconds, gigabytes, message


def keep(path: Path, found: Mapping[str, Any]) -> None:
    """Put the results of one example beside the others, in the order of `examples`."""
    file = RESULTS / "classes.json"
    held = json.loads(file.read_text(encoding="utf-8"))["examples"] if file.exists() else {}
    held[path.stem] = {"class": path.parent.name == "classes", **found}
    order = [e.stem for e in examples()]
    content = {
        "machine": f"{platform.machine()}, one thread",
        "versions": ", ".join(
            f"{name} {version}"
            for name, version in versions("skfem").items()
            if name in ("python", "torch", "numpy", "sympy", "scikit-fem")
        ),
        "examples": {name: held[name] for name in order if name in held},
    }
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(path.stem, found["verdict"], found["errors"], f"{found['seconds']} s", flush=True)


def draw(path: Path) -> None:
    """The coefficient and the cell functions. In three dimensions cell functions take half a
    minute, and are left out; without a formula there is nothing to draw.
    """
    problem = load_problem(str(path))
    text = path.read_text(encoding="utf-8")
    if is_plain(problem) or "sp.Function(" in text:
        return
    written = re.search(r"homogenize\(\w+, order=(\d+)\)", text)
    model = nh.homogenize(problem, order=int(written[1]) if written else 1)
    values = middle(problem)
    write_picture(f"{path.stem}_coefficient", model.plot(values).png())
    if problem.scales.dim < 3:
        backend = "skfem" if "nh.phases" in text else "fourier"
        cells = nh.solve_cells(model, backend, parameters=values, tolerance=_VISIBLE)
        write_picture(f"{path.stem}_cells", cells.plot().png())


def write_picture(name: str, png: bytes) -> None:
    """Small enough to be kept with the sources."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((_WIDTH, 4 * _WIDTH))
    folder = RESULTS / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    image.quantize(_COLOURS).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
