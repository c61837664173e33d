"""Lowered equations: coefficients in their places, externals, boundary and initial data, the fine
problem's y = x/eps.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.equation import lower_fine, lower_homogenized
from nhpinn_sym.lower.forms import Essential, External, Natural, StrongTerm, WeakTerm
from nhpinn_sym.problem.errors import UnsupportedError
from tests.symbolic import C, S, derived, diffusion, table

X1, X2 = sp.symbols("x1:3", real=True)
EPS = sp.Symbol("epsilon", positive=True)
BOX = {"domain": nh.Box((0, 1)), "boundary": [nh.Dirichlet(0)]}


def external(
    name: str, index: tuple[int, ...], derivative: tuple[int, ...] = (0,), label: str | None = None
) -> External:
    return External(
        sp.Symbol(
            label or "_".join(filter(None, (name, "".join(str(k + 1) for k in index)))), real=True
        ),
        name,
        index,
        derivative,
    )


def test_the_homogenized_equation_of_a_periodic_medium() -> None:
    lowered = lower_homogenized(derived(diffusion(lambda s: 2 + S(s.y[0]), sp.sin(X1)), **BOX))
    a = external("A", (0, 0))
    assert lowered.externals == (a,)
    assert lowered.bilinear == (WeakTerm((1,), a.symbol, (1,)),)
    assert lowered.linear == (WeakTerm((0,), sp.sin(X1), (0,)),)
    assert lowered.strong == (StrongTerm(-a.symbol, (2,)),)
    assert lowered.sources == (sp.sin(X1),)
    assert lowered.flux == (((StrongTerm(a.symbol, (1,)),),),)
    assert lowered.essential == (Essential(("left", "right"), sp.Integer(0)),)
    assert (lowered.mass, lowered.time, lowered.initial, lowered.final_time) == ((), None, (), None)
    assert lowered.symmetric


def test_coefficients_that_vary_with_x_bring_their_derivatives() -> None:
    lowered = lower_homogenized(derived(diffusion(lambda s: 2 + S(s.y[0]) * s.x[0]), **BOX))
    a, slope = external("A", (0, 0)), external("A", (0, 0), (1,), "A_11_x1")
    assert lowered.externals == (a, slope)
    assert lowered.strong == (StrongTerm(-a.symbol, (2,)), StrongTerm(-slope.symbol, (1,)))
    assert lowered.bilinear == (WeakTerm((1,), a.symbol, (1,)),)


def test_every_term_has_its_sign() -> None:
    """rho u_t - (A u')' + (beta u)' + b u' + c u = f - g': flux A u' - beta u, load f v + g v'."""

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        lhs = (
            2 * s.dt(u)
            - s.div(3 * s.grad(u))
            + s.div(sp.Matrix([s.x[0] * u]))
            + 5 * u.diff(s.x[0])
            + 7 * u
        )
        return sp.Eq(lhs, 1 - s.div(sp.Matrix([s.x[0] ** 2])))

    model = derived(
        build,
        time=True,
        initial=[nh.Initial(sp.sin(X1))],
        final_time=4,
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann(8, on="right"), nh.Robin(9, 10, on="left")],
    )
    for lowered in (lower_homogenized(model), lower_fine(model.operator)):
        assert lowered.mass == (WeakTerm((0,), sp.Integer(2), (0,)),)
        assert {(t.left, t.right): t.coefficient for t in lowered.bilinear} == {
            ((1,), (1,)): 3,
            ((1,), (0,)): -X1,
            ((0,), (1,)): 5,
            ((0,), (0,)): 7,
        }
        assert {t.left: t.coefficient for t in lowered.linear} == {(0,): 1, (1,): X1**2}
        assert {t.right: t.coefficient for t in lowered.strong} == {(2,): -3, (1,): X1 + 5, (0,): 8}
        assert sp.expand(lowered.sources[0] - (1 - 2 * X1)) == 0
        assert {t.right: t.coefficient for t in lowered.flux[0][0]} == {(1,): 3, (0,): -X1}
        assert lowered.natural == (
            Natural(("right",), sp.Integer(0), sp.Integer(8)),
            Natural(("left",), sp.Integer(9), sp.Integer(10)),
        )
        assert (lowered.initial, lowered.final_time) == ((sp.sin(X1),), 4)
        assert not lowered.symmetric


def test_the_fine_problem_has_x_over_eps_in_place_of_y() -> None:
    lowered = lower_fine(
        table(
            lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + C(s.y[0]) * u / s.eps, 1),
            **BOX,
        )
    )
    assert lowered.parameters == (EPS,)
    assert lowered.externals == ()
    assert {(t.left, t.right): t.coefficient for t in lowered.bilinear} == {
        ((1,), (1,)): 2 + S(X1 / EPS),
        ((0,), (0,)): C(X1 / EPS) / EPS,
    }


def test_a_jump_is_continued_periodically_in_the_fine_problem() -> None:
    lowered = lower_fine(
        table(
            diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))),
            cell=nh.Cell((0, 2)),
            **BOX,
        )
    )
    assert lowered.jumps
    assert lowered.strong == ()
    x = np.array(
        [0.01, 0.03, 0.09, 0.11, 0.13, 0.19]
    )  # the period is 0.1, the first quarter of it has the value 1
    values = sp.lambdify([X1, EPS], lowered.bilinear[0].coefficient, "numpy")(x, 0.05)
    assert np.array_equal(values, [1, 2, 2, 1, 2, 2])


