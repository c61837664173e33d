"""Boundary layers of expansions: against the closed form in 1D, by their order in 2D, and what has
none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.reconstruct import layered
from nhpinn_sym.validate.quadrature import resolving, value_and_gradient

PI = np.pi


def diffusion(dim: int, *boundary: Any, time: bool = False) -> nh.MultiscaleProblem:
    s = nh.Scales(dim, time=time)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * (sp.cos(2 * sp.pi * s.y[1]) if dim > 1 else 1)
    rate = s.dt(u) if time else 0
    more = {"initial": [nh.Initial(0)], "final_time": 0.1} if time else {}
    return nh.MultiscaleProblem(
        sp.Eq(rate - s.div(a * s.grad(u)), sp.cos(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box(*[(0, 1)] * dim),
        boundary=list(boundary) or [nh.Dirichlet(s.x[0])],
        **more,
    )


def solved(problem: nh.MultiscaleProblem) -> tuple[nh.CellSolution, Any]:
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    return cells, nh.solve_homogenized(model, cells, "skfem", tolerance=1e-6)


def integral(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(x))])


def errors(problem: nh.MultiscaleProblem, eps: float, layers: bool, per_period: int) -> Any:
    """(L2, H1) of the expansion against the fine solution."""
    cells, u0 = solved(problem)
    fine = nh.solve_fine(problem, eps, "skfem", per_period=per_period)
    kept = {"boundary_layers": problem, "per_period": per_period} if layers else {}
    found = nh.reconstruct(u0, cells, eps, **kept)
    rule = resolving(problem.domain, (1 / eps,) * problem.domain.dim)
    exact = value_and_gradient(fine, rule.points)
    own = value_and_gradient(found, rule.points)
    return [rule.relative(mine - one, one) for mine, one in zip(own, exact)]


def test_in_1d_the_layer_is_a_constant_flux() -> None:
    """theta = c + k int 1/a, which takes back eps N u0' at both ends; -(a u')' = cos x by hand."""
    problem = diffusion(1)
    cells, u0 = solved(problem)
    x = np.linspace(0, 1, 100001)
    found_at = {}
    for eps in (0.3, 0.15):
        inverse = 1 / (2 + np.sin(2 * PI * x / eps))
        flux = np.sin(x)
        k = (1 + integral(x, flux * inverse)[-1]) / integral(x, inverse)[-1]
        exact = integral(x, (k - flux) * inverse)
        points = x[::50, None]
        plain = nh.reconstruct(u0, cells, eps)
        found = nh.reconstruct(u0, cells, eps, boundary_layers=problem)
        gap = np.array([0.0, 1.0]) - plain(np.array([[0.0], [1.0]]))
        theta = gap[0] + (gap[1] - gap[0]) * integral(x, inverse)[::50] / integral(x, inverse)[-1]
        assert np.abs(found(points) - plain(points) - theta).max() < 1e-6
        assert found(np.array([[0.0], [1.0]])) == pytest.approx([0, 1], abs=1e-9)
        value, slope = found.evaluate(points, [(0,), (1,)])
        other = (k - np.sin(points[:, 0])) * inverse[::50]
        found_at[eps] = [
            np.linalg.norm(value - exact[::50]),
            np.linalg.norm(slope - other),
            np.linalg.norm(plain(points) - exact[::50]),
        ]
    ratios = np.divide(found_at[0.3], found_at[0.15])
    assert ratios[0] == pytest.approx(4, rel=0.1) and ratios[1] == pytest.approx(2, rel=0.1)
    assert found_at[0.15][0] < found_at[0.15][2] / 10


def test_in_2d_with_layers_the_error_is_of_first_order_in_h1() -> None:
    """Measured from eps = 1/4 to 1/8: in H1 0.54 without and 0.88 with layers, in L2 1.88."""
    problem = diffusion(2, nh.Dirichlet(0))
    coarse = errors(problem, 1 / 2, True, 10)
    l2, h1 = errors(problem, 1 / 4, True, 10)
    bare_l2, bare_h1 = errors(problem, 1 / 4, False, 10)
    assert h1 < bare_h1 / 1.8 and l2 < bare_l2 / 2
    assert coarse[1] / h1 > 2**0.7 and coarse[0] / l2 > 2**1.5


