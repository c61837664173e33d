"""Problems whose scripts for other PINN libraries are tested."""

from __future__ import annotations

import runpy
from functools import partial
from pathlib import Path

import sympy as sp

import nhpinn_sym as nh

PI2 = 2 * sp.pi


def mixed() -> nh.MultiscaleProblem:
    """Every condition, a drift, a parameter with an awkward name, and a cell that is no unit cell."""
    s = nh.Scales(2)
    u, (x, _), (y, z) = s.unknown("u"), s.x, s.y
    q = sp.Symbol("points")
    a = q + sp.sin(PI2 * (y - 1) / 2) * sp.cos(PI2 * z)
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)) + s.grad(u)[0] + sp.exp(sp.cos(PI2 * z)) * u, sp.exp(x)),
        scales=s,
        unknown=u,
        cell=nh.Cell((1, 3), (0, 1)),
        domain=nh.Box((0, 2), (-1, 1)),
        parameters={q: (2, 4)},
        boundary=[
            nh.Dirichlet(x, on=["left", "right"]),
            nh.Neumann(sp.sin(x), on="bottom"),
            nh.Robin(3, x, on="top"),
        ],
    )


def reacting() -> nh.MultiscaleProblem:
    """A system in time, with periodic ends and a large reaction."""
    s = nh.Scales(1, time=True)
    u, y = s.unknown("u", components=2), s.y[0]
    reaction = sp.cos(PI2 * y) * sp.Matrix([[1, 2], [3, 0]])
    flux = (2 + sp.sin(PI2 * y)) * s.grad(u)
    return nh.MultiscaleProblem(
        (s.dt(u) - s.div(flux) + reaction * u / s.eps, sp.Matrix([1, s.x[0]])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(sp.Matrix([1, sp.cos(PI2 * s.x[0])]))],
        final_time=sp.Rational(1, 2),
    )


def clamped() -> nh.MultiscaleProblem:
    """A plate whose slope is given, too, on one side."""
    s = nh.Scales(2)
    w, x = s.unknown("w"), s.x
    bent = (2 + sp.sin(PI2 * s.y[0])) * s.hessian(w)
    return nh.MultiscaleProblem(
        sp.Eq(s.div(s.div(bent)), 1),
        scales=s,
        unknown=w,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[
            nh.Dirichlet(x[0] * x[1] ** 2, on=["left", "right", "bottom"]),
            nh.Clamped(x[0] * x[1] ** 2, on="top"),
        ],
    )


EXAMPLES = (
    "complex_layers",
    "coupled_reaction",
    "elasticity_2d",
    "elasticity_3d",
    "fast_time",
    "higher_order",
    "piezoelectricity",
    "plate",
    "thermoelasticity",
    "waves",
)


def example(name: str) -> nh.MultiscaleProblem:
    """The problem of a class."""
    path = Path(__file__).parents[2] / "examples" / "classes" / f"{name}.py"
    problem: nh.MultiscaleProblem = runpy.run_path(str(path))["problem"]
    return problem


PROBLEMS = {"mixed": mixed, "reacting": reacting}
PROBLEMS |= {f"class {name}": partial(example, name) for name in EXAMPLES}
OF_PINA = ("mixed", "reacting", "class elasticity_2d", "class plate", "class thermoelasticity")
"""The formulas are those of DeepXDE: one problem of each layout."""
