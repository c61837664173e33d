"""What is said of states that are not known as well as they were asked for."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh


def test_states_and_bounds_that_miss_the_tolerance_say_where_and_what_to_do() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    g = s.grad(u)
    flux = sp.exp(2 * sp.sin(2 * sp.pi * s.y[0])) * (1 + g[0] ** 2) * g
    model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u))
    with pytest.warns(nh.ToleranceWarning):
        law = nh.solve_law(model, "fourier", n=9, tolerance=1e-8)
    with pytest.warns(nh.ToleranceWarning) as told:
        law.bounds(grad=1.0)
    texts = [str(warning.message) for warning in told]
    places = [text.split(" at ")[0] for text in texts]
    assert places == ["the law", "the bounds on the energy"]
    assert all(" at grad = [[1.0]]" in text and "regularise" in text for text in texts)
