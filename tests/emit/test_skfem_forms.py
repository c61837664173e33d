"""The emitted scikit-fem text converges at the rates of its elements, and takes any names."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from nhpinn_sym.emit import skfem_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.lower.forms import LoweredEquation
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.runtime.fem_skfem.cells import Space, solve_cells
from nhpinn_sym.runtime.fem_skfem.equation import solve_equation
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.runtime.time_stepping import time_lines
from tests.fem_forms import SQUARE, STEADY, q
from tests.fem_samples import (
    X,
    diffusion_cells,
    elliptic_2d,
    everywhere,
    manufactured,
    t,
    x1,
    x2,
    x3,
    y1,
    y2,
)


def l2_error(grid, u, values):
    """L2 distance of a grid to the SymPy expression u, by Gauss quadrature on its cells."""
    nodes, weights = np.polynomial.legendre.leggauss(5)
    steps = [(b - a) / n for (a, b), n in zip(grid.bounds, grid.cells)]
    axes = [
        (a + h * (np.arange(n)[:, None] + (nodes + 1) / 2)).ravel()
        for (a, _), h, n in zip(grid.bounds, steps, grid.cells)
    ]
    scale = [np.tile(weights * h / 2, n) for h, n in zip(steps, grid.cells)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    weight = np.prod(np.stack([g.ravel() for g in np.meshgrid(*scale, indexing="ij")]), axis=0)
    exact = sp.lambdify(X[: grid.dim], u.subs(values))(*points.T)
    return np.sqrt(weight @ (grid.evaluate(points, (0,) * grid.dim) - exact) ** 2)


def rate(equation: LoweredEquation, u: sp.Expr, n: int, degree: int, **data: float) -> float:
    forms = run("equation_forms", target.equation(equation, "mms")["mms_forms.py"])
    errors = []
    for k in (n, 2 * n):
        space = Space(
            Lattice.uniform(equation.domain.bounds, (k,) * equation.domain.dim),
            degree,
            equation.periodic,
            forms.PARTS,
        )
        times = None if forms.SPANS is None else time_lines(forms.SPANS, 8)
        grid = solve_equation(forms, space, data, times).grid
        final = (
            grid
            if grid.values.ndim == grid.dim
            else type(grid)(grid.lattice, grid.degree, grid.values[-1])
        )
        errors.append(l2_error(final, u, {**data, t: equation.final_time or 0}))
    return float(np.log2(errors[0] / errors[1]))


LINE, CUBE = Box((-1, 2)), Box((0, 1), (0, 1), (-1, 0))
MIXED = {"left": "robin", "right": "dirichlet"}
WAVE = sp.sin(2 * sp.pi * x1) * sp.exp(sp.cos(2 * sp.pi * x2))
PROBLEMS = {
    "line": (
        manufactured(
            sp.exp(x1) * sp.cos(2 * x1), LINE, MIXED, a=sp.Matrix([[2 + sp.sin(x1)]]), b=(x1,)
        ),
        sp.exp(x1) * sp.cos(2 * x1),
        12,
    ),
    "square": (STEADY, sp.sin(x1) * sp.exp(x2), 6),
    "cube": (
        manufactured(
            sp.sin(x1 + 2 * x2) * sp.exp(x3),
            CUBE,
            {**everywhere("dirichlet", CUBE), "back": "robin", "bottom": "neumann"},
            a=sp.diag(1 + x1, 1, 2 - x2),
        ),
        sp.sin(x1 + 2 * x2) * sp.exp(x3),
        4,
    ),
    "periodic": (
        manufactured(
            WAVE,
            Box((0, 1), (0, 1)),
            everywhere("periodic", SQUARE),
            a=(2 + sp.cos(2 * sp.pi * x1)) * sp.eye(2),
            c=sp.S.One,
        ),
        WAVE,
        8,
    ),
    "strip": (
        manufactured(
            WAVE,
            Box((0, 1), (0, 1)),
            {"left": "dirichlet", "right": "neumann", "bottom": "periodic", "top": "periodic"},
        ),
        WAVE,
        8,
    ),
    "heat": (
        manufactured(
            sp.cos(t) * sp.sin(2 * x1), LINE, MIXED, rho=2 + x1, final_time=sp.Rational(1, 2)
        ),
        sp.cos(t) * sp.sin(2 * x1),
        8,
    ),
}


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_manufactured_solutions_converge(name, degree):
    equation, u, n = PROBLEMS[name]
    data = {"q": 1.5} if q in equation.parameters else {}
    assert rate(equation, u, n, degree, **data) == pytest.approx(degree + 1, abs=0.2)


@pytest.mark.parametrize("degree", [1, 2])
def test_effective_coefficients_converge_at_twice_the_degree(degree):
    forms = run("cell_forms", target.cells(elliptic_2d())["cell_forms.py"])
    errors = []
    for n in (8, 16):
        result = solve_cells(
            forms, Space(Lattice.uniform(((0.0, 1.0),) * 2, (n, n)), degree, (0, 1)), {}
        )
        errors.append(result.effective["A", (0, 0)] - 1.9353592348122903)
        assert (
            abs(result.effective["A", (0, 1)]) < 1e-12 and max(result.multipliers.values()) < 1e-12
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * degree, abs=0.3)


def test_parameter_names_that_scikit_fem_or_python_reserve():
    for name in ("x", "n", "h", "lambda", "s0", "c0", "c1", "N0"):
        symbol = sp.Symbol(name, positive=True)
        forms = run(
            "cell_forms",
            target.cells(
                diffusion_cells(sp.Matrix([[symbol + symbol * sp.sin(2 * sp.pi * y1) / 2]]))
            )["cell_forms.py"],
        )
        result = solve_cells(
            forms, Space(Lattice.uniform(((0.0, 1.0),), (32,)), 2, (0,)), {name: 3.0}
        )
        assert result.effective["A", (0, 0)] == pytest.approx(3 * np.sqrt(0.75), rel=1e-6)
        forms = run(
            "cell_forms",
            target.cells(diffusion_cells(sp.Matrix([[symbol, 0], [0, 1]])))["cell_forms.py"],
        )
        space = Space(Lattice.uniform(((0.0, 1.0),) * 2, (2, 2)), 1, (0, 1))
        assert solve_cells(forms, space, {name: 3.0}).effective["A", (0, 0)] == pytest.approx(3)


def test_shared_subexpressions_and_equal_coefficients_are_computed_once():
    text = target.cells(
        diffusion_cells((2 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)) * sp.eye(2))
    )["cell_forms.py"]
    assert text.count("sin(") == 2  # in the comment and in the code
