"""Data are judged in the domain and on its boundary, not in the box around it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import BoundaryConditionError, CoefficientError

S = nh.Scales(2)
X, Y = S.x
U = S.unknown("u")
R = sp.sqrt(X**2 + Y**2)
RING = nh.Disk((0, 0), 2, name="out") - nh.Disk((0, 0), sp.Rational(1, 2), name="in")
BAR = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 2), (0, 2)]) - nh.Disk((1, 1), sp.Rational(1, 4))
ROUND = nh.Dirichlet(sp.log(R))


def model(
    flux: sp.Expr, source: sp.Expr, boundary: list[nh.Condition], domain: object = RING
) -> nh.HomogenizedModel:
    equation = sp.Eq(-S.div(flux * S.grad(U)), source)
    return nh.homogenize(
        nh.MultiscaleProblem(equation, scales=S, unknown=U, domain=domain, boundary=boundary)
    )


@pytest.mark.parametrize(("flux", "source", "boundary", "exact"), [
    (1, 0, [nh.Dirichlet(sp.log(R), on="out"), nh.Neumann(-1 / R, on="in")], sp.log(R)),
    (1 / R, R**-3, [ROUND], sp.log(R)),
    (sp.log(3 * R), -1 / R**2, [ROUND], sp.log(R)),
], ids=["flux", "coefficient", "logarithm"])  # fmt: skip
def test_poles_outside_of_a_ring_are_none(
    flux: sp.Expr, source: sp.Expr, boundary: list[nh.Condition], exact: sp.Expr
) -> None:
    own = model(flux, source, boundary)
    u0 = nh.solve_homogenized(own, nh.solve_cells(own), "pinn")
    points = np.array([[0.9, 0.8], [-0.7, 1.0], [0.3, -0.45]])
    known = [float(exact.subs({X: a, Y: b})) for a, b in points]
    assert u0(points) == pytest.approx(known, abs=max(1e-9, u0.info["estimate"]))
    assert u0.info["estimate"] < 1e-6


@pytest.mark.parametrize(("flux", "source", "condition", "domain"), [
    (1, 1 / (X - 1), nh.Dirichlet(0), RING),  # crosses the ring
    (1, 1 / (2 - X) ** 2, nh.Dirichlet(0), BAR),  # along an edge
    (1 / ((X - sp.Rational(3, 4)) ** 2 + (Y - 1) ** 2), 1, nh.Dirichlet(0), BAR),  # on the hole
    (sp.log(R), 1, nh.Dirichlet(0), RING),  # negative next to the hole
])  # fmt: skip
def test_what_is_not_bounded_in_the_domain_is_refused(
    flux: sp.Expr, source: sp.Expr, condition: nh.Condition, domain: object
) -> None:
    with pytest.raises(CoefficientError):
        model(flux, source, [condition], domain)


def test_data_of_a_part_are_judged_on_it_alone() -> None:
    pole = 1 / (X - sp.Rational(7, 4))
    boundary = [nh.Dirichlet(0, on="rest"), nh.Neumann(pole, on="edge4")]
    own = model(1, 0, boundary, BAR)
    assert nh.emit(own, "skfem")
    wrong = model(1, 0, [nh.Dirichlet(0, on="rest"), nh.Neumann(pole, on="edge0")], BAR)
    with pytest.raises(BoundaryConditionError, match="not bounded"):
        nh.emit(wrong, "skfem")
