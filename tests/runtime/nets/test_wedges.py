"""Singular functions at corners of any angle."""

from __future__ import annotations

import numpy as np
import torch

from nhpinn_sym.runtime.nets.corners import CornerSingularity
from nhpinn_sym.runtime.nets.wedges import HoleCornerFunctions, WedgeFunctions

ROOTS, ONE = np.array([1j]), np.ones(1, dtype=complex)
TERMS = (CornerSingularity(2 / 3, ONE, False), CornerSingularity(2.0, ONE, True))
CORNER, ANGLE = np.array([0.2, 0.1]), 0.3
FRAME = np.array([[np.cos(ANGLE), np.sin(ANGLE)], [-np.sin(ANGLE), np.cos(ANGLE)]])
END = 0.5 * np.array([np.cos(-np.pi / 4), np.sin(-np.pi / 4)])


def hole() -> HoleCornerFunctions:
    return HoleCornerFunctions(ROOTS, np.ones((2, 1), complex), TERMS, CORNER, FRAME, 0.0, END)


def test_next_to_the_corner_of_a_hole_they_are_those_of_a_wedge() -> None:
    wedge = WedgeFunctions(ROOTS, np.ones((2, 1), complex), TERMS, CORNER, FRAME, 7 * np.pi / 4)
    angles = ANGLE + np.linspace(0, 1.5 * np.pi, 9)
    points = CORNER + 1e-5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    one, other = (f(torch.tensor(points), [(0, 0)])[0, 0] for f in (hole(), wedge))
    assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_they_are_harmonic_and_continuous_around_the_hole() -> None:
    angles = np.linspace(-np.pi, np.pi, 2000)
    middle = CORNER + END @ FRAME / 2
    around = torch.tensor(middle + 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    jet = hole()(around, [(0, 0), (1, 0), (2, 0), (0, 2)])
    assert jet[0, 0].diff(dim=0).abs().max() < 1e-2
    assert (jet[2, 0] + jet[0, 2]).abs().max() < 1e-12 * jet[2, 0].abs().max()
    step = torch.tensor([[1e-6, 0.0]])
    ahead, behind = (hole()(around + s * step, [(0, 0)])[0, 0] for s in (1, -1))
    assert ((ahead - behind) / 2e-6 - jet[1, 0]).abs().max() < 1e-6
