"""The Fourier backend on kernels that are no constants, drift, several levels, fourth order and
time in the cell.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import scipy.special
import sympy as sp

from nhpinn_sym import Cell
from nhpinn_sym.lower.forms import (
    Constant,
    External,
    Factor,
    Functional,
    FunctionalTerm,
    LoweredCells,
    WeakTerm,
)
from nhpinn_sym.problem.errors import SolvabilityError, SolveError, UnsupportedError
from nhpinn_sym.runtime.fourier.cells import Cells
from nhpinn_sym.solve.fourier.cells import CellSolver
from nhpinn_sym.solve.solution import CellBatch, CellTask, Coefficients
from tests.solve.fourier_samples import Y, axis, cells, function, scalar
from tests.symbolic import C, S

TAU = 2 * np.pi
ZERO, ONE = (0,), (1,)
LAMBDA, DRIFT = sp.Symbol("lambda0"), sp.Symbol("c1")
GRID = np.arange(201) / 201


def solve(
    lowered: LoweredCells, fields: Coefficients | None = None, **options: object
) -> CellBatch:
    task = CellTask(lowered, {}, (), 1e-10, fields=fields)
    return CellSolver(task, **options).solve(np.zeros((1, 0)))


def value(batch: CellBatch, name: str, *index: int) -> float:
    return float(batch.effective[name, index][0])


def mean_of(
    name: str,
    constant: sp.Expr,
    *terms: tuple[sp.Expr, tuple[Factor, ...]],
    index: tuple[int, ...] = (),
) -> Functional:
    return Functional(
        name,
        index,
        sp.sympify(constant),
        tuple(FunctionalTerm(sp.sympify(c), factors) for c, factors in terms),
    )


def numbers(expr: sp.Expr, y: np.ndarray = GRID) -> np.ndarray:
    return sp.lambdify(Y[0], expr)(y) * np.ones_like(y)


def bloch(d: float, b: sp.Expr, r: sp.Expr, k: float, n: int = 201) -> complex:
    """The principal eigenvalue of exp(-iky)( -d u'' + b u' + r u )exp(iky) on (0, 1), by a dense
    matrix.
    """
    y = np.arange(n) / n
    waves = 1j * (TAU * np.fft.fftfreq(n, 1 / n) + k)
    slope = np.fft.ifft(waves[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0)
    found = np.linalg.eigvals(
        -d * slope @ slope + numbers(b, y)[:, None] * slope + np.diag(numbers(r, y))
    )
    return complex(found[np.argmin(found.real)])


def advected(d: sp.Expr, b: sp.Expr) -> LoweredCells:
    """-d u'' + b u': psi, the drift c = <b psi>, N with A_0 N = -(b - c), D* = <psi (d + 2 d N' -
    (b - c) N)>.
    """
    psi, n = Factor(0, 0, ZERO), Factor(1, 0, ZERO)
    slope = dataclasses.replace(n, derivative=ONE)
    law = mean_of("D", 0, (d, (psi,)), (2 * d, (psi, slope)), (-(b - DRIFT), (psi, n)))
    constant = Constant(
        DRIFT,
        mean_of("drift", 0, (b, (psi,)), index=(0,)),
        mean_of("weight", 0, (sp.Integer(1), (psi,))),
    )
    functions = [
        function("psi", role="adjoint", level=0),
        function("N", [WeakTerm(ZERO, -(b - DRIFT), ZERO)]),
    ]
    operator = [WeakTerm(ONE, d, ONE), WeakTerm(ZERO, b, ONE)]
    return cells(functions, operator, [law], constants=(constant,), symmetric=False)


def test_drift_of_a_potential_lifson_jackson() -> None:
    """b = V': psi = exp(-V/D) / <exp(-V/D)>, no drift, D* = D / (<exp(-V/D)> <exp(V/D)>)."""
    d, v = sp.Rational(1, 2), S(Y[0]) + C(2 * Y[0]) / 3
    batch = solve(advected(d, sp.diff(v, Y[0])))
    weight = np.exp(-numbers(v) / 0.5)
    (psi,), _ = batch.fields
    assert np.allclose(psi.derivative(GRID[:, None], ZERO)[0], weight / weight.mean(), atol=1e-11)
    assert value(batch, "drift", 0) == pytest.approx(0, abs=1e-12)
    assert value(batch, "D") == pytest.approx(
        0.5 / (weight.mean() * np.mean(1 / weight)), abs=1e-11
    )
    assert batch.info["fredholm"] < 1e-11


