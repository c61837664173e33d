"""What geometry costs: `python tests/benchmarks/geometry.py [name ...]` prints one row for each case.

CPU seconds of this process, on one thread where OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sympy as sp

import nhpinn_sym as nh

Row = tuple[str, float, str]
"""(case, CPU seconds, what was found)."""


def random_disks(n: int, count: int, radius: float, dim: int) -> np.ndarray:
    """Labels (n,) * dim, 1 inside of disks or balls at random places of a periodic cell."""
    lines = [(np.arange(n) + 0.5) / n] * dim
    grid = np.meshgrid(*lines, indexing="ij", sparse=True)
    labels = np.zeros((n,) * dim, dtype=np.uint8)
    for centre in np.random.default_rng(1).random((count, dim)):
        gaps = [np.abs(x - c) for x, c in zip(grid, centre, strict=True)]
        squares = sum(np.minimum(gap, 1 - gap) ** 2 for gap in gaps)
        labels |= (squares < radius**2).astype(np.uint8)
    return labels


def scalar(labels: np.ndarray, value: Any, default: Any = 1) -> Any:
    s = nh.Scales(labels.ndim)
    u = s.unknown("u")
    a = nh.image(s, labels, {0: default, 1: value})
    return nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u))


def elastic(labels: np.ndarray, value: float) -> Any:
    s = nh.Scales(labels.ndim)
    v = s.unknown("v", components=labels.ndim)
    e = s.sym_grad(v)
    mu = nh.image(s, labels, {0: 1, 1: value})
    stress = mu * e.trace() * sp.eye(labels.ndim) + 2 * mu * e
    load = sp.ones(labels.ndim, 1)
    return nh.homogenize(nh.MultiscaleProblem((-s.div(stress), load), scales=s, unknown=v))


def voxel_rows() -> Iterator[Row]:
    """Images of contrast 1000 with one element a pixel."""
    flat = random_disks(512, 40, 0.06, 2)
    solid = random_disks(128, 60, 0.12, 3)
    for name, model in (
        ("scalar 512^2, contrast 1e3", scalar(flat, 1000)),
        ("scalar 512^2, contrast 1e-3", scalar(flat, 1e-3)),
        ("complex 512^2, contrast 1e3", scalar(flat, 1000 - 2 * sp.I, 1 + sp.I)),
        ("elastic 512^2, contrast 1e3", elastic(flat, 1000)),
        ("scalar 128^3, contrast 1e3", scalar(solid, 1000)),
    ):
        start = time.process_time()
        cells = nh.solve_cells(model, "voxel", n_sub=1)
        seconds = time.process_time() - start
        found = f"{cells.info['iterations']} iterations, estimate {cells.info['estimate']:.1e}"
        yield name, seconds, found


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {"voxel": voxel_rows}


if __name__ == "__main__":
    warnings.simplefilter("ignore", nh.ToleranceWarning)
    for group in sys.argv[1:] or GROUPS:
        for name, seconds, found in GROUPS[group]():
            print(f"{name:40} {seconds:8.1f} s   {found}", flush=True)
