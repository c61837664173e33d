"""Solves emitted scikit-fem forms of cell problems: all cell functions, and the effective
coefficients.

`forms` is the emitted module, `data` holds a number for each slow coordinate and parameter by name.
Unknowns are numbered node by node: those of a function with several components are interleaved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sps
import skfem

from ..arrays import Array
from ..cell_solve import (
    DAMPING,
    BorderedSolve,
    CellResult,
    solve_functions,
    unknown_symbols,
    volumes_at_nodes,
)
from .block_forms import block_matrix, block_vector, evaluate_at
from .broken_space import BrokenSpace
from .broken_space import broken_space as broken_space
from .hermite_space import space_on as space_on
from .linear_solvers import alive, bordered_solver, cancels
from .space import Data, FunctionSpace, Space


def solve_cells(forms: Any, space: FunctionSpace, data: Data) -> CellResult:
    """Solve all cell problems of `forms` on a space that is periodic along every axis. RuntimeError
    where there is no usable solution.
    """
    cells = AssembledCells(forms, space, data)
    solved = solve_functions(forms, cells)
    nodes = np.zeros((len(forms.FUNCTIONS), forms.COMPONENTS, space.weights.size))
    for k, values in cells.solutions.items():
        nodes[k] = values.reshape(-1, forms.COMPONENTS).T
    functions = space.grid(nodes)
    return CellResult(functions, solved.values, solved.multipliers, cells.method)


class AssembledCells:
    """The cell problems on one mesh, assembled for `cell_solve`."""

    def __init__(self, forms: Any, space: FunctionSpace, data: Data) -> None:
        self.forms = forms
        self.space = space
        self.components = forms.COMPONENTS
        self.data = {**data, **dict.fromkeys(unknown_symbols(forms), 0.0)}
        self.fields = self._coefficients()
        self.solutions: dict[int, Array] = {}
        self.method = "means alone"
        self.volume = space.volume
        self.weights = [self._part(i, space.weights) for i in range(self.components)]
        self._alternating = []
        if isinstance(space, Space):
            self._alternating = [
                space.alternating(axis)
                for axis in forms.FIRST_ORDER
                if space.lattice.cells[axis] * space.degree % 2 == 0
            ]
        self.modes = [
            self._part(i, self.volume / mode.size * mode)
            for mode in self._alternating
            for i in range(self.components)
        ]
        self.pin()

    def _coefficients(self) -> dict[str, Any]:
        """At the points of the quadrature."""
        places = self.space.places(self.space.basis)
        names = getattr(self.forms, "MIDDLES", ())
        middles = dict(zip(names, self.space.middles(places)))
        return evaluate_at(self.forms.coefficients, places, {**self.data, **middles})

    def _part(self, component: int, values: Array) -> Array:
        """A vector with `values` (nodes,) for one component, and 0 for the others."""
        return np.kron(values, np.eye(self.components)[component])

    def assign(self, name: str, value: float) -> None:
        self.data[name] = value
        self.fields |= self._coefficients()

    def store(self, function: int, w: Array) -> None:
        self.solutions[function] = w
        for i in range(self.components):
            name = f"N{function}_{i}" if self.components > 1 else f"N{function}"
            # Unknowns of a periodic space are fewer than the dofs that scikit-fem interpolates
            # from.
            dofs = self.space.prolongation @ w[i :: self.components]
            self.fields[name] = self.space.basis.interpolate(dofs)

    def operator(self) -> sps.csr_matrix:
        matrix = self._matrix(self.forms.OPERATOR)
        if isinstance(self.space, BrokenSpace):
            return (matrix + self.space.contact(self.data)).tocsr()
        return matrix

    def mass(self) -> sps.csr_matrix:
        return self._matrix(self.forms.MASS)

    def _matrix(self, blocks: Mapping[tuple[int, int], Any]) -> sps.csr_matrix:
        return block_matrix(self.space, blocks, self.space.basis, self.fields, self.components)

    def moments(self, function: int) -> Array:
        form = skfem.LinearForm(lambda v, w: w["function"] * v)
        return self.space.vector(form, self.space.basis, {"function": self.fields[f"N{function}"]})

    def source(self, function: int) -> tuple[Array, float]:
        blocks = self.forms.RIGHT_HAND_SIDES[function]
        b, size = block_vector(self.space, blocks, self.space.basis, self.fields, self.components)
        if cancels(b, size):
            return (0.0 * b, 0.0)
        return (b, size)

    def mean(self, table: str, key: Any) -> float:
        functional = getattr(self.forms, table)[key]
        return float(functional.assemble(self.space.basis, **self.fields)) / self.volume

    def ones(self) -> Array:
        return np.ones(self.space.weights.size * self.components)

    def diagonal(self, matrix: sps.csr_matrix) -> Array:
        return np.asarray(matrix.diagonal())

    def damped(self, matrix: sps.csr_matrix) -> sps.csr_matrix:
        return (matrix + sps.diags(DAMPING * matrix.diagonal())).tocsr()

    def pin(self, *kernels: Sequence[Array]) -> None:
        c = self.components
        # An unknown is held where all kernels are large: where one vanishes, holding it would hold
        # nothing.
        size = np.ones(self.space.weights.size)
        for kernel in kernels:
            size = size * volumes_at_nodes(kernel, c)
        choices = [size, *(np.where(mode < 0, size, -1.0) for mode in self._alternating)]
        nodes = [int(np.argmax(values)) for values in choices]
        self._pins = [node * c + i for node in nodes for i in range(c)]

    def ratios(self, numerator: Array, denominator: Array) -> tuple[float, float]:
        quotient = numerator / denominator
        return float(quotient.min()), float(quotient.max())

    def _living(self, matrix: sps.csr_matrix, pins: Sequence[int]) -> list[int]:
        """The pins, at the first node outside of the voids where they lie in one."""
        living = alive(matrix)
        if living[list(pins)].all():
            return list(pins)
        c = self.components
        node = int(np.argmax(living.reshape(-1, c).all(axis=1)))
        return [node * c + pin % c for pin in pins]

    @contextmanager
    def solver(
        self,
        matrix: sps.csr_matrix,
        columns: Sequence[Array],
        rows: Sequence[Array],
        transposed: bool = False,
    ) -> Iterator[BorderedSolve]:
        matrix = matrix.T.tocsr() if transposed else matrix
        pins = self._living(matrix, self._pins[: len(rows)])
        solve, self.method = bordered_solver(
            matrix, columns, rows, pins, self.space.dim, self.components, self.forms.DEFINITE
        )
        yield solve
