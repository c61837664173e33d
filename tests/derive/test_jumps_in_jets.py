"""Functions of the unknown, or of its gradient, that jump are refused, however they are written; kinks are not."""

import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(1, time=True)
U = S.unknown("u")
GRAD = S.grad(U)
STEP = sp.Piecewise((1, U < 0), (2, True))
LAYER = sp.Piecewise((1, S.y[0] < sp.Rational(1, 2)), (3, True))


def problem_of(operator: sp.Expr) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(sp.Eq(operator, 1), scales=S, unknown=U)


@pytest.mark.parametrize(
    "operator",
    [
        S.dt(sp.Piecewise((U, U < 0), (U + 1, True))) - S.div(GRAD),
        S.dt(U + sp.Heaviside(U)) - S.div(GRAD),
        S.dt(U) - S.div(STEP * GRAD),
        S.dt(U) - S.div(GRAD) + sp.floor(U),
        S.dt(U) - S.div(LAYER * GRAD) + sp.sign(U - LAYER / 4),
        S.dt(U) - S.div(GRAD) + sp.Heaviside(U**2 - 1),
        S.dt(U) - S.div((1 + sp.Mod(U, 2)) * GRAD),
        -S.div(sp.Piecewise((1, GRAD[0] < 1), (2, True)) * GRAD),
        -S.div(GRAD / sp.Abs(GRAD[0])),
        -S.div(GRAD) + sp.sign(GRAD[0]) * sp.Heaviside(-U),
    ],
)
def test_jumps_are_refused(operator: sp.Expr) -> None:
    with pytest.raises(nh.UnsupportedError, match=r"jumps with u[\s\S]*tanh"):
        nh.homogenize(problem_of(operator))


@pytest.mark.parametrize(
    "operator",
    [
        S.dt(sp.Piecewise((U, U < 0), (3 * U, True))) - S.div(GRAD),
        S.dt(U) - S.div((2 + sp.Max(U, 0)) * GRAD) + sp.Abs(U),
        S.dt(LAYER * (U + U**3)) - S.div(LAYER * GRAD),
        S.dt(U) - S.div((2 + U * sp.sign(U)) * GRAD) + (U**2 - 1) * sp.Heaviside(U**2 - 1),
        -S.div((2 + GRAD[0] * sp.sign(GRAD[0])) * GRAD),
    ],
)
def test_kinks_and_layers_are_not(operator: sp.Expr) -> None:
    assert not nh.homogenize(problem_of(operator)).linear


def test_an_equation_at_one_eps_is_refused_too() -> None:
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.div(STEP * GRAD), 1),
        scales=S,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.UnsupportedError, match="jumps with u"):
        nh.solve_fine(problem, eps=1, backend="skfem")
