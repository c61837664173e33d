"""The inputs of nets over a cell whose coefficients jump."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.level_functions import kinks
from nhpinn_sym.lower.phases import cut_into_phases
from nhpinn_sym.solve.level_set_quadrature import make_partition

from ..symbolic import derived, diffusion

HALF = sp.Rational(1, 2)
CASES: dict[str, Callable[[nh.Scales], Any]] = {
    "disk over a corner": lambda s: nh.phases(s, {nh.Disk((0, 0.1), 0.3): 10}),
    "overlapping disks": lambda s: nh.phases(
        s, {nh.Disk((0.4, 0.5), 0.2): 10, nh.Disk((0.6, 0.5), 0.2): 11}
    ),
    "polygon": lambda s: nh.phases(
        s, {nh.Polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.5), (0.8, 0.8), (0.2, 0.8)]): 10}
    ),
    "layer": lambda s: nh.phases(s, {nh.Layer(0, (0.8, 1.2)): 10}),
    "laminate": lambda s: sp.Piecewise((10, s.y[0] < HALF), (1, True)),
    "diamond": lambda s: sp.Piecewise(
        (10, abs(s.y[0] - HALF) + abs(s.y[1] - HALF) < HALF / 2), (1, True)
    ),
    "checkerboard": lambda s: 2 + sp.sign(sp.sin(2 * sp.pi * s.y[0]) * sp.sin(2 * sp.pi * s.y[1])),
}


@pytest.mark.parametrize("name", CASES)
def test_kinks_are_the_bounds_of_regions(name: str) -> None:
    """max(level, 0) is zero at all interfaces of its region, of size one, and has the period of the
    cell.
    """
    lowered = lower_cells(derived(diffusion(CASES[name]), 2))
    coordinates, cut_cell = lowered.coordinates, make_partition(lowered, {})
    calls = [
        sp.lambdify(coordinates, level, "numpy")
        for level in kinks(cut_into_phases(lowered, {}), lowered.cell)
    ]
    found, q, t = cut_cell.interfaces(9), cut_cell.quadrature(12), np.linspace(0, 1, 50)

    def positive(points: np.ndarray) -> np.ndarray:
        return np.array([np.maximum(call(*points.T), 0) * np.ones(len(points)) for call in calls])

    assert positive(found.points).min(axis=0).max() < 1e-12
    assert positive(q.points).max(axis=1) == pytest.approx(np.ones(len(calls)), abs=0.15)
    for face in (np.stack([t, 0 * t], -1), np.stack([0 * t, t], -1)):
        assert positive(face) == pytest.approx(positive(face + (face.max(axis=0) == 0)), abs=1e-12)
