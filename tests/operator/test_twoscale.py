"""The chain rule on multi-indices."""

from __future__ import annotations

import sympy as sp

from nhpinn_sym.operator.table import Operator, Term
from nhpinn_sym.operator.twoscale import expand, fast_part, slow_part
from tests.symbolic import S, table, y_symbols

A = 2 + S(y_symbols(1)[0])


def test_a_diffusion_splits_into_three_orders() -> None:
    powers = expand(table(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1)))
    x, y = (1, 0, 0), (0, 0, 1)
    assert powers[-2] == {Term(0, y, 0, y, -2): -A}
    assert powers[-1] == {Term(0, x, 0, y, -1): -A, Term(0, y, 0, x, -1): -A}
    assert powers[0] == {Term(0, x, 0, x, 0): -A, Term(0, (0, 0, 0), None, (0, 0, 0), 0): -1}


def test_time_and_reaction_are_not_split() -> None:
    powers = expand(table(lambda s, u: sp.Eq(s.dt(u) + S(s.y[0]) * u / s.eps, 0), time=True))
    assert set(powers) == {-1, 0}
    assert next(iter(powers[0])).right == (0, 1, 0)


def test_a_second_derivative_carries_the_binomial_weight() -> None:
    """(d_x + d_y/eps)^2 = d_xx + 2 d_xy/eps + d_yy/eps^2, also before the normal form."""
    op = table(lambda s, u: sp.Eq(-s.laplacian(u), 1))
    powers = expand(Operator(op.problem, {Term(0, (0, 0), 0, (2, 0), 0): sp.Integer(3)}, op.axes))
    assert {(k, t.right): c for k, terms in powers.items() for t, c in terms.items()} == {
        (-2, (0, 0, 2)): 3,
        (-1, (1, 0, 1)): 6,
        (0, (2, 0, 0)): 3,
    }


def test_expansion_agrees_with_sympy_on_a_function_of_x_and_y() -> None:
    """sum eps^k A_k v(x, y) at y = x/eps is A v(x, x/eps)."""
    op = table(
        lambda s, u: sp.Eq(
            -s.div((2 + S(s.y[0])) * (1 + s.x[1]) * s.grad(u)) + u.diff(s.x[0]) * S(s.y[1]) / s.eps,
            0,
        ),
        2,
    )
    (x1, x2, t), (y1, y2), eps = op.coordinates, op.fast, op.problem.scales.eps
    v = sp.cos(x1 * y2) + x2**2 * sp.sin(y1)
    total = sp.Integer(0)
    for k, table_k in expand(op).items():
        for term, c in table_k.items():
            e = v
            for index, factor in ((term.right, c), (term.left, 1)):
                for variable, n in zip((x1, x2, t, y1, y2), index, strict=True):
                    e = sp.diff(e, variable, n) if n else e
                e = e * factor
            total += eps**k * e
    stretch = {y1: x1 / eps, y2: x2 / eps}
    w, a = v.subs(stretch), (2 + S(x1 / eps)) * (1 + x2)
    direct = (
        -sp.diff(a * sp.diff(w, x1), x1)
        - sp.diff(a * sp.diff(w, x2), x2)
        + sp.diff(w, x1) * S(x2 / eps) / eps
    )
    values = {x1: sp.Rational(2, 7), x2: sp.Rational(3, 5), eps: sp.Rational(4, 9)}
    assert abs(float((total.subs(stretch) - direct).subs(values).evalf(20))) < 1e-12


def test_parts_of_an_expanded_index() -> None:
    """(x1, x2, t), then (y1, y2)."""
    assert slow_part((1, 2, 3, 4, 5), 3) == (1, 2, 3)
    assert fast_part((1, 2, 3, 4, 5), 3) == (4, 5)


def test_fast_time_lowers_the_power_by_its_own() -> None:
    """d_t -> d_t + eps^-2 d_tau."""
    powers = expand(
        table(
            lambda s, u: sp.Eq((2 + S(s.tau)) * s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 0),
            time=True,
            fast_time=2,
        )
    )
    weight = 2 + S(sp.Symbol("tau", real=True))
    assert powers[-2][Term(0, (0,) * 4, 0, (0, 0, 0, 1), -2)] == weight
    assert powers[0][Term(0, (0,) * 4, 0, (0, 1, 0, 0), 0)] == weight
