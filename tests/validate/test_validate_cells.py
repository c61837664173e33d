"""validate without eps: cells and expansion of every class, and a wrong backend that is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.cli.main import main
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.resolution import voigt_reuss
from nhpinn_sym.resolution.isotropy import hashin_shtrikman, is_isotropic
from nhpinn_sym.validate import settings
from nhpinn_sym.validate.cell_checks import Judges
from nhpinn_sym.validate.expansion import check_expansion
from nhpinn_sym.validate.verdict import Verdict, converges, judge_cells, suspects, verdict_of
from tests.symbolic import C, S

WRONG = 1.01
"""Factor of a coefficient in the one solver that is wrong."""
Build = Callable[[nh.Scales, sp.Expr, float], sp.Expr]


def drift(s: nh.Scales, u: sp.Expr, factor: float) -> sp.Expr:
    flow = sp.Rational(1, 2) + C(s.y[0])
    return s.dt(u) - factor * s.laplacian(u) + flow * s.grad(u)[0] / s.eps


def ground_state(s: nh.Scales, u: sp.Expr, factor: float) -> sp.Expr:
    return s.dt(u) - factor * s.laplacian(u) + 4 * C(s.y[0]) * u / s.eps**2


def reaction(s: nh.Scales, u: sp.Expr, factor: float) -> sp.Expr:
    return s.dt(u) - factor * s.laplacian(u) + 3 * C(s.y[0]) * u / s.eps


def fast_time(s: nh.Scales, u: sp.Expr, factor: float) -> sp.Expr:
    return s.dt(u) - s.div(factor * (3 + S(s.y[0] - s.tau)) * s.grad(u))


CLASSES: dict[str, tuple[dict[str, Any], Build]] = {
    "elliptic": ({}, lambda s, u, q: -s.div(q * (2 + S(s.y[0])) * s.grad(u))),
    "jumps": (
        {},
        lambda s, u, q: (
            -s.div(q * sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (4, True)) * s.grad(u))
        ),
    ),
    "complex": ({}, lambda s, u, q: -s.div(q * (2 + S(s.y[0]) + sp.I) * s.grad(u))),
    "non-divergence": ({}, lambda s, u, q: -q * (2 + S(s.y[0])) * s.laplacian(u)),
    "fourth order": ({}, lambda s, u, q: s.laplacian(q * (2 + S(s.y[0])) * s.laplacian(u))),
    "waves": ({"time": True}, lambda s, u, q: s.dt(u, 2) - s.div(q * (2 + S(s.y[0])) * s.grad(u))),
    "reaction": ({"time": True}, reaction),
    "drift": ({"time": True}, drift),
    "ground state": ({"time": True}, ground_state),
    "fast time": ({"fast_time": 2}, fast_time),
}


@cache
def model(name: str, factor: float) -> nh.HomogenizedModel:
    options, build = CLASSES[name]
    s = nh.Scales(1, **options)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(sp.Eq(build(s, u, factor), 0), scales=s, unknown=u)
    return nh.homogenize(problem)


@cache
def cells(name: str, factor: float, backend: str, hierarchy: bool) -> nh.CellSolution:
    return nh.solve_cells(model(name, factor), backend, hierarchy=hierarchy or None)


def validated(name: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The report where the solver of one backend has another coefficient."""

    def solve(_: nh.HomogenizedModel, backend: str, **options: Any) -> nh.CellSolution:
        factor = WRONG if backend == wrong else 1.0
        return cells(name, factor, backend, bool(options["hierarchy"]))

    monkeypatch.setattr(settings, "solve_cells", solve)
    return nh.validate(model(name, 1.0).problem, fem="skfem")


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        ("", Verdict.AGREEMENT),
        ("pinn", Verdict.CELLS_DISAGREE),
        ("skfem", Verdict.FEM_CELLS_DISAGREE),
        ("fourier", Verdict.THIRD_CELLS_DISAGREE),
    ],
)
def test_a_wrong_coefficient_in_one_solver_is_named(
    name: str, wrong: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = validated(name, wrong, monkeypatch)
    if wrong not in report.cells["methods"]:  # what does not cover the data is not asked
        verdict = Verdict.AGREEMENT
    assert report.verdict is verdict, report.evidence
    assert verdict is Verdict.AGREEMENT or any(line.startswith(wrong) for line in report.evidence)


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [("pinn", Verdict.CELLS_DISAGREE), ("skfem", Verdict.FEM_CELLS_DISAGREE)],
)
def test_a_wrong_source_is_named(
    wrong: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """<f> has a formula, which judges every backend by itself."""
    s = nh.Scales(1)
    u = s.unknown("u")
    left = -s.div(sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (4, True)) * s.grad(u))
    problem = nh.MultiscaleProblem(sp.Eq(left, 2), scales=s, unknown=u)
    own = nh.homogenize(problem.replaced(sp.Eq(left, 2 * WRONG)))

    def solve(right: nh.HomogenizedModel, backend: str, **options: Any) -> nh.CellSolution:
        return nh.solve_cells(own if backend == wrong else right, backend, **options)

    monkeypatch.setattr(settings, "solve_cells", solve)
    report = nh.validate(problem, fem="skfem")
    assert report.verdict is verdict
    checks = {name: found["closed form of f"] for name, found in report.cells["checks"].items()}
    assert checks.pop(wrong) == pytest.approx(WRONG - 1)
    assert max(checks.values()) < 1e-9


