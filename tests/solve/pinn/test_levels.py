"""The judge of ladders of nets, and collocation points that see narrow features."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nhpinn_sym.solve.pinn.levels import Levels, largest_change, norm_change
from nhpinn_sym.solve.pinn.rows import collocation_points


def test_two_fits_that_agree_are_no_estimate() -> None:
    levels = Levels(largest_change)
    values = np.array([[1.0, 2.0]])
    assert levels.estimate(values, 0.0) == math.inf
    assert levels.estimate(values, 0.0) == math.inf
    assert levels.estimate(values, 1e-7) == 1e-7


def test_changes_that_do_not_fall_count_in_full() -> None:
    levels = Levels(largest_change)
    for value in (1.0, 1.1, 1.1 + 1e-3):
        falling = levels.estimate(np.array([value]), 0.0)
    assert falling == pytest.approx(1e-3 / 1.101)
    assert levels.estimate(np.array([2.0]), 0.0) == pytest.approx(0.4495, abs=1e-4)
    assert levels.estimate(np.array([2.0]), 0.0) == 0.0


def test_a_norm_of_nothing() -> None:
    assert norm_change(torch.zeros(3), torch.zeros(3)) == 0.0


def test_half_of_the_points_see_every_panel() -> None:
    lines = (0.0, 0.4, 0.4999, 0.5001, 0.6, 1.0)
    axes = (("periodic", 0.0, 1.0), ("periodic", 0.0, 1.0))
    points = collocation_points(1000, axes, 0, "cpu", (lines, (0.0, 1.0)))
    inside = (points[:, 0] > 0.4999) & (points[:, 0] < 0.5001)
    assert int(inside.sum()) >= 80
    assert float(points.min()) >= 0.0 and float(points.max()) <= 1.0
