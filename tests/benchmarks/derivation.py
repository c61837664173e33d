"""CPU times of derivations: medians of alternating runs, each from a fresh problem with an empty
SymPy cache. Nothing is solved, nothing written out.

.venv/bin/python tests/benchmarks/derivation.py [RUNS]
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.cache import clear_cache

import nhpinn_sym as nh


class Case(NamedTuple):
    """What is derived, to which order, and in how many seconds it should be."""

    name: str
    build: Callable[[], nh.MultiscaleProblem]
    order: int
    target: float


def anisotropic_elasticity() -> nh.MultiscaleProblem:
    """Three dimensions, 21 moduli c_1(y), ..., c_21(y) without a formula."""
    s = nh.Scales(3)
    v = s.unknown("v", components=3)
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    place = {pair: m for m, (i, j) in enumerate(pairs) for pair in ((i, j), (j, i))}
    moduli: dict[tuple[int, int], Any] = {}
    for number, (m, n) in enumerate(itertools.combinations_with_replacement(range(6), 2), 1):
        moduli[m, n] = moduli[n, m] = sp.Function(f"c_{number}")(*s.y)
    e = s.sym_grad(v)
    strain = [e[pair] * (1 if m < 3 else 2) for m, pair in enumerate(pairs)]
    stress = sp.Matrix(3, 3, lambda i, j: sum(moduli[place[i, j], n] * strain[n] for n in range(6)))
    return nh.MultiscaleProblem((-s.div(stress), sp.zeros(3, 1)), scales=s, unknown=v)


def locally_periodic() -> nh.MultiscaleProblem:
    """A scalar equation in two dimensions with a(x, y)."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 3 + s.x[0] + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1]) * (1 + s.x[1] ** 2)
    return nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)


CASES = (
    Case("3D anisotropic elasticity, 21 moduli", anisotropic_elasticity, 1, 0.1),
    Case("3D anisotropic elasticity, 21 moduli", anisotropic_elasticity, 2, 0.3),
    Case("3D anisotropic elasticity, 21 moduli", anisotropic_elasticity, 4, 1.0),
    Case("2D scalar, a(x, y)", locally_periodic, 4, 0.3),
)


def measured(case: Case) -> tuple[float, int]:
    """(CPU seconds of nh.homogenize, number of cell problems)."""
    problem = case.build()
    clear_cache()
    start = time.process_time()
    model = nh.homogenize(problem, order=case.order)
    return time.process_time() - start, len(model.cell_problems)


def main(runs: int) -> None:
    results = [[measured(case) for case in CASES] for _ in range(runs)]
    print(
        f"{'problem':38} {'order':>5} {'cell problems':>14} {'median':>9} {'fastest':>9}"
        f" {'target':>7}"
    )
    for case, column in zip(CASES, zip(*results, strict=True), strict=True):
        seconds = [t for t, _ in column]
        print(
            f"{case.name:38} {case.order:5} {column[0][1]:14} {statistics.median(seconds):7.3f} s"
            f" {min(seconds):7.3f} s {case.target:5.1f} s"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
