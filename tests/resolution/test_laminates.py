"""Closed forms of laminates against Fourier cells and against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.resolution.laminates import LaminateForm, laminate
from tests.symbolic import C, S


def form_of(problem: nh.MultiscaleProblem) -> tuple[nh.HomogenizedModel, LaminateForm | None]:
    model = nh.homogenize(problem)
    return model, laminate(lower_cells(model, False), {})


def test_of_an_unsymmetric_tensor_and_of_an_elastic_one() -> None:
    s = nh.Scales(2)
    u, v = s.unknown("u"), s.unknown("v", components=2)
    y, e = s.y[1], s.sym_grad(v)
    a = sp.Matrix([[3, 1 + C(y)], [S(y), 2 + S(y) / 2]])
    mu = 2 + C(y)
    stress = S(y) * e.trace() * sp.eye(2) / 2 + 2 * mu * e
    for equation, unknown in (((-s.div(a * s.grad(u)), 0), u), ((-s.div(stress), 0), v)):
        model, form = form_of(nh.MultiscaleProblem(equation, scales=s, unknown=unknown))
        assert form is not None
        cells = nh.solve_cells(model, "fourier").effective["A"]
        assert form.distance(cells) < 1e-10
        assert np.allclose(form.tensor().reshape(cells.shape), cells, atol=1e-9)
        assert form.distance(WRONG * cells) == pytest.approx(WRONG - 1, rel=1e-6)


WRONG = 1.01


def test_of_jumps_it_is_exact() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    a = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (4, True))
    _, form = form_of(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 0), scales=s, unknown=u))
    assert form is not None and form.matrix[0, 0] == pytest.approx(2, rel=1e-12)


def test_none_where_the_cell_is_no_laminate_or_its_operator_another() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    flow = sp.Matrix([C(s.y[1]), 0])
    for equation in (
        -s.div((3 + S(s.y[0]) * C(s.y[1])) * s.grad(u)),
        -s.laplacian(u) + (flow.T * s.grad(u))[0] / s.eps,
    ):
        assert form_of(nh.MultiscaleProblem((equation, 0), scales=s, unknown=u))[1] is None
