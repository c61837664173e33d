"""The comparison of problems whose coefficients are functions, against that with the formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.cli.main import main
from nhpinn_sym.validate.settings import Settings

S = nh.Scales(1)
FORMULA = 2 + sp.sin(2 * sp.pi * S.y[0])
OPAQUE = sp.Function("a")(S.y[0])


def problem(a: Any) -> nh.MultiscaleProblem:
    u = S.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-S.div(a * S.grad(u)), 1),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def values(y: Any) -> Any:
    library = torch if isinstance(y, torch.Tensor) else np
    return 2 + library.sin(2 * np.pi * y)


def test_the_comparison_takes_functions(tmp_path: Path) -> None:
    eps = sp.Rational(1, 2)
    given: dict[str, Any] = {"coefficients": {"a": values}, "out": tmp_path / "given"}
    found = nh.validate(problem(OPAQUE), eps, fem="skfem", per_period=16, **given)
    known = nh.validate(problem(FORMULA), eps, fem="skfem", per_period=16)
    assert found.verdict is known.verdict
    for name in ("e1", "e2", "e4"):
        assert found.errors[name] == pytest.approx(known.errors[name], rel=1e-4)
    assert found.cells["A"]["pinn"][0, 0] == pytest.approx(np.sqrt(3), abs=1e-9)
    assert "coefficients=coefficients" in (tmp_path / "given" / "report.html").read_text()


FILE = """
import sympy as sp, nhpinn_sym as nh
s = nh.Scales(1)
u = s.unknown("u")
a = {coefficient}
problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
two = 2
coefficients = {{"a": lambda y: two + 0 * y}}
"""


@pytest.mark.parametrize("coefficient", ['sp.Function("a")(s.y[0])', "sp.Integer(2)"])
def test_a_problem_file_holds_functions(
    coefficient: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their name; where every coefficient has a formula, that is a name of the user's own."""
    (tmp_path / "own.py").write_text(FILE.format(coefficient=coefficient))
    assert main(["cells", str(tmp_path / "own.py"), "--backend", "fourier", "--quiet"]) == 0
    assert re.search(r"A\[1, 1\]\W+2\b", capsys.readouterr().out)


def test_parts_of_an_earlier_run_are_not_taken() -> None:
    """The function may be another one."""
    given: dict[str, Any] = {"fem": "skfem", "pinn": None, "per_period": None, "tolerance": None}
    first, second = (
        Settings.read(
            problem(OPAQUE), **given, parameters=None, progress=None, coefficients={"a": values}
        )
        for _ in range(2)
    )
    assert first.key() != second.key()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "without a formula has no numbers"),
        ({"b": values}, "no coefficient without a formula has this name"),
        ({"a": 2.0}, "is not a function"),
        (values, "a dictionary of functions"),
        ({"a": lambda y: 2 + np.sin(2 * np.pi * y)}, "torch cannot differentiate"),
    ],
)
def test_what_is_no_function_is_an_error(given: Any, message: str) -> None:
    with pytest.raises(nh.NhpinnError, match=message):
        nh.validate(problem(OPAQUE), fem="skfem", coefficients=given)


def test_nonlinear_problems_need_formulas() -> None:
    u = S.unknown("u")
    flux = (1 + S.grad(u).dot(S.grad(u))) * S.grad(u)
    nonlinear = nh.MultiscaleProblem(sp.Eq(-S.div(FORMULA * flux), 1), scales=S, unknown=u)
    with pytest.raises(nh.NhpinnError, match="nonlinear"):
        nh.validate(nonlinear, coefficients={"a": values})
