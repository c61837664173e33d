"""Lowered cell problems: strong and weak form say the same, and the energy formula is found where
it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.forms import CellForm, Factor, LoweredCells, SourceTerm, StrongTerm, WeakTerm
from tests.symbolic import Build, C, S, derived, diffusion, y_symbols

Y1, Y2 = y_symbols(2)
A = 2 + S(Y1) * C(Y2)


def test_the_sample_problem_is_as_the_seam_says() -> None:
    lowered = lower_cells(derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2))
    e1, e2, zero = (1, 0), (0, 1), (0, 0)
    assert lowered.bilinear == (WeakTerm(e1, A, e1), WeakTerm(e2, A, e2))
    assert (
        lowered.functions
        == lowered.correctors
        == tuple(
            CellForm(
                name,
                "corrector",
                1,
                (((0, e), 1),),
                (WeakTerm(e, -A, zero),),
                (SourceTerm(sp.diff(A, y)),),
                True,
            )
            for name, e, y in (("N_1", e1, Y1), ("N_2", e2, Y2))
        )
    )
    assert set(lowered.strong) == {
        StrongTerm(-A, (2, 0)),
        StrongTerm(-A, (0, 2)),
        StrongTerm(-sp.diff(A, Y1), e1),
        StrongTerm(-sp.diff(A, Y2), e2),
    }
    assert {(f.name, f.index): f.dual for f in lowered.effective} == {
        ("A", (i, j)): (-1, i) for i in range(2) for j in range(2)
    }
    assert (lowered.symmetric, lowered.jumps, lowered.slow, lowered.parameters) == (
        True,
        False,
        (),
        (),
    )


GRID = [g.ravel() for g in np.meshgrid(np.arange(24) / 24, np.arange(24) / 24)]


def integral(e: sp.Expr) -> float:
    """Over the unit cell, exact for trigonometric polynomials of order below 24."""
    return float(np.mean(sp.lambdify([Y1, Y2], e, "numpy")(*GRID) * np.ones_like(GRID[0])))


def differentiate(e: sp.Expr, index: tuple[int, ...], y: tuple[sp.Symbol, ...]) -> sp.Expr:
    for v, n in zip(y, index, strict=True):
        e = sp.diff(e, v, n) if n else e
    return e


def weak_and_strong(
    lowered: LoweredCells, n: tuple[sp.Expr, ...], v: tuple[sp.Expr, ...]
) -> list[tuple[float, float]]:
    """(weak, strong) of the operator at (n, v), and of every right-hand side, n in place of every
    earlier function.
    """
    y = lowered.coordinates

    def factor(t: WeakTerm | SourceTerm) -> sp.Expr:
        return (
            sp.Integer(1)
            if t.factor is None
            else differentiate(n[t.factor.component], t.factor.derivative, y)
        )

    weak = integral(
        sum(
            t.coefficient
            * differentiate(n[t.field], t.right, y)
            * differentiate(v[t.equation], t.left, y)
            for t in lowered.bilinear
        )
    )
    strong = integral(
        sum(
            t.coefficient * differentiate(n[t.field], t.right, y) * v[t.equation]
            for t in lowered.strong
        )
    )
    loads = [
        (
            integral(
                sum(
                    t.coefficient * factor(t) * differentiate(v[t.equation], t.left, y)
                    for t in c.weak
                )
            ),
            integral(sum(t.coefficient * factor(t) * v[t.equation] for t in c.source)),
        )
        for c in lowered.functions
    ]
    return [(weak, strong), *loads]


N = (S(Y1) * C(Y2) + C(Y1), S(Y2) + C(Y1 - Y2))
V = (C(Y1) * C(Y2) + S(Y1) + S(Y2), S(Y1 - Y2) + C(Y1))


BUILDS: dict[str, tuple[Build, dict[str, Any]]] = {
    "tensor": (diffusion(lambda s: sp.Matrix([[2 + S(s.y[0]), C(s.y[1])], [S(s.y[0]), 3]])), {}),
    "flow, reaction, source": (
        lambda s, u: sp.Eq(
            -s.laplacian(u) + (C(s.y[1]) * u.diff(s.x[0]) + S(s.y[0]) * u) / s.eps,
            C(s.y[0]) / s.eps,
        ),
        {},
    ),
    "source in flux form": (
        lambda s, u: sp.Eq(-s.laplacian(u), s.div(sp.Matrix([C(s.y[0]), 1]))),
        {},
    ),
    "flow in flux form": (
        lambda s, u: sp.Eq(
            -s.div((2 + S(s.y[0])) * s.grad(u))
            + s.div(sp.Matrix([C(s.y[1]), S(s.y[0])]) * u) / s.eps,
            1,
        ),
        {},
    ),
    "second level": (diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), {"order": 2}),
    "system, second level": (
        lambda s, v: (
            -s.div((2 + S(s.y[0])) * s.sym_grad(v) + C(s.y[1]) / 2 * s.grad(v).trace() * sp.eye(2)),
            sp.ones(2, 1),
        ),
        {"components": 2, "order": 2},
    ),
    "fourth order": (
        lambda s, u: sp.Eq(s.div(s.div((2 + S(s.y[0]) * C(s.y[1])) * s.hessian(u))), 1),
        {"order": 3},
    ),
}


@pytest.mark.parametrize("name", BUILDS)
def test_weak_and_strong_forms_agree_by_parts(name: str) -> None:
    build, options = BUILDS[name]
    lowered = lower_cells(derived(build, 2, **options))
    assert lowered.functions
    for weak, strong in weak_and_strong(lowered, N, V):
        assert weak == pytest.approx(strong, abs=1e-10)


def test_the_energy_formula_needs_a_symmetric_operator() -> None:
    """Terms that vanish in the mean, such as <cos(2 pi y_1) d_2 N>, are no obstacle."""

    def lowered(upper: int, lower: int) -> LoweredCells:
        return lower_cells(
            derived(
                diffusion(
                    lambda s: sp.Matrix(
                        [
                            [2 + S(s.y[0]) * C(s.y[1]), C(s.y[0]) / upper],
                            [C(s.y[0]) / lower, 3 + S(s.y[1])],
                        ]
                    )
                ),
                2,
            )
        )

    symmetric, other = lowered(2, 2), lowered(2, 3)
    assert {f.index: f.dual for f in symmetric.effective if f.terms} == {
        (i, j): (-1, i) for i in range(2) for j in range(2)
    }
    assert not other.symmetric
    assert all(f.dual is None for f in other.effective)


def test_reaction_has_the_energy_formula_for_c() -> None:
    lowered = lower_cells(derived(lambda s, u: sp.Eq(-s.laplacian(u) + C(s.y[0]) * u / s.eps, 1)))
    assert {f.name: f.dual for f in lowered.effective} == {"c": (-1, 0)}


def test_slow_coordinates_and_parameters_are_listed_where_they_occur() -> None:
    q, unused = sp.symbols("q unused")
    lowered = lower_cells(
        derived(
            diffusion(lambda s: 3 + q * S(s.y[0]) * s.x[1]),
            2,
            parameters={q: (0, 1), unused: (0, 1)},
        )
    )
    assert lowered.slow == (sp.Symbol("x2", real=True),)
    assert lowered.parameters == (q,)


def test_a_jump_leaves_no_strong_form() -> None:
    lowered = lower_cells(
        derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True))))
    )
    assert lowered.jumps
    assert lowered.strong == ()
    assert lowered.correctors[0].source == ()
    assert lowered.bilinear


def test_means_without_cell_functions_are_functionals_too() -> None:
    lowered = lower_cells(
        derived(
            lambda s, u: sp.Eq((2 + sp.exp(S(s.y[0]))) * s.dt(u) - s.laplacian(u), 1), time=True
        )
    )
    (rho,) = lowered.effective
    assert (rho.name, rho.constant, rho.terms) == ("rho", 2 + sp.exp(S(Y1)), ())


def test_the_cell_is_the_problems() -> None:
    assert lower_cells(
        derived(diffusion(lambda s: 2 + sp.sin(s.y[0])), cell=nh.Cell((0, 2 * sp.pi)))
    ).cell == nh.Cell((0, 2 * sp.pi))


# ---- the order in which functions can be solved


def sequence(build: Build, dim: int = 1, hierarchy: bool = False, **options: Any) -> LoweredCells:
    lowered = lower_cells(derived(build, dim, **options), hierarchy)
    for place, form in enumerate(lowered.functions):
        factors = [t.factor for t in (*form.weak, *form.source) if t.factor is not None]
        assert all(f.function < place for f in factors), form.name
    return lowered


def roles(lowered: LoweredCells) -> list[tuple[str, str]]:
    return [(f.name, f.role) for f in lowered.functions]


def test_kernels_come_first_and_constants_after_them() -> None:
    lowered = sequence(
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + (1 + S(s.y[0])) * u.diff(s.x[0]) / s.eps
            + C(s.y[0]) * u / s.eps**2,
            1,
        ),
        time=True,
    )
    assert roles(lowered)[:2] == [("phi", "ground state"), ("psi", "adjoint")]
    assert {role for _, role in roles(lowered)[2:]} == {"corrector"}
    assert lowered.eigenvalue is not None
    assert [c.numerator.name for c in lowered.constants] == ["drift"]
    assert lowered.mass == (WeakTerm((0,), sp.Integer(1), (0,)),)
    assert any(t.coefficient.has(lowered.eigenvalue) for t in lowered.bilinear)
    assert any(
        t.coefficient.has(lowered.constants[0].symbol) for f in lowered.functions for t in f.weak
    )


def test_systems_have_one_adjoint_for_each_equation() -> None:
    lowered = sequence(
        lambda s, u: (
            -(2 + S(s.y[0])) * sp.Matrix([u[0].diff(s.x[0], 2), u[1].diff(s.x[0], 2)]),
            sp.ones(2, 1),
        ),
        components=2,
    )
    assert [(f.name, f.role, f.level) for f in lowered.functions[:2]] == [
        ("psi_u1", "adjoint", 0),
        ("psi_u2", "adjoint", 1),
    ]


def test_slow_derivatives_of_functions_are_auxiliaries_of_their_own() -> None:
    """-(a(x, y) u')' to order 2: N_11 and N2_1 need d_x1 N_1, placed before them."""
    lowered = sequence(diffusion(lambda s: 2 + s.x[0] + S(s.y[0])), order=2)
    names = [name for name, _ in roles(lowered)]
    assert ("dx1_N_1", "auxiliary") in roles(lowered)
    assert (
        names.index("N_1") < names.index("dx1_N_1") < max(names.index("N_11"), names.index("N2_1"))
    )
    (slope,) = [f for f in lowered.functions if f.name == "dx1_N_1"]
    assert slope.sources == ()
    a, place = 2 + sp.Symbol("x1", real=True) + S(sp.Symbol("y1", real=True)), names.index("N_1")
    terms = {(t.left, t.factor): t.coefficient for t in slope.weak}
    assert terms == {
        ((1,), None): -1,
        ((1,), Factor(place, 0, (1,))): -1,
    }  # a (d_x N)' v' = -(d_x a)(1 + N') v', and d_x a = 1
    assert a.diff(sp.Symbol("x1", real=True)) == 1


def test_the_mean_fields_need_more_functions_where_the_operator_is_not_symmetric() -> None:
    def build(symmetric: bool) -> Build:
        off = 0 if symmetric else S(nh.Scales(2).y[1]) / 3
        return diffusion(
            lambda s: sp.Matrix(
                [
                    [2 + S(s.y[0]), C(s.y[0] + s.y[1]) / 3 + off],
                    [C(s.y[0] + s.y[1]) / 3, 3 + C(s.y[1])],
                ]
            )
        )

    symmetric, other = (sequence(build(kind), 2, True, order=2) for kind in (True, False))
    assert max(f.level for f in symmetric.functions) == 2
    assert max(f.level for f in other.functions) == 3
    assert {f.role for f in other.functions if f.level == 3} == {"auxiliary"}
    assert {f.index[0] for f in symmetric.higher} == {3, 4, 5}
    assert {f.index[0] for f in other.higher} == {3, 4}


def test_what_is_complex_or_indefinite_says_so() -> None:
    lowered = sequence(diffusion(lambda s: 2 + sp.I + S(s.y[0])))
    assert (lowered.complex, lowered.symmetric) == (True, True)
    saddle = sequence(
        lambda s, u: (
            -s.div(sp.Matrix([[2, 1], [1, -2]]) * (3 + S(s.y[0])) * s.grad(u)),
            sp.ones(2, 1),
        ),
        components=2,
    )
    assert (saddle.complex, saddle.symmetric, saddle.definite) == (False, True, False)


def test_fast_time_is_a_coordinate_of_the_cell_only_at_resonance() -> None:
    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        return sp.Eq(s.dt(u) - s.div((3 + S(s.y[0] - s.tau)) * s.grad(u)), 1)

    tau = sp.Symbol("tau", real=True)
    resonant, slow = (sequence(build, time=True, fast_time=k) for k in (2, 1))
    assert (resonant.coordinates, resonant.slow, resonant.cell.dim, resonant.symmetric) == (
        (Y1, tau),
        (),
        2,
        False,
    )
    assert (slow.coordinates, slow.slow) == ((Y1,), (tau,))


def test_the_effective_coefficients_of_z_are_external_fields() -> None:
    lowered = sequence(diffusion(lambda s: 3 + S(s.y[0]) + C(s.z[0])), levels=2)
    assert [
        (e.name, e.index, e.derivative) for e in lowered.externals if not any(e.derivative)
    ] == [("A", (0, 0), (0,))]
    assert lowered.bilinear[0].coefficient == lowered.externals[0].symbol