def test_components_have_layers_of_their_own() -> None:
    """Two equations that are not coupled: each has the layer of its own."""
    s = nh.Scales(1)
    v = s.unknown("v", components=2)
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    flux = sp.diag(a, 3 * a) * v.diff(s.x[0])
    both = nh.MultiscaleProblem(
        (-flux.diff(s.x[0]), sp.Matrix([sp.cos(s.x[0]), 0])),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(sp.Matrix([s.x[0], 1 + s.x[0]]))],
    )
    cells, u0 = solved(both)
    found = nh.reconstruct(u0, cells, 0.3, boundary_layers=both)
    alone = diffusion(1)
    single_cells, single = solved(alone)
    expected = nh.reconstruct(single, single_cells, 0.3, boundary_layers=alone)
    x = np.linspace(0, 1, 41)[:, None]
    assert found(x)[:, 0] == pytest.approx(expected(x), abs=1e-6)
    assert found(x)[[0, -1], 1] == pytest.approx([1, 2], abs=1e-9)


def test_in_time_the_expansion_with_its_layer_meets_the_walls_at_every_time() -> None:
    """theta = c + k int 1/a at each time, with the data and the coefficient a(x/eps) + t x of that
    time, whatever the expansion is.
    """
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div((a + s.t * s.x[0]) * s.grad(u)), sp.cos(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(sp.sin(9 * s.t), on="left"), nh.Dirichlet(1, on="right")],
        initial=[nh.Initial(s.x[0])],
        final_time=0.1,
    )
    other = nh.homogenize(diffusion(1, time=True))
    cells = nh.solve_cells(other, "fourier")
    u0 = nh.solve_homogenized(other, cells, "skfem", mesh=32)
    x = np.linspace(0, 1, 2001)
    points = x[:, None]
    eps = 0.3
    plain = nh.reconstruct(u0, cells, eps)
    found = layered(plain, problem, eps, None, None, None)
    for t in (0.03, 0.1):
        inverse = 1 / (2 + np.sin(2 * PI * x / eps) + t * x)
        gap = np.array([np.sin(9 * t), 1.0]) - plain(np.array([[0.0], [1.0]]), t)
        theta = gap[0] + (gap[1] - gap[0]) * integral(x, inverse) / integral(x, inverse)[-1]
        assert np.abs(found(points, t) - plain(points, t) - theta).max() < 1e-6
    assert np.array_equal(found(points), found(points, 0.1))


def test_of_a_complex_problem() -> None:
    """theta = c + k int 1/a with a complex a."""
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.sin(2 * sp.pi * s.y[0]) + sp.I) * s.grad(u)), sp.cos(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(s.x[0])],
    )
    cells, u0 = solved(problem)
    x = np.linspace(0, 1, 2001)
    inverse = 1 / (2 + np.sin(2 * PI * x / 0.3) + 1j)
    plain = nh.reconstruct(u0, cells, 0.3)
    found = nh.reconstruct(u0, cells, 0.3, boundary_layers=problem)
    gap = np.array([0.0, 1.0]) - plain(np.array([[0.0], [1.0]]))
    theta = gap[0] + (gap[1] - gap[0]) * integral(x, inverse) / integral(x, inverse)[-1]
    assert np.abs(found(x[:, None]) - plain(x[:, None]) - theta).max() < 1e-6


def test_natural_conditions_in_1d_have_a_constant_flux() -> None:
    """theta = c + k int 1/a with u = 0 on the left, and a u' + 2 u = 1 on the right, where the flux
    of the expansion is A u0', A = sqrt 3."""
    problem = diffusion(1, nh.Dirichlet(0, on="left"), nh.Robin(2, 1, on="right"))
    cells, u0 = solved(problem)
    plain = nh.reconstruct(u0, cells, 0.3)
    found = nh.reconstruct(u0, cells, 0.3, boundary_layers=problem)
    x = np.linspace(0, 1, 20001)
    a = 2 + np.sin(2 * PI * x / 0.3)
    ends = plain(np.array([[0.0], [1.0]]))
    gap = 1 - np.sqrt(3) * u0.derivative(np.array([[1.0]]), (1,))[0] - 2 * ends[1]
    through = integral(x, 1 / a)
    slope = (gap + 2 * ends[0]) / (1 + 2 * through[-1])
    theta = slope * through - ends[0]
    assert np.abs(found(x[:, None]) - plain(x[:, None]) - theta).max() < 1e-6


def test_natural_conditions_in_2d() -> None:
    """Robin on the right, Neumann below and above: of first order in H1, and without layers less."""
    x = nh.Scales(2).x
    problem = diffusion(
        2,
        nh.Dirichlet(x[0], on="left"),
        nh.Robin(1, x[1], on="right"),
        nh.Neumann(sp.sin(x[0]), on="rest"),
    )
    bare = errors(problem, 1 / 3.3, False, 12)
    layered = errors(problem, 1 / 3.3, True, 12)
    assert layered[0] < bare[0] / 5 and layered[1] < bare[1] / 5


