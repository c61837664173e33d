import warnings
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from nhpinn_sym.problem.errors import SolvabilityError
from nhpinn_sym.runtime.lagrange_grid import LagrangeGrid
from nhpinn_sym.solve.fem import refine_equation as refinement
from nhpinn_sym.solve.fem.grid_functions import GridSolution
from nhpinn_sym.solve.fem.layout import Layout, equal_cells
from nhpinn_sym.solve.fem.refine import entry_errors, refine_cells
from nhpinn_sym.solve.fem.refine_equation import EquationLevels
from nhpinn_sym.solve.progress import silent
from nhpinn_sym.solve.solution import CellBatch

UNIT = ((0.0, 1.0),)
LINE = Layout(UNIT)


def cells(rate, fredholm=0.0, size=3.0):
    """A cell solver whose entry A_00 has the error size n^-rate; A_01 is rounding, b vanishes."""

    def level(mesh):
        n = mesh.cells[0]
        values = {
            ("A", (0, 0)): 2 + size * n ** -float(rate),
            ("A", (0, 1)): 1e-16 * (n % 3),
            ("b", (0,)): 1e-17 * n,
        }
        info = {"fredholm": fredholm, "multipliers": {"N_1": fredholm}, "method": "made up"}
        return CellBatch((), {key: np.array([value]) for key, value in values.items()}, info)

    return level


def refine(level, tolerance=1e-6, max_dofs=10**6, n=None, layout=LINE):
    return refine_cells(level, layout, 2, tolerance, max_dofs, n, silent, "cells")


@pytest.mark.parametrize(("rate", "size"), [(4, 3.0), (2, 3.0), (1, 1e-3)])
def test_estimates_are_close_above_the_error(rate, size):
    batch = refine(cells(rate, size=size))
    error = batch.effective["A", (0, 0)][0] - 2
    assert error <= batch.info["errors"]["A", (0, 0)] <= 2.2 * error
    assert batch.info["estimate"] <= 1e-6


@pytest.mark.parametrize(("tolerance", "finest"), [(1e-2, 8), (1e-4, 16)])
def test_in_space_a_large_tolerance_does_without_the_last_mesh(tolerance, finest):
    batch = refine(cells(4), tolerance, 10**5, layout=Layout(3 * UNIT))
    assert batch.info["cells"] == (finest,) * 3
    assert batch.info["estimate"] <= tolerance


def test_a_rate_above_that_of_the_elements_is_not_believed():
    history = [cells(8)(LINE.fitted((n,))).effective for n in (2, 4, 8)]
    change = abs(history[1]["A", (0, 0)] - history[0]["A", (0, 0)])
    np.testing.assert_allclose(entry_errors(history, 2)["A", (0, 0)], 2 * change / 16 / 15)


def test_changes_that_are_small_by_accident():
    history = [{("A", ()): np.array([value])} for value in (1.0, 1.1, 1.05, 1.0501)]
    assert entry_errors(history, 2)["A", ()] == pytest.approx(2 * 0.1 / 4)
    assert entry_errors(history[1:], 2, erratic=True)["A", ()] == pytest.approx(2 * 0.05 / 2)


def test_the_size_limit_is_told():
    batch = refine(cells(1), max_dofs=1000)
    assert batch.info["estimate"] > 1e-6 and "max_dofs=" in batch.info["advice"]
    assert batch.info["cells"] == (256,)


def test_a_fixed_mesh_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = refine(cells(1), n=20)
    assert batch.info["cells"] == (20,) and batch.info["estimate"] > 1e-2


def test_entries_of_the_higher_law_do_not_count():
    def level(mesh):
        batch = cells(4)(mesh)
        return replace(
            batch, effective={**batch.effective, ("h", (2, 0)): np.array([1 + 1 / mesh.cells[0]])}
        )

    batch, alone = refine(level), refine(cells(4))
    assert batch.info["cells"] == alone.info["cells"] and batch.info["estimate"] == pytest.approx(
        alone.info["estimate"]
    )
    assert batch.info["higher"] == pytest.approx(2 / batch.info["cells"][0], rel=0.1)


