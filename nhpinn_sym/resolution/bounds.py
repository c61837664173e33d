"""The one module of bounds: what effective tensors cannot leave, whatever the geometry.

Voigt and Reuss, for real symmetric positive definite coefficients a of -div(a grad u) with psi = 1:
<a^-1>^-1 <= A* <= <a> as quadratic forms, on gradients or, in elasticity, on strains (Mandel's
basis). Hill 1952, Proc. Phys. Soc. A 65:349. Laminates lie on them.

The trace bounds, for one unknown in d > 1 dimensions and two isotropic phases alpha < beta, with
the means h = <1/a>^-1 and m = <a> and the eigenvalues l_i of A*:
sum_i 1/(l_i - alpha) <= 1/(h - alpha) + (d - 1)/(m - alpha),
sum_i 1/(beta - l_i) <= 1/(beta - h) + (d - 1)/(beta - m).
Murat, Tartar 1985; Lurie, Cherkaev 1984; Milton, Kohn 1988, J. Mech. Phys. Solids 36:597. Laminates
of any rank lie on them. For isotropic A* they are the bounds of Hashin and Shtrikman 1962.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells, MultiIndex
from ..operator.numbers.data import DataSpace, in_data_symbols
from ..operator.numbers.integrate import mean_of_function
from ..operator.numbers.panels import evaluator
from ..operator.sampling import is_opaque
from ..problem.images import Image
from ..runtime.arrays import Array
from .images import external_images, lookup, phases_of, pixel_means

TensorIndex = tuple[int, int, int, int]
"""(equation, axis, field, axis)."""
# Share of the largest entry up to which tensors count as symmetric.
_SAME = 1e-9
# Values of the coefficient for which the trace bounds hold.
_PHASES = 2
# So that rounding leaves a root in its interval.
_NEARLY = 0.999
# Share of the largest eigenvalue below which a coefficient is not positive definite.
_LEAST = 1e-12


@dataclass(frozen=True)
class Enclosure:
    """lower <= A* <= upper as quadratic forms, (n, n) in an orthonormal basis: the columns of
    `basis` (m d, n), A* as the matrix A[(i, k), (j, l)]. `error`: of the means that they are
    made of, in the spectral norm. `phases`: alpha < beta where the trace bounds apply."""

    lower: Array
    upper: Array
    basis: Array
    error: float
    phases: tuple[float, float] | None = None

    def outside(self, tensor: Array) -> float:
        """By how much A[i, k, j, l], or (d, d) of a scalar, lies outside of the bounds, whose own
        error is allowed for: at least so far off is one of its entries; 0 inside."""
        return max(self.distances(tensor).values())

    def distances(self, tensor: Array) -> dict[str, float]:
        """`outside` for each kind of bounds."""
        matrix = self.reduced(tensor)
        above = self._excess(matrix - self.upper)
        below = self._excess(self.lower - matrix)
        found = {"Voigt-Reuss": max(above, below, 0.0)}
        if self.phases is not None:
            found["trace"] = self._trace_excess(matrix, *self.phases)
        return found

    @property
    def isotropic_range(self) -> list[float]:
        """Between which values an isotropic A* of two phases lies (Hashin, Shtrikman 1962): where
        the trace bounds are met with equal eigenvalues."""
        assert self.phases is not None
        harmonic, mean = float(self.lower[0, 0]), float(self.upper[0, 0])
        size = len(self.lower)
        alpha, beta = self.phases
        least = alpha + size / (1 / (harmonic - alpha) + (size - 1) / (mean - alpha))
        most = beta - size / (1 / (beta - harmonic) + (size - 1) / (beta - mean))
        return [least, most]

    def reduced(self, tensor: Array) -> Array:
        """The symmetric matrix of a tensor in the basis."""
        size = len(self.basis)
        matrix = np.asarray(tensor, dtype=float).reshape(size, size)
        found = self.basis.T @ ((matrix + matrix.T) / 2) @ self.basis
        return np.asarray(found)

    def _excess(self, form: Array) -> float:
        """An error of some entry that takes a form, which should be negative, to its value along
        one of its axes or one of the basis: entries that are off by e change v.A v by at most
        e |v|_1^2."""
        axes = np.concatenate([np.linalg.eigh(form)[1], np.eye(len(form))], axis=1)
        # Along any direction the form has to be negative; these show most of what exceeds it.
        values = np.einsum("ik,ij,jk->k", axes, form, axes) - self.error
        return float((values / np.abs(self.basis @ axes).sum(axis=0) ** 2).max())

    def _trace_excess(self, matrix: Array, alpha: float, beta: float) -> float:
        """The farther of the distances from the two trace bounds."""
        harmonic = float(self.lower[0, 0])
        mean = float(self.upper[0, 0])
        one = np.eye(len(matrix))
        above = _shift(
            matrix - alpha * one, harmonic - alpha - self.error, mean - alpha - self.error
        )
        below = _shift(beta * one - matrix, beta - harmonic - self.error, beta - mean - self.error)
        return max(above, below)


def _shift(matrix: Array, harmonic: float, mean: float) -> float:
    """A least error of an entry of M (n, n) that violates tr M^-1 <= 1/harmonic + (n - 1)/mean.

    M + t 1 fulfils it with equality. tr M^-1 is convex: if M + E does so too, then
    0 <= tr G (E - t 1), G = (M + t 1)^-2, and tr G E <= max |E_ij| sum |G_ij|.
    """
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if min(harmonic, mean) <= 0:
        return 0.0
    limit = 1 / harmonic + (len(matrix) - 1) / mean
    least = float(eigenvalues[0])
    if least > 0 and float((1 / eigenvalues).sum()) <= limit:
        return 0.0

    from scipy.optimize import brentq  # a quarter of a second, and rarely needed

    def excess(smallest: float) -> float:
        return float((1 / (eigenvalues - least + smallest)).sum()) - limit

    span = (_NEARLY / limit, len(matrix) / (_NEARLY * limit))
    reached = float(brentq(excess, *span, xtol=1e-15 / limit, rtol=1e-14))
    # The derivative of tr M^-1 at the shifted matrix.
    weights = 1 / (eigenvalues - least + reached) ** 2
    gradient = (vectors * weights) @ vectors.T
    return (reached - least) * float(weights.sum() / np.abs(gradient).sum())


def voigt_reuss(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> Enclosure | None:
    """The bounds of A* at one slow point (values of `cells.slow`), with those of the trace where
    there are two isotropic phases; None where they do not apply: complex or unsymmetric
    coefficients, terms of lower order, kernels that are not constant, time in the cell,
    coefficients known only as functions, or means that are not found within the limits."""
    found = coefficient_means(cells, parameters, slow_point) if applies(cells) else None
    if found is None or not np.all(np.isfinite([found.means, found.errors])):
        return None
    count = found.basis.shape[1]
    mean, inverse = found.means.reshape(2, count, count)
    voigt = (mean + mean.T) / 2
    if not float(np.linalg.eigvalsh(inverse).min()) > 0:
        return None
    reuss = np.linalg.inv(inverse)
    if cells.contacts:
        # Functions that jump store less energy, down to none: the upper bound is left.
        return Enclosure(0.0 * reuss, voigt, found.basis, float(np.linalg.norm(found.errors)))
    upper, lower = np.linalg.norm(found.errors.reshape(2, -1), axis=1)
    # An error E of <a^-1> moves its inverse by R E R to first order, R being the Reuss bound.
    error = max(float(upper), float(lower) * float(np.linalg.norm(reuss, 2)) ** 2)
    return Enclosure(reuss, voigt, found.basis, error, found.phases)


class MeansOfCoefficient(NamedTuple):
    """`means` (2 n n,) of the tensor of the cell operator in `basis` and of its inverse (not finite
    where it is not positive definite), their `errors` (infinite where they are not found within the
    limits), the function of points (k, d) -> (k, 2 n n) that they are means of, the values of two
    isotropic phases where these are all there is."""

    means: Array
    errors: Array
    values: Callable[[Array], Array]
    basis: Array
    phases: tuple[float, float] | None


def coefficient_means(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_point: Sequence[float] = ()
) -> MeansOfCoefficient | None:
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
    space = DataSpace(cells.coordinates, cells.cell.bounds, len(cells.coordinates))
    images = external_images(cells)
    known = DataSpace(
        (*cells.coordinates, *images), (*space.intervals, *((0.0, 1.0),) * len(images)), space.axes
    )
    exprs = {place: in_data_symbols(c, numbers, known) for place, c in entries.items()}
    if images:
        return _image_means(exprs, cells.components, _dim(cells), space, images)
    return _means(tuple(exprs.items()), cells.components, _dim(cells), space)


def _image_means(
    exprs: Mapping[TensorIndex, sp.Expr],
    components: int,
    dim: int,
    space: DataSpace,
    images: Mapping[sp.Symbol, Image],
) -> MeansOfCoefficient | None:
    """The same where the tensor is a function of images alone: exact; None where the coordinates
    stand in it too.
    """
    if any(space.of(expr) for expr in exprs.values()):
        return None
    values = _tensor(exprs, components, dim, (*space.symbols, *images))
    places = lookup(list(images.values()))

    def at(points: Array) -> Array:
        return values(np.concatenate([points, places(points)], axis=1))

    basis = _basis(at, components, dim, space)
    both = _with_both(basis)
    means, errors = pixel_means(
        lambda rows: both(values(rows)), len(space.symbols), list(images.values())
    )
    phases = phases_of(exprs, images, dim) if components == 1 else None
    return MeansOfCoefficient(means, errors, lambda points: both(at(points)), basis, phases)


def _with_both(basis: Array) -> Callable[[Array], Array]:
    """(n, size, size) -> the tensors in a basis, and their inverses, (n, 2 k k)."""
    # One product with (size^2, k^2) is several times faster than two with small matrices a point.
    change = np.kron(basis, basis)
    count = basis.shape[1]

    def both(tensors: Array) -> Array:
        flat = tensors.reshape(len(tensors), -1)
        return _with_inverse((flat @ change).reshape(-1, count, count))

    return both


@lru_cache(maxsize=64)
def _means(
    exprs: tuple[tuple[TensorIndex, sp.Expr], ...], components: int, dim: int, space: DataSpace
) -> MeansOfCoefficient:
    values = _tensor(dict(exprs), components, dim, space.symbols)
    basis = _basis(values, components, dim, space)
    changed = _with_both(basis)

    def both(points: Array) -> Array:
        return changed(values(points))

    distinct = dict.fromkeys(expr for _, expr in exprs)
    means, errors = mean_of_function(both, [e for e in distinct if space.of(e)], space)
    phases = _two_phases(dict(exprs), dim) if components == 1 else None
    return MeansOfCoefficient(means, np.broadcast_to(errors, means.shape), both, basis, phases)


def _two_phases(exprs: Mapping[TensorIndex, sp.Expr], dim: int) -> tuple[float, float] | None:
    """alpha < beta where the tensor is alpha 1 or beta 1, in more than one dimension."""
    if dim == 1 or any(e != 0 for (_, k, _, other), e in exprs.items() if k != other):
        return None
    diagonal = {exprs.get((0, k, 0, k)) for k in range(dim)}
    expr = diagonal.pop()
    if diagonal or expr is None:
        return None
    values = _values(expr.rewrite((sp.Heaviside, sp.sign), sp.Piecewise))
    if values is None or len(values) != _PHASES:
        return None
    alpha, beta = sorted(values)
    if alpha > 0:
        return (alpha, beta)
    return None


def _values(expr: sp.Expr) -> frozenset[float] | None:
    """All that an expression can be, or more; None where that is no handful of numbers."""
    if expr.is_number:
        if expr.is_real:
            return frozenset([float(expr)])
        return None
    if isinstance(expr, sp.Piecewise):
        # A condition that is an equation holds on a set of measure zero.
        parts = [_values(branch) for branch, where in expr.args if not isinstance(where, sp.Eq)]
        known = [p for p in parts if p is not None]
        if len(known) == len(parts):
            return frozenset().union(*known)
        return None
    if not isinstance(expr, (sp.Add, sp.Mul, sp.Pow)):
        return None
    choices = [_values(a) or frozenset() for a in expr.args]
    found: set[float] = set()
    for numbers in product(*choices):
        value = expr.func(*map(sp.Float, numbers))
        if not value.is_real or len(found) > _PHASES:
            return None
        found.add(float(value))
    return frozenset(found) or None


def applies(cells: LoweredCells) -> bool:
    """Whether the bounds hold: a real symmetric positive cell operator -div(a grad u), psi = 1."""
    kernels = any(f.role in ("ground state", "adjoint") for f in cells.functions)
    plain_form = all(sum(t.left) == 1 and sum(t.right) == 1 for t in cells.bilinear)
    spatial = len(cells.coordinates) == _dim(cells)
    return plain_form and spatial and cells.symmetric and cells.definite and not kernels


def _entries(cells: LoweredCells) -> dict[TensorIndex, sp.Expr]:
    """The coefficients of second order; none where they are no real formulas."""
    found: dict[TensorIndex, sp.Expr] = {}
    if cells.complex or any(e.image is None for e in cells.externals):
        return found
    for term in cells.physical or cells.bilinear:
        if is_opaque(term.coefficient) or cells.eigenvalue in term.coefficient.free_symbols:
            return {}
        if sum(term.left) == 1 and sum(term.right) == 1:
            place = (term.equation, term.left.index(1), term.field, term.right.index(1))
            found[place] = found.get(place, sp.Integer(0)) + term.coefficient
    return found


def _dim(cells: LoweredCells) -> int:
    """The number of coordinates along which A* acts."""
    used: set[int] = set()
    for term in cells.physical or cells.bilinear:
        used |= _axes(term.left) | _axes(term.right)
    return len(used)


def _axes(index: MultiIndex) -> set[int]:
    return {k for k, n in enumerate(index) if n}


def _tensor(
    exprs: Mapping[TensorIndex, sp.Expr],
    components: int,
    dim: int,
    coordinates: tuple[sp.Symbol, ...],
) -> Callable[[Array], Array]:
    """(n, d) -> (n, m dim, m dim)."""
    calls = {e: evaluator(e, coordinates) for e in dict.fromkeys(exprs.values())}
    size = components * dim

    def values(points: Array) -> Array:
        out = np.zeros((len(points), size, size))
        found = {e: call(points) for e, call in calls.items()}
        for (i, k, j, l), e in exprs.items():  # noqa: E741
            # Row (i, k) is the flux of equation i along axis k, column (j, l) the slope of unknown
            # j along l.
            out[:, i * dim + k, j * dim + l] = found[e]
        return out

    return values


def _basis(values: Callable[[Array], Array], components: int, dim: int, space: DataSpace) -> Array:
    """Mandel's basis of symmetric gradients where the tensor acts on those alone, else that of
    all.
    """
    size = components * dim
    if components != dim or dim == 1:
        return np.eye(size)
    basis = _symmetric_basis(dim)
    low, high = np.array(space.intervals).T
    sample = values(low + (high - low) * np.random.default_rng(1).random((64, len(low))))
    # Elasticity sees symmetric gradients alone: on all of them the tensor is singular, with no
    # inverse.
    skew = np.eye(size) - basis @ basis.T
    acts_on_skew = np.abs(sample @ skew).max() > _SAME * np.abs(sample).max()
    if acts_on_skew:
        return np.eye(size)
    return basis


def _symmetric_basis(dim: int) -> Array:
    """An orthonormal basis of the symmetric matrices, as columns (dim^2, n)."""
    columns = []
    for i in range(dim):
        for k in range(i, dim):
            form = np.zeros((dim, dim))
            form[i, k] = 1.0
            form[k, i] = 1.0
            columns.append(form.ravel() / np.linalg.norm(form))
    return np.stack(columns, axis=-1)


def _with_inverse(matrices: Array) -> Array:
    """(n, 2 k k): the matrices, and the inverses of their symmetric parts; not a number where one
    is not positive definite.
    """
    symmetric = (matrices + np.swapaxes(matrices, 1, 2)) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric)
    bad = ~(eigenvalues[:, 0] > _LEAST * np.abs(eigenvalues[:, -1]))
    safe = np.where(bad[:, None, None], np.eye(matrices.shape[1]), symmetric)
    inverse = np.linalg.inv(safe)
    inverse[bad] = np.nan
    return np.stack([matrices, inverse], axis=1).reshape(len(matrices), -1)
