"""The DOLFINx backend on problems with known answers: manufactured solutions, closed forms, the
paper's a*.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import ufl
from mpi4py import MPI

import nhpinn_sym as nh
from nhpinn_sym.lower.forms import External, Functional, LoweredEquation, StrongTerm, WeakTerm
from nhpinn_sym.problem.domain import Box, Cell
from nhpinn_sym.problem.errors import SolveError
from nhpinn_sym.runtime.fem_dolfinx import linear_solvers
from nhpinn_sym.runtime.fem_dolfinx.compat import PETSc, assemble_matrix, assemble_vector, fem
from nhpinn_sym.runtime.fem_dolfinx.linear_solvers import Linear, bordered
from nhpinn_sym.runtime.fem_dolfinx.space import BoxSpace
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.solve.fem.dolfinx import CellSolver, solve_equation
from nhpinn_sym.solve.fem.grid_functions import LagrangeField
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
    x3,
    y1,
    y2,
    y3,
)

A_STAR = 1.9353592348122903
NO_SLOW = np.zeros((1, 0))
LINE, SQUARE, CUBE, UNIT = (
    Box((-1, 2)),
    Box((0, 1), (-1, 1)),
    Box((0, 1), (0, 1), (-1, 0)),
    Box((0, 1), (0, 1)),
)
MIXED = {"left": "robin", "right": "dirichlet"}
WAVE = sp.sin(2 * sp.pi * x1) * sp.exp(sp.cos(2 * sp.pi * x2))
DECAY = sp.cos(t) * sp.sin(2 * x1)
COSINES = sp.cos(sp.pi * x1) * sp.cos(2 * sp.pi * x2)

PROBLEMS = {
    "line": (
        sp.exp(x1) * sp.cos(2 * x1),
        LINE,
        MIXED,
        12,
        {"a": sp.Matrix([[2 + sp.sin(x1)]]), "b": (x1,)},
    ),
    "square": (
        sp.sin(x1) * sp.exp(x2),
        SQUARE,
        {"left": "dirichlet", "right": "robin", "bottom": "neumann", "top": "dirichlet"},
        6,
        {"a": sp.Matrix([[1 + x1**2, x2 / 4], [0, 2]]), "b": (x2, sp.S.One), "c": sp.exp(x1)},
    ),
    "cube": (
        sp.sin(x1 + 2 * x2) * sp.exp(x3),
        CUBE,
        {**everywhere("dirichlet", CUBE), "back": "robin", "bottom": "neumann"},
        4,
        {"a": sp.diag(1 + x1, 1, 2 - x2)},
    ),
    "periodic": (
        WAVE,
        UNIT,
        everywhere("periodic", UNIT),
        8,
        {"a": (2 + sp.cos(2 * sp.pi * x1)) * sp.eye(2), "c": sp.S.One},
    ),
    "strip": (
        WAVE,
        UNIT,
        {"left": "dirichlet", "right": "neumann", "bottom": "periodic", "top": "periodic"},
        8,
        {},
    ),
    "neumann": (COSINES, UNIT, everywhere("neumann", UNIT), 8, {"a": (1 + x1) * sp.eye(2)}),
    "torus": (
        sp.sin(2 * sp.pi * (x1 + x2)),
        UNIT,
        everywhere("periodic", UNIT),
        8,
        {"a": sp.Matrix([[2, 1], [-1, 1]]), "b": (sp.S.One, sp.S(2))},
    ),
    "heat": (DECAY, LINE, MIXED, 8, {"rho": 2 + x1, "final_time": sp.Rational(1, 2)}),
}


def no_externals(external, points):
    raise AssertionError(external)


def error(solution, u: sp.Expr, equation: LoweredEquation) -> float:
    """The L2 error at the final time, up to sampling."""
    low, high = np.array(equation.domain.bounds).T
    points = low + (high - low) * np.random.default_rng(1).random((4000, equation.domain.dim))
    exact = sp.lambdify(X[: equation.domain.dim], u.subs(t, equation.final_time or 0))(*points.T)
    return float(np.sqrt(np.mean((solution(points) - exact) ** 2)))


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_manufactured_solutions_converge(name, degree):
    u, domain, kinds, n, data = PROBLEMS[name]
    equation = manufactured(u, domain, kinds, **data)
    errors = [
        error(
            solve_equation(equation, no_externals, {}, degree=degree, mesh=k, steps=8), u, equation
        )
        for k in (n, 2 * n)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.2)


def test_dirichlet_data_that_move_cost_no_more_than_an_order_in_time():
    u = sp.sin(2 * x1 + 3 * t)
    equation = manufactured(
        u, Box((0, 1)), everywhere("dirichlet", Box((0, 1))), final_time=sp.S.One
    )
    errors = [
        error(solve_equation(equation, no_externals, {}, mesh=128, steps=steps), u, equation)
        for steps in (8, 32)
    ]
    assert errors[1] < 1e-6 and np.log2(errors[0] / errors[1]) / 2 > 3


def test_a_solution_in_time_is_there_at_all_times():
    equation = manufactured(DECAY, LINE, MIXED, final_time=sp.Rational(1, 2))
    solution = solve_equation(equation, no_externals, {}, mesh=64, steps=16)
    points = np.linspace(-1, 2, 7)[:, None]
    for time in (0.0, 0.1, 0.33, 0.5):
        np.testing.assert_allclose(
            solution(points, time), np.cos(time) * np.sin(2 * points[:, 0]), atol=1e-5
        )
    np.testing.assert_allclose(
        solution.derivative(points, (1,), 0.2),
        2 * np.cos(0.2) * np.cos(2 * points[:, 0]),
        atol=5e-3,
    )
    assert (
        solution.info["steps"] == 16 and solution.times[-1] == 0.5 and "sdirk4" in solution.method
    )


def test_refinement_meets_the_tolerance():
    u, domain, kinds, _, data = PROBLEMS["square"]
    equation = manufactured(u, domain, kinds, **data)
    solution = solve_equation(equation, no_externals, {}, tolerance=1e-5)
    norm = np.sqrt(np.sinh(2) / 2 * (1 - np.sin(2) / 2))
    assert (
        error(solution, u, equation) / norm < 1e-5
        and solution.info["estimate"] < 1e-5
        and solution.info["ranks"] == MPI.COMM_WORLD.size
    )


@pytest.mark.parametrize("solver", ["direct", "iterative"])
@pytest.mark.parametrize("name", ["square", "neumann", "torus"])
def test_solvers_agree(name, solver):
    u, domain, kinds, _, data = PROBLEMS[name]
    equation = manufactured(u, domain, kinds, **data)
    points = np.random.default_rng(0).uniform(0, 1, (50, 2))
    given, automatic = (
        solve_equation(equation, no_externals, {}, mesh=12, solver=choice)(points)
        for choice in (solver, "auto")
    )
    np.testing.assert_allclose(given, automatic, atol=1e-9)


def test_an_unknown_solver_is_named():
    with pytest.raises(ValueError, match="'fast'"):
        CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6), solver="fast").solve(NO_SLOW)


@pytest.mark.parametrize("kind", ["neumann", "periodic"])
def test_singular_problems_without_balance_are_refused(kind):
    equation = manufactured(sp.cos(2 * sp.pi * x1), UNIT, everywhere(kind, UNIT))
    shifted = replace(
        equation, linear=(*equation.linear, WeakTerm((0, 0), sp.Rational(1, 100), (0, 0)))
    )
    with pytest.raises(SolveError, match="leaves its mean open"):
        solve_equation(shifted, no_externals, {}, mesh=8)


def effective_equation(u, entries, a):
    """-div(a grad u) = f where a has external symbols for `entries`; f is that of `entries` put
    in.
    """
    put = {external.symbol: value for external, value in entries.items()}
    equation = manufactured(u, UNIT, everywhere("dirichlet", UNIT), a=a.subs(put))
    bilinear = tuple(
        WeakTerm(w.left, a[w.left.index(1), w.right.index(1)], w.right) for w in equation.bilinear
    )
    strong = (StrongTerm(sp.Symbol("A_11_x1"), (1, 0)),)
    derivative = External(sp.Symbol("A_11_x1"), "A", (0, 0), (1, 0))
    return replace(equation, bilinear=bilinear, strong=strong, externals=(*entries, derivative))


@pytest.mark.parametrize("value", [sp.Integer(3), sp.exp(x1) + x2**2])
def test_effective_coefficients_come_from_the_caller(value):
    external = External(sp.Symbol("A_11", real=True), "A", (0, 0), (0, 0))
    u = sp.sin(x1 + 2 * x2)
    equation = effective_equation(u, {external: value}, external.symbol * sp.eye(2))
    asked = []

    def coefficients(which, points):
        asked.append(which)
        return np.broadcast_to(sp.lambdify((x1, x2), value)(*points.T), len(points)).astype(float)

    errors = [
        error(solve_equation(equation, coefficients, {}, mesh=n), u, equation) for n in (8, 16)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.2)
    assert set(asked) == {external}


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8])
def test_the_papers_cell_problem(tolerance):
    batch = CellSolver(CellTask(elliptic_2d(), {}, (), tolerance)).solve(NO_SLOW)
    effective = np.array([[batch.effective["A", (i, j)][0] for j in range(2)] for i in range(2)])
    np.testing.assert_allclose(effective, A_STAR * np.eye(2), rtol=tolerance, atol=1e-12)
    assert batch.info["estimate"] <= tolerance and batch.info["fredholm"] < 1e-12
    chi = batch.fields[0][0].derivative(np.array([[0.1, 0.3], [1.1, -2.7]]), (0, 0))
    assert chi.shape == (1, 2) and chi[0, 0] == pytest.approx(chi[0, 1], abs=1e-12)


@pytest.mark.parametrize("degree", [1, 2])
def test_effective_coefficients_converge_at_twice_the_degree(degree):
    errors = [
        CellSolver(CellTask(elliptic_2d(), {}, (), 1.0), degree=degree, n=n)
        .solve(NO_SLOW)
        .effective["A", (0, 0)][0]
        - A_STAR
        for n in (8, 16)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * degree, abs=0.3)


def test_multigrid_bears_the_singular_coarse_matrix():
    """Where the coarsest level is solved by Gaussian elimination, this mesh makes CG break down."""
    batch = CellSolver(
        CellTask(elliptic_2d(), {}, (), 1.0), degree=1, n=256, solver="iterative"
    ).solve(NO_SLOW)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(A_STAR, rel=1e-4)


def test_cell_functions_have_zero_mean_and_solve_the_cell_problem():
    batch = CellSolver(CellTask(reaction_cells(), {}, (), 1e-8)).solve(NO_SLOW)
    assert batch.effective["c", ()][0] == pytest.approx(-0.25, rel=1e-8)
    y = np.linspace(0, 20, 101)[:, None]
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (0,))[0], -np.cos(y[:, 0]) / 2, atol=1e-6
    )
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (1,))[0], np.sin(y[:, 0]) / 2, atol=1e-3
    )


def test_a_laminate_with_a_jump():
    """Harmonic and arithmetic means; the second cell problem has a right-hand side that is 0 up to
    rounding.
    """
    a = sp.Piecewise((10, y1 < sp.Rational(1, 2)), (1, True))
    batch = CellSolver(CellTask(diffusion_cells(a * sp.eye(2)), {}, (), 1e-6)).solve(NO_SLOW)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(20 / 11, rel=1e-10)
    assert batch.effective["A", (1, 1)][0] == pytest.approx(5.5, rel=1e-10)
    assert batch.info["fredholm"] < 1e-6


def test_a_nonsymmetric_tensor_and_its_transpose():
    """A laminate with normal e_1; the effective tensor of the transpose is the transpose."""
    s = sp.sin(2 * sp.pi * y1)
    a = sp.Matrix([[2 + s, 1 + s / 2], [-s, 3]])
    integrands = (
        1 / a[0, 0],
        a[0, 1] / a[0, 0],
        a[1, 0] / a[0, 0],
        a[1, 1] - a[1, 0] * a[0, 1] / a[0, 0],
    )
    means = [float(sp.Integral(g, (y1, 0, 1)).evalf()) for g in integrands]
    first = 1 / means[0]
    exact = np.array(
        [[first, first * means[1]], [first * means[2], means[3] + first * means[2] * means[1]]]
    )
    for matrix, expected in ((a, exact), (a.T, exact.T)):
        batch = CellSolver(CellTask(diffusion_cells(matrix), {}, (), 1e-7)).solve(NO_SLOW)
        np.testing.assert_allclose(
            [[batch.effective["A", (i, j)][0] for j in range(2)] for i in range(2)],
            expected,
            atol=1e-6,
        )
        assert "direct" in batch.info["method"]


@pytest.mark.parametrize("solver", ["direct", "iterative"])
def test_a_shear_flow(solver):
    speed, diffusivity = sp.symbols("U D", positive=True)
    batch = CellSolver(
        CellTask(shear_cells(speed, diffusivity), {"U": 3.0, "D": 0.5}, (), 1e-7), solver=solver
    ).solve(NO_SLOW)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        0.5 + 9 / (8 * np.pi**2 * 0.5), rel=1e-7
    )


def test_a_cell_in_three_dimensions():
    """A laminate with normal e_3 in a brick, so that all three kinds of face are glued."""
    a = 2 + sp.sin(2 * sp.pi * y3)
    batch = CellSolver(
        CellTask(
            diffusion_cells(sp.diag(a, a, a), Cell((0, 1), (0, sp.Rational(1, 2)), (0, 1))),
            {},
            (),
            1e-4,
        ),
        max_dofs=40_000,
    ).solve(NO_SLOW)
    assert batch.effective["A", (2, 2)][0] == pytest.approx(np.sqrt(3), rel=1e-4)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(2, rel=1e-6)


def test_slow_points_share_the_compiled_forms():
    """a* = sqrt((2 + sin x)^2 - q^2) on every point."""
    q = sp.Symbol("q", positive=True)
    lowered = diffusion_cells(
        sp.Matrix([[2 + sp.sin(x1) + q * sp.sin(2 * sp.pi * y1)]]), slow=(x1,), parameters=(q,)
    )
    solver = CellSolver(CellTask(lowered, {"q": 0.5}, ((0.0, 3.0),), 1e-8))
    points = np.array([[0.0], [1.0], [3.0]])
    batch = solver.solve(points)
    np.testing.assert_allclose(
        batch.effective["A", (0, 0)], np.sqrt((2 + np.sin(points[:, 0])) ** 2 - 0.25), rtol=1e-8
    )
    assert batch.fields[0][0].derivative(np.zeros((5, 1)), (0,)).shape == (3, 5)
    problems = list(solver._problems.values())
    np.testing.assert_allclose(
        solver.solve(points[1:2]).effective["A", (0, 0)],
        batch.effective["A", (0, 0)][1:2],
        rtol=1e-8,
    )
    assert list(solver._problems.values())[: len(problems)] == problems


def test_means_without_cell_functions():
    lowered = replace(
        elliptic_2d(),
        functions=(),
        effective=(
            Functional("f", (), sp.cos(2 * sp.pi * y1) ** 2, (), None),
            Functional("g", (0,), sp.S.Zero, (), None),
        ),
    )
    batch = CellSolver(CellTask(lowered, {}, (), 1e-8)).solve(NO_SLOW)
    assert (
        batch.fields == ()
        and batch.effective["f", ()][0] == pytest.approx(0.5)
        and batch.effective["g", (0,)][0] == 0
    )


def test_other_degrees_are_refused():
    with pytest.raises(ValueError, match="degree=3"):
        CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6), degree=3).solve(NO_SLOW)


def test_fields_survive_their_state():
    field = CellSolver(CellTask(reaction_cells(), {}, (), 1e-4)).solve(NO_SLOW).fields[0][0]
    points = np.linspace(-3, 9, 40)[:, None]
    again = LagrangeField.from_state(field.state())
    np.testing.assert_allclose(
        again.derivative(points, (1,)), field.derivative(points, (1,)), rtol=1e-13, atol=1e-13
    )


def test_a_size_limit_leaves_an_honest_estimate():
    disk = sp.Piecewise(
        (10, (y1 - sp.Rational(1, 2)) ** 2 + (y2 - sp.Rational(1, 2)) ** 2 < sp.Rational(1, 9)),
        (1, True),
    )
    cells = diffusion_cells(disk * sp.eye(2))
    batch = CellSolver(CellTask(cells, {}, (), 1e-9), mesh="lattice", max_dofs=5000).solve(NO_SLOW)
    assert (
        batch.info["estimate"] > 1e-3
        and "max_dofs=" in batch.info["advice"]
        and batch.info["size"] <= 5000
    )


def test_a_failed_solve_is_a_solve_error():
    """An indefinite coefficient with the iterative solver."""
    with pytest.raises(SolveError, match="linear solver failed"):
        CellSolver(
            CellTask(
                diffusion_cells((sp.sin(2 * sp.pi * y1) + sp.Rational(1, 10)) * sp.eye(2)),
                {},
                (),
                1e-6,
            ),
            n=16,
        ).solve(NO_SLOW)


def test_multigrid_knows_rigid_motions(monkeypatch):
    """An elastic L, a million times as stiff; where multigrid fails, matrices are factorized."""
    s = nh.Scales(2)
    u = s.unknown("u", components=2)
    e = s.sym_grad(u)
    low, middle, high = (sp.Rational(k, 4) for k in (1, 2, 3))
    arms = [
        (low < a) & (a < high) & (low < b) & (b < middle) for a, b in (tuple(s.y), tuple(s.y)[::-1])
    ]
    stiff = sp.Piecewise((10**6, sp.Or(*arms)), (1, True))
    stress = stiff * (2 * e + e.trace() * sp.eye(2))
    problem = nh.MultiscaleProblem((-s.div(stress), sp.zeros(2, 1)), scales=s, unknown=u)
    model = nh.homogenize(problem)
    iterative, direct = (
        nh.solve_cells(model, "dolfinx", n=8, solver=solver) for solver in ("iterative", "direct")
    )
    assert iterative.effective["A"] == pytest.approx(direct.effective["A"], rel=1e-8, abs=1e-8)
    assert iterative.info["method"].endswith("cg")
    assert iterative.info["iterations"] < 150
    monkeypatch.setattr(linear_solvers, "_ITERATIONS", 1)
    instead = nh.solve_cells(model, "dolfinx", n=4, degree=1, solver="iterative", tolerance=0.9)
    assert instead.info["method"].endswith("direct")


def test_a_regular_matrix_that_multigrid_fails_on_is_factorized(monkeypatch):
    matrix, weights = singular_system(2, "cg")
    matrix.shift(1.0)
    monkeypatch.setattr(linear_solvers, "_ITERATIONS", 1)
    linear = Linear(matrix, "cg")
    assert (matrix * linear(weights) - weights).norm() < 1e-10 * weights.norm()
    assert linear.method == "direct"
    matrix.scale(-1.0)
    with pytest.raises(linear_solvers.DivergedError, match="cg"):
        Linear(matrix, "cg")(weights)


def singular_system(degree, method):
    box = BoxSpace(MPI.COMM_SELF, Lattice.uniform(((0.0, 1.0), (0.0, 2.0)), (5, 4)), degree, (0, 1))
    u, v = ufl.TrialFunction(box.space), ufl.TestFunction(box.space)
    drift = u.dx(0) * v if method != "cg" else 0 * u * v
    matrix = box.reduced(
        assemble_matrix(fem.form((u.dx(0) * v.dx(0) + u.dx(1) * v.dx(1) + drift) * box.dx))
    )
    return matrix, box.restricted(assemble_vector(fem.form(v * box.dx)))


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("method", ["direct", "gmres", "cg"])
def test_the_zero_mean_gauge_solves_the_bordered_system(method, degree):
    matrix, weights = singular_system(degree, method)
    b = weights.duplicate()
    b.array[:] = np.random.default_rng(0).normal(size=b.getLocalSize())
    w, (multiplier,) = bordered(matrix, [weights], [weights], [0], method)(b, [0.0])
    dense, m = matrix.convert("dense").getDenseArray(), weights.array
    exact = np.linalg.solve(
        np.block([[dense, m[:, None]], [m[None, :], np.zeros((1, 1))]]), np.append(b.array, 0.0)
    )
    np.testing.assert_allclose(w.array, exact[:-1], atol=1e-8 * np.abs(exact).max())
    assert multiplier == pytest.approx(exact[-1], rel=1e-6)


def test_regular_systems_leave_no_residual():
    matrix, weights = singular_system(2, "cg")
    matrix.shift(1.0)
    for method in ("direct", "cg", "gmres"):
        w = Linear(matrix, method)(weights)
        assert (matrix * w - weights).norm() < 1e-10 * weights.norm()
        assert w.getType() == weights.getType() and isinstance(w, PETSc.Vec)


@pytest.mark.parametrize(("hypre", "expected"), [(False, "gamg"), (None, None)])
def test_multigrid_is_the_one_that_petsc_has(hypre, expected, monkeypatch):
    """The wheels of DOLFINx have no hypre; None: as PETSc was built."""
    if hypre is None:
        expected = "hypre" if PETSc.Sys.hasExternalPackage("hypre") else "gamg"
    else:
        held = {name: getattr(PETSc, name) for name in ("KSP", "NullSpace", "NormType", "Options")}
        packages = SimpleNamespace(hasExternalPackage=lambda name: hypre)
        monkeypatch.setattr(linear_solvers, "PETSc", SimpleNamespace(**held, Sys=packages))
    matrix, weights = singular_system(2, "cg")
    matrix.shift(1.0)
    for method in ("cg", "gmres"):
        linear = Linear(matrix, method)
        assert linear.ksp.getPC().getType() == expected
        assert (matrix * linear(weights) - weights).norm() < 1e-10 * weights.norm()
    batch = CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6), n=16, solver="iterative").solve(
        NO_SLOW
    )
    direct = CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6), n=16, solver="direct").solve(NO_SLOW)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        direct.effective["A", (0, 0)][0], rel=1e-10
    )


TORCH = """
import sys
flags = sys.getdlopenflags()
import {first}
import {second}
import torch
from dolfinx import fem, mesh
from mpi4py import MPI
torch.manual_seed(0)
a = torch.randn(64, 64, dtype=torch.float64)
assert torch.linalg.norm(torch.linalg.solve(a, a) - torch.eye(64)) < 1e-9
from nhpinn_sym.runtime.fem_dolfinx.space import BoxSpace
from nhpinn_sym.runtime.lattice import Lattice
assert sys.getdlopenflags() == flags, "libraries that are loaded later would bind to those of DOLFINx"
print(BoxSpace(MPI.COMM_WORLD, Lattice.uniform(((0.0, 1.0),), (4,)), 2).dofs)
"""


@pytest.mark.parametrize(
    "order",
    [
        ("torch", "nhpinn_sym.runtime.fem_dolfinx.compat"),
        ("nhpinn_sym.runtime.fem_dolfinx.compat", "torch"),
    ],
)
def test_torch_and_dolfinx_share_a_process(order):
    text = TORCH.format(first=order[0], second=order[1])
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "9\n"), done.stderr


def test_without_dolfinx_the_error_says_how_to_get_it():
    text = (
        "import sys; sys.modules['dolfinx'] = None\nfrom nhpinn_sym.solve.backends import"
        " cell_solver\nfrom nhpinn_sym.problem.errors import BackendMissingError\ntry:"
        " cell_solver('dolfinx')\nexcept BackendMissingError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert (
        "python3-dolfinx-real" in done.stdout
        and "conda-forge" in done.stdout
        and "dolfinx-solver-real" in done.stdout
    )


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="tells no memory")
def test_the_matrices_of_solves_that_are_done_are_freed():
    """Measured without: 68 MB each."""
    u, domain, kinds, _, data = PROBLEMS["square"]
    equation = manufactured(u, domain, kinds, **data)

    def megabytes() -> float:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    grown = []
    for _ in range(6):
        before = megabytes()
        solve_equation(equation, no_externals, {}, mesh=100)
        grown.append(megabytes() - before)
    assert sum(grown[2:]) < 40
