"""Boxes and cells."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import ProblemError


def test_boxes_keep_exact_bounds() -> None:
    box = nh.Box((0, sp.pi), (-1, 2))
    assert (box.dim, box.lengths, box.volume) == (2, (sp.pi, 3), 3 * sp.pi)
    assert box.bounds == ((0.0, float(sp.pi)), (-1.0, 2.0))
    assert box.faces == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert str(box) == "(0, pi) x (-1, 2)"
    assert nh.Cell.unit(2) == nh.Cell((0, 1), (0, 1))
    assert nh.Box([0, 1]) == nh.Box((0, 1))  # type: ignore[arg-type]


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
