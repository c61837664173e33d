"""The equations of the mean fields: the homogenized operator, homogeneous data, and the averaged
operators h_n on the right.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.effective_law import index_of
from nhpinn_sym.derive.hierarchy import averaged_terms
from nhpinn_sym.lower.equation import lower_homogenized
from nhpinn_sym.lower.forms import External, LoweredEquation, WeakTerm
from nhpinn_sym.lower.hierarchy import entry_and_slope, lower_mean_field
from nhpinn_sym.operator.parse import parse
from tests.symbolic import C, S, derived, diffusion, problem
from tests.validate.dense import expansion

BOX = {
    "domain": nh.Box((0, 1)),
    "boundary": [nh.Dirichlet(3, on="left"), nh.Robin(2, 5, on="right")],
}
PERIODIC = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Periodic()]}


def reaction(s: nh.Scales, u: sp.Expr) -> sp.Eq:
    return sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + (C(s.y[0]) + C(2 * s.y[0])) * u / s.eps, 1)


def skew(s: nh.Scales, u: sp.Expr) -> sp.Eq:
    """Not symmetric, with h_3 of all orders of derivatives."""
    a = sp.Matrix([[3 + S(s.y[0]), C(s.y[1])], [S(s.y[0] + s.y[1]) / 2, 2 + C(s.y[0])]])
    return sp.Eq(
        -s.div(a * s.grad(u)) + (C(s.y[0]) + S(s.y[0] + s.y[1]) + C(2 * s.y[0])) * u / s.eps, 1
    )


def heat(s: nh.Scales, u: sp.Expr) -> sp.Eq:
    return sp.Eq(s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)), 1)


def symbols(lowered: LoweredEquation, name: str) -> dict[str, tuple[int, ...]]:
    return {e.symbol.name: e.index for e in lowered.externals if e.name == name}


def test_the_equation_of_u2_has_the_homogenized_operator_and_homogeneous_data() -> None:
    model = derived(diffusion(lambda s: 2 + S(s.y[0])), order=2, **BOX)
    leading, second = lower_homogenized(model), lower_mean_field(model, 2)
    assert (second.bilinear, second.strong, second.flux, second.symmetric) == (
        leading.bilinear,
        leading.strong,
        leading.flux,
        leading.symmetric,
    )
    assert [e.value for e in second.essential] == [0]
    assert [(n.alpha, n.value) for n in second.natural] == [(2, 0)]
    h, u = sp.symbols("h_4_1111 U0_1111", real=True)
    assert second.sources == (-h * u,)
    assert second.linear == (WeakTerm((0,), -h * u, (0,)),)
    assert External(h, "h", (4, 0, 0, 0, 0, 4, 0), (0,)) in second.externals
    assert External(u, "U0", (4,), (0,)) in second.externals


def test_odd_derivatives_vanish_where_the_operator_is_its_own_transpose() -> None:
    first = lower_mean_field(
        derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2, order=2, **PERIODIC), 1
    )
    assert first.sources == (0,)
    assert first.linear == ()
    assert set(symbols(lower_mean_field(derived(reaction, order=1, **BOX), 1), "U0")) == {
        "U0_0",
        "U0_11",
    }


@pytest.mark.parametrize("build", [reaction, skew])
def test_entries_against_dense_perturbation_theory(build: object) -> None:
    """sum of the entries times (ik)^alpha = h_n(k) of the table's own perturbation theory."""
    dim, k = (1, (0.7,)) if build is reaction else (2, (0.7, -1.1))
    model = derived(build, dim, order=2)
    cells = nh.solve_cells(model)
    averaged = expansion(parse(problem(build, dim)), k, 0.0, 2, 21 if dim == 1 else 17).averaged
    for n, terms in averaged_terms(model).items():
        total = 0j
        for t in terms:
            _, left, field, right = t.key
            value = cells.entries["h", index_of(n, t.key)].number
            if field is not None:
                total += value * np.prod(
                    [(1j * q) ** p for q, p in zip(k, np.add(left, right)[:dim])]
                )
        assert total == pytest.approx(averaged[n - 2][0, 0], abs=1e-9)
    assert any(abs(averaged[c][0, 0]) > 1e-7 for c in (1, 2))


