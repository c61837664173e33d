"""Nets on plane regions, with the functions that know their corners and holes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.domains import grid_points, line_points, points_on, quadrature_rule
from nhpinn_sym.solve.solution import Solution

S = nh.Scales(2)
U = S.unknown("u")
L_SHAPE = nh.Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])
RING = nh.Disk((0, 0), 1, name="outer") - nh.Disk((0, 0), 0.4, name="inner")


def solved(domain: Any, boundary: Any, source: Any = 1, **more: Any) -> Solution:
    equation = sp.Eq(-S.div(S.grad(U)), source)
    problem = nh.MultiscaleProblem(
        equation, scales=S, unknown=U, domain=domain, boundary=boundary, **more
    )
    return nh.solve_fine(problem, 1, "pinn")


def test_an_l_shape() -> None:
    """The torsion constant by rational functions (Gopal and Trefethen)."""
    found = solved(L_SHAPE, [nh.Dirichlet(0)])
    rule = quadrature_rule(found.problem.equation.domain, (24, 24), 5).inside()
    assert rule.weights @ found(rule.points) == pytest.approx(0.21407580275, rel=1e-6)
    assert found.info["estimate"] < 1e-5
    assert "6 corners" in found.info["known_functions"]


def test_the_corners_of_a_triangle_that_is_cut_out() -> None:
    """Against elements whose mesh is graded there."""
    hole = nh.Polygon([(-0.2, -0.2), (0.25, -0.1), (0, 0.2)], name="hole")
    domain = nh.Ellipse((0, 0), (1, 0.6)) - hole
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.laplacian(U), 1), scales=S, unknown=U, domain=domain, boundary=[nh.Dirichlet(0)]
    )
    found = nh.solve_fine(problem, 1, "pinn", tolerance=1e-2)
    assert "3 corners" in found.info["known_functions"]
    finer = nh.solve_fine(problem, 1, "skfem", tolerance=1e-5)
    rule = quadrature_rule(found.problem.equation.domain, (24, 24), 3).inside()
    known = finer(rule.points)
    off = rule.relative(found(rule.points) - known, known)
    assert off < found.info["estimate"] + finer.info["estimate"] < 1e-2


def test_what_all_fits_lack_is_in_the_estimate() -> None:
    """A source in the hole, so far from its centre that eight poles there do not make up for it."""
    exact = sp.log((S.x[0] - sp.Rational(3, 10)) ** 2 + S.x[1] ** 2)
    held = [nh.Dirichlet(exact)]
    equation = sp.Eq(-S.laplacian(U), 0)
    ring = nh.MultiscaleProblem(equation, scales=S, unknown=U, domain=RING, boundary=held)
    with pytest.warns(nh.ToleranceWarning, match="estimated error"):
        found = nh.solve_fine(ring, 1, "pinn", features=200)
    rule = quadrature_rule(found.problem.equation.domain, (24, 24), 3).inside()
    known = sp.lambdify(S.x, exact)(*rule.points.T)
    off = rule.relative(found(rule.points) - known, known)
    assert off < found.info["estimate"] < 10 * off


def test_given_values_beside_a_flux_on_a_straight_side() -> None:
    """Motz' problem: the coefficient of Re sqrt(z) in u/500 (Li, Mathon and Sermer 1987)."""
    below = nh.Polygon([(-1, 0), (0, 0), (1, 0), (1, 1), (-1, 1)])
    held = [nh.Dirichlet(0, on=below.edge(0)), nh.Dirichlet(1, on=below.edge(2))]
    found = solved(below, [*held, nh.Neumann(0, on="rest")], 0)
    x, weights = np.polynomial.legendre.leggauss(24)
    angle = np.pi * (x + 1) / 2
    values = found(0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    leading = weights @ (values * np.cos(angle / 2)) / np.sqrt(0.6)
    assert 500 * leading == pytest.approx(401.162453745, rel=1e-7)


@pytest.mark.parametrize("kind", [nh.Dirichlet, nh.Neumann])
def test_a_crack_that_opens_by_a_tenth(kind: Any) -> None:
    """r^k cos(k t), or sin(k t), k = pi over the angle inside; data jump in the crack alone."""
    slope = sp.Float(math.tan(0.1), 17)
    crack = nh.Polygon([(0, 0), (-2, 2 * slope), (-2, -2 * slope)], name="crack")
    power = sp.Float(math.pi / (2 * math.pi - 0.2), 17)
    shape = sp.cos if kind is nh.Dirichlet else sp.sin
    exact = (S.x[0] ** 2 + S.x[1] ** 2) ** (power / 2) * shape(power * sp.atan2(S.x[1], S.x[0]))
    domain = nh.Disk((0, 0), 1, name="rim") - crack
    found = solved(domain, [kind(0, on="crack"), nh.Dirichlet(exact, on="rim")], 0)
    rule = quadrature_rule(found.problem.equation.domain, (8, 8), 3).inside()
    known = sp.lambdify(S.x, exact)(*rule.points.T)
    assert rule.relative(found(rule.points) - known, known) < found.info["estimate"] < 1e-7


def test_given_values_jump_on_their_own_part_alone() -> None:
    jump = sp.Piecewise((1, S.x[0] < sp.Rational(1, 3)), (0, True))
    square = nh.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
    upright = [nh.Dirichlet(jump, on=square.edge(1)), nh.Dirichlet(jump, on=square.edge(3))]
    found = solved(square, [*upright, nh.Neumann(0, on="rest")], 0)
    assert found([[0.25, 0.6]]) == pytest.approx(0.75, abs=1e-8)
    with pytest.raises(nh.UnsupportedError, match="Dirichlet data that jump"):
        solved(square, [nh.Dirichlet(jump)], 0)


def test_a_ring_whose_hole_has_a_logarithm() -> None:
    found = solved(RING, [nh.Dirichlet(0, on="inner"), nh.Robin(2, on="outer")])
    a, b = np.linalg.solve([[math.log(0.4), 1], [1, 2]], [0.04, 1.0])
    x, y = points = np.array([[0.5, -0.4, 0.0, 0.7], [0.5, 0.1, 0.99, -0.7]])
    exact = -(x**2 + y**2) / 4 + a * np.log(np.hypot(x, y)) + b
    assert found(points.T) == pytest.approx(exact, abs=1e-8)
    with pytest.raises(nh.ProblemError):
        found([0.1, 0.1])


def test_a_ring_under_pressure() -> None:
    """Lame's solution: u = (A r + B/r) e_r, from functions with poles of elasticity."""
    w = S.unknown("w", components=2)
    strain = S.sym_grad(w)
    normal = sp.Matrix([-S.x[0], -S.x[1]]) / sp.Rational(2, 5)
    problem = nh.MultiscaleProblem(
        (-S.div(strain.trace() * sp.eye(2) + 4 * strain), sp.zeros(2, 1)),
        scales=S,
        unknown=w,
        domain=RING,
        boundary=[nh.Dirichlet(0, on="outer"), nh.Neumann(-normal, on="inner")],
    )
    found = nh.solve_fine(problem, 1, "pinn")
    a = np.linalg.solve([[6, -4 / 0.16], [1, 1]], [-1, 0])
    points = np.array([[0.7, 0.0], [0.3, -0.6], [-0.5, 0.5]])
    r = np.linalg.norm(points, axis=1, keepdims=True)
    assert found(points) == pytest.approx(points * (a[0] + a[1] / r**2), abs=1e-6)


def test_points_of_a_region() -> None:
    domain = nh.MultiscaleProblem(
        sp.Eq(-S.div(S.grad(U)), 1),
        scales=S,
        unknown=U,
        domain=L_SHAPE - nh.Disk((-0.5, 0.5), 0.2, name="bolt"),
        boundary=[nh.Dirichlet(0)],
    ).domain
    assert domain is not None
    rule = quadrature_rule(domain, (8, 8), 3)
    assert rule.inside().weights.sum() == pytest.approx(3 - 0.04 * math.pi, rel=1e-6)
    on = rule.on("bolt")
    assert on.weights.sum() == pytest.approx(0.4 * math.pi, rel=1e-6)
    assert (on.weights[:, None] * on.normals).sum(axis=0) == pytest.approx(0, abs=1e-12)
    random = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    there = points_on(domain, "bolt", random) - [-0.5, 0.5]
    assert np.linalg.norm(there, axis=1) == pytest.approx(0.2)
    assert grid_points(domain, (3, 3)).shape == (9, 2)
    assert domain.contains(line_points(domain, 5).T).all()
