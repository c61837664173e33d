"""Solves emitted scikit-fem forms: a boundary (and initial) value problem.

`forms` is the emitted module. `data` holds what its coefficient functions read besides the points: parameters by symbol name, "t" for the
time, and for effective coefficients a function of the points, (n, d) -> (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sps
from numpy.typing import NDArray

from .lagrange_grid import LagrangeGrid  # sibling
from .skfem_linear import bordered_solver, cancels, linear_solver  # sibling
from .skfem_space import Data, Space, evaluate, floats, numbers  # sibling
from .time_stepping import GAMMA, sdirk4  # sibling

Array = NDArray[np.float64]

_COMPATIBLE = 1e-6
"""Multiplier, relative to the data, up to which a problem that determines its solution up to a constant counts as solvable."""


def solve_equation(forms: Any, space: Space, data: Data, steps: int = 1, keep: bool = True,
                   report: Callable[[float], None] = lambda fraction: None) -> tuple[LagrangeGrid, Array | None, str]:
    """Solve the equation of `forms`: (solution, times, method).

    Stationary: a grid without batch axes, and no times. With time: the grid's batch runs along the times, all of `steps` equal steps if
    `keep`, otherwise the final one alone. `report(fraction)` is called after each step. RuntimeError where there is no usable solution.
    """
    system = _System(forms, space, data)
    if forms.FINAL_TIME is None:
        values, method = system.stationary()
        return space.grid(values), None, method
    times, levels, method = system.evolution(steps, keep, report)
    return space.grid(levels), times, method


class _System:
    """The assembled equation: stiffness (natural conditions included), load(t), and the essential data."""

    def __init__(self, forms: Any, space: Space, data: Data) -> None:
        self.forms, self.space, self.data = forms, space, data
        self.natural = [(space.face_basis(faces), coefficients) for faces, coefficients in forms.NATURAL]
        self.stiffness = space.matrix(forms.operator, space.basis, evaluate(forms.operator_coefficients, space.basis, data))
        for basis, coefficients in self.natural:
            self.stiffness = self.stiffness + space.matrix(forms.robin, basis, evaluate(coefficients, basis, self._at(0.0)))
        fixed = np.zeros(self.stiffness.shape[0], dtype=bool)
        for faces, _, _ in forms.ESSENTIAL:
            for face in faces:
                fixed[space.on_face(*face)] = True
        self.fixed, self.free = np.flatnonzero(fixed), np.flatnonzero(~fixed)
        self._constant_load: Array | None = None

    def _at(self, t: float) -> Data:
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
        data, interior = self._at(t), self.space.basis
        parts = [self.space.measured(self.forms.load, interior, evaluate(self.forms.load_coefficients, interior, data))]
        parts += [self.space.measured(self.forms.flux, basis, evaluate(coefficients, basis, data)) for basis, coefficients in self.natural]
        return np.sum([vector for vector, _ in parts], axis=0), sum(size for _, size in parts)

    def nodal(self, function: Callable[[Array, Data], Any], t: float) -> Array:
        return np.array(np.broadcast_to(function(self.space.nodes, self._at(t)), self.space.nodes.shape[1:]), dtype=float)

    def essential(self, t: float, rate: bool = False) -> Array:
        """The essential data (or their time derivative) at the fixed unknowns; where faces meet, the later condition counts."""
        result = np.zeros(len(self.free) + len(self.fixed))
        for faces, value, value_rate in self.forms.ESSENTIAL:
            values = self.nodal(value_rate if rate else value, t)
            for face in faces:
                indices = self.space.on_face(*face)
                result[indices] = values[indices]
        return result[self.fixed]

    def stationary(self) -> tuple[Array, str]:
        result = np.zeros(self.stiffness.shape[0])
        result[self.fixed] = self.essential(0.0)
        if not len(self.fixed) and self._kernel_is_constant():
            return self._zero_mean()
        b = (self.load(0.0) - self.stiffness @ result)[self.free]
        solve, method = linear_solver(_block(self.stiffness, self.free, self.free), self.space.dim)
        result[self.free] = solve(b)
        return result, method

    def _kernel_is_constant(self) -> bool:
        ones = np.ones(self.stiffness.shape[0])
        return bool(np.abs(self.stiffness @ ones).max() <= 1e-13 * np.abs(self.stiffness).max())

    def _zero_mean(self) -> tuple[Array, str]:
        weights = self.space.weights
        solve, method = bordered_solver(self.stiffness, [weights], [weights], [0], self.space.dim)
        b, size = self._measured_load(0.0)
        values, (multiplier,) = (np.zeros_like(b), [0.0]) if cancels(b, size) else solve(b, [0.0])
        defect = abs(multiplier) * weights.sum() / size if size else 0.0
        if defect > _COMPATIBLE:
            raise RuntimeError(f"only derivatives of the unknown occur, and the data are not compatible (relative defect {defect:.1e}): "
                               "the source and the boundary fluxes must balance")
        return values, f"{method}, zero mean"

    def evolution(self, steps: int, keep: bool, report: Callable[[float], None]) -> tuple[Array, Array, str]:
        forms, space = self.forms, self.space
        mass = space.matrix(forms.mass, space.basis, evaluate(forms.mass_coefficients, space.basis, self.data))
        block = partial(_block, rows=self.free)
        m, k = block(mass, columns=self.free), block(self.stiffness, columns=self.free)
        m_fixed, k_fixed = block(mass, columns=self.fixed), block(self.stiffness, columns=self.fixed)
        dt = forms.FINAL_TIME / steps
        solve, method = linear_solver((m + GAMMA * dt * k).tocsr(), space.dim, reuse=True)
        levels: list[Array] = []

        def load(t: float) -> Array:
            return np.asarray(self.load(t)[self.free] - k_fixed @ self.essential(t) - m_fixed @ self.essential(t, rate=True))

        def on_step(step: int, t: float, w: Array) -> None:
            level = np.zeros(space.nodes.shape[1])
            level[self.free], level[self.fixed] = w, self.essential(t)
            if not keep:
                levels.clear()
            levels.append(level)
            report(step / steps)

        start = self.nodal(forms.initial, 0.0)[self.free]
        on_step(0, 0.0, start)
        sdirk4(solve, lambda w: k @ w, load, start, forms.FINAL_TIME, steps, on_step)
        times = np.linspace(0.0, forms.FINAL_TIME, steps + 1)
        return times if keep else times[-1:], np.array(levels), f"{method}, sdirk4"


def _block(matrix: sps.csr_matrix, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> sps.csr_matrix:
    return matrix[rows][:, columns]


def main_equation(forms: Any, arguments: list[str]) -> None:
    """Command line of an equation's driver: name=value for parameters and effective coefficients, n= (cells), steps=.

    Writes the values on the lattice of nodes (at the final time) to solution.npz.
    """
    data = numbers(arguments)
    dim = len(forms.DOMAIN)
    space = Space(floats(forms.DOMAIN), (int(data.pop("n", {1: 1024, 2: 64, 3: 16}[dim])),) * dim, 2, tuple(forms.PERIODIC))
    grid, _, method = solve_equation(forms, space, data, steps=int(data.pop("steps", 64)), keep=False)
    values = grid.values.reshape(grid.lattice)
    np.savez("solution.npz", bounds=np.array(grid.bounds), cells=np.array(grid.cells), degree=grid.degree, values=values)
    print(f"{method}: {values.size} nodes, {values.min():.9g} <= u <= {values.max():.9g}")
