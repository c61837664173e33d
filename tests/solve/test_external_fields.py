"""Coefficients that are known as functions, in cells and equations of every backend: the numbers of
their formulas.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import UnsupportedError

PI = np.pi
A = sp.Function("a")
B = sp.Function("b")
EQUATIONS = ["skfem", "dolfinx", "pinn"]


def numbers(backend: str) -> Any:
    """The library whose functions a backend is given."""
    return importlib.import_module("torch" if backend == "pinn" else "numpy")


def problem_1d(coefficient: Callable[[nh.Scales], sp.Expr], source: object = 1) -> Any:
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(coefficient(s) * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


@pytest.mark.parametrize("backend", EQUATIONS)
def test_a_function_in_the_fine_equation(backend: str) -> None:
    """-( a(x/eps) u' )' = 1 with a = 1/(1 + cos(2 pi y)/2): u' = (c - x)/a, so that u = 0 at both
    ends fixes c.
    """
    eps = 0.5
    library = numbers(backend)
    options: dict[str, Any] = {"method": "residual"} if backend == "pinn" else {}
    fine = nh.solve_fine(
        problem_1d(lambda s: A(s.y[0])),
        eps,
        backend,
        coefficients={"a": lambda y: 1 / (1 + library.cos(2 * PI * y) / 2)},
        **options,
    )
    x, k = np.linspace(0, 1, 9), 2 * PI / eps
    exact = x / 2 - x**2 / 2 + ((0.5 - x) * np.sin(k * x) / k - np.cos(k * x) / k**2 + 1 / k**2) / 2
    assert np.allclose(fine(x[:, None]), exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backend", ["fourier", *EQUATIONS])
def test_functions_on_two_levels(backend: str) -> None:
    """a(z) b(y): the harmonic means of the two, roots of 3 and of 8."""
    s = nh.Scales(1, levels=2)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(A(s.z[0]) * B(s.y[0]) * s.grad(u)), 1), scales=s, unknown=u
    )
    library = numbers(backend)
    given = {
        "a": lambda z: 2 + library.sin(2 * PI * z),
        "b": lambda y: 3 + library.cos(2 * PI * y),
    }
    cells = nh.solve_cells(nh.homogenize(problem), backend, coefficients=given)
    assert cells.effective["A"][0, 0] == pytest.approx(np.sqrt(24), abs=2e-6)


@pytest.fixture(scope="module")
def solved_with_a_solution() -> tuple[Any, Any, Any]:
    """w = sin(pi x) by finite elements, a = (2 + w)(2 + sin 2 pi y), and f chosen for u0 = w: the
    model, its cells, w.
    """
    s = nh.Scales(1)
    x = s.x[0]
    w = nh.solve_fine(problem_1d(lambda s: sp.Integer(1), PI**2 * sp.sin(sp.pi * x)), 1, "skfem")
    oscillating = 2 + sp.sin(2 * sp.pi * s.y[0])
    slope = sp.pi * sp.cos(sp.pi * x)
    f = -sp.diff(sp.sqrt(3) * (2 + sp.sin(sp.pi * x)) * slope, x)
    model = nh.homogenize(problem_1d(lambda s: (2 + A(x)) * oscillating, f))
    return model, nh.solve_cells(model, "fourier", coefficients={"a": w}, tolerance=1e-6), w


@pytest.mark.parametrize("backend", EQUATIONS)
def test_a_solution_as_coefficient(backend: str, solved_with_a_solution: Any) -> None:
    model, cells, w = solved_with_a_solution
    u0 = nh.solve_homogenized(model, cells, backend, coefficients={"a": w}, tolerance=1e-6)
    points = np.linspace(0, 1, 11)[:, None]
    assert np.allclose(u0(points), np.sin(PI * points[:, 0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mesh", [None, 16, 64])
def test_the_estimate_sees_jumps_that_no_formula_tells(mesh: int | None) -> None:
    options = {} if mesh is None else {"mesh": mesh}
    jump = sp.Piecewise((1, sp.Symbol("y") < sp.Rational(303, 1000)), (4, True))
    exact = nh.solve_fine(problem_1d(lambda s: jump.subs("y", s.y[0])), 0.25, "skfem")
    found = nh.solve_fine(
        problem_1d(lambda s: A(s.y[0])),
        0.25,
        "skfem",
        coefficients={"a": lambda y: np.where(y % 1 < 0.303, 1.0, 4.0)},
        **options,
    )
    x = np.linspace(0, 1, 401)[:, None]
    error = np.linalg.norm(found(x) - exact(x)) / np.linalg.norm(exact(x))
    assert 1e-3 < error <= found.info["estimate"]


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_functions_that_elements_cannot_take(backend: str) -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u), A(s.x[0], s.t)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=1,
    )
    with pytest.raises(UnsupportedError, match="depends on time"):
        nh.solve_fine(problem, 1, backend, coefficients={"a": lambda x, t: x * t})
    s = nh.Scales(1)
    u = s.unknown("u")
    steep = nh.MultiscaleProblem(
        sp.Eq(-A(s.x[0]) * s.laplacian(u), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(UnsupportedError, match="derivative of a coefficient"):
        nh.solve_fine(steep, 1, backend, coefficients={"a": lambda x: 1 + x})


def test_a_finer_level_that_jumps() -> None:
    """a = (2 + cos 2 pi y) b(z), layers of 1 and 5: harmonic means of both, and arithmetic ones."""
    s = nh.Scales(2, levels=2)
    u = s.unknown("u")
    layers = sp.Piecewise((1, s.z[0] < sp.Rational(3, 10)), (5, True))
    a = (2 + sp.cos(2 * sp.pi * s.y[0])) * layers
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    cells = nh.solve_cells(nh.homogenize(problem), "fourier")
    exact = np.diag([np.sqrt(3) / (0.3 + 0.7 / 5), 2 * 3.8])
    np.testing.assert_allclose(cells.effective["A"], exact, atol=1e-8)