def test_cells_and_expansion_of_a_problem_without_a_domain(tmp_path: Path) -> None:
    """A* = <1/a>^-1 = sqrt(3); Reuss and Voigt."""
    report = nh.validate(model("elliptic", 1.0).problem, fem="skfem", out=tmp_path)
    for backend in ("pinn", "skfem", "fourier", "closed form"):
        assert report.cells["A"][backend] == pytest.approx(np.sqrt(3), rel=1e-6)
    lower, upper = report.cells["A"]["bounds"]
    assert lower == pytest.approx(np.sqrt(3)) and upper == pytest.approx(2)
    assert report.expansion["rate"] == pytest.approx(report.expansion["expected"], abs=0.1)
    assert report.cells["functions"]["N_1"]["pinn"]["H1"] < 1e-8
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["eps"] is None and written["cells"]["A"]["pinn"] == [[pytest.approx(np.sqrt(3))]]
    assert verdict_of(written) is report.verdict
    for text in ("closed form", "expansion", "pinn"):
        assert text in str(report)
    again = nh.validate(model("elliptic", 1.0).problem, fem="skfem", out=tmp_path)
    assert set(again.info["resumed"]) == {"cells_pinn", "cells_skfem", "cells_fourier"}


def test_the_transposed_operator_judges_what_is_not_symmetric() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = sp.Matrix([[3, 1 + C(s.y[1])], [S(s.y[0]), 2 + S(s.y[1]) / 2]])
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 0), scales=s, unknown=u)
    report = nh.validate(problem, fem="skfem", tolerance=1e-5)
    checks = report.cells["checks"]
    assert all(checks[name]["transposed operator"] < 1e-5 for name in checks)
    assert not np.allclose(report.cells["A"]["pinn"], report.cells["A"]["pinn"].T, rtol=1e-3)
    assert report.verdict is Verdict.AGREEMENT


def test_the_oracle_says_nothing_below_its_own_error() -> None:
    """A coefficient with kinks: no grid is fine enough, and errors stand still at 1e-5."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.Abs(S(s.y[0]))
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 0), scales=s, unknown=u)
    with pytest.warns(nh.ToleranceWarning, match="the exact solution still changes"):
        found = check_expansion(nh.homogenize(problem), None)
    assert found["rate"] is None and converges(found) and min(found["floor"]) > 1e-5


def test_jumps_are_judged_by_the_closed_form_of_layers_and_not_by_a_grid() -> None:
    """Layers of two tensors that are not symmetric: a Fourier grid, which the transposed operator
    is solved on, is off by 7e-4."""
    s = nh.Scales(2)
    u = s.unknown("u")
    first, other = sp.Matrix([[2, 1], [-1, 3]]), sp.Matrix([[5, -1], [1, 4]])
    a = sp.Matrix(2, 2, lambda i, j: sp.Piecewise((first[i, j], s.y[0] < 0.5), (other[i, j], True)))
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 0), scales=s, unknown=u)
    found = nh.homogenize(problem)
    judges = Judges.of(found, lower_cells(found, False), {}, None)
    exact = np.array([[20, 3], [-3, 26.5]]) / 7
    checks = judges.check(exact)
    assert checks.keys() == {"closed form"} and checks["closed form"] < 1e-12


@pytest.mark.parametrize("a", ["x", "y", "x and y"])
def test_coefficients_that_depend_on_x(a: str) -> None:
    """A* = <1/a>^-1 at five places, where a holds x, and 2 where only the reaction does."""
    s = nh.Scales(1)
    u, x, y = s.unknown("u"), s.x[0], s.y[0]
    flux = {"x": 1 + x, "y": 2, "x and y": 2 + x * S(y)}[a]
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(flux * s.grad(u)) + (1 + x) * C(y) * u / s.eps + u, 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    report = nh.validate(problem, fem="skfem")
    places = np.linspace(0, 1, 5)
    exact = {"x": 1 + places, "y": 2 + 0 * places, "x and y": np.sqrt(4 - places**2)}[a]
    found = np.broadcast_to(report.cells["A"]["pinn"].ravel(), 5)
    assert found == pytest.approx(exact, rel=1e-6)
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_the_symmetry_of_a_cell_gives_hashin_shtrikman() -> None:
    """Phases 1 and 10, a disk of radius 0.3: A* = 1.602941912 (Rayleigh 1892) lies inside."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    lowered = [
        lower_cells(
            nh.homogenize(nh.MultiscaleProblem((-s.div(c * s.grad(u)), 0), scales=s, unknown=u)),
            False,
        )
        for c in (a, 3 + S(s.y[0]))
    ]
    assert is_isotropic(lowered[0], {}) and not is_isotropic(lowered[1], {})
    enclosure = voigt_reuss(lowered[0], {})
    assert enclosure is not None
    lower, upper = hashin_shtrikman(enclosure) or (0.0, 0.0)
    share = np.pi * 0.09
    assert lower == pytest.approx(1 + share / (1 / 9 + (1 - share) / 2))
    assert upper == pytest.approx(10 + (1 - share) / (-1 / 9 + share / 20))
    assert lower < 1.602941912 < upper


