"""Lowered cell problems: strong and weak form say the same, and the energy formula is found where it holds."""

from __future__ import annotations

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.lower.forms import Corrector, LoweredCells, StrongTerm, WeakTerm
from tests.symbolic import Build, C, S, derived, diffusion, y_symbols

Y1, Y2 = y_symbols(2)
A = 2 + S(Y1) * C(Y2)


def test_the_sample_problem_is_as_the_seam_says() -> None:
    lowered = lower_cells(derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2))
    e1, e2, zero = (1, 0), (0, 1), (0, 0)
    assert lowered.bilinear == (WeakTerm(e1, A, e1), WeakTerm(e2, A, e2))
    assert lowered.correctors == (Corrector((0, e1), "N_1", (WeakTerm(e1, -A, zero),), sp.diff(A, Y1)),
                                  Corrector((0, e2), "N_2", (WeakTerm(e2, -A, zero),), sp.diff(A, Y2)))
    assert set(lowered.strong) == {StrongTerm(-A, (2, 0)), StrongTerm(-A, (0, 2)), StrongTerm(-sp.diff(A, Y1), e1), StrongTerm(-sp.diff(A, Y2), e2)}
    assert {(f.name, f.index): f.dual for f in lowered.effective} == {("A", (i, j)): (-1, i) for i in range(2) for j in range(2)}
    assert (lowered.symmetric, lowered.jumps, lowered.slow, lowered.parameters) == (True, False, (), ())


def integral(e: sp.Expr, y: tuple[sp.Symbol, ...]) -> sp.Expr:
    for v in y:
        e = sp.integrate(sp.expand(e), (v, 0, 1))
    return e


def differentiate(e: sp.Expr, index: tuple[int, ...], y: tuple[sp.Symbol, ...]) -> sp.Expr:
    for v, n in zip(y, index, strict=True):
        e = sp.diff(e, v, n) if n else e
    return e


def weak_and_strong(lowered: LoweredCells, n: sp.Expr, v: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """(weak, strong) of the operator at (n, v), and of every right-hand side."""
    y = lowered.coordinates
    weak = integral(sum(t.coefficient * differentiate(n, t.right, y) * differentiate(v, t.left, y) for t in lowered.bilinear), y)
    strong = integral(sum(t.coefficient * differentiate(n, t.right, y) for t in lowered.strong) * v, y)
    loads = [(integral(sum(t.coefficient * differentiate(v, t.left, y) for t in c.weak), y), integral(c.source * v, y)) for c in lowered.correctors]
    return [(weak, strong), *loads]


@pytest.mark.parametrize("build", [
    diffusion(lambda s: sp.Matrix([[2 + S(s.y[0]), C(s.y[1])], [S(s.y[0]), 3]])),
    lambda s, u: sp.Eq(-s.laplacian(u) + C(s.y[1]) * u.diff(s.x[0]) / s.eps + S(s.y[0]) * u / s.eps, C(s.y[0]) / s.eps),
    lambda s, u: sp.Eq(-s.laplacian(u), s.div(sp.Matrix([C(s.y[0]), 1]))),
    lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)) + s.div(sp.Matrix([C(s.y[1]), S(s.y[0])]) * u) / s.eps, 1)])
def test_weak_and_strong_forms_agree_by_parts(build: Build) -> None:
    lowered = lower_cells(derived(build, 2))
    for weak, strong in weak_and_strong(lowered, S(Y1) * C(Y2) + C(Y1), C(Y1) * C(Y2) + S(Y1) + S(Y2)):
        assert sp.simplify(weak - strong) == 0


def test_the_energy_formula_needs_a_symmetric_operator() -> None:
    """Terms that vanish in the mean, such as <cos(2 pi y_1) d_2 N>, are no obstacle."""
    def lowered(upper: int, lower: int) -> LoweredCells:
        return lower_cells(derived(diffusion(lambda s: sp.Matrix([[2 + S(s.y[0]) * C(s.y[1]), C(s.y[0]) / upper],
                                                                  [C(s.y[0]) / lower, 3 + S(s.y[1])]])), 2))

    symmetric, other = lowered(2, 2), lowered(2, 3)
    assert {f.index: f.dual for f in symmetric.effective if f.terms} == {(i, j): (-1, i) for i in range(2) for j in range(2)}
    assert not other.symmetric
    assert all(f.dual is None for f in other.effective)


def test_reaction_has_the_energy_formula_for_c() -> None:
    lowered = lower_cells(derived(lambda s, u: sp.Eq(-s.laplacian(u) + C(s.y[0]) * u / s.eps, 1)))
    assert {f.name: f.dual for f in lowered.effective} == {"c": (-1, 0)}


def test_slow_coordinates_and_parameters_are_listed_where_they_occur() -> None:
    q, unused = sp.symbols("q unused")
    lowered = lower_cells(derived(diffusion(lambda s: 3 + q * S(s.y[0]) * s.x[1]), 2, parameters={q: (0, 1), unused: (0, 1)}))
    assert lowered.slow == (sp.Symbol("x2", real=True),)
    assert lowered.parameters == (q,)


def test_a_jump_leaves_no_strong_form() -> None:
    lowered = lower_cells(derived(diffusion(lambda s: sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (2, True)))))
    assert lowered.jumps
    assert lowered.strong == ()
    assert lowered.correctors[0].source == 0
    assert lowered.bilinear


def test_means_without_cell_functions_are_functionals_too() -> None:
    lowered = lower_cells(derived(lambda s, u: sp.Eq((2 + sp.exp(S(s.y[0]))) * s.dt(u) - s.laplacian(u), 1), time=True))
    (rho,) = lowered.effective
    assert (rho.name, rho.constant, rho.terms) == ("rho", 2 + sp.exp(S(Y1)), ())


def test_the_cell_is_the_problems() -> None:
    assert lower_cells(derived(diffusion(lambda s: 2 + sp.sin(s.y[0])), cell=nh.Cell((0, 2 * sp.pi)))).cell == nh.Cell((0, 2 * sp.pi))
