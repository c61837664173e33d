"""Errors and CPU seconds of the PINN backend, beside those of FFT or finite elements: python -m
tests.benchmarks.pinn_accuracy

Every error is against a truth of its own: closed forms, series, multipoles, or the Fourier backend
at 1e-13. One thread.
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import NhpinnError
from tests.pinn_samples import reaction_diffusion_solution, relative, square_solution

PI2 = 2 * sp.pi
TRAINED: dict[str, Any] = {"solver": "varpro", "width": 24, "depth": 2}
FULL = 2 * np.pi


class Row(NamedTuple):
    """One line of the table: `solve` is timed, `errors` of what it gives are printed by name."""

    what: str
    solve: Callable[[], Any]
    errors: Callable[[Any], dict[str, float]]
    asked: str


def diffusion(
    a: Callable[[nh.Scales], sp.Expr],
    right: Callable[[nh.Scales], sp.Expr] = lambda s: sp.S.One,
    dim: int = 2,
    side: sp.Expr = sp.S.One,
) -> nh.HomogenizedModel:
    s = nh.Scales(dim)
    u = s.unknown("u")
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a(s) * s.grad(u)), right(s)),
            scales=s,
            unknown=u,
            domain=nh.Box(*[(0, side)] * dim),
            boundary=[nh.Dirichlet(0)],
        )
    )


def waves(s: nh.Scales) -> sp.Expr:
    return 2 + sp.sin(PI2 * s.y[0]) * sp.cos(PI2 * s.y[1])


elliptic = diffusion(waves, lambda s: sp.sin(s.x[0]) + sp.cos(s.x[1]))
cubic = diffusion(
    lambda s: 2 + sp.sin(PI2 * s.y[0]) * sp.sin(PI2 * s.y[1]) * sp.sin(PI2 * s.y[2]), dim=3
)
slow = diffusion(lambda s: 2 + sp.sin(s.x[0]) + sp.sin(PI2 * s.y[0]) / 2, dim=1, side=sp.pi)


def truth(model: nh.HomogenizedModel) -> nh.CellSolution:
    """On a finer grid than that of the row "FFT"."""
    return nh.solve_cells(
        model, "fourier", tolerance=1e-13, n={1: 129, 2: 81, 3: 45}[model.problem.scales.dim]
    )


def tensor_error(exact: nh.CellSolution, cells: nh.CellSolution) -> float:
    return float(
        np.abs(cells.effective["A"] - exact.effective["A"]).max()
        / np.abs(exact.effective["A"]).max()
    )


def elliptic_rows() -> Iterator[Row]:
    exact, points = truth(elliptic), np.random.default_rng(0).random((2000, 2))

    def errors(cells: nh.CellSolution) -> dict[str, float]:
        return {
            "chi": max(
                relative(f(points), g(points)) for f, g in zip(cells.functions, exact.functions)
            ),
            "a*": tensor_error(exact, cells),
        }

    yield Row(
        "cell of elliptic_2d, random features",
        lambda: nh.solve_cells(elliptic, "pinn", tolerance=1e-12, features=1000),
        errors,
        "chi 1e-8, a* 1e-12 in 1 s",
    )
    yield Row(
        "  trained 2x24",
        lambda: nh.solve_cells(elliptic, "pinn", tolerance=1e-13, **TRAINED),
        errors,
        "chi 1e-6 in 20 s",
    )
    yield Row("  FFT", lambda: nh.solve_cells(elliptic, "fourier"), errors, "")
    yield Row("  FEM (Q2)", lambda: nh.solve_cells(elliptic, "skfem"), errors, "")


def square_rows() -> Iterator[Row]:
    cells, points = truth(elliptic), np.random.default_rng(1).random((300, 2))

    def errors(u: Any) -> dict[str, float]:
        return {
            "u0": relative(u(points), square_solution(points, float(cells.effective["A"][0, 0])))
        }

    yield Row(
        "homogenized square, random features",
        lambda: nh.solve_homogenized(elliptic, cells, "pinn", tolerance=1e-8),
        errors,
        "1e-7 in 1 s",
    )
    yield Row(
        "  trained 2x24",
        lambda: nh.solve_homogenized(elliptic, cells, "pinn", **TRAINED),
        errors,
        "1e-5 in 20 s",
    )
    yield Row(
        "  FEM (Q2)",
        lambda: nh.solve_homogenized(elliptic, cells, "skfem", tolerance=1e-7),
        errors,
        "",
    )


def slow_rows() -> Iterator[Row]:
    x = np.linspace(0, math.pi, 101)[:, None]
    exact = np.sqrt((2 + np.sin(x[:, 0])) ** 2 - 0.25)

    def errors(cells: nh.CellSolution) -> dict[str, float]:
        return {"a*(x)": float(np.abs(cells.effective["A"](x)[:, 0, 0] - exact).max())}

    for name, backend in (
        ("a*(x) of slowly_varying_1d, one net", "pinn"),
        ("  FFT", "fourier"),
        ("  FEM", "skfem"),
    ):
        yield Row(
            name,
            lambda backend=backend: nh.solve_cells(slow, backend),
            errors,
            "1e-10 in 1 s" if backend == "pinn" else "",
        )


def reaction_rows() -> Iterator[Row]:
    s = nh.Scales(1, time=True)
    u, r = s.unknown("u"), sp.cos(PI2 * s.y[0])
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(s.dt(u) - s.div(2 * s.grad(u)) + r * u / s.eps, sp.sin(PI2 * s.x[0])),
            scales=s,
            unknown=u,
            domain=nh.Box((-sp.pi, sp.pi)),
            boundary=[nh.Dirichlet(0)],
            initial=[nh.Initial(0)],
            final_time=sp.Rational(1, 2),
        )
    )
    cells, points = truth(model), np.linspace(-np.pi, np.pi, 401)[1:-1, None]

    def errors(found: Any) -> dict[str, float]:
        return {
            "u0(T)": relative(
                found(points), reaction_diffusion_solution(points, -1 / (16 * np.pi**2))
            )
        }

    yield Row(
        "reaction_diffusion at T",
        lambda: nh.solve_homogenized(model, cells, "pinn"),
        errors,
        "1e-5 in 10 s",
    )
    yield Row(
        "  FEM (P2, SDIRK4)",
        lambda: nh.solve_homogenized(model, cells, "skfem", tolerance=1e-5),
        errors,
        "",
    )


def cylinders(contrast: float, radius: float = 0.3, orders: int = 12) -> float:
    """A* of a square array of disks by multipoles (Rayleigh 1892; Perrins, McKenzie, McPhedran
    1979).
    """
    odd = range(1, 2 * orders, 2)
    matrix = (contrast + 1) / (contrast - 1) * np.eye(orders)
    matrix -= np.array(
        [
            [math.comb(n + m - 1, n) * lattice_sum(n + m) * radius ** (n + m) for m in odd]
            for n in odd
        ]
    )
    return float(1 + 2 * np.pi * radius * np.linalg.solve(matrix, radius * np.eye(orders)[0])[0])


@cache
def lattice_sum(k: int) -> float:
    """sum (m + i n)^-k over the square lattice without 0, summed along one axis first: S_2 = pi,
    and 0 unless 4 divides k beyond.
    """
    if k == 2:
        return math.pi
    if k % 4:
        return 0.0
    zeta = float(sp.zeta(k))
    tail = sum(
        sum(float(d) ** (k - 1) for d in range(1, n + 1) if n % d == 0) * math.exp(-FULL * n)
        for n in range(1, 30)
    )
    return 2 * zeta + 2 * FULL**k / math.factorial(k - 1) * tail


def disk_rows() -> Iterator[Row]:
    for contrast in (10, 50):
        model = diffusion(
            lambda s, contrast=contrast: nh.phases(
                s, {nh.Disk((0.5, 0.5), 0.3): contrast}, default=1
            )
        )
        exact = cylinders(contrast)

        def errors(cells: nh.CellSolution, exact: float = exact) -> dict[str, float]:
            found = {"a*": abs(float(cells.effective["A"][0, 0]) - exact) / exact}
            if "A" in cells.bounds:
                low, high = (float(end[0, 0]) for end in cells.bounds["A"])
                found |= {
                    "width": (high - low) / exact,
                    "outside": max(low - exact, exact - high, 0.0) / exact,
                }
            return found

        yield Row(
            f"disk, contrast {contrast}, net per phase",
            lambda model=model: nh.solve_cells(model, "pinn"),
            errors,
            "1e-7 in 10 s",
        )
        yield Row(
            "  Ritz and dual",
            lambda model=model: nh.solve_cells(model, "pinn", method="energy"),
            errors,
            "width 1e-6 in 10 s",
        )
        yield Row("  FFT, raw", lambda model=model: nh.solve_cells(model, "fourier"), errors, "")
        yield Row("  FEM", lambda model=model: nh.solve_cells(model, "skfem"), errors, "")


def cube_rows() -> Iterator[Row]:
    exact = truth(cubic)

    def errors(cells: nh.CellSolution) -> dict[str, float]:
        return {"a*": tensor_error(exact, cells)}

    yield Row(
        "3D cell, random features",
        lambda: nh.solve_cells(cubic, "pinn", tolerance=1e-6),
        errors,
        "1e-6 in 60 s",
    )
    yield Row("  more of them", lambda: nh.solve_cells(cubic, "pinn", features=4000), errors, "")
    yield Row("  FFT", lambda: nh.solve_cells(cubic, "fourier"), errors, "")


GROUPS = (elliptic_rows, square_rows, slow_rows, reaction_rows, cube_rows, disk_rows)


def main() -> None:
    torch.set_num_threads(1)
    nh.solve_cells(elliptic, "pinn", features=100, tolerance=1.0)  # what is imported, is imported
    print(f"{'':40s} {'CPU s':>7s}  {'asked':26s} reached")
    for row in (row for group in GROUPS for row in group()):
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = row.solve()
        except NhpinnError as cause:
            print(f"{row.what:40s} {'':7s}  {row.asked:26s} refused: {cause.what}", flush=True)
            continue
        seconds = time.process_time() - start
        reached = ", ".join(f"{name} {value:.1e}" for name, value in row.errors(found).items())
        print(f"{row.what:40s} {seconds:7.2f}  {row.asked:26s} {reached}", flush=True)


if __name__ == "__main__":
    main()
