"""Cell problems on one grid: kernels, constants, correctors level by level, effective coefficients;
means by the trapezoid rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..arrays import MultiIndex
from .block_operator import BlockOperator, BlockTerm
from .grid import Grid

DENSE = {1: 45, 2: 15, 3: 7}
"""Points per axis, by the dimension of the cell, of the dense eigenvalue problem with which the
search for a ground state starts.
"""
# Beyond that the eigenvalue is lost, which the residual then says.
_NEWTON_STEPS = 30
# Relative step of the eigenvalue that is rounding.
_SETTLED = 1e-13
# A source that is less than that share of its parts has the size of their rounding.
_CANCELLED = 1e-6
Fields = Mapping[tuple[str, tuple[int, ...]], Callable[[np.ndarray], np.ndarray]]
"""External fields by (name, index): points (n, d + k), coordinates of the cell and then the slow
ones, -> values (n,).
"""


class Cells:
    """All cell problems of an emitted coefficient file (`forms`) at m slow points (m, k) on one
    grid.

    functions   : modes (m, components, ...) of each
    values      : effective entries (m,), constants and the eigenvalue too
    multipliers : {name: (m,)} of the functions whose source must have no mean, relative to the
                  source
    residual    : the largest relative one (m,)
    iterations  : the largest number of them
    """

    def __init__(
        self,
        forms: Any,
        grid: Grid,
        slow: np.ndarray,
        parameters: Mapping[str, float],
        fields: Fields,
        rtol: float,
    ) -> None:
        self.forms = forms
        self.grid = grid
        self.rtol = rtol
        self.count = len(slow)
        self.slow = [grid.cell(column) for column in np.transpose(slow)]
        self.data: dict[str, Any] = {
            **parameters,
            **_externals(forms, grid, np.asarray(slow), fields),
            **unknown_numbers(forms),
        }
        self.functions: list[np.ndarray] = []
        self.values: dict[Any, np.ndarray] = {}
        self.multipliers: dict[str, np.ndarray] = {}
        self.residual = np.zeros(self.count)
        self.iterations = 0
        self.factor = lru_cache(maxsize=64)(self._factor)
        self._evaluate()

    def run(
        self, eigenvalue: np.ndarray | None = None, guesses: Sequence[np.ndarray] | None = None
    ) -> Cells:
        """Solve everything in order, from guesses of the eigenvalue (m,), where there is one, and
        of the functions (m, components, ...).
        """
        self.guesses = guesses
        roles = [role for _, role, _, _ in self.forms.FUNCTIONS]
        self.phi = None if eigenvalue is None else self._ground_state(eigenvalue)
        self.psi = self._adjoints([k for k, role in enumerate(roles) if role == "adjoint"])
        if self.forms.CONSTANTS:
            self._constants()
        while len(self.functions) < len(roles):
            self._correctors()
        self.values.update(
            (key, self._functional(constant, terms))
            for key, constant, terms in self.forms.EFFECTIVE
        )
        return self

    def operator(self, rows: Sequence[tuple], positive: bool) -> BlockOperator:
        """The operator of a table of forms."""
        terms: list[BlockTerm] = [
            (i, left, self.coefficient(c), j, right) for i, left, c, j, right in rows
        ]
        return BlockOperator(self.grid, self.forms.COMPONENTS, terms, positive)

    def cell_operator(self) -> BlockOperator:
        """A_0, less the eigenvalue times the mass."""
        return self.operator(self.forms.OPERATOR, self.forms.SYMMETRIC and self.forms.DEFINITE)

    def dense_eigenvalue(self) -> np.ndarray:
        """The eigenvalue (m,) of least real part of the matrix of A_0, for a coarse grid: where the
        search for a ground state starts.
        """
        grid = self.grid
        size = grid.n**grid.dim
        unit = grid.forward(np.eye(size).reshape(size, 1, 1, *grid.shape))

        def matrix(rows: Sequence[tuple]) -> np.ndarray:
            """(m, size, size)."""
            image = self.operator(rows, positive=False).apply(unit, shifted=False)
            return grid.backward(image).reshape(size, -1, size).transpose(1, 2, 0)

        stiffness = matrix(self.forms.OPERATOR)
        mass = matrix(self.forms.MASS)
        quotient = np.linalg.solve(*np.broadcast_arrays(mass, stiffness))
        # The ground state belongs to the leftmost eigenvalue, which is real (Krein and Rutman).
        lowest = np.min(np.linalg.eigvals(quotient).real, axis=-1)
        return lowest * np.ones(self.count)

    def _evaluate(self) -> None:
        """All coefficients, with what is known of constants and the eigenvalue."""
        distinct = self.forms.coefficients(self.grid.points, self.slow, self.data)

        @cache
        def coefficient(c: tuple[float, int]) -> Any:
            number, k = c
            if number == 1:
                return distinct[k]
            return number * np.asarray(distinct[k])

        self.coefficient = coefficient

    def _factor(self, function: int, component: int, derivative: MultiIndex) -> np.ndarray:
        """Values (m, ...) of D^derivative of a component of a solved function."""
        return self.grid.derivative(self.functions[function][:, component], derivative)

    def _pairing(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """<u . v> of functions (m, components, ...), without conjugation: (m,)."""
        return np.sum(self.grid.mean(self.grid.backward(u) * self.grid.backward(v)), axis=-1)

    def _solve(
        self, operator: BlockOperator, b: np.ndarray, positions: Sequence[int]
    ) -> np.ndarray:
        """Solutions (r, m, components, ...) for the functions at these positions; residuals are
        kept.
        """
        if self.guesses is None:
            guess = np.zeros_like(b)
        else:
            guess = np.stack([self.guesses[k] for k in positions])
        x, residual, iterations = operator.solve(b, guess, self.rtol)
        # fmax passes over nan: a solve that failed must not hide behind an earlier one.
        nan_or_zero = 0 * np.sum(residual, axis=0)
        self.residual = np.fmax(self.residual, np.max(residual, axis=0)) + nan_or_zero
        self.iterations = max(self.iterations, iterations)
        return x

    def _unit(self, operator: BlockOperator, component: int) -> np.ndarray:
        """shift e_component, which makes a kernel: (1, m, components, ...)."""
        b = np.zeros((1, self.count, self.forms.COMPONENTS, *self.grid.modes_shape), dtype=complex)
        b[self.grid.zero][..., component] = operator.shift[:, component]
        return b

    def _ground_state(self, eigenvalue: np.ndarray) -> np.ndarray:
        """phi > 0 with (A - lambda mass) phi = 0, <phi> = 1.

        v = (A - lambda mass + shift <.>)^-1 shift has <v> = 1 at an eigenvalue. Newton's method for
        1/<v> = 1: exact where one pole dominates, and with d<v>/dlambda = <w mass v> / shift, w
        being v of the transposed operator.
        """
        zero = self.grid.zero
        for _ in range(_NEWTON_STEPS):
            self.data[self.forms.EIGENVALUE] = self.grid.cell(eigenvalue)
            self._evaluate()
            # it is not positive where the eigenvalue is too large
            operator = self.operator(self.forms.OPERATOR, positive=False)
            self.residual = np.zeros(self.count)
            v = self._solve(operator, self._unit(operator, 0), [0])
            w = v
            if not self.forms.SYMMETRIC:
                w = self._solve(operator.transposed(), self._unit(operator, 0), [0])
            mass = self.operator(self.forms.MASS, positive=False).apply(v, shifted=False)
            mean = v[zero][0, :, 0].real
            size = operator.shift[:, 0]
            step = mean * (1 - mean) * size / self._pairing(w[0], mass[0])
            eigenvalue = eigenvalue + step
            v = v / self.grid.cell(v[zero])
            if self.guesses is not None:
                self.guesses = [v[0], *self.guesses[1:]]
            if not np.any(np.abs(step) > _SETTLED * (np.abs(eigenvalue) + size)):
                break
        self.functions.append(v[0])
        self.values["lambda0", ()] = eigenvalue
        return v[0]

    def _adjoints(self, positions: Sequence[int]) -> list[np.ndarray]:
        """psi^p with A^T psi = 0 (less eigenvalue mass^T), for each adjoint; without any, what the
        ground state gives, or none for unit vectors.
        """
        if not positions:
            if self.phi is not None:
                return [self._own_adjoint()]
            return []
        operator = self.cell_operator().transposed()
        b = np.concatenate([self._unit(operator, self.forms.FUNCTIONS[k][2]) for k in positions])
        psi = list(self._solve(operator, b, positions))
        if self.phi is not None:
            psi = [u / self.grid.cell(self._pairing(u, self.phi)[:, None]) for u in psi]
        self.functions += psi
        return psi

    def _own_adjoint(self) -> np.ndarray:
        """Without an adjoint beside the ground state: phi / <phi^2> of a symmetric operator;
        otherwise the constants are in the adjoint kernel.
        """
        phi = self.functions[0]
        if self.forms.SYMMETRIC:
            return phi / self.grid.cell(self._pairing(phi, phi)[:, None])
        one = np.zeros_like(phi)
        one[self.grid.zero] = 1
        return one

    def _constants(self) -> None:
        for symbol, (key, *numerator), (_, *denominator) in self.forms.CONSTANTS:
            self.values[key] = self._functional(*numerator) / self._functional(*denominator)
            self.data[symbol] = self.grid.cell(self.values[key])
        self._evaluate()

    def _correctors(self) -> None:
        """The next functions, as many as do not need each other: A N = P g, <N> = 0."""
        first = len(self.functions)
        sources = self.forms.SOURCES
        last = first + 1
        while last < len(sources) and all(
            factor is None or factor[0] < first for *_, factor in sources[last]
        ):
            last += 1
        positions = range(first, last)
        b = np.stack([self._projected(k, *self._source(sources[k])) for k in positions])
        x = self._solve(self.cell_operator(), b, positions)
        # They are zero but for what the iteration has left.
        means = x[self.grid.zero].copy()
        if self.phi is None:
            x[self.grid.zero] -= means
        else:
            x -= self.grid.cell(means) * self.phi
        self.functions += list(x)

    def _source(self, rows: Sequence[tuple]) -> tuple[np.ndarray, np.ndarray]:
        """Modes (m, components, ...) of g = sum D^left( c factor ), and its size (m,), which is
        that of its parts where they cancel.
        """
        grid = self.grid
        parts_size = np.zeros(self.count)
        g = np.zeros((self.count, self.forms.COMPONENTS, *grid.modes_shape), dtype=complex)
        for place in sorted({(equation, left) for equation, left, _, _ in rows}):
            held = [row for row in rows if (row[0], row[1]) == place]
            parts = [self._product(c, factor) for _, _, c, factor in held]
            parts_size += sum(np.sqrt(grid.mean(np.abs(part) ** 2)) for part in parts)
            equation, left = place
            # Rounding in high modes, multiplied by their wave numbers, would be the largest part of
            # the source.
            flux = grid.significant(grid.forward(sum(parts[1:], parts[0])))
            g[:, equation] += grid.symbol(left) * flux
        size = np.sqrt(np.sum(np.abs(g) ** 2, axis=tuple(range(1, g.ndim))))
        return g, np.fmax(size, _CANCELLED * parts_size)

    def _product(self, c: tuple, *factors: tuple | None) -> Any:
        value = self.coefficient(c)
        for factor in factors:
            if factor is not None:
                value = value * self.factor(*factor)
        return value

    def _projected(self, position: int, g: np.ndarray, size: np.ndarray) -> np.ndarray:
        """P g = g - sum_p <psi^p . g> phi_p; the multipliers <psi^p . g> are kept where they have
        to vanish, relative to the size of g.
        """
        name, _, _, solvable = self.forms.FUNCTIONS[position]
        if self.psi:
            found = np.stack([self._pairing(psi, g) for psi in self.psi], axis=-1)
        else:
            found = g[self.grid.zero].copy()
        if solvable:
            self.multipliers[name] = np.max(np.abs(found), axis=-1) / np.where(size > 0, size, 1)
        if self.phi is not None:
            return g - self.grid.cell(found) * self.phi
        g[self.grid.zero] -= found
        return g

    def _functional(self, constant: tuple, terms: Sequence[tuple]) -> np.ndarray:
        """<constant> + sum of <c * factors>: (m,)."""
        parts: Iterator[Any] = (self.grid.mean(self._product(c, *factors)) for c, factors in terms)
        value = sum(parts, self.grid.mean(self.coefficient(constant)))
        if self.grid.real:
            value = value.real
        return np.array(np.broadcast_to(value, (self.count,)))


def unknown_numbers(forms: Any) -> dict[str, float]:
    """The symbols of the constants and of the eigenvalue, which are 0 until they are known."""
    symbols = [symbol for symbol, *_ in forms.CONSTANTS]
    if forms.EIGENVALUE is not None:
        symbols.append(forms.EIGENVALUE)
    return dict.fromkeys(symbols, 0.0)


def _externals(forms: Any, grid: Grid, slow: np.ndarray, fields: Fields) -> dict[str, np.ndarray]:
    """Values (m, ...) on the grid, at each slow point (m, k), of the symbols that stand for
    external fields or for derivatives of them.
    """
    table = {}
    cell = np.stack([np.broadcast_to(axis, grid.shape).ravel() for axis in grid.points], axis=-1)
    places = [np.hstack([cell, np.tile(point, (len(cell), 1))]) for point in slow]
    for symbol, name, index, derivative in forms.EXTERNALS:
        field = fields[name, index]
        values = np.stack([np.reshape(field(points), grid.shape) for points in places])
        if any(derivative):
            table[symbol] = grid.derivative(grid.forward(values), derivative)
        else:
            table[symbol] = values
    return table
