"""SymPy equation -> term table: every way to write an operator gives the same table."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.operator.parse import powers_of
from nhpinn_sym.operator.table import Term
from nhpinn_sym.operator.written_scales import fold_fast
from nhpinn_sym.problem.errors import EpsilonError
from tests.symbolic import C, S, table, y_symbols

Y1, Y2 = y_symbols(2)
Q = sp.Symbol("q")


def same(first: object, second: object) -> None:
    """Two tables hold the same terms."""
    assert set(first) == set(second)  # type: ignore[call-overload]
    assert all(sp.simplify(first[t] - second[t]) == 0 for t in first)  # type: ignore[index, attr-defined]


def test_each_kind_of_term_has_its_place() -> None:
    op = table(
        lambda s, u: sp.Eq(
            (1 + s.x[0]) * s.dt(u)
            - s.div((2 + S(s.y[0])) * s.grad(u))
            + s.div(C(s.y[0]) * sp.Matrix([u]))
            + 3 * u.diff(s.x[0]) / s.eps
            + s.eps**2 * u,
            sp.sin(s.x[0]) + s.div(sp.Matrix([S(s.y[0])])),
        ),
        time=True,
    )
    x1, zero = op.coordinates[0], (0, 0)
    assert dict(op.table) == {
        Term(0, zero, 0, (0, 1), 0): 1 + x1,
        Term(0, (1, 0), 0, (1, 0), 0): -2 - S(Y1),
        Term(0, (1, 0), 0, zero, 0): C(Y1),
        Term(0, zero, 0, (1, 0), -1): 3,
        Term(0, zero, 0, zero, 2): 1,
        Term(0, zero, None, zero, 0): -sp.sin(x1),
        Term(0, (1, 0), None, zero, 0): -S(Y1),
    }


@pytest.mark.parametrize(
    "write",
    [
        lambda s, u, a: -sum(sp.diff(a * sp.diff(u, v), v) for v in s.x),
        lambda s, u, a: -sum(sp.diff(a * sp.diff(u, v), v) for v in s.x).doit().expand(),
        lambda s, u, a: sp.simplify(-sum(sp.diff(a * sp.diff(u, v), v) for v in s.x)),
        lambda s, u, a: -a * s.laplacian(u) - (s.grad(a).doit().T * s.grad(u))[0],
        lambda s, u, a: sum(
            sp.Derivative(-a * sp.Derivative(u, v), v, evaluate=False) for v in s.x
        ),
        lambda s, u, a: -s.div(a * sp.eye(2) * s.grad(u)),
        lambda s, u, a: s.div(-a * s.grad(u) + sp.Matrix([1, 2])),
        lambda s, u, a: -(s.div(a * s.grad(u)) * s.eps) / s.eps,
    ],
)
def test_operators_written_otherwise_fold_to_the_divergence_form(write: object) -> None:
    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        return sp.Eq(write(s, u, 2 + S(s.y[0]) * C(s.y[1]) * (1 + s.x[0] / 2)), 1)  # type: ignore[operator]

    same(
        table(build, 2).table,
        table(
            lambda s, u: sp.Eq(
                -s.div((2 + S(s.y[0]) * C(s.y[1]) * (1 + s.x[0] / 2)) * s.grad(u)), 1
            ),
            2,
        ).table,
    )


def test_floating_point_coefficients_fold_too() -> None:
    """0.3 - 0.1 * 3 leaves 5.6e-17, which is no drift of order 1/eps."""

    def expanded(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        a = (
            1.1
            + 0.1 * sp.sin(6.283185307179586 * s.y[0])
            + 0.7 * sp.cos(18.849555921538759 * s.y[0]) * 0.3
        )
        return sp.Eq(-a * u.diff(s.x[0], 2) - sp.diff(0.1 * a, s.x[0]) * 10 * u.diff(s.x[0]), 1)

    assert {(t.left, t.right, t.power) for t, _ in table(expanded).terms()} == {((1, 0), (1, 0), 0)}


def test_a_symmetric_tensor_that_was_expanded_folds_back() -> None:
    def tensor(s: nh.Scales) -> sp.Matrix:
        return sp.Matrix([[2 + S(s.y[0]), C(s.y[1]) / 2], [C(s.y[1]) / 2, 3 + S(s.y[0] + s.y[1])]])

    def expanded(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        flux = tensor(s) * s.grad(u)
        return sp.Eq(-sum(sp.diff(flux[i], s.x[i]) for i in range(2)).doit().expand(), 1)

    same(
        table(expanded, 2).table,
        table(lambda s, u: sp.Eq(-s.div(tensor(s) * s.grad(u)), 1), 2).table,
    )


@pytest.mark.parametrize(
    "literal",
    [
        lambda s: 2 + sp.sin(2 * sp.pi * s.x[0] / s.eps),
        lambda s: 2 + sp.sin(2 * sp.pi / s.eps * s.x[0] + 0),
        lambda s: 2 + sp.exp(0) * sp.cos(2 * sp.pi * s.x[0] / s.eps - sp.pi / 2),
    ],
)
def test_x_over_eps_may_be_written_out(literal: object) -> None:
    same(
        table(lambda s, u: sp.Eq(-s.div(literal(s) * s.grad(u)), 1)).table,  # type: ignore[operator]
        table(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1)).table,
    )


def test_x_over_eps_inside_other_functions_and_conditions() -> None:
    s = nh.Scales(1)
    x, y, eps = s.x[0], s.y[0], s.eps
    assert fold_fast(sp.exp(sp.sin(x / eps)) + x, s) == sp.exp(sp.sin(y)) + x
    assert fold_fast(sp.Piecewise((1, x / eps < sp.Rational(1, 2)), (2, True)), s) == sp.Piecewise(
        (1, y < sp.Rational(1, 2)), (2, True)
    )
    assert fold_fast(sp.sin(y + x), s) == sp.sin(y + x)


def test_the_product_rule_inside_an_outer_derivative() -> None:
    """div(a d(b u)) = div(a b du) + div(a b' u)."""
    built = table(
        lambda s, u: sp.Eq(
            sp.Derivative(
                S(s.x[0]) * sp.Derivative(s.x[0] ** 2 * u, s.x[0], evaluate=False),
                s.x[0],
                evaluate=False,
            ),
            1,
        )
    )
    expected = table(
        lambda s, u: sp.Eq(
            s.div(S(s.x[0]) * s.x[0] ** 2 * s.grad(u))
            + s.div(sp.Matrix([2 * s.x[0] * S(s.x[0]) * u])),
            1,
        )
    )
    same(built.table, expected.table)


def test_a_coefficient_in_front_of_a_divergence() -> None:
    """c div(a grad u) = div(c a grad u) - c' a u'."""
    built = table(lambda s, u: sp.Eq(-s.x[0] * s.div(2 * s.grad(u)), 1))
    same(
        built.table,
        table(lambda s, u: sp.Eq(-s.div(2 * s.x[0] * s.grad(u)) + 2 * u.diff(s.x[0]), 1)).table,
    )


def test_derivatives_of_products_in_time_are_carried_out() -> None:
    built = table(
        lambda s, u: sp.Eq(sp.Derivative((1 + s.t) * S(s.y[0]) * u, s.t, evaluate=False), 0),
        time=True,
    )
    same(
        built.table,
        table(
            lambda s, u: sp.Eq((1 + s.t) * S(s.y[0]) * s.dt(u) + S(s.y[0]) * u, 0), time=True
        ).table,
    )


def test_sums_and_integrals_in_coefficients_are_carried_out() -> None:
    k = sp.Symbol("k", integer=True)
    series = table(
        lambda s, u: sp.Eq(
            -s.div((2 + sp.Sum(S(k * s.y[0]) / 2**k, (k, 1, 2))) * s.grad(u)),
            sp.Integral(Q, (Q, 0, 2)),
        )
    )
    same(
        series.table,
        table(
            lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) / 2 + S(2 * s.y[0]) / 4) * s.grad(u)), 2)
        ).table,
    )


def test_powers_of_eps_are_collected() -> None:
    eps = nh.Scales(1).eps
    assert powers_of((1 + eps) ** 2 / eps, eps, None) == {-1: 1, 0: 2, 1: 1}
    assert powers_of(Q * (eps + Q) / eps**3, eps, None) == {-2: Q, -3: Q**2}
    assert powers_of(Q, eps, None) == {0: Q}
    for bad in (sp.sqrt(eps), 1 / (1 + eps), eps**Q, sp.log(eps), eps**1.5):
        with pytest.raises(EpsilonError):
            powers_of(bad, eps, bad)


def test_terms_that_cancel_are_gone() -> None:
    op = table(lambda s, u: sp.Eq(-s.div(2 * s.grad(u)) + u - u + S(s.y[0]) * u - S(s.y[0]) * u, 0))
    assert len(op.table) == 1


def test_print_shows_the_terms() -> None:
    op = table(lambda s, u: sp.Eq(-s.div(2 * s.grad(u)) + u / s.eps, 0))
    assert str(op) == "Derivative(-2*Derivative(u(x1), x1), x1)\nu(x1)/epsilon"
