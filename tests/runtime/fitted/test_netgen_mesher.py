"""Meshes of netgen: every one is checked by itself, for it tiles its cell; volumes and coefficients
are known."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.netgen_mesher import meshes
from nhpinn_sym.runtime.fitted.quadrics import BooleanRegion, Quadric
from tests.runtime.fitted.test_gmsh_mesher import FCC, MIDDLE, ellipsoid, half, holds, images

HEXAGONAL = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])


def model_of(dim: int, shape: nh.Shape) -> nh.HomogenizedModel:
    s = nh.Scales(dim)
    u = s.unknown("u")
    a = nh.phases(s, {shape: 10}, default=1)
    equation = sp.Eq(-s.div(a * s.grad(u)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))


def label_of(region: Quadric | BooleanRegion, vectors: Array) -> Any:
    def label(points: Array) -> Integers:
        shares = points @ np.linalg.inv(vectors)
        return holds(region, (shares - np.floor(shares)) @ vectors).astype(int)

    return label


@pytest.mark.parametrize(
    ("region", "vectors", "volume"),
    [
        (images((0, 0), 0.3, HEXAGONAL), HEXAGONAL, 0.09 * np.pi),
        (BooleanRegion("not", (ellipsoid((0.5, 0.5), (0.4, 0.2)),)), np.eye(2), 1 - 0.08 * np.pi),
        (BooleanRegion("and", (half((1, 1), 1.5), half((-1, 1), 0.5))), np.eye(2), 0.75),
        (images((0, 0, 0), 0.2, FCC), FCC, 0.032 / 3 * np.pi),
        (ellipsoid(MIDDLE, (0.3, np.inf, 0.3)), np.eye(3), 0.09 * np.pi),
    ],
)
def test_volumes(region: Quadric | BooleanRegion, vectors: Array, volume: float) -> None:
    pytest.importorskip("netgen.occ")
    label = label_of(region, vectors)
    mesh = next(meshes([region], label, vectors, np.zeros(len(vectors)), 4))
    assert mesh.quality > 10
    assert mesh.volumes[mesh.phases == 1].sum() == pytest.approx(volume, rel=3e-3)


def test_a_disk_at_the_corner_against_own_meshes() -> None:
    pytest.importorskip("netgen.occ")
    model = model_of(2, nh.Disk((0, 0), 0.3))
    exact = nh.solve_cells(model, "skfem", tolerance=1e-7).effective["A"]
    cells = nh.solve_cells(model, "skfem", mesh="netgen", tolerance=1e-4)
    error = np.abs(cells.effective["A"] - exact).max() / np.abs(exact).max()
    assert error <= min(cells.info["estimate"], 1e-4)


def test_without_netgen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.import_module

    def absent(name: str, *others: Any) -> Any:
        if name.startswith("netgen"):
            raise ModuleNotFoundError("No module named 'netgen'")
        return known(name, *others)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(nh.BackendMissingError, match=r"nhpinn_sym\[netgen\]"):
        nh.solve_cells(model_of(2, nh.Disk((0, 0), 0.3)), "skfem", mesh="netgen")
