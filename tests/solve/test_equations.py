"""solve_homogenized, solve_fine and reconstruct: closed forms, consistency, and what they
refuse.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import BoundaryConditionError, UnknownBackendError
from nhpinn_sym.solve.periods import MAX_CELLS, fine_cells

EPS = 1 / 8
POINTS = np.linspace(0.0312, 0.9734, 41)[:, None]  # no mesh node among them


def diffusion(
    boundary: list, source: object = 1, domain: nh.Box | None = None
) -> nh.MultiscaleProblem:
    """-( u' / (2 + cos 2 pi y) )' = source, whose effective coefficient is 1/2."""
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(s.grad(u) / (2 + sp.cos(2 * sp.pi * s.y[0]))), source),
        scales=s,
        unknown=u,
        domain=domain or nh.Box((0, 1)),
        boundary=boundary,
    )


def exact_fine(x: np.ndarray, eps: float) -> np.ndarray:
    """u_eps of diffusion([Dirichlet(0)]): int_0^x (c - s) (2 + cos(2 pi s/eps)) ds with u(1) = 0,
    for 1/eps an integer.
    """
    w = 2 * np.pi / eps
    c = 1 / 2
    return (
        c * (2 * x + np.sin(w * x) / w)
        - x**2
        - (x * np.sin(w * x) / w + (np.cos(w * x) - 1) / w**2)
    )


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_fine_solution_against_its_closed_form(backend: str) -> None:
    fine = nh.solve_fine(diffusion([nh.Dirichlet(0)]), EPS, backend)
    error = np.max(np.abs(fine(POINTS) - exact_fine(POINTS[:, 0], EPS))) / 0.25
    assert error < 2e-6
    assert error < 10 * fine.info["estimate"] + 1e-9


@pytest.mark.parametrize("backend", ["skfem", "dolfinx", "pinn"])
def test_homogenized_solution_against_its_closed_form(backend: str) -> None:
    model = nh.homogenize(diffusion([nh.Dirichlet(0)]))
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), backend)
    x = POINTS[:, 0]
    assert u0(POINTS) == pytest.approx(x * (1 - x), abs=1e-7)
    assert u0.derivative(POINTS, (1,)) == pytest.approx(1 - 2 * x, abs=1e-5)


def thin_layer(middle: float, width: float) -> nh.HomogenizedModel:
    """-(a(y) q(x) u')' = 1 with <1/a> = 2; 1/q = 1, and 1000 in a layer that no mesh has by chance.

    The condition of the layer is flat: cos is 1 - 5e-9 at its ends.
    """
    s = nh.Scales(1)
    u = s.unknown("u")
    inside = sp.cos(2 * sp.pi * (s.x[0] - middle)) > sp.cos(sp.pi * width)
    a = sp.Piecewise((sp.Rational(1, 1000), inside), (1, True)) / (2 + sp.cos(2 * sp.pi * s.y[0]))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    return nh.homogenize(problem)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_a_thin_layer_in_the_slow_variable_counts(backend: str) -> None:
    middle, width = 0.7144, 2e-4
    model = thin_layer(middle, width)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), backend)

    extra = 999 * width
    flux = (0.5 + extra * middle) / (1 + extra)  # u' = 2 (flux - x)/q, and u(1) = 0
    x = POINTS[:, 0]
    beyond = np.where(x > middle, 2 * extra * (flux - middle), 0.0)
    assert np.abs(x - middle).min() > width / 2
    assert u0(POINTS) == pytest.approx(2 * flux * x - x**2 + beyond, abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"method": "energy"}, {"method": "nh-pinn", "epochs": 1}])
def test_nets_refuse_an_effective_coefficient_that_jumps(options: dict) -> None:
    """The strong form holds on both sides of a jump whatever the flux does across it."""
    model = thin_layer(0.5, 0.1)
    with pytest.raises(nh.UnsupportedError, match="jumps"):
        nh.solve_homogenized(model, nh.solve_cells(model), "pinn", **options)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx", "pinn"])
def test_natural_conditions_carry_over(backend: str) -> None:
    """-u''/2 = 1, u(0) = 1, u'(1)/2 + 3 u(1) = 2."""
    model = nh.homogenize(diffusion([nh.Dirichlet(1, on="left"), nh.Robin(3, 2, on="right")]))
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), backend)
    slope = sp.Symbol("slope")
    x = sp.Symbol("x")
    u = 1 + slope * x - x**2
    value = sp.solve(sp.diff(u, x).subs(x, 1) / 2 + 3 * u.subs(x, 1) - 2, slope)[0]
    exact = sp.lambdify(x, u.subs(slope, value))
    assert u0(POINTS) == pytest.approx(exact(POINTS[:, 0]), abs=1e-7)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx", "pinn"])
