"""A coefficient that is 1 % off in one solver is named by the verdict, for the boundary value
problems of every class: coarse, in one dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.validate.verdict import verdict_of
from tests.symbolic import C, S

from .wrong_backends import reports

EPS = sp.Rational(1, 4)
WRONG = sp.Rational(101, 100)


def problem(
    operator: Callable[[nh.Scales, Any, Any], Any],
    scales: nh.Scales,
    wall: Any,
    source: object = 0,
    starts: int = 0,
    end: object = sp.Rational(1, 20),
    components: int = 1,
) -> Callable[[Any], nh.MultiscaleProblem]:
    """A problem on (0, 1), by the factor of its coefficient."""

    def of_factor(factor: Any) -> nh.MultiscaleProblem:
        u = scales.unknown("u", components=components)
        x = scales.x[0]
        initial = [nh.Initial(sp.sin(sp.pi * x)), nh.Initial(0, order=1)][:starts]
        if isinstance(wall, nh.Periodic) and starts:
            initial[0] = nh.Initial(1 + S(x))
        return nh.MultiscaleProblem(
            sp.Eq(operator(scales, u, factor), source),
            scales=scales,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[wall],
            initial=initial,
            final_time=end if starts else None,
        )

    return of_factor


def diffusion(s: nh.Scales, u: Any, factor: Any) -> Any:
    return -s.div(factor * (2 + S(s.y[0])) * s.grad(u))


def piezoelectricity(s: nh.Scales, u: Any, factor: Any) -> Any:
    """A saddle point of displacement and potential."""
    coupling = 1 + C(s.y[0]) / 2
    moduli = sp.Matrix([[2 + S(s.y[0]), coupling], [coupling, -3]])
    return -s.div(factor * moduli * s.grad(u))


TIME = nh.Scales(1, time=True)
STILL = nh.Scales(1)
CLASSES = {
    "parabolic": problem(
        lambda s, u, q: s.dt(u) + diffusion(s, u, q), TIME, nh.Dirichlet(0), starts=1
    ),
    "wave": problem(
        lambda s, u, q: s.dt(u, 2) + diffusion(s, u, q),
        TIME,
        nh.Dirichlet(0),
        starts=2,
        end=sp.Rational(3, 10),
    ),
    "beam": problem(
        lambda s, u, q: s.div(s.div(q * (2 + S(s.y[0])) * s.hessian(u))), STILL, nh.Clamped(), 1
    ),
    "three scales": problem(
        lambda s, u, q: -s.div(q * (2 + S(s.y[0])) * (2 + C(s.z[0])) * s.grad(u)),
        nh.Scales(1, levels=2),
        nh.Dirichlet(0),
        1,
    ),
    "drift": problem(
        lambda s, u, q: (
            s.dt(u) - q * s.laplacian(u) + (sp.Rational(1, 2) + C(s.y[0])) * s.grad(u)[0] / s.eps
        ),
        TIME,
        nh.Periodic(),
        starts=1,
    ),
    "complex": problem(
        lambda s, u, q: -s.div(q * (2 + S(s.y[0]) + sp.I) * s.grad(u)), STILL, nh.Dirichlet(0), 1
    ),
    "ground state": problem(
        lambda s, u, q: s.dt(u) - q * s.laplacian(u) + 4 * C(s.y[0]) * u / s.eps**2,
        TIME,
        nh.Dirichlet(0),
        starts=1,
    ),
    "locally periodic": problem(
        lambda s, u, q: -s.div(q * (2 + s.x[0] + S(s.y[0])) * s.grad(u)), STILL, nh.Dirichlet(0), 1
    ),
    "piezoelectricity": problem(
        piezoelectricity, STILL, nh.Dirichlet(0), sp.Matrix([1, 0]), components=2
    ),
    "reaction": problem(
        lambda s, u, q: -s.div(q * s.grad(u)) + 4 * C(s.y[0]) * u / s.eps,
        STILL,
        nh.Dirichlet(0),
        1,
    ),
}
FEW = {"features": 300}
"""For nets in space and time: 1e-4 is enough here."""


@pytest.mark.parametrize("name", CLASSES)
def test_a_wrong_coefficient_in_one_solver_is_named(name: str) -> None:
    """Plane and spatial ones by `tests.benchmarks.wrong_backends`."""
    right, shifted = CLASSES[name](1), CLASSES[name](WRONG)
    for report, verdict in reports(right, shifted, EPS, per_period=24, pinn={"equation": FEW}):
        assert report.verdict is verdict, report.evidence
        assert verdict_of(report.as_dict()) is verdict
