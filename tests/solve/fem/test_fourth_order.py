"""Beams and plates in boxes: manufactured solutions with rates on both finite element backends,
closed forms, and what is refused.
"""

import math

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import BoundaryConditionError
from nhpinn_sym.runtime.fem_skfem.hermite_space import HermiteSpace
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.solve.backends import available, choose_fem
from tests.emitted import run_mains

BACKENDS = [name for name in ("skfem", "dolfinx") if available(name)]
"""Each by its own form: C1 elements, and an interior penalty."""


def beam(exact, stiffness, conditions, box=(0, 1)):
    """(stiffness u'')'' = what makes `exact`, a function of x, the solution."""
    s = nh.Scales(1)
    u, x = s.unknown("u"), s.x[0]
    value, d = exact(x), stiffness(x)
    f = sp.diff(d * sp.diff(value, x, 2), x, 2)
    equation = sp.Eq(s.div(s.div(d * s.hessian(u))), f)
    boundary = conditions(value)
    return nh.MultiscaleProblem(
        equation, scales=s, unknown=u, domain=nh.Box(box), boundary=boundary
    )


def plate(exact, conditions, box):
    """div div (D ((1 - nu) D^2 u + nu tr(D^2 u) I)), D = 1 + x1 x2/4, nu = 1/4."""
    s = nh.Scales(2)
    u, x = s.unknown("u"), s.x
    value, nu = exact(*x), sp.Rational(1, 4)

    def moments(hessian):
        isotropic = (1 - nu) * hessian + nu * hessian.trace() * sp.eye(2)
        return (1 + x[0] * x[1] / 4) * isotropic

    held = moments(sp.hessian(value, x))
    f = sum(sp.diff(held[i, j], x[i], x[j]) for i in range(2) for j in range(2))
    return nh.MultiscaleProblem(
        sp.Eq(s.div(s.div(moments(s.hessian(u)))), f),
        scales=s,
        unknown=u,
        domain=nh.Box(*box),
        boundary=conditions(value),
    )


def error(solution, problem, exact):
    """Relative, at random points."""
    box = np.array([[float(e) for e in pair] for pair in problem.domain.intervals])
    points = np.random.default_rng(0).uniform(*box.T, (300, len(box)))
    values = sp.lambdify(problem.scales.x, exact(*problem.scales.x))(*points.T)
    return np.linalg.norm(solution(points) - values) / np.linalg.norm(values)


@pytest.mark.parametrize("backend", BACKENDS)
def test_beams_converge_with_the_rate_of_cubic_elements(backend):
    """Clamped where the slope is pi, and simply supported."""

    def exact(x):
        return sp.sin(sp.pi * x)

    def conditions(value):
        return [nh.Clamped(value, on="left"), nh.Dirichlet(0, on="right")]

    problem = beam(exact, lambda x: 1 + x, conditions)
    errors = [error(nh.solve_fine(problem, 1, backend, mesh=n), problem, exact) for n in (8, 16)]
    assert errors[1] < 1e-5
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.35)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_plate_in_a_shifted_box(backend):
    def exact(x, y):
        return sp.sin(sp.pi * (x + sp.Rational(1, 4)) / sp.Rational(3, 2)) ** 2 * sp.sin(
            2 * sp.pi * y
        )

    def conditions(value):
        return [nh.Clamped(on=["left", "right"]), nh.Dirichlet(0, on=["bottom", "top"])]

    problem = plate(exact, conditions, ((sp.Rational(-1, 4), sp.Rational(5, 4)), (0, 1)))
    solutions = [nh.solve_fine(problem, 1, backend, mesh=n) for n in (8, 16)]
    errors = [error(solution, problem, exact) for solution in solutions]
    assert errors[1] < 5e-4
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4)
    assert errors[1] < solutions[1].info["estimate"] < 20 * errors[1]


def test_clamped_data_that_are_not_zero():
    def exact(x, y):
        return sp.sin(2 * x + y) + x**2 * y

    problem = plate(exact, lambda value: [nh.Clamped(value)], ((0, 1), (0, 1)))
    assert error(nh.solve_fine(problem, 1, "skfem", mesh=8), problem, exact) < 5e-5


def test_a_net_on_a_beam():
    """Clamped on the left and supported on the right, a span of 2: u = q x^2 (3 L - 2 x)(L - x) / 48
    for constant stiffness 1.
    """
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.div(s.div(s.hessian(u))), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 2)),
        boundary=[nh.Clamped(on="left"), nh.Dirichlet(0, on="right")],
    )
    found = nh.solve_fine(problem, 1, "pinn", method="residual")
    assert error(found, problem, lambda x: x**2 * (6 - 2 * x) * (2 - x) / 48) < 1e-7


