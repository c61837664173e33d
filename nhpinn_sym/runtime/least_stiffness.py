"""How stable a state is: the least energy of a disturbance, by Lanczos' method.

Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, ch. 10 (for two symmetric forms).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array
from .assembly import Assembly

Product = Callable[[Array], Array]

_MOST = 200
# Of the least value: what is left of it where the iteration ends.
_SETTLED = 1e-2
# Share of a vector that is rounding.
_ROUNDED = 1e-12


def least_stiffness(assembly: Assembly, times: Product, solve: Product) -> tuple[float, float]:
    """The least value of v.A v / v.B v over free functions v, from above, and how far the true one
    may lie below it.

    times : A v, symmetric, of the free part of a function
    solve : the function v with B v = f, for a symmetric positive definite B; nan for others
    """
    rng = np.random.default_rng(0)
    duals = [assembly.restricted(rng.standard_normal(assembly.size))]
    vectors = [solve(duals[0])]
    diagonal: list[float] = []
    beside: list[float] = []
    square = assembly.total(vectors[0] * duals[0])
    if not square > 0:
        return np.nan, np.inf
    length = np.sqrt(square)
    while True:
        duals[-1], vectors[-1] = duals[-1] / length, vectors[-1] / length
        dual = times(vectors[-1])
        diagonal.append(assembly.total(dual * vectors[-1]))
        vector = solve(dual)
        for _ in range(2):
            shares = [assembly.total(dual * held) for held in vectors]
            for share, of, held in zip(shares, duals, vectors, strict=True):
                dual = dual - share * of
                vector = vector - share * held
        length = np.sqrt(max(assembly.total(vector * dual), 0.0))
        values, mixes = _of_three(diagonal, beside)
        left = length * abs(mixes[-1, 0])
        scale = np.abs(values).max()
        done = left <= _SETTLED * abs(values[0]) or length <= _ROUNDED * scale
        if done or len(diagonal) == _MOST:
            return float(values[0]), float(left)
        beside.append(float(length))
        duals.append(dual)
        vectors.append(vector)


def _of_three(diagonal: list[float], beside: list[float]) -> tuple[Array, Array]:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix of three diagonals."""
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    values, mixes = np.linalg.eigh(matrix)
    return values, mixes