def test_symmetry_is_that_of_the_form() -> None:
    tensor = sp.Matrix([[2, X1 / 3], [X1 / 3, 2]])
    square = {
        "domain": nh.Box((0, 1), (0, 1)),
        "boundary": [nh.Periodic(on="left"), nh.Dirichlet(X1, on=["bottom", "top"])],
    }
    lowered = lower_fine(table(diffusion(lambda s: tensor), 2, **square))
    assert lowered.symmetric
    assert lowered.periodic == (0,)
    assert lowered.essential == (Essential(("bottom", "top"), X1),)
    assert not lower_fine(
        table(diffusion(lambda s: tensor + sp.Matrix([[0, 1], [0, 0]])), 2, **square)
    ).symmetric


def test_a_system_has_its_terms_by_equation_and_field() -> None:
    """-div(C e(v)) with beta T beside a stationary heat equation; T is given on the left, insulated
    elsewhere, v is clamped.
    """
    s = nh.Scales(2)
    v, heat = s.unknown("v", components=2), s.unknown("T")
    e = s.sym_grad(v)
    model = nh.homogenize(
        nh.MultiscaleProblem(
            [
                (
                    -s.div(3 * e.trace() * sp.eye(2) + 4 * e - s.x[0] * heat * sp.eye(2)),
                    sp.Matrix([1, s.x[1]]),
                ),
                (-s.div(5 * s.grad(heat)), 7),
            ],
            scales=s,
            unknown=[v, heat],
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[
                nh.Dirichlet(0, unknown=v),
                nh.Dirichlet(2, on="left", unknown=heat),
                nh.Neumann(3, on=["right", "bottom", "top"], unknown=heat),
            ],
        )
    )
    for lowered in (lower_homogenized(model), lower_fine(model.operator)):
        assert lowered.components == 3
        table = {(t.equation, t.left, t.field, t.right): t.coefficient for t in lowered.bilinear}
        assert (
            table[0, (1, 0), 0, (1, 0)],
            table[0, (0, 1), 0, (0, 1)],
            table[2, (1, 0), 2, (1, 0)],
        ) == (7, 2, 5)
        assert sp.expand(table[0, (1, 0), 2, (0, 0)] + X1) == 0
        cross = {index: c for index, c in table.items() if index[0] == 0 and index[2] == 1}
        assert cross == {(0, (1, 0), 1, (0, 1)): 3, (0, (0, 1), 1, (1, 0)): 2}
        assert lowered.sources == (1, X2, 7)
        assert {(t.equation, t.left): t.coefficient for t in lowered.linear} == {
            (0, (0, 0)): 1,
            (1, (0, 0)): X2,
            (2, (0, 0)): 7,
        }
        assert {(t.field, t.right): t.coefficient for t in lowered.flux[2][0]} == {(2, (1, 0)): 5}
        assert {(c.field, c.value) for c in lowered.essential} == {(0, 0), (1, 0), (2, 2)}
        assert [(c.equation, c.value, len(c.parts)) for c in lowered.natural] == [(2, 3, 3)]


def test_a_drift_without_divergence_is_put_into_flux_form() -> None:
    """-G u'' + ... = -(G u')' + G' u': the flux of the lowered equation has the whole of A."""
    lowered = lower_homogenized(
        derived(
            lambda s, u: sp.Eq(
                -s.div((2 + s.x[0]) * s.grad(u)) + C(s.y[1]) * u.diff(s.x[0]) / s.eps, 1
            ),
            2,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    assert all(sum(t.left) <= 1 and sum(t.right) <= 1 for t in lowered.bilinear)
    g = next(e for e in lowered.externals if e.name == "G" and not any(e.derivative))
    table = {(t.left, t.right): t.coefficient for t in lowered.bilinear}
    assert sp.expand(table[(1, 0), (1, 0)] - (2 + X1 + g.symbol)) == 0
    slope = next(e for e in lowered.externals if e.name == "G" and any(e.derivative))
    assert table[(0, 0), (1, 0)].coeff(slope.symbol) == 1


def test_what_cannot_be_solved_is_refused_before_it_is_lowered() -> None:
    with pytest.raises(UnsupportedError, match="time derivative"):
        lower_fine(
            table(
                lambda s, u: sp.Eq(s.dt(u, 2) - s.laplacian(u), 1),
                time=True,
                initial=[nh.Initial(0), nh.Initial(0, order=1)],
                **BOX,
            )
        )
    with pytest.raises(UnsupportedError, match="a source together"):
        lower_homogenized(
            derived(
                lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + C(s.y[0]) * u / s.eps**2, 1),
                time=True,
                final_time=1,
                initial=[nh.Initial(0)],
                **BOX,
            )
        )
    with pytest.raises(nh.ProblemError, match="no domain"):
        lower_homogenized(derived(diffusion(lambda s: 2)))
    with pytest.raises(nh.ProblemError, match="no final time"):
        lower_homogenized(
            derived(
                lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u), 1),
                time=True,
                initial=[nh.Initial(0)],
                **BOX,
            )
        )


def test_what_is_complex_says_so() -> None:
    assert lower_homogenized(derived(diffusion(lambda s: 2 + sp.I), **BOX)).complex
    assert not lower_homogenized(derived(diffusion(lambda s: 2), **BOX)).complex


def test_an_equation_without_a_time_derivative_holds_at_all_times() -> None:
    lowered = lower_fine(
        table(
            lambda s, u: (sp.Matrix([s.dt(u[0]), 0]) - s.div(s.grad(u)), sp.ones(2, 1)),
            time=True,
            components=2,
            final_time=1,
            initial=[nh.Initial(0)],
            **BOX,
        )
    )
    assert lowered.following == (1,) and lowered.starts == {0: 0}
