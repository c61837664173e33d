"""Walls of a square, systems, time, and what natural conditions refuse; see test_walls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray
from scipy.linalg import solve_banded

import nhpinn_sym as nh
from nhpinn_sym.emit.emit import emit
from nhpinn_sym.lower.equation import lower_homogenized
from nhpinn_sym.lower.walls import WALL, WEIGHT
from nhpinn_sym.solve.walls import settle_walls

from .spectral_elements import assemble

Array = NDArray[np.float64]
UNIT = nh.Box((0, 1), (0, 1))


def C(v: Any) -> Any:
    return sp.cos(2 * sp.pi * v)


def S(v: Any) -> Any:
    return sp.sin(2 * sp.pi * v)


def lines(eps: float) -> Array:
    return np.unique(np.append(np.arange(0, 1, eps / 2), 1.0))


def square(
    equation: Callable[..., Any], boundary: list[Any], dim: int = 2, **more: Any
) -> nh.HomogenizedModel:
    s = nh.Scales(dim, time="final_time" in more)
    u = s.unknown("u")
    domain = nh.Box(*[(0, 1)] * dim)
    return nh.homogenize(
        nh.MultiscaleProblem(
            equation(s, u), scales=s, unknown=u, domain=domain, boundary=boundary, **more
        )
    )


SIDES = [nh.Dirichlet(0, on=["left", "right"])]
FREE = [nh.Robin(1, 2, on="bottom"), nh.Neumann(1, on="top")]
DATA = {(0, 0): ("u", 0.0), (0, 1): ("u", 0.0), (1, 0): ("q", 1.0, 2.0), (1, 1): ("q", 0.0, 1.0)}


def difference(model: nh.HomogenizedModel, eps: float, a: Any, b: Any, c: Any, f: Any) -> float:
    """The relative L2 error of u0, by the nodes of the reference."""
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), "skfem", eps=eps, mesh=(24, 24))
    system = assemble([lines(eps)] * 2, [a], b, {} if c is None else {(0, 0): c}, [f], DATA)
    fine = system.solve()[:, 0]
    return float(np.linalg.norm(u0(system.nodes) - fine) / np.linalg.norm(fine))


def test_a_flow_along_the_walls() -> None:
    """-lap u + 8 cos(2 pi (y2 + .1)) d_1 u / eps = 1: the limit condition is oblique."""
    model = square(
        lambda s, u: sp.Eq(
            -s.laplacian(u) + 8 * C(s.y[1] + sp.Rational(1, 10)) * u.diff(s.x[0]) / s.eps, 1
        ),
        [*SIDES, *FREE],
    )
    (bottom,) = (n for n in lower_homogenized(model).natural if n.parts == ("bottom",))
    assert [t.right for t in bottom.terms] == [(1, 0)]

    def drift(eps: float) -> Callable[[Array], Array]:
        return lambda x: np.stack(
            [8 * np.cos(2 * np.pi * (x[:, 1] / eps + 0.1)) / eps, 0 * x[:, 1]], axis=1
        )

    ones = lambda x: np.ones(len(x))  # noqa: E731
    first, second = (
        difference(model, eps, ones, drift(eps), None, ones) for eps in (1 / 2.2, 1 / 4.2)
    )
    assert second < 0.65 * first < 0.3


def test_a_source_a_reaction_and_a_gradient_drift() -> None:
    """b = grad cos(2 pi y1) cos(2 pi y2): n . B = 0 everywhere; <psi f> = 0 by symmetry."""

    def equation(s: nh.Scales, u: Any) -> Any:
        slope = sp.Matrix([-2 * sp.pi * S(s.y[0]) * C(s.y[1]), -2 * sp.pi * C(s.y[0]) * S(s.y[1])])
        drift = slope.dot(s.grad(u)) / s.eps
        return sp.Eq(-s.laplacian(u) + drift, 1 + 20 * S(s.y[1]) / s.eps)

    model = square(equation, [*SIDES, *FREE])
    assert {e.name for e in lower_homogenized(model).externals} == {"A", WALL, WEIGHT}

    def drift(eps: float) -> Callable[[Array], Array]:
        def values(x: Array) -> Array:
            y = 2 * np.pi * x.T / eps
            slopes = [-np.sin(y[0]) * np.cos(y[1]), -np.cos(y[0]) * np.sin(y[1])]
            return 2 * np.pi / eps * np.stack(slopes, axis=1)

        return values

    def source(eps: float) -> Callable[[Array], Array]:
        return lambda x: 1 + 20 * np.sin(2 * np.pi * x[:, 1] / eps) / eps

    ones = lambda x: np.ones(len(x))  # noqa: E731
    first, second = (
        difference(model, eps, ones, drift(eps), None, source(eps)) for eps in (1 / 2.2, 1 / 4.2)
    )
    assert second < 0.65 * first < 0.3


def test_a_reaction_in_the_square() -> None:
    def equation(s: nh.Scales, u: Any) -> Any:
        a, r = 2 + C(s.y[0]) * C(s.y[1]), 10 * C(s.y[1] + sp.Rational(1, 10))
        return sp.Eq(
            -s.div(a * s.grad(u)) + r * u / s.eps,
            1 + 10 * S(s.y[0] + s.y[1]) / s.eps + 10 * S(s.y[1]) / s.eps,
        )

    def y(x: Array, eps: float) -> Array:
        return 2 * np.pi * x.T / eps

    def one(eps: float) -> float:
        return difference(
            model,
            eps,
            lambda x: 2 + np.cos(y(x, eps)[0]) * np.cos(y(x, eps)[1]),
            None,
            lambda x: 10 * np.cos(y(x, eps)[1] + 0.2 * np.pi) / eps,
            lambda x: 1 + 10 * (np.sin(y(x, eps)[0] + y(x, eps)[1]) + np.sin(y(x, eps)[1])) / eps,
        )

    model = square(equation, [*SIDES, *FREE])
    first, second = one(1 / 2.2), one(1 / 4.2)
    assert second < 0.65 * first < 0.3


def test_a_coupled_system() -> None:
    """-u_i'' + sum_j r_ij(y) u_j / eps + u_i = f_i + h_i / eps."""
    s = nh.Scales(1)
    v = s.unknown("v", components=2)
    y = s.y[0]
    r = sp.Matrix([[0, 6 * S(y)], [4 * C(y), 3 * S(y)]]) / s.eps
    rhs = sp.Matrix([1 + 5 * C(y) / s.eps, s.x[0]])
    problem = nh.MultiscaleProblem(
        (-s.div(s.grad(v)) + r * v + v, rhs),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 1)),
        boundary=[
            nh.Robin(1, sp.Matrix([2, 2]), on="left"),
            nh.Neumann(sp.Matrix([1, 1]), on="right"),
        ],
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)

    def one(eps: float) -> float:
        def at(wave: Any, size: float, shift: float = 0.0) -> Callable[[Array], Array]:
            return lambda x: size * wave(2 * np.pi * x[:, 0] / eps) / eps + shift

        c = {
            (0, 0): at(np.sin, 0, 1),
            (0, 1): at(np.sin, 6),
            (1, 0): at(np.cos, 4),
            (1, 1): at(np.sin, 3, 1),
        }
        ones = lambda x: np.ones(len(x))  # noqa: E731
        system = assemble(
            [lines(eps)],
            [ones, ones],
            None,
            c,
            [at(np.cos, 5, 1), lambda x: x[:, 0]],
            {(0, 0): ("q", 1.0, 2.0), (0, 1): ("q", 0.0, 1.0)},
        )
        u0 = nh.solve_homogenized(model, cells, "skfem", eps=eps, mesh=48)
        fine = system.solve()
        return float(np.abs(u0(system.nodes) - fine).max() / np.abs(fine).max())

    first, second = one(1 / 8.3), one(1 / 16.3)
    assert second < 0.6 * first < 0.1


@pytest.mark.parametrize("cells", ["fourier", "skfem"])
def test_a_system_with_kernels(cells: str) -> None:
    """Two drifts and a coupling of order 1/eps: psi^p has two components, which weigh the data of
    both.
    """
    s = nh.Scales(1)
    v = s.unknown("v", components=2)
    y, x = s.y[0], s.x[0]
    drift = sp.Matrix([6 * C(y) * v[k].diff(x) for k in (0, 1)]) / s.eps
    coupling = sp.Matrix([[0, 8 * C(y)], [5 * C(y), 0]]) / s.eps * v
    problem = nh.MultiscaleProblem(
        (-s.div(2 * s.grad(v)) + drift + coupling + 20 * v, sp.Matrix([1 + 10 * C(y) / s.eps, x])),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 1)),
        boundary=[
            nh.Robin(1, sp.Matrix([2, 2]), on="left"),
            nh.Neumann(sp.Matrix([1, 1]), on="right"),
        ],
    )
    model = nh.homogenize(problem)
    solved = nh.solve_cells(model, cells)

    def one(eps: float) -> float:
        def wave(x: Array) -> Array:
            return np.cos(2 * np.pi * x[:, 0] / eps) / eps

        def twenty(x: Array) -> Array:
            return np.full(len(x), 20.0)

        c = {
            (0, 0): twenty,
            (1, 1): twenty,
            (0, 1): lambda x: 8 * wave(x),
            (1, 0): lambda x: 5 * wave(x),
        }
        system = assemble(
            [lines(eps)],
            [lambda x: np.full(len(x), 2.0)] * 2,
            lambda x: 6 * wave(x)[:, None],
            c,
            [lambda x: 1 + 10 * wave(x), lambda x: x[:, 0]],
            {(0, 0): ("q", 1.0, 2.0), (0, 1): ("q", 0.0, 1.0)},
        )
        u0 = nh.solve_homogenized(model, solved, "skfem", eps=eps, mesh=48)
        fine = system.solve()
        return float(np.abs(u0(system.nodes) - fine).max() / np.abs(fine).max())

    first, second = one(1 / 8.3), one(1 / 16.3)
    assert second < 0.6 * first < 0.1


def test_complex_reactions() -> None:
    """-u'' + 8 i cos(2 pi y) u / eps + u = 1 + 10 sin(2 pi y)/eps, the reference in real and
    imaginary parts.
    """
    s = nh.Scales(1)
    u = s.unknown("u")
    left = -s.laplacian(u) + 8 * sp.I * C(s.y[0]) * u / s.eps + u
    problem = nh.MultiscaleProblem(
        sp.Eq(left, 1 + 10 * S(s.y[0]) / s.eps),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0, on="left"), nh.Robin(1, 0, on="right")],
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)

    def one(eps: float) -> float:
        def phase(x: Array) -> Array:
            return 2 * np.pi * x[:, 0] / eps

        def ones(x: Array) -> Array:
            return np.ones(len(x))

        c = {(0, 0): ones, (1, 1): ones}
        c |= {
            (0, 1): lambda x: -8 * np.cos(phase(x)) / eps,
            (1, 0): lambda x: 8 * np.cos(phase(x)) / eps,
        }
        loads = [lambda x: 1 + 10 * np.sin(phase(x)) / eps, lambda x: 0 * x[:, 0]]
        data = {(0, 0): ("u", 0.0), (0, 1): ("q", 1.0, 0.0)}
        system = assemble([lines(eps)], [ones, ones], None, c, loads, data)
        u0 = nh.solve_homogenized(model, cells, "skfem", eps=eps, mesh=48)
        fine = system.solve() @ np.array([1, 1j])
        return float(np.abs(u0(system.nodes) - fine).max() / np.abs(fine).max())

    first, second = one(1 / 8.3), one(1 / 16.3)
    assert second < 0.6 * first < 0.1


def test_data_of_x_and_a_source_in_a_disk() -> None:
    """The share of a disk is that of its chords: 2 sqrt(.09 - (y2 - .5)^2), less their mean."""
    disk = square(
        lambda s, u: sp.Eq(
            -s.laplacian(u),
            1
            + 20
            * (nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 1}, default=0) - sp.pi * sp.Rational(9, 100))
            / s.eps,
        ),
        [*SIDES, *FREE],
    )
    lowered, values = settle_walls(
        disk,
        lower_homogenized(disk),
        nh.solve_cells(disk, "skfem", tolerance=1e-2),
        sp.Rational(10, 42),
        {},
    )
    (top,) = (
        e for e in lowered.externals if e.name == WALL
    )  # the phase 0 of the bottom is one of symmetry
    y = np.linspace(0, 1, 200001)
    density = -20 * (2 * np.sqrt(np.maximum(0.09 - (y - 0.5) ** 2, 0)) - np.pi * 0.09)
    primitive = np.cumsum(density) / 200000
    assert values(top, np.zeros((1, 2))) == pytest.approx(
        np.interp(0.2, y, primitive - primitive.mean()), rel=1e-4
    )


def test_mean_fields_take_eps_too() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u), 1 + 10 * S(s.y[0]) / s.eps),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=LOADED,
    )
    model = nh.homogenize(problem, order=2)
    field = nh.solve_hierarchy(model, nh.solve_cells(model), "skfem", eps=0.12, mesh=16)
    assert field.fields[0]([[0.0]]) == pytest.approx(1 + 0.5 + 10 / (2 * np.pi), abs=1e-6)


def test_in_time() -> None:
    """u_t - u_xx + 8 cos(2 pi y) u / eps = 1 + 10 sin(2 pi y)/eps from rest."""
    model = square(
        lambda s, u: sp.Eq(
            s.dt(u) - s.laplacian(u) + 8 * C(s.y[0]) * u / s.eps, 1 + 10 * S(s.y[0]) / s.eps
        ),
        [nh.Neumann(1, on="left"), nh.Robin(1, 0, on="right")],
        1,
        initial=[nh.Initial(0)],
        final_time=0.3,
    )
    cells = nh.solve_cells(model)

    def one(eps: float) -> float:
        ones = lambda x: np.ones(len(x))  # noqa: E731
        system = assemble(
            [lines(eps)],
            [ones],
            None,
            {(0, 0): lambda x: 8 * np.cos(2 * np.pi * x[:, 0] / eps) / eps},
            [lambda x: 1 + 10 * np.sin(2 * np.pi * x[:, 0] / eps) / eps],
            {(0, 0): ("q", 0.0, 1.0), (0, 1): ("q", 1.0, 0.0)},
        )
        u0 = nh.solve_homogenized(model, cells, "skfem", eps=eps, mesh=48, steps=24)
        fine = system.evolve(0.3)[:, 0]
        return float(np.abs(u0(system.nodes) - fine).max() / np.abs(fine).max())

    first, second = one(1 / 8.3), one(1 / 16.3)
    assert second < 0.6 * first < 0.15


def test_a_fast_time_in_the_cell() -> None:
    """tau = t/eps^2 beside y; against central differences and the trapezoid rule."""
    s = nh.Scales(1, fast_time=2)
    u = s.unknown("u")
    wave = s.y[0] - s.tau
    left = s.dt(u) - s.laplacian(u) + (8 * C(wave) + 5 * C(s.y[0])) * u / s.eps
    problem = nh.MultiscaleProblem(
        sp.Eq(left, 1 + (20 * S(wave) + 10 * S(s.y[0])) / s.eps),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Robin(1, 2, on="left"), nh.Neumann(1, on="right")],
        initial=[nh.Initial(0)],
        final_time=0.1,
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)

    def one(eps: float) -> float:
        count, steps = round(40 / eps), round(4 / eps**2)
        x, dt = np.linspace(0, 1, count + 1), 0.1 / steps
        mass = np.full(count + 1, 1 / count)
        mass[[0, -1]] /= 2
        stiff = np.full(count + 1, 2.0 * count)
        stiff[[0, -1]] = count + 1, count  # the Robin condition among them
        values, phase = np.zeros(count + 1), 2 * np.pi * x / eps
        for k in range(steps):
            moved = phase - 2 * np.pi * (k + 0.5) * dt / eps**2
            diagonal = stiff + mass * (8 * np.cos(moved) + 5 * np.cos(phase)) / eps
            load = mass * (1 + (20 * np.sin(moved) + 10 * np.sin(phase)) / eps)
            load[[0, -1]] += 2, 1
            applied = diagonal * values
            applied[1:] -= count * values[:-1]
            applied[:-1] -= count * values[1:]
            bands = np.full((3, count + 1), -count / 2.0)
            bands[1] = mass / dt + diagonal / 2
            values = solve_banded((1, 1), bands, mass / dt * values - applied / 2 + load)
        u0 = nh.solve_homogenized(model, cells, "skfem", eps=eps, mesh=32, steps=24)
        return float(np.abs(u0(x[:, None]) - values).max())

    first, second = one(1 / 4.3), one(1 / 8.3)
    assert second < 0.65 * first < 0.3


LOADED = [nh.Neumann(1, on="left"), nh.Dirichlet(0, on="right")]


def test_eps_is_asked_for_where_it_is_needed_alone() -> None:
    needs = square(lambda s, u: sp.Eq(-s.laplacian(u), 1 + 10 * S(s.y[0]) / s.eps), LOADED, 1)
    with pytest.raises(nh.ProblemError, match="phase of that wall") as caught:
        nh.solve_homogenized(needs, nh.solve_cells(needs), "skfem", mesh=4)
    assert "eps=" in str(caught.value)
    free = square(
        lambda s, u: sp.Eq(-(2 + S(s.y[0])) * s.laplacian(u), 1),
        [nh.Neumann(0, on="left"), LOADED[1]],
        1,
    )
    assert nh.solve_homogenized(free, nh.solve_cells(free), "skfem", mesh=4)(
        [[1.0]]
    ) == pytest.approx(0)
    across = square(
        lambda s, u: sp.Eq(-s.laplacian(u), 1 + 10 * S(s.y[0]) * C(s.y[1]) / s.eps),
        [*SIDES, nh.Neumann(1, on=["bottom", "top"])],
    )
    nh.solve_homogenized(across, nh.solve_cells(across), "skfem", mesh=(12, 12), eps=1 / 3)
    along = square(
        lambda s, u: sp.Eq(-s.laplacian(u), 1 + 10 * S(s.y[0]) / s.eps),
        [*SIDES, nh.Neumann(1, on=["bottom", "top"])],
    )
    u0 = nh.solve_homogenized(along, nh.solve_cells(along), "skfem", mesh=(12, 12))
    assert np.isfinite(u0([[0.5, 0.5]])).all()


def test_no_divergence_form_in_the_square() -> None:
    """-a lap u: psi is 1/a up to a factor, and B = grad(a psi) vanishes; with two different a_kk it
    does not.
    """

    def a(s: nh.Scales) -> Any:
        return 2 + S(s.y[0]) * C(s.y[1])

    model = square(lambda s, u: sp.Eq(-a(s) * s.laplacian(u) + u, 1), [*SIDES, *FREE])

    def one(eps: float) -> float:
        def y(x: Array) -> Array:
            return 2 * np.pi * x.T / eps

        def values(x: Array) -> Array:
            return 2 + np.sin(y(x)[0]) * np.cos(y(x)[1])

        def slope(x: Array) -> Array:
            one, two = y(x)
            parts = [np.cos(one) * np.cos(two), -np.sin(one) * np.sin(two)]
            return 2 * np.pi / eps * np.stack(parts, axis=1)

        def ones(x: Array) -> Array:
            return np.ones(len(x))

        return difference(model, eps, values, slope, ones, ones)

    first, second = one(1 / 2.2), one(1 / 4.2)
    assert second < 0.65 * first < 0.3
    uneven = square(
        lambda s, u: sp.Eq(-a(s) * u.diff(s.x[0], 2) - 2 * u.diff(s.x[1], 2), 1), [*SIDES, *FREE]
    )
    with pytest.raises(nh.UnsupportedError, match="through that wall"):
        nh.solve_homogenized(uneven, nh.solve_cells(uneven), "skfem", eps=1 / 2.2)


def test_a_flow_through_the_wall_is_refused() -> None:
    model = square(
        lambda s, u: sp.Eq(-s.laplacian(u) + 9 * C(s.y[1]) * u.diff(s.x[0]) / s.eps, 1),
        [nh.Neumann(1, on="left"), nh.Dirichlet(0, on=["right", "bottom", "top"])],
    )
    with pytest.raises(nh.UnsupportedError, match="through that wall") as caught:
        nh.solve_homogenized(model, nh.solve_cells(model), "skfem", eps=1 / 8)
    assert "half space" in str(caught.value)


def test_the_same_on_every_backend() -> None:
    """The emitted forms carry the oblique condition; nets agree with finite elements."""
    model = square(
        lambda s, u: sp.Eq(-s.laplacian(u) + 9 * C(s.y[1]) * u.diff(s.x[0]) / s.eps + u, S(s.x[0])),
        [nh.Periodic(on="left"), nh.Robin(1, 2, on="bottom"), nh.Neumann(C(s_x()), on="top")],
    )
    cells, eps = nh.solve_cells(model), sp.Rational(1, 3)
    one = nh.solve_homogenized(model, cells, "skfem", eps=eps, mesh=(24, 24))
    other = nh.solve_homogenized(model, cells, "pinn", eps=eps, features=300)
    points = np.random.default_rng(0).random((50, 2))
    assert other(points) == pytest.approx(one(points), abs=1e-3 * np.abs(one(points)).max())
    for target, name in (
        ("dolfinx", "homogenized_forms.py"),
        ("skfem", "homogenized_forms.py"),
        ("torch", "homogenized_residual.py"),
    ):
        assert "wall" in emit(model, target)[name]


def s_x() -> sp.Symbol:
    return nh.Scales(2).x[0]
