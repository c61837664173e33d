"""Validation of nonlinear problems: laws that agree, a law that is 1 % off, judges that have no
solver behind them, the boundary value problem and the plain door.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit import nonlinear_text
from nhpinn_sym.emit.source import load
from nhpinn_sym.lower.nonlinear import lower_state
from nhpinn_sym.solve.equations import solve_fine, solve_homogenized
from nhpinn_sym.solve.law.solve_law import law_resolution, solve_law
from nhpinn_sym.solve.law.tried_states import tried_states
from nhpinn_sym.validate.budget_verdict import verdict_of_budget
from nhpinn_sym.validate.law_judges import LawJudges
from nhpinn_sym.validate.report import Verdict
from nhpinn_sym.validate.verdict import verdict_of

PLAIN = importlib.import_module("nhpinn_sym.validate.plain")
RUN = importlib.import_module("nhpinn_sym.validate.nonlinear_run")
S = nh.Scales(1)
WAVE = sp.exp(sp.sin(2 * sp.pi * S.y[0]))
WRONG = sp.Rational(101, 100)


def problem(factor: Any = 1, coefficient: Any = WAVE) -> nh.MultiscaleProblem:
    u = S.unknown("u")
    g = S.grad(u)
    return nh.MultiscaleProblem(
        sp.Eq(-S.div(factor * coefficient * (1 + g[0] ** 2) * g), 10),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def test_a_boundary_value_problem_agrees(tmp_path: Path) -> None:
    """e4 as of an independent solution of the two ordinary differential equations."""
    report = nh.validate(problem(), eps=sp.Rational(1, 8), fem="skfem", out=tmp_path)
    assert report.verdict is Verdict.AGREEMENT
    assert report.errors["e4"] == pytest.approx(3.404e-2, rel=1e-3)
    assert report.errors["e3"] < 1e-6
    assert report.budget["law"] < 1e-6
    assert report.first_order["H1"] < 0.05
    lower, upper = report.cells["energy"]["bounds"]
    assert np.all(lower <= report.cells["energy"]["pinn"] + 1e-12)
    assert np.all(report.cells["energy"]["pinn"] <= upper + 1e-9)
    written = json.loads((tmp_path / "results.json").read_text())
    assert verdict_of(written) is Verdict.AGREEMENT
    assert (tmp_path / "report.html").stat().st_size > 10_000
    again = nh.validate(problem(), eps=sp.Rational(1, 8), fem="skfem", out=tmp_path)
    assert again.errors == report.errors
    assert {"law_pinn", "u0", "w", "u_eps"} <= {*again.info["resumed"]}
    text = (Path(__file__).parents[2] / "docs" / "validation.md").read_text()
    assert all(
        f"`{key}`" in text or f'"{key}"' in text for key in written["cells"] if " " not in key
    )


@pytest.mark.parametrize(
    ("backend", "verdict"),
    [
        ("pinn", Verdict.CELLS_DISAGREE),
        ("skfem", Verdict.FEM_CELLS_DISAGREE),
        ("fourier", Verdict.THIRD_CELLS_DISAGREE),
    ],
)
def test_a_law_that_is_one_percent_off_is_named(
    monkeypatch: pytest.MonkeyPatch, backend: str, verdict: Verdict
) -> None:
    right = RUN._solve_law
    wrong = nh.homogenize(problem(WRONG))

    def solve(model: Any, settings: Any, name: str) -> Any:
        return right(wrong if name == backend else model, settings, name)

    monkeypatch.setattr(RUN, "_solve_law", solve)
    report = nh.validate(problem(), fem="skfem")
    assert report.verdict is verdict
    assert any(line.startswith(f"{backend} is off") for line in report.evidence)


def test_judges_know_a_flux_and_a_tangent_that_are_off() -> None:
    """Also where data jump: the inverse has lines there."""
    jump = sp.Piecewise((1, S.y[0] < sp.Rational(1, 3)), (10, True))
    model = nh.homogenize(problem(1, jump))
    forms = load(nonlinear_text.state(lower_state(model.state, "")), "state_numpy")
    macro = tried_states(model, forms, {})
    law = solve_law(model, "skfem")
    grads = np.moveaxis(macro.slopes, -1, 0)[:, 0]
    arrays = {"flux": law.flux(grad=grads), "A": law.tangent(grad=grads)}
    judges = LawJudges(model, forms, macro, law_resolution(model, {}), None, None)
    assert judges.check(arrays)["inverse of the flux"] < 1e-8
    off = {**arrays, "flux": 1.01 * arrays["flux"]}
    assert 5e-3 < judges.check(off)["inverse of the flux"] < 2e-2


def test_a_flux_that_gravity_balances_is_judged_by_the_others() -> None:
    """A e^u (g + 1) vanishes at g = -1, which is tried: the judges are numbers there."""
    u = S.unknown("u")
    flux = WAVE * sp.exp(u) * (S.grad(u) + sp.Matrix([1]))
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-S.div(flux), 1), scales=S, unknown=u))
    law = nh.solve_law(model, "fourier")
    macro = tried_states(model, law.forms, {})
    judges = LawJudges.of(model, law.forms, macro, law_resolution(model, {}), 1)
    where = {"grad": np.moveaxis(macro.slopes, -1, 0)[:, 0], "u": macro.values[0]}
    arrays = {"flux": law.flux(**where), "A": law.tangent(**where), "energy": law.energy(**where)}
    assert np.abs(arrays["flux"]).min() < 1e-9
    assert max(judges.check(arrays).values()) < 1e-6
    wrong = judges.check({**arrays, "flux": 1.01 * arrays["flux"]})
    assert wrong["inverse of the flux"] > 5e-3


def test_layers_are_reported_with_laws_by_elements_and_no_verdict_on_nets() -> None:
    jump = sp.Piecewise((1, S.y[0] < sp.Rational(1, 2)), (5, True))
    report = nh.validate(problem(1, jump), eps=sp.Rational(1, 4), fem="skfem")
    assert report.verdict is Verdict.NOT_COMPARED
    assert 1e-2 < report.errors["e4"] < 0.2
    assert any(line.startswith("pinn does not cover") for line in report.evidence)


def test_the_flux_is_enclosed_by_the_bounds_on_the_energy() -> None:
    scales = nh.Scales(2)
    u = scales.unknown("u")
    g = scales.grad(u)
    a = 2 + sp.sin(2 * sp.pi * scales.y[0]) * sp.cos(2 * sp.pi * scales.y[1])
    equation = sp.Eq(-scales.div(a * (1 + g.dot(g)) * g), 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=scales, unknown=u))
    law = nh.solve_law(model, n=19)
    macro = tried_states(model, law.forms, {})
    judges = LawJudges.of(model, law.forms, macro, law_resolution(model, {}), 1)
    grads = np.moveaxis(macro.slopes, -1, 0)[:, 0]
    arrays = {
        "flux": law.flux(grad=grads),
        "A": law.tangent(grad=grads),
        "energy": law.energy(grad=grads),
    }
    right = judges.check(arrays)
    assert max(right.values()) < 1e-10
    assert judges.along is not None
    assert np.all(judges.along[1] - judges.along[0] < 1e-2 * np.abs(judges.along[0]))
    wrong = judges.check(
        {**arrays, "flux": 1.01 * arrays["flux"], "energy": 1.01 * arrays["energy"]}
    )
    assert wrong["bounds of the flux"] > 2e-3
    assert wrong["energy bounds"] > 9e-3


def test_the_share_of_the_law_is_judged() -> None:
    budget = {"homogenization": 1e-2, "cell": 0.0, "macro": 0.0, "reference": 1e-6, "law": 5e-3}
    assert verdict_of_budget(budget) is Verdict.LAW_TOO_COARSE
    assert verdict_of_budget({**budget, "law": 1e-5}) is not Verdict.LAW_TOO_COARSE


EXACT = sp.sin(2 * S.x[0]) + S.x[0]


def plain(factor: Any = 1) -> nh.MultiscaleProblem:
    """No fast variable; EXACT solves it where the factor is 1."""
    x = S.x[0]
    u = S.unknown("u")
    slope = sp.diff(EXACT, x)
    flux = factor * (1 + u**2 + u.diff(x) ** 2) * u.diff(x)
    return nh.MultiscaleProblem(
        sp.Eq(-S.div(sp.Matrix([flux])), -sp.diff((1 + EXACT**2 + slope**2) * slope, x)),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(EXACT)],
    )


def test_a_plain_nonlinear_problem_meets_its_exact_solution() -> None:
    report = nh.validate(plain(), exact=EXACT, fem="skfem")
    assert report.verdict is Verdict.AGREEMENT
    assert report.errors["fem"] < 1e-6
    assert report.errors["pinn"] < 1e-7
    assert report.info["convergence"]["rate"] > 2.8


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [("pinn", Verdict.PINN_DISAGREES), ("skfem", Verdict.FEM_DISAGREES)],
)
def test_a_plain_solver_that_is_one_percent_off_is_named(
    monkeypatch: pytest.MonkeyPatch, wrong: str, verdict: Verdict
) -> None:
    """Without an exact solution: a third backend decides."""

    def solve(given: nh.MultiscaleProblem, eps: object, backend: str, **options: Any) -> Any:
        chosen = plain(WRONG) if backend == wrong else given
        return solve_fine(chosen, eps, backend, **options)

    monkeypatch.setattr(PLAIN, "solve_fine", solve)
    report = nh.validate(plain(), fem="skfem")
    assert report.verdict is verdict


def test_a_homogenized_solution_that_is_one_percent_off_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def solve(model: Any, law: Any, backend: str, **options: Any) -> Any:
        found = solve_homogenized(model, law, backend, **options)
        if backend != "pinn":
            return found
        network, beside = found.network, found.coefficients
        factors = torch.full((1,), 1.01, dtype=torch.float64)
        return replace(found, network=network.scale_outputs(factors), coefficients=beside)

    monkeypatch.setattr(RUN, "solve_homogenized", solve)
    report = nh.validate(problem(), eps=sp.Rational(1, 8), fem="skfem")
    assert report.verdict is Verdict.MACRO_DISAGREES
    assert 9e-3 < report.errors["e3"] < 1.1e-2


def test_hamilton_jacobi_equations_have_their_laws_compared() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    kinetic = s.grad(u)[0] ** 2 / 2 + sp.cos(2 * sp.pi * s.y[0])
    viscous = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.eps * s.laplacian(u) + kinetic, 0), scales=s, unknown=u
    )
    report = nh.validate(viscous, fem="skfem")
    assert report.verdict is Verdict.AGREEMENT
    assert "skfem" in report.cells["refused"]
    held = report.cells["hamiltonian"]
    assert held["pinn"] == pytest.approx(held["fourier"], rel=1e-6)
    with pytest.raises(nh.UnsupportedError, match="at one eps"):
        nh.validate(viscous, eps=sp.Rational(1, 8), fem="skfem")
