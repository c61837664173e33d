"""Linear solvers for the finite element matrices: sparse LU while it is cheap, Krylov with
algebraic multigrid beyond.

Singular systems (periodic cells, pure Neumann) are solved bordered: with a multiplier for each
condition on the solution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyamg
import scipy.sparse as sps
import scipy.sparse.linalg as sla
from numpy.typing import NDArray

from ..arrays import Array
from ..cell_solve import Bordered, BorderedSolve
from .factors import factored

LinearSolve = Callable[[Array], Array]

# Unknowns up to which LU beats CG with multigrid for a few right-hand sides, by dimension (measured
# for Q2).
_DIRECT = {1: 10**9, 2: 150_000, 3: 3_000}

# Factor on these where there are several unknowns at a node, which cost multigrid more iterations.
_SYSTEMS = {1: 1, 2: 1, 3: 3}

# Unknowns up to which LU is tried where the Krylov method failed; half of them for many right-hand
# sides and for nonsymmetric matrices.
_DIRECT_AT_MOST = {1: 10**9, 2: 600_000, 3: 40_000}

# Three digits below what counts as solved: the error may be larger than the residual.
_KRYLOV_TOLERANCE = 1e-12
# A relative residual that counts as solved; where A x is much larger than b, as for coefficients of
# high contrast, one of its rounding up to the second.
_SOLVED = 1e-9
_SOLVED_AT_MOST = 1e-5
_ROUNDING = 1e-14
# Difference from the transpose, relative to the largest entry, that assembly leaves.
_SYMMETRIC = 1e-12
# Residual of a direct solve above which it is refined once.
_REFINED = 1e-12
# Share of the largest entry of its column down to which a diagonal entry is a pivot, and where that
# is not accurate. Steps of waves, and of Cahn and Hilliard's system, have large entries beside the
# diagonal: others fill in a hundred times as much.
_SMALL_PIVOT = 1e-6
_PIVOT = 0.1
# Sums that are that much smaller than their terms are rounding.
_CANCELLED = 1e-13


def linear_solver(
    matrix: sps.csr_matrix,
    dim: int,
    reuse: bool = False,
    definite: bool = True,
    smooth: Array | None = None,
) -> tuple[LinearSolve, str]:
    """A function b -> matrix^-1 b, and the name of its method. `reuse` announces many right-hand
    sides.

    `definite` says that a symmetric matrix with a positive diagonal is definite. The coarse levels
    of multigrid contain `smooth` (unknowns, k), by default the constants: for systems, those of
    each component, and for displacements the rotations (then blocks of unknowns gain nothing).
    RuntimeError, then or when it is called, for a singular matrix or a residual that is too large.
    """
    unknowns = matrix.shape[0]
    several = smooth is not None and smooth.ndim > 1 and smooth.shape[1] > 1
    cheap = _DIRECT[dim] * (_SYSTEMS[dim] if several else 1)
    if unknowns <= cheap:
        return _direct(matrix), "sparse LU"
    symmetric = definite and matrix.diagonal().min() > 0 and _is_symmetric(matrix)
    if unknowns <= _DIRECT_AT_MOST[dim] // 2 and (reuse or not symmetric):
        return _direct(matrix), "sparse LU"
    krylov = _krylov(matrix, symmetric, smooth)
    direct: list[LinearSolve] = []

    def solve(b: Array) -> Array:
        if not direct:
            x = krylov(b)
            if _solved(matrix, x, b):
                return x
            if unknowns > _DIRECT_AT_MOST[dim]:
                raise RuntimeError(
                    f"Krylov residual {_residual(matrix, x, b):.1e}, and {unknowns} unknowns are"
                    " too many for a direct solve"
                )
            direct.append(_direct(matrix))
        return direct[0](b)

    return solve, ("cg" if symmetric else "gmres") + " + algebraic multigrid"


def bordered_solver(
    matrix: sps.csr_matrix,
    columns: Sequence[Array],
    rows: Sequence[Array],
    pins: Sequence[int],
    dim: int,
    components: int = 1,
    definite: bool = True,
    smooth: Array | None = None,
) -> tuple[BorderedSolve, str]:
    """Solver (b, g) -> (x, lam) of matrix x + sum lam_p column_p = b, row_p . x = g_p for a matrix
    with as many kernel functions.

    `pins` are unknowns at which kernel functions that vanish there vanish everywhere: without their
    rows and columns, and those of unknowns in no equation, which are 0, the matrix is regular.
    (Multigrid stalls on the singular matrix itself.) Where the kernels are the constants of each
    component, one solve a call is enough.
    """
    free = np.setdiff1d(np.flatnonzero(alive(matrix)), pins)
    block = matrix if len(free) == matrix.shape[0] else matrix[free][:, free]
    if smooth is None:
        smooth = _constants(matrix, components)
    regular, method = linear_solver(block, dim, definite=definite, smooth=smooth[free])
    if _kernels_are_constants(matrix, columns, rows, components):
        return partial(_projected, regular, rows, free), method

    def pinned(b: Array) -> Array:
        x = np.zeros_like(b)
        x[pins] = b[pins]
        x[free] = regular((b - matrix @ x)[free])
        return x

    units = [np.eye(1, matrix.shape[0], pin)[0] for pin in pins]
    return Bordered(pinned, units, [matrix.T @ unit for unit in units], columns, rows), method


def alive(matrix: sps.csr_matrix) -> NDArray[np.bool_]:
    """The unknowns that stand in an equation: those of a void do not."""
    return np.asarray(abs(matrix).sum(axis=1)).ravel() > 0


def _kernels_are_constants(
    matrix: sps.csr_matrix, columns: Sequence[Array], rows: Sequence[Array], components: int
) -> bool:
    """Whether the constants of each component are the kernels of the matrix and of its transpose,
    and all borders are their weights.
    """
    if len(rows) != components or any(c is not r for c, r in zip(columns, rows)):
        return False
    constants = _constants(matrix, components)
    images = (matrix @ constants, matrix.T @ constants)
    return max(abs(image).max() for image in images) <= _CANCELLED * abs(matrix).max()


def _constants(matrix: sps.csr_matrix, components: int) -> Array:
    """The constants of each component, as columns."""
    return np.tile(np.eye(components), (matrix.shape[0] // components, 1))


def _projected(
    regular: LinearSolve,
    rows: Sequence[Array],
    free: NDArray[np.intp],
    b: Array,
    g: Sequence[float],
) -> tuple[Array, list[float]]:
    """The bordered solution where the kernels are the constants of each component, whose weights
    are `rows`.
    """
    components = len(rows)
    x = np.zeros_like(b)
    # The mean of the right-hand side, which no solution of the singular system could have.
    means = [float(b[p::components].sum() / row.sum()) for p, row in enumerate(rows)]
    balanced = b - sum(mean * row for mean, row in zip(means, rows))
    x[free] = regular(balanced[free])
    for p, row in enumerate(rows):
        x[p::components] += (g[p] - row @ x) / row.sum()
    return x, means


def cancels(b: Array, size: float) -> bool:
    """Whether b is rounding alone; `size` is the sum of the absolute values that it was assembled
    from.
    """
    return float(np.abs(b).sum()) <= _CANCELLED * size


def _is_symmetric(matrix: sps.csr_matrix) -> bool:
    return bool(abs(matrix - matrix.T).max() <= _SYMMETRIC * abs(matrix).max())


def _residual(matrix: sps.csr_matrix, x: Array, b: Array) -> float:
    """||matrix x - b|| / ||b||."""
    size = float(np.linalg.norm(b))
    if size == 0:
        return float(np.linalg.norm(x))
    return float(np.linalg.norm(matrix @ x - b)) / size


def _solved(matrix: sps.csr_matrix, x: Array, b: Array) -> bool:
    """A small residual relative to b; for coefficients of high contrast one at the rounding of
    matrix times x.
    """
    # Krylov methods stop by a preconditioned norm: the true residual decides.
    residual = _residual(matrix, x, b)
    if residual <= _SOLVED:
        return True
    # Backward stability: no solver in double precision leaves less than the rounding of A x.
    size = sla.norm(matrix, np.inf) * np.linalg.norm(x) / np.linalg.norm(b)
    return residual <= min(_SOLVED_AT_MOST, _ROUNDING * float(size))


def _direct(matrix: sps.csr_matrix) -> LinearSolve:
    """LU with an ordering for the symmetric pattern of finite element matrices, and iterative
    refinement where it is needed; with larger pivots, which fill in more, where it is not enough.
    """
    factors = factored(matrix, _SMALL_PIVOT)

    def solve(b: Array) -> Array:
        nonlocal factors
        x = _refined(matrix, factors, b)
        if not _solved(matrix, x, b):
            factors = factored(matrix, _PIVOT)
            x = _refined(matrix, factors, b)
        if not _solved(matrix, x, b):
            raise RuntimeError(
                f"the direct solve left a residual of {_residual(matrix, x, b):.1e}: the matrix is"
                " close to singular"
            )
        return x

    return solve


def _refined(matrix: sps.csr_matrix, factors: sla.SuperLU, b: Array) -> Array:
    x = factors.solve(b)
    if _residual(matrix, x, b) > _REFINED:
        x = x + factors.solve(b - matrix @ x)
    return np.asarray(x)


def multigrid(
    matrix: sps.csr_matrix, symmetric: bool = True, smooth: Array | None = None
) -> sla.LinearOperator:
    """One cycle of smoothed aggregation."""
    symmetry = "symmetric" if symmetric else "nonsymmetric"
    return pyamg.smoothed_aggregation_solver(matrix, B=smooth, symmetry=symmetry).aspreconditioner()


def _krylov(matrix: sps.csr_matrix, symmetric: bool, smooth: Array | None) -> LinearSolve:
    """CG or GMRES with smoothed aggregation; the caller checks the residual (CG divides by zero
    where the matrix is indefinite).
    """
    preconditioner = multigrid(matrix, symmetric, smooth)

    def solve(b: Array) -> Array:
        if symmetric:
            with np.errstate(divide="ignore", invalid="ignore"):
                x, _ = sla.cg(matrix, b, rtol=_KRYLOV_TOLERANCE, maxiter=500, M=preconditioner)
        else:
            x, _ = sla.gmres(
                matrix, b, rtol=_KRYLOV_TOLERANCE, restart=60, maxiter=10, M=preconditioner
            )
        return np.asarray(x)

    return solve
