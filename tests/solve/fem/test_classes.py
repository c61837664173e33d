"""Systems, several levels, adjoint kernels, ground states and space-time cells on both finite
element backends, against closed forms.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.special import iv, mathieu_a

from nhpinn_sym.lower.forms import Factor, LoweredCells, WeakTerm
from nhpinn_sym.problem.domain import Cell
from nhpinn_sym.problem.errors import SolvabilityError, SolveError, UnsupportedError
from nhpinn_sym.runtime import cell_solve
from nhpinn_sym.solve.backends import cell_solver
from nhpinn_sym.solve.solution import CellBatch, CellTask
from tests.fem_classes import (
    coupled_drift,
    drifting,
    in_time,
    mathieu,
    piezo,
    potential,
    second_order,
)
from tests.fem_samples import (
    diffusion_cells,
    elasticity_cells,
    elliptic_2d,
    isotropic,
    shear_cells,
    x1,
    y1,
    y2,
    y3,
)

BACKENDS = ("skfem", "dolfinx")
both = pytest.mark.parametrize("backend", BACKENDS)


def solve(
    lowered: LoweredCells, backend: str, tolerance: float = 1e-6, parameters=None, **options
) -> CellBatch:
    return cell_solver(backend)(
        CellTask(lowered, parameters or {}, (), tolerance), **options
    ).solve(np.zeros((1, 0)))


def entries(batch: CellBatch, name: str) -> dict[tuple[int, ...], float]:
    return {index: value[0] for (held, index), value in batch.effective.items() if held == name}


def mean(g) -> float:
    return quad(g, 0, 1, epsabs=1e-13, points=[0.5])[0]


def backus(lame, mu) -> dict[str, float]:
    """Layers normal to y1 (Backus 1962): in two dimensions, plane strain."""
    stiff = mean(lambda y: 1 / (lame(y) + 2 * mu(y)))
    ratio = mean(lambda y: lame(y) / (lame(y) + 2 * mu(y)))
    along = (
        mean(lambda y: lame(y) + 2 * mu(y) - lame(y) ** 2 / (lame(y) + 2 * mu(y)))
        + ratio**2 / stiff
    )
    return {
        "normal": 1 / stiff,
        "mixed": ratio / stiff,
        "along": along,
        "shear": 1 / mean(lambda y: 1 / mu(y)),
    }


SMOOTH = (3 + sp.sin(2 * sp.pi * y1), 2 + sp.cos(2 * sp.pi * y1))
JUMP = tuple(sp.Piecewise((a, y1 < sp.Rational(1, 2)), (b, True)) for a, b in ((10, 2), (7, 1)))


@both
@pytest.mark.parametrize(
    ("moduli", "tolerance"), [(SMOOTH, 1e-7), (JUMP, 1e-10)], ids=["smooth", "jump"]
)
def test_layered_elasticity(backend, moduli, tolerance):
    batch = solve(elasticity_cells(isotropic(*moduli), 2), backend, tolerance, max_dofs=60_000)
    exact = backus(*(sp.lambdify(y1, m) for m in moduli))
    found = entries(batch, "C")
    names = {
        (0, 0, 0, 0): "normal",
        (1, 1, 0, 0): "mixed",
        (0, 0, 1, 1): "mixed",
        (1, 1, 1, 1): "along",
        (0, 1, 0, 1): "shear",
    }
    for index, name in names.items():
        assert found[index] == pytest.approx(exact[name], rel=tolerance)
    assert max(abs(found[i]) for i in ((0, 1, 0, 0), (0, 1, 1, 1), (0, 0, 0, 1))) < 1e-10
    assert (
        batch.info["estimate"] < tolerance
        and batch.info["fredholm"] < 1e-10
        and set(batch.info["multipliers"]) == {"N_11", "N_12", "N_22"}
    )
    assert [len(field) for field in batch.fields] == [2, 2, 2]


@both
def test_constant_shear_modulus(backend):
    """Hill 1964, plane strain: 1 / (K* + mu) = <1 / (K + mu)> whatever the geometry, K = lambda +
    mu in two dimensions.
    """
    mu, k = (
        sp.Rational(3, 2),
        4 + 2 * sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2) + sp.cos(2 * sp.pi * (y1 + y2)),
    )
    found = entries(solve(elasticity_cells(isotropic(k - mu, mu), 2), backend, 1e-7), "C")
    grid = (np.arange(64) + 0.5) / 64
    values = sp.lambdify((y1, y2), k)(*np.meshgrid(grid, grid))
    exact = 1 / np.mean(1 / (values + 1.5)) - 1.5
    assert (found[0, 0, 0, 0] + found[1, 1, 0, 0]) / 2 == pytest.approx(exact, rel=1e-7)
    assert found[0, 1, 0, 1] == pytest.approx(1.5, rel=1e-7)
    assert (found[0, 0, 0, 0] - found[1, 1, 0, 0]) / 2 == pytest.approx(1.5, rel=1e-7)


@both
@pytest.mark.parametrize("solver", ["auto", "iterative"])
def test_elasticity_in_three_dimensions(backend, solver, monkeypatch):
    """Layers normal to y1 again, with the moduli of the plane problem."""
    if backend == "skfem":
        from nhpinn_sym.runtime.fem_skfem import linear_solvers

        if solver == "iterative":
            monkeypatch.setitem(linear_solvers._DIRECT, 3, 100)
    options = {"solver": solver} if backend == "dolfinx" else {}
    lowered = elasticity_cells(
        isotropic(*SMOOTH), 3, Cell((0, 1), (0, sp.Rational(1, 4)), (0, sp.Rational(1, 4)))
    )
    batch = solve(lowered, backend, n=16, **options)
    exact, found = backus(*(sp.lambdify(y1, m) for m in SMOOTH)), entries(batch, "C")
    assert found[0, 0, 0, 0] == pytest.approx(exact["normal"], rel=1e-4)
    assert found[1, 1, 1, 1] == pytest.approx(exact["along"], rel=1e-4)
    assert found[0, 1, 0, 1] == pytest.approx(exact["shear"], rel=1e-4) and found[
        1, 2, 1, 2
    ] == pytest.approx(2, rel=1e-10)
    if solver == "iterative":
        assert "cg" in batch.info["method"]


@pytest.mark.parametrize("degree", [1, 2])
def test_the_backends_agree_on_the_same_mesh(degree):
    k = 4 + 2 * sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)
    lowered = elasticity_cells(isotropic(k, 2 + sp.cos(2 * sp.pi * y1) / 2), 2)
    first, second = (solve(lowered, backend, n=12, degree=degree) for backend in BACKENDS)
    for key, value in first.effective.items():
        assert second.effective[key][0] == pytest.approx(value[0], abs=1e-11)
    points = np.random.default_rng(0).uniform(0, 1, (40, 2))
    for one, other in zip(first.fields, second.fields):
        for i in range(2):
            np.testing.assert_allclose(
                one[i].derivative(points, (0, 0)), other[i].derivative(points, (0, 0)), atol=1e-11
            )


@both
@pytest.mark.parametrize("degree", [1, 2])
def test_elastic_moduli_converge_at_twice_the_degree(backend, degree):
    lowered = elasticity_cells(isotropic(*SMOOTH), 2)
    exact = backus(*(sp.lambdify(y1, m) for m in SMOOTH))["shear"]
    errors = [
        abs(solve(lowered, backend, n=n, degree=degree).effective["C", (0, 1, 0, 1)][0] - exact)
        for n in (8, 16)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * degree, abs=0.4)


@both
def test_a_corrector_of_the_second_level(backend):
    """a = 1 / (2 + cos): h = 1/2, N1 = sin(2 pi y) / (4 pi), and N2 with N2' = -N1 has N2 = cos(2
    pi y) / (8 pi^2).
    """
    batch = solve(second_order(1 / (2 + sp.cos(2 * sp.pi * y1))), backend, 1e-9)
    y = np.linspace(0, 1, 33)[:, None]
    assert batch.effective["A", (0, 0)][0] == pytest.approx(0.5, rel=1e-9)
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (0,))[0],
        np.sin(2 * np.pi * y[:, 0]) / (4 * np.pi),
        atol=1e-7,
    )
    np.testing.assert_allclose(
        batch.fields[1][0].derivative(y, (0,))[0],
        np.cos(2 * np.pi * y[:, 0]) / (8 * np.pi**2),
        atol=1e-7,
    )
    for index in ((2, 0), (2, 1)):
        assert batch.effective["h", index][0] == pytest.approx(1 / (32 * np.pi**2), rel=1e-6)
    assert set(batch.info["multipliers"]) == {"N_1"} and batch.info["higher"] < 1e-4


@both
def test_the_higher_law_does_not_ask_for_more_cells(backend):
    lowered = second_order(1 / (2 + sp.cos(2 * sp.pi * y1)))
    alone = solve(replace(lowered, functions=lowered.functions[:1], higher=()), backend, 1e-7)
    batch = solve(lowered, backend, 1e-7)
    assert batch.info["cells"] == alone.info["cells"] and batch.info["estimate"] == pytest.approx(
        alone.info["estimate"], rel=1e-6
    )
    assert ("h", (2, 0)) in batch.info["errors"] and "higher" not in alone.info


@both
@pytest.mark.parametrize("speed", [0, 2])
def test_the_adjoint_kernel_of_a_gradient_flow(backend, speed):
    """b = V': psi = exp(-V/D) / <exp(-V/D)> and A = D / (<e^V/D> <e^-V/D>) (Lifson and Jackson
    1962), for V = sin y, D = 1/2: A = D / I_0(2)^2.

    With a speed more, psi and the drift <psi b> are those of Fourier collocation.
    """
    d = 0.5
    batch = solve(
        drifting(sp.cos(y1), sp.Rational(1, 2), Cell((0, 2 * sp.pi)), sp.Integer(speed)),
        backend,
        1e-8,
    )
    y = np.linspace(0, 6, 25)[:, None]
    psi = batch.fields[0][0].derivative(y, (0,))[0]
    if speed == 0:
        np.testing.assert_allclose(psi, np.exp(-np.sin(y[:, 0]) / d) / iv(0, 1 / d), atol=1e-5)
        assert batch.effective["A", (0, 0)][0] == pytest.approx(d / iv(0, 1 / d) ** 2, rel=1e-8)
        assert abs(batch.effective["drift", (0,)][0]) < 1e-7
    else:
        exact_psi, drift = stationary(lambda s: np.cos(s) + speed, d)
        np.testing.assert_allclose(psi, exact_psi(y[:, 0]), atol=1e-5)
        assert batch.effective["drift", (0,)][0] == pytest.approx(drift, rel=1e-8)
    assert batch.info["fredholm"] < 1e-12


def stationary(b, d: float, n: int = 257):
    """The periodic density of mean 1 with (d psi' + b psi)' = 0 on (0, 2 pi), by Fourier
    collocation, and <b psi>.
    """
    nodes, slope = fourier_slope(n, 2 * np.pi)
    k = np.fft.fftfreq(n, 1 / n)
    matrix = np.vstack([slope @ (d * slope + np.diag(b(nodes))), np.full((1, n), 1 / n)])
    values = np.linalg.lstsq(matrix, np.append(np.zeros(n), 1.0), rcond=None)[0]
    modes = np.fft.fft(values) / n
    return lambda y: np.real(np.exp(1j * np.outer(y, k)) @ modes), float(np.mean(b(nodes) * values))


@both
def test_an_adjoint_kernel_over_many_magnitudes(backend):
    """V = cos y, D = 1/10: psi is 1e-9 of its largest value where the first node of the mesh is."""
    batch = solve(drifting(-sp.sin(y1), sp.Rational(1, 10), Cell((0, 2 * sp.pi))), backend, n=256)
    y = np.linspace(0, 6, 25)[:, None]
    np.testing.assert_allclose(
        batch.fields[0][0].derivative(y, (0,))[0],
        np.exp(-10 * np.cos(y[:, 0])) / iv(0, 10),
        atol=1e-4,
    )
    assert batch.info["fredholm"] < 1e-8


def test_no_ground_state_without_a_principal_eigenfunction(monkeypatch):
    """A function that changes its sign is refused on either backend."""
    monkeypatch.setattr(cell_solve, "_NEGATIVE", -2.0)
    for backend in BACKENDS:
        with pytest.raises(SolveError, match="changes its sign"):
            solve(mathieu(sp.Integer(1)), backend, n=8)


@both
@pytest.mark.parametrize("q", [0, sp.Rational(1, 2), 5])
def test_the_ground_state_of_mathieus_equation(backend, q):
    """lambda = a_0(q); the factorized equation has D = 1 / (<phi^2> <phi^-2>) in one dimension,
    with <phi psi> = 1.
    """
    batch = solve(mathieu(sp.sympify(q)), backend, 1e-8)
    exact = mathieu_a(0, float(q))
    assert batch.effective["lambda0", ()][0] == pytest.approx(exact, rel=1e-8, abs=1e-12)
    assert batch.effective["one", ()][0] == pytest.approx(1, rel=1e-12)
    y = np.linspace(0, np.pi, 4001)[:-1, None] + np.pi / 8000
    phi, psi = (batch.fields[k][0].derivative(y, (0,))[0] for k in range(2))
    assert phi.min() > 0 and phi.mean() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(psi, phi / np.mean(phi**2), atol=1e-6)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        1 / np.mean(phi**2) / np.mean(phi**-2), rel=1e-5
    )
    assert batch.info["fredholm"] < 1e-10


@both
def test_a_ground_state_in_a_deep_well(backend):
    """phi is 1e-6 of its largest value where the first node of the mesh is."""
    batch = solve(potential(60 * sp.cos(2 * y1), Cell((0, sp.pi))), backend, 1e-8)
    assert batch.effective["lambda0", ()][0] == pytest.approx(mathieu_a(0, 30), rel=1e-8)


@both
def test_a_parameter_of_the_ground_state(backend):
    q = sp.Symbol("q", positive=True)
    batch = solve(replace(mathieu(q), parameters=(q,)), backend, 1e-8, {"q": 2.0})
    assert batch.effective["lambda0", ()][0] == pytest.approx(mathieu_a(0, 2.0), rel=1e-8)


@both
def test_a_ground_state_in_two_dimensions_at_slow_points(backend):
    """The sum of two Mathieu equations, lambda = a_0(q) + a_0(1), with q = 1 + x1; at each slow
    point anew.
    """
    v = 2 * (1 + x1) * sp.cos(2 * y1) + 2 * sp.cos(2 * y2)
    cells = potential(v, Cell((0, sp.pi), (0, sp.pi)), slow=(x1,))
    batch = cell_solver(backend)(CellTask(cells, {}, ((0.0, 2.0),), 1e-6)).solve(
        np.array([[0.0], [2.0], [1.0]])
    )
    np.testing.assert_allclose(
        batch.effective["lambda0", ()],
        [mathieu_a(0, q) + mathieu_a(0, 1) for q in (1, 3, 2)],
        rtol=1e-6,
    )
    assert batch.fields[0][0].derivative(np.zeros((4, 2)), (0, 0)).shape == (3, 4)


def fourier_slope(n: int, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, and the matrix of the derivative of trigonometric polynomials on them."""
    k = np.fft.fftfreq(n, 1 / n)
    return period * np.arange(n) / n, np.real(
        np.fft.ifft(2j * np.pi / period * k[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0)
    )


@both
def test_a_ground_state_with_drift_is_not_its_adjoint(backend):
    batch = solve(potential(3 * sp.cos(y1), Cell((0, 2 * sp.pi)), (1 + sp.sin(y1),)), backend, 1e-8)
    y, slope = fourier_slope(65, 2 * np.pi)
    matrix = -slope @ slope + np.diag(1 + np.sin(y)) @ slope + np.diag(3 * np.cos(y))
    found, right = np.linalg.eig(matrix)
    k = np.argmin(found.real)
    others, left = np.linalg.eig(matrix.T)
    phi, psi = right[:, k].real / right[:, k].real.mean(), left[:, np.argmin(others.real)].real
    psi /= np.mean(phi * psi)
    assert batch.effective["lambda0", ()][0] == pytest.approx(found[k].real, rel=1e-8)
    assert batch.effective["mean", ()][0] == pytest.approx(psi.mean(), rel=1e-7)
    for field, exact in zip(batch.fields, (phi, psi)):
        np.testing.assert_allclose(field[0].derivative(y[:, None], (0,))[0], exact, atol=1e-5)


@both
def test_the_adjoint_kernels_of_a_system(backend):
    b = sp.Matrix(
        [
            [2 + sp.cos(2 * sp.pi * y1), 3 * sp.sin(2 * sp.pi * y1)],
            [4 * sp.cos(2 * sp.pi * y1), sp.sin(2 * sp.pi * y1) - 1],
        ]
    )
    batch = solve(coupled_drift(b), backend, 1e-8)
    n = 65
    y, slope = fourier_slope(n, 1.0)
    values = [
        [np.diag(np.broadcast_to(sp.lambdify(y1, b[i, j])(y), n)) for j in range(2)]
        for i in range(2)
    ]
    matrix = np.block(
        [[-(i == j) * slope @ slope + values[i][j] @ slope for j in range(2)] for i in range(2)]
    )
    means = np.kron(np.eye(2), np.full((1, n), 1 / n))
    for p in range(2):
        psi = np.linalg.lstsq(
            np.vstack([matrix.T, means]), np.append(np.zeros(2 * n), np.eye(2)[p]), rcond=None
        )[0].reshape(2, n)
        for i in range(2):
            np.testing.assert_allclose(
                batch.fields[p][i].derivative(y[:, None], (0,))[0], psi[i], atol=1e-5
            )
        for q in range(2):
            drift = sum(np.mean(psi[i] * np.diag(values[i][q])) for i in range(2))
            assert batch.effective["drift", (p, q)][0] == pytest.approx(drift, abs=1e-7)
    load = np.concatenate([-np.diag(values[i][0]) for i in range(2)])
    border = np.block([[matrix, n * means.T], [means, np.zeros((2, 2))]])
    corrector = np.linalg.solve(border, np.append(load, [0, 0]))[:-2].reshape(2, n)
    np.testing.assert_allclose(
        batch.fields[2][1].derivative(y[:, None], (0,))[0], corrector[1], atol=1e-5
    )


@both
def test_a_system_without_a_solution_names_the_function(backend):
    lowered = elasticity_cells(isotropic(*SMOOTH), 2)
    wrong = replace(
        lowered.functions[1],
        weak=(*lowered.functions[1].weak, WeakTerm((0, 0), sp.Integer(5), (0, 0), 1)),
    )
    with pytest.raises(SolvabilityError, match="the cell problem N_12 has the mean") as error:
        solve(
            replace(
                lowered, functions=(lowered.functions[0], wrong), effective=lowered.effective[:6]
            ),
            backend,
            n=8,
        )
    assert error.value.term == "N_12"


@both
def test_a_projected_right_hand_side_loses_its_mean(backend):
    lowered = elasticity_cells(isotropic(*SMOOTH), 2)
    first, second = lowered.functions[:2]
    moved = replace(
        second, weak=(*second.weak, WeakTerm((0, 0), sp.Integer(5), (0, 0), 1)), solvable=False
    )
    batch = solve(
        replace(lowered, functions=(first, moved), effective=lowered.effective[:6]), backend, n=16
    )
    plain = solve(lowered, backend, n=16)
    assert batch.effective["C", (0, 1, 0, 1)][0] == pytest.approx(
        plain.effective["C", (0, 1, 0, 1)][0], rel=1e-10
    )
    assert set(batch.info["multipliers"]) == {"N_11"}


@both
@pytest.mark.parametrize("degree", [1, 2])
def test_a_cell_in_space_and_time(backend, degree):
    """a = a(y) makes N independent of tau (A = sqrt(3)); the auxiliary function is sin(2 pi tau) /
    (2 pi) though Galerkin's method does not see
    what alternates from node to node in time."""
    batch = solve(
        in_time(2 + sp.sin(2 * sp.pi * y1)), backend, 1e-4 if degree == 1 else 1e-6, degree=degree
    )
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        np.sqrt(3), rel=1e-4 if degree == 1 else 1e-6
    )
    assert batch.effective["m", ()][0] == pytest.approx(
        1 / (8 * np.pi**2), rel=1e-4 if degree == 1 else 1e-6
    )


@both
def test_a_coefficient_that_moves_in_time(backend):
    """a = 2 + sin(2 pi (y - tau)) against Fourier modes in z = y - tau: -c N' - (a N')' = a', c =
    1, a problem in one dimension.
    """
    batch = solve(in_time(2 + sp.sin(2 * sp.pi * (y1 - y2))), backend, 1e-5)
    n = 65
    z, slope = fourier_slope(n, 1.0)
    a = 2 + np.sin(2 * np.pi * z)
    operator = np.vstack([-slope - slope @ np.diag(a) @ slope, np.ones((1, n))])
    corrector = np.linalg.lstsq(operator, np.append(slope @ a, 0.0), rcond=None)[0]
    assert batch.effective["A", (0, 0)][0] == pytest.approx(
        np.mean(a + a * (slope @ corrector)), rel=1e-5
    )


@both
def test_piezoelectric_layers(backend):
    s, e, k = (c + sp.sin(2 * sp.pi * y1 + shift) for c, shift in ((3, 0), (1, 1), (2, 2)))
    batch = solve(piezo(s, e, k), backend, 1e-8)
    y = (np.arange(256) + 0.5) / 256
    s, e, k = (sp.lambdify(y1, c)(y) for c in (s, e, k))
    inverses = np.linalg.inv(np.stack([[s, e], [e, -k]]).transpose(2, 0, 1))
    exact = np.linalg.inv(inverses.mean(axis=0))
    np.testing.assert_allclose(
        [[batch.effective["M", (i, j)][0] for j in range(2)] for i in range(2)], exact, rtol=1e-8
    )
    assert "cg" not in batch.info["method"]


def fourth_order() -> tuple[LoweredCells, str]:
    lowered = elliptic_2d()
    return replace(lowered, bilinear=(WeakTerm((2, 0), sp.Integer(7), (2, 0)),)), "7"


def complex_cells() -> tuple[LoweredCells, str]:
    return diffusion_cells((2 + sp.I * sp.cos(2 * sp.pi * y1)) * sp.eye(2)), "I*cos"


def second_derivatives_of_correctors() -> tuple[LoweredCells, str]:
    lowered = second_order(2 + sp.sin(2 * sp.pi * y1))
    source = (WeakTerm((0,), sp.Symbol("seven"), (0,), factor=Factor(0, 0, (2,))),)
    return (
        replace(
            lowered, functions=(lowered.functions[0], replace(lowered.functions[1], weak=source))
        ),
        "seven",
    )


def four_axes() -> tuple[LoweredCells, str]:
    axes = (y1, y2, y3, sp.Symbol("y4"))
    return replace(elliptic_2d(), coordinates=axes, cell=Cell.unit(4)), "y4"


@both
@pytest.mark.parametrize(
    "wrong",
    [fourth_order, complex_cells, second_derivatives_of_correctors, four_axes],
)
def test_what_elements_cannot_do_is_refused(backend, wrong):
    lowered, quoted = wrong()
    if backend == "skfem" and wrong is fourth_order:
        return  # solved: test_fourth_order
    with pytest.raises(UnsupportedError, match="fourier backend") as error:
        solve(lowered, backend)
    assert quoted in str(error.value.term)


@both
def test_a_flow_that_is_free_of_divergence(backend):
    """The kernel of the transposed matrix is the constants up to quadrature alone; A_11 = D + U^2 /
    (8 pi^2 D) all the same.
    """
    batch = solve(shear_cells(sp.Integer(3), sp.Integer(1)), backend, 1e-7)
    assert batch.effective["A", (0, 0)][0] == pytest.approx(1 + 9 / (8 * np.pi**2), rel=1e-7)
