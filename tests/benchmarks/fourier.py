"""Times of the Fourier backend: python -m tests.benchmarks.fourier"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator

import numpy as np
import sympy as sp

from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.problem.errors import ToleranceWarning
from nhpinn_sym.solve.fourier.cells import CellSolver
from nhpinn_sym.solve.solution import CellTask
from tests.solve.fourier_samples import X, Y, isotropic, scalar, second_order, symmetric_loads
from tests.symbolic import C, S

HALF = sp.Rational(1, 2)


def samples() -> Iterator[tuple[str, LoweredCells, dict[str, object]]]:
    """(name, cell problems, options): every grid starts from the solution on a coarser one."""
    yield (
        "2D exp(2 sin sin), 525^2",
        scalar(sp.exp(2 * S(Y[0]) * S(Y[1])), 2),
        {"n": 525, "residual": 1e-8},
    )
    yield "2D exp(2 sin sin), tolerance", scalar(sp.exp(2 * S(Y[0]) * S(Y[1])), 2), {}
    yield "2D exp(8 sin sin), tolerance", scalar(sp.exp(8 * S(Y[0]) * S(Y[1])), 2), {}
    disk = sp.Piecewise(
        (10, (Y[0] - HALF) ** 2 + (Y[1] - HALF) ** 2 < sp.Rational(9, 100)), (1, True)
    )
    yield "2D disk 10:1, 525^2", scalar(disk, 2, jumps=True), {"n": 525, "residual": 1e-8}
    yield "2D 25 slow points", scalar(2 + X * S(Y[0]) * C(Y[1]), 2, slow=(X,)), {}
    wave = S(Y[0]) * S(Y[1]) * S(Y[2])
    stiff = sp.sqrt(10) ** wave
    elasticity = second_order(isotropic(stiff, sp.sqrt(10) ** C(Y[0]), 3), 3, symmetric_loads(3))
    yield "3D elasticity, contrast 10, 63^3", elasticity, {"n": 63, "residual": 1e-8}


def main() -> None:
    print(
        f"{'':34s} {'seconds':>8s} {'size':>8s} {'iterations':>10s} {'residual':>9s}"
        f" {'estimate':>9s}"
    )
    for name, cells, options in samples():
        points = np.linspace(0, 1.5, 25)[:, None] if cells.slow else np.zeros((1, 0))
        solver = CellSolver(CellTask(cells, {}, (), 1e-10), **options)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToleranceWarning)
            info = solver.solve(points).info
        seconds = time.perf_counter() - start
        print(
            f"{name:34s} {seconds:8.2f} {info['size']:8d} {info['iterations']:10d}"
            f" {info['residual']:9.1e} {info['estimate']:9.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
