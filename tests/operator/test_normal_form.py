"""Normal form: at most one derivative on each side, and nothing changed in the operator."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.table import Operator
from tests.symbolic import C, S, table


def carried_out(op: Operator, v: sp.Expr) -> sp.Expr:
    """The operator applied to a function, every derivative done, y = x/eps put in."""
    scales = op.problem.scales
    stretch = {y.symbol: x / scales.eps for x, y in zip(scales.x, scales.y, strict=True)}
    total = sp.Integer(0)
    for term, c in op.terms():
        inner = c.xreplace(stretch) * _apply(v, term.right, op)
        total += scales.eps**term.power * _apply(inner, term.left, op)
    return total


def _apply(e: sp.Expr, index: tuple[int, ...], op: Operator) -> sp.Expr:
    for variable, n in zip(op.coordinates, index, strict=True):
        e = sp.diff(e, variable, n) if n else e
    return e


OPERATORS = [
    lambda s, u: -(2 + S(s.y[0]) * s.x[1]) * u.diff(s.x[0], s.x[1]) + C(s.y[1]) * u.diff(s.x[0], 2),
    lambda s, u: sp.Derivative((2 + S(s.y[0]) * C(s.y[1])) * u, s.x[0], s.x[1], evaluate=False),
    lambda s, u: sp.Derivative((2 + S(s.y[0])) * u, (s.x[0], 2), evaluate=False),
    lambda s, u: s.div(sp.Matrix([S(s.y[1]), 3]) * u) + s.laplacian(u) * S(s.y[0]),
    lambda s, u: (s.hessian(u) * sp.Matrix([[1, S(s.y[1])], [S(s.x[0]), 2]])).trace(),
]


@pytest.mark.parametrize("write", OPERATORS)
def test_normal_form_is_the_same_operator(write: object) -> None:
    op = table(lambda s, u: sp.Eq(write(s, u), 0), 2)  # type: ignore[operator]
    assert all(sum(t.left) <= 1 and sum(t.right) <= 1 for t, _ in op.terms())
    s = nh.Scales(2)
    v = sp.exp(s.x[0]) * sp.sin(s.x[1]) + s.x[0] * s.x[1] ** 3
    direct = write(s, v).doit().subs({y: x / s.eps for x, y in zip(s.x, s.y, strict=True)}).doit()  # type: ignore[operator]
    values = {s.x[0]: sp.Rational(3, 7), s.x[1]: sp.Rational(5, 9), s.eps: sp.Rational(2, 11)}
    assert abs(float((carried_out(op, v) - direct).subs(values).evalf(20))) < 1e-12


def test_what_stands_under_div_stays_there() -> None:
    """Also where the coefficient is a number: the flux of natural conditions is the one that was
    written.
    """
    ((term, c),) = (
        pair for pair in table(lambda s, u: sp.Eq(s.div(sp.Matrix([2 * u])), 0)).terms()
    )
    assert (term.left, term.right, c) == ((1, 0), (0, 0), 2)


def test_a_constant_flux_source_is_nothing() -> None:
    op = table(lambda s, u: sp.Eq(-s.laplacian(u), s.div(sp.Matrix([3, S(s.y[0])]))), 2)
    assert not list(op.terms(source=True))
