"""Cells and mean fields of another operator with the same shape are named by every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

S = nh.Scales(2)
WAVE = sp.sin(2 * sp.pi * S.y[0])


def problem(a: Any, source: Any = 1, side: float = 1, time: bool = False) -> nh.MultiscaleProblem:
    s = nh.Scales(2, time=time)
    u = s.unknown("u")
    more = {"final_time": 1, "initial": [nh.Initial(0), nh.Initial(1, order=1)]} if time else {}
    return nh.MultiscaleProblem(
        sp.Eq((s.dt(u, 2) if time else 0) - s.div(a * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, side), (0, 1)),
        boundary=[nh.Dirichlet(0)],
        **more,
    )


def solved(own: nh.MultiscaleProblem, order: int = 1) -> tuple[nh.HomogenizedModel, Any]:
    model = nh.homogenize(own, order=order)
    return model, nh.solve_cells(model, "fourier")


def warned() -> Any:
    return pytest.warns(nh.ToleranceWarning, match="of another operator")


def test_cells_of_another_operator(tmp_path: Path) -> None:
    model, cells = solved(problem(2 + WAVE), 2)
    other, theirs = solved(problem(2 + WAVE / 2), 2)
    loaded = nh.load(theirs.save(tmp_path / "cells.npz"))
    for wrong in (theirs, loaded):
        with warned():
            nh.solve_homogenized(model, wrong, "skfem", mesh=8)
        with warned():
            nh.solve_hierarchy(model, wrong, "skfem", mesh=8)
        with warned():
            nh.bloch(model, cells=wrong)
        with warned():
            nh.local_fields(wrong, model=model, grad=[1, 0])
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=8)
    with warned():
        nh.reconstruct(u0, loaded, 1 / 4)
    with warned():
        nh.reconstruct(u0, cells, 1 / 4, boundary_layers=other.problem)
    with warned():
        theirs.to_vti(tmp_path / "cells.vti", model=model)


def test_waves() -> None:
    model, _ = solved(problem(2 + WAVE, time=True), 2)
    _, theirs = solved(problem(3 + WAVE, time=True), 2)
    with warned():
        nh.dispersion(model, theirs)


def test_the_same_operator_in_other_words() -> None:
    """Other sources and domains too; what differs by a thousandth in a small part does not pass."""
    _, cells = solved(problem(2 + WAVE**2))
    again, _ = solved(problem(3 - sp.cos(2 * sp.pi * S.y[0]) ** 2, S.x[0], 2))
    u0 = nh.solve_homogenized(again, cells, "skfem", mesh=8)
    nh.reconstruct(u0, cells, 1 / 4)
    disks = [nh.phases(S, {nh.Disk((0.5, 0.5), r): 2}, default=1) for r in (0.3, 0.301)]
    digests = {nh.solve_cells(nh.homogenize(problem(a)), "voxel").info["operator"] for a in disks}
    images = [nh.image(S, np.eye(4, dtype=int), {0: 1, 1: v}) for v in (2, 3)]
    digests |= {nh.solve_cells(nh.homogenize(problem(a))).info["operator"] for a in images}
    assert len(digests) == 4