def test_periodic_conditions(backend: str) -> None:
    """-u''/2 = sin 2 pi x with u periodic and of zero mean: u = sin(2 pi x) / (2 pi^2)."""
    s_x = nh.Scales(1).x[0]
    model = nh.homogenize(diffusion([nh.Periodic()], source=sp.sin(2 * sp.pi * s_x)))
    u0 = nh.solve_homogenized(model, nh.solve_cells(model), backend)
    assert u0(POINTS) == pytest.approx(np.sin(2 * np.pi * POINTS[:, 0]) / (2 * np.pi**2), abs=1e-6)


def test_reconstruction_converges_at_first_order_in_h1_and_its_derivative_is_consistent() -> None:
    problem = diffusion([nh.Dirichlet(0)])
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    u0 = nh.solve_homogenized(model, cells, "skfem")
    u1 = nh.reconstruct(u0, cells, eps=EPS)
    h = 1e-6
    numerical = (u1(POINTS + h) - u1(POINTS - h)) / (2 * h)
    assert u1.derivative(POINTS, (1,)) == pytest.approx(numerical, abs=1e-5)
    slopes = [
        (0.5 - x) * (2 + np.cos(2 * np.pi * x / e))
        for e in (1 / 8, 1 / 16)
        for x in (POINTS[:, 0],)
    ]
    errors = [
        np.max(np.abs(nh.reconstruct(u0, cells, eps=e).derivative(POINTS, (1,)) - exact))
        for e, exact in zip((1 / 8, 1 / 16), slopes)
    ]
    assert errors[1] < 0.6 * errors[0]
    with pytest.raises(nh.UnsupportedError, match="second derivative"):
        u1.derivative(POINTS, (2,))


def test_reconstruction_of_a_locally_periodic_problem_differentiates_the_cell_functions_by_x_too() -> (
    None
):
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + s.x[0] + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    u1 = nh.reconstruct(nh.solve_homogenized(model, cells, "skfem"), cells, eps=EPS)
    h = 1e-6
    assert u1.derivative(POINTS, (1,)) == pytest.approx(
        (u1(POINTS + h) - u1(POINTS - h)) / (2 * h), abs=1e-5
    )


def test_saved_cells_serve_another_right_hand_side_and_domain(tmp_path: Path) -> None:
    cells = nh.solve_cells(nh.homogenize(diffusion([nh.Dirichlet(0)])))
    cells.save(tmp_path / "cells.npz")
    other = nh.homogenize(diffusion([nh.Dirichlet(0)], source=3, domain=nh.Box((0, 2))))
    u0 = nh.solve_homogenized(other, nh.load(tmp_path / "cells.npz"), "skfem")
    x = 2 * POINTS
    assert u0(x) == pytest.approx(3 * x[:, 0] * (2 - x[:, 0]), abs=1e-6)


def test_cells_of_another_model_are_refused() -> None:
    s = nh.Scales(1)
    u = s.unknown("u")
    reaction = nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(2 * s.grad(u)) + sp.cos(2 * sp.pi * s.y[0]) * u / s.eps, 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    cells = nh.solve_cells(nh.homogenize(diffusion([nh.Dirichlet(0)])))
    with (
        pytest.warns(nh.ToleranceWarning, match="another operator"),
        pytest.raises(nh.SolveError, match="effective coefficient"),
    ):
        nh.solve_homogenized(reaction, cells, "skfem")


