"""What numerics ask of a domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nhpinn_sym as nh
from nhpinn_sym.solve.domains import grid_points, line_points, middle, quadrature_rule


def test_the_quadrature_of_a_box_knows_its_parts() -> None:
    box = nh.Box((0, 2), (1, 4))
    rule = quadrature_rule(box, (2, 3), 2)
    assert rule.inside().weights.sum() == pytest.approx(float(box.volume))
    assert rule.on("right").weights.sum() == pytest.approx(3.0)
    assert np.all(rule.on("bottom").normals == [0, -1])


def test_points_to_look_at() -> None:
    box = nh.Box((0, 2), (1, 4))
    assert grid_points(box, (3, 1)).tolist() == [[0.0, 2.5], [1.0, 2.5], [2.0, 2.5]]
    assert line_points(box, 3).tolist() == [[0.0, 1.0], [1.0, 2.5], [2.0, 4.0]]
    assert middle(box).tolist() == [1.0, 2.5]


@pytest.mark.parametrize("ask", [lambda d: quadrature_rule(d, (2,), 2), middle])
def test_a_kind_of_domain_that_is_not_known_is_refused(ask: Any) -> None:
    with pytest.raises(nh.UnsupportedError, match="this kind"):
        ask(object())
