"""The experiments without networks, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.validate.paper.argued import judge_coarse, judge_effective
from nhpinn_sym.validate.paper.arguments import (
    coarse_elements,
    differences_in_time,
    effective_2d,
    linear_elements,
    reference_of_elements,
)
from nhpinn_sym.validate.paper.cases import Case, cases, relative


def test_linear_elements_are_exact_at_the_nodes() -> None:
    """For a constant coefficient and an exact load; -u'' = sin x has the solution sin x on (0,
    pi).
    """
    x, u = linear_elements(lambda s: np.ones_like(s), np.sin, (0.0, np.pi), 7)
    assert u == pytest.approx(np.sin(x), abs=1e-12)


def test_coarse_elements_see_the_mean() -> None:
    table = coarse_elements()
    assert float(table["mean"]) == pytest.approx(8.5, abs=1e-12)
    assert float(table["harmonic"]) == pytest.approx(4, abs=1e-12)
    errors = dict(zip(table["elements"], table["errors"], strict=True))
    assert errors[64] == pytest.approx(9 / 17, abs=2e-4)
    assert errors[2048] < 0.01
    exact = np.sin(table["x"]) / 4
    assert relative(table["u_eps"] - exact, exact) < 0.02
    assert all(finding.agrees for finding in judge_coarse(table))


def test_the_quadrature_explains_e4_of_section_5_2() -> None:
    (case,) = cases("5.2")
    table = effective_2d(case)
    assert float(table["a exact trapezoid"]) == pytest.approx(1.9353592348122903, abs=1e-12)
    assert float(table["a exact sum"]) / float(table["true"]) == pytest.approx(1.01**2, rel=1e-3)
    assert float(table["e differences sum"]) == pytest.approx(case.printed["e4"], rel=0.01)
    assert float(table["e exact trapezoid"]) == pytest.approx(case.truth, rel=1e-3)
    assert [finding.agrees for finding in judge_effective(table)] == [True, False, None, False]


def test_a_reference_of_few_elements() -> None:
    (case,) = cases("5.3")
    table = reference_of_elements(case)
    assert table["gauss"][-1] == pytest.approx(case.truth, rel=2e-3)
    assert table["ends"][0] > 2 * case.truth


@pytest.mark.parametrize("case", cases("5.4"), ids=lambda case: case.key)
def test_differences_in_time(case: Case) -> None:
    """r* = -1/(8 pi^2 D) or -1/(2 D), D = 2; the printed e4 comes out with the first reading
    alone.
    """
    table, literal = differences_in_time(case), "printed" in case.key
    assert float(table["r*"]) == pytest.approx(
        -1 / 4 if literal else -1 / (16 * np.pi**2), rel=1e-9
    )
    assert float(table["floor"]) == pytest.approx(
        float(case.eps) / 2**0.5 / (2 if literal else 8 * np.pi**2), rel=1e-6
    )
    assert (abs(float(table["e4"]) / case.printed["e4"] - 1) < 0.02) == (not literal)
