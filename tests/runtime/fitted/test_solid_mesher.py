"""Own meshes in space: each tiles its cell, and encloses the volume of the shape to h^4."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.mesher import Interfaces, UnresolvedInterfaces
from nhpinn_sym.runtime.fitted.quadrics import BooleanRegion, Quadric
from nhpinn_sym.runtime.fitted.solid_mesher import meshes
from tests.runtime.fitted.test_gmsh_mesher import (
    FCC,
    MIDDLE,
    ellipsoid,
    half,
    holds,
    images,
    without,
)


def interfaces(region: Quadric | BooleanRegion, vectors: Array) -> Interfaces:
    def label(points: Array) -> Integers:
        shares = points @ np.linalg.inv(vectors)
        return holds(region, (shares - np.floor(shares)) @ vectors).astype(int)

    def levels(points: Array) -> Array:
        return np.stack([part.distances(points) for part in quadrics(region)], axis=1)

    return Interfaces(label, levels, ((), (), ()), np.zeros(3), vectors)


def quadrics(region: Quadric | BooleanRegion) -> list[Quadric]:
    if isinstance(region, Quadric):
        return [region]
    return [found for part in region.parts for found in quadrics(part)]


@pytest.mark.parametrize(
    ("region", "vectors", "volume"),
    [
        (images((0, 0, 0), 0.35, np.eye(3)), np.eye(3), 4 / 3 * np.pi * 0.35**3),
        (ellipsoid((0.45, 0.5, 0.6), (0.4, 0.35, 0.6)), np.diag([1.0, 1.0, 1.3]), 0.112 * np.pi),
        (ellipsoid(MIDDLE, (0.3, np.inf, 0.3)), np.eye(3), 0.09 * np.pi),
        (images((0, 0, 0), 0.25, FCC), FCC, np.pi / 48),
        (half((1, 1e-9, 0), 0.37), np.eye(3), 0.37),
    ],
)
def test_volumes(region: Quadric | BooleanRegion, vectors: Array, volume: float) -> None:
    sequence = meshes(interfaces(region, vectors), 4)
    errors = []
    for _ in range(2):
        mesh = next(sequence)
        mesh.check()
        assert mesh.quality > 10
        errors.append(abs(mesh.volumes[mesh.phases == 1].sum() / volume - 1))
    assert errors[0] < 3e-3
    # Sixteen times less in the limit; nothing but rounding for planes.
    assert errors[1] < errors[0] / 4 + 1e-8


def test_tetrahedra_are_small_where_a_surface_bends_or_leaves_little_between() -> None:
    """A sphere that no node of the lattice is near, and spheres whose gap is 6 % of the period."""
    for centre, radius, most in (((0.12, 0.3, 0.45), 0.1, 12_000), (MIDDLE, 0.47, 8_000)):
        mesh = next(meshes(interfaces(images(centre, radius, np.eye(3)), np.eye(3)), 4))
        mesh.check()
        assert mesh.quality > 10
        assert len(mesh.cells) < most
        volume = mesh.volumes[mesh.phases == 1].sum()
        assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=2e-3)


def test_tetrahedra_of_a_low_cell_are_not_flat() -> None:
    ball = ellipsoid((0.5, 0.5, 0.1), (0.09,) * 3)
    mesh = next(meshes(interfaces(ball, np.diag([1.0, 1.0, 0.2])), 4))
    assert mesh.quality > 10
    volume = mesh.volumes[mesh.phases == 1].sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 0.09**3, rel=1e-3)


@pytest.mark.parametrize(
    "region",
    [
        without(ellipsoid(MIDDLE, (0.4,) * 3), half((1, 0.2, 0), 0.55)),
        BooleanRegion("or", tuple(ellipsoid((x, 0.5, 0.5), (0.25,) * 3) for x in (0.25, 0.75))),
    ],
    ids=["edge", "touching"],
)
def test_what_is_not_smooth_is_refused(region: BooleanRegion) -> None:
    with pytest.raises(UnresolvedInterfaces):
        next(meshes(interfaces(region, np.eye(3)), 4))
