"""The scikit-fem backend on problems with known answers: closed forms, manufactured solutions, the
paper's numbers.
"""

from __future__ import annotations

import builtins
import sys
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.equation import lower_fine, lower_homogenized
from nhpinn_sym.lower.forms import External, LoweredCells, LoweredEquation, WeakTerm
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.problem.errors import (
    BackendMissingError,
    SolvabilityError,
    SolveError,
)
from nhpinn_sym.runtime.fem_skfem import linear_solvers
from nhpinn_sym.solve.fem import grid_functions
from nhpinn_sym.solve.fem.skfem import CellSolver, solve_equation
from nhpinn_sym.solve.solution import CellTask
from tests.fem_samples import (
    X,
    diffusion_cells,
    elliptic_2d,
    everywhere,
    manufactured,
    reaction_cells,
    shear_cells,
    t,
    x1,
    x2,
    y1,
    y2,
)

ELLIPTIC = 1.9353592348122903
NOWHERE = np.zeros((1, 0))


def effective(
    lowered: LoweredCells, tolerance: float = 1e-6, slow=NOWHERE, parameters=None, **options
):
    points = np.asarray(slow, dtype=float)
    box = tuple(zip(points.min(axis=0), points.max(axis=0)))
    batch = CellSolver(CellTask(lowered, parameters or {}, box, tolerance), **options).solve(points)
    d = len(lowered.coordinates)
    return (
        np.array([[batch.effective["A", (i, j)] for j in range(d)] for i in range(d)]).transpose(
            2, 0, 1
        ),
        batch,
    )


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8])
def test_elliptic_2d(tolerance):
    a, batch = effective(elliptic_2d(), tolerance)
    assert np.abs(a[0] - ELLIPTIC * np.eye(2)).max() < tolerance
    assert batch.info["estimate"] <= tolerance and batch.info["fredholm"] < 1e-10


def test_cell_functions_are_periodic_and_have_zero_mean():
    _, batch = effective(elliptic_2d(), n=16)
    middle = (np.arange(64) + 0.5) / 64
    points = np.stack([g.ravel() for g in np.meshgrid(middle, middle, indexing="ij")], axis=1)
    for (function,) in batch.fields:
        values = function.derivative(points, (0, 0))
        assert values.shape == (1, 4096) and np.abs(values).max() > 0.02
        assert abs(values.mean()) < 1e-6
        np.testing.assert_allclose(
            function.derivative(points + np.array([3, -2]), (0, 0)), values, atol=1e-12
        )


def test_laminate_with_a_jump():
    a = sp.Piecewise((10, y1 < sp.Rational(1, 2)), (1, True))
    found, batch = effective(diffusion_cells(a * sp.eye(2)))
    np.testing.assert_allclose(found[0], np.diag([20 / 11, 5.5]), atol=1e-12)
    assert batch.info["estimate"] < 1e-12


def test_a_jump_across_the_elements_keeps_an_honest_estimate():
    """Layers across the diagonal: no lattice has lines there."""
    a = sp.Piecewise((10, (y1 + y2 < 0.3) | ((y1 + y2 > 1) & (y1 + y2 < 1.3))), (1, True))
    harmonic, arithmetic = 1 / (0.3 / 10 + 0.7), 0.3 * 10 + 0.7
    exact = np.array([harmonic + arithmetic, harmonic - arithmetic]) / 2
    for max_dofs in (500, 2000, 5000):
        found, batch = effective(diffusion_cells(a * sp.eye(2)), mesh="lattice", max_dofs=max_dofs)
        assert batch.info["estimate"] > 1e-3
        assert 1e-6 < np.abs(found[0, 0] - exact).max() < 2 * batch.info["errors"]["A", (0, 0)]


