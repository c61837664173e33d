"""Systems, levels, kernels, constants, time-periodic and fourth-order cells by nets, against closed
forms and dense Fourier matrices.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
import sympy as sp
from scipy.special import mathieu_a

from nhpinn_sym.lower.forms import External, LoweredCells, SourceTerm
from nhpinn_sym.problem.domain import Cell
from nhpinn_sym.problem.errors import SolveError, ToleranceWarning, UnsupportedError
from nhpinn_sym.solve.pinn.cells.smooth import NetworkField, SmoothCellSolver
from nhpinn_sym.solve.solution import CellBatch, CellTask

from ....pinn_classes import (
    coupled_1d,
    drifting_1d,
    drifting_system,
    elasticity,
    ground_state_cells,
    isotropic,
    plate_1d,
    second_level_1d,
    time_periodic,
)
from ....pinn_samples import PI2, Array, elliptic_2d, reaction, x1, y1, y2

GRID = np.arange(128) / 128
SIN, COS = np.sin(2 * np.pi * GRID), np.cos(2 * np.pi * GRID)
SLOW = np.array([[0.1], [0.77]])
D = sp.Rational(1, 2)


def solved(
    cells: LoweredCells, tolerance: float = 1e-9, slow: Array | None = None, **options: object
) -> CellBatch:
    box = ((0.0, 1.0),) * len(cells.slow)
    return SmoothCellSolver(CellTask(cells, {}, box, tolerance), **options).solve(
        np.zeros((1, 0)) if slow is None else slow
    )


def roughly(cells: LoweredCells, **options: object) -> CellBatch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        return solved(cells, **options)


def derivative(n: int, length: float = 1.0, order: int = 1) -> Array:
    """Fourier collocation of d^order/dy^order on n (odd) points."""
    symbol = (2j * np.pi / length * np.fft.fftfreq(n, 1 / n)) ** order
    return np.fft.ifft(symbol[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real


def test_layered_elasticity() -> None:
    """Backus averages (1962) in plane strain: moduli that vary with y1 only."""
    batch = solved(elasticity(isotropic(1 + sp.sin(PI2 * y1) / 2, 2 + sp.cos(PI2 * y1))))
    lam, mu = 1 + SIN / 2, 2 + COS
    p = lam + 2 * mu
    normal, ratio = 1 / np.mean(1 / p), np.mean(lam / p)
    expected = {
        (0, 0, 0, 0): normal,
        (0, 0, 1, 1): ratio * normal,
        (1, 1, 0, 0): ratio * normal,
        (0, 1, 0, 1): 1 / np.mean(1 / mu),
        (1, 1, 1, 1): np.mean(p - lam**2 / p) + ratio**2 * normal,
        (0, 0, 0, 1): 0.0,
        (0, 1, 1, 1): 0.0,
    }
    for index, value in expected.items():
        assert batch.effective["A", index][0] == pytest.approx(value, abs=1e-10)
    y = np.stack([GRID, GRID**2], 1)
    assert np.abs(batch.fields[0][0].derivative(y, (1, 0))[0] - (normal / p - 1)).max() < 1e-4
    assert (
        np.abs(batch.fields[1][1].derivative(y, (1, 0))[0] - (1 / mu / np.mean(1 / mu) - 1)).max()
        < 1e-4
    )
    assert batch.info["fredholm"] < 1e-5 and set(batch.info["multipliers"]) == {
        "N_11",
        "N_12",
        "N_22",
    }


def test_constant_shear_modulus() -> None:
    """Hill 1963: whatever the geometry, 1 / (K* + mu) = <1 / (K + mu)> in plane strain."""
    k = 2 + sp.sin(PI2 * y1) * sp.cos(PI2 * y2)
    batch = solved(elasticity(isotropic(k - 1, sp.Integer(1))))
    bulk = 1 / np.mean(1 / (3 + np.outer(SIN, COS))) - 1
    expected = {
        (0, 0, 0, 0): bulk + 1,
        (0, 0, 1, 1): bulk - 1,
        (1, 1, 1, 1): bulk + 1,
        (0, 1, 0, 1): 1.0,
        (0, 1, 0, 0): 0.0,
    }
    for index, value in expected.items():
        assert batch.effective["A", index][0] == pytest.approx(value, abs=1e-11)


@pytest.mark.parametrize(
    ("method", "iterations", "bound"), [("lm", 90, 1e-3), ("ssbfgs", 120, 1e-4), ("adam", 400, 0.1)]
)
def test_trained_nets_of_a_system(method: str, iterations: int, bound: float) -> None:
    k = 2 + sp.sin(PI2 * y1) * sp.cos(PI2 * y2)
    batch = roughly(
        elasticity(isotropic(k - 1, sp.Integer(1))),
        solver=method,
        iterations=iterations,
        width=12,
        points=400,
    )
    assert batch.effective["A", (0, 0, 0, 0)][0] == pytest.approx(
        1 / np.mean(1 / (3 + np.outer(SIN, COS))), abs=bound
    )


@pytest.mark.parametrize("unit", [1.0, 1e10])
@pytest.mark.parametrize(("method", "bound"), [("auto", 1e-12), ("lm", 1e-5)])
def test_an_indefinite_system_in_any_units(unit: float, method: str, bound: float) -> None:
    """Like piezoelectricity: stiffness ~ unit, permittivity ~ -1 / unit."""
    a = sp.Matrix(
        [
            [(2 + sp.sin(PI2 * y1)) * unit, 1 + sp.cos(PI2 * y1) / 2],
            [1 + sp.cos(PI2 * y1) / 2, -(1 + sp.sin(PI2 * y1) / 3) / unit],
        ]
    )
    matrices = np.array(
        [[(2 + SIN) * unit, 1 + COS / 2], [1 + COS / 2, -(1 + SIN / 3) / unit]]
    ).transpose(2, 0, 1)
    expected = np.linalg.inv(np.linalg.inv(matrices).mean(0))
    options = (
        {"solver": method}
        if method == "auto"
        else {"solver": method, "iterations": 40, "width": 12}
    )
    batch = roughly(coupled_1d(a), **options)
    found = np.array([[batch.effective["A", (i, 0, q, 0)][0] for q in (0, 1)] for i in (0, 1)])
    assert np.abs(found / expected - 1).max() < bound


@pytest.mark.parametrize(
    ("slow", "more"),
    [(None, {}), (SLOW, {}), (None, {"solver": "lm", "iterations": 60, "width": 10})],
)
def test_a_second_level(slow: Array | None, more: dict[str, object]) -> None:
    a = sp.exp(sp.sin(PI2 * y1) * (1 if slow is None else 1 + x1 / 2))
    batch = roughly(
        second_level_1d(a, **({} if slow is None else {"slow": (x1,)})), slow=slow, **more
    )
    amplitude = np.ones((1, 1)) if slow is None else 1 + slow / 2
    bound, y = (1e-9, GRID[:, None]) if not more else (1e-4, GRID[:, None])
    assert np.abs(batch.effective["A", (0, 0)] - 1 / np.exp(-amplitude * SIN).mean(1)).max() < bound
    assert (
        np.abs(
            batch.fields[1][0].derivative(y, (1,)) + batch.fields[0][0].derivative(y, (0,))
        ).max()
        < bound
    )
    assert (
        np.abs(batch.fields[1][0].derivative(y, (0,)).mean(1)).max() < 1e-12
        and np.abs(batch.effective["h", (1, 0, 0)]).max() < bound
    )
    assert set(batch.info["multipliers"]) == {"N_1"}


def test_the_higher_law_does_not_enter_the_estimate() -> None:
    cells = second_level_1d(sp.exp(sp.sin(PI2 * y1)))
    term = cells.higher[0].terms[1]
    shouting = replace(cells.higher[0], terms=(replace(term, coefficient=1e12 * sp.cos(PI2 * y1)),))
    first, second = solved(cells), solved(replace(cells, higher=(shouting,)))
    assert second.info["estimate"] < 1e-3 and first.info["size"] == second.info["size"]
    assert abs(second.effective["h", (1, 0, 0)][0]) > 1e6


def test_the_invariant_density_of_a_gradient_drift() -> None:
    """psi = exp(-V / D) / <.>, and the diffusivity of Lifson and Jackson 1962."""
    batch = solved(drifting_1d(D, sp.diff(sp.sin(PI2 * y1), y1), centred=True))
    density = np.exp(-2 * SIN) / np.exp(-2 * SIN).mean()
    assert np.abs(batch.fields[0][0].derivative(GRID[:, None], (0,))[0] - density).max() < 1e-11
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        0.5 / (np.exp(2 * SIN).mean() * np.exp(-2 * SIN).mean()), abs=1e-12
    )
    assert batch.info["multipliers"]["N_1"] < 1e-12


def test_the_mean_drift_is_a_constant_of_what_follows() -> None:
    """b = (v - D psi') / psi has the density psi and the drift v; the rest against a dense Fourier
    matrix.
    """
    psi, y, n = 1 + sp.Rational(3, 10) * sp.sin(PI2 * y1) * (1 + x1), GRID[:, None], 65
    b = (2 + x1 - D * sp.diff(psi, y1)) / psi
    batch = solved(drifting_1d(D, b, slow=(x1,)), slow=SLOW)
    assert np.abs(batch.effective["drift", (0,)] - (2 + SLOW[:, 0])).max() < 1e-9
    assert (
        np.abs(batch.fields[0][0].derivative(y, (0,)) - (1 + 0.3 * SIN * (1 + SLOW))).max() < 1e-9
    )
    grid, d = np.arange(n) / n, derivative(n)
    for k, x in enumerate(SLOW[:, 0]):
        drift, density = (sp.lambdify((y1, x1), expr)(grid, x) for expr in (b, psi))
        operator = -0.5 * derivative(n, order=2) + drift[:, None] * d
        corrector = np.linalg.lstsq(
            np.vstack([operator, np.ones(n)]), np.append(2 + x - drift, 0), rcond=None
        )[0]
        expected = (density * (0.5 + d @ corrector - (drift - 2 - x) * corrector)).mean()
        assert batch.effective["A", (0, 0)][k] == pytest.approx(expected, abs=1e-8)


def test_adjoints_of_a_system() -> None:
    """The null space of the transposed dense Fourier matrix, normalised by <psi^p_i> = delta_ip."""
    s, c, n = sp.sin(PI2 * y1), sp.cos(PI2 * y1), 49
    b = sp.Matrix([[1 + s, c / 2], [sp.Rational(1, 3) - s, 2 * c]])
    batch = solved(drifting_system(b))
    values = sp.lambdify(y1, b)
    grid = np.arange(n) / n
    blocks = np.stack([values(g) for g in grid])
    matrix = np.block(
        [
            [
                np.diag(blocks[:, i, j]) @ derivative(n) - (i == j) * derivative(n, order=2)
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]
    )
    null = np.linalg.svd(matrix.T)[2][-2:].reshape(2, 2, n)
    psi = np.einsum("pq,qin->pin", np.linalg.inv(null.mean(2)), null)
    for p in (0, 1):
        for i in (0, 1):
            assert (
                np.abs(batch.fields[p][i].derivative(grid[:, None], (0,))[0] - psi[p, i]).max()
                < 1e-9
            )
            assert batch.effective["drift", (p, i)][0] == pytest.approx(
                np.mean(psi[p].T[:, None] @ blocks[:, :, i : i + 1]), abs=1e-10
            )


def test_the_ground_state_of_mathieu() -> None:
    """-phi'' + 2 q cos(2 y) phi = a_0(q) phi, q depending on a slow coordinate; N_1 in closed form
    is the derivative by the quasi-momentum.
    """
    batch = solved(
        ground_state_cells(2 * (1 + 2 * x1) * sp.cos(2 * y1), Cell((0, sp.pi)), slow=(x1,)),
        tolerance=1e-8,
        slow=SLOW,
    )
    q = 1 + 2 * SLOW[:, 0]
    assert np.abs(batch.effective["lambda0", ()] - mathieu_a(0, q)).max() < 1e-11
    y = np.pi * GRID[:, None]
    phi, psi, corrector = (batch.fields[k][0].derivative(y, (0,)) for k in range(3))
    assert (
        phi.min() > 0
        and np.abs(phi.mean(1) - 1).max() < 1e-12
        and np.abs((phi * psi).mean(1) - 1).max() < 1e-11
    )
    assert (
        np.abs(psi / phi - (psi / phi)[:, :1]).max() < 1e-8
        and np.abs(corrector.mean(1)).max() < 1e-12
    )
    h = 1e-2
    waves = [_floquet(value, np.pi, h) for value in q]
    assert batch.effective["A", (0, 0)] == pytest.approx(
        [(wave - a) / h**2 for wave, a in zip(waves, mathieu_a(0, q), strict=True)], rel=1e-3
    )


def _floquet(q: float, length: float, momentum: float, n: int = 41) -> float:
    """The lowest eigenvalue of -(d + i k)^2 + 2 q cos 2 y."""
    y, k = length / n * np.arange(n), momentum
    matrix = (
        -derivative(n, length, 2)
        - 2j * k * derivative(n, length)
        + np.diag(k**2 + 2 * q * np.cos(2 * y))
    )
    return float(np.linalg.eigvalsh((matrix + matrix.conj().T) / 2)[0])


def test_a_ground_state_in_two_dimensions_with_a_drift() -> None:
    potential, b = (
        5 * sp.cos(PI2 * y1) * sp.cos(PI2 * y2) + 3 * sp.sin(PI2 * y1),
        (6 * sp.sin(PI2 * y2), sp.Integer(2)),
    )
    batch = roughly(ground_state_cells(potential, Cell.unit(2), b), tolerance=1e-7)
    n = 21
    grid = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")).reshape(2, -1)
    d = [reduce(np.kron, pair) for pair in ((derivative(n), np.eye(n)), (np.eye(n), derivative(n)))]
    laplace = np.kron(derivative(n, order=2), np.eye(n)) + np.kron(
        np.eye(n), derivative(n, order=2)
    )
    matrix = (
        -laplace
        + 6 * np.sin(2 * np.pi * grid[1])[:, None] * d[0]
        + 2 * d[1]
        + np.diag(sp.lambdify((y1, y2), potential)(*grid))
    )
    values, vectors = np.linalg.eig(matrix)
    first = np.argmin(values.real)
    phi = vectors[:, first].real / vectors[:, first].real.mean()
    assert batch.effective["lambda0", ()][0] == pytest.approx(values[first].real, abs=1e-8)
    assert np.abs(batch.fields[0][0].derivative(grid.T, (0, 0))[0] - phi).max() < 1e-5
    field = batch.fields[2][0]
    again = NetworkField.from_state(field.state())
    assert len(field.parts) == 2 and np.allclose(
        again.derivative(grid.T, (1, 0)), field.derivative(grid.T, (1, 0)), rtol=1e-12, atol=1e-12
    )


def test_a_time_periodic_cell() -> None:
    """N_tau - N'' = cos(w y) cos(w tau): <N source> = w^2 / (w^4 + w^2) / 4."""
    w = 2 * np.pi
    batch = solved(time_periodic(sp.cos(PI2 * y1) * sp.cos(PI2 * y2)))
    assert batch.effective["A", (0, 0)][0] == pytest.approx(w**2 / (w**4 + w**2) / 4, abs=1e-12)
    y = np.random.default_rng(0).random((50, 2))
    exact = (
        np.cos(w * y[:, 0]) * (w**2 * np.cos(w * y[:, 1]) + w * np.sin(w * y[:, 1])) / (w**4 + w**2)
    )
    assert np.abs(batch.fields[0][0].derivative(y, (0, 0))[0] - exact).max() < 1e-9


def test_a_fourth_order_cell() -> None:
    batch = solved(plate_1d(sp.exp(sp.sin(PI2 * y1))))
    assert batch.effective["A", (0, 0, 0, 0)][0] == pytest.approx(
        1 / np.exp(-SIN).mean(), abs=1e-12
    )
    bending = batch.fields[0][0].derivative(GRID[:, None], (2,))[0]
    assert np.abs(bending - (np.exp(-SIN) / np.exp(-SIN).mean() - 1)).max() < 1e-9


def test_the_multiplier_of_a_source_with_a_mean_is_reported() -> None:
    cells = reaction(sp.S.One)
    form = replace(cells.functions[0], source=(SourceTerm(-sp.cos(PI2 * y1) - 1),))
    batch = solved(replace(cells, functions=(form,)))
    assert batch.info["multipliers"] == {"N_0": pytest.approx(1 / np.sqrt(1.5), rel=1e-2)}
    assert batch.effective["c", ()][0] == pytest.approx(-1 / (16 * np.pi**2), abs=1e-10)


def test_a_source_whose_terms_cancel_costs_nothing() -> None:
    """a (N_1' + 1) - a* is zero: what is left of it must not be resolved."""
    cells = second_level_1d(sp.exp(2 * sp.sin(PI2 * y1)))
    constant = SourceTerm(-sp.Float(1 / np.exp(-2 * SIN).mean()))
    nothing = replace(
        cells.functions[1],
        name="N_zero",
        source=(
            *cells.functions[1].source[2:],
            replace(cells.functions[1].source[1], coefficient=sp.exp(2 * sp.sin(PI2 * y1))),
            constant,
        ),
        solvable=True,
    )
    batch = solved(replace(cells, functions=(*cells.functions, nothing)))
    assert (
        batch.info["residual"] < 1e-4
        and batch.info["size"] == solved(cells).info["size"]
        and batch.info["fredholm"] < 1e-9
    )
    assert np.abs(batch.fields[2][0].derivative(GRID[:, None], (0,))).max() < 1e-9


def test_what_nets_do_not_solve() -> None:
    cells = elliptic_2d()
    with pytest.raises(UnsupportedError, match=r'I\*sin.*\n.*"fourier"'):
        SmoothCellSolver(
            CellTask(
                replace(
                    cells,
                    complex=True,
                    bilinear=(replace(cells.bilinear[0], coefficient=1 + sp.I * sp.sin(PI2 * y1)),),
                ),
                {},
                (),
                1e-9,
            ),
        )
    field = External(sp.Symbol("sigma", real=True), "sigma", (), (0, 0))
    with pytest.raises(UnsupportedError, match=r'sigma\n.*"fourier"'):
        SmoothCellSolver(CellTask(replace(cells, externals=(field,)), {}, (), 1e-9))
    with pytest.raises(UnsupportedError, match=r'lambda0\n.*"fourier"'):
        SmoothCellSolver(
            CellTask(ground_state_cells(sp.cos(2 * y1), Cell((0, sp.pi))), {}, (), 1e-9),
            solver="lm",
        )


def test_a_potential_that_is_too_sharp_for_the_features() -> None:
    with pytest.raises(SolveError, match="changes its sign"):
        roughly(ground_state_cells(1e4 * sp.cos(20 * y1), Cell((0, sp.pi))), features=20)
