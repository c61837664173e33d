"""Boundary value problems for systems by random features, against manufactured solutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.equation import lower_fine, lower_homogenized
from nhpinn_sym.lower.forms import External, LoweredEquation
from nhpinn_sym.operator.parse import parse
from nhpinn_sym.solve.fem.skfem import solve_equation as solve_by_elements
from nhpinn_sym.solve.pinn.equations.solution import NetworkSolution
from nhpinn_sym.solve.pinn.equations.strong import solve_equation
from nhpinn_sym.solve.solution import Array, Coefficients

BOX = nh.Box((0, 1), (0, 1))
PI2 = 2 * sp.pi
UNIT = {"epsilon": 1.0}


def no_externals(external: External, points: Array) -> Array:
    raise AssertionError(external)


def lowered(
    equation: Any, s: nh.Scales, unknown: Any, boundary: Sequence[Any], **more: Any
) -> LoweredEquation:
    """A problem without fast variables, as it stands."""
    return lower_fine(
        parse(
            nh.MultiscaleProblem(
                equation, scales=s, unknown=unknown, boundary=boundary, **{"domain": BOX, **more}
            )
        )
    )


def solved(
    equation: LoweredEquation, coefficients: Coefficients = no_externals, **options: Any
) -> NetworkSolution:
    return solve_equation(equation, coefficients, UNIT, **options)


def error(
    u: NetworkSolution,
    exact: Sequence[sp.Expr],
    variables: Sequence[sp.Symbol],
    t: float | None = None,
) -> float:
    points = np.random.default_rng(0).random((300, len(variables)))
    at = {} if t is None else {sp.Symbol("t", real=True): t}
    values = [
        np.broadcast_to(sp.lambdify(variables, sp.sympify(e).subs(at))(*points.T), len(points))
        for e in exact
    ]
    found = u(points, t) if t is not None else u(points)
    assert found.shape == (300, len(exact))
    return float(np.abs(found - np.stack(values, -1)).max())


class Elastic:
    """sigma = lam tr(e) I + 2 mu e with a given displacement."""

    def __init__(self, lam: sp.Expr, mu: sp.Expr) -> None:
        self.s = nh.Scales(2)
        self.x1, self.x2 = self.s.x
        self.v = self.s.unknown("v", components=2)
        e = self.s.sym_grad(self.v)
        self.exact = sp.Matrix(
            [sp.sin(2 * self.x1) * sp.exp(self.x2), self.x1 * sp.cos(2 * self.x2) + self.x2**2]
        )
        swap = dict(zip(self.s.x, sp.symbols("x1:3", real=True)))
        self.sigma = (lam.subs(swap) * e.trace() * sp.eye(2) + 2 * mu.subs(swap) * e).subs(
            {v: k for k, v in swap.items()}
        )
        self.stress = self.put(self.sigma)

    def put(self, expr: Any) -> Any:
        return expr.subs(dict(zip(self.v, self.exact))).doit()

    @property
    def equation(self) -> Any:
        left = -self.s.div(self.sigma)
        return left, self.put(left)


X1, X2 = sp.symbols("x1 x2", real=True)


@pytest.mark.parametrize("unit", [1, 10**9])
def test_elasticity_with_clamped_sliding_loaded_and_springy_faces(unit: int) -> None:
    p = Elastic(unit * (2 + X1 * X2), unit * (1 + X1 / 2 + sp.sin(X2) / 3))
    boundary = [
        nh.Dirichlet(p.exact.subs(p.x1, 0), on="left"),
        nh.Dirichlet(p.exact.subs(p.x1, 1)[0], on="right", unknown=p.v[0]),
        nh.Neumann(p.stress[1, 0].subs(p.x1, 1), on="right", unknown=p.v[1]),
        nh.Neumann(-p.stress[:, 1].subs(p.x2, 0), on="bottom"),
        nh.Robin(3 * unit, (p.stress[:, 1] + 3 * unit * p.exact).subs(p.x2, 1), on="top"),
    ]
    u = solved(lowered(p.equation, p.s, p.v, boundary), features=800)
    assert error(u, p.exact, p.s.x) < 1e-9
    assert u.info["estimate"] < 1e-5
    slope = np.stack([sp.lambdify(p.s.x, e.diff(p.x2))(0.3, 0.6) for e in p.exact])
    assert u.derivative(np.array([[0.3, 0.6]]), (0, 1))[0] == pytest.approx(slope, abs=1e-8)


def test_effective_coefficients_from_outside_bring_their_derivatives() -> None:
    """The homogenized equation of a locally periodic medium, with an effective tensor of one's
    own.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    lam, mu = 1 + X1 + X2, 2 + X1 * X2
    p = Elastic(lam, mu)
    e = s.sym_grad(v)
    flux = (2 + sp.sin(PI2 * s.y[0]) * sp.cos(PI2 * s.y[1]) * s.x[0] * s.x[1]) * (
        e.trace() * sp.eye(2) + e
    )
    boundary = [
        nh.Dirichlet(p.exact, on=["left", "bottom"]),
        nh.Neumann(p.stress[:, 0].subs(p.x1, 1), on="right"),
        nh.Neumann(p.stress[:, 1].subs(p.x2, 1), on="top"),
    ]
    model = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(flux), p.equation[1]), scales=s, unknown=v, domain=BOX, boundary=boundary
        )
    )

    def values(external: External, points: Array) -> Array:
        i, k, j, m = external.index
        entry = lam * int(i == k and j == m) + mu * (
            int(i == j and k == m) + int(i == m and k == j)
        )
        for variable, order in zip((X1, X2), external.derivative):
            entry = sp.diff(entry, variable, order)
        return np.broadcast_to(sp.lambdify((X1, X2), entry)(*points.T), len(points)).astype(float)

    u = solve_equation(lower_homogenized(model), values, {}, features=800)
    assert error(u, p.exact, p.s.x) < 1e-8


