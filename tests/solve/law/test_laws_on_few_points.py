"""Laws of disks at the points of a macroscopic problem: from few points of the cell, against states
that are solved in full.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.law.macro_law import MacroLaw

TOLERANCE = 2e-3


def model(kind: str) -> nh.NonlinearModel:
    """Disks of contrast 10."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    turned = sp.Matrix([-g[1], g[0]])
    left = {
        "potential": -s.div(a * (1 + g.dot(g)) * g),
        "reaction": -s.div(a * (1 + g.dot(g)) * g + u**2 * turned) + a * u**3,
    }[kind]
    return nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(left, 1), scales=s, unknown=u, ranges={u: (-1, 1)})
    )


@pytest.mark.parametrize("kind", ["potential", "reaction"])
def test_few_points_give_the_law_of_all(kind: str) -> None:
    law = nh.solve_law(model(kind), "skfem", tolerance=TOLERANCE)
    random = np.random.default_rng(5)
    slopes = random.uniform(-1, 1, (1, 2, 60))
    values = random.uniform(-1, 1, (1, 60))
    macro = MacroLaw(law)
    while True:
        arrays = macro(np.zeros((2, 60)), 0.0, values, slopes)
        if not macro.grown():
            break
    assert macro.reduced is not None
    assert macro.basis is not None
    assert macro.reduced.q < macro.basis.points.shape[1] / 4
    assert macro.error < TOLERANCE
    few = slice(20, 21)
    grad, u = slopes[0, :, few].T, values[0, few]
    size = np.abs(arrays["flux"]).max()
    assert pytest.approx(law.flux(grad, u=u), abs=TOLERANCE * size) == arrays["flux"][0, :, few].T
    exact = law.tangent(grad, u=u)
    found = np.moveaxis(arrays["flux_p"][0, :, 0, :, few], -1, 0)
    assert found == pytest.approx(exact, abs=TOLERANCE * np.abs(exact).max())
    if kind == "potential":  # a Hessian of a convex function
        whole = np.moveaxis(arrays["flux_p"][0, :, 0], -1, 0)
        assert np.abs(whole - np.swapaxes(whole, 1, 2)).max() < 1e-12 * np.abs(whole).max()
        assert np.linalg.eigvalsh(whole).min() > 0
    else:
        loss = TOLERANCE * np.abs(arrays["reaction"]).max()
        assert arrays["reaction"][0, few] == pytest.approx(law.reaction(u=u) - 1, abs=loss)


def test_a_law_that_begins_without_slopes_grows() -> None:
    """As where a problem in time starts from a constant: no mode is there to choose points for."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    wave = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    equation = sp.Eq(-s.div(wave * (1 + g.dot(g)) * g), 1)
    law = nh.solve_law(nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u)), n=15)
    macro = MacroLaw(law)
    slopes = np.zeros((1, 2, 20))
    assert np.abs(macro(np.zeros((2, 20)), 0.0, np.zeros((1, 20)), slopes)["flux"]).max() < 1e-12
    slopes[0] = np.random.default_rng(5).uniform(-1, 1, (2, 20))
    macro.solved(np.zeros((2, 20)), 0.0, np.zeros((1, 20)), slopes)
    found = macro(np.zeros((2, 20)), 0.0, np.zeros((1, 20)), slopes)["flux"][0].T
    assert found == pytest.approx(law.flux(slopes[0].T), abs=1e-4)
