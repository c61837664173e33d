from typing import Any

import numpy as np
import pytest
import scipy.sparse as sps

from nhpinn_sym.runtime.fem_skfem import factors, linear_solvers
from nhpinn_sym.runtime.fem_skfem.assembly import cell_assembly
from nhpinn_sym.runtime.fem_skfem.factors import factored, shared_factors
from nhpinn_sym.runtime.fem_skfem.linear_solvers import (
    _SMALL_PIVOT,
    bordered_solver,
    cancels,
    linear_solver,
)
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.runtime.rigid_modes import motions


def laplace(n: int, periodic: bool, drift: float = 0.0) -> sps.csr_matrix:
    """Five-point Laplacian on n x n points plus a central drift along the first axis: row and
    column sums vanish where periodic.
    """
    line = sps.diags([-1.0, 2.0, -1.0], [-1, 0, 1], (n, n)).tolil()
    step = sps.diags([-1.0, 1.0], [-1, 1], (n, n)).tolil()
    if periodic:
        line[0, -1] = line[-1, 0] = -1.0
        step[0, -1], step[-1, 0] = -1.0, 1.0
    eye = sps.identity(n)
    return (sps.kron(line + drift * step, eye) + sps.kron(eye, line)).tocsr()


@pytest.mark.parametrize("drift", [0.0, 0.2])
@pytest.mark.parametrize("direct", [True, False])
def test_solves_to_rounding(drift, direct, monkeypatch):
    matrix = laplace(30, periodic=False, drift=drift)
    if not direct:
        monkeypatch.setitem(linear_solvers._DIRECT, 2, 10)
        monkeypatch.setitem(linear_solvers._DIRECT_AT_MOST, 2, 10)
    solve, method = linear_solver(matrix, 2)
    assert method == (
        "sparse LU" if direct else ("cg" if drift == 0 else "gmres") + " + algebraic multigrid"
    )
    x = np.random.default_rng(0).normal(size=900)
    np.testing.assert_allclose(solve(matrix @ x), x, atol=1e-9)


@pytest.mark.parametrize("drift", [0.0, 0.2])
@pytest.mark.parametrize("direct", [True, False])
def test_zero_mean_and_its_multiplier(drift, direct, monkeypatch):
    matrix = laplace(24, periodic=True, drift=drift)
    if not direct:
        monkeypatch.setitem(linear_solvers._DIRECT, 2, 10)
        monkeypatch.setitem(linear_solvers._DIRECT_AT_MOST, 2, 10)
    weights = np.full(576, 1 / 576)
    solve, _ = bordered_solver(matrix, [weights], [weights], [0], 2)
    x = np.random.default_rng(1).normal(size=576)
    b = matrix @ x
    found, (multiplier,) = solve(b, [0.0])
    np.testing.assert_allclose(found, x - x.mean(), atol=1e-8)
    assert abs(multiplier) < 1e-9
    shifted, (multiplier,) = solve(b + 0.1, [2.0])
    np.testing.assert_allclose(shifted, found + 2, atol=1e-8)
    assert multiplier == pytest.approx(57.6, rel=1e-6)


@pytest.mark.parametrize("direct", [True, False])
def test_borders_that_are_no_constants(direct, monkeypatch):
    """A matrix with the kernel k, and k * that of its transpose, against the dense bordered
    system.
    """
    if not direct:
        monkeypatch.setitem(linear_solvers._DIRECT, 2, 10)
        monkeypatch.setitem(linear_solvers._DIRECT_AT_MOST, 2, 10)
    k = 1 + np.random.default_rng(2).random(576)
    matrix = (laplace(24, periodic=True) @ sps.diags(1 / k)).tocsr()
    columns, rows, b = [k**2], [np.cos(k)], np.sin(np.arange(576.0))
    solve, _ = bordered_solver(matrix, columns, rows, [0], 2)
    x, (multiplier,) = solve(b, [3.0])
    exact = np.linalg.solve(
        np.block([[matrix.toarray(), columns[0][:, None]], [rows[0][None, :], np.zeros((1, 1))]]),
        np.append(b, 3.0),
    )
    np.testing.assert_allclose(np.append(x, multiplier), exact, atol=1e-7 * np.abs(exact).max())


def test_multigrid_for_a_system(monkeypatch):
    """Plane elasticity by finite differences, clamped: rotations in the coarse levels."""
    monkeypatch.setitem(linear_solvers._DIRECT, 2, 10)
    n = 24
    line, step = (
        sps.diags([-1.0, 2.0, -1.0], [-1, 0, 1], (n, n)),
        sps.diags([-0.5, 0.5], [-1, 1], (n, n)),
    )
    xx, yy, xy = (
        sps.kron(line, sps.identity(n)),
        sps.kron(sps.identity(n), line),
        sps.kron(step, step),
    )
    blocks = [(3 * xx + yy, (0, 0)), (-2 * xy, (0, 1)), (-2 * xy, (1, 0)), (xx + 3 * yy, (1, 1))]
    matrix = sum(
        sps.kron(part, np.outer(np.eye(2)[i], np.eye(2)[j])) for part, (i, j) in blocks
    ).tocsr()
    points = np.stack(
        [g.ravel() for g in np.meshgrid(np.arange(n), np.arange(n), indexing="ij")], axis=1
    )
    solve, method = linear_solver(matrix, 2, smooth=motions(points, ((0, n), (0, n)), 2))
    x = np.random.default_rng(0).normal(size=2 * n * n)
    assert method == "cg + algebraic multigrid"
    np.testing.assert_allclose(solve(matrix @ x), x, atol=1e-8)


