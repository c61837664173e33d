"""The diagnosis: what must pass it, and what must not, with the term quoted and a remedy (input
errors are in tests/problem/test_bad_input.py).
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem import errors as E
from tests.symbolic import Build, C, S, derived, diffusion

HALF = sp.Rational(1, 2)
ONES = sp.ones(2, 1)


def steps(s: nh.Scales) -> sp.Expr:
    return sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (-HALF, True))


@pytest.mark.parametrize(
    "build",
    [
        diffusion(
            lambda s: sp.Piecewise((s.y[0], s.y[0] < HALF), (1 - s.y[0], True)) + 1
        ),  # a tent, given on one cell
        diffusion(lambda s: 1 + sp.frac(s.y[0])),
        diffusion(lambda s: 2 + sp.sign(S(s.y[0]))),
        diffusion(lambda s: 1 + sp.Abs(S(s.y[0]))),
        diffusion(lambda s: 1.0001 + sp.cos(2 * sp.pi * s.y[0])),
        diffusion(lambda s: sp.exp(8 * S(s.y[0]))),
        diffusion(lambda s: 1e30 * (2 + S(s.y[0]))),
        diffusion(
            lambda s: s.x[0] + S(s.y[0]) * s.x[0] / 2
        ),  # degenerates at the boundary of the domain only
        diffusion(lambda s: sp.I * (2 + S(s.y[0]))),  # elliptic up to a common phase
        diffusion(lambda s: 2 + sp.exp(2 * sp.pi * sp.I * s.y[0])),
        lambda s, u: sp.Eq(-s.laplacian(u) + steps(s) * u / s.eps, 1),
        lambda s, u: sp.Eq(-s.laplacian(u) + (sp.Abs(S(s.y[0])) - 2 / sp.pi) * u / s.eps, 1),
        lambda s, u: sp.Eq(-s.laplacian(u) + C(128 * s.y[0]) * u / s.eps, 1),
        lambda s, u: sp.Eq(-s.laplacian(u), sp.log(s.x[0])),
        lambda s, u: sp.Eq(-s.laplacian(u) + sp.Function("r")(s.y[0]) * u / s.eps, 1),
        lambda s, u: sp.Eq(-s.div((1 + s.eps * S(s.y[0])) * s.grad(u)) + s.eps**2 * u, s.eps),
    ],
)
def test_sound_problems_pass(build: Build) -> None:
    assert derived(build).law


def tanh_disk(s: nh.Scales, width: float) -> sp.Expr:
    r = sp.sqrt((s.y[0] - HALF) ** 2 + (s.y[1] - HALF) ** 2)
    return 1 + sp.Rational(9, 2) * (1 + sp.tanh((sp.Rational(3, 10) - r) / width))


@pytest.mark.parametrize("place", [0.59, 0.5017, 0.47 / 33, 18.47 / 33])
def test_interfaces_lie_anywhere(place: float) -> None:
    assert derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < place), (10, True)))).law


def test_a_smooth_disk_is_given_on_one_cell() -> None:
    """Its formula is not periodic; its values at opposite faces agree."""
    assert derived(diffusion(lambda s: tanh_disk(s, 0.05)), 2).law


def bump(v: sp.Expr) -> sp.Expr:
    return sp.exp(-(((v - 0.31234) * 10**5) ** 2))


NARROW = {
    "in y": (1, lambda s: 1 - 2 * bump(s.y[0])),
    "in the plane": (
        2,
        lambda s: 1 - 2 * sp.exp(-(((s.y[0] - 0.31234) ** 2 + (s.y[1] - 0.7123) ** 2) * 10**8)),
    ),
    "in x": (1, lambda s: 2 + S(s.y[0]) - 4 * bump(s.x[0])),
    "in a layer": (
        1,
        lambda s: sp.Piecewise((-1, sp.And(s.y[0] > 0.31234, s.y[0] < 0.312341)), (1, True)),
    ),
    "of a tensor": (2, lambda s: sp.Matrix([[1, 2 * bump(s.y[0])], [2 * bump(s.y[0]), 1]])),
}


@pytest.mark.parametrize("name", NARROW)
def test_a_coefficient_that_is_negative_in_a_tiny_place_is_found(name: str) -> None:
    dim, a = NARROW[name]
    with pytest.raises(E.CoefficientError, match="not positive definite"):
        derived(diffusion(a), dim, domain=nh.Box(*[(0, 1)] * dim), boundary=[nh.Dirichlet(0)])


@pytest.mark.parametrize(
    "singular",
    [
        lambda s: 1 / sp.Abs(s.y[0] - 0.30171),
        lambda s: 2 - sp.log(sp.Abs(s.y[0] - 0.30171)),
        lambda s: 1 / (1 + S(s.y[0] - 0.0137)) ** 2,
    ],
)
def test_a_coefficient_that_is_singular_between_the_samples_is_found(singular: Any) -> None:
    with pytest.raises(E.CoefficientError, match="finite number everywhere"):
        derived(diffusion(singular))


def test_a_capacity_that_is_negative_in_a_tiny_place_is_found() -> None:
    def build(s: nh.Scales, u: Any) -> sp.Eq:
        return sp.Eq((1 - 2 * bump(s.y[0])) * s.dt(u) - s.laplacian(u), 1)

    with pytest.raises(E.CoefficientError, match="time derivative is not positive"):
        derived(build, time=True)


def test_a_mean_reaction_of_a_narrow_bump_is_seen() -> None:
    with pytest.raises(nh.SolvabilityError, match="a reaction of order 1/eps has the mean 1"):
        derived(lambda s, u: sp.Eq(-s.laplacian(u) + bump(s.y[0]) * u / s.eps, 1))


def test_stiff_phases_whose_hull_is_indefinite_are_positive_definite() -> None:
    """Across the interface each entry takes either value, but not every mixture of them."""

    def tensor(s: nh.Scales) -> sp.Matrix:
        inside = (s.y[0] - HALF) ** 2 + (s.y[1] - HALF) ** 2 < sp.Rational(9, 100)
        off = sp.Piecewise((0.9, inside), (-0.9, True))
        return sp.Matrix([[sp.Piecewise((1, inside), (10, True)), off], [off, 1]])

    assert derived(diffusion(tensor), 2).law


def test_a_rotating_flow_passes_in_either_form() -> None:
    """b = (d_2 psi, -d_1 psi) is divergence free."""

    def flow(s: nh.Scales) -> sp.Matrix:
        y1, y2 = s.y
        psi = sp.sin(2 * sp.pi * y1) * sp.sin(2 * sp.pi * y2)
        return sp.Matrix([psi.diff(y2), -psi.diff(y1)])

    for form in (lambda s, u: (flow(s).T * s.grad(u))[0], lambda s, u: s.div(flow(s) * u)):
        model = derived(lambda s, u, form=form: sp.Eq(-s.laplacian(u) + form(s, u) / s.eps, 1), 2)
        assert nh.solve_cells(model).effective["A"][0, 0] > 1


def test_the_mean_of_a_jump_is_known_well_enough_to_refuse_one_percent() -> None:
    with pytest.raises(nh.SolvabilityError, match="a reaction of order 1/eps has the mean 0"):
        derived(
            lambda s, u: sp.Eq(-s.laplacian(u) + (steps(s) + sp.Rational(1, 100)) * u / s.eps, 1)
        )


# ---- what does not pass


def a(s: nh.Scales) -> sp.Expr:
    return 2 + S(s.y[0])


def diffusing(s: nh.Scales, u: Any) -> Any:
    return -s.div(a(s) * s.grad(u))


def curl_curl(s: nh.Scales, v: Any) -> Any:
    rot = a(s) * (v[1].diff(s.x[0]) - v[0].diff(s.x[1]))
    return s.div(sp.Matrix([[0, rot], [-rot, 0]])), ONES


def curl_curl_3d(s: nh.Scales, v: Any) -> Any:
    x = s.x
    h = [
        a(s) * (v[(i + 2) % 3].diff(x[(i + 1) % 3]) - v[(i + 1) % 3].diff(x[(i + 2) % 3]))
        for i in range(3)
    ]
    return s.div(sp.Matrix([[0, h[2], -h[1]], [-h[2], 0, h[0]], [h[1], -h[0], 0]])), sp.ones(3, 1)


def stokes(s: nh.Scales, v: Any) -> Any:
    (x1, x2), (p, q, pressure) = s.x, v
    return sp.Matrix(
        [
            -s.laplacian(p) + pressure.diff(x1),
            -s.laplacian(q) + pressure.diff(x2),
            p.diff(x1) + q.diff(x2),
        ]
    ), sp.ones(3, 1)


TIME, TWO, PAIR = {"time": True}, {"dim": 2}, {"components": 2}
SOLVE, COEFF, SCOPE = E.SolvabilityError, E.CoefficientError, E.UnsupportedError
Case = tuple[Build, dict[str, Any], type[E.NhpinnError], str, str]

CASES: dict[str, Case] = {  # build, options, error, part of the message, part of the term
    # A_0 is of another order, or holds slow derivatives
    "diffusion at 1/eps": (
        lambda s, u: sp.Eq(diffusing(s, u) / s.eps + u, 1),
        {},
        SOLVE,
        "order eps^-3",
        "/epsilon",
    ),
    "diffusion at eps": (
        lambda s, u: sp.Eq(s.eps * diffusing(s, u) + u, 1),
        {},
        SOLVE,
        "order eps^-1",
        "epsilon*",
    ),
    "reaction at eps^-3": (
        lambda s, u: sp.Eq(diffusing(s, u) + C(s.y[0]) * u / s.eps**3, 1),
        {},
        SOLVE,
        "order eps^-3",
        "epsilon**3",
    ),
    "bending at eps^2": (
        lambda s, u: sp.Eq(diffusing(s, u) + s.eps**2 * s.div(s.div(a(s) * s.hessian(u))), 1),
        {},
        SOLVE,
        "not eps^-4",
        "epsilon**2",
    ),
    "slow derivative in A_0": (
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) - s.laplacian(s.dt(u)), 1),
        TIME,
        SOLVE,
        "slow derivative",
        "Derivative(u(x1, t), x1, t)",
    ),
    "a fast variable missing in A_0": (
        lambda s, u: sp.Eq(-u.diff(s.x[0], 2) - s.eps**2 * u.diff(s.x[1], 2), 1),
        TWO,
        COEFF,
        "does not act along y2",
        "Derivative(-Derivative(u(x1, x2), x1), x1)",
    ),
    "third order": (
        lambda s, u: sp.Eq(diffusing(s, u) + u.diff(s.x[0], 3), 1),
        {},
        SCOPE,
        "third order",
        "Derivative(u(x1), (x1, 3))",
    ),
    # A_0 1 != 0, and no factorization
    "reaction at eps^-2 in a system": (
        lambda s, u: (diffusing(s, u) + sp.diag(C(s.y[0]), 0) * u / s.eps**2, ONES),
        PAIR,
        SOLVE,
        "keeps the constants out of the kernel",
        "u_1(x1)*cos(2*pi*y1)/epsilon**2",
    ),
    "reaction at eps^-2 that varies with x": (
        lambda s, u: sp.Eq(s.dt(u) + diffusing(s, u) + s.x[0] * C(s.y[0]) * u / s.eps**2, 1),
        TIME,
        SOLVE,
        "keeps the constants out of the kernel",
        "x1*u(x1, t)*cos(2*pi*y1)/epsilon**2",
    ),
    "reaction at eps^-4 of a beam": (
        lambda s, u: sp.Eq(s.laplacian(s.laplacian(u)) + C(s.y[0]) * u / s.eps**4, 1),
        {},
        SOLVE,
        "keeps the constants out of the kernel",
        "epsilon**4",
    ),
    "reaction at eps^-2 of a wave": (
        lambda s, u: sp.Eq(s.dt(u, 2) + diffusing(s, u) + C(s.y[0]) * u / s.eps**2, 1),
        TIME,
        SCOPE,
        "second or mixed time derivative",
        "Derivative(u(x1, t), (t, 2))",
    ),
    # means that may not be
    "drift of a system": (
        lambda s, u: (s.dt(u) + diffusing(s, u) + sp.Matrix([u[0].diff(s.x[0]), 0]) / s.eps, ONES),
        TIME | PAIR,
        SOLVE,
        "different mean drifts of order 1/eps",
        "Derivative(u_2(x1, t), x1)/epsilon",
    ),
    "drift that varies with x": (
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + (2 + s.x[0]) * u.diff(s.x[0]) / s.eps, 1),
        TIME,
        SOLVE,
        "a drift of order 1/eps has the mean",
        "(x1 + 2)*Derivative(u(x1, t), x1)/epsilon",
    ),
    "stationary drift": (
        lambda s, u: sp.Eq(-s.laplacian(u) + (2 + C(s.y[1])) * u.diff(s.x[0]) / s.eps, 1),
        TWO,
        SOLVE,
        "moving frame",
        "(cos(2*pi*y2) + 2)*Derivative(u(x1, x2), x1)/epsilon",
    ),
    "reaction": (
        lambda s, u: sp.Eq(diffusing(s, u) + (1 + C(s.y[0])) * u / s.eps, 1),
        {},
        SOLVE,
        "a reaction of order 1/eps has the mean 1",
        "(cos(2*pi*y1) + 1)*u(x1)/epsilon",
    ),
    "reaction of a system": (
        lambda s, u: (diffusing(s, u) + sp.Matrix([[0, 3 + C(s.y[0])], [0, 0]]) * u / s.eps, ONES),
        PAIR,
        SOLVE,
        "a reaction of order 1/eps has the mean 3",
        "u_2(x1)/epsilon",
    ),
    "reaction of a beam": (
        lambda s, u: sp.Eq(s.laplacian(s.laplacian(u)) + (1 + C(s.y[0])) * u / s.eps**2, 1),
        {},
        SOLVE,
        "a reaction of order eps^-2 has the mean 1",
        "u(x1)/epsilon**2",
    ),
    "source": (
        lambda s, u: sp.Eq(diffusing(s, u), (s.x[0] + S(s.y[0])) / s.eps),
        {},
        SOLVE,
        "a source of order 1/eps has the mean",
        "(x1 + sin(2*pi*y1))/epsilon",
    ),
    "source of a system": (
        lambda s, u: (diffusing(s, u), sp.Matrix([0, 1 / s.eps])),
        PAIR,
        SOLVE,
        "a source of order 1/eps has the mean 1",
        "1/epsilon",
    ),
    "source at eps^-2": (
        lambda s, u: sp.Eq(diffusing(s, u), S(s.y[0]) / s.eps**2),
        {},
        SOLVE,
        "eps^-2",
        "epsilon**2",
    ),
    # ellipticity
    "coefficient that vanishes on a set": (
        diffusion(lambda s: sp.Piecewise((0, s.y[0] < sp.Rational(1, 3)), (1, True))),
        {},
        COEFF,
        "not positive definite",
        "Piecewise((0, y1 < 1/3), (1, True))",
    ),
    "complex, of every phase": (
        diffusion(lambda s: sp.exp(2 * sp.pi * sp.I * s.y[0])),
        {},
        COEFF,
        "not positive definite",
        "exp(2*I*pi*y1)",
    ),
    "sign of the elastic operator": (
        lambda s, v: (s.div(a(s) * s.sym_grad(v)), ONES),
        TWO | PAIR,
        COEFF,
        "check its sign",
        "sin(2*pi*y1)",
    ),
    "sign of a diffusing field": (
        lambda s, u: (s.dt(u) + sp.Matrix([diffusing(s, u[0]), -diffusing(s, u[1])]), ONES),
        TIME | PAIR,
        COEFF,
        "not positive definite",
        "sin(2*pi*y1)",
    ),
    "sign of a beam": (
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(a(s) * s.laplacian(u)), 1),
        TIME,
        COEFF,
        "check its sign",
        "sin(2*pi*y1)",
    ),
    "Lame coefficients that cancel": (
        lambda s, v: (
            -s.div((2 + S(s.y[0])) * s.sym_grad(v) + C(s.y[1]) * s.grad(v).trace() * sp.eye(2)),
            ONES,
        ),
        TWO | PAIR,
        COEFF,
        "singular somewhere",
        "cos(2*pi*y2)",
    ),
    "curl curl": (curl_curl, TWO | PAIR, SOLVE, "infinite kernel", "Derivative(u_1(x1, x2), x2)"),
    "curl curl in space": (
        curl_curl_3d,
        {"dim": 3, "components": 3},
        SOLVE,
        "infinite kernel",
        "Derivative(u_1(x1, x2, x3), x2)",
    ),
    "no shear modulus": (
        lambda s, v: (-s.div(a(s) * s.grad(v).trace() * sp.eye(2)), ONES),
        TWO | PAIR,
        SOLVE,
        "infinite kernel",
        "u_1(x1, x2)",
    ),
    "one equation twice": (
        lambda s, u: [sp.Eq(diffusing(s, u[0]) + diffusing(s, u[1]), 1)] * 2,
        PAIR,
        SOLVE,
        "infinite kernel",
        "u_1(x1)",
    ),
    "a constraint": (
        stokes,
        {"dim": 2, "components": 3},
        SOLVE,
        "infinite kernel",
        "Derivative(-Derivative(u_1(x1, x2), x1), x1)",
    ),
    # time
    "u_t at 1/eps": (
        lambda s, u: sp.Eq(s.dt(u) / s.eps + diffusing(s, u), 1),
        TIME,
        SCOPE,
        "time derivative of order eps^-1",
        "Derivative(u(x1, t), t)/epsilon",
    ),
    "u_tt at eps^2": (
        lambda s, u: sp.Eq(s.eps**2 * s.dt(u, 2) + s.dt(u) + diffusing(s, u), 1),
        TIME,
        SCOPE,
        "time derivative of order eps^2",
        "epsilon**2*Derivative(u(x1, t), (t, 2))",
    ),
    "u_ttt": (
        lambda s, u: sp.Eq(s.dt(u, 3) + diffusing(s, u), 1),
        TIME,
        SCOPE,
        "order above two",
        "Derivative(u(x1, t), (t, 3))",
    ),
    "a wave with a resonant fast time": (
        lambda s, u: sp.Eq(s.dt(u, 2) - s.div((2 + C(s.tau)) * s.grad(u)), 1),
        {"fast_time": 1},
        SCOPE,
        "its cell problem is a wave equation",
        "cos(2*pi*tau)",
    ),
    "tau in a stationary equation": (
        lambda s, u: sp.Eq(-s.div((2 + C(s.tau)) * s.grad(u)), 1),
        {"fast_time": 2},
        SOLVE,
        "no time derivative",
        "cos(2*pi*tau)",
    ),
    "tau between the levels": (
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + C(s.tau) + C(s.z[0])) * s.grad(u)), 1),
        {"fast_time": 3, "levels": 2},
        SCOPE,
        "between those of the levels",
        "cos(2*pi*tau)",
    ),
    "rho of a slow tau that jumps": (
        lambda s, u: sp.Eq((2 + C(s.tau) + steps(s)) * s.dt(u) + diffusing(s, u), 1),
        {"fast_time": 1},
        SCOPE,
        "a rho that jumps",
        "Piecewise",
    ),
    # jumps, counts
    "a jump under second derivatives": (
        lambda s, u: sp.Eq(-(steps(s) ** 2) * s.laplacian(u), 1),
        TWO,
        E.JumpError,
        "jumps along y1",
        "Piecewise",
    ),
    "too few equations": (
        lambda s, u: sp.Eq(-s.laplacian(u[0]), 1),
        PAIR,
        E.EquationError,
        "1 scalar equations for 2 unknown",
        "u_2(x1)",
    ),
    "too many equations": (
        lambda s, u: [sp.Eq(-s.laplacian(u), 1)] * 2,
        {},
        E.EquationError,
        "2 scalar equations for 1 unknown",
        "u(x1)",
    ),
    "an unknown nowhere": (
        lambda s, u: [sp.Eq(-s.laplacian(u[0]), 1), sp.Eq(-2 * s.laplacian(u[0]), 1)],
        PAIR,
        COEFF,
        "do not hold an unknown",
        "u_2(x1)",
    ),
    "correctors of a slow tau": (
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + C(s.tau) * S(s.y[0])) * s.grad(u)), 1),
        {"fast_time": 1, "order": 2},
        SCOPE,
        "averaged separately",
        "tau",
    ),
    "correctors of z": (
        diffusion(lambda s: 3 + S(s.y[0]) + C(s.z[0])),
        {"levels": 2, "order": 2},
        SCOPE,
        "averaged separately",
        "z1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_homogenized_says_why(name: str) -> None:
    build, options, expected, message, term = CASES[name]
    with pytest.raises(E.NhpinnError) as caught:
        derived(build, **options)
    assert_told(caught.value, expected, message, term)


def assert_told(
    error: E.NhpinnError, expected: type[E.NhpinnError], message: str, term: str
) -> None:
    assert type(error) is expected, str(error)
    assert message in str(error)
    assert term in str(error).partition("term:")[2].partition("remedy:")[0]
    assert "remedy:" in str(error)


WEIGHTED: dict[str, Case] = {
    "drift": (
        lambda s, u: sp.Eq(diffusing(s, u) + S(s.y[0]) * u.diff(s.x[0]) / s.eps, 1),
        {},
        SOLVE,
        "a mean drift",
        "N_1",
    ),
    "drift of a system": (
        lambda s, u: (diffusing(s, u) + S(s.y[0]) * u.diff(s.x[0]) / s.eps, ONES),
        PAIR,
        SOLVE,
        "a mean drift",
        "N_1_u1",
    ),
    "drift of a wave": (
        lambda s, u: sp.Eq(s.dt(u, 2) + diffusing(s, u) + S(s.y[0]) * u.diff(s.x[0]) / s.eps, 1),
        TIME,
        SOLVE,
        "a mean drift",
        "N_1",
    ),
    "conservative drift": (
        lambda s, u: sp.Eq(-s.laplacian(u) + s.div(sp.Matrix([(1 + C(s.y[0])) * u])) / s.eps, 1),
        {},
        SOLVE,
        "a mean drift",
        "N_1",
    ),
    "reaction at 1/eps beside a weight": (
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + (S(s.y[0]) * u.diff(s.x[0]) + C(s.y[0]) * u) / s.eps, 1
        ),
        TIME,
        SOLVE,
        "a mean reaction",
        "N_0",
    ),
    "reaction": (
        lambda s, u: sp.Eq(-a(s) * u.diff(s.x[0], 2) + S(s.y[0]) * u / s.eps, 1),
        {},
        SOLVE,
        "a mean reaction",
        "N_0",
    ),
    "source": (
        lambda s, u: sp.Eq(-a(s) * u.diff(s.x[0], 2), S(s.y[0]) / s.eps),
        {},
        SOLVE,
        "source",
        "N_f",
    ),
    "eigenvalue": (
        lambda s, u: sp.Eq(-s.laplacian(u) + C(s.y[0]) * u / s.eps**2, 1),
        {},
        SOLVE,
        "must have 0 in a stationary problem",
        "phi",
    ),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_means_that_are_known_only_with_the_kernels_are_told_at_solve_time(name: str) -> None:
    build, options, expected, message, term = WEIGHTED[name]
    model = derived(build, **options)
    with pytest.raises(E.NhpinnError) as caught:
        nh.solve_cells(model)
    assert_told(caught.value, expected, message, term)


def test_a_weighted_mean_that_vanishes_passes() -> None:
    """<cos/(2 + sin)> = 0: the same operator with another phase has no drift; the multiplier is
    rounding.
    """
    cells = nh.solve_cells(
        derived(lambda s, u: sp.Eq(diffusing(s, u) + C(s.y[0]) * u.diff(s.x[0]) / s.eps, 1))
    )
    assert cells.info["fredholm"] < 1e-10
    assert cells.effective["A"][0, 0] > 0