def test_results_json_is_documented(tmp_path: Path) -> None:
    nh.validate(model("waves", 1.0).problem, fem="skfem", out=tmp_path)
    written = json.loads((tmp_path / "results.json").read_text())
    text = (Path(__file__).parents[2] / "docs" / "validation.md").read_text()
    schema = text.split("## results.json")[1]
    documented = set(re.findall(r"`(\w+)`", schema))
    of_cells = {key for key in written["cells"] if " " not in key} - {"c", "b", "rho"}
    assert {*written} <= documented and of_cells <= documented
    for verdict in Verdict:
        assert f"`{verdict.name}`" in text


def comparison(**changes: Any) -> dict[str, Any]:
    """`Report.cells` of three backends that agree, as far as the verdict needs it."""
    names = ("pinn", "skfem", "fourier")
    pairs = ("pinn, skfem", "pinn, fourier", "skfem, fourier")
    return {
        "checks": {name: {"symmetry": 0.0} for name in names},
        "limits": dict.fromkeys(names, 1e-4),
        "differences": dict.fromkeys(pairs, 1e-6),
        "allowed": dict.fromkeys(pairs, 1e-4),
        "failed": {},
        "refused": {},
        "expansions": {},
        **changes,
    }


RATE = {"rate": 2.0, "expected": 2}
STUCK = {"rate": 0.1, "expected": 2}
SPLIT = {"pinn, skfem": 1e-2, "pinn, fourier": 1e-2, "skfem, fourier": 1e-2}


@pytest.mark.parametrize(
    ("changes", "expansion", "verdict"),
    [
        ({}, RATE, Verdict.AGREEMENT),
        ({}, {"expected": None}, Verdict.AGREEMENT),
        ({}, STUCK, Verdict.EXPANSION_FAILS),
        ({"failed": {"pinn": "outside of its bounds"}}, RATE, Verdict.CELLS_DISAGREE),
        ({"failed": {"skfem": "outside of its bounds"}}, RATE, Verdict.FEM_CELLS_DISAGREE),
        ({"differences": SPLIT}, RATE, Verdict.UNDECIDED),
        ({"differences": {**SPLIT, "pinn, skfem": 1e-6}}, STUCK, Verdict.THIRD_CELLS_DISAGREE),
        (
            {"differences": SPLIT, "expansions": {"pinn": STUCK, "skfem": RATE, "fourier": RATE}},
            RATE,
            Verdict.CELLS_DISAGREE,
        ),
        ({"checks": {"skfem": {}, "fourier": {}}}, RATE, Verdict.NOT_COMPARED),
        ({"checks": {"pinn": {"closed form": None}}}, RATE, Verdict.CELLS_DISAGREE),
    ],
)
def test_what_judges_cells(
    changes: dict[str, Any], expansion: dict[str, Any], verdict: Verdict
) -> None:
    assert judge_cells(comparison(**changes), expansion, "skfem") is verdict


def test_small_errors_are_left_to_the_budget() -> None:
    cells = comparison(checks={"pinn": {"closed form": 1e-3}})
    assert suspects(cells) and not suspects(cells, least=3e-3)


def test_options_of_the_two_solves_are_given_apart() -> None:
    problem = model("elliptic", 1.0).problem
    read = settings.Settings.read(
        problem,
        "skfem",
        {"seed": 1, "cells": {"method": "energy"}, "equation": {"seed": 2}},
        None,
        None,
        None,
        None,
    )
    assert read.cells == {"seed": 1, "method": "energy"} and read.equation == {"seed": 2}
    with pytest.raises(nh.ProblemError, match="cells"):
        nh.validate(problem, pinn={"cells": 1})


def test_the_command_without_eps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "examples" / "classes" / "waves.py"
    assert main(["validate", str(example), "--fem", "skfem", "-o", str(tmp_path)]) == 0
    assert "AGREEMENT" in capsys.readouterr().out
    assert (tmp_path / "results.json").is_file()
