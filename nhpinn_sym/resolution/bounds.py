"""The one module of bounds: what effective tensors cannot leave, whatever the geometry.

Voigt and Reuss, for real symmetric positive definite coefficients a of -div(a grad u) with psi = 1:
<a^-1>^-1 <= A* <= <a> as quadratic forms, on gradients or, in elasticity, on strains (Mandel's
basis). Hill 1952, Proc. Phys. Soc. A 65:349. Laminates lie on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..lower.forms import LoweredCells, MultiIndex
from ..operator.numbers.data import Space, plain
from ..operator.numbers.integrate import mean_of_function
from ..operator.numbers.panels import evaluator
from ..operator.sampling import is_opaque

Array = NDArray[np.float64]

_SAME = 1e-9
"""Share of the largest entry up to which tensors count as symmetric."""
_LEAST = 1e-12
"""Share of the largest eigenvalue below which a coefficient is not positive definite."""


@dataclass(frozen=True)
class Enclosure:
    """lower <= A* <= upper as quadratic forms, (n, n) in an orthonormal basis: the columns of
    `basis` (m d, n), A* as the matrix A[(i, k), (j, l)]. `error`: of the means that they are
    made of, in the spectral norm."""

    lower: Array
    upper: Array
    basis: Array
    error: float

    def outside(self, tensor: Array) -> float:
        """By how much A[i, k, j, l], or (d, d) of a scalar, lies outside: the largest eigenvalue of
        the form that should be negative; 0 inside."""
        matrix = self.reduced(tensor)
        above = float(np.linalg.eigvalsh(matrix - self.upper).max())
        below = float(np.linalg.eigvalsh(self.lower - matrix).max())
        return max(above, below, 0.0)

    def reduced(self, tensor: Array) -> Array:
        """The symmetric matrix of a tensor in the basis."""
        size = len(self.basis)
        matrix = np.asarray(tensor, dtype=float).reshape(size, size)
        found = self.basis.T @ ((matrix + matrix.T) / 2) @ self.basis
        return np.asarray(found)


def voigt_reuss(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> Enclosure | None:
    """The bounds of A* at one slow point (values of `cells.slow`); None where they do not apply:
    complex or unsymmetric coefficients, terms of lower order, kernels that are not constant,
    time in the cell, coefficients known only as functions, or means that are not found within
    the limits."""
    entries = _entries(cells)
    if entries is None:
        return None
    numbers = {v: float(x) for v, x in zip(cells.slow, slow_point, strict=True)}
    for v in cells.parameters:
        if not isinstance(parameters.get(str(v)), (int, float)):
            return None
        numbers[v] = float(parameters[str(v)])
    space = Space(cells.coordinates, cells.cell.bounds, len(cells.coordinates))
    size = cells.components * _dim(cells)
    exprs = {place: plain(c, numbers, space) for place, c in entries.items()}
    values = _tensor(exprs, size, cells.coordinates)
    basis = _basis(values, size, cells)
    reduced = _reduced(values, basis)
    data = tuple(e for e in dict.fromkeys(exprs.values()) if space.of(e))
    means, error = mean_of_function(lambda y: _with_inverse(reduced(y)), data, space)
    count = basis.shape[1]
    voigt, inverse = means.reshape(2, count, count)
    if not np.isfinite(error) or not np.all(np.isfinite(means)):
        return None
    least = float(np.linalg.eigvalsh(inverse).min())
    if not least > 0:
        return None
    reuss = np.linalg.inv(inverse)
    return Enclosure(reuss, voigt, basis, error * max(1.0, float(np.linalg.norm(reuss, 2)) ** 2))


Place = tuple[int, int, int, int]
"""(equation, axis, field, axis)."""


def _entries(cells: LoweredCells) -> dict[Place, sp.Expr] | None:
    """a[i, k, j, l] where the cell operator is -div(a grad u), real, symmetric, without kernels."""
    kernels = any(f.role in ("ground state", "adjoint") for f in cells.functions)
    if kernels or cells.complex or not cells.symmetric or not cells.definite or cells.externals:
        return None
    if len(cells.coordinates) != _dim(cells) or cells.eigenvalue is not None:
        return None
    found: dict[Place, sp.Expr] = {}
    for term in cells.bilinear:
        if sum(term.left) != 1 or sum(term.right) != 1 or is_opaque(term.coefficient):
            return None
        place = (term.equation, term.left.index(1), term.field, term.right.index(1))
        found[place] = found.get(place, sp.Integer(0)) + term.coefficient
    return found


def _dim(cells: LoweredCells) -> int:
    """The number of coordinates along which A* acts."""
    used: set[int] = set()
    for term in cells.bilinear:
        used |= _axes(term.left) | _axes(term.right)
    return len(used)


def _axes(index: MultiIndex) -> set[int]:
    return {k for k, n in enumerate(index) if n}


def _tensor(
    exprs: Mapping[Place, sp.Expr], size: int, coordinates: Sequence[sp.Symbol]
) -> Callable[[Array], Array]:
    """(n, d) -> (n, size, size)."""
    calls = {place: evaluator(e, tuple(coordinates)) for place, e in exprs.items()}
    dim = 1 + max(k for _, k, _, _ in exprs)

    def values(points: Array) -> Array:
        out = np.zeros((len(points), size, size))
        for (i, k, j, l), call in calls.items():  # noqa: E741
            out[:, i * dim + k, j * dim + l] = call(points)
        return out

    return values


def _basis(values: Callable[[Array], Array], size: int, cells: LoweredCells) -> Array:
    """Mandel's basis of symmetric gradients where the tensor acts on those alone, else that of
    all."""
    dim = _dim(cells)
    low, high = np.array(cells.cell.bounds).T
    sample = values(low + (high - low) * np.random.default_rng(1).random((64, len(low))))
    if cells.components != dim or dim == 1:
        return np.eye(size)
    columns = []
    for i in range(dim):
        for k in range(i, dim):
            form = np.zeros((dim, dim))
            form[i, k] = 1.0
            form[k, i] = 1.0
            columns.append(form.ravel() / np.linalg.norm(form))
    basis = np.stack(columns, axis=-1)
    skew = np.eye(size) - basis @ basis.T
    return basis if np.abs(sample @ skew).max() <= _SAME * np.abs(sample).max() else np.eye(size)


def _reduced(values: Callable[[Array], Array], basis: Array) -> Callable[[Array], Array]:
    return lambda y: np.asarray(basis.T @ values(y) @ basis)


def _with_inverse(matrices: Array) -> Array:
    """(n, 2 k k): the matrices and their inverses; not a number where one is not positive
    definite."""
    symmetric = (matrices + np.swapaxes(matrices, 1, 2)) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric)
    bad = ~(eigenvalues[:, 0] > _LEAST * np.abs(eigenvalues[:, -1]))
    safe = np.where(bad[:, None, None], np.eye(matrices.shape[1]), symmetric)
    inverse = np.linalg.inv(safe)
    inverse[bad] = np.nan
    return np.stack([symmetric, inverse], axis=1).reshape(len(matrices), -1)