def test_coupled_reaction_and_diffusion_in_time() -> None:
    """Different faces are Dirichlet faces of the two unknowns."""
    s = nh.Scales(2, time=True)
    u, w = s.unknown("u"), s.unknown("w")
    (x1, x2), t = s.x, s.t
    eu, ew = sp.exp(-t) * sp.sin(x1 + 2 * x2), sp.cos(x1 * t) + x2
    left = [
        (2 + x1) * s.dt(u) - s.div((1 + x2) * s.grad(u)) + 3 * u - w,
        s.dt(w) - 2 * s.div(s.grad(w)) + x1 * u + w.diff(x1),
    ]
    boundary = [
        nh.Dirichlet(eu, on=["left", "right", "bottom"], unknown=u),
        nh.Neumann((2 * eu.diff(x2)).subs(x2, 1), on="top", unknown=u),
        nh.Dirichlet(ew, on="bottom", unknown=w),
        nh.Neumann((2 * ew.diff(x2)).subs(x2, 1), on="top", unknown=w),
        nh.Neumann((-2 * ew.diff(x1)).subs(x1, 0), on="left", unknown=w),
        nh.Robin(1, (2 * ew.diff(x1) + ew).subs(x1, 1), on="right", unknown=w),
    ]
    equation = lowered(
        [sp.Eq(e, e.subs({u: eu, w: ew}).doit()) for e in left],
        s,
        [u, w],
        boundary,
        initial=[nh.Initial(sp.Matrix([eu, ew]).subs(t, 0))],
        final_time=1,
    )
    found = solved(equation, features=800)
    for time in (0.0, 0.4, 1.0):
        assert error(found, (eu, ew), s.x, time) < 1e-6
    with pytest.raises(nh.SolveError, match="not computed"):
        found(np.zeros((1, 2)), 1.2)


