"""Effective coefficients as functions of x: jumps, kinks and narrow features of the data in x are
seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh

S1 = nh.Scales(1)
X, Y = S1.x[0], S1.y[0]
WAVE = sp.sin(2 * sp.pi * Y)


def solved(a: sp.Expr) -> nh.CellSolution:
    u = S1.unknown("u")
    equation = sp.Eq(-S1.div(a * S1.grad(u)), 1)
    problem = nh.MultiscaleProblem(
        equation, scales=S1, unknown=u, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)]
    )
    return nh.solve_cells(nh.homogenize(problem), "fourier")


def error(cells: nh.CellSolution, mean: Callable[[np.ndarray], np.ndarray], around: float) -> float:
    """Of A* = sqrt(mean(x)^2 - 1), that of mean(x) + sin(2 pi y), at random points and near one."""
    random = np.random.default_rng(3)
    x = np.concatenate([random.random(200), around + random.uniform(-0.01, 0.01, 200)])
    return float(
        np.max(np.abs(cells.effective["A"](x[:, None])[:, 0, 0] - np.sqrt(mean(x) ** 2 - 1)))
    )


def test_a_bump_between_the_nodes_and_check_points_of_a_low_degree() -> None:
    cells = solved(3 + sp.exp(-(((X - sp.Rational(1, 3)) * 500) ** 2)) + WAVE)
    found = error(cells, lambda x: 3 + np.exp(-(((x - 1 / 3) * 500) ** 2)), 1 / 3)
    assert found < 1e-8
    assert found < 10 * cells.info["estimate"] * 4


@settings(max_examples=8)
@given(at=st.floats(0.05, 0.95), height=st.floats(0.1, 50))
def test_a_jump_in_x_is_a_cut(at: float, height: float) -> None:
    cells = solved(3 + height * sp.Heaviside(X - at, 1) + WAVE)
    assert np.min(np.abs(np.array(cells.nodes.cuts[0]) - at)) < 1e-12
    assert error(cells, lambda x: 3 + height * (x >= at), at) < 1e-8


def test_a_layer_in_x() -> None:
    cells = solved(3 + sp.tanh(2000 * (X - sp.Rational(1, 3))) + WAVE)
    assert error(cells, lambda x: 3 + np.tanh(2000 * (x - 1 / 3)), 1 / 3) < 1e-7


def test_what_needs_too_many_nodes_is_refused() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    bumps = [sp.exp(-(((x - sp.Rational(1, 3)) * 3000) ** 2)) for x in s.x]
    a = 3 + bumps[0] * bumps[1] + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.SolveError, match="too sharply with the slow variables"):
        nh.solve_cells(nh.homogenize(problem), "fourier")


def test_cut_nodes_are_saved(tmp_path: object) -> None:
    cells = solved(3 + sp.Heaviside(X - sp.Rational(1, 3), 1) + WAVE)
    again = nh.load(cells.save(f"{tmp_path}/cells.npz"))
    x = np.linspace(0, 1, 17)[:, None]
    assert again.nodes == cells.nodes
    assert np.allclose(again.effective["A"](x), cells.effective["A"](x), rtol=1e-14)


@pytest.mark.parametrize(("backend", "tolerance"), [("skfem", 1e-6), ("pinn", 1e-5)])
def test_layers_in_a_plane(backend: str, tolerance: float) -> None:
    """a = 2 + x2 + x1 sin(2 pi y1): the degree is found on a coarse mesh, or by a small layer, and
    nothing resolves y2."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + s.x[1] + s.x[0] * sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    cells = nh.solve_cells(nh.homogenize(problem), backend, tolerance=tolerance)
    x = np.random.default_rng(0).random((100, 2))
    across = np.sqrt((2 + x[:, 1]) ** 2 - x[:, 0] ** 2)
    exact = np.stack([across, 2 + x[:, 1]], axis=1)
    off = np.abs(np.diagonal(cells.effective["A"](x), axis1=1, axis2=2) - exact).max()
    assert off < 3 * cells.info["estimate"] <= 3 * tolerance
    assert len(cells.nodes.points) < 100
    first = cells.functions[0]
    fast = np.random.default_rng(1).random((100, 2))
    moved = fast + np.array([0, 0.3])
    assert np.allclose(first(fast, x), first(moved, x), atol=1e-12)
