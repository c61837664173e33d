"""Coordinates and calculus: SymPy's own diff knows the chain rule, and the divergence form is kept
as written.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import EquationError, ProblemError
from tests.symbolic import S


def test_sympy_diff_applies_the_chain_rule() -> None:
    s = nh.Scales(2)
    (x1, x2), (y1, y2) = s.x, s.y
    a = sp.sin(y1) * x1
    assert sp.diff(a, x1) == sp.sin(y1) + x1 * sp.cos(y1) / s.eps
    assert sp.diff(a, x2) == 0
    assert sp.diff(sp.cos(y2) * y1, y2) == -y1 * sp.sin(y2)
    assert sp.diff(a, x1, x1).subs({y1: 0, s.eps: 1}) == 2
    assert sp.simplify(sp.diff(sp.sin(y1) ** 2 + sp.cos(y1) ** 2, x1)) == 0


def test_fast_variables_print_integrate_and_lambdify_like_symbols() -> None:
    s = nh.Scales(2, fast_time=2, levels=2)
    y1, y2 = s.y
    assert [str(v) for v in s.fast] == ["y1", "y2", "z1", "z2", "tau"]
    assert sp.latex(y1**2) == "{y_{1}}^{2}"
    assert sp.diff(s.z[0], s.x[0]) == s.eps**-2
    assert sp.diff(s.tau, s.t) == s.eps**-2
    assert sp.integrate(S(y1) ** 2 * y2, (y1, 0, 1)) == y2 / 2
    assert np.allclose(sp.lambdify([y1, y2], y1 * sp.cos(y2))(2.0, 0.5), 2 * np.cos(0.5))
    assert s.plain(y1 + s.x[0]) == sp.Symbol("y1", real=True) + s.x[0]


def test_a_fast_variable_is_x_over_eps() -> None:
    s = nh.Scales(1)
    assert s.y[0].subs({s.x[0]: sp.Rational(1, 3), s.eps: sp.Rational(1, 6)}) == 2


def test_calculus_has_the_shapes_and_index_order_of_its_docstrings() -> None:
    s = nh.Scales(2, time=True)
    u, v = s.unknown("u"), s.unknown("v", components=2)
    x1, x2 = s.x
    assert s.grad(u).shape == (2, 1)
    assert s.grad(v)[1, 0] == v[1].diff(x1)
    assert s.sym_grad(v)[0, 1] == (v[0].diff(x2) + v[1].diff(x1)) / 2
    stress = sp.Matrix([[x1 * u, u], [x2 * u, 3 * u]])
    assert s.div(stress)[1].doit() == sp.diff(x2 * u, x1) + sp.diff(3 * u, x2)
    assert s.div(s.grad(u)) == s.laplacian(u) == u.diff(x1, 2) + u.diff(x2, 2)
    assert s.hessian(u)[0, 1] == u.diff(x1, x2)
    assert s.dt(v, 2)[0] == v[0].diff(s.t, 2)
    assert s.arguments == (x1, x2, s.t)
    assert nh.Scales(1).div(sp.sin(nh.Scales(1).x[0])).doit() == sp.cos(nh.Scales(1).x[0])


def test_the_divergence_form_is_not_expanded() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    assert s.div(S(s.y[0]) * s.grad(u)) == sp.Derivative(
        S(s.y[0]) * sp.Derivative(u, s.x[0]), s.x[0], evaluate=False
    )


@pytest.mark.parametrize("wrong", [2.0, True, "2", 0, 4, None, [1]])
def test_the_dimension_is_1_2_or_3(wrong: object) -> None:
    with pytest.raises(ProblemError, match="dimension"):
        nh.Scales(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x1", "y2", "t", "tau", "epsilon", "", "a b", "2u", 3, None])
def test_an_unknown_has_a_free_name(name: object) -> None:
    with pytest.raises(ProblemError, match="named by a word"):
        nh.Scales(1).unknown(name)  # type: ignore[arg-type]


def test_a_flux_that_became_a_scalar_is_named() -> None:
    s = nh.Scales(2)
    with pytest.raises(EquationError, match="a nan in it makes it a scalar"):
        s.div((2 + sp.nan) * s.grad(s.unknown("u")))
