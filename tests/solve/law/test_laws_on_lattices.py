"""Laws on the cell of a hexagonal lattice: those of the rectangle that holds two of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

HEXAGONAL = nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))
RECTANGLE = nh.Cell((0, 1), (0, sp.sqrt(3)))
S = nh.Scales(2)
U = S.unknown("u")
G = S.grad(U)
V = S.unknown("v", components=2)
E = S.sym_grad(V)
ACROSS = 2 * sp.pi / sp.sqrt(3)
WAVES = [2 * ACROSS * S.y[1], 2 * sp.pi * S.y[0] + ACROSS * S.y[1]]
A = 2 + (sp.cos(WAVES[0]) + sp.sin(WAVES[1])) / 2
GRAD = np.array([1.0, 0.5])


def law_on(cell: nh.Cell, equation: Any, backend: str = "fourier", **data: Any) -> Any:
    return nh.solve_law(nh.homogenize(problem_on(cell, equation, **data)), backend)


def problem_on(cell: nh.Cell, equation: Any, **data: Any) -> nh.MultiscaleProblem:
    given = {"unknown": U, **data}
    return nh.MultiscaleProblem(sp.Eq(equation, 0 * equation), scales=S, cell=cell, **given)


MONOTONE = -S.div(A * (1 + G.dot(G)) * G)


@pytest.mark.parametrize("backend", ["fourier", "skfem", "dolfinx", "pinn"])
def test_every_backend_gives_the_law_of_the_rectangle(backend: str) -> None:
    wanted = law_on(RECTANGLE, MONOTONE)
    found = law_on(HEXAGONAL, MONOTONE, backend)
    for name in ("flux", "tangent", "energy"):
        own = getattr(found, name)(grad=GRAD)
        assert own == pytest.approx(getattr(wanted, name)(grad=GRAD), rel=2e-6)
    points = [[0.3, 0.2], [0.7, 1.1]]
    for index in ((0, 0), (0, 1)):
        own = found.corrector(points, grad=GRAD, index=index)
        assert own == pytest.approx(wanted.corrector(points, grad=GRAD, index=index), abs=1e-3)


def test_drift_reaction_and_stress() -> None:
    """Terms of order 1/eps, which hold the gradient by itself; strains of a power law."""
    stream = sp.cos(WAVES[1]) / 3
    drift = sp.Matrix([sp.diff(stream, S.y[1]), -sp.diff(stream, S.y[0])])
    terms = drift.dot(S.grad(U**2)) / S.eps + sp.sin(WAVES[0]) * U**2 / S.eps
    laws = [law_on(c, -S.div(A * G) + terms) for c in (HEXAGONAL, RECTANGLE)]
    own, wanted = (law.flux(grad=GRAD, u=0.7) for law in laws)
    assert own == pytest.approx(wanted, rel=1e-7)
    own, wanted = (law.reaction(u=0.7, grad=GRAD) for law in laws)
    assert own == pytest.approx(wanted, rel=1e-7)
    sigma = A * (1 + sum(e**2 for e in E)) ** sp.Rational(1, 4) * (E + E.trace() * sp.eye(2))
    strain = [[0.5, 0.2], [0.2, -0.3]]
    both = [law_on(c, -S.div(sigma), unknown=V) for c in (HEXAGONAL, RECTANGLE)]
    own, wanted = (law.tangent(strain=strain) for law in both)
    assert own == pytest.approx(wanted, rel=1e-7)


def test_equations_expansions_and_files(tmp_path: Path) -> None:
    data = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
    equation = MONOTONE - 20 * A
    values = []
    for cell in (HEXAGONAL, RECTANGLE):
        model = nh.homogenize(problem_on(cell, equation, **data))
        law = nh.load_law(nh.solve_law(model, tolerance=1e-6).save(tmp_path / "law.npz"))
        u0 = nh.solve_homogenized(model, law, "skfem", mesh=4)
        u1 = nh.reconstruct(u0, law, eps=0.1)
        point = [0.31, 0.22]
        values.append([u0(point), u1(point), *(u1.derivative(point, e) for e in ((1, 0), (0, 1)))])
    assert values[0] == pytest.approx(values[1], rel=1e-3)
    with pytest.raises(nh.UnsupportedError, match="lattice"):
        nh.emit(model := nh.homogenize(problem_on(HEXAGONAL, MONOTONE)), "numpy")


@pytest.mark.parametrize("backend", ["fourier", "skfem", "pinn"])
def test_the_cells_at_a_state(backend: str) -> None:
    """Those of the rectangle of two cells, on a Fourier grid."""
    law = law_on(HEXAGONAL, MONOTONE, backend)
    cells = law.state(grad=GRAD)
    wanted = law_on(RECTANGLE, MONOTONE).state(grad=GRAD)
    assert cells.effective["A"] == pytest.approx(law.tangent(grad=GRAD), rel=1e-9)
    assert cells.effective["A"] == pytest.approx(wanted.effective["A"], rel=1e-4)
    points = np.array([[0.31, 0.22], [0.7, 0.9]])
    size = 0.1  # of the functions
    for own, other in zip(cells.functions, wanted.functions, strict=True):
        assert own(points) == pytest.approx(other(points), abs=3e-4 * size)
