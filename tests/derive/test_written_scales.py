"""Operators as they stand in papers: SymPy's own diff with x/eps written out, expanded, with opaque
coefficients; and transposes of random ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from tests.derive.oracles import isotropic
from tests.symbolic import Array, C, S, derived, solved, stiffness_flux

# ---- SymPy's own derivatives, x/eps written out


def tensor(y: tuple[Any, ...]) -> sp.Matrix:
    return sp.Matrix([[2 + S(y[0]), C(y[1]) / 2], [C(y[1]) / 2, 3 + S(y[0] + y[1])]])


def literal_divergence(s: nh.Scales, flux: sp.Matrix) -> Any:
    """sum_k diff(flux_k, x_k) with y = x/eps put in, carried out and expanded."""
    plain = flux.xreplace({y: x / s.eps for x, y in zip(s.x, s.y, strict=True)})
    rows = [
        sp.expand(sum(sp.diff(plain[i, k], s.x[k]) for k in range(s.dim)))
        for i in range(plain.shape[0])
    ]
    return rows[0] if len(rows) == 1 else sp.Matrix(rows)


def test_an_anisotropic_medium_written_out() -> None:
    found = solved(
        lambda s, u: sp.Eq(-literal_divergence(s, (tensor(s.y) * s.grad(u).doit()).T), 1), 2
    ).effective["A"]
    assert np.allclose(
        found,
        solved(lambda s, u: sp.Eq(-s.div(tensor(s.y) * s.grad(u)), 1), 2).effective["A"],
        atol=1e-12,
    )


def test_a_lame_system_written_out() -> None:
    """-(d_k(C_ikjl d_l v_j)) carried out: A is known up to what the equations see of it, the
    symmetrized symbol.
    """

    def c(s: nh.Scales) -> Any:
        return isotropic(2 + S(s.y[0]), 2 + C(s.y[1]))

    def symbol(a: Array) -> Array:
        return (a + a.transpose(0, 3, 2, 1)) / 2

    literal = solved(
        lambda s, v: (
            -literal_divergence(s, stiffness_flux(c(s), s.grad(v).doit())),
            sp.ones(2, 1),
        ),
        2,
        components=2,
    )
    kept = solved(
        lambda s, v: (-s.div(stiffness_flux(c(s), s.grad(v))), sp.ones(2, 1)), 2, components=2
    )
    assert np.allclose(symbol(literal.effective["A"]), symbol(kept.effective["A"]), atol=1e-10)


def test_a_flow_and_a_reaction_written_out() -> None:
    def literal(s: nh.Scales, u: Any) -> Any:
        x, eps = s.x, s.eps
        return sp.Eq(
            sp.diff(u, s.t)
            - 2 * sp.diff(u, x[0], 2)
            - sp.diff((2 + C(x[0] / eps)) * sp.diff(u, x[1]), x[1])
            + C(x[1] / eps) * sp.diff(u, x[0]) / eps
            + S(x[0] / eps) * u / eps,
            1,
        )

    def short(s: nh.Scales, u: Any) -> Any:
        return sp.Eq(
            s.dt(u)
            - s.div(sp.diag(2, 2 + C(s.y[0])) * s.grad(u))
            + C(s.y[1]) * s.grad(u)[0] / s.eps
            + S(s.y[0]) * u / s.eps,
            1,
        )

    one, other = (solved(build, 2, time=True).effective for build in (literal, short))
    for name in ("A", "b", "c", "rho", "f"):
        assert np.allclose(one[name], other[name], atol=1e-12), name
    assert one["c"] < -1e-3


# ---- opaque coefficients


def opaque(name: str, s: nh.Scales) -> Any:
    return sp.Function(name)(*s.y)


OPAQUE: dict[str, tuple[Any, dict[str, Any]]] = {
    "diffusion": (
        lambda s, u: sp.Eq(-s.div(opaque("a", s) * s.grad(u)), 1),
        {"dim": 2, "order": 4},
    ),
    "tensor that varies with x": (
        lambda s, u: sp.Eq(
            -s.div(
                sp.Matrix(2, 2, lambda i, j: sp.Function(f"a_{i + 1}{j + 1}")(*s.x, *s.y))
                * s.grad(u)
            ),
            1,
        ),
        {"dim": 2, "order": 3},
    ),
    "elasticity": (
        lambda s, v: (
            -s.div(
                opaque("lam", s) * s.sym_grad(v).trace() * sp.eye(2)
                + 2 * opaque("mu", s) * s.sym_grad(v)
            ),
            sp.ones(2, 1),
        ),
        {"dim": 2, "order": 3, "components": 2},
    ),
    "reaction": (
        lambda s, u: sp.Eq(
            s.dt(u) - s.div(opaque("a", s) * s.grad(u)) + opaque("r", s) * u / s.eps, 1
        ),
        {"dim": 1, "time": True, "order": 3},
    ),
    "flow": (
        lambda s, u: sp.Eq(
            s.dt(u)
            - s.laplacian(u)
            + (sp.Matrix([opaque("p", s), opaque("q", s)]).T * s.grad(u))[0] / s.eps,
            1,
        ),
        {"dim": 2, "time": True, "order": 2},
    ),
    "ground state": (
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + opaque("r", s) * u / s.eps**2, 1),
        {"dim": 1, "time": True, "order": 2},
    ),
    "wave": (
        lambda s, u: sp.Eq(opaque("rho", s) * s.dt(u, 2) - s.div(opaque("a", s) * s.grad(u)), 1),
        {"dim": 1, "time": True, "order": 4},
    ),
    "fourth order": (
        lambda s, u: sp.Eq(s.div(s.div(opaque("a", s) * s.hessian(u))), 1),
        {"dim": 1, "order": 3},
    ),
    "fast time": (
        lambda s, u: sp.Eq(s.dt(u) - s.div(sp.Function("a")(*s.y, s.tau) * s.grad(u)), 1),
        {"dim": 1, "fast_time": 2, "order": 2},
    ),
    "fast time of another power": (
        lambda s, u: sp.Eq(s.dt(u) - s.div(sp.Function("a")(*s.y, s.tau) * s.grad(u)), 1),
        {"dim": 1, "fast_time": 3},
    ),
    "two levels": (
        lambda s, u: sp.Eq(-s.div(sp.Function("a")(*s.x, *s.y, *s.z) * s.grad(u)), 1),
        {"dim": 1, "levels": 2},
    ),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_coefficients_without_a_formula_derive_and_print(name: str) -> None:
    build, options = OPAQUE[name]
    model = derived(build, **options)
    text, document = str(model), model.derivation.latex()
    assert "Homogenized equation" in text
    assert document.count(r"\begin{align*}") == document.count(r"\end{align*}") > 3
    assert all(str(p) for p in model.cell_problems)
    assert model.effective["A"] is not None
    with pytest.raises(nh.UnsupportedError, match="without a formula"):
        nh.solve_cells(model)


def test_an_opaque_scalar_has_the_cell_problem_of_the_books() -> None:
    """-d_i(a d_i N_j) = d_j a."""
    model = derived(*OPAQUE["diffusion"][:1], dim=2)
    y = sp.symbols("y1:3", real=True)
    a = sp.Function("a")(*y)
    for j, p in enumerate(model.cell_problems):
        n = sp.Function(f"N_{j + 1}")(*y)
        expected = -sum(sp.diff(a * sp.diff(n, v), v) for v in y) - sp.diff(a, y[j])
        assert sp.expand((p.equation.lhs - p.equation.rhs).doit() - expected) == 0


# ---- the law of the transposed operator is the transpose


amplitudes = st.lists(st.integers(-3, 3), min_size=8, max_size=8)


def random_tensor(values: list[int], y: tuple[Any, ...]) -> sp.Matrix:
    """Elliptic: 6 I + at most 3 in each entry."""
    waves = (S(y[0]), C(y[1]))
    return sp.Matrix(
        2,
        2,
        lambda i, j: (
            (6 if i == j else 0)
            + sum(sp.Rational(values[4 * k + 2 * i + j], 2) * w for k, w in enumerate(waves))
        ),
    )


@given(amplitudes, st.integers(-2, 2), st.booleans())
@settings(max_examples=6, derandomize=True)
def test_the_transposed_operator_has_the_transposed_law(
    values: list[int], flow: int, complex_: bool
) -> None:
    """-div(a grad u) + b.grad u/eps + r u/eps, div b = 0, against -div(a^T grad u) - div(b u)/eps +
    r u/eps: A^T, and -b.
    """
    factor = 1 + sp.I / 3 if complex_ else 1

    def build(transposed: bool) -> Any:
        def operator(s: nh.Scales, u: Any) -> Any:
            a = factor * random_tensor(values, s.y)
            b = sp.Matrix([flow * C(s.y[1]), flow * S(2 * s.y[0])])
            drift = -s.div(b * u) if transposed else (b.T * s.grad(u))[0]
            return sp.Eq(
                -s.div((a.T if transposed else a) * s.grad(u)) + (drift + C(s.y[0]) * u) / s.eps, 1
            )

        return operator

    one, other = (solved(build(transposed), 2).effective for transposed in (False, True))
    if flow:  # b.grad u is no flux: only the symmetric part of A is defined then
        one["A"], other["A"] = ((a + a.T) / 2 for a in (one["A"], other["A"]))
    assert np.allclose(one["A"], other["A"].T, atol=1e-9)
    assert np.allclose(one["b"], -other["b"], atol=1e-9)
    assert np.allclose(one["c"], other["c"], atol=1e-9)
