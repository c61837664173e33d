"""Files of laws: what is read gives the numbers of what was written; hostile and damaged files are
refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.data_file import read, write
from nhpinn_sym.solve.law.law_file import KIND, same_state

from .test_nonlinear_equations import POINTS, solved

TWO_PI = 2 * sp.pi


def storage_and_drift() -> nh.NonlinearModel:
    """Everything that a state problem holds, with a parameter, a place and a jump."""
    s = nh.Scales(2, time=True)
    u = s.unknown("u")
    q = sp.Symbol("q", positive=True)
    g = s.grad(u)
    wave = sp.cos(TWO_PI * s.y[1])
    a = q + sp.sin(TWO_PI * s.y[0]) * wave / 2 + s.x[0] ** 2
    equation = (
        s.dt((2 + wave) * (u + u**3))
        - s.div(a * (1 + u**2) * (1 + g.dot(g)) * g)
        + 3 * wave * u**2 / s.eps
        + sp.Matrix([sp.sin(TWO_PI * s.y[1]), 0]).dot(s.grad(u**2)) / s.eps
        + sp.exp(u) * (1 + wave)
    )
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(equation, s.x[1] * s.t),
            scales=s,
            unknown=u,
            parameters={q: (2, 4)},
            ranges={u: (0, 1)},
            name="everything",
        )
    )


def test_a_law_that_is_read_gives_the_same_numbers(tmp_path: Path) -> None:
    model = storage_and_drift()
    (q,) = model.problem.parameters
    law = nh.solve_law(model, n=15, parameters={q: 3})
    again = nh.load(law.save(tmp_path / "law.npz"))
    assert same_state(again.model.state, model.state)
    assert again.info == law.info
    assert (again.backend, again.tolerance, again.parameters) == ("fourier", 1e-8, {"q": 3.0})
    where = {"u": 0.3, "x": (0.2, 0.7), "t": 0.5}
    for name in ("flux", "tangent", "reaction", "reaction_derivative"):
        wanted = getattr(law, name)(grad=(0.5, 0.1), **where)
        assert getattr(again, name)(grad=(0.5, 0.1), **where) == pytest.approx(wanted, rel=1e-12)
    assert again.storage(**where) == pytest.approx(law.storage(**where), rel=1e-12)
    assert again.load(x=(0.2, 0.7), t=0.5) == pytest.approx(0.35)


def test_it_serves_another_problem_with_the_same_law(tmp_path: Path) -> None:
    _, model, law, u0 = solved()
    again = nh.load_law(law.save(tmp_path / "law.npz"))
    found = nh.solve_homogenized(model, again, "skfem", mesh=64)
    assert found(POINTS) == pytest.approx(u0(POINTS), abs=1e-9)


@pytest.mark.parametrize("kind", ["system", "strain", "hamilton-jacobi", "finite elements"])
def test_other_kinds(tmp_path: Path, kind: str) -> None:
    s = nh.Scales(1 if kind != "strain" else 2)
    wave = 2 + sp.sin(TWO_PI * s.y[0])
    backend = "skfem" if kind == "finite elements" else "fourier"
    grad: Any = 0.5
    if kind == "strain":
        unknown = s.unknown("v", components=2)
        e = s.sym_grad(unknown)
        equation: Any = (-s.div(wave * (1 + sum(x**2 for x in e)) * e), sp.Matrix([0, 1]))
        grad = np.array([[0.1, 0.2], [0.2, 0.3]])
    elif kind == "system":
        v, w = unknown = [s.unknown("v"), s.unknown("w")]
        grads = [s.grad(v), s.grad(w)]
        equation = [(-s.div(wave * (1 + g[0] ** 2) * g), 0) for g in grads]
        grad = [[0.3], [0.5]]
    else:
        unknown = s.unknown("u")
        g = s.grad(unknown)
        equation = sp.Eq(-s.div(wave * (1 + g[0] ** 2) * g), 0)
        if kind == "hamilton-jacobi":
            equation = sp.Eq(unknown - s.eps * s.laplacian(unknown) + wave * g[0] ** 2 / 2, 0)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=unknown))
    n = 15 if kind == "strain" else None
    law = nh.solve_law(model, backend, n=n)
    again = nh.load_law(law.save(tmp_path / "law.npz"))
    assert same_state(again.model.state, model.state)
    if kind == "hamilton-jacobi":
        found, wanted = (x.hamiltonian(grad=0.5, u=0) for x in (again, law))
    else:
        found, wanted = (x.flux(grad=grad) for x in (again, law))
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("state", {"flux": [[["__import__", ["Symbol", "os", {}]]]]}),
        ("unknowns", ["u; import os"]),
        ("backend", "os"),
        ("dim", 7),
        ("cell", [["x", "y"]]),
        ("n", -3),
        ("numbers", {"nobody": 1.0}),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    _, _, law, _ = solved()
    path = law.save(tmp_path / "law.npz")
    data = read(path, KIND)
    write(path, KIND, {**data, key: value})
    with pytest.raises(nh.FileError, match="not complete"):
        nh.load_law(path)


def test_damaged_and_other_files_are_refused(tmp_path: Path) -> None:
    _, _, law, _ = solved()
    path = law.save(tmp_path / "law.npz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(nh.FileError, match="damaged"):
        nh.load_law(path)
    with pytest.raises(nh.FileError, match="solved cells"):
        nh.load(path)
    with pytest.raises(nh.FileError, match="cannot be read"):
        nh.load_law(tmp_path / "nothing.npz")
