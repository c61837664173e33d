"""Complex boundary value problems through real and imaginary parts, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.equation import lower_fine
from nhpinn_sym.lower.real_imaginary import real_equation
from nhpinn_sym.operator.parse import parse

BACKENDS = ["pinn", "skfem"]
LINE = np.linspace(0, 1, 11)[1:-1, None]


def absorbing_layers() -> nh.MultiscaleProblem:
    """-(a u')' + i u = exp(i x), u = 1 on the left, a flux of 2 out on the right."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 3 + sp.sin(2 * sp.pi * s.y[0]) + sp.I * (1 + sp.cos(2 * sp.pi * s.y[0]) / 2)
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)) + sp.I * u, sp.exp(sp.I * s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1, on="left"), nh.Neumann(2, on="right")],
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_complex_effective_coefficients(backend: str) -> None:
    """-A u'' + i u = exp(i x): two exponentials and exp(i x)/(A + i)."""
    model = nh.homogenize(absorbing_layers())
    cells = nh.solve_cells(model)
    u = nh.solve_homogenized(model, cells, backend)
    a = complex(cells.effective["A"][0, 0])
    k, particular = np.sqrt(1j / a), np.exp(1j * LINE[:, 0]) / (a + 1j)
    ends = np.array([[1, 1], [a * k * np.exp(k), -a * k * np.exp(-k)]])
    first, second = np.linalg.solve(
        ends, np.array([1 - 1 / (a + 1j), 2 - 1j * a * np.exp(1j) / (a + 1j)])
    )
    exact = first * np.exp(k * LINE[:, 0]) + second * np.exp(-k * LINE[:, 0]) + particular
    assert u(LINE) == pytest.approx(exact, abs=3e-8)
    slope = (
        k * (first * np.exp(k * LINE[:, 0]) - second * np.exp(-k * LINE[:, 0])) + 1j * particular
    )
    assert u.derivative(LINE, (1,)) == pytest.approx(slope, abs=1e-3)
    assert u.backend == backend and u.info["estimate"] < 1e-5 and u.method


def test_the_multiscale_equation_itself_on_both_backends() -> None:
    problem = absorbing_layers()
    fem = nh.solve_fine(problem, sp.Rational(1, 4), "skfem", per_period=128)
    net = nh.solve_fine(
        problem,
        sp.Rational(1, 4),
        "pinn",
        method="residual",
        solver="random-features",
        features=800,
    )
    assert np.abs(fem(LINE) - net(LINE)).max() < 1e-6 * np.abs(fem(LINE)).max()


