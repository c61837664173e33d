"""The assembled equation of emitted scikit-fem forms, and its stationary solution.

`forms` is the emitted module. `data` holds what its coefficient functions read besides the points:
parameters by symbol name, "t" for the time, and for effective coefficients a function of the
points, (n, d) -> (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem
from numpy.typing import NDArray

from ..arrays import Array, InTime
from ..mesh import MeshFunction
from ..rigid_modes import (
    NEARLY,
    as_many,
    deflated,
    independent,
    null_combinations,
    pivots,
    without_cancelled,
)
from .block_forms import block_matrix, block_vector, evaluate_at
from .linear_solvers import bordered_solver, cancels, linear_solver
from .space import Data, FunctionSpace

# Distance from a constant, at nodes and relative to one, that is rounding.
_IS_CONSTANT = 1e-12
# A product with the matrix that is smaller than that share of its largest entry is 0.
_ROUNDED = 1e-12


class System:
    """The assembled equation: stiffness (natural conditions included), load(t), and the essential
    data. Unknowns are numbered node by node.
    """

    def __init__(self, forms: Any, space: FunctionSpace, data: Data) -> None:
        self.forms = forms
        self.space = space
        self.data = data
        self.components = forms.COMPONENTS
        self.natural = [(space.boundary_basis(parts), *row) for parts, *row in forms.NATURAL]
        self.stiffness = self.stiffness_at()
        self._clamped = getattr(forms, "CLAMPED", (False,) * len(forms.ESSENTIAL))
        fixed = np.zeros(self.stiffness.shape[0], dtype=bool)
        for (parts, field, _, _), clamped in zip(forms.ESSENTIAL, self._clamped, strict=True):
            fixed[self._on(parts, field, clamped)] = True
        self.fixed = np.flatnonzero(fixed)
        self.free = np.flatnonzero(~fixed)
        self._constant_load: Array | None = None
        self.defect = 0.0

    def stiffness_at(self, t: float = 0.0) -> sps.csr_matrix:
        forms = self.forms
        data = self.at(t)
        inside = (forms.OPERATOR, self.space.basis, forms.operator_coefficients)
        result = self.matrix(*inside, data)
        for basis, bilinear, _, coefficients in self.natural:
            result = result + self.matrix(bilinear, basis, coefficients, data)
        return result

    def matrix(
        self, blocks: Mapping[tuple[int, int], Any], basis: Any, coefficients: Any, data: Data
    ) -> sps.csr_matrix:
        fields = self._fields(coefficients, basis, data)
        return block_matrix(self.space, blocks, basis, fields, self.components)

    def vector(
        self, blocks: Mapping[int, Any], basis: Any, coefficients: Any, data: Data
    ) -> tuple[Array, float]:
        fields = self._fields(coefficients, basis, data)
        return block_vector(self.space, blocks, basis, fields, self.components)

    def _fields(self, coefficients: Any, basis: Any, data: Data) -> dict[str, Any]:
        """The coefficients at the quadrature points; conditions inside of elements are asked in
        their middles, where the forms say so."""
        points = np.asarray(basis.global_coordinates())
        names = getattr(self.forms, "MIDDLES", ())
        if names and basis is self.space.basis:
            data = {**data, **dict(zip(names, self.space.middles(points)))}
        return evaluate_at(coefficients, points, data)

    def _on(self, parts: Sequence[str], field: int, clamped: bool) -> NDArray[np.intp]:
        """The unknowns of one component on some parts of the boundary."""
        return self.space.unknowns_on(parts, clamped) * self.components + field

    def at(self, t: float) -> Data:
        held = ((name, v.at(t) if isinstance(v, InTime) else v) for name, v in self.data.items())
        return {**dict(held), "t": t}

    def load(self, t: float) -> Array:
        """The right-hand side at time t; assembled once where nothing in it depends on time."""
        if self._constant_load is not None:
            return self._constant_load
        result, _ = self._measured_load(t)
        if not self.forms.LOAD_VARIES:
            self._constant_load = result
        return result

    def _measured_load(self, t: float) -> tuple[Array, float]:
        data = self.at(t)
        sources = [(self.forms.LOAD, self.space.basis, self.forms.load_coefficients)]
        for basis, _, linear, coefficients in self.natural:
            sources.append((linear, basis, coefficients))
        parts = [self.vector(*source, data) for source in sources]
        return np.sum([vector for vector, _ in parts], axis=0), sum(size for _, size in parts)

    def nodal(self, function: Callable[[Array, Data], Any], t: float) -> Array:
        """The values of a function of the points and the data, at all unknowns of a component."""
        return self.space.sampled(function, self.at(t), slice(None))

    def essential(self, t: float, rate: bool = False) -> Array:
        """The essential data (or their time derivative) at the fixed unknowns; where parts meet,
        the later condition counts.
        """
        result = np.zeros(self.stiffness.shape[0])
        rows = zip(self.forms.ESSENTIAL, self._clamped, strict=True)
        for (parts, field, value, value_rate), clamped in rows:
            on = self._on(parts, field, clamped)
            data = value_rate if rate else value
            result[on] = self.space.sampled(data, self.at(t), on // self.components)
        return result[self.fixed]

    def grid(self, values: Array) -> MeshFunction:
        """The function (or batch) with `values` (..., unknowns); several components become the last
        axis of the batch.
        """
        if self.components > 1:
            values = np.swapaxes(values.reshape(*values.shape[:-1], -1, self.components), -1, -2)
        return self.space.grid(values)

    def stationary(self) -> tuple[Array, str]:
        result = np.zeros(self.stiffness.shape[0])
        result[self.fixed] = self.essential(0.0)
        load, size = self._measured_load(0.0)
        lift = (self.stiffness @ result)[self.free]
        matrix = block(self.stiffness, self.free, self.free)
        b = load[self.free] - lift
        size = size + float(np.abs(lift).sum())
        left, right = as_many(self._kernel(matrix.T), self._kernel(matrix))
        if right.size:
            values, method = self._bordered(matrix, b, size, left, right)
        else:
            solve, method = linear_solver(matrix, self.space.dim, smooth=self.motions)
            values = solve(b)
        result[self.free] = values
        return result, method

    @cached_property
    def motions(self) -> Array:
        """The free unknowns of constants and rotations, as columns."""
        return independent(self.space.motions(self.components)[self.free], _alone)

    def _kernel(self, matrix: sps.csr_matrix) -> Array:
        """Combinations of constants and rotations that a matrix maps to nearly nothing."""
        images = matrix @ self.motions
        return self.motions @ null_combinations(images, abs(matrix).max(), _alone, NEARLY)

    def _bordered(
        self, matrix: sps.csr_matrix, b: Array, size: float, left: Array, right: Array
    ) -> tuple[Array, str]:
        """The solution that is orthogonal in L2 to what the matrix does not see."""
        rows = list(self._moments(right).T)
        columns = rows  # the very same: that the kernels are constants is seen by it
        if not np.array_equal(left, right):
            columns = list(self._moments(left).T)
        pins = pivots(right, 0, _alone)
        solve, method = bordered_solver(
            matrix, columns, rows, pins, self.space.dim, smooth=self.motions
        )
        if cancels(b, size):
            return np.zeros_like(b), f"{method}, zero mean"
        images = self._images(matrix, right)
        values, shares, rest = deflated(solve, b, list(images.T))
        held = float(self.space.weights.repeat(self.components)[self.free].sum())
        self.defect = max(map(abs, rest)) * held / size
        if any(shares):
            return values + right @ shares, f"{method}, means apart"
        return values, f"{method}, zero mean"

    def _moments(self, kernel: Array) -> Array:
        """The integrals of u times each of these functions (free unknowns, p), as functionals."""
        whole = np.zeros((self.stiffness.shape[0], kernel.shape[1]))
        whole[self.free] = kernel
        weights = self.space.weights.repeat(self.components)
        return (weights[:, None] * self.space.values_of(whole, self.components))[self.free]

    def _images(self, matrix: sps.csr_matrix, functions: Array) -> Array:
        """What the matrix makes of functions (free unknowns, p) that it nearly maps to 0: exactly
        that for constants.

        Their products with the matrix are rounding of its largest entries; so the forms are given
        their values, and gradients 0.
        """
        result = np.asarray(matrix @ functions)
        largest = np.abs(result).max(axis=0)
        if self.fixed.size:
            result[:, largest <= _ROUNDED * abs(matrix).max()] = 0.0
            return result
        constants = self.space.constants(self.components)
        shares = np.linalg.lstsq(constants, functions, rcond=None)[0]
        constant = np.abs(constants @ shares - functions).max(axis=0) < _IS_CONSTANT
        units = [self._of_constant(j) for j in range(self.components)]
        exact = []
        for row in shares.T:
            parts = [share * unit for share, unit in zip(row, units)]
            exact.append(without_cancelled(np.sum(parts, axis=0), parts, _alone))
        result[:, largest <= _ROUNDED * abs(matrix).max()] = 0.0
        return np.where(constant, np.stack(exact, axis=1), result)

    def _of_constant(self, component: int) -> Array:
        """The vector of the operator, natural conditions included, applied to the constant 1 in one
        component.
        """
        d = self.space.dim
        flat = np.zeros((d, d, 1, 1))
        one = skfem.DiscreteField(np.ones((1, 1)), flat[0], hess=flat)

        def applied(form: Any) -> Any:
            return skfem.LinearForm(lambda v, w: form.form(one, v, w))

        def column(blocks: Mapping[tuple[int, int], Any]) -> dict[int, Any]:
            return {i: applied(form) for (i, j), form in blocks.items() if j == component}

        forms = self.forms
        parts = [(column(forms.OPERATOR), self.space.basis, forms.operator_coefficients)]
        for basis, bilinear, _, coefficients in self.natural:
            parts.append((column(bilinear), basis, coefficients))
        data = self.at(0.0)
        vectors = [self.vector(*part, data)[0] for part in parts if part[0]]
        return np.sum(vectors, axis=0)

    def mass_at(self, t: float) -> sps.csr_matrix:
        """The mass matrix at time t."""
        forms = self.forms
        return self.matrix(forms.MASS, self.space.basis, forms.mass_coefficients, self.at(t))

    def start(self) -> Array:
        """The initial data at all unknowns, and what follows from them."""
        initial = [self.nodal(function, 0.0) for function in self.forms.INITIAL]
        result = np.stack(initial, axis=1).ravel()
        following = getattr(self.forms, "FOLLOWING", ())
        if following:
            self._follow(result, following)
        return result

    def _follow(self, values: Array, following: Sequence[int]) -> None:
        """The unknowns whose equations hold no time derivative, from all others at t = 0."""
        values[self.fixed] = self.essential(0.0)
        own = self.free[np.isin(self.free % self.components, following)]
        values[own] = 0.0
        matrix = block(self.stiffness, own, own)
        rest = self.load(0.0) - self.stiffness @ values
        solve, _ = linear_solver(matrix, self.space.dim)
        values[own] = solve(rest[own])


def _alone(item: Any) -> list[Any]:
    """One process gathers what it has."""
    return [item]


def block(
    matrix: sps.csr_matrix, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> sps.csr_matrix:
    """Some rows and columns of a matrix."""
    return matrix[rows][:, columns]
