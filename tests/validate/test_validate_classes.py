"""validate with eps for ground states, moving frames and complex coefficients: each against a
computation in one dimension that shares no code with the package."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.linalg import eigh_tridiagonal, expm

import nhpinn_sym as nh
from nhpinn_sym.solve.equations import solve_fine, solve_homogenized
from nhpinn_sym.solve.ground_states import initial_share
from nhpinn_sym.validate.evidence import data_breaks
from nhpinn_sym.validate.quadrature import resolving
from nhpinn_sym.validate.report import Verdict
from nhpinn_sym.validate.verdict import verdict_of
from tests.symbolic import C, S

validation = importlib.import_module("nhpinn_sym.validate.boundary_value_run")
EPS = sp.Rational(1, 8)
STRENGTH = 8
END = 0.03


def spectral_derivative(count: int) -> np.ndarray:
    """The matrix of d/dy of trigonometric polynomials on the unit cell, an odd count of points."""
    modes = np.fft.fftfreq(count, 1 / count)
    transform = np.fft.fft(np.eye(count), axis=0)
    return np.real(np.fft.ifft(2j * np.pi * modes[:, None] * transform, axis=0))


def bloch_eigenvalue(k: float, potential: float, flow: tuple[float, float]) -> complex:
    """The lowest eigenvalue of -(d + ik)^2 + b (d + ik) + potential cos(2 pi y), where b is
    flow[0] + flow[1] cos(2 pi y)."""
    count = 41
    y = np.arange(count) / count
    slope = spectral_derivative(count) + 1j * k * np.eye(count)
    wave = np.cos(2 * np.pi * y)
    matrix = -slope @ slope + (flow[0] + flow[1] * wave)[:, None] * slope
    values = np.linalg.eigvals(matrix + potential * np.diag(wave))
    return complex(values[np.argmin(values.real)])


def diffusion(potential: float, flow: tuple[float, float]) -> tuple[float, float]:
    """(velocity, diffusion) from the derivatives of the eigenvalue at k = 0."""
    h = 1e-3
    below, middle, above = (bloch_eigenvalue(k, potential, flow) for k in (-h, 0.0, h))
    velocity = ((above - below) / (2 * h)).imag
    return float(velocity), float(((above - 2 * middle + below) / h**2).real / 2)


def test_a_ground_state_in_a_box() -> None:
    """u_t - u_xx + 8 cos(2 pi x/eps) u/eps^2 = 0, u(0) = sin(pi x): both sides by finite differences,
    a Bloch eigenvalue and separation."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u) + STRENGTH * C(s.y[0]) * u / s.eps**2, 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=END,
    )
    report = nh.validate(problem, EPS, fem="skfem", per_period=32)
    assert report.verdict is Verdict.AGREEMENT, report.evidence
    count = 4000
    h = 1 / count
    x = np.arange(1, count) * h
    reaction = STRENGTH * np.cos(2 * np.pi * x / float(EPS)) / float(EPS) ** 2
    values, vectors = eigh_tridiagonal(2 / h**2 + reaction, np.full(count - 2, -1 / h**2))
    ground = bloch_eigenvalue(0.0, STRENGTH, (0, 0)).real
    decay = np.exp(-(values - ground / float(EPS) ** 2) * END)
    fine = vectors @ (decay * (vectors.T @ np.sin(np.pi * x)))
    cell = np.arange(41) / 41
    matrix = -spectral_derivative(41) @ spectral_derivative(41)
    _, states = np.linalg.eigh(matrix + STRENGTH * np.diag(np.cos(2 * np.pi * cell)))
    phi = states[:, 0] / states[:, 0].mean()
    share = phi.mean() / (phi**2).mean()
    waves = np.fft.fft(phi) / 41
    modes = np.fft.fftfreq(41, 1 / 41)
    at_x = np.real(np.exp(2j * np.pi * np.outer(x / float(EPS), modes)) @ waves)
    spread = diffusion(STRENGTH, (0, 0))[1]
    leading = share * at_x * np.exp(-spread * np.pi**2 * END) * np.sin(np.pi * x)
    expected = np.linalg.norm(leading - fine) / np.linalg.norm(fine)
    for name in ("e1", "e2", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=1e-2)
    assert report.first_order["L2"] < report.errors["e1"]


