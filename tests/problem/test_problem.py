"""What a problem accepts, and what it makes of it."""

from __future__ import annotations

from inspect import signature

import sympy as sp

import nhpinn_sym as nh
from tests.symbolic import problem


def test_an_equation_may_be_an_eq_a_pair_or_a_list() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    lhs = -s.laplacian(u)
    for equation in (sp.Eq(lhs, 1), (lhs, 1), [(lhs, 1)], (sp.Matrix([lhs]), [1])):
        assert nh.MultiscaleProblem(equation, scales=s, unknown=u).equations == (lhs - 1,)


def test_a_zero_right_hand_side_fits_every_shape() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    assert (
        len(
            nh.MultiscaleProblem(
                (s.laplacian(v[0]) * sp.Matrix([1, 2]), 0), scales=s, unknown=v
            ).equations
        )
        == 2
    )


def test_defaults_and_conveniences() -> None:
    p = problem(
        lambda s, u: sp.Eq(-s.laplacian(u), 1),
        domain=nh.Box((0, 1)),
        boundary=nh.Dirichlet(0),
        cell=nh.Box((0, 2)),
    )
    assert p.cell == nh.Cell((0, 2))
    assert isinstance(p.cell, nh.Cell)
    assert set(p.conditions) == {("left", 0), ("right", 0)}
    assert problem(lambda s, u: sp.Eq(-s.laplacian(u), 1), dim=3).cell == nh.Cell.unit(3)
    assert "domain=(0, 1)" in repr(p)
    assert p._repr_latex_().startswith("$$")


def test_the_order_in_time_is_that_of_the_unknown() -> None:
    heat = problem(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u), sp.Derivative(sp.sin(s.t), (s.t, 2))),
        time=True,
    )
    wave = problem(lambda s, u: sp.Eq(s.dt(u, 2) - s.laplacian(u), 1), time=True)
    steady = problem(lambda s, u: sp.Eq(-s.laplacian(u), s.t), time=True)
    assert (heat.time_order, wave.time_order, steady.time_order) == (1, 2, 0)


def test_published_errors_are_kept_by_eps() -> None:
    p = problem(lambda s, u: sp.Eq(-s.laplacian(u), 1), paper={sp.Rational(1, 8): {"e1": 0.5}})
    assert p.paper == {0.125: {"e1": 0.5}}


def test_everything_but_what_is_replaced_survives() -> None:
    s = nh.Scales(2, time=True)
    u, q = s.unknown("u"), sp.Symbol("q")
    given = {
        "scales": s,
        "unknown": u,
        "domain": nh.Box((0, 1), (0, 2)),
        "boundary": (nh.Dirichlet(q),),
        "initial": (nh.Initial(q),),
        "final_time": sp.Rational(1, 3),
        "cell": nh.Cell((0, 2), (0, 1)),
        "fast_cell": nh.Cell((0, 3), (0, 1)),
        "tau_period": sp.Integer(4),
        "parameters": {q: (1, 2)},
        "ranges": {u: (0, 5)},
        "holes": {nh.Disk((1, 0), 0.2): nh.Robin(s.eps * q, s.eps)},
        "contacts": {nh.Disk((1, 0.5), 0.2): q / s.eps},
        "name": "all of it",
        "paper": {0.5: {"e1": 0.1}},
    }
    assert {"equation", *given} == set(signature(nh.MultiscaleProblem).parameters)
    first = nh.MultiscaleProblem((s.dt(u) - s.laplacian(u), 1), **given)
    default = nh.MultiscaleProblem((s.dt(u) - s.laplacian(u), 1), scales=s, unknown=u)
    second = first.replaced((s.dt(u) - 2 * s.laplacian(u), 1))
    for name, value in vars(first).items():
        assert name == "equations" or getattr(second, name) == value, name
    for name in given.keys() - {"scales", "unknown"}:
        assert getattr(first, name) != getattr(default, name), name
    assert first.replaced().equations == first.equations
    assert first.replaced(holes=None).solid is None
