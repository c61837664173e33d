"""What a phase of a periodic image connects."""

from __future__ import annotations

import numpy as np

from nhpinn_sym.runtime.voxel.percolation import blocked_directions, connected_directions


def test_what_touches_at_corners_connects_nothing() -> None:
    assert len(blocked_directions(np.eye(4, dtype=bool))) == 2
    assert not connected_directions(np.eye(4, dtype=bool)).any()


def test_a_layer_and_a_staircase_connect_one_direction() -> None:
    layer = np.zeros((4, 5), dtype=bool)
    layer[2] = True
    (blocked,) = blocked_directions(layer)
    assert np.abs(blocked @ np.array([0, 1])) < 1e-12
    stairs = np.eye(4, dtype=bool) | np.roll(np.eye(4, dtype=bool), 1, axis=1)
    (blocked,) = blocked_directions(stairs)
    assert np.abs(blocked @ np.array([1, 1])) < 1e-12


def test_a_frame_connects_all_and_an_island_nothing() -> None:
    frame = np.ones((5, 5), dtype=bool)
    frame[1:4, 1:4] = False
    assert len(blocked_directions(frame)) == 0
    assert len(blocked_directions(~frame)) == 2
    island = np.zeros((4, 4, 4), dtype=bool)
    island[[0, 0, -1], [0, -1, 0], 0] = True
    assert len(blocked_directions(island)) == 3
