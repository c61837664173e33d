"""What numerics ask of a domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.domains import grid_points, line_points, middle, quadrature_rule


def test_the_quadrature_of_a_box_knows_its_parts() -> None:
    box = nh.Box((0, 2), (1, 4))
    rule = quadrature_rule(box, (2, 3), 2)
    assert rule.inside().weights.sum() == pytest.approx(float(box.volume))
    assert rule.on("right").weights.sum() == pytest.approx(3.0)
    assert np.all(rule.on("bottom").normals == [0, -1])


def test_the_quadrature_of_a_ball_has_not_many_more_points_than_that_of_a_box() -> None:
    pytest.importorskip("gmsh", exc_type=(ImportError, OSError))
    s = nh.Scales(3)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u), 1),
        scales=s,
        unknown=u,
        domain=nh.Ball((0, 0, 0), 0.5),
        boundary=[nh.Dirichlet(0)],
    )
    cells, count = 24, 2
    found = quadrature_rule(problem.domain, (cells,) * 3, count).inside()
    in_box = (cells * count) ** 3 * np.pi / 6
    # A mesh that is too coarse by a little is cut in eight.
    assert in_box < len(found.points) < 8 * in_box
    assert found.weights @ found.points[:, 0] ** 2 == pytest.approx(np.pi / 120, rel=1e-4)


def test_points_to_look_at() -> None:
    box = nh.Box((0, 2), (1, 4))
    assert grid_points(box, (3, 1)).tolist() == [[0.0, 2.5], [1.0, 2.5], [2.0, 2.5]]
    assert line_points(box, 3).tolist() == [[0.0, 1.0], [1.0, 2.5], [2.0, 4.0]]
    assert middle(box).tolist() == [1.0, 2.5]


@pytest.mark.parametrize("ask", [lambda d: quadrature_rule(d, (2,), 2), middle])
def test_a_kind_of_domain_that_is_not_known_is_refused(ask: Any) -> None:
    with pytest.raises(nh.UnsupportedError, match="this kind"):
        ask(object())
