"""Emitted forms of both finite element libraries: what they say (golden files), that their folders
stand alone, what they refuse.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from scipy.special import iv, mathieu_a

from nhpinn_sym.emit import skfem_forms, ufl_forms
from nhpinn_sym.lower.forms import WeakTerm
from nhpinn_sym.problem.errors import UnsupportedError
from tests.emitted import (
    give_parameters,
    printed_values,
    run_main,
    with_cells_main,
    with_equation_main,
)
from tests.fem_forms import CELLS, DRIFT, EQUATIONS, LAYERS, MATHIEU, STEADY, q
from tests.fem_samples import bent, elliptic_2d, exchanging

TARGETS = {"skfem": skfem_forms, "dolfinx": ufl_forms}


@pytest.fixture(params=TARGETS.values(), ids=TARGETS)
def target(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.mark.parametrize("library", TARGETS)
@pytest.mark.parametrize("name", CELLS)
def test_golden_cells(name, library, golden):
    ((_, text),) = TARGETS[library].cells(CELLS[name]).files
    golden(f"{library}/{name}_cell_forms.py", text)


@pytest.mark.parametrize("library", TARGETS)
@pytest.mark.parametrize("name", EQUATIONS)
def test_golden_equations(name, library, golden):
    ((_, text),) = TARGETS[library].equation(EQUATIONS[name], name).files
    golden(f"{library}/{name}_forms.py", text)


def solve_cells_alone(target, folder, cells, *arguments, **parameters):
    with_cells_main(target.cells(cells), cells, **parameters).save(folder)
    return printed_values(run_main(folder, "cells", *arguments).stdout)


def test_cell_files_stand_alone(target, tmp_path):
    printed = solve_cells_alone(target, tmp_path, elliptic_2d(), "n=32")
    assert printed["A[0, 0]"] == pytest.approx(1.935359, abs=1e-6)


def test_files_of_systems_and_kernels_stand_alone(target, tmp_path):
    """The shear modulus of layers is the harmonic mean, sqrt(3); a_0(2) of Mathieu's equation;
    Lifson and Jackson's 1 / I_0(1)^2.
    """
    for cells, name, value in (
        (LAYERS, "C[0, 1, 0, 1]", np.sqrt(3)),
        (MATHIEU, "lambda0", mathieu_a(0, 2)),
        (DRIFT, "A[0, 0]", 2 / iv(0, 1 / 2) ** 2),
    ):
        parameters = {symbol.name: 2.0 for symbol in cells.parameters}
        printed = solve_cells_alone(target, tmp_path, cells, "n=32", **parameters)
        assert printed[name] == pytest.approx(value, rel=1e-5)


def solve_alone(target, folder, equation, name, *arguments, **parameters):
    with_equation_main(target.equation(equation, name), equation, name).save(folder)
    give_parameters(folder, **parameters)
    return run_main(folder, name, *arguments).stdout


def test_equation_files_stand_alone(target, tmp_path):
    assert "nodes" in solve_alone(target, tmp_path, STEADY, "steady", "n=16", q=1.5)
    saved = np.load(tmp_path / "steady.npz")
    a, b = (np.linspace(*bounds, 33) for bounds in saved["bounds"])
    np.testing.assert_allclose(saved["values"], np.sin(a)[:, None] * np.exp(b), atol=1e-5)


def test_equation_files_of_systems_stand_alone(target, tmp_path):
    assert "1089 nodes, -0.9999" in solve_alone(target, tmp_path, bent(q), "bent", "n=16", q=1.5)
    saved = np.load(tmp_path / "bent.npz")
    a, b = np.meshgrid(*(np.linspace(*bounds, 33) for bounds in saved["bounds"]), indexing="ij")
    np.testing.assert_allclose(saved["values"], [np.sin(a + 2 * b), np.cos(2 * a)], atol=1e-4)
    printed = solve_alone(target, tmp_path, exchanging(q), "exchanging", "n=32", "steps=32", q=2.0)
    assert "65 nodes, 0 <= u[0] <= 0.45" in printed
    x = np.linspace(0, 1, 65)
    values = np.load(tmp_path / "exchanging.npz")["values"]
    np.testing.assert_allclose(values, [np.cos(1) * np.sin(x), x], atol=1e-6)


def test_second_derivatives_need_elements_that_are_smooth(target):
    """Those of the cells of plates in scikit-fem; second derivatives beside first ones are none."""
    lowered = elliptic_2d()
    c = lowered.bilinear[0].coefficient
    half = replace(lowered, bilinear=(WeakTerm((1, 0), c, (2, 0)),))
    with pytest.raises(UnsupportedError, match="second derivatives"):
        target.cells(half)
    plate = replace(lowered, bilinear=tuple(WeakTerm(a, c, a) for a in ((2, 0), (0, 2))))
    if target is ufl_forms:
        with pytest.raises(UnsupportedError, match="second derivatives"):
            target.cells(plate)
    else:
        assert "ORDER = 4" in target.cells(plate)["cell_forms.py"]
