"""Which condition stands on which face."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.conditions import assign_faces
from nhpinn_sym.problem.errors import BoundaryConditionError

X = sp.symbols("x1:3", real=True)
SQUARE = nh.Box((0, 1), (0, sp.pi))


@pytest.mark.parametrize(("on", "face"), [("left", (0, 0)), ("top", (1, 1)), ((1, 0), (1, 0)), (sp.Eq(X[1], sp.pi), (1, 1)), (sp.Eq(0, X[0]), (0, 0)),
                                          (sp.Eq(X[0], 1.0), (0, 1))])
def test_a_face_may_be_named_in_several_ways(on: object, face: tuple[int, int]) -> None:
    special = nh.Neumann(1, on=on)
    table = assign_faces([special, nh.Dirichlet(0, on=[f for f in SQUARE.faces if f != face])], SQUARE, X)
    assert [f for f, c in table.items() if c is special] == [face]


def test_periodic_takes_both_faces_of_an_axis() -> None:
    table = assign_faces([nh.Periodic(on="left"), nh.Dirichlet(0, on=["bottom", "top"])], SQUARE, X)
    assert {f for f, c in table.items() if isinstance(c, nh.Periodic)} == {(0, 0), (0, 1)}


@pytest.mark.parametrize("conditions", [
    [], [nh.Dirichlet(0, on="left")], [nh.Dirichlet(0), nh.Neumann(0, on="top")], [nh.Periodic(on="left"), nh.Dirichlet(0)], [0], [nh.Dirichlet],
    [nh.Initial(0)], [nh.Dirichlet(0, on="lft")], [nh.Dirichlet(0, on="front")], [nh.Dirichlet(0, on=(2, 0))], [nh.Dirichlet(0, on=(True, False))],
    [nh.Dirichlet(0, on=0)], [nh.Dirichlet(0, on=sp.Eq(X[0], 7))], [nh.Dirichlet(0, on=[])], [nh.Dirichlet(0, on=lambda x: x < 0)]])
def test_missing_double_and_misplaced_conditions_are_refused(conditions: list) -> None:
    with pytest.raises(BoundaryConditionError) as caught:
        assign_faces(conditions, SQUARE, X)
    assert caught.value.term is not None
    assert caught.value.remedy is not None
