"""The principal Bloch eigenvalue of -div(a grad) + b.grad + r on a cell, and its derivatives:
lambda0, drift, A, b, c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sparse
import scipy.sparse.linalg

from .spaces import Array, Space


@dataclass(frozen=True)
class Law:
    """lambda0, drift (d,), A (d, d) symmetric, b (d,), c of u_t + (lambda0/eps^2 + drift.grad/eps)
    u - A:D^2 u + b.grad u + c u.
    """

    lambda0: complex
    drift: Array
    A: Array
    b: Array
    c: complex


def law(
    space: Space,
    a: Any,
    b: Any = 0.0,
    r: Any = 0.0,
    first: Any = 0.0,
    rho: Any = 1.0,
    extra: Any = 0.0,
) -> Law:
    """The law of rho u_t - div(a grad u) + b.grad u/eps + r u/eps^2 + first u/eps + extra u.

    a: scalar or (d, d) entries at the points; b: d entries. By perturbation of the eigenvalue in s
       = eps grad and in eps.
    """
    dim = len(space.slopes)
    value, slopes = space.values, space.slopes
    tensor = (
        [[a if i == j else 0.0 for j in range(dim)] for i in range(dim)] if np.ndim(a) < 2 else a
    )
    flow = [b] * dim if np.ndim(b) == 0 else ([b] if np.ndim(b) == 1 and dim == 1 else b)
    mass = space.form(value, rho, value)
    zero = space.form(value, r, value)
    parts = [space.form(value, first, value)]
    for k in range(dim):
        part = space.form(value, flow[k], value)
        zero = zero + space.form(value, flow[k], slopes[k])
        for j in range(dim):
            zero = zero + space.form(slopes[k], tensor[k][j], slopes[j])
            part = part + space.form(slopes[j], tensor[j][k], value)
            part = part - space.form(value, tensor[k][j], slopes[j])
        parts.append(part)
    lowest, right, left = _principal(zero, mass, space, r, rho)
    return _second_order(space, zero, mass, parts, tensor, extra, lowest, right, left)


def _second_order(
    space: Space,
    zero: Any,
    mass: Any,
    parts: list[Any],
    tensor: Any,
    extra: Any,
    lowest: complex,
    right: Array,
    left: Array,
) -> Law:
    dim = len(parts) - 1
    first = [left.conj() @ (p @ right) for p in parts]
    solve = _bordered(zero - lowest * mass, mass @ right, mass.conj().T @ left)
    moved = [solve(f * (mass @ right) - p @ right) for f, p in zip(first, parts, strict=True)]

    def second(p: int, q: int) -> complex:
        return left.conj() @ (parts[p] @ moved[q] - first[p] * (mass @ moved[q]))

    A = np.zeros((dim, dim), complex)
    for k in range(dim):
        for j in range(dim):
            both = second(k + 1, j + 1) + second(j + 1, k + 1)
            local = space.form(
                space.values, np.asarray(tensor[k][j]) + np.asarray(tensor[j][k]), space.values
            )
            A[k, j] = (left.conj() @ (local @ right) - both) / 2
    drift = np.array(first[1:])
    b = np.array([second(0, k + 1) + second(k + 1, 0) for k in range(dim)])
    local = space.form(space.values, extra, space.values)
    return Law(lowest, drift, A, b, second(0, 0) + left.conj() @ (local @ right))


def _principal(
    zero: Any, mass: Any, space: Space, r: Any, rho: Any
) -> tuple[complex, Array, Array]:
    """The eigenvalue of smallest real part, its right and left vectors with left.mass.right = 1.

    It lies above the least value of r/rho (maximum principle), where large spaces search for it.
    """
    if sparse.issparse(zero) and np.ndim(r) == 0 and r == 0.0:
        lowest, right = 0.0, np.ones(zero.shape[0])
        mean = mass @ right
        left = _bordered(zero.T, mean, mean)(0.0 * mean, 1.0)
    elif not sparse.issparse(zero):
        found, vectors = scipy.linalg.eig(zero, mass)
        at = int(np.argmin(found.real))
        lowest, right = found[at], vectors[:, at]
        adjoint, vectors = scipy.linalg.eig(zero.conj().T, mass.conj().T)
        left = vectors[:, int(np.argmin(abs(adjoint - lowest.conjugate())))]
    else:
        below = float(np.min(np.asarray(r) / rho)) - 1.0
        lowest, right = _inverse_iteration(zero, mass, below)
        _, left = _inverse_iteration(zero.conj().T, mass.conj().T, below)
    return lowest, right, left / np.conj(left.conj() @ (mass @ right))


def _inverse_iteration(matrix: Any, mass: Any, shift: float) -> tuple[float, Array]:
    found, vectors = scipy.sparse.linalg.eigs(
        matrix.tocsc(), k=1, M=mass.tocsc(), sigma=shift, tol=1e-14, v0=np.ones(matrix.shape[0])
    )
    lowest, vector = found[0].real, vectors[:, 0]
    vector = (vector / vector[np.argmax(abs(vector))]).real
    for _ in range(3):
        solve = _bordered(matrix - lowest * mass, mass @ vector, mass @ vector)
        step = solve(mass @ vector * 0 - (matrix @ vector - lowest * (mass @ vector)))
        vector = vector + step
        lowest = (vector @ (matrix @ vector)) / (vector @ (mass @ vector))
    return lowest, vector


def _bordered(matrix: Any, column: Array, row: Array) -> Any:
    """Solves of the singular matrix with row.solution = last."""
    size = matrix.shape[0]
    if sparse.issparse(matrix):
        whole = sparse.bmat([[matrix, column[:, None]], [row.conj()[None, :], None]]).tocsc()
        factors = scipy.sparse.linalg.splu(whole)
        return lambda load, last=0.0: factors.solve(np.append(load, last).astype(whole.dtype))[
            :size
        ]
    whole = np.block([[matrix, column[:, None]], [row.conj()[None, :], np.zeros((1, 1))]])
    return lambda load, last=0.0: np.linalg.solve(whole, np.append(load, last))[:size]


def tensor(space: Space, a: Any) -> Array:
    """The full (d, d) tensor <a_ij + a_ik d_k N_j> of -div(a grad u), a scalar or (d, d) entries at
    the points.
    """
    dim = len(space.slopes)
    full = [[a if i == j else 0.0 for j in range(dim)] for i in range(dim)] if np.ndim(a) < 2 else a
    matrix = sum(
        space.form(space.slopes[i], full[i][j], space.slopes[j])
        for i in range(dim)
        for j in range(dim)
    )
    mean = space.load(1.0)
    solve = _bordered(matrix, mean, mean)
    found = np.zeros((dim, dim), dtype=np.result_type(np.asarray(full[0][0]), space.values.dtype))
    flux = [
        [
            space.slopes[i].conj().T
            @ (space.weights * np.broadcast_to(full[i][j], space.weights.shape))
            for j in range(dim)
        ]
        for i in range(dim)
    ]
    for j in range(dim):
        corrector = solve(-sum(flux[i][j] for i in range(dim)))
        for i in range(dim):
            own = np.sum(space.weights * np.broadcast_to(full[i][j], space.weights.shape))
            moved = sum(
                np.sum(space.weights * full[i][k] * (space.slopes[k] @ corrector))
                for k in range(dim)
            )
            found[i, j] = own + moved
    return found
