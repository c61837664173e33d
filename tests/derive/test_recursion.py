"""The bookkeeping of the recursion: sums of integers in dicts."""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from nhpinn_sym.derive.products import Function, Pairing, Product, leibniz
from nhpinn_sym.derive.recursion import Recursion
from nhpinn_sym.operator.twoscale import expand
from tests.symbolic import Build, S, diffusion, table


def recursion(build: Build, dim: int = 1, **options: object) -> Recursion:
    op = table(build, dim, **options)
    return Recursion(expand(op), op.components, op.coordinates, op.fast)


def test_leibniz_shares_derivatives_with_multinomial_weights() -> None:
    shares = dict(leibniz((2, 1), 2))
    assert shares[((1, 0), (1, 1))] == 2
    assert sum(shares.values()) == 2**3
    assert sum(weight for _, weight in leibniz((3,), 3)) == 3**3


def test_the_first_right_hand_side_is_the_divergence_of_the_coefficient() -> None:
    run = recursion(diffusion(lambda s: 2 + S(s.y[0])))
    right = run.right_hand_side(1)
    assert right == {(0, (1, 0)): {(0, (1,)): {Product(0, (0, 0), None, ()): Fraction(1)}}}
    run.add_order(1, right)
    flux = run.averaged(2)[0, (1, 0), 0, (1, 0)]
    parts = Product(0, (0, 0), None, ()), Product(0, (0, 0), Function(0, 0), (0, 0, 1))
    assert flux == {Pairing(part, None, ()): 1 for part in parts}
    assert run.homogenized_order == 2


def test_slow_derivatives_of_coefficients_enter_only_where_they_vary() -> None:
    """d_x(a d_y .) of a(x, y) acts on u0 as nothing; d_y(a d_x u0) keeps its form."""
    right = recursion(diffusion(lambda s: 2 + S(s.y[0]) * s.x[0])).right_hand_side(1)
    assert set(right) == {(0, (1, 0))}


def test_zero_sources_are_dropped() -> None:
    run = recursion(diffusion(lambda s: sp.Matrix([[3 + s.x[0], 0], [0, 2 + S(s.y[0])]])), 2)
    run.add_order(1, run.right_hand_side(1))
    assert not run.functions  # a_22 varies along y_1 alone: div_y of (0, a_22) is zero


def test_a_jump_is_never_taken_for_zero() -> None:
    run = recursion(diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))))
    run.add_order(1, run.right_hand_side(1))
    assert len(run.functions) == 1
