"""Few points of a quadrature, with positive weights."""

from __future__ import annotations

import numpy as np
import pytest

from nhpinn_sym.runtime.cubature import few_points


@pytest.mark.parametrize(("points", "degree"), [(40, 3), (3000, 9), (7, 9)])
def test_sums_of_all_functions_are_kept(points: int, degree: int) -> None:
    """Polynomials at random points; where functions are as many as points all of these stay."""
    x = np.random.default_rng(3).uniform(-1, 1, points)
    weights = np.linspace(1, 2, points) / points
    functions = np.polynomial.legendre.legvander(x, degree)
    kept, own = few_points(functions, weights)
    assert len(np.unique(kept)) == len(kept) <= max(degree + 1, min(points, degree + 1))
    assert np.all(own > 0)
    assert own @ functions[kept] == pytest.approx(weights @ functions, abs=1e-13)
