"""Derivations against formulas of the books, written anew (Bensoussan, Lions, Papanicolaou 1978,
ch. 1; Jikov, Kozlov, Oleinik 1994, ch. 1).
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.notation import Mean
from tests.derive.oracles import Torus, layers_of
from tests.symbolic import C, S, derived, diffusion, solved, y_symbols, zero_mean

EXAMPLES = Path(__file__).parents[2] / "examples"
Y1, Y2 = y_symbols(2)
X1, X2 = sp.symbols("x1:3", real=True)
T = sp.Symbol("t", real=True)
A_2D = 1.9353592348122903


def example(name: str, variable: str = "problem") -> nh.HomogenizedModel:
    return nh.homogenize(runpy.run_path(str(EXAMPLES / f"{name}.py"))[variable])


def agrees(found: sp.Expr, expected: sp.Expr) -> bool:
    return sp.simplify((found - expected).doit()) == 0


def inside(formula: sp.Expr) -> sp.Expr:
    assert isinstance(formula, Mean)
    return formula.args[0]


# ---- the five settings of the paper


@pytest.mark.parametrize(
    ("name", "k"),
    [("elliptic_1d", S(Y1) / 2 + 2), ("slowly_varying_1d", S(Y1) / 2 + sp.sin(X1) + 2)],
)
def test_one_dimensional_elliptic_problems(name: str, k: sp.Expr) -> None:
    """-(k (1 + N'))' = 0, a* = <k (1 + N')>, -(a* u0')' = sin x."""
    model = example(name)
    (cell,) = model.cell_problems
    n = sp.Function("N_1")(*([X1] if k.has(X1) else []), Y1)
    assert cell.function == n
    assert cell.key == (0, (1,))
    assert agrees(cell.equation.lhs - cell.equation.rhs, -sp.diff(k * (1 + n.diff(Y1)), Y1))
    assert agrees(inside(model.effective["A"][0, 0]), k * (1 + n.diff(Y1)))
    a = sp.Function("A_11")(X1) if k.has(X1) else sp.Symbol("A_11", real=True)
    assert agrees(
        model.equation.lhs - model.equation.rhs,
        -sp.diff(a * sp.Function("u0")(X1).diff(X1), X1) - sp.sin(X1),
    )


def test_two_dimensional_elliptic_problem() -> None:
    """-div(a (e_j + grad N_j)) = 0, a*_ij = <a (delta_ij + d_i N_j)>."""
    model = example("elliptic_2d")
    a, y = 2 + S(Y1) * C(Y2), (Y1, Y2)
    n = [sp.Function(f"N_{j + 1}")(*y) for j in range(2)]
    for j, cell in enumerate(model.cell_problems):
        assert cell.key == (0, tuple(int(k == j) for k in range(2)))
        assert agrees(
            cell.equation.lhs - cell.equation.rhs,
            -sum(sp.diff(a * (int(i == j) + n[j].diff(y[i])), y[i]) for i in range(2)),
        )
    for i in range(2):
        for j in range(2):
            assert agrees(inside(model.effective["A"][i, j]), a * (int(i == j) + n[j].diff(y[i])))
    symbols = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"A_{i + 1}{j + 1}", real=True))
    u0 = sp.Function("u0")(X1, X2)
    expected = (
        -sum(symbols[i, j] * u0.diff((X1, X2)[i], (X1, X2)[j]) for i in range(2) for j in range(2))
        - sp.sin(X1)
        - sp.cos(X2)
    )
    assert agrees(model.equation.lhs - model.equation.rhs, expected)
    assert np.allclose(nh.solve_cells(model).effective["A"], A_2D * np.eye(2), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("variable", "r", "number", "wave"),
    [("problem", C(Y1), -1 / (16 * np.pi**2), 2 * np.pi), ("as_printed", sp.cos(Y1), -1 / 4, 1.0)],
)
def test_reaction_diffusion_in_both_readings(
    variable: str, r: sp.Expr, number: float, wave: float
) -> None:
    """D N'' = r, r* = <r N>: -1/(8 pi^2 D) for cos(2 pi y), -1/(2 D) for cos y; u0_t - D u0_xx + r*
    u0 = f.
    """
    model = example("reaction_diffusion", variable)
    (cell,) = model.cell_problems
    n = sp.Function("N_0")(Y1)
    assert cell.key == (0, (0,))
    assert agrees(cell.equation.lhs - cell.equation.rhs, -2 * n.diff(Y1, 2) + r)
    assert agrees(inside(model.effective["c"]), r * n)
    assert (model.effective["A"], model.effective["rho"], model.effective["f"]) == (
        sp.Matrix([[2]]),
        1,
        S(X1),
    )
    u0, c = sp.Function("u0")(X1, T), sp.Symbol("c", real=True)
    assert agrees(
        model.equation.lhs - model.equation.rhs, u0.diff(T) - 2 * u0.diff(X1, 2) + c * u0 - S(X1)
    )
    cells = nh.solve_cells(model)
    assert float(cells.effective["c"]) == pytest.approx(number, abs=1e-14)
    y = np.linspace(0, 7, 23)
    assert np.allclose(cells.functions[0](y), -np.cos(wave * y) / (2 * wave**2), atol=1e-13)


