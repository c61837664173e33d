"""The emitted scikit-fem text: what it says (golden files), that it stands alone, and that it
converges at the rates of its elements.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.special import iv, mathieu_a

from nhpinn_sym.emit import skfem_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.lower.forms import LoweredEquation
from nhpinn_sym.problem.domain import Box, Cell
from nhpinn_sym.problem.errors import UnsupportedError
from nhpinn_sym.runtime.fem_skfem.cells import Space, solve_cells
from nhpinn_sym.runtime.fem_skfem.equation import solve_equation
from nhpinn_sym.runtime.lattice import Lattice
from tests.emitted import (
    give_parameters,
    printed_values,
    run_main,
    with_cells_main,
    with_equation_main,
)
from tests.fem_classes import drifting, mathieu
from tests.fem_samples import (
    X,
    bent,
    diffusion_cells,
    elasticity_cells,
    elliptic_2d,
    everywhere,
    exchanging,
    isotropic,
    manufactured,
    reaction_cells,
    shear_cells,
    t,
    x1,
    x2,
    x3,
    y1,
    y2,
)

q = sp.Symbol("q", positive=True)
SQUARE = Box((0, 1), (-1, 1))
STEADY = manufactured(
    sp.sin(x1) * sp.exp(x2),
    SQUARE,
    {(0, 0): "dirichlet", (0, 1): "robin", (1, 0): "neumann", (1, 1): "dirichlet"},
    a=sp.Matrix([[1 + x1**2, x2 / 4], [0, q]]),
    b=(x2, sp.S.One),
    c=sp.exp(x1),
    parameters=(q,),
)
UNSTEADY = manufactured(
    sp.cos(t) * sp.sin(sp.pi * x1),
    Box((0, sp.pi)),
    everywhere("dirichlet", Box((0, sp.pi))),
    a=sp.Matrix([[q]]),
    rho=2 + x1,
    final_time=sp.Rational(1, 2),
    parameters=(q,),
)
LAMINATE = diffusion_cells(
    sp.Piecewise((10, y1 < sp.Rational(1, 2)), (1 + x1**2, True)) * sp.eye(2), slow=(x1,)
)
LAYERS = replace(elasticity_cells(isotropic(q, 2 + sp.sin(2 * sp.pi * y1)), 2), parameters=(q,))
MATHIEU = replace(mathieu(q), parameters=(q,))
DRIFT = replace(drifting(sp.cos(y1), q, Cell((0, 2 * sp.pi))), parameters=(q,))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("elliptic_2d", target.cells(elliptic_2d())),
        ("laminate", target.cells(LAMINATE)),
        ("reaction", target.cells(reaction_cells())),
        ("shear", target.cells(shear_cells(q, 1 / q))),
        ("elasticity", target.cells(LAYERS)),
        ("mathieu", target.cells(MATHIEU)),
        ("drift", target.cells(DRIFT)),
        ("steady", target.equation(STEADY, "steady")),
        ("unsteady", target.equation(UNSTEADY, "unsteady")),
        ("bent", target.equation(bent(q), "bent")),
        ("exchanging", target.equation(exchanging(q), "exchanging")),
    ],
)
def test_golden(name, source, golden):
    ((file, text),) = source.files
    golden(f"skfem/{name}_{file}".replace(f"{name}_{name}", name), text)


def solve_cells_alone(folder, cells, *arguments, **parameters):
    with_cells_main(target.cells(cells), cells, **parameters).save(folder)
    return printed_values(run_main(folder, "cells", *arguments).stdout)


def test_cell_files_stand_alone(tmp_path):
    assert solve_cells_alone(tmp_path, elliptic_2d(), "n=32")["A[0, 0]"] == pytest.approx(
        1.935359, abs=1e-6
    )


def test_files_of_systems_and_kernels_stand_alone(tmp_path):
    """The shear modulus of layers is the harmonic mean, sqrt(3); a_0(2) of Mathieu's equation;
    Lifson and Jackson's 1 / I_0(1)^2.
    """

    for cells, name, value in (
        (LAYERS, "C[0, 1, 0, 1]", np.sqrt(3)),
        (MATHIEU, "lambda0", mathieu_a(0, 2)),
        (DRIFT, "A[0, 0]", 2 / iv(0, 1 / 2) ** 2),
    ):
        parameters = {symbol.name: 2.0 for symbol in cells.parameters}
        printed = solve_cells_alone(tmp_path, cells, "n=32", **parameters)
        assert printed[name] == pytest.approx(value, rel=1e-5)


def solve_alone(folder, equation, name, *arguments, **parameters):
    with_equation_main(target.equation(equation, name), equation, name).save(folder)
    give_parameters(folder, **parameters)
    return run_main(folder, name, *arguments).stdout


def test_equation_files_stand_alone(tmp_path):
    assert "nodes" in solve_alone(tmp_path, STEADY, "steady", "n=16", q=1.5)
    saved = np.load(tmp_path / "steady.npz")
    a, b = (np.linspace(*bounds, 33) for bounds in saved["bounds"])
    np.testing.assert_allclose(saved["values"], np.sin(a)[:, None] * np.exp(b), atol=1e-5)


def test_equation_files_of_systems_stand_alone(tmp_path):
    assert "1089 nodes, -0.9999" in solve_alone(tmp_path, bent(q), "bent", "n=16", q=1.5)
    saved = np.load(tmp_path / "bent.npz")
    a, b = np.meshgrid(*(np.linspace(*bounds, 33) for bounds in saved["bounds"]), indexing="ij")
    np.testing.assert_allclose(saved["values"], [np.sin(a + 2 * b), np.cos(2 * a)], atol=1e-4)
    printed = solve_alone(tmp_path, exchanging(q), "exchanging", "n=32", "steps=32", q=2.0)
    assert "65 nodes, 0 <= u[0] <= 0.45" in printed
    x = np.linspace(0, 1, 65)
    values = np.load(tmp_path / "exchanging.npz")["values"]
    np.testing.assert_allclose(values, [np.cos(1) * np.sin(x), x], atol=1e-6)


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
        )
        grid = solve_equation(forms, space, data, steps=8).grid
        final = (
            grid
            if grid.values.ndim == grid.dim
            else type(grid)(grid.lattice, grid.degree, grid.values[-1])
        )
        errors.append(l2_error(final, u, {**data, t: equation.final_time or 0}))
    return float(np.log2(errors[0] / errors[1]))


LINE, CUBE = Box((-1, 2)), Box((0, 1), (0, 1), (-1, 0))
MIXED = {(0, 0): "robin", (0, 1): "dirichlet"}
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
            {**everywhere("dirichlet", CUBE), (2, 1): "robin", (1, 0): "neumann"},
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
            {(0, 0): "dirichlet", (0, 1): "neumann", (1, 0): "periodic", (1, 1): "periodic"},
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


def test_second_derivatives_are_refused():
    lowered = elliptic_2d()
    plate = type(lowered)(
        **{
            **vars(lowered),
            "bilinear": tuple(type(w)((2, 0), w.coefficient, (2, 0)) for w in lowered.bilinear),
        }
    )
    with pytest.raises(UnsupportedError, match="second derivatives"):
        target.cells(plate)


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