def test_a_moving_frame_in_a_periodic_box() -> None:
    """u_t - u_xx + (1/2 + cos(2 pi x/eps)) u_x/eps = 0 by a spectral matrix exponential."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    flow = sp.Rational(1, 2) + C(s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u) + flow * s.grad(u)[0] / s.eps, 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(S(s.x[0]))],
        final_time=END,
    )
    report = nh.validate(problem, EPS, fem="skfem", per_period=32)
    count = 257
    x = np.arange(count) / count
    slope = spectral_derivative(count)
    wind = (0.5 + np.cos(2 * np.pi * x / float(EPS))) / float(EPS)
    fine = expm(END * (slope @ slope - wind[:, None] * slope)) @ np.sin(2 * np.pi * x)
    velocity, spread = diffusion(0.0, (0.5, 1.0))
    moved = x - velocity * END / float(EPS)
    leading = np.exp(-spread * 4 * np.pi**2 * END) * np.sin(2 * np.pi * moved)
    expected = np.linalg.norm(leading - fine) / np.linalg.norm(fine)
    for name in ("e1", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=1e-2)
    assert report.first_order["L2"] < report.errors["e1"] / 3
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_complex_coefficients_by_the_closed_form(tmp_path: Path) -> None:
    """-(a u')' = 1: a u' = C - x."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + S(s.y[0]) + sp.I * (1 + C(s.y[0]) / 2)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    report = nh.validate(problem, EPS, fem="skfem", out=tmp_path)
    assert (tmp_path / "cell_functions.png").is_file()
    x = np.linspace(0, 1, 80001)
    y = 2 * np.pi * x / float(EPS)
    inverse = 1 / (2 + np.sin(y) + 1j * (1 + np.cos(y) / 2))

    def integral(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)]) / 80000

    constant = integral(x * inverse)[-1] / integral(inverse)[-1]
    fine = integral((constant - x) * inverse)
    coarse = x * (1 - x) / 2 * inverse[:-1].mean()
    expected = np.linalg.norm(coarse - fine) / np.linalg.norm(fine)
    for name in ("e1", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=1e-3)
    assert report.verdict is Verdict.AGREEMENT, report.evidence
    assert verdict_of(report.as_dict()) is report.verdict