def test_an_indefinite_matrix_is_factorized(monkeypatch):
    monkeypatch.setitem(linear_solvers._DIRECT, 2, 10)
    matrix = sps.block_diag([laplace(12, periodic=False), -laplace(12, periodic=False)]).tocsr()
    assert linear_solver(matrix, 2)[1] == "sparse LU"


def test_singular_matrices_are_noticed():
    with pytest.raises(RuntimeError, match="singular"):
        linear_solver(laplace(8, periodic=True), 2)[0](np.arange(64.0))


def test_what_the_krylov_method_cannot_solve_is_factorized(monkeypatch):
    monkeypatch.setitem(linear_solvers._DIRECT, 2, 300)
    indefinite = laplace(24, periodic=False) - 3.1 * sps.identity(576)
    solve, method = linear_solver(indefinite.tocsr(), 2)
    x = np.ones(576)
    assert "cg" in method
    np.testing.assert_allclose(solve(indefinite @ x), x, atol=1e-9)
    monkeypatch.setitem(linear_solvers._DIRECT_AT_MOST, 2, 300)
    with pytest.raises(RuntimeError, match="too many for a direct solve"):
        linear_solver(indefinite.tocsr(), 2)[0](indefinite @ x)


@pytest.mark.parametrize(
    ("b", "zero"), [(np.zeros(64), True), (np.full(64, 1e-17), True), (np.full(64, 1e-10), False)]
)
def test_a_right_hand_side_that_cancels_to_rounding_is_noticed(b, zero):
    assert cancels(b, 1.0) == zero


def test_factors_of_steps_of_waves_stay_sparse() -> None:
    """Of u_t = w, w_t = u_xx: the stiffness stands beside the diagonal, and is large."""
    n, step = 400, 1e-2
    mass = sps.diags([1.0, 4.0, 1.0], [-1, 0, 1], shape=(n, n)) / (6 * n)
    stiffness = sps.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(n, n)) * n
    matrix = sps.kron(mass, np.eye(2)) + step * (
        sps.kron(stiffness, [[0, 0], [1, 0]]) - sps.kron(mass, [[0, 1], [0, 0]])
    )
    factors = factored(matrix.tocsr(), _SMALL_PIVOT)
    assert factors.L.nnz + factors.U.nnz < 5 * matrix.nnz
    solve, _ = linear_solver(matrix.tocsr(), 1)
    b = np.random.default_rng(0).random(2 * n)
    assert np.allclose(matrix @ solve(b), b, rtol=0, atol=1e-10)


def test_larger_pivots_where_small_ones_are_not_accurate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pivots that spoil the factors, as by a growth of their entries."""

    def spoiling(matrix: sps.csr_matrix, pivot: float) -> Any:
        off = 0.5 * sps.identity(matrix.shape[0], format="csr")
        spoilt = matrix + off if pivot == _SMALL_PIVOT else matrix
        return factored(spoilt, pivot)

    monkeypatch.setattr(linear_solvers, "factored", spoiling)
    matrix = laplace(10, periodic=False)
    solve, _ = linear_solver(matrix, 2)
    b = np.random.default_rng(0).random(100)
    assert np.allclose(matrix @ solve(b), b, rtol=0, atol=1e-12)


def test_factors_of_equal_matrices_are_shared_inside_alone(monkeypatch):
    made = []
    real = factors._factored
    monkeypatch.setattr(factors, "_factored", lambda *given: made.append(1) or real(*given))
    x = np.random.default_rng(2).normal(size=36)

    def solves(matrix: sps.csr_matrix) -> int:
        made.clear()
        np.testing.assert_allclose(linear_solver(matrix, 2)[0](matrix @ x), x, atol=1e-9)
        return len(made)

    matrices = [laplace(6, periodic=False, drift=0.1 * k) for k in range(factors._MOST + 1)]
    assert solves(matrices[0]) == solves(matrices[0]) == 1
    with shared_factors():
        assert [solves(m) for m in (matrices[0], matrices[0].copy(), 2 * matrices[0])] == [1, 0, 1]
        # The oldest ones are dropped: a run in time would keep those of all its steps.
        assert [solves(m) for m in matrices[1:]] == [1] * factors._MOST
        assert solves(matrices[0]) == 1
    assert solves(matrices[0]) == 1


def test_factors_of_a_system_with_the_fluxes_of_the_other_unknown_stay_sparse(monkeypatch):
    """As those of Cahn and Hilliard's system, whose diagonal is zero."""
    made: list[Any] = []
    real = factors._factored
    monkeypatch.setattr(
        factors, "_factored", lambda *given: made.append((given[0], real(*given))) or made[-1][1]
    )
    assembly = cell_assembly(Lattice.uniform(((0, 1), (0, 1)), (12, 12)), 2, 2)
    swapped = np.einsum("ij,kl->ikjl", [[0, 3], [0.01, 0]], np.eye(2))
    count = assembly.weights.size
    arrays = {
        "flux_p": np.repeat(swapped[..., None], count, axis=-1),
        "flux_u": np.zeros((2, 2, 2, count)),
        "reaction_p": np.zeros((2, 2, 2, count)),
        "reaction_u": np.zeros((2, 2, count)),
    }
    matrix = assembly.matrix(arrays, "flux", "reaction")
    solve, _ = assembly.solver(matrix, False)
    free = assembly.free
    b = np.random.default_rng(0).normal(size=free.size)
    assert np.allclose(matrix[free][:, free] @ solve(b), b, atol=1e-9)
    ((given, lu),) = made
    assert lu.nnz < 4 * given.nnz
