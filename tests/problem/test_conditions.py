"""Which condition stands on which face."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.conditions import assign_faces, fields_of, values_of
from nhpinn_sym.problem.errors import BoundaryConditionError

X = sp.symbols("x1:3", real=True)
SQUARE = nh.Box((0, 1), (0, sp.pi))
U = (nh.Scales(2).unknown("u"),)
FIELDS = (*nh.Scales(2).unknown("v", components=2), nh.Scales(2).unknown("T"))


@pytest.mark.parametrize(
    ("on", "face"),
    [
        ("left", (0, 0)),
        ("top", (1, 1)),
        ((1, 0), (1, 0)),
        (sp.Eq(X[1], sp.pi), (1, 1)),
        (sp.Eq(0, X[0]), (0, 0)),
        (sp.Eq(X[0], 1.0), (0, 1)),
    ],
)
def test_a_face_may_be_named_in_several_ways(on: object, face: tuple[int, int]) -> None:
    special = nh.Neumann(1, on=on)
    table = assign_faces(
        [special, nh.Dirichlet(0, on=[f for f in SQUARE.faces if f != face])], SQUARE, X, U
    )
    assert [f for (f, _), c in table.items() if c is special] == [face]


def test_periodic_takes_both_faces_of_an_axis() -> None:
    table = assign_faces(
        [nh.Periodic(on="left"), nh.Dirichlet(0, on=["bottom", "top"])], SQUARE, X, U
    )
    assert {f for (f, _), c in table.items() if isinstance(c, nh.Periodic)} == {(0, 0), (0, 1)}


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [nh.Dirichlet(0, on="left")],
        [nh.Dirichlet(0), nh.Neumann(0, on="top")],
        [nh.Periodic(on="left"), nh.Dirichlet(0)],
        [0],
        [nh.Dirichlet],
        [nh.Initial(0)],
        [nh.Dirichlet(0, on="lft")],
        [nh.Dirichlet(0, on="front")],
        [nh.Dirichlet(0, on=(2, 0))],
        [nh.Dirichlet(0, on=(True, False))],
        [nh.Dirichlet(0, on=0)],
        [nh.Dirichlet(0, on=sp.Eq(X[0], 7))],
        [nh.Dirichlet(0, on=[])],
        [nh.Dirichlet(0, on=lambda x: x < 0)],
    ],
)
def test_missing_double_and_misplaced_conditions_are_refused(conditions: list) -> None:
    with pytest.raises(BoundaryConditionError) as caught:
        assign_faces(conditions, SQUARE, X, U)
    assert caught.value.term is not None
    assert caught.value.remedy is not None


def test_each_unknown_has_its_own_condition_on_a_face() -> None:
    """v is clamped everywhere; T is insulated on the left and given elsewhere."""
    v, heat = FIELDS[:2], FIELDS[2]
    clamped, insulated = nh.Dirichlet(0, unknown=list(v)), nh.Neumann(0, on="left", unknown=heat)
    given = nh.Dirichlet(1, on=["right", "bottom", "top"], unknown=heat)
    table = assign_faces([clamped, insulated, given], SQUARE, X, FIELDS)
    assert len(table) == 12
    assert table[(0, 0), 2] is insulated
    assert table[(1, 1), 2] is given
    assert all(table[face, j] is clamped for face in SQUARE.faces for j in (0, 1))
    assert fields_of(clamped, FIELDS) == (0, 1)
    assert fields_of(nh.Dirichlet(0), FIELDS) == (0, 1, 2)


def test_an_unknown_without_a_condition_or_with_two_is_told() -> None:
    with pytest.raises(BoundaryConditionError, match="no boundary condition on x1 = 0"):
        assign_faces([nh.Dirichlet(0, unknown=list(FIELDS[:2]))], SQUARE, X, FIELDS)
    with pytest.raises(BoundaryConditionError, match="two conditions on the face x1 = 0"):
        assign_faces(
            [nh.Dirichlet(0), nh.Neumann(0, on="left", unknown=FIELDS[2])], SQUARE, X, FIELDS
        )
    with pytest.raises(BoundaryConditionError, match="not an unknown of the problem"):
        assign_faces([nh.Dirichlet(0, unknown=nh.Scales(2).unknown("w"))], SQUARE, X, FIELDS)


def test_values_by_component() -> None:
    assert values_of(nh.Dirichlet(0), "value", (0, 1, 2)) == (0, 0, 0)
    assert values_of(nh.Dirichlet(sp.Matrix([X[0], 2, 3])), "value", (0, 1, 2)) == (X[0], 2, 3)
    assert values_of(nh.Robin(5, sp.Matrix([1, 2])), "alpha", (0, 1)) == (5, 5)
    for wrong in (nh.Dirichlet(1), nh.Dirichlet(sp.Matrix([1, 2]))):
        with pytest.raises(BoundaryConditionError, match="scalar unknowns"):
            values_of(wrong, "value", (0, 1, 2))
