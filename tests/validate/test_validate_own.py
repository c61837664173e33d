"""`validate` of models with a law of their own: cells by the backends that solve them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.validate.verdict import Verdict, verdict_of

HALF = sp.Rational(1, 2)


def between_walls() -> nh.MultiscaleProblem:
    """M = h^3/12 between planes at a distance h of 1/2."""
    s = nh.Scales(2)
    u = s.unknown("u")
    walls = {nh.Layer(1, (0, HALF)): nh.Dirichlet(0)}
    return nh.MultiscaleProblem(sp.Eq(-s.laplacian(u), s.x[0]), scales=s, unknown=u, holes=walls)


def flow() -> nh.MultiscaleProblem:
    """K = h^3/12 along the walls, 0 across them."""
    s = nh.Scales(2)
    v, p = s.unknown("v", components=2), s.unknown("p")
    force = sp.Matrix([1, 0])
    stokes = [(-(s.eps**2) * s.laplacian(v) + s.grad(p), force), (s.div(v), 0)]
    walls = {nh.Layer(1, (0, HALF)): nh.Dirichlet(0, unknown=v)}
    return nh.MultiscaleProblem(stokes, scales=s, unknown=[v, p], holes=walls)


@pytest.mark.parametrize(("problem", "name"), [(between_walls(), "M"), (flow(), "K")])
def test_backends_are_compared(problem: nh.MultiscaleProblem, name: str, tmp_path: Path) -> None:
    report = nh.validate(problem, out=tmp_path)
    table = report.cells[name]
    assert {"skfem", "dolfinx"} <= set(table)
    for value in table.values():
        assert np.max(value) == pytest.approx(0.5**3 / 12, rel=1e-2)
    assert report.cells["differences"]["dolfinx, skfem"] < 1e-9
    assert report.verdict is Verdict.NOT_COMPARED and "pinn" in report.cells["refused"]
    assert any("does not cover" in line for line in report.evidence)
    results = json.loads((tmp_path / "results.json").read_text())
    assert verdict_of(results) is report.verdict
    assert name in (tmp_path / "report.html").read_text()
    again = nh.validate(problem, out=tmp_path)
    assert {"cells_skfem", "cells_dolfinx"} <= set(again.info["resumed"])
