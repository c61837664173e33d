"""What a notebook shows of problems, models, cells, effective coefficients, solutions and reports."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.solve.effective_view import EffectiveCoefficients, tensor_latex, tensor_text


def problem(**changes: Any) -> nh.MultiscaleProblem:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    given = dict(domain=nh.Box((0, 1), (0, 1)), boundary=[nh.Dirichlet(0)], name="<i>a & b</i>")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, **{**given, **changes}
    )


@pytest.fixture(scope="module")
def model() -> nh.HomogenizedModel:
    return nh.homogenize(problem())


@pytest.fixture(scope="module")
def cells(model: nh.HomogenizedModel) -> nh.CellSolution:
    return nh.solve_cells(model, "fourier")


class Balanced(HTMLParser):
    """Fails where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_problem_and_model_in_latex(model: nh.HomogenizedModel) -> None:
    shown = model.problem._repr_latex_()
    assert shown.startswith(r"$$\begin{aligned}") and shown.endswith(r"\end{aligned}$$")
    assert r"A_{11}" in model._repr_latex_()


def test_a_derivation_shows_all_its_steps(model: nh.HomogenizedModel) -> None:
    shown = Balanced(model.derivation._repr_html_())
    assert shown.tags.count("h4") == len(model.derivation.steps) and "i" not in shown.tags
    assert "<i>a & b</i>" in shown.text


def test_cells_and_their_effective_coefficients(cells: nh.CellSolution) -> None:
    shown = Balanced(cells._repr_html_())
    for part in ("fourier", "N_1, N_2", r"\begin{pmatrix} 1.9353592 & 0"):
        assert part in shown.text
    assert isinstance(cells.effective, dict)
    assert cells.effective._repr_latex_().count("pmatrix") == 2  # A alone: the others are zero
    assert "e-" not in repr(cells.effective) + str(cells).split("\n", 1)[1]  # rounding is 0


def test_a_solution(model: nh.HomogenizedModel, cells: nh.CellSolution) -> None:
    u0 = nh.solve_homogenized(model, cells, "skfem", tolerance=1e-3)
    shown = Balanced(u0._repr_html_())
    assert "skfem" in shown.text and "x2 in (0, 1)" in shown.text
    drawing = u0.plot()
    (image,) = (i for axes in drawing.figure.axes for i in axes.images)
    x = np.linspace(0, 1, 161)
    assert np.allclose(image.get_array()[80], u0(x, np.full(161, 0.5)))  # along x_1, in the middle
    assert drawing._repr_png_().startswith(b"\x89PNG")


def test_pictures_of_model_cells_and_tensor(
    model: nh.HomogenizedModel, cells: nh.CellSolution
) -> None:
    (coefficient,) = (i for axes in model.plot().figure.axes for i in axes.images)
    assert coefficient.get_clim() == (pytest.approx(1), pytest.approx(3))
    images = [i for axes in cells.plot().figure.axes for i in axes.images]
    y = np.linspace(0, 2, 161)
    row = images[0].get_array()[40]  # y_2 = 1/2
    assert np.allclose(row, cells.functions[0](np.stack([y, np.full(161, 0.5)], 1)), atol=1e-6)
    texts = [t.get_text() for t in cells.effective.plot().figure.axes[0].texts]
    assert texts == ["1.935", "0", "0", "1.935"]
    with pytest.raises(ProblemError, match="choose one of A"):
        cells.effective.plot("B")


def test_coefficients_of_x_are_drawn_along_it() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    a = (1 + s.x[0]) * (2 + sp.sin(2 * sp.pi * s.y[0]))
    model = nh.homogenize(
        nh.MultiscaleProblem(
            (-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 2)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    effective = nh.solve_cells(model, "fourier").effective
    assert isinstance(effective, EffectiveCoefficients)
    assert r"\text{function of } x" in effective._repr_latex_()
    x, values = effective.plot().figure.axes[0].lines[0].get_data()
    assert (x[0], x[-1]) == (0, 2) and np.allclose(values, np.sqrt(3) * (1 + x), atol=1e-6)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.5, "1.5"),
        (1.23456789012e-9, r"1.2345679 \cdot 10^{-9}"),
        (1 + 2j, r"1 + 2\, i"),
        ([1.0, 1e-12], r"\begin{pmatrix} 1 \\ 0 \end{pmatrix}"),
        (np.zeros((10, 10)), r"\text{10 x 10 numbers}"),
    ],
)
def test_numbers_in_latex(value: Any, shown: str) -> None:
    assert tensor_latex(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([[1.25, 2e-17], [-3e-18, 1.25]], "[[1.25 0.  ]\n [0.   1.25]]"),
        ([2e-17, 1e-17], "[2.e-17 1.e-17]"),
        (1 / 3e9, "3.3333333e-10"),
        (0.0, "0.0"),
        ([2 + 1j, 1e-17j], "[2.+1.j 0.+0.j]"),
    ],
)
def test_numbers_as_text(value: Any, shown: str) -> None:
    assert tensor_text(value) == shown


def test_a_report() -> None:
    report = nh.validate(problem(), fem="skfem")
    shown = Balanced(report._repr_html_())
    assert report.verdict.name in shown.text and "A[1, 1]" in shown.text
    assert shown.tags.count("li") == len(report.evidence) and "i" not in shown.tags


def test_matplotlib_is_imported_by_the_first_picture() -> None:
    program = (
        "import sys, nhpinn_sym as nh\n"
        "nh.solve_cells, nh.validate\n"
        "assert not any(m.startswith('matplotlib') for m in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    assert done.returncode == 0
