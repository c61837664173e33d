"""Local fields: their means are the homogenized flux, those of layers are known in closed form."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(2)
HEXAGONAL = nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))


def scalar(a: Any, **options: Any) -> nh.HomogenizedModel:
    u = S.unknown("u")
    equation = sp.Eq(-S.div(a * S.grad(u)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=u, **options))


def elastic(mu: Any) -> nh.HomogenizedModel:
    """lam = mu."""
    v = S.unknown("v", components=2)
    e = S.sym_grad(v)
    stress = mu * e.trace() * sp.eye(2) + 2 * mu * e
    problem = nh.MultiscaleProblem((-S.div(stress), sp.Matrix([0, 1])), scales=S, unknown=v)
    return nh.homogenize(problem)


def disk(cell: Any = None) -> Any:
    return nh.phases(S, {nh.Disk((0, 0), 0.3): 10}, default=1, cell=cell)


@pytest.mark.parametrize(
    ("model", "backend", "kind"),
    [
        (lambda: scalar(disk()), "skfem", "triangle6"),
        (lambda: scalar(disk(HEXAGONAL), cell=HEXAGONAL), "skfem", "triangle6"),
        (lambda: scalar(nh.image(S, np.eye(6), {0: 1, 1: 10})), "voxel", "quad"),
        (lambda: scalar(2 + sp.sin(2 * sp.pi * S.y[0])), "fourier", "quad"),
    ],
)
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_mean_flux_is_that_of_the_homogenized_equation(
    model: Any, backend: str, kind: str, tmp_path: Path
) -> None:
    options = {"n": 6, "tolerance": 1} if kind == "triangle6" else {"tolerance": 0.1}
    cells = nh.solve_cells(model(), backend, **options)
    gradient = np.array([1.0, 0.5])
    found = nh.local_fields(cells, grad=gradient)
    rel = 1e-6 if backend == "fourier" else 1e-10
    assert found.mean_flux == pytest.approx(cells.effective["A"] @ gradient, rel=rel)
    mean = sum(p.share * p.gradient for p in found.phases)
    assert mean == pytest.approx(gradient, abs=1e-9)
    read = meshio.read(found.to_vtu(tmp_path / "cell.vtu"))
    assert read.cells[0].type == kind
    phase, flux = (read.cell_data[name][0] for name in ("phase", "flux"))
    assert len(np.unique(phase)) == len(found.phases)
    own = np.einsum("mq,mqk->mk", *_by_element(found, len(phase)))
    assert flux == pytest.approx(own, abs=1e-12)


def _by_element(found: nh.LocalFields, count: int) -> tuple[np.ndarray, np.ndarray]:
    weights = found.weights.reshape(count, -1)
    return weights / weights.sum(axis=1)[:, None], found.flux.reshape(*weights.shape, -1)


def test_layers_have_one_stress_across_and_one_strain_along() -> None:
    model = elastic(nh.image(S, [[0], [1]], {0: 1, 1: 10}))
    strain = np.array([[1.0, 0.2], [0.2, -0.5]])
    cells = nh.solve_cells(model, "voxel")
    found = nh.local_fields(cells, strain=strain)
    soft, stiff = found.phases
    assert soft.flux[:, 0] == pytest.approx(stiff.flux[:, 0])  # the normal is the first axis
    assert soft.gradient[1, 1] == pytest.approx(-0.5)
    shear = 0.4 / (0.5 / 1 + 0.5 / 10)
    assert found.stress[:, 0, 1] == pytest.approx(shear)
    assert found.strain[:, 1, 1] == pytest.approx(-0.5)
    normal = (1 - 0.5 / 3) / (0.5 / 3 + 0.5 / 30)  # 3 mu e11 + mu e22 is common, e22 = -1/2
    assert soft.flux[0, 0] == pytest.approx(normal)
    assert stiff.largest == pytest.approx(float(np.linalg.norm(stiff.flux)))
    assert "phase 1: share 0.5" in repr(found)


def test_a_stiff_disk_has_a_field_that_is_nearly_constant() -> None:
    """A dilute disk of contrast k: the gradient inside is 2/(1 + k) of the far one."""
    a = nh.phases(S, {nh.Disk((0.5, 0.5), 0.05): 10}, default=1)
    cells = nh.solve_cells(scalar(a), "skfem", n=8, tolerance=1)
    _, inside = nh.local_fields(cells, grad=[1, 0]).phases
    assert inside.share == pytest.approx(np.pi * 0.05**2, rel=1e-4)
    assert inside.gradient == pytest.approx([2 / 11, 0], rel=0.01, abs=1e-4)
    assert inside.largest == pytest.approx(np.linalg.norm(inside.flux), rel=1e-3)


def test_complex_layers_and_a_point_of_the_domain() -> None:
    a = nh.image(S, [[0], [1]], {0: 1 + sp.I, 1: 1 + S.x[0]})
    domain = nh.Box((0, 1), (0, 1))
    model = scalar(a, domain=domain, boundary=[nh.Dirichlet(0)])
    cells = nh.solve_cells(model, "voxel")
    found = nh.local_fields(cells, grad=[1, 0], x=[0.5, 0.5])
    assert found.flux[:, 0] == pytest.approx(2 / (1 / (1 + 1j) + 1 / 1.5), rel=1e-4)
    with pytest.raises(nh.ProblemError, match="x"):
        nh.local_fields(cells, grad=[1, 0])


def test_what_is_refused() -> None:
    model = scalar(nh.image(S, [[0], [1]], {0: 1, 1: 10}))
    cells = nh.solve_cells(model, "voxel")
    for given in ({}, {"grad": [1, 0, 0]}, {"strain": np.eye(2)}, {"grad": [1, 0], "strain": 1}):
        with pytest.raises(nh.ProblemError, match=r"grad|strain"):
            nh.local_fields(cells, **given)
    with pytest.raises(nh.ProblemError, match="displacement"):
        nh.local_fields(cells, grad=[1, 0]).stress  # noqa: B018
    copy = pickle.loads(pickle.dumps(cells))
    with pytest.raises(nh.ProblemError, match="model"):
        nh.local_fields(copy, grad=[1, 0])
    again = nh.local_fields(copy, grad=[1, 0], model=model)
    assert again.flux == pytest.approx(nh.local_fields(cells, grad=[1, 0]).flux)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_bounds_stand_beside_the_tensor() -> None:
    """Of a disk of contrast 10; Hashin and Shtrikman (1962) in the plane."""
    cells = nh.solve_cells(scalar(disk()), "skfem", n=6, tolerance=1)
    share = np.pi * 0.09
    found = cells.info["eigenvalues"]
    assert found["Voigt"] == pytest.approx([1 + 9 * share] * 2)
    assert found["Reuss"] == pytest.approx([1 / (1 - 0.9 * share)] * 2)
    least = 1 + share / (1 / 9 + (1 - share) / 2)
    most = 10 + (1 - share) / (-1 / 9 + share / 20)
    assert found["Hashin-Shtrikman"] == pytest.approx([least, most])
    assert least < found["A"][0] < most
    assert f"[{least:.6g}, {most:.6g}]" in str(cells)
