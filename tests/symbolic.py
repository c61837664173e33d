"""Short ways to write problems, for the tests of the symbolic core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.parse import parse
from nhpinn_sym.operator.table import Operator

Build = Callable[..., Any]
"""Takes (s, u), gives an equation; u is a column where there are `components`."""

Array = np.ndarray


def S(z: sp.Expr) -> sp.Expr:
    return sp.sin(2 * sp.pi * z)


def C(z: sp.Expr) -> sp.Expr:
    return sp.cos(2 * sp.pi * z)


def problem(
    build: Build,
    dim: int = 1,
    time: bool = False,
    *,
    components: int = 1,
    levels: int = 1,
    fast_time: Any = None,
    **options: Any,
) -> nh.MultiscaleProblem:
    s = nh.Scales(dim, time=time, levels=levels, fast_time=fast_time)
    u = s.unknown("u", components)
    return nh.MultiscaleProblem(build(s, u), scales=s, unknown=u, **options)


def derived(
    build: Build, dim: int = 1, time: bool = False, order: int = 1, **options: Any
) -> nh.HomogenizedModel:
    return nh.homogenize(problem(build, dim, time, **options), order)


def solved(
    build: Build, dim: int = 1, time: bool = False, order: int = 1, **options: Any
) -> nh.CellSolution:
    """The cells by the Fourier backend."""
    return nh.solve_cells(derived(build, dim, time, order, **options), "fourier")


def table(build: Build, dim: int = 1, time: bool = False, **options: Any) -> Operator:
    return parse(problem(build, dim, time, **options))


def diffusion(a: Callable[[nh.Scales], Any], source: Any = 1) -> Build:
    """-div(a grad u) = source, a of the scales."""
    return lambda s, u: sp.Eq(-s.div(a(s) * s.grad(u)), source)


def stiffness_flux(
    c: Callable[[int, int, int, int], Any], gradient: Any, strain: bool = True
) -> sp.Matrix:
    """sigma_ik = c(i, k, j, l) d_l u_j, as a matrix; `strain`: of the symmetric gradient."""
    g = (gradient + gradient.T) / 2 if strain else gradient
    rows, columns = gradient.shape
    return sp.Matrix(
        rows,
        columns,
        lambda i, k: sp.Add(
            *[c(i, k, j, m) * g[j, m] for j in range(rows) for m in range(columns)]
        ),
    )


def y_symbols(dim: int) -> tuple[sp.Symbol, ...]:
    """The plain symbols that stand for s.y in derived expressions."""
    return sp.symbols(f"y1:{dim + 1}", real=True)


def slope(n: int, length: float = 1.0) -> Array:
    """The derivative of trigonometric interpolants at n (odd) equispaced points of a period."""
    waves = 2j * np.pi * np.fft.fftfreq(n, length / n)
    return np.asarray(np.fft.ifft(waves[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real)


def nullvector(a: Array) -> Array:
    """The kernel of a matrix as a vector of mean one."""
    vector = np.linalg.svd(a)[2][-1]
    return np.asarray(vector / vector.mean())


def zero_mean(a: Array, right: Array) -> Array:
    """The solution of zero mean of a singular system with the constants for its kernel, right-hand
    side in the range: A N + <N> = right.
    """
    return np.asarray(np.linalg.solve(a + 1 / len(a), right))