def test_an_open_mean_has_no_layer() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.cos(sp.pi * s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann(0)],
    )
    cells, u0 = solved(problem)
    with pytest.raises(nh.UnsupportedError, match="holds the mean"):
        nh.reconstruct(u0, cells, 0.3, boundary_layers=problem)


def against(exact: Any, found: Any, x: np.ndarray) -> np.ndarray:
    """Relative errors of values and slopes."""
    own = found.evaluate(x[:, None], [(0,), (1,)])
    return np.array([np.linalg.norm(p - q) / np.linalg.norm(q) for p, q in zip(own, exact)])


def test_natural_conditions_in_time() -> None:
    """A flux on the right, Robin's condition on the left; the layer evolves with what comes in."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(a * s.grad(u)), sp.cos(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Robin(3, sp.exp(-s.t), on="left"), nh.Dirichlet(s.t, on="right")],
        initial=[nh.Initial(0)],
        final_time=0.1,
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=128, steps=128)
    fine = nh.solve_fine(problem, 0.13, "skfem", per_period=24)
    x = np.linspace(0.01, 0.99, 301)
    exact = fine.evaluate(x[:, None], [(0,), (1,)])
    plain = against(exact, nh.reconstruct(u0, cells, 0.13), x)
    found = nh.reconstruct(u0, cells, 0.13, boundary_layers=problem, per_period=24)
    layered = against(exact, found, x)
    assert layered[0] < plain[0] / 4 and layered[1] < plain[1]
    assert found(np.array([[1.0]]), 0.07) == pytest.approx([0.07], abs=1e-5)


def test_waves_against_d_alembert() -> None:
    """u_tt/a = (a u_x)_x has no reflections: u = f(t - int 1/a), with f = 16 t^4 sent in at the
    left. The layer evolves: of second order in L2 and first in H1, while waves of the period that
    start with the expansion stay."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) / a - s.div(a * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(16 * s.t**4, on="left"), nh.Dirichlet(0, on="right")],
        initial=[nh.Initial(0), nh.Initial(0, order=1)],
        final_time=0.5,
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=64, steps=64)
    y = np.linspace(0, 1, 20001)
    x = y[20:-20:40]
    errors = []
    for eps in (0.4, 0.2):
        inverse = 1 / (2 + np.sin(2 * PI * y / eps))
        left = np.maximum(0.5 - integral(y, inverse), 0)[20:-20:40]
        exact = 16 * left**4, -64 * left**3 * inverse[20:-20:40]
        found = nh.reconstruct(u0, cells, eps, boundary_layers=problem, per_period=16)
        errors.append(against(exact, found, x))
    assert against(exact, nh.reconstruct(u0, cells, eps), x)[0] > 10 * errors[1][0]
    assert np.all(errors[0] > np.array([3, 1.7]) * errors[1])
    assert found(np.array([[0.0], [1.0]]), 0.3) == pytest.approx([16 * 0.3**4, 0], abs=1e-6)


def test_ground_states() -> None:
    """The walls are met at any time; beside phi v, which the exponential multiplies."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u) + 20 * sp.cos(2 * sp.pi * s.y[0]) * u / s.eps**2, 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=0.05,
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    u0 = nh.solve_homogenized(model, cells, "skfem", mesh=32, steps=32)
    eps = 0.23
    fine = nh.solve_fine(problem, eps, "skfem", per_period=24)
    x = np.linspace(0.01, 0.99, 301)
    exact = fine.evaluate(x[:, None], [(0,), (1,)])
    found = nh.reconstruct(u0, cells, eps, boundary_layers=problem, per_period=24)
    plain = nh.reconstruct(u0, cells, eps)
    ends = np.array([[0.0], [1.0]])
    assert np.abs(found(ends)).max() < 1e-9 < np.abs(plain(ends)).max()
    assert against(exact, found, x)[1] < against(exact, plain, x)[1] / 2


def test_the_layer_of_another_problem() -> None:
    cells, u0 = solved(diffusion(1))
    for other in (diffusion(2), "problem"):
        with pytest.raises(nh.ProblemError, match="the problem that was homogenized"):
            nh.reconstruct(u0, cells, 0.3, boundary_layers=other)  # type: ignore[arg-type]
