import numpy as np
import pytest
import scipy.sparse as sps

from nhpinn_sym.emit.runtime import skfem_linear
from nhpinn_sym.emit.runtime.skfem_linear import linear_solver, zero_mean_solver


def laplace(n: int, periodic: bool, drift: float = 0.0) -> sps.csr_matrix:
    """Five-point Laplacian on n x n points plus a central drift along the first axis: row and column sums vanish where periodic."""
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
        monkeypatch.setitem(skfem_linear._DIRECT, 2, 10)
        monkeypatch.setitem(skfem_linear._DIRECT_AT_MOST, 2, 10)
    solve, method = linear_solver(matrix, 2)
    assert method == ("sparse LU" if direct else ("cg" if drift == 0 else "gmres") + " + algebraic multigrid")
    x = np.random.default_rng(0).normal(size=900)
    np.testing.assert_allclose(solve(matrix @ x), x, atol=1e-9)


@pytest.mark.parametrize("drift", [0.0, 0.2])
@pytest.mark.parametrize("direct", [True, False])
def test_zero_mean_and_its_multiplier(drift, direct, monkeypatch):
    matrix = laplace(24, periodic=True, drift=drift)
    if not direct:
        monkeypatch.setitem(skfem_linear._DIRECT, 2, 10)
        monkeypatch.setitem(skfem_linear._DIRECT_AT_MOST, 2, 10)
    weights = np.full(576, 1 / 576)
    solve, _ = zero_mean_solver(matrix, weights, 2)
    x = np.random.default_rng(1).normal(size=576)
    b = matrix @ x
    found, multiplier = solve(b, np.abs(b).sum())
    np.testing.assert_allclose(found, x - x.mean(), atol=1e-8)
    assert multiplier < 1e-9
    shifted, multiplier = solve(b + 0.1, np.abs(b + 0.1).sum())
    np.testing.assert_allclose(shifted, found, atol=1e-8)
    assert multiplier == pytest.approx(57.6 / np.abs(b + 0.1).sum(), rel=1e-6)


def test_singular_matrices_are_noticed():
    with pytest.raises(RuntimeError, match="singular"):
        linear_solver(laplace(8, periodic=True), 2)[0](np.arange(64.0))


def test_what_the_krylov_method_cannot_solve_is_factorized(monkeypatch):
    monkeypatch.setitem(skfem_linear._DIRECT, 2, 300)
    indefinite = laplace(24, periodic=False) - 3.1 * sps.identity(576)
    solve, method = linear_solver(indefinite.tocsr(), 2)
    x = np.ones(576)
    assert "cg" in method
    np.testing.assert_allclose(solve(indefinite @ x), x, atol=1e-9)
    monkeypatch.setitem(skfem_linear._DIRECT_AT_MOST, 2, 300)
    with pytest.raises(RuntimeError, match="too many for a direct solve"):
        linear_solver(indefinite.tocsr(), 2)[0](indefinite @ x)


@pytest.mark.parametrize("b", [np.zeros(64), np.full(64, 1e-17)])
def test_a_right_hand_side_that_cancels_to_rounding_is_zero(b):
    matrix = laplace(8, periodic=True)
    values, multiplier = zero_mean_solver(matrix, np.ones(64), 2)[0](b, 1.0)
    assert not values.any() and multiplier == 0
