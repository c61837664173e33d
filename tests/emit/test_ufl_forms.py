"""The emitted UFL text: it needs ufl alone, says each coefficient once, and knows what is positive."""

from __future__ import annotations

import ast

import numpy as np
import pytest
import sympy as sp
import ufl

from nhpinn_sym.emit import ufl_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.problem.domain import Box
from tests.emitted import (
    give_parameters,
    run_main,
    with_equation_main,
)
from tests.fem_forms import CELLS, EQUATIONS, UNSTEADY, q
from tests.fem_samples import (
    diffusion_cells,
    everywhere,
    manufactured,
    manufactured_system,
    x1,
    y1,
    y2,
)
from tests.ufl_spaces import domain, scalar_space

FOLDED = manufactured(
    x1,
    Box((0, 1)),
    everywhere("dirichlet", Box((0, 1))),
    a=sp.Matrix([[sp.Piecewise((1, x1 / q - sp.floor(x1 / q) < sp.Rational(1, 3)), (10, True))]]),
    parameters=(q,),
)
SOURCES = {name: target.cells(cells) for name, cells in CELLS.items()}
SOURCES |= {name: target.equation(equation, name) for name, equation in EQUATIONS.items()}


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
    assert forms.DIRICHLET == ((("left", "top"), 0),) and not forms.POSITIVE
    assert float(forms.dirichlet(x, 0.0, {"q": 2.0})[0]((0.5, -0.5))) == pytest.approx(
        np.sin(0.5) * np.exp(-0.5)
    )


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
    code = SOURCES["elliptic_2d"]["cell_forms.py"].split("SYMMETRIC")[1]
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
