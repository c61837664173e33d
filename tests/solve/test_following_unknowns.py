"""Systems of which some equations hold no time derivative, as in consolidation and quasi-static
thermoelasticity: their unknowns follow from the others at all times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import BoundaryConditionError, InitialConditionError

POINTS = np.linspace(0.05, 0.95, 19)[:, None]


def coupled(s: nh.Scales, v: Any, T: Any, a: Any = 1, b: Any = 1) -> list[Any]:
    """-(a v' - b T)' and 2 T_t - (a T')' + b v_t'."""
    heat = 2 * s.dt(T) - s.div(a * s.grad(T)) + b * s.grad(s.dt(v))[0]
    return [-s.div(a * s.grad(v) - sp.Matrix([b * T])), heat]


def manufactured() -> tuple[nh.MultiscaleProblem, Any]:
    """(problem, exact): held on the left, with fluxes on the right."""
    s = nh.Scales(1, time=True)
    v, T = s.unknown("v"), s.unknown("T")
    x, t = s.x[0], s.t
    exact = [
        sp.sin(sp.pi * x) * sp.cos(2 * t) * sp.exp(x) + x * t,
        sp.cos(sp.pi * x / 2) * (1 + t**2) + sp.sin(3 * x) * sp.sin(t),
    ]
    a = 2 + x
    left = coupled(s, v, T, a)
    loads = [e.subs(dict(zip((v, T), exact, strict=True)), simultaneous=True).doit() for e in left]
    slopes = [a * sp.diff(u, x) for u in exact]
    fluxes = [slopes[0] - exact[1], slopes[1]]
    problem = nh.MultiscaleProblem(
        list(zip(left, loads, strict=True)),
        scales=s,
        unknown=[v, T],
        domain=nh.Box((0, 1)),
        boundary=[
            nh.Dirichlet([u.subs(x, 0) for u in exact], on="left"),
            nh.Neumann([flux.subs(x, 1) for flux in fluxes], on="right"),
        ],
        initial=[nh.Initial(exact[1].subs(t, 0), unknown=T)],
        final_time=1,
    )
    return problem, sp.lambdify((x, t), exact, "numpy")


@pytest.mark.parametrize(
    ("backend", "options", "allowed"),
    [
        ("skfem", {}, 3e-6),
        ("dolfinx", {"mesh": (64,), "steps": 64}, 3e-6),
        ("pinn", {"features": 800}, 5e-4),
    ],
)
def test_a_manufactured_solution(backend: str, options: dict[str, Any], allowed: float) -> None:
    problem, exact = manufactured()
    found = nh.solve_fine(problem, 1, backend, **options)
    for time in (0.0, 0.5, 1.0):  # at the start the displacement is that of the temperature
        known = np.stack(exact(POINTS[:, 0], time), axis=1)
        assert np.abs(found(POINTS, t=time) - known).max() < allowed


def test_homogenization_of_layers() -> None:
    """In one dimension v' = (b T + c(t)) / a is known: the error falls with eps."""
    s = nh.Scales(1, time=True)
    v, T = s.unknown("v"), s.unknown("T")
    y = s.y[0]
    a, b = 2 + sp.sin(2 * sp.pi * y), 1 + sp.cos(2 * sp.pi * y) / 2
    problem = nh.MultiscaleProblem(
        list(zip(coupled(s, v, T, a, b), (1, 3), strict=True)),
        scales=s,
        unknown=[v, T],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=sp.Rational(1, 2),
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), "skfem")
    errors = []
    for eps in (1 / 8, 1 / 16):
        fine = nh.solve_fine(problem, eps, "skfem", per_period=16)
        errors.append(np.abs(fine(POINTS) - u0(POINTS)).max())
    assert errors[1] < 0.6 * errors[0] < 0.02


def test_refusals() -> None:
    s = nh.Scales(1, time=True)
    v, T = s.unknown("v"), s.unknown("T")

    def problem(boundary: Any, initial: Any, equations: Any = None) -> nh.MultiscaleProblem:
        return nh.MultiscaleProblem(
            [(e, 0) for e in equations or coupled(s, v, T)],
            scales=s,
            unknown=[v, T],
            domain=nh.Box((0, 1)),
            boundary=boundary,
            initial=initial,
            final_time=1,
        )

    start = nh.Initial(1, unknown=T)
    with pytest.raises(BoundaryConditionError, match="up to a function of time") as caught:
        nh.solve_fine(problem([nh.Periodic()], [start]), 1)
    assert "v(x1, t)" in str(caught.value)
    with pytest.raises(InitialConditionError, match="determines it from the others"):
        problem([nh.Dirichlet(0)], [nh.Initial([1, 1])])
    swapped = problem(
        [nh.Dirichlet(0)], [start], [s.dt(T) - s.div(s.grad(v)), s.dt(T) - s.div(s.grad(T))]
    )
    with pytest.raises(nh.UnsupportedError, match="not that of its own unknown"):
        nh.solve_fine(swapped, 1)
