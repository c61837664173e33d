"""Prisms of triangles, cut into tetrahedra: whole, and as curved as the triangles are."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from nhpinn_sym.runtime.arrays import Array, Integers
from nhpinn_sym.runtime.fitted.extrusion import extruded_meshes
from nhpinn_sym.runtime.fitted.mesher import Interfaces

RADIUS = 0.3


def circle(points: Array) -> Array:
    """Squares of the distances from the axis of a cylinder at the corner, and its images."""
    shares = points[:, :2] - np.rint(points[:, :2])
    return np.sum(shares**2, axis=1) - RADIUS**2


def label(points: Array) -> Integers:
    """A cylinder below a plane."""
    return ((circle(points) < 0) & (np.mod(points[:, 2], 0.5) < 0.2)).astype(np.int64)


def levels(points: Array) -> Array:
    return np.stack([circle(points), np.full(len(points), 1.0)], axis=1)


def test_layers_of_tetrahedra_tile_the_cell() -> None:
    asked = Interfaces(label, levels, ((), (), (0.0, 0.4)), np.zeros(3), np.diag([1.0, 1.0, 0.5]))
    coarse, fine = islice(extruded_meshes(asked, 2, 4), 2)
    errors = []
    for mesh in (coarse, fine):
        mesh.check()
        assert np.ptp(mesh.points[:, 2]) == pytest.approx(0.5, abs=1e-14)
        inside = mesh.volumes[mesh.phases == 1].sum()
        errors.append(abs(inside - 0.2 * np.pi * RADIUS**2))
        heights = mesh.points[mesh.cells[:, :4], 2]
        above = heights > 0.2 + 1e-12
        below = heights < 0.2 - 1e-12
        assert not (above.any(axis=1) & below.any(axis=1)).any()
    assert len(fine.cells) > 6 * len(coarse.cells)
    assert errors[1] < errors[0] < 1e-9
