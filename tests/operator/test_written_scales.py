"""x/eps, x/eps^2 and t/eps^k written out are the fast variables of the scales, or an error that
names the scales to write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.parse import parse
from nhpinn_sym.operator.written_scales import fold_fast
from nhpinn_sym.problem.errors import EpsilonError

sin, cos, pi = sp.sin, sp.cos, sp.pi
HALF = sp.Rational(1, 2)
FULL: dict[str, Any] = {"dim": 2, "levels": 2, "fast_time": 3}

EQUAL: dict[str, tuple[dict[str, Any], Callable[[nh.Scales], Any], Callable[[nh.Scales], Any]]] = {
    "y": (FULL, lambda s: sin(2 * pi * s.x[0] / s.eps), lambda s: sin(2 * pi * s.y[0])),
    "z": (FULL, lambda s: cos(2 * pi * s.x[1] / s.eps**2), lambda s: cos(2 * pi * s.z[1])),
    "tau": (FULL, lambda s: cos(2 * pi * s.t / s.eps**3), lambda s: cos(2 * pi * s.tau)),
    "tau with a fractional power": (
        {"dim": 1, "fast_time": HALF},
        lambda s: cos(s.t / sp.sqrt(s.eps)),
        lambda s: cos(s.tau),
    ),
    "all at once": (
        FULL,
        lambda s: sin(s.x[0] / s.eps + s.x[1] / s.eps**2 - s.t / s.eps**3),
        lambda s: sin(s.y[0] + s.z[1] - s.tau),
    ),
    "beside x": (FULL, lambda s: sin(s.x[0] + s.x[0] / s.eps), lambda s: sin(s.x[0] + s.y[0])),
    "a common denominator": (
        FULL,
        lambda s: sin((s.x[0] - 3 * s.x[1]) / s.eps),
        lambda s: sin(s.y[0] - 3 * s.y[1]),
    ),
    "beside y": (FULL, lambda s: sin(s.y[0] - s.x[1] / s.eps), lambda s: sin(s.y[0] - s.y[1])),
    "products": (
        FULL,
        lambda s: sp.exp(s.x[0] * s.x[1] / s.eps**2),
        lambda s: sp.exp(s.y[0] * s.y[1]),
    ),
    "squares of y and of z": (
        FULL,
        lambda s: sp.exp(s.x[0] ** 2 / s.eps**2) + sp.exp(s.x[0] ** 2 / s.eps**4),
        lambda s: sp.exp(s.y[0] ** 2) + sp.exp(s.z[0] ** 2),
    ),
    "nested": (
        FULL,
        lambda s: sp.exp(sin(s.x[0] / s.eps) * cos(s.x[0] / s.eps**2)),
        lambda s: sp.exp(sin(s.y[0]) * cos(s.z[0])),
    ),
    "without a formula": (
        FULL,
        lambda s: sp.Function("a")(s.x[0] / s.eps, s.x[0]),
        lambda s: sp.Function("a")(s.y[0], s.x[0]),
    ),
    "conditions": (
        FULL,
        lambda s: sp.Piecewise((1, s.x[0] / s.eps**2 < HALF), (2, True)),
        lambda s: sp.Piecewise((1, s.z[0] < HALF), (2, True)),
    ),
    "conditions times eps": (
        FULL,
        lambda s: sp.Piecewise((1, s.x[0] < s.eps / 2), (2, True)),
        lambda s: sp.Piecewise((1, s.y[0] < HALF), (2, True)),
    ),
    "pieces": (
        FULL,
        lambda s: sp.Piecewise(
            (sin(s.x[0] / s.eps), s.x[0] / s.eps < HALF), (s.x[0] / s.eps, True)
        ),
        lambda s: sp.Piecewise((sin(s.y[0]), s.y[0] < HALF), (s.y[0], True)),
    ),
    "no function": (FULL, lambda s: s.x[0] / s.eps, lambda s: s.x[0] / s.eps),
    "a parameter of size eps": (FULL, lambda s: sin(s.eps * s.x[0]), lambda s: sin(s.eps * s.x[0])),
}


@pytest.mark.parametrize("case", EQUAL)
def test_what_is_written_out_is_folded(case: str) -> None:
    scales, literal, expected = EQUAL[case]
    s = nh.Scales(**scales)
    assert fold_fast(literal(s), s) == expected(s)


REFUSED: dict[str, tuple[dict[str, Any], Callable[[nh.Scales], Any], tuple[str, ...]]] = {
    "z without levels": (
        {"dim": 2},
        lambda s: sin(s.x[0] / s.eps**2),
        ("x1/eps^2", "Scales(2, levels=2)", "s.z"),
    ),
    "no such level": (FULL, lambda s: sin(s.x[0] / s.eps**3), ("x1/eps^3", "s.y = x/eps")),
    "a root": ({"dim": 1}, lambda s: sin(s.x[0] / sp.sqrt(s.eps)), ("x1/eps^1/2", "s.y = x/eps")),
    "no fast time": (
        {"dim": 1, "time": True},
        lambda s: cos(s.t / s.eps**2),
        ("t/eps^2", "no fast time", "fast_time=2", "s.tau"),
    ),
    "another fast time": (
        {"dim": 1, "fast_time": 2},
        lambda s: cos(s.t / s.eps),
        ("tau = t/eps^2", "fast_time=1"),
    ),
    "inside": (
        {"dim": 1},
        lambda s: sp.exp(cos(s.x[0] / s.eps**2)),
        ("levels=2", "cos(x1/epsilon**2)"),
    ),
    "in a condition": (
        {"dim": 1},
        lambda s: sp.Piecewise((1, s.x[0] / s.eps**2 < HALF), (2, True)),
        ("levels=2",),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_scales_do_not_have_is_refused_with_the_scales_to_write(case: str) -> None:
    scales, literal, quoted = REFUSED[case]
    s = nh.Scales(**scales)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((3 + literal(s)) * s.grad(u)), 1), scales=s, unknown=u
    )
    with pytest.raises(EpsilonError) as caught:
        parse(problem)
    assert all(part in str(caught.value) for part in quoted), str(caught.value)


def test_a_three_scale_problem_written_out_has_the_same_law() -> None:
    s = nh.Scales(1, levels=2)
    u = s.unknown("u")
    literal = (2 + sin(2 * pi * s.x[0] / s.eps)) * (2 + cos(2 * pi * s.x[0] / s.eps**2))
    solved = nh.solve_cells(
        nh.homogenize(
            nh.MultiscaleProblem(sp.Eq(-s.div(literal * s.grad(u)), 1), scales=s, unknown=u)
        )
    )
    assert solved.effective["A"][0, 0] == pytest.approx(3, abs=1e-9)
