"""Short ways to write problems, for the tests of the symbolic core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.parse import parse
from nhpinn_sym.operator.table import Operator

Build = Callable[..., Any]
"""Takes (s, u), gives an equation."""


def S(z: sp.Expr) -> sp.Expr:
    return sp.sin(2 * sp.pi * z)


def C(z: sp.Expr) -> sp.Expr:
    return sp.cos(2 * sp.pi * z)


def problem(build: Build, dim: int = 1, time: bool = False, **options: Any) -> nh.MultiscaleProblem:
    s = nh.Scales(dim, time=time)
    u = s.unknown("u")
    return nh.MultiscaleProblem(build(s, u), scales=s, unknown=u, **options)


def derived(build: Build, dim: int = 1, time: bool = False, **options: Any) -> nh.HomogenizedModel:
    return nh.homogenize(problem(build, dim, time, **options))


def table(build: Build, dim: int = 1, time: bool = False, **options: Any) -> Operator:
    return parse(problem(build, dim, time, **options))


def diffusion(a: Callable[[nh.Scales], Any], source: Any = 1) -> Build:
    """-div(a grad u) = source, a of the scales."""
    return lambda s, u: sp.Eq(-s.div(a(s) * s.grad(u)), source)


def y_symbols(dim: int) -> tuple[sp.Symbol, ...]:
    """The plain symbols that stand for s.y in derived expressions."""
    return sp.symbols(f"y1:{dim + 1}", real=True)
