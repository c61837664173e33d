"""Emitted texts of nonlinear models: the tangent is the derivative of the state problem in every
language, and a folder alone solves a state.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit.source import run

from .nonlinear_problems import NONLINEAR

TWO_PI = 2 * sp.pi
NAMES = ("N_u_0", "N_N_0", "N_xi_0_0", "N_xi_0_1", "N_p_0_0", "N_p_0_1")


@cache
def model() -> nh.NonlinearModel:
    """A flux with values, a transport of order 1/eps, a reaction, a parameter, and a jump."""
    s = nh.Scales(2)
    u = s.unknown("u")
    q = sp.Symbol("q", positive=True)
    g = s.grad(u)
    a = sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True)) + sp.sin(TWO_PI * s.y[1]) / 2
    shear = sp.Matrix([sp.sin(TWO_PI * s.y[1]), 0])
    equation = -s.div(q * a * (1 + u**2 + g.dot(g)) * g) + shear.dot(s.grad(u**2)) / s.eps
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(equation + a * sp.exp(u), 1), scales=s, unknown=u, parameters={q: (1, 3)}
        )
    )


def state(text: str, name: str) -> Any:
    return run(name, text)


def numbers(count: int = 7) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {name: rng.uniform(0.1, 0.9, count) for name in ("y1", "y2", "q", *NAMES)}


@pytest.mark.parametrize("part", ["state", "fine"])
def test_languages_give_the_same_numbers(part: str) -> None:
    """UFL takes numbers in the place of its own terms."""
    data = {**numbers(1), "x1": np.array([0.3]), "x2": np.array([0.2]), "epsilon": np.array([0.4])}
    tensors = {name: torch.tensor(value) for name, value in data.items()}
    floats = {name: float(value[0]) for name, value in data.items()}
    wanted = state(nh.emit(model(), "numpy")[f"{part}_numpy.py"], f"{part}_numpy")
    others = {"torch": tensors, "dolfinx": floats}
    for function in ("values", "slopes"):
        tables = getattr(wanted, function)(data)
        for target, given in others.items():
            name = f"{part}_{'ufl' if target == 'dolfinx' else target}"
            found = getattr(state(nh.emit(model(), target)[f"{name}.py"], name), function)(given)
            assert tables.keys() == found.keys()
            for key, table in tables.items():
                assert table.keys() == found[key].keys()
                for index, value in table.items():
                    number = float(found[key][index])
                    assert number == pytest.approx(float(np.ravel(value)[0]), rel=1e-13)


def test_derivatives_of_torch_are_those_of_its_own_values() -> None:
    forms = state(nh.emit(model(), "torch")["state_torch.py"], "state_torch")
    data = {name: torch.tensor(v, requires_grad=True) for name, v in numbers().items()}
    flux = forms.values(data)["flux"]
    slopes = forms.slopes(data)
    for (i, k, j, m), value in slopes["flux_p"].items():
        (wanted,) = torch.autograd.grad(flux[i, k].sum(), data[f"N_p_{j}_{m}"], retain_graph=True)
        assert value.detach().numpy() == pytest.approx(wanted.numpy(), rel=1e-12)
    for (i, k, j), value in slopes["flux_N"].items():
        (wanted,) = torch.autograd.grad(flux[i, k].sum(), data[f"N_N_{j}"], retain_graph=True)
        assert value.detach().numpy() == pytest.approx(wanted.numpy(), rel=1e-12)


def test_the_tangent_in_ufl_is_the_derivative_by_ufl() -> None:
    from mpi4py import MPI

    from nhpinn_sym.runtime.fem_dolfinx.compat import assemble_matrix, compile_form, fem
    from nhpinn_sym.runtime.fem_dolfinx.space import BoxSpace
    from nhpinn_sym.runtime.lattice import Lattice

    import ufl  # isort: skip  # after the module that imports DOLFINx rightly

    forms = state(nh.emit(model(), "dolfinx")["state_ufl.py"], "state_ufl")
    box = BoxSpace(MPI.COMM_SELF, Lattice.uniform(forms.CELL, (2, 2)), 2, periodic=range(2))
    corrector = fem.Function(box.space)
    corrector.x.array[:] = np.random.default_rng(0).random(corrector.x.array.size)
    given = {"q": box.constant(1.7)}
    slopes = [[box.constant(0.6), box.constant(-0.3)]]
    data = forms.state(corrector, [box.constant(0.4)], slopes, box.x, given)
    v, w = ufl.TestFunction(box.space), ufl.TrialFunction(box.space)
    residual = forms.residual(v, data, box.dx)
    exact = assemble_matrix(compile_form(ufl.derivative(residual, corrector, w)))
    found = assemble_matrix(compile_form(forms.tangent(w, v, data, box.dx)))
    assert (found - exact).norm() < 1e-12 * exact.norm()


@pytest.mark.parametrize("target", ["numpy", "skfem", "dolfinx"])
def test_a_folder_alone_solves_a_state(tmp_path: Path, target: str) -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    g = s.grad(u)
    wave = sp.exp(sp.sin(TWO_PI * s.y[0]))
    equation = sp.Eq(-s.div(wave * (1 + g[0] ** 2) * g), 0)
    own = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))
    nh.emit(own, target).save(tmp_path)
    texts = [p.read_text() for p in tmp_path.rglob("*.py")]
    assert not any("import nhpinn_sym" in t or "from nhpinn_sym" in t for t in texts)
    found = alone(tmp_path, "N_xi_0_0=0.8")
    law = nh.solve_law(own)
    assert np.ravel(found["flux"]) == pytest.approx(law.flux(grad=0.8), rel=1e-6)
    assert np.ravel(found["flux_p"]) == pytest.approx(law.tangent(grad=0.8).ravel(), rel=1e-6)


@pytest.mark.parametrize(("name", "target"), [("carreau", "numpy"), ("richards", "skfem")])
def test_folders_of_systems_and_of_storage_alone(tmp_path: Path, name: str, target: str) -> None:
    own = nh.homogenize(NONLINEAR[name]())
    nh.emit(own, target).save(tmp_path)
    law = nh.solve_law(own, tolerance=1e-5)
    if name == "carreau":
        grad = np.array([[0.4, 0.1], [-0.3, 0.2]])
        slopes = [f"N_xi_{i}_{k}={grad[i, k]}" for i, k in np.ndindex(2, 2)]
        found = alone(tmp_path, *slopes, "n=15")
        state: dict[str, Any] = {"grad": grad}
    else:
        found = alone(tmp_path, "N_u_0=0.3", "N_xi_0_0=-0.7", "x1=0.2", "t=0.5")
        state = {"grad": -0.7, "u": 0.3}
        assert np.ravel(found["storage"]) == pytest.approx(law.storage(u=0.3), rel=1e-5)
    assert np.ravel(found["flux"]) == pytest.approx(law.flux(**state).ravel(), rel=1e-5)
    tangent = law.tangent(**state).ravel()
    assert np.ravel(found["flux_p"]) == pytest.approx(tangent, rel=1e-5, abs=1e-9)


def alone(folder: Path, *arguments: str) -> Any:
    """What main_law.py of a folder finds where the package cannot be imported."""
    block = "import runpy, sys; sys.modules['nhpinn_sym'] = None; sys.path.insert(0, '.')"
    command = [sys.executable, "-c", f"{block}; runpy.run_path('main_law.py', None, '__main__')"]
    environment = {**os.environ, "PYTHONPATH": ""}
    subprocess.run([*command, *arguments], cwd=folder, env=environment, check=True, timeout=120)
    return json.loads((folder / "law.json").read_text())


def test_other_targets_are_refused() -> None:
    assert nh.emit(model(), "latex")["derivation.tex"].startswith("\\documentclass")
    with pytest.raises(nh.UnsupportedError, match="tests"):
        nh.emit(model(), "tests")


@pytest.mark.parametrize("name", ["data", "math", "torch", "ufl", "gamma"])
def test_parameters_may_have_the_names_of_the_text(name: str) -> None:
    """(q p^3 + Gamma(q) p) / wave in one dimension: the flux is the same at every place."""
    s = nh.Scales(1)
    u = s.unknown("u")
    (p,) = s.grad(u)
    q = sp.Symbol(name, real=True)
    wave = 1 + sp.sin(TWO_PI * s.y[0]) / 2
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(sp.Matrix([(q * p**3 + sp.gamma(q) * p) / wave])), 1),
        scales=s,
        unknown=u,
        parameters={q: (1, 3)},
    )
    law = nh.solve_law(nh.homogenize(problem), "fourier", parameters={q: 2.5})
    flux = law.flux(grad=0.8)[0]
    places = 1 + np.sin(2 * np.pi * np.arange(400) / 400) / 2
    roots = np.linspace(0, 3, 4001)
    values = 2.5 * roots**3 + float(sp.gamma(2.5)) * roots
    assert np.interp(flux * places, values, roots).mean() == pytest.approx(0.8, abs=1e-5)