def test_nonsymmetric_laminate():
    """The closed form of a laminate with normal e_1, and (a^T)* = (a*)^T."""
    s, c = sp.sin(2 * sp.pi * y1), sp.cos(2 * sp.pi * y1)
    a = sp.Matrix([[2 + s, 1 + c / 2], [s / 2, 3 + c]])
    found, _ = effective(diffusion_cells(a), 1e-8)
    transposed, _ = effective(diffusion_cells(a.T), 1e-8)
    y = (np.arange(64) + 0.5) / 64
    (a11, a12), (a21, a22) = (
        tuple(np.array([float(e.subs(y1, v)) for v in y]) for e in a.row(i)) for i in (0, 1)
    )
    h = 1 / np.mean(1 / a11)
    row, column = np.mean(a12 / a11), np.mean(a21 / a11)
    np.testing.assert_allclose(
        found[0],
        [[h, h * row], [h * column, np.mean(a22 - a21 * a12 / a11) + h * row * column]],
        atol=1e-8,
    )
    np.testing.assert_allclose(transposed[0], found[0].T, atol=1e-8)


def test_shear_flow_has_a_nonsymmetric_operator():
    b, d = sp.symbols("b d", positive=True)
    batch = CellSolver(CellTask(shear_cells(b, d), {"b": 3.0, "d": 0.5}, (), 1e-7)).solve(NOWHERE)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        0.5 + 9 / (8 * np.pi**2 * 0.5), rel=1e-7
    )


def test_reaction_corrector():
    batch = CellSolver(CellTask(reaction_cells(), {}, (), 1e-8)).solve(NOWHERE)
    y = np.linspace(-7, 7, 101)[:, None]
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (0,)), [-np.cos(y[:, 0]) / 2], atol=1e-5
    )
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (1,)), [np.sin(y[:, 0]) / 2], atol=1e-2
    )
    assert batch.effective["c", ()][0] == pytest.approx(-0.25, abs=1e-8)


def test_a_source_with_a_mean_is_refused():
    lowered = reaction_cells()
    corrector = replace(lowered.functions[0], weak=(WeakTerm((0,), 1 + sp.cos(y1), (0,)),))
    with pytest.raises(SolvabilityError, match="has the mean"):
        CellSolver(CellTask(replace(lowered, functions=(corrector,)), {}, (), 1e-6)).solve(NOWHERE)


def test_slow_points_share_the_mesh():
    lowered = diffusion_cells(
        sp.Matrix([[sp.sin(2 * sp.pi * y1) / 2 + sp.sin(x1) + 2]]), slow=(x1,)
    )
    slow = np.linspace(0, np.pi, 5)[:, None]
    found, batch = effective(lowered, 1e-7, slow)
    np.testing.assert_allclose(
        found[:, 0, 0], np.sqrt((2 + np.sin(slow[:, 0])) ** 2 - 0.25), rtol=1e-7
    )
    assert batch.fields[0][0].derivative(np.zeros((3, 1)), (0,)).shape == (5, 3)


def test_three_dimensions_by_multigrid(monkeypatch):
    monkeypatch.setitem(linear_solvers._DIRECT, 3, 100)
    y = sp.symbols("y1 y2 y3", real=True)
    a = 2 + sp.sin(2 * sp.pi * y[0]) * sp.cos(2 * sp.pi * y[1])
    found, batch = effective(diffusion_cells(sp.diag(a, a, a + sp.cos(2 * sp.pi * y[2]) / 2)), n=8)
    flat, _ = effective(elliptic_2d(), n=8)
    assert "multigrid" in batch.info["method"] and batch.info["fredholm"] < 1e-9
    assert np.sqrt(3.75) > found[0, 2, 2] > 1.9
    lone, _ = effective(diffusion_cells(a * sp.eye(3)), n=8)
    np.testing.assert_allclose(lone[0], np.diag([flat[0, 0, 0], flat[0, 1, 1], 2.0]), atol=1e-9)


LINE, SQUARE = Box((0, sp.pi)), Box((0, 1), (-1, 1))
POINTS = np.random.default_rng(0).uniform([0, -1], [1, 1], (200, 2))


def check(
    equation: LoweredEquation, u: sp.Expr, distance: float, points=POINTS, time=None, **options
):
    solution = solve_equation(equation, lambda external, x: np.zeros(len(x)), {}, **options)
    x = X[: points.shape[1]]
    at = {t: (equation.final_time or 0) if time is None else time}
    exact = sp.lambdify(x, u.subs(at))(*points.T)
    np.testing.assert_allclose(solution(points, time), exact, atol=distance)
    gradient = sp.lambdify(x, sp.diff(u, x[0]).subs(at))(*points.T)
    np.testing.assert_allclose(
        solution.derivative(points, (1, *(0,) * (len(x) - 1)), time), gradient, atol=300 * distance
    )
    return solution


