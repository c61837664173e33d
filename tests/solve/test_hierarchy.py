"""The mean fields and the expansion of order n against exact fine solutions: Fourier collocation of
the whole torus, and closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse.linalg as sl
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.derivative_recovery import recover_derivatives
from tests.symbolic import C, S, derived
from tests.symbolic import problem as problem_of

Array = np.ndarray


class Torus(NamedTuple):
    """-div(a grad u) + u + r u/eps = f on the torus; a, r, f take (x, y)."""

    a: Callable[..., Any]
    f: Callable[..., Any]
    r: Callable[..., Any] = lambda x, y: sp.Integer(0)
    dim: int = 1

    def model(self, order: int) -> nh.HomogenizedModel:
        def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
            return sp.Eq(
                -s.div(self.a(s.x, s.y) * s.grad(u)) + u + self.r(s.x, s.y) * u / s.eps,
                self.f(s.x, s.y),
            )

        return derived(
            build,
            self.dim,
            order=order,
            domain=nh.Box(*[(0, 1)] * self.dim),
            boundary=[nh.Periodic()],
        )

    def fine(self, eps: float, per_period: int = 32) -> tuple[Array, Array]:
        """(points, u_eps) by Fourier collocation with an odd number of points per axis."""
        x, y = (sp.symbols(f"{v}1:{self.dim + 1}") for v in "xy")
        n = int(per_period / eps) | 1
        grid = np.stack(np.meshgrid(*[np.arange(n) / n] * self.dim, indexing="ij"))
        a, r, f = (
            np.broadcast_to(sp.lambdify([*x, *y], g(x, y))(*grid, *grid / eps), grid[0].shape)
            for g in (self.a, self.r, self.f)
        )
        waves = [
            2j
            * np.pi
            * np.fft.fftfreq(n, 1 / n).reshape([-1 if k == axis else 1 for k in range(self.dim)])
            for axis in range(self.dim)
        ]

        def apply(v: Array) -> Array:
            u = v.reshape(f.shape)
            hat = np.fft.fftn(u)
            fluxes = [q * np.fft.fftn(a * np.fft.ifftn(q * hat).real) for q in waves]
            return ((1 + r / eps) * u - np.fft.ifftn(sum(fluxes)).real).ravel()

        def precondition(v: Array) -> Array:
            return np.fft.ifftn(
                np.fft.fftn(v.reshape(f.shape)) / (1 - a.mean() * sum(q**2 for q in waves).real)
            ).real.ravel()

        size = (f.size, f.size)
        u, failed = sl.gmres(
            sl.LinearOperator(size, apply),
            f.ravel(),
            M=sl.LinearOperator(size, precondition),
            rtol=1e-9,
            restart=100,
            maxiter=20,
        )
        assert not failed
        return grid.reshape(self.dim, -1).T, u


CASES = {
    "elliptic": Torus(
        lambda x, y: 2 + S(y[0]) + C(2 * y[0]) / 2, lambda x, y: S(x[0]) + C(2 * x[0]) / 3
    ),
    "reaction": Torus(
        lambda x, y: 2 + S(y[0]),
        lambda x, y: S(x[0]) + C(2 * x[0]) / 3,
        lambda x, y: 2 * (C(y[0]) + C(2 * y[0])),
    ),
    "oscillating source": Torus(lambda x, y: 2 + S(y[0]), lambda x, y: S(x[0]) * (1 + C(y[0]))),
    "locally periodic": Torus(
        lambda x, y: 2 + C(x[0]) / 2 + S(y[0]),
        lambda x, y: S(x[0]),
        lambda x, y: 2 * (C(y[0]) + C(2 * y[0])),
    ),
}


@cache
def fine(case: Torus, eps: float) -> tuple[Array, Array]:
    return case.fine(eps)


@cache
def model_and_cells(name: str) -> tuple[nh.HomogenizedModel, nh.CellSolution]:
    model = CASES[name].model(2)
    return model, nh.solve_cells(model)


def errors(
    case: Torus, field: nh.MeanField, cells: nh.CellSolution, periods: tuple[float, ...]
) -> Array:
    """(len(periods), order + 1): largest errors of the expansions cut at each order."""
    rows = []
    for eps in periods:
        points, exact = fine(case, eps)
        cuts = [
            nh.reconstruct(nh.MeanField(field.fields[: n + 1]), cells, eps)(points)
            for n in range(field.order + 1)
        ]
        rows.append([np.abs(u - exact).max() for u in cuts])
    return np.array(rows)


def rates(table: Array) -> Array:
    return np.log2(table[:-1] / table[1:])


@pytest.mark.parametrize("backend", ["pinn", "skfem", "dolfinx"])
@pytest.mark.parametrize("name", CASES)
def test_the_expansion_of_order_n_converges_at_rate_n_plus_1(name: str, backend: str) -> None:
    model, cells = model_and_cells(name)
    field = nh.solve_hierarchy(model, cells, backend)
    table = errors(CASES[name], field, cells, (1 / 8, 1 / 16, 1 / 32))
    assert rates(table)[-1] == pytest.approx([1, 2, 3], abs=0.35)
    assert table[-1, 2] < 2e-6


def test_the_first_mean_field_is_needed_for_rate_two() -> None:
    case = CASES["oscillating source"]
    model = case.model(1)
    cells = nh.solve_cells(model, hierarchy=True)
    field = nh.solve_hierarchy(model, cells, "skfem")
    assert "finite elements" in field.fields[1].method
    without, complete = [], []
    for eps in (1 / 8, 1 / 16):
        points, exact = fine(case, eps)
        without.append(np.abs(nh.reconstruct(field.fields[0], cells, eps)(points) - exact).max())
        complete.append(np.abs(nh.reconstruct(field, cells, eps)(points) - exact).max())
    assert without[1] > 3 * complete[1]
    assert rates(np.array(complete))[0] == pytest.approx(2, abs=0.1)


def test_two_dimensions_with_finite_elements() -> None:
    case = Torus(
        lambda x, y: 2 + S(y[0]) * C(y[1]) + C(y[0]) / 2,
        lambda x, y: S(x[0]) * C(x[1]) + C(x[0]) / 3,
        dim=2,
    )
    model = case.model(2)
    cells = nh.solve_cells(model)
    field = nh.solve_hierarchy(model, cells, "skfem", tolerance=5e-6)
    assert [u.method for u in field.fields][1] == "zero data"
    table = errors(case, field, cells, (1 / 2, 1 / 4))
    assert np.all(np.diff(table, axis=1) < 0)
    assert rates(table)[0, 2] > 2.5


def test_a_dirichlet_problem_whose_corrector_vanishes_on_the_boundary() -> None:
    """-( u' / (2 + cos 2 pi y) )' = 1: U_1 = 0, N(0) = 0, and the error of u0 + eps N u0' is of
    order eps^2.
    """
    model = derived(
        lambda s, u: sp.Eq(-s.div(s.grad(u) / (2 + C(s.y[0]))), 1),
        order=1,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    cells = nh.solve_cells(model, hierarchy=True)
    field = nh.solve_hierarchy(model, cells, "skfem")
    x = np.linspace(0.0312, 0.9734, 41)
    assert np.array_equal(field.fields[1](x[:, None]), np.zeros(41))
    found = []
    for eps in (1 / 8, 1 / 16):
        w = 2 * np.pi / eps
        exact = (
            (2 * x + np.sin(w * x) / w) / 2
            - x**2
            - (x * np.sin(w * x) / w + (np.cos(w * x) - 1) / w**2)
        )
        found.append(np.abs(nh.reconstruct(field, cells, eps)(x[:, None]) - exact).max())
    assert rates(np.array(found))[0] == pytest.approx(2, abs=0.1)


@pytest.fixture(scope="module")
def solved() -> tuple[nh.MeanField, nh.CellSolution]:
    model = CASES["reaction"].model(2)
    cells = nh.solve_cells(model)
    return nh.solve_hierarchy(model, cells, "skfem"), cells


def test_total_and_derivatives_are_consistent(solved: tuple[nh.MeanField, nh.CellSolution]) -> None:
    field, cells = solved
    points, h, eps = np.linspace(0.1, 0.9, 37)[:, None], 1e-5, 1 / 8
    assert field.total(eps)(points) == pytest.approx(
        sum(eps**k * u(points) for k, u in enumerate(field.fields))
    )
    for u in (field.total(eps), nh.reconstruct(field, cells, eps)):
        numerical = (u(points + h) - u(points - h)) / (2 * h)
        assert u.derivative(points, (1,)) == pytest.approx(numerical, abs=2e-6)
    with pytest.raises(nh.UnsupportedError, match="second derivative"):
        nh.reconstruct(field, cells, eps).derivative(points, (2,))


def test_the_table_of_mean_fields(solved: tuple[nh.MeanField, nh.CellSolution]) -> None:
    lines = str(solved[0]).splitlines()
    assert [line.split()[0] for line in lines] == ["field", "U_0", "U_1", "U_2"]
    assert "P2 finite elements" in lines[1]


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("dim", [1, 2])
def test_derivatives_of_the_global_fit_against_closed_forms(dim: int, periodic: bool) -> None:
    """-Laplace u + u = f with u = exp(sin cos) or exp(x) sin(pi x) sin(2 pi y)."""
    x = sp.symbols(f"x1:{dim + 1}", real=True)
    if periodic:
        exact = sp.exp(S(x[0]) * (C(x[1]) if dim > 1 else 1))
    else:
        exact = sp.exp(x[0]) * sp.sin(sp.pi * x[0]) * (sp.sin(2 * sp.pi * x[1]) if dim > 1 else 1)
    force = exact - sum(sp.diff(exact, v, 2) for v in x)
    model = derived(
        lambda s, u: sp.Eq(-s.laplacian(u) + u, force.subs(dict(zip(x, s.x)))),
        dim,
        domain=nh.Box(*[(0, 1)] * dim),
        boundary=[nh.Periodic() if periodic else nh.Dirichlet(0)],
    )
    u0 = nh.solve_homogenized(
        model, nh.solve_cells(model), "skfem", tolerance=1e-7 if dim == 1 else 2e-6
    )
    u0 = recover_derivatives(u0, tuple(range(dim)) if periodic else ())
    points = np.random.default_rng(0).random((200, dim))
    for order, bound in ((1, 1e-6), (2, 1e-6), (3, 1e-5), (4, 1e-4)):
        index = (order,) if dim == 1 else (order - order // 2, order // 2)
        expr = exact
        for v, n in zip(x, index):
            expr = sp.diff(expr, v, n)
        values = sp.lambdify(x, expr)(*points.T)
        assert np.abs(u0.derivative(points, index) - values).max() < bound * np.abs(values).max()


def test_a_solution_with_singular_corners_is_not_fitted_in_silence() -> None:
    model = derived(
        lambda s, u: sp.Eq(-s.laplacian(u), 1),
        2,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), "skfem", tolerance=1e-5)
    with pytest.warns(nh.ToleranceWarning, match="not smooth"):
        recover_derivatives(u0, ())


def test_refusals(solved: tuple[nh.MeanField, nh.CellSolution]) -> None:
    field, _ = solved
    heat = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 1),
        time=True,
        order=2,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=1,
    )
    with pytest.raises(nh.UnsupportedError, match="time-dependent"):
        nh.solve_hierarchy(heat, nh.solve_cells(heat), "skfem")
    plain = CASES["reaction"].model(2)
    cells = nh.solve_cells(plain, hierarchy=False)
    with pytest.raises(nh.SolveError, match="effective coefficient"):
        nh.solve_hierarchy(plain, cells, "skfem")
    with pytest.raises(nh.ProblemError, match="order 1"):
        nh.reconstruct(field, cells, 1 / 8)
    with pytest.raises(nh.ProblemError, match="cells"):
        nh.reconstruct(field, plain, 1 / 8)  # type: ignore[arg-type]
    with pytest.raises(nh.ProblemError, match="positive"):
        field.total(0)
    with pytest.raises(nh.ProblemError, match="HomogenizedModel"):
        nh.solve_hierarchy(problem_of(lambda s, u: sp.Eq(-s.laplacian(u), 1)), cells)  # type: ignore[arg-type]


def test_reconstructions_that_need_more_than_x_over_eps_are_refused(
    solved: tuple[nh.MeanField, nh.CellSolution],
) -> None:
    u0 = solved[0].fields[0]
    with pytest.raises(nh.UnsupportedError, match="tau"):
        fast = derived(
            lambda s, u: sp.Eq(s.dt(u) - s.div((2 + S(s.y[0] - s.tau)) * s.grad(u)), 0),
            time=True,
            fast_time=2,
        )
        nh.reconstruct(u0, nh.solve_cells(fast), 1 / 8)
