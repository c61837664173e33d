from dataclasses import replace

import numpy as np
import pytest

from nhpinn_sym.problem.domain import Box
from nhpinn_sym.problem.errors import ProblemError, SolveError
from nhpinn_sym.runtime.lagrange_grid import LagrangeGrid
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.solve.fem.grid_functions import (
    GridSolution,
    LagrangeField,
    relative_difference,
)

LINE = Box((0, 1))


def grid(function, cells=(8, 6), degree=2, bounds=((0.0, 1.0), (0.0, 2.0))):
    axes = [np.linspace(a, b, n * degree + 1) for (a, b), n in zip(bounds, cells)]
    return LagrangeGrid(
        Lattice.uniform(bounds, cells), degree, function(*np.meshgrid(*axes, indexing="ij"))
    )


def evolving(times):
    """u = (1 + t)^3 x^2."""
    x = np.linspace(0, 1, 9)
    return GridSolution(
        "skfem",
        "",
        {},
        LagrangeGrid(Lattice.uniform(((0.0, 1.0),), (4,)), 2, (1 + times)[:, None] ** 3 * x**2),
        times,
    )


def test_a_field_survives_its_state():
    field = LagrangeField(grid(lambda x, y: np.array([np.sin(x), y**2])))
    again = LagrangeField.from_state(field.state())
    points = np.random.default_rng(0).uniform(-5, 5, (30, 2))
    np.testing.assert_allclose(
        again.derivative(points, (1, 0)), field.derivative(points, (1, 0)), rtol=1e-13, atol=1e-13
    )
    assert field.derivative(points, (0, 0)).shape == (2, 30)


def test_cubic_in_time():
    solution, x = evolving(np.linspace(0, 2, 9)), np.array([[0.3], [0.9]])
    for time in (0.0, 0.1, 0.77, 1.25, 1.99, 2.0):
        np.testing.assert_allclose(solution(x, time), (1 + time) ** 3 * x[:, 0] ** 2, rtol=1e-12)
        np.testing.assert_allclose(
            solution.derivative(x, (1,), time), (1 + time) ** 3 * 2 * x[:, 0], rtol=1e-12
        )
    np.testing.assert_allclose(solution(x), solution(x, 2.0), rtol=1e-13)


def test_interpolation_in_time_is_centred():
    times, x = np.linspace(0, 2, 17), np.linspace(0, 1, 5)
    solution = GridSolution(
        "skfem",
        "",
        {},
        LagrangeGrid(Lattice.uniform(((0.0, 1.0),), (2,)), 2, np.exp(times)[:, None] + 0 * x),
        times,
    )
    inside = np.linspace(0.125, 1.875, 200)
    error = max(abs(solution([[0.5]], time)[0] - np.exp(time)) for time in inside)
    assert error < 3 / 128 * 0.125**4 * np.exp(2)


def test_fewer_than_four_levels():
    assert evolving(np.array([0.0, 2.0]))([[1.0]], 1.0) == pytest.approx((1 + 27) / 2)


@pytest.mark.parametrize("time", [-0.1, 2.1])
def test_times_outside_are_refused(time):
    with pytest.raises(SolveError, match="not computed"):
        evolving(np.linspace(0, 2, 9))([[1.0]], time)


def test_a_time_is_a_number():
    with pytest.raises(ProblemError, match="not one finite number"):
        evolving(np.linspace(0, 2, 9))([[1.0]], np.nan)


def test_only_the_final_time():
    last = evolving(np.array([2.0]))
    assert last([[1.0]], 2.0) == pytest.approx(27)
    with pytest.raises(SolveError, match="only the final time was kept"):
        last([[1.0]], 1.0)


def test_a_stationary_solution_has_no_time():
    still = GridSolution("skfem", "", {}, grid(lambda x, y: x * y))
    assert still([[0.5, 1.0]]) == pytest.approx(0.5)
    with pytest.raises(SolveError, match="no time"):
        still([[0.5, 1.0]], 1.0)


def test_relative_difference_is_the_l2_norm():
    fine, coarse = grid(lambda x, y: x**2 * y), grid(lambda x, y: 0.9 * x**2 * y, cells=(4, 3))
    assert relative_difference(fine, coarse) == pytest.approx(0.1)
    bump = grid(lambda x, y: x**2 * y + x, cells=(3, 5))
    assert relative_difference(fine, bump) == pytest.approx(np.sqrt((2 / 3) / (8 / 15)))
    many = grid(lambda x, y: x**2 * y, cells=(400, 400))
    assert relative_difference(many, replace(coarse)) == pytest.approx(0.1)


def test_components():
    """(x^2 y, t) and, still, (x^2 y, x)."""
    times, x = np.linspace(0, 2, 9), np.array([[0.3, 1.0], [0.9, 0.2]])
    still = GridSolution("skfem", "", {}, grid(lambda x, y: np.array([x**2 * y, x])))
    moving = GridSolution(
        "skfem",
        "",
        {},
        grid(lambda x, y: np.array([[x**2 * y, time + 0 * x] for time in times])),
        times,
    )
    assert (still.components, moving.components, evolving(times).components) == (2, 2, 1)
    np.testing.assert_allclose(
        still(x), np.stack([x[:, 0] ** 2 * x[:, 1], x[:, 0]], axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(
        still.derivative(x, (1, 0)), np.stack([2 * x[:, 0] * x[:, 1], [1, 1]], axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(
        moving(x, 0.77), np.stack([x[:, 0] ** 2 * x[:, 1], [0.77, 0.77]], axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(
        moving.derivative(x, (0, 1), 0.1), np.stack([x[:, 0] ** 2, [0, 0]], axis=1), atol=1e-12
    )


@pytest.mark.parametrize(("size", "expected"), [(1.0, 0.1), (1e-4, 0.1), (0.0, 0.01), (1e-9, 0.01)])
def test_components_of_different_sizes_are_compared_each(size, expected):
    fine = grid(lambda x, y: np.array([size * x**2 * y, x]))
    coarse = grid(lambda x, y: np.array([0.9 * size * x**2 * y, 0.99 * x]), cells=(4, 3))
    assert relative_difference(fine, coarse) == pytest.approx(expected)


def test_a_component_of_rounding_alone_is_measured_by_the_others():
    """Over (0, 1) x (0, 2) x has the norm sqrt(2/3), 1 the norm sqrt(2)."""
    fine, coarse = (
        grid(lambda x, y, sign=sign: np.array([sign * 1e-15 + 0 * x, x])) for sign in (1, -1)
    )
    assert relative_difference(fine, coarse) == pytest.approx(2e-15 * np.sqrt(2) / np.sqrt(2 / 3))
    zero = grid(lambda x, y: np.array([0 * x, 0 * x]))
    assert relative_difference(zero, coarse) == pytest.approx(np.sqrt(2 / 3))
