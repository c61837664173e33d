"""Linear solvers for the finite element matrices: sparse LU while it is cheap, Krylov with algebraic multigrid beyond.

Singular systems (periodic cells, pure Neumann) are solved in the zero-mean gauge, and the multiplier of that constraint is handed back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyamg
import scipy.sparse as sps
import scipy.sparse.linalg as sla
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Solve = Callable[[Vector], Vector]

_DIRECT = {1: 10**9, 2: 150_000, 3: 16_000}
"""Unknowns up to which LU beats CG with multigrid for one right-hand side, by dimension (measured for Q2)."""

_DIRECT_AT_MOST = {1: 10**9, 2: 600_000, 3: 40_000}
"""The same for many right-hand sides and for nonsymmetric matrices; and where LU is tried when the Krylov method failed."""

_KRYLOV_TOLERANCE = 1e-12
_CANCELLED = 1e-13


def linear_solver(matrix: sps.csr_matrix, dim: int, reuse: bool = False) -> tuple[Solve, str]:
    """A function b -> matrix^-1 b, and the name of its method. `reuse` announces many right-hand sides.

    RuntimeError, then or when it is called, for a singular matrix or a residual that is too large.
    """
    unknowns = matrix.shape[0]
    symmetric = unknowns > _DIRECT[dim] and _is_symmetric(matrix)
    if unknowns <= _DIRECT[dim] or (unknowns <= _DIRECT_AT_MOST[dim] and (reuse or not symmetric)):
        return _direct(matrix), "sparse LU"
    krylov = _krylov(matrix, symmetric)
    direct: list[Solve] = []

    def solve(b: Vector) -> Vector:
        if not direct:
            x = krylov(b)
            if _solved(matrix, x, b):
                return x
            if unknowns > _DIRECT_AT_MOST[dim]:
                raise RuntimeError(f"Krylov residual {_residual(matrix, x, b):.1e}, and {unknowns} unknowns are too many for a direct solve")
            direct.append(_direct(matrix))
        return direct[0](b)

    return solve, ("cg" if symmetric else "gmres") + " + algebraic multigrid"


def zero_mean_solver(matrix: sps.csr_matrix, weights: Vector, dim: int) -> tuple[Callable[[Vector, float], tuple[Vector, float]], str]:
    """Solver for a matrix whose kernel, and that of its transpose, are the constants.

    The returned function maps (b, size) to (x, multiplier): weights . x = 0 and matrix x = b up to what b has outside the range; `multiplier`
    is that part relative to `size` (it vanishes where the data are compatible). One unknown is pinned, then the mean subtracted: multigrid
    stalls on the singular matrix itself. `size` is the sum of the absolute values that b was assembled
    from: a b that cancels to rounding counts as zero. `weights` holds the integrals of the basis functions.
    """
    pinned, method = linear_solver(matrix[1:, 1:], dim)

    def solve(b: Vector, size: float) -> tuple[Vector, float]:
        if float(np.abs(b).sum()) <= _CANCELLED * size:
            return np.zeros_like(b), 0.0
        excess = float(b.sum())
        compatible = b - excess / weights.sum() * weights
        x = np.concatenate([np.zeros(1), pinned(compatible[1:])])
        remainder = float(np.abs(matrix @ x - compatible).sum())
        return x - weights @ x / weights.sum(), max(abs(excess), remainder) / size

    return solve, method


def _is_symmetric(matrix: sps.csr_matrix) -> bool:
    return bool(abs(matrix - matrix.T).max() <= 1e-12 * abs(matrix).max())


def _residual(matrix: sps.csr_matrix, x: Vector, b: Vector) -> float:
    """||matrix x - b|| / ||b||."""
    norm = float(np.linalg.norm(b))
    return float(np.linalg.norm(matrix @ x - b)) / norm if norm > 0 else float(np.linalg.norm(x))


def _solved(matrix: sps.csr_matrix, x: Vector, b: Vector) -> bool:
    """A residual of 1e-9 relative to b; for coefficients of high contrast, at rounding of matrix times x, up to 1e-5."""
    residual = _residual(matrix, x, b)
    if residual <= 1e-9:
        return True
    rounding = 1e-14 * float(sla.norm(matrix, np.inf) * np.linalg.norm(x) / np.linalg.norm(b))
    return residual <= min(1e-5, rounding)


def _direct(matrix: sps.csr_matrix) -> Solve:
    """LU with an ordering for the symmetric pattern of finite element matrices, and iterative refinement where it is needed."""
    factors = sla.splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.1, options={"SymmetricMode": True})

    def solve(b: Vector) -> Vector:
        x = factors.solve(b)
        if _residual(matrix, x, b) > 1e-12:
            x = x + factors.solve(b - matrix @ x)
        if not _solved(matrix, x, b):
            raise RuntimeError(f"the direct solve left a residual of {_residual(matrix, x, b):.1e}: the matrix is close to singular")
        return np.asarray(x)

    return solve


def _krylov(matrix: sps.csr_matrix, symmetric: bool) -> Solve:
    """CG or GMRES with smoothed aggregation; the caller checks the residual."""
    hierarchy = pyamg.smoothed_aggregation_solver(matrix, symmetry="symmetric" if symmetric else "nonsymmetric")
    preconditioner = hierarchy.aspreconditioner()

    def solve(b: Vector) -> Vector:
        if symmetric:
            x, _ = sla.cg(matrix, b, rtol=_KRYLOV_TOLERANCE, maxiter=500, M=preconditioner)
        else:
            x, _ = sla.gmres(matrix, b, rtol=_KRYLOV_TOLERANCE, restart=60, maxiter=10, M=preconditioner)
        return np.asarray(x)

    return solve