def test_tilted_potential_against_the_bloch_eigenvalue() -> None:
    """lambda(k) = i c k + D* k^2 + ..., of a dense matrix; differences in k are of fourth order."""
    b = 3 + 5 * C(Y[0])
    batch = solve(advected(sp.Rational(1, 2), b))
    h = 0.05
    far, near, origin = (bloch(0.5, b, sp.Integer(0), k) for k in (2 * h, h, 0.0))
    assert value(batch, "drift", 0) == pytest.approx((8 * near.imag - far.imag) / (6 * h), abs=1e-6)
    assert value(batch, "D") == pytest.approx(
        (16 * near.real - far.real - 15 * origin.real) / (12 * h**2), abs=1e-5
    )
    assert abs(value(batch, "drift", 0) - 3) > 0.1


def test_weights_of_the_form_without_divergence() -> None:
    """a u'': psi = (1/a) / <1/a>."""
    a = 2 + S(Y[0])
    operator = [WeakTerm(ONE, a, ONE), WeakTerm(ZERO, sp.diff(a, Y[0]), ONE)]
    ((psi,),) = solve(
        cells([function("psi", role="adjoint", level=0)], operator, symmetric=False)
    ).fields
    assert np.allclose(psi.derivative(GRID[:, None], ZERO)[0], np.sqrt(3) / numbers(a), atol=1e-11)


def reactive(r: sp.Expr, dim: int = 1, cell: Cell | None = None, mass: int = 1) -> LoweredCells:
    zero = (0,) * dim
    weight = (WeakTerm(zero, sp.Integer(mass), zero),)
    operator = [WeakTerm(axis(k, dim), sp.Integer(1), axis(k, dim)) for k in range(dim)] + [
        WeakTerm(zero, r - LAMBDA * mass, zero)
    ]
    phi = function("phi", role="ground state", level=0)
    return cells(
        [phi], operator, dim=dim, mass=weight, eigenvalue=LAMBDA, cell=cell or Cell.unit(dim)
    )


@pytest.mark.parametrize("q", [0.5, 5.0, 40.0])
def test_ground_state_of_mathieu(q: float) -> None:
    """-phi'' + 2 q cos(2 y) phi = a_0(q) phi on (0, pi), phi = ce_0."""
    batch = solve(reactive(2 * q * sp.cos(2 * Y[0]), cell=Cell((0, sp.pi))))
    assert value(batch, "lambda0") == pytest.approx(scipy.special.mathieu_a(0, q), abs=1e-8)
    y = np.pi * GRID
    expected = scipy.special.mathieu_cem(0, q, np.degrees(y))[0]
    ((phi,),) = batch.fields
    assert np.allclose(phi.derivative(y[:, None], ZERO)[0], expected / expected.mean(), atol=1e-6)


def test_ground_state_in_the_plane_with_a_weight() -> None:
    """A sum of potentials has the sum of eigenvalues; a constant weight divides them."""
    r = 3 * sp.cos(2 * Y[0]) + 8 * sp.cos(2 * Y[1])
    batch = solve(reactive(r, 2, Cell((0, sp.pi), (0, sp.pi)), mass=4))
    assert value(batch, "lambda0") == pytest.approx(
        sum(scipy.special.mathieu_a(0, q) for q in (1.5, 4)) / 4, abs=1e-8
    )