def test_effective_numbers_of_the_one_dimensional_examples() -> None:
    assert nh.solve_cells(example("elliptic_1d")).effective["A"][0, 0] == pytest.approx(
        np.sqrt(3.75), abs=1e-13
    )
    x = np.linspace(0, np.pi, 57)
    found = nh.solve_cells(example("slowly_varying_1d")).effective["A"](x[:, None])[:, 0, 0]
    assert np.allclose(found, np.sqrt((2 + np.sin(x)) ** 2 - 0.25), atol=1e-9, rtol=0)


# ---- closed forms


def laminate(y: sp.Expr) -> sp.Matrix:
    """Full, not symmetric, varying along y1 alone."""
    rows = [
        [2 + S(y), C(y) / 2, S(2 * y) / 3],
        [S(y) / 4, 3 + C(2 * y) / 2, C(y) / 5],
        [C(y) / 3 + sp.Rational(1, 5), S(y) / 6, 4 + S(y) / 2],
    ]
    return sp.Matrix(rows)


@pytest.mark.parametrize("phase", [0, sp.Rational(1, 3)])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_laminates_with_full_tensors(dim: int, phase: sp.Expr) -> None:
    """Tartar's formulas, normal e1: averages along the layers; complex with a loss that varies."""

    def lossy(y: sp.Expr) -> sp.Matrix:
        return laminate(y)[:dim, :dim] * (1 + sp.I * phase * (1 + C(y) / 2))

    found = solved(diffusion(lambda s: lossy(s.y[0])), dim).effective["A"]
    a = layers_of(lambda i, k, j, m: lossy(nh.Scales(1).y[0])[k, m], 1, dim)[:, 0, :, 0]
    harmonic = 1 / np.mean(1 / a[:, 0, 0])
    expected = np.empty((dim, dim), dtype=a.dtype)
    for i in range(dim):
        for j in range(dim):
            left, right = np.mean(a[:, i, 0] / a[:, 0, 0]), np.mean(a[:, 0, j] / a[:, 0, 0])
            expected[i, j] = (
                np.mean(a[:, i, j] - a[:, i, 0] * a[:, 0, j] / a[:, 0, 0]) + harmonic * left * right
            )
    assert np.allclose(found, expected, atol=1e-11, rtol=0)
    assert np.iscomplexobj(found) == bool(phase)


def tensor(s: nh.Scales) -> sp.Matrix:
    y1, y2 = s.y
    return sp.Matrix(
        [
            [2 + S(y1) * C(y2), C(y2) / 2 + S(y1) / 3],
            [S(y1 + y2) / 3, sp.Rational(3, 2) + C(y2 - y1) / 2],
        ]
    )


def test_the_transposed_tensor_has_the_transposed_law() -> None:
    a, transposed = (
        nh.solve_cells(derived(diffusion(f), 2)).effective["A"]
        for f in (tensor, lambda s: tensor(s).T)
    )
    assert np.allclose(a, transposed.T, atol=1e-11)
    assert abs(a[0, 1] - a[1, 0]) > 1e-3