def test_pure_neumann_data_must_be_compatible() -> None:
    model = nh.homogenize(diffusion([nh.Neumann(0)]))
    with pytest.raises(nh.SolveError):
        nh.solve_homogenized(model, nh.solve_cells(model), "skfem")


def test_refusals() -> None:
    problem = diffusion([nh.Dirichlet(0)])
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    with pytest.raises(nh.UnsupportedError, match="fourier"):
        nh.solve_homogenized(model, cells, "fourier")
    with pytest.raises(UnknownBackendError, match="matlab"):
        nh.solve_fine(problem, EPS, "matlab")
    with pytest.raises(nh.ProblemError, match="positive"):
        nh.solve_fine(problem, -1, "skfem")
    with pytest.raises(nh.ProblemError, match="domain"):
        nh.solve_fine(
            nh.MultiscaleProblem(
                sp.Eq(problem.equations[0], 0), scales=problem.scales, unknown=problem.unknown
            ),
            EPS,
            "skfem",
        )
    with pytest.raises(BoundaryConditionError, match="whole number"):
        nh.solve_fine(diffusion([nh.Periodic()], source=0), sp.Rational(2, 7), "skfem")


def test_fine_mesh_resolves_the_period_or_says_that_it_does_not() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.cos(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fine_cells(problem, 1 / 8) == (128, 128)
    with pytest.warns(nh.ToleranceWarning, match="per period"):
        cells = fine_cells(problem, 1 / 64)
    assert np.prod(cells) <= 1.1 * MAX_CELLS
    with pytest.raises(nh.SolveError, match="per_period"):
        fine_cells(problem, 1 / 1000)
    assert fine_cells(problem, 1 / 4, per_period=10) == (40, 40)


def test_fine_mesh_resolves_the_finest_scale_of_each_axis() -> None:
    s = nh.Scales(2, levels=2)
    u = s.unknown("u")
    wave = [sp.cos(2 * sp.pi * v) for v in (s.z[0], s.y[1])]
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + wave[0] + wave[1] / 2) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    assert fine_cells(problem, 1 / 8) == (1024, 128)


def test_options_and_points_that_do_not_fit() -> None:
    problem = diffusion([nh.Dirichlet(0)])
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    for backend in ("skfem", "dolfinx", "pinn", "fourier"):
        with pytest.raises(nh.ProblemError, match="colour"):
            nh.solve_cells(model, backend, colour="red")
    for backend in ("skfem", "dolfinx", "pinn"):
        with pytest.raises(nh.ProblemError, match="colour"):
            nh.solve_homogenized(model, cells, backend, colour="red")
    with pytest.raises(nh.ProblemError, match="degree"):
        nh.solve_cells(model, "skfem", degree=5)
    u0 = nh.solve_homogenized(model, cells, "skfem", tolerance=1e-3)
    with pytest.raises(nh.ProblemError, match="outside"):
        u0([[2.0]])
    with pytest.raises(nh.ProblemError, match="pinn="):
        nh.validate(problem, eps=EPS, fem="skfem", pinn=["lm"])  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["x", "none"])
def test_a_source_in_a_moving_frame_is_not_solved_as_it_stands(source: str) -> None:
    """f(x) is f(X + c t/eps) there: refused where the frame moves, on solve and in emitted files; a
    constant is solved.
    """
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    wave = sp.sin(2 * sp.pi * s.x[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.laplacian(u) + 2 * u.diff(s.x[0]) / s.eps, wave if source == "x" else 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(wave)],
        final_time=0.01,
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model)
    if source == "x":
        with pytest.raises(nh.UnsupportedError, match="moving frame"):
            nh.solve_homogenized(model, cells, "skfem")
        with pytest.warns(UserWarning, match="no files for the homogenized equation"):
            nh.emit(model, "skfem")
    else:
        found = nh.solve_homogenized(model, cells, "skfem", mesh=32)
        x = np.array([[0.25]])
        assert found(x, 0.01)[0] == pytest.approx(np.exp(-4 * np.pi**2 * 0.01) + 0.01, abs=1e-3)
