"""The rules: the text follows the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nhpinn_sym.validate.paper.cases import Case, cases
from nhpinn_sym.validate.paper.finding import CLAIMS, Finding
from nhpinn_sym.validate.paper.findings import judge
from nhpinn_sym.validate.paper.numbers import Numbers, averaged, fall
from nhpinn_sym.validate.paper.settings import Training
from nhpinn_sym.validate.store import Arrays

SUMMED: dict[str, Arrays] = {
    "effective": {
        "e differences sum": np.array(0.02114),
        "e differences trapezoid": np.array(0.01166),
    }
}


@pytest.fixture
def case() -> Case:
    return cases("5.2")[0]


@pytest.fixture
def numbers(case: Case) -> Numbers:
    """A run that finds what the paper prints, but for the error of homogenization."""
    here = {**case.printed, "e4": case.truth, "e2": case.truth * 0.999}
    library = {"e1": case.truth, "e3": 1e-7, "e4": case.truth, "cell_1": 1e-8, "cell_2": 1e-8}
    return Numbers(
        case.printed,
        here,
        library,
        {"e4": case.truth},
        0.083,
        {"L2": 0.004, "H1": 0.05},
        {},
        {},
        {},
        12.5,
    )


def about(findings: list[Finding], words: str) -> Finding:
    (found,) = (finding for finding in findings if words in finding.text)
    return found


def test_a_run_like_the_paper_agrees_with_it(case: Case, numbers: Numbers) -> None:
    findings = judge(case, numbers, SUMMED)
    assert {f.claim for f in findings if f.agrees is not None} == CLAIMS.keys() - {"coarse"}
    assert [f.text for f in findings if f.agrees is False] == [about(findings, "printed e4").text]
    assert (
        "counted twice, reproduces it (0.02114, off by 0.83 %)"
        in about(findings, "printed e4").text
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classical", 0.3, "The classical PINN reaches 0.3"),
        ("cell_1", 0.2, "Oversampling divides the error of the first cell function by 1.63"),
        ("e1", 0.3, "e1, NH-PINN against u_eps: 0.3 here"),
        ("e1", 0.95, "is not better"),
        ("e3", 0.001, "The larger share of e1 is homogenization"),
        ("e2", 0.012, "e2 - e4 is +0.029"),
        ("transfer", 0.1, "keeps the solution"),
        ("e4", 0.013, "too coarse"),
    ],
)
def test_what_differs_is_said(
    case: Case, numbers: Numbers, name: str, value: float, words: str
) -> None:
    changed = replace(numbers, here={**numbers.here, name: value})
    assert about(judge(case, changed, SUMMED), words).agrees is False


def test_the_cause_is_read_from_the_numbers(case: Case, numbers: Numbers) -> None:
    worse = replace(numbers, here={**numbers.here, "e1": 0.3})
    assert "training stands" in about(judge(case, worse, SUMMED), "e1, NH-PINN against").text
    known = about(
        judge(case, replace(worse, boundary={"e1": 0.29}, trends={"e1": 0.04}), SUMMED),
        "e1, NH-PINN against",
    )
    assert (
        known.why
        == "larger here: boundary values off by 29 % of u, still falling, by 4 % in the last epochs"
    )
    assert known.why.partition(": ")[2] in known.text


def test_peaks_of_the_training_are_named(case: Case, numbers: Numbers) -> None:
    worse = replace(numbers, here={**numbers.here, "e3": 0.3}, medians={"e3": 0.02})
    assert (
        "peaks of Adam, without which it is 0.02"
        in about(judge(case, worse, SUMMED), "e3, PINN against").text
    )


def test_a_grid_that_does_not_see_the_coefficient(case: Case, numbers: Numbers) -> None:
    assert not any("nodes in a period" in f.text for f in judge(case, numbers, SUMMED))
    assert (
        about(judge(case, replace(numbers, per_period=1.5), SUMMED), "1.5 nodes in a period").agrees
        is None
    )


@pytest.mark.parametrize(("value", "words"), [(0.1, "does not fail"), (0.9, "fails too")])
def test_the_energy_form(case: Case, numbers: Numbers, value: float, words: str) -> None:
    changed = replace(
        numbers,
        here={**numbers.here, "energy": value},
        library={**numbers.library, "energy": 0.0025},
    )
    assert about(judge(case, changed, SUMMED), "energy form").text.startswith(
        f"The energy form of the same net {words}"
    )


def test_an_explanation_that_does_not_fit_is_not_claimed(case: Case, numbers: Numbers) -> None:
    table = {
        "effective": {
            "e differences sum": np.array(0.05),
            "e differences trapezoid": np.array(0.01166),
        }
    }
    assert "does not explain it" in about(judge(case, numbers, table), "printed e4").text
    assert about(judge(case, numbers, {}), "printed e4").text.endswith("0.011663.")


def test_average_over_the_last_epochs() -> None:
    assert averaged(np.array([9.0, 1.0, 3.0]), Training(3, 2, 5, 1e-3)) == 2


def test_how_fast_an_error_falls() -> None:
    """A peak of Adam does not count."""
    training = Training(6, 3, 5, 1e-3)
    assert fall(np.array([2.0, 2.0, 9.0, 1.5, 1.5, 7.0]), training) == pytest.approx(0.25)
    assert fall(np.array([2.0, 1.0]), training) == 0