@pytest.mark.parametrize("b", [sp.Integer(0), 2 + 3 * S(Y[0])], ids=["symmetric", "drift"])
def test_law_of_a_ground_state_against_the_bloch_eigenvalue(b: sp.Expr) -> None:
    """lambda(k) to second order: drift = <psi (b phi - 2 phi')>, A N = 2 phi' - b phi + drift phi,
    D* = <psi (phi + 2 N' - (b - drift) N)>.
    """
    r = 6 * C(Y[0]) + 2 * S(2 * Y[0])
    phi, psi, n = (Factor(k, 0, ZERO) for k in range(3))
    phi_slope, n_slope = (dataclasses.replace(f, derivative=ONE) for f in (phi, n))
    rows = [
        WeakTerm(ZERO, sp.Integer(2), ZERO, factor=phi_slope),
        WeakTerm(ZERO, -b, ZERO, factor=phi),
    ]
    functions = [
        function("phi", role="ground state"),
        function("psi", role="adjoint", level=0),
        function("N", rows, solvable=False),
    ]
    operator = [
        WeakTerm(ONE, sp.Integer(1), ONE),
        WeakTerm(ZERO, b, ONE),
        WeakTerm(ZERO, r - LAMBDA, ZERO),
    ]
    drift = mean_of("drift", 0, (b, (psi, phi)), (sp.Integer(-2), (psi, phi_slope)), index=(0,))
    constant = Constant(DRIFT, drift, mean_of("one", 0, (sp.Integer(1), (psi, phi))))
    law = mean_of(
        "D",
        0,
        (sp.Integer(1), (psi, phi)),
        (sp.Integer(2), (psi, n_slope)),
        (-(b - DRIFT), (psi, n)),
    )
    mass = (WeakTerm(ZERO, sp.Integer(1), ZERO),)
    batch = solve(
        cells(
            functions,
            operator,
            [law],
            mass=mass,
            eigenvalue=LAMBDA,
            constants=(constant,),
            symmetric=b == 0,
        )
    )
    h = 0.05
    far, near, origin = (bloch(1.0, b, r, k) for k in (2 * h, h, 0.0))
    assert value(batch, "lambda0") == pytest.approx(origin.real, abs=1e-9)
    assert value(batch, "drift", 0) == pytest.approx((8 * near.imag - far.imag) / (6 * h), abs=1e-6)
    assert value(batch, "D") == pytest.approx(
        (16 * near.real - far.real - 15 * origin.real) / (12 * h**2), abs=1e-5
    )


def second_level(a: sp.Expr) -> LoweredCells:
    """-(a N1')' = a', -(a N2')' = (a N1)' + a N1' + a - <a + a N1'>; the energy <a (1 + N1')^2>."""
    n, slope, second = Factor(0, 0, ZERO), Factor(0, 0, ONE), Factor(1, 0, ONE)
    rows = [
        WeakTerm(ONE, -a, ZERO, factor=n),
        WeakTerm(ZERO, a, ZERO, factor=slope),
        WeakTerm(ZERO, a, ZERO),
    ]
    functions = [
        function("N1", [WeakTerm(ONE, -a, ZERO)]),
        function("N2", rows, level=2, solvable=False),
    ]
    law = [
        mean_of("A", a, (a, (slope,)), index=(0, 0)),
        mean_of("E", a, (2 * a, (slope,)), (a, (slope, slope))),
        mean_of("h", 0, (a, (n,)), (a, (second,))),
    ]
    return cells(functions, [WeakTerm(ONE, a, ONE)], law)


def test_second_corrector_in_one_dimension() -> None:
    """a (1 + N1') = a*, N2' = -N1."""
    batch = solve(second_level(2 + S(Y[0])))
    y = np.linspace(0, 1, 23)[:, None]
    (first,), (second,) = batch.fields
    assert np.allclose(second.derivative(y, ONE), -first.derivative(y, ZERO), atol=1e-12)
    assert value(batch, "A", 0, 0) == pytest.approx(np.sqrt(3), abs=1e-12)
    assert value(batch, "E") == pytest.approx(np.sqrt(3), abs=1e-12)
    assert value(batch, "h") == pytest.approx(0, abs=1e-12)


def test_a_source_with_a_mean_names_the_cell_problem() -> None:
    lowered = second_level(2 + S(Y[0]))
    functions = (lowered.functions[0], dataclasses.replace(lowered.functions[1], solvable=True))
    with pytest.raises(SolvabilityError, match="N2"):
        solve(dataclasses.replace(lowered, functions=functions))


def test_a_source_that_is_rounding_has_no_multiplier() -> None:
    slope = Factor(0, 0, ONE)
    a = 2 + S(Y[0])
    rows = [
        WeakTerm(ZERO, a, ZERO),
        WeakTerm(ZERO, a, ZERO, factor=slope),
        WeakTerm(ZERO, -sp.sqrt(3), ZERO),
    ]
    batch = solve(
        cells(
            [function("N1", [WeakTerm(ONE, -a, ZERO)]), function("N2", rows, level=2)],
            [WeakTerm(ONE, a, ONE)],
        )
    )
    assert batch.info["multipliers"]["N2"] < 1e-9


