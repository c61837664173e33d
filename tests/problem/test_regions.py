"""Plane regions as domains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.domain import Domain
from nhpinn_sym.problem.errors import BoundaryConditionError
from nhpinn_sym.problem.regions import Region

L_SHAPE = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
BOLT = nh.Disk((0.5, 0.5), 0.2, name="bolt")
SQUARE = nh.Box((0, 2), (0, 2))
S = nh.Scales(2)


@pytest.mark.parametrize(
    ("shape", "area", "length", "angles"),
    [
        (L_SHAPE, 3, 8, [0.5] * 5 + [1.5]),
        (L_SHAPE - BOLT, 3 - 0.04 * math.pi, 8 + 0.4 * math.pi, [0.5] * 5 + [1.5]),
        (SQUARE - nh.Box((1, 2), (1, 2)), 3, 8, [0.5] * 5 + [1.5]),
        (nh.Box((0, 1), (0, 1)) | nh.Box((1, 2), (0, 1)), 2, 6, [0.5] * 4),
        (nh.Disk((0, 0), 1) & nh.Layer(0, (0, 2)), math.pi / 2, 2 + math.pi, [0.5] * 2),
        (nh.Disk((0, 0), 1) - nh.Polygon([(0, 0), (2, 0), (0, 2)]), 3 * math.pi / 4, None, None),
        (nh.Ellipse((1, 2), (2, 1), 0.3), 2 * math.pi, 9.688448220547675, []),
        # Two circles of radius 1 at the distance 1.
        (
            nh.Disk((0, 0), 1) & nh.Disk((1, 0), 1),
            2 * math.pi / 3 - math.sqrt(3) / 2,
            4 * math.pi / 3,
            [2 / 3] * 2,
        ),
    ],
)
def test_areas_lengths_and_angles(shape: Any, area: float, length: Any, angles: Any) -> None:
    region = Region(shape)
    assert isinstance(region, Domain)
    assert region.area == pytest.approx(area, rel=1e-12)
    if length is not None:
        found = sum(p.length for part in region.parts for p in part.pieces)
        assert found == pytest.approx(length, rel=1e-8)
        corners = [c.angle / math.pi for c in region.corners if not c.straight]
        assert sorted(corners) == pytest.approx(sorted(angles))


def test_parts_have_names_and_outward_normals() -> None:
    region = Region(L_SHAPE - BOLT - nh.Box((1.2, 1.4), (0.2, 0.4), name="window"))
    names = [part.name for part in region.parts]
    assert names[:7] == [*(f"edge{k}" for k in range(6)), "bolt"]
    assert names[7:] == [f"window_{side}" for side in ("bottom", "right", "top", "left")]
    x = sp.symbols("x y")
    assert region.part("edge2").normal_at(x) == (0, 1)
    assert region.part("bolt").normal == ()
    for part in region.parts:
        place = part.pieces[0].at(np.array([0.3]))[0]
        normal = [float(sp.sympify(n).subs(dict(zip(x, place)))) for n in part.normal_at(x)]
        assert np.linalg.norm(normal) == pytest.approx(1)
        beside = np.stack([place - 1e-4 * np.array(normal), place + 1e-4 * np.array(normal)])
        assert region.holds(beside).tolist() == [True, False]
    assert L_SHAPE.edge(2) == (L_SHAPE - BOLT).edge(2) == "edge2"


def test_what_lies_inside_and_on_the_boundary() -> None:
    region = Region(L_SHAPE - BOLT)
    points = np.array([[1.5, 1.5], [0.5, 0.5], [2.0, 0.5], [0.7, 0.5], [1.9, 0.9], [np.nan, 0]])
    assert region.contains(points.T).tolist() == [False, False, True, True, True, False]
    assert bool(region.contains((2 + 1e-6, 0.5), slack=1e-5))


@pytest.mark.parametrize(
    ("shape", "error", "match"),
    [
        (lambda: nh.Disk((0, 0), 0.1) - nh.Disk((0, 0), 0.2), nh.ProblemError, "without area"),
        (lambda: nh.Disk((0, 0), 1) | nh.Disk((3, 0), 1), nh.UnsupportedError, "apart"),
        (lambda: SQUARE - nh.Layer(0, (0.4, 0.6)), nh.UnsupportedError, "apart"),
        (lambda: nh.Disk((0, 0), 1) - nh.Disk((0.5, 0), 0.5), nh.ProblemError, "one point"),
        (lambda: nh.Ball((0, 0, 0), 1), nh.UnsupportedError, "no plane region"),
        (lambda: nh.Layer(0, (0, 1)), nh.UnsupportedError, "an end"),
        (lambda: nh.Polygon([(0, 0), (2, 2), (2, 0), (0, 1)]), nh.ProblemError, "intersects"),
        (lambda: nh.Disk((0, 0), 1, name="rest"), nh.ProblemError, "a word"),
    ],
)
def test_what_is_no_region_is_refused(shape: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Region(shape())


@pytest.mark.parametrize(
    ("boundary", "match"),
    [
        ([nh.Dirichlet(0, on="bolts")], '"edge5", "bolt"'),
        ([nh.Dirichlet(0, on="bolt")], r'"edge0" \(of length 2, through'),
        ([nh.Dirichlet(0, on=(0, 0)), nh.Neumann(0, on="rest")], "not a part"),
    ],
)
def test_conditions_go_by_names(boundary: list[Any], match: str) -> None:
    u = S.unknown("u")
    equation = sp.Eq(-S.div(S.grad(u)), 1)
    domain = L_SHAPE - BOLT
    with pytest.raises(BoundaryConditionError, match=match):
        nh.MultiscaleProblem(equation, scales=S, unknown=u, domain=domain, boundary=boundary)


def test_a_name_is_that_of_all_sides_of_a_polygon() -> None:
    u = S.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.div(S.grad(u)), 1),
        scales=S,
        unknown=u,
        domain=SQUARE
        - nh.Polygon([(0.5, 0.5), (1, 0.5), (0.7, 1)], name="hole")
        - nh.Disk((0.3, 0.3), 0.1, name="bolt")
        - nh.Disk((1.7, 1.7), 0.1, name="bolt"),
        boundary=[nh.Dirichlet(1, on=["hole", "bolt"]), nh.Neumann(0, on="rest")],
    )
    held = [name for (name, _), c in problem.conditions.items() if isinstance(c, nh.Dirichlet)]
    assert held == ["hole_0", "hole_1", "hole_2", "bolt", "bolt_2"]


@pytest.mark.parametrize("far", [10**5, 10**7])
def test_a_region_far_from_the_origin(far: int) -> None:
    """Rounding of coordinates must stay small beside the size."""
    shape = nh.Disk((far, far), 1) - nh.Disk((far + 1, far), 1)
    if far == 10**5:
        assert Region(shape).area == pytest.approx(math.pi / 3 + math.sqrt(3) / 2, abs=1e-8)
    else:
        with pytest.raises(nh.ProblemError, match="move the origin"):
            Region(shape)


def test_an_error_names_the_part_that_lies_across_no_axis() -> None:
    with pytest.raises(nh.UnsupportedError, match=r"term: +circle0\n"):
        _ = Region(nh.Disk((0, 0), 1)).parts[0].axis
