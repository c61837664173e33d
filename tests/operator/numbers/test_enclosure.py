from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.operator.numbers.enclosure import enclose, enclose_tightly
from nhpinn_sym.problem.errors import UnsupportedError

X, Y = sp.symbols("x y", real=True)
SMOOTH = [
    2 + sp.sin(7 * X) * sp.cos(3 * Y),
    sp.exp(-(X**2) * Y),
    sp.tanh(50 * sp.sin(6 * X)) / (2 + Y),
    sp.sqrt(X**2 + Y**2),
    sp.atan(X / Y),
    sp.erf(X - Y),
    sp.acos(X),
    sp.asin(Y / 2),
    X**Y,
    1 / (sp.Rational(6, 5) + sp.sin(9 * X)),
    sp.log(X + Y),
    sp.cosh(X - Y),
    sp.sinh(X) ** 3,
    sp.tan(X),
    sp.erfc(2 * X),
    sp.asinh(X - Y),
    sp.sech(3 * Y),
]
BROKEN = [
    sp.Abs(X - Y) ** 3,
    sp.Max(X, Y, sp.Rational(1, 3)),
    sp.Piecewise((X**2, X < Y), (3, X + Y > 1), (Y, True)),
    sp.floor(3 * X) * Y,
    sp.Mod(4 * X + Y, 1),
    sp.sign(X - Y) * Y,
    sp.Heaviside(Y - sp.Rational(3, 10)),
    sp.ceiling(5 * X * Y),
    sp.atan2(Y - sp.Rational(1, 2), X - sp.Rational(1, 3)),
    sp.Min(X, 1 - Y),
    sp.Piecewise(
        (1, sp.And(X > Y, sp.Not(Y > X / 2))),
        (2, sp.Or(X < Y / 2, sp.Rational(1, 4) > Y)),
        (X, True),
    ),
]
UNRULED = [sp.besselj(0, 5 * X), sp.sec(X), sp.sinc(X * Y)]


def boxes(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    lo = random.random((count, 2))
    return lo, lo + random.random((count, 1)) ** 4 * (1 - lo) + 1e-9


@pytest.mark.parametrize("expr", [*SMOOTH, *BROKEN, *UNRULED], ids=str)
@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_enclosures_hold_all_values_inside_the_boxes(expr: sp.Expr, seed: int) -> None:
    lo, hi = boxes(seed, 40)
    value, _ = enclose_tightly(expr, (X, Y), lo, hi)
    points = lo + (hi - lo) * np.random.default_rng(seed + 1).random((60, *lo.shape))
    values = sp.lambdify((X, Y), expr, ["scipy", "numpy"])(points[..., 0], points[..., 1])
    assert np.all(values >= value.lo - 1e-12) and np.all(values <= value.hi + 1e-12)


@pytest.mark.parametrize("expr", SMOOTH, ids=str)
def test_enclosures_of_derivatives_hold_all_slopes(expr: sp.Expr) -> None:
    lo, hi = boxes(3, 60)
    slopes = enclose_tightly(expr, (X, Y), lo, hi).slopes
    points = lo + (hi - lo) * np.random.default_rng(4).random((60, *lo.shape))
    for v, slope in zip((X, Y), slopes, strict=True):
        values = sp.lambdify((X, Y), expr.diff(v), ["scipy", "numpy"])(
            points[..., 0], points[..., 1]
        )
        low, high = (0.0, 0.0) if slope is None else slope
        assert np.all(values >= low - 1e-9 * (1 + np.abs(values))) and np.all(
            values <= high + 1e-9 * (1 + np.abs(values))
        )


def test_the_mean_value_form_has_an_excess_of_second_order() -> None:
    expr = X * (1 - X) + sp.sin(3 * X) - sp.cos(2 * X)
    excess = []
    for width in (1e-2, 1e-3):
        value, _ = enclose_tightly(expr, (X,), np.array([[0.3]]), np.array([[0.3 + width]]))
        ends = [float(expr.subs(X, 0.3 + t * width)) for t in np.linspace(0, 1, 30)]
        excess.append(float(value.hi[0] - value.lo[0]) - (max(ends) - min(ends)))
    assert excess[1] < excess[0] / 50


def test_a_narrow_bump_is_inside_the_enclosure() -> None:
    bump = sp.exp(-(((X - sp.Rational(1, 3)) * 10**5) ** 2))
    value = enclose(bump, (X,), np.zeros((1, 1)), np.ones((1, 1)))
    assert value.hi[0] == 1


def test_a_zero_at_the_boundary_of_an_open_box_does_not_count() -> None:
    step = sp.Piecewise((1, sp.Rational(1, 2) > X), (2, True))
    value = enclose(step, (X,), np.array([[0.0], [0.5], [0.4]]), np.array([[0.5], [1.0], [0.6]]))
    assert value.lo.tolist() == [1, 2, 1] and value.hi.tolist() == [1, 2, 2]


def test_what_is_not_real_or_has_no_range_is_refused() -> None:
    one = np.ones((1, 1))
    with pytest.raises(UnsupportedError, match="complex"):
        enclose(X + sp.I, (X,), one, one)
    with pytest.raises(UnsupportedError, match="without a range"):
        enclose(X + Y, (X,), one, one)
