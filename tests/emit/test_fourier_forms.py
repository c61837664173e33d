"""The numpy target: distinct coefficients once, names of any kind, tables that a reader can
follow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit import fourier_forms as target
from nhpinn_sym.emit.source import run
from nhpinn_sym.lower.forms import Factor, Functional, FunctionalTerm, WeakTerm
from tests.emitted import run_main
from tests.solve.fourier_samples import (
    Y,
    cells,
    function,
    isotropic,
    scalar,
    second_order,
    symmetric_loads,
)
from tests.symbolic import C, S


def test_each_coefficient_is_computed_once() -> None:
    """Isotropic elasticity has three moduli, lam, mu and lam + 2 mu; the rest is 0 times 1."""
    text = target.cells(
        second_order(isotropic(2 + S(Y[0]), 2 + C(Y[1]), 3), 3, symmetric_loads(3))
    )["cell_fourier.py"]
    forms = run("cell_fourier", text)
    assert forms.COEFFICIENTS == 4
    y = np.random.default_rng(0).uniform(size=(3, 5))
    lam, mu = 2 + np.sin(2 * np.pi * y[0]), 2 + np.cos(2 * np.pi * y[1])
    found = [np.broadcast_to(c, (5,)) for c in forms.coefficients(y, (), {})]
    for expected in (lam, mu, lam + 2 * mu, np.ones(5)):
        assert any(np.allclose(expected, c) for c in found)


def test_signs_of_the_weak_form_come_out_of_the_divergence() -> None:
    """int a u' v' = -int a v' is ( -a u' )' = ( a )'."""
    forms = run("cell_fourier", target.cells(scalar(5 * Y[0], 1))["cell_fourier.py"])
    assert forms.OPERATOR == ((0, (1,), (-5.0, 0), 0, (1,)),)
    assert forms.SOURCES == (((0, (1,), (5.0, 0), None),),)


@pytest.mark.parametrize("name", ["_p", "s0", "lambda", "a*", "y", "x"])
def test_parameters_of_any_name(name: str) -> None:
    p = sp.Symbol(name, real=True)
    a = p + S(Y[0]) ** 2 + sp.exp(S(Y[0]) ** 2)
    forms = run("cell_fourier", target.cells(scalar(a, 1, parameters=(p,)))["cell_fourier.py"])
    (found,) = {float(c) for c in forms.coefficients((0.1,), (), {name: 3.0}) if c is not None}
    assert found == pytest.approx(float(a.subs({p: 3, Y[0]: sp.Float(0.1, 30)})))


def test_the_head_of_the_file_says_the_mathematics() -> None:
    n = Factor(0, 0, (1,))
    law = Functional("A", (0, 0), Y[0], (FunctionalTerm(Y[0], (n, n)),))
    lowered = cells(
        [function("N_1", [WeakTerm((1,), -Y[0], (0,))])], [WeakTerm((1,), Y[0], (1,))], [law]
    )
    text = target.cells(lowered)["cell_fourier.py"]
    assert "A_0 N = D^(1,)[(-y1) D^(1,) N]" in text
    assert "A_0 N_1 = D^(1,)[(y1)]" in text
    assert "A[0, 0] = <y1 + (y1) D^(1,) N_1 D^(1,) N_1>" in text


def test_what_needs_no_solve_is_printed(tmp_path: Path) -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    q = sp.Symbol("q")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(3 * q * s.grad(u)), 1), scales=s, unknown=u, parameters={q: (1, 2)}
    )
    folder = tmp_path / "numpy"
    nh.emit(nh.homogenize(problem), "numpy").save(folder)
    assert "A[0, 0] = 3*q" in run_main(folder, "cells").stdout