@pytest.mark.parametrize("backend", BACKENDS)
def test_damped_waves_of_schroedinger(backend: str) -> None:
    """u_t = A u'' with a complex A, from sin(pi x)."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    a = 1 + sp.I * (2 + sp.cos(2 * sp.pi * s.y[0]))
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div(a * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=sp.Rational(1, 5),
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    found = nh.solve_homogenized(model, cells, backend)
    for t in (0.1, 0.2):
        exact = np.exp(-complex(cells.effective["A"][0, 0]) * np.pi**2 * t) * np.sin(
            np.pi * LINE[:, 0]
        )
        assert found(LINE, t) == pytest.approx(exact, abs=1e-7)


def test_a_square_of_lossy_layers_on_both_backends() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 3 + sp.sin(2 * sp.pi * s.y[0]) + sp.I * (1 + sp.cos(2 * sp.pi * s.y[0]) / 2)
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    cells = nh.solve_cells(model)
    net, fem = (
        nh.solve_homogenized(model, cells, "pinn"),
        nh.solve_homogenized(model, cells, "skfem", mesh=48),
    )
    points = np.random.default_rng(0).random((100, 2))
    assert np.abs(net(points) - fem(points)).max() < 1e-6
    assert net.info["known_functions"].endswith("for 4 corners")


def test_the_real_form_has_the_imaginary_parts_behind_the_real_ones() -> None:
    real = real_equation(lower_fine(parse(absorbing_layers())))
    assert (real.components, len(real.sources), len(real.flux), real.complex) == (2, 2, 2, False)
    assert {(t.equation, t.field) for t in real.bilinear} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {t.equation for row in real.flux[1] for t in row} == {1}
    x = real.coordinates[0]
    assert [sp.simplify(f - g) for f, g in zip(real.sources, (sp.cos(x), sp.sin(x)))] == [0, 0]
    assert [(e.field, e.value) for e in real.essential] == [(0, 1), (1, 0)]
    assert [(n.equation, n.value) for n in real.natural] == [(0, 2), (1, 0)]


@pytest.mark.parametrize("target", ["torch", "skfem"])
def test_emitted_files_hold_the_real_form(target: str) -> None:
    source = nh.emit(nh.homogenize(absorbing_layers()), target)
    assert any(name.startswith("homogenized") for name, _ in source.files)
    assert any(
        "A_11_im" in text and "A_11_re" in text
        for name, text in source.files
        if name.startswith("homogenized")
    )


def test_mean_fields_of_complex_problems_are_refused() -> None:
    model = nh.homogenize(absorbing_layers(), order=2)
    with pytest.raises(nh.UnsupportedError, match="complex"):
        nh.solve_hierarchy(model, nh.solve_cells(model), "pinn")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("impedance", [False, True])
def test_complex_data_of_helmholtz(backend: str, impedance: bool) -> None:
    """-u'' - 4 u = 0 with u = exp(2 i x): by its values at both ends, or u' = 2 i u on the right."""
    s = nh.Scales(1)
    u = s.unknown("u")
    wave = sp.exp(2 * sp.I * s.x[0])
    right = nh.Robin(-2 * sp.I, 0, on="right") if impedance else nh.Dirichlet(wave, on="right")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.laplacian(u) - 4 * u, 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(wave, on="left"), right],
    )
    found = nh.solve_fine(problem, 1, backend)
    assert np.abs(found(LINE) - np.exp(2j * LINE[:, 0])).max() < 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_complex_initial_data(backend: str) -> None:
    """u_t = u_xx: (1 + 2 i) sin(pi x) exp(-pi^2 t)."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial((1 + 2 * sp.I) * sp.sin(sp.pi * s.x[0]))],
        final_time=0.05,
    )
    found = nh.solve_fine(problem, 1, backend, **({"mesh": 32} if backend == "skfem" else {}))
    exact = (1 + 2j) * np.sin(np.pi * LINE[:, 0]) * np.exp(-0.05 * np.pi**2)
    assert np.abs(found(LINE) - exact).max() < 1e-4


def test_impedance_of_a_layered_medium() -> None:
    """-(a u')' = 0 with u = 1 on the left, a u' = i k u on the right: a constant flux q through
    int 1/a, with the layer of the expansion exactly."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(1, on="left"), nh.Robin(-3 * sp.I, 0, on="right")],
    )
    eps = 0.23
    x = np.linspace(0, 1, 20001)
    inverse = 1 / (2 + np.sin(2 * np.pi * x / eps))
    through = np.concatenate([[0], np.cumsum((inverse[1:] + inverse[:-1]) / 2 * np.diff(x))])
    exact = 1 + 3j / (1 - 3j * through[-1]) * through
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "fourier")
    u0 = nh.solve_homogenized(model, cells, "skfem")
    found = nh.reconstruct(u0, cells, eps, boundary_layers=problem, per_period=32)
    places = slice(None, None, 500)
    assert np.abs(found(x[places, None]) - exact[places]).max() < 1e-6
    fine = nh.solve_fine(problem, eps, "skfem", per_period=32)
    assert np.abs(fine(x[places, None]) - exact[places]).max() < 1e-6


def test_complex_data_of_a_nonlinear_problem_are_refused() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((1 + u**2) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(sp.I)],
    )
    with pytest.raises(nh.UnsupportedError, match="complex term"):
        nh.solve_fine(problem, 1, "skfem")