def test_damped_waves_in_a_box() -> None:
    """u_tt + u_t/2 - (a(x/eps) u_x)_x = 0 by the modes of finite differences; the limit by
    separation."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    end, damping = 0.3, 0.5
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) + s.dt(u) / 2 - s.div((2 + S(s.y[0])) * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0])), nh.Initial(0, order=1)],
        final_time=end,
    )
    report = nh.validate(problem, EPS, fem="skfem", per_period=24)

    def of_modes(values: np.ndarray) -> np.ndarray:
        omega = np.sqrt(values - damping**2 / 4)
        swing = np.cos(omega * end) + damping / (2 * omega) * np.sin(omega * end)
        return np.exp(-damping * end / 2) * swing

    count = 2000
    x = np.arange(1, count) / count
    middle = (np.arange(count) + 0.5) / count
    a = (2 + np.sin(2 * np.pi * middle / float(EPS))) * count**2
    values, vectors = eigh_tridiagonal(a[:-1] + a[1:], -a[1:-1])
    fine = vectors @ (of_modes(values) * (vectors.T @ np.sin(np.pi * x)))
    leading = of_modes(np.array([np.sqrt(3) * np.pi**2]))[0] * np.sin(np.pi * x)
    expected = np.linalg.norm(leading - fine) / np.linalg.norm(fine)
    for name in ("e1", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=2e-2)
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_three_scales_by_the_closed_form(tmp_path: Path) -> None:
    """-(a u')' = 1 with a = (2 + sin(2 pi y)) (2 + cos(2 pi z)): a* = sqrt(3) sqrt(3)."""
    s = nh.Scales(1, levels=2)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + S(s.y[0])) * (2 + C(s.z[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    report = nh.validate(problem, sp.Rational(1, 4), fem="skfem", out=tmp_path)
    assert (tmp_path / "coefficient.png").is_file()
    x = np.linspace(0, 1, 80001)
    inverse = 1 / ((2 + np.sin(8 * np.pi * x)) * (2 + np.cos(32 * np.pi * x)))

    def integral(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)]) / 80000

    constant = integral(x * inverse)[-1] / integral(inverse)[-1]
    fine = integral((constant - x) * inverse)
    expected = np.linalg.norm(x * (1 - x) / 6 - fine) / np.linalg.norm(fine)
    for name in ("e1", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=1e-4)
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_a_travelling_coefficient_in_fast_time() -> None:
    """u_t - (a(x/eps, t/eps^2) u_x)_x = 0, a = 3 + 2 cos(2 pi (y - tau)): the fine solution by
    finite differences, the limit by a dense parabolic cell problem and separation."""
    s = nh.Scales(1, fast_time=2)
    u = s.unknown("u")
    end, eps = 0.05, 0.25
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div((3 + 2 * C(s.y[0] - s.tau)) * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=end,
    )
    report = nh.validate(problem, sp.Rational(1, 4), fem="skfem", per_period=16)
    count = 400
    x = np.arange(1, count) / count
    middle = (np.arange(count) + 0.5) / count

    def slope(t: float, v: np.ndarray) -> np.ndarray:
        a = 3 + 2 * np.cos(2 * np.pi * (middle / eps - t / eps**2))
        return np.diff(a * np.diff(v, prepend=0.0, append=0.0) * count) * count

    start = np.sin(np.pi * x)
    solved = solve_ivp(
        slope, (0, end), start, method="LSODA", lband=1, uband=1, rtol=1e-8, atol=1e-10
    )
    fine = solved.y[:, -1]
    # N is a function of s = y - tau: -N' - (a (1 + N'))' = 0
    d = spectral_derivative(41)
    a = 3 + 2 * np.cos(2 * np.pi * np.arange(41) / 41)
    matrix = -d - d @ np.diag(a) @ d
    corrector = np.linalg.lstsq(matrix, d @ a, rcond=None)[0]
    mean = float((a * (1 + d @ corrector)).mean())
    leading = np.exp(-mean * np.pi**2 * end) * start
    expected = np.linalg.norm(leading - fine) / np.linalg.norm(fine)
    for name in ("e1", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=2e-2)
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_a_beam_by_the_closed_form() -> None:
    """(d(x/eps) u'')'' = 1 + x, clamped on the left, u = 1/10 without moment on the right: d u'' is
    a polynomial."""
    s = nh.Scales(1)
    u, x = s.unknown("u"), s.x[0]
    problem = nh.MultiscaleProblem(
        sp.Eq(s.div(s.div(s.hessian(u) / (2 + C(s.y[0])))), 1 + x),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Clamped(on="left"), nh.Dirichlet(sp.Rational(1, 10), on="right")],
    )
    report = nh.validate(problem, EPS, fem="skfem")

    def closed_form(compliance: sp.Expr) -> np.ndarray:
        a, b = sp.symbols("a b")
        moment = x**2 / 2 + x**3 / 6 + a * x + b
        value = compliance * moment
        for _ in range(2):
            value = sp.integrate(sp.expand(value), x)
            value = value - value.subs(x, 0)
        ends = [value.subs(x, 1) - sp.Rational(1, 10), moment.subs(x, 1)]
        points = (np.arange(2000) + 0.5) / 2000
        return np.asarray(sp.lambdify(x, value.subs(sp.solve(ends, [a, b])))(points))

    fine = closed_form(2 + sp.cos(2 * sp.pi * x / EPS))
    leading = closed_form(sp.Integer(2))
    expected = np.linalg.norm(leading - fine) / np.linalg.norm(fine)
    for name in ("e1", "e2", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=1e-3)
    assert report.budget["reference"] < 1e-6
    assert report.verdict is Verdict.AGREEMENT, report.evidence


def test_what_a_factorization_does_not_take() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    operator = s.dt(u) - s.laplacian(u) + STRENGTH * C(s.y[0]) * u / s.eps**2
    for source, wall in ((1, nh.Dirichlet(0)), (0, nh.Dirichlet(1)), (0, nh.Neumann(0))):
        problem = nh.MultiscaleProblem(
            sp.Eq(operator, source),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[wall],
            initial=[nh.Initial(1)],
            final_time=END,
        )
        model = nh.homogenize(problem)
        with pytest.raises(nh.UnsupportedError, match="reaction of order eps"):
            nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), "skfem")


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [("pinn", Verdict.MACRO_DISAGREES), ("skfem", Verdict.FEM_MACRO_DISAGREES)],
)
def test_a_wrong_coefficient_in_one_solver_of_equations_is_named(
    wrong: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(factor: float) -> nh.MultiscaleProblem:
        s = nh.Scales(1)
        u = s.unknown("u")
        return nh.MultiscaleProblem(
            sp.Eq(-s.div(factor * (2 + S(s.y[0])) * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )

    cells = nh.solve_cells(nh.homogenize(problem(1.01)), "fourier")

    def fine(right: nh.MultiscaleProblem, eps: object, backend: str, **options: Any) -> Any:
        return solve_fine(problem(1.01) if backend == wrong else right, eps, backend, **options)

    def mean(model: Any, right: nh.CellSolution, backend: str, **options: Any) -> Any:
        return solve_homogenized(model, cells if backend == wrong else right, backend, **options)

    monkeypatch.setattr(validation, "solve_fine", fine)
    monkeypatch.setattr(validation, "solve_homogenized", mean)
    report = nh.validate(problem(1.0), EPS, fem="skfem")
    assert report.verdict is verdict, report.evidence
    assert verdict_of(report.as_dict()) is verdict


def test_data_of_a_flow_in_divergence_form() -> None:
    """The adjoint kernel is constant there: v(0) is u(0) over the mean of phi."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    flux = (2 + C(s.y[0])) * u / s.eps - (1 + S(s.y[0]) / 2) * s.grad(u)[0]
    equation = sp.Eq(s.dt(u) + s.div(sp.Matrix([flux])), 0)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))
    cells = nh.solve_cells(model, "fourier")
    y = (np.arange(64)[:, None] + 0.5) / 64
    assert initial_share(model, cells, None) == pytest.approx(1 / cells.ground_state(y).mean())


