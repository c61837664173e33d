"""validate on a coefficient that jumps: nets per phase against finite elements, judged by the
enclosure of A*.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.validate.report import Verdict


def test_a_laminate_of_two_phases() -> None:
    """e4 of -(a u')' = 1 with a = 1 and 2, eps = 1/8, by the closed form: the flux is C - x."""
    s = nh.Scales(1)
    u, a = s.unknown("u"), nh.phases(nh.Scales(1), {nh.Layer(0, (0.25, 0.75)): 2}, default=1)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    report = nh.validate(problem, sp.Rational(1, 8), fem="skfem")
    x = np.linspace(0, 1, 2**17 + 1)
    middle = (x[1:] + x[:-1]) / 2
    rate = 1 / np.where(np.abs((8 * middle) % 1 - 0.5) < 0.25, 2.0, 1.0)
    steps = [np.append(0, np.cumsum(rate * f) / len(rate)) for f in (np.ones_like(middle), middle)]
    fine = steps[0] * (steps[1][-1] / steps[0][-1]) - steps[1]
    coarse = x * (1 - x) / 2 * 0.75
    assert report.errors["e4"] == pytest.approx(
        np.linalg.norm(coarse - fine) / np.linalg.norm(fine), rel=1e-3
    )
    assert report.errors["e1"] == pytest.approx(report.errors["e4"], rel=1e-4)
    assert report.verdict is Verdict.AGREEMENT


@pytest.mark.filterwarnings("ignore::nhpinn_sym.problem.errors.ToleranceWarning")
def test_a_disk_is_judged_by_its_enclosure() -> None:
    s = nh.Scales(2)
    u, a = s.unknown("u"), nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    report = nh.validate(
        problem,
        sp.Rational(1, 2),
        fem="skfem",
        per_period=16,
        tolerance=1e-3,
        pinn={"features": 800},
    )
    assert report.methods["oracle cells"] == "pinn: energy"
    assert report.budget["cell"] < 1e-4 < report.budget["homogenization"]