def test_a_coefficient_that_vanishes_up_to_discretization_is_measured_by_the_others():
    def level(mesh):
        batch = cells(4)(mesh)
        return replace(
            batch,
            effective={
                **batch.effective,
                ("drift", (0,)): np.array([1e-2 * mesh.cells[0] ** -4.0]),
            },
        )

    batch = refine(level)
    assert batch.info["cells"] == refine(cells(4)).info["cells"]


def test_incompatible_right_hand_sides_are_refused():
    with pytest.raises(SolvabilityError, match="has the mean 5"):
        refine(cells(4, fredholm=0.5))


def test_cells_are_about_square():
    assert equal_cells(((0.0, 1.0), (0.0, 4.0), (0.0, 0.01)), 8) == (2, 8, 2)


def equation(calls, space=1.0, time=1.0, timely=True):
    """x^2 with errors space h^3 and time dt^4 in its size."""

    def level(mesh, times, report):
        n = mesh.cells[0]
        steps = 0 if times is None else len(times) - 1
        calls.append((n, steps))
        report(1.0)
        x = mesh.nodes(0, 2)
        final = x**2 * (1 + space * n**-3.0 + (time * steps**-4.0 if timely else 0.0))
        if not timely:
            return GridSolution("none", "", {}, LagrangeGrid(mesh, 2, final))
        return GridSolution(
            "none", "", {}, LagrangeGrid(mesh, 2, np.array([0 * x, final])), np.array([0.0, 1.0])
        )

    return level


@pytest.mark.parametrize("timely", [False, True])
def test_refines_what_is_worst(timely):
    calls = []
    level = equation(calls, time=100.0, timely=timely)
    spans = (0.0, 1.0) if timely else None
    levels = EquationLevels(level, LINE, 2, silent, "equation", spans=spans)
    solution = levels.refined(2, 1e-6, 10**6)
    assert abs(solution([[1.0]])[0] - 1) <= solution.info["estimate"] <= 1e-6
    mesh, steps = calls[-1]
    assert solution.info["cells"] == (mesh,)
    if timely:
        assert solution.info["steps"] == steps
    assert len(calls) <= 13


def test_what_a_mesh_takes_is_told_before(monkeypatch):
    """Seconds as many as cells: 10 and 20 are done where 40 are left."""
    now, said = [0.0], []
    monkeypatch.setattr(refinement.time, "perf_counter", lambda: now[0])
    right = equation([], timely=False)

    def level(mesh, times, report):
        now[0] += mesh.cells[0]
        return right(mesh, times, lambda fraction: None)

    @contextmanager
    def progress(label):
        yield SimpleNamespace(update=lambda *told: said.append(told))

    EquationLevels(level, LINE, 2, progress, "equation").solved_on(LINE.given((40,)), 1)
    fraction, note = said[2]
    assert fraction == pytest.approx(3 / 7, abs=0.02) and note == "40 cells"


def test_no_mesh_above_the_limit():
    levels = EquationLevels(equation([]), LINE, 2, silent, "equation", spans=(0.0, 1.0))
    solution = levels.refined(2, 1e-9, 500)
    assert solution.info["size"] <= 500 and solution.info["estimate"] > solution.info["tolerance"]


def test_the_rest_of_the_time_counts_the_solves_ahead():
    """Each of which takes more than all before it: half of the digits are not half of the work."""
    calls, said = [], []

    @contextmanager
    def progress(label):
        yield SimpleNamespace(update=lambda fraction, note: said.append((len(calls), fraction)))

    levels = EquationLevels(equation(calls), LINE, 2, progress, "equation", spans=(0.0, 1.0))
    solution = levels.refined(2, 1e-6, 10**6)
    assert solution.info["estimate"] <= 1e-6
    late = [fraction for count, fraction in said if len(calls) // 2 == count]
    assert max(late) < 0.3 and said[-1][1] == 1.0
    stopped = levels.refined(2, 1e-6, 10**6, most=1000)
    assert solution.info["size"] * solution.info["steps"] > 1000 > stopped.info["steps"]


def test_one_mesh_is_compared_with_a_half_and_a_quarter_of_it():
    calls = []
    levels = EquationLevels(equation(calls), LINE, 2, silent, "equation", spans=(0.0, 1.0))
    solution = levels.solved_on(LINE.given((21,)), 9)
    assert calls == [(6, 3), (11, 5), (21, 9)]
    assert solution.info["estimate"] >= abs(solution([[1.0]])[0] - 1)