def test_a_complex_tensor_in_two_dimensions() -> None:
    """-div(a (e_j + grad N_j)) = 0, A*_ij = <a_ij + a_ik d_k N_j>, by a dense matrix; (a^T)* =
    (a*)^T.
    """

    def lossy(s: nh.Scales) -> sp.Matrix:
        return tensor(s) + sp.I * sp.diag(1 + S(s.y[1]) / 2, C(s.y[0]) / 3)

    torus, s = Torus(2, 21), nh.Scales(2)
    a = np.array([[torus(lossy(s)[i, j]) for j in range(2)] for i in range(2)])
    matrix = -sum(torus.D[i] @ (a[i, k][:, None] * torus.D[k]) for i in range(2) for k in range(2))
    n = [zero_mean(matrix, sum(torus.D[i] @ a[i, j] for i in range(2))) for j in range(2)]
    expected = [
        [np.mean(a[i, j] + sum(a[i, k] * (torus.D[k] @ n[j]) for k in range(2))) for j in range(2)]
        for i in range(2)
    ]
    cells = solved(diffusion(lossy), 2)
    assert np.allclose(cells.effective["A"], expected, atol=1e-8)
    assert np.allclose(cells.functions[1](torus.y), n[1], atol=1e-7)
    assert np.allclose(
        cells.effective["A"],
        solved(diffusion(lambda s: lossy(s).T), 2).effective["A"].T,
        atol=1e-10,
    )


def test_duality_in_two_dimensions() -> None:
    """hom(R a^-T R^T) = R (a*)^-T R^T with R the quarter turn (Keller 1964, Dykhne 1970), that is
    hom(a/det a) = a*/det a*.
    """
    a, dual = (
        nh.solve_cells(derived(diffusion(f), 2)).effective["A"]
        for f in (tensor, lambda s: tensor(s) / tensor(s).det())
    )
    assert np.allclose(dual, a / np.linalg.det(a), atol=1e-10)


def test_means_bound_the_effective_tensor() -> None:
    """Reuss <= A* <= Voigt as quadratic forms."""

    def symmetric(s: nh.Scales) -> sp.Matrix:
        return tensor(s) + tensor(s).T

    found = nh.solve_cells(derived(diffusion(symmetric), 2)).effective["A"]
    grid = np.stack(np.meshgrid(np.arange(64) / 64, np.arange(64) / 64, indexing="ij"))
    s = nh.Scales(2)
    values = np.empty((64, 64, 2, 2))
    for (i, j), e in np.ndenumerate(np.array(s.plain(symmetric(s)).tolist())):
        values[..., i, j] = sp.lambdify([Y1, Y2], e, "numpy")(*grid)
    voigt, reuss = values.mean((0, 1)), np.linalg.inv(np.linalg.inv(values).mean((0, 1)))
    assert np.linalg.eigvalsh(voigt - found).min() > 1e-3
    assert np.linalg.eigvalsh(found - reuss).min() > 1e-3


@pytest.mark.parametrize(
    "form", [lambda s, u, b: (b.T * s.grad(u))[0], lambda s, u, b: s.div(b * u)]
)
def test_taylor_dispersion_in_a_shear_flow(form: object) -> None:
    """b = b0 cos(2 pi y2) e1 with 1/eps: D + b0^2/(8 pi^2 D) along the flow, D across."""
    diffusivity, speed = sp.Rational(1, 3), 2
    model = derived(
        lambda s, u: sp.Eq(
            -diffusivity * s.laplacian(u) + form(s, u, sp.Matrix([speed * C(s.y[1]), 0])) / s.eps, 1
        ),
        2,
    )  # type: ignore[operator]
    d = float(diffusivity)
    assert np.allclose(
        nh.solve_cells(model).effective["A"],
        np.diag([d + speed**2 / (8 * np.pi**2 * d), d]),
        atol=1e-12,
    )
    assert [c.name for c in model.cell_problems] == ["N_1"]