@pytest.mark.parametrize("unit", [1, 1000])
def test_two_unknowns_that_start_with_data_that_do_not_fit(unit: int) -> None:
    """u_t - u'' = 1 and w_t - 3 w'' = 1 in other unknowns, v = (u + w, w / unit): what diffuses is
    no unknown by itself.
    """
    s = nh.Scales(1, time=True)
    v = s.unknown("v", components=2)
    u, w = v[0] - unit * v[1], unit * v[1]
    first, second = s.dt(u) - s.laplacian(u), s.dt(w) - 3 * s.laplacian(w)
    equation = lowered(
        (sp.Matrix([first, second]), sp.ones(2, 1)),
        s,
        v,
        [nh.Dirichlet(0)],
        domain=nh.Box((0, 1)),
        initial=[nh.Initial(0)],
        final_time=sp.Rational(1, 20),
    )
    found = solved(equation, features=800)
    x, k = np.linspace(0, 1, 21)[1:-1, None], np.arange(1, 400, 2) * np.pi

    def series(diffusion: float) -> Array:
        rate = diffusion * k**2
        return np.asarray(np.sin(x * k) @ (4 / k * (1 - np.exp(-rate / 20)) / rate))

    assert found.info["known_functions"].endswith("2 layers at t = 0")
    assert np.abs(unit * found(x)[:, 1] - series(3.0)).max() < 1e-6
    assert np.abs(found(x)[:, 0] - series(1.0) - series(3.0)).max() < 1e-6


def coupled_line(
    exact: tuple[sp.Expr, sp.Expr], boundary: Sequence[Any], extra: int = 0
) -> tuple[LoweredEquation, nh.Scales]:
    """-u'' + u - w, -2 w'' - u + w: constants (1, 1) are in the kernel."""
    s = nh.Scales(1)
    u, w = s.unknown("u"), s.unknown("w")
    left = [-s.div(s.grad(u)) + u - w, -2 * s.div(s.grad(w)) - u + w]
    right = [e.subs({u: exact[0], w: exact[1]}).doit() for e in left]
    return (
        lowered(
            [sp.Eq(left[0], right[0] + extra), sp.Eq(left[1], right[1])],
            s,
            [u, w],
            boundary,
            domain=nh.Box((0, 1)),
        ),
        s,
    )


def test_trained_nets_have_several_outputs() -> None:
    x = sp.Symbol("x1", real=True)
    exact = sp.sin(2 * x), sp.exp(x)
    equation, s = coupled_line(exact, [nh.Dirichlet(sp.Matrix(exact))])
    u = solved(equation, solver="lm", width=8, depth=1)
    assert error(u, exact, s.x) < 1e-5
    assert u.network.outputs == 2


def test_constants_that_are_left_open_have_zero_mean() -> None:
    x = sp.Symbol("x1", real=True)
    exact = sp.cos(sp.pi * x), -sp.cos(2 * sp.pi * x)
    equation, s = coupled_line(exact, [nh.Neumann(0)])
    assert error(solved(equation), exact, s.x) < 1e-9


def test_translations_of_a_periodic_solid_are_left_open() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e, mu = s.sym_grad(v), 1 + sp.sin(PI2 * s.x[0]) / 3
    left = -s.div(mu * e.trace() * sp.eye(2) + 2 * mu * e)
    exact = sp.Matrix([sp.sin(PI2 * s.x[0]) * sp.cos(PI2 * s.x[1]), sp.cos(PI2 * s.x[0])])
    u = solved(lowered((left, left.subs(dict(zip(v, exact))).doit()), s, v, [nh.Periodic()]))
    assert error(u, exact, s.x) < 1e-7


