"""Solves emitted scikit-fem forms: a boundary (and initial) value problem.

`forms` is the emitted module. `data` holds what its coefficient functions read besides the points:
parameters by symbol name, "t" for the time, and for effective coefficients a function of the
points, (n, d) -> (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps
import skfem
from numpy.typing import NDArray

from ..arrays import Array
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
from ..time_stepping import GAMMA, KeptStages, sdirk4
from .block_forms import block_matrix, block_vector, evaluate_at
from .hermite_space import space_on as space_on
from .linear_solvers import bordered_solver, cancels, linear_solver
from .space import Data, FunctionSpace
from .space import (
    Space as Space,
)

# Distance from a constant, at nodes and relative to one, that is rounding.
_IS_CONSTANT = 1e-12
# A product with the matrix that is smaller than that share of its largest entry is 0.
_ROUNDED = 1e-12


class EquationResult(NamedTuple):
    """`grid` has no batch axes, and there are no times, for a stationary problem.

    With time the grid's batch runs along the `times`, and `largest` holds the largest absolute
    value of each component at any time.
    Where there are several components, their axis is the last one of the batch. `defect` is the
    relative imbalance of the data of a problem that leaves its mean open: there is no solution
    unless it vanishes, up to quadrature.
    """

    grid: MeshFunction
    times: Array | None
    method: str
    largest: Array | None
    defect: float


def solve_equation(
    forms: Any,
    space: FunctionSpace,
    data: Data,
    times: Array | None = None,
    keep: bool = True,
    report: Callable[[float], None] = lambda fraction: None,
    period: float | None = None,
) -> EquationResult:
    """Solve the equation of `forms`, with time by steps between `times`, the first of which is 0;
    the times of the result are all of them if `keep`, otherwise the final one alone. `period`: of
    the operator in time.

    `report(fraction)` is called after each step. RuntimeError where there is no usable solution.
    """
    system = System(forms, space, data)
    if times is None:
        values, method = system.stationary()
        return EquationResult(system.grid(values), None, method, None, system.defect)
    levels, largest, method = system.evolution(times, keep, report, period)
    kept = times if keep else times[-1:]
    return EquationResult(system.grid(levels), kept, method, largest, 0.0)


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
        self.stiffness = self._stiffness()
        self._clamped = getattr(forms, "CLAMPED", (False,) * len(forms.ESSENTIAL))
        fixed = np.zeros(self.stiffness.shape[0], dtype=bool)
        for (parts, field, _, _), clamped in zip(forms.ESSENTIAL, self._clamped, strict=True):
            fixed[self._on(parts, field, clamped)] = True
        self.fixed = np.flatnonzero(fixed)
        self.free = np.flatnonzero(~fixed)
        self._constant_load: Array | None = None
        self.defect = 0.0

    def _stiffness(self, t: float = 0.0) -> sps.csr_matrix:
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
        return {**self.data, "t": t}

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
        matrix = _block(self.stiffness, self.free, self.free)
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

    def evolution(
        self,
        times: Array,
        keep: bool,
        report: Callable[[float], None],
        period: float | None = None,
    ) -> tuple[Array, Array, str]:
        forms = self.forms
        moving = getattr(forms, "OPERATOR_VARIES", False)
        kept: KeptStages[_Matrices, Callable[[Array], Array]]
        kept = KeptStages(times, period, len(self.free), moving)
        levels: list[Array] = []
        methods: list[str] = []
        largest = np.zeros(self.components)

        def matrices(t: float) -> _Matrices:
            return kept.matrices(t, self._matrices)

        def make(dt: float, t: float) -> Callable[[Array], Array]:
            own = matrices(t)
            stage = (own.m + GAMMA * dt * own.k).tocsr()
            beside = own.m_fixed + GAMMA * dt * own.k_fixed
            inner, method = linear_solver(stage, self.space.dim, reuse=True, smooth=self.motions)
            methods.append(method)

            def solve(b: Array) -> Array:
                rate = b.copy()  # at fixed unknowns that of the essential data
                rate[self.free] = inner(b[self.free] - beside @ b[self.fixed])
                return rate

            return solve

        def solver(dt: float, t: float) -> Callable[[Array], Array]:
            return kept.solver(dt, t, make)

        def applied(w: Array, t: float) -> Array:
            own = matrices(t)
            result = np.zeros_like(w)
            result[self.free] = own.k @ w[self.free] + own.k_fixed @ w[self.fixed]
            return result

        def load(t: float) -> Array:
            """Essential data g enter the stages by w' = g' and not as g(t): stages that mismatch
            the others at the boundary would cost an order.
            """
            result = self.load(t).copy()
            result[self.fixed] = self.essential(t, rate=True)
            return result

        def on_step(step: int, t: float, w: Array) -> None:
            w[self.fixed] = self.essential(t)  # rates know nothing of jumps
            if not keep:
                levels.clear()
            levels.append(w)
            sizes = np.abs(w.reshape(-1, self.components)).max(axis=0)
            np.maximum(largest, sizes, out=largest)
            report(step / (len(times) - 1))

        initial = [self.nodal(function, 0.0) for function in forms.INITIAL]
        start = np.stack(initial, axis=1).ravel()
        on_step(0, 0.0, start)
        sdirk4(solver, applied, load, start, times, on_step, moving, forms.SPANS)
        return np.array(levels), largest, f"{methods[-1]}, sdirk4"

    def _matrices(self, t: float) -> _Matrices:
        forms = self.forms
        coefficients = forms.mass_coefficients
        mass = self.matrix(forms.MASS, self.space.basis, coefficients, self.at(t))
        stiffness = self._stiffness(t) if t else self.stiffness
        return _Matrices(
            _block(mass, self.free, self.free),
            _block(stiffness, self.free, self.free),
            _block(mass, self.free, self.fixed),
            _block(stiffness, self.free, self.fixed),
        )


class _Matrices(NamedTuple):
    """Mass and stiffness at one time: of the free unknowns, and of the fixed ones in their rows."""

    m: sps.csr_matrix
    k: sps.csr_matrix
    m_fixed: sps.csr_matrix
    k_fixed: sps.csr_matrix


def _alone(item: Any) -> list[Any]:
    """One process gathers what it has."""
    return [item]


def _block(
    matrix: sps.csr_matrix, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> sps.csr_matrix:
    return matrix[rows][:, columns]
