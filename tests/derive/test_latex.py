"""The LaTeX of derivations: golden documents, names of functions, and documents of every class
through a LaTeX engine.

The engine is pdflatex: apt-get install --no-install-recommends texlive-latex-base (tests/run.sh
does that where it may).
"""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.notation import latex, name_in_latex, text
from tests.symbolic import C, S, derived
from tests.validate.linear_classes import CLASSES

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = {
    "elliptic_2d": ("elliptic_2d", 2),
    "elasticity_2d": ("classes/elasticity_2d", 1),
    "large_drift": ("classes/large_drift", 1),
}


def model_of(file: str, order: int) -> nh.HomogenizedModel:
    return nh.homogenize(runpy.run_path(str(EXAMPLES / f"{file}.py"))["problem"], order=order)


def log_of(document: str, folder: Path) -> str:
    """What pdflatex says of a document; it fails where there is no pdflatex, since nothing else
    shows that TeX takes it.
    """
    if shutil.which("pdflatex") is None:
        pytest.fail(
            "there is no pdflatex; install it: apt-get install --no-install-recommends"
            " texlive-latex-base"
        )
    (folder / "derivation.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def overfull(log: str) -> list[float]:
    """By how many points lines stick out."""
    return [
        width for width in map(float, re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)) if width > 1
    ]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_documents(name: str, golden: Callable[[str, str], None], tmp_path: Path) -> None:
    file, order = GOLDEN[name]
    document = model_of(file, order).derivation.latex()
    golden(f"derive/{name}_order_{order}.tex", document)
    assert not overfull(log_of(document, tmp_path))


def test_every_class_compiles_and_fits_the_page(tmp_path: Path) -> None:
    documents = {
        name: nh.emit(nh.homogenize(case.problem, order=2), "latex")["derivation.tex"]
        for name, case in CLASSES.items()
    }
    bodies = []
    for document in documents.values():
        head, body = document.split("\\begin{document}")
        assert not re.search("[Mm]atrix|Derivative|nan", body)
        bodies.append(body.removesuffix("\\end{document}\n"))
    log = log_of(
        head + "\\begin{document}" + "\\clearpage".join(bodies) + "\\end{document}\n", tmp_path
    )
    assert not overfull(log)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("N_1", "N_{1}"),
        ("N_12", "N_{12}"),
        ("N2_0", "N^{(2)}_{0}"),
        ("N_tt", "N_{tt}"),
        ("N_f", "N_{f}"),
        ("N_2_v1", "N^{v_{1}}_{2}"),
        ("N_2_v1_3", "N^{v_{1}}_{2;3}"),
        ("N2_12_v1_1", "N^{(2) v_{1}}_{12;1}"),
        ("N_f_2", "N_{f;2}"),
        ("N_1_phi_2", r"N^{\phi}_{1;2}"),
        ("psi", r"\psi"),
        ("psi_v1_2", r"\psi^{v_{1}}_{2}"),
        ("phi", r"\phi"),
        ("A_1212", "A_{1212}"),
        ("A_11_z", "A^{z}_{11}"),
        ("v0_1", "v^{(0)}_{1}"),
        ("u0", "u_{0}"),
        ("y1", "y_{1}"),
        ("tau", r"\tau"),
        ("lambda0", r"\lambda_{0}"),
        ("drift_1", r"\mathrm{drift}_{1}"),
        ("h_3_11t", "h_{3, 11t}"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert name_in_latex(name) == expected


def test_equal_outer_derivatives_are_gathered_and_signs_stand_in_front() -> None:
    y, n, m = sp.Symbol("y1", real=True), sp.Function("N_1"), sp.Function("N_2")
    n, m = n(y), m(y)

    def d(e: sp.Expr) -> sp.Expr:
        return sp.Derivative(e, y, evaluate=False)

    assert text(-d((-y - 2) * d(n)) - d(3 * d(m))) == "d_y1[(2 + y1)*d_y1 N_1 - 3*d_y1 N_2]"
    assert text(-d(2 * d(n)) - d(3 * d(m))) == "-d_y1[2*d_y1 N_1 + 3*d_y1 N_2]"
    assert text(-d(2 * d(n)) + d(y * m)) == "-d_y1[-y1*N_2 + 2*d_y1 N_1]"
    assert text(nh.Mean(-2 * d(n) - 1)) == "-<1 + 2*d_y1 N_1>"
    assert text(d(n) + d(m)) == "d_y1 N_1 + d_y1 N_2"


def test_a_system_is_read_row_by_row() -> None:
    model = model_of("classes/elasticity_2d", 1)
    printed = str(model)
    assert "Matrix" not in printed
    assert (
        "      (A_-2 u)_2 = " in printed
        and "      v_1 = v0_1 + eps*v1_1 + eps**2*v2_1\n" in printed
    )
    notebook = model._repr_latex_()
    assert notebook.startswith(r"$$\begin{aligned}") and notebook.endswith(r"\end{aligned}$$")
    assert notebook.count("= ") == 2 and "A_{1212}" in notebook


def test_effective_formulas_print_in_the_same_notation() -> None:
    model = derived(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0]) * C(s.y[1])) * s.grad(u)), 1), 2)
    assert str(model.effective["A"][0, 1]) == "<(2 + sin(2*pi*y1)*cos(2*pi*y2))*d_y1 N_2>"
    assert sp.latex(model.effective["A"][1, 0]) == latex(model.effective["A"][1, 0])
    stiffness = model_of("classes/elasticity_2d", 1).effective["A"]
    assert str(stiffness[0, 1, 0, 1]) == "<1 + cos(2*pi*y1)/2 + (1 + cos(2*pi*y1)/2)*d_y1 N_2_v1_2>"
