"""Which condition stands on which part of the boundary."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.conditions import assign_parts, fields_of, values_of
from nhpinn_sym.problem.domain import FlatPart
from nhpinn_sym.problem.errors import BoundaryConditionError

X = sp.symbols("x1:3", real=True)
SQUARE = nh.Box((0, 1), (0, sp.pi))
U = (nh.Scales(2).unknown("u"),)
FIELDS = (*nh.Scales(2).unknown("v", components=2), nh.Scales(2).unknown("T"))


@pytest.mark.parametrize(
    ("on", "name"),
    [
        ("left", "left"),
        ("top", "top"),
        (("top",), "top"),
        ((1, 0), "bottom"),
        (sp.Eq(X[1], sp.pi), "top"),
        (sp.Eq(0, X[0]), "left"),
        (sp.Eq(X[0], 1.0), "right"),
    ],
)
def test_a_part_may_be_named_in_several_ways(on: object, name: str) -> None:
    special = nh.Neumann(1, on=on)
    others = tuple(part.name for part in SQUARE.parts if part.name != name)
    table = assign_parts([special, nh.Dirichlet(0, on=others)], SQUARE, X, U)
    assert [part for (part, _), c in table.items() if c is special] == [name]


def test_what_is_no_part_is_answered_by_the_names_of_the_parts() -> None:
    with pytest.raises(BoundaryConditionError) as caught:
        assign_parts([nh.Dirichlet(0, on="front")], SQUARE, X, U)
    assert '"left", "right", "bottom", "top"' in str(caught.value.remedy)


def test_periodic_takes_both_ends_of_an_axis() -> None:
    table = assign_parts(
        [nh.Periodic(on="left"), nh.Dirichlet(0, on=["bottom", "top"])], SQUARE, X, U
    )
    found = {name for (name, _), c in table.items() if isinstance(c, nh.Periodic)}
    assert found == {"left", "right"}


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
        [nh.Dirichlet(0, on=["left", "left"]), nh.Dirichlet(1, on=["right", "bottom", "top"])],
        [nh.Dirichlet(0, on=lambda x: x < 0)],
    ],
)
def test_missing_double_and_misplaced_conditions_are_refused(conditions: list) -> None:
    with pytest.raises(BoundaryConditionError) as caught:
        assign_parts(conditions, SQUARE, X, U)
    assert caught.value.term is not None
    assert caught.value.remedy is not None


def test_each_unknown_has_its_own_condition_on_a_part() -> None:
    """v is clamped everywhere; T is insulated on the left and given elsewhere."""
    v, heat = FIELDS[:2], FIELDS[2]
    clamped, insulated = nh.Dirichlet(0, unknown=list(v)), nh.Neumann(0, on="left", unknown=heat)
    given = nh.Dirichlet(1, on=["right", "bottom", "top"], unknown=heat)
    table = assign_parts([clamped, insulated, given], SQUARE, X, FIELDS)
    assert len(table) == 12
    assert table["left", 2] is insulated
    assert table["top", 2] is given
    assert all(table[part.name, j] is clamped for part in SQUARE.parts for j in (0, 1))
    assert fields_of(clamped, FIELDS) == (0, 1)
    assert fields_of(nh.Dirichlet(0), FIELDS) == (0, 1, 2)


def test_an_unknown_without_a_condition_or_with_two_is_told() -> None:
    with pytest.raises(
        BoundaryConditionError, match=r"no boundary condition on \"left\" \(x1 = 0\)"
    ):
        assign_parts([nh.Dirichlet(0, unknown=list(FIELDS[:2]))], SQUARE, X, FIELDS)
    with pytest.raises(BoundaryConditionError, match=r"two conditions on \"left\" \(x1 = 0\)"):
        assign_parts(
            [nh.Dirichlet(0), nh.Neumann(0, on="left", unknown=FIELDS[2])], SQUARE, X, FIELDS
        )
    with pytest.raises(BoundaryConditionError, match="not an unknown of the problem"):
        assign_parts([nh.Dirichlet(0, unknown=nh.Scales(2).unknown("w"))], SQUARE, X, FIELDS)


def test_values_by_component() -> None:
    assert values_of(nh.Dirichlet(0), "value", (0, 1, 2)) == (0, 0, 0)
    assert values_of(nh.Dirichlet(sp.Matrix([X[0], 2, 3])), "value", (0, 1, 2)) == (X[0], 2, 3)
    assert values_of(nh.Robin(5, sp.Matrix([1, 2])), "alpha", (0, 1)) == (5, 5)
    for wrong in (nh.Dirichlet(1), nh.Dirichlet(sp.Matrix([1, 2]))):
        with pytest.raises(BoundaryConditionError, match="scalar unknowns"):
            values_of(wrong, "value", (0, 1, 2))


def test_the_rest_is_what_no_other_condition_names() -> None:
    rest = nh.Neumann(0, on="rest")
    held = nh.Dirichlet(0, on="left")
    table = assign_parts([rest, held], SQUARE, X, U)
    assert table["left", 0] is held
    assert all(table[name, 0] is rest for name in ("right", "bottom", "top"))


def test_the_rest_goes_by_unknown() -> None:
    v, heat = FIELDS[:2], FIELDS[2]
    clamped = nh.Dirichlet(0, on="left", unknown=list(v))
    cold = nh.Dirichlet(0, on="top", unknown=heat)
    rest = nh.Neumann(0, on="rest")
    table = assign_parts([clamped, cold, rest], SQUARE, X, FIELDS)
    assert [table["left", j] for j in range(3)] == [clamped, clamped, rest]
    assert [table["top", j] for j in range(3)] == [rest, rest, cold]


def test_the_rest_may_be_periodic_where_whole_pairs_are_left() -> None:
    rest = nh.Periodic(on="rest")
    table = assign_parts([rest, nh.Dirichlet(0, on=["bottom", "top"])], SQUARE, X, U)
    assert table["left", 0] is rest and table["right", 0] is rest
    with pytest.raises(BoundaryConditionError, match="two conditions"):
        assign_parts([rest, nh.Dirichlet(0, on="left")], SQUARE, X, U)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([nh.Dirichlet(0), nh.Neumann(0, on="rest")], "nothing is left"),
        ([nh.Dirichlet(0, on="rest"), nh.Neumann(0, on="rest")], "two conditions"),
        ([nh.Dirichlet(0, on=["left", "rest"])], "not a part"),
    ],
)
def test_a_rest_that_is_none(conditions: list[nh.Dirichlet], words: str) -> None:
    with pytest.raises(BoundaryConditionError, match=words):
        assign_parts(conditions, SQUARE, X, U)


def test_an_oblique_part_is_named_alone() -> None:
    slope = FlatPart("slope", (1 / sp.sqrt(2), 1 / sp.sqrt(2)), sp.Integer(1))
    assert not slope.axial and slope.normal_at(X) == slope.normal
    assert str(X[0]) in slope.describe(X) and str(X[1]) in slope.describe(X)