def test_fourth_order_harmonic_mean() -> None:
    """(a (1 + N''))'' = 0."""
    a, two = 2 + S(Y[0]), (2,)
    law = mean_of("A", a, (a, (Factor(0, 0, two),)))
    batch = solve(cells([function("N", [WeakTerm(two, -a, ZERO)])], [WeakTerm(two, a, two)], [law]))
    assert value(batch, "A") == pytest.approx(np.sqrt(3), abs=1e-12)
    ((n,),) = batch.fields
    assert np.allclose(n.derivative(GRID[:, None], two)[0], np.sqrt(3) / numbers(a) - 1, atol=1e-10)


def travelling(
    a: Callable[[np.ndarray], np.ndarray], speed: float, n: int = 201
) -> tuple[np.ndarray, float]:
    """N(z) and <a + a N'> of (a (1 + N'))' + speed N' = 0, z = y - speed tau, by a dense matrix."""
    z = np.arange(n) / n
    d = np.fft.ifft(
        (TAU * 1j * np.fft.fftfreq(n, 1 / n))[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0
    ).real
    matrix = d @ (a(z)[:, None] * d) + speed * d
    bordered = np.vstack([np.hstack([matrix, np.ones((n, 1))]), np.append(np.ones(n), 0)])
    found = np.linalg.solve(bordered, np.append(-d @ a(z), 0))[:n]
    return found, float(np.mean(a(z) * (1 + d @ found)))


def test_a_wave_that_travels_through_the_cell() -> None:
    """d_tau N - (a N')' = a' with a(y - 3 tau)."""
    a = 2 + S(Y[0] - 3 * Y[1])
    law = mean_of("A", a, (a, (Factor(0, 0, (1, 0)),)))
    operator = [WeakTerm((1, 0), a, (1, 0)), WeakTerm((0, 0), sp.Integer(1), (0, 1))]
    batch = solve(
        cells([function("N", [WeakTerm((1, 0), -a, (0, 0))])], operator, [law], 2, symmetric=False),
        n=91,
    )
    expected, number = travelling(lambda z: 2 + np.sin(TAU * z), 3)
    assert value(batch, "A") == pytest.approx(number, abs=1e-11)
    points = np.stack([GRID + 3 * 0.21, np.full_like(GRID, 0.21)], axis=1)
    assert np.allclose(batch.fields[0][0].derivative(points, (0, 0))[0], expected, atol=1e-10)


def test_given_fields_and_their_derivatives() -> None:
    """a = 2 + w + w' / 10 with w handed in as a function; <1/a>^-1 by quadrature."""
    w, slope = sp.symbols("w w_y")
    a = 2 + w + slope / 10
    externals = (External(w, "w", (1,), (0,)), External(slope, "w", (1,), (1,)))
    lowered = dataclasses.replace(scalar(a, 1), externals=externals)
    batch = solve(lowered, fields=lambda external, y: np.sin(TAU * external.index[0] * y[:, 0]))
    exact = 1 / np.mean(1 / (2 + np.sin(TAU * GRID) + TAU * np.cos(TAU * GRID) / 10))
    assert value(batch, "A", 0, 0, 0, 0) == pytest.approx(exact, abs=1e-12)
    with pytest.raises(SolveError, match="w"):
        solve(lowered)


@pytest.mark.parametrize("residual", [0.0, 2.0, 1, "small"])
def test_a_residual_that_is_none(residual: object) -> None:
    with pytest.raises(SolveError, match="residual"):
        solve(scalar(2 + S(Y[0]), 1), residual=residual)


def test_the_residual_can_be_chosen() -> None:
    coarse, fine = (
        solve(scalar(sp.exp(2 * S(Y[0]) * S(Y[1])), 2), n=81, residual=r).info
        for r in (1e-5, 1e-12)
    )
    assert 1e-8 < coarse["residual"] < 1.1e-5
    assert fine["residual"] < 1.1e-12
    assert coarse["iterations"] < fine["iterations"]


def test_what_has_no_ground_state_here() -> None:
    with pytest.raises(UnsupportedError, match="complex"):
        solve(dataclasses.replace(reactive(sp.I * C(Y[0])), complex=True))


def test_an_excited_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = CellSolver(CellTask(reactive(4 * C(Y[0]) + 3 * S(2 * Y[0])), {}, (), 1e-10))
    monkeypatch.setattr(Cells, "dense_eigenvalue", lambda cells: np.full(cells.count, 41.0))
    with pytest.raises(SolveError, match="ground state"):
        solver.solve(np.zeros((1, 0)))
