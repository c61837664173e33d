"""Points, multi-indices and times as users give them."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.problem.errors import ProblemError
from nhpinn_sym.solve.arguments import as_indices, as_points, points_and_time


@pytest.mark.parametrize(
    ("points", "dim", "shape"),
    [
        (0.5, 1, ()),
        ([0.1, 0.2, 0.3], 1, (3,)),
        ([[0.1], [0.2]], 1, (2,)),
        ([0.1, 0.2], 2, ()),
        ([[0.1, 0.2]], 2, (1,)),
        (np.zeros((4, 5, 3)), 3, (4, 5)),
    ],
)
def test_one_point_or_many(points: object, dim: int, shape: tuple[int, ...]) -> None:
    rows, found = as_points(points, dim, "u")  # type: ignore[arg-type]
    assert (rows.ndim, rows.shape[1], found) == (2, dim, shape)
    assert np.array_equal(rows.ravel(), np.ravel(points))


@pytest.mark.parametrize(
    ("points", "dim"), [(0.5, 2), ([0.1, 0.2, 0.3], 2), ([[1, 2]], 1), ("a", 1), ([[1], [1, 2]], 2)]
)
def test_what_is_no_place(points: object, dim: int) -> None:
    with pytest.raises(ProblemError):
        as_points(points, dim, "u")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "t", "dim", "points", "time"),
    [
        (([[0.1, 0.2]],), None, 2, [[0.1, 0.2]], None),
        (([[0.1, 0.2]], 3.0), None, 2, [[0.1, 0.2]], 3.0),
        (([[0.1, 0.2]], None), None, 2, [[0.1, 0.2]], None),
        ((0.1, 0.2), None, 2, [0.1, 0.2], None),
        ((0.1, 0.2, 3.0), None, 2, [0.1, 0.2], 3.0),
        ((0.1, 0.2), 3.0, 2, [0.1, 0.2], 3.0),
        (([0.1, 0.3], [0.2, 0.4]), None, 2, [[0.1, 0.2], [0.3, 0.4]], None),
        (([0.1, 0.2], 3.0), None, 1, [0.1, 0.2], 3.0),
        ((0.1, 3.0), None, 1, 0.1, 3.0),
    ],
)
def test_coordinates_one_by_one_and_the_time_last(
    given: tuple[object, ...], t: float | None, dim: int, points: object, time: float | None
) -> None:
    where, moment = points_and_time(given, t, dim, "u")
    assert np.array_equal(where, points)  # type: ignore[arg-type]
    assert moment == time


@pytest.mark.parametrize(
    ("given", "t", "dim"),
    [((0.1, 0.2, 0.3, 0.4), None, 2), ((0.1, 0.2, 0.3), 0.4, 2), (([0.1], 0.2, 0.3), None, 2)],
)
def test_too_many_arguments(given: tuple[object, ...], t: float | None, dim: int) -> None:
    with pytest.raises(ProblemError, match="coordinates, and a time"):
        points_and_time(given, t, dim, "u")


def test_no_derivative_at_all() -> None:
    with pytest.raises(ProblemError, match="no derivative"):
        as_indices([], 2, "u")
