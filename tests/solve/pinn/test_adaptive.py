"""The loop of all formulations, and collocation points that see narrow features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nhpinn_sym.problem.errors import SolveError, UnsupportedError
from nhpinn_sym.runtime.levels import error_of_fast_levels
from nhpinn_sym.solve.pinn.adaptive import (
    Choice,
    Fit,
    Formulation,
    fit_result,
    largest_change,
    norm_change,
    sizes,
    sizes_from,
    solve,
)
from nhpinn_sym.solve.pinn.collocation import FeatureScales, collocation_points
from nhpinn_sym.solve.pinn.minimize import Result
from nhpinn_sym.solve.pinn.network import Axes
from nhpinn_sym.solve.pinn.options import read_options
from nhpinn_sym.solve.solution import Array


def test_two_fits_that_agree_are_no_estimate() -> None:
    assert error_of_fast_levels([]) == math.inf
    assert error_of_fast_levels([0.0]) == math.inf
    assert error_of_fast_levels([0.0, 0.0]) == 0.0


def test_changes_that_do_not_fall_count_in_full() -> None:
    assert error_of_fast_levels([0.1, 1e-3]) == 1e-3
    assert error_of_fast_levels([0.1, 1e-3, 0.45]) == 0.45
    assert error_of_fast_levels([0.1, 1e-3, 0.45, 0.0]) == 0.0


def test_a_change_is_relative_to_its_group() -> None:
    before = np.array([[1.0, 0.0, 0.0], [2.0, 1e-3, 0.0]])
    after = np.array([[1.0, 0.0, 0.0], [2.1, 2e-3, 0.0]])
    assert largest_change(after, before) == 0.5
    assert largest_change(after[:, :1], before[:, :1]) == pytest.approx(0.1 / 2.1)
    assert norm_change(np.zeros(3), np.zeros(3)) == 0.0


class Model(Formulation[float]):
    """Fits whose error is size^-power, and whose residual is its root."""

    title = "a model"
    axes: Axes = ()  # type: ignore[assignment]

    def __init__(self, power: float, tolerance: float, **options: Any) -> None:
        self.power = power
        self.tolerance = tolerance
        self.options = read_options({"scale": 1.0, **options})

    def fit(self, size: int, scales: FeatureScales) -> Fit[float]:
        error = float(size) ** -self.power
        return Fit(1 + error, error**0.5, size, scales)

    def values(self, solved: float) -> Array:
        return np.array([[solved]])


def test_the_loop_ends_where_the_estimate_is_below_the_tolerance() -> None:
    found = solve(Model(4, 1e-8))
    assert found.result is Result.CONVERGED and found.info["features"] == 400
    assert found.info["estimate"] == found.estimate <= 1e-8
    assert abs(found.solved - 1) <= found.estimate
    assert found.info["residual"] == found.residual and found.info["method"] == "random-features"


def test_the_loop_ends_with_the_features() -> None:
    found = solve(Model(1, 1e-8, features=400))
    assert found.result is Result.RANK_DEFICIENT and found.info["features"] == 400
    assert "features" in str(solve(Model(4, 1e-14, features=400)).info["advice"])
    assert 1e-8 < abs(found.solved - 1) <= 1.001 * found.estimate


def test_a_later_solve_begins_at_the_choice_of_an_earlier_one() -> None:
    tried: list[int] = []

    class Told(Model):
        def fit(self, size: int, scales: FeatureScales) -> Fit[float]:
            tried.append(size)
            return super().fit(size, scales)

    found = solve(Told(4, 1e-9), before=Choice(200, (1.0, 1.0)))
    assert tried == [50, 100, 200, 400] and found.info["features"] == 400


def test_fits_that_enclose_their_values_need_no_others() -> None:
    class Enclosing(Model):
        encloses = True

        def estimate(self, fit: Fit[float], changes: Sequence[float]) -> float:
            return abs(fit.solved - 1)

    found = solve(Enclosing(2, 1e-3, features=400))
    assert found.info["features"] == 100 and found.estimate == pytest.approx(1e-4)


def test_numbers_that_are_not_finite_are_no_solution() -> None:
    class Broken(Model):
        def values(self, solved: float) -> Array:
            return np.array([[math.nan]])

    with pytest.raises(SolveError, match="no finite solution"):
        solve(Broken(2, 1e-3))


def test_a_formulation_that_trains_nothing_says_so() -> None:
    with pytest.raises(UnsupportedError, match="trains none"):
        solve(Model(2, 1e-3, width=8, scale=None))


@pytest.mark.parametrize(
    ("largest", "expected"), [(1, [1]), (2, [1, 2]), (150, [37, 75, 150]), (401, [100, 200, 401])]
)
def test_sizes_of_a_ladder_all_differ(largest: int, expected: list[int]) -> None:
    """Two equal ones would not change anything, as if the solution stood."""
    assert sizes(largest) == expected


@pytest.mark.parametrize(
    ("size", "largest", "expected"),
    [(1, 4, [1, 2, 4]), (200, 500, [50, 100, 200, 400]), (7, 13, [1, 3, 7])],
)
def test_sizes_after_a_choice(size: int, largest: int, expected: list[int]) -> None:
    assert sizes_from(size, largest) == expected


def test_what_a_ladder_came_to() -> None:
    assert fit_result(True, [1.0, 1.0]) is Result.CONVERGED
    assert fit_result(False, [1.0, 0.1]) is Result.MAX_FEATURES
    assert fit_result(False, [1.0, 0.9]) is Result.MAX_FEATURES
    assert fit_result(False, [1e-5, 0.9e-5]) is Result.RANK_DEFICIENT


def test_half_of_the_points_see_every_panel() -> None:
    lines = (0.0, 0.4, 0.4999, 0.5001, 0.6, 1.0)
    axes = (("periodic", 0.0, 1.0), ("periodic", 0.0, 1.0))
    points = collocation_points(1000, axes, 0, "cpu", (lines, (0.0, 1.0)))
    inside = (points[:, 0] > 0.4999) & (points[:, 0] < 0.5001)
    assert int(inside.sum()) >= 80
    assert float(points.min()) >= 0.0 and float(points.max()) <= 1.0
