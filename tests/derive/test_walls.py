"""The natural conditions of the limit as they are derived and printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.walls import wall_law


def S(v: Any) -> Any:
    return sp.sin(2 * sp.pi * v)


def derived(equation: Callable[..., Any], boundary: list[Any], dim: int = 1) -> nh.HomogenizedModel:
    s = nh.Scales(dim)
    u = s.unknown("u")
    box = nh.Box(*[(0, 1)] * dim)
    return nh.homogenize(
        nh.MultiscaleProblem(equation(s, u), scales=s, unknown=u, domain=box, boundary=boundary)
    )


ENDS = [nh.Neumann(1, on="left"), nh.Robin(3, 2, on="right")]


def test_a_source_of_order_one_over_eps_is_printed_with_the_phase_of_the_wall() -> None:
    model = derived(lambda s, u: sp.Eq(-s.laplacian(u), 1 + S(s.y[0]) / s.eps), ENDS)
    text = str(model.derivation)
    assert "<-d_y1 N_f - d_x1 u0>_(y1 = 0) = 1" in text
    assert "3*u0 + <d_y1 N_f + d_x1 u0>_(y1 = 1/eps) = 2" in text
    assert r"\right\rangle_{y_{1} = \frac{1}{\epsilon}}" in model.derivation.latex()
    assert model.derivation.steps[-1].title == "Homogenized equation"


def test_a_kernel_weighs_the_data() -> None:
    model = derived(lambda s, u: sp.Eq(-(2 + S(s.y[0])) * s.laplacian(u), 1), ENDS)
    assert "<-(2 + sin(2*pi*y1))*psi*d_x1 u0>_(y1 = 0) = <psi>_(y1 = 0)" in str(model.derivation)


def test_an_ordinary_problem_has_no_such_step() -> None:
    model = derived(
        lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + S(s.y[0]) * u, 1), ENDS
    )
    assert "Natural conditions" not in str(model.derivation)
    assert wall_law(model.cell_operator, model.recursion, model.law, 0).plain


def test_a_flow_along_a_wall_leaves_a_slope_along_it() -> None:
    """On walls across y2 the flow along x1 leaves the primitive of b_1 at d_1 u0, on walls across
    y1 nothing may cross."""
    model = derived(
        lambda s, u: sp.Eq(-s.laplacian(u) + S(s.y[1]) * u.diff(s.x[0]) / s.eps, 1),
        [nh.Dirichlet(0)],
        2,
    )
    across, along = (
        wall_law(model.cell_operator, model.recursion, model.law, axis) for axis in (0, 1)
    )
    assert [n.constant for n in across.normals] == [sp.sin(2 * sp.pi * sp.Symbol("y2", real=True))]
    assert not along.normals
    assert [(t.field, t.right, t.share.constant.has(sp.sin)) for t in along.terms] == [
        (0, (1, 0, 0), True)
    ]
