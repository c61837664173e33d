"""Interpolation in the slow variables."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.solve.interpolation import Nodes

BOX = ((0.0, 2.0), (-1.0, 3.0))


def f(x: np.ndarray, index: tuple[int, int] = (0, 0)) -> np.ndarray:
    """sin(x1 + 2 x2) and its derivatives."""
    return 2.0 ** index[1] * np.sin(x[:, 0] + 2 * x[:, 1] + np.pi / 2 * sum(index))


def points(count: int = 40) -> np.ndarray:
    t = np.linspace(0, 1, count)
    return np.stack([2 * t, -1 + 4 * t**2], axis=-1)


@pytest.mark.parametrize(
    ("index", "tolerance"), [((0, 0), 1e-12), ((1, 0), 1e-9), ((0, 1), 1e-9), ((1, 1), 1e-7)]
)
def test_smooth_functions_and_their_derivatives(index: tuple[int, int], tolerance: float) -> None:
    nodes = Nodes(BOX, 24)
    found = nodes.weights(points(), index) @ f(nodes.points)
    assert np.max(np.abs(found - f(points(), index))) < tolerance


def test_the_error_falls_geometrically() -> None:
    errors = [
        np.max(np.abs(n.weights(points()) @ f(n.points) - f(points())))
        for n in (Nodes(BOX, 6), Nodes(BOX, 12), Nodes(BOX, 18))
    ]
    assert errors[1] < 1e-2 * errors[0]
    assert errors[2] < 1e-4 * errors[1]


def test_nodes_lie_on_the_box_the_last_axis_fastest() -> None:
    nodes = Nodes(BOX, 2).points
    assert nodes.shape == (9, 2)
    assert np.allclose(nodes[:3], [[0, -1], [0, 1], [0, 3]])


def test_weights_reproduce_constants_and_the_nodes() -> None:
    nodes = Nodes(BOX, 7)
    assert np.allclose(nodes.weights(points()).sum(axis=1), 1, atol=1e-12)
    assert np.allclose(nodes.weights(nodes.points), np.eye(64), atol=1e-12)


def test_no_slow_variable_is_one_empty_point() -> None:
    assert Nodes((), 0).points.shape == (1, 0)


def test_points_outside_are_refused() -> None:
    with pytest.raises(ProblemError, match="outside the slow interval"):
        Nodes(BOX, 4).weights(np.array([[2.1, 0.0]]))


MIXED = Nodes(((-1.0, 1.0), (0.0, 3.0)), 12, (False, True))


def wave(x: np.ndarray) -> np.ndarray:
    return np.exp(x[:, 0]) * (2 + np.cos(2 * np.pi * x[:, 1] / 3))


def test_periodic_axes_have_equispaced_nodes_and_trigonometric_interpolants() -> None:
    assert len(MIXED.axis_nodes(0)) == 13
    assert np.allclose(np.diff(MIXED.axis_nodes(1)), 3 / 25)
    x = np.random.default_rng(1).uniform([-1, -7], [1, 9], (20, 2))  # beyond the period as well
    assert np.allclose(MIXED.weights(x) @ wave(MIXED.points), wave(x), atol=1e-12)
    slope = -np.exp(x[:, 0]) * 2 * np.pi / 3 * np.sin(2 * np.pi * x[:, 1] / 3)
    assert np.allclose(MIXED.weights(x, (0, 1)) @ wave(MIXED.points), slope, atol=1e-11)


def test_the_mean_over_periodic_axes() -> None:
    nodes, values = MIXED.averaged(wave(MIXED.points), (1,))
    assert nodes == Nodes(((-1.0, 1.0),), 12, (False,))
    assert np.allclose(values, 2 * np.exp(nodes.points[:, 0]), atol=1e-13)
    nothing, number = Nodes(((0.0, 1.0),), 6, (True,)).averaged(
        np.cos(2 * np.pi * np.arange(13) / 13) ** 2, (0,)
    )
    assert (nothing.points.shape, number) == ((1, 0), pytest.approx([0.5]))


def test_pieces_interpolate_what_jumps_between_them() -> None:
    nodes = Nodes(((0.0, 2.0),), 12, cuts=((0.7, 1.1),))
    x = np.linspace(0, 2, 57)[:, None]

    def jumping(x: np.ndarray) -> np.ndarray:
        return np.where(x[:, 0] < 0.7, np.sin(x[:, 0]), np.where(x[:, 0] < 1.1, 5.0, x[:, 0] ** 2))

    assert np.allclose(nodes.weights(x) @ jumping(nodes.points), jumping(x), atol=1e-11)
    slope = np.where(x[:, 0] < 0.7, np.cos(x[:, 0]), np.where(x[:, 0] < 1.1, 0.0, 2 * x[:, 0]))
    assert np.allclose(nodes.weights(x, (1,)) @ jumping(nodes.points), slope, atol=1e-8)


def test_the_mean_over_a_periodic_axis_in_pieces() -> None:
    nodes = Nodes(((0.0, 1.0), (0.0, 1.0)), 10, (False, True), ((), (0.3,)))
    x, tau = nodes.points.T
    values = x * np.where(tau < 0.3, 1.0, np.exp(tau))
    rest, means = nodes.averaged(values, (1,))
    assert rest.bounds == ((0.0, 1.0),)
    assert np.allclose(means, rest.points[:, 0] * (0.3 + np.e - np.exp(0.3)), atol=1e-10)
