"""The emitted UFL text: what it says (golden files), and that it stands alone."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import ufl
from scipy.special import iv, mathieu_a

from nhpinn_sym.emit import ufl_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.problem.domain import Box, Cell
from nhpinn_sym.problem.errors import UnsupportedError
from tests.emitted import (
    give_parameters,
    printed_values,
    run_main,
    with_cells_main,
    with_equation_main,
)
from tests.fem_classes import drifting, mathieu
from tests.fem_samples import (
    bent,
    diffusion_cells,
    elasticity_cells,
    elliptic_2d,
    everywhere,
    exchanging,
    isotropic,
    manufactured,
    manufactured_system,
    reaction_cells,
    shear_cells,
    t,
    x1,
    x2,
    y1,
    y2,
)
from tests.ufl_spaces import domain, scalar_space

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
FOLDED = manufactured(
    x1,
    Box((0, 1)),
    everywhere("dirichlet", Box((0, 1))),
    a=sp.Matrix([[sp.Piecewise((1, x1 / q - sp.floor(x1 / q) < sp.Rational(1, 3)), (10, True))]]),
    parameters=(q,),
)
SOURCES = {
    "elliptic_2d_cell": target.cells(elliptic_2d()),
    "laminate_cell": target.cells(LAMINATE),
    "reaction_cell": target.cells(reaction_cells()),
    "shear_cell": target.cells(shear_cells(q, 1 / q)),
    "elasticity_cell": target.cells(LAYERS),
    "mathieu_cell": target.cells(MATHIEU),
    "drift_cell": target.cells(DRIFT),
    "steady": target.equation(STEADY, "steady"),
    "unsteady": target.equation(UNSTEADY, "unsteady"),
    "bent": target.equation(bent(q), "bent"),
    "exchanging": target.equation(exchanging(q), "exchanging"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_golden(name, golden):
    ((_, forms),) = SOURCES[name].files
    golden(f"dolfinx/{name}_forms.py", forms)


def imported(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.split(".")[0]
        for name in names
        | {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    }


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_forms_need_ufl_alone(source):
    ((_, forms),) = source.files
    assert imported(forms) == {"ufl"}


def test_forms_are_built_without_a_mesh():
    forms = run("steady_forms", SOURCES["steady"]["steady_forms.py"])
    x, u = ufl.SpatialCoordinate(domain()), ufl.Coefficient(scalar_space())
    stiffness = forms.stiffness(u, u, x, 0.0, {"q": 2.0}, {}, ufl.dx, ufl.ds)
    assert sorted(str(integral.subdomain_id()) for integral in stiffness.integrals()) == [
        "2",
        "everywhere",
    ]
    assert forms.DIRICHLET == ((((0, 0), (1, 1)), 0),) and not forms.POSITIVE
    assert float(forms.dirichlet(x, 0.0, {"q": 2.0})[0]((0.5, -0.5))) == pytest.approx(
        np.sin(0.5) * np.exp(-0.5)
    )


def solve_cells_alone(folder, cells, *arguments, **parameters):
    with_cells_main(target.cells(cells), cells, **parameters).save(folder)
    return printed_values(run_main(folder, "cells", *arguments).stdout)


def test_cell_files_stand_alone(tmp_path):
    printed = solve_cells_alone(tmp_path, elliptic_2d(), "n=32")
    assert printed["A[0, 0]"] == pytest.approx(1.935359, abs=1e-6)


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


def test_a_main_says_what_is_missing(tmp_path):
    with_equation_main(SOURCES["unsteady"], UNSTEADY, "unsteady").save(tmp_path)
    assert "run main_cells.py first" in run_main(tmp_path, "unsteady").stderr
    give_parameters(tmp_path, q=1.0)
    assert "there is only n=..., steps=..., q=..." in run_main(tmp_path, "unsteady", "p=1").stderr
    assert "q=one: no number" in run_main(tmp_path, "unsteady", "q=one").stderr


def test_floors_bring_their_helpers_along():
    text = target.equation(FOLDED, "folded")["folded_forms.py"]
    assert text.index("atan2 =") < text.index("def fraction") < text.index("def stiffness")
    assert "fraction" not in SOURCES["steady"]["steady_forms.py"]


def test_equal_coefficients_are_written_once():
    code = SOURCES["elliptic_2d_cell"]["cell_forms.py"].split("SYMMETRIC")[1]
    assert code.count("ufl.sin") == 3  # once in each function


def test_long_coefficients_stay_one_statement():
    a = (
        sum(
            sp.cos(2 * sp.pi * k * y1) * sp.exp(sp.sin(2 * sp.pi * k * y2)) / k**3
            for k in range(1, 12)
        )
        + 5
    )
    text = target.cells(
        diffusion_cells(
            sp.diag(a, sp.prod([sp.sin(y1 + sp.Rational(1, k)) for k in range(2, 12)]) ** 2 + 1)
        )
    )["cell_forms.py"]
    forms = run("cell_forms", text)
    y = ufl.SpatialCoordinate(domain())
    integrand = (
        forms.effective([ufl.Coefficient(scalar_space())] * 2, y, {}, {}, ufl.dx)["A", (0, 0)]
        .integrals()[0]
        .integrand()
    )
    assert len(str(integrand)) > 200 and max(map(len, text.splitlines())) <= 150


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


@pytest.mark.parametrize(
    ("c", "kind", "positive"),
    [
        (sp.S.Zero, "neumann", True),
        (sp.S.One, "neumann", True),
        (-sp.S.One, "neumann", False),
        (sp.S.Zero, "dirichlet", True),
        (sp.S.Zero, "periodic", True),
        (q, "periodic", True),
        (x1, "periodic", False),
    ],
)
def test_positive_problems_are_told_apart(c, kind, positive):
    lowered = manufactured(
        sp.cos(sp.pi * x1), Box((0, 1)), everywhere(kind, Box((0, 1))), c=c, parameters=(q,)
    )
    forms = run("equation_forms", target.equation(lowered, "equation")["equation_forms.py"])
    assert positive == forms.POSITIVE


@pytest.mark.parametrize(
    ("coupling", "positive"),
    [(sp.diag(1, q), True), (sp.Matrix([[1, 2], [2, 1]]), False), (sp.diag(1, -1), False)],
)
def test_couplings_of_order_zero_are_not_taken_for_positive(coupling, positive):
    line = Box((0, 1))
    lowered = manufactured_system(
        (x1, x1**2),
        line,
        everywhere("dirichlet", line),
        lambda i, k, j, m: sp.Integer(i == j),
        c=coupling,
        parameters=(q,),
    )
    forms = run("equation_forms", target.equation(lowered, "equation")["equation_forms.py"])
    assert positive == forms.POSITIVE