def test_a_rigid_rotation_that_is_left_open_is_taken_out() -> None:
    """Traction on every face: the solution that is orthogonal to translations and rotations; a
    uniaxial stress has a linear one.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    ends = [nh.Neumann(sp.Matrix([2 * end - 1, 0]), on=(0, end)) for end in (0, 1)]
    boundary = [*ends, nh.Neumann(sp.zeros(2, 1), on=["bottom", "top"])]
    exact = sp.Matrix(
        [
            sp.Rational(3, 8) * (s.x[0] - sp.Rational(1, 2)),
            -sp.Rational(1, 8) * (s.x[1] - sp.Rational(1, 2)),
        ]
    )
    u = solved(lowered((-s.div(e.trace() * sp.eye(2) + 2 * e), sp.zeros(2, 1)), s, v, boundary))
    assert error(u, exact, s.x) < 1e-8


def test_a_torque_that_is_not_balanced_is_refused() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    sides = [nh.Neumann(sp.Matrix([0, 2 * end - 1]), on=(0, end)) for end in (0, 1)]
    boundary = [*sides, nh.Neumann(sp.zeros(2, 1), on=["bottom", "top"])]
    with pytest.raises(nh.SolveError, match="no solution"):
        solved(
            lowered((-s.div(e.trace() * sp.eye(2) + 2 * e), sp.zeros(2, 1)), s, v, boundary),
            features=200,
        )


def test_data_that_contradict_each_other_in_one_component_alone() -> None:
    """A lid that slides: its velocity jumps at the corners; the other component is hard
    everywhere.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    boundary = [
        nh.Dirichlet(sp.Matrix([1, 0]), on="top"),
        nh.Dirichlet(0, on=["left", "right", "bottom"]),
    ]
    u = solved(lowered((-s.div(s.grad(v)), sp.zeros(2, 1)), s, v, boundary), features=800)
    x, k = np.array([[0.5, 0.5], [0.3, 0.2]]), np.arange(1, 60, 2) * np.pi
    series = (4 / k * np.sin(k * x[:, :1]) * np.sinh(k * x[:, 1:]) / np.sinh(k)).sum(1)
    assert u(x)[:, 0] == pytest.approx(series, abs=1e-6)
    assert np.abs(u(x)[:, 1]).max() < 1e-7
    edge = np.stack([np.linspace(0, 1, 7), np.ones(7)], -1)
    assert np.abs(u(edge)[:, 1]).max() < 1e-12  # rounding, which differs between processors


def elastic(boundary: Sequence[Any], load: Sequence[int]) -> LoweredEquation:
    """lam = 3, mu = 1."""
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    return lowered((-s.div(3 * e.trace() * sp.eye(2) + 2 * e), sp.Matrix(load)), s, v, boundary)


STRETCHED = [
    nh.Dirichlet(0, on="left"),
    nh.Neumann(sp.Matrix([1, 0]), on="right"),
    nh.Neumann(0, on=["bottom", "top"]),
]


@pytest.mark.parametrize(
    ("boundary", "load"),
    [([nh.Dirichlet(0)], (0, -1)), (STRETCHED, (0, 0))],
    ids=["clamped", "stretched"],
)
def test_singular_corners_against_finite_elements(
    boundary: Sequence[Any], load: Sequence[int]
) -> None:
    """r^1.32 where two clamped edges meet, r^0.66 where a clamped one meets a free one."""
    equation = elastic(boundary, load)
    u, fem = solved(equation), solve_by_elements(equation, no_externals, UNIT, mesh=64)
    points = np.random.default_rng(0).random((300, 2))
    assert np.linalg.norm(u(points) - fem(points)) < 2e-4 * np.linalg.norm(fem(points))
    assert u.info["estimate"] < 1e-5 and u.info["known_functions"].endswith("for 4 corners")
    edge = np.stack([np.zeros(9), np.linspace(0, 1, 9)], -1)
    assert np.abs(u(edge)).max() < 1e-12 and np.isfinite(u.derivative(edge[1:-1], (1, 0))).all()


def test_homogenized_elasticity_on_both_backends() -> None:
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    mu = 2 + sp.sin(PI2 * s.y[0]) * sp.cos(PI2 * s.y[1])
    e = s.sym_grad(v)
    problem = nh.MultiscaleProblem(
        (-s.div(e.trace() * sp.eye(2) + 2 * mu * e), sp.Matrix([0, -1])),
        scales=s,
        unknown=v,
        domain=BOX,
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    pinn, fem = (
        nh.solve_homogenized(model, cells, name, tolerance=1e-3) for name in ("pinn", "skfem")
    )
    points = np.random.default_rng(0).random((300, 2))
    assert np.linalg.norm(pinn(points) - fem(points)) < 1e-3 * np.linalg.norm(fem(points))
