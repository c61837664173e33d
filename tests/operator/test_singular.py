"""Poles of data, found from the symbols: between all points of a sample, and told from what stays
bounded.
"""

from __future__ import annotations

import pytest
import sympy as sp

from nhpinn_sym.operator.singular import hole, singularity

X, Y, Z = sp.symbols("x y z", real=True)
BOX = {X: (0.0, 1.0), Y: (0.0, 1.0), Z: (-1.0, 1.0)}
THIRD = sp.Rational(1, 3)


@pytest.mark.parametrize(("expr", "place", "growth"), [
    (1 / X, {X: 0}, 1), (sp.tan(sp.pi * X), {X: 0.5}, 1), (1 / (X - THIRD) ** 2, {X: 1 / 3}, 2),
    (1 / sp.sin(sp.pi * (Y - sp.Rational(37, 100))) ** 2, {Y: 0.37}, 2), (1 / sp.sqrt(X), {X: 0}, 0.5),
    (1 / sp.sqrt((X - THIRD) ** 2 + (Y - sp.Rational(1, 4)) ** 2), {X: 1 / 3, Y: 0.25}, 1), (sp.cot(sp.pi * X), {X: 0}, 1),
    (sp.Piecewise((1, X > THIRD), (1 / X, True)), {X: 0}, 1), (sp.gamma(Z), {Z: 0}, 1), (sp.log(X), {X: 0}, 0.04),
])  # fmt: skip
def test_a_pole_is_found_with_its_growth(
    expr: sp.Expr, place: dict[sp.Symbol, float], growth: float
) -> None:
    found = singularity(expr, BOX)
    assert found is not None
    assert {v: pytest.approx(at, abs=1e-6) for v, at in place.items()} == found.point
    assert found.growth == pytest.approx(growth, abs=0.02)
    assert found.strong == (growth >= 1)


@pytest.mark.parametrize("expr", [
    sp.sin(X) / X, X * sp.log(X), (sp.exp(X) - 1 - X) / X**2, 1 / (sp.Rational(1, 10**6) + (X - THIRD) ** 2), sp.sqrt(X),
    1 / (2 + sp.sin(2 * sp.pi * Y)), 1 - X ** sp.Rational(1, 10), sp.Piecewise((1 / X, X > THIRD), (1, True)), sp.log(2 + X),
    1 / (1 + sp.I * X), 1 / (X - sp.Symbol("elsewhere")), sp.Function("f")(X) / X,
], ids=str)  # fmt: skip
def test_what_stays_bounded_or_is_not_known_passes(expr: sp.Expr) -> None:
    assert singularity(expr, BOX) is None


def test_a_hole_is_where_there_is_no_real_number() -> None:
    place = hole(sp.sqrt(X - THIRD), BOX)
    assert place is not None
    assert place[X] < 1 / 3
    assert hole(sp.sqrt(X), BOX, ends=True) is None
    assert hole(sp.sin(X) / X, BOX) is None
    assert hole(sp.sin(X) / X, BOX, ends=True) == {X: 0.0}
    assert hole(sp.Integer(2), BOX) is None