def test_entries_that_depend_on_x_are_differentiated() -> None:
    """d_x( h d_x U_0 + h' d_xx U_0 ) of a locally periodic medium."""
    model = derived(diffusion(lambda s: 2 + s.x[0] + S(s.y[0])), order=1, **BOX)
    h1, h1x, h11, h11x = sp.symbols("h_3_1_1 h_3_1_1_x1 h_3_1_11 h_3_1_11_x1", real=True)
    u1, u11, u111 = sp.symbols("U0_1 U0_11 U0_111", real=True)
    lowered = lower_mean_field(model, 1)
    assert sp.expand(lowered.sources[0] + h1 * u11 + h1x * u1 + h11 * u111 + h11x * u11) == 0
    assert symbols(lowered, "h")["h_3_1_11_x1"] == (3, 0, 1, 0, 0, 2, 0, 1)
    slope = next(e for e in lowered.externals if e.symbol == h11x)
    assert entry_and_slope(slope, 1) == ((3, 0, 1, 0, 0, 2, 0), (1,))
    assert entry_and_slope(next(e for e in lowered.externals if e.symbol == h11), 1) == (
        (3, 0, 1, 0, 0, 2, 0),
        (0,),
    )


def test_every_entry_has_a_symbol_of_its_own() -> None:
    """h d_x U and d_x( h U ) too."""
    model = derived(
        lambda s, u: sp.Eq(
            -s.div((3 + C(s.x[0]) + S(s.y[0])) * s.grad(u)) + C(s.y[0]) * u / s.eps, 1
        ),
        order=2,
        **BOX,
    )
    for terms in averaged_terms(model).values():
        assert len({t.symbol for t in terms}) == len(terms)
    assert (
        len(
            {t.key[1:] for t in averaged_terms(model)[3]}
            & {((1, 0), 0, (0, 0)), ((0, 0), 0, (1, 0))}
        )
        == 2
    )


def test_an_oscillating_source_drives_the_first_mean_field() -> None:
    model = derived(
        lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), s.x[0] * (1 + C(s.y[0]))),
        order=1,
        **BOX,
    )
    lowered = lower_mean_field(model, 1)
    assert lowered.sources == (-sp.Symbol("h_3_f_1_x1", real=True),)


def test_the_hierarchy_is_printed_with_its_entries() -> None:
    model = derived(reaction, order=2, **BOX)
    assert "A_11*d_x1 U_2" in str(model)
    assert "-h_3_0*U_0 - h_3_11*d_x1 d_x1 U_0" in str(model)
    assert [len(e.rhs.atoms(sp.Function)) > 0 for e in model.hierarchy] == [False, True, True]
    assert "Hierarchy" not in str(derived(reaction, order=1))


def test_long_hierarchies_are_printed_with_the_averaged_operators() -> None:
    def elasticity(s: nh.Scales, v: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix]:
        strain = s.sym_grad(v)
        return -s.div(
            (2 + S(s.y[0])) * strain.trace() * sp.eye(2) + (3 + C(s.y[1])) * strain
        ), sp.ones(2, 1)

    model = derived(elasticity, 2, order=2, components=2)
    assert "A_2 U_2 = -A_3 U_1 - A_4 U_0" in str(model)
    assert model.hierarchy[2].lhs.shape == (2, 1)


def test_refusals() -> None:
    with pytest.raises(nh.UnsupportedError, match="time-dependent"):
        lower_mean_field(
            derived(heat, time=True, order=2, initial=[nh.Initial(0)], final_time=1, **BOX), 1
        )
    system = derived(
        lambda s, v: (-s.div((2 + S(s.y[0])) * s.sym_grad(v)), sp.ones(2, 1)),
        2,
        order=2,
        components=2,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.UnsupportedError, match="system"):
        lower_mean_field(system, 1)
    model = derived(reaction, order=2, **BOX)
    for level in (0, 3):
        with pytest.raises(nh.ProblemError, match="has the mean fields"):
            lower_mean_field(model, level)
    with pytest.raises(nh.UnsupportedError, match="in a box with edges"):
        lower_mean_field(
            derived(
                lambda s, u: sp.Eq(s.div(s.div((2 + S(s.y[0])) * s.hessian(u))), 1),
                order=1,
                **{**BOX, "boundary": [nh.Dirichlet(0)]},
            ),
            1,
        )


def test_mean_fields_are_emitted_from_order_two_on() -> None:
    model = derived(reaction, order=2, **BOX)
    for target, suffixes in {
        "torch": ["coefficients", "residual"],
        "dolfinx": ["forms"],
        "skfem": ["forms"],
    }.items():
        names = [name for name, _ in nh.emit(model, target).files]
        assert [n for n in names if n.startswith("mean_field")] == [
            f"mean_field_{k}_{suffix}.py" for k in (1, 2) for suffix in suffixes
        ]
        assert not any(
            "mean_field" in name for name, _ in nh.emit(derived(reaction, **BOX), target).files
        )
    text = nh.emit(model, "torch")["mean_field_2_coefficients.py"]
    assert "U0_11*h_4_11" in text
    transient = derived(heat, time=True, order=2, initial=[nh.Initial(0)], final_time=1, **BOX)
    assert not any("mean_field" in name for name, _ in nh.emit(transient, "torch").files)