def test_norms_know_where_solutions_kink() -> None:
    """(x - k)+ between planes k of a coefficient that jumps, which equal intervals miss; the source
    jumps on one of them, to rounding."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (9, True))
    source = sp.Piecewise((1, s.x[0] < sp.Rational(7, 24)), (2, True))
    domain = nh.Box((0, 1))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=domain,
        boundary=[nh.Dirichlet(0)],
    )
    breaks = data_breaks(problem, float(EPS), None)
    quadrature = resolving(domain, (8.0,), breaks)
    for k in breaks[0]:
        kink = np.maximum(quadrature.points[:, 0] - k, 0)
        assert quadrature.norm(kink) == pytest.approx(((1 - k) ** 3 / 3) ** 0.5, rel=1e-12)
    assert np.allclose(breaks[0][:2], (1 / 24, 1 / 8)) and np.diff(breaks[0]).min() > 0.04


def test_nets_are_given_the_cells_that_they_do_not_cover() -> None:
    """A beam of layers, clamped and supported, by integration of D u'' = m, m'' = 1: e4; and that
    the equation is compared though no net solves the cells."""
    s = nh.Scales(1)
    u = s.unknown("u")
    stiffness = sp.Piecewise((1, s.y[0] < sp.Rational(3, 10)), (20, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(s.laplacian(stiffness * s.laplacian(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Clamped(on="left"), nh.Dirichlet(0, on="right")],
    )
    report = nh.validate(problem, sp.Rational(1, 5), fem="skfem")
    assert report.verdict is Verdict.NOT_COMPARED
    assert report.methods["PINN cells"].startswith("skfem")
    x = (np.arange(40000) + 0.5) / 40000

    def deflection(compliance: np.ndarray) -> np.ndarray:
        twice = [np.cumsum(np.cumsum(compliance * m)) / 40000**2 for m in (x**2 - x, 1 - x)]
        # m = (x^2 - x)/2 + k (1 - x), with k so that the right end stays.
        return twice[0] / 2 - twice[0][-1] / 2 / twice[1][-1] * twice[1]

    fine = deflection(np.where((5 * x) % 1 < 0.3, 1.0, 1 / 20))
    limit = deflection(np.full_like(x, 0.3 + 0.7 / 20))
    expected = np.linalg.norm(limit - fine) / np.linalg.norm(fine)
    for name in ("e1", "e2", "e4"):
        assert report.errors[name] == pytest.approx(expected, rel=2e-3)


def test_a_ground_state_beside_a_reaction_of_x() -> None:
    """v_t - A v'' + x v = 0 has cell functions at every x, and a reaction that vanishes at one end."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    potential = STRENGTH * C(s.y[0]) / s.eps**2 + s.x[0]
    model = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(s.dt(u) - s.laplacian(u) + potential * u, 0),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
            initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
            final_time=END,
        )
    )
    cells = nh.solve_cells(model, "fourier")
    y = (np.arange(64)[:, None] + 0.5) / 64
    phi = cells.ground_state(y, x=[0.5])
    assert initial_share(model, cells, None) == pytest.approx(phi.mean() / (phi**2).mean())
    u0 = nh.solve_homogenized(model, cells, "skfem", tolerance=1e-5)
    assert u0.info["estimate"] < 1e-5
