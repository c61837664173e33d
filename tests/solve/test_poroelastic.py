"""Biot's coefficient and modulus against closed forms, and against a composite with a fluid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

LAM, MU = 1.3, 0.8
HOLE = nh.Disk((0.5, 0.5), 0.3)


def elastic(dim: int, lam: Any, mu: Any, holes: Any = None) -> Any:
    s = nh.Scales(dim)
    u = s.unknown("u", components=dim)
    stress = lam(s) * s.div(u) * sp.eye(dim) + 2 * mu(s) * s.sym_grad(u)
    return nh.homogenize(
        nh.MultiscaleProblem((-s.div(stress), sp.zeros(dim, 1)), scales=s, unknown=u, holes=holes)
    )


def pixels(dim: int) -> Any:
    """Pores of no symmetry."""
    labels = np.ones((8,) * dim, dtype=int)
    labels[2:6, 1:5] = 0
    labels[5:7, 3:6] = 0
    if dim == 3:
        labels[..., :3] = 1
    return elastic(
        dim,
        lambda s: nh.image(s, labels, {0: 0, 1: LAM}),
        lambda s: nh.image(s, labels, {0: 0, 1: MU}),
    ), 1 - labels.mean()


@pytest.mark.parametrize("case", ["skfem", "dolfinx", "voxel 2", "voxel 3"])
def test_one_solid(case: str) -> None:
    """alpha = I - C : C_s^-1 : I and 1/M - phi/K_f = (alpha - phi I) : C_s^-1 : I."""
    if case.startswith("voxel"):
        model, porosity = pixels(int(case[-1]))
        found = nh.biot(model, "voxel", tolerance=0.3)
        exact = 1e-12
    else:
        model = elastic(2, lambda s: LAM, lambda s: MU, {HOLE: nh.Neumann(0)})
        found = nh.biot(model, case, tolerance=1e-2)
        porosity, exact = np.pi * 0.09, 1e-6
    dim = len(found.alpha)
    compliance = 1 / (dim * LAM + 2 * MU)
    alpha = np.eye(dim) - compliance * np.einsum("ikjj->ik", found.stiffness)
    assert found.porosity == pytest.approx(porosity, abs=exact)
    assert found.alpha == pytest.approx(alpha, abs=1e-7)
    rest = compliance * np.trace(alpha - found.porosity * np.eye(dim))
    assert found.compression == pytest.approx(rest, abs=1e-7)
    assert np.trace(found.alpha) > dim * found.porosity


def test_pores_full_of_fluid() -> None:
    """Two solids: C + M alpha alpha is the stiffness of the composite whose pores hold a fluid."""
    fluid = 0.7
    stiff = nh.Disk((0.0, 0.02), 0.25)
    moduli = {"lam": (LAM, 4.0), "mu": (MU, 3.0)}

    def solids(name: str, pore: float | None) -> Any:
        base, other = moduli[name]
        values = {stiff: other} if pore is None else {stiff: other, HOLE: pore}
        return lambda s: nh.phases(s, values, default=base)

    drained = elastic(2, solids("lam", None), solids("mu", None), {HOLE: nh.Neumann(0)})
    full = elastic(2, solids("lam", fluid), solids("mu", 1e-7))
    found = nh.biot(drained, "skfem", tolerance=2e-3)
    composite = nh.solve_cells(full, "skfem", tolerance=2e-3).effective["A"]
    assert found.undrained(fluid) == pytest.approx(composite, abs=5e-4)
    assert np.abs(found.stiffness - composite).max() > 0.1


def test_refused() -> None:
    with pytest.raises(nh.ProblemError, match="without pores"):
        nh.biot(elastic(2, lambda s: LAM, lambda s: MU))
    holes = {HOLE: nh.Neumann(0)}
    with pytest.raises(nh.UnsupportedError, match="depends on x"):
        nh.biot(elastic(2, lambda s: LAM + s.x[0], lambda s: MU, holes))
    s = nh.Scales(2)
    u = s.unknown("u", components=2)
    gradients = sp.Matrix([s.laplacian(v) for v in u])
    flow = nh.MultiscaleProblem((-gradients, sp.zeros(2, 1)), scales=s, unknown=u, holes=holes)
    with pytest.raises(nh.ProblemError, match="not symmetric"):
        nh.biot(nh.homogenize(flow), "skfem", tolerance=1e-2)
    w = s.unknown("w")
    scalar = nh.MultiscaleProblem((-s.laplacian(w), 1), scales=s, unknown=w, holes=holes)
    with pytest.raises(nh.ProblemError, match="elastic"):
        nh.biot(nh.homogenize(scalar))
