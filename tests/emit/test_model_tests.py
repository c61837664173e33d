"""The tests that are emitted for a model: they pass in a folder of their own, and fail where a
number is wrong.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit.source import Source
from nhpinn_sym.problem.errors import UnsupportedError
from tests.emitted import run_main
from tests.symbolic import C, S, derived, diffusion

_RUN = """import sys

import pytest

sys.exit(pytest.main(["-q", "-rA", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
_SCALED = """

exact = {name}


def {name}(*arguments):
    found = exact(*arguments)
    if isinstance(found, dict):
        return {{key: 1.01 * value for key, value in found.items()}}
    return [1.01 * value for value in found]
"""
FAST = ("-k", "not nets and not dolfinx")


@pytest.fixture(scope="module")
def source() -> Source:
    return nh.emit(derived(diffusion(lambda s: 2 + S(s.y[0])), 1), "tests")


def outcomes(source: Source, folder: Path, *options: str) -> dict[str, str]:
    """PASSED or FAILED by the name of the test, in a folder where the package is blocked."""
    if not (folder / "test_model.py").exists():
        source.save(folder)
    (folder / "main_tests.py").write_text(_RUN, encoding="utf-8")
    printed = run_main(folder, "tests", *options).stdout
    found = re.findall(r"^(PASSED|FAILED) test_model.py::test_(\w+)", printed, re.MULTILINE)
    assert found, printed
    return {name: outcome for outcome, name in found}


def test_they_pass_without_the_package(source: Source, tmp_path: Path) -> None:
    found = outcomes(source, tmp_path)
    assert set(found.values()) == {"PASSED"}
    assert set(found) >= {
        "right_hand_sides_have_no_mean",
        "a_symmetric_operator_has_a_symmetric_limit",
        "scikit_fem_agrees",
        "nets_agree",
        "bounds_of_voigt_and_reuss",
        "plane_waves_tend_to_those_of_the_homogenized_equation",
    }


@pytest.mark.parametrize(
    ("file", "failing"),
    [
        ("skfem_cell_forms.py", {"scikit_fem_agrees"}),
        (
            "cell_fourier.py",
            {"scikit_fem_agrees", "plane_waves_tend_to_those_of_the_homogenized_equation"},
        ),
    ],
)
def test_a_coefficient_that_is_one_percent_off_fails(
    source: Source, file: str, failing: set[str], tmp_path: Path
) -> None:
    source.save(tmp_path)
    path = tmp_path / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text + _SCALED.format(name="coefficients"), encoding="utf-8")
    found = outcomes(source, tmp_path, *FAST)
    assert {name for name, outcome in found.items() if outcome == "FAILED"} == failing


def test_they_pass_for_reactions_of_order_one_over_eps(tmp_path: Path) -> None:
    """A parabolic problem without symmetry in the law: rho, A, b and c."""
    model = derived(
        lambda s, u: sp.Eq(
            s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)) + u.diff(s.x[0]) + C(s.y[0]) * u / s.eps, 0
        ),
        1,
        time=True,
    )
    found = outcomes(nh.emit(model, "tests"), tmp_path, *FAST)
    assert set(found.values()) == {"PASSED"}
    assert "plane_waves_tend_to_those_of_the_homogenized_equation" in found


def test_functions_without_a_formula_are_refused() -> None:
    model = derived(diffusion(lambda s: sp.Function("a")(s.y[0])), 1)
    with pytest.raises(UnsupportedError, match="not all formulas"):
        nh.emit(model, "tests")