def test_robin_neumann_and_dirichlet():
    u = sp.sin(2 * x1) * sp.exp(x2)
    kinds = {"left": "dirichlet", "right": "robin", "bottom": "neumann", "top": "dirichlet"}
    equation = manufactured(
        u, SQUARE, kinds, a=sp.Matrix([[2 + x1, x2 / 4], [0, 1]]), b=(x2, sp.S.One), c=sp.exp(x1)
    )
    solution = check(equation, u, 2e-5, mesh=(24, 40))
    assert 1e-8 < solution.info["estimate"] < 1e-4


def test_refinement_to_a_tolerance():
    u = sp.sin(2 * x1) * sp.exp(x2)
    solution = check(
        manufactured(u, SQUARE, everywhere("dirichlet", SQUARE)), u, 1e-5, tolerance=1e-5
    )
    assert solution.info["estimate"] <= 1e-5


def test_periodic_axes():
    u = sp.sin(2 * sp.pi * x1) * sp.exp(sp.cos(sp.pi * x2))
    kinds = {"left": "dirichlet", "right": "robin", "bottom": "periodic", "top": "periodic"}
    check(
        manufactured(u, SQUARE, kinds, a=(2 + sp.sin(sp.pi * x2)) * sp.eye(2)),
        u,
        6e-4,
        mesh=(24, 32),
    )


@pytest.mark.parametrize("kind", ["neumann", "periodic"])
def test_zero_mean_gauge(kind):
    u = sp.cos(2 * sp.pi * x1) * sp.cos(sp.pi * x2)
    equation = manufactured(u, SQUARE, everywhere(kind, SQUARE))
    solution = check(equation, u, 5e-4, mesh=(16, 24))
    assert "zero mean" in solution.method
    with pytest.raises(SolveError, match="must balance"):
        solve_equation(
            replace(equation, linear=(*equation.linear, WeakTerm((0, 0), sp.S.One, (0, 0)))),
            lambda e, x: x[:, 0],
            {},
            mesh=8,
        )


def test_heat_equation_with_moving_boundary_data():
    u = sp.exp(-t) * sp.sin(2 * x1) + t**2 * sp.cos(x1)
    equation = manufactured(
        u,
        LINE,
        {"left": "dirichlet", "right": "robin"},
        a=sp.Matrix([[1 + x1 / 4]]),
        rho=2 + x1,
        final_time=sp.Rational(3, 4),
    )
    points = np.linspace(0, np.pi, 50)[:, None]
    check(equation, u, 2e-5, points, mesh=128, steps=24)
    for time in (0, 0.01, 0.4, 0.749):
        check(equation, u, 3e-5, points, time, mesh=128, steps=24)
    adaptive = check(equation, u, 1e-6, points, tolerance=1e-6)
    assert adaptive.info["estimate"] <= 1e-6


def test_time_stepping_has_order_four():
    """Against many steps on the same mesh, so that only the time error is left; the data are
    compatible, as order reduction is not meant here.
    """
    equation = manufactured(
        sp.sin(3 * t) * sp.sin(x1), LINE, everywhere("dirichlet", LINE), final_time=sp.S.One
    )
    points = np.linspace(0, np.pi, 50)[:, None]
    values = [
        solve_equation(equation, lambda e, x: x[:, 0], {}, mesh=8, steps=steps)(points)
        for steps in (8, 16, 256)
    ]
    errors = [np.abs(v - values[-1]).max() for v in values[:-1]]
    assert np.log2(errors[0] / errors[1]) > 3.7


def test_levels_that_are_too_large_are_dropped(monkeypatch):
    monkeypatch.setattr(grid_functions, "LEVELS_LIMIT", 1000)
    equation = manufactured(
        sp.sin(t) * sp.sin(x1), LINE, everywhere("dirichlet", LINE), final_time=sp.S.One
    )
    solution = solve_equation(equation, lambda e, x: x[:, 0], {}, mesh=8, steps=16)
    assert solution([[np.pi / 2]])[0] == pytest.approx(np.sin(1), abs=1e-3)
    with pytest.raises(SolveError, match="only the final time"):
        solution([[1.0]], 0.5)


