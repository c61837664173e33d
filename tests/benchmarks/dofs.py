"""What cell problems of many unknowns take: docs/results/dofs.json, and its plot.

    python -m tests.benchmarks.dofs                         # all cases and sizes
    python -m tests.benchmarks.dofs "ball, dolfinx" 8 16       # one case, some sizes: others stay
    python -m tests.benchmarks.dofs --picture               # only draw

CPU seconds of one thread for the whole of `solve_cells`, coarser meshes for the estimate included,
and the most memory of the process, which solves one size alone.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is imported

import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.pictures import COLOURS, Sheet

from .geometry import elastic, elastic_ball, random_disks, scalar

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FILE = RESULTS / "dofs.json"
PICTURE = RESULTS / "pictures" / "dofs.svg"
WARM_UP = 4
"""Cells along an axis of what is solved before: forms are compiled then."""


@dataclass(frozen=True)
class Case:
    """A cell at several sizes. model: of that size (meshes are not part of it); options: of
    `solve_cells`."""

    backend: str
    sizes: tuple[int, ...]
    model: Callable[[int], Any]
    options: Callable[[int], dict[str, Any]]


def ball() -> Any:
    s = nh.Scales(3)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Ball((0.5, 0.5, 0.5), 0.3): 10}, default=1)
    return nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u))


def meshed(n: int) -> dict[str, Any]:
    return {"n": n, "max_dofs": 10**7}


def imaged(n: int) -> dict[str, Any]:
    return {"n_sub": 1}


CASES = {
    "elastic ball, dolfinx": Case("dolfinx", (8, 12, 16, 21, 28), lambda n: elastic_ball(), meshed),
    "ball, dolfinx": Case("dolfinx", (8, 16, 24, 32), lambda n: ball(), meshed),
    "elastic disks, pixels": Case(
        "voxel",
        (64, 128, 256, 512, 1024),
        lambda n: elastic(random_disks(n, 40, 0.06, 2), 1000),
        imaged,
    ),
    "balls, voxels": Case(
        "voxel",
        (24, 32, 64, 128),
        lambda n: scalar(random_disks(n, 60, 0.12, 3), 1000),
        imaged,
    ),
}
"""Tetrahedra have elements of degree 2."""


def measured(name: str, size: int) -> dict[str, Any]:
    """One row, in this process."""
    case = CASES[name]
    warnings.simplefilter("ignore", nh.ToleranceWarning)
    small = WARM_UP if case.options is meshed else case.sizes[0]
    nh.solve_cells(case.model(small), case.backend, **case.options(small))
    model = case.model(size)
    start = time.process_time()
    cells = nh.solve_cells(model, case.backend, **case.options(size))
    return {
        "case": name,
        "size": size,
        "unknowns": cells.info["size"],
        "seconds": round(time.process_time() - start, 2),
        "gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "iterations": cells.info.get("iterations"),
        "estimate": cells.info["estimate"],
    }


def known() -> list[dict[str, Any]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []


def kept(row: dict[str, Any]) -> None:
    """The row in the file, in the place of one of the same size."""
    rows = [r for r in known() if (r["case"], r["size"]) != (row["case"], row["size"])]
    order = list(CASES)
    rows = sorted([*rows, row], key=lambda r: (order.index(r["case"]), r["size"]))
    FILE.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def draw() -> None:
    """Seconds and memory over unknowns, with a line of slope one."""
    rows = known()
    sheet = Sheet(1, 2, (5.0, 3.8))
    panels = (("seconds", "seconds of the processor"), ("gigabytes", "gigabytes"))
    for column, (key, label) in enumerate(panels):
        axes = sheet.at(0, column, xscale="log", yscale="log")
        for colour, name in zip(COLOURS, CASES, strict=False):
            own = [r for r in rows if r["case"] == name]
            points = [r["unknowns"] for r in own], [r[key] for r in own]
            axes.plot(*points, "o-", ms=4, color=colour, label=name)
        ends = [min(r["unknowns"] for r in rows), max(r["unknowns"] for r in rows)]
        middle = statistics.median(r[key] / r["unknowns"] for r in rows)
        axes.plot(ends, [middle * n for n in ends], ":", color="0.4", label="slope one")
        axes.set_xlabel("unknowns")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    sheet.figure.axes[0].legend(fontsize=7)
    sheet.drawing("dofs", "Time and memory over the number of unknowns.").save(PICTURE)


def main(chosen: list[str]) -> None:
    names: Iterable[str] = chosen[:1] or CASES
    for name in names:
        for size in map(int, chosen[1:]) if chosen[1:] else CASES[name].sizes:
            command = [sys.executable, "-m", __spec__.name, "--one", name, str(size)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            print(row, flush=True)
            kept(row)
    draw()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2], int(sys.argv[3]))))
    elif sys.argv[1:] == ["--picture"]:
        draw()
    else:
        main(sys.argv[1:])
