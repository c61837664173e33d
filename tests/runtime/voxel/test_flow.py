"""Stokes' equations on staggered grids of voxels, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.runtime.voxel.elements import BoxElements
from nhpinn_sym.runtime.voxel.flow import (
    ObstacleForces,
    StaggeredFlow,
    at_corners,
    permeability,
)

# Mean velocity in a square duct of unit side and force: 1/12 - 16/pi^5 sum tanh(k pi/2)/k^5, odd k.
DUCT = 1 / 12 - 16 / np.pi**5 * sum(np.tanh(k * np.pi / 2) / k**5 for k in range(1, 99, 2))


def solved(solid: np.ndarray, sides: tuple[float, ...]) -> StaggeredFlow:
    return permeability(BoxElements([(0.0, side) for side in sides], solid.shape), solid, 1e-9)


@pytest.mark.parametrize("gap", [1, 3, 12])
def test_between_plates(gap: int) -> None:
    """h^3/12 (1 + 2/N^2) for N boxes across: walls are where they are."""
    solid = np.ones((5, 20), dtype=bool)
    solid[:, 2 : 2 + gap] = False
    found = solved(solid, (0.7, 2.0))
    exact = (gap / 10) ** 3 / 12 * (1 + 2 / gap**2) / 2
    assert found.tensor == pytest.approx(np.diag([exact, 0]), abs=1e-12)


def test_a_duct_with_errors_of_second_order() -> None:
    errors = []
    for n in (8, 16):
        solid = np.ones((2 * n, 2, 2 * n), dtype=bool)
        solid[:n, :, n // 2 : n // 2 + n] = False
        found = solved(solid, (2.0, 2.0 / n, 2.0))
        errors.append(found.tensor[1, 1] * 4 / DUCT - 1)
        assert np.abs(found.tensor).sum() == pytest.approx(found.tensor[1, 1])
    assert abs(errors[1]) < 0.02
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)


def test_flow_of_any_walls() -> None:
    """No divergence, a symmetric tensor, energies, and no pocket, nor a shift, that matters."""
    solid = np.random.default_rng(3).random((9, 10, 8)) < 0.3
    sides = (0.9, 1.0, 0.8)
    found = solved(solid, sides)
    w = found.velocities
    out = sum(np.roll(w[:, k], -1, k + 1) - w[:, k] for k in range(3))
    assert np.abs(out).max() < 1e-7 * np.abs(w).max()
    assert found.tensor == pytest.approx(found.tensor.T, abs=1e-9 * np.abs(found.tensor).max())
    assert np.linalg.eigvalsh(found.tensor).min() > 0
    assert pytest.approx(found.tensor, abs=1e-15) == at_corners(w).mean(axis=(2, 3, 4)).T
    held = np.stack([solid | np.roll(solid, 1, k) for k in range(3)])
    assert not w[:, held].any()
    filled = solid.copy()
    filled[2:5, 2:5, 2:5] = True
    pocket = filled.copy()
    pocket[3, 3, 3] = False
    one, other = solved(filled, sides), solved(np.roll(pocket, (4, 3, 2), (0, 1, 2)), sides)
    assert other.tensor == pytest.approx(one.tensor, rel=1e-7, abs=1e-12)


def test_narrow_pores_as_by_the_forces_of_their_walls() -> None:
    """Of one voxel, where forces of the walls take hundreds of iterations."""
    solid = np.random.default_rng(5).random((8, 9, 7)) < 0.5
    elements = BoxElements([(0.0, 1.0), (0.0, 1.1), (0.0, 0.9)], solid.shape)
    found = permeability(elements, solid, 1e-8)
    assert found.iterations < 40
    walls = ObstacleForces(elements, solid)
    for axis in range(3):
        velocities, _, iterations = walls.driven(axis, 1e-8)
        assert iterations > 200
        assert found.velocities[axis] == pytest.approx(velocities, abs=1e-6 * velocities.max())