def test_external_coefficients_are_read_at_the_quadrature_points():
    """-(k u')' = f with k = 2 + x, given by a callable; u = sin."""
    equation = manufactured(
        sp.sin(x1), LINE, everywhere("dirichlet", LINE), a=sp.Matrix([[2 + x1]])
    )
    k = sp.Symbol("k_11", real=True)
    external = External(k, "k", (0, 0), (0,))
    equation = replace(
        equation,
        externals=(external, External(sp.Symbol("k_11_x1"), "k", (0, 0), (1,))),
        bilinear=(WeakTerm((1,), k, (1,)),),
    )

    def coefficients(asked, points):
        assert asked == external and points.ndim == 2
        return 2 + points[:, 0]

    solution = solve_equation(equation, coefficients, {}, mesh=64)
    x = np.linspace(0, np.pi, 30)[:, None]
    np.testing.assert_allclose(solution(x), np.sin(x[:, 0]), atol=1e-6)


def test_large_line():
    """1e5 cells with a coefficient that oscillates a thousand times."""
    eps = sp.Symbol("epsilon", positive=True)
    a = 1 / (2 + sp.cos(2 * sp.pi * x1 / eps))
    equation = manufactured(
        x1, Box((0, 1)), everywhere("dirichlet", Box((0, 1))), a=sp.Matrix([[a]]), parameters=(eps,)
    )
    flat = replace(equation, linear=())
    solution = solve_equation(flat, lambda e, x: x[:, 0], {"epsilon": 1e-3}, mesh=100_000)
    x = np.linspace(0, 1, 77)
    np.testing.assert_allclose(
        solution(x[:, None]), x + 1e-3 * np.sin(2 * np.pi * x * 1e3) / (4 * np.pi), atol=1e-7
    )


def test_without_scikit_fem(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("nhpinn_sym.runtime.fem_skfem")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("nhpinn_sym.runtime.fem_skfem.equation")
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.split(".")[0] == "skfem":
            raise ModuleNotFoundError("No module named 'skfem'", name="skfem")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(BackendMissingError, match="pip install scikit-fem"):
        CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6))


def test_the_papers_elliptic_problem():
    """Section 5.2 at eps = 1/8: ||u0 - u_eps|| / ||u_eps|| = 0.011663, from the symbolic stages to
    the two solutions.
    """
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0]) + sp.cos(s.x[1])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem, order=1)
    entries, _ = effective(lower_cells(model))
    u0 = solve_equation(
        lower_homogenized(model),
        lambda e, x: np.full(len(x), entries[0][e.index]),
        {},
        tolerance=1e-5,
    )
    fine = solve_equation(
        lower_fine(model.operator), lambda e, x: x[:, 0], {"epsilon": 0.125}, mesh=(96, 96)
    )
    middle = (np.arange(200) + 0.5) / 200
    points = np.stack([g.ravel() for g in np.meshgrid(middle, middle, indexing="ij")], axis=1)
    exact = fine(points)
    assert np.linalg.norm(u0(points) - exact) / np.linalg.norm(exact) == pytest.approx(
        0.011663, abs=2e-5
    )


def test_the_papers_reaction_problem():
    """Section 5.4 with r = cos(2 pi x / eps), eps = 1/10, T = 0.5: 0.00093230."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    r = sp.cos(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(2 * s.grad(u)) + r * u / s.eps, sp.sin(2 * sp.pi * s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((-sp.pi, sp.pi)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=0.5,
    )
    model = nh.homogenize(problem, order=1)
    cells = CellSolver(CellTask(lower_cells(model), {}, (), 1e-8)).solve(NOWHERE)
    u0 = solve_equation(
        lower_homogenized(model),
        lambda e, x: np.full(len(x), cells.effective[e.name, e.index][0]),
        {},
        tolerance=1e-6,
    )
    fine = solve_equation(
        lower_fine(model.operator), lambda e, x: x[:, 0], {"epsilon": 0.1}, mesh=2000, steps=32
    )
    points = np.linspace(-np.pi, np.pi, 5001)[:, None]
    exact = fine(points)
    assert np.linalg.norm(u0(points) - exact) / np.linalg.norm(exact) == pytest.approx(
        0.00093230, abs=1e-6
    )
