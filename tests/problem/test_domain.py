"""Boxes and cells."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.domain import FlatPart
from nhpinn_sym.problem.errors import BoundaryConditionError, ProblemError, UnsupportedError


def test_boxes_keep_exact_bounds() -> None:
    box = nh.Box((0, sp.pi), (-1, 2))
    assert (box.dim, box.lengths, box.volume) == (2, (sp.pi, 3), 3 * sp.pi)
    assert box.bounds == ((0.0, float(sp.pi)), (-1.0, 2.0))
    assert str(box) == "(0, pi) x (-1, 2)"
    assert nh.Cell.unit(2) == nh.Cell((0, 1), (0, 1))
    assert nh.Box([0, 1]) == nh.Box((0, 1))  # type: ignore[arg-type]


def test_the_parts_of_a_box_have_names_and_outward_normals() -> None:
    box = nh.Box((0, sp.pi), (-1, 2), (3, 4))
    names = ["left", "right", "bottom", "top", "front", "back"]
    assert [part.name for part in box.parts] == names
    assert [part.name for part in nh.Box((0, 1)).parts] == ["left", "right"]
    assert len({part.name for part in nh.Box(*[(0, 1)] * 5).parts}) == 10
    inside = [sp.Rational(1, 2)] * 2 + [sp.Rational(7, 2)]
    for part in box.parts:
        distance = part.offset - sum(n * v for n, v in zip(part.normal, inside, strict=True))
        assert distance > 0 and sum(n**2 for n in part.normal) == 1
        assert part.place == box.intervals[part.axis][part.end]
        assert box.part(part.name) == part
    x = sp.symbols("x1:4", real=True)
    assert box.part("right").restrict(x[0] * x[1], x) == sp.pi * x[1]
    assert box.part("bottom").describe(x) == "x2 = -1"


def test_an_unknown_name_is_answered_by_those_that_there_are() -> None:
    with pytest.raises(BoundaryConditionError, match="no part of this name") as caught:
        nh.Box((0, 1)).part("top")
    assert "left" in str(caught.value.remedy) and "right" in str(caught.value.remedy)


def test_an_oblique_part_lies_across_no_axis() -> None:
    oblique = FlatPart("slope", (1 / sp.sqrt(2), 1 / sp.sqrt(2)), sp.Integer(1))
    with pytest.raises(UnsupportedError, match="slope"):
        _ = oblique.axis


def test_which_points_a_box_contains() -> None:
    box = nh.Box((0, 1), (2, 4))
    columns = np.array([[0.0, 0.5, 1.1, 0.5, np.nan], [2.0, 4.1, 3.0, 1.0, 3.0]])
    assert box.contains(columns).tolist() == [True, False, False, False, False]
    assert box.contains(columns, 0.06).tolist() == [True, True, False, False, False]
    assert box.contains((0.5, 3))


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        (0, 1),
        ((1, 0),),
        ((0, 0),),
        ((0, 1, 2),),
        ("ab",),
        ((0, sp.Symbol("L", positive=True)),),
        ((0, sp.oo),),
        ((0, float("nan")),),
        ((0, 1j),),
        (None,),
        (("0", "1"),),
    ],
)
def test_what_is_no_box_is_refused(wrong: tuple) -> None:
    with pytest.raises(ProblemError) as caught:
        nh.Box(*wrong)
    assert caught.value.term is not None
    assert caught.value.remedy is not None