def test_equal_cell_problems_both_appear_in_the_corrector() -> None:
    """A flow along (1, 1): N_1 = N_2 is one function of two sources, u1 = N_1 (d_1 + d_2) u0."""
    model = derived(
        lambda s, u: sp.Eq(
            -s.laplacian(u) + S(s.y[2]) * (u.diff(s.x[0]) + u.diff(s.x[1])) / s.eps, 1
        ),
        3,
    )
    assert [c.sources for c in model.cell_problems] == [(((0, (1, 0, 0)), 1), ((0, (0, 1, 0)), 1))]
    opposite = derived(
        lambda s, u: sp.Eq(
            -s.laplacian(u) + S(s.y[2]) * (u.diff(s.x[0]) - u.diff(s.x[1])) / s.eps, 1
        ),
        3,
    )
    assert [c.sources for c in opposite.cell_problems] == [
        (((0, (1, 0, 0)), 1), ((0, (0, 1, 0)), -1))
    ]
    assert "N_1*d_x1 u0 - N_1*d_x2 u0" in str(opposite)
    more = 1 / (8 * np.pi**2)
    assert np.allclose(
        nh.solve_cells(model).effective["A"],
        np.eye(3) + np.array([[more, more, 0], [more, more, 0], [0, 0, 0]]),
        atol=1e-12,
    )


@pytest.mark.parametrize("period", [1, 2 * sp.pi])
def test_reaction_with_a_variable_diffusivity(period: sp.Expr) -> None:
    """r* = <r N> = -<D N'^2> <= 0; in one dimension D N' = R - <R/D>/<1/D> with R' = r."""
    w = 2 * sp.pi / period
    model = derived(
        lambda s, u: sp.Eq(
            -s.div((2 + sp.sin(w * s.y[0])) * s.grad(u)) + sp.cos(w * s.y[0]) * u / s.eps, 1
        ),
        cell=nh.Cell((0, period)),
    )
    y = np.arange(256) * float(period) / 256
    d, primitive = 2 + np.sin(float(w) * y), np.sin(float(w) * y) / float(w)
    slope = (primitive - np.mean(primitive / d) / np.mean(1 / d)) / d
    effective = nh.solve_cells(model).effective
    assert float(effective["c"]) == pytest.approx(-np.mean(d * slope**2), abs=1e-13)
    assert np.allclose(
        effective["b"], 0, atol=1e-13
    )  # b and div beta cancel for a symmetric operator


def test_an_oscillating_source_of_order_1_over_eps() -> None:
    """-D u'' = cos(2 pi x/eps)/eps: u1 = N_f = cos(2 pi y)/(4 pi^2 D), f* = 0."""
    model = derived(lambda s, u: sp.Eq(-s.div(3 * s.grad(u)), C(s.y[0]) / s.eps))
    cells = nh.solve_cells(model)
    assert cells.functions[0].key == (None, (0,))
    y = np.linspace(0, 2, 31)
    assert np.allclose(cells.functions[0](y), np.cos(2 * np.pi * y) / (12 * np.pi**2), atol=1e-14)
    assert cells.effective.get("f", 0.0) == pytest.approx(0, abs=1e-14)


def test_a_source_of_order_1_meets_its_mean_and_a_flux_source_the_correctors() -> None:
    """-(a u')' = f(x, y) - g(y)': f* = <f>, g* = <g/a>/<1/a> in one dimension."""

    def build(s: nh.Scales, u: sp.Expr) -> sp.Eq:
        flux = sp.Matrix([S(s.y[0]) + C(s.y[0]) * s.x[0]])
        return sp.Eq(
            -s.div((2 + S(s.y[0])) * s.grad(u)), sp.sin(s.x[0]) * (3 + C(s.y[0])) - s.div(flux)
        )

    model = derived(build, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)])
    assert model.effective["f"] == 3 * sp.sin(X1)
    y, x = np.arange(200) / 200, np.linspace(0, 1, 7)
    a = 2 + np.sin(2 * np.pi * y)
    g = np.sin(2 * np.pi * y) + np.outer(x, np.cos(2 * np.pi * y))
    found = nh.solve_cells(model).effective["g"](x[:, None])[:, 0]
    assert np.allclose(found, np.mean(g / a, axis=1) / np.mean(1 / a), atol=1e-12)


def test_capacity_and_potential_meet_their_means() -> None:
    model = derived(
        lambda s, u: sp.Eq(
            (2 + S(s.y[0])) * s.dt(u) - s.laplacian(u) + (3 + C(s.y[0]) ** 2) * u, 1
        ),
        time=True,
    )
    effective = nh.solve_cells(model).effective
    assert (effective["rho"], effective["c"]) == (pytest.approx(2), pytest.approx(3.5))
