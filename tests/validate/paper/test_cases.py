"""The cases are the problems of the examples, and their converged numbers come out."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from nhpinn_sym.operator.parse import parse
from nhpinn_sym.solve.equations import solve_fine
from nhpinn_sym.validate.paper.cases import Case, cases, relative
from nhpinn_sym.validate.paper.experiments import closed_form
from nhpinn_sym.validate.paper.settings import trainings

EXAMPLES = Path(__file__).parents[3] / "examples"
ALL = {case.key: case for case in cases()}


@pytest.mark.parametrize("key", ALL)
def test_the_examples_have_the_same_problems(key: str) -> None:
    case = ALL[key]
    found = runpy.run_path(str(EXAMPLES / f"{case.example}.py"))
    problem = found["as_printed" if "_printed" in key else "problem"]
    assert str(parse(problem).table) == str(parse(case.problem).table)
    assert (
        problem.domain,
        problem.cell,
        problem.boundary,
        problem.initial,
        problem.final_time,
    ) == (
        case.problem.domain,
        case.problem.cell,
        case.problem.boundary,
        case.problem.initial,
        case.problem.final_time,
    )
    (printed,) = (
        dict(errors)
        for eps, errors in problem.paper.items()
        if eps == pytest.approx(float(case.eps))
    )
    assert printed.pop("converged_e4") == pytest.approx(case.truth)
    printed["classical"] = printed.pop("classical_pinn", case.printed["classical"])
    assert printed == {name: case.printed[name] for name in printed}


@pytest.mark.parametrize("key", [key for key in ALL if key != "elliptic_2d"])
def test_converged_e4(key: str) -> None:
    """The converged errors of homogenization, which were found by spectral elements and closed
    forms; in 2D see test_arguments.
    """
    case = ALL[key]
    fine = solve_fine(case.problem, case.eps, "skfem", per_period=16)(case.points)
    assert relative(case.homogenized(case.points) - fine, fine) == pytest.approx(
        case.truth, rel=1e-3
    )


def test_closed_form_of_the_slowly_varying_case() -> None:
    case = ALL["slowly_varying_1d"]
    assert case.cells.effective["A"](case.points)[:, 0, 0] == pytest.approx(
        closed_form(case.points), abs=1e-9
    )
    exact = np.arccosh(2 * (2 + np.sin(case.points[:, 0]))) - np.arccosh(4)
    assert relative(case.homogenized(case.points) - exact, exact) < 1e-6


@pytest.mark.parametrize("case", ALL.values(), ids=lambda case: case.key)
def test_trainings(case: Case) -> None:
    """A quick run is nowhere longer or finer; printed epochs and rates are the paper's."""
    full, quick = trainings(case, False), trainings(case, True)
    assert full.keys() == quick.keys() and ("cells" in full) == ("e1" in case.printed)
    for name, training in full.items():
        assert quick[name].epochs <= training.epochs and quick[name].nodes <= training.nodes
        assert quick[name].average <= quick[name].epochs
        assert training.weights is None or sum(training.weights) == pytest.approx(1)
    printed = {
        "elliptic_1d": (2000, 1e-4),
        "elliptic_2d": (4000, 1e-4),
        "slowly_varying_1d": (1000, 1e-4),
    }
    epochs, rate = printed.get(case.key, (10000, 0.05 if case.key.endswith("_50") else 0.015))
    assert (full["classical"].epochs, full["classical"].learning_rate) == (epochs, rate)
