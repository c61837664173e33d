from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nhpinn_sym.runtime.levels import (
    error_of_erratic_levels,
    error_of_halving,
    error_text,
    estimate_entries,
    extrapolated,
    relative_estimate,
)

KEY = ("A", (0, 0))


def judged(
    *values: float, rate: float = 16.0, floor: float = 0.0, resolved: list[bool] | None = None
) -> float:
    history = [{KEY: np.array([v])} for v in values]
    return float(estimate_entries(history, rate, floor, resolved=resolved)[KEY][0])


def test_fewer_than_three_levels_say_nothing() -> None:
    assert judged(1.0) == np.inf and judged(1.0, 1.0) == np.inf
    assert judged(1.0, 1.0, 1.0) < 1e-12


@pytest.mark.parametrize("rate", [1.2, 1.4, 2.0, 4.0, 16.0])
def test_the_estimate_is_above_the_error_and_not_far(rate: float) -> None:
    values = [1 + 0.3 * rate**-k for k in range(5)]
    error = abs(values[-1] - 1)
    assert error <= judged(*values) <= 4 * error


def test_an_accidental_agreement_is_judged_by_the_changes_before() -> None:
    assert judged(1.3, 1.1, 1.1) > 1e-3
    assert judged(1.3, 1.1, 1.1, rate=2.0) > 0.05


def test_changes_that_do_not_shrink_show_no_convergence() -> None:
    assert judged(1.0, 1.1, 1.2, 1.3) >= 0.3
    assert judged(1.0, 1.0, 1.0, 1.3) >= 0.3


def test_levels_that_do_not_resolve_the_data_are_no_evidence() -> None:
    assert judged(1.0, 1.0, 1.0, 0.1, resolved=[False, False, False, True]) == np.inf
    assert judged(1.0, 1.0, 0.2, 0.11, 0.101, resolved=[False, False, True, True, True]) < 0.1


def test_never_below_the_data_error() -> None:
    assert judged(1.0, 1.0, 1.0, 1.0, floor=1e-3) == 1e-3


def test_values_that_are_not_finite_are_not_known() -> None:
    assert judged(1.0, np.nan, 1.0) == np.inf


def test_the_estimate_is_relative_to_the_largest_entry_of_the_tensor() -> None:
    errors = {("A", (0,)): np.array(0.1), ("A", (1,)): np.array(0.1), ("b", (0,)): np.array(1e-9)}
    values = {("A", (0,)): np.array(100.0), ("A", (1,)): np.array(1.0), ("b", (0,)): np.array(0.0)}
    assert relative_estimate(errors, values, {key: key[0] for key in values}) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("estimate", "text"), [(0.0, "below 1e-13"), (2.04e-7, "2.0e-07"), (np.nan, "nan")]
)
def test_rounding_is_printed_without_digits(estimate: float, text: str) -> None:
    assert error_text(estimate) == text


@pytest.mark.parametrize("order", [1, 2, 3])
def test_one_number_on_halved_meshes(order: int) -> None:
    errors = [0.3 * 2.0 ** (-order * k) for k in range(5)]
    changes = [a - b for a, b in pairwise(errors)]
    assert errors[-1] <= error_of_halving(changes, 3) <= 4 * errors[-1]
    assert error_of_halving([], order) == np.inf
    assert error_of_halving(changes[:1], order) == 2 * changes[0]


def test_grids_of_first_order_are_judged_by_the_changes_before() -> None:
    assert error_of_erratic_levels([0.1], [10, 20], 2) == np.inf
    assert error_of_erratic_levels([0.1, 0.0], [10, 20, 40], 2) == 2 * 0.1 * 20 / 40


def test_errors_of_first_order_in_space_are_known_on_grids_that_grow_slowly() -> None:
    """Grids a half larger each time change by a third of the error: it is not half of it."""
    sizes = [16, 24, 36, 54]
    changes = [1 / a - 1 / b for a, b in pairwise(sizes)]
    assert error_of_erratic_levels(changes, sizes, 3) == pytest.approx(2 / 54)


def test_extrapolation_takes_known_powers_away_and_leaves_three_levels() -> None:
    """1 + h^4 + h^6 + h^8 on five meshes: two terms are left out, and h^8 stays."""
    meshes = [0.5**k for k in range(1, 6)]
    history = [{"a": np.array(1 + h**4 + h**6 + h**8)} for h in meshes]
    found, order = extrapolated(history, 4)
    assert (len(found), order) == (3, 8)
    errors = [float(entries["a"]) - 1 for entries in found]
    assert errors[0] == pytest.approx(256 * errors[1], rel=1e-6)
    assert 0 < abs(errors[-1]) < meshes[-1] ** 4 / 500
    untouched, order = extrapolated(history[:3], 4)
    assert (untouched, order) == (history[:3], 4)
