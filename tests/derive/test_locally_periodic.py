"""Locally periodic coefficients against an exact solution: u(x) = U(x, x/eps) lifted to the torus
of (x, y).

With coefficients periodic in x and y alike, D_x + eps^-1 D_y in the physical term table gives a
problem for U that Fourier collocation solves to rounding at any eps: no boundary layers, no fine
mesh, and neither chain rule nor recursion of the package in it. <U>_y = u0 + O(eps), U = u0 + eps
u1 + O(eps) in the mean, O(eps^2) in what oscillates.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.solve.backends import cell_solver
from nhpinn_sym.solve.solution import CellTask
from tests.symbolic import Build, C, S, derived, solved

N = 19
GRID = np.arange(N) / N
WAVES = 2j * np.pi * np.fft.fftfreq(N, 1 / N)
SLOPE = np.fft.ifft(WAVES[:, None] * np.fft.fft(np.eye(N), axis=0), axis=0)


def lifted(model: nh.HomogenizedModel, eps: float, growth: float) -> np.ndarray:
    """U at the grid of (x, y): sum eps^k D^left( c D^right U ) = 0, sources among the terms."""
    op = model.operator
    slope = np.kron(SLOPE, np.eye(N)) + np.kron(np.eye(N), SLOPE) / eps
    x, y = (g.ravel() for g in np.meshgrid(GRID, GRID, indexing="ij"))
    matrix, rhs = np.zeros((N * N, N * N), dtype=complex), np.zeros(N * N, dtype=complex)
    for term, c in op.table.items():
        values = eps**term.power * np.broadcast_to(
            sp.lambdify([op.coordinates[0], op.fast[0]], c, "numpy")(x, y), x.shape
        )
        left, right = (np.linalg.matrix_power(slope, index[0]) for index in (term.left, term.right))
        if term.field is None:
            rhs -= left @ values
        else:
            matrix += growth ** term.right[-1] * left @ (values[:, None] * right)
    return np.linalg.solve(matrix, rhs).reshape(N, N)


def macroscopic(cells: nh.CellSolution, growth: float) -> np.ndarray:
    """u0 at the grid of x from rho s u - (A u')' + b u' + c u = f - g'."""

    def value(name: str, shape: tuple[int, ...]) -> np.ndarray:
        entry = cells.effective.get(name, np.zeros(shape))
        return np.asarray(
            entry(GRID[:, None]) if callable(entry) else np.broadcast_to(entry, (N, *shape))
        ).reshape(N)

    a, b, g = value("A", (1, 1)), value("b", (1,)), value("g", (1,))
    matrix = (
        -SLOPE @ (a[:, None] * SLOPE)
        + b[:, None] * SLOPE
        + np.diag(value("c", ()) + growth * value("rho", ()))
    )
    return np.linalg.solve(matrix, value("f", ()) - SLOPE @ g)


def errors(
    model: nh.HomogenizedModel, cells: nh.CellSolution, eps: float, growth: float
) -> np.ndarray:
    """Relative errors of u0, and of what oscillates in u0 + eps u1."""
    u0, exact = macroscopic(cells, growth), lifted(model, eps, growth)
    u1 = np.zeros((N, N), dtype=complex)
    for function in cells.functions:
        field, alpha = function.key
        macro = np.ones(N) if field is None else np.linalg.matrix_power(SLOPE, sum(alpha)) @ u0
        u1 += macro[:, None] * np.array(
            [
                (
                    function(GRID[:, None], x=np.array([x]))
                    if function.local
                    else function(GRID[:, None])
                )
                for x in GRID
            ]
        )
    oscillating = exact - exact.mean(axis=1, keepdims=True) - eps * u1
    return np.array(
        [np.linalg.norm(e) / np.linalg.norm(exact) for e in (exact - u0[:, None], oscillating)]
    )


def check_rates(build: Build, time: bool = False, growth: float = 0.0) -> None:
    extra = {"initial": [nh.Initial(0)], "final_time": 1} if time else {}
    model = derived(build, time=time, domain=nh.Box((0, 1)), boundary=[nh.Periodic()], **extra)
    cells = nh.solve_cells(model, tolerance=1e-7)
    coarse, fine = (errors(model, cells, eps, growth) for eps in (1 / 32, 1 / 64))
    assert np.all(fine < (2e-2, 2e-3))
    assert np.all(np.abs(np.log2(coarse / fine) - (1, 2)) < (0.05, 0.1))


def coefficient(s: nh.Scales) -> sp.Expr:
    return 2 + S(s.y[0]) * (1 + C(s.x[0]) / 2) + S(s.x[0]) / 3


def test_diffusion_in_a_locally_periodic_medium() -> None:
    check_rates(lambda s, u: sp.Eq(-s.div(coefficient(s) * s.grad(u)) + u, 1 + S(s.x[0])))


def test_every_kind_of_term_at_once() -> None:
    """Reaction/eps, drift, conservative drift, potential; sources of order 1, 1/eps and in
    divergence form.
    """

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        (x,), (y,) = s.x, s.y
        reaction = (1 + C(x) / 4) * (C(y) + S(2 * y) / 2) / s.eps
        conservative = sp.Matrix([C(x) / 3 + C(y) + S(y) * S(x)])
        lhs = (
            -s.div(coefficient(s) * s.grad(u))
            + reaction * u
            + (sp.Rational(1, 2) + S(y) * C(x)) * u.diff(x)
            + s.div(conservative * u)
        )
        rhs = (
            (1 + S(x)) * (1 + C(y) * S(x))
            + C(x) * S(y) / s.eps
            + s.div(sp.Matrix([C(x) * (1 + 2 * S(y)) + S(x) * C(y)]))
        )
        return sp.Eq(lhs + (4 + S(y) + C(x) * C(y)) * u, rhs)

    check_rates(build)


def test_capacity_that_varies_with_x_and_y() -> None:
    """u = e^{s t} v: d_t is the number s."""

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        (x,), (y,) = s.x, s.y
        return sp.Eq(
            (1 + S(y) * C(x) / 2) * s.dt(u)
            - s.div(coefficient(s) * s.grad(u))
            + C(y) * (1 + S(x) / 2) * u / s.eps,
            1 + S(x),
        )

    check_rates(build, time=True, growth=3.0)


def test_in_two_dimensions_the_law_is_that_of_the_frozen_cell_in_divergence_form() -> None:
    def tensor(s: nh.Scales, x: object) -> sp.Matrix:
        y = s.y
        return sp.Matrix(
            [[2 + S(y[0]) * x / 2, C(y[1]) / 3], [S(y[0] + y[1]) * x / 3, 2 + C(y[1]) / 2]]
        )  # type: ignore[operator]

    local = derived(
        lambda s, u: sp.Eq(-s.div(tensor(s, s.x[1]) * s.grad(u)), 1),
        2,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    found = nh.solve_cells(local, tolerance=1e-8).effective["A"]
    for x in (0.0, 0.37, 1.0):
        frozen = derived(
            lambda s, u, x=x: sp.Eq(-s.div(tensor(s, sp.Float(x, 17)) * s.grad(u)), 1), 2
        )
        assert np.allclose(found([[0.5, x]])[0], nh.solve_cells(frozen).effective["A"], atol=1e-7)
    u0, x2 = sp.Function("u0")(*local.problem.scales.x), local.problem.scales.x[1]
    assert (
        -sp.Derivative(
            sp.Function("A_21")(x2) * u0.diff(local.problem.scales.x[0]), x2, evaluate=False
        )
        in local.equation.lhs.args
    )


def test_slow_derivatives_of_cell_functions_against_cells_at_other_places() -> None:
    """d_x N_1 and d_xx N_1 are functions of their own: differences in x of cells that are solved at
    frozen x, of sixth order.
    """

    def varying(x: object, s: nh.Scales) -> sp.Expr:
        return 3 + C(s.y[0]) * (1 + S(x) / 2) / 2 + S(s.y[0] - x) / 3  # type: ignore[operator]

    model = derived(
        lambda s, u: sp.Eq(-s.div(varying(s.x[0], s) * s.grad(u)), 1),
        domain=nh.Box((0, 1)),
        boundary=[nh.Periodic()],
        order=3,
    )
    lowered = lower_cells(model)
    place = np.array([[0.37]])
    batch = cell_solver("fourier")(CellTask(lowered, {}, ((0.0, 1.0),), 1e-11)).solve(place)
    values = {
        form.name: fields[0].derivative(GRID[:, None], (0,))[0]
        for form, fields in zip(lowered.functions, batch.fields, strict=True)
    }

    def frozen(x: float) -> np.ndarray:
        here = derived(lambda s, u: sp.Eq(-s.div(varying(sp.Float(x, 17), s) * s.grad(u)), 1))
        return nh.solve_cells(here, tolerance=1e-11).functions[0](GRID)

    h = 0.02
    samples = np.array([frozen(0.37 + k * h) for k in range(-3, 4)])
    first = np.array([-1, 9, -45, 0, 45, -9, 1]) @ samples / (60 * h)
    second = np.array([2, -27, 270, -490, 270, -27, 2]) @ samples / (180 * h**2)
    assert np.allclose(values["N_1"], samples[3], atol=1e-10)
    assert np.allclose(values["dx1_N_1"], first, atol=1e-6)
    assert np.allclose(values["dx1dx1_N_1"], second, atol=1e-5)
    assert np.abs(second).max() > 0.1


def conductivity(s: nh.Scales) -> sp.Expr:
    return 3 + s.x[0] + S(s.y[0])


@pytest.mark.parametrize(
    ("build", "components"),
    [
        (lambda s, u: (-s.div(conductivity(s) * s.grad(u)), sp.ones(2, 1)), 2),
        (lambda s, u: sp.Eq(s.div(s.div(conductivity(s) * s.hessian(u))), 1), 1),
        (lambda s, u: sp.Eq(-s.div((sp.I * s.x[0] ** 2 + conductivity(s)) * s.grad(u)), 1), 1),
        (lambda s, u: sp.Eq(-conductivity(s) * u.diff(s.x[0], 2), 1), 1),
    ],
)
def test_closed_forms_at_every_x(build: Build, components: int) -> None:
    """sqrt(m(x)^2 - 1): a system, a beam, complex, and -a* u'' = -(a* u')' + a*' u' without
    divergence.
    """
    effective = solved(
        build, components=components, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)]
    ).effective
    x = np.linspace(0, 1, 9)
    found = effective["A"](x[:, None]).reshape(len(x), components, components)
    m = 3 + x + (1j * x**2 if np.iscomplexobj(found) else 0)
    star = np.sqrt(m**2 - 1)
    assert np.allclose(found, star[:, None, None] * np.eye(components), atol=1e-9)
    if callable(effective["b"]):
        assert np.allclose(effective["b"](x[:, None])[:, 0], m / star, atol=1e-8)


def test_a_medium_that_varies_with_x_and_with_a_slow_fast_time() -> None:
    found = solved(
        lambda s, u: sp.Eq(s.dt(u) - s.div((3 + s.x[0] + S(s.y[0]) * C(s.tau)) * s.grad(u)), 1),
        time=True,
        fast_time=1,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(0)],
        final_time=1,
    ).effective["A"]
    x, tau = np.linspace(0, 1, 5), np.arange(64) / 64
    assert np.allclose(
        found(x[:, None])[:, 0, 0],
        np.mean(np.sqrt((3 + x[:, None]) ** 2 - np.cos(2 * np.pi * tau) ** 2), axis=1),
        atol=1e-9,
    )
