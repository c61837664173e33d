"""What a reader sees: the printed derivation and the LaTeX document. Golden files: read the
difference before regenerating them.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.notation import latex, text
from tests.symbolic import C, S, derived, diffusion

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["elliptic_2d", "reaction_diffusion"])
def test_golden_derivations(name: str, golden: Callable[[str, str], None]) -> None:
    model = nh.homogenize(runpy.run_path(str(EXAMPLES / f"{name}.py"))["problem"])
    golden(f"derive/{name}.txt", f"{model}\n")
    golden(f"derive/{name}.tex", model.derivation.latex())


def full() -> nh.HomogenizedModel:
    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        a = sp.Matrix(
            2, 2, lambda i, j: (4 if i == j else 0) + S(s.y[i]) * C(s.y[j]) + s.x[i] * C(s.y[j])
        )
        step = sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))
        return sp.Eq(
            -s.div(a * s.grad(u)) + C(s.y[0]) * u / s.eps + step * u,
            s.x[0] * S(s.y[0]) / s.eps + s.div(sp.Matrix([C(s.y[0]), 0])),
        )

    return derived(build, 2, name=r'a_b $x "\ {50%} ~ ^ & # <>')


def opaque() -> nh.HomogenizedModel:
    return derived(
        diffusion(
            lambda s: sp.Function("a")(*s.x, *s.y), sp.Function("f")(sp.Symbol("x1", real=True))
        ),
        2,
    )


@pytest.mark.parametrize("make", [full, opaque])
def test_latex_is_a_whole_document(make: Callable[[], nh.HomogenizedModel]) -> None:
    """Balanced environments, braces and dollars; nothing unescaped in the text. (TeX itself sees it
    in test_latex.)
    """
    document = make().derivation.latex()
    assert document.startswith(r"\documentclass")
    assert document.endswith("\\end{document}\n")
    open_environments: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", document):
        if kind == "begin":
            open_environments.append(name)
        else:
            assert open_environments.pop() == name
    assert not open_environments
    bare = re.sub(r"\\[\\{}$&%#_^~]", "", document)
    assert bare.count("{") == bare.count("}")
    assert len(re.findall(r"\\left\b", bare)) == len(re.findall(r"\\right\b", bare))
    outside = re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", bare, flags=re.DOTALL)
    assert outside.count("$") % 2 == 0
    assert not re.search(r"[_^#&%~]", re.sub(r"\$.*?\$", "", outside))


def test_the_steps_are_those_of_the_books() -> None:
    assert [step.title for step in full().derivation.steps] == [
        "Multiscale equation",
        "Chain rule and orders of eps",
        "Ansatz",
        "Order eps^-2",
        "Order eps^-1: solvability",
        "Order eps^-1: cell problems",
        "First corrector",
        "Order eps^0: solvability gives the effective coefficients",
        "Homogenized equation",
    ]


def test_solvability_is_stated_as_it_was_checked() -> None:
    def remark(model: nh.HomogenizedModel) -> str:
        return next(
            step.remark for step in model.derivation.steps if step.title.endswith("solvability")
        )

    opaque = derived(lambda s, u: sp.Eq(-s.laplacian(u) + sp.Function("r")(s.y[0]) * u / s.eps, 1))
    assert remark(derived(diffusion(lambda s: 2 + S(s.y[0])))).endswith("It has, as a divergence.")
    assert remark(full()).endswith("It has.")
    assert "assumed" in remark(opaque)


def test_a_medium_without_cell_problems_says_so() -> None:
    model = derived(diffusion(lambda s: 2))
    assert "All right-hand sides vanish: u1 = 0." in str(model)
    assert "u1 = 0" in str(model)


def test_notation() -> None:
    x, y = sp.symbols("x1 y1", real=True)
    a, n = sp.Function("a")(y), sp.Function("N_1")(y)
    assert text(nh.Mean(a * n.diff(y) + a)) == "<a + a*d_y1 N_1>"
    assert latex(nh.Mean(a) ** 2) == r"\left\langle a \right\rangle^{2}"
    assert (
        latex(sp.Derivative(a * n.diff(y), y, evaluate=False))
        == r"\partial_{y_{1}}\left( a \partial_{y_{1}} N_{1} \right)"
    )
    assert text(sp.Eq(x, 2)) == "x1 = 2"


def test_in_a_notebook_it_is_latex() -> None:
    assert full()._repr_latex_().startswith("$$")
    assert str(derived(diffusion(lambda s: 2 + S(s.y[0]))).cell_problems[0]).startswith(
        "N_1: -d_y1[(2 + sin(2*pi*y1))*d_y1 N_1] = "
    )
