"""Shapes in space as domains: parts by name, volumes, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

pytest.importorskip("gmsh", exc_type=(ImportError, OSError))
S = nh.Scales(3)
CUBE = nh.Box((0, 1), (0, 1), (0, 1), name="cube")
BALL = nh.Ball((0, 0, 0), 1)
SIDES = [f"cube_{side}" for side in ("left", "right", "bottom", "top", "front", "back")]


def domain_of(shape: Any, on: str = "rest") -> Any:
    u = S.unknown("u")
    held = [nh.Dirichlet(0, on=on)]
    if on != "rest":
        held.append(nh.Dirichlet(0, on="rest"))
    equation = sp.Eq(-S.laplacian(u), 1)
    return nh.MultiscaleProblem(equation, scales=S, unknown=u, domain=shape, boundary=held).domain


@pytest.mark.parametrize(
    "shape, names, volume",
    [
        (BALL, ["sphere0"], 4 / 3 * np.pi),
        (BALL - nh.Ball((0, 0, 0), 0.5, name="core"), ["sphere0", "core"], 7 / 6 * np.pi),
        (CUBE - nh.Ball((1, 1, 1), 0.5), [*SIDES, "sphere0"], 1 - np.pi / 48),
        (
            nh.Cylinder((0, 0), 1, axis=0) & nh.Layer(0, (0, 2)),
            ["cylinder0", "layer0_lower", "layer0_upper"],
            2 * np.pi,
        ),
        (BALL | nh.Ball((1, 0, 0), 1), ["sphere0", "sphere1"], 9 / 4 * np.pi),
    ],
)
def test_parts_by_name_and_volumes_that_converge(
    shape: Any, names: list[str], volume: float
) -> None:
    domain = domain_of(shape, on=names[-1] if len(names) > 1 else "rest")
    assert [part.name for part in domain.parts] == names
    fine = domain.refined(domain.region)
    fine.mesh.check()
    first, second = (abs(m.mesh.volumes.sum() - volume) for m in (domain.region, fine))
    assert second < first / 8 and second < 2e-3 * volume
    assert fine.gap < domain.region.gap
    middles = fine.mesh.points[fine.mesh.cells[:, :4]].mean(axis=1)
    assert domain.holds(middles).all()
    assert domain.contains(fine.mesh.points[np.unique(fine.mesh.facets)].T, slack=1e-9).all()


def test_points_on_parts_are_on_the_surfaces() -> None:
    domain = domain_of(CUBE - nh.Ball((1, 1, 1), 0.5), on="sphere0")
    places = np.random.default_rng(0).random((50, 3))
    there = domain.points_on("sphere0", places)
    assert np.linalg.norm(there - 1, axis=1) == pytest.approx(0.5, rel=1e-12)
    assert domain.points_on("cube_right", places)[:, 0] == pytest.approx(1, rel=1e-12)
    assert domain.contains(there.T).all()


def test_normals_are_those_of_the_surfaces() -> None:
    domain = domain_of(CUBE - nh.Ball((1, 1, 1), 0.5), on="sphere0")
    for part in domain.parts:
        call = sp.lambdify(S.x, part.normal_at(S.x))
        faces = part.edges[:, :3]
        outward = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
        known = np.stack(np.broadcast_arrays(*call(*faces.mean(axis=1).T)), axis=-1)
        assert np.linalg.norm(known, axis=-1) == pytest.approx(1)
        assert ((known * outward).sum(axis=-1) > 0.9 * np.linalg.norm(outward, axis=1)).all()


@pytest.mark.parametrize(
    "shape, error, words",
    [
        (nh.Cylinder((0, 0), 1, axis=2), nh.UnsupportedError, "without an end"),
        (BALL | nh.Ball((3, 0, 0), 1), nh.ProblemError, "2 pieces"),
        (BALL - nh.Ball((0, 0, 0), 2), nh.ProblemError, "0 pieces"),
        (BALL & nh.Ball((3, 0, 0), 1), nh.ProblemError, "empty"),
    ],
)
def test_what_is_no_domain_in_space_is_refused(shape: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        domain_of(shape)


def test_unknown_names_and_a_missing_mesher(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(nh.ProblemError, match="sphere0"):
        domain_of(BALL, on="bolt")
    monkeypatch.setitem(sys.modules, "gmsh", None)
    with pytest.raises(nh.BackendMissingError, match=r"nhpinn_sym\[mesh\]"):
        domain_of(BALL)
