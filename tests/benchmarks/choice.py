"""What each backend takes for the same numbers: python -m tests.benchmarks.choice

Seconds of one thread of the processor, each backend with its default accuracy, its library warmed
up by the same solve before; errors against what is independent of all: docs/results/choice.json.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is imported

import numpy as np

import nhpinn_sym as nh
from nhpinn_sym.cli.files import load_problem

ROOT = Path(__file__).parents[2]
DISK = 1.602941912
"""Rayleigh 1892: phases 1 and 10, a disk of radius 0.3."""
FAMILY = 50
"""Values of the parameters."""


def main() -> None:
    rows = []
    warnings.simplefilter("ignore", nh.ToleranceWarning)
    for case in (smooth, jump, family):
        for row in case():
            print(row, flush=True)
            rows.append(row)
    path = ROOT / "docs" / "results" / "choice.json"
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def timed(solve: Callable[[], Any]) -> tuple[Any, float]:
    solve()
    start = time.process_time()
    found = solve()
    return found, time.process_time() - start


def example(name: str) -> nh.HomogenizedModel:
    return nh.homogenize(load_problem(str(ROOT / "examples" / f"{name}.py")))


def smooth() -> list[dict[str, Any]]:
    """The cell of elliptic_2d.py."""
    model = example("elliptic_2d")
    exact = nh.solve_cells(model, "fourier", n=64).effective["A"]
    return [
        cells("one smooth cell (`elliptic_2d`)", model, backend, exact)
        for backend in ("fourier", "skfem", "pinn")
    ]


def jump() -> list[dict[str, Any]]:
    """The cell of disk.py."""
    model = example("disk")
    exact = DISK * np.eye(2)
    case = "a disk ten times as conducting (`disk`)"
    fits = [cells(case, model, backend, exact, tolerance=1e-2) for backend in ("fourier", "skfem")]
    return [*fits, cells(case, model, "pinn", exact, tolerance=1e-6)]


def cells(
    case: str, model: nh.HomogenizedModel, backend: str, exact: Any, **options: Any
) -> dict[str, Any]:
    found, seconds = timed(lambda: nh.solve_cells(model, backend, **options))
    error = np.abs(found.effective["A"] - exact).max() / np.abs(exact).max()
    return {"case": case, "by": backend, "seconds": round(seconds, 3), "error": float(error)}


def family() -> list[dict[str, Any]]:
    """a*(p, q) of family.py at FAMILY places."""
    model = example("family")
    p, q = sorted(model.problem.parameters, key=str)
    places = np.random.default_rng(0).uniform(0, 0.5, (FAMILY, 2))
    values = [{p: float(x), q: float(y)} for x, y in places]

    def one_by_one() -> Any:
        return [nh.solve_cells(model, "fourier", parameters=v).effective["A"] for v in values]

    def at_once() -> Any:
        solved = nh.solve_family(model, "pinn", tolerance=1e-8)
        return [solved.effective["A"](**{str(k): x for k, x in v.items()}) for v in values]

    case = f"{FAMILY} cells of a family of two parameters (`family`)"
    exact, one = timed(one_by_one)
    found, once = timed(at_once)
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, exact, strict=True))
    return [
        {"case": case, "by": "fourier, one by one", "seconds": round(one, 2), "error": None},
        {"case": case, "by": "pinn, once", "seconds": round(once, 2), "error": float(error)},
    ]


if __name__ == "__main__":
    main()
