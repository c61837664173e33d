"""The one module of bounds: what effective tensors cannot leave, whatever the geometry.

Voigt and Reuss, for real symmetric positive definite coefficients a of -div(a grad u) with psi = 1:
<a^-1>^-1 <= A* <= <a> as quadratic forms, on gradients or, in elasticity, on strains (Mandel's
basis). Hill 1952, Proc. Phys. Soc. A 65:349. Laminates lie on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..lower.forms import LoweredCells, MultiIndex
from ..operator.numbers.data import Space, plain
from ..operator.numbers.integrate import mean_of_function
from ..operator.numbers.panels import evaluator
from ..operator.sampling import is_opaque

Array = NDArray[np.float64]

Place = tuple[int, int, int, int]
"""(equation, axis, field, axis)."""
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
    found = coefficient_means(cells, parameters, slow_point) if applies(cells) else None
    if found is None or not np.all(np.isfinite([found.means, found.errors])):
        return None
    count = found.basis.shape[1]
    voigt, inverse = found.means.reshape(2, count, count)
    if not float(np.linalg.eigvalsh(inverse).min()) > 0:
        return None
    reuss = np.linalg.inv(inverse)
    upper, lower = np.linalg.norm(found.errors.reshape(2, -1), axis=1)
    error = max(float(upper), float(lower) * float(np.linalg.norm(reuss, 2)) ** 2)
    return Enclosure(reuss, voigt, found.basis, error)


class Means(NamedTuple):
    """`means` (2 n n,) of the tensor of the cell operator in `basis` and of its inverse (not finite
    where it is not positive definite), their `errors` (infinite where they are not found within the
    limits), the function of points (k, d) -> (k, 2 n n) that they are means of."""

    means: Array
    errors: Array
    values: Callable[[Array], Array]
    basis: Array


def coefficient_means(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> Means | None:
    """The means of a and of a^-1 over the cell, a[i, k, j, l] the coefficients of second order;
    None
    where these are complex or no formulas, or a parameter is no number."""
    entries = _entries(cells)
    if not entries:
        return None
    numbers = {v: float(x) for v, x in zip(cells.slow, slow_point, strict=True)}
    for v in cells.parameters:
        if not isinstance(parameters.get(str(v)), (int, float)):
            return None
        numbers[v] = float(parameters[str(v)])
    space = Space(cells.coordinates, cells.cell.bounds, len(cells.coordinates))
    exprs = {place: plain(c, numbers, space) for place, c in entries.items()}
    return _means(tuple(exprs.items()), cells.components, _dim(cells), space)


@lru_cache(maxsize=64)
def _means(
    exprs: tuple[tuple[Place, sp.Expr], ...], components: int, dim: int, space: Space
) -> Means:
    values = _tensor(dict(exprs), components, dim, space.symbols)
    basis = _basis(values, components, dim, space)

    def both(points: Array) -> Array:
        return _with_inverse(basis.T @ values(points) @ basis)

    data = tuple(e for e in dict.fromkeys(e for _, e in exprs) if space.of(e))
    means, errors = mean_of_function(both, data, space)
    return Means(means, np.broadcast_to(errors, means.shape), both, basis)


def applies(cells: LoweredCells) -> bool:
    """Whether the bounds hold: a real symmetric positive cell operator -div(a grad u), psi = 1."""
    kernels = any(f.role in ("ground state", "adjoint") for f in cells.functions)
    plain_form = all(sum(t.left) == 1 and sum(t.right) == 1 for t in cells.bilinear)
    spatial = len(cells.coordinates) == _dim(cells)
    return plain_form and spatial and cells.symmetric and cells.definite and not kernels


def _entries(cells: LoweredCells) -> dict[Place, sp.Expr]:
    """The coefficients of second order; none where they are no real formulas."""
    found: dict[Place, sp.Expr] = {}
    if cells.complex or cells.externals:
        return found
    for term in cells.bilinear:
        if is_opaque(term.coefficient) or cells.eigenvalue in term.coefficient.free_symbols:
            return {}
        if sum(term.left) == 1 and sum(term.right) == 1:
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
    exprs: Mapping[Place, sp.Expr], components: int, dim: int, coordinates: tuple[sp.Symbol, ...]
) -> Callable[[Array], Array]:
    """(n, d) -> (n, m dim, m dim)."""
    calls = {place: evaluator(e, coordinates) for place, e in exprs.items()}
    size = components * dim

    def values(points: Array) -> Array:
        out = np.zeros((len(points), size, size))
        for (i, k, j, l), call in calls.items():  # noqa: E741
            out[:, i * dim + k, j * dim + l] = call(points)
        return out

    return values


def _basis(values: Callable[[Array], Array], components: int, dim: int, space: Space) -> Array:
    """Mandel's basis of symmetric gradients where the tensor acts on those alone, else that of
    all.
    """
    size = components * dim
    low, high = np.array(space.intervals).T
    sample = values(low + (high - low) * np.random.default_rng(1).random((64, len(low))))
    if components != dim or dim == 1:
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
    acts = np.abs(sample @ skew).max() > _SAME * np.abs(sample).max()
    return np.eye(size) if acts else basis


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
