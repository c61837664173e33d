"""Locally periodic coefficients to higher order, and drifts that vary with x, against exact
solutions on the torus of (x, y).

The approximation of order p is sum_{a + b <= p} eps^(a + b) N^a[U_b], with the mean fields from the
averaged operators in divergence form sum D^left( h(x) D^right U ): slow derivatives of cell
functions and of averages are all in it. It must converge at rate p + 1.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.derive.test_locally_periodic import GRID, SLOPE, lifted
from tests.symbolic import Build, C, S, derived

N = len(GRID)


def slope(order: int) -> np.ndarray:
    return np.linalg.matrix_power(SLOPE, order)


def mean_fields(cells: nh.CellSolution, order: int) -> list[np.ndarray]:
    """U_0, ..., U_order at the grid of x: H_2 U_0 = f, H_2 U_p = -sum_k H_{2+k} U_{p-k}, source
    parts of each H included.
    """
    operators, loads = {}, {}
    for (name, index), entry in cells.entries.items():
        sign, _, left, field, right = entry.place
        n = index[0] if name == "h" else 2
        values = sign * entry(GRID[:, None])
        if field is None:
            loads[n] = loads.get(n, 0) - slope(left[0]) @ values
        else:
            operators[n] = operators.get(n, 0) + slope(left[0]) @ (
                values[:, None] * slope(right[0])
            )
    fields: list[np.ndarray] = []
    for p in range(order + 1):
        rest = sum(
            (operators[2 + k] @ fields[p - k] for k in range(1, p + 1) if 2 + k in operators),
            np.zeros(N),
        )
        fields.append(np.linalg.solve(operators[2], loads.get(2 + p, np.zeros(N)) - rest))
    return fields


def approximations(cells: nh.CellSolution, order: int, eps: float) -> list[np.ndarray]:
    """The approximations of order 0..order on the grid of (x, y)."""
    fields = mean_fields(cells, order)
    total, found = np.zeros((N, N), dtype=complex), []
    for p in range(order + 1):
        part = np.broadcast_to(fields[p][:, None], (N, N)).astype(complex)
        for function in (f for f in cells.functions if f.level <= p):
            values = np.array([function(GRID[:, None], x=np.array([x])) for x in GRID])
            for (field, alpha), sign in function.sources:
                if field is not None:
                    part = (
                        part
                        + sign * (slope(alpha[0]) @ fields[p - function.level])[:, None] * values
                    )
                elif function.level == p:
                    part = part + sign * values
        total = total + eps**p * part
        found.append(total)
    return found


def rates(build: Build, order: int, steps: tuple[float, float]) -> np.ndarray:
    model = derived(build, domain=nh.Box((0, 1)), boundary=[nh.Periodic()], order=order)
    cells = nh.solve_cells(model, tolerance=1e-10, hierarchy=True)
    errors = []
    for eps in steps:
        exact = lifted(model, eps, 0.0)
        errors.append(
            [
                np.linalg.norm(u - exact) / np.linalg.norm(exact)
                for u in approximations(cells, order, eps)
            ]
        )
    return np.log2(np.array(errors[0]) / np.array(errors[1]))


def coefficient(s: nh.Scales) -> sp.Expr:
    return 3 + C(s.y[0]) * (1 + C(s.x[0]) / 2) / 2 + S(s.x[0]) / 3


def test_diffusion_to_order_three() -> None:
    found = rates(
        lambda s, u: sp.Eq(-s.div(coefficient(s) * s.grad(u)) + u, 1 + S(s.x[0])),
        3,
        (1 / 16, 1 / 32),
    )
    assert np.all(np.abs(found - [1, 2, 3, 4]) < 0.25)


def test_reaction_and_oscillating_source_to_order_two() -> None:
    """A reaction of order 1/eps whose size varies with x, and a source that oscillates at order
    1.
    """

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        reaction = (1 + S(s.x[0]) / 2) * C(s.y[0]) * u / s.eps
        return sp.Eq(
            -s.div(coefficient(s) * s.grad(u)) + reaction + 2 * u, 1 + S(s.x[0]) * (1 + C(s.y[0]))
        )

    found = rates(build, 2, (1 / 64, 1 / 128))
    assert np.all(np.abs(found - [1, 2, 3]) < 0.15)


PLANE = 9
AXIS = np.arange(PLANE) / PLANE
D = np.fft.ifft(
    (2j * np.pi * np.fft.fftfreq(PLANE, 1 / PLANE))[:, None] * np.fft.fft(np.eye(PLANE), axis=0),
    axis=0,
)


def lifted_in_the_plane(model: nh.HomogenizedModel, eps: float) -> np.ndarray:
    """U(x1, y1, y2) of a problem in two dimensions whose coefficients do not depend on x2."""
    op, one = model.operator, np.eye(PLANE)
    slopes = [
        np.kron(D, np.eye(PLANE**2)) + np.kron(one, np.kron(D, one)) / eps,
        np.kron(np.eye(PLANE**2), D) / eps,
    ]
    x, y1, y2 = (g.ravel() for g in np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"))
    matrix, rhs = np.zeros((PLANE**3, PLANE**3), dtype=complex), np.zeros(PLANE**3, dtype=complex)
    for term, c in op.table.items():
        values = eps**term.power * np.broadcast_to(
            sp.lambdify([op.coordinates[0], *op.fast], c, "numpy")(x, y1, y2), x.shape
        )
        left, right = (
            np.linalg.matrix_power(slopes[0], index[0])
            @ np.linalg.matrix_power(slopes[1], index[1])
            for index in (term.left, term.right)
        )
        if term.field is None:
            rhs -= left @ values
        else:
            matrix += left @ (values[:, None] * right)
    return np.linalg.solve(matrix, rhs).reshape(PLANE, -1)


def speed(s: nh.Scales) -> sp.Expr:
    return 1 + S(s.x[0]) / 2


DRIFTS: dict[str, Build] = {
    "conservative": lambda s, u: (
        -s.div((2 + C(s.y[1]) / 2) * s.grad(u))
        + s.div(sp.Matrix([C(s.y[1]) * speed(s), 0]) * u) / s.eps
    ),
    "not conservative": lambda s, u: (
        -s.div((2 + C(s.y[1]) / 2) * s.grad(u)) + C(s.y[1]) * speed(s) * u.diff(s.x[0]) / s.eps
    ),
    "non-divergence form": lambda s, u: (
        -(2 + speed(s) * C(s.y[0]) / 2) * (u.diff(s.x[0], 2) + u.diff(s.x[1], 2))
    ),
}


@pytest.mark.parametrize("form", DRIFTS)
def test_drifts_that_vary_with_x(form: str) -> None:
    """div_y b = 0, div_x b is not; in non-divergence form the weight psi varies with x."""
    model = derived(
        lambda s, u: sp.Eq(DRIFTS[form](s, u) + u, 1 + S(s.x[0])),
        2,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Periodic()],
    )
    effective = nh.solve_cells(model, tolerance=1e-9).effective
    places = np.stack([AXIS, np.zeros(PLANE)], axis=1)
    a, b, c, f = (
        v(places) if callable(v) else np.broadcast_to(v, (PLANE, *np.shape(v)))
        for v in (effective[name] for name in "Abcf")
    )
    u0 = np.linalg.solve(-D @ (a[:, 0, 0, None] * D) + b[:, 0, None] * D + np.diag(c), f)
    exact = [lifted_in_the_plane(model, eps) for eps in (1 / 16, 1 / 32)]
    coarse, fine = (float(np.linalg.norm(u - u0[:, None]) / np.linalg.norm(u)) for u in exact)
    assert fine < 1e-3
    assert np.log2(coarse / fine) > 0.95
