"""validate of problems without fast variables: the PDE itself by PINN and FEM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.equations import solve_fine
from nhpinn_sym.solve.solution import Solution
from nhpinn_sym.validate import plain
from nhpinn_sym.validate.verdict import Verdict, judge_plain, verdict_of

S1 = nh.Scales(1)
X = S1.x[0]
EXACT = sp.sin(sp.pi * X) * sp.exp(X)


def rod(factor: float = 1.0) -> nh.MultiscaleProblem:
    """-(factor (1 + x) u')' = f with the solution EXACT for the factor 1."""
    u = S1.unknown("u")
    source = -sp.diff((1 + X) * sp.diff(EXACT, X), X)
    return nh.MultiscaleProblem(
        sp.Eq(-S1.div(factor * (1 + X) * S1.grad(u)), source),
        scales=S1,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def test_against_the_exact_solution(tmp_path: Path) -> None:
    report = nh.validate(rod(), exact=EXACT, fem="skfem", out=tmp_path)
    assert report.verdict is Verdict.AGREEMENT
    assert max(report.errors.values()) < 1e-5
    assert report.info["convergence"]["rate"] == pytest.approx(3, abs=0.4)
    written = json.loads((tmp_path / "results.json").read_text())
    assert verdict_of(written) is report.verdict
    assert "PINN against FEM" in str(report)


def test_an_exact_solution_that_is_none() -> None:
    for wrong in (2 * EXACT, (1 + sp.Rational(1, 10**4)) * EXACT):
        assert nh.validate(rod(), exact=wrong, fem="skfem").verdict is Verdict.EXACT_DISAGREES
    with pytest.raises(nh.ProblemError, match="no numbers"):
        nh.validate(rod(), exact="x")
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    oscillating = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    with pytest.raises(nh.ProblemError, match="without fast variables"):
        nh.validate(oscillating, exact=s.x[0])


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [("pinn", Verdict.PINN_DISAGREES), ("skfem", Verdict.FEM_DISAGREES)],
)
@pytest.mark.parametrize("exact", [EXACT, None])
def test_a_wrong_coefficient_in_one_solver_is_named(
    wrong: str, verdict: Verdict, exact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def solve(problem: nh.MultiscaleProblem, eps: object, backend: str, **options: Any) -> Solution:
        return solve_fine(rod(1.01) if backend == wrong else problem, eps, backend, **options)

    monkeypatch.setattr(plain, "solve_fine", solve)
    assert nh.validate(rod(), exact=exact, fem="skfem").verdict is verdict


def test_heat_in_time() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=sp.Rational(1, 10),
    )
    exact = sp.exp(-(sp.pi**2) * s.t) * sp.sin(sp.pi * s.x[0])
    report = nh.validate(problem, exact=exact, fem="skfem")
    assert report.verdict is Verdict.AGREEMENT and max(report.errors.values()) < 1e-5
    assert list(report.info["seconds"]) == list(report.info["estimates"])
    assert min(report.info["seconds"].values()) > 0
    assert "homogenization" not in str(report)


def test_a_wave() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) - s.laplacian(u), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, on="left"), nh.Neumann(0, on="right")],
        initial=[nh.Initial(0), nh.Initial(sp.sin(sp.pi * s.x[0] / 2), order=1)],
        final_time=sp.Rational(1, 2),
    )
    exact = 2 * sp.sin(sp.pi * s.t / 2) * sp.sin(sp.pi * s.x[0] / 2) / sp.pi
    report = nh.validate(problem, exact=exact, fem="skfem")
    assert report.verdict is Verdict.AGREEMENT and max(report.errors.values()) < 1e-5


def test_solve_fine_needs_no_eps_of_a_plain_problem() -> None:
    points = np.linspace(0, 1, 7)[:, None]
    exact = np.array([float(EXACT.subs(X, x)) for x in points[:, 0]])
    for backend in ("pinn", "skfem"):
        solution = nh.solve_fine(rod(), eps=1, backend=backend)
        assert np.abs(solution(points) - exact).max() < 1e-4


FOUND = {
    "refused": "",
    "exact": False,
    "limit": 1e-3,
    "reference": 1e-6,
    "third": "",
    "pinn_third": None,
    "fem_third": None,
}
GOOD = {"pinn": 1e-6, "fem": 1e-6, "difference": 1e-6}
FAR = {"pinn": 1e-2, "fem": 1e-6, "difference": 1e-2}


@pytest.mark.parametrize(
    ("errors", "changes", "verdict"),
    [
        (GOOD, {}, Verdict.AGREEMENT),
        (GOOD, {"reference": 1e-2}, Verdict.REFERENCE_TOO_COARSE),
        (GOOD, {"reference": None}, Verdict.REFERENCE_TOO_COARSE),
        (GOOD, {"refused": "a jump"}, Verdict.NOT_COMPARED),
        (FAR, {}, Verdict.UNDECIDED),
        (
            FAR,
            {"third": "dolfinx", "pinn_third": 1e-2, "fem_third": 1e-6},
            Verdict.PINN_DISAGREES,
        ),
        (
            FAR,
            {"third": "dolfinx", "pinn_third": 1e-6, "fem_third": 1e-2},
            Verdict.FEM_DISAGREES,
        ),
        (FAR, {"exact": True}, Verdict.PINN_DISAGREES),
        ({**FAR, "fem": 1e-2}, {"exact": True}, Verdict.UNDECIDED),
    ],
)
def test_what_judges_a_plain_problem(
    errors: dict[str, float], changes: dict[str, Any], verdict: Verdict
) -> None:
    assert judge_plain(errors, {**FOUND, **changes}) is verdict
