"""A domain that is no box goes through the solvers: they know domains and meshes as protocols."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.domain import Domain

from .triangle import ROOT, Triangle

S = nh.Scales(2)
A11 = sp.Rational(1, 2)
A22 = 1 / sp.sqrt(3)
"""Of the laminate below, in closed form."""
EXACT = S.x[0] ** 2 + S.x[1] * (1 + S.x[0])
POINTS = np.array([[0.2, 0.3], [0.5, 0.5], [0.0, 0.7], [0.6, 0.1], [0.33, 0.41]])


def problem(domain: object) -> nh.MultiscaleProblem:
    u = S.unknown("u")
    x, y = S.x
    a = 1 / (2 + sp.cos(2 * sp.pi * S.y[0]))
    flux = (A11 * EXACT.diff(x), A22 * EXACT.diff(y))
    return nh.MultiscaleProblem(
        sp.Eq(-S.div(a * S.grad(u)), -flux[0].diff(x) - flux[1].diff(y)),
        scales=S,
        unknown=u,
        domain=domain,
        boundary=[
            nh.Dirichlet(EXACT, on=["left", "bottom"]),
            nh.Neumann(ROOT * (flux[0] + flux[1]), on="rest"),
        ],
    )


def test_a_triangle_is_a_domain_and_a_name_is_none() -> None:
    assert isinstance(Triangle(), Domain)
    with pytest.raises(nh.ProblemError, match="domain"):
        problem("a triangle")


@pytest.mark.parametrize(
    ("backend", "options", "accuracy"),
    [("skfem", {"mesh": 8}, 1e-9), ("pinn", {"features": 200}, 1e-4)],
)
def test_a_laminate_in_a_triangle(backend: str, options: dict[str, int], accuracy: float) -> None:
    model = nh.homogenize(problem(Triangle()))
    cells = nh.solve_cells(model, "fourier")
    solution = nh.solve_homogenized(model, cells, backend, **options)
    exact = sp.lambdify(S.x, EXACT)(*POINTS.T)
    assert np.abs(solution(POINTS) - exact).max() < accuracy
    assert solution.info["estimate"] < 1e-2
    with pytest.raises(nh.ProblemError):
        solution([[0.9, 0.9]])


def test_what_needs_a_box_says_so() -> None:
    model = nh.homogenize(problem(Triangle()))
    cells = nh.solve_cells(model, "fourier")
    with pytest.raises(nh.UnsupportedError, match="no box"):
        nh.solve_homogenized(model, cells, "pinn", method="classical", epochs=1)
    with pytest.warns(UserWarning, match="domain of this kind"):
        nh.emit(model, "deepxde")
