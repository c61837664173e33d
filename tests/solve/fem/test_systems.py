"""Boundary value problems of systems on both finite element backends: manufactured solutions, patch
tests, closed forms of layered media.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.linalg import expm

import nhpinn_sym as nh
from nhpinn_sym.lower.forms import External, LoweredEquation, WeakTerm
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.runtime.fem_skfem import linear_solvers
from nhpinn_sym.solve.backends import equation_solver
from nhpinn_sym.solve.fem.grid_functions import GridSolution
from tests.fem_samples import X, everywhere, isotropic, manufactured_system, t, x1, x2, x3

both = pytest.mark.parametrize("backend", ("skfem", "dolfinx"))
LINE, SQUARE, UNIT, CUBE = (
    Box((-1, 2)),
    Box((0, 1), (-1, 1)),
    Box((0, 1), (0, 1)),
    Box((0, 1), (0, 1), (0, 1)),
)
CLAMPED = {**everywhere("neumann", SQUARE), "left": "dirichlet"}
ROLLERS = {
    "left": "dirichlet",
    "right": "neumann",
    "bottom": ("dirichlet", "neumann"),
    "top": "robin",
}
HALF = sp.Rational(1, 2)


def coupled(d: sp.Matrix) -> Callable[[int, int, int, int], sp.Expr]:
    """Diffusion d_ij grad u_j in equation i."""
    return lambda i, k, j, m: d[i, j] * int(k == m)


def anisotropic(i: int, k: int, j: int, m: int) -> sp.Expr:
    """Couples everything to everything, strongly elliptic, not symmetric."""
    return (
        2 * int((i, k) == (j, m)) + sp.Rational(i + 2 * k - j + m, 10) + x1 * int(i == k == j == m)
    )


BEND = (sp.sin(x1 + 2 * x2), sp.cos(2 * x1) * sp.exp(x2 / 2))
WAVES = (sp.sin(2 * sp.pi * x2) * sp.exp(x1), sp.cos(2 * sp.pi * x2) * x1)
HEATS = (sp.cos(t) * sp.sin(2 * x1), (1 + t**2) * sp.cos(x1))
PAIR = (sp.cos(t) * sp.sin(2 * x1) * sp.exp(x2), (1 + t**2) * sp.cos(x1 - x2))
STRIP = {"left": "dirichlet", "right": "robin", "bottom": "periodic", "top": "periodic"}
DIFFUSIONS = coupled(sp.Matrix([[2 + x1, HALF], [HALF / 2, 1]]))
PIEZO = sp.diag(2, -1), sp.Matrix([[0, 1], [1, 0]])
PROBLEMS: dict[str, tuple[tuple[sp.Expr, ...], LoweredEquation, int]] = {
    "elasticity": (
        BEND,
        manufactured_system(BEND, SQUARE, ROLLERS, isotropic(2 + x1, 1 + x2**2 / 2)),
        6,
    ),
    "not symmetric": (
        BEND,
        manufactured_system(
            BEND, SQUARE, CLAMPED, anisotropic, {(0, 1, 0): x2, (1, 0, 1): sp.S.One}, sp.eye(2)
        ),
        6,
    ),
    "periodic": (
        WAVES,
        manufactured_system(WAVES, UNIT, STRIP, isotropic(2 + sp.sin(2 * sp.pi * x2), sp.S.One)),
        6,
    ),
    "periodic, held in part": (
        WAVES,
        manufactured_system(
            WAVES,
            UNIT,
            {**STRIP, "left": ("dirichlet", "robin"), "right": ("neumann", "dirichlet")},
            isotropic(2 + sp.sin(2 * sp.pi * x2), sp.S.One),
        ),
        6,
    ),
    "three reactions": (
        (x1**3, sp.sin(x1), sp.exp(-x1)),
        manufactured_system(
            (x1**3, sp.sin(x1), sp.exp(-x1)),
            LINE,
            {"left": ("dirichlet", "robin", "neumann"), "right": ("neumann", "dirichlet", "robin")},
            coupled(sp.diag(1, 2, 1 + x1**2)),
            c=sp.Matrix([[2, -1, 0], [x1, 3, 1], [0, -1, 1]]),
        ),
        6,
    ),
    "indefinite": (
        BEND,
        manufactured_system(
            BEND,
            SQUARE,
            everywhere("dirichlet", SQUARE),
            lambda i, k, j, m: (PIEZO[0][i, j] + PIEZO[1][i, j]) * int(k == m),
        ),
        6,
    ),
    "line in time": (
        HEATS,
        manufactured_system(
            HEATS,
            LINE,
            {"left": "robin", "right": "dirichlet"},
            coupled(sp.Matrix([[2, 1], [0, 1]])),
            c=sp.Matrix([[1, -1], [-1, 1]]),
            rho=sp.diag(2 + x1, 1),
            final_time=HALF,
        ),
        8,
    ),
    "square in time": (
        PAIR,
        manufactured_system(
            PAIR,
            SQUARE,
            {**everywhere("dirichlet", SQUARE), "right": ("robin", "neumann")},
            DIFFUSIONS,
            {(0, 1, 0): x2, (1, 0, 1): sp.S.One},
            sp.Matrix([[1, -1], [-2, 3]]),
            sp.Matrix([[2, HALF], [0, 1 + x1]]),
            HALF,
        ),
        4,
    ),
}


def exact(u: Sequence[sp.Expr], points: np.ndarray, time: sp.Expr = sp.S.Zero) -> np.ndarray:
    x = X[: points.shape[1]]
    return np.stack(
        [np.broadcast_to(sp.lambdify(x, ui.subs(t, time))(*points.T), len(points)) for ui in u],
        axis=1,
    )


def inside(domain: Box, count: int = 3000) -> np.ndarray:
    low, high = np.array(domain.bounds).T
    return low + (high - low) * np.random.default_rng(1).random((count, domain.dim))


def error(solution: GridSolution, u: Sequence[sp.Expr], equation: LoweredEquation) -> float:
    points = inside(equation.domain)
    return float(
        np.sqrt(
            np.mean((solution(points) - exact(u, points, equation.final_time or sp.S.Zero)) ** 2)
        )
    )


def solve(equation: LoweredEquation, backend: str, **options) -> GridSolution:
    return equation_solver(backend)(equation, None, {}, **options)


@both
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_manufactured_solutions_converge(name, degree, backend):
    u, equation, n = PROBLEMS[name]
    errors = [
        error(solve(equation, backend, degree=degree, mesh=k, steps=8), u, equation)
        for k in (n, 2 * n)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.2)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_backends_agree(name):
    """To rounding, without time; in time the rates of the boundary values enter differently."""
    _, equation, n = PROBLEMS[name]
    points = inside(equation.domain, 50)
    one, other = (solve(equation, backend, mesh=2 * n, steps=8) for backend in ("skfem", "dolfinx"))
    tolerance = 1e-9 if equation.time is None else 1e-4
    np.testing.assert_allclose(one(points), other(points), atol=tolerance)
    assert one.info["size"] == other.info["size"] == equation.components * np.prod(one.grid.shape)
    assert one.info["estimate"] == pytest.approx(
        other.info["estimate"], rel=1e-4 if equation.time is None else 0.1
    )


@both
@pytest.mark.parametrize(
    "kinds",
    [CLAMPED, ROLLERS, everywhere("dirichlet", SQUARE)],
    ids=["clamped", "rollers", "given"],
)
def test_patch(kinds, backend):
    """A state of constant strain is met to rounding, on any mesh."""
    u = (1 + x1 / 3 - 2 * x2, x1 / 7 + x2)
    equation = manufactured_system(u, SQUARE, kinds, isotropic(sp.Integer(3), sp.Integer(2)))
    for degree in (1, 2):
        solution = solve(equation, backend, degree=degree, mesh=(3, 5))
        points = inside(SQUARE, 50)
        np.testing.assert_allclose(solution(points), exact(u, points), atol=1e-12)
        np.testing.assert_allclose(
            solution.derivative(points, (0, 1)), np.tile([-2, 1], (50, 1)), atol=1e-11
        )


@both
def test_refinement_to_a_tolerance(backend):
    u, equation, _ = PROBLEMS["elasticity"]
    solution = solve(equation, backend, tolerance=1e-4)
    assert error(solution, u, equation) < 1e-4 and solution.info["estimate"] < 1e-4
    assert solution.info["size"] == 2 * np.prod(solution.grid.shape) and solution.components == 2
    small = solve(equation, backend, tolerance=1e-9, max_dofs=2000)
    assert small.info["size"] <= 2000 and small.info["estimate"] > small.info["tolerance"]


@both
def test_each_component_meets_the_tolerance(backend):
    """Whatever its unit: here 1e-4 and 300."""
    u = (sp.sin(2 * x1 + x2) / 10_000, 300 * sp.exp(x1) * x2)
    equation = manufactured_system(
        u, SQUARE, CLAMPED, coupled(sp.Matrix([[1, sp.Rational(1, 10**7)], [0, 2]]))
    )
    solution, points = solve(equation, backend, tolerance=1e-4), inside(SQUARE)
    values = exact(u, points)
    assert (
        np.linalg.norm(solution(points) - values, axis=0) < 1e-4 * np.linalg.norm(values, axis=0)
    ).all()


@both
def test_a_solution_in_time_is_there_at_all_times(backend):
    u, equation, _ = PROBLEMS["line in time"]
    solution, points = solve(equation, backend, mesh=48, steps=16), np.linspace(-1, 2, 7)[:, None]
    for time in (0, sp.Rational(1, 10), sp.Rational(1, 3), HALF):
        np.testing.assert_allclose(solution(points, float(time)), exact(u, points, time), atol=2e-5)
    slopes = exact([sp.diff(ui, x1) for ui in u], points, sp.Rational(1, 5))
    np.testing.assert_allclose(solution.derivative(points, (1,), 0.2), slopes, atol=1e-2)
    assert solution.times[-1] == 0.5 and solution.grid.values.shape == (17, 2, 97)


@both
@pytest.mark.parametrize("kinds", [CLAMPED, ROLLERS], ids=["clamped", "rollers"])
def test_multigrid(kinds, backend, monkeypatch):
    equation = manufactured_system(BEND, SQUARE, kinds, isotropic(2 + x1, sp.S.One))
    direct = solve(equation, backend, mesh=16)
    monkeypatch.setitem(linear_solvers._DIRECT, 2, 100)
    iterative = solve(
        equation, backend, mesh=16, **({"solver": "iterative"} if backend == "dolfinx" else {})
    )
    points = inside(SQUARE, 50)
    assert "cg" in iterative.method
    np.testing.assert_allclose(iterative(points), direct(points), atol=1e-8)


@both
def test_elasticity_in_three_dimensions(backend):
    u = (sp.sin(x1 + 2 * x2) * x3, sp.cos(2 * x1) * sp.exp(x2 / 2), x1 * x2 * sp.exp(-x3))
    kinds = {
        **everywhere("neumann", CUBE),
        "left": "dirichlet",
        "front": ("neumann", "dirichlet", "neumann"),
    }
    equation = manufactured_system(u, CUBE, kinds, isotropic(2 + x1, 1 + x2**2 / 2))
    coarse, fine = (error(solve(equation, backend, mesh=n), u, equation) for n in (2, 4))
    assert fine < 1e-3 and np.log2(coarse / fine) == pytest.approx(3, abs=0.3)


@both
def test_indefinite_systems_are_factorized(backend, monkeypatch):
    u = (sp.sin(x1 + x2) * x3, sp.cos(x3), x1 * x2, sp.exp(x1 / 2))
    dipole = sp.diag(2, 2, 2, -1) + sp.Matrix(4, 4, lambda i, j: int((i == 3) != (j == 3)))
    monkeypatch.setitem(linear_solvers._DIRECT, 3, 100)
    equation = manufactured_system(u, CUBE, everywhere("dirichlet", CUBE), coupled(dipole))
    solution = solve(equation, backend, mesh=4)
    assert error(solution, u, equation) < 1e-3 and (
        "LU" in solution.method or "direct" in solution.method
    )


def without_rotation(u: Sequence[sp.Expr], domain: Box) -> list[sp.Expr]:
    """u less the rigid motion that makes its means and its mean moment about the centre 0."""
    (a, b), (c, d) = domain.bounds
    x, y = x1 - (a + b) / 2, x2 - (c + d) / 2

    def mean(f: sp.Expr) -> float:
        nodes, weights = np.polynomial.legendre.leggauss(20)
        p, q = np.meshgrid(
            (a + b) / 2 + (b - a) / 2 * nodes, (c + d) / 2 + (d - c) / 2 * nodes, indexing="ij"
        )
        return (
            float(weights @ np.broadcast_to(sp.lambdify((x1, x2), f)(p, q), p.shape) @ weights) / 4
        )

    turn = mean(x * u[1] - y * u[0]) / mean(x**2 + y**2)
    return [u[0] - mean(u[0]) + turn * y, u[1] - mean(u[1]) - turn * x]


@both
def test_pure_traction(backend):
    """Balanced tractions determine the displacement up to a rigid motion; it is orthogonal to
    those.
    """
    equation = manufactured_system(
        BEND, SQUARE, everywhere("neumann", SQUARE), isotropic(sp.S(2), sp.S.One)
    )
    solution = solve(equation, backend, mesh=(16, 32))
    assert error(solution, without_rotation(BEND, SQUARE), equation) < 3e-5
    torque = [WeakTerm((0, 0), x2, (0, 0), 0), WeakTerm((0, 0), sp.Rational(1, 100), (0, 0), 1)]
    for term in torque:
        with pytest.raises(SolveError, match="balance"):
            solve(replace(equation, linear=(*equation.linear, term)), backend, mesh=8)


@both
def test_an_exchange_leaves_a_combination_open(backend):
    """-u'' + 2 (u - w/3) = f, -w'' - 2 (3 u - w) = g without fluxes: the kernel is (1, 3), that of
    the transpose (3, 1).
    """
    u = (sp.cos(sp.pi * x1), sp.cos(2 * sp.pi * x1) / 2)
    exchange = sp.Matrix([[2, -sp.Rational(2, 3)], [-6, 2]])
    equation = manufactured_system(
        u, Box((0, 1)), everywhere("neumann", Box((0, 1))), coupled(sp.eye(2)), c=exchange
    )
    assert error(solve(equation, backend, mesh=64), u, equation) < 1e-5
    with pytest.raises(SolveError, match="balance"):
        solve(
            replace(
                equation, linear=(*equation.linear, WeakTerm((0,), sp.Rational(1, 10), (0,), 1))
            ),
            backend,
            mesh=8,
        )


@both
def test_an_adjoint_kernel_that_is_no_constant(backend):
    """-u'' + b u' and -w'' + u' on a circle: the constants are the kernel, but (psi, 0) with (psi'
    + b psi)' = 0 belongs to the transpose.
    """
    u = (sp.cos(2 * sp.pi * x1), sp.sin(4 * sp.pi * x1))
    line = Box((0, 1))
    flow = {(0, 0, 0): 1 + sp.sin(2 * sp.pi * x1), (1, 0, 0): sp.S.One}
    equation = manufactured_system(u, line, everywhere("periodic", line), coupled(sp.eye(2)), flow)
    assert error(solve(equation, backend, mesh=64), u, equation) < 1e-4


@both
def test_one_component_is_left_open(backend):
    u = (sp.sin(x1), sp.cos(2 * sp.pi * x1) * sp.cos(sp.pi * x2))
    kinds = everywhere(("dirichlet", "neumann"), SQUARE)
    equation = manufactured_system(u, SQUARE, kinds, coupled(sp.Matrix([[2, 0], [HALF, 1]])))
    assert error(solve(equation, backend, mesh=(16, 24)), u, equation) < 1e-3


@both
def test_coefficients_of_the_caller(backend):
    """c_ikjm by externals, of which some vary with x."""
    lame, mu = 3 + x1 * x2, sp.Integer(2)
    given = manufactured_system(BEND, SQUARE, CLAMPED, isotropic(lame, mu))
    entries = {
        sp.Symbol("A_" + "".join(str(n + 1) for n in index), real=True): index
        for index in product(range(2), repeat=4)
    }
    values = {symbol: isotropic(lame, mu)(*index) for symbol, index in entries.items()}
    bilinear = tuple(
        WeakTerm(t.left, symbol, t.right, t.equation, t.field)
        for t in given.bilinear
        for symbol, (i, k, j, m) in entries.items()
        if (i, k, j, m) == (t.equation, t.left.index(1), t.field, t.right.index(1))
    )
    equation = replace(
        given,
        bilinear=bilinear,
        externals=tuple(External(s, "A", index, (0, 0)) for s, index in entries.items()),
    )

    def coefficients(external: External, points: np.ndarray) -> np.ndarray:
        return np.broadcast_to(
            sp.lambdify((x1, x2), values[external.symbol])(*points.T), len(points)
        ).astype(float)

    points = inside(SQUARE, 50)
    found = equation_solver(backend)(equation, coefficients, {}, mesh=12)
    np.testing.assert_allclose(found(points), solve(given, backend, mesh=12)(points), atol=1e-9)


# Media with microstructure, from the equations to the solution.

SCALES = nh.Scales(2)
V = SCALES.unknown("v", 2)
Y = SCALES.y[0]
LAME, SHEAR = 3 + sp.sin(2 * sp.pi * Y), 2 + sp.cos(2 * sp.pi * Y)
EPS = 0.25
STRAIN = SCALES.sym_grad(V)
ELASTIC = -SCALES.div(LAME * STRAIN.trace() * sp.eye(2) + 2 * SHEAR * STRAIN)
ACROSS = np.stack([np.linspace(0, 1, 33), np.full(33, 0.3)], axis=1)
lame, shear, stiff = (sp.lambdify(Y, c) for c in (LAME, SHEAR, LAME + 2 * SHEAR))


def integral(g: Callable[[float], float], upper: float = 1.0) -> float:
    return quad(g, 0, upper, epsabs=1e-12, limit=400)[0]


def along(g: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    return np.array([integral(g, upper) for upper in x])


@both
def test_layers_that_are_pulled(backend):
    """div sigma = -(1 + x1, 2), clamped at x1 = 0, traction (3, 1) at x1 = 1, periodic along the
    layers: sigma_1k is known, and v' from it.
    """
    problem = nh.MultiscaleProblem(
        (ELASTIC, sp.Matrix([1 + SCALES.x[0], 2])),
        scales=SCALES,
        unknown=V,
        domain=nh.Box((0, 1), (0, HALF)),
        boundary=[
            nh.Dirichlet(0, on="left"),
            nh.Neumann(sp.Matrix([3, 1]), on="right"),
            nh.Periodic(on="bottom"),
        ],
    )
    model = nh.homogenize(problem, order=1)
    u0 = nh.solve_homogenized(
        model, nh.solve_cells(model, backend, tolerance=1e-8), backend, tolerance=1e-6
    )
    x = ACROSS[:, 0]
    normal, tangential = integral(lambda y: 1 / stiff(y)), integral(lambda y: 1 / shear(y))
    np.testing.assert_allclose(
        u0(ACROSS),
        np.stack([normal * (4.5 * x - x**2 / 2 - x**3 / 6), tangential * (3 * x - x**2)], axis=1),
        atol=1e-6,
    )
    fine = nh.solve_fine(problem, EPS, backend, per_period=32)
    expected = [
        along(lambda z: (4.5 - z - z**2 / 2) / stiff(z / EPS), x),
        along(lambda z: (3 - 2 * z) / shear(z / EPS), x),
    ]
    np.testing.assert_allclose(fine(ACROSS), np.stack(expected, axis=1), atol=3e-6)


@both
def test_layers_that_are_held_along(backend):
    """v = (w(x1), e x2) with M w' + lambda e = sigma_11 given: rollers above and below; the
    homogenized one has the moduli of Backus 1962.
    """
    e, pull, v1, v2 = sp.Rational(1, 5), 3, V[0], V[1]
    walls = [
        nh.Dirichlet(sp.Matrix([0, e * SCALES.x[1]]), on="left"),
        nh.Neumann(sp.Matrix([pull, 0]), on="right"),
        nh.Dirichlet(e * SCALES.x[1], on=["bottom", "top"], unknown=v2),
        nh.Neumann(0, on=["bottom", "top"], unknown=v1),
    ]
    problem = nh.MultiscaleProblem(
        (ELASTIC, sp.zeros(2, 1)),
        scales=SCALES,
        unknown=V,
        domain=nh.Box((0, 1), (0, HALF)),
        boundary=walls,
    )
    model = nh.homogenize(problem, order=1)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), backend, tolerance=1e-9)
    x, along_x2 = ACROSS[:, 0], 0.2 * ACROSS[:, 1]
    c11 = 1 / integral(lambda y: 1 / stiff(y))
    c12 = c11 * integral(lambda y: lame(y) / stiff(y))
    np.testing.assert_allclose(
        u0(ACROSS), np.stack([(pull - c12 / 5) / c11 * x, along_x2], axis=1), atol=1e-9
    )
    fine = nh.solve_fine(problem, EPS, backend, per_period=32)
    np.testing.assert_allclose(
        fine(ACROSS),
        np.stack(
            [along(lambda z: (pull - lame(z / EPS) / 5) / stiff(z / EPS), x), along_x2], axis=1
        ),
        atol=1e-6,
    )


@both
def test_thermoelastic_layers(backend):
    """T' = q / k and M v1' = beta T + sigma with q, sigma constant: T(0) = 0, T(1) = 1, v(0) = 0,
    no traction at x1 = 1.
    """
    temperature = SCALES.unknown("T")
    conductivity, expansion = 2 + sp.cos(2 * sp.pi * Y), 1 + sp.sin(2 * sp.pi * Y) / 2
    sigma = (
        LAME * STRAIN.trace() * sp.eye(2) + 2 * SHEAR * STRAIN - expansion * temperature * sp.eye(2)
    )
    equations = [
        (-SCALES.div(sigma), sp.zeros(2, 1)),
        (-SCALES.div(conductivity * SCALES.grad(temperature)), 0),
    ]
    walls = [
        nh.Dirichlet(0, on="left"),
        nh.Dirichlet(1, on="right", unknown=temperature),
        nh.Neumann(sp.zeros(2, 1), on="right", unknown=V),
        nh.Periodic(on="bottom"),
    ]
    problem = nh.MultiscaleProblem(
        equations,
        scales=SCALES,
        unknown=[V, temperature],
        domain=nh.Box((0, 1), (0, HALF)),
        boundary=walls,
    )
    model = nh.homogenize(problem, order=1)
    k, beta = sp.lambdify(Y, conductivity), sp.lambdify(Y, expansion)
    x, h = ACROSS[:, 0], integral(lambda y: 1 / stiff(y))
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), backend, tolerance=1e-7)
    ratio = integral(lambda y: beta(y) / stiff(y)) / h
    np.testing.assert_allclose(
        u0(ACROSS), np.stack([h * ratio * x**2 / 2, 0 * x, x], axis=1), atol=1e-7
    )
    resistance = integral(lambda y: 1 / k(y))

    def heated(z: float) -> float:
        return integral(lambda s: 1 / k(s / EPS), z) / resistance

    fine = nh.solve_fine(problem, EPS, backend, per_period=32)
    expected = [
        along(lambda z: beta(z / EPS) * heated(z) / stiff(z / EPS), x),
        0 * x,
        [heated(z) for z in x],
    ]
    np.testing.assert_allclose(fine(ACROSS), np.stack(expected, axis=1), atol=1e-5)


@both
def test_heat_exchange(backend):
    """u_t - (D_i(x/eps) u_i')' + K u = 0 from sin(pi x): u = expm(-t (pi^2 D + K)) (1, 1/2) sin(pi
    x), D the harmonic means, K the mean.
    """
    s = nh.Scales(1, time=True)
    u, w = s.unknown("u"), s.unknown("w")
    y, k = s.y[0], 2 + sp.cos(2 * sp.pi * s.y[0])
    flux = [(3 + sp.sin(2 * sp.pi * y)) * s.grad(u), s.grad(w) / (2 + sp.cos(2 * sp.pi * y))]
    start = sp.sin(sp.pi * s.x[0])
    equations = [
        (s.dt(u) - s.div(flux[0]) + k * (u - w), 0),
        (s.dt(w) - s.div(flux[1]) - k * (u - w), 0),
    ]
    problem = nh.MultiscaleProblem(
        equations,
        scales=s,
        unknown=[u, w],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.Matrix([start, start / 2]))],
        final_time=HALF / 5,
    )
    model = nh.homogenize(problem, order=1)
    u0 = nh.solve_homogenized(
        model, nh.solve_cells(model, backend, tolerance=1e-9), backend, tolerance=1e-6
    )
    rates = np.pi**2 * np.diag([np.sqrt(8), 0.5]) + 2 * np.array([[1, -1], [-1, 1]])
    x = np.linspace(0, 1, 33)
    for time in (0.05, 0.1):
        np.testing.assert_allclose(
            u0(x[:, None], time),
            np.outer(np.sin(np.pi * x), expm(-time * rates) @ [1, 0.5]),
            atol=1e-6,
        )
    fine = nh.solve_fine(problem, sp.Rational(1, 64), backend, per_period=16, steps=32)
    np.testing.assert_allclose(fine(x[:, None]), u0(x[:, None]), atol=3e-3)