def test_a_periodic_plate_and_its_decay():
    """u_t + D^2 u = 0 on a torus, by scikit-fem: e^(-t) cos(x1); a stationary one has zero mean."""
    s = nh.Scales(1, time=True)
    u, x = s.unknown("u"), s.x[0]
    moving = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) + s.div(s.div(s.hessian(u))), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 2 * sp.pi)),
        boundary=[nh.Periodic()],
        initial=[nh.Initial(sp.cos(x))],
        final_time=1,
    )
    points = np.linspace(0, 2 * np.pi, 50)[:, None]
    found = nh.solve_fine(moving, 1, "skfem", mesh=32, steps=16)(points, 1.0)
    np.testing.assert_allclose(found, np.exp(-1) * np.cos(points[:, 0]), atol=2e-5)
    s = nh.Scales(1)
    u, x = s.unknown("u"), s.x[0]
    still = nh.MultiscaleProblem(
        sp.Eq(s.div(s.div(s.hessian(u))), sp.cos(x)),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 2 * sp.pi)),
        boundary=[nh.Periodic()],
    )
    found = nh.solve_fine(still, 1, "skfem", mesh=32)(points)
    np.testing.assert_allclose(found, np.cos(points[:, 0]), atol=2e-5)
    with pytest.raises(nh.UnsupportedError, match="periodic sides"):
        nh.solve_fine(still, 1, "dolfinx" if available("dolfinx") else "pinn", mesh=8)


def test_a_vibrating_beam():
    """u_tt + u'''' = 0, simply supported: the mode sin(pi x) turns with the frequency pi^2."""
    s = nh.Scales(1, time=True)
    u, x = s.unknown("u"), s.x[0]
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u, 2) + s.div(s.div(s.hessian(u))), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * x)), nh.Initial(0, order=1)],
        final_time=0.25,
    )
    points = np.linspace(0, 1, 21)[:, None]
    found = nh.solve_fine(problem, 1, "skfem", mesh=16, steps=64)(points, 0.25)
    exact = math.cos(math.pi**2 / 4) * np.sin(np.pi * points[:, 0])
    np.testing.assert_allclose(found, exact, atol=2e-5)


def test_cells_of_layers_by_elements():
    """The stiffness across layers is the harmonic mean, here across a jump."""
    s = nh.Scales(1)
    u = s.unknown("u")
    d = sp.Piecewise((1, s.y[0] < sp.Rational(1, 3)), (4, True))
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(s.div(s.div(d * s.hessian(u))), 1), scales=s, unknown=u)
    )
    cells = nh.solve_cells(model, "skfem")
    assert cells.effective["A"].item() == pytest.approx(2.0, rel=1e-9)
    assert choose_fem("auto", smooth=True) == "skfem"


def test_the_space_has_the_derivatives_of_a_polynomial(tmp_path):
    """On uneven lines: the elements of a quadrilateral mesh have their own axes."""
    lattice = Lattice((np.array([0.0, 0.3, 1.0]), np.array([1.0, 1.2, 2.0, 2.5])))
    space = HermiteSpace(lattice, 3, (), {})

    def polynomial(points, data):
        x, y = points
        return {"00": x**3 * y**2, "10": 3 * x**2 * y**2, "01": 2 * x**3 * y, "11": 6 * x**2 * y}

    values = space.sampled(polynomial, {}, slice(None))
    field = space.basis.interpolate(space.prolongation @ values)
    x, y = np.asarray(space.basis.global_coordinates())
    np.testing.assert_allclose(field.hess[0, 1], 6 * x**2 * y, atol=1e-11)
    np.testing.assert_allclose(field.hess[0, 0], 6 * x * y**2, atol=1e-11)
    grid = space.grid(values)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    np.testing.assert_allclose(grid.evaluate(points, (2, 1)), (12 * x * y).ravel(), atol=1e-11)


def test_conditions_go_with_the_order():
    with pytest.raises(BoundaryConditionError, match="flux on the edge"):
        nh.solve_fine(beam(lambda x: x, lambda x: 1 + x, lambda v: [nh.Neumann(0)]), 1, "skfem")
    s = nh.Scales(1)
    u = s.unknown("u")
    second = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + sp.cos(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Clamped()],
    )
    with pytest.raises(BoundaryConditionError, match="second order"):
        nh.solve_fine(second, sp.Rational(1, 8), "skfem")
    assert nh.homogenize(second).homogenized_order == 2


def test_data_of_nets_fit_together():
    """u = 0 on the left, u = 1 at the bottom."""

    def conditions(value):
        return [nh.Clamped(0, on=["left", "right"]), nh.Clamped(1, on=["bottom", "top"])]

    problem = plate(lambda x, y: x * y, conditions, ((0, 1), (0, 1)))
    with pytest.raises(nh.UnsupportedError, match="contradict"):
        nh.solve_fine(problem, 1, "pinn", method="residual")


def test_emitted_mains_solve_a_beam(tmp_path):
    """The load 1 bends a clamped beam by 1/(384 A*) in the middle."""
    s = nh.Scales(1)
    u = s.unknown("u")
    bending = (2 + sp.cos(2 * sp.pi * s.y[0])) * sp.diff(u, s.x[0], 2)
    problem = nh.MultiscaleProblem(
        sp.Eq(sp.diff(bending, s.x[0], 2), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Clamped()],
    )
    nh.emit(nh.homogenize(problem), "skfem").save(tmp_path)
    done = run_mains(tmp_path, ["cells", "n=32"], ["homogenized", "n=32"])
    done.check_returncode()
    largest = float(done.stdout.split("<= u <= ")[1].split(";")[0])
    assert largest == pytest.approx(1 / (384 * math.sqrt(3)), rel=1e-5)
