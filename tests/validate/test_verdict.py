"""The verdict: what decides it, and what keeps it from being agreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.validate import evidence as found
from nhpinn_sym.validate.budget_verdict import Findings, Verdict, evidence, falls, verdict_of_budget

BUDGET = {"homogenization": 1e-2, "cell": 1e-5, "macro": 1e-5, "reference": 1e-5}
SOUND = Findings(oracle="a third method", fem_cell=1e-5, periods=8.0, larger=(("1/4", 2e-2),))


@pytest.mark.parametrize(
    ("budget", "changes", "verdict"),
    [
        ({}, {}, Verdict.AGREEMENT),
        ({"reference": 5e-3}, {}, Verdict.REFERENCE_TOO_COARSE),
        ({"reference": float("nan")}, {}, Verdict.REFERENCE_TOO_COARSE),
        ({}, {"coarse": "a feature is missed"}, Verdict.REFERENCE_TOO_COARSE),
        (
            {"reference": 5e-3, "macro": 3e-3},
            {"third": "dolfinx", "pinn_third": 1e-6, "fem_third": 3e-3},
            Verdict.FEM_MACRO_DISAGREES,
        ),
        ({}, {"other_fine": 2e-3}, Verdict.REFERENCE_DISAGREES),
        ({}, {"periods": 1.57}, Verdict.NO_SCALE_SEPARATION),
        ({"cell": 5e-3}, {}, Verdict.CELLS_DISAGREE),
        ({}, {"fem_cell": 5e-3}, Verdict.FEM_CELLS_DISAGREE),
        ({"cell": 5e-3}, {"fem_cell": 5e-3}, Verdict.UNDECIDED),
        ({}, {"oracle": "", "between": 5e-3}, Verdict.UNDECIDED),
        ({}, {"oracle": "", "between": 1e-5}, Verdict.AGREEMENT),
        ({"macro": 5e-3}, {"pinn_off": 1.5e-2, "fem_off": 1e-2}, Verdict.MACRO_DISAGREES),
        ({"macro": 5e-3}, {"pinn_off": 1.01e-2, "fem_off": 1e-2}, Verdict.UNDECIDED),
        ({"macro": float("nan")}, {}, Verdict.MACRO_DISAGREES),
        (
            {"macro": 5e-3},
            {"third": "dolfinx", "pinn_third": 5e-3, "fem_third": 1e-6},
            Verdict.MACRO_DISAGREES,
        ),
        (
            {"macro": 5e-3},
            {"third": "dolfinx", "pinn_third": 1e-6, "fem_third": 5e-3},
            Verdict.FEM_MACRO_DISAGREES,
        ),
        (
            {"macro": 5e-3},
            {"third": "dolfinx", "pinn_third": 4e-3, "fem_third": 5e-3},
            Verdict.UNDECIDED,
        ),
        (
            {"homogenization": 1e-1, "macro": 8e-3},
            {"third": "dolfinx", "pinn_third": 8e-3, "fem_third": 1e-6},
            Verdict.MACRO_DISAGREES,
        ),
        ({"homogenization": 1e-1, "macro": 9e-4}, {"larger": (("1/4", 2e-1),)}, Verdict.AGREEMENT),
        (
            {"homogenization": 1e-2, "macro": 7e-4},
            {
                "macro_estimates": 4e-6,
                "third": "dolfinx",
                "pinn_third": 7e-4,
                "fem_third": 1e-6,
            },
            Verdict.MACRO_DISAGREES,
        ),
        ({"homogenization": 1e-2, "macro": 9e-5}, {"macro_estimates": 4e-6}, Verdict.AGREEMENT),
        ({"homogenization": 1e-2, "macro": 7e-4}, {"macro_estimates": 3e-4}, Verdict.AGREEMENT),
        ({}, {"other_fine": 7e-4, "fine_estimates": 1e-5}, Verdict.REFERENCE_DISAGREES),
        ({}, {"other_fine": 7e-4, "fine_estimates": 3e-4}, Verdict.AGREEMENT),
        ({}, {"larger": (("1/4", 1.02e-2),)}, Verdict.NOT_THE_LIMIT),
        ({}, {"larger": (("1/4", 1.0e-2), ("3/8", 3e-2))}, Verdict.AGREEMENT),
        (
            {"homogenization": 1e-9, "cell": 1e-8, "macro": 1e-8, "reference": 1e-8},
            {"fem_cell": 1e-8, "larger": (("1/4", 1e-10),)},
            Verdict.AGREEMENT,
        ),
    ],
)
def test_what_decides(budget: dict[str, float], changes: dict[str, Any], verdict: Verdict) -> None:
    assert verdict_of_budget(BUDGET | budget, replace(SOUND, **changes)) is verdict


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        ({"macro": 2e-5}, Verdict.AGREEMENT),
        ({"macro": 5e-5}, Verdict.MACRO_DISAGREES),
        ({"cell": 5e-5}, Verdict.CELLS_DISAGREE),
        ({"reference": 2e-4}, Verdict.REFERENCE_TOO_COARSE),
        ({"homogenization": 1e-4}, Verdict.REFERENCE_TOO_COARSE),
    ],
)
def test_where_nothing_oscillates_the_reference_tells_as_far_as_it_is_accurate(
    budget: dict[str, float], verdict: Verdict
) -> None:
    plain = {"homogenization": 1e-6, "cell": 0.0, "macro": 1e-6, "reference": 4e-5}
    nothing = Findings(oracle="a third method", pinn_off=1e-3, fem_off=1e-6)
    assert verdict_of_budget(plain | budget, nothing) is verdict


def test_the_text_says_what_was_seen_and_no_more() -> None:
    seen = " ".join(evidence(BUDGET, SOUND, "1/8"))
    assert "0.02 at eps = 1/4, 0.01 at eps = 1/8" in seen and "falls with eps" in seen
    unseen = " ".join(evidence(BUDGET, replace(SOUND, larger=()), "1/8"))
    assert "was not seen" in unseen and "so it falls" not in unseen
    assert falls(BUDGET, replace(SOUND, larger=())) is None
    both = replace(SOUND, larger=(("1/4", 9e-3), ("3/8", 3e-2)))
    assert falls(BUDGET, both) is None and verdict_of_budget(BUDGET, both) is Verdict.AGREEMENT
    assert "do not tell whether it falls" in " ".join(evidence(BUDGET, both, "1/8"))
    assert "of no other FEM backend" in seen
    assert "of no other" not in " ".join(evidence(BUDGET, replace(SOUND, checked="skfem"), "1/8"))
    assert "eps" not in Verdict.AGREEMENT.value
    for verdict in set(Verdict) - {Verdict.AGREEMENT}:
        assert "=" in verdict.value, verdict


def test_larger_eps_leave_the_domain_two_periods() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    larger = {n: [str(e) for e in found.larger_eps(model, sp.Rational(1, n))] for n in (2, 3, 4, 8)}
    assert larger == {2: [], 3: ["1/2"], 4: ["1/2", "3/8"], 8: ["1/4", "3/8"]}


def line(
    equation: Callable[..., Any], boundary: list[Any] | None = None, length: Any = 1
) -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        equation(s, u),
        scales=s,
        unknown=u,
        domain=nh.Box((0, length)),
        boundary=boundary or [nh.Dirichlet(0)],
    )


def wave(s: nh.Scales) -> sp.Expr:
    return 2 + sp.sin(2 * sp.pi * s.y[0])


def test_an_eps_as_large_as_the_domain_is_no_agreement() -> None:
    problem = line(lambda s, u: sp.Eq(-s.div(wave(s) * s.grad(u)), 1), length=sp.pi)
    report = nh.validate(problem, 2, fem="skfem")
    assert report.verdict is Verdict.NO_SCALE_SEPARATION
    assert any("1.571 periods" in text for text in report.evidence)


def test_a_wall_with_a_source_of_order_one_over_eps_agrees() -> None:
    """-u'' = 1 + 10 sin(2 pi y)/eps with a flux on the left: the error of the naive condition was
    .5 at every eps."""
    ends = [nh.Neumann(1, on="left"), nh.Dirichlet(0, on="right")]
    report = nh.validate(
        line(
            lambda s, u: sp.Eq(-s.laplacian(u), 1 + 10 * sp.sin(2 * sp.pi * s.y[0]) / s.eps), ends
        ),
        sp.Rational(2, 17),
        fem="skfem",
    )
    assert report.verdict is Verdict.AGREEMENT
    assert report.errors["e4"] < 0.05
    assert "so it falls with eps" in report.evidence
    assert report.as_dict()["evidence"] == list(report.evidence)


def test_larger_eps_fit_the_domain_and_its_periods() -> None:
    model = nh.homogenize(
        line(lambda s, u: sp.Eq(-s.div(wave(s) * s.grad(u)) + u, s.x[0]), [nh.Periodic()])
    )
    assert list(found.larger_eps(model, sp.Rational(1, 6))) == [
        sp.Rational(1, 3),
        sp.Rational(1, 2),
    ]
    assert next(found.larger_eps(model, sp.Rational(1, 9))) == sp.Rational(1, 3)
    assert not list(found.larger_eps(model, sp.Integer(1)))
    plain = nh.homogenize(line(lambda s, u: sp.Eq(-s.div((2 + s.x[0]) * s.grad(u)), 1)))
    assert not list(found.larger_eps(plain, sp.Rational(1, 8)))
    assert found.fewest_periods(plain, sp.Rational(1, 8)) == sp.oo


@pytest.mark.filterwarnings("ignore::nhpinn_sym.problem.errors.ToleranceWarning")
def test_a_reference_that_misses_a_feature_is_coarse() -> None:
    """A bump of width .002 between the nodes of the mesh."""
    bump = lambda s: 1 + 100 * sp.exp(-((sp.sin(sp.pi * (s.y[0] - sp.Rational(1, 3))) * 500) ** 2))  # noqa: E731
    problem = line(lambda s, u: sp.Eq(-s.div(bump(s) * s.grad(u)), 1))
    model = nh.homogenize(problem)
    fine = nh.solve_fine(problem, 0.25, "skfem", mesh=64)
    assert "vary over" in found.coarse_reference(model, fine, 0.25, {})
    smooth = line(lambda s, u: sp.Eq(-s.div(wave(s) * s.grad(u)), 1))
    assert (
        found.coarse_reference(
            nh.homogenize(smooth), nh.solve_fine(smooth, 0.25, "skfem"), 0.25, {}
        )
        == ""
    )
