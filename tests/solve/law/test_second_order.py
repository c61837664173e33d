"""Correctors of order 2 of nonlinear problems, against the linear recursion and resolved fine
solutions on the torus; by laws of every backend, and on lattices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.homogenize import homogenize_linear
from nhpinn_sym.derive.nonlinear.homogenize import homogenize_nonlinear
from nhpinn_sym.emit import nonlinear_text
from nhpinn_sym.emit.source import load
from nhpinn_sym.lower.nonlinear import lower_state
from nhpinn_sym.operator.parse import parse_nonlinear
from nhpinn_sym.runtime.fourier.grid import Grid
from nhpinn_sym.runtime.fourier.law_levels import solve_states
from nhpinn_sym.runtime.fourier.states import MacroState, StateSolver
from nhpinn_sym.runtime.second_corrector import GridSpace, second_order
from nhpinn_sym.solve.law.second_law import SecondLaw

TWO_PI = 2 * sp.pi
ONE = nh.Scales(1)
U = ONE.unknown("u")
G = ONE.grad(U)
Y = ONE.y[0]
WAVE = 1 + sp.sin(TWO_PI * Y) / 2


def derived(problem: nh.MultiscaleProblem, order: int = 2) -> nh.NonlinearModel:
    model = nh.homogenize(problem, order=order)
    assert isinstance(model, nh.NonlinearModel)
    return model


def torus(equation: sp.Expr, load: sp.Expr) -> nh.MultiscaleProblem:
    return nh.MultiscaleProblem(
        sp.Eq(equation, load),
        scales=ONE,
        unknown=U,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        ranges={U: (-1, 1)},
    )


def test_the_second_corrector_of_a_linear_problem_is_that_of_the_linear_recursion() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    y = s.y
    a = 2 + sp.sin(TWO_PI * y[0]) * sp.cos(TWO_PI * y[1]) + sp.sin(TWO_PI * y[0] + 1) / 2
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    cells = nh.solve_cells(homogenize_linear(problem, 2), "fourier")
    state = homogenize_nonlinear(parse_nonlinear(problem), 2, homogenize_linear).state
    forms = load(nonlinear_text.state(lower_state(state, "cell", order=2)), "state_numpy")
    solver = StateSolver(forms, Grid(forms.CELL, 31))
    macro = MacroState(np.zeros((1, 1)), np.array([[[0.7], [0.2]]]), {})
    modes = solve_states(solver, macro)[1].modes
    curvature: dict[tuple[int, ...], float] = {(2, 0): 1.0, (1, 1): 0.5, (0, 2): -0.3}
    matrix = np.array([[1.0, 0.5], [0.5, -0.3]])[None, ..., None]
    found = second_order(GridSpace(forms, solver, macro, modes), matrix)
    points = solver.grid.columns.T
    wanted = np.zeros(len(points))
    for f in cells.functions:
        for (_, alpha), sign in f.sources:
            if sum(alpha) == 2:
                wanted += sign * curvature[alpha[:2]] * f.evaluate(points, [(0, 0)])[0]
    assert found.second.values[0, 0] == pytest.approx(wanted, abs=1e-9)


CASES: dict[str, Any] = {
    "reaction": -ONE.div(WAVE * G) + 10 * sp.cos(TWO_PI * Y + 1) * (U + U**2) / ONE.eps + 3 * U,
    "quasilinear": -ONE.div(WAVE * (1 + (U + U**2) * (1 + sp.cos(TWO_PI * Y + 0.5) / 2)) * G)
    + U
    + WAVE * U**3,
}


@pytest.mark.parametrize("name", CASES)
def test_mean_fields_and_second_correctors_give_rate_two_on_the_torus(name: str) -> None:
    """Of values with U_1, of slopes with N2; without them it is one."""
    x = ONE.x[0]
    problem = torus(CASES[name], 5 * sp.sin(TWO_PI * x) + 2 * sp.cos(TWO_PI * x + 1))
    model = derived(problem)
    law = nh.solve_law(model, tolerance=1e-8)
    mean = nh.solve_hierarchy(model, law, "skfem", mesh=256)
    errors = []
    for inverse in (8, 16):
        n = 64 * inverse
        points = (np.arange(n) / n)[:, None]
        fine = nh.solve_fine(problem, sp.Rational(1, inverse), "skfem", per_period=64)(points)
        waves = 2j * np.pi * np.fft.fftfreq(n, 1 / n)
        slopes = np.fft.ifft(waves * np.fft.fft(fine)).real
        first = nh.reconstruct(mean.fields[0], law, 1 / inverse)
        second = nh.reconstruct(mean, law, 1 / inverse)
        differences = [
            fine - second(points),
            slopes - first.derivative(points, (1,)),
            slopes - second.derivative(points, (1,)),
        ]
        errors.append([np.linalg.norm(d) / np.sqrt(n) for d in differences])
    values, without, with_second = np.log2(np.array(errors[0]) / errors[1])
    assert values > 1.95
    assert without == pytest.approx(1, abs=0.1)
    assert with_second == pytest.approx(2, abs=0.1)


def test_what_vanishes_and_what_is_not_derived() -> None:
    monotone = torus(-ONE.div(WAVE * (1 + G.dot(G)) * G) + U, sp.sin(TWO_PI * ONE.x[0]))
    model = derived(monotone)
    assert "second corrector" in str(model) and "N2" in model.derivation.latex().replace("_", "")
    assert model.equation == derived(monotone, 1).equation
    law = nh.solve_law(model)
    mean = nh.solve_hierarchy(model, law, "skfem", mesh=64)
    # <sigma'> = 0 at order eps in one dimension (the flux is constant in y).
    assert not np.any(mean.fields[1](np.linspace(0, 1, 9)))
    with pytest.raises(nh.ProblemError, match="order 1"):
        nh.solve_hierarchy(derived(monotone, 1), law, "skfem")


@pytest.mark.parametrize(
    ("flux", "quoted"),
    [
        (sp.sqrt(G.dot(G)) * G, r"sqrt|Abs"),
        ((1 + sp.Abs(U)) * G, "Abs"),
        (sp.Piecewise((1, U < 0), (1 + U**2, True)) * G, "Piecewise"),
    ],
)
def test_laws_that_are_not_smooth_have_no_second_corrector(flux: Any, quoted: str) -> None:
    problem = torus(-ONE.div(WAVE * flux) + U, sp.Integer(1))
    with pytest.raises(nh.UnsupportedError, match=quoted):
        nh.homogenize(problem, order=2)
    with pytest.raises(nh.UnsupportedError, match="order 3"):
        nh.homogenize(torus(-ONE.div(WAVE * (1 + U**2) * G) + U, sp.Integer(1)), order=3)


TIMELY = nh.Scales(1, time=True)


def test_mean_fields_in_time_give_rate_two_on_the_torus() -> None:
    """With a storage that varies across the cell: U_1 begins with what an initial layer leaves."""
    s = TIMELY
    u = s.unknown("u")
    g = s.grad(u)
    x, y = s.x[0], TWO_PI * s.y[0]
    stored = (1 + sp.cos(y + 1) / 3) * (u + u**3 / 5)
    flux = (1 + sp.sin(y) / 2) * (1 + g.dot(g) / 20) * g
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(stored) - s.div(flux), 2 * sp.cos(TWO_PI * x + 1)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(sp.sin(TWO_PI * x) / 2)],
        final_time=sp.Rational(1, 100),
        ranges={u: (-1, 1)},
    )
    model = derived(problem)
    law = nh.solve_law(model, tolerance=1e-8)
    mean = nh.solve_hierarchy(model, law, "skfem", mesh=48, steps=4)
    errors = []
    for inverse in (8, 16):
        points = (np.arange(16 * inverse) / (16 * inverse))[:, None]
        fine = nh.solve_fine(problem, 1 / inverse, "skfem", per_period=12, steps=8)(points)
        sums = mean.fields[0](points), nh.reconstruct(mean, law, 1 / inverse)(points)
        errors.append([np.linalg.norm(fine - u) / np.sqrt(len(points)) for u in sums])
    without, with_field = np.log2(np.array(errors[0]) / errors[1])
    assert without == pytest.approx(1, abs=0.1)
    assert with_field > 1.9
    assert errors[1][1] < errors[1][0] / 10


def correctors(problem: nh.MultiscaleProblem, backend: str, count: int) -> dict[str, Any]:
    """What the law has at order eps at random jets, and D_1 N and N2 at random points there."""
    law = nh.solve_law(derived(problem), backend, tolerance=1e-7)
    second = SecondLaw(law)
    d = law.model.problem.scales.dim
    rng = np.random.default_rng(0)
    curvatures = rng.uniform(-1, 1, (1, d, d, count))
    found = second.solved(
        rng.random((d, count)),
        0.0,
        rng.uniform(-0.5, 0.5, (1, count)),
        rng.uniform(-1, 1, (1, d, count)),
        curvatures + np.swapaxes(curvatures, 1, 2),
    )
    points = rng.random((4, d))
    modes = second.macro.source.evaluate(second.basis, points, (0,) * d)
    slopes = second.macro.source.evaluate(second.basis, points, (1,) + (0,) * (d - 1))
    return {
        **found.arrays,
        "D_1 N": np.einsum("nk,kmq->mnq", found.slow[0], modes),
        "N2": np.einsum("nk,kmq->mnq", found.second, modes),
        "slopes of N2": np.einsum("nk,kmq->mnq", found.second, slopes),
        "error": second.error,
    }


def require_same(own: dict[str, Any], wanted: dict[str, Any], rel: float) -> None:
    for name in wanted.keys() - {"error"}:
        size = np.abs(wanted[name]).max()
        assert own[name] == pytest.approx(wanted[name], abs=rel * size + 1e-12), name


@pytest.mark.parametrize("backend", ["skfem", "dolfinx", "pinn"])
def test_second_correctors_by_the_law_of_every_backend(backend: str) -> None:
    problem = torus(CASES["reaction"] + WAVE * U * G[0], sp.Integer(1))
    wanted = correctors(problem, "fourier", 4)
    found = correctors(problem, backend, 4)
    require_same(found, wanted, 1e-3)
    difference = np.abs(found["flux"] - wanted["flux"]).max() / np.abs(wanted["flux"]).max()
    assert difference < found["error"] + wanted["error"] + 1e-7


def test_second_correctors_on_a_lattice_are_those_of_the_rectangle_of_two_cells() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    across = TWO_PI / sp.sqrt(3)
    waves = [2 * across * s.y[1], TWO_PI * s.y[0] + across * s.y[1]]
    a = 2 + (sp.cos(waves[0]) + sp.sin(waves[1])) / 2
    flux = a * (1 + s.x[0] * s.x[1] / 2) * g + sp.cos(waves[0] + s.x[0]) * u**2 * g
    equation = -s.div(flux) + 3 * sp.cos(waves[1] + 1) * (u + u**2) / s.eps + a * u * g[0]
    found = []
    for cell in (
        nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2)),
        nh.Cell((0, 1), (0, sp.sqrt(3))),
    ):
        problem = nh.MultiscaleProblem(
            sp.Eq(equation, 1), scales=s, unknown=u, cell=cell, ranges={u: (-1, 1)}
        )
        found.append(correctors(problem, "fourier", 3))
    require_same(*found, 2e-3)
