from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.operator.numbers.search import (
    alternatives,
    bound_of,
    least,
    unbounded_at,
)

X, Y = sp.symbols("x y", real=True)
LOW, HIGH = np.zeros(2), np.ones(2)


@settings(max_examples=20)
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(-5, -1))
def test_a_value_below_the_threshold_is_found_wherever_it_is(
    p: float, q: float, width: float
) -> None:
    w = 10**width
    expr = 1 - 2 * sp.exp(-(((X - p) ** 2 + (Y - q) ** 2) / w**2))
    found = least(bound_of(expr, [X, Y]), LOW, HIGH, lambda: 0.0)
    assert found.value < 0
    assert np.hypot(*(found.point - [p, q])) < w


def test_where_there_is_none_the_bounds_say_so() -> None:
    for expr in (
        2 + sp.sin(9 * X) * sp.cos(7 * Y),
        1 - 0.99 * sp.exp(-(((X - 0.3) / 1e-4) ** 2)) + 0 * Y,
        X**2 + 1e-6 * sp.sin(X),
    ):
        found = least(bound_of(expr, [X, Y]), LOW, HIGH, lambda: -1e-12)
        assert found.certain and found.value >= -1e-12


@pytest.mark.parametrize(
    ("expr", "place"),
    [
        (1 / (X - 0.30171) ** 2, 0.30171),
        (sp.log(sp.Abs(X - 0.30171)), 0.30171),
        (1 / sp.sqrt(sp.Abs(X - 0.3)), 0.3),
        (sp.tan(3 * X), np.pi / 6),
    ],
)
def test_singular_points_are_found(expr: sp.Expr, place: float) -> None:
    found = unbounded_at(expr, [X], LOW[:1], HIGH[:1])
    assert found is not None and abs(found[0] - place) < 1e-5


@pytest.mark.parametrize(
    "expr",
    [
        sp.sin(X - 0.3) / (X - 0.3),
        1 / (1e-8 + (X - 0.3) ** 2),
        sp.sqrt(sp.Abs(X - 0.3)),
        1e4 * sp.exp(-(((X - 0.3) / 1e-4) ** 2)),
        1 / (X + 1e-3),
    ],
    ids=str,
)
def test_bounded_functions_are_not_singular(expr: sp.Expr) -> None:
    assert unbounded_at(expr, [X], LOW[:1], HIGH[:1]) is None


def test_branches_are_taken_together() -> None:
    first = sp.Piecewise((1, X < 0.5), (2, True))
    second = sp.Piecewise((3, X < 0.5), (4, True)) * Y
    found = [exprs for exprs, _ in alternatives([first, second])]
    assert len(found) == 4 and (sp.Integer(1), 3 * Y) in found
